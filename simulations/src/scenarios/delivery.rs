//! An owner publishes while the network delays, doubles, reorders and loses. Whatever the order of delivery, nobody goes back
//! to an older sequence, and once the network is quiet everybody has the newest.
//!
//! This is what records and their sequence numbers promise, at its smallest: each node keeps the highest sequence it has seen
//! and, now and then, compares with another node, as the registry's reconciliation does. `Fault::Forgetful` breaks the rule
//! on purpose, so that the oracle is known to see it.

use crate::world::{Events, Random};

const NODES: usize = 16;
const PUBLISHES: u64 = 12;
const DELAY_MS_MAX: u64 = 2_000;
const LOSS_PERCENT: u64 = 30;
const DOUBLE_PERCENT: u64 = 10;
const RECONCILE_EVERY_MS: u64 = 500;
/// Long enough for every node to have compared with several others after the last publish.
const QUIET_AFTER_MS: u64 = 60_000;

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Nodes keep what came last instead of what is newest.
    Forgetful,
}

/// A run that kept its promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Events that happened.
    pub events: u64,
    /// Messages that the network lost.
    pub lost: u64,
    /// A digest of every event with its time: two runs are the same run when it is equal.
    pub digest: u64,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A node gave up a newer record for an older one.
    #[error("at {at_ms} ms node {node} went back from sequence {from} to {to}")]
    WentBack {
        /// When.
        at_ms: u64,
        /// Who.
        node: usize,
        /// What it had.
        from: u64,
        /// What it took.
        to: u64,
    },
    /// The network was quiet and a node still lacked the newest.
    #[error("node {node} ended with sequence {has} instead of {PUBLISHES}")]
    Behind {
        /// Who.
        node: usize,
        /// What it has.
        has: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Publish { sequence: u64 },
    Deliver { node: usize, sequence: u64 },
    Reconcile { node: usize },
}

struct Run {
    random: Random,
    events: Events<Event>,
    newest: [u64; NODES],
    fault: Fault,
    outcome: Outcome,
}

/// Plays the story that `seed` decides.
///
/// # Errors
/// The first [`Violation`] of the oracle.
pub fn run(seed: u64, fault: Fault) -> Result<Outcome, Violation> {
    let mut run = Run {
        random: Random::new(seed),
        events: Events::default(),
        newest: [0; NODES],
        fault,
        outcome: Outcome {
            events: 0,
            lost: 0,
            digest: seed,
        },
    };
    for sequence in 1..=PUBLISHES {
        let delay_ms = sequence * 1_000;
        run.events.plan(delay_ms, Event::Publish { sequence });
    }
    for node in 0..NODES {
        let delay_ms = run.random.below(RECONCILE_EVERY_MS);
        run.events.plan(delay_ms, Event::Reconcile { node });
    }
    while let Some(event) = run.events.next_event() {
        run.note(event);
        run.happen(event)?;
    }
    match run.newest.iter().position(|newest| *newest != PUBLISHES) {
        Some(node) => Err(Violation::Behind {
            node,
            has: run.newest[node],
        }),
        None => Ok(run.outcome),
    }
}

impl Run {
    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Publish { sequence } => {
                for node in 0..NODES {
                    self.send(node, sequence);
                }
            }
            Event::Deliver { node, sequence } => return self.receive(node, sequence),
            Event::Reconcile { node } => {
                let other = self.node();
                self.send(other, self.newest[node]);
                self.send(node, self.newest[other]);
                if self.events.now().0 < QUIET_AFTER_MS {
                    self.events.plan(RECONCILE_EVERY_MS, Event::Reconcile { node });
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, node: usize, sequence: u64) {
        if self.random.percent(LOSS_PERCENT) {
            self.outcome.lost += 1;
            return;
        }
        let copies = 1 + u64::from(self.random.percent(DOUBLE_PERCENT));
        for _ in 0..copies {
            let delay_ms = self.random.below(DELAY_MS_MAX);
            self.events.plan(delay_ms, Event::Deliver { node, sequence });
        }
    }

    fn receive(&mut self, node: usize, sequence: u64) -> Result<(), Violation> {
        let from = self.newest[node];
        let to = match self.fault {
            Fault::None => from.max(sequence),
            Fault::Forgetful => sequence,
        };
        self.newest[node] = to;
        if to < from {
            let at_ms = self.events.now().0;
            return Err(Violation::WentBack { at_ms, node, from, to });
        }
        Ok(())
    }

    fn node(&mut self) -> usize {
        usize::try_from(self.random.below(NODES as u64)).expect("a node's index")
    }

    fn note(&mut self, event: Event) {
        let (kind, node, sequence) = match event {
            Event::Publish { sequence } => (1, 0, sequence),
            Event::Deliver { node, sequence } => (2, node, sequence),
            Event::Reconcile { node } => (3, node, 0),
        };
        self.outcome.events += 1;
        for word in [self.events.now().0, kind, node as u64, sequence] {
            self.outcome.digest = Random::new(self.outcome.digest ^ word).word();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_delivery_ends_with_the_newest() {
        for seed in 0..200 {
            let outcome = run(seed, Fault::None).unwrap_or_else(|broken| panic!("--seed {seed}: {broken}"));
            assert!(outcome.lost > 0, "--seed {seed}: the network lost nothing");
        }
    }

    #[test]
    fn a_seed_replays_its_run() {
        assert_eq!(run(81, Fault::None), run(81, Fault::None));
        assert_ne!(run(81, Fault::None), run(82, Fault::None));
        assert_eq!(run(81, Fault::Forgetful), run(81, Fault::Forgetful));
    }

    #[test]
    fn the_oracle_sees_a_broken_rule() {
        for seed in 0..50 {
            let violation = run(seed, Fault::Forgetful).expect_err("nodes went back");
            assert!(matches!(violation, Violation::WentBack { .. }), "--seed {seed}: {violation}");
        }
    }
}
