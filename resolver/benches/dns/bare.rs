//! The limit: a responder that does nothing but take datagrams, look for the question in a map and send the answer that it has.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::thread;

use ahash::RandomState;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg,
};
use socket2::Socket;

use super::names;

const BATCH: usize = 32;
const QUERY_BYTES_MAX: usize = 512;

/// Names that begin with this are met with silence, as by an upstream that is dead.
const SILENT: u8 = b'd';

/// What follows the question, under the question.
pub(crate) type Answers = HashMap<Vec<u8>, Vec<u8>, RandomState>;

/// The answers to an A of so many names below `example.com`.
pub(crate) fn answers(count: usize) -> Answers {
    let answer = |number| {
        let label = names::label(number);
        let mut question = vec![label.len() as u8];
        question.extend(label.as_bytes());
        question.extend(b"\x07example\x03com\0\0\x01\0\x01");
        let mut answer = b"\xc0\x0c\0\x01\0\x01\0\x01\x51\x80\0\x04".to_vec();
        answer.extend(names::address(number));
        (question, answer)
    };
    (0..count).map(answer).collect()
}

/// Answers for ever. Whatever else is not in the map gets one address: as an upstream it must know all names.
pub(crate) fn serve(socket: &Socket, answers: &Answers) {
    let fd = socket.as_raw_fd();
    let mut queries = Box::new([[0; QUERY_BYTES_MAX]; BATCH]);
    let mut replies: [Vec<u8>; BATCH] = [const { Vec::new() }; BATCH];
    let mut came = [(0, None::<SockaddrStorage>); BATCH];
    let mut to = [None; BATCH];
    let mut received = MultiHeaders::preallocate(BATCH, None);
    let mut sent = MultiHeaders::preallocate(BATCH, None);
    loop {
        let mut count = 0;
        {
            let mut slices = queries.each_mut().map(|query| [IoSliceMut::new(query)]);
            let flags = MsgFlags::MSG_WAITFORONE;
            let Ok(batch) = recvmmsg(fd, &mut received, slices.iter_mut(), flags, None) else {
                continue;
            };
            for message in batch {
                came[count] = (message.bytes, message.address);
                count += 1;
            }
        }
        let mut ready = 0;
        for (query, (length, from)) in queries.iter().zip(came).take(count) {
            if !write_reply(&query[..length], answers, &mut replies[ready]) {
                continue;
            }
            to[ready] = from;
            ready += 1;
        }
        let slices = replies.each_ref().map(|reply| [IoSlice::new(reply)]);
        let none: [ControlMessage<'_>; 0] = [];
        let _ = sendmmsg(
            fd,
            &mut sent,
            slices[..ready].iter(),
            &to[..ready],
            none,
            MsgFlags::empty(),
        );
    }
}

/// The same over TCP, for servers that ask their upstream as they were asked themselves: a thread a connection, no thought for speed.
pub(crate) fn serve_tcp(listener: &TcpListener, answers: &Arc<Answers>) {
    for stream in listener.incoming() {
        let (Ok(mut stream), answers) = (stream, Arc::clone(answers)) else {
            continue;
        };
        thread::spawn(move || {
            let (mut head, mut reply) = ([0; 2], Vec::new());
            while stream.read_exact(&mut head).is_ok() {
                let mut query = vec![0; usize::from(u16::from_be_bytes(head))];
                if stream.read_exact(&mut query).is_err()
                    || !write_reply(&query, &answers, &mut reply)
                {
                    return;
                }
                let length = (reply.len() as u16).to_be_bytes();
                if stream.write_all(&[&length[..], &reply].concat()).is_err() {
                    return;
                }
            }
        });
    }
}

/// The answer to a query, if there is to be one.
fn write_reply(query: &[u8], answers: &Answers, reply: &mut Vec<u8>) -> bool {
    let name = query.get(12..).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == 0);
    let Some(question) = end.and_then(|end| name.get(..end + 5)) else {
        return false;
    };
    let is_silent = |first: &u8| first.eq_ignore_ascii_case(&SILENT);
    if question.get(1).is_some_and(is_silent) {
        return false;
    }
    reply.clear();
    reply.extend_from_slice(&query[..2]);
    reply.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend_from_slice(question);
    match answers.get(question) {
        Some(answer) => reply.extend_from_slice(answer),
        None => {
            reply.extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\x01\x51\x80\0\x04\xc6\x33\x64\x01")
        }
    }
    true
}
