//! The machine: what is asked, and what waits to be worked on. What follows from either is in [`answers`].

mod ahead;
mod answers;
mod worth;

use std::collections::{BTreeMap, VecDeque};

use dotkey_proto::ledger::{Certificate, Header};

use crate::dht::core::Failure;
use crate::dht::peer::Peer;
use crate::follow::core::sources::{Source, Sources};
use crate::follow::core::{ANSWER_MS_MAX, Action, Asked, Input, TIP_MS_MAX, Work};
use crate::follow::message::Question;
use ahead::{Ahead, Place};

/// Answers that wait to be worked on or are: one is fetched while another is written.
const QUEUE_MAX: usize = 2;

/// So long the watched peers have to say what they have before it is decided how to catch up.
const SETTLE_MS: u64 = 3_000;

/// So long a node that has blocks walks towards a state.
const WALK_MS_MAX: u64 = 30_000;

/// So long offers are waited for once there is one.
const OFFERS_MS: u64 = 3_000;

/// So long a state is waited for that nobody has any more, before another is begun.
const GONE_MS: u64 = 60_000;

/// So long a peer is not asked again for what it lacks.
const LACKS_MS: u64 = 10_000;

/// So long a peer that follows another network, or shows no tip, is not asked.
const STRANGER_MS: u64 = 10 * 60_000;

/// A tip that is no news is asked for again after this, whatever the peer waited.
const TIP_PAUSE_MS: u64 = 10_000;

/// What is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Finding out how far behind it is.
    Looking,
    /// Walking to the validators of now.
    Walking,
    /// Hearing which states can be had.
    Choosing,
    /// Taking over the state after a block.
    Importing {
        /// The block's height.
        height: u64,
    },
    /// Taking block after block.
    Following,
    /// Something is wrong that only people can mend.
    Halted,
}

impl Stage {
    /// Every word that there is.
    pub const WORDS: [&str; 6] = [
        "looking",
        "walking",
        "choosing",
        "taking-over",
        "following",
        "halted",
    ];

    /// As everybody writes it.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::WORDS[match self {
            Self::Looking => 0,
            Self::Walking => 1,
            Self::Choosing => 2,
            Self::Importing { .. } => 3,
            Self::Following => 4,
            Self::Halted => 5,
        }]
    }
}

/// How far it is, for people and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is going on.
    pub stage: Stage,
    /// How much of a state is taken over, in percent: leaves are spread evenly over the places, so that the place says how much.
    pub percent: Option<u8>,
    /// Peers that speak the protocol.
    pub peers: usize,
    /// The highest tip that one of them claims.
    pub highest: u64,
    /// Whether nobody who is ahead has the next block: they all began with a later state.
    pub unserved: bool,
    /// Why it does not go on.
    pub halted: Option<String>,
}

#[derive(Clone, Debug)]
struct Pending {
    to: Peer,
    since_ms: u64,
    round: u64,
    question: Question,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Core {
    genesis: [u8; 32],
    height: u64,
    digest: [u8; 32],
    epoch: u64,
    stage: Stage,
    since_ms: u64,
    sources: Sources,
    pending: BTreeMap<Asked, Pending>,
    numbered: u64,
    /// Answers of an earlier round are built on what was given up since.
    round: u64,
    queue: VecDeque<(Work, Option<Peer>)>,
    working: Option<Option<Peer>>,
    /// The next block or place to ask for, after what waits.
    next_block: u64,
    /// The chunks of the state that is taken over, and how far it is written.
    ahead: Ahead,
    written_place: Place,
    /// Since when nobody has the next block, and when a state may be looked for instead.
    unserved_since_ms: Option<u64>,
    state_due_ms: u64,
    offers: Vec<(Header, Certificate, Peer)>,
    /// Who has to show the handovers to its offer.
    guide: Option<Peer>,
    halted: Option<String>,
    actions: Vec<Action>,
}

impl Core {
    /// Begins at the chain's tip. `first` is the digest of the network's first block; `begun` the state that was being taken over.
    #[must_use]
    pub fn new(
        seed: u64,
        first: [u8; 32],
        tip: (u64, [u8; 32]),
        epoch: u64,
        begun: Option<(Header, Certificate)>,
    ) -> Self {
        let (height, digest) = tip;
        let mut core = Self {
            genesis: first,
            height,
            digest,
            epoch,
            stage: if height == 0 {
                Stage::Looking
            } else {
                Stage::Following
            },
            since_ms: 0,
            sources: Sources::new(seed),
            pending: BTreeMap::new(),
            numbered: 0,
            round: 0,
            queue: VecDeque::new(),
            working: None,
            next_block: height + 1,
            ahead: Ahead::default(),
            written_place: [0; 32],
            unserved_since_ms: None,
            state_due_ms: 0,
            offers: Vec::new(),
            guide: None,
            halted: None,
            actions: Vec::new(),
        };
        if let Some((header, certificate)) = begun.filter(|(header, _)| header.height > height) {
            core.stage = Stage::Choosing;
            core.queue.push_back((
                Work::Begin {
                    header,
                    certificate,
                },
                None,
            ));
        }
        core
    }

