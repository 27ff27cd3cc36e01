//! Announcements: who is asked because of them, and who answers for false ones.

use super::super::hints::{LOOKING_MAX, LOOKING_OF_ONE_MAX};
use super::*;

/// Longer than three looks at a hint that nobody confirms.
const LOOKS_MS: u64 = 40_000;

/// More than anyone may announce at once.
const FLOOD: u64 = 12_000;

fn announcement(record: &Verified<Record>) -> Announcement {
    Announcement {
        key_id: record.key_id(),
        at: Position::of_record(record),
        summary: Summary::of(record),
    }
}

fn announced(from: u16, announcement: Announcement) -> Input {
    let from = contact(from).peer;
    Input::Announced { from, announcement }
}

fn verdict(actions: &[Action]) -> Option<Verdict> {
    actions.iter().find_map(|action| match action {
        Action::Judge { verdict, .. } => Some(*verdict),
        _ => None,
    })
}

/// Hears an announcement and lets everyone answer for so long; how many requests it led to.
fn hear(
    bench: &mut Bench,
    from: u16,
    announcement: Announcement,
    peer: impl Fn(Want) -> Reply,
) -> usize {
    let before = bench.log.asked.len();
    let end = bench.now.ms + LOOKS_MS;
    bench.run(
        announced(from, announcement),
        |it| it.now.ms >= end,
        |_, request| match request {
            Request::Get { want, .. } => peer(*want),
            Request::Put { .. } => Reply::Now(Response::Stored),
            Request::Reconcile { .. } => Reply::Now(Response::Refused(Refusal::Disk)),
        },
    );
    let gets = |(_, request): &&(Peer, Request)| matches!(request, Request::Get { .. });
    bench.log.asked[before..].iter().filter(gets).count()
}

#[test]
fn a_change_is_fetched_once_stored_and_told() {
    let mut bench = Bench::new(20);
    let newest = record(1, 2);
    let asked = hear(&mut bench, 1, announcement(&newest), |want| {
        gives(&newest, want)
    });
    assert!((1..=3).contains(&asked), "{asked}");
    assert_eq!(bench.log.changed, [Summary::of(&newest)]);
    let at = Position::of_record(&newest);
    assert_eq!(bench.disk.records[&at].summary, Summary::of(&newest));
    for from in [1, 2, 3] {
        let again = hear(&mut bench, from, announcement(&newest), |_| Reply::Never);
        assert_eq!(again, 0, "from {from}");
    }
    assert_eq!(bench.points(&contact(1).peer), 0);
}

#[test]
fn what_several_say_at_once_is_looked_for_once() {
    let mut bench = Bench::new(20);
    let newest = announcement(&record(1, 2));
    let first = bench.step(announced(1, newest)).len();
    assert!(first > 0);
    for from in 2..=10 {
        assert!(
            bench.step(announced(from, newest)).is_empty(),
            "from {from}"
        );
    }
}

#[test]
fn older_and_known_ones_lead_to_nothing() {
    let mut bench = Bench::new(20);
    bench.disk.put(&record(1, 5));
    let check = |bench: &mut Bench, sequence, expected| {
        let actions = bench.step(announced(1, announcement(&record(1, sequence))));
        assert_eq!(verdict(&actions), Some(expected), "{sequence}: {actions:?}");
        assert_eq!(actions.len(), 1, "{sequence}: {actions:?}");
    };
    check(&mut bench, 1, Verdict::Drop);
    check(&mut bench, 4, Verdict::Drop);
    check(&mut bench, 5, Verdict::PassOn);
    assert_eq!(bench.points(&contact(1).peer), 0, "it may have been true");
}

#[test]
fn a_false_one_is_held_against_who_passed_it_on() {
    let old = record(1, 1);
    let check = |peer: fn(Want) -> Reply, charged: bool| {
        let mut bench = Bench::new(20);
        let false_one = announcement(&record(1, 9));
        assert!(hear(&mut bench, 4, false_one, peer) > 0);
        assert_eq!(bench.points(&contact(4).peer) <= -20, charged);
        for from in (1..=20).filter(|from| *from != 4) {
            assert!(
                bench.points(&contact(from).peer) > -20,
                "{from} is innocent"
            );
        }
        // It is known to be false: no look, and nobody else is blamed.
        assert_eq!(hear(&mut bench, 5, false_one, peer), 0);
        assert!(bench.points(&contact(5).peer) > -20);
    };
    check(|_| got(Value::Nothing), true);
    check(|want| gives(&record(1, 1), want), true);
    // Who hears nobody cannot tell a lie from a cut link.
    check(|_| Reply::Never, false);

    // The old record comes to notice all the same.
    let mut bench = Bench::new(20);
    hear(&mut bench, 4, announcement(&record(1, 9)), |want| {
        gives(&old, want)
    });
    assert_eq!(bench.log.changed, [Summary::of(&old)]);
}

