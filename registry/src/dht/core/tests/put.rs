//! How many must acknowledge, and when a put ends.

use std::collections::BTreeSet;

use super::super::lookup::CLOSEST;
use super::*;

fn stored() -> Reply {
    Reply::Now(Response::Stored)
}

fn full() -> Reply {
    Reply::Now(Response::Refused(Refusal::Full))
}

#[test]
fn a_majority_of_the_twenty_closest_counts_exactly() {
    let check = |keeps: bool, others: usize, expected: (usize, usize, bool)| {
        let mut bench = Bench::new(60);
        let person = bench.person(|rank| if keeps { rank < 10 } else { rank >= 20 });
        let record = record(person, 1);
        let at = Position::of_record(&record);
        let ranks: BTreeMap<_, _> = bench
            .disk
            .table
            .iter()
            .map(|it| (it.peer, bench.rank(&at, &it.peer)))
            .collect();
        let placement = bench.put(&record, Expected::Older, |peer| {
            if ranks[&peer] < others {
                stored()
            } else {
                full()
            }
        });
        let PlacementFacts { stored, of } = facts(&placement);
        assert_eq!(
            (stored, of, placement.succeeded()),
            expected,
            "keeps: {keeps}, {others} others"
        );
        assert_eq!(placement.refused.len(), of - stored);
        let put: Vec<_> = puts(&bench);
        assert_eq!(put.len(), 20 - usize::from(keeps), "who is asked");
        assert!(put.iter().all(|peer| ranks[peer] < 20 - usize::from(keeps)));
        let own = bench.disk.records.contains_key(&at);
        assert_eq!(own, keeps);
        assert_eq!(bench.log.announced.len(), usize::from(keeps));
    };
    check(false, 0, (0, 20, false));
    check(false, 10, (10, 20, false));
    check(false, 11, (11, 20, true));
    check(false, 20, (20, 20, true));
    check(true, 0, (1, 20, false));
    check(true, 9, (10, 20, false));
    check(true, 10, (11, 20, true));
    check(true, 19, (20, 20, true));
}

struct PlacementFacts {
    stored: usize,
    of: usize,
}

fn facts(placement: &Placement) -> PlacementFacts {
    let Placement { stored, of, .. } = *placement;
    PlacementFacts { stored, of }
}

fn puts(bench: &Bench) -> Vec<Peer> {
    let put =
        |(peer, request): &(Peer, Request)| matches!(request, Request::Put { .. }).then_some(*peer);
    bench.log.asked.iter().filter_map(put).collect()
}

#[test]
fn progress_never_goes_back_and_ends_at_the_placement() {
    let mut bench = Bench::new(20);
    let placement = bench.put(&record(1, 1), Expected::Older, |peer| match peer.0[1] % 3 {
        0 => stored(),
        1 => full(),
        _ => Reply::After(300, Response::Stored),
    });
    let progress = &bench.log.progress;
    assert!(
        progress.is_sorted() && progress.len() == placement.of,
        "{progress:?}"
    );
    assert_eq!(progress.last(), Some(&(placement.stored, placement.of)));
}

#[test]
fn alone_it_is_one_of_one() {
    let mut bench = Bench::new(0);
    let placement = bench.put(&record(1, 1), Expected::Older, |_| Reply::Never);
    assert!(placement.succeeded());
    assert_eq!((placement.stored, placement.of), (1, 1));
}

#[test]
fn without_any_answer_it_ends_and_has_failed() {
    for peers in [1, 5, 40] {
        let mut bench = Bench::new(peers);
        let input = Input::Put {
            job: JOB,
            record: Box::new(record(1, 1)),
            expected: Expected::Older,
        };
        let Outcome::Put(placement) = bench.job(input, |_, _| Reply::Never) else {
            panic!("a put");
        };
        assert!(placement.stored <= 1 && placement.of > 1, "{placement:?}");
        assert!(!placement.succeeded(), "{peers} silent peers");
        assert!(placement.took_ms <= 20_000, "{placement:?}");
    }
}

#[test]
fn who_answers_late_is_asked_all_the_same() {
    let mut bench = Bench::new(3);
    let input = Input::Put {
        job: JOB,
        record: Box::new(record(1, 1)),
        expected: Expected::Older,
    };
    let outcome = bench.job(input, |_, request| match request {
        Request::Put { .. } => stored(),
        _ => Reply::After(
            1_500,
            Response::Got {
                value: Value::Nothing,
                closer: Vec::new(),
            },
        ),
    });
    let Outcome::Put(placement) = outcome else {
        panic!("a put");
    };
    // One by one they come; the last is in the minority then.
    assert!(
        placement.stored >= 3 && placement.succeeded(),
        "{placement:?}"
    );
}

#[test]
fn the_last_few_are_not_waited_for_once_a_majority_has_it() {
    let mut bench = Bench::new(20);
    let placement = bench.put(&record(1, 1), Expected::Older, |peer| {
        if peer.0[1] <= 3 {
            Reply::Never
        } else {
            stored()
        }
    });
    assert!(placement.succeeded());
    assert!(placement.took_ms <= 1_500, "{placement:?}");
}

