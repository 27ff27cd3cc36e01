//! Stories from seeds: safety always, progress when the network allows. `DOTKEY_SEED=81` plays one again, `DOTKEY_SEEDS=500` many.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use commonware_runtime::deterministic::{Config, Runner};
use commonware_runtime::{Runner as _, Supervisor as _};

use super::world::{Conduct, Weather, World};
use crate::consensus::tests::log::{NETWORK, identity};
use crate::consensus::{Evidence, Validator};

/// Stories of every run of the tests; `.ci/sim` plays many more.
const SEEDS: u64 = 4;

/// Virtual time in which four validators, three of them honest, agree once messages arrive.
pub(super) const PROGRESS: Duration = Duration::from_secs(300);

/// Numbers that follow from a seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(super) const CALM: Weather = Weather {
    latency_ms: 20,
    jitter_ms: 5,
    arrive_percent: 100,
};

/// One of the four may be malicious; an honest one may be down, when none is; links are bad; the four may be parted.
async fn play(context: commonware_runtime::deterministic::Context, seed: u64) {
    let mut dice = Dice(seed);
    let conduct = match dice.below(4) {
        0 => Conduct::Equivocates { to_all: true },
        1 => Conduct::Equivocates { to_all: false },
        2 => Conduct::Withholds,
        _ => Conduct::Honest,
    };
    let epoch_length = 8 + dice.below(30);
    let conducts = [Conduct::Honest, Conduct::Honest, Conduct::Honest, conduct];
    let mut world = World::new(context, &conducts, epoch_length).await;
    world.link(CALM, None).await;
    for at in 0..4 {
        world.start(at).await;
    }
    for scene in 0..4 + dice.below(4) {
        let weather = Weather {
            latency_ms: 5 + dice.below(200),
            jitter_ms: dice.below(100),
            arrive_percent: 60 + dice.below(41),
        };
        let parted = dice.chance(30).then(|| 1 + dice.below(3) as usize);
        world.link(weather, parted).await;
        let at = dice.below(3) as usize;
        if dice.chance(50) {
            if world.is_running(at) {
                world.kill(at).await;
            } else {
                world.start(at).await;
            }
        }
        for at in 0..3 {
            if world.is_running(at) {
                world.submit(at, &format!("scene {scene} by {at}"));
            }
        }
        world
            .sleep(Duration::from_millis(500 + dice.below(8000)))
            .await;
        world.assert_safe();
    }
    world.link(CALM, None).await;
    for at in 0..4 {
        if !world.is_running(at) {
            world.start(at).await;
        }
    }
    world.submit(0, "the end");
    let agreed = |world: &World| world.honest().all(|at| world.log(at).holds("the end"));
    let ended = world.wait(PROGRESS, agreed).await;
    world.assert_safe();
    let heights: Vec<_> = world
        .honest()
        .map(|at| world.log(at).chain().len())
        .collect();
    assert!(
        ended,
        "no progress though messages arrive; blocks: {heights:?}"
    );
    if conduct == (Conduct::Equivocates { to_all: true }) {
        assert_accused(&world);
    }
}

/// Everyone was shown who signed two things, and can show it to others.
fn assert_accused(world: &World) {
    let validators: Vec<Validator> = (0..4).map(|at| identity(at).validator("")).collect();
    let culprit = validators[3].identity;
    let accused: Vec<Evidence> = world
        .honest()
        .flat_map(|at| world.log(at).accused())
        .collect();
    assert!(!accused.is_empty(), "nobody saw it");
    for evidence in accused {
        assert_eq!(evidence.validator, culprit, "an honest one is accused");
        let shown = Evidence::verify(&evidence.votes, &NETWORK, &validators);
        assert_eq!(shown.as_ref(), Some(&evidence));
        assert_eq!(
            Evidence::verify(&evidence.votes, &[8; 32], &validators),
            None
        );
        let mut votes = evidence.votes.to_vec();
        let last = votes.len() - 1;
        votes[last] ^= 1;
        assert_eq!(Evidence::verify(&votes, &NETWORK, &validators), None);
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|value| value.parse().expect("a number"))
}

#[test]
fn validators_never_fork_and_agree_when_messages_arrive() {
    let seeds = match number("DOTKEY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("DOTKEY_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let played = catch_unwind(AssertUnwindSafe(|| {
            Runner::new(Config::new().with_seed(seed)).start(|context| play(context, seed));
        }));
        if let Err(panic) = played {
            eprintln!(
                "seed {seed} failed; DOTKEY_SEED={seed} cargo test --workspace --lib -- validators_never_fork plays it again"
            );
            resume_unwind(panic);
        }
    }
}

#[test]
fn a_seed_tells_the_same_story_again() {
    let told = || {
        let (state, _) =
            Runner::new(Config::new().with_seed(5)).start_and_recover(|context| async {
                let auditor = context.child("auditor");
                play(context, 5).await;
                auditor.auditor().state()
            });
        state
    };
    assert_eq!(told(), told());
}

#[test]
fn two_halves_stop_without_forking_and_go_on_together() {
    Runner::seeded(1).start(|context| async move {
        let mut world = World::new(context, &[Conduct::Honest; 4], 1000).await;
        world.link(CALM, None).await;
        for at in 0..4 {
            world.start(at).await;
        }
        let all = |world: &World, entry: &str| (0..4).all(|at| world.log(at).holds(entry));
        world.submit(0, "together");
        assert!(world.wait(PROGRESS, |world| all(world, "together")).await);
        world.link(CALM, Some(2)).await;
        world.sleep(Duration::from_secs(1)).await;
        world.submit(0, "this half");
        world.submit(3, "that half");
        world.sleep(Duration::from_secs(60)).await;
        for at in 0..4 {
            assert!(!world.log(at).holds("this half") && !world.log(at).holds("that half"));
        }
        world.link(CALM, None).await;
        let healed = |world: &World| all(world, "this half") && all(world, "that half");
        assert!(world.wait(PROGRESS, healed).await, "they do not go on");
        world.assert_safe();
    });
}
