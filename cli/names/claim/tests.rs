//! Claims against the ledger's own rules, interrupted at every step.

mod world;

use dotkey_proto::ledger::Action;
use proptest::prelude::*;

use self::world::{DAY, Person, World};
use super::*;
use crate::names::journal::tests::written_and_read;

/// More than any claim takes; who needs more goes in circles.
const ROUNDS_MAX: usize = 200;

/// A process that claims, with the disk that outlives it. It is killed when its time is over: before or after anything that the
/// world or the disk would notice.
struct Process<'a> {
    person: &'a Person,
    disk: &'a mut Option<Claim>,
    course: Course,
    left: usize,
}

/// It was killed.
#[derive(Debug)]
struct Killed;

impl<'a> Process<'a> {
    /// Starts, and goes on where the disk says.
    fn start(person: &'a Person, label: &str, disk: &'a mut Option<Claim>, left: usize) -> Self {
        let claim = disk.clone().unwrap_or_else(|| person.claim(label));
        Self {
            person,
            disk,
            course: Course::new(claim),
            left,
        }
    }

    fn tick(&mut self) -> Result<(), Killed> {
        self.left = self.left.checked_sub(1).ok_or(Killed)?;
        Ok(())
    }

    fn write(&mut self) -> Result<(), Killed> {
        self.tick()?;
        *self.disk = Some(written_and_read(&self.course.claim));
        self.tick()
    }

    /// One step of the loop that the command has.
    fn step(&mut self, world: &mut World) -> Result<Option<Step>, Killed> {
        self.tick()?;
        let view = world.seen(&self.course.claim);
        let step = self.course.next(&view, &world.charter);
        match step {
            Step::Stamp(work) => {
                let stamp = world.stamp(&self.course.claim, work);
                self.course.stamped(work, stamp);
                self.write()?;
            }
            Step::Sign(part, nonce) => {
                let claim = &self.course.claim;
                let action = match part {
                    Part::Commit => Action::Commit {
                        commitment: claim.commitment(),
                    },
                    Part::Reveal => Action::Claim {
                        label: claim.label.clone(),
                        salt: claim.salt,
                        stamp: claim.stamp.clone().expect("made before"),
                    },
                };
                let signed = self.person.sign(nonce, action, claim.opening.clone());
                self.course.signed(part, signed);
                self.write()?;
            }
            Step::Send(part) => {
                let written = self.disk.as_ref().and_then(|claim| claim.part(part));
                let signed = self.course.claim.part(part).cloned().expect("signed");
                assert_eq!(written, Some(&signed), "it is written before it is sent");
                self.tick()?;
                let answer = world.submit(&signed.bytes);
                self.tick()?;
                match answer {
                    Ok(()) => self.course.sent(part, &view),
                    Err(code) => {
                        let reaction = self.course.refused(part, code, &view);
                        assert_eq!(reaction, Reaction::LookAgain, "{code}");
                    }
                }
            }
            Step::Wait(_) => {}
            Step::Done(_) | Step::Refused(_) => {
                self.tick()?;
                *self.disk = None;
                self.tick()?;
                return Ok(Some(step));
            }
        }
        Ok(None)
    }

    /// To its end, with a block after each step.
    fn run(&mut self, world: &mut World) -> Result<Step, Killed> {
        for _ in 0..ROUNDS_MAX {
            if let Some(end) = self.step(world)? {
                return Ok(end);
            }
            world.block();
        }
        panic!("it goes in circles: {:?}", self.course);
    }
}

fn claims(world: &World) -> (usize, usize) {
    let count = |word| world.taken.get(word).copied().unwrap_or_default();
    (count("commit"), count("claim"))
}

#[test]
fn interrupted_at_any_two_steps_it_goes_on_where_it_was() {
    let person = Person::new(1);
    let once = (0..40).map(|first| (first, 1000));
    let twice = (0..40)
        .step_by(3)
        .flat_map(|first| (0..40).step_by(2).map(move |second| (first, second)));
    let kills: Vec<(usize, usize)> = once.chain(twice).collect();
    // What happens while nobody runs: nothing, or blocks.
    for blocks in [0, 1, 5] {
        for (first, second) in kills.iter().copied() {
            let (mut world, mut disk) = (World::new(), None);
            let mut ended = false;
            for left in [first, second, ROUNDS_MAX * 8] {
                let mut process = Process::start(&person, "mysitename", &mut disk, left);
                if let Ok(end) = process.run(&mut world) {
                    assert!(matches!(end, Step::Done(_)), "{end:?}");
                    ended = true;
                    break;
                }
                (0..blocks).for_each(|_| world.block());
            }
            assert!(ended, "killed at {first}, {second}");
            assert_eq!(world.holder("mysitename"), Some(person.key_id));
            assert_eq!(claims(&world), (1, 1), "nothing is done twice");
            assert_eq!(disk, None);
        }
    }
}

