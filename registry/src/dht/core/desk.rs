//! What every part of the core works with: the actions that come out, requests and writes under way, standings, and what has been noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dotkey_proto::record::{Record, SignedRecord, Verified};
use dotkey_proto::time::Timestamp;

use super::absent::Absent;
use super::allowance::{Allowance, Share};
use super::bounded::Recent;
use super::fresh::Fresh;
use super::lookup::{Lookup, SLOW_MS};
use super::pace::Pace;
use super::reconcile::{Fingerprint, Prefix, Shelf};
use super::serve::{VERIFYING_OF_KIND_MAX, VERIFYING_OF_ONE_MAX};
use super::standing::Standing;
use super::{
    ANSWER_MS_MAX, Action, Asked, Held, Inbound, Known, Now, Offence, Verifying, View, Writing,
};
use crate::dht::message::{Announcement, Expected, Request, Summary};
use crate::dht::peer::{Contact, Peer, Position};

/// Requests of ours on their way. Beyond it everyone counts as busy.
pub(super) const ASKED_MAX: usize = 4096;

/// Writes that wait for the disk. Beyond it peers are refused and repair waits.
pub(super) const WRITES_MAX: usize = 1024;

/// Newest records remembered, whether kept here or not.
const SEEN_MAX: usize = 65_536;

/// What a request of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A task's next step.
    Task(u64),
    /// A task's question for a record that was claimed.
    Claimed(u64),
    /// A task's put to a peer.
    Place(u64),
    /// A task's question to who told of what it looks for.
    Told(u64),
    /// A newer record given to a peer that had less.
    Repair { at: Position, summary: Summary },
    /// A comparison.
    Compare { round: u64 },
    /// A record that a comparison found missing here.
    Fetch { round: u64, at: Position },
    /// A record that a comparison found missing there.
    Push {
        round: u64,
        at: Position,
        summary: Summary,
    },
}

impl Purpose {
    fn share(self) -> Share {
        match self {
            Self::Task(_) => Share::Read,
            Self::Claimed(_) | Self::Place(_) | Self::Repair { .. } => Share::Write,
            Self::Told(_) => Share::News,
            Self::Compare { .. } | Self::Fetch { .. } | Self::Push { .. } => Share::Upkeep,
        }
    }
}

/// What became of a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Asking {
    /// It is on its way.
    Sent,
    /// As much is asked of this peer as it allows, or as much of all as may be: later, or another.
    Busy,
    /// It is cut off.
    CutOff,
}

/// A request of ours.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) to: Peer,
    pub(super) purpose: Purpose,
    pub(super) deadline_ms: u64,
}

impl Sent {
    pub(super) fn waited_ms(&self, now_ms: u64) -> u64 {
        let asked_ms = self.deadline_ms - ANSWER_MS_MAX;
        now_ms.saturating_sub(asked_ms)
    }
}

/// Who waits for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// A peer.
    Peer(Peer, Inbound),
    /// A put of ours.
    Task(u64),
    /// Nobody.
    Repair,
}

/// What is on its way to the disk.
#[derive(Clone, Debug)]
pub(super) struct Underway {
    pub(super) writer: Writer,
    pub(super) record: Box<Verified<Record>>,
}

/// What a record that is being verified beside the core came for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judged {
    /// A peer's put.
    Put(Examined),
    /// An answer to a question of a task.
    Answer { task: u64, from: Peer },
}

impl Judged {
    fn from(&self) -> Peer {
        match self {
            Self::Put(examined) => examined.from,
            Self::Answer { from, .. } => *from,
        }
    }

    fn is_put(&self) -> bool {
        matches!(self, Self::Put(_))
    }
}

/// A peer's put that is being verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Examined {
    pub(super) from: Peer,
    pub(super) inbound: Inbound,
    pub(super) expected: Expected,
}

/// How many records are being verified beside the core.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    pub(super) all: usize,
    pub(super) of_peer: usize,
}

