//! Which of several values is it, and who gets it pushed.
//!
//! This module owns one get: the lookup it rides on, what each peer claims, and the newest record that verified. It promises
//! that only a verified record of the position comes out, and that a claim of something newer is followed up or given up, never believed.

mod enough;
mod examine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dotkey_proto::record::{Record, Verified};

use self::examine::{Examined, Giver};
use super::desk::{Asking, Checked, Cx, Purpose, Writer, check};
use super::lookup::{CLOSEST, Lookup, PARALLEL};
use super::{Action, Effort, Effortful, Failure, Job, Offence, Outcome, Verifying};
use crate::dht::message::{Expected, Refusal, Request, Response, Summary, Value, Want};
use crate::dht::peer::{Contact, Peer, Position};

/// Holders that agree before a get without trouble ends. With 30% of the nodes stale and colluding, all of six are so once in 1,370 gets.
pub(super) const ENOUGH: usize = 6;

/// Asked for the record itself; the others for its summary.
const RECORDS: usize = 3;

/// Past this a lookup gives what it has: a person waits for the answer.
pub(super) const LOOKUP_MS_MAX: u64 = 10_000;

/// Who told of a change is waited for alone for so long: a message goes round the world and back in less.
const TELLER_MS_MAX: u64 = 500;

/// Who waits for one get. More than ask for the same at a time, unless someone makes them.
const WAITING_MAX: usize = 512;

/// What a get is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purse {
    /// Someone here waits.
    Job(Job),
    /// A hint is followed: this, or newer, is looked for.
    Hint(Summary),
}

/// Who told of what a get looks for, before anyone else is asked.
#[derive(Clone, Copy, Debug)]
enum Teller {
    ToAsk(Peer),
    Asked { peer: Peer, at_ms: u64 },
    Over,
}

/// One get.
#[derive(Clone, Debug)]
pub(super) struct Get {
    pub(super) at: Position,
    pub(super) purse: Purse,
    /// Others that asked for the same meanwhile.
    others: Vec<Job>,
    /// Whether who asks now may have what it finds: nothing was put there since it began.
    open: bool,
    teller: Teller,
    effort: Effort,
    lookup: Lookup,
    /// How many were known at the start that should have it.
    keepers_known: usize,
    /// What peers claim to have; `None` is nothing.
    claims: BTreeMap<Peer, Option<Summary>>,
    wants: BTreeMap<Peer, Want>,
    /// Peers asked for what they claim.
    followed: BTreeSet<Peer>,
    following: usize,
    own: Option<Summary>,
    best: Option<(Summary, Box<Verified<Record>>)>,
    /// Records that are being verified beside the core, and who gave each.
    examined: BTreeMap<Verifying, Examined>,
    trouble: bool,
    /// Peers that had too much to do, by their word or by our count of what was asked of them.
    busy: usize,
    requests: usize,
    begun_ms: u64,
}

/// What came of a get.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) record: Option<Box<Verified<Record>>>,
    /// Peers that answered about the value.
    pub(super) answers: usize,
}

impl Get {
    pub(super) fn new(cx: &Cx<'_>, at: Position, effort: Effort, purse: Purse) -> Self {
        let known = cx.closest(&at, CLOSEST);
        let keeps = |contact: &&Contact| cx.is_cell_of(&at, &contact.peer.position());
        let keepers: Vec<Peer> = known.iter().filter(keeps).map(|it| it.peer).collect();
        let mut get = Self {
            at,
            purse,
            others: Vec::new(),
            open: true,
            teller: Teller::Over,
            effort,
            keepers_known: keepers.len(),
            lookup: cx.lookup(at, known),
            claims: BTreeMap::new(),
            wants: BTreeMap::new(),
            followed: BTreeSet::new(),
            following: 0,
            own: None,
            best: None,
            examined: BTreeMap::new(),
            trouble: false,
            busy: 0,
            requests: 0,
            begun_ms: cx.now.ms,
        };
        // Any keeper is as good as another, and a connection takes longer to make than to use.
        let connected = keepers.iter().filter(|peer| cx.is_connected(peer));
        get.lookup.at_hand(connected);
        if let Some(held) = cx.held(&at)
            && let Checked::Valid(record) = check(&held.bytes, Some(&at), cx.now.calendar)
        {
            get.own = Some(held.summary);
            get.best = Some((held.summary, record));
        }
        get
    }

    /// Who told of it is asked first: it has it, as it passed it on. So news costs each node one question to a neighbour, and the closest none.
    pub(super) fn told_by(mut self, peer: Peer) -> Self {
        self.teller = Teller::ToAsk(peer);
        self
    }

    /// Whether one who asks now is given what this one finds.
    pub(super) fn is_shared(&self, at: &Position, effort: Effort) -> bool {
        let same = self.at == *at && self.effort == effort;
        let room = self.others.len() + 1 < WAITING_MAX;
        same && room && self.open && matches!(self.purse, Purse::Job(_))
    }

    /// Another waits for this.
    pub(super) fn share_with(&mut self, job: Job) {
        self.others.push(job);
    }

