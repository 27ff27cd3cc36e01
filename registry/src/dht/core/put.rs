//! To whom, how many must acknowledge, what a refusal means.
//!
//! This module owns one put: it finds the closest nodes, asks each to store, counts who has it on disk, and verifies what a
//! refusal shows. A refusal that shows nothing newer is held against who sent it.

use std::collections::BTreeSet;
use std::sync::Arc;

use dotkey_proto::record::{Record, Verified};

use super::desk::{Asking, Checked, Cx, Purpose, Writer, check};
use super::get::LOOKUP_MS_MAX;
use super::lookup::{CLOSEST, Lookup, PARALLEL};
use super::{ANSWER_MS_MAX, Action, Failure, Job, Offence, Outcome, Placement, Written};
use crate::dht::message::{Expected, Refusal, Request, Response, Summary, Value, Want};
use crate::dht::peer::{Contact, Peer, Position};

/// Once a majority has it, the rest gets so long before the put ends; what they store later counts all the same, unseen.
const LATE_MS_MAX: u64 = 1_000;

/// Peers are given up before this; it is for a disk that does not answer.
const PLACED_MS_MAX: u64 = 2 * ANSWER_MS_MAX;

/// One put.
#[derive(Clone, Debug)]
pub(super) struct Put {
    job: Job,
    pub(super) at: Position,
    record: Box<Verified<Record>>,
    bytes: Arc<[u8]>,
    expected: Expected,
    /// What is expected to be there, where this node knows it: what is older is nobody's conflict.
    replaces: Option<Summary>,
    lookup: Lookup,
    /// Who is to store it. `None` while they are looked for.
    targets: Option<Targets>,
    refused: Vec<(Peer, Refusal)>,
    conflict: Option<Box<Verified<Record>>>,
    begun_ms: u64,
    asked_ms: u64,
}

/// Who is to store a record, and who has.
#[derive(Clone, Debug)]
struct Targets {
    /// The closest that answered, with this node where it is one of them.
    found: Vec<Peer>,
    /// Those that could not be asked yet: as much is asked of them already as they allow.
    held_up: Vec<Contact>,
    /// How many have not answered.
    waiting: usize,
    stored: BTreeSet<Peer>,
    /// Those that the routing table had among the closest and that did not answer. They count while the table has them: they may be on the other side of
    /// a cut, where another majority would be found without them.
    absent: Vec<Peer>,
}

impl Targets {
    /// How many of the closest have it, and of how many.
    fn count(&self, cx: &Cx<'_>, at: &Position) -> (usize, usize) {
        let mut closest: Vec<Peer> = self.found.iter().chain(self.missing(cx)).copied().collect();
        closest.sort_by_key(|peer| peer.position().distance(at));
        closest.truncate(CLOSEST);
        let stored = closest.iter().filter(|peer| self.stored.contains(*peer));
        (stored.count(), closest.len())
    }

    fn missing(&self, cx: &Cx<'_>) -> impl Iterator<Item = &Peer> {
        let counts = |peer: &&Peer| cx.is_met(peer) && !cx.is_cut_off(peer);
        self.absent.iter().filter(counts)
    }
}

impl Put {
    pub(super) fn new(
        cx: &Cx<'_>,
        job: Job,
        record: Box<Verified<Record>>,
        expected: Expected,
    ) -> Self {
        let at = Position::of_record(&record);
        Self {
            job,
            at,
            bytes: record.as_bytes().into(),
            record,
            expected,
            replaces: cx
                .newest(&at)
                .filter(|newest| Expected::Digest(newest.digest) == expected),
            lookup: cx.lookup(at, cx.closest(&at, CLOSEST)),
            targets: None,
            refused: Vec::new(),
            conflict: None,
            begun_ms: cx.now.ms,
            asked_ms: cx.now.ms,
        }
    }

