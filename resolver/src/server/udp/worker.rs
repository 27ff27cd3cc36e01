//! One thread and its socket: batches in, batches out.

use core::task::{Context, Poll, Waker};
use std::io::{IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg,
};
use socket2::Socket;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::hot::Hot;
use crate::server::service::{Begun, Client, Missing, Service};
use crate::transport::Transport;

/// Datagrams that are taken from the system, and given to it, at once.
const BATCH: usize = 32;

/// The longest query: no question and no options that are of use take more, and a datagram of a fragment's size is enough.
const QUERY_BYTES_MAX: usize = 4096;

/// Queries of one socket that wait for an answer that is not kept. Those beyond are told that it failed.
const UNDER_WAY_MAX: usize = 512;

pub(super) struct Worker {
    socket: Arc<Socket>,
    service: Arc<Service>,
    runtime: Handle,
    places: Arc<Semaphore>,
    hot: Hot,
    queries: Box<[[u8; QUERY_BYTES_MAX]; BATCH]>,
    /// How long each query is, and from where it came.
    came: [(usize, Option<SockaddrStorage>); BATCH],
    answers: [Vec<u8>; BATCH],
    /// To where each answer goes.
    to: [Option<SockaddrStorage>; BATCH],
}

impl Worker {
    pub(super) fn new(socket: Arc<Socket>, service: Arc<Service>, runtime: Handle) -> Self {
        Self {
            socket,
            service,
            runtime,
            places: Arc::new(Semaphore::new(UNDER_WAY_MAX)),
            hot: Hot::new(),
            queries: Box::new([[0; QUERY_BYTES_MAX]; BATCH]),
            came: [(0, None); BATCH],
            answers: [const { Vec::new() }; BATCH],
            to: [None; BATCH],
        }
    }

    /// Answers what comes in until it is told to stop.
    pub(super) fn run(mut self, stopping: &AtomicBool) {
        let mut received = MultiHeaders::preallocate(BATCH, None);
        let mut sent = MultiHeaders::preallocate(BATCH, None);
        while !stopping.load(Ordering::Relaxed) {
            match self.receive(&mut received) {
                0 => self.hot.sweep_all(),
                count => {
                    let answers = self.answer(count);
                    self.send(&mut sent, answers);
                    self.hot.sweep();
                }
            }
        }
    }

    /// Waits for queries, and says how many there are; none where it was quiet for a while.
    fn receive(&mut self, headers: &mut MultiHeaders<SockaddrStorage>) -> usize {
        let mut slices = self
            .queries
            .each_mut()
            .map(|query| [IoSliceMut::new(query)]);
        let fd = self.socket.as_raw_fd();
        // An error of an earlier answer (ICMP) shows here; the socket goes on.
        let Ok(batch) = recvmmsg(
            fd,
            headers,
            slices.iter_mut(),
            MsgFlags::MSG_WAITFORONE,
            None,
        ) else {
            return 0;
        };
        let mut count = 0;
        for (came, message) in self.came.iter_mut().zip(batch) {
            // What was cut is longer than any query.
            let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
            *came = (if whole { message.bytes } else { 0 }, message.address);
            count += 1;
        }
        count
    }

    /// Answers a batch as far as that needs no waiting, and says how many answers are to be sent.
    fn answer(&mut self, count: usize) -> usize {
        let now_ms = self.service.now_ms();
        let (mut answers, mut kept) = (0, 0);
        for at in 0..count {
            let (length, from) = self.came[at];
            let Some(address) = from.as_ref().and_then(address_of) else {
                continue;
            };
            let client = Client {
                address: address.ip(),
                transport: Transport::Udp,
            };
            let query = &self.queries[at][..length];
            let out = &mut self.answers[answers];
            let begun = self
                .service
                .begin(query, client, now_ms, Some(&mut self.hot), out);
            match begun {
                Begun::Silence => continue,
                Begun::Said(said) => {
                    kept += u64::from(said.from_kept);
                    if let Some(key) = said.renew {
                        let _runtime = self.runtime.enter();
                        self.service.renew(key);
                    }
                }
                Begun::Missing(missing) => {
                    if !self.work(missing, address, answers) {
                        continue;
                    }
                }
            }
            self.to[answers] = from;
            answers += 1;
        }
        self.service.count_queries(Transport::Udp, count as u64);
        self.service.count_kept(kept);
        answers
    }

    /// Works on a query whose answer is not kept. Says whether the answer is there, at its place among the answers; else a task sends it.
    fn work(&mut self, missing: Missing, to: SocketAddr, place: usize) -> bool {
        let out = &mut self.answers[place];
        let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() else {
            self.service.is_busy(&missing, out);
            return true;
        };
        let _runtime = self.runtime.enter();
        let may_be_quick = missing.may_be_quick;
        let service = Arc::clone(&self.service);
        let mut working = Box::pin(async move { service.finish(&missing).await });
        // A zone that is known needs nobody else: to wake a task for it would take longer than the answer.
        if may_be_quick
            && let Poll::Ready(reply) = working
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
        {
            *out = reply.bytes;
            return true;
        }
        let socket = Arc::clone(&self.socket);
        self.runtime.spawn(async move {
            let reply = working.await;
            // Nobody waits for an answer that cannot be sent.
            let flags = MsgFlags::MSG_DONTWAIT.bits();
            let _ = socket.send_to_with_flags(&reply.bytes, &to.into(), flags);
            drop(permit);
        });
        false
    }

    fn send(&mut self, headers: &mut MultiHeaders<SockaddrStorage>, count: usize) {
        let slices = self.answers.each_ref().map(|answer| [IoSlice::new(answer)]);
        let fd = self.socket.as_raw_fd();
        let mut from = 0;
        while from < count {
            let none: [ControlMessage<'_>; 0] = [];
            let sent = sendmmsg(
                fd,
                headers,
                slices[from..count].iter(),
                &self.to[from..count],
                none,
                MsgFlags::MSG_DONTWAIT,
            );
            from += match sent {
                Ok(sent) => sent.count().max(1),
                // No room: whoever is not answered asks again.
                Err(Errno::EAGAIN) => return,
                // This one cannot be sent.
                Err(_) => 1,
            };
        }
    }
}

fn address_of(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from
        .as_sockaddr_in()
        .map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| {
        from.as_sockaddr_in6()
            .map(|v6| SocketAddrV6::from(*v6).into())
    })
}