    /// Something was put there: who asks from now on wants that.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    /// Asks whom there is to ask, and says what was found when it is over.
    pub(super) fn go_on(&mut self, cx: &mut Cx<'_>, id: u64) -> Option<Found> {
        if self.waits_for_teller(cx, id) {
            return None;
        }
        loop {
            if self.is_over(cx) {
                return Some(self.end(cx));
            }
            self.follow(cx, id);
            let Some(to) = self.lookup.next(cx.now.ms, self.parallel(cx)) else {
                // Nobody could be asked, and nobody is on the way.
                return self.is_over(cx).then(|| self.end(cx));
            };
            let want = self.want();
            let at = self.at;
            self.wants.insert(to.peer, want);
            let peer = to.peer;
            match cx.ask(to, Request::Get { at, want }, Purpose::Task(id)) {
                Asking::Sent => self.requests += 1,
                Asking::Busy => self.on_busy(&peer),
                Asking::CutOff => {
                    self.lookup.silent(&peer);
                    self.wants.remove(&peer);
                }
            }
        }
    }

    /// A peer answered, or did not.
    pub(super) fn on_answer(
        &mut self,
        cx: &mut Cx<'_>,
        id: u64,
        from: Peer,
        answer: Result<Response, Failure>,
        claimed: bool,
    ) {
        if claimed {
            self.following = self.following.saturating_sub(1);
        }
        if matches!(self.teller, Teller::Asked { peer, .. } if peer == from) {
            self.teller = Teller::Over;
            return self.on_told(cx, id, from, answer);
        }
        match answer {
            Ok(Response::Got { value, closer }) => {
                let closer = closer.into_iter().filter(|it| !cx.is_cut_off(&it.peer));
                self.lookup.answered(&from, closer.collect());
                self.on_value(cx, id, from, value, claimed);
            }
            // What it claimed is lost; who was asked whether it has anything is only passed over.
            Ok(Response::Refused(Refusal::Busy { .. })) if !claimed => self.on_busy(&from),
            other => {
                let fault = !matches!(other, Err(_) | Ok(Response::Refused(_)));
                if fault {
                    cx.offend(from, Offence::Garbage);
                }
                self.lookup.silent(&from);
                self.claims.remove(&from);
                self.trouble = true;
            }
        }
    }

    fn on_busy(&mut self, peer: &Peer) {
        self.busy += 1;
        self.lookup.busy(peer);
        self.wants.remove(peer);
    }

    fn waits_for_teller(&mut self, cx: &mut Cx<'_>, id: u64) -> bool {
        match self.teller {
            Teller::ToAsk(peer) => {
                // It has a connection: it told just now.
                let addresses = Vec::new().into();
                let (at, want) = (self.at, Want::Record);
                let request = Request::Get { at, want };
                let asking = cx.ask(Contact { peer, addresses }, request, Purpose::Told(id));
                let asked = asking == Asking::Sent;
                self.requests += usize::from(asked);
                let at_ms = cx.now.ms;
                self.teller = if asked {
                    Teller::Asked { peer, at_ms }
                } else {
                    Teller::Over
                };
                asked
            }
            // Late it still counts.
            Teller::Asked { at_ms, .. } => cx.now.ms < at_ms.saturating_add(TELLER_MS_MAX),
            Teller::Over => false,
        }
    }

    /// Who told of it answered, or did not. That is no holder's word: it need not keep the record, nor have it any more.
    fn on_told(&mut self, cx: &mut Cx<'_>, id: u64, from: Peer, answer: Result<Response, Failure>) {
        match answer {
            Ok(Response::Got {
                value: Value::Record(bytes),
                ..
            }) => {
                self.on_record(cx, id, Giver::Told(from), &bytes);
            }
            Ok(Response::Got {
                value: Value::Nothing,
                ..
            })
            | Ok(Response::Refused(_))
            | Err(_) => {}
            Ok(_) => cx.offend(from, Offence::Garbage),
        }
    }

    fn on_value(&mut self, cx: &mut Cx<'_>, id: u64, from: Peer, value: Value, claimed: bool) {
        let wanted = if claimed {
            Some(Want::Record)
        } else {
            self.wants.get(&from).copied()
        };
        match value {
            Value::Nothing => self.on_claim(cx, from, None, true),
            Value::Summary(summary) if wanted == Some(Want::Summary) => {
                cx.hold_to_word(from, self.at, &summary);
                self.on_claim(cx, from, Some(summary), false);
            }
            Value::Record(bytes) if wanted == Some(Want::Record) => {
                self.on_record(cx, id, Giver::Holder(from), &bytes);
            }
            Value::Summary(_) | Value::Record(_) => {
                cx.offend(from, Offence::Garbage);
                self.trouble = true;
                self.claims.remove(&from);
            }
        }
    }