#[test]
fn who_comes_back_after_days_begins_what_has_lapsed_anew() {
    let person = Person::new(1);
    for killed in 0..40 {
        let (mut world, mut disk) = (World::new(), None);
        let mut process = Process::start(&person, "mysitename", &mut disk, killed);
        if process.run(&mut world).is_err() {
            world.now += 2 * DAY;
            world.waiting.clear();
            (0..3).for_each(|_| world.block());
            let mut process = Process::start(&person, "mysitename", &mut disk, 1000);
            let end = process.run(&mut world).expect("nobody kills it");
            assert!(matches!(end, Step::Done(_)), "{end:?}");
        }
        assert_eq!(world.holder("mysitename"), Some(person.key_id));
        assert!(claims(&world).0 <= 2 && claims(&world).1 == 1);
    }
}

#[test]
fn what_a_node_lost_is_sent_again() {
    let (person, mut world, mut disk) = (Person::new(1), World::new(), None);
    let mut process = Process::start(&person, "mysitename", &mut disk, usize::MAX);
    for round in 0..ROUNDS_MAX {
        if let Some(end) = process.step(&mut world).expect("nobody kills it") {
            assert!(matches!(end, Step::Done(_)));
            assert_eq!(claims(&world), (1, 1));
            return;
        }
        // Its node is started anew in most rounds.
        if round % 8 != 0 {
            world.waiting.clear();
        }
        world.block();
    }
    panic!("{:?}", process.course);
}

#[test]
fn nothing_is_told_before_the_announcement_is_two_blocks_old() {
    let (person, mut world) = (Person::new(1), World::new());
    let mut disk = None;
    let mut process = Process::start(&person, "mysitename", &mut disk, usize::MAX);
    let mut announced = None;
    loop {
        let view = world.view(&process.course.claim);
        announced = announced.or(view.account.commitments.first().map(|one| one.height));
        // Nor is it asked for: whoever hears the request could be first.
        let due = announced.is_some_and(|height| view.height + 1 >= height + 2);
        assert_eq!(process.course.claim.is_told(&view), due);
        if let Step::Send(Part::Reveal) = process.course.next(&view, &world.charter) {
            assert_eq!(Some(view.height + 1), announced.map(|height| height + 2));
            return;
        }
        if let Step::Wait(_) = process.course.next(&view, &world.charter) {
            world.block();
        }
        process.step(&mut world).expect("nobody kills it");
    }
}

#[test]
fn what_stands_in_the_way_is_said_before_any_work() {
    let person = Person::new(1);
    let check = |label: &str, change: &dyn Fn(&mut View), expected: fn(&Step) -> bool| {
        let world = World::new();
        let mut course = Course::new(person.claim(label));
        let mut view = world.view(&course.claim);
        change(&mut view);
        let step = course.next(&view, &world.charter);
        assert!(expected(&step), "{label}: {step:?}");
    };
    let entry = |key_id, view: &View, ends: i64| Entry {
        key_id,
        claimed: view.time.saturating_sub(400 * DAY),
        lease_ends: Timestamp::from_secs(view.time.as_secs().strict_add_signed(ends))
            .expect("in range"),
        pin: None,
    };
    let (other, own) = (KeyId::from_bytes([7; 32]), person.key_id);
    let day = DAY as i64;
    check("mysitename", &|_| {}, |step| {
        *step == Step::Stamp(Work::Opening)
    });
    check("ourbank-", &|_| {}, |step| {
        *step == Step::Refused(Obstacle::Reserved)
    });
    check(
        "mysitename",
        &|view| view.entry = Some(entry(own, view, 1)),
        |step| matches!(step, Step::Done(_)),
    );
    check(
        "mysitename",
        &|view| view.entry = Some(entry(own, view, 0)),
        |step| matches!(step, Step::Refused(Obstacle::Grace { .. })),
    );
    check(
        "mysitename",
        &|view| view.entry = Some(entry(other, view, 1)),
        |step| matches!(step, Step::Refused(Obstacle::Taken { .. })),
    );
    check(
        "mysitename",
        &|view| view.entry = Some(entry(other, view, 1 - 30 * day)),
        |step| matches!(step, Step::Refused(Obstacle::Taken { .. })),
    );
    // From then on anybody may have it, its old holder too.
    for key_id in [own, other] {
        let lapsed = move |view: &mut View| view.entry = Some(entry(key_id, view, -30 * day));
        check("mysitename", &lapsed, |step| matches!(step, Step::Stamp(_)));
    }
    let full = |view: &mut View| {
        view.account.names = (10..74).map(|at| format!("name-{at}")).collect();
    };
    check("mysitename", &full, |step| {
        *step == Step::Refused(Obstacle::NamesFull { held: 64 })
    });
    check("name-11", &full, |step| matches!(step, Step::Stamp(_)));
}