#[test]
fn one_with_another_owner_is_false() {
    let mut bench = Bench::new(20);
    let newest = record(1, 2);
    let key_id = record(2, 2).key_id();
    let twisted = Announcement {
        key_id,
        ..announcement(&newest)
    };
    hear(&mut bench, 4, twisted, |want| gives(&newest, want));
    assert!(bench.points(&contact(4).peer) <= -20);
    assert_eq!(bench.log.changed, [Summary::of(&newest)]);
}

/// A disk whose records cannot be read, only what is known of them.
struct SummariesOnly<'a>(&'a Disk);

impl Shelf for SummariesOnly<'_> {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        self.0.fingerprint(prefix)
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        self.0.list(prefix, most)
    }
}

impl View for SummariesOnly<'_> {
    fn closest(&self, position: &Position, count: usize) -> Vec<Contact> {
        self.0.closest(position, count)
    }

    fn record(&self, _: &Position) -> Option<Held> {
        panic!("a record is read");
    }

    fn summary(&self, position: &Position) -> Option<Known> {
        self.0.summary(position)
    }
}

#[test]
fn twisted_and_true_ones_of_what_is_held_read_no_record_and_have_an_end() {
    let held = record(1, 5);
    let check = |key_id, first, heard: usize| {
        let mut bench = Bench::new(20);
        bench.disk.put(&held);
        let it = Announcement {
            key_id,
            ..announcement(&held)
        };
        let (mut before, mut cut) = (0, false);
        for _ in 0..FLOOD {
            if cut {
                break;
            }
            let disk = SummariesOnly(&bench.disk);
            let actions = bench.core.step(bench.now, announced(4, it), &disk);
            let asks = actions.iter().any(|it| matches!(it, Action::Ask { .. }));
            assert!(!asks, "{actions:?}");
            before += usize::from(verdict(&actions) == Some(first));
            cut = actions.iter().any(|it| matches!(it, Action::CutOff { .. }));
        }
        assert_eq!((before, cut), (heard, true), "{first:?}");
        let after = bench.step(announced(4, it));
        assert_eq!(verdict(&after), Some(Verdict::Drop));
    };
    check(record(2, 2).key_id(), Verdict::Refuse, 4);
    // Others hear it from here once, however often it is said.
    check(held.key_id(), Verdict::PassOn, 1);
}

#[test]
fn one_that_comes_while_an_older_is_looked_into_is_not_lost() {
    let mut bench = Bench::new(20);
    let (second, third) = (record(1, 2), record(1, 3));
    let mut asked = bench.step(announced(1, announcement(&second)));
    assert!(bench.step(announced(2, announcement(&third))).is_empty());
    // Those that are asked for the second have not heard of the third.
    let value = Value::Record(bytes(&second));
    let closer = Vec::new();
    let Some(Action::Ask { asked, .. }) = asked.pop() else {
        panic!("{asked:?}");
    };
    let response = Response::Got { value, closer };
    for action in bench.step(Input::Response { asked, response }) {
        bench.note(action, &mut |_, _| Reply::Never);
    }
    assert_eq!(bench.log.changed, [Summary::of(&second)]);
    let end = bench.now.ms + LOOKS_MS;
    bench.run(
        Input::Tick,
        |it| it.now.ms >= end,
        |_, request| match request {
            Request::Get { want, .. } => gives(&third, *want),
            _ => Reply::Never,
        },
    );
    let both = [Summary::of(&second), Summary::of(&third)];
    assert_eq!(bench.log.changed, both);
    assert!((1..=2).all(|from| bench.points(&contact(from).peer) > -20));
}

/// An announcement of a position that nobody else announces.
fn elsewhere(number: u16) -> Announcement {
    let mut at = Position([7; 32]);
    at.0[..2].copy_from_slice(&number.to_be_bytes());
    Announcement {
        at,
        ..announcement(&record(1, 2))
    }
}

/// Whether what was announced is looked into.
fn is_looked_into(actions: &[Action]) -> bool {
    let asks = actions.iter().any(|it| matches!(it, Action::Ask { .. }));
    let let_go = verdict(actions) == Some(Verdict::Drop);
    assert!(asks || let_go, "{actions:?}");
    asks
}

