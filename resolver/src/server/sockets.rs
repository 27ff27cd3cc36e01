//! The sockets of the listeners: those that were handed over by whoever started the program, else opened here.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::listen::ListenError;
use super::udp;

/// Connections that the system holds while they wait to be taken.
const BACKLOG: i32 = 1024;

/// Sockets that somebody else opened, a service manager say, for the listeners that they are of. Those listen there, and nowhere else.
#[derive(Debug, Default)]
pub struct Handed {
    /// DNS, over UDP and TCP.
    pub dns: Sockets,
    /// DoT, over TCP.
    pub dot: Sockets,
    /// DoQ, over UDP.
    pub doq: Sockets,
    /// DoH: HTTP/2 over TCP, HTTP/3 over UDP.
    pub doh: Sockets,
}

/// Sockets of one listener.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Those that listen.
    pub tcp: Vec<TcpListener>,
    /// Those that datagrams come to.
    pub udp: Vec<UdpSocket>,
}

impl Sockets {
    fn is_empty(&self) -> bool {
        self.tcp.is_empty() && self.udp.is_empty()
    }

    /// Where the first of them is.
    pub(super) fn address(&self) -> Result<Option<SocketAddr>, ListenError> {
        let tcp = self.tcp.first().map(TcpListener::local_addr);
        let first = tcp.or_else(|| self.udp.first().map(UdpSocket::local_addr));
        first.map(at).transpose()
    }

    /// What was handed over, else sockets at an address: one of TCP where `tcp` says so, and so many of UDP. None where there is no
    /// address either.
    pub(super) fn or_open(
        self,
        address: Option<SocketAddr>,
        tcp: bool,
        udp: usize,
    ) -> Result<Self, ListenError> {
        let Some(address) = address.filter(|_| self.is_empty()) else {
            return Ok(self);
        };
        let mut opened = Self::default();
        // Where the port is free to choose, UDP takes the one that TCP got.
        let mut address = address;
        if tcp {
            let listener = listen_tcp(address)?;
            address = at(listener.local_addr())?;
            opened.tcp.push(listener);
        }
        if udp > 0 {
            let sockets = udp::bind(address, udp).map_err(|error| ListenError {
                what: "UDP",
                address,
                error,
            })?;
            opened.udp = sockets.into_iter().map(Into::into).collect();
        }
        Ok(opened)
    }

    /// As many sockets of UDP as there are threads to answer: those of one address share what comes in.
    pub(super) fn shared_udp(udp: Vec<UdpSocket>, threads: usize) -> io::Result<Vec<Socket>> {
        let given = udp.len().max(1);
        let mut sockets = Vec::with_capacity(threads.max(given));
        for socket in udp {
            for _ in 1..threads.div_ceil(given) {
                sockets.push(socket.try_clone()?.into());
            }
            sockets.push(socket.into());
        }
        Ok(sockets)
    }
}

fn listen_tcp(address: SocketAddr) -> Result<TcpListener, ListenError> {
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
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(TcpListener::from(socket))
    };
    bind().map_err(|error| ListenError {
        what: "TCP",
        address,
        error,
    })
}

/// Where a socket is.
fn at(address: io::Result<SocketAddr>) -> Result<SocketAddr, ListenError> {
    address.map_err(|error| ListenError {
        what: "a socket's own address",
        address: ([0, 0, 0, 0], 0).into(),
        error,
    })
}
