//! A connection to a provider: TCP, and TLS where its URL says so.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use dotkey_proto::zone::{Host, Protocol, Provider, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{AddressError, addresses};
use super::pinned::{WrongKey, pinned};
use crate::choose::Failure;

/// Bytes to and from a provider.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is spoken over a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("no connection within {} ms", .0.as_millis())]
    TooLate(Duration),
    #[error("no connection: {0}")]
    Tcp(#[source] io::Error),
    #[error("{0}")]
    WrongKey(WrongKey),
    #[error("no TLS: {0}")]
    Tls(#[source] io::Error),
    #[error(
        "the record demands a pinned key, and this provider has no pin, or no TLS to show a key in"
    )]
    Unpinned,
    #[error("its URL is for TCP, and this resource is asked over HTTP")]
    NotHttp,
}

impl ConnectError {
    pub(super) const fn failure(&self) -> Failure {
        match self {
            Self::Address(_) | Self::TooLate(_) | Self::Tcp(_) | Self::NotHttp => Failure::Connect,
            Self::WrongKey(_) | Self::Unpinned => Failure::WrongKey,
            Self::Tls(_) => Failure::Tls,
        }
    }
}

/// What is known of a provider before it is connected to.
pub(super) struct Way {
    pub(super) provider: Arc<Provider>,
    tls: Option<TlsConnector>,
    may_be_private: bool,
    refused: bool,
    is_http: bool,
}

impl Way {
    /// `pins_wanted` says that the record demands pins: a provider without any, or without TLS to show a key in, gets nothing.
    pub(super) fn new(provider: Arc<Provider>, may_be_private: bool, pins_wanted: bool) -> Self {
        let secure = provider.url.parts().scheme == Scheme::Https;
        let tls = secure.then(|| TlsConnector::from(Arc::new(config(&provider))));
        // A key can be shown over TLS alone.
        let is_http = [Scheme::Http, Scheme::Https].contains(&provider.url.parts().scheme);
        let refused = match secure {
            true => pins_wanted && provider.pins.is_empty(),
            false => pins_wanted || !provider.pins.is_empty(),
        };
        Self {
            provider,
            tls,
            may_be_private,
            refused,
            is_http,
        }
    }

    /// Whether the provider's record says it speaks HTTP/2 without TLS having to tell.
    pub(super) fn is_http2_by_record(&self) -> bool {
        matches!(
            self.provider.protocol,
            Some(Protocol::Http2 | Protocol::Grpc)
        )
    }

    /// Connects within `limit`.
    pub(super) async fn connect(&self, limit: Duration) -> Result<(Wire, Spoken), ConnectError> {
        self.connect_by(self.tls.as_ref(), limit).await
    }

    /// The same for a protocol that takes the connection over, which only HTTP/1.1 lets it.
    pub(super) async fn connect_http1(&self, limit: Duration) -> Result<Wire, ConnectError> {
        let config = || pinned(&self.provider.pins, &[b"http/1.1"]);
        let tls = self.tls.as_ref().map(|_| Arc::new(config()).into());
        let (wire, _) = self.connect_by(tls.as_ref(), limit).await?;
        Ok(wire)
    }

    async fn connect_by(
        &self,
        tls: Option<&TlsConnector>,
        limit: Duration,
    ) -> Result<(Wire, Spoken), ConnectError> {
        if !self.is_http {
            return Err(ConnectError::NotHttp);
        }
        if self.refused {
            return Err(ConnectError::Unpinned);
        }
        let connected = timeout(limit, self.connect_in_time(tls)).await;
        connected.unwrap_or(Err(ConnectError::TooLate(limit)))
    }

    async fn connect_in_time(
        &self,
        tls: Option<&TlsConnector>,
    ) -> Result<(Wire, Spoken), ConnectError> {
        let mut last = None;
        let mut connected = None;
        for address in addresses(&self.provider.url, self.may_be_private).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    connected = Some(stream);
                    break;
                }
                Err(error) => last = Some(error),
            }
        }
        let Some(stream) = connected else {
            return Err(ConnectError::Tcp(last.expect("there was an address")));
        };
        stream.set_nodelay(true).map_err(ConnectError::Tcp)?;
        let Some(tls) = tls else {
            let spoken = if self.is_http2_by_record() {
                Spoken::Http2
            } else {
                Spoken::Http1
            };
            return Ok((Wire::Plain(stream), spoken));
        };
        let stream = tls.connect(server_name(&self.provider), stream).await;
        let stream = stream.map_err(|error| match WrongKey::of(&error) {
            Some(wrong) => ConnectError::WrongKey(wrong.clone()),
            None => ConnectError::Tls(error),
        })?;
        let http2 = match stream.get_ref().1.alpn_protocol() {
            Some(name) => name == b"h2",
            None => self.is_http2_by_record(),
        };
        let spoken = if http2 { Spoken::Http2 } else { Spoken::Http1 };
        Ok((Wire::Tls(Box::new(stream)), spoken))
    }
}

fn config(provider: &Provider) -> ClientConfig {
    let alpn: &[&[u8]] = match provider.protocol {
        Some(Protocol::Http1) => &[b"http/1.1"],
        Some(Protocol::Http2 | Protocol::Grpc) => &[b"h2"],
        _ => &[b"h2", b"http/1.1"],
    };
    pinned(&provider.pins, alpn)
}

fn server_name(provider: &Provider) -> ServerName<'static> {
    match provider.url.parts().host {
        Host::Ipv4(address) => ServerName::IpAddress(address.into()),
        Host::Ipv6(address) => ServerName::IpAddress(address.into()),
        // An underscore is allowed in a provider's host and not in a certificate's name: such a host needs pins, and gets
        // a name that says nothing.
        Host::Domain(host) => ServerName::try_from(host.to_owned()).unwrap_or_else(|_| {
            ServerName::try_from("provider.invalid").expect("a name by its letters")
        }),
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
