//! What peers may ask: shares, bounds, and one answer to each request.

use super::super::desk::WRITES_MAX;
use super::super::serve::{
    AT_ONCE_MAX, VERIFYING_OF_KIND_MAX, VERIFYING_OF_ONE_MAX, WRITES_OF_ONE_MAX,
};
use super::super::standing::{Cost, RETRY_MS, Standing};
use super::*;
use crate::dht::core::reconcile::{PROBES_MAX, Probe};

const BUSY: Response = Response::Refused(Refusal::Busy { retry_ms: RETRY_MS });

fn request(bench: &mut Bench, from: u16, request: Request) -> Vec<Action> {
    let (from, inbound) = (contact(from).peer, Inbound(9));
    let input = Input::Request {
        from,
        inbound,
        request,
    };
    bench.step(input)
}

fn answer(actions: &[Action]) -> Option<&Response> {
    let answers = actions.iter().filter_map(|action| match action {
        Action::Answer { inbound, response } => {
            assert_eq!(*inbound, Inbound(9));
            Some(response)
        }
        _ => None,
    });
    let answers: Vec<_> = answers.collect();
    assert!(answers.len() <= 1, "{actions:?}");
    answers.first().copied()
}

fn get() -> Request {
    Request::Get {
        at: Position([0; 32]),
        want: Want::Record,
    }
}

fn put(record: &Verified<Record>) -> Request {
    Request::Put {
        record: bytes(record),
        expected: Expected::Older,
    }
}

fn compare() -> Request {
    let probe = Probe {
        prefix: Prefix::ALL,
        fingerprint: Fingerprint::default(),
    };
    Request::Reconcile {
        clock: time(0),
        probes: vec![probe; PROBES_MAX],
    }
}

#[test]
fn one_peer_has_its_share_and_takes_nobody_elses() {
    let check = |asked: fn() -> Request, share: usize| {
        let mut bench = Bench::new(1);
        let mut served = 0;
        let mut all_at_once = |bench: &mut Bench| {
            let mut count = 0;
            while answer(&request(bench, 5, asked())) != Some(&BUSY) {
                count += 1;
                assert!(count <= 10_000, "there is a bound");
            }
            served = count;
        };
        all_at_once(&mut bench);
        assert_eq!(served, share);
        assert_ne!(answer(&request(&mut bench, 6, asked())), Some(&BUSY));
        bench.pass(10_000);
        assert_ne!(answer(&request(&mut bench, 5, asked())), Some(&BUSY));
    };
    check(get, 1_000);
    check(compare, (16 << 20) / (2_048 * PROBES_MAX));
}

#[test]
fn every_cost_has_a_share_of_its_own() {
    let check = |cost: Cost, share: usize| {
        let mut standing = Standing::default();
        let [one, other] = [1, 2].map(|number| contact(number).peer);
        let admitted = (0..100_000).take_while(|_| standing.admit(1, one, cost).is_ok());
        assert_eq!(admitted.count(), share, "{cost:?}");
        assert_eq!(standing.admit(1, other, cost), Ok(()), "{cost:?}");
    };
    check(Cost::Request, 1_000);
    check(Cost::Signatures(1), 1_000);
    check(Cost::Signatures(64), 1_000 / 64);
    check(Cost::Bytes(1 << 20), 16);
    check(Cost::Hint, 10_000);
}

#[test]
fn who_goes_on_after_being_refused_is_cut_off_and_still_answered() {
    let mut bench = Bench::new(1);
    let cut = (0..2_000).find(|_| {
        let actions = request(&mut bench, 5, get());
        assert!(answer(&actions).is_some());
        let cut = |it: &Action| {
            matches!(
                it,
                Action::CutOff {
                    offence: Offence::Flood,
                    ..
                }
            )
        };
        actions.iter().any(cut)
    });
    assert_eq!(cut, Some(1_000 + 4 * 50 - 1));
    assert_eq!(answer(&request(&mut bench, 5, get())), Some(&BUSY));
}

