//! Rounds of comparison: when, with whom, how long, and the clocks that they bring.

use super::*;
use crate::dht::core::reconcile::{Compared, REQUESTS_MAX};

fn clock(secs: u64, compared: Vec<Compared>) -> Reply {
    let clock = time(secs);
    Reply::Now(Response::Reconciled { clock, compared })
}

fn compares(bench: &Bench) -> usize {
    let compare = |(_, request): &&(Peer, Request)| matches!(request, Request::Reconcile { .. });
    bench.log.asked.iter().filter(compare).count()
}

/// Rounds for so long, with neighbours that are equal and whose clocks are ahead of ours.
fn rounds(peers: u16, ahead: impl Fn(u16) -> i64) -> Bench {
    let mut bench = Bench::new(peers);
    for _ in 0..60 * peers {
        bench.pass(2_500);
        let ours = bench.now.calendar.as_secs().saturating_sub(BEGIN);
        for action in bench.step(Input::Tick) {
            let answered = bench.note(action, &mut |peer, _| {
                let number = u16::from_be_bytes([peer.0[0], peer.0[1]]);
                clock(
                    ours.saturating_add_signed(ahead(number)),
                    vec![Compared::Same],
                )
            });
            if let Noted::Input(input) = answered {
                bench.step(input);
            }
        }
    }
    bench
}

#[test]
fn the_clock_is_held_against_the_median_of_three_or_more() {
    let check = |peers: u16, ahead: fn(u16) -> i64, expected: Option<i64>| {
        assert_eq!(
            rounds(peers, ahead).core.clock_ahead_secs(),
            expected,
            "{peers} peers"
        );
    };
    check(1, |_| 100, None);
    check(2, |_| 100, None);
    check(3, |_| 100, Some(-100));
    check(3, |peer| if peer == 1 { 100_000 } else { 0 }, Some(0));
    check(5, |peer| if peer <= 2 { -100_000 } else { 5 }, Some(-5));
}

#[test]
fn equal_neighbours_are_compared_with_in_turn() {
    let bench = rounds(4, |_| 0);
    let times = compares(&bench);
    // Ten minutes of a round every 22 to 38 s.
    assert!((15..=30).contains(&times), "{times}");
    assert_eq!((bench.core.in_step(), bench.core.moves()), (4, 0));
    let asked: std::collections::BTreeSet<Peer> =
        bench.log.asked.iter().map(|(to, _)| *to).collect();
    assert_eq!(asked.len(), 4);
}

#[test]
fn a_changed_cell_is_compared_soon() {
    let check = |changes: bool| {
        let mut bench = rounds(4, |_| 0);
        // Just after a round.
        let asked = loop {
            bench.pass(TICK_MS);
            if let Some(Action::Ask { asked, .. }) = bench.step(Input::Tick).pop() {
                break asked;
            }
        };
        let before = compares(&bench);
        let (clock, compared) = (bench.now.calendar, vec![Compared::Same]);
        bench.step(Input::Response {
            asked,
            response: Response::Reconciled { clock, compared },
        });
        if changes {
            bench.disk.table.push(contact(77));
        }
        let end = bench.now.ms + 4_000;
        bench.run(
            Input::TableChanged,
            |it| it.now.ms >= end,
            |_, _| Reply::Never,
        );
        assert_eq!(compares(&bench) > before, changes);
    };
    check(true);
    check(false);
}

#[test]
fn a_neighbour_that_finds_no_end_is_left() {
    let mut bench = Bench::new(1);
    let mut sums = 0_u64;
    let end = 20_000;
    bench.run(
        Input::Tick,
        |it| it.now.ms >= end,
        |_, request| {
            let Request::Reconcile { probes, .. } = request else {
                return got(Value::Nothing);
            };
            let compared = probes.iter().map(|probe| {
                let children = core::array::from_fn(|_| {
                    sums += 1;
                    let summary = Summary {
                        policy: 0,
                        sequence: sums,
                        digest: [1; 32],
                    };
                    let mut sum = Fingerprint::of(&probe.prefix.first, &summary);
                    sum.count = 1_000;
                    sum
                });
                Compared::Children(Box::new(children))
            });
            clock(1_000, compared.collect())
        },
    );
    // Walking in depth it comes to where no record can be, or to the end of a session; then it is compared with again, and again.
    let rounds = 20_000 / 3_000 + 1;
    assert!(
        compares(&bench) <= rounds * REQUESTS_MAX,
        "{}",
        compares(&bench)
    );
    assert!(compares(&bench) > 0);
}

#[test]
fn differences_are_fetched_pushed_and_then_in_step() {
    let mut bench = Bench::new(1);
    let mut other = Bench::with(contact(1).peer, 0, Config::default());
    for person in 1..=20 {
        bench.disk.put(&record(person, 1));
        other.disk.put(&record(person + 10, 2));
    }
    bench.run(
        Input::Tick,
        |it| it.now.ms >= 20_000,
        |_, request| {
            let input = Input::Request {
                from: ME,
                inbound: Inbound(1),
                request: request.clone(),
            };
            other.run(input, |it| !it.log.answered.is_empty(), |_, _| Reply::Never);
            let (_, response) = other.log.answered.pop().expect("answered");
            Reply::Now(response)
        },
    );
    assert_eq!(
        bench.disk.fingerprint(&Prefix::ALL),
        other.disk.fingerprint(&Prefix::ALL)
    );
    assert_eq!(bench.disk.records.len(), 30);
    assert_eq!((bench.core.in_step(), bench.core.moves()), (1, 0));
}