    /// Asks whom there is to ask. Whether it is over.
    pub(super) fn go_on(&mut self, cx: &mut Cx<'_>, id: u64) -> bool {
        if self.targets.is_none() {
            self.look(cx, id);
            let late = cx.now.ms.saturating_sub(self.begun_ms) >= LOOKUP_MS_MAX;
            if late || self.lookup.is_over() && !self.lookup.is_mostly_late() {
                self.find_targets(cx, id);
            }
        }
        self.place(cx, id);
        let Some(targets) = &self.targets else {
            return false;
        };
        let (stored, of) = targets.count(cx, &self.at);
        let waited_ms = cx.now.ms.saturating_sub(self.asked_ms);
        let majority = stored > of / 2;
        // Whoever did not answer may be found dead meanwhile, and count no more.
        let settled = targets.waiting == 0 && (majority || targets.missing(cx).next().is_none());
        let enough = majority && waited_ms >= LATE_MS_MAX;
        if !settled && !enough && waited_ms < PLACED_MS_MAX {
            return false;
        }
        // One that missed an update, or pretends to, does not undo what a majority has on disk; a newer record does.
        let ours = Summary::of(&self.record);
        if majority {
            self.conflict.take_if(|theirs| Summary::of(theirs) < ours);
        }
        let placement = Placement {
            stored,
            of,
            refused: core::mem::take(&mut self.refused),
            conflict: self.conflict.take(),
            took_ms: cx.now.ms.saturating_sub(self.begun_ms),
        };
        let (job, outcome) = (self.job, Outcome::Put(placement));
        cx.desk.out.push(Action::Done { job, outcome });
        true
    }

    /// A peer answered, or did not.
    pub(super) fn on_answer(
        &mut self,
        cx: &mut Cx<'_>,
        from: Peer,
        answer: Result<Response, Failure>,
        asked_for: bool,
    ) {
        if asked_for {
            return self.on_placed(cx, from, answer);
        }
        match answer {
            Ok(Response::Got {
                value: Value::Nothing,
                closer,
            }) => {
                let closer = closer.into_iter().filter(|it| !cx.is_cut_off(&it.peer));
                self.lookup.answered(&from, closer.collect());
            }
            other => {
                if !matches!(other, Err(_) | Ok(Response::Refused(_))) {
                    cx.offend(from, Offence::Garbage);
                }
                self.lookup.silent(&from);
            }
        }
    }

    /// Our own disk answered.
    pub(super) fn on_written(&mut self, cx: &mut Cx<'_>, result: Written) {
        let me = cx.desk.me;
        let answer = match result {
            Written::New | Written::Known => Response::Stored,
            Written::Refused(refusal) => Response::Refused(refusal),
        };
        self.on_placed(cx, me, Ok(answer));
    }

    fn look(&mut self, cx: &mut Cx<'_>, id: u64) {
        while let Some(to) = self.lookup.next(cx.now.ms, PARALLEL) {
            let at = self.at;
            let peer = to.peer;
            let want = Want::Contacts;
            match cx.ask(to, Request::Get { at, want }, Purpose::Task(id)) {
                Asking::Sent => {}
                Asking::Busy => self.lookup.busy(&peer),
                Asking::CutOff => self.lookup.silent(&peer),
            }
        }
    }

    fn find_targets(&mut self, cx: &mut Cx<'_>, id: u64) {
        let mut found = self.lookup.found();
        if found.is_empty() {
            // Cut off from all that it knows, a node is no majority.
            found = self.lookup.known();
        }
        let here = cx.desk.here.distance(&self.at);
        let closer = |it: &Contact| it.peer.position().distance(&self.at) < here;
        let keeps = found.len() < CLOSEST || !found.iter().all(closer);
        found.truncate(CLOSEST - usize::from(keeps));
        let far = |it: &Contact| !found.iter().any(|other| other.peer == it.peer);
        let (mut absent, mut late) = (self.lookup.known(), self.lookup.late());
        absent.retain(far);
        late.retain(far);
        // Who was only slow, or busy, may store it all the same.
        let absent = absent.into_iter().map(|it| it.peer).collect();
        let own = keeps.then_some(cx.desk.me);
        let all = found.iter().map(|it| it.peer).chain(own).collect();
        found.extend(late);
        self.targets = Some(Targets {
            waiting: found.len() + usize::from(keeps),
            found: all,
            held_up: found,
            stored: BTreeSet::new(),
            absent,
        });
        self.asked_ms = cx.now.ms;
        if keeps {
            cx.write(self.record.clone(), self.expected, Writer::Task(id));
        }
    }