#[test]
fn too_many_announcements_end_by_themselves() {
    let (person, world) = (Person::new(1), World::new());
    let mut course = Course::new(person.claim("mysitename"));
    course.stamped(Work::Claim, world.stamp(&course.claim, Work::Claim));
    let mut view = world.view(&course.claim);
    view.account.nonce = 20;
    let announced = |at: u8| Announced {
        commitment: [at; 32],
        height: 1,
        time: view.time.saturating_sub(u64::from(at)),
    };
    view.account.commitments = (0..16).map(announced).collect();
    let until = view.time.saturating_add(DAY - 15);
    let full = Step::Refused(Obstacle::CommitmentsFull { until });
    assert_eq!(course.next(&view, &world.charter), full);
    view.time = until.saturating_add(1);
    let announce = Step::Sign(Part::Commit, 20);
    assert_eq!(course.next(&view, &world.charter), announce);
    // What is older than a day is no stamp any more.
    view.time = view.time.saturating_add(2 * HOUR_SECS);
    assert_eq!(course.next(&view, &world.charter), Step::Stamp(Work::Claim));
}

#[test]
fn a_refusal_without_a_reason_that_shows_ends_with_the_nodes_words() {
    let (person, world) = (Person::new(1), World::new());
    let course = || Course::new(person.claim("mysitename"));
    let mut view = world.view(&course().claim);
    assert_eq!(
        course().refused(Part::Commit, "day-full", &view),
        Reaction::GiveUp
    );
    assert_eq!(
        course().refused(Part::Commit, "threshold", &view),
        Reaction::GiveUp
    );
    for code in ["nonce-taken", "taken", "weak-stamp", "replay"] {
        let mut course = course();
        for _ in 0..SETBACKS_MAX {
            assert_eq!(
                course.refused(Part::Commit, code, &view),
                Reaction::LookAgain
            );
            view.height += 1;
        }
        assert_eq!(course.refused(Part::Commit, code, &view), Reaction::GiveUp);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Two who want the same name, killed at any time, in any order: one has it, and the other is told who.
    #[test]
    fn of_two_who_race_one_owns_it_and_the_other_knows(
        moves in proptest::collection::vec((0_usize..2, 0_usize..12, any::<bool>()), 0..60),
    ) {
        let people = [Person::new(1), Person::new(2)];
        let mut world = World::new();
        let mut disks = [None, None];
        let mut ends: [Option<Step>; 2] = [None, None];
        let finish = [(0, 1000, true), (1, 1000, true)];
        for (who, left, block) in moves.into_iter().chain(finish) {
            if ends[who].is_some() {
                continue;
            }
            let mut process = Process::start(&people[who], "mysitename", &mut disks[who], left);
            ends[who] = process.run(&mut world).ok();
            if block {
                world.block();
            }
        }
        let holder = world.holder("mysitename").expect("somebody has it");
        for (person, end) in people.iter().zip(ends) {
            match end.expect("it came to an end") {
                Step::Done(entry) => prop_assert_eq!((person.key_id, entry.key_id), (holder, holder)),
                Step::Refused(Obstacle::Taken { entry, free }) => {
                    prop_assert_ne!(person.key_id, holder);
                    prop_assert_eq!(entry.key_id, holder);
                    prop_assert_eq!(free, entry.lease_ends.saturating_add(30 * DAY));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
