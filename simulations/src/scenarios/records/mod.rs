//! Stories of records in a network of nodes: published, read, lied about, and outliving who kept them.
//!
//! Each story prints what it measured and checks what the design promises. All of them run at two sizes: [`Size::SMALL`] for every
//! change to the code, [`Size::FULL`] for the figures.

mod attacks;
mod faults;
mod quiet;

use dotkey_registry::dht::core::{Effort, Effortful, Outcome};
use dotkey_registry::dht::message::Summary;
use dotkey_registry::dht::peer::Position;

use crate::network::{Network, Person};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Nodes.
    pub nodes: usize,
    /// Records.
    pub records: u64,
    /// Gets.
    pub gets: usize,
}

impl Size {
    /// Seconds.
    pub const SMALL: Self = Self {
        nodes: 60,
        records: 8,
        gets: 100,
    };
    /// Minutes.
    pub const FULL: Self = Self {
        nodes: 200,
        records: 100,
        gets: 2_000,
    };
}

/// What a story measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// In words.
    pub lines: Vec<String>,
    /// Two runs are the same when it is equal.
    pub digest: u64,
}

/// A promise that was broken, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(pub String);

/// A story's name, and how it is played from a seed.
pub type Story = (&'static str, fn(u64, Size) -> Result<Report, Violation>);

/// All of them.
pub const STORIES: &[Story] = &[
    ("settled", quiet::settled),
    ("partial", quiet::partial),
    ("change", quiet::change),
    ("killed", faults::killed),
    ("lossy", faults::lossy),
    ("stale", attacks::stale),
    ("garbage", attacks::garbage),
    ("silent", attacks::silent),
    ("slow", attacks::slow),
    ("lying", attacks::lying),
    ("flooder", attacks::flooder),
    ("eclipse", attacks::eclipse),
];

/// A record that was published.
struct Published {
    person: Person,
    at: Position,
    newest: Summary,
}

/// Gets, and how they went.
#[derive(Default)]
struct Gets {
    newest: usize,
    all: usize,
    efforts: Vec<Effortful>,
}

impl Gets {
    /// A number that so many in a hundred of the gets do not exceed.
    fn share(&self, percent: usize, of: impl Fn(&Effortful) -> u64) -> u64 {
        let mut all: Vec<u64> = self.efforts.iter().map(of).collect();
        all.sort_unstable();
        let index = (all.len() * percent / 100).min(all.len().saturating_sub(1));
        all.get(index).copied().unwrap_or_default()
    }

    /// At most one in a thousand went wrong.
    fn hold(&self) -> Result<(), Violation> {
        let wrong = self.all - self.newest;
        check(wrong * 1000 <= self.all, || {
            format!("{wrong} of {} gets did not give the newest", self.all)
        })
    }

    fn in_words(&self) -> String {
        let requests = |effort: &Effortful| effort.requests as u64;
        let took = |effort: &Effortful| effort.took_ms;
        format!(
            "{} of {} gets gave the newest; requests p50 {} p99 {}; took p50 {} ms, p99 {} ms",
            self.newest,
            self.all,
            self.share(50, requests),
            self.share(99, requests),
            self.share(50, took),
            self.share(99, took),
        )
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation(otherwise()))
    }
}

/// Someone publishes `sequence` of each record through some node.
fn publish(
    network: &mut Network,
    person: &Person,
    sequence: u64,
) -> Result<(Position, Summary), Violation> {
    let record = person.record(sequence);
    let (at, summary) = (Position::of_record(&record), Summary::of(&record));
    let node = network.someone();
    let job = network.put(node, record);
    match network.wait(job) {
        Some(Outcome::Put(placement)) if placement.succeeded() => Ok((at, summary)),
        other => Err(Violation(format!("a put failed: {other:?}"))),
    }
}

