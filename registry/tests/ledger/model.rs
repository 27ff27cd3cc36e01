//! A second ledger, as plain as can be: lists of what happened, searched from the start each time. No encodings, no signatures, no
//! tree. The rules must agree with it on what is taken, why the rest is not, and who holds what.

use proptest::prelude::*;

use dotkey_proto::ledger::{Action, commitment};

use super::world::{BEGAN, Person, World, charter, code};

const LABELS: [&str; 3] = ["eightlet", "longer-label", "xn--bcher-kva"];
const LEASE: u64 = 100_000;
const RENEWAL: u64 = 30_000;
const GRACE: u64 = 20_000;
const CLAIM: u64 = 86_400;

#[derive(Clone, Copy, Debug)]
enum Step {
    Commit { label: usize, salt: u8 },
    Claim { label: usize, salt: u8 },
    Renew { label: usize },
    Transfer { label: usize, to: usize },
    Release { label: usize },
    Checkpoint { sequence: u64 },
}

#[derive(Clone, Copy)]
struct Announced {
    who: usize,
    label: usize,
    salt: u8,
    height: u64,
    time: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    who: usize,
    claimed: u64,
    ends: u64,
}

#[derive(Default)]
struct Model {
    announced: Vec<Announced>,
    held: [Option<Held>; 3],
    checkpoints: [u64; 3],
}

impl Model {
    fn step(&mut self, who: usize, step: Step, height: u64, now: u64) -> Result<(), &'static str> {
        match step {
            Step::Commit { label, salt } => self.commit((who, label, salt), height, now),
            Step::Claim { label, salt } => self.claim((who, label, salt), height, now),
            Step::Renew { label } => {
                let held = self.own(who, label)?;
                if now + RENEWAL < held.ends {
                    return Err("renewed-early");
                }
                if now >= held.ends + GRACE {
                    return Err("lapsed");
                }
                self.held[label] = Some(Held {
                    ends: held.ends + LEASE,
                    ..held
                });
                Ok(())
            }
            Step::Transfer { label, to } => {
                let held = self.own(who, label)?;
                if to == who {
                    return Err("transfer-to-self");
                }
                if now >= held.ends {
                    return Err("lease-ended");
                }
                self.held[label] = Some(Held { who: to, ..held });
                Ok(())
            }
            Step::Release { label } => {
                self.own(who, label)?;
                self.held[label] = None;
                Ok(())
            }
            Step::Checkpoint { sequence } => {
                if sequence <= self.checkpoints[who] {
                    return Err("checkpoint-back");
                }
                self.checkpoints[who] = sequence;
                Ok(())
            }
        }
    }

    fn commit(
        &mut self,
        (who, label, salt): (usize, usize, u8),
        height: u64,
        now: u64,
    ) -> Result<(), &'static str> {
        self.announced.retain(|one| now <= one.time + CLAIM);
        let mine = self.announced.iter().filter(|one| one.who == who);
        if mine
            .clone()
            .any(|one| (one.label, one.salt) == (label, salt))
        {
            return Err("commitment-twice");
        }
        if mine.count() >= 16 {
            return Err("commitments-full");
        }
        let time = now;
        self.announced.push(Announced {
            who,
            label,
            salt,
            height,
            time,
        });
        Ok(())
    }

    fn claim(
        &mut self,
        (who, label, salt): (usize, usize, u8),
        height: u64,
        now: u64,
    ) -> Result<(), &'static str> {
        let is_it = |one: &Announced| (one.who, one.label, one.salt) == (who, label, salt);
        let at = self
            .announced
            .iter()
            .position(is_it)
            .ok_or("not-announced")?;
        let found = self.announced[at];
        if height < found.height + 2 {
            return Err("too-early");
        }
        if now > found.time + CLAIM {
            return Err("not-announced");
        }
        if self.held[label].is_some_and(|held| now < held.ends + GRACE) {
            return Err("taken");
        }
        self.announced.remove(at);
        self.held[label] = Some(Held {
            who,
            claimed: now,
            ends: now + LEASE,
        });
        Ok(())
    }

    fn own(&self, who: usize, label: usize) -> Result<Held, &'static str> {
        match self.held[label] {
            None => Err("not-held"),
            Some(held) if held.who != who => Err("not-holder"),
            Some(held) => Ok(held),
        }
    }
}

fn action(world: &mut World, person: &Person, people: &[Person], step: Step) -> Action {
    let name = |label: usize| LABELS[label].to_owned();
    match step {
        Step::Commit { label, salt } => {
            let commitment = commitment(LABELS[label], person.key_id, &[salt; 16]);
            Action::Commit { commitment }
        }
        Step::Claim { label, salt } => world.claim_action(person, LABELS[label], salt),
        Step::Renew { label } => {
            let stamp = world.renewal_stamp(person, LABELS[label]);
            Action::Renew {
                label: name(label),
                stamp,
            }
        }
        Step::Transfer { label, to } => Action::Transfer {
            label: name(label),
            to: people[to].key_id,
        },
        Step::Release { label } => Action::Release { label: name(label) },
        Step::Checkpoint { sequence } => Action::Checkpoint { sequence },
    }
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step, u64)>> {
    let label = 0..LABELS.len();
    let step = prop_oneof![
        3 => (label.clone(), 0..3_u8).prop_map(|(label, salt)| Step::Commit { label, salt }),
        6 => (label.clone(), 0..3_u8).prop_map(|(label, salt)| Step::Claim { label, salt }),
        2 => label.clone().prop_map(|label| Step::Renew { label }),
        1 => (label.clone(), 0..3_usize).prop_map(|(label, to)| Step::Transfer { label, to }),
        1 => label.prop_map(|label| Step::Release { label }),
        1 => (1..9_u64).prop_map(|sequence| Step::Checkpoint { sequence }),
    ];
    let wait =
        prop_oneof![6 => 1..100_u64, 2 => 1..40_000_u64, 1 => Just(86_400), 1 => 1..200_000_u64];
    prop::collection::vec((0..3_usize, step, wait), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_rules_agree_with_the_model(steps in steps()) {
        let mut charter = charter();
        (charter.lease_secs, charter.renewal_secs, charter.grace_secs) = (LEASE, RENEWAL, GRACE);
        let people = [1, 2, 3].map(Person::new);
        let mut world = World::new(charter, &[Person::new(99)]);
        let mut model = Model::default();
        for (who, step, wait) in steps {
            // The hour's beacon comes with a block, and the stamp is made for it.
            world.block(wait, &[]);
            let action = action(&mut world, &people[who], &people, step);
            let transaction = world.transaction(&people[who], action);
            let taken = world.block(1, &[people[who].sign(&transaction)]).remove(0);
            // One that is over is told of until it is forgotten.
            let found = code(&taken).map_err(|code| if code == "too-late" { "not-announced" } else { code });
            let expected = model.step(who, step, world.height, world.now);
            prop_assert_eq!(found, expected, "{:?} by {} at {}", step, who, world.now - BEGAN);
            for (label, held) in LABELS.iter().zip(model.held) {
                let entry = world.entry(label).map(|entry| Held {
                    who: people.iter().position(|one| one.key_id == entry.key_id).expect("known"),
                    claimed: entry.claimed.as_secs(),
                    ends: entry.lease_ends.as_secs(),
                });
                prop_assert_eq!(entry, held);
                let pinned = world.entry(label).and_then(|entry| entry.pin);
                let least = held.map_or(0, |held| model.checkpoints[held.who]);
                prop_assert_eq!(pinned.and_then(|pin| pin.least_sequence).unwrap_or(0), least);
            }
        }
    }
}
