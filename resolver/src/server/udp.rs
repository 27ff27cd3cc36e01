//! DNS over UDP: sockets that share a port, and a bound on what waits.

use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::service::{Client, Service};
use crate::transport::Transport;

/// The longest query: no question and no options that are of use take more, and a datagram of a fragment's size is enough.
const QUERY_BYTES_MAX: usize = 4096;

/// Queries of one socket that are under way. What comes beyond waits in the system's buffer, and is lost there when that is full.
const UNDER_WAY_MAX: usize = 512;

/// Room in the system for bursts.
const BUFFER_BYTES: usize = 4 << 20;

/// Sockets on one address: the system spreads the clients over them.
pub(super) fn bind(address: SocketAddr, count: usize) -> std::io::Result<Vec<UdpSocket>> {
    let mut sockets: Vec<UdpSocket> = Vec::with_capacity(count);
    for _ in 0..count.max(1) {
        // Those after the first take the port that the first was given.
        let address = match sockets.first() {
            Some(first) => first.local_addr()?,
            None => address,
        };
        sockets.push(bind_one(address, count > 1)?);
    }
    Ok(sockets)
}

fn bind_one(address: SocketAddr, shared: bool) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    if address.is_ipv6() {
        // IPv4 has a socket of its own.
        socket.set_only_v6(true)?;
    }
    // The system may allow less, which only makes bursts shorter.
    let _ = socket.set_recv_buffer_size(BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Answers what comes in on a socket, for ever.
pub(super) async fn serve(socket: UdpSocket, service: Arc<Service>) {
    let socket = Arc::new(socket);
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut under_way = JoinSet::new();
    let mut buffer = vec![0; QUERY_BYTES_MAX];
    loop {
        while under_way.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (length, from) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An error of an earlier answer (ICMP) shows here; the socket goes on. One that lasts must not spin.
            Err(_) => {
                tokio::task::yield_now().await;
                continue;
            }
        };
        let query = buffer[..length].to_vec();
        let (service, socket) = (Arc::clone(&service), Arc::clone(&socket));
        under_way.spawn(async move {
            let client = Client {
                address: from.ip(),
                transport: Transport::Udp,
            };
            if let Some(reply) = service.answer(&query, client).await {
                // Nobody waits for an answer that cannot be sent.
                let _ = socket.send_to(&reply.bytes, from).await;
            }
            drop(place);
        });
    }
}
