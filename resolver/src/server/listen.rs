//! The listeners of all transports, started together and stopped together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, TokioRuntime};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::places::{CONNECTIONS_MAX, Place, Places};
use super::service::{Service, count};
use super::sockets::{Handed, Sockets};
use super::udp::Workers;
use super::{http, quic, stream};
use crate::tls::Certificate;
use crate::transport::Transport;

const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// What the system holds for a client that does not read: it would let this grow to megabytes.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// Out of files, say: taking the next one at once would fail at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where to listen. A port of 0 takes a free one; UDP then takes the one that TCP got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// DNS, over UDP and TCP.
    pub dns: Option<SocketAddr>,
    /// DoT.
    pub dot: Option<SocketAddr>,
    /// DoQ.
    pub doq: Option<SocketAddr>,
    /// DoH, over HTTP/2 and HTTP/3.
    pub doh: Option<SocketAddr>,
    /// Sockets that share the UDP port of DNS.
    pub udp_sockets: usize,
    /// Connections at once, of at most 4096, where the process may have fewer files open.
    pub connections: Option<usize>,
}

/// A listener that is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({what}): {error}")]
pub struct ListenError {
    /// For what.
    pub what: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    pub error: io::Error,
}

/// Listeners that run.
#[derive(Debug)]
pub struct Server {
    tasks: JoinSet<()>,
    workers: Workers,
    addresses: Listen,
}

impl Server {
    /// Starts the listeners. Those that need a certificate are left out where there is none.
    ///
    /// # Errors
    /// The first that is not to be had; none runs then.
    pub fn start(
        listen: &Listen,
        service: &Arc<Service>,
        certificate: Option<&Certificate>,
    ) -> Result<Self, ListenError> {
        Self::start_with(listen, Handed::default(), service, certificate)
    }

    /// As [`Server::start`], with sockets that were handed over in the place of those of their listeners.
    ///
    /// # Errors
    /// The first that is not to be had; none runs then.
    pub fn start_with(
        listen: &Listen,
        handed: Handed,
        service: &Arc<Service>,
        certificate: Option<&Certificate>,
    ) -> Result<Self, ListenError> {
        let mut starting = Starting {
            tasks: JoinSet::new(),
            workers: Workers::default(),
            service: Arc::clone(service),
            places: Places::new(listen.connections.unwrap_or(CONNECTIONS_MAX)),
        };
        let mut addresses = Listen {
            udp_sockets: listen.udp_sockets.max(1),
            connections: listen.connections,
            ..Listen::default()
        };
        addresses.dns = starting.dns(handed.dns, listen.dns, addresses.udp_sockets)?;
        if let Some(certificate) = certificate {
            let dot = handed.dot.or_open(listen.dot, true, 0)?;
            addresses.dot = dot.address()?;
            starting.tls(dot.tcp, Transport::Tls, certificate, &["dot"])?;
            let doq = handed.doq.or_open(listen.doq, false, 1)?;
            addresses.doq = doq.address()?;
            starting.quic(doq.udp, Transport::Quic, certificate, "doq")?;
            let doh = handed.doh.or_open(listen.doh, true, 1)?;
            addresses.doh = doh.address()?;
            starting.tls(doh.tcp, Transport::Https, certificate, &["h2", "http/1.1"])?;
            starting.quic(doh.udp, Transport::Http3, certificate, "h3")?;
        }
        Ok(Self {
            tasks: starting.tasks,
            workers: starting.workers,
            addresses,
        })
    }

    /// Where they listen.
    #[must_use]
    pub fn addresses(&self) -> &Listen {
        &self.addresses
    }

    /// Stops taking anything, and ends what is under way.
    pub async fn stop(mut self) {
        drop(self.workers);
        self.tasks.shutdown().await;
    }
}

struct Starting {
    tasks: JoinSet<()>,
    workers: Workers,
    service: Arc<Service>,
    places: Places,
}

