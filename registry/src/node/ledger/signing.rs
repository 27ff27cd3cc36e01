//! Which validators take part, as every node can tell: by the certificates of the newest blocks.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::ledger::{Chain, ChainError};

/// So many of the newest blocks are looked at. A certificate needs a quorum's signatures and no more, so that one which is always the slowest
/// is not in every one.
const BLOCKS_MAX: u64 = 32;

/// How many validators were seen to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Signing {
    /// Who votes in the epoch of the newest certified block.
    pub validators: usize,
    /// Those of them whose signature is in a certificate of one of these blocks.
    pub signed: usize,
    /// How many blocks that are: the newest, as far back as the same validators vote.
    pub blocks: u64,
}

/// What the newest certificates say, read once a block: whoever asks for a node's health asks for it too.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<Option<(u64, Option<Signing>)>>);

impl Newest {
    pub(super) fn of(&self, chain: &Chain) -> Option<Signing> {
        let height = chain.tip().height;
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, signing)) = *last
            && at == height
        {
            return signing;
        }
        // What does not read is for whoever needs it to say.
        let signing = of(chain).ok()?;
        *last = Some((height, signing));
        signing
    }
}

/// By what a chain has; `None` before the first certificate.
fn of(chain: &Chain) -> Result<Option<Signing>, ChainError> {
    let Some(newest) = chain.certified()? else {
        return Ok(None);
    };
    let Some(header) = chain.header(newest)? else {
        return Ok(None);
    };
    let seats = chain.seats()?;
    let current = chain.charter().epoch(chain.tip().height + 1);
    let validators = match current.checked_sub(header.epoch) {
        Some(0) => seats.current.len(),
        Some(1) => seats.former.len(),
        _ => return Ok(None),
    };
    let mut signers = Signers::default();
    let mut blocks = 0;
    for height in (newest.saturating_sub(BLOCKS_MAX - 1)..=newest).rev() {
        let before = chain.header(height)?;
        if before.is_none_or(|before| before.validators != header.validators) {
            break;
        }
        blocks += 1;
        if let Some(certificate) = chain.certificate(height)? {
            signers.add(&certificate.signers);
        }
    }
    Ok(Some(Signing {
        validators,
        signed: signers.count(),
        blocks,
    }))
}

/// A bit for each validator of a set.
#[derive(Default)]
struct Signers(Vec<u8>);

impl Signers {
    fn add(&mut self, signers: &[u8]) {
        self.0.resize(self.0.len().max(signers.len()), 0);
        for (known, more) in self.0.iter_mut().zip(signers) {
            *known |= more;
        }
    }

    fn count(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed_one_of_them_counts_once() {
        let mut signers = Signers::default();
        assert_eq!(signers.count(), 0);
        signers.add(&[0b0111]);
        signers.add(&[0b1011]);
        assert_eq!(signers.count(), 4);
        signers.add(&[0b0001, 0b1]);
        assert_eq!(signers.count(), 5);
    }
}
