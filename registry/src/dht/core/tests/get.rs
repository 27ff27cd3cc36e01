//! Which of several answers it is, who lied, and who gets the newest pushed.

use super::super::get::ENOUGH;
use super::*;
use dotkey_proto::limits::RECORD_BYTES_MAX;

const PEERS: u16 = 20;

fn at() -> Position {
    Position::of_record(&record(1, 1))
}

/// Everyone has the second record, but one of them answers its own way. What that costs it, in points.
fn with_one_odd(odd: impl Fn(Want) -> Reply) -> i32 {
    let mut bench = Bench::new(PEERS);
    let peer = contact(3).peer;
    let newest = record(1, 2);
    let (found, _) = bench.get(at(), Effort::Fresh, |from, want| {
        if from == peer {
            odd(want)
        } else {
            gives(&newest, want)
        }
    });
    assert_eq!(found, Some(Summary::of(&newest)));
    bench.points(&peer)
}

#[test]
fn what_does_not_verify_never_wins_and_is_an_offence() {
    let newer = bytes(&record(1, 9));
    let cases: [(&str, Arc<[u8]>); 4] = [
        ("one byte more", [newer.as_ref(), &[0]].concat().into()),
        ("nothing", Arc::from([])),
        ("of another place", bytes(&record(2, 9))),
        ("too large", vec![0xa0; RECORD_BYTES_MAX + 1].into()),
    ];
    for (name, bytes) in cases {
        let points = with_one_odd(|want| match want {
            Want::Record => got(Value::Record(bytes.clone())),
            _ => gives(&record(1, 9), want),
        });
        assert!(points < BAD, "{name}: {points}");
    }
}

#[test]
fn what_is_out_of_time_never_wins_and_is_nobodys_fault() {
    for valid in [(0, 500), (90_000, 100_000)] {
        let untimely = record_of(1, 9, valid, 1);
        let points = with_one_odd(|want| gives(&untimely, want));
        assert_eq!(points, 0, "{valid:?}");
    }
}

#[test]
fn who_claims_more_than_it_gives_is_found_out() {
    let newer = record(1, 9);
    // It may have expired since, so that nothing is not held against it as much.
    type Lie = fn(&Verified<Record>) -> Reply;
    let lies: [(Lie, i32); 3] = [
        (|_| got(Value::Nothing), 0),
        (|_| gives(&record(1, 1), Want::Record), BAD),
        (|newer| gives(newer, Want::Summary), BAD),
    ];
    let mut summaries = 0;
    for (lie, worse_than) in lies {
        let points = with_one_odd(|want| match want {
            Want::Record => lie(&newer),
            _ => gives(&newer, want),
        });
        // Where it was asked for the record at once, an older one is no lie.
        summaries += usize::from(points < worse_than);
    }
    assert_eq!(summaries, 3);
}

#[test]
fn answers_that_fit_no_question_are_an_offence() {
    let points = with_one_odd(|_| Reply::Now(Response::Stored));
    assert!(points < BAD, "{points}");
    let busy = Refusal::Busy { retry_ms: 1 };
    let points = with_one_odd(|_| Reply::Now(Response::Refused(busy.clone())));
    assert_eq!(points, 0);
}

#[test]
fn of_two_of_one_sequence_all_choose_the_same() {
    let (one, other) = (
        record_of(1, 2, (0, 100_000), 1),
        record_of(1, 2, (0, 100_000), 2),
    );
    let newest = if one.cmp_age(&other).is_gt() {
        &one
    } else {
        &other
    };
    for odd in [0, 1] {
        let mut bench = Bench::new(PEERS);
        let (found, effort) = bench.get(at(), Effort::Fresh, |from, want| {
            let first = from.0[1] % 2 == odd;
            gives(if first { &one } else { &other }, want)
        });
        assert_eq!(found, Some(Summary::of(newest)));
        assert_eq!((effort.agreeing, effort.repaired), (10, 10));
    }
}

#[test]
fn the_own_store_is_one_of_those_that_are_asked() {
    let check = |own: u64, others: u64, agreeing: usize, repaired: usize| {
        let mut bench = Bench::new(PEERS);
        bench.disk.put(&record(1, own));
        let theirs = record(1, others);
        let (found, effort) = bench.get(at(), Effort::Fresh, |_, want| gives(&theirs, want));
        let newest = Summary::of(&record(1, own.max(others)));
        assert_eq!(found, Some(newest));
        let took = (effort.answers, effort.agreeing, effort.repaired);
        assert_eq!(took, (21, agreeing, repaired), "{own} here, {others} there");
        // Nineteen of its cell are closer, or it is one of the closest: it keeps what is newer.
        assert_eq!(bench.disk.records[&at()].summary, newest);
    };
    check(2, 2, 21, 0);
    check(3, 2, 1, 20);
    check(2, 3, 20, 0);
}

#[test]
fn six_that_agree_are_enough() {
    let mut bench = Bench::new(PEERS);
    let newest = record(1, 2);
    let (found, effort) = bench.get(at(), Effort::Usual, |_, want| gives(&newest, want));
    assert_eq!(found, Some(Summary::of(&newest)));
    assert_eq!((effort.agreeing, effort.requests), (6, 6));
}

