//! What was verified before, so that a transaction costs its signatures once and not once in the pool, once in a proposal and once
//! in each block that is tried.
//!
//! Only what holds for ever is kept: that these bytes, with these facts of the state beside them, are good. It answers by a hash
//! of all of it, so that nothing else can be taken for it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::recent::words;

/// Things that are remembered: those of a few full blocks.
const MEMO_MAX: usize = 65_536;

/// What is asked about is seldom longer.
const ASKED_BYTES: usize = 512;

/// What was found good.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    digests: BTreeSet<[u64; 4]>,
    order: VecDeque<[u64; 4]>,
}

impl Memo {
    /// Whether `parts` were found good before, or are by `check`.
    pub(super) fn is_good<E>(
        &self,
        context: &str,
        parts: &[&[u8]],
        check: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        // In one piece: a hasher that takes pieces is 2 KB, and clearing it costs as much as the hash.
        let mut asked = Vec::with_capacity(ASKED_BYTES);
        for part in [context.as_bytes()].iter().chain(parts) {
            asked.extend_from_slice(&(part.len() as u64).to_be_bytes());
            asked.extend_from_slice(part);
        }
        let digest = words(blake3::hash(&asked).as_bytes());
        if self.known().digests.contains(&digest) {
            return Ok(());
        }
        check()?;
        self.known().remember(digest);
        Ok(())
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // What is in it was good before whoever held it panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn remember(&mut self, digest: [u64; 4]) {
        if !self.digests.insert(digest) {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > MEMO_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.digests.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_good_is_not_checked_again_and_what_was_bad_is() {
        let memo = Memo::default();
        let checked = |parts: &[&[u8]], result: Result<(), ()>| {
            let mut asked = false;
            let found = memo.is_good("test", parts, || {
                asked = true;
                result
            });
            (found, asked)
        };
        assert_eq!(checked(&[b"ab", b"c"], Err(())), (Err(()), true));
        assert_eq!(checked(&[b"ab", b"c"], Ok(())), (Ok(()), true));
        assert_eq!(checked(&[b"ab", b"c"], Err(())), (Ok(()), false));
        assert_eq!(checked(&[b"a", b"bc"], Err(())), (Err(()), true));
    }
}
