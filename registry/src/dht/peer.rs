//! Who takes part, and where: peers, how to reach them, positions in the key space and the distance between them.

use core::fmt;
use std::sync::Arc;

use dotkey_proto::record::Record;
use sha2::{Digest, Sha256};

/// Addresses kept and passed on of one peer: a few transports on a few interfaces.
pub const ADDRESSES_MAX: usize = 8;

/// One address in libp2p's binary form: a relayed QUIC address with two peer ids fits.
pub const ADDRESS_BYTES_MAX: usize = 160;

/// How libp2p writes an ed25519 key as a peer id: an identity multihash of 36 bytes, of a protobuf of key type 1 and 32 bytes.
pub const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// A peer, by its ed25519 public key. Peers with keys of another kind are not part of this network.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub [u8; 32]);

impl Peer {
    /// Its peer id's bytes.
    #[must_use]
    pub fn id_bytes(&self) -> [u8; 38] {
        let mut bytes = [0; 38];
        bytes[..6].copy_from_slice(&PEER_ID_PREFIX);
        bytes[6..].copy_from_slice(&self.0);
        bytes
    }

    /// The peer with this peer id, if it is one of an ed25519 key.
    #[must_use]
    pub fn from_id_bytes(bytes: &[u8]) -> Option<Self> {
        let key = bytes.strip_prefix(&PEER_ID_PREFIX)?;
        Some(Self(key.try_into().ok()?))
    }

    /// Where it stands in the key space.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(Sha256::digest(self.id_bytes()).into())
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Peer({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// A peer and how to reach it. The addresses are hints from strangers, in libp2p's binary form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub peer: Peer,
    /// Where: at most [`ADDRESSES_MAX`] of at most [`ADDRESS_BYTES_MAX`] bytes.
    pub addresses: Arc<[Vec<u8>]>,
}

/// A point of the key space that peers and records share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub [u8; 32]);

impl Position {
    /// Of a record's place. Kademlia hashes what it is asked for, so that a query for the place by anyone's library leads here.
    #[must_use]
    pub fn of_place(place: &[u8; 32]) -> Self {
        Self(Sha256::digest(place).into())
    }

    /// Of a verified record.
    #[must_use]
    pub fn of_record(record: &Record) -> Self {
        let place = dotkey_proto::record::place(record.kind(), record.key_id(), record.branch());
        Self::of_place(&place)
    }

    /// How far it is to `other`.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Distance {
        Distance(core::array::from_fn(|index| self.0[index] ^ other.0[index]))
    }

    /// The length in bits of the prefix shared with `other`: Kademlia's bucket index, 256 for the same position.
    #[must_use]
    pub fn shared_bits(&self, other: &Self) -> u32 {
        self.distance(other).leading_zeros()
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "Position({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

/// XOR of two positions. The smaller is the closer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance(pub [u8; 32]);

impl Distance {
    /// Zero bits before the first one.
    #[must_use]
    pub fn leading_zeros(&self) -> u32 {
        let whole = self.0.iter().take_while(|byte| **byte == 0).count();
        let rest = self.0.get(whole).map_or(0, |byte| byte.leading_zeros());
        8 * u32::try_from(whole).expect("at most 32") + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_its_peer_id() {
        let peer = Peer([7; 32]);
        assert_eq!(Peer::from_id_bytes(&peer.id_bytes()), Some(peer));
        assert_eq!(Peer::from_id_bytes(&peer.id_bytes()[..37]), None);
        assert_eq!(
            Peer::from_id_bytes(&[peer.id_bytes().as_slice(), &[0]].concat()),
            None
        );
        assert_eq!(Peer::from_id_bytes(&[0; 38]), None);
    }

    #[test]
    fn distance_counts_shared_bits() {
        let (zero, mut other) = (Position([0; 32]), Position([0; 32]));
        assert_eq!(zero.shared_bits(&other), 256);
        other.0[31] = 1;
        assert_eq!(zero.shared_bits(&other), 255);
        other.0[1] = 0x10;
        assert_eq!(zero.shared_bits(&other), 11);
        assert_eq!(zero.distance(&other), other.distance(&zero));
    }
}
