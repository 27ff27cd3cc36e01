//! Which nodes to ask next, and when to stop: Kademlia's lookup over three disjoint paths.
//!
//! This module owns the candidates of one lookup. It promises that no peer is asked twice, that one path or one supplier of
//! contacts cannot take all of the attention, and that it ends. Contacts are hints of strangers: one that does not answer
//! counts for nothing, and who supplied many of those is not listened to any more. What is asked, and what an answer is worth, is for
//! [`super::get`] and [`super::put`].

use std::collections::{BTreeMap, BTreeSet};

use crate::dht::message::CLOSER_MAX;
use crate::dht::peer::{ADDRESSES_MAX, Contact, Distance, Peer, Position};

/// Nodes that keep a record: Kademlia's k.
pub(super) const CLOSEST: usize = 20;

/// Paths that share no peer. What the contacts of one path say is held against what the others say.
const PATHS: usize = 3;

/// Asked at once: two for each path.
pub(super) const PARALLEL: usize = 2 * PATHS;

/// Candidates kept, the closest of them: twelve answers full of contacts.
const CANDIDATES_MAX: usize = 256;

/// Suppliers remembered of one candidate. More make it no surer.
const SUPPLIERS_MAX: usize = 4;

/// Addresses of one candidate taken from one supplier: what one says leaves room for what another says.
const ADDRESSES_EACH: usize = ADDRESSES_MAX / 2;

/// A peer that has not answered for so long still may, but nobody waits for it any more.
pub(super) const SLOW_MS: u64 = 800;

/// Late peers for which another is asked besides, at a time: where more are late it is this node, or its network, that is slow.
const HEDGES_MAX: usize = 3;

/// Contacts that never answered and are not held against who supplied them: nodes vanish. As many again for every second that did answer:
/// with a third of all nodes gone, honest suppliers stay within it.
const SILENT_FREE: usize = 2;

/// Contacts that only one stranger named and that have not answered: so many of them take part at a time. Who makes up peers next
/// to a record so never takes all of the attention.
const UNPROVEN_MAX: usize = PARALLEL;

/// One lookup.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    at: Position,
    me: Peer,
    candidates: BTreeMap<Distance, Candidate>,
    credits: BTreeMap<Peer, Credit>,
    /// Who takes longer is late: another is asked besides.
    patience_ms: u64,
    /// Those that let others wait just now: asked last, and not waited for.
    silent: BTreeSet<Peer>,
}

#[derive(Clone, Debug)]
struct Candidate {
    contact: Contact,
    path: usize,
    /// Empty where our own routing table has it.
    suppliers: Vec<Peer>,
    /// Whether it is asked before closer ones.
    at_hand: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Asked {
        at_ms: u64,
    },
    /// Asked, and not waited for.
    Slow,
    /// Has too much to do: whether it has anything is not known, and nobody is blamed.
    Busy,
    Answered,
    Silent,
}

impl Candidate {
    /// Whether there is nothing but the word of one stranger for it.
    fn is_unproven(&self) -> bool {
        self.suppliers.len() == 1 && self.state != State::Answered
    }
}

/// How the contacts that a peer supplied turned out.
#[derive(Clone, Copy, Debug, Default)]
struct Credit {
    answered: usize,
    silent: usize,
}

impl Lookup {
    /// Begins with the closest that the routing table knows.
    pub(super) fn new(at: Position, me: Peer, known: Vec<Contact>) -> Self {
        let mut lookup = Self {
            at,
            me,
            candidates: BTreeMap::new(),
            credits: BTreeMap::new(),
            patience_ms: SLOW_MS,
            silent: BTreeSet::new(),
        };
        for (number, contact) in known.into_iter().enumerate() {
            lookup.add(contact, number % PATHS, None);
        }
        lookup
    }

    /// How long to wait for one peer alone, and who is not waited for at all.
    pub(super) fn paced(mut self, patience_ms: u64, silent: BTreeSet<Peer>) -> Self {
        self.patience_ms = patience_ms;
        self.silent = silent;
        self
    }

