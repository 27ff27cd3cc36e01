//! Requests under way, in both directions, with their deadlines.

use std::collections::{BTreeMap, HashMap};

use libp2p::PeerId;

use super::exchange::{Channel, RequestId};
use crate::dht::core::{ANSWER_MS_MAX, Asked, Inbound};
use crate::dht::message::Response;

/// Requests of peers that wait for an answer. The core answers most at once; those that wait for the disk are this many at most.
pub(super) const INBOUND_MAX: usize = 1_024;

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    asked: HashMap<RequestId, Question>,
    inbound: BTreeMap<Inbound, Pending>,
    next: u64,
}

/// A request of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) asked: Asked,
    pub(super) to: PeerId,
    pub(super) kind: &'static str,
    since_ms: u64,
}

/// A request of a peer's.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) channel: Channel<Response>,
    pub(super) kind: &'static str,
}

impl Exchanges {
    pub(super) fn ask(
        &mut self,
        id: RequestId,
        asked: Asked,
        to: PeerId,
        kind: &'static str,
        now_ms: u64,
    ) {
        let since_ms = now_ms;
        let question = Question {
            asked,
            to,
            kind,
            since_ms,
        };
        self.asked.insert(id, question);
    }

    /// An answer, or the news that none comes. None when it is too late for either.
    pub(super) fn asked(&mut self, id: &RequestId) -> Option<Question> {
        self.asked.remove(id)
    }

    /// Takes out what has waited too long.
    pub(super) fn overdue(&mut self, now_ms: u64) -> Vec<Question> {
        let mut overdue: Vec<_> = self
            .asked
            .extract_if(|_, question| now_ms >= question.since_ms + ANSWER_MS_MAX)
            .map(|(_, question)| question)
            .collect();
        // The map has an order of its own in each process; the core's inputs have not.
        overdue.sort_by_key(|question| question.asked);
        overdue
    }

    /// A peer asks; the way to answer it comes back when too many wait already.
    pub(super) fn open(
        &mut self,
        channel: Channel<Response>,
        kind: &'static str,
    ) -> Result<Inbound, Channel<Response>> {
        if self.inbound.len() >= INBOUND_MAX {
            return Err(channel);
        }
        let inbound = Inbound(self.next);
        self.next += 1;
        self.inbound.insert(inbound, Pending { channel, kind });
        Ok(inbound)
    }

    pub(super) fn answer(&mut self, inbound: Inbound) -> Option<Pending> {
        self.inbound.remove(&inbound)
    }

    /// Takes out those whose asker has gone, so that silence of the core's costs nothing.
    pub(super) fn gone(&mut self) -> Vec<Pending> {
        let gone = |_: &Inbound, pending: &mut Pending| !pending.channel.is_open();
        let gone = self.inbound.extract_if(.., gone);
        gone.map(|(_, pending)| pending).collect()
    }
}
