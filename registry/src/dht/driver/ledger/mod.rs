//! The ledger among peers, in the loop: feeds the core that follows, answers those who ask, and passes transactions on.
//!
//! What reads the disk or verifies runs on other threads, whose results come back through one queue. Of each peer one question about the tip waits here until there is news.

mod codec;
mod serving;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use libp2p::PeerId;
use tokio::sync::{broadcast, mpsc, watch};

use super::actions::{peer, peer_id};
use super::actor::Actor;
use super::exchange::{self, Channel, RequestId};
use super::protocols::failure;
use crate::consensus::timing::NO_SPACE_PAUSE;
use crate::consensus::{Block, Objection};
use crate::dht::core::{self as dht, Offence};
use crate::dht::peer::Peer;
use crate::follow::core::{Action, Asked, Core, Done, Fault, Input, Progress, Stage, Work};
use crate::follow::message::{Question, Refusal, Request, Response};
use crate::follow::shares::Shares;
use crate::follow::verify::Certified;
use crate::follow::worker::Worker;
use crate::ledger::Chain;
use crate::node::ledger::Ledger;

/// Results of other threads that wait for the loop; a thread waits when there are more.
const EVENTS_MAX: usize = 256;

/// Questions that are answered from the disk at once, and that wait for it.
const SERVING_MAX: usize = 4;
const QUEUED_MAX: usize = 64;

/// Questions about the tip that wait for news.
const WAITING_MAX: usize = 256;

/// Transactions that no peer has taken yet; the oldest leave first.
const UNSENT_MAX: usize = 256;

/// Peers that a transaction is given to, and how soon it is given to others where none took it.
const PASS_ON_TO: usize = 3;
const PASS_ON_AGAIN_MS: u64 = 5_000;
const PASS_ON_TIMES: u32 = 12;

pub(super) use codec::{LedgerExchange, ledger_exchange};

use codec::LedgerCodec;

type Exchanged = exchange::Event<LedgerCodec>;

/// What other threads tell the loop.
pub(super) enum Event {
    Worked(Result<Done, Fault>),
    Served(u64, Box<Response>),
    NewTip,
    Taken(Bytes),
}

/// A question that is answered from the disk.
struct Asking {
    from: Peer,
    channel: Channel<Response>,
}

/// A question about the tip that waits.
struct Waits {
    above: u64,
    until_ms: u64,
    channel: Channel<Response>,
}

struct Unsent {
    bytes: Bytes,
    due_ms: u64,
    times: u32,
}

/// See the module.
pub(in crate::dht::driver) struct Following {
    ledger: Ledger,
    chain: Arc<Chain>,
    core: Option<Core>,
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    events: mpsc::Sender<Event>,
    asked: HashMap<RequestId, Option<Asked>>,
    passed_on: HashMap<RequestId, Bytes>,
    serving: BTreeMap<u64, Asking>,
    queued: VecDeque<(u64, Request)>,
    at_work: usize,
    numbered: u64,
    waits: BTreeMap<Peer, Waits>,
    shares: Shares,
    unsent: VecDeque<Unsent>,
    turn: usize,
    /// What the log has said last.
    said: Option<(Stage, bool)>,
}

impl Following {
    /// Serves a ledger, and follows it where this node has no engine that does.
    pub(super) fn new(ledger: Ledger, seed: u64) -> Option<(Self, mpsc::Receiver<Event>)> {
        let chain = ledger.chain()?;
        let (events, received) = mpsc::channel(EVENTS_MAX);
        if let Some(taken) = ledger.taken() {
            tokio::spawn(tell(chain.tips(), taken, events.clone()));
        }
        let mut following = Self {
            ledger,
            chain,
            core: None,
            work: None,
            thread: None,
            events,
            asked: HashMap::new(),
            passed_on: HashMap::new(),
            serving: BTreeMap::new(),
            queued: VecDeque::new(),
            at_work: 0,
            numbered: 0,
            waits: BTreeMap::new(),
            shares: Shares::default(),
            unsent: VecDeque::new(),
            turn: 0,
            said: None,
        };
        if !following.ledger.has_engine() {
            following.follow(seed);
        }
        Some((following, received))
    }

