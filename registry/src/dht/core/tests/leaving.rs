//! Handing over before a stop.

use super::*;

fn leave(job: u64) -> Input {
    let job = Job(job);
    Input::Leave { job }
}

/// Lets another node's core answer.
fn serve(heir: &mut Bench, from: Peer, request: &Request) -> Reply {
    let input = Input::Request {
        from,
        inbound: Inbound(1),
        request: request.clone(),
    };
    heir.run(input, |it| !it.log.answered.is_empty(), |_, _| Reply::Never);
    let (_, response) = heir.log.answered.pop().expect("answered");
    Reply::Now(response)
}

#[test]
fn what_only_this_node_has_is_elsewhere_afterwards() {
    let mut bench = Bench::new(1);
    let mut heir = Bench::with(contact(1).peer, 0, Config::default());
    let me = Peer([0xff; 32]);
    heir.disk.table.push(Contact {
        peer: me,
        addresses: Vec::new().into(),
    });
    // Its own, one that is newer there, one that both have, one that only the heir has.
    for person in 1..=30 {
        bench.disk.put(&record(person, 2));
    }
    heir.disk.put(&record(30, 3));
    heir.disk.put(&record(29, 2));
    heir.disk.put(&record(40, 1));
    let outcome = bench.job(leave(1), |_, request| serve(&mut heir, me, request));
    assert!(
        matches!(outcome, Outcome::Left { neighbours: 1 }),
        "{outcome:?}"
    );
    for person in 1..=29 {
        let at = Position::of_record(&record(person, 2));
        let held = heir.disk.records.get(&at).map(|it| it.summary);
        assert_eq!(held, Some(Summary::of(&record(person, 2))), "{person}");
    }
    let at = Position::of_record(&record(30, 3));
    assert_eq!(heir.disk.records[&at].summary.sequence, 3);
    assert!(bench.disk.records.len() == 30, "who leaves fetches nothing");
}

#[test]
fn it_ends_in_time_whoever_answers() {
    let check = |peers: u16, peer: fn(&Request) -> Reply, expected: usize| {
        let mut bench = Bench::new(peers);
        bench.disk.put(&record(1, 1));
        let outcome = bench.job(leave(1), |_, request| peer(request));
        let Outcome::Left { neighbours } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(neighbours, expected);
        assert!(bench.now.ms <= 5_000, "{}", bench.now.ms);
    };
    check(0, |_| Reply::Never, 0);
    check(5, |_| Reply::Never, 0);
    check(5, |_| Reply::Now(Response::Stored), 0);
    check(
        5,
        |_| Reply::Now(Response::Refused(Refusal::Busy { retry_ms: 1 })),
        0,
    );
    // The transport gives three seconds; who takes longer for each step does not hold us.
    check(
        5,
        |_| Reply::After(2_900, Response::Refused(Refusal::Full)),
        0,
    );
}

#[test]
fn nobody_leaves_twice() {
    let mut bench = Bench::new(3);
    bench.step(leave(1));
    let again = bench.step(leave(2));
    let [
        Action::Done {
            job: Job(2),
            outcome: Outcome::Overloaded,
        },
    ] = again.as_slice()
    else {
        panic!("{again:?}");
    };
    bench.run(
        Input::Tick,
        |it| !it.log.done.is_empty(),
        |_, _| Reply::Never,
    );
    assert_eq!(bench.log.done.len(), 1);
    assert!(matches!(bench.log.done[0], (Job(1), Outcome::Left { .. })));
}
