//! Transactions that wait for a block: bounded in bytes and for each identity, oldest first, a turn for everyone.
//!
//! Who adds one has checked it against the state ([`super::Chain::check`]); the pool only keeps order. A transaction leaves it when a
//! block with it is final, when it can never be accepted any more, or after an hour.

use std::collections::BTreeMap;
use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::SignedTransaction;
use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;
use thiserror::Error;

/// What waits in all: 16 full blocks.
pub const POOL_BYTES_MAX: usize = 16 << 20;

/// What waits of one identity: a commit, and what a person does meanwhile.
pub const POOL_IDENTITY_MAX: u64 = 16;

/// How long a transaction waits. Its maker sends it again, if it is still wanted.
pub const POOL_SECS_MAX: u64 = 3600;

/// See the module.
#[derive(Debug, Default)]
pub struct Pool {
    waiting: BTreeMap<KeyId, BTreeMap<u64, Waiting>>,
    /// Where each is, by the name of its bytes.
    places: BTreeMap<[u8; 32], (KeyId, u64)>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    transaction: Arc<SignedTransaction>,
    digest: [u8; 32],
    since: Timestamp,
}

/// Why a transaction does not wait here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PoolRefusal {
    /// It was made before.
    #[error("the nonce {found} was used before; the next transaction has {expected}")]
    Replay {
        /// The next nonce.
        expected: u64,
        /// Its own.
        found: u64,
    },
    /// Another one of this identity waits with its nonce.
    #[error(
        "another transaction with the nonce {0} waits; wait until it is in a block, or an hour"
    )]
    NonceTaken(u64),
    /// Too far ahead.
    #[error(
        "the nonce {found} is too far ahead; the next is {expected}, and {POOL_IDENTITY_MAX} can wait"
    )]
    TooFarAhead {
        /// The next nonce.
        expected: u64,
        /// Its own.
        found: u64,
    },
    /// No room.
    #[error("too much waits already; try again in {}", counted(*retry_secs, "second"))]
    Full {
        /// When that is worth it.
        retry_secs: u64,
    },
}

impl PoolRefusal {
    /// The stable name of the reason.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Replay { .. } => "replay",
            Self::NonceTaken(_) => "nonce-taken",
            Self::TooFarAhead { .. } => "too-far-ahead",
            Self::Full { .. } => "pool-full",
        }
    }
}

impl Pool {
    /// Lets a transaction wait. `next` is the nonce that its identity's account has. Says whether it is new here.
    ///
    /// # Errors
    /// See [`PoolRefusal`].
    pub fn add(
        &mut self,
        transaction: Arc<SignedTransaction>,
        next: u64,
        now: Timestamp,
    ) -> Result<bool, PoolRefusal> {
        let (key_id, found) = (
            transaction.transaction().key_id,
            transaction.transaction().nonce,
        );
        let expected = next;
        if found < expected {
            return Err(PoolRefusal::Replay { expected, found });
        }
        if found - expected >= POOL_IDENTITY_MAX {
            return Err(PoolRefusal::TooFarAhead { expected, found });
        }
        if let Some(there) = self.waiting.get(&key_id).and_then(|own| own.get(&found)) {
            return match there.transaction == transaction {
                true => Ok(false),
                false => Err(PoolRefusal::NonceTaken(found)),
            };
        }
        let bytes = transaction.as_bytes().len();
        if self.bytes + bytes > POOL_BYTES_MAX {
            return Err(PoolRefusal::Full { retry_secs: 10 });
        }
        self.bytes += bytes;
        self.places.insert(transaction.digest(), (key_id, found));
        let waiting = Waiting {
            digest: transaction.digest(),
            transaction,
            since: now,
        };
        self.waiting
            .entry(key_id)
            .or_default()
            .insert(found, waiting);
        Ok(true)
    }

