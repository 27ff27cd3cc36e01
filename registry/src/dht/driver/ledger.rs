//! The ledger among peers, in the loop: feeds the core that follows, answers those who ask, and passes transactions on.
//!
//! What reads the disk or verifies runs on other threads, whose results come back through one queue. Of each peer one question about the tip waits here until there is news.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use bytes::Bytes;
use dotkey_proto::ledger::SignedTransaction;
use libp2p::PeerId;
use libp2p::request_response::{self as exchange, OutboundRequestId, ResponseChannel};
use tokio::sync::{broadcast, mpsc, watch};

use super::actions::{peer, peer_id};
use super::actor::Actor;
use super::protocols::failure;
use super::records::Undecodable;
use crate::consensus::Block;
use crate::dht::core::{self as dht, Offence};
use crate::dht::peer::Peer;
use crate::follow::core::{
    Action, Asked, Core, Done, Fault, Input, Progress, Stage, TIP_WAIT_MS, Work,
};
use crate::follow::message::{Question, Refusal, Request, Response};
use crate::follow::serve;
use crate::follow::shares::{RETRY_MS, Shares};
use crate::follow::verify::Certified;
use crate::follow::worker::Worker;
use crate::ledger::Chain;
use crate::node::ledger::{Ledger, NotTaken};

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

type Exchanged = exchange::Event<Result<Request, Undecodable>, Response>;

/// What other threads tell the loop.
pub(super) enum Event {
    Worked(Result<Done, Fault>),
    Served(u64, Response),
    NewTip,
    Taken(Bytes),
}

/// A question that is answered from the disk.
struct Asking {
    from: Peer,
    channel: ResponseChannel<Response>,
}

/// A question about the tip that waits.
struct Waits {
    above: u64,
    until_ms: u64,
    channel: ResponseChannel<Response>,
}

struct Unsent {
    bytes: Bytes,
    due_ms: u64,
    times: u32,
}

/// See the module.
pub(super) struct Following {
    ledger: Ledger,
    chain: Arc<Chain>,
    core: Option<Core>,
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    events: mpsc::Sender<Event>,
    asked: HashMap<OutboundRequestId, Option<Asked>>,
    passed_on: HashMap<OutboundRequestId, Bytes>,
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
        let ledger = self.ledger.clone();
        let write = move |block: &Certified| write(&ledger, block);
        let chain = Arc::clone(&self.chain);
        let (work, waiting) = sync_channel(1);
        let events = self.events.clone();
        let thread = std::thread::Builder::new().name("follower".to_owned());
        let thread = thread.spawn(move || {
            let worker = Worker::new(chain, trusted).writing(Box::new(write));
            run(worker, &waiting, &events);
        });
        self.thread = Some(thread.expect("the system gives a thread at start-up"));
        self.work = Some(work);
    }
}

impl Following {
    /// Says in the log what is new about how far it is.
    fn tell_people(&mut self, progress: &Progress) {
        let Progress {
            stage,
            peers,
            highest,
            unserved,
            halted,
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
                "no peer has the next block of the ledger: all began with a later state. Connect to one that has more, or start with a new data folder"
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
fn write(ledger: &Ledger, block: &Certified) -> Result<(), Fault> {
    let bytes = block.body.encode().into();
    let whole = Block::new(block.header.clone(), bytes);
    let whole = whole.map_err(|error| Fault::Peer(error.to_string()))?;
    let written = ledger.finalise(&whole, block.certificate.as_ref());
    written.map_err(|objection| Fault::Halt(objection.to_string()))
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
            Event::Served(number, response) => self.on_served(number, response),
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
        let number = exchange.send_request(&id, Ok(request));
        following.asked.insert(number, Some(asked));
    }

    pub(super) fn on_ledger_exchange(&mut self, event: Exchanged) {
        use exchange::Message;
        match event {
            exchange::Event::Message { peer, message, .. } => match message {
                Message::Request {
                    request, channel, ..
                } => self.on_ledger_request(&peer, request, channel),
                Message::Response {
                    request_id,
                    response,
                } => self.on_ledger_answer(&request_id, Ok(response)),
            },
            exchange::Event::OutboundFailure {
                request_id, error, ..
            } => self.on_ledger_answer(&request_id, Err(failure(&error))),
            exchange::Event::InboundFailure { .. } | exchange::Event::ResponseSent { .. } => {}
        }
    }

    fn on_ledger_answer(&mut self, id: &OutboundRequestId, answer: Result<Response, dht::Failure>) {
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
            Ok(response) => Input::Answered { asked, response },
            Err(failure) => Input::Failed { asked, failure },
        });
    }

