//! What the protocols of a connection say.

use libp2p::gossipsub::{self, MessageAcceptance, MessageId};
use libp2p::kad::{self, RoutingUpdate};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId, identify, mdns, ping, relay};

use super::actions::{peer, peer_id};
use super::actor::Actor;
use super::addresses::{is_local, is_neighbours, place};
use super::behaviour::BehaviourEvent;
use super::exchange::{Channel, Event, NoAnswer};
use super::gossip;
use super::metrics::kind;
use super::peers::takes_part;
use super::records::Codec;
use super::sieve;
use super::trusted::Giver;
use crate::dht::core::{Failure, Input};
use crate::dht::crowding::{Crowded, Network};
use crate::dht::message::{Refusal, Request, Response};
use crate::dht::peer::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Contact, Peer};

/// Neighbours taken from one answer on the local network: anyone there may answer anything.
const NEIGHBOURS_MAX: usize = 32;

/// When too many requests wait, a peer may ask again after this.
const BUSY_MS: u32 = 1_000;

impl Actor {
    pub(super) fn on_protocol(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.on_identified(peer_id, &info);
            }
            BehaviourEvent::Ping(event) => self.on_ping(event),
            BehaviourEvent::Kad(event) => self.on_routing(event),
            BehaviourEvent::Records(event) => self.on_records(event),
            BehaviourEvent::Ledger(event) => self.on_ledger_exchange(event),
            BehaviourEvent::Gossip(sieve::Event::Refused(id)) => {
                self.metrics.announcement("refused");
                if let Some(from) = peer(&id) {
                    self.feed(Input::Garbage { from });
                }
            }
            BehaviourEvent::Gossip(sieve::Event::Mesh(gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            })) => self.on_gossip(propagation_source, message_id, &message),
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => self.on_neighbours(found),
            BehaviourEvent::Reach(event) => {
                let reached = event.result.is_ok();
                if self.reach.tried(&event.tested_addr, event.server, reached) {
                    tracing::info!(address = %event.tested_addr, "others do not reach this node there any more");
                    self.swarm.remove_external_address(&event.tested_addr);
                }
                self.ask_relays();
            }
            BehaviourEvent::Relayed(relay::client::Event::ReservationReqAccepted {
                relay_peer_id,
                ..
            }) => self.reach.relay_agreed(&relay_peer_id),
            _ => {}
        }
    }

    fn on_identified(&mut self, id: PeerId, info: &identify::Info) {
        let Some(connected) = self.peers.get_mut(&id) else {
            return;
        };
        connected.identified(info);
        let here = connected.ip();
        let Some(peer) = peer(&id) else {
            return;
        };
        // Where this node met it, it stands for certain.
        let reached: Vec<Multiaddr> = connected.dialled_at().map(place).collect();
        self.on_ledger_peer(&id);
        self.joining.met(&peer);
        let believed = |address: &Multiaddr| {
            here.is_some_and(|here| is_neighbours(here, address)) || reached.contains(address)
        };
        let mut dialable = Vec::new();
        for address in info.listen_addrs.iter().map(place) {
            let small = address.as_ref().len() <= ADDRESS_BYTES_MAX;
            if !small || dialable.len() >= ADDRESSES_MAX || dialable.contains(&address) {
                continue;
            }
            if !self.trust.rules().accept(&address) && believed(&address) {
                self.trust.add(&address, Giver::Peer(here));
            }
            if self.trust.allows(&address) {
                dialable.push(address);
            }
        }
        let changed = if takes_part(&info.protocols) && !dialable.is_empty() {
            self.offer(peer, id, &dialable)
        } else {
            self.leave_table(&peer)
        };
        if changed {
            self.feed(Input::TableChanged);
        }
    }

    /// Offers a peer to the table, and writes it down. Whether the table changed.
    fn offer(&mut self, peer: Peer, id: PeerId, dialable: &[Multiaddr]) -> bool {
        let known = self.table.contains(&peer);
        let contact = Contact {
            peer,
            addresses: dialable.iter().map(Multiaddr::to_vec).collect(),
        };
        // Who is known already may have come by a relay before and directly now.
        if let Err(crowded) = self.enter(&id, contact) {
            tracing::debug!(peer = %id, %crowded, "not in the routing table");
            return self.leave_table(&peer) || known;
        }
        let seen = self.now().calendar.as_secs();
        let network = self.counted(&id);
        self.book.met(id, dialable.to_vec(), network, seen);
        let kad = &mut self.swarm.behaviour_mut().kad;
        for (index, address) in dialable.iter().enumerate() {
            let update = kad.add_address(&id, address.clone());
            // The bucket is full of peers that live, or of which one is asked whether it does.
            if index == 0 && !known && !matches!(update, RoutingUpdate::Success) {
                self.table.step_beside(&peer);
                return false;
            }
        }
        !known
    }

    fn enter(&mut self, id: &PeerId, contact: Contact) -> Result<(), Crowded> {
        let counted = self.counted(id);
        self.table
            .enter(contact, counted)
            .inspect_err(|_| self.metrics.crowded())
    }

    /// The network that a connected peer counts under; none where it is exempt.
    fn counted(&self, id: &PeerId) -> Option<Network> {
        let connected = self.peers.get(id)?;
        let exempt = self.config.local_addresses && connected.ip().is_some_and(is_local);
        connected.network().filter(|_| !exempt)
    }

    /// Takes a peer out of both tables. Whether it was there.
    pub(super) fn leave_table(&mut self, peer: &Peer) -> bool {
        if let Some(id) = peer_id(peer) {
            self.swarm.behaviour_mut().kad.remove_peer(&id);
        }
        self.table.leave(peer)
    }

    /// libp2p's table changed by itself: a peer that waited for room took the place of one that did not answer.
    fn on_routing(&mut self, event: kad::Event) {
        let kad::Event::RoutingUpdated {
            peer: id,
            is_new_peer: true,
            addresses,
            old_peer,
            ..
        } = event
        else {
            return;
        };
        let gone = old_peer.and_then(|old| peer(&old));
        let mut changed = gone.is_some_and(|gone| self.table.leave(&gone));
        if let Some(peer) = peer(&id)
            && !self.table.contains(&peer)
        {
            let addresses = addresses.iter().map(|a| place(a).to_vec()).collect();
            // Of who is gone since it waited nobody knows any more where it stood.
            let entered =
                self.peers.contains(&id) && self.enter(&id, Contact { peer, addresses }).is_ok();
            if entered {
                changed = true;
            } else {
                self.leave_table(&peer);
            }
        }
        if changed {
            self.feed(Input::TableChanged);
        }
    }

    fn on_ping(&mut self, event: ping::Event) {
        match event.result {
            Ok(took) => {
                if let Some(connected) = self.peers.get_mut(&event.peer) {
                    connected.ping = Some(took);
                }
            }
            Err(ping::Failure::Unsupported) => {}
            // What does not answer is not there, whatever TCP believes.
            Err(_) => {
                self.swarm.close_connection(event.connection);
            }
        }
    }

    fn on_records(&mut self, event: Event<Codec>) {
        if let Event::Asked { peer, .. } | Event::Answered { peer, .. } = &event {
            self.silence.heard(peer);
        }
        match event {
            Event::Asked {
                peer,
                request,
                channel,
            } => self.on_request(&peer, request, channel),
            Event::Garbage { peer: id, error } => {
                tracing::debug!(peer = %id, %error, "a request does not decode");
                if let Some(from) = self.asker(&id) {
                    self.metrics.unanswered("unknown", "garbage");
                    self.feed(Input::Garbage { from });
                }
            }
            Event::Answered { id, response, .. } => {
                if let Some(question) = self.exchanges.asked(&id) {
                    self.metrics.asked(question.kind, None);
                    let asked = question.asked;
                    self.feed(Input::Response { asked, response });
                }
            }
            Event::Failed { id, error } => {
                if let Some(question) = self.exchanges.asked(&id) {
                    let failure = failure(&error);
                    self.metrics.asked(question.kind, Some(failure));
                    if failure == Failure::TimedOut {
                        self.on_unanswered(&question.to);
                    }
                    let asked = question.asked;
                    self.feed(Input::Failed { asked, failure });
                }
            }
        }
    }

    fn on_request(&mut self, id: &PeerId, request: Request, channel: Channel<Response>) {
        let Some(from) = self.asker(id) else {
            return;
        };
        let kind = kind(&request);
        match self.exchanges.open(channel, kind) {
            Ok(inbound) => self.feed(Input::Request {
                from,
                inbound,
                request,
            }),
            Err(channel) => {
                let retry_ms = BUSY_MS;
                let response = Response::Refused(Refusal::Busy { retry_ms });
                self.metrics.answered(kind, &response);
                channel.answer(response);
            }
        }
    }

    fn asker(&self, id: &PeerId) -> Option<Peer> {
        let from = peer(id);
        if from.is_none() {
            self.metrics.unanswered("unknown", "no_peer");
        }
        from
    }

    fn on_gossip(&mut self, id: PeerId, message_id: MessageId, message: &gossipsub::Message) {
        self.silence.heard(&id);
        let from = peer(&id);
        let (Some(announcement), Some(from)) =
            (gossip::announcement(&message.topic, &message.data), from)
        else {
            self.judge((message_id, id, MessageAcceptance::Reject));
            if let Some(from) = from {
                self.feed(Input::Garbage { from });
            }
            return;
        };
        // It waits first: the core's verdict, at once or later, is about what waits. Who announces is charged for it also where there is no room.
        let now_ms = self.now().ms;
        if let Some(verdict) = self.waiting.add(&announcement, (message_id, id), now_ms) {
            self.judge(verdict);
        }
        self.feed(Input::Announced { from, announcement });
    }

    fn on_neighbours(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        for (id, address) in found.into_iter().take(NEIGHBOURS_MAX) {
            self.trust.add(&address, Giver::Neighbourhood);
            if !self.peers.contains(&id) {
                self.dial(id, vec![address]);
            }
        }
    }

    /// Dials a peer, at these addresses or where the table says.
    pub(super) fn dial(&mut self, id: PeerId, addresses: Vec<Multiaddr>) {
        let options = DialOpts::peer_id(id).condition(PeerCondition::DisconnectedAndNotDialing);
        let options = if addresses.is_empty() {
            options.build()
        } else {
            options.addresses(addresses).build()
        };
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(peer = %id, %error, "not dialled");
        }
    }

    /// Dials whoever is at an address that the operator gave.
    pub(super) fn dial_address(&mut self, address: Multiaddr) {
        if let Err(error) = self.swarm.dial(address) {
            tracing::debug!(%error, "not dialled");
        }
    }
}

