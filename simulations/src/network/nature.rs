//! What malicious peers do instead of what they should.

use dotkey_registry::dht::core::{Asked, Held};
use dotkey_registry::dht::message::{CLOSER_MAX, Request, Response, Value, Want};
use dotkey_registry::dht::peer::{Contact, Peer, Position};

use super::{Event, Network};

/// How a node behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// As the protocol says.
    Honest,
    /// Acknowledges what is newer, and goes on serving what it had first.
    Stale,
    /// Answers with bytes that are no record.
    Garbage,
    /// Does not answer.
    Silent,
    /// Answers just before it is given up.
    Slow,
    /// Has nothing, and knows only its friends and peers that it makes up, all of them very close.
    Lying,
    /// Asks as fast as it can.
    Flooder,
}

/// Requests of one flooder in [`FLOOD_EVERY_MS`].
const FLOOD_REQUESTS: usize = 100;
const FLOOD_EVERY_MS: u64 = 50;

pub(super) enum Answer {
    /// What the core says.
    Core,
    This(Response),
    None,
}

impl Network {
    pub(super) fn nature_answers(&mut self, node: usize, request: &Request) -> Answer {
        let nature = self.nodes[node].nature;
        match (nature, request) {
            (Nature::Honest | Nature::Slow | Nature::Flooder, _) => Answer::Core,
            (Nature::Silent, _) => Answer::None,
            (_, Request::Reconcile { .. }) => Answer::None,
            (Nature::Stale | Nature::Lying | Nature::Garbage, Request::Put { .. }) => {
                Answer::This(Response::Stored)
            }
            (Nature::Stale, Request::Get { at, want }) => {
                let first = self.nodes[node].first.get(at).cloned();
                let value = first.map_or(Value::Nothing, |first| value_of(first, *want));
                let closer = self.nodes[node].closest(at, CLOSER_MAX);
                Answer::This(Response::Got { value, closer })
            }
            (Nature::Garbage, Request::Get { at, want }) => {
                let value = match want {
                    Want::Contacts => Value::Nothing,
                    _ => Value::Record(at.0.as_slice().into()),
                };
                let closer = self.nodes[node].closest(at, CLOSER_MAX);
                Answer::This(Response::Got { value, closer })
            }
            (Nature::Lying, Request::Get { at, .. }) => {
                let closer = self.friends(at);
                let value = Value::Nothing;
                Answer::This(Response::Got { value, closer })
            }
        }
    }

    /// Half of them exist.
    fn friends(&mut self, at: &Position) -> Vec<Contact> {
        let contact = |peer: Peer| Contact {
            peer,
            addresses: Vec::new().into(),
        };
        let liars = self
            .nodes
            .iter()
            .filter(|node| node.nature == Nature::Lying);
        let mut friends: Vec<_> = liars
            .map(|node| (node.here.distance(at), node.me))
            .collect();
        friends.sort_unstable();
        let mut contacts: Vec<Contact> = friends
            .into_iter()
            .take(CLOSER_MAX / 2)
            .map(|(_, peer)| contact(peer))
            .collect();
        while contacts.len() < CLOSER_MAX {
            // The closest of a few drawn: who grinds ids does no better for the price.
            let drawn = (0..64).map(|_| {
                let mut key = [0; 32];
                key[..8].copy_from_slice(&self.random.word().to_be_bytes());
                Peer(key)
            });
            let ghost = drawn.min_by_key(|peer| peer.position().distance(at));
            contacts.push(contact(ghost.expect("some were drawn")));
        }
        contacts
    }

    /// A burst of requests to every honest node.
    pub(super) fn flood(&mut self, node: usize) {
        self.events.plan(FLOOD_EVERY_MS, Event::Flood { node });
        let now_ms = self.now().ms;
        let me = self.nodes[node].me;
        let honest = |to: &usize| {
            self.nodes[*to].nature == Nature::Honest && !self.nodes[*to].refuses(&me, now_ms)
        };
        let victims: Vec<usize> = (0..self.nodes.len()).filter(honest).collect();
        for to in victims {
            let at = self.nodes[to].here;
            for _ in 0..FLOOD_REQUESTS {
                let asked = Asked(u64::MAX);
                let want = Want::Record;
                let request = Request::Get { at, want };
                let from = node;
                self.events.plan(
                    1,
                    Event::Asks {
                        from,
                        to,
                        asked,
                        request,
                    },
                );
            }
        }
    }
}

fn value_of(held: Held, want: Want) -> Value {
    match want {
        Want::Contacts => Value::Nothing,
        Want::Summary => Value::Summary(held.summary),
        Want::Record => Value::Record(held.bytes),
    }
}