#[test]
fn a_sender_has_a_share_of_what_is_looked_into() {
    let mut bench = Bench::new(20);
    let mut looked = 0;
    for number in 0..300 {
        let actions = bench.step(announced(1, elsewhere(number)));
        looked += usize::from(is_looked_into(&actions));
    }
    let sizes = bench.core.sizes();
    assert_eq!(
        [looked, sizes.looking, sizes.tasks],
        [LOOKING_OF_ONE_MAX; 3]
    );
    // What was let go makes no get look further.
    assert!(bench.points(&contact(1).peer) == 0);
    let actions = bench.step(announced(2, elsewhere(299)));
    assert!(is_looked_into(&actions), "another may say the same");
}

#[test]
fn flooders_take_from_each_other_and_not_from_who_asks_for_less() {
    let mut bench = Bench::new(20);
    let honest = 100;
    for flooder in 0..10 {
        for number in 0..200 {
            bench.step(announced(1 + flooder, elsewhere(1_000 * flooder + number)));
            let sizes = bench.core.sizes();
            assert!(sizes.looking <= LOOKING_MAX && sizes.tasks == sizes.looking);
        }
    }
    assert_eq!(bench.core.sizes().looking, LOOKING_MAX, "all is taken");
    let fair = u16::try_from(LOOKING_MAX / 11).expect("few");
    for number in 0..fair {
        let actions = bench.step(announced(honest, elsewhere(20_000 + number)));
        assert!(is_looked_into(&actions), "{number}");
    }
    for flooder in 0..10 {
        for number in 200..400 {
            bench.step(announced(1 + flooder, elsewhere(1_000 * flooder + number)));
        }
    }
    let sizes = bench.core.sizes();
    assert_eq!([sizes.looking, sizes.tasks], [LOOKING_MAX; 2]);
    // None of the honest one's gave way: each is still looked into, so that saying it again leads to nothing.
    for number in 0..fair {
        let actions = bench.step(announced(honest, elsewhere(20_000 + number)));
        assert!(actions.is_empty(), "{number}: {actions:?}");
    }
}

#[test]
fn a_relay_loses_nothing_by_how_many_it_lets_on() {
    let mut bench = Bench::new(20);
    for sequence in 1..=2_500 {
        let newest = record(1, sequence);
        for action in bench.step(announced(4, announcement(&newest))) {
            let Action::Ask { asked, to, .. } = action else {
                continue;
            };
            assert_eq!(to.peer, contact(4).peer, "who told of it is asked");
            let (value, closer) = (Value::Record(bytes(&newest)), Vec::new());
            let response = Response::Got { value, closer };
            for action in bench.step(Input::Response { asked, response }) {
                bench.note(action, &mut |_, _| Reply::Never);
            }
        }
        assert_eq!(bench.log.changed.len() as u64, sequence);
    }
    assert_eq!(bench.points(&contact(4).peer), 0);
    assert!(bench.log.cut.is_empty());
}

#[test]
fn who_announces_too_much_is_not_heard() {
    let mut bench = Bench::new(0);
    let any = announcement(&record(1, 2));
    let mut cut = 0;
    for number in 0..FLOOD {
        let mut at = Position([7; 32]);
        at.0[..8].copy_from_slice(&number.to_be_bytes());
        let actions = bench.step(announced(1, Announcement { at, ..any }));
        cut += actions
            .iter()
            .filter(|it| matches!(it, Action::CutOff { .. }))
            .count();
    }
    assert_eq!(cut, 1);
}

#[test]
fn who_follows_only_its_own_fetches_only_what_is_in_its_cell() {
    let check = |follow_all: bool, near: bool, fetches: bool| {
        let config = Config {
            follow_all,
            ..Config::default()
        };
        let mut bench = Bench::with(ME, 120, config);
        assert!(bench.core.cell_nodes() < 121, "the cell is a part of all");
        let here = ME.position();
        let person = (1..=200).find(|person| {
            let at = Position::of_record(&record(*person, 1));
            if near {
                at.shared_bits(&here) >= 4
            } else {
                at.shared_bits(&here) == 0
            }
        });
        let newest = record(person.expect("people are scattered"), 2);
        let actions = bench.step(announced(1, announcement(&newest)));
        assert_eq!(
            is_looked_into(&actions),
            fetches,
            "all: {follow_all}, near: {near}"
        );
    };
    check(true, true, true);
    check(true, false, true);
    check(false, true, true);
    check(false, false, false);
}
