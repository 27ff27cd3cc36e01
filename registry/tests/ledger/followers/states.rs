//! A state instead of blocks: when a follower takes one over, from several peers at once, and what liars cost.

use std::sync::Arc;

use dotkey_registry::follow::core::Stage;
use dotkey_registry::follow::message::{Question, Response};
use dotkey_registry::ledger::Chunk;

use super::catching_up::{Holder, TRIP_MS, There, chunks_asked, source, world};
use super::world::{Answer, Double, Twisted, World};
use crate::network::{Network, certify};
use crate::snapshot::Source;

/// One that changes the chunks that it gives.
struct Changing(Holder, fn(&mut Chunk));

impl Double for Changing {
    fn answer(&mut self, question: &Question) -> Answer {
        let mut response = self.0.has(question);
        if let Response::Chunk(Some(chunk)) = &mut response {
            self.1(chunk);
        }
        Answer::After(TRIP_MS, response)
    }
}

/// One that is far away.
struct Far(Holder);

impl Double for Far {
    fn answer(&mut self, question: &Question) -> Answer {
        Answer::After(100, self.0.has(question))
    }
}

/// One that says of every place that nothing is left there.
struct Denying(Holder);

impl Double for Denying {
    fn answer(&mut self, question: &Question) -> Answer {
        let response = match self.0.has(question) {
            Response::Chunk(Some(_)) => Response::Chunk(None),
            other => other,
        };
        Answer::After(TRIP_MS, response)
    }
}

/// One that has ten blocks with the name `eightlet`, and is alone.
fn with_ten_blocks(folder: &tempfile::TempDir, there: &There) -> World {
    let mut world = world(folder, &there.node.network);
    let peer = world.join(1, there.honest());
    world.until("it has caught up", 5_000, |world| world.height() == 10);
    world.leave(peer);
    assert!(!world.progress().unserved);
    world.asked.clear();
    world
}

#[test]
fn who_lacks_what_nobody_has_says_so_and_takes_a_state_over() {
    let network = Network::new(1);
    let there = There::new(10);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = with_ten_blocks(&folder, &there);
    // A state a few blocks on, from one that began with it.
    let mut near = Source::clone(&source(&network, 10));
    near.header.height = 500;
    near.certificate = certify(&network, &near.header);
    let (source, leaves) = (Arc::new(near), 50);
    let late = world.join(2, Holder { source, leaves });
    world.until("it says so", 5_000, |world| world.progress().unserved);
    assert_eq!((world.stage(), world.height()), (Stage::Following, 10));
    world.until("it has the state", 60_000, |world| world.height() == 500);
    assert!(!world.progress().unserved && world.blamed.is_empty());
    world.leave(late);
}

#[test]
fn who_was_away_for_long_takes_a_state_over_though_it_is_killed() {
    let network = Network::new(1);
    let there = There::new(10);
    let source = source(&network, 400);
    let folder = tempfile::tempdir().expect("a folder");
    drop(with_ten_blocks(&folder, &there));
    for life in 0..100_u64 {
        let mut world = World::new(folder.path(), &network, life);
        for number in 1..=3 {
            let (source, leaves) = (Arc::clone(&source), 7);
            world.join(number, Holder { source, leaves });
        }
        for _ in 0..20 + 3 * life {
            if world.height() > 10 {
                break;
            }
            world.pass(1);
        }
        let is_new = world.height() > 10;
        assert_eq!(
            world.height(),
            if is_new { source.header.height } else { 10 }
        );
        let told = ["eightlet", "name-300"].map(|label| {
            let entry = world.chain.entry(label).expect("it reads");
            entry.is_some()
        });
        assert_eq!(
            told,
            [!is_new, is_new],
            "one state or the other, life {life}"
        );
        world.chain.audit(usize::MAX).expect("it is whole");
        let blocks = |(_, question): &(_, Question)| matches!(question, Question::Blocks { .. });
        assert!(!world.asked.iter().any(blocks), "nobody could give these");
        if is_new {
            assert!(life > 3, "it was never killed");
            return;
        }
    }
    panic!("it never had all of it");
}

