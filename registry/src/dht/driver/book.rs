//! The peers that this node has met, kept across restarts, so that it finds its network again without the bootstrap list, and finds the other half after
//! a cut cable is mended.
//!
//! `DIR/peers.json`: a list of peers, their addresses, the network where they were met, and when that was last. A file that does not read is a warning, not an end: it is
//! only a shortcut.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use libp2p::{Multiaddr, PeerId};
use serde::{Deserialize, Serialize};

use crate::dht::crowding::Network;
use crate::dht::peer::ADDRESSES_MAX;

/// Peers kept: enough that some of them live after a month, few enough to write in one go.
const PEERS_MAX: usize = 256;

/// The file with [`PEERS_MAX`] peers of [`ADDRESSES_MAX`] long addresses, and room.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Peers that were met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    peers: BTreeMap<PeerId, Met>,
    /// Whose turn it is to be tried.
    turn: Option<PeerId>,
}

#[derive(Clone, Debug)]
struct Met {
    addresses: Vec<Multiaddr>,
    /// Where; none where that does not count.
    network: Option<Network>,
    seen: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    peer: String,
    addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    seen: u64,
}

impl Book {
    /// What `file` holds; nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not what [`Self::save`] writes.
    pub(crate) fn load(file: &Path) -> io::Result<Self> {
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut text = String::new();
        opened.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        let lines: Vec<Line> = serde_json::from_str(&text)?;
        let mut book = Self::default();
        for line in lines.into_iter().take(PEERS_MAX) {
            let Ok(peer) = line.peer.parse() else {
                continue;
            };
            let addresses = line.addresses.iter().filter_map(|text| text.parse().ok());
            let network = line.network.and_then(|text| text.parse().ok());
            book.met(peer, addresses.collect(), network, line.seen);
        }
        Ok(book)
    }

    /// Writes it beside `file`, then in its place.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        let lines: Vec<_> = self
            .peers
            .iter()
            .map(|(peer, met)| Line {
                peer: peer.to_string(),
                addresses: met.addresses.iter().map(Multiaddr::to_string).collect(),
                network: met.network.map(|network| network.to_string()),
                seen: met.seen,
            })
            .collect();
        let aside = file.with_extension("json.new");
        let mut written = File::create(&aside)?;
        written.write_all(&serde_json::to_vec_pretty(&lines)?)?;
        written.sync_all()?;
        fs::rename(&aside, file)
    }

    /// A peer was met at `seen` in a network, and says that it is reached at `addresses`. Where there are too many, the network with the most of them loses the one that
    /// was met longest ago: identities cost nothing, and would push out everyone else.
    pub(crate) fn met(
        &mut self,
        peer: PeerId,
        mut addresses: Vec<Multiaddr>,
        network: Option<Network>,
        seen: u64,
    ) {
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return;
        }
        let met = Met {
            addresses,
            network,
            seen,
        };
        self.peers.insert(peer, met);
        if self.peers.len() > PEERS_MAX {
            let mut of_network = BTreeMap::new();
            for met in self.peers.values() {
                *of_network.entry(met.network).or_insert(0_usize) += 1;
            }
            let crowd = |met: &Met| (of_network.get(&met.network).copied(), Reverse(met.seen));
            let goes = self.peers.iter().max_by_key(|(_, met)| crowd(met));
            let goes = *goes.expect("more than none").0;
            self.peers.remove(&goes);
        }
    }

    /// No longer worth trying.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = (&PeerId, &[Multiaddr])> {
        self.peers
            .iter()
            .map(|(peer, met)| (peer, met.addresses.as_slice()))
    }

    /// The next `count` peers in turn that are not `known`.
    pub(crate) fn next(
        &mut self,
        count: usize,
        known: impl Fn(&PeerId) -> bool,
    ) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let after = |peer: &PeerId| self.turn.is_none_or(|turn| *peer > turn);
        let (later, sooner): (Vec<_>, Vec<_>) =
            self.peers.iter().partition(|(peer, _)| after(peer));
        let next: Vec<_> = later
            .into_iter()
            .chain(sooner)
            .filter(|(peer, _)| !known(peer))
            .take(count)
            .map(|(peer, met)| (*peer, met.addresses.clone()))
            .collect();
        self.turn = next.last().map(|(peer, _)| *peer);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("one")
    }

    #[test]
    fn a_book_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("peers.json");
        assert_eq!(Book::load(&file).expect("none yet").peers().count(), 0);
        let mut book = Book::default();
        let peer = PeerId::random();
        let network: Network = "192.0.2.1".parse().expect("one");
        book.met(peer, vec![address(1), address(2)], Some(network), 7);
        book.met(PeerId::random(), vec![], None, 7);
        book.save(&file).expect("saved");
        let read = Book::load(&file).expect("read");
        let peers: Vec<_> = read.peers().collect();
        assert_eq!(peers, [(&peer, [address(1), address(2)].as_slice())]);
        assert_eq!(read.peers[&peer].network, Some(network));
    }

    #[test]
    fn a_bad_file_is_an_error_and_bad_lines_are_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("peers.json");
        for bad in ["", "{", "{}", "[1]", "\u{0}"] {
            fs::write(&file, bad).expect("written");
            assert!(Book::load(&file).is_err(), "{bad:?}");
        }
        let line = r#"[{"peer":"what","addresses":["/ip4/127.0.0.1/tcp/1"],"seen":1}]"#;
        fs::write(&file, line).expect("written");
        assert_eq!(Book::load(&file).expect("read").peers().count(), 0);
    }

    #[test]
    fn who_was_met_longest_ago_makes_room() {
        let mut book = Book::default();
        let peers: Vec<_> = (0..=PEERS_MAX).map(|_| PeerId::random()).collect();
        for (seen, peer) in (0..).zip(&peers) {
            book.met(*peer, vec![address(1)], None, seen);
        }
        assert_eq!(book.peers().count(), PEERS_MAX);
        assert!(book.peers().all(|(peer, _)| *peer != peers[0]));
    }

    #[test]
    fn many_of_one_network_push_out_nobody_else() {
        let mut book = Book::default();
        let mut meet = |network: String, seen| {
            let (peer, network) = (PeerId::random(), network.parse().ok());
            book.met(peer, vec![address(1)], network, seen);
            peer
        };
        let honest: Vec<_> = (0..100)
            .map(|number| meet(format!("8.8.{number}.8"), 0))
            .collect();
        let crowd: Vec<_> = (0..1_000)
            .map(|number| meet(format!("9.9.9.{}", number % 256), 1 + number))
            .collect();
        let kept: std::collections::BTreeSet<_> = book.peers().map(|(peer, _)| *peer).collect();
        assert_eq!(kept.len(), PEERS_MAX);
        assert!(honest.iter().all(|peer| kept.contains(peer)));
        let newest = crowd.iter().rev().take(PEERS_MAX - honest.len());
        assert!(newest.into_iter().all(|peer| kept.contains(peer)));
    }

    #[test]
    fn everyone_has_a_turn() {
        let mut book = Book::default();
        for _ in 0..10 {
            book.met(PeerId::random(), vec![address(1)], None, 0);
        }
        let mut tried: Vec<_> = (0..5).flat_map(|_| book.next(2, |_| false)).collect();
        tried.sort();
        tried.dedup();
        assert_eq!(tried.len(), 10);
        assert!(book.next(2, |_| true).is_empty());
    }
}