/// Publishes the first of all records, and lets neighbours compare.
fn settle(network: &mut Network, size: Size) -> Result<Vec<Published>, Violation> {
    let mut all = Vec::new();
    for number in 0..size.records {
        let person = Person::new(number);
        let (at, newest) = publish(network, &person, 1)?;
        all.push(Published { person, at, newest });
    }
    network.run(120_000);
    Ok(all)
}

/// Publishes the next of all records.
fn update(network: &mut Network, all: &mut [Published]) -> Result<(), Violation> {
    for published in all {
        let next = published.newest.sequence + 1;
        (_, published.newest) = publish(network, &published.person, next)?;
    }
    Ok(())
}

fn get(network: &mut Network, published: &Published, gets: &mut Gets) {
    let node = network.someone();
    let job = network.get(node, published.at, Effort::Usual);
    gets.all += 1;
    if let Some(Outcome::Got { record, effort }) = network.wait(job) {
        let newest = record.is_some_and(|it| Summary::of(&it) == published.newest);
        gets.newest += usize::from(newest);
        gets.efforts.push(effort);
    }
}

/// Gets of all records in turns, each from some node.
fn read(network: &mut Network, all: &[Published], count: usize) -> Gets {
    let mut gets = Gets::default();
    for published in all.iter().cycle().take(count) {
        get(network, published, &mut gets);
    }
    gets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Nature, SLOW_MS};
    use dotkey_registry::dht::message::Request;

    const TINY: Size = Size {
        nodes: 30,
        records: 2,
        gets: 10,
    };

    #[test]
    fn every_story_keeps_its_promises_and_replays() {
        for (name, play) in STORIES {
            let played = |seed| {
                play(seed, TINY).unwrap_or_else(|broken| panic!("{name} --seed {seed}: {broken}"))
            };
            let first = played(81);
            assert_eq!(first, played(81), "{name}");
            assert_ne!(first.digest, played(82).digest, "{name}");
        }
    }

    /// Too wide for every node to keep everything.
    const WIDE: Size = Size { nodes: 150, ..TINY };

    /// A world that is worse than a story says, with the words in which its oracle complains.
    type Fault = (&'static str, fn(u64) -> Result<Report, Violation>);

    const FAULTS: &[Fault] = &[
        ("did not give the newest", |seed| {
            attacks::malicious(seed, WIDE, Nature::Stale, 95)
        }),
        ("did not give the newest", |seed| {
            attacks::malicious(seed, WIDE, Nature::Garbage, 99)
        }),
        // Who is silent counts against a majority.
        ("a put failed", |seed| {
            attacks::malicious(seed, WIDE, Nature::Silent, 95)
        }),
        ("a put failed", |seed| {
            attacks::late(seed, WIDE, 95, 2 * SLOW_MS)
        }),
        ("did not give the newest", |seed| {
            attacks::malicious(seed, WIDE, Nature::Lying, 95)
        }),
        // Slow, it asks for nothing, and nobody should cut it off.
        ("have not cut the flooder off", |seed| {
            attacks::flooded(seed, TINY, Nature::Slow)
        }),
        ("did not give the newest", |seed| {
            attacks::eclipsed(seed, Size::SMALL, 4096, 20)
        }),
        ("are the attacker's", |seed| {
            attacks::eclipsed(seed, Size::SMALL, 1, 10)
        }),
        ("nodes saw a change", |seed| {
            quiet::changed(seed, TINY, false)
        }),
        ("are the newest", |seed| quiet::partly_told(seed, TINY, 0)),
        ("the rarest record is on", |seed| {
            faults::repaired(seed, Size::SMALL, |request| {
                !matches!(request, Request::Reconcile { .. })
            })
        }),
        ("did not give the newest", |seed| {
            faults::lost(seed, Size::SMALL, 95)
        }),
    ];

    #[test]
    fn oracles_see_what_they_are_for() {
        for (words, play) in FAULTS {
            match play(81) {
                Err(Violation(said)) => assert!(said.contains(words), "{words}: {said}"),
                Ok(report) => panic!("{words}: nothing is seen in {:?}", report.lines),
            }
        }
    }
}
