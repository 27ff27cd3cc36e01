//! What a refusal shows, and whose fault it is.

use super::*;

/// What one peer's answer to a put of [`ours`] should come to.
#[derive(Debug, PartialEq)]
enum Comes {
    Conflict,
    Offence,
    Nothing,
}

fn ours() -> Verified<Record> {
    record(1, 5)
}

fn expected_digest() -> [u8; 32] {
    record(1, 4).digest()
}

fn older(record: &Verified<Record>) -> Response {
    Response::Refused(Refusal::Older(bytes(record)))
}

fn unexpected(record: &Verified<Record>) -> Response {
    Response::Refused(Refusal::Unexpected(Some(bytes(record))))
}

fn check(expected: Expected, response: &Response, comes: &Comes) {
    let mut bench = Bench::new(20);
    let odd = contact(7).peer;
    // What was read before it is changed.
    bench.disk.put(&record(1, 4));
    let placement = bench.put(&ours(), expected, |peer| {
        Reply::Now(if peer == odd {
            response.clone()
        } else {
            Response::Stored
        })
    });
    let is = match (&placement.conflict, bench.points(&odd) < BAD) {
        (Some(_), false) => Comes::Conflict,
        (None, true) => Comes::Offence,
        (None, false) => Comes::Nothing,
        (Some(_), true) => panic!("a conflict is no offence: {response:?}"),
    };
    assert_eq!(is, *comes, "{expected:?} {response:?}");
    assert_eq!(placement.succeeded(), *comes != Comes::Conflict);
    if let Some(conflict) = &placement.conflict {
        assert!(
            bench.log.changed.contains(&Summary::of(conflict)),
            "it is news here too"
        );
    }
}

#[test]
fn a_newer_record_is_a_conflict_and_a_pretended_one_an_offence() {
    let expired = record_of(1, 9, (0, 500), 1);
    let invalid: Arc<[u8]> = [bytes(&record(1, 9)).as_ref(), &[0]].concat().into();
    let cases = [
        (older(&record(1, 6)), Comes::Conflict),
        (older(&record(1, 4)), Comes::Offence),
        (older(&ours()), Comes::Offence),
        (older(&record(2, 9)), Comes::Offence),
        (Response::Refused(Refusal::Older(invalid)), Comes::Offence),
        (older(&expired), Comes::Nothing),
        (unexpected(&record(1, 6)), Comes::Offence),
        (Response::Refused(Refusal::Unexpected(None)), Comes::Nothing),
        (Response::Refused(Refusal::Full), Comes::Nothing),
        (Response::Refused(Refusal::Disk), Comes::Nothing),
        (
            Response::Refused(Refusal::Busy { retry_ms: 1 }),
            Comes::Nothing,
        ),
        (
            Response::Got {
                value: Value::Nothing,
                closer: Vec::new(),
            },
            Comes::Offence,
        ),
    ];
    for (response, comes) in &cases {
        check(Expected::Older, response, comes);
    }
}

#[test]
fn compare_and_swap_is_lost_to_what_is_there_and_not_to_what_was() {
    let digest = Expected::Digest(expected_digest());
    let other = record_of(1, 4, (0, 100_000), 0x66);
    let of_same_age = if Summary::of(&other) > Summary::of(&record(1, 4)) {
        Comes::Conflict
    } else {
        Comes::Nothing
    };
    let cases = [
        (unexpected(&record(1, 6)), Comes::Conflict),
        (unexpected(&other), of_same_age),
        (unexpected(&record(1, 3)), Comes::Nothing),
        (unexpected(&record(1, 4)), Comes::Offence),
        (unexpected(&ours()), Comes::Offence),
        (unexpected(&record(2, 6)), Comes::Offence),
        (older(&record(1, 6)), Comes::Conflict),
        (Response::Refused(Refusal::Unexpected(None)), Comes::Nothing),
    ];
    for (response, comes) in &cases {
        check(digest, response, comes);
    }
}

/// A put through the side that serves, with its disk.
fn serve(bench: &mut Bench, record: &Verified<Record>, expected: Expected) -> Response {
    let record = bytes(record);
    let input = Input::Request {
        from: contact(1).peer,
        inbound: Inbound(1),
        request: Request::Put { record, expected },
    };
    bench.run(input, |it| !it.log.answered.is_empty(), |_, _| Reply::Never);
    let (_, response) = bench.log.answered.pop().expect("answered");
    assert!(bench.log.answered.is_empty(), "answered once");
    response
}

#[test]
fn conditions_hold_from_end_to_end() {
    let (first, second, third) = (record(1, 1), record(1, 2), record(1, 3));
    let digest = |record: &Verified<Record>| Expected::Digest(record.digest());
    let none = Response::Refused(Refusal::Unexpected(None));
    let steps = [
        (&first, digest(&second), none),
        (&first, Expected::Nothing, Response::Stored),
        (&first, Expected::Nothing, Response::Stored),
        (&second, Expected::Nothing, unexpected(&first)),
        (&second, digest(&first), Response::Stored),
        (&second, digest(&first), Response::Stored),
        (&third, digest(&first), unexpected(&second)),
        (&first, Expected::Older, older(&second)),
        (&third, Expected::Older, Response::Stored),
    ];
    let mut served = Bench::new(1);
    for (number, (record, expected, response)) in steps.iter().enumerate() {
        assert_eq!(
            serve(&mut served, record, *expected),
            *response,
            "step {number}"
        );
    }
    // The same from the side that puts, alone.
    let mut alone = Bench::new(0);
    for (number, (record, expected, response)) in steps.iter().enumerate() {
        let placement = alone.put(record, *expected, |_| Reply::Never);
        let stored = *response == Response::Stored;
        assert_eq!(placement.succeeded(), stored, "step {number}");
        let shows = matches!(
            response,
            Response::Refused(Refusal::Older(_) | Refusal::Unexpected(Some(_)))
        );
        assert_eq!(
            placement.conflict.is_some(),
            shows,
            "step {number}: {placement:?}"
        );
    }
}