/// The shared state.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) me: Peer,
    pub(super) here: Position,
    pub(super) out: Vec<Action>,
    pub(super) standing: Standing,
    pub(super) allowance: Allowance,
    pub(super) pace: Pace,
    pub(super) absent: Absent,
    pub(super) sent: BTreeMap<Asked, Sent>,
    pub(super) writes: BTreeMap<Writing, Underway>,
    pub(super) verifying: BTreeMap<Verifying, Judged>,
    /// The newest verified record that came to notice, by position. When it has expired, an older one may be in force again.
    pub(super) seen: Recent<Position, Known>,
    /// Records that came to notice just now.
    pub(super) fresh: Fresh,
    /// The newest that others announced, verified or not: a reason to look further, never an answer.
    pub(super) hinted: Recent<Position, Summary>,
    /// The last that was announced from here, or passed on.
    pub(super) announced: Recent<Position, Summary>,
    /// What a peer said it has on disk, because we gave it.
    pub(super) acknowledged: Recent<(Peer, Position), Summary>,
    /// Bits of the prefix that is this node's cell.
    pub(super) cell_bits: u32,
    numbers: u64,
}

/// The desk at one moment.
pub(super) struct Cx<'a> {
    pub(super) desk: &'a mut Desk,
    pub(super) now: Now,
    pub(super) view: &'a dyn View,
}

/// What became of a record's verification.
#[derive(Clone, Debug)]
pub enum Checked {
    /// It is what it says.
    Valid(Box<Verified<Record>>),
    /// Expired or not yet valid, in a word: by clocks that differ, this is nobody's fault.
    OutOfTime(&'static str),
    /// It is not, in a word.
    Invalid(&'static str),
}

/// `&dyn View` as a store to compare: the comparison takes a sized one.
pub(super) struct Shown<'a>(pub(super) &'a dyn View);

impl Shelf for Shown<'_> {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        self.0.fingerprint(prefix)
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        self.0.list(prefix, most)
    }
}

/// Verifies bytes that should be the record at a position, where that is known.
#[must_use]
pub fn check(bytes: &Arc<[u8]>, at: Option<&Position>, now: Timestamp) -> Checked {
    match SignedRecord::new(bytes.clone()).verify(now, None) {
        Ok(record) if at.is_none_or(|at| Position::of_record(&record) == *at) => {
            Checked::Valid(Box::new(record))
        }
        Ok(_) => Checked::Invalid("wrong-place"),
        Err(error) => match error.code() {
            code @ ("expired" | "not-yet-valid") => Checked::OutOfTime(code),
            code => Checked::Invalid(code),
        },
    }
}

impl Desk {
    pub(super) fn new(me: Peer) -> Self {
        Self {
            me,
            here: me.position(),
            out: Vec::new(),
            standing: Standing::default(),
            allowance: Allowance::default(),
            pace: Pace::default(),
            absent: Absent::default(),
            sent: BTreeMap::new(),
            writes: BTreeMap::new(),
            verifying: BTreeMap::new(),
            seen: Recent::new(SEEN_MAX),
            fresh: Fresh::default(),
            hinted: Recent::new(SEEN_MAX),
            announced: Recent::new(SEEN_MAX),
            acknowledged: Recent::new(SEEN_MAX),
            cell_bits: 0,
            numbers: 0,
        }
    }

    /// A number that was not given before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Cx<'_> {
    /// Asks a peer, within what it allows.
    pub(super) fn ask(&mut self, to: Contact, request: Request, purpose: Purpose) -> Asking {
        if self.is_cut_off(&to.peer) {
            return Asking::CutOff;
        }
        let (now_ms, share) = (self.now.ms, purpose.share());
        let full = self.desk.sent.len() >= ASKED_MAX;
        if full || !(self.desk.allowance).take(now_ms, to.peer, share, &request) {
            return Asking::Busy;
        }
        let asked = Asked(self.desk.number());
        let sent = Sent {
            to: to.peer,
            purpose,
            deadline_ms: self.now.ms.saturating_add(ANSWER_MS_MAX),
        };
        self.desk.sent.insert(asked, sent);
        self.desk.out.push(Action::Ask { asked, to, request });
        Asking::Sent
    }