    /// What a peer has, by its word or by what it gave. Where it has nothing any more it may have expired since it was claimed, so that is no lie; but it cost
    /// us a question.
    fn on_claim(&mut self, cx: &mut Cx<'_>, from: Peer, claim: Option<Summary>, gone: bool) {
        if let Some(Some(before)) = self.claims.get(&from)
            && claim.is_none_or(|claim| claim < *before)
        {
            // It does not have what it said.
            let offence = if gone {
                Offence::Silent
            } else {
                Offence::Garbage
            };
            cx.offend(from, offence);
            self.trouble = true;
        }
        self.claims.insert(from, claim);
    }

    /// Asks those who claim to have something newer for it.
    fn follow(&mut self, cx: &mut Cx<'_>, id: u64) {
        let best = self.best_summary();
        let comes =
            |(peer, want): (&Peer, &Want)| *want == Want::Record && self.lookup.is_waited_for(peer);
        if best.is_none() && (!self.examined.is_empty() || self.wants.iter().any(comes)) {
            return;
        }
        let newer = |claim: &Option<Summary>| claim.is_some() && *claim > best;
        let claimers: Vec<Peer> = self
            .claims
            .iter()
            .filter(|(peer, claim)| newer(claim) && !self.followed.contains(*peer))
            .map(|(peer, _)| *peer)
            .take(RECORDS.saturating_sub(self.following))
            .collect();
        for peer in claimers {
            self.followed.insert(peer);
            let request = Request::Get {
                at: self.at,
                want: Want::Record,
            };
            let contact = self.lookup.contact(&peer).cloned();
            let asked = contact.map(|to| cx.ask(to, request, Purpose::Claimed(id)));
            let sent = asked == Some(Asking::Sent);
            if sent {
                self.following += 1;
                self.requests += 1;
            } else {
                self.claims.remove(&peer);
            }
        }
    }

    fn parallel(&self, cx: &Cx<'_>) -> usize {
        // Who gave a record has answered, though it is not known yet with what.
        let answered = self.examined.values().map(|it| it.from.len()).sum();
        let most = match self.purse {
            Purse::Hint(_) => RECORDS,
            // Who is known so close that it should have it is asked at once. Else one on each path: the first answers tell who is closer, so that the others
            // are not asked in vain.
            Purse::Job(_) if self.newest_claim().is_none() && !self.trouble => {
                self.keepers_known.clamp(RECORDS, ENOUGH)
            }
            Purse::Job(_) if self.in_trouble(cx) => PARALLEL,
            Purse::Job(_) => ENOUGH.saturating_sub(self.agreeing()),
        };
        most.saturating_sub(answered)
    }

    fn want(&self) -> Want {
        let for_record = |(peer, want): &(&Peer, &Want)| {
            **want == Want::Record && self.claims.get(*peer) != Some(&None)
        };
        let records = self.wants.iter().filter(for_record).count();
        if records < RECORDS || matches!(self.purse, Purse::Hint(_)) {
            Want::Record
        } else {
            Want::Summary
        }
    }

    fn end(&mut self, cx: &mut Cx<'_>) -> Found {
        let answers = self.claims.len() + usize::from(self.own.is_some());
        let best = self.best_summary();
        let agreeing = self.agreeing();
        let record = self.best.take().map(|(_, record)| record);
        let Purse::Job(job) = self.purse else {
            return Found { record, answers };
        };
        let newest = best.zip(record.as_deref());
        let repaired = newest.map_or(0, |(summary, record)| self.repair(cx, summary, record));
        let effort = Effortful {
            requests: self.requests,
            answers,
            agreeing,
            repaired,
            took_ms: cx.now.ms.saturating_sub(self.begun_ms),
        };
        // Of nothing only those can tell who answered.
        let overloaded = record.is_none() && self.busy > answers;
        for job in core::iter::once(job).chain(self.others.drain(..)) {
            let record = record.clone();
            let outcome = if overloaded {
                Outcome::Overloaded
            } else {
                Outcome::Got { record, effort }
            };
            cx.desk.out.push(Action::Done { job, outcome });
        }
        if let Some(record) = &record {
            cx.notice(record);
        } else if !overloaded && answers > 0 && self.open {
            cx.desk.absent.add(cx.now.ms, self.at, effort);
        }
        Found { record, answers }
    }

    /// Who had less, among those that should have it, gets the newest pushed.
    fn repair(&self, cx: &mut Cx<'_>, summary: Summary, record: &Verified<Record>) -> usize {
        let mut repaired = 0;
        let bytes: Arc<[u8]> = record.as_bytes().into();
        for (peer, claim) in &self.claims {
            if *claim >= Some(summary) || !self.lookup.is_among_closest(peer) {
                continue;
            }
            let Some(to) = self.lookup.contact(peer).cloned() else {
                continue;
            };
            let request = Request::Put {
                record: bytes.clone(),
                expected: Expected::Older,
            };
            let at = self.at;
            let asked = cx.ask(to, request, Purpose::Repair { at, summary });
            repaired += usize::from(asked == Asking::Sent);
        }
        if self.own < Some(summary) && cx.in_cell(&self.at) {
            cx.write(Box::new(record.clone()), Expected::Older, Writer::Repair);
        }
        repaired
    }
}
