//! DNS over UDP: sockets that share a port, a thread for each.
//!
//! A thread takes what has come in at once, answers what is kept, sends those answers at once, and goes on: it neither allocates nor
//! locks nor waits for anybody. What is not kept is for the tasks, which send its answers themselves.

mod hot;
mod worker;

use core::time::Duration;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use socket2::{Domain, Protocol, Socket, Type};

pub(super) use hot::Hot;
use worker::Worker;

use super::service::Service;

/// Room in the system for bursts.
const BUFFER_BYTES: usize = 4 << 20;

/// A thread that nothing comes to looks up after this.
const QUIET: Duration = Duration::from_millis(500);

/// Threads that answer.
#[derive(Debug, Default)]
pub(super) struct Workers {
    sockets: Vec<Arc<Socket>>,
    stopping: Arc<AtomicBool>,
}

impl Workers {
    /// A thread for each socket. What they cannot answer at once becomes tasks of this runtime.
    ///
    /// Sockets that are not `ours` are not shut down at the end: who handed them over gives them to the next one.
    pub(super) fn start(
        &mut self,
        sockets: Vec<Socket>,
        ours: bool,
        service: &Arc<Service>,
    ) -> io::Result<()> {
        let runtime = tokio::runtime::Handle::current();
        for socket in sockets {
            socket.set_nonblocking(false)?;
            socket.set_read_timeout(Some(QUIET))?;
            let socket = Arc::new(socket);
            let (at, stopping) = (Arc::clone(&socket), Arc::clone(&self.stopping));
            let (service, runtime) = (Arc::clone(service), runtime.clone());
            let work = move || {
                let worker = || Worker::new(Arc::clone(&at), Arc::clone(&service), runtime.clone());
                // A query that shows a fault of ours costs its batch, not the clients of this socket all those that follow.
                while catch_unwind(AssertUnwindSafe(|| worker().run(&stopping))).is_err() {}
            };
            thread::Builder::new()
                .name("dotkey-udp".to_owned())
                .spawn(work)?;
            if ours {
                self.sockets.push(socket);
            }
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for socket in &self.sockets {
            // Wakes the thread, though the system says that a socket without a peer has nothing to shut down.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Sockets on one address: the system spreads the clients over them.
pub(super) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<Socket>> {
    let mut sockets: Vec<Socket> = Vec::with_capacity(count);
    for _ in 0..count.max(1) {
        // Those after the first take the port that the first was given.
        let address = match sockets.first() {
            Some(first) => local(first)?,
            None => address,
        };
        sockets.push(bind_one(address, count > 1)?);
    }
    Ok(sockets)
}

/// Where a socket is.
fn local(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?.as_socket();
    address.ok_or_else(|| io::Error::other("a UDP socket has an IP address"))
}

fn bind_one(address: SocketAddr, shared: bool) -> io::Result<Socket> {
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
    Ok(socket)
}