    /// Has a record verified beside the core, unless enough of its kind are, or enough of that peer's. What one peer puts and what it answers is counted apart, so that
    /// neither takes the other's room.
    pub(super) fn verify(&mut self, judged: Judged, bytes: Arc<[u8]>) -> Option<Verifying> {
        let of_kind = self.verified_beside(&judged);
        let full = of_kind.all >= VERIFYING_OF_KIND_MAX || of_kind.of_peer >= VERIFYING_OF_ONE_MAX;
        if full {
            return None;
        }
        let verifying = Verifying(self.desk.number());
        self.desk.verifying.insert(verifying, judged);
        self.desk.out.push(Action::Verify { verifying, bytes });
        Some(verifying)
    }

    /// How many records of this kind are being verified.
    pub(super) fn verified_beside(&self, judged: &Judged) -> Beside {
        let same = |it: &&Judged| it.is_put() == judged.is_put();
        let of_kind = self.desk.verifying.values().filter(same);
        let of_peer = of_kind.clone().filter(|it| it.from() == judged.from());
        Beside {
            all: of_kind.count(),
            of_peer: of_peer.count(),
        }
    }

    /// A lookup that begins with those.
    pub(super) fn lookup(&self, at: Position, known: Vec<Contact>) -> Lookup {
        let pace = &self.desk.pace;
        Lookup::new(at, self.desk.me, known).paced(pace.patience_ms(), pace.silent(self.now.ms))
    }

    /// Notes who lets a question wait, and has those of the routing table looked at: if they are not there, they are to leave it.
    pub(super) fn note_silent(&mut self) {
        let late = |sent: &&Sent| sent.waited_ms(self.now.ms) >= SLOW_MS;
        let late: BTreeSet<Peer> = (self.desk.sent.values().filter(late))
            .map(|sent| sent.to)
            .collect();
        for peer in late {
            if self.is_met(&peer) && self.desk.pace.note_silent(self.now.ms, peer) {
                self.desk.out.push(Action::Look { peer });
            }
        }
    }

    pub(super) fn write(
        &mut self,
        record: Box<Verified<Record>>,
        expected: Expected,
        writer: Writer,
    ) {
        if writer == Writer::Repair && self.desk.writes.len() >= WRITES_MAX {
            // The disk is behind; reconciliation finds it again.
            return;
        }
        let writing = Writing(self.desk.number());
        let underway = Underway {
            writer,
            record: record.clone(),
        };
        self.desk.writes.insert(writing, underway);
        self.desk.out.push(Action::Write {
            writing,
            record,
            expected,
        });
    }

    pub(super) fn offend(&mut self, peer: Peer, offence: Offence) {
        if let Some(until_ms) = self.desk.standing.offend(self.now.ms, peer, offence) {
            self.desk.out.push(Action::CutOff {
                peer,
                until_ms,
                offence,
            });
        }
    }

    pub(super) fn is_cut_off(&self, peer: &Peer) -> bool {
        self.desk.standing.is_cut_off(self.now.ms, peer)
    }

    pub(super) fn is_connected(&self, peer: &Peer) -> bool {
        self.view.is_connected(peer)
    }

    /// Whether this node has met a peer itself: it is in the routing table.
    pub(super) fn is_met(&self, peer: &Peer) -> bool {
        let nearest = self.view.closest(&peer.position(), 1);
        nearest.first().is_some_and(|contact| contact.peer == *peer)
    }

    /// The closest that the routing table knows and that are not cut off.
    pub(super) fn closest(&self, at: &Position, count: usize) -> Vec<Contact> {
        let mut contacts = self.view.closest(at, count);
        contacts.retain(|it| it.peer != self.desk.me && !self.is_cut_off(&it.peer));
        contacts
    }

    /// What is kept here and has not expired.
    pub(super) fn held(&self, at: &Position) -> Option<Held> {
        let held = self.view.record(at)?;
        (held.expires > self.now.calendar).then_some(held)
    }

    /// The same, without reading the record.
    pub(super) fn known(&self, at: &Position) -> Option<Known> {
        let known = self.view.summary(at)?;
        (known.expires > self.now.calendar).then_some(known)
    }