    /// What a block should try, in this order: each identity's next, those that wait longest first; then each one's second, and
    /// so on. `next` is the nonce of an identity's account on the block's parent.
    pub fn choose(&self, next: impl Fn(KeyId) -> u64) -> Vec<Arc<SignedTransaction>> {
        let mut turns = Vec::new();
        for (key_id, own) in &self.waiting {
            let begin = next(*key_id);
            let in_order = own.range(begin..).zip(begin..);
            let in_order = in_order.take_while(|((nonce, _), expected)| *nonce == expected);
            turns
                .extend(in_order.map(|((nonce, one), _)| (nonce - begin, one.since, *key_id, one)));
        }
        turns.sort_by_key(|(turn, since, key_id, _)| (*turn, *since, *key_id));
        turns
            .into_iter()
            .map(|(.., one)| Arc::clone(&one.transaction))
            .collect()
    }

    /// Whether a block should try anything but what is `passed_over`. As [`Pool::choose`], and stops at the first.
    pub fn has_work(
        &self,
        next: impl Fn(KeyId) -> u64,
        passed_over: impl Fn(&[u8; 32]) -> bool,
    ) -> bool {
        self.waiting.iter().any(|(key_id, own)| {
            let first = own.get(&next(*key_id));
            first.is_some_and(|one| !passed_over(&one.digest))
        })
    }

    /// One that waits, by the name of its bytes.
    #[must_use]
    pub fn get(&self, digest: &[u8; 32]) -> Option<Arc<SignedTransaction>> {
        let (key_id, nonce) = self.places.get(digest)?;
        let found = self.waiting.get(key_id)?.get(nonce)?;
        Some(Arc::clone(&found.transaction))
    }

    /// What waits of an identity with nonces below this one, in their order.
    #[must_use]
    pub fn before(&self, key_id: KeyId, nonce: u64) -> Vec<Arc<SignedTransaction>> {
        let own = self.waiting.get(&key_id);
        let earlier = own.into_iter().flat_map(|own| own.range(..nonce));
        earlier
            .map(|(_, one)| Arc::clone(&one.transaction))
            .collect()
    }

    /// Forgets what an identity's account is past, and says what that was: its name, and what it is refused for where another took its nonce.
    pub fn settle(&mut self, key_id: KeyId, next: u64) -> Vec<([u8; 32], PoolRefusal)> {
        let Some(own) = self.waiting.get_mut(&key_id) else {
            return Vec::new();
        };
        let kept = own.split_off(&next);
        let gone = std::mem::replace(own, kept);
        if own.is_empty() {
            self.waiting.remove(&key_id);
        }
        let gone = gone.into_iter().map(|(found, one)| {
            self.count_out(&one);
            let expected = next;
            (one.digest, PoolRefusal::Replay { expected, found })
        });
        gone.collect()
    }

    /// Forgets one that can never be accepted.
    pub fn discard(&mut self, digest: &[u8; 32]) {
        let Some((key_id, nonce)) = self.places.get(digest).copied() else {
            return;
        };
        let Some(own) = self.waiting.get_mut(&key_id) else {
            return;
        };
        let gone = own.remove(&nonce);
        if own.is_empty() {
            self.waiting.remove(&key_id);
        }
        if let Some(gone) = gone {
            self.count_out(&gone);
        }
    }

    /// Forgets what waits too long.
    pub fn expire(&mut self, now: Timestamp) {
        let all = self.waiting.values().flat_map(BTreeMap::values);
        let late = all.filter(|one| now.secs_since(one.since) > POOL_SECS_MAX);
        let late: Vec<[u8; 32]> = late.map(|one| one.digest).collect();
        for digest in &late {
            self.discard(digest);
        }
    }

    /// How many wait, and their bytes.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        (self.places.len(), self.bytes)
    }

    fn count_out(&mut self, gone: &Waiting) {
        self.places.remove(&gone.digest);
        self.bytes -= gone.transaction.as_bytes().len();
    }
}

#[cfg(test)]
mod tests {
    use dotkey_proto::identity::{Policy, PublicKey};
    use dotkey_proto::ledger::{Action, Transaction};
    use dotkey_proto::signature::SecretKey;
    use proptest::prelude::*;

    use super::*;

