//! The limit: a responder that does nothing but take datagrams, look for the question in a map and send the answer that it has.

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

use ahash::RandomState;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg,
};
use socket2::Socket;

use super::names;

const BATCH: usize = 32;
const QUERY_BYTES_MAX: usize = 512;

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

/// Answers for ever. Whatever is not in the map is answered as if it were the first name: as an upstream it must know all.
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
            let query = &query[..length];
            let Some(end) = query
                .get(12..)
                .and_then(|rest| rest.iter().position(|byte| *byte == 0))
            else {
                continue;
            };
            let Some(question) = query.get(12..12 + end + 5) else {
                continue;
            };
            let reply = &mut replies[ready];
            reply.clear();
            reply.extend_from_slice(&query[..2]);
            reply.extend_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            reply.extend_from_slice(question);
            match answers.get(question) {
                Some(answer) => reply.extend_from_slice(answer),
                None => reply
                    .extend_from_slice(b"\xc0\x0c\0\x01\0\x01\0\x01\x51\x80\0\x04\xc6\x33\x64\x01"),
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
