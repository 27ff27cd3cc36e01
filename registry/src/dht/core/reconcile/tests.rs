use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const DIGEST: [u8; 32] = [0xdd; 32];

/// Positions that crowd together: few values of each of the first half bytes, so that prefixes of every length hold something.
fn position(number: u16) -> Position {
    let mut position = Position([0; 32]);
    let [a, b] = number.to_be_bytes();
    position.0[0] = a & 0x31;
    position.0[1] = b & 0x13;
    position.0[30] = a;
    position.0[31] = b;
    position
}

fn scattered(number: u64) -> Position {
    Position(blake3::hash(&number.to_be_bytes()).into())
}

fn summary(sequence: u64) -> Summary {
    Summary {
        policy: 0,
        sequence,
        digest: DIGEST,
    }
}

fn shelf(numbers: impl IntoIterator<Item = u64>) -> MemoryShelf {
    let mut shelf = MemoryShelf::default();
    for number in numbers {
        shelf.insert(scattered(number), summary(1));
    }
    shelf
}

fn contents(shelf: &MemoryShelf) -> Vec<(Position, Summary)> {
    shelf
        .iter()
        .map(|(position, summary)| (*position, *summary))
        .collect()
}

/// Puts what is newer into the place of what is older.
fn keep(shelf: &mut MemoryShelf, position: Position, summary: Summary) {
    if shelf.get(&position).is_none_or(|here| *here < summary) {
        shelf.insert(position, summary);
    }
}

/// Runs a session to its end, with `answer` for the peer.
fn run(
    mut session: Session,
    here: &MemoryShelf,
    mut answer: impl FnMut(&[Probe]) -> Vec<Compared>,
) -> (Session, Result<(), Mismatch>) {
    while let Some(probes) = session.request(here) {
        assert!(!probes.is_empty() && probes.len() <= PROBES_MAX);
        if let Err(mismatch) = session.answer(answer(&probes), here) {
            return (session, Err(mismatch));
        }
    }
    (session, Ok(()))
}

/// One session, and what both sides do after it.
fn exchange(here: &mut MemoryShelf, there: &mut MemoryShelf, turn: u8) -> Session {
    let begun = Session::over(&[Prefix::ALL], turn);
    let (session, result) = run(begun, here, |probes| respond(there, probes));
    result.expect("an honest store");
    for (position, summary) in session.missing_here() {
        assert!(here.get(position).is_none_or(|ours| ours < summary));
        assert_eq!(there.get(position), Some(summary));
        here.insert(*position, *summary);
    }
    for position in session.missing_there() {
        let ours = *here.get(position).expect("it is here");
        assert!(there.get(position).is_none_or(|theirs| *theirs < ours));
        there.insert(*position, ours);
    }
    session
}

#[test]
fn equal_stores_take_one_probe() {
    for count in [0, 1, 16, 17, 1000] {
        let (mut here, mut there) = (shelf(0..count), shelf(0..count));
        let session = exchange(&mut here, &mut there, 0);
        assert_eq!(session.requests(), 1, "{count}");
        assert!(session.missing_here().is_empty() && session.missing_there().is_empty());
        let probe = Probe {
            prefix: Prefix::ALL,
            fingerprint: here.fingerprint(&Prefix::ALL),
        };
        assert_eq!(respond(&there, &[probe]), [Compared::Same]);
    }
}

#[test]
fn few_are_listed_and_many_are_looked_into() {
    let nothing = Probe {
        prefix: Prefix::ALL,
        fingerprint: Fingerprint::default(),
    };
    let check = |count, listed: bool| {
        let answers = respond(&shelf(0..count), std::slice::from_ref(&nothing));
        match answers.as_slice() {
            [Compared::Listed(all)] => assert!(listed && all.len() as u64 == count),
            [Compared::Children(_)] => assert!(!listed),
            other => panic!("{other:?}"),
        }
    };
    check(1, true);
    check(LISTED_MAX as u64, true);
    check(LISTED_MAX as u64 + 1, false);
}

#[test]
fn the_newer_of_two_goes_over() {
    let (mut here, mut there) = (shelf(0..100), shelf(0..100));
    here.insert(scattered(5), summary(3));
    there.insert(
        scattered(7),
        Summary {
            policy: 1,
            ..summary(1)
        },
    );
    let session = exchange(&mut here, &mut there, 0);
    assert_eq!(session.missing_there(), [scattered(5)]);
    assert_eq!(
        session.missing_here(),
        [(
            scattered(7),
            Summary {
                policy: 1,
                ..summary(1)
            }
        )]
    );
    assert_eq!(contents(&here), contents(&there));
}