#[test]
fn who_is_a_little_behind_takes_blocks_and_no_state() {
    let mut there = There::new(10);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = with_ten_blocks(&folder, &there);
    while there.node.chain.tip().height < 1_300 {
        there.node.block(&[]);
    }
    world.join(2, there.honest());
    world.until("it has caught up", 60_000, |world| world.height() == 1_300);
    assert_eq!(world.chain.base(), 0, "by blocks");
}

#[test]
fn who_claims_too_much_costs_a_look_and_not_the_blocks() {
    let mut there = There::new(10);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = with_ten_blocks(&folder, &there);
    while there.node.chain.tip().height < 40 {
        there.node.block(&[]);
    }
    world.join(2, there.honest());
    let chain = Arc::clone(&there.node.chain);
    world.join(
        3,
        Twisted(chain, |_: &Question, response| {
            let response = match response {
                Response::Tip(mut tip) => {
                    tip.header.height += 1 << 20;
                    Response::Tip(tip)
                }
                other => other,
            };
            Answer::After(TRIP_MS, response)
        }),
    );
    world.until("it has caught up", 60_000, |world| world.height() == 40);
    assert_eq!(
        world.chain.base(),
        0,
        "by blocks: what is offered is not worth it"
    );
}

#[test]
fn eight_peers_give_a_state_in_less_than_a_third_of_the_time_that_one_takes() {
    let network = Network::new(1);
    let source = source(&network, 6_000);
    let took = |peers: u8| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = world(&folder, &network);
        for number in 1..=peers {
            let (source, leaves) = (Arc::clone(&source), 150);
            world.join(number, Far(Holder { source, leaves }));
        }
        world.until("it has begun", 10_000, |world| {
            !chunks_asked(world).is_empty()
        });
        let took = world.until("it has the state", 60_000, |world| world.height() > 0);
        world.chain.audit(usize::MAX).expect("it is whole");
        assert!(world.blamed.is_empty());
        (took, chunks_asked(&world).len())
    };
    // By the virtual clock: a chunk takes 100 ms to come, and 7 to be verified.
    let (one, eight) = (took(1), took(8));
    println!("one peer: {one:?}, eight: {eight:?}");
    assert!(3 * eight.0 < one.0, "{one:?} {eight:?}");
    assert!(
        eight.1 < one.1 * 3 / 2,
        "an eighth overlaps: {one:?} {eight:?}"
    );
}

#[test]
fn a_bad_chunk_costs_its_giver_and_none_of_the_others() {
    let network = Network::new(1);
    let source = source(&network, 400);
    for (what, change) in [
        (
            "a changed leaf",
            (|chunk: &mut Chunk| chunk.leaves[0].1[0] ^= 1) as fn(&mut Chunk),
        ),
        ("one is left out", |chunk| drop(chunk.leaves.remove(0))),
        ("it says that it is the last", |chunk| {
            chunk.proof = vec![0; 4]
        }),
        ("it reaches far", |chunk| {
            chunk.leaves.push(([254; 32], vec![1]))
        }),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut world = world(&folder, &network);
        let liar = world.join(
            1,
            Changing(
                Holder {
                    source: Arc::clone(&source),
                    leaves: 7,
                },
                change,
            ),
        );
        for number in 2..=5 {
            let (source, leaves) = (Arc::clone(&source), 7);
            world.join(number, Holder { source, leaves });
        }
        world.until(what, 60_000, |world| world.height() > 0);
        world.chain.audit(usize::MAX).expect("it is whole");
        let blamed: Vec<_> = world.blamed.keys().collect();
        assert_eq!(blamed, [&liar], "{what}");
    }
}

#[test]
fn who_denies_what_is_left_is_found_out() {
    let network = Network::new(1);
    let source = source(&network, 400);
    let folder = tempfile::tempdir().expect("a folder");
    let mut world = world(&folder, &network);
    let holder = Holder {
        source: Arc::clone(&source),
        leaves: 7,
    };
    let liar = world.join(1, Denying(holder));
    for number in 2..=4 {
        let (source, leaves) = (Arc::clone(&source), 7);
        world.join(number, Holder { source, leaves });
    }
    world.until("it has the state", 60_000, |world| world.height() > 0);
    let blamed: Vec<_> = world.blamed.keys().collect();
    assert_eq!(blamed, [&liar]);
}