    /// Takes an input, and says what to do.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Action> {
        match input {
            Input::Tick => self.give_up(now_ms),
            Input::Joined(peer) => self.sources.join(peer),
            Input::Left(peer) => {
                self.sources.leave(&peer);
                self.pending.retain(|_, pending| pending.to != peer);
            }
            Input::Answered { asked, response } => self.on_answer(now_ms, asked, *response),
            Input::Failed { asked, failure } => self.on_failure(now_ms, asked, failure),
            Input::Worked(result) => self.on_worked(now_ms, result),
        }
        if self.halted.is_none() {
            self.decide(now_ms);
            self.ask(now_ms);
            self.hand_out();
        }
        core::mem::take(&mut self.actions)
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self, now_ms: u64) -> Progress {
        let [first, second, ..] = self.written_place;
        let percent = u32::from(u16::from_be_bytes([first, second])) * 100 / (1 << 16);
        let taking_over = matches!(self.stage, Stage::Importing { .. });
        Progress {
            stage: self.stage,
            percent: taking_over.then_some(percent as u8),
            peers: self.sources.len(),
            highest: self.sources.highest(now_ms).max(self.height),
            unserved: self.stage == Stage::Following && self.is_unserved(now_ms),
            halted: self.halted.clone(),
        }
    }

    fn enter(&mut self, now_ms: u64, stage: Stage) {
        self.stage = stage;
        self.since_ms = now_ms;
        self.again();
    }

    /// What is asked and what waits is built on what does not count any more.
    fn again(&mut self) {
        self.round += 1;
        self.queue.clear();
        self.next_block = self.height + 1;
        self.ahead = Ahead::at(self.written_place);
    }

    fn decide(&mut self, now_ms: u64) {
        let waited = now_ms.saturating_sub(self.since_ms);
        let stage = self.stage;
        match stage {
            Stage::Looking => {
                let settled = waited >= SETTLE_MS || self.sources.have_spoken(now_ms);
                if self.sources.highest(now_ms) > self.height && settled {
                    match self.is_far(now_ms) {
                        true => self.look_for_state(now_ms),
                        false => self.enter(now_ms, Stage::Following),
                    }
                }
            }
            Stage::Following if self.needs_state(now_ms) => self.look_for_state(now_ms),
            // Blocks may be had where the way to a state is not.
            Stage::Walking
                if self.height > 0 && waited >= WALK_MS_MAX && self.working.is_none() =>
            {
                self.enter(now_ms, Stage::Following);
            }
            Stage::Choosing if self.working.is_none() && self.queue.is_empty() => {
                let waiting = self.in_flight(|question| matches!(question, Question::Offer));
                if self.offers.is_empty() {
                    // Nobody offers a state: blocks it is, and whoever comes later may have one.
                    if waited >= OFFERS_MS && waiting == 0 {
                        self.enter(now_ms, Stage::Following);
                    }
                } else if waited >= OFFERS_MS || waiting == 0 {
                    self.begin_best();
                }
            }
            Stage::Importing { .. } => {
                let holds = |source: &Source| source.lacks_until_ms <= now_ms;
                let alive = self.working.is_some()
                    || !self.queue.is_empty()
                    || self.in_flight(|_| true) > self.in_flight(is_tip);
                if alive || (self.sources.any(now_ms, holds) && waited < GONE_MS) {
                    self.since_ms = if alive { now_ms } else { self.since_ms };
                } else if waited >= GONE_MS {
                    self.written_place = [0; 32];
                    self.enter(now_ms, Stage::Looking);
                }
            }
            _ => {}
        }
    }

    /// The highest of the offers, which are tried one after the other.
    fn begin_best(&mut self) {
        let best = (0..self.offers.len()).max_by_key(|at| self.offers[*at].0.height);
        if let Some(at) = best {
            let (header, certificate, peer) = self.offers.swap_remove(at);
            let begin = Work::Begin {
                header,
                certificate,
            };
            self.queue.push_back((begin, Some(peer)));
        }
    }

