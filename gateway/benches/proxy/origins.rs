//! Providers: nginx, which answers with 1 KiB and does nothing else, and small servers of this process that take their time.

use std::convert::Infallible;
use std::fs;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::load::Way;
use super::process::{Process, free_port};
use super::proxies::{nginx_begin, wait};

/// What each answer has.
pub(crate) const BODY_BYTES: usize = 1024;

/// nginx by itself.
pub(crate) struct Origin {
    pub(crate) process: Process,
    ports: [u16; 3],
    _folder: TempDir,
}

impl Origin {
    /// With as many workers as the proxies have, or all in one process, whose end is the end of all.
    pub(crate) fn start(workers: Option<usize>) -> Self {
        let folder = TempDir::new().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("written");
        fs::write(folder.path().join("key.pem"), made.key_pair.serialize_pem()).expect("written");
        let ports = [free_port(), free_port(), free_port()];
        let [http, http2, https] = ports;
        let begin = nginx_begin(folder.path(), workers);
        let body = "a".repeat(BODY_BYTES);
        let text = format!(
            "{begin}  server {{
    listen 127.0.0.1:{http} backlog=4096;
    listen 127.0.0.1:{http2} http2;
    listen 127.0.0.1:{https} ssl http2;
    location / {{ return 200 \"{body}\"; }}
  }}
}}
"
        );
        let config = folder.path().join("nginx.conf");
        fs::write(&config, text).expect("written");
        let mut command = Command::new("nginx");
        command
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(config);
        let mut process = Process::spawn("the origin", &mut command);
        wait(&mut process, http, "localhost");
        Self {
            process,
            ports,
            _folder: folder,
        }
    }

    /// Where it speaks HTTP/1.1 without TLS.
    pub(crate) const fn http(&self) -> u16 {
        self.ports[0]
    }

    pub(crate) const fn port(&self, way: Way) -> u16 {
        let [http, http2, https] = self.ports;
        way.port(http, http2, https)
    }
}

/// Starts a server of this process that answers after `delay`, until its tasks are dropped.
pub(crate) async fn slow(tasks: &mut JoinSet<()>, delay: Duration) -> u16 {
    let port = free_port();
    let listener = TcpListener::bind(("127.0.0.1", port)).await;
    let listener = listener.expect("the port is free");
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).ok();
            let service = service_fn(move |_| async move {
                tokio::time::sleep(delay).await;
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(
                    &[b'a'; BODY_BYTES],
                ))))
            });
            connections.spawn(async move {
                let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // The proxy closes it when it likes.
                let _ = served.await;
            });
        }
    });
    port
}
