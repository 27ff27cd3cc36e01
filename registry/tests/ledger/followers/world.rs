//! The virtual world: one follower, its peers, and a clock that only moves when nothing is left to do.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use dotkey_proto::ledger::Trusted;
use dotkey_proto::time::Timestamp;
use dotkey_registry::dht::core::{Failure, Offence};
use dotkey_registry::dht::peer::Peer;
use dotkey_registry::follow::core::{
    Action, Asked, Core, Done, Fault, Input, Stage, TICK_MS, TIP_WAIT_MS,
};
use dotkey_registry::follow::message::{Question, Refusal, Request, Response};
use dotkey_registry::follow::serve;
use dotkey_registry::follow::worker::Worker;
use dotkey_registry::ledger::Chain;

use crate::chain::open;
use crate::network::Network;

/// So long a piece of work takes.
const WORK_MS: u64 = 7;

/// How a peer answers: after so long, or never.
#[expect(clippy::large_enum_variant, reason = "a few at a time, in a test")]
pub(crate) enum Answer {
    After(u64, Response),
    Broken(u64, Failure),
    Never,
}

/// A peer.
pub(crate) trait Double {
    fn answer(&mut self, question: &Question) -> Answer;
}

/// One that does as it should, from its chain.
pub(crate) struct Honest(pub(crate) Arc<Chain>, pub(crate) u64);

pub(crate) fn honestly(chain: &Chain, question: &Question) -> Response {
    let request = Request {
        network: chain.charter().network,
        question: question.clone(),
    };
    serve::answer(chain, &request).expect("it reads")
}

impl Double for Honest {
    fn answer(&mut self, question: &Question) -> Answer {
        Answer::After(self.1, honestly(&self.0, question))
    }
}

/// One that changes what an honest peer would say.
pub(crate) struct Twisted<F>(pub(crate) Arc<Chain>, pub(crate) F);

impl<F: FnMut(&Question, Response) -> Answer> Double for Twisted<F> {
    fn answer(&mut self, question: &Question) -> Answer {
        let response = honestly(&self.0, question);
        (self.1)(question, response)
    }
}

#[expect(clippy::large_enum_variant, reason = "a few at a time, in a test")]
enum Event {
    Answered(Asked, Answer),
    /// A question about the tip that waits for news, until then.
    Waits(Asked, Peer, u64, u64),
    Worked(Result<Done, Fault>),
}

pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) chain: Arc<Chain>,
    core: Core,
    worker: Worker,
    trusted: Trusted,
    peers: BTreeMap<Peer, Box<dyn Double>>,
    events: BTreeMap<(u64, u64), Event>,
    numbered: u64,
    pub(crate) blamed: BTreeMap<Peer, Vec<Offence>>,
    /// Who was asked what, in order.
    pub(crate) asked: Vec<(Peer, Question)>,
    /// Behind the last chunk of a state that was taken: what is before it is never asked for again.
    taken: [u8; 32],
}

impl World {
    /// A follower on a folder, which knows nobody.
    pub(crate) fn new(folder: &Path, network: &Network, seed: u64) -> Self {
        let chain = Arc::new(open(folder, network).expect("it opens"));
        let trusted = network.genesis.trusted();
        let (tip, first) = (chain.tip(), chain.genesis().digest());
        let begun = chain.import_begun().expect("it reads");
        let at = (tip.height, tip.digest());
        Self {
            now_ms: 0,
            core: Core::new(seed, first, at, trusted.epoch, begun),
            worker: Worker::new(Arc::clone(&chain), trusted.clone()),
            trusted,
            chain,
            peers: BTreeMap::new(),
            events: BTreeMap::new(),
            numbered: 0,
            blamed: BTreeMap::new(),
            asked: Vec::new(),
            taken: [0; 32],
        }
    }

    /// From now on the calendar says this.
    pub(crate) fn set_calendar(&mut self, now: Timestamp) {
        let trusted = self.trusted.clone();
        let worker = Worker::new(Arc::clone(&self.chain), trusted);
        self.worker = worker.minding(Box::new(move || now));
    }

    pub(crate) fn join(&mut self, number: u8, double: impl Double + 'static) -> Peer {
        let peer = Peer([number; 32]);
        self.peers.insert(peer, Box::new(double));
        self.feed(Input::Joined(peer));
        peer
    }

    pub(crate) fn leave(&mut self, peer: Peer) {
        self.peers.remove(&peer);
        self.feed(Input::Left(peer));
    }

    pub(crate) fn height(&self) -> u64 {
        self.chain.tip().height
    }

