//! What of this node's disk and line a peer may have for questions about the ledger. As [`crate::dht::core`] does for records, in larger measures.

use std::collections::BTreeMap;

use crate::dht::core::Offence;
use crate::dht::core::bucket::{Bucket, Rate};
use crate::dht::peer::Peer;

/// Peers that are counted. With more of them at once the one that asked longest ago is forgotten.
const PEERS_MAX: usize = 1024;

/// A follower asks for a block's header, the block, and seldom more.
const REQUESTS: Rate = Rate {
    each_second: 100,
    burst: 400,
};

/// Who takes a state over takes it as fast as it can verify it.
const BYTES: Rate = Rate {
    each_second: 32 << 20,
    burst: 64 << 20,
};

/// Refusals that a peer may have at a time: one more is an offence.
const REFUSED: Rate = Rate {
    each_second: 10,
    burst: 49,
};

/// How long a refused peer is told to wait.
pub(crate) const RETRY_MS: u32 = 500;

#[derive(Debug, Default)]
struct Share {
    requests: Bucket,
    bytes: Bucket,
    refused: Bucket,
}

/// What is left of each peer's share.
#[derive(Debug, Default)]
pub(crate) struct Shares(BTreeMap<Peer, Share>);

impl Shares {
    /// Whether a peer may ask now. One that goes on without is flooding.
    pub(crate) fn admit(&mut self, now_ms: u64, peer: Peer) -> Result<(), Option<Offence>> {
        let share = self.share(peer);
        // What is read is charged when it is known: an answer may go over what was left.
        if share.requests.take(now_ms, 1, REQUESTS) && share.bytes.take(now_ms, 1, BYTES) {
            return Ok(());
        }
        let flood = !share.refused.take(now_ms, 1, REFUSED);
        if flood {
            share.refused = Bucket::default();
        }
        Err(flood.then_some(Offence::Flood))
    }

    /// Takes for what was sent.
    pub(crate) fn charge(&mut self, now_ms: u64, peer: Peer, bytes: usize) {
        self.share(peer).bytes.charge(now_ms, bytes as u64, BYTES);
    }

    fn share(&mut self, peer: Peer) -> &mut Share {
        if self.0.len() >= PEERS_MAX && !self.0.contains_key(&peer) {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, share)| share.requests.at_ms());
            if let Some(oldest) = oldest.map(|(peer, _)| *peer) {
                self.0.remove(&oldest);
            }
        }
        self.0.entry(peer).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer([1; 32]);

    #[test]
    fn who_takes_more_than_its_share_waits_and_who_goes_on_floods() {
        let mut shares = Shares::default();
        for _ in 0..60 {
            assert_eq!(shares.admit(1_000, PEER), Ok(()));
            shares.charge(1_000, PEER, 1 << 20);
        }
        // What an answer takes beyond what was left is not owed.
        shares.charge(1_000, PEER, 60 << 20);
        let mut floods = 0;
        for _ in 0..200 {
            floods += u32::from(shares.admit(1_000, PEER) == Err(Some(Offence::Flood)));
        }
        assert_eq!(floods, 4);
        assert_eq!(
            shares.admit(1_000, Peer([2; 32])),
            Ok(()),
            "others do not wait"
        );
        assert_eq!(shares.admit(2_000, PEER), Ok(()), "nor does it for long");
    }

    #[test]
    fn strangers_are_forgotten_in_turn() {
        let mut shares = Shares::default();
        for number in 0..3 * PEERS_MAX as u64 {
            let mut key = [2; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            assert_eq!(shares.admit(1 + number, Peer(key)), Ok(()));
        }
        assert_eq!(shares.0.len(), PEERS_MAX);
    }
}