    /// Of peers that are close enough, those that are at hand are asked before closer ones.
    pub(super) fn at_hand<'a>(&mut self, peers: impl IntoIterator<Item = &'a Peer>) {
        for peer in peers {
            let distance = peer.position().distance(&self.at);
            if let Some(candidate) = self.candidates.get_mut(&distance) {
                candidate.at_hand = true;
            }
        }
    }

    /// The next one to ask, if fewer than `parallel` are on their way, a few late ones not counted: who is not known to be silent, of the path that has least on its way,
    /// who was named by more than one, who is at hand, then the closest.
    pub(super) fn next(&mut self, now_ms: u64, parallel: usize) -> Option<Contact> {
        self.pass_over(now_ms);
        let (mut busy, mut late) = ([0; PATHS], 0);
        for candidate in self.candidates.values() {
            if let State::Asked { at_ms } = candidate.state {
                let is_late = now_ms >= at_ms.saturating_add(self.patience_ms);
                late += usize::from(is_late);
                let hedged = is_late && late <= HEDGES_MAX;
                busy[candidate.path] += usize::from(!hedged);
            }
        }
        if busy.iter().sum::<usize>() >= parallel {
            return None;
        }
        let closest = self.closest();
        let waiting = closest
            .iter()
            .filter(|(_, candidate)| candidate.state == State::Waiting)
            .min_by_key(|(distance, candidate)| {
                let path = busy[candidate.path];
                let unproven = candidate.is_unproven();
                let silent = self.silent.contains(&candidate.contact.peer);
                (silent, path, unproven, !candidate.at_hand, *distance)
            });
        let distance = *waiting?.0;
        let candidate = self.candidates.get_mut(&distance)?;
        candidate.state = State::Asked { at_ms: now_ms };
        let contact = candidate.contact.clone();
        if self.silent.contains(&contact.peer) {
            candidate.state = State::Slow;
            for supplier in &candidate.suppliers {
                self.credits.entry(*supplier).or_default().silent += 1;
            }
        }
        Some(contact)
    }

    /// A peer answered with contacts.
    pub(super) fn answered(&mut self, peer: &Peer, closer: Vec<Contact>) {
        let Some(path) = self.settle(peer, State::Answered) else {
            return;
        };
        for contact in closer.into_iter().take(CLOSER_MAX) {
            self.add(contact, path, Some(*peer));
        }
    }

    /// A peer does not answer, or not with sense.
    pub(super) fn silent(&mut self, peer: &Peer) {
        self.settle(peer, State::Silent);
    }

    /// A peer has too much to do.
    pub(super) fn busy(&mut self, peer: &Peer) {
        self.settle(peer, State::Busy);
    }

    /// Whether the closest of all that answer have answered.
    pub(super) fn is_over(&self) -> bool {
        let closest = self.closest();
        closest
            .iter()
            .all(|(_, candidate)| candidate.state == State::Answered)
    }

    /// Whether more are late than have answered: what was found so far says little.
    pub(super) fn is_mostly_late(&self) -> bool {
        let count = |state| {
            self.candidates
                .values()
                .filter(|it| it.state == state)
                .count()
        };
        count(State::Slow) > count(State::Answered)
    }

    /// Whether a peer is one of the closest of all that were named and may be up.
    pub(super) fn is_among_closest(&self, peer: &Peer) -> bool {
        let distance = peer.position().distance(&self.at);
        let up = |candidate: &&Candidate| candidate.state != State::Silent;
        let closer = self.candidates.range(..distance).map(|(_, it)| it);
        closer.filter(up).count() < CLOSEST
    }

    /// Whether a peer was asked, has not answered, and is not late.
    pub(super) fn is_waited_for(&self, peer: &Peer) -> bool {
        let distance = peer.position().distance(&self.at);
        let candidate = self.candidates.get(&distance);
        candidate.is_some_and(|it| matches!(it.state, State::Asked { .. }))
    }

    /// The closest that answered, the closest first.
    pub(super) fn found(&self) -> Vec<Contact> {
        let answered = |candidate: &&Candidate| candidate.state == State::Answered;
        let found = self.candidates.values().filter(answered).take(CLOSEST);
        found.map(|candidate| candidate.contact.clone()).collect()
    }

    /// The closest of our own routing table, whether they answer or not.
    pub(super) fn known(&self) -> Vec<Contact> {
        let known = self
            .candidates
            .values()
            .filter(|it| it.suppliers.is_empty());
        known.take(CLOSEST).map(|it| it.contact.clone()).collect()
    }

    /// Those of [`Self::known`] that may answer yet, or were not asked.
    pub(super) fn late(&self) -> Vec<Contact> {
        let known = self.candidates.values();
        let known = known.filter(|it| it.suppliers.is_empty()).take(CLOSEST);
        let late = known.filter(|it| !matches!(it.state, State::Answered | State::Silent));
        late.map(|it| it.contact.clone()).collect()
    }

    /// The contact of a peer that this lookup knows.
    pub(super) fn contact(&self, peer: &Peer) -> Option<&Contact> {
        let distance = peer.position().distance(&self.at);
        self.candidates.get(&distance).map(|it| &it.contact)
    }

    fn closest(&self) -> Vec<(&Distance, &Candidate)> {
        let mut unproven = 0;
        let takes_part = |(_, candidate): &(&Distance, &Candidate)| {
            let counts = self.counts(candidate);
            unproven += usize::from(counts && candidate.is_unproven());
            counts && (!candidate.is_unproven() || unproven <= UNPROVEN_MAX)
        };
        let closest = self.candidates.iter().filter(takes_part);
        closest.take(CLOSEST).collect()
    }

    fn counts(&self, candidate: &Candidate) -> bool {
        match candidate.state {
            State::Answered => true,
            State::Slow | State::Busy | State::Silent => false,
            State::Waiting | State::Asked { .. } => {
                let trusted = |peer: &Peer| {
                    let credit = self.credits.get(peer).copied().unwrap_or_default();
                    credit.silent <= SILENT_FREE + credit.answered / 2
                };
                candidate.suppliers.is_empty() || candidate.suppliers.iter().any(trusted)
            }
        }
    }

    /// Stops waiting for the slow.
    fn pass_over(&mut self, now_ms: u64) {
        for candidate in self.candidates.values_mut() {
            if let State::Asked { at_ms } = candidate.state
                && now_ms >= at_ms.saturating_add(SLOW_MS)
            {
                candidate.state = State::Slow;
                for supplier in &candidate.suppliers {
                    self.credits.entry(*supplier).or_default().silent += 1;
                }
            }
        }
    }

    fn add(&mut self, contact: Contact, path: usize, supplier: Option<Peer>) {
        if contact.peer == self.me {
            return;
        }
        let distance = contact.peer.position().distance(&self.at);
        if let Some(known) = self.candidates.get_mut(&distance) {
            if let Some(supplier) = supplier
                && !known.suppliers.is_empty()
                && known.suppliers.len() < SUPPLIERS_MAX
                && !known.suppliers.contains(&supplier)
            {
                known.suppliers.push(supplier);
                // Whoever named it first may have named it with addresses that lead nowhere.
                let addresses = &known.contact.addresses;
                let named = contact.addresses.iter().take(ADDRESSES_EACH);
                let more = named.filter(|it| !addresses.contains(it)).cloned();
                let all = addresses.iter().cloned().chain(more);
                known.contact.addresses = all.take(ADDRESSES_MAX).collect();
            }
            return;
        }
        let mut contact = contact;
        if supplier.is_some() {
            // Room is left for what others say.
            let some = contact.addresses.len().min(ADDRESSES_EACH);
            contact.addresses = contact.addresses[..some].into();
        }
        let candidate = Candidate {
            contact,
            path,
            suppliers: supplier.into_iter().collect(),
            at_hand: false,
            state: State::Waiting,
        };
        self.candidates.insert(distance, candidate);
        if self.candidates.len() > CANDIDATES_MAX {
            let mut waiting = self.candidates.iter().rev();
            let farthest = waiting.find(|(_, candidate)| candidate.state == State::Waiting);
            if let Some(distance) = farthest.map(|(distance, _)| *distance) {
                self.candidates.remove(&distance);
            }
        }
    }

    fn settle(&mut self, peer: &Peer, state: State) -> Option<usize> {
        let distance = peer.position().distance(&self.at);
        let candidate = self.candidates.get_mut(&distance)?;
        let slow = match candidate.state {
            State::Asked { .. } => false,
            State::Slow => true,
            State::Waiting | State::Busy | State::Answered | State::Silent => return None,
        };
        candidate.state = state;
        for supplier in &candidate.suppliers {
            let credit = self.credits.entry(*supplier).or_default();
            // A supplier that came after it was passed over was not charged.
            credit.silent = credit.silent.saturating_sub(usize::from(slow));
            match state {
                State::Answered => credit.answered += 1,
                State::Busy => {}
                _ => credit.silent += 1,
            }
        }
        Some(candidate.path)
    }
}

#[cfg(test)]
mod tests;