    fn follow(&mut self, seed: u64) {
        let begun = self.chain.import_begun().unwrap_or_else(|error| {
            self.ledger.halt(&error.to_string());
            None
        });
        let tip = self.chain.tip();
        let trusted = self.ledger.genesis().trusted();
        let first = self.chain.genesis().digest();
        let at = (tip.height, tip.digest());
        self.core = Some(Core::new(seed, first, at, trusted.epoch, begun));
        let (ledger, clock) = (self.ledger.clone(), self.ledger.clock());
        let chain = Arc::clone(&self.chain);
        let (work, waiting) = sync_channel(1);
        let events = self.events.clone();
        let loop_events = self.events.clone();
        let write = move |block: &Certified| write(&ledger, block, &|| loop_events.is_closed());
        let thread = std::thread::Builder::new().name("follower".to_owned());
        let thread = thread.spawn(move || {
            let worker = Worker::new(chain, trusted).writing(Box::new(write));
            let worker = worker.minding(Box::new(clock));
            run(worker, &waiting, &events);
        });
        self.thread = Some(thread.expect("the system gives a thread at start-up"));
        self.work = Some(work);
    }
}

impl Following {
    /// Says in the log what is new about how far it is.
    fn tell_people(&mut self, progress: &Progress) {
        self.ledger.note_progress(progress);
        let Progress {
            stage,
            peers,
            highest,
            unserved,
            halted,
            percent: _,
        } = progress;
        if self.said.replace((*stage, *unserved)) == Some((*stage, *unserved)) {
            return;
        }
        let height = self.chain.tip().height;
        if let Some(why) = halted {
            self.ledger.halt(why);
        } else if *unserved {
            tracing::warn!(
                height,
                highest,
                "no peer has the next block of the ledger: all began with a later state, and one of these is taken over when it is offered. Connect to another node where that lasts"
            );
        } else {
            tracing::info!(?stage, height, highest, peers, "the ledger is followed");
        }
    }
}

impl Drop for Following {
    /// The folder is free when this is gone.
    fn drop(&mut self) {
        drop(self.work.take());
        // It does not wait for the loop, which is gone.
        let (events, _) = mpsc::channel(1);
        self.events = events;
        if let Some(thread) = self.thread.take() {
            // That it panicked is in the log.
            let _ = thread.join();
        }
    }
}

fn run(mut worker: Worker, waiting: &Receiver<Work>, events: &mpsc::Sender<Event>) {
    while let Ok(work) = waiting.recv() {
        // The loop has ended: nobody waits for this any more.
        if events
            .blocking_send(Event::Worked(worker.work(work)))
            .is_err()
        {
            return;
        }
    }
}

/// By the node's ledger, which has to know what waits no more.
fn write(ledger: &Ledger, block: &Certified, is_over: &dyn Fn() -> bool) -> Result<(), Fault> {
    let bytes = block.body.encode().into();
    let whole = Block::new(block.header.clone(), bytes);
    let whole = whole.map_err(|error| Fault::Peer(error.to_string()))?;
    loop {
        match ledger.finalise(&whole, block.certificate.as_ref()) {
            // This thread has nothing else to do than to write it.
            Err(Objection::NoSpace(_)) if !is_over() => std::thread::sleep(NO_SPACE_PAUSE),
            written => return written.map_err(|objection| Fault::Halt(objection.to_string())),
        }
    }
}

