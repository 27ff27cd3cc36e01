//! The whole state in chunks, for those who take it over. Section 10.13.
//!
//! Who takes a state over needs it for minutes, and blocks go on meanwhile: what is offered is kept past the usual window. Time is that of
//! the blocks, so that a node without a clock does the same.

use std::sync::Arc;

use dotkey_proto::ledger::{Certificate, Header};
use dotkey_proto::time::Timestamp;
use jmt::{JellyfishMerkleIterator, KeyHash};

use super::{Chain, ChainError, VERSIONS_KEPT};
use crate::ledger::chunk::{CHUNK_BYTES, Chunk};
use crate::ledger::disk::unreadable;
use crate::ledger::tree::StateTree;

/// Nodes offer blocks whose heights are multiples of this where they can, so that several offer the same and one can go on where another stopped.
const OFFER_BLOCKS: u64 = 64;

/// So long an offer is made to newcomers, before a newer one is.
const OFFER_FRESH_SECS: u64 = 20 * 60;

/// So long an offered state is kept: 40 minutes at least for who was offered it last. At most four are kept at a time.
const OFFER_SECS: u64 = 60 * 60;

/// So long an offered state is kept that nobody asks for.
const OFFER_IDLE_SECS: u64 = 5 * 60;

/// States that are kept beyond the window.
#[derive(Debug, Default)]
pub(super) struct Offers(Vec<Offer>);

#[derive(Debug)]
struct Offer {
    height: u64,
    since: Timestamp,
    asked: Timestamp,
}

impl Offers {
    /// The oldest state to keep, where `window` is without offers.
    pub(super) fn oldest(&self, window: u64) -> u64 {
        let heights = self.0.iter().map(|offer| offer.height);
        heights.fold(window, u64::min)
    }

    /// Lets go of those that are old or that nobody wants.
    pub(super) fn pass(&mut self, now: Timestamp) {
        self.0.retain(|offer| {
            now.secs_since(offer.since) < OFFER_SECS
                && now.secs_since(offer.asked) < OFFER_IDLE_SECS
        });
    }

    fn fresh(&self, now: Timestamp) -> Option<u64> {
        let newest = self.0.last()?;
        (now.secs_since(newest.since) < OFFER_FRESH_SECS).then_some(newest.height)
    }

    fn asked(&mut self, height: u64, now: Timestamp) {
        for offer in self.0.iter_mut().filter(|offer| offer.height == height) {
            offer.asked = now;
        }
    }

    fn add(&mut self, height: u64, now: Timestamp) {
        if self.0.iter().all(|offer| offer.height != height) {
            let (since, asked) = (now, now);
            self.0.push(Offer {
                height,
                since,
                asked,
            });
        }
        self.asked(height, now);
    }
}

impl Chain {
    /// A block whose state may be taken over from here, and what speaks for it. It is kept for that. `None` before there is one.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn offer(&self) -> Result<Option<(Header, Certificate)>, ChainError> {
        let (tip, base, known) = {
            let inner = self.inner();
            let now = inner.tip.header.time;
            (
                inner.tip.header.clone(),
                inner.base,
                inner.offers.fresh(now),
            )
        };
        let oldest = (tip.height + 1).saturating_sub(VERSIONS_KEPT).max(base);
        let (even, odd): (Vec<u64>, Vec<u64>) = (oldest.max(1)..=tip.height)
            .rev()
            .partition(|height| height.is_multiple_of(OFFER_BLOCKS));
        for height in known.into_iter().chain(even).chain(odd) {
            if let (Some(header), Some(certificate)) =
                (self.header(height)?, self.certificate(height)?)
            {
                let mut inner = self.inner();
                let now = inner.tip.header.time;
                inner.offers.add(height, now);
                return Ok(Some((header, certificate)));
            }
        }
        Ok(None)
    }

    /// The chunk of the state after a block that begins at a place or behind it; `None` when nothing stands there any more.
    ///
    /// # Errors
    /// A version that is not kept, or a state that is damaged.
    pub fn chunk(&self, height: u64, from: [u8; 32]) -> Result<Option<Chunk>, ChainError> {
        self.keeps(height)?;
        {
            let mut inner = self.inner();
            let now = inner.tip.header.time;
            inner.offers.asked(height, now);
        }
        let disk = Arc::new(self.disk.clone());
        let all = JellyfishMerkleIterator::new(disk, height, KeyHash(from)).map_err(unreadable)?;
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        for leaf in all {
            let (KeyHash(place), value) = leaf.map_err(unreadable)?;
            bytes += 40 + value.len();
            leaves.push((place, value));
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let Some((last, _)) = leaves.last() else {
            return Ok(None);
        };
        let tree = StateTree::new(&self.disk);
        let proof = tree
            .get_range_proof(KeyHash(*last), height)
            .map_err(unreadable)?;
        let proof = borsh::to_vec(&proof).map_err(unreadable)?;
        Ok(Some(Chunk { leaves, proof }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs).expect("in range")
    }

    #[test]
    fn what_is_offered_is_kept_for_as_long_as_it_is_asked_for() {
        let mut offers = Offers::default();
        offers.add(64, at(0));
        assert_eq!((offers.oldest(1_000), offers.oldest(10)), (64, 10));
        assert_eq!(offers.fresh(at(OFFER_FRESH_SECS)), None);
        for secs in (0..OFFER_SECS).step_by(60) {
            offers.asked(64, at(secs));
            offers.pass(at(secs));
            assert_eq!(offers.oldest(1_000), 64, "after {secs} s");
        }
        offers.pass(at(OFFER_SECS));
        assert_eq!(offers.oldest(1_000), 1_000);

        offers.add(128, at(OFFER_SECS));
        offers.pass(at(OFFER_SECS + OFFER_IDLE_SECS));
        assert_eq!(offers.oldest(1_000), 1_000, "nobody asks");
    }
}
