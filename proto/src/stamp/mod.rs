//! Stamps: proofs of work that a claim carries. `docs/protocol/10-ledger-rules.md`, sections 10.6 and 10.7.
//!
//! A stamp is a solution of Equihash, which takes memory to find and microseconds to check, whose hash is below a target. It is
//! made for one network, identity, purpose and beacon, and a beacon is known a day at most before it is too old: nobody
//! works for years ahead. What a stamp must cost is for the ledger to say; making one is a search that
//! [`Puzzle::attempt`] takes one step of, so that whoever owns the threads also owns progress and the end.

mod solve;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use thiserror::Error;

pub use solve::Memory;

use crate::cbor::{CborError, Reader, Writer};
use crate::identity::KeyId;
use crate::limits::COUNT_MAX;

/// A solution has 32 indices of at most 25 bits.
const SOLUTION_BYTES_MAX: usize = 100;

/// All that a stamp is: a beacon's number, a nonce and a solution.
pub const STAMP_BYTES_MAX: usize = SOLUTION_BYTES_MAX + 24;

/// Which Equihash: how many megabytes a search takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grid {
    /// n = 48: less than a megabyte, a search takes a millisecond. For tests.
    Tiny,
    /// n = 96: 9 megabytes, a search takes some 50 milliseconds. For a network of one machine.
    Small,
    /// n = 120: 150 megabytes, a search takes about a second. For a network of strangers.
    Large,
}

impl Grid {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tiny, Self::Small, Self::Large];

    /// Its word, as a genesis file writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    /// Bits of one row.
    const fn n(self) -> u32 {
        match self {
            Self::Tiny => 48,
            Self::Small => 96,
            Self::Large => 120,
        }
    }

    /// Bits that collide in each round.
    const fn collision_bits(self) -> u32 {
        self.n() / (ROUNDS + 1)
    }
}

/// Equihash's k: a solution has 2^k indices.
const ROUNDS: u32 = 5;

/// What a stamp is for. The same work is good for one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// The first transaction of an identity.
    Opening,
    /// A claim of this label.
    Claim(&'a str),
    /// A renewal of this label.
    Renewal(&'a str),
}

impl<'a> Purpose<'a> {
    fn parts(self) -> (u64, &'a str) {
        match self {
            Self::Opening => (0, ""),
            Self::Claim(label) => (1, label),
            Self::Renewal(label) => (2, label),
        }
    }
}

/// Something that nobody could know long before: the digest of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// Hours since 1970.
    pub hour: u64,
    /// The digest.
    pub digest: [u8; 32],
}

/// What is asked of a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Puzzle {
    challenge: [u8; 32],
    hour: u64,
    grid: Grid,
    solutions: u64,
}

/// A stamp taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The hour of the beacon that it is made for.
    pub hour: u64,
    nonce: u64,
    solution: Vec<u8>,
}

/// Why a stamp is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StampError {
    /// The encoding is broken.
    #[error("the stamp is malformed: {0}")]
    Form(#[from] CborError),
    /// Not a solution, or one for another network, identity, name, purpose or beacon.
    #[error(
        "the stamp does not solve its puzzle: it is for another network, identity, name, purpose or beacon, or it is no stamp"
    )]
    NoSolution,
    /// A solution that was too easy to find.
    #[error("the stamp is too weak: it takes {solutions} tries to find one that is good enough")]
    Weak {
        /// How many solutions one has to find, on average, until one is good enough.
        solutions: u64,
    },
}

impl StampError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(error) => error.code(),
            Self::NoSolution => "no-solution",
            Self::Weak { .. } => "weak-stamp",
        }
    }
}

impl Puzzle {
    /// What a stamp must solve. `solutions` is its cost: how many one has to find, on average.
    ///
    /// # Panics
    /// When `solutions` is 0.
    #[must_use]
    pub fn new(
        network: &[u8; 32],
        key_id: KeyId,
        purpose: Purpose<'_>,
        beacon: &Beacon,
        (grid, solutions): (Grid, u64),
    ) -> Self {
        assert!(solutions > 0, "every stamp takes at least one solution");
        let (number, label) = purpose.parts();
        let mut writer = Writer::new();
        writer.array(5).bytes(network).uint(number);
        writer.bytes(key_id.as_bytes()).text(label);
        writer.bytes(&beacon.digest);
        Self {
            challenge: blake3::derive_key("dotkey stamp v1", &writer.into_bytes()),
            hour: beacon.hour,
            grid,
            solutions,
        }
    }

    /// The work that it takes, as a power of two: that many rows, on average (section 10.6).
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.grid.collision_bits() + self.solutions.ilog2()
    }

    /// The name of what is asked: that of another puzzle, or of the same for another price, is another.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut writer = Writer::new();
        writer.array(4).bytes(&self.challenge).uint(self.hour);
        writer.uint(self.grid.n().into()).uint(self.solutions);
        blake3::derive_key("dotkey puzzle v1", &writer.into_bytes())
    }

    /// The probability that one attempt finds a stamp, for an estimate of the time: an attempt finds about two solutions.
    #[must_use]
    pub fn odds(&self) -> f64 {
        let miss = 1.0 - 1.0 / self.solutions as f64;
        1.0 - miss * miss
    }

    /// One search, with a nonce of its own. `memory` is used again by the next.
    pub fn attempt(&self, nonce: u64, memory: &mut Memory) -> Option<Stamp> {
        let solutions = solve::solutions(self.grid, &self.challenge, nonce, memory);
        solutions.into_iter().find_map(|solution| {
            let hour = self.hour;
            let stamp = Stamp {
                hour,
                nonce,
                solution,
            };
            self.is_cheap_enough(&stamp).then_some(stamp)
        })
    }

    /// Whether `stamp` is worth what is asked.
    ///
    /// # Errors
    /// What it lacks.
    pub fn check(&self, stamp: &Stamp) -> Result<(), StampError> {
        // The hash first: it is the cheaper of the two.
        if !self.is_cheap_enough(stamp) {
            let solutions = self.solutions;
            return Err(StampError::Weak { solutions });
        }
        let nonce = stamp.nonce.to_le_bytes();
        let (n, input) = (self.grid.n(), &self.challenge);
        equihash::is_valid_solution(n, ROUNDS, input, &nonce, &stamp.solution)
            .map_err(|_| StampError::NoSolution)
    }

    fn is_cheap_enough(&self, stamp: &Stamp) -> bool {
        let mut hasher = blake3::Hasher::new_derive_key("dotkey stamp work v1");
        hasher.update(&self.challenge);
        hasher.update(&stamp.nonce.to_le_bytes());
        hasher.update(&stamp.solution);
        let hash = hasher.finalize();
        let (head, _) = hash
            .as_bytes()
            .split_first_chunk::<8>()
            .expect("32 are more than 8");
        u64::from_be_bytes(*head) <= u64::MAX / self.solutions
    }
}

impl Stamp {
    /// Reads a stamp.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > STAMP_BYTES_MAX {
            let (what, len, max) = ("a stamp", bytes.len(), STAMP_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max });
        }
        let mut r = Reader::new(bytes)?;
        r.array("a stamp", 3, 3)?;
        Ok(Self {
            hour: r.uint_in("the hour of a stamp", 0, COUNT_MAX)?,
            nonce: r.uint("the nonce of a stamp")?,
            solution: r
                .bytes("the solution of a stamp", 1, SOLUTION_BYTES_MAX)?
                .to_vec(),
        })
    }

    /// The stamp's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(3).uint(self.hour).uint(self.nonce);
        writer.bytes(&self.solution);
        writer.into_bytes()
    }
}