#[test]
fn writes_that_wait_have_a_bound_for_one_and_for_all() {
    let mut bench = Bench::new(1);
    let record = record(1, 1);
    let mut writing = None;
    let mut waiting = 0;
    for from in 1..=10 {
        for number in 0..WRITES_OF_ONE_MAX + 5 {
            let actions = request(&mut bench, from, put(&record));
            if let [Action::Write { writing: it, .. }] = actions.as_slice() {
                writing = Some(*it);
                waiting += 1;
                continue;
            }
            assert_eq!(answer(&actions), Some(&BUSY));
            assert!(number >= WRITES_OF_ONE_MAX || waiting == WRITES_MAX);
        }
    }
    assert_eq!(waiting, WRITES_MAX);
    let writing = writing.expect("some wait");
    let result = Written::Known;
    let ended = bench.step(Input::Written {
        writing,
        result: result.clone(),
    });
    assert_eq!(answer(&ended), Some(&Response::Stored));
    let again = bench.step(Input::Written { writing, result });
    assert!(again.is_empty(), "answered once");
    let actions = request(&mut bench, 11, put(&record));
    assert!(matches!(actions.as_slice(), [Action::Write { .. }]));
}

/// What a record that is verified beside the core is known by.
fn verifying(actions: &[Action]) -> Verifying {
    let [Action::Verify { verifying, .. }] = actions else {
        panic!("{actions:?}");
    };
    *verifying
}

#[test]
fn many_signatures_are_verified_beside_the_core_and_one_peers_puts_stay_in_order() {
    let mut bench = Bench::new(1);
    let many = u8::try_from(AT_ONCE_MAX).expect("few") + 1;
    let (big, small) = (record_by_many(1, 1, many), record(2, 1));
    let few = request(&mut bench, 5, put(&record_by_many(3, 1, many - 1)));
    assert!(matches!(few.as_slice(), [Action::Write { .. }]), "at once");

    let first = verifying(&request(&mut bench, 5, put(&big)));
    let second = verifying(&request(&mut bench, 5, put(&small)));
    assert!(first < second);
    let other = request(&mut bench, 6, put(&small));
    assert!(
        matches!(other.as_slice(), [Action::Write { .. }]),
        "others do not wait"
    );
    for (verifying, record) in [(first, &big), (second, &small)] {
        let checked = check(&bytes(record), None, bench.now.calendar);
        let written = bench.step(Input::Verified { verifying, checked });
        assert!(matches!(written.as_slice(), [Action::Write { .. }]));
    }
    let after = request(&mut bench, 5, put(&small));
    assert!(
        matches!(after.as_slice(), [Action::Write { .. }]),
        "nothing waits before it"
    );
}

#[test]
fn what_is_verified_beside_the_core_is_held_against_its_sender_too() {
    let many = u8::try_from(AT_ONCE_MAX).expect("few") + 1;
    let record = record_by_many(1, 1, many);
    let check = |checked: Checked, code: &str, offends: bool| {
        let mut bench = Bench::new(1);
        let verifying = verifying(&request(&mut bench, 5, put(&record)));
        let ended = bench.step(Input::Verified { verifying, checked });
        let invalid = Refusal::Invalid(ErrorCode(code.to_owned()));
        assert_eq!(answer(&ended), Some(&Response::Refused(invalid)));
        assert_eq!(bench.points(&contact(5).peer) < BAD, offends);
        let checked = Checked::Invalid("signature");
        let again = bench.step(Input::Verified { verifying, checked });
        assert!(again.is_empty(), "answered once");
    };
    check(Checked::Invalid("signature"), "signature", true);
    check(Checked::OutOfTime("expired"), "expired", false);
}

#[test]
fn verifications_have_a_bound_for_one_and_for_all() {
    let mut bench = Bench::new(1);
    let many = u8::try_from(AT_ONCE_MAX).expect("few") + 1;
    let record = record_by_many(1, 1, many);
    let mut under_way = 0;
    for from in 1..=30 {
        let mut its = 0;
        while matches!(
            request(&mut bench, from, put(&record)).as_slice(),
            [Action::Verify { .. }]
        ) {
            its += 1;
        }
        assert!(its == VERIFYING_OF_ONE_MAX || under_way + its == VERIFYING_OF_KIND_MAX);
        under_way += its;
    }
    assert_eq!(under_way, VERIFYING_OF_KIND_MAX);
    assert_eq!(answer(&request(&mut bench, 40, put(&record))), Some(&BUSY));
}