/// Tells the loop of new tips and transactions, until it has ended.
async fn tell(
    mut tips: watch::Receiver<u64>,
    mut taken: broadcast::Receiver<Bytes>,
    events: mpsc::Sender<Event>,
) {
    loop {
        let event = tokio::select! {
            changed = tips.changed() => match changed {
                Ok(()) => Event::NewTip,
                Err(_) => return,
            },
            bytes = taken.recv() => match bytes {
                Ok(bytes) => Event::Taken(bytes),
                // Its owner gives it to us again.
                Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = events.closed() => return,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
}

impl Actor {
    /// A peer said what it speaks.
    pub(super) fn on_ledger_peer(&mut self, id: &PeerId) {
        let speaks = self.peers.get(id).is_some_and(|peer| peer.speaks_ledger);
        if let Some(peer) = peer(id).filter(|_| speaks) {
            self.feed_follower(Input::Joined(peer));
        }
    }

    pub(super) fn on_ledger_peer_gone(&mut self, id: &PeerId) {
        if let Some(peer) = peer(id) {
            self.feed_follower(Input::Left(peer));
            if let Some(following) = &mut self.following {
                following.waits.remove(&peer);
            }
        }
    }

    pub(super) fn on_ledger_tick(&mut self) {
        let now_ms = self.now().ms;
        self.feed_follower(Input::Tick);
        let Some(following) = &mut self.following else {
            return;
        };
        following
            .serving
            .retain(|_, asking| asking.channel.is_open());
        let due = |waits: &Waits| now_ms >= waits.until_ms || !waits.channel.is_open();
        self.answer_waiting(due);
        self.pass_on(now_ms);
    }

    pub(super) fn on_ledger_event(&mut self, event: Event) {
        match event {
            Event::Worked(result) => {
                if let Err(Fault::Peer(why)) = &result {
                    tracing::debug!(%why, "what a peer gave of the ledger is refused");
                }
                self.feed_follower(Input::Worked(result));
            }
            Event::Served(number, response) => self.on_served(number, *response),
            Event::NewTip => {
                let Some(following) = &self.following else {
                    return;
                };
                let height = following.chain.tip().height;
                self.answer_waiting(|waits| waits.above < height);
            }
            Event::Taken(bytes) => {
                let now_ms = self.now().ms;
                if let Some(following) = self.following.as_mut().filter(|one| one.core.is_some()) {
                    if following.unsent.len() >= UNSENT_MAX {
                        following.unsent.pop_front();
                    }
                    let (due_ms, times) = (now_ms, 0);
                    following.unsent.push_back(Unsent {
                        bytes,
                        due_ms,
                        times,
                    });
                    self.pass_on(now_ms);
                }
            }
        }
    }

    fn feed_follower(&mut self, input: Input) {
        let now_ms = self.now().ms;
        let Some(following) = &mut self.following else {
            return;
        };
        let Some(core) = &mut following.core else {
            return;
        };
        let actions = core.step(now_ms, input);
        let progress = core.progress(now_ms);
        following.tell_people(&progress);
        for action in actions {
            match action {
                Action::Ask {
                    asked,
                    to,
                    question,
                } => self.ask_about_ledger(asked, &to, question),
                Action::Work(work) => {
                    if let Some(work_to) = self.following.as_ref().and_then(|it| it.work.as_ref())
                        && work_to.try_send(*work).is_err()
                    {
                        tracing::error!("the follower's thread has ended; restart the node");
                    }
                }
                Action::Blame { peer, offence } => self.blame(peer, offence),
            }
        }
    }

    fn blame(&mut self, from: Peer, offence: Offence) {
        self.feed(dht::Input::Offended { from, offence });
    }

    fn ask_about_ledger(&mut self, asked: Asked, to: &Peer, question: Question) {
        let Some(following) = &mut self.following else {
            return;
        };
        let Some(id) = peer_id(to) else {
            return;
        };
        let network = following.chain.charter().network;
        let request = Request { network, question };
        let exchange = &mut self.swarm.behaviour_mut().ledger;
        let number = exchange.ask(&id, request, Vec::new());
        following.asked.insert(number, Some(asked));
    }

    pub(super) fn on_ledger_exchange(&mut self, event: Exchanged) {
        match event {
            Exchanged::Asked {
                peer,
                request,
                channel,
            } => self.on_ledger_request(&peer, request, channel),
            Exchanged::Garbage { peer: id, error } => {
                tracing::debug!(peer = %id, %error, "a question about the ledger does not decode");
                if let Some(from) = peer(&id) {
                    self.feed(dht::Input::Garbage { from });
                }
            }
            Exchanged::Answered { id, response, .. } => self.on_ledger_answer(&id, Ok(response)),
            Exchanged::Failed { id, error } => self.on_ledger_answer(&id, Err(failure(&error))),
        }
    }

    fn on_ledger_answer(&mut self, id: &RequestId, answer: Result<Response, dht::Failure>) {
        let Some(following) = &mut self.following else {
            return;
        };
        if let Some(bytes) = following.passed_on.remove(id) {
            let over = matches!(
                answer,
                Ok(Response::Taken | Response::Refused(Refusal::Invalid(_)))
            );
            if over {
                following.unsent.retain(|one| one.bytes != bytes);
            }
            return;
        }
        let Some(Some(asked)) = following.asked.remove(id) else {
            return;
        };
        self.feed_follower(match answer {
            Ok(response) => Input::Answered {
                asked,
                response: Box::new(response),
            },
            Err(failure) => Input::Failed { asked, failure },
        });
    }
}