    /// Asks those to store it that were not asked yet, as far as they may be asked now.
    fn place(&mut self, cx: &mut Cx<'_>, id: u64) {
        let Some(targets) = &mut self.targets else {
            return;
        };
        for to in core::mem::take(&mut targets.held_up) {
            let request = Request::Put {
                record: self.bytes.clone(),
                expected: self.expected,
            };
            match cx.ask(to.clone(), request, Purpose::Place(id)) {
                Asking::Sent => {}
                Asking::Busy => targets.held_up.push(to),
                Asking::CutOff => targets.waiting = targets.waiting.saturating_sub(1),
            }
        }
    }

    fn on_placed(&mut self, cx: &mut Cx<'_>, from: Peer, answer: Result<Response, Failure>) {
        match answer {
            Ok(Response::Stored) => {
                if let Some(targets) = &mut self.targets {
                    targets.stored.insert(from);
                }
                let summary = Summary::of(&self.record);
                cx.desk.acknowledged.insert((from, self.at), summary);
            }
            Ok(Response::Refused(refusal)) => self.on_refusal(cx, from, refusal),
            Ok(_) => cx.offend(from, Offence::Garbage),
            Err(_) => {}
        }
        self.settle(cx);
    }

    fn settle(&mut self, cx: &mut Cx<'_>) {
        if let Some(targets) = &mut self.targets {
            targets.waiting = targets.waiting.saturating_sub(1);
            let (stored, of) = targets.count(cx, &self.at);
            let job = self.job;
            cx.desk.out.push(Action::Progress { job, stored, of });
        }
    }

    fn on_refusal(&mut self, cx: &mut Cx<'_>, from: Peer, refusal: Refusal) {
        let shown = match &refusal {
            Refusal::Older(bytes) | Refusal::Unexpected(Some(bytes)) => Some(bytes),
            _ => None,
        };
        if let Some(bytes) = shown {
            match check(bytes, Some(&self.at), cx.now.calendar) {
                Checked::Valid(theirs) => match self.weigh(&refusal, &theirs) {
                    Shown::Conflict => {
                        cx.notice(&theirs);
                        let newest = |it: &Verified<Record>| it.cmp_age(&theirs).is_lt();
                        if self.conflict.as_deref().is_none_or(newest) {
                            self.conflict = Some(theirs);
                        }
                    }
                    Shown::Behind => {}
                    Shown::Pretext => cx.offend(from, Offence::InvalidRecord),
                },
                Checked::OutOfTime(_) => {}
                Checked::Invalid(_) => cx.offend(from, Offence::InvalidRecord),
            }
        }
        self.refused.push((from, refusal));
    }

    /// What a verified record in a refusal is worth.
    fn weigh(&self, refusal: &Refusal, theirs: &Record) -> Shown {
        let (ours, theirs) = (Summary::of(&self.record), Summary::of(theirs));
        if matches!(refusal, Refusal::Older(_)) {
            return if theirs > ours {
                Shown::Conflict
            } else {
                Shown::Pretext
            };
        }
        let as_expected = Expected::Digest(theirs.digest) == self.expected;
        if self.expected == Expected::Older || as_expected || theirs == ours {
            Shown::Pretext
        } else if self.replaces.is_some_and(|replaces| theirs < replaces) {
            Shown::Behind
        } else {
            Shown::Conflict
        }
    }
}

/// What a record in a refusal is.
enum Shown {
    /// A reason that the put fails.
    Conflict,
    /// Older than what is expected: its holder missed something.
    Behind,
    /// No reason to refuse.
    Pretext,
}
