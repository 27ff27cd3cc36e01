//! The way in over TLS: a visitor says which host it wants, and is shown a certificate for it or told why there is none.

use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::name::{Name, NameError};
use dotkey_resolver::tls::install_provider;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{Accepted, Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::server::{StartHandshake, TlsStream};

use super::error::AuthorityError;
use super::issue::not_made;
use super::leaves::{Ask, Leaves};
use super::operated::Operated;
use super::refused::{Refusals, Refused};

/// What an HTTP server speaks, the best first.
pub const HTTP_PROTOCOLS: &[&str] = &["h2", "http/1.1"];

/// From the first byte to the end of the handshake, a look-up of the name included: slower visitors are not worth their place.
const HANDSHAKE_SECS_MAX: u64 = 10;

/// Eight times what browsers send, with keys of post-quantum exchanges.
pub(super) const HELLO_BYTES_MAX: usize = 16 * 1024;

/// A browser's first message comes in one or two pieces.
const PIECE_BYTES: usize = 4 * 1024;

/// Accepts TLS connections for one set of protocols.
#[derive(Debug)]
pub struct TlsAcceptor {
    leaves: Arc<Leaves>,
    operated: Arc<Operated>,
    config: ServerConfig,
    refusals: Refusals,
    pub(super) time_max: Duration,
}

impl TlsAcceptor {
    /// One that shows what `operated` has for a host, and else a leaf; with these protocols (ALPN), the best first.
    ///
    /// # Errors
    /// The keys for resuming sessions could not be made.
    pub fn new(
        leaves: Arc<Leaves>,
        operated: Arc<Operated>,
        protocols: &[&str],
    ) -> Result<Self, AuthorityError> {
        let provider = Arc::clone(install_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(not_made)?;
        let nothing = Arc::new(Shown(None));
        let mut config = config.with_no_client_auth().with_cert_resolver(nothing);
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        // A session is only resumed under the host that it began with.
        config.ticketer = Ticketer::new().map_err(not_made)?;
        Ok(Self {
            leaves,
            operated,
            config,
            refusals: Refusals::default(),
            time_max: Duration::from_secs(HANDSHAKE_SECS_MAX),
        })
    }

    /// Greets a visitor. Nothing is answered to whoever names no host of ours, save the alert that says so.
    ///
    /// # Errors
    /// [`Refused`] says why, and is counted; the connection is closed then.
    pub async fn accept<S>(&self, stream: S, ask: &impl Ask) -> Result<TlsStream<S>, Refused>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let accepted = match timeout(self.time_max, self.greet(stream, ask)).await {
            Ok(greeted) => greeted,
            Err(_) => Err(Refused::TooSlow {
                secs: self.time_max.as_secs(),
            }),
        };
        accepted.inspect_err(|refused| self.refusals.count(refused))
    }

    /// How many were refused since start, by reason.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    async fn greet<S>(&self, mut stream: S, ask: &impl Ask) -> Result<TlsStream<S>, Refused>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let chosen = match hello(&mut stream).await {
            Ok(accepted) => {
                let host = accepted.client_hello().server_name().map(str::to_owned);
                let certified = self.certified(host, ask).await;
                certified.map(|certified| (accepted, certified))
            }
            Err(refused) => Err(refused),
        };
        let (accepted, certified) = match chosen {
            Ok(chosen) => chosen,
            Err(refused) => {
                tell(&mut stream, &refused).await;
                return Err(refused);
            }
        };
        let mut config = self.config.clone();
        config.cert_resolver = Arc::new(Shown(Some(certified)));
        let start = StartHandshake::from_parts(accepted, stream);
        let handshake = start.into_stream(Arc::new(config)).await;
        handshake.map_err(|error| broken_off(&error))
    }

    /// What the host is shown: the operator's certificate for it, else a leaf.
    async fn certified(
        &self,
        host: Option<String>,
        ask: &impl Ask,
    ) -> Result<Arc<CertifiedKey>, Refused> {
        let mut host = host.ok_or(Refused::NoName)?.to_ascii_lowercase();
        if host.ends_with('.') {
            host.pop();
        }
        if let Some(operated) = self.operated.of(&host) {
            return Ok(operated);
        }
        let suffix = self.leaves.suffix();
        match Name::parse(&host, suffix) {
            Ok(name) => self.leaves.of(&name, ask).await,
            Err(NameError::NotUnderSuffix { .. }) => Err(Refused::NotOurs {
                host,
                suffix: suffix.to_string(),
            }),
            Err(error) => Err(Refused::NoSuchName {
                host,
                reason: error.to_string(),
            }),
        }
    }
}

/// Reads the visitor's first message, and no more than that may have.
async fn hello<S>(stream: &mut S) -> Result<Accepted, Refused>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut acceptor = Acceptor::default();
    let mut piece = [0; PIECE_BYTES];
    let mut bytes = 0;
    loop {
        let read = stream
            .read(&mut piece)
            .await
            .map_err(|error| broken_off(&error))?;
        if read == 0 {
            return Err(Refused::BrokenOff {
                reason: "it ended before it said which host it wants".to_owned(),
            });
        }
        bytes += read;
        let mut rest = &piece[..read];
        while !rest.is_empty() {
            acceptor
                .read_tls(&mut rest)
                .map_err(|error| broken_off(&error))?;
        }
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) if bytes > HELLO_BYTES_MAX => {
                let max = HELLO_BYTES_MAX;
                return Err(Refused::TooLarge { max });
            }
            Ok(None) => {}
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                // Into memory, which takes everything.
                let _ = alert.write_all(&mut bytes);
                let _ = stream.write_all(&bytes).await;
                let reason = error.to_string();
                return Err(Refused::NotTls { reason });
            }
        }
    }
}

/// Sends the alert of a refusal. RFC 8446 section 5.1: before keys are agreed on, an alert is a record of its own in the clear.
async fn tell<S>(stream: &mut S, refused: &Refused)
where
    S: AsyncWrite + Unpin,
{
    const ALERT: u8 = 21;
    const TLS12_ON_THE_WIRE: [u8; 2] = [3, 3];
    const LENGTH: [u8; 2] = [0, 2];
    const FATAL: u8 = 2;
    if let Some(description) = refused.alert() {
        let [major, minor] = TLS12_ON_THE_WIRE;
        let [high, low] = LENGTH;
        let alert = [ALERT, major, minor, high, low, FATAL, description];
        // Who is gone needs to be told nothing.
        let _ = stream.write_all(&alert).await;
    }
    let _ = stream.shutdown().await;
}

fn broken_off(error: &std::io::Error) -> Refused {
    Refused::BrokenOff {
        reason: error.to_string(),
    }
}

/// The one certificate of one connection.
#[derive(Debug)]
struct Shown(Option<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }
}
