//! What finding d differences between two stores of 100,000 records costs, in bytes of messages both ways. The records themselves
//! are not counted: they have to go over whatever finds them. Takes no time worth measuring, so it is no criterion benchmark, and
//! criterion's options are ignored. It fails when a bound is passed, because these numbers do not depend on the machine.

use dotkey_proto::time::Timestamp;
use dotkey_registry::dht::codec::length_of;
use dotkey_registry::dht::core::reconcile::{MemoryShelf, Prefix, Session, respond};
use dotkey_registry::dht::message::{Request, Response, Summary};
use dotkey_registry::dht::peer::Position;

const RECORDS: u64 = 100_000;

/// Two identical stores.
const EQUAL_BYTES_MAX: usize = 4096;

/// A single difference; of more, each costs no more than where there are fewer.
const EACH_BYTES_MAX: usize = 4096;

const CLOCK: Timestamp = Timestamp::MAX;

#[derive(Default)]
struct Cost {
    bytes: usize,
    requests: usize,
    sessions: usize,
}

fn main() {
    let equal = cost(0);
    println!(
        "ratio: reconcile two equal stores of {RECORDS} = {} bytes (limit {EQUAL_BYTES_MAX}) [{} request]",
        equal.bytes, equal.requests
    );
    let mut failed = equal.bytes >= EQUAL_BYTES_MAX;
    let mut limit = EACH_BYTES_MAX;
    for differences in [1, 10, 100, 1_000, 10_000] {
        let Cost {
            bytes,
            requests,
            sessions,
        } = cost(differences);
        let each = bytes.div_ceil(differences);
        println!(
            "ratio: reconcile {differences} differences in {RECORDS} = {each} bytes each (limit {limit}) [{bytes} bytes, \
             {requests} requests, {sessions} sessions]"
        );
        failed |= each > limit;
        // The more there are, the less each costs: they share the way down.
        limit = each;
    }
    assert!(!failed, "reconciliation costs more than its bound");
}

fn record(number: u64, sequence: u64) -> (Position, Summary) {
    let position = Position::of_place(blake3::hash(&number.to_be_bytes()).as_bytes());
    let digest = *blake3::hash(&position.0).as_bytes();
    let summary = Summary {
        policy: 0,
        sequence,
        digest,
    };
    (position, summary)
}

/// Sessions until one finds nothing: also that one is paid for.
fn cost(differences: usize) -> Cost {
    let (mut here, mut there) = stores(differences);
    let mut cost = Cost::default();
    let mut found = 0;
    loop {
        let session = session(&here, &there, &mut cost);
        let some = session.missing_here().len() + session.missing_there().len();
        if some == 0 {
            break;
        }
        found += some;
        for (position, summary) in session.missing_here() {
            here.insert(*position, *summary);
        }
        for position in session.missing_there() {
            there.insert(*position, *here.get(position).expect("it is here"));
        }
    }
    assert_eq!(found, differences, "each is found once");
    cost
}

/// A third of the differences is missing here, a third missing there, a third newer here.
fn stores(differences: usize) -> (MemoryShelf, MemoryShelf) {
    let (mut here, mut there) = (MemoryShelf::default(), MemoryShelf::default());
    for number in 0..RECORDS {
        // Sequences of a zone that changes every minute: small ones would flatter the encoding.
        let (position, summary) = record(number, 1_000_000 + number);
        let different = number < differences as u64;
        if !(different && number % 3 == 0) {
            here.insert(position, summary);
        }
        if !(different && number % 3 == 1) {
            there.insert(position, summary);
        }
        if different && number % 3 == 2 {
            let newer = Summary {
                sequence: summary.sequence + 1,
                ..summary
            };
            here.insert(position, newer);
        }
    }
    (here, there)
}

fn session(here: &MemoryShelf, there: &MemoryShelf, cost: &mut Cost) -> Session {
    let mut session = Session::begin(Prefix::ALL);
    cost.sessions += 1;
    while let Some(probes) = session.request(here) {
        cost.requests += 1;
        let request = Request::Reconcile {
            clock: CLOCK,
            probes,
        }
        .encode();
        cost.bytes += length_of(&request).len() + request.len();
        let Ok(Request::Reconcile { probes, .. }) = Request::decode(&request) else {
            unreachable!("it was just encoded");
        };
        let compared = respond(there, &probes);
        let response = Response::Reconciled {
            clock: CLOCK,
            compared,
        }
        .encode();
        cost.bytes += length_of(&response).len() + response.len();
        let Ok(Response::Reconciled { compared, .. }) = Response::decode(&response) else {
            unreachable!("it was just encoded");
        };
        session.answer(compared, here).expect("an honest store");
    }
    session
}