#[test]
fn the_newest_is_pushed_to_who_had_less_and_to_nobody_else() {
    let mut bench = Bench::new(40);
    let (old, newest) = (record(1, 1), record(1, 2));
    let ranks: BTreeMap<Peer, usize> = bench
        .disk
        .table
        .iter()
        .map(|it| (it.peer, bench.rank(&at(), &it.peer)))
        .collect();
    let (_, effort) = bench.get(at(), Effort::Fresh, |from, want| match ranks[&from] {
        0..4 => gives(&newest, want),
        4..8 => gives(&old, want),
        8..12 => got(Value::Nothing),
        12 => Reply::Never,
        _ => gives(&newest, want),
    });
    let pushed: Vec<usize> = bench
        .log
        .asked
        .iter()
        .filter(|(_, request)| matches!(request, Request::Put { record, expected: Expected::Older } if record[..] == *newest.as_bytes()))
        .map(|(peer, _)| ranks[peer])
        .collect();
    let mut sorted = pushed.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (4..12).collect::<Vec<_>>());
    assert_eq!(effort.repaired, 8);
}

#[test]
fn alone_it_says_what_is_here() {
    let mut bench = Bench::new(0);
    let never = |_, _| Reply::Never;
    assert_eq!(bench.get(at(), Effort::Usual, never).0, None);
    bench.disk.put(&record(1, 2));
    let (found, effort) = bench.get(at(), Effort::Fresh, never);
    assert_eq!(found, Some(Summary::of(&record(1, 2))));
    assert_eq!(
        (effort.answers, effort.agreeing, effort.requests),
        (1, 1, 0)
    );
    bench.disk.put(&record_of(1, 3, (0, 500), 1));
    assert_eq!(bench.get(at(), Effort::Usual, never).0, None, "it expired");
}

#[test]
fn silence_ends() {
    for peers in [1, 7, 100] {
        let mut bench = Bench::new(peers);
        bench.disk.put(&record(1, 2));
        let (found, effort) = bench.get(at(), Effort::Usual, |_, _| Reply::Never);
        assert_eq!(found, Some(Summary::of(&record(1, 2))));
        assert!(effort.took_ms <= 10_500, "{effort:?}");
    }
}

#[test]
fn nothing_is_not_said_before_those_who_are_late_had_their_time() {
    let mut bench = Bench::new(2);
    let held = record(1, 2);
    let (found, effort) = bench.get(at(), Effort::Usual, |_, _| {
        let value = Value::Record(bytes(&held));
        let closer = Vec::new();
        Reply::After(2_000, Response::Got { value, closer })
    });
    assert_eq!(found, Some(Summary::of(&held)), "{effort:?}");
}

#[test]
fn who_serves_less_than_it_acknowledged_is_stale() {
    let mut bench = Bench::new(PEERS);
    let stale = contact(3).peer;
    let placement = bench.put(&record(1, 2), Expected::Older, |_| {
        Reply::Now(Response::Stored)
    });
    assert_eq!(placement.stored, placement.of);
    bench.get(at(), Effort::Fresh, |from, want| {
        let sequence = if from == stale { 1 } else { 2 };
        gives(&record(1, sequence), want)
    });
    for number in 1..=PEERS {
        let peer = contact(number).peer;
        let acknowledged = bench.points(&peer) < BAD;
        let asked = |(to, request): &(Peer, Request)| {
            *to == peer
                && matches!(
                    request,
                    Request::Put {
                        expected: Expected::Older,
                        ..
                    }
                )
        };
        assert_eq!(
            acknowledged,
            peer == stale && bench.log.asked.iter().any(asked),
            "{peer:?}"
        );
    }
}

#[test]
fn a_dead_holder_costs_a_moment_once_and_is_asked_last_until_it_lives() {
    let mut bench = Bench::new(40);
    let newest = record(1, 2);
    let dead = bench.disk.closest(&at(), 1)[0].peer;
    let get = |bench: &mut Bench, up: bool| {
        bench.log.asked.clear();
        let (found, effort) = bench.get(at(), Effort::Usual, |from, want| {
            if from == dead && !up {
                return Reply::Never;
            }
            after(50, gives(&newest, want))
        });
        assert_eq!(found, Some(Summary::of(&newest)));
        let asked = bench.log.asked.iter().any(|(peer, _)| *peer == dead);
        (effort.requests, effort.took_ms, asked)
    };
    for _ in 0..8 {
        assert_eq!(get(&mut bench, true), (6, 50, true));
    }
    // Another is asked as soon as it is later than any was, and answers.
    let (requests, took_ms, asked) = get(&mut bench, false);
    assert!(asked && requests == 7 && took_ms <= 200, "{took_ms} ms");
    let now_ms = bench.now.ms;
    bench.run(
        Input::Tick,
        |it| it.now.ms >= now_ms + 1_500,
        |_, _| Reply::Never,
    );
    assert_eq!(bench.log.looked_at, [dead], "once");
    assert_eq!(get(&mut bench, false), (6, 50, false));
    let inbound = Inbound(1);
    bench.step(Input::Request {
        from: dead,
        inbound,
        request: Request::Get {
            at: at(),
            want: Want::Contacts,
        },
    });
    assert_eq!(get(&mut bench, true), (6, 50, true));
}