    fn on_ledger_request(
        &mut self,
        id: &PeerId,
        request: Result<Request, Undecodable>,
        channel: ResponseChannel<Response>,
    ) {
        let Some(from) = peer(id) else {
            return;
        };
        let request = match request {
            Ok(request) => request,
            Err(Undecodable(error)) => {
                tracing::debug!(peer = %id, %error, "a question about the ledger does not decode");
                self.feed(dht::Input::Garbage { from });
                return;
            }
        };
        let now_ms = self.now().ms;
        let Some(following) = &mut self.following else {
            self.say(channel, Response::Refused(Refusal::NotHere));
            return;
        };
        if let Err(flood) = following.shares.admit(now_ms, from) {
            self.say(channel, busy());
            if let Some(offence) = flood {
                self.blame(from, offence);
            }
            return;
        }
        let ours = following.chain.charter().network;
        if request.network != ours {
            self.say(channel, Response::Refused(Refusal::OtherNetwork(ours)));
            return;
        }
        match request.question {
            Question::Tip { above } => self.on_tip_asked(from, above, channel),
            _ => self.queue(from, request, channel),
        }
    }

    fn on_tip_asked(&mut self, from: Peer, above: u64, channel: ResponseChannel<Response>) {
        let until_ms = self.now().ms + TIP_WAIT_MS;
        let Some(following) = &mut self.following else {
            return;
        };
        let news = following.chain.tip().height > above;
        let full = following.waits.len() >= WAITING_MAX && !following.waits.contains_key(&from);
        let waits = Waits {
            above,
            until_ms,
            channel,
        };
        // The one before it is answered now: a peer waits once.
        let before = following.waits.insert(from, waits);
        if let Some(before) = before {
            let tip = self.tip();
            self.say(before.channel, tip);
        }
        if news || full {
            self.answer_waiting_of(from);
        }
    }

    fn tip(&self) -> Response {
        let Some(following) = &self.following else {
            return Response::Refused(Refusal::NotHere);
        };
        let request = Request {
            network: following.chain.charter().network,
            question: Question::Tip { above: 0 },
        };
        answer(&following.ledger, &following.chain, &request)
    }

    fn answer_waiting_of(&mut self, from: Peer) {
        let waits = self
            .following
            .as_mut()
            .and_then(|it| it.waits.remove(&from));
        if let Some(waits) = waits {
            let tip = self.tip();
            self.say(waits.channel, tip);
        }
    }

