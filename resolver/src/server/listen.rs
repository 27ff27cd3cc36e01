//! The listeners of all transports, started together and stopped together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, TokioRuntime};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::places::{CONNECTIONS_MAX, Place, Places};
use super::service::{Service, count};
use super::udp::{self, Workers};
use super::{http, quic, stream};
use crate::tls::Certificate;
use crate::transport::Transport;

/// Connections that the system holds while they wait to be taken.
const BACKLOG: i32 = 1024;

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
        if let Some(address) = listen.dns {
            addresses.dns = Some(starting.dns(address, addresses.udp_sockets)?);
        }
        if let Some(certificate) = certificate {
            if let Some(address) = listen.dot {
                addresses.dot =
                    Some(starting.tls(address, Transport::Tls, certificate, &["dot"])?);
            }
            if let Some(address) = listen.doq {
                let socket = udp_socket(address)?;
                addresses.doq =
                    Some(starting.quic(socket, address, Transport::Quic, certificate, "doq")?);
            }
            if let Some(address) = listen.doh {
                let bound =
                    starting.tls(address, Transport::Https, certificate, &["h2", "http/1.1"])?;
                starting.quic(
                    udp_socket(bound)?,
                    bound,
                    Transport::Http3,
                    certificate,
                    "h3",
                )?;
                addresses.doh = Some(bound);
            }
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
    fn dns(&mut self, address: SocketAddr, udp_sockets: usize) -> Result<SocketAddr, ListenError> {
        let listener = tcp_listener(address)?;
        let bound = local(listener.local_addr(), address)?;
        let sockets = udp::bind(bound, udp_sockets);
        let started = sockets.and_then(|sockets| self.workers.start(sockets, &self.service));
        started.map_err(|error| ListenError {
            what: "UDP",
            address: bound,
            error,
        })?;
        self.accept(listener, Transport::Tcp, None);
        Ok(bound)
    }

    fn tls(
        &mut self,
        address: SocketAddr,
        transport: Transport,
        certificate: &Certificate,
        protocols: &[&str],
    ) -> Result<SocketAddr, ListenError> {
        let listener = tcp_listener(address)?;
        let bound = local(listener.local_addr(), address)?;
        let config = certificate.server_config(protocols, false);
        self.accept(
            listener,
            transport,
            Some(TlsAcceptor::from(Arc::new(config))),
        );
        Ok(bound)
    }

    fn quic(
        &mut self,
        socket: std::net::UdpSocket,
        address: SocketAddr,
        transport: Transport,
        certificate: &Certificate,
        protocol: &str,
    ) -> Result<SocketAddr, ListenError> {
        let failed = |error| ListenError {
            what: "QUIC",
            address,
            error,
        };
        let tls = certificate.server_config(&[protocol], true);
        let crypto =
            QuicServerConfig::try_from(tls).map_err(|error| failed(io::Error::other(error)))?;
        let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
        config.transport_config(Arc::new(quic::transport()));
        let runtime = Arc::new(TokioRuntime);
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime);
        let endpoint = endpoint.map_err(failed)?;
        let bound = local(endpoint.local_addr(), address)?;
        let places = self.places.clone();
        let serving = quic::serve(endpoint, transport, Arc::clone(&self.service), places);
        self.tasks.spawn(serving);
        Ok(bound)
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

fn tcp_listener(address: SocketAddr) -> Result<TcpListener, ListenError> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bind().map_err(|error| ListenError {
        what: "TCP",
        address,
        error,
    })
}

fn udp_socket(address: SocketAddr) -> Result<std::net::UdpSocket, ListenError> {
    let bound = udp::bind(address, 1).map(|mut sockets| sockets.remove(0).into());
    bound.map_err(|error| ListenError {
        what: "UDP",
        address,
        error,
    })
}

fn local(bound: io::Result<SocketAddr>, asked: SocketAddr) -> Result<SocketAddr, ListenError> {
    bound.map_err(|error| ListenError {
        what: "a socket's own address",
        address: asked,
        error,
    })
}
