//! This node keeps within what its peers allow, however much is asked here.

use super::super::standing::{Cost, Standing};
use super::*;

/// A position that nobody has anything at.
fn nowhere(number: u64) -> Position {
    let mut at = [0x77; 32];
    at[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Position(at)
}

fn ask(number: u64, effort: Effort) -> Input {
    let at = nowhere(number);
    let job = Job(number);
    Input::Get { job, at, effort }
}

/// What became of so many gets a second, at peers that count as this node does.
#[derive(Debug, Default)]
struct Came {
    absent: usize,
    overloaded: usize,
    refused: usize,
    offences: usize,
}

fn play(peers: u16, each_second: u64, secs: u64) -> (Bench, Came) {
    let mut bench = Bench::new(peers);
    let mut came = Came::default();
    let mut standings: BTreeMap<Peer, Standing> = BTreeMap::new();
    let mut asked = 0;
    for _ in 0..secs * 50 {
        bench.pass(20);
        let mut inputs = vec![Input::Tick];
        for _ in 0..each_second / 50 {
            asked += 1;
            inputs.push(ask(asked, Effort::Usual));
        }
        while let Some(input) = inputs.pop() {
            for action in bench.step(input) {
                match action {
                    Action::Ask { asked, request, .. }
                        if !matches!(request, Request::Get { .. }) =>
                    {
                        let failure = Failure::Unreachable;
                        inputs.push(Input::Failed { asked, failure });
                    }
                    Action::Ask { asked, to, .. } => {
                        // Each is another node, and sees one peer: this one.
                        let standing = standings.entry(to.peer).or_default();
                        let closer = Vec::new();
                        let value = Value::Nothing;
                        let response = match standing.admit(bench.now.ms, ME, Cost::Request) {
                            Ok(()) => Response::Got { value, closer },
                            Err(offence) => {
                                came.refused += 1;
                                came.offences += usize::from(offence.is_some());
                                let retry_ms = 1_000;
                                Response::Refused(Refusal::Busy { retry_ms })
                            }
                        };
                        inputs.push(Input::Response { asked, response });
                    }
                    Action::Done { outcome, .. } => match outcome {
                        Outcome::Got { record: None, .. } => came.absent += 1,
                        Outcome::Overloaded => came.overloaded += 1,
                        other => panic!("{other:?}"),
                    },
                    _ => {}
                }
            }
        }
    }
    (bench, came)
}

#[test]
fn a_thousand_absent_gets_a_second_stay_within_what_peers_allow() {
    for peers in [1, 3, 20] {
        let (bench, came) = play(peers, 1_000, 4);
        assert_eq!((came.refused, came.offences), (0, 0), "{peers}: {came:?}");
        assert!(came.overloaded > 0 && came.absent > 0, "{peers}: {came:?}");
        let blamed = bench
            .disk
            .table
            .iter()
            .filter(|it| bench.points(&it.peer) < 0);
        assert_eq!(blamed.count(), 0, "{peers}");
    }
}

#[test]
fn few_gets_are_never_refused() {
    let (_, came) = play(20, 50, 10);
    assert_eq!((came.absent, came.overloaded), (500, 0), "{came:?}");
}

#[test]
fn a_peer_that_is_busy_is_left_alone_and_not_blamed() {
    let mut bench = Bench::new(12);
    let busy = contact(3).peer;
    let newest = record(1, 2);
    let at = Position::of_record(&newest);
    let answer = |from: Peer, want| {
        if from == busy {
            let retry_ms = 5_000;
            Reply::Now(Response::Refused(Refusal::Busy { retry_ms }))
        } else {
            gives(&newest, want)
        }
    };
    let asked = |bench: &Bench| bench.log.asked.iter().filter(|it| it.0 == busy).count();
    for round in 0..3 {
        let (found, effort) = bench.get(at, Effort::Fresh, answer);
        assert_eq!(found, Some(Summary::of(&newest)));
        assert!(effort.answers >= 11, "{effort:?}");
        assert_eq!(asked(&bench), 1, "round {round}");
    }
    bench.pass(6_000);
    bench.get(at, Effort::Fresh, answer);
    assert_eq!((asked(&bench), bench.points(&busy)), (2, 0));
}

#[test]
fn those_who_ask_for_the_same_share_one_lookup() {
    let mut bench = Bench::new(20);
    let mut sent = 0;
    for number in 0..100 {
        let (at, effort) = (nowhere(1), Effort::Usual);
        let job = Job(number);
        let actions = bench.step(Input::Get { job, at, effort });
        let asks = actions.iter().filter(|it| matches!(it, Action::Ask { .. }));
        sent += asks.count();
    }
    assert!(sent <= 6, "{sent}");
    let over = |it: &Bench| it.log.done.len() >= 100;
    bench.run(Input::Tick, over, |_, _| got(Value::Nothing));
    let jobs: std::collections::BTreeSet<Job> = bench.log.done.iter().map(|it| it.0).collect();
    assert_eq!(jobs.len(), 100);
}

#[test]
fn what_is_absent_is_asked_for_once_until_something_is_put() {
    let mut bench = Bench::new(20);
    let newest = record(1, 1);
    let at = Position::of_record(&newest);
    let nothing = |_, _| got(Value::Nothing);
    let (_, first) = bench.get(at, Effort::Usual, nothing);
    let (_, again) = bench.get(at, Effort::Usual, nothing);
    assert!(first.requests > 0 && again.requests == 0);
    assert_eq!(again.answers, first.answers);
    let (_, fresh) = bench.get(at, Effort::Fresh, nothing);
    assert!(fresh.requests > 0);

    bench.put(&newest, Expected::Older, |_| Reply::Now(Response::Stored));
    bench.log.done.clear();
    let (found, _) = bench.get(at, Effort::Usual, |_, want| gives(&newest, want));
    assert_eq!(found, Some(Summary::of(&newest)));
}