/// Answers of those for whom `up` is so; all others are silent.
fn with_silent(
    bench: &mut Bench,
    record: &Verified<Record>,
    up: impl Fn(&Peer) -> bool,
) -> Placement {
    let input = Input::Put {
        job: JOB,
        record: Box::new(record.clone()),
        expected: Expected::Nothing,
    };
    let outcome = bench.job(input, |from, request| match request {
        _ if !up(&from) => Reply::Never,
        Request::Put { .. } => stored(),
        _ => got(Value::Nothing),
    });
    match outcome {
        Outcome::Put(placement) => placement,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_halves_of_a_network_have_no_two_majorities() {
    for peers in [3, 5, 19, 59] {
        let record = record(1, 1);
        let half = |peer: &Peer| peer.0[1].is_multiple_of(2);
        let mut succeeded = 0;
        for side in [true, false] {
            let mut bench = Bench::new(peers);
            let placement = with_silent(&mut bench, &record, |peer| half(peer) == side);
            succeeded += usize::from(placement.succeeded());
        }
        // This node is on both sides here: with it an odd half may be one.
        assert!(succeeded <= 1, "{peers} peers");
    }
}

#[test]
fn with_a_third_gone_a_put_succeeds() {
    for person in 1..=10 {
        let mut bench = Bench::new(60);
        let record = record(person, 1);
        let at = Position::of_record(&record);
        let mut dead: Vec<Peer> = bench.disk.table.iter().map(|it| it.peer).collect();
        dead.sort_by_key(|peer| peer.position().distance(&at));
        let dead: Vec<Peer> = dead.into_iter().step_by(3).collect();
        let placement = with_silent(&mut bench, &record, |peer| !dead.contains(peer));
        assert!(placement.succeeded() && placement.of == 20, "{placement:?}");
        assert!(placement.stored >= 13, "{placement:?}");
    }
}

#[test]
fn who_left_the_table_meanwhile_counts_no_more() {
    let mut bench = Bench::new(5);
    let record = record(1, 1);
    let input = Input::Put {
        job: JOB,
        record: Box::new(record.clone()),
        expected: Expected::Older,
    };
    let up = contact(1).peer;
    let answer = |from: Peer, request: &Request| match request {
        _ if from != up => Reply::Never,
        Request::Put { .. } => stored(),
        _ => got(Value::Nothing),
    };
    let stored_by_one = |it: &Bench| it.log.progress.iter().any(|(stored, _)| *stored == 2);
    bench.run(input, stored_by_one, answer);
    assert_eq!(bench.log.progress.last(), Some(&(2, 6)));
    bench.disk.table.retain(|it| it.peer == up);
    bench.run(Input::TableChanged, |it| !it.log.done.is_empty(), answer);
    let Some((_, Outcome::Put(placement))) = bench.log.done.pop() else {
        panic!("a put");
    };
    assert_eq!((placement.stored, placement.of), (2, 2));
    assert!(placement.succeeded());
}

#[test]
fn an_expired_record_is_stored_nowhere() {
    let mut bench = Bench::new(0);
    let expired = record_of(1, 1, (0, 500), 1);
    let placement = bench.put(&expired, Expected::Older, |_| Reply::Never);
    assert!(!placement.succeeded() && placement.stored == 0);
    let code = ErrorCode("expired".to_owned());
    assert_eq!(placement.refused, [(ME, Refusal::Invalid(code))]);
    assert!(bench.log.announced.is_empty() && bench.log.changed.is_empty());
}

#[test]
fn a_disk_that_never_answers_does_not_hold_a_put_up() {
    let mut bench = Bench::new(0);
    let input = Input::Put {
        job: JOB,
        record: Box::new(record(1, 1)),
        expected: Expected::Older,
    };
    assert_eq!(bench.step(input).len(), 1, "it writes");
    let done = (0..240).find_map(|_| {
        bench.pass(TICK_MS);
        bench.step(Input::Tick).pop()
    });
    let Some(Action::Done {
        outcome: Outcome::Put(placement),
        ..
    }) = done
    else {
        panic!("{done:?}");
    };
    assert!(!placement.succeeded());
}

#[test]
fn with_most_of_the_closest_dead_a_put_succeeds_as_soon_as_they_are_found_to_be() {
    for gone in [10, 12, 15] {
        let mut bench = Bench::new(60);
        let record = record(1, 1);
        let closest = bench.disk.closest(&Position::of_record(&record), CLOSEST);
        let dead: BTreeSet<Peer> = closest.iter().take(gone).map(|it| it.peer).collect();
        let answer = |from: Peer, request: &Request| match request {
            _ if dead.contains(&from) => Reply::Never,
            Request::Put { .. } => stored(),
            _ => got(Value::Nothing),
        };
        let input = Input::Put {
            job: JOB,
            record: Box::new(record.clone()),
            expected: Expected::Older,
        };
        let all_looked_at = |it: &Bench| it.log.looked_at.len() == gone;
        bench.run(input, all_looked_at, answer);
        let looked_at: BTreeSet<Peer> = bench.log.looked_at.iter().copied().collect();
        assert_eq!(looked_at, dead, "nobody else");
        assert!(
            bench.log.done.is_empty(),
            "a majority may be on another side"
        );
        // They cannot be dialled.
        bench.disk.table.retain(|it| !dead.contains(&it.peer));
        bench.run(Input::TableChanged, |it| !it.log.done.is_empty(), answer);
        let Some((_, Outcome::Put(placement))) = bench.log.done.pop() else {
            panic!("a put");
        };
        assert!(placement.succeeded(), "{gone} gone: {placement:?}");
    }
}
