//! Providers of the tests: real sockets, and manners good and bad.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a provider does with a request.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// Says what it got, and who it is.
    Echo,
    /// Answers with this status.
    Status(u16),
    /// The same as [`Manner::Echo`], after a while.
    Slow(Duration),
    /// Never answers.
    Silent,
    /// Reads the request and hangs up.
    HangUp,
    /// Sends these bytes instead of HTTP, and hangs up.
    Raw(&'static [u8]),
    /// Answers with these headers.
    Headers(HeaderMap),
}

/// A provider that runs.
pub(super) struct Provider {
    pub(super) address: SocketAddr,
    pub(super) asked: Arc<AtomicUsize>,
    manner: Arc<Mutex<Manner>>,
    /// The pin of its key, where it speaks TLS.
    pub(super) pin: Option<[u8; 32]>,
    task: JoinHandle<()>,
}

impl Provider {
    pub(super) async fn start(id: &'static str, manner: Manner) -> Self {
        Self::serve(id, manner, None).await
    }

    /// One that speaks TLS with a key of its own.
    pub(super) async fn start_tls(id: &'static str, manner: Manner) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["provider.example".to_owned()])
            .expect("a certificate");
        let key = PrivateKeyDer::try_from(certified.key_pair.serialize_der()).expect("a key");
        let pin = Sha256::digest(certified.key_pair.public_key_der()).into();
        dotkey_resolver::tls::install_provider();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("a configuration");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self::serve(id, manner, Some((TlsAcceptor::from(Arc::new(config)), pin))).await
    }

    async fn serve(id: &'static str, manner: Manner, tls: Option<(TlsAcceptor, [u8; 32])>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(AtomicUsize::new(0));
        let manner = Arc::new(Mutex::new(manner));
        let pin = tls.as_ref().map(|(_, pin)| *pin);
        let (counted, how) = (asked.clone(), manner.clone());
        let task = tokio::spawn(async move {
            // Connections end with the task, as those of a process do.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, manner, tls) = (counted.clone(), how.clone(), tls.clone());
                connections.spawn(async move {
                    if let Some((tls, _)) = tls {
                        if let Ok(stream) = tls.accept(stream).await {
                            speak(id, stream, asked, manner).await;
                        }
                        return;
                    }
                    let now = manner.lock().expect("whole").clone();
                    match now {
                        Manner::Raw(bytes) => raw(stream, bytes, &asked).await,
                        _ => speak(id, stream, asked, manner).await,
                    }
                });
            }
        });
        Self {
            address,
            asked,
            manner,
            pin,
            task,
        }
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.pin.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    pub(super) fn be(&self, manner: Manner) {
        *self.manner.lock().expect("whole") = manner;
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Relaxed)
    }

    /// Ends it, with its connections and its port.
    pub(super) async fn kill(self) {
        self.task.abort();
        self.task.await.ok();
    }
}

async fn raw(mut stream: TcpStream, bytes: &[u8], asked: &AtomicUsize) {
    asked.fetch_add(1, Relaxed);
    let mut head = [0; 4096];
    tokio::io::AsyncReadExt::read(&mut stream, &mut head)
        .await
        .ok();
    stream.write_all(bytes).await.ok();
}

async fn speak<S>(id: &'static str, stream: S, asked: Arc<AtomicUsize>, manner: Arc<Mutex<Manner>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (asked, manner) = (asked.clone(), manner.lock().expect("whole").clone());
        async move {
            asked.fetch_add(1, Relaxed);
            answer(id, request, manner).await
        }
    });
    auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn answer(
    id: &'static str,
    mut request: Request<Incoming>,
    manner: Manner,
) -> Result<Response<Full<Bytes>>, String> {
    let silent = matches!(manner, Manner::Silent);
    if request.headers().contains_key("upgrade") && !silent {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let upgraded = upgrade.await.expect("upgraded");
            let (mut reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
            tokio::io::copy(&mut reader, &mut writer).await.ok();
        });
        let answer = Response::builder()
            .status(101)
            .header("upgrade", "echo")
            .header("connection", "upgrade");
        return Ok(answer.body(Full::default()).expect("an answer"));
    }
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|error| error.to_string())?
        .to_bytes();
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.to_string(),
            serde_json::Value::from(value.to_str().unwrap_or("?")),
        )
    };
    let echo = || {
        let headers: serde_json::Map<_, _> = parts.headers.iter().map(field).collect();
        let said = serde_json::json!({
            "provider": id,
            "method": parts.method.as_str(),
            "uri": parts.uri.to_string(),
            "version": format!("{:?}", parts.version),
            "headers": headers,
            "body": String::from_utf8_lossy(&body),
        });
        Response::new(Full::from(said.to_string()))
    };
    match manner {
        Manner::Echo | Manner::Raw(_) => Ok(echo()),
        Manner::Slow(pause) => {
            tokio::time::sleep(pause).await;
            Ok(echo())
        }
        Manner::Status(status) => {
            let mut answer = echo();
            *answer.status_mut() = status.try_into().expect("a status");
            Ok(answer)
        }
        Manner::Headers(headers) => {
            let mut answer = echo();
            if let Some(status) = headers.get("x-status") {
                *answer.status_mut() =
                    http::StatusCode::from_bytes(status.as_bytes()).expect("a status");
            }
            *answer.headers_mut() = headers;
            Ok(answer)
        }
        Manner::Silent => core::future::pending().await,
        Manner::HangUp => Err("as it was told".to_owned()),
    }
}

/// A zone of one frontend with these providers, and lines of its policy.
pub(super) fn zone(providers: &[(&str, &Provider)], policy: &str) -> String {
    let host = if policy.contains("host = ") {
        ""
    } else {
        "host = \"@\"\n"
    };
    let mut zone = format!("[[resource]]\nkind = \"frontend\"\n{host}{policy}\n");
    for (id, provider) in providers {
        zone += &format!(
            "[[resource.provider]]\nid = \"{id}\"\nurl = \"{}\"\n",
            provider.url()
        );
        if let Some(pin) = provider.pin {
            let pin = data_encoding::BASE64.encode(&pin);
            zone += &format!("pin = \"sha256:{pin}\"\n");
        }
    }
    zone
}
