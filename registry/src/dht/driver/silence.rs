//! Peers that let a question wait: whether they are there is found out at once, and not when a ping is missed.
//!
//! A connection over which nothing comes looks like one over which nothing is said; a ping finds it broken within a minute. Who asks needs to know sooner. So the core names
//! who is late ([`Action::Look`](crate::dht::core::Action::Look)), and this module dials it, beside the connection that there is. Who is not reached and has not said a word
//! since neither answers nor can be dialled: it leaves the table, and its connections are closed. Only this node's own dial is evidence, so nobody can have another taken for dead.
//! Where the dial succeeds and the question stays unanswered, it is the old connection that leads nowhere: it is closed. Nothing of this happens to who is asked nothing.

use std::collections::BTreeMap;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};

use super::actions::peer_id;
use super::actor::Actor;
use crate::dht::peer::Peer;

/// Peers that are looked at. The core names only such as are in the table, each once a minute at most.
const SILENT_MAX: usize = 256;

/// After so long what was found out is over: a dial takes [`super::transport::CONNECT_TIMEOUT`] at most.
const OVER_MS: u64 = 20_000;

/// The peers that are looked at.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    silent: BTreeMap<PeerId, Silent>,
}

#[derive(Clone, Copy, Debug)]
struct Silent {
    since_ms: u64,
    dial: ConnectionId,
    /// Whether it said anything since.
    heard: bool,
    /// Whether its time to answer is over.
    unanswered: bool,
}

impl Silence {
    fn begin(&mut self, id: PeerId, dial: ConnectionId, since_ms: u64) {
        self.silent
            .retain(|_, it| since_ms < it.since_ms.saturating_add(OVER_MS));
        if self.silent.len() < SILENT_MAX {
            let silent = Silent {
                since_ms,
                dial,
                heard: false,
                unanswered: false,
            };
            self.silent.insert(id, silent);
        }
    }

    /// A peer said something.
    pub(crate) fn heard(&mut self, id: &PeerId) {
        if let Some(silent) = self.silent.get_mut(id) {
            silent.heard = true;
        }
    }

    /// Whether this dial was to see whether a peer is there that has said nothing since.
    pub(crate) fn is_proved(&mut self, id: &PeerId, dial: ConnectionId) -> bool {
        let silent = self.silent.get(id).filter(|it| it.dial == dial);
        let proved = silent.is_some_and(|it| !it.heard);
        if silent.is_some() {
            self.silent.remove(id);
        }
        proved
    }
}

impl Actor {
    /// A peer of the table lets a question wait: dials it.
    pub(super) fn look_at(&mut self, peer: &Peer) {
        let Some(id) = peer_id(peer).filter(|_| self.table.contains(peer)) else {
            return;
        };
        // From the port of the connection that there is it could not be made.
        let options = DialOpts::peer_id(id)
            .condition(PeerCondition::NotDialing)
            .allocate_new_port()
            .build();
        let dial = options.connection_id();
        match self.swarm.dial(options) {
            Ok(()) => {
                let now_ms = self.now().ms;
                self.silence.begin(id, dial, now_ms);
            }
            Err(error) => tracing::debug!(peer = %id, %error, "not dialled"),
        }
    }

    /// A question to a peer was not answered in time.
    pub(super) fn on_unanswered(&mut self, id: &PeerId) {
        if let Some(silent) = self.silence.silent.get_mut(id) {
            silent.unanswered = true;
            self.close_old_ways(id);
        }
    }

