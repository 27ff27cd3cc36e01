//! How the node does, in the words of [`crate::node`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};

use super::actions::peer;
use super::actor::Actor;
use super::metrics::Levels;
use crate::dht::REPLICATION;
use crate::node::{Health, PeerStatus, Replication, Status};

/// A clock that is off by more makes records look expired, or not yet valid.
const CLOCK_SECS_MAX: u64 = 86_400;

/// Peers shown at once: all that there are on a usual node.
const PEERS_SHOWN_MAX: usize = 1_024;

impl Actor {
    pub(super) fn status(&self) -> Status {
        let me = *self.swarm.local_peer_id();
        let mut listening: Vec<_> = self
            .swarm
            .listeners()
            .map(|address| address.clone().with_p2p(me))
            .map(|address| address.unwrap_or_else(|address| address).to_string())
            .collect();
        listening.sort();
        listening.dedup();
        let clock_ahead_secs = self.core.clock_ahead_secs();
        Status {
            peer_id: me.to_string(),
            listening,
            connected_peers: self.peers.len(),
            known_peers: self.table.len(),
            cut_off_peers: self.cut_off.len(),
            remembered_peers: self.book.peers().count(),
            records: self.store.status(),
            replication: self.replication(),
            reachability: self.reach.status(),
            clock_ahead_secs,
            warnings: self.warnings(clock_ahead_secs),
        }
    }

    fn replication(&self) -> Replication {
        let (cell_nodes, in_step) = (self.core.cell_nodes(), self.core.in_step());
        let last_compared = self.core.last_compared_ms();
        let health = if self.table.len() == 0 {
            Health::Alone
        } else if last_compared.is_none() {
            Health::Starting
        } else if self.core.moves() > 0 || in_step == 0 {
            Health::CatchingUp
        } else if cell_nodes < REPLICATION.get() {
            Health::Thin
        } else {
            Health::Healthy
        };
        let since = |then_ms| self.now().ms.saturating_sub(then_ms) / 1_000;
        Replication {
            health,
            cell_nodes,
            in_step,
            last_compared_secs: last_compared.map(since),
        }
    }

    /// What someone should look at, worst first.
    fn warnings(&self, clock_ahead_secs: Option<i64>) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(trouble) = self.store.trouble() {
            warnings.push(format!("the store is in trouble: {trouble}"));
        }
        let errors = self.metrics.read_errors().get();
        if errors > 0 {
            warnings.push(format!(
                "{errors} reads of the store failed since the start; stop the node and run `dotkey node repair`"
            ));
        }
        warnings.extend(clock_ahead_secs.and_then(clock_warning));
        if self.table.len() == 0 && self.joining.in_vain() && !self.config.bootstrap.is_empty() {
            let count = self.config.bootstrap.len();
            warnings.push(format!(
                "none of the {count} peers to join by answers; check their addresses and this machine's network"
            ));
        }
        if self.table.len() > 0 && self.peers.len() == 0 {
            let known = self.table.len();
            warnings.push(format!(
                "no peer is connected, though {known} are known: they are gone, refuse this node, or its network is; check this machine's network, then `dotkey node peers`"
            ));
        }
        if self.swarm.listeners().next().is_none() && !self.config.listen.is_empty() {
            warnings.push("the node does not listen any more: its network is gone".to_owned());
        }
        warnings.extend_from_slice(self.start_warnings());
        warnings
    }

    pub(super) fn levels(&self) -> Levels {
        let records = self.store.status();
        Levels {
            records: records.count,
            bytes: records.bytes,
            connected: self.peers.len(),
            known: self.table.len(),
            cut_off: self.cut_off.len(),
        }
    }

    /// Who is connected, in the table or cut off.
    pub(super) fn peer_statuses(&self) -> Vec<PeerStatus> {
        let mut addresses: BTreeMap<PeerId, BTreeSet<String>> = BTreeMap::new();
        for contact in self.table.peers() {
            let Some(id) = super::actions::peer_id(&contact.peer) else {
                continue;
            };
            let said = contact.addresses.iter();
            let said = said.filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
            let said = said.map(|address| complete(address, id));
            addresses.entry(id).or_default().extend(said);
        }
        for (id, connected) in self.peers.iter() {
            let met = connected
                .addresses()
                .map(|address| complete(address.clone(), *id));
            addresses.entry(*id).or_default().extend(met);
        }
        for id in self.cut_off.keys() {
            addresses.entry(*id).or_default();
        }
        let shown = addresses.into_iter().take(PEERS_SHOWN_MAX);
        shown
            .map(|(id, addresses)| self.peer_status(id, addresses))
            .collect()
    }

    fn peer_status(&self, id: PeerId, addresses: BTreeSet<String>) -> PeerStatus {
        let connected = self.peers.get(&id);
        let peer = peer(&id);
        let ping_ms = connected
            .and_then(|connected| connected.ping)
            .map(|took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        PeerStatus {
            peer_id: id.to_string(),
            addresses: addresses.into_iter().collect(),
            connected: connected.is_some(),
            in_table: peer.is_some_and(|peer| self.table.contains(&peer)),
            standing: peer.map_or(0, |peer| self.core.standing(self.now(), &peer)),
            ping_ms,
            agent: connected.and_then(|connected| connected.agent.clone()),
        }
    }
}

/// An address as one joins by it: with the peer's id, which some say and some leave out.
fn complete(address: Multiaddr, id: PeerId) -> String {
    let address = address.with_p2p(id).unwrap_or_else(|address| address);
    address.to_string()
}

/// What to say of a clock that is so many seconds ahead of most peers' (negative: behind).
fn clock_warning(ahead_secs: i64) -> Option<String> {
    let off_secs = ahead_secs.unsigned_abs();
    if off_secs <= CLOCK_SECS_MAX {
        return None;
    }
    let days = match off_secs / 86_400 {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let way = if ahead_secs > 0 { "ahead of" } else { "behind" };
    Some(format!(
        "this machine's clock is {days} {way} most peers': records look expired or not yet valid; set the clock"
    ))
}

#[cfg(test)]
mod tests {
    use super::clock_warning;

    #[test]
    fn a_clock_that_is_off_by_more_than_a_day_is_said() {
        let cases = [
            (0, None),
            (86_400, None),
            (-86_400, None),
            (86_401, Some("1 day ahead of most peers'")),
            (-86_401, Some("1 day behind most peers'")),
            (40 * 86_400, Some("40 days ahead of most peers'")),
            (i64::MIN, Some("days behind most peers'")),
        ];
        for (ahead_secs, expected) in cases {
            let warning = clock_warning(ahead_secs);
            match expected {
                Some(words) => {
                    let warning = warning.unwrap_or_else(|| panic!("{ahead_secs} is said"));
                    assert!(warning.contains(words), "{ahead_secs}: {warning}");
                }
                None => assert_eq!(warning, None, "{ahead_secs}"),
            }
        }
    }
}
