//! A gateway whose names are keys of the test, with their records in a folder.

use core::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::record::SignedRecord;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::text::toml;
use dotkey_proto::time::Timestamp;
use dotkey_resolver::Resolver;
use dotkey_resolver::tls::install_provider;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::request::Suffixes;
use crate::server::{Gateway, Link, Links, Operated, Settings};
use crate::site::{PrivateNames, Sites};
use crate::traces;

/// A gateway, its folder of records, and one name.
pub(super) struct World {
    folder: TempDir,
    gateway: Option<Gateway>,
    operated: Operated,
    pub(super) address: SocketAddr,
    secret: SecretKey,
    /// The name of the test's key.
    pub(super) name: String,
    sequence: core::sync::atomic::AtomicU64,
}

struct OneLink(String);

impl Links for OneLink {
    fn find<'a>(
        &'a self,
        domain: &'a str,
    ) -> core::pin::Pin<Box<dyn Future<Output = Option<Link>> + Send + 'a>> {
        let link = (domain == "widgets.acme.example").then(|| Link {
            name: self.0.as_str().into(),
        });
        Box::pin(core::future::ready(link))
    }
}

/// An answer, read to its end.
pub(super) type Answer = Response<String>;

impl World {
    /// A gateway for a zone of these resources, in TOML.
    pub(super) async fn new(zone: &str) -> Self {
        Self::with(zone, &["*"]).await
    }

    /// The same, where only these names may lead to private addresses.
    pub(super) async fn with(zone: &str, private: &[&str]) -> Self {
        Self::start(zone, private, None).await
    }

    /// One whose requests are told to a collector.
    pub(super) async fn traced(zone: &str, traces: traces::Settings) -> Self {
        Self::start(zone, &["*"], Some(traces)).await
    }

    async fn start(zone: &str, private: &[&str], traces: Option<traces::Settings>) -> Self {
        install_provider();
        let folder = tempfile::tempdir().expect("a folder");
        let secret = SecretKey::from_seed(&[7; 32]);
        let key_id: KeyId = Policy::bare_key_id(PublicKey::Ed25519(secret.public()));
        let resolver = Resolver::builder()
            .folder(folder.path())
            .build()
            .expect("a resolver");
        let private = PrivateNames::new(private.iter().copied());
        let sites = Arc::new(Sites::new(resolver, private, None));
        let settings = Settings {
            http: Some(([127, 0, 0, 1], 0).into()),
            https: None,
            suffixes: Suffixes {
                own: "key".to_owned(),
                bridges: vec!["key.example.net".to_owned()],
            },
            traces,
        };
        let name = format!("{key_id}.key");
        let links = Arc::new(OneLink(name.clone()));
        let gateway = Gateway::start(settings, sites, links, None)
            .await
            .expect("a gateway");
        let world = Self {
            folder,
            operated: gateway.operated(),
            address: gateway.http().expect("it listens"),
            gateway: Some(gateway),
            secret,
            name,
            sequence: 1.into(),
        };
        world.publish(zone);
        world
    }

    /// Signs a zone and puts it where the resolver looks.
    pub(super) fn publish(&self, zone: &str) {
        let zone = toml::parse(zone, "test.toml")
            .unwrap_or_else(|error| panic!("{error}"))
            .zone;
        let secs = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let now = Timestamp::from_secs(secs).expect("in range");
        let window = now.saturating_sub(600)..now.saturating_add(3000);
        let sequence = self
            .sequence
            .fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        let record = SignedRecord::of_bare_key(&self.secret, sequence, window, zone.encode())
            .expect("a record");
        let key_id = self.name.strip_suffix(".key").expect("a name");
        let file = self.folder.path().join(format!("{key_id}.record"));
        let written = self.folder.path().join("new");
        std::fs::write(&written, record.as_bytes()).expect("written");
        std::fs::rename(written, file).expect("in place");
    }

    /// A connection of HTTP/1.1.
    pub(super) async fn connect(&self) -> http1::SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        sender
    }

    /// A connection of HTTP/2, by prior knowledge.
    pub(super) async fn connect_http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        let io = TokioIo::new(stream);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
            .await
            .expect("HTTP/2");
        tokio::spawn(connection);
        sender
    }

    /// Asks for a path of the name.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path)).await
    }

    /// Sends a request without a body.
    pub(super) async fn ask(&self, request: http::request::Builder) -> Answer {
        self.send(request, "").await
    }

    /// Sends a request to the name, unless it names another host.
    pub(super) async fn send(&self, request: http::request::Builder, body: &'static str) -> Answer {
        let mut request = request.body(Full::from(body)).expect("a request");
        if !request.headers().contains_key("host") {
            let host = self.name.parse().expect("a host");
            request.headers_mut().insert("host", host);
        }
        let answer = self.connect().await.send_request(request).await;
        read(answer.expect("an answer")).await
    }

    /// What the gateway thinks of a provider.
    pub(super) fn thinks(&self, id: &str) -> serde_json::Value {
        let all = self.operated.providers(Some(&self.name));
        let providers = &all["names"][0]["resources"][0]["providers"];
        let found = providers
            .as_array()
            .and_then(|all| all.iter().find(|one| one["id"] == id));
        found.cloned().unwrap_or_default()
    }

    pub(super) const fn operated(&self) -> &Operated {
        &self.operated
    }

    pub(super) async fn drain(&mut self) {
        self.gateway.take().expect("it runs").drain().await;
    }
}

/// Reads an answer to its end.
pub(super) async fn read(answer: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = answer.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.map_or_else(
        |error| format!("broken: {error}"),
        |body| String::from_utf8_lossy(&body).into_owned(),
    );
    Response::from_parts(parts, body)
}
