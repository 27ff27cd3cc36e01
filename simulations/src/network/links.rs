//! Links and gossip: what is carried, how long it takes, what is lost.

use dotkey_registry::dht::core::{Asked, Input, Verdict};
use dotkey_registry::dht::message::{Announcement, Request, Response};
use dotkey_registry::dht::peer::Peer;

use super::{DELAY_MS_MAX, DELAY_MS_MIN, Event, GIVES_UP_MS, Nature, Network};
use crate::world::Random;

impl Network {
    pub(super) fn hears(&mut self, from: usize, to: usize, announcement: Announcement) {
        let node = &mut self.nodes[to];
        if !node.alive || node.nature != Nature::Honest || !node.heard.insert(announcement) {
            return;
        }
        node.waiting.insert(announcement);
        let from = self.nodes[from].me;
        self.feed(to, Input::Announced { from, announcement });
    }

    /// An announcement that waits here goes on. Whether it waited.
    pub(super) fn let_on(&mut self, node: usize, announcement: &Announcement) -> bool {
        let waited = self.nodes[node].waiting.remove(announcement);
        if waited {
            self.pass_on(node, *announcement);
        }
        waited
    }

    /// An announcement that waits here waits no longer.
    pub(super) fn judge(&mut self, node: usize, announcement: &Announcement, verdict: Verdict) {
        if verdict == Verdict::PassOn {
            self.let_on(node, announcement);
        } else {
            self.nodes[node].waiting.remove(announcement);
        }
    }

    pub(super) fn pass_on(&mut self, node: usize, announcement: Announcement) {
        if !self.gossips {
            return;
        }
        for to in self.nodes[node].gossip.clone() {
            let delay_ms = self.delay(node, to);
            let from = node;
            self.events.plan(
                delay_ms,
                Event::Gossip {
                    from,
                    to,
                    announcement,
                },
            );
        }
    }

    pub(super) fn carry(&mut self, from: usize, to: Peer, asked: Asked, request: Request) {
        self.nodes[from].open.insert(asked);
        self.carried += 1;
        // A contact that was made up leads nowhere.
        let Some(to) = self.index.get(&to).copied() else {
            let peer = usize::MAX;
            return self.events.plan(
                GIVES_UP_MS,
                Event::Lost {
                    node: from,
                    peer,
                    asked,
                },
            );
        };
        self.events.plan(
            GIVES_UP_MS,
            Event::Lost {
                node: from,
                peer: to,
                asked,
            },
        );
        if (self.carries)(&request) && !self.random.percent(self.loss_percent) {
            let delay_ms = self.delay(from, to);
            self.events.plan(
                delay_ms,
                Event::Asks {
                    from,
                    to,
                    asked,
                    request,
                },
            );
        }
    }

    pub(super) fn answer(
        &mut self,
        from: usize,
        to: usize,
        asked: Asked,
        response: Response,
        more_ms: u64,
    ) {
        self.carried += 1;
        if !self.random.percent(self.loss_percent) {
            let delay_ms = self.delay(from, to) + more_ms;
            self.events.plan(
                delay_ms,
                Event::Answers {
                    from,
                    to,
                    asked,
                    response,
                },
            );
        }
    }

    /// A link has a length, and a message some luck.
    fn delay(&mut self, from: usize, to: usize) -> u64 {
        let link = self.digest_of(from.min(to) as u64, from.max(to) as u64);
        let length = DELAY_MS_MIN + link % (DELAY_MS_MAX - DELAY_MS_MIN);
        length * 9 / 10 + self.random.below(length / 5 + 1)
    }

    fn digest_of(&self, a: u64, b: u64) -> u64 {
        Random::new(a << 32 | b).word()
    }
}
