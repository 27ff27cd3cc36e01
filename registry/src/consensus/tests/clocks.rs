//! Clocks that are wrong: within the bounds nobody notices, beyond them it is said whose, and the others go on.

use std::time::Duration;

use commonware_runtime::Runner as _;
use commonware_runtime::deterministic::Runner;

use super::log::identity;
use super::simulation::{CALM, PROGRESS};
use super::world::{Conduct, World};
use crate::consensus::timing::{CLOCK_AHEAD_SECS_MAX, CLOCK_BEHIND_SECS_MAX};
use crate::hex::hex;

/// Four validators whose clocks are ahead so much, or behind, once the virtual calendar has come far enough from its begin.
async fn started(
    context: commonware_runtime::deterministic::Context,
    ahead_secs: [i64; 4],
) -> World {
    let mut world = World::new(context, &[Conduct::Honest; 4], 1000).await;
    world.link(CALM, None).await;
    world.sleep(Duration::from_secs(1000)).await;
    for (at, secs) in ahead_secs.into_iter().enumerate() {
        world.set_clock(at, secs);
        world.start(at).await;
    }
    world
}

async fn goes_on(world: &World, among: &[usize]) {
    for number in 0..12 {
        let entry = format!("entry {number}");
        world.submit(number % 3, &entry);
        let all = |world: &World| among.iter().all(|at| world.log(*at).holds(&entry));
        assert!(world.wait(PROGRESS, all).await, "no progress: {entry}");
    }
    world.assert_safe();
}

fn name(at: u8) -> String {
    hex(&identity(at).validator("").identity)
}

#[test]
fn clocks_within_their_bounds_are_harmless() {
    Runner::seeded(7).start(|context| async move {
        let apart = i64::try_from(CLOCK_AHEAD_SECS_MAX).expect("seconds");
        let world = started(context, [apart / 2, -apart / 2, 0, 1]).await;
        goes_on(&world, &[0, 1, 2, 3]).await;
        for at in 0..4 {
            assert_eq!(world.complaint(at), None);
        }
    });
}

#[test]
fn who_is_too_far_ahead_is_named_by_the_others_who_go_on() {
    Runner::seeded(8).start(|context| async move {
        let ahead = i64::try_from(4 * CLOCK_AHEAD_SECS_MAX).expect("seconds");
        let world = started(context, [0, 0, 0, ahead]).await;
        goes_on(&world, &[0, 1, 2]).await;
        let named = |world: &World| {
            let says = |at| {
                world.complaint(at).is_some_and(|why| {
                    why.contains(&name(3)) && why.contains(" ahead of this clock")
                })
            };
            (0..3).all(says)
        };
        assert!(
            world.wait(PROGRESS, named).await,
            "nobody says whose clock it is"
        );
    });
}

#[test]
fn who_is_too_far_behind_says_so_and_the_others_go_on() {
    Runner::seeded(9).start(|context| async move {
        let behind = i64::try_from(2 * CLOCK_BEHIND_SECS_MAX).expect("seconds");
        let world = started(context, [0, 0, 0, -behind]).await;
        goes_on(&world, &[0, 1, 2]).await;
        let says = |world: &World| {
            world
                .complaint(3)
                .is_some_and(|why| why.contains(" ahead of this clock"))
        };
        assert!(world.wait(PROGRESS, says).await, "it does not notice");
        // The others see nothing wrong: a block of its is no older than its parent.
        assert!((0..3).all(|at| world.complaint(at).is_none()));
    });
}
