//! Connecting to a provider: its address, its place among the connections, its TLS and its key.

use core::net::IpAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::sync::{Arc, PoisonError};

use dotkey_proto::zone::{Host, Provider};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::carry::address::addresses;
use crate::carry::{WrongKey, pinned};

use super::counters::count;
use super::events::Event;
use super::listener::Shared;
use super::shards::postgres::startup::ssl_request;
use super::standing::{Fault, Who};

/// How a provider is spoken to before its own protocol begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Its bytes are not ours.
    Untouched,
    /// TLS at once, if the record names keys.
    Tls,
    /// TLS after PostgreSQL's question for it, if the record names keys.
    PostgresTls,
}

/// Why a provider was not connected.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("it has as many connections as one provider may have")]
    Full,
    #[error("it is not reached: {0}")]
    Unreachable(String),
    #[error("{0}; its owner must publish the key that it has, or mend it")]
    OtherKey(String),
}

/// A connection to a provider, counted until it is dropped.
pub(super) struct Reached {
    pub(super) stream: Stream,
    pub(super) hold: Hold,
}

/// A place among the connections of a provider.
pub(super) struct Hold {
    shared: Arc<Shared>,
    who: Who,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let standings = self.shared.standings.lock();
        standings
            .unwrap_or_else(PoisonError::into_inner)
            .end(&self.who);
    }
}

/// Connects to one provider of a name, and notes how it went.
pub(super) async fn dial(
    shared: &Arc<Shared>,
    name: &str,
    provider: &Provider,
    opening: Opening,
) -> Result<Reached, DialError> {
    let who = Who::of(provider);
    let most = shared.config.bounds.connections_per_provider_max;
    if !shared.standings().begin(&who, most) {
        count(&shared.counters.provider_full);
        return Err(DialError::Full);
    }
    let hold = Hold {
        shared: Arc::clone(shared),
        who: who.clone(),
    };
    let may_be_private = shared.config.private_names.cover(name);
    let opening = open(may_be_private, provider, opening);
    let opened = timeout(shared.config.bounds.connect, opening).await;
    let late = || DialError::Unreachable("it did not answer in time".to_owned());
    let error = match opened.unwrap_or_else(|_| Err(late())) {
        Ok(stream) => {
            shared.standings().succeed(&who);
            shared.tally(name, provider, true);
            return Ok(Reached { stream, hold });
        }
        Err(error) => error,
    };
    let (url, reason) = (provider.url.to_string(), error.to_string());
    let (fault, event) = match error {
        DialError::OtherKey(_) => {
            count(&shared.counters.other_keys);
            (Fault::OtherKey, Event::OtherKey { url, reason })
        }
        _ => (Fault::Unreachable, Event::Unreachable { url, reason }),
    };
    count(&shared.counters.connect_failures);
    let now = shared.since_start();
    let _ = shared.standings().fail(&who, now, fault);
    shared.tally(name, provider, false);
    shared.observer.notice(&event);
    Err(error)
}

async fn open(
    may_be_private: bool,
    provider: &Provider,
    opening: Opening,
) -> Result<Stream, DialError> {
    let addresses = addresses(&provider.url, may_be_private).await;
    let addresses = addresses.map_err(|error| DialError::Unreachable(error.to_string()))?;
    let mut failure = "its host has no address".to_owned();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return secure(stream, provider, opening).await;
            }
            Err(error) => failure = error.to_string(),
        }
    }
    Err(DialError::Unreachable(failure))
}

async fn secure(
    mut stream: TcpStream,
    provider: &Provider,
    opening: Opening,
) -> Result<Stream, DialError> {
    let unreachable = |error: io::Error| DialError::Unreachable(error.to_string());
    if opening == Opening::Untouched || provider.pins.is_empty() {
        return Ok(Stream::Plain(stream));
    }
    if opening == Opening::PostgresTls {
        stream
            .write_all(&ssl_request())
            .await
            .map_err(unreachable)?;
        // One byte and no more: what came behind it would be believed to have come through TLS.
        if stream.read_u8().await.map_err(unreachable)? != b'S' {
            return Err(DialError::OtherKey(
                "it has no TLS, and the record names its keys".to_owned(),
            ));
        }
    }
    let parts = provider.url.parts();
    let name = match parts.host {
        Host::Ipv4(address) => ServerName::from(IpAddr::from(address)),
        Host::Ipv6(address) => ServerName::from(IpAddr::from(address)),
        Host::Domain(name) => {
            let name = ServerName::try_from(name.to_owned());
            name.map_err(|error| DialError::Unreachable(error.to_string()))?
        }
    };
    let connector = TlsConnector::from(Arc::new(pinned(&provider.pins, &[])));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(match WrongKey::of(&error) {
            Some(wrong) => DialError::OtherKey(wrong.to_string()),
            None => unreachable(error),
        }),
    }
}

/// Bytes to and from a provider.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