    /// Closes the connections over which a peer did not answer, where there is a newer one.
    pub(super) fn close_old_ways(&mut self, id: &PeerId) {
        let silent = self.silence.silent.get(id).copied();
        let Some(silent) = silent.filter(|it| it.unanswered) else {
            return;
        };
        let Some(connected) = self.peers.get(id) else {
            return;
        };
        if connected.has_newer(silent.since_ms) {
            let old = connected.opened_before(silent.since_ms);
            self.silence.silent.remove(id);
            for connection in old {
                self.swarm.close_connection(connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libp2p::futures::StreamExt;
    use libp2p::identity::Keypair;
    use libp2p::{Multiaddr, Swarm};
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::dht::driver::actions::peer;
    use crate::dht::driver::behaviour::Behaviour;
    use crate::dht::driver::trusted::Giver;
    use crate::dht::peer::Contact;
    use crate::node::{NodeConfig, Transport};

    /// Longer than a dial inside one process takes, whatever else the machine does.
    const MINUTE: Duration = Duration::from_secs(60);

    fn node() -> (Actor, TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig {
            transport: Transport::Memory,
            listen: Vec::new(),
            ..NodeConfig::new(folder.path())
        };
        let actor = Actor::alone(config, &Keypair::generate_ed25519());
        (actor.expect("it is made").0, folder)
    }

    /// Takes a peer into the table as one that is connected, since the beginning of time, over a connection that leads nowhere.
    fn meet(actor: &mut Actor, id: PeerId, at: Multiaddr) -> (Peer, ConnectionId) {
        let (peer, way) = (peer(&id).expect("ed25519"), ConnectionId::new_unchecked(7));
        actor.trust.add(&at, Giver::Operator);
        let addresses = vec![at.to_vec()].into();
        let contact = Contact { peer, addresses };
        actor.table.enter(contact, None).expect("there is room");
        let _ = actor.swarm.behaviour_mut().kad.add_address(&id, at.clone());
        actor.peers.opened(id, way, at, false, 0);
        (peer, way)
    }

    fn dialling(swarm: &Swarm<Behaviour>) -> u32 {
        let info = swarm.network_info();
        info.connection_counters().num_pending_outgoing()
    }

    /// Until nothing is being dialled.
    async fn dialled(actor: &mut Actor) {
        let dialled = async {
            while dialling(&actor.swarm) > 0 {
                let event = actor.swarm.select_next_some().await;
                actor.on_event(event);
            }
        };
        timeout(MINUTE, dialled).await.expect("a dial ends");
    }

    #[tokio::test]
    async fn who_neither_answers_nor_can_be_dialled_leaves_the_table() {
        for heard in [false, true] {
            let (mut actor, _folder) = node();
            let id = Keypair::generate_ed25519().public().to_peer_id();
            let nowhere = "/memory/4098".parse().expect("an address");
            let (peer, _) = meet(&mut actor, id, nowhere);
            actor.look_at(&peer);
            assert_eq!(dialling(&actor.swarm), 1, "beside its connection");
            if heard {
                actor.silence.heard(&id);
            }
            dialled(&mut actor).await;
            assert_eq!(actor.table.contains(&peer), heard);
            assert!(actor.silence.silent.is_empty());
        }
    }

    #[tokio::test]
    async fn who_is_not_in_the_table_is_not_dialled() {
        let (mut actor, _folder) = node();
        let id = Keypair::generate_ed25519().public().to_peer_id();
        actor.look_at(&peer(&id).expect("ed25519"));
        assert_eq!(dialling(&actor.swarm), 0);
    }

    #[tokio::test]
    async fn another_dial_that_fails_proves_nothing_of_who_is_connected() {
        let (mut actor, _folder) = node();
        let id = Keypair::generate_ed25519().public().to_peer_id();
        let nowhere: Multiaddr = "/memory/4099".parse().expect("an address");
        let (peer, _) = meet(&mut actor, id, nowhere.clone());
        let options = DialOpts::peer_id(id)
            .condition(PeerCondition::Always)
            .addresses(vec![nowhere]);
        actor.swarm.dial(options.build()).expect("it is tried");
        dialled(&mut actor).await;
        assert!(actor.table.contains(&peer));
    }

    #[test]
    fn peers_that_are_looked_at_have_a_bound_and_are_forgotten() {
        let (mut silence, dial) = (Silence::default(), ConnectionId::new_unchecked(1));
        for _ in 0..2 * SILENT_MAX {
            silence.begin(PeerId::random(), dial, 1);
        }
        assert_eq!(silence.silent.len(), SILENT_MAX);
        silence.begin(PeerId::random(), dial, 1 + OVER_MS);
        assert_eq!(silence.silent.len(), 1);
    }
}
