//! Queries that get no answer to what they ask: who may not ask, what is no query, and who asks too often over UDP, where whoever
//! is answered may be somebody else than who asked. What goes out there is limited whatever it says, so that nothing is a reflector.

use core::net::IpAddr;

use hickory_proto::op::ResponseCode;

use super::cookie::{COOKIE_BYTES, Cookie};
use super::limits::Verdict;
use super::message::{self, Fit};
use super::noted::Arrived;
use super::query::{Query, Wrong};
use super::service::{Begun, Service, Written, count};
use crate::transport::Transport;

impl Service {
    /// The cookie for the answer, and whether the query has one that we gave to its address.
    pub(super) fn cookie(
        &self,
        query: &Query<'_>,
        address: IpAddr,
    ) -> Result<(Option<[u8; COOKIE_BYTES]>, bool), ResponseCode> {
        let Some(cookie) = query.edns.and_then(|edns| edns.cookie) else {
            return Ok((None, false));
        };
        let now = self.resolver.now();
        match self.cookies.read(cookie, address, now) {
            Cookie::Malformed => Err(ResponseCode::FormErr),
            Cookie::Client { client, known } => {
                Ok((Some(self.cookies.make(&client, address, now)), known))
            }
        }
    }

    /// Whether one more answer may go out over UDP. `known` is whose cookie shows that his address is his own; nobody elsewhere can
    /// ask in the name of this machine's own addresses.
    pub(super) fn limit(&self, arrived: &Arrived<'_>, known: bool) -> Verdict {
        let client = &arrived.client;
        if client.transport != Transport::Udp || known || client.address.is_loopback() {
            return Verdict::Answer;
        }
        let verdict = arrived.rules.limits.take(client.address, arrived.now_ms);
        if verdict != Verdict::Answer {
            count(&self.counters.limited);
        }
        verdict
    }

    /// Says why a query is not answered, as often as its network may be answered; beyond that nothing, as TC would help nobody.
    pub(super) fn refuse(
        &self,
        query: &Query<'_>,
        rcode: ResponseCode,
        arrived: &Arrived<'_>,
        fit: &Fit<'_>,
        out: &mut Vec<u8>,
    ) -> Begun {
        match self.limit(arrived, false) {
            Verdict::Answer => refused(query, rcode, fit, out),
            Verdict::Slip | Verdict::Drop => Begun::Silence,
        }
    }
}

/// Over UDP whoever asks may be somebody else: silence reflects nothing.
pub(super) fn not_allowed(bytes: &[u8], fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
    match Query::parse(bytes) {
        Ok(query) | Err(Wrong::Refused(query, _)) if fit.transport != Transport::Udp => {
            refused(&query, ResponseCode::Refused, fit, out)
        }
        _ => Begun::Silence,
    }
}

/// An empty answer with TC: who is there in truth asks again over TCP.
pub(super) fn slipped(query: &Query<'_>, fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
    let begun = refused(query, ResponseCode::NoError, fit, out);
    message::cut_short(out);
    begun
}

fn refused(query: &Query<'_>, rcode: ResponseCode, fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
    message::refuse(query, rcode, fit, out);
    Begun::Said(Written::refused(rcode))
}
