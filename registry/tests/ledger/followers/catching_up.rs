//! How a follower comes to the tip, stays there, and goes on after it was killed.

use std::sync::Arc;

use dotkey_proto::ledger::{Freshness, Subject};
use dotkey_proto::limits::TRUST_SECS_MAX;
use dotkey_proto::time::Timestamp;
use dotkey_registry::follow::core::Stage;
use dotkey_registry::follow::message::{Question, Response, Tip};
use dotkey_registry::ledger::{Chain, VERSIONS_KEPT};

use super::world::{Answer, Double, Honest, World, nothing};
use crate::chain::Node;
use crate::network::Network;
use crate::snapshot::Source;
use crate::world::Person;

/// A round trip.
pub(crate) const TRIP_MS: u64 = 20;

/// A validator's chain with a name and so many blocks, on which others can be put while peers serve it.
pub(crate) struct There {
    _folder: tempfile::TempDir,
    pub(crate) node: Node<Arc<Chain>>,
}

impl There {
    pub(crate) fn new(blocks: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = Node::new(folder.path()).shared();
        node.take(&Person::new(1), "eightlet");
        while node.chain.tip().height < blocks {
            node.block(&[]);
        }
        Self {
            _folder: folder,
            node,
        }
    }

    pub(crate) fn honest(&self) -> Honest {
        Honest(Arc::clone(&self.node.chain), TRIP_MS)
    }
}

pub(crate) fn world(folder: &tempfile::TempDir, network: &Network) -> World {
    World::new(folder.path(), network, 1)
}

#[test]
fn blocks_are_followed_and_heard_of_at_once() {
    let mut there = There::new(300);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = world(&folder, &there.node.network);
    for number in 1..=6 {
        world.join(number, there.honest());
    }
    world.until("it has caught up", 5_000, |world| world.height() == 300);
    world.pass(60_000);
    world.asked.clear();
    for height in 301..=320 {
        there.node.block(&[]);
        let took = world.until("it has the block", 1_000, |world| world.height() == height);
        // Its tip, the block, its work, and the grain of the clock.
        assert!(took <= 2 * TRIP_MS + 50, "{took} ms");
        world.pass(500);
    }
    // A question and an answer about each block for each of the four that are watched, and one for the block.
    let tips = |(_, question): &&(_, Question)| matches!(question, Question::Tip { .. });
    let (tips, others) = world.asked.iter().partition::<Vec<_>, _>(tips);
    assert!(tips.len() <= 4 * 21, "{} questions about tips", tips.len());
    assert_eq!(others.len(), 20);
    assert!(world.blamed.is_empty());
}

#[test]
fn a_quiet_network_costs_a_question_in_ten_seconds_and_source() {
    let there = There::new(10);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = world(&folder, &there.node.network);
    world.join(1, there.honest());
    world.until("it has caught up", 5_000, |world| world.height() == 10);
    world.asked.clear();
    world.pass(600_000);
    assert!(
        (30..=60).contains(&world.asked.len()),
        "{}",
        world.asked.len()
    );
}

#[test]
fn who_is_far_behind_takes_the_state_over_and_proves_from_it() {
    let mut there = There::new(1_400);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = world(&folder, &there.node.network);
    world.join(1, there.honest());
    world.join(2, there.honest());
    world.until("it has caught up", 10_000, |world| world.height() == 1_400);
    assert!(world.chain.base() > 1_400 - VERSIONS_KEPT, "by a state");
    assert_eq!(world.chain.base() % 64, 0);
    world.chain.audit(usize::MAX).expect("it is whole");
    there.node.block(&[]);
    world.until("it follows", 1_000, |world| world.height() == 1_401);
    let subject = Subject::Name("eightlet".to_owned());
    let proof = world.chain.prove(&subject).expect("it reads");
    let freshness = Freshness {
        now: there.node.chain.tip().time,
        age_secs_max: 60,
    };
    let trusted = there.node.network.genesis.trusted();
    let proof = proof.expect("it is certified");
    let verified = proof
        .verify(&subject, &trusted, freshness)
        .expect("it holds");
    assert!(verified.entry().is_some());

    // And a third node takes it from the second alone.
    let folder = tempfile::tempdir().expect("a folder");
    let mut third = self::world(&folder, &there.node.network);
    third.join(1, Honest(Arc::clone(&world.chain), TRIP_MS));
    third.until("it has caught up", 10_000, |world| world.height() == 1_401);
    assert!(third.blamed.is_empty());
}

/// One that has a state, in chunks of so many leaves, and no blocks.
pub(crate) struct Holder {
    pub(crate) source: Arc<Source>,
    pub(crate) leaves: usize,
}

