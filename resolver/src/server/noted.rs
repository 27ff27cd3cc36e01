//! What is noted of each query while it is answered: numbers always, and a line in the query log where there is one.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::op::ResponseCode;
use tokio::time::Instant;

use super::metrics::{Provenance, Verdict};
use super::packet::{Kind, Packet};
use super::query::{Query, Wrong};
use super::querylog::{Answered, QueryLog};
use super::rules::InForce;
use super::said::{Said, Whence};
use super::service::{Client, Missing, Service, Written};
use crate::answer::extended;
use crate::transport::Transport;

/// A query that came in, or the batch that it came with.
pub(super) struct Arrived<'a> {
    pub(super) client: Client,
    pub(super) now_ms: u64,
    pub(super) since: Instant,
    /// The rules that it is answered by.
    pub(super) rules: &'a Arc<InForce>,
}

impl<'a> Arrived<'a> {
    pub(super) fn now(service: &Service, client: Client, rules: &'a Arc<InForce>) -> Self {
        let since = Instant::now();
        Self {
            client,
            now_ms: service.ms_at(since),
            since,
            rules,
        }
    }
}

/// RFC 8914 section 4.13.
const NSEC_MISSING: u16 = 12;

/// Bit of the head's fourth byte: AD.
const VERIFIED: u8 = 0x20;

impl Service {
    /// So many queries came in over a transport.
    pub(super) fn were_asked(&self, transport: Transport, queries: u64) {
        self.metrics.asked(transport, queries);
    }

    /// A query was answered at once, with `out`.
    pub(super) fn was_said(&self, bytes: &[u8], arrived: &Arrived<'_>, said: &Written, out: &[u8]) {
        let took = arrived.since.elapsed();
        self.metrics.answered(said.from, said.rcode, took);
        self.write_down(bytes, arrived, Some((said, out)));
    }

    /// A query that had to be worked on was answered.
    pub(super) fn was_found(&self, missing: &Missing, said: &Written, out: &[u8]) {
        let arrived = Arrived {
            client: missing.client,
            now_ms: 0,
            since: missing.since,
            rules: &missing.rules,
        };
        self.was_said(&missing.bytes, &arrived, said, out);
    }

    /// A line in the query log, where there is one, of a query and its answer; silence may be the answer.
    pub(super) fn write_down(
        &self,
        bytes: &[u8],
        arrived: &Arrived<'_>,
        answer: Option<(&Written, &[u8])>,
    ) {
        if let Some(log) = &arrived.rules.rules.query_log {
            note(log, bytes, arrived, answer, arrived.since.elapsed());
        }
    }

    /// Sources or upstreams said this.
    pub(super) fn was_learned(&self, kind: Kind, said: &Said) {
        if said.whence == Whence::Local {
            // Nobody was asked.
            return;
        }
        let code = said.extended.as_ref().map(|extended| extended.code);
        if kind == Kind::Ordinary
            && let Some(verdict) = verdict(said, code)
        {
            self.metrics.judged(verdict);
        }
        let unreached = [extended::NETWORK, extended::NO_REACHABLE_AUTHORITY];
        let is_unreached = code.is_some_and(|code| unreached.contains(&code));
        match said.rcode {
            ResponseCode::NoError | ResponseCode::NXDomain => {
                self.metrics.asked_others(kind == Kind::Ours, true);
            }
            ResponseCode::ServFail if is_unreached => {
                self.metrics.asked_others(kind == Kind::Ours, false);
            }
            _ => {}
        }
        if said.rcode == ResponseCode::ServFail {
            self.counters.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn note(
    log: &QueryLog,
    bytes: &[u8],
    arrived: &Arrived<'_>,
    answer: Option<(&Written, &[u8])>,
    took: Duration,
) {
    // What has no question that can be read is counted, and has nothing to write down.
    let (Ok(query) | Err(Wrong::Refused(query, _))) = Query::parse(bytes) else {
        return;
    };
    let Some((name, [high, low, ..])) = query.question().split_last_chunk::<4>() else {
        return;
    };
    let Ok(name) = WireName::from_wire(&name.to_ascii_lowercase()) else {
        return;
    };
    let verified = answer.and_then(|(_, out)| out.get(3));
    log.note(Answered {
        at: SystemTime::now() - took,
        client: arrived.client.address,
        transport: arrived.client.transport,
        name,
        rtype: RecordType(u16::from_be_bytes([*high, *low])),
        rcode: answer.map(|(said, _)| said.rcode),
        from: answer.map_or(Provenance::Refused, |(said, _)| said.from),
        took,
        verified: verified.is_some_and(|flags| flags & VERIFIED != 0),
        extended: answer.and_then(|(said, _)| said.extended),
    });
}

/// What validation showed; nothing where it was no answer of a zone.
fn verdict(said: &Said, code: Option<u16>) -> Option<Verdict> {
    // RFC 8914: 6 to 12 are what can be wrong with signatures, keys and proofs of absence.
    let is_bogus = |code| (extended::BOGUS..=NSEC_MISSING).contains(&code);
    match said.rcode {
        _ if said.verified => Some(Verdict::Secure),
        ResponseCode::ServFail => code.is_some_and(is_bogus).then_some(Verdict::Bogus),
        ResponseCode::NoError | ResponseCode::NXDomain => Some(Verdict::Insecure),
        _ => None,
    }
}

impl Packet {
    /// Where an answer with this packet comes from, as it was kept or is new.
    pub(super) fn provenance(&self, cached: bool) -> Provenance {
        let stale = [extended::STALE, extended::STALE_NXDOMAIN];
        match (self.kind(), cached) {
            _ if self.error().is_some_and(|code| stale.contains(&code)) => Provenance::Stale,
            _ if self.rcode() == ResponseCode::Refused => Provenance::Refused,
            _ if self.whence() == Whence::Local => Provenance::Local,
            (Kind::Ours, true) => Provenance::OursCached,
            (Kind::Ours, false) => Provenance::OursMiss,
            (Kind::Ordinary, true) => Provenance::OrdinaryCached,
            (Kind::Ordinary, false) => Provenance::OrdinaryMiss,
        }
    }
}