#[test]
fn only_what_is_under_the_prefixes_is_compared() {
    let (here, there) = (shelf(0..500), shelf(500..1000));
    let cell = Prefix::of_bits(&Position([0x5f; 32]), 3);
    let inside = |position: &Position| cell.iter().any(|prefix| prefix.contains(position));
    let (session, result) = run(Session::over(&cell, 0), &here, |probes| {
        respond(&there, probes)
    });
    assert_eq!(result, Ok(()));
    let under = |shelf: &MemoryShelf| {
        contents(shelf)
            .into_iter()
            .filter(|(at, _)| inside(at))
            .count()
    };
    assert!(
        session
            .missing_here()
            .iter()
            .all(|(position, _)| inside(position))
    );
    assert_eq!(session.missing_here().len(), under(&there));
    assert_eq!(session.missing_there().len(), under(&here));
}

/// More than a session finds: it stops at its bound, and the next ones find the rest.
#[test]
fn what_is_left_over_is_found_later() {
    let count = DIFFERENCES_MAX as u64 * 5 / 2;
    for (mut here, mut there) in [(shelf(0..count), shelf([])), (shelf([]), shelf(0..count))] {
        let mut rounds = Vec::new();
        for turn in 0..5 {
            let session = exchange(&mut here, &mut there, turn);
            let found = session.missing_here().len() + session.missing_there().len();
            assert_eq!(session.cut_short(), found == DIFFERENCES_MAX);
            rounds.push(found as u64);
        }
        assert_eq!(rounds, [4096, 4096, 2048, 0, 0]);
        assert_eq!(contents(&here), contents(&there));
    }
}

/// What a peer always claims and never gives does not stand before the rest.
#[test]
fn another_turn_goes_another_way() {
    let there = shelf(0..10_000);
    let first = |turn| {
        let begun = Session::over(&[Prefix::ALL], turn);
        let (session, _) = run(begun, &MemoryShelf::default(), |probes| {
            respond(&there, probes)
        });
        session.missing_here()[0].0
    };
    assert_eq!(first(0).0[0] >> 4, 0);
    assert_eq!(first(9).0[0] >> 4, 9);
}

#[test]
fn probes_without_an_answer_are_asked_again() {
    let (here, there) = (shelf(0..700), shelf(300..1000));
    let (all, _) = run(Session::begin(Prefix::ALL), &here, |probes| {
        respond(&there, probes)
    });
    let (one_by_one, result) = run(Session::begin(Prefix::ALL), &here, |probes| {
        respond(&there, &probes[..1])
    });
    assert_eq!(result, Ok(()));
    assert!(!one_by_one.cut_short() && one_by_one.requests() > all.requests());
    let found = |session: &Session| {
        let mut found = session.missing_there().to_vec();
        found.extend(session.missing_here().iter().map(|(position, _)| *position));
        found.sort();
        found
    };
    assert_eq!(found(&all).len(), 600);
    assert!(found(&one_by_one) == found(&all));
}

#[test]
fn a_lost_answer_costs_a_request() {
    let (here, there) = (shelf(0..100), shelf(50..150));
    let mut session = Session::begin(Prefix::ALL);
    let lost = session.request(&here);
    assert_eq!(session.request(&here), lost);
    let (session, result) = run(session, &here, |probes| respond(&there, probes));
    assert_eq!(result, Ok(()));
    assert_eq!(session.missing_here().len(), 50);
}

/// A store in which a stranger has crowded records under one long prefix does not read them for each probe.
#[test]
fn reading_for_one_request_has_a_bound() {
    let mut crowded = MemoryShelf::default();
    for number in 0..30_000_u32 {
        let mut position = Position([0x77; 32]);
        position.0[28..].copy_from_slice(&number.to_be_bytes());
        crowded.insert(position, summary(1));
    }
    let deep = Prefix::of(&Position([0x77; 32]), 10);
    let probe = Probe {
        prefix: deep,
        fingerprint: Fingerprint::default(),
    };
    assert_eq!(respond(&crowded, &vec![probe.clone(); 64]).len(), 1);
    assert_eq!(respond(&shelf(0..100), &vec![probe; 65]).len(), 64);
}

fn fingerprint(count: u64) -> Fingerprint {
    Fingerprint { count, sum: 1 }
}