impl Holder {
    pub(crate) fn has(&self, question: &Question) -> Response {
        let Source {
            header,
            certificate,
            ..
        } = &*self.source;
        let (header, certificate) = (header.clone(), certificate.clone());
        match question {
            Question::Tip { .. } => Response::Tip(Tip {
                after: header.height,
                header,
                certificate: Some(certificate),
            }),
            Question::Handovers { .. } => Response::Handovers(Vec::new()),
            Question::Offer => Response::Offer {
                header,
                certificate,
            },
            Question::Chunk { height, from } if *height == header.height => {
                Response::Chunk(self.source.chunk_at(*from, self.leaves))
            }
            _ => nothing(),
        }
    }
}

impl Double for Holder {
    fn answer(&mut self, question: &Question) -> Answer {
        Answer::After(TRIP_MS, self.has(question))
    }
}

pub(crate) fn source(network: &Network, names: u64) -> Arc<Source> {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = crate::chain::open(folder.path(), network).expect("it opens");
    Arc::new(Source::new(network, &chain, names))
}

pub(crate) fn chunks_asked(world: &World) -> Vec<[u8; 32]> {
    let places = world
        .asked
        .iter()
        .filter_map(|(_, question)| match question {
            Question::Chunk { from, .. } => Some(*from),
            _ => None,
        });
    places.collect()
}

#[test]
fn killed_in_the_middle_of_a_state_it_goes_on_where_it_was() {
    let network = Network::new(1);
    let source = source(&network, 400);
    let folder = tempfile::tempdir().expect("a folder");
    let mut asked = 0;
    let mut last = [0; 32];
    for life in 0..100_u64 {
        let mut world = World::new(folder.path(), &network, life);
        for number in 1..=3 {
            let (source, leaves) = (Arc::clone(&source), 7);
            world.join(number, Holder { source, leaves });
        }
        // Longer each time, so that it dies at every point of it.
        for _ in 0..20 + 3 * life {
            if world.height() > 0 {
                break;
            }
            world.pass(1);
        }
        let places = chunks_asked(&world);
        if let Some(first) = places.first() {
            assert!(
                life == 0 || *first >= last || last == [0; 32],
                "life {life}"
            );
        }
        asked += places.len();
        if world.height() > 0 {
            world.chain.audit(usize::MAX).expect("it is whole");
            assert!(life > 3, "it was never killed");
            // So few leaves lie unevenly, so that guesses overlap and leave gaps; and a life may ask for ten that it does not write.
            assert!(
                asked <= 2 * 402_usize.div_ceil(7) + 10 * (life as usize + 1),
                "{asked}"
            );
            return;
        }
        let begun = world.chain.import_begun().expect("it reads");
        last = begun.map_or([0; 32], |(header, certificate)| {
            let import = world.chain.import(header, certificate);
            import.expect("it goes on").next()
        });
    }
    panic!("it never had all of it");
}

#[test]
fn when_nobody_has_the_state_any_more_another_is_begun() {
    let network = Network::new(1);
    let (old, new) = (source(&network, 300), source(&network, 200));
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = world(&folder, &network);
    let first = world.join(
        1,
        Holder {
            source: old,
            leaves: 7,
        },
    );
    world.until("it has begun", 10_000, |world| {
        chunks_asked(world).len() > 5
    });
    world.leave(first);
    let (source, leaves) = (Arc::clone(&new), 50);
    world.join(2, Holder { source, leaves });
    world.until("it has another", 200_000, |world| world.height() > 0);
    assert_eq!(world.chain.tip(), new.header);
    assert_eq!(world.chain.entry("name-250"), Ok(None));
    world.chain.audit(usize::MAX).expect("it is whole");
}

#[test]
fn who_was_away_for_more_than_ninety_days_does_not_go_on_and_says_why() {
    let mut there = There::new(10);
    for (late, goes_on) in [(0, true), (1, false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = world(&folder, &there.node.network);
        // A genesis is believed at any age, for somebody named it; and so is all that follows from it at once.
        world.set_calendar(Timestamp::MAX);
        let height = there.node.chain.tip().height;
        let peer = world.join(1, there.honest());
        world.until("it has caught up", 5_000, |world| world.height() == height);
        world.leave(peer);
        let last = there.node.chain.tip().time;
        there.node.block(&[]);
        world.set_calendar(last.saturating_add(TRUST_SECS_MAX + late));
        world.join(2, there.honest());
        if goes_on {
            world.until("it goes on", 60_000, |world| world.height() == height + 1);
            continue;
        }
        let halts = |world: &World| world.stage() == Stage::Halted;
        world.until("it halts", 60_000, halts);
        let why = world.progress().halted.expect("it says why");
        assert!(
            why.contains("90 days ago") && why.contains("start again"),
            "{why}"
        );
        assert_eq!(world.height(), height);
        assert!(world.blamed.is_empty(), "no peer is to blame");
    }
}
