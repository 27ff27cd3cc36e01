//! One order of claims that everyone agrees on, by an existing engine: commonware's simplex.
//!
//! This module owns the engine's version, its timing and the choice of certificates. It promises that nothing else in the
//! workspace names the engine, so that a new release of it touches this folder. What a block does to the state is for
//! [`crate::ledger`]; what a transaction and a header look like is for `dotkey-proto`.
//!
//! The engine blocks its thread and brings a runtime of its own, so it gets a thread; plain tokio works inside it. With one
//! validator it spins through some 900 views a second when nothing happens: the proposer waits for work or for the heartbeat.

pub mod engine;
pub mod timing;

use commonware_utils::{Faults, N3f1};

/// Votes that make a certificate among this many validators: all but the `f` of `3f + 1` that may be malicious.
///
/// # Panics
/// When there are no validators.
#[must_use]
pub fn quorum(validators: u32) -> u32 {
    N3f1::quorum(validators)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_outvotes_the_malicious() {
        for (validators, expected) in [(1, 1), (3, 3), (4, 3), (6, 5), (7, 5), (10, 7), (100, 67)] {
            assert_eq!(quorum(validators), expected, "{validators}");
        }
        for validators in 1..200 {
            let faulty = (validators - 1) / 3;
            // Two quorums share an honest validator, and the honest alone make one.
            assert!(2 * quorum(validators) - validators > faulty);
            assert!(validators - faulty >= quorum(validators));
        }
    }
}