    fn time(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).expect("in range")
    }

    fn transaction(seed: u8, nonce: u64, sequence: u64) -> Arc<SignedTransaction> {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let key = PublicKey::Ed25519(secret.public());
        let transaction = Transaction {
            network: [1; 32],
            key_id: Policy::bare_key_id(key),
            nonce,
            chain: vec![Policy::bare(key).encode().expect("sound")],
            action: Action::Checkpoint { sequence },
            opening: None,
        };
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&secret);
        Arc::new(SignedTransaction::decode(&draft.encode()).expect("sound"))
    }

    #[test]
    fn each_identity_gets_its_turn_in_the_order_of_its_nonces() {
        let mut pool = Pool::default();
        let sent = [(1, 5, 10), (1, 6, 10), (1, 8, 10), (2, 0, 12), (3, 2, 11)];
        for (seed, nonce, since) in sent {
            let added = pool.add(transaction(seed, nonce, 1), nonce, time(since));
            assert_eq!(added, Ok(true));
        }
        let next = |key_id| {
            let own = |seed, nonce| transaction(seed, nonce, 1).transaction().key_id == key_id;
            if own(1, 0) {
                5
            } else if own(3, 0) {
                2
            } else {
                0
            }
        };
        let chosen = pool.choose(next);
        let chosen: Vec<_> = chosen.iter().map(|one| one.transaction().nonce).collect();
        // The 8 of the first waits for its 7.
        assert_eq!(chosen, [5, 2, 0, 6]);
    }

    #[test]
    fn what_cannot_wait_is_refused() {
        let mut pool = Pool::default();
        let mut check = |nonce, sequence, expected: Result<bool, &str>| {
            let found = pool.add(transaction(1, nonce, sequence), 4, time(1));
            assert_eq!(found.map_err(PoolRefusal::code), expected, "{nonce}");
        };
        check(3, 1, Err("replay"));
        check(4, 1, Ok(true));
        check(4, 1, Ok(false));
        check(4, 2, Err("nonce-taken"));
        check(19, 1, Ok(true));
        check(20, 1, Err("too-far-ahead"));
        pool.bytes = POOL_BYTES_MAX;
        let full = pool.add(transaction(2, 0, 1), 0, time(1));
        assert_eq!(full.map_err(PoolRefusal::code), Err("pool-full"));
    }

    #[test]
    fn what_an_account_is_past_is_named() {
        let mut pool = Pool::default();
        for nonce in 4..=6 {
            let added = pool.add(transaction(1, nonce, 1), 4, time(1));
            assert_eq!(added, Ok(true));
        }
        let key_id = transaction(1, 4, 1).transaction().key_id;
        let past = |found| {
            let refusal = PoolRefusal::Replay { expected: 6, found };
            (transaction(1, found, 1).digest(), refusal)
        };
        assert_eq!(pool.settle(key_id, 6), [past(4), past(5)]);
        assert_eq!(pool.settle(key_id, 6), []);
        assert_eq!(pool.load().0, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn its_bytes_are_those_that_wait(steps in prop::collection::vec((0..4_u8, 0..3_u8, 0..20_u64), 1..40)) {
            let mut pool = Pool::default();
            for (now, (step, seed, number)) in (0..).zip(steps) {
                let one = transaction(seed, number, 1);
                match step {
                    0 | 1 => drop(pool.add(Arc::clone(&one), number.saturating_sub(9), time(now * 400))),
                    2 => {
                        let gone = pool.settle(one.transaction().key_id, number);
                        prop_assert!(gone.iter().all(|(digest, _)| pool.get(digest).is_none()));
                    }
                    _ => pool.discard(&one.digest()),
                }
                pool.expire(time(now * 400));
                let waiting = pool.waiting.values().flat_map(BTreeMap::values);
                let bytes: usize = waiting.clone().map(|one| one.transaction.as_bytes().len()).sum();
                prop_assert_eq!(pool.load(), (waiting.clone().count(), bytes));
                for one in waiting {
                    prop_assert_eq!(pool.get(&one.digest), Some(Arc::clone(&one.transaction)));
                }
            }
        }
    }
}