    fn answer_waiting(&mut self, due: impl Fn(&Waits) -> bool) {
        let Some(following) = &mut self.following else {
            return;
        };
        let due: Vec<Peer> = following
            .waits
            .iter()
            .filter(|(_, waits)| due(waits))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.answer_waiting_of(peer);
        }
    }

    fn queue(&mut self, from: Peer, request: Request, channel: ResponseChannel<Response>) {
        let Some(following) = &mut self.following else {
            return;
        };
        if following.queued.len() >= QUEUED_MAX {
            self.say(channel, busy());
            return;
        }
        following.numbered += 1;
        let number = following.numbered;
        following.serving.insert(number, Asking { from, channel });
        following.queued.push_back((number, request));
        self.serve_next();
    }

    fn serve_next(&mut self) {
        let Some(following) = &mut self.following else {
            return;
        };
        while following.at_work < SERVING_MAX
            && let Some((number, request)) = following.queued.pop_front()
        {
            if !following.serving.contains_key(&number) {
                continue; // Its asker is gone.
            }
            following.at_work += 1;
            let (ledger, chain) = (following.ledger.clone(), Arc::clone(&following.chain));
            let events = following.events.clone();
            tokio::task::spawn_blocking(move || {
                let response = answer(&ledger, &chain, &request);
                drop((ledger, chain));
                // The loop has ended: nobody waits for this any more.
                let _ = events.blocking_send(Event::Served(number, response));
            });
        }
    }

    fn on_served(&mut self, number: u64, response: Response) {
        let now_ms = self.now().ms;
        let Some(following) = &mut self.following else {
            return;
        };
        following.at_work -= 1;
        if let Some(Asking { from, channel }) = following.serving.remove(&number) {
            following.shares.charge(now_ms, from, size(&response));
            self.say(channel, response);
        }
        self.serve_next();
    }

    fn say(&mut self, channel: ResponseChannel<Response>, response: Response) {
        // Its asker may be gone.
        let exchange = &mut self.swarm.behaviour_mut().ledger;
        let _ = exchange.send_response(channel, response);
    }

    /// Gives transactions that came here to peers, and to others when none of those took it.
    fn pass_on(&mut self, now_ms: u64) {
        let Some(following) = &mut self.following else {
            return;
        };
        let speakers: Vec<PeerId> = self.peers.speakers().collect();
        following.unsent.retain(|one| one.times < PASS_ON_TIMES);
        if speakers.is_empty() {
            return;
        }
        let network = following.chain.charter().network;
        for one in &mut following.unsent {
            if one.due_ms > now_ms {
                continue;
            }
            one.due_ms = now_ms + PASS_ON_AGAIN_MS;
            one.times += 1;
            for _ in 0..PASS_ON_TO.min(speakers.len()) {
                following.turn = (following.turn + 1) % speakers.len();
                let request = Request {
                    network,
                    question: Question::Transaction(one.bytes.to_vec()),
                };
                let exchange = &mut self.swarm.behaviour_mut().ledger;
                let number = exchange.send_request(&speakers[following.turn], Ok(request));
                following.passed_on.insert(number, one.bytes.clone());
            }
        }
    }
}

/// Reads the disk, or verifies a transaction: for a thread that may take its time.
fn answer(ledger: &Ledger, chain: &Chain, request: &Request) -> Response {
    if let Question::Transaction(bytes) = &request.question {
        return take(ledger, bytes);
    }
    serve::answer(chain, request).unwrap_or_else(|error| {
        tracing::error!(%error, "the ledger does not read");
        ledger.halt(&error.to_string());
        Response::Refused(Refusal::NotHere)
    })
}

fn take(ledger: &Ledger, bytes: &[u8]) -> Response {
    let transaction = match SignedTransaction::decode(bytes) {
        Ok(transaction) => transaction,
        Err(error) => return Response::Refused(Refusal::Invalid(error.code().to_owned())),
    };
    match ledger.take(transaction) {
        Ok(_) => Response::Taken,
        Err(NotTaken::Refused(refusal)) => {
            Response::Refused(Refusal::Invalid(refusal.code().to_owned()))
        }
        Err(NotTaken::NoPlace(_)) => busy(),
        Err(NotTaken::Broken(_)) => Response::Refused(Refusal::NotHere),
    }
}

fn busy() -> Response {
    let retry_ms = RETRY_MS;
    Response::Refused(Refusal::Busy { retry_ms })
}

/// About how long an answer is.
fn size(response: &Response) -> usize {
    let parts = match response {
        Response::Blocks(blocks) => {
            let bodies = blocks.iter().filter_map(|block| block.body.as_ref());
            512 * blocks.len() + bodies.map(Vec::len).sum::<usize>()
        }
        Response::Chunk(Some(chunk)) => {
            let leaves = chunk.leaves.iter().map(|(_, value)| 40 + value.len());
            chunk.proof.len() + leaves.sum::<usize>()
        }
        Response::Handovers(list) => list.iter().map(Vec::len).sum(),
        _ => 0,
    };
    512 + parts
}