    pub(crate) fn stage(&self) -> Stage {
        self.core.progress(self.now_ms).stage
    }

    pub(crate) fn progress(&self) -> dotkey_registry::follow::core::Progress {
        self.core.progress(self.now_ms)
    }

    /// Runs until something is so, which it has to be within so long. Says how long it took.
    pub(crate) fn until(&mut self, what: &str, within_ms: u64, so: impl Fn(&Self) -> bool) -> u64 {
        let begin = self.now_ms;
        while !so(self) {
            assert!(
                self.now_ms < begin + within_ms,
                "not within {within_ms} ms: {what}; {:?}, blamed {:?}",
                self.progress(),
                self.blamed
            );
            self.turn();
        }
        self.now_ms - begin
    }

    /// Runs for so long.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while self.now_ms < end {
            self.turn();
        }
    }

    /// The next thing that happens, or a tick.
    fn turn(&mut self) {
        let tick = (self.now_ms / TICK_MS + 1) * TICK_MS;
        let next = self.events.first_key_value().map(|((at, _), _)| *at);
        match next.filter(|at| *at < tick) {
            Some(at) => {
                self.now_ms = at;
                let event = self.events.pop_first().expect("it was there").1;
                self.happen(event);
            }
            None => {
                self.now_ms = tick;
                self.feed(Input::Tick);
            }
        }
    }

    fn plan(&mut self, at_ms: u64, event: Event) {
        self.numbered += 1;
        self.events.insert((at_ms, self.numbered), event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Worked(result) => {
                if let Ok(Done::Begun { next, .. } | Done::Taken { next }) = &result {
                    self.taken = *next;
                }
                self.feed(Input::Worked(result));
            }
            Event::Answered(asked, Answer::After(_, response)) => {
                // As it comes from the network.
                let response = Response::decode(&response.encode()).expect("it decodes");
                let response = Box::new(response);
                self.feed(Input::Answered { asked, response });
            }
            Event::Answered(asked, Answer::Broken(_, failure)) => {
                self.feed(Input::Failed { asked, failure });
            }
            Event::Answered(_, Answer::Never) => {}
            Event::Waits(asked, peer, above, until_ms) => self.wait(asked, peer, above, until_ms),
        }
    }

    fn wait(&mut self, asked: Asked, peer: Peer, above: u64, until_ms: u64) {
        let Some(double) = self.peers.get_mut(&peer) else {
            return;
        };
        let answer = double.answer(&Question::Tip { above });
        let news = match &answer {
            Answer::After(_, Response::Tip(tip)) => tip.header.height > above,
            _ => true,
        };
        if news || self.now_ms >= until_ms {
            self.deliver(asked, answer);
        } else {
            // Nobody looks every millisecond: a chain tells when its tip changes.
            self.plan(self.now_ms + 5, Event::Waits(asked, peer, above, until_ms));
        }
    }

    fn deliver(&mut self, asked: Asked, answer: Answer) {
        match answer {
            Answer::After(ms, _) | Answer::Broken(ms, _) => {
                self.plan(self.now_ms + ms, Event::Answered(asked, answer));
            }
            Answer::Never => {}
        }
    }

    fn feed(&mut self, input: Input) {
        for action in self.core.step(self.now_ms, input) {
            match action {
                Action::Ask {
                    asked,
                    to,
                    question,
                } => self.ask(asked, to, question),
                Action::Work(work) => {
                    let result = self.worker.work(*work);
                    self.plan(self.now_ms + WORK_MS, Event::Worked(result));
                }
                Action::Blame { peer, offence } => {
                    self.blamed.entry(peer).or_default().push(offence);
                }
            }
        }
    }

    fn ask(&mut self, asked: Asked, to: Peer, question: Question) {
        if let Question::Chunk { from, .. } = &question {
            assert!(*from >= self.taken, "it is written already");
        }
        self.asked.push((to, question.clone()));
        if let Question::Tip { above } = question {
            let until_ms = self.now_ms + TIP_WAIT_MS;
            self.plan(self.now_ms + 1, Event::Waits(asked, to, above, until_ms));
            return;
        }
        match self.peers.get_mut(&to) {
            Some(double) => {
                let answer = double.answer(&question);
                self.deliver(asked, answer);
            }
            None => self.deliver(asked, Answer::Broken(1, Failure::Unreachable)),
        }
    }
}

/// A peer that has nothing.
pub(crate) fn nothing() -> Response {
    Response::Refused(Refusal::NotHere)
}