#[test]
fn what_the_store_has_no_room_for_is_refused_and_told_to_nobody() {
    // How near a record has to be is the store's to know: it alone knows what would have to go.
    let mut bench = Bench::new(40);
    let far = bench.person(|rank| rank >= 20);
    let actions = request(&mut bench, 5, put(&record(far, 1)));
    let [Action::Write { writing, .. }] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    let (writing, result) = (*writing, Written::Refused(Refusal::Full));
    let ended = bench.step(Input::Written { writing, result });
    assert_eq!(ended.len(), 1, "neither announced nor noticed: {ended:?}");
    let refused = Response::Refused(Refusal::Full);
    assert_eq!(answer(&ended), Some(&refused));
}

#[test]
fn a_put_is_answered_by_what_it_is() {
    let invalid = |code: &str| Response::Refused(Refusal::Invalid(ErrorCode(code.to_owned())));
    let check = |record: Arc<[u8]>, response: Response, offends: bool| {
        let mut bench = Bench::new(1);
        bench.disk.put(&super::record(1, 2));
        let expected = Expected::Older;
        let actions = request(&mut bench, 5, Request::Put { record, expected });
        assert_eq!(answer(&actions), Some(&response));
        assert_eq!(
            bench.points(&contact(5).peer) < BAD,
            offends,
            "{response:?}"
        );
    };
    let newer = Refusal::Older(bytes(&record(1, 2)));
    check(bytes(&record(1, 2)), Response::Stored, false);
    check(bytes(&record(1, 1)), Response::Refused(newer), false);
    check(
        bytes(&record_of(2, 1, (0, 500), 1)),
        invalid("expired"),
        false,
    );
    let later = record_of(2, 1, (90_000, 100_000), 1);
    check(bytes(&later), invalid("not-yet-valid"), false);
}

#[test]
fn an_exact_replay_costs_no_signature() {
    let mut bench = Bench::new(1);
    let (old, held) = (record(1, 1), record(1, 2));
    bench.disk.put(&held);
    let from = contact(5).peer;
    let all = Cost::Signatures(1_000);
    bench.core.spend(bench.now, from, all);
    let replayed = request(&mut bench, 5, put(&held));
    assert_eq!(answer(&replayed), Some(&Response::Stored));
    // What is not held has to be verified.
    assert_eq!(answer(&request(&mut bench, 5, put(&old))), Some(&BUSY));
    bench.pass(1_000);
    let refused = Response::Refused(Refusal::Older(bytes(&held)));
    assert_eq!(answer(&request(&mut bench, 5, put(&old))), Some(&refused));
}

#[test]
fn what_does_not_verify_costs_its_sender() {
    let mut bench = Bench::new(1);
    let record: Arc<[u8]> = [bytes(&record(1, 1)).as_ref(), &[0]].concat().into();
    let expected = Expected::Older;
    let actions = request(&mut bench, 5, Request::Put { record, expected });
    let refused = |it: &Response| matches!(it, Response::Refused(Refusal::Invalid(_)));
    assert!(answer(&actions).is_some_and(refused), "{actions:?}");
    assert!(bench.points(&contact(5).peer) < BAD);
}

#[test]
fn who_asks_is_not_told_of_itself_and_nothing_expired_is_served() {
    let mut bench = Bench::new(30);
    bench.disk.put(&record_of(1, 1, (0, 500), 1));
    let at = Position::of_record(&record(1, 1));
    for want in [Want::Record, Want::Summary, Want::Contacts] {
        let actions = request(&mut bench, 5, Request::Get { at, want });
        let Some(Response::Got { value, closer }) = answer(&actions) else {
            panic!("{actions:?}");
        };
        assert_eq!(*value, Value::Nothing);
        assert_eq!(closer.len(), 20);
        assert!(
            closer
                .iter()
                .all(|it| it.peer != contact(5).peer && it.peer != ME)
        );
    }
}