    pub(super) fn in_cell(&self, at: &Position) -> bool {
        self.is_cell_of(at, &self.desk.here)
    }

    /// Whether a node there should have what is at a position, if cells are everywhere about as large as here.
    pub(super) fn is_cell_of(&self, at: &Position, node: &Position) -> bool {
        node.shared_bits(at) >= self.desk.cell_bits
    }

    /// What this node can give at a position: what it keeps, or what came just now and is newer.
    pub(super) fn given(&self, at: &Position) -> Option<Held> {
        let here = self.known(at).map(|known| known.summary);
        match self.fresh(at) {
            Some(fresh) if Some(fresh.summary) >= here => Some(fresh.clone()),
            _ => self.held(at),
        }
    }

    /// What came to notice in the last seconds and has not expired.
    pub(super) fn fresh(&self, at: &Position) -> Option<&Held> {
        let fresh = self.desk.fresh.get(at)?;
        (fresh.expires > self.now.calendar).then_some(fresh)
    }

    /// What is known of the newest verified record at a position, kept here or not.
    pub(super) fn newest_known(&self, at: &Position) -> Option<Known> {
        let (held, seen) = (self.known(at), self.seen(at));
        held.into_iter().chain(seen).max_by_key(|it| it.summary)
    }

    /// The newest verified record at a position that this node knows of.
    pub(super) fn newest(&self, at: &Position) -> Option<Summary> {
        self.newest_known(at).map(|known| known.summary)
    }

    /// The newest that came to notice and has not expired.
    fn seen(&self, at: &Position) -> Option<Known> {
        let seen = *self.desk.seen.get(at)?;
        (seen.expires > self.now.calendar).then_some(seen)
    }

    /// The newest that others announced, unless it is known to have expired.
    pub(super) fn hinted(&self, at: &Position) -> Option<Summary> {
        let hinted = *self.desk.hinted.get(at)?;
        let over = self
            .desk
            .seen
            .get(at)
            .is_some_and(|seen| seen.summary >= hinted && seen.expires <= self.now.calendar);
        (!over).then_some(hinted)
    }

    /// A verified record came to notice: who listens here is told, once, and who is told by this node can get it here.
    pub(super) fn notice(&mut self, record: &Verified<Record>) {
        let at = Position::of_record(record);
        let known = Known {
            key_id: record.key_id(),
            summary: Summary::of(record),
            expires: record.expires(),
        };
        if self.seen(&at).is_some_and(|it| it.summary >= known.summary) {
            return;
        }
        self.desk.seen.insert(at, known);
        let fresh = Held {
            key_id: known.key_id,
            summary: known.summary,
            bytes: record.as_bytes().into(),
            expires: known.expires,
        };
        self.desk.fresh.add(self.now.ms, at, fresh);
        self.desk
            .out
            .push(Action::Changed(Box::new(record.clone())));
    }

    /// A record is news on this node's disk: everyone is told, once.
    pub(super) fn announce(&mut self, record: &Verified<Record>) {
        let (at, summary) = (Position::of_record(record), Summary::of(record));
        if self.is_news_to_others(at, summary) {
            self.desk.out.push(Action::Announce(Announcement {
                key_id: record.key_id(),
                at,
                summary,
            }));
        }
    }

    /// Whether others have not heard this from here: each announcement leaves a node once, whoever says it again however long after.
    pub(super) fn is_news_to_others(&mut self, at: Position, summary: Summary) -> bool {
        let announced = &mut self.desk.announced;
        let news = announced.get(&at).is_none_or(|before| *before < summary);
        if news {
            announced.insert(at, summary);
        }
        news
    }

    /// What a peer says it has, held against what it acknowledged, as long as that is in force.
    pub(super) fn hold_to_word(&mut self, peer: Peer, at: Position, has: &Summary) {
        let acknowledged = self.desk.acknowledged.get(&(peer, at)).copied();
        let in_force = acknowledged.is_some() && acknowledged == self.newest(&at);
        if in_force && acknowledged.is_some_and(|acknowledged| acknowledged > *has) {
            self.offend(peer, Offence::Stale);
        }
    }
}
