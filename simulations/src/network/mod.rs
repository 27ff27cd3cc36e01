//! A network of nodes: the registry's own cores over links that delay and lose, with disks, gossip and malicious peers.
//!
//! This module stands in for what the driver is in the product: it carries messages, writes records, passes announcements on
//! once they are verified, and forgets peers that do not answer. Routing tables are filled from the true population. Every decision
//! is the core's.

mod links;
mod nature;
mod node;
mod people;

use std::collections::BTreeMap;

use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;
use dotkey_registry::dht::core::{
    Action, Asked, Effort, Failure, Inbound, Input, Job, Now, Outcome, TICK_MS, Writing, check,
};
use dotkey_registry::dht::message::{Announcement, Expected, Request, Response, Summary, Want};
use dotkey_registry::dht::peer::{Peer, Position};

pub use nature::Nature;
pub use node::Node;
pub use people::Person;

use crate::world::{Events, Random};

/// Over a wide-area network, one way.
const DELAY_MS_MIN: u64 = 10;
const DELAY_MS_MAX: u64 = 100;
/// To the disk and back.
const DISK_MS: u64 = 3;
/// A transport gives up.
const GIVES_UP_MS: u64 = 3_000;
/// A dial of who does not answer fails after this long.
const DIAL_MS: u64 = 5_000;
/// What libp2p's Kademlia does on its own, by bootstrapping: it looks at some entries of its table, and forgets who is gone.
const REFRESH_MS: u64 = 10_000;
const REFRESHED: usize = 5;
/// Those to whom a node passes gossip on.
const GOSSIP_DEGREE: usize = 6;
/// How long a slow peer keeps its answers back: just not too long.
pub const SLOW_MS: u64 = 2_700;

/// What the calendar says when a world begins.
pub const BEGIN_SECS: u64 = 1_795_000_000;

/// What happens.
#[derive(Debug)]
enum Event {
    Tick(usize),
    Refresh(usize),
    Asks {
        from: usize,
        to: usize,
        asked: Asked,
        request: Request,
    },
    Answers {
        from: usize,
        to: usize,
        asked: Asked,
        response: Response,
    },
    Lost {
        node: usize,
        peer: usize,
        asked: Asked,
    },
    Gossip {
        from: usize,
        to: usize,
        announcement: Announcement,
    },
    Written {
        node: usize,
        writing: Writing,
        record: Box<Verified<Record>>,
        expected: Expected,
    },
    Flood {
        node: usize,
    },
    Looked {
        node: usize,
        peer: Peer,
    },
}

/// The virtual network.
pub struct Network {
    /// Chance.
    pub random: Random,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Messages carried.
    pub carried: u64,
    /// A digest of every event with its time.
    pub digest: u64,
    /// Messages lost, in a hundred.
    pub loss_percent: u64,
    /// How long slow peers keep their answers back.
    pub slow_ms: u64,
    /// Whether gossip is carried.
    pub gossips: bool,
    /// Which requests are carried; all, unless a story is to fail.
    pub carries: fn(&Request) -> bool,
    events: Events<Event>,
    index: BTreeMap<Peer, usize>,
    inbound: BTreeMap<u64, (usize, Asked)>,
    numbers: u64,
    outcomes: BTreeMap<u64, Outcome>,
}

impl Network {
    /// So many honest nodes.
    #[must_use]
    pub fn new(seed: u64, count: usize) -> Self {
        Self::of(seed, count, |random, _| (drawn(random), Nature::Honest))
    }

