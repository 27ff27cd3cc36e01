//! The parts of an answer that are made for who asks: the head, the question, the OPT record. Pure.

use hickory_proto::op::ResponseCode;

use super::query::Query;
use crate::transport::Transport;

/// A message without TCP's length has this many bytes at most, whatever it is sent over.
pub(super) const MESSAGE_BYTES_MAX: usize = 65_535;

/// What an answer is fitted to, besides the query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit<'a> {
    pub(crate) transport: Transport,
    /// Now, in the seconds that packets count.
    pub(crate) now: u32,
    /// The cookie for this client.
    pub(crate) cookie: Option<&'a [u8]>,
    /// This server's name, for who asks for it.
    pub(crate) nsid: &'a [u8],
}

/// The head and the question of an answer; how many records follow is written when they are there.
pub(super) fn write_head(
    query: &Query<'_>,
    rcode: ResponseCode,
    verified: bool,
    out: &mut Vec<u8>,
) {
    let [high, low] = query.flags();
    out.extend_from_slice(&query.id());
    // QR, opcode and RD as they came; then RA, AD, and CD as it came.
    let flags = [
        0x80 | (high & 0x79),
        0x80 | (u8::from(verified) << 5) | (low & 0x10) | rcode.low(),
    ];
    out.extend_from_slice(&flags);
    let questions = u8::from(!query.question().is_empty());
    out.extend_from_slice(&[0, questions, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(query.question());
}

/// The OPT record of an answer.
pub(super) struct Options<'a> {
    pub(super) query: &'a Query<'a>,
    pub(super) rcode: ResponseCode,
    pub(super) error: Option<(u16, &'a [u8])>,
    pub(super) fit: &'a Fit<'a>,
}

impl Options<'_> {
    /// Behind the sections of a message. RFC 6891 section 6.1.1: only who sent an OPT gets one.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        use crate::edns::{ANSWER_PADDING_BYTES, UDP_ANSWER_BYTES_MAX, VERSION};
        const NSID: u16 = 3;
        const COOKIE: u16 = 10;
        const PADDING: u16 = 12;
        const EXTENDED_ERROR: u16 = 15;
        const OPTION_HEAD_BYTES: usize = 4;
        let Some(asked) = &self.query.edns else {
            return;
        };
        out[10..12].copy_from_slice(&1_u16.to_be_bytes());
        // The root, OPT, our size, the high bits of the code, the version; RFC 3225 section 3: DO comes back as it was sent.
        out.extend_from_slice(&[0, 0, 41]);
        out.extend_from_slice(&UDP_ANSWER_BYTES_MAX.to_be_bytes());
        out.extend_from_slice(&[
            self.rcode.high(),
            VERSION,
            u8::from(asked.dnssec_ok) << 7,
            0,
            0,
            0,
        ]);
        let options_at = out.len();
        let head = |out: &mut Vec<u8>, code: u16, length: usize| {
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(&(length as u16).to_be_bytes());
        };
        if let Some((code, text)) = self.error {
            head(out, EXTENDED_ERROR, 2 + text.len());
            out.extend_from_slice(&code.to_be_bytes());
            out.extend_from_slice(text);
        }
        if let Some(cookie) = self.fit.cookie {
            head(out, COOKIE, cookie.len());
            out.extend_from_slice(cookie);
        }
        if asked.nsid && !self.fit.nsid.is_empty() {
            head(out, NSID, self.fit.nsid.len());
            out.extend_from_slice(self.fit.nsid);
        }
        // RFC 7830, RFC 8467: answers that the path cannot see into come in few lengths, where who asks pads too.
        if asked.padding && self.fit.transport.is_encrypted() {
            let least = out.len() + OPTION_HEAD_BYTES;
            let padded = least
                .next_multiple_of(ANSWER_PADDING_BYTES)
                .min(MESSAGE_BYTES_MAX);
            if let Some(zeros) = padded.checked_sub(least) {
                head(out, PADDING, zeros);
                out.resize(padded, 0);
            }
        }
        let length = (out.len() - options_at) as u16;
        out[options_at - 2..options_at].copy_from_slice(&length.to_be_bytes());
    }
}

/// The answer to what is not answered: how it went, and nothing else.
pub(super) fn refuse(query: &Query<'_>, rcode: ResponseCode, fit: &Fit<'_>, out: &mut Vec<u8>) {
    out.clear();
    write_head(query, rcode, false, out);
    let options = Options {
        query,
        rcode,
        error: None,
        fit,
    };
    options.write(out);
}

/// Says that there is more than was sent: who reads it asks again over TCP.
pub(super) fn cut_short(out: &mut [u8]) {
    out[2] |= 0x02;
}