#[test]
fn where_few_nodes_are_a_silent_one_is_asked_and_not_waited_for() {
    let mut bench = Bench::new(4);
    let newest = record(1, 2);
    let dead = bench.disk.table[0].peer;
    let mut took = Vec::new();
    for _ in 0..3 {
        let (found, effort) = bench.get(at(), Effort::Usual, |from, want| {
            if from == dead {
                return Reply::Never;
            }
            after(50, gives(&newest, want))
        });
        assert_eq!(found, Some(Summary::of(&newest)));
        assert_eq!(effort.requests, 4);
        took.push(effort.took_ms);
        let now_ms = bench.now.ms;
        bench.run(
            Input::Tick,
            |it| it.now.ms >= now_ms + 500,
            |_, _| Reply::Never,
        );
    }
    assert_eq!(took[1..], [50, 50], "{took:?}");
}

#[test]
fn records_of_many_signatures_are_verified_beside_the_core_and_once() {
    let check = |signatures: u8, beside: usize| {
        let mut bench = Bench::new(PEERS);
        let newest = record_by_many(1, 2, signatures);
        let at = Position::of_record(&newest);
        let (found, effort) = bench.get(at, Effort::Usual, |_, want| gives(&newest, want));
        assert_eq!(found, Some(Summary::of(&newest)));
        assert_eq!((effort.agreeing, effort.requests), (6, 6));
        assert_eq!(bench.log.verified_beside, beside, "{signatures}");
    };
    check(4, 0);
    check(5, 1);
}

#[test]
fn what_is_verified_beside_the_core_is_held_against_who_gave_it() {
    let newest = record_by_many(1, 2, 6);
    let at = Position::of_record(&newest);
    let mut forged = bytes(&record_by_many(1, 9, 6)).to_vec();
    *forged.last_mut().expect("it ends in a signature") ^= 1;
    let forged: Arc<[u8]> = forged.into();
    let elsewhere = bytes(&record_by_many(2, 9, 6));
    for odd in [forged, elsewhere] {
        let mut bench = Bench::new(PEERS);
        let peer = contact(3).peer;
        let (found, _) = bench.get(at, Effort::Fresh, |from, want| {
            if from == peer && want == Want::Record {
                return got(Value::Record(odd.clone()));
            }
            if from == peer {
                return gives(&record_by_many(1, 9, 6), want);
            }
            gives(&newest, want)
        });
        assert_eq!(found, Some(Summary::of(&newest)));
        assert!(bench.points(&peer) < BAD, "{}", bench.points(&peer));
        assert!(bench.log.verified_beside > 0);
    }
}

#[test]
fn what_one_peer_answers_with_fills_its_share_of_the_verifier_and_no_more() {
    let mut bench = Bench::new(1);
    let (mut waiting, mut overloaded) = (Vec::new(), 0);
    for person in 1..=20 {
        let newest = record_by_many(person, 1, 5);
        let (job, at) = (Job(person.into()), Position::of_record(&newest));
        let effort = Effort::Usual;
        let asked = bench.step(Input::Get { job, at, effort });
        let [Action::Ask { asked, .. }] = asked[..] else {
            panic!("{asked:?}");
        };
        let (value, closer) = (Value::Record(bytes(&newest)), Vec::new());
        let response = Response::Got { value, closer };
        for action in bench.step(Input::Response { asked, response }) {
            match action {
                Action::Verify { verifying, bytes } => waiting.push((verifying, bytes)),
                Action::Done { outcome, .. } => {
                    overloaded += usize::from(matches!(outcome, Outcome::Overloaded));
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((waiting.len(), overloaded), (8, 12));
    for (verifying, bytes) in waiting {
        let checked = crate::dht::core::check(&bytes, None, bench.now.calendar);
        let actions = bench.step(Input::Verified { verifying, checked });
        let found = actions.iter().any(|action| {
            let outcome = match action {
                Action::Done { outcome, .. } => outcome,
                _ => return false,
            };
            matches!(
                outcome,
                Outcome::Got {
                    record: Some(_),
                    ..
                }
            )
        });
        assert!(found, "{actions:?}");
    }
    assert_eq!(bench.core.sizes().verifying, 0);
}

#[test]
fn what_was_seen_before_and_is_on_its_way_asks_nobody_more() {
    let mut bench = Bench::new(3 * PEERS);
    let person = bench.person(|rank| rank >= 30);
    let newest = record(person, 2);
    let at = Position::of_record(&newest);
    // Summaries are shorter, so they come first.
    let late = |want| match gives(&newest, want) {
        Reply::Now(response) if want == Want::Record => Reply::After(100, response),
        reply => reply,
    };
    for seen_before in [false, true] {
        let (found, effort) = bench.get(at, Effort::Usual, |_, want| late(want));
        assert_eq!(found, Some(Summary::of(&newest)));
        assert_eq!(effort.requests, ENOUGH, "seen before: {seen_before}");
    }
}