pub(super) fn failure(error: &NoAnswer) -> Failure {
    match error {
        NoAnswer::TimedOut => Failure::TimedOut,
        NoAnswer::Unsupported => Failure::Unsupported,
        NoAnswer::Garbage(_) => Failure::Garbage,
        NoAnswer::NotReached
        | NoAnswer::ConnectionClosed
        | NoAnswer::Crowded
        | NoAnswer::Broken(_) => Failure::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;
    use libp2p::swarm::ConnectionId;
    use tempfile::TempDir;

    use super::*;
    use crate::dht::{RECORDS_PROTOCOL, ROUTING_PROTOCOL};
    use crate::node::NodeConfig;

    /// A node of the internet that talks to nobody.
    fn node() -> (Actor, TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig {
            listen: Vec::new(),
            ..NodeConfig::new(folder.path())
        };
        let actor = Actor::alone(config, &Keypair::generate_ed25519());
        (actor.expect("it is made").0, folder)
    }

    fn address(text: &str) -> Multiaddr {
        text.parse().expect("an address")
    }

    /// A stranger opens a connection from an address and says where it listens.
    fn meet(actor: &mut Actor, from: &str, listens: &str) -> PeerId {
        let key = Keypair::generate_ed25519();
        let (id, connection) = (key.public().to_peer_id(), ConnectionId::new_unchecked(1));
        actor.peers.opened(id, connection, address(from), false, 0);
        let info = identify::Info {
            public_key: key.public(),
            protocol_version: String::new(),
            agent_version: String::new(),
            listen_addrs: vec![address(listens)],
            protocols: vec![RECORDS_PROTOCOL, ROUTING_PROTOCOL],
            observed_addr: Multiaddr::empty(),
            signed_peer_record: None,
        };
        actor.on_identified(id, &info);
        id
    }

    #[tokio::test]
    async fn who_crowds_the_table_is_not_written_down_either() {
        let (mut actor, _folder) = node();
        for number in 0..100 {
            let from = format!("/ip4/8.8.8.{number}/tcp/1");
            let listens = format!("/ip4/9.9.{number}.9/tcp/4380");
            meet(&mut actor, &from, &listens);
        }
        assert!(
            (2..=8).contains(&actor.table.len()),
            "{}",
            actor.table.len()
        );
        assert_eq!(actor.book.peers().count(), actor.table.len());
        let other = meet(&mut actor, "/ip4/8.8.9.1/tcp/1", "/ip4/8.8.9.1/tcp/4380");
        let known = peer(&other).is_some_and(|peer| actor.table.contains(&peer));
        assert!(known && actor.book.peers().any(|(id, _)| *id == other));
    }

    #[tokio::test]
    async fn who_comes_through_relays_takes_no_relays_place() {
        let (mut actor, _folder) = node();
        let relay = Keypair::generate_ed25519().public().to_peer_id();
        for number in 0..100 {
            let through = format!("/ip4/8.8.{number}.8/tcp/1/p2p/{relay}/p2p-circuit");
            meet(&mut actor, &through, &through);
        }
        // A quarter of each bucket, wherever the relays are.
        let buckets = |actor: &Actor| {
            let mut buckets = std::collections::BTreeMap::new();
            for contact in actor.table.peers() {
                let bucket = actor.me.position().shared_bits(&contact.peer.position());
                *buckets.entry(bucket).or_insert(0) += 1;
            }
            buckets
        };
        assert!(actor.table.len() >= 5 && buckets(&actor).values().all(|count| *count <= 5));
        let id = meet(&mut actor, "/ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.8/tcp/4380");
        assert!(peer(&id).is_some_and(|peer| actor.table.contains(&peer)));
    }

    #[tokio::test]
    async fn a_neighbour_makes_no_other_network_dialable() {
        let (mut actor, _folder) = node();
        let check = |actor: &mut Actor, from: &str, listens: &str, dialled: bool| {
            meet(actor, from, listens);
            assert_eq!(
                actor.trust.allows(&address(listens)),
                dialled,
                "{from} {listens}"
            );
        };
        let here = "/ip4/192.168.1.5/tcp/1";
        check(&mut actor, here, "/ip4/192.168.1.5/tcp/4380", true);
        check(&mut actor, here, "/ip4/10.0.0.1/tcp/22", false);
        check(&mut actor, here, "/ip4/127.0.0.1/tcp/22", false);
        check(
            &mut actor,
            "/ip4/8.8.8.8/tcp/1",
            "/ip4/192.168.1.6/tcp/1",
            false,
        );
        // Not the peer stands there: its relay does.
        let relay = Keypair::generate_ed25519().public().to_peer_id();
        let through = format!("/ip4/192.168.1.9/tcp/1/p2p/{relay}/p2p-circuit");
        check(&mut actor, &through, "/ip4/192.168.1.10/tcp/22", false);
    }
}