#[test]
fn what_no_honest_store_answers_ends_the_session() {
    let here = shelf(0..100);
    let own = contents(&here);
    let check = |answer: Vec<Compared>, expected: Mismatch| {
        let (mut session, result) = run(Session::begin(Prefix::ALL), &here, |_| answer.clone());
        assert_eq!(result, Err(expected));
        assert_eq!(session.request(&here), None);
        assert!(session.missing_here().is_empty() && session.missing_there().is_empty());
    };
    let prefix = Prefix::ALL;
    let children = |of: [Fingerprint; 16]| vec![Compared::Children(Box::new(of))];
    check(
        vec![],
        Mismatch::Count {
            probes: 1,
            answers: 0,
        },
    );
    check(
        vec![Compared::Same; 2],
        Mismatch::Count {
            probes: 1,
            answers: 2,
        },
    );
    check(
        children([fingerprint(1); 16]),
        Mismatch::Children { prefix, count: 16 },
    );
    let same: Vec<_> = (0..16)
        .filter_map(|nibble| prefix.child(nibble))
        .map(|child| here.fingerprint(&child))
        .collect();
    check(
        children(same.try_into().expect("sixteen")),
        Mismatch::Contradiction { prefix },
    );
    check(
        vec![Compared::Listed(own[..17].to_vec())],
        Mismatch::List { prefix },
    );
    check(
        vec![Compared::Listed(vec![own[1], own[0]])],
        Mismatch::List { prefix },
    );
    check(
        vec![Compared::Listed(vec![own[0], own[0]])],
        Mismatch::List { prefix },
    );
    let mut unasked = Session::begin(prefix);
    assert_eq!(
        unasked.answer(vec![Compared::Same], &here),
        Err(Mismatch::Unasked)
    );
}

#[test]
fn what_does_not_fit_the_prefix_ends_the_session() {
    let few = shelf(0..3);
    let prefix = Prefix::ALL;
    let own = contents(&shelf(0..100));
    let same = vec![Compared::Listed(contents(&few))];
    let (_, result) = run(Session::begin(prefix), &few, |_| same.clone());
    assert_eq!(result, Err(Mismatch::Contradiction { prefix }));
    let elsewhere = Prefix::of(&Position([0; 32]), 3);
    let (_, result) = run(Session::begin(elsewhere), &few, |_| {
        vec![Compared::Listed(vec![own[99]])]
    });
    assert_eq!(result, Err(Mismatch::List { prefix: elsewhere }));
    let bottom = Prefix::of(&own[0].0, 64);
    let many = vec![Compared::Children(Box::new([fingerprint(9); 16]))];
    let (_, result) = run(Session::begin(bottom), &few, |_| many.clone());
    assert_eq!(
        result,
        Err(Mismatch::Children {
            prefix: bottom,
            count: 144
        })
    );
}

/// It always says that there is more below. The session ends all the same, and holds no more than its bounds.
#[test]
fn a_liar_does_not_keep_us_for_ever() {
    let here = shelf(0..100);
    let deeper = |probes: &[Probe]| {
        let answer = |probe: &Probe| match probe.prefix.nibbles {
            0..=40 => Compared::Children(Box::new([fingerprint(1 << 40); 16])),
            _ => Compared::Same,
        };
        probes.iter().map(answer).collect()
    };
    let (session, result) = run(Session::begin(Prefix::ALL), &here, deeper);
    assert_eq!(result, Ok(()));
    assert_eq!(session.requests(), REQUESTS_MAX);
    assert!(session.cut_short());

    let nothing = |probes: &[Probe]| vec![Compared::Listed(Vec::new()); probes.len()];
    let big = shelf(0..6000);
    let (session, result) = run(Session::begin(Prefix::ALL), &big, nothing);
    assert_eq!((result, session.requests()), (Ok(()), 1));
    assert_eq!(session.missing_there().len(), DIFFERENCES_MAX);
    assert!(session.cut_short());
}

proptest! {
    /// Any two stores become the union of the newest, whoever asks.
    #[test]
    fn two_stores_become_one(
        ours in vec((0..600_u16, 1..4_u64), 0..200),
        theirs in vec((0..600_u16, 1..4_u64), 0..200),
        shared in vec((any::<u16>(), 1..4_u64), 0..300),
        turn: u8,
    ) {
        let (mut here, mut there, mut union) = Default::default();
        for (place, sequence) in ours.iter().chain(&shared) {
            keep(&mut here, position(*place), summary(*sequence));
            keep(&mut union, position(*place), summary(*sequence));
        }
        for (place, sequence) in theirs.iter().chain(&shared) {
            keep(&mut there, position(*place), summary(*sequence));
            keep(&mut union, position(*place), summary(*sequence));
        }
        let session = exchange(&mut here, &mut there, turn);
        prop_assert!(!session.cut_short());
        prop_assert_eq!(contents(&here), contents(&union));
        prop_assert_eq!(contents(&there), contents(&union));
        prop_assert_eq!(exchange(&mut there, &mut here, turn).requests(), 1);
    }
}