impl Starting {
    fn dns(
        &mut self,
        handed: Sockets,
        address: Option<SocketAddr>,
        threads: usize,
    ) -> Result<Option<SocketAddr>, ListenError> {
        let is_ours = handed.udp.is_empty();
        let dns = handed.or_open(address, true, threads)?;
        let address = dns.address()?;
        let sockets = Sockets::shared_udp(dns.udp, threads);
        let started =
            sockets.and_then(|sockets| self.workers.start(sockets, is_ours, &self.service));
        started.map_err(|error| failed("UDP", address, error))?;
        for listener in dns.tcp {
            self.accept(taken(listener)?, Transport::Tcp, None);
        }
        Ok(address)
    }

    fn tls(
        &mut self,
        listeners: Vec<std::net::TcpListener>,
        transport: Transport,
        certificate: &Certificate,
        protocols: &[&str],
    ) -> Result<(), ListenError> {
        for listener in listeners {
            let config = certificate.server_config(protocols, false);
            let tls = TlsAcceptor::from(Arc::new(config));
            self.accept(taken(listener)?, transport, Some(tls));
        }
        Ok(())
    }

    fn quic(
        &mut self,
        sockets: Vec<std::net::UdpSocket>,
        transport: Transport,
        certificate: &Certificate,
        protocol: &str,
    ) -> Result<(), ListenError> {
        for socket in sockets {
            let address = socket.local_addr().ok();
            let failed = |error| failed("QUIC", address, error);
            let tls = certificate.server_config(&[protocol], true);
            let crypto =
                QuicServerConfig::try_from(tls).map_err(|error| failed(io::Error::other(error)))?;
            let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
            config.transport_config(Arc::new(quic::transport()));
            let runtime = Arc::new(TokioRuntime);
            let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime);
            let endpoint = endpoint.map_err(failed)?;
            let places = self.places.clone();
            let serving = quic::serve(endpoint, transport, Arc::clone(&self.service), places);
            self.tasks.spawn(serving);
        }
        Ok(())
    }

    fn accept(&mut self, listener: TcpListener, transport: Transport, tls: Option<TlsAcceptor>) {
        let (service, places) = (Arc::clone(&self.service), self.places.clone());
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                while connections.try_join_next().is_some() {}
                let Ok((stream, from)) = listener.accept().await else {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                let (place, freed) = places.take(from.ip(), service.allows(from.ip()));
                service.counters.crowd_out(freed);
                let (service, tls) = (Arc::clone(&service), tls.clone());
                connections.spawn(async move {
                    tokio::select! {
                        () = serve(stream, from, transport, tls, service, &place) => {}
                        () = place.lost() => {}
                    }
                });
            }
        });
    }
}

async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    transport: Transport,
    tls: Option<TlsAcceptor>,
    service: Arc<Service>,
    place: &Place,
) {
    let _counted = service.metrics.connected(transport);
    let client = stream::client(from.ip(), transport);
    // An answer is sent whole; nothing follows that it could wait for.
    let _ = stream.set_nodelay(true);
    // Where the system allows no such size, its own bounds hold.
    let _ = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER_BYTES);
    let Some(tls) = tls else {
        stream::serve(stream, client, service, place).await;
        return;
    };
    let Ok(Ok(stream)) = timeout(HANDSHAKE_TIME_MAX, tls.accept(stream)).await else {
        count(&service.counters.broken);
        return;
    };
    if transport == Transport::Https {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        http::serve(stream, is_http2, client, service, place).await;
    } else {
        stream::serve(stream, client, service, place).await;
    }
}

/// A listener of the system's as the tasks take it.
fn taken(listener: std::net::TcpListener) -> Result<TcpListener, ListenError> {
    let address = listener.local_addr().ok();
    let taken = listener
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(listener));
    taken.map_err(|error| failed("TCP", address, error))
}

fn failed(what: &'static str, address: Option<SocketAddr>, error: io::Error) -> ListenError {
    ListenError {
        what,
        address: address.unwrap_or_else(|| ([0, 0, 0, 0], 0).into()),
        error,
    }
}