    /// So many nodes, each with an id and a nature.
    #[must_use]
    pub fn of(seed: u64, count: usize, who: impl Fn(&mut Random, usize) -> (Peer, Nature)) -> Self {
        let mut random = Random::new(seed);
        let nodes: Vec<Node> = (0..count)
            .map(|number| {
                let (me, nature) = who(&mut random, number);
                Node::new(&mut random, me, nature)
            })
            .collect();
        let index = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| (node.me, number));
        let mut network = Self {
            index: index.collect(),
            nodes,
            random,
            carried: 0,
            digest: seed,
            loss_percent: 0,
            slow_ms: SLOW_MS,
            gossips: true,
            carries: |_| true,
            events: Events::default(),
            inbound: BTreeMap::new(),
            numbers: 0,
            outcomes: BTreeMap::new(),
        };
        for node in 0..count {
            network.fill_table(node);
            let phase = network.random.below(TICK_MS);
            network.events.plan(phase, Event::Tick(node));
            let phase = network.random.below(REFRESH_MS);
            network.events.plan(phase, Event::Refresh(node));
        }
        network.link_gossip();
        for node in 0..count {
            network.feed(node, Input::TableChanged);
        }
        network
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        let ms = self.events.now().0;
        let secs = BEGIN_SECS + ms / 1000;
        Now {
            ms,
            calendar: Timestamp::from_secs(secs).expect("in range"),
        }
    }

    /// Lets so much time pass.
    pub fn run(&mut self, ms: u64) {
        self.run_until(ms, |_| false);
    }

    /// Lets time pass until something is so, at most so much.
    pub fn run_until(&mut self, ms: u64, is: impl Fn(&Self) -> bool) {
        let end = self.events.now().0 + ms;
        while self.events.now().0 < end && !is(self) {
            let event = self.events.next_event().expect("nodes tick for ever");
            self.happen(event);
        }
    }

    /// An honest node that is up.
    pub fn someone(&mut self) -> usize {
        loop {
            let count = self.nodes.len() as u64;
            let node = usize::try_from(self.random.below(count)).expect("an index");
            if self.nodes[node].alive && self.nodes[node].nature == Nature::Honest {
                return node;
            }
        }
    }

    /// Starts a get, and gives the number of its outcome.
    pub fn get(&mut self, node: usize, at: Position, effort: Effort) -> u64 {
        let job = self.number();
        self.feed(
            node,
            Input::Get {
                job: Job(job),
                at,
                effort,
            },
        );
        job
    }

    /// Starts a put.
    pub fn put(&mut self, node: usize, record: Verified<Record>) -> u64 {
        let job = self.number();
        let input = Input::Put {
            job: Job(job),
            record: Box::new(record),
            expected: Expected::Older,
        };
        self.feed(node, input);
        job
    }

    /// How a get or a put ended.
    pub fn outcome(&mut self, job: u64) -> Option<Outcome> {
        self.outcomes.remove(&job)
    }

    /// Runs until a job ends.
    pub fn wait(&mut self, job: u64) -> Option<Outcome> {
        self.run_until(20_000, |network| network.outcomes.contains_key(&job));
        self.outcome(job)
    }

    /// So many in a hundred of the nodes are of another nature from now on.
    pub fn turn(&mut self, nature: Nature, percent: usize) {
        for node in 0..self.nodes.len() * percent / 100 {
            self.nodes[node].nature = nature;
            if nature == Nature::Flooder {
                self.events.plan(0, Event::Flood { node });
            }
        }
    }

    /// A writer that nobody knows gives a record to one node.
    pub fn give(&mut self, node: usize, record: &Verified<Record>) {
        let inbound = Inbound(self.number());
        let from = drawn(&mut self.random);
        let request = Request::Put {
            record: record.as_bytes().into(),
            expected: Expected::Older,
        };
        self.feed(
            node,
            Input::Request {
                from,
                inbound,
                request,
            },
        );
    }

    /// The nodes that are up, the closest first.
    #[must_use]
    pub fn by_distance(&self, at: &Position) -> Vec<usize> {
        let up = |node: &usize| self.nodes[*node].alive;
        let mut all: Vec<usize> = (0..self.nodes.len()).filter(up).collect();
        all.sort_by_key(|node| self.nodes[*node].here.distance(at));
        all
    }

    /// A node vanishes without a word.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].alive = false;
    }

    /// Honest nodes that are up and have this, of the closest 20 that are up.
    #[must_use]
    pub fn copies(&self, at: &Position, summary: &Summary) -> usize {
        let closest = self.by_distance(at);
        let has = |node: &&usize| self.nodes[**node].has(at) == Some(*summary);
        closest.iter().take(20).filter(has).count()
    }

    fn happen(&mut self, event: Event) {
        self.note(&event);
        match event {
            Event::Tick(node) => {
                if self.nodes[node].alive {
                    self.events.plan(TICK_MS, Event::Tick(node));
                    self.feed(node, Input::Tick);
                }
            }
            Event::Refresh(node) => {
                if self.nodes[node].alive {
                    self.events.plan(REFRESH_MS, Event::Refresh(node));
                    self.refresh(node);
                }
            }
            Event::Asks {
                from,
                to,
                asked,
                request,
            } => self.asks(from, to, asked, request),
            Event::Answers {
                from,
                to,
                asked,
                response,
            } => {
                self.nodes[to].failures.remove(&from);
                if self.nodes[to].open.remove(&asked) {
                    self.feed(to, Input::Response { asked, response });
                }
            }
            Event::Lost { node, peer, asked } => {
                if self.nodes[node].open.remove(&asked) {
                    let failure = Failure::TimedOut;
                    self.feed(node, Input::Failed { asked, failure });
                    self.miss(node, peer);
                }
            }
            Event::Gossip {
                from,
                to,
                announcement,
            } => self.hears(from, to, announcement),
            Event::Written {
                node,
                writing,
                record,
                expected,
            } => {
                let result = self.nodes[node].store(&record, expected);
                self.feed(node, Input::Written { writing, result });
            }
            Event::Flood { node } => self.flood(node),
            Event::Looked { node, peer } => self.looked(node, &peer),
        }
    }

    fn asks(&mut self, from: usize, to: usize, asked: Asked, request: Request) {
        if !self.nodes[to].alive || self.nodes[to].refuses(&self.nodes[from].me, self.now().ms) {
            return;
        }
        self.nodes[to].served += 1;
        let for_record = matches!(
            request,
            Request::Get {
                want: Want::Record,
                ..
            }
        );
        self.nodes[to].asked_for_records += u64::from(for_record);
        let delay_ms = match self.nodes[to].nature {
            Nature::Slow => self.slow_ms,
            _ => 0,
        };
        let answer = self.nature_answers(to, &request);
        match answer {
            nature::Answer::Core => {
                let inbound = self.number();
                self.inbound.insert(inbound, (from, asked));
                let from = self.nodes[from].me;
                let inbound = Inbound(inbound);
                self.feed(
                    to,
                    Input::Request {
                        from,
                        inbound,
                        request,
                    },
                );
            }
            nature::Answer::This(response) => self.answer(to, from, asked, response, delay_ms),
            nature::Answer::None => {}
        }
    }

    fn feed(&mut self, node: usize, input: Input) {
        if !self.nodes[node].alive {
            return;
        }
        let now = self.now();
        for action in self.nodes[node].step(now, input) {
            self.perform(node, action);
        }
    }

    fn perform(&mut self, node: usize, action: Action) {
        match action {
            Action::Ask { asked, to, request } => self.carry(node, to.peer, asked, request),
            Action::Answer { inbound, response } => {
                if let Some((to, asked)) = self.inbound.remove(&inbound.0) {
                    let slow = self.nodes[node].nature == Nature::Slow;
                    let delay_ms = if slow { self.slow_ms } else { 0 };
                    self.answer(node, to, asked, response, delay_ms);
                }
            }
            Action::Write {
                writing,
                record,
                expected,
            } => {
                self.events.plan(
                    DISK_MS,
                    Event::Written {
                        node,
                        writing,
                        record,
                        expected,
                    },
                );
            }
            Action::Verify { verifying, bytes } => {
                let checked = check(&bytes, None, self.now().calendar);
                self.feed(node, Input::Verified { verifying, checked });
            }
            Action::Announce(announcement) => {
                let waited = self.let_on(node, &announcement);
                if !waited && self.nodes[node].heard.insert(announcement) {
                    self.pass_on(node, announcement);
                }
            }
            Action::Judge {
                announcement,
                verdict,
            } => self.judge(node, &announcement, verdict),
            Action::Changed(record) => {
                let (at, summary) = (Position::of_record(&record), Summary::of(&record));
                let now_ms = self.now().ms;
                self.nodes[node].changed.insert((at, summary), now_ms);
                let key_id = record.key_id();
                let announcement = Announcement {
                    key_id,
                    at,
                    summary,
                };
                self.let_on(node, &announcement);
            }
            Action::Progress { job, stored, .. } => {
                self.nodes[node].progress.insert(job.0, stored);
            }
            Action::Done { job, outcome } => {
                self.outcomes.insert(job.0, outcome);
            }
            Action::Look { peer } => {
                self.events.plan(DIAL_MS, Event::Looked { node, peer });
            }
            Action::CutOff { peer, until_ms, .. } => {
                self.nodes[node].cut.insert(peer, until_ms);
                self.nodes[node]
                    .table
                    .retain(|(_, contact)| contact.peer != peer);
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn note(&mut self, event: &Event) {
        let (kind, a, b) = match event {
            Event::Tick(node) => (1, *node, 0),
            Event::Refresh(node) => (8, *node, 0),
            Event::Asks { from, to, .. } => (2, *from, *to),
            Event::Answers { from, to, .. } => (3, *from, *to),
            Event::Lost { node, .. } => (4, *node, 0),
            Event::Gossip { from, to, .. } => (5, *from, *to),
            Event::Written { node, .. } => (6, *node, 0),
            Event::Flood { node } => (7, *node, 0),
            Event::Looked { node, .. } => (9, *node, 0),
        };
        for word in [self.events.now().0, kind, a as u64, b as u64] {
            self.digest = Random::new(self.digest ^ word).word();
        }
    }
}

/// An id.
pub fn drawn(random: &mut Random) -> Peer {
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&random.word().to_be_bytes());
    }
    Peer(key)
}
