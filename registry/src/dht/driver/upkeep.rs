//! What time brings: deadlines, chores, and looking for company.

use std::collections::BTreeMap;

use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};

use super::actor::Actor;
use super::addresses::{self, is_relayed, place};
use super::trusted::Giver;
use crate::dht::core::{Failure, Input};
use crate::dht::peer::Contact;

/// How often the met peers are written down and the expired records removed, once a node runs for so long.
const CHORES_MS: u64 = 120_000;

/// How often at first: whoever has just joined and is killed must know next time whom it met.
const CHORES_MS_MIN: u64 = 3_000;

impl Actor {
    pub(super) fn on_tick(&mut self) {
        let now_ms = self.now().ms;
        for question in self.exchanges.overdue(now_ms) {
            let failure = Failure::TimedOut;
            self.metrics.asked(question.kind, Some(failure));
            let asked = question.asked;
            self.on_unanswered(&question.to);
            self.feed(Input::Failed { asked, failure });
        }
        for pending in self.exchanges.gone() {
            self.metrics.unanswered(pending.kind, "lost");
        }
        for verdict in self.waiting.overdue(now_ms) {
            self.judge(verdict);
        }
        let over: Vec<_> = self
            .cut_off
            .iter()
            .filter(|(_, until)| **until <= now_ms)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.readmit(&id);
        }
        self.make_room(now_ms);
        self.look_for_company(now_ms);
        self.ask_who_reaches_us(now_ms);
        self.refresh_table(now_ms);
        if now_ms >= self.chores_ms {
            self.chores_ms = now_ms + now_ms.clamp(CHORES_MS_MIN, CHORES_MS);
            self.do_chores();
        }
        self.feed(Input::Tick);
        self.on_ledger_tick();
    }

    fn look_for_company(&mut self, now_ms: u64) {
        let Some(attempt) = self.joining.due(now_ms, self.table.len()) else {
            return;
        };
        if attempt.bootstrap {
            self.dial_bootstrap();
        }
        if attempt.lookup
            && let Err(error) = self.swarm.behaviour_mut().kad.bootstrap()
        {
            tracing::debug!(%error, "nobody to ask who is near");
        }
        let (peers, cut_off) = (&self.peers, &self.cut_off);
        let table: std::collections::BTreeSet<_> =
            self.table.peers().map(|contact| contact.peer).collect();
        let known = |id: &PeerId| {
            peers.contains(id)
                || cut_off.contains_key(id)
                || super::actions::peer(id).is_some_and(|peer| table.contains(&peer))
        };
        for (id, addresses) in self.book.next(attempt.book, known) {
            for address in &addresses {
                self.trust.add(address, Giver::Book);
            }
            self.dial(id, addresses);
        }
        self.ask_relays();
    }

    /// Dials those of the bootstrap list that are not connected. One with several addresses is dialled at all of them, for the first may lead nowhere from here.
    fn dial_bootstrap(&mut self) {
        let (mut named, mut nameless) = (BTreeMap::<PeerId, Vec<Multiaddr>>::new(), Vec::new());
        for address in &self.config.bootstrap {
            if self.peers.leads_to(address) || self.is_mine(address) {
                continue;
            }
            match address.iter().last() {
                Some(Protocol::P2p(id)) => named.entry(id).or_default().push(address.clone()),
                _ => nameless.push(address.clone()),
            }
        }
        for (id, addresses) in named {
            self.dial(id, addresses);
        }
        for address in nameless {
            self.dial_address(address);
        }
    }

    /// Connects to peers that can say whether they reach this node, where nobody has said so yet.
    fn ask_who_reaches_us(&mut self, now_ms: u64) {
        let Some(addresses) = self.reach.ask_again(now_ms) else {
            return;
        };
        let Some(prober) = self.swarm.behaviour_mut().reach.as_mut() else {
            return;
        };
        prober.begin_anew(addresses);
        let servers = self.table.peers().filter_map(|contact| {
            let id = super::actions::peer_id(&contact.peer)?;
            Some((id, self.public_address(contact)?))
        });
        let servers = servers.collect();
        for (id, address) in self.reach.turn(servers) {
            // One that it made itself is no use, so there may be two. From the port of that one it could not be made.
            let options = DialOpts::peer_id(id)
                .condition(PeerCondition::Always)
                .addresses(vec![address])
                .allocate_new_port();
            if let Err(error) = self.swarm.dial(options.build()) {
                tracing::debug!(peer = %id, %error, "not asked whether it reaches this node");
            }
        }
    }

    fn is_mine(&self, address: &Multiaddr) -> bool {
        let me = *self.swarm.local_peer_id();
        let named = matches!(address.iter().last(), Some(Protocol::P2p(id)) if id == me);
        named
            || self
                .swarm
                .listeners()
                .any(|mine| place(mine) == place(address))
    }

    /// Asks connected peers to relay for us, as many as are wanted.
    pub(super) fn ask_relays(&mut self) {
        while self.reach.wants_relay()
            && let Some((id, address)) = self.relay()
        {
            let circuit = address.with(Protocol::P2p(id)).with(Protocol::P2pCircuit);
            match self.swarm.listen_on(circuit) {
                Ok(listener) => self.reach.relay_asked(listener, id),
                Err(error) => {
                    tracing::debug!(%error, "a relay is not used");
                    return;
                }
            }
        }
    }

    /// One that could relay, and where others reach it: by its own word, for a connection to someone behind a NAT leads to where only we are let in.
    fn relay(&self) -> Option<(PeerId, Multiaddr)> {
        self.table.peers().find_map(|contact| {
            let id = super::actions::peer_id(&contact.peer)?;
            let connected = self.peers.get(&id)?;
            let address = self.public_address(contact)?;
            let usable = connected.relays && !self.reach.relays_through(&id);
            usable.then(|| (id, place(&address)))
        })
    }

    fn public_address(&self, contact: &Contact) -> Option<Multiaddr> {
        let public =
            |to: &Multiaddr| !is_relayed(to) && addresses::ip(to).is_some_and(addresses::is_public);
        self.trust.of_contact(contact).into_iter().find(public)
    }

    fn do_chores(&mut self) {
        let (book, file) = (self.book.clone(), self.book_file());
        let (store, now) = (self.store.clone(), self.now().calendar);
        // Both wait for the disk, and the loop must not.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = book.save(&file) {
                tracing::warn!(%error, "the peers that were met are not kept");
            }
            match store.expire(now) {
                Ok(expired) => tracing::debug!(?expired, "expired records are removed"),
                Err(error) => tracing::error!(%error, "expired records are not removed"),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;

    use super::*;
    use crate::dht::driver::actions::peer;
    use crate::node::NodeConfig;

    #[tokio::test]
    async fn a_seed_that_all_have_dialled_asks_whether_it_is_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig {
            listen: Vec::new(),
            ..NodeConfig::new(folder.path())
        };
        let actor = Actor::alone(config, &Keypair::generate_ed25519());
        let mut actor = actor.expect("it is made").0;
        for number in 0..3 {
            let id = Keypair::generate_ed25519().public().to_peer_id();
            let address: Multiaddr = format!("/ip4/8.8.{number}.8/tcp/4380")
                .parse()
                .expect("an address");
            let contact = Contact {
                peer: peer(&id).expect("its key is ed25519"),
                addresses: vec![address.to_vec()].into(),
            };
            actor.table.enter(contact, None).expect("there is room");
        }
        let dialling = |actor: &Actor| {
            let info = actor.swarm.network_info();
            info.connection_counters().num_pending_outgoing()
        };
        actor.ask_who_reaches_us(0);
        let seen: Multiaddr = "/ip4/9.9.9.9/tcp/4380".parse().expect("an address");
        actor.reach.seen(seen.clone());
        actor.ask_who_reaches_us(29_999);
        assert_eq!(dialling(&actor), 0, "they may ask by themselves");
        // Nothing here waits, so no dial gets as far as the network.
        actor.ask_who_reaches_us(30_000);
        assert_eq!(dialling(&actor), 2);
        actor.ask_who_reaches_us(89_999);
        assert_eq!(dialling(&actor), 2);
        actor.ask_who_reaches_us(90_000);
        assert_eq!(dialling(&actor), 4);
        actor.reach.confirmed(seen);
        actor.ask_who_reaches_us(10_000_000);
        assert_eq!(dialling(&actor), 4, "it is known");
        actor.ask_who_reaches_us(13_600_000);
        assert_eq!(dialling(&actor), 6, "an hour later it makes sure");
    }
}
