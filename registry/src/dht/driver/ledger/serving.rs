//! What peers are told about the ledger, and the transactions that go the other way.

use std::sync::Arc;

use dotkey_proto::ledger::SignedTransaction;
use libp2p::PeerId;

use super::{
    Asking, Event, PASS_ON_AGAIN_MS, PASS_ON_TIMES, PASS_ON_TO, QUEUED_MAX, SERVING_MAX,
    WAITING_MAX, Waits,
};
use crate::dht::driver::actions::peer;
use crate::dht::driver::actor::Actor;
use crate::dht::driver::exchange::Channel;
use crate::dht::peer::Peer;
use crate::follow::core::TIP_WAIT_MS;
use crate::follow::message::{Question, Refusal, Request, Response};
use crate::follow::serve;
use crate::follow::shares::RETRY_MS;
use crate::ledger::Chain;
use crate::node::ledger::{Ledger, NotTaken};

impl Actor {
    pub(super) fn on_ledger_request(
        &mut self,
        id: &PeerId,
        request: Request,
        channel: Channel<Response>,
    ) {
        let Some(from) = peer(id) else {
            return;
        };
        let now_ms = self.now().ms;
        let Some(following) = &mut self.following else {
            channel.answer(Response::Refused(Refusal::NotHere));
            return;
        };
        if let Err(flood) = following.shares.admit(now_ms, from) {
            channel.answer(busy());
            if let Some(offence) = flood {
                self.blame(from, offence);
            }
            return;
        }
        let ours = following.chain.charter().network;
        if request.network != ours {
            channel.answer(Response::Refused(Refusal::OtherNetwork(ours)));
            return;
        }
        match request.question {
            Question::Tip { above } => self.on_tip_asked(from, above, channel),
            _ => self.queue(from, request, channel),
        }
    }

    fn on_tip_asked(&mut self, from: Peer, above: u64, channel: Channel<Response>) {
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
            before.channel.answer(tip);
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
            waits.channel.answer(tip);
        }
    }

    pub(super) fn answer_waiting(&mut self, due: impl Fn(&Waits) -> bool) {
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

    fn queue(&mut self, from: Peer, request: Request, channel: Channel<Response>) {
        let Some(following) = &mut self.following else {
            return;
        };
        if following.queued.len() >= QUEUED_MAX {
            channel.answer(busy());
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
                let response = Box::new(answer(&ledger, &chain, &request));
                drop((ledger, chain));
                // The loop has ended: nobody waits for this any more.
                let _ = events.blocking_send(Event::Served(number, response));
            });
        }
    }

    pub(super) fn on_served(&mut self, number: u64, response: Response) {
        let now_ms = self.now().ms;
        let Some(following) = &mut self.following else {
            return;
        };
        following.at_work -= 1;
        if let Some(Asking { from, channel }) = following.serving.remove(&number) {
            following.shares.charge(now_ms, from, size(&response));
            channel.answer(response);
        }
        self.serve_next();
    }

    /// Gives transactions that came here to peers, and to others when none of those took it.
    pub(super) fn pass_on(&mut self, now_ms: u64) {
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
                let number = exchange.ask(&speakers[following.turn], request, Vec::new());
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
