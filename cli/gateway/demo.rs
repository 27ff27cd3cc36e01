//! Two small providers of the demo name, so that there is something to look at, and to stop, on the first day.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Connections of one of them at once: a demo has no more visitors.
const CONNECTIONS_MAX: usize = 64;

/// The two providers, which end with it.
pub(crate) struct DemoProviders {
    addresses: [SocketAddr; 2],
    _tasks: JoinSet<()>,
}

impl DemoProviders {
    /// At free ports of this machine.
    pub(crate) async fn start() -> io::Result<Self> {
        let mut tasks = JoinSet::new();
        let mut start = async |name: &'static str| {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            tasks.spawn(serve(listener, name));
            Ok::<_, io::Error>(address)
        };
        let addresses = [start("left").await?, start("right").await?];
        Ok(Self {
            addresses,
            _tasks: tasks,
        })
    }

    /// What the demo's zone says of them.
    pub(crate) fn in_zone(&self) -> String {
        let [left, right] = self.addresses;
        format!(
            "\n[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n\
             \n  [[resource.provider]]\n  id = \"left\"\n  url = \"http://{left}\"\n\
             \n  [[resource.provider]]\n  id = \"right\"\n  url = \"http://{right}\"\n"
        )
    }
}

async fn serve(listener: TcpListener, name: &'static str) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        connections.spawn(async move {
            let service =
                service_fn(move |request| async move { Ok::<_, Infallible>(page(name, &request)) });
            let server = hyper::server::conn::http1::Builder::new();
            server
                .serve_connection(TokioIo::new(stream), service)
                .await
                .ok();
        });
    }
}

fn page(name: &str, request: &Request<hyper::body::Incoming>) -> Response<Full<Bytes>> {
    let host = request
        .headers()
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or("");
    let host: String = host
        .chars()
        .filter(|one| one.is_ascii_alphanumeric() || ".-:".contains(*one))
        .collect();
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{host}</title>\
         <style>body{{font:20px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;text-align:center}}</style>\
         <main><h1>Hello from {host}</h1><p>Carried by dotkey to the provider on the <b>{name}</b>.</p></main></html>\n"
    );
    let mut answer = Response::new(Full::from(body));
    let html = hyper::header::HeaderValue::from_static("text/html; charset=utf-8");
    answer
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, html);
    answer
}