    fn in_flight(&self, of: impl Fn(&Question) -> bool) -> usize {
        let mine = self
            .pending
            .values()
            .filter(|one| one.round == self.round || is_tip(&one.question));
        mine.filter(|one| of(&one.question)).count()
    }

    fn ask(&mut self, now_ms: u64) {
        for peer in self.sources.watch(now_ms) {
            let above = self.height;
            self.send(now_ms, peer, Question::Tip { above });
        }
        let busy = self.in_flight(|question| !is_tip(question));
        let waiting = self.queue.len() + usize::from(self.working.is_some());
        match self.stage {
            Stage::Walking if busy + waiting == 0 => {
                let guide = self.guide;
                let known = self.sources.choose(now_ms, |source| {
                    source.claim.is_some_and(|(height, _)| height > 0)
                });
                if let Some(peer) = guide.or(known) {
                    let epoch = self.epoch;
                    self.send(now_ms, peer, Question::Handovers { epoch });
                }
            }
            Stage::Choosing if self.offers.is_empty() && waiting == 0 => {
                while let Some(peer) = self.sources.choose(now_ms, |source| {
                    source.watched && source.claim.is_some() && source.lacks_until_ms <= now_ms
                }) {
                    self.send(now_ms, peer, Question::Offer);
                    if let Some(source) = self.sources.get(&peer) {
                        source.lacks_until_ms = now_ms + LACKS_MS;
                    }
                }
            }
            Stage::Importing { height } => {
                let holder = |source: &Source| source.lacks_until_ms <= now_ms;
                while let Some(from) = self.ahead.open(&self.places_asked())
                    && let Some(peer) = self.sources.choose(now_ms, holder)
                {
                    self.ahead.ask(from);
                    self.send(now_ms, peer, Question::Chunk { height, from });
                }
            }
            Stage::Following if busy == 0 && waiting < QUEUE_MAX && !self.is_far(now_ms) => {
                let from = self.next_block;
                let has = |source: &Source| {
                    let claimed = source.claim;
                    claimed.is_some_and(|(height, after)| after < from && from <= height)
                };
                if let Some(peer) = self.sources.choose(now_ms, has) {
                    self.send(now_ms, peer, Question::Blocks { from });
                }
            }
            _ => {}
        }
    }

    /// Where the chunks begin that are asked for.
    fn places_asked(&self) -> Vec<Place> {
        let mine = self.pending.values().filter(|one| one.round == self.round);
        let places = mine.filter_map(|one| match one.question {
            Question::Chunk { from, .. } => Some(from),
            _ => None,
        });
        places.collect()
    }

    fn send(&mut self, now_ms: u64, to: Peer, question: Question) {
        self.numbered += 1;
        let asked = Asked(self.numbered);
        if let Some(source) = self.sources.get(&to) {
            match &question {
                Question::Tip { .. } => {
                    source.tip_asked = Some(asked);
                    source.tip_due_ms = now_ms + TIP_PAUSE_MS;
                }
                _ => source.asked = Some(asked),
            }
        }
        let round = self.round;
        self.pending.insert(
            asked,
            Pending {
                to,
                since_ms: now_ms,
                round,
                question: question.clone(),
            },
        );
        self.actions.push(Action::Ask {
            asked,
            to,
            question,
        });
    }

    fn hand_out(&mut self) {
        if self.working.is_some() {
            return;
        }
        let next = self.queue.pop_front().or_else(|| {
            let (chunk, from) = self.ahead.hand_out()?;
            Some((Work::Chunk(chunk), Some(from)))
        });
        if let Some((work, from)) = next {
            self.working = Some(from);
            self.actions.push(Action::Work(Box::new(work)));
        }
    }

    /// What has taken too long.
    fn give_up(&mut self, now_ms: u64) {
        let late = self.pending.iter().filter(|(_, pending)| {
            let most = match pending.question {
                Question::Tip { .. } => TIP_MS_MAX,
                _ => ANSWER_MS_MAX,
            };
            now_ms >= pending.since_ms + most
        });
        let late: Vec<Asked> = late.map(|(asked, _)| *asked).collect();
        for asked in late {
            self.on_failure(now_ms, asked, Failure::TimedOut);
        }
    }

    fn close(&mut self, asked: Asked) -> Option<Pending> {
        let pending = self.pending.remove(&asked)?;
        if let Some(source) = self.sources.get(&pending.to) {
            for slot in [&mut source.tip_asked, &mut source.asked] {
                if *slot == Some(asked) {
                    *slot = None;
                }
            }
        }
        Some(pending)
    }
}

fn is_tip(question: &Question) -> bool {
    matches!(question, Question::Tip { .. })
}
