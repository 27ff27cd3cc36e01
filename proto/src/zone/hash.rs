//! The hash of names in a zone's index.
//!
//! Whoever writes a zone chooses its names, and whoever asks chooses the questions, so the hash must not be one for which
//! sets of colliding names can be written down beforehand. Multilinear hashing (Carter and Wegman; Lemire and Kaser,
//! "Strongly universal string hashing is fast", 2014) is pairwise independent in its upper 32 bits: whatever two names
//! are, under random keys they meet in one slot as rarely as chance has it. The keys are derived from the zone's bytes,
//! because this crate has no randomness: to aim at the keys, a writer must change the names, which changes the keys.

use alloc::boxed::Box;

/// This hash lives in memory only and is no part of the protocol.
const CONTEXT: &str = "dotkey zone index keys v1";

/// One key for the sum, one for the length; the rest for the words.
const FIXED_KEYS: usize = 2;

#[derive(Clone)]
pub(super) struct NameHash {
    keys: Box<[u64]>,
}

impl NameHash {
    /// For names of at most `bytes_max` bytes in the zone that `body` encodes.
    pub(super) fn new(body: &[u8], bytes_max: usize) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        let mut stream = hasher.update(body).finalize_xof();
        let key = |_| {
            let mut bytes = [0; 8];
            stream.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        let keys = (0..FIXED_KEYS + bytes_max.div_ceil(4)).map(key).collect();
        Self { keys }
    }

    /// The hash of `name`; the upper 32 bits are the good ones. What of the name is longer than the keys is left out.
    pub(super) fn of(&self, name: &[u8]) -> u64 {
        let [sum_key, length_key, word_keys @ ..] = &*self.keys else {
            return 0;
        };
        let (words, tail) = name.as_chunks::<4>();
        let mut sum = (name.len() as u64)
            .wrapping_mul(*length_key)
            .wrapping_add(*sum_key);
        for (word, key) in words.iter().zip(word_keys) {
            let word = u64::from(u32::from_le_bytes(*word));
            sum = sum.wrapping_add(word.wrapping_mul(*key));
        }
        if let Some(key) = word_keys.get(words.len()) {
            let word = tail
                .iter()
                .fold(0, |word, byte| word << 8 | u64::from(*byte));
            sum = sum.wrapping_add(word.wrapping_mul(*key));
        }
        sum
    }
}
