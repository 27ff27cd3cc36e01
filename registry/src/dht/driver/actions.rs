//! What the core decided, done.

use libp2p::PeerId;
use libp2p::gossipsub::PublishError;

use super::actor::Actor;
use super::gossip::{Verdict, topic};
use super::metrics::kind;
use crate::dht::core::{self, Action, Asked, Failure, Inbound, Input, Offence, Writing, Written};
use crate::dht::message::{Announcement, Expected, Request, Response, Summary};
use crate::dht::peer::{Contact, Peer, Position};
use dotkey_proto::record::{Record, Verified};

/// Peers cut off at once. An attacker makes new identities as it likes, so the longest kept make room: they are the oldest news.
const CUT_OFF_MAX: usize = 4_096;

impl Actor {
    /// Does one thing. What comes of it at once is the next input.
    pub(super) fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Ask { asked, to, request } => return self.ask(asked, &to, request),
            Action::Answer { inbound, response } => self.answer(inbound, response),
            Action::Write {
                writing,
                record,
                expected,
            } => return self.write(writing, record, expected),
            Action::Verify { verifying, bytes } => {
                let now = self.now().calendar;
                self.verifier.submit(verifying, bytes, now);
            }
            Action::Announce(announcement) => self.announce(&announcement),
            Action::Judge {
                announcement,
                verdict,
            } => self.let_go(&announcement, verdict),
            Action::Changed(record) => self.changed(*record),
            Action::Progress { job, stored, of } => self.jobs.progress(job, stored, of),
            Action::Done { job, outcome } => self.jobs.done(job, outcome),
            Action::Look { peer } => self.look_at(&peer),
            Action::CutOff {
                peer,
                until_ms,
                offence,
            } => return self.cut_off(&peer, until_ms, offence),
        }
        None
    }

    fn ask(&mut self, asked: Asked, to: &Contact, request: Request) -> Option<Input> {
        let Some(peer) = peer_id(&to.peer) else {
            let failure = Failure::Unreachable;
            return Some(Input::Failed { asked, failure });
        };
        let kind = kind(&request);
        let addresses = self.trust.of_contact(to);
        let records = &mut self.swarm.behaviour_mut().records;
        let id = records.ask(&peer, request, addresses);
        let now_ms = self.now().ms;
        self.exchanges.ask(id, asked, peer, kind, now_ms);
        None
    }

    fn answer(&mut self, inbound: Inbound, response: Response) {
        let Some(pending) = self.exchanges.answer(inbound) else {
            return;
        };
        if !pending.channel.is_open() {
            self.metrics.unanswered(pending.kind, "lost");
            return;
        }
        self.metrics.answered(pending.kind, &response);
        pending.channel.answer(response);
    }

    fn write(
        &mut self,
        writing: Writing,
        record: Box<Verified<Record>>,
        expected: Expected,
    ) -> Option<Input> {
        let now = self.now().calendar;
        let submitted = self.writer.submit(writing, record, expected, now);
        submitted.err().map(|refusal| Input::Written {
            writing,
            result: Written::Refused(refusal),
        })
    }

    fn announce(&mut self, announcement: &Announcement) {
        // Someone else's message with the same bytes may wait here for just this.
        if self.let_on(announcement) {
            return;
        }
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        let result = match gossip.publish(topic(announcement), announcement.encode()) {
            Ok(_) => "published",
            Err(PublishError::Duplicate) => "known",
            // The neighbours are told by reconciliation.
            Err(PublishError::NoPeersSubscribedToTopic) => "alone",
            Err(error) => {
                tracing::debug!(%error, "an announcement is not published");
                "failed"
            }
        };
        self.metrics.announcement(result);
    }

    fn changed(&mut self, record: Verified<Record>) {
        self.let_on(&announcement_of(&record));
        // Nobody may be listening.
        let _ = self.changes.send(record);
    }

    /// Passes on the announcement that waits for a record which is now verified, if there is one.
    fn let_on(&mut self, announcement: &Announcement) -> bool {
        let verdict = self.waiting.verified(announcement);
        verdict.is_some_and(|verdict| {
            self.judge(verdict);
            true
        })
    }

    /// Lets the message go that says this.
    fn let_go(&mut self, announcement: &Announcement, verdict: core::Verdict) {
        use libp2p::gossipsub::MessageAcceptance;
        let acceptance = match verdict {
            core::Verdict::PassOn => MessageAcceptance::Accept,
            core::Verdict::Drop => MessageAcceptance::Ignore,
            core::Verdict::Refuse => MessageAcceptance::Reject,
        };
        if let Some(verdict) = self.waiting.judged(announcement, acceptance) {
            self.judge(verdict);
        }
    }

    /// Tells gossip what became of a message.
    pub(super) fn judge(&mut self, (id, from, acceptance): Verdict) {
        use libp2p::gossipsub::MessageAcceptance;
        self.metrics.announcement(match acceptance {
            MessageAcceptance::Accept => "passed_on",
            MessageAcceptance::Ignore => "ignored",
            MessageAcceptance::Reject => "rejected",
        });
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        gossip.report_message_validation_result(&id, &from, acceptance);
    }

    fn cut_off(&mut self, peer: &Peer, until_ms: u64, offence: Offence) -> Option<Input> {
        let id = peer_id(peer)?;
        tracing::warn!(peer = %id, "cut off: it {offence}");
        self.metrics.cut_off(offence);
        if self.cut_off.len() >= CUT_OFF_MAX
            && let Some(soonest) = self.cut_off.iter().min_by_key(|(_, until)| **until)
        {
            let soonest = *soonest.0;
            self.readmit(&soonest);
        }
        self.cut_off.insert(id, until_ms);
        self.swarm.behaviour_mut().blocked.block_peer(id);
        self.book.forget(&id);
        self.leave_table(peer).then_some(Input::TableChanged)
    }

    /// Lets a peer in again.
    pub(super) fn readmit(&mut self, id: &PeerId) {
        self.cut_off.remove(id);
        self.swarm.behaviour_mut().blocked.unblock_peer(*id);
    }
}

/// What is said of a record when it changes.
pub(super) fn announcement_of(record: &Record) -> Announcement {
    Announcement {
        key_id: record.key_id(),
        at: Position::of_record(record),
        summary: Summary::of(record),
    }
}

/// libp2p's name of a peer. Any 32 bytes make one, also such as are no key: those nobody can prove to be.
pub(super) fn peer_id(peer: &Peer) -> Option<PeerId> {
    PeerId::from_bytes(&peer.id_bytes()).ok()
}

/// The peer behind libp2p's name, if its key is of the kind that this network has.
pub(super) fn peer(id: &PeerId) -> Option<Peer> {
    Peer::from_id_bytes(&id.to_bytes())
}
