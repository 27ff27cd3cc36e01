//! The record store as its users see it. Damage, crashes and full disks are in `registry/tests/store_*.rs`.

mod newcomers;

use std::sync::mpsc::channel;

use dotkey_proto::record::{Record, SignedRecord, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;
use tempfile::TempDir;

use super::format::OVERHEAD_BYTES;
use super::*;
use crate::dht::core::reconcile::{Fingerprint, Prefix, Shelf};
use crate::dht::core::{Writing, Written};
use crate::dht::message::{Expected, Refusal, Summary};
use crate::dht::peer::Position;

const BEGIN: u64 = 1_795_000_000;
const OWN: Position = Position([0x5a; 32]);

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(BEGIN + secs).expect("in range")
}

fn now() -> Timestamp {
    time(10)
}

/// A record of its own place, by `seed`, that expires `lives` seconds after the beginning.
fn record(seed: u8, sequence: u64, lives: u64) -> Box<Verified<Record>> {
    record_of(seed, sequence, lives, 300)
}

/// The same, with a body of so many bytes.
fn record_of(seed: u8, sequence: u64, lives: u64, body: usize) -> Box<Verified<Record>> {
    let secret = SecretKey::from_seed(&[seed; 32]);
    let window = time(0)..time(lives);
    let signed = SignedRecord::of_bare_key(&secret, sequence, window, vec![0x55; body]);
    let verified = signed.expect("sound").verify(time(0), None);
    Box::new(verified.expect("valid"))
}

fn lasting(seed: u8, sequence: u64) -> Box<Verified<Record>> {
    record(seed, sequence, 1000)
}

fn cost(record: &Record) -> u64 {
    record.as_bytes().len() as u64 + OVERHEAD_BYTES
}

fn open(folder: &TempDir, bytes_max: u64) -> RecordStore {
    let position = OWN;
    let config = StoreConfig {
        bytes_max,
        position,
    };
    RecordStore::open(folder.path(), config).expect("it opens")
}

fn roomy(folder: &TempDir) -> RecordStore {
    open(folder, 1 << 30)
}

fn write(store: &RecordStore, record: &Verified<Record>, expected: Expected) -> Written {
    let batch = vec![(Box::new(record.clone()), expected)];
    store.write_all(batch, now()).remove(0)
}

fn bytes_at(store: &RecordStore, record: &Record) -> Option<Vec<u8>> {
    let held = store.get(&Position::of_record(record)).expect("it reads");
    held.map(|held| held.bytes.to_vec())
}

/// What memory says of the store is what is on its disk.
fn check_sums(store: &RecordStore) {
    let all = store.list(&Prefix::ALL, usize::MAX);
    assert_eq!(store.fingerprint(&Prefix::ALL), Fingerprint::of_all(&all));
    assert_eq!(store.status().count, all.len() as u64);
    let mut bytes = 0;
    for (position, summary) in &all {
        let held = store.get(position).expect("it reads").expect("listed");
        assert_eq!(held.summary, *summary);
        bytes += held.bytes.len() as u64 + OVERHEAD_BYTES;
        for nibbles in [1, 3, 4, 64] {
            let prefix = Prefix::of(position, nibbles);
            let under = all.iter().filter(|(at, _)| prefix.contains(at));
            assert_eq!(store.fingerprint(&prefix), Fingerprint::of_all(under));
        }
    }
    assert_eq!(store.status().bytes, bytes);
}

#[test]
fn compare_and_swap() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    let [one, two, three] = [1, 2, 3].map(|sequence| lasting(1, sequence));
    let bytes = |record: &Record| record.as_bytes().into();
    let unexpected = |there| Written::Refused(Refusal::Unexpected(there));
    let table = [
        (&two, Expected::Digest(one.digest()), unexpected(None)),
        (&two, Expected::Nothing, Written::New),
        (&two, Expected::Older, Written::Known),
        (&two, Expected::Nothing, Written::Known),
        (
            &one,
            Expected::Older,
            Written::Refused(Refusal::Older(bytes(&two))),
        ),
        (&three, Expected::Nothing, unexpected(Some(bytes(&two)))),
        (
            &three,
            Expected::Digest(one.digest()),
            unexpected(Some(bytes(&two))),
        ),
        (&three, Expected::Digest(two.digest()), Written::New),
    ];
    for (record, expected, result) in table {
        assert_eq!(write(&store, record, expected), result, "{expected:?}");
        check_sums(&store);
    }
    assert_eq!(bytes_at(&store, &three), Some(three.as_bytes().to_vec()));
}

#[test]
fn a_batch_sees_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    let [one, two, three] = [1, 2, 3].map(|sequence| lasting(1, sequence));
    let on_two = Expected::Digest(two.digest());
    let batch = vec![
        (two.clone(), Expected::Nothing),
        (one, Expected::Older),
        (two.clone(), Expected::Older),
        (three.clone(), on_two),
        (lasting(2, 1), Expected::Nothing),
    ];
    let older = Written::Refused(Refusal::Older(two.as_bytes().into()));
    let (new, known) = (Written::New, Written::Known);
    let expected = [new.clone(), older, known, new.clone(), new];
    assert_eq!(store.write_all(batch, now()), expected);
    assert_eq!(bytes_at(&store, &three), Some(three.as_bytes().to_vec()));
    check_sums(&store);
    assert_eq!(store.status().count, 2);
}

#[test]
fn it_is_there_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    let records: Vec<_> = (0..40).map(|seed| lasting(seed, 1)).collect();
    for record in &records {
        assert_eq!(write(&store, record, Expected::Older), Written::New);
    }
    let before = (
        store.fingerprint(&Prefix::ALL),
        store.list(&Prefix::ALL, 99),
    );
    let status = store.status();
    drop(store);
    let store = roomy(&folder);
    assert_eq!(
        before,
        (
            store.fingerprint(&Prefix::ALL),
            store.list(&Prefix::ALL, 99)
        )
    );
    assert_eq!(store.status().bytes, status.bytes);
    check_sums(&store);
    assert_eq!(store.list(&Prefix::ALL, 7), before.1[..7]);
    assert_eq!(store.list(&Prefix::ALL, 0), []);
    for record in &records {
        let held = store.get(&Position::of_record(record)).expect("it reads");
        let held = held.expect("it was acknowledged");
        assert_eq!(held.summary, Summary::of(record));
        assert_eq!(held.bytes[..], *record.as_bytes());
        assert_eq!(held.expires, record.expires());
    }
}

#[test]
fn the_expired_leave_and_stand_in_nobodys_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    for seed in 0..10 {
        let record = record(seed, 5, 100 + u64::from(seed));
        assert_eq!(write(&store, &record, Expected::Older), Written::New);
    }
    // A renewed one keeps only its later expiry.
    assert_eq!(write(&store, &lasting(0, 6), Expected::Older), Written::New);
    let expired = store.expire(time(104)).expect("written");
    assert_eq!(expired.records, 4, "the seeds 1 to 4");
    assert_eq!(store.status().count, 6);
    check_sums(&store);

    let late = vec![(record(5, 6, 105), Expected::Older)];
    let refused = store.write_all(late, time(105)).remove(0);
    assert!(
        matches!(&refused, Written::Refused(Refusal::Invalid(code)) if code.0 == "expired"),
        "{refused:?}"
    );
    let older = |seed, expected| {
        let batch = vec![(lasting(seed, 1), expected)];
        store.write_all(batch, time(107)).remove(0)
    };
    assert_eq!(older(5, Expected::Nothing), Written::New);
    let was = record(6, 5, 106).digest();
    assert_eq!(older(6, Expected::Digest(was)), Written::New);
    check_sums(&store);
}

#[test]
fn a_clock_that_is_set_back_hides_nothing_from_expiry() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    let gone = |secs| store.expire(time(secs)).expect("written").records;
    assert_eq!(gone(500), 0);
    assert_eq!(
        write(&store, &record(1, 1, 100), Expected::Older),
        Written::New
    );
    assert_eq!(
        write(&store, &record(2, 1, 700), Expected::Older),
        Written::New
    );
    assert_eq!((gone(99), gone(100), gone(699), gone(700)), (0, 1, 0, 1));
    check_sums(&store);
}

#[test]
fn more_expire_than_leave_in_one_batch() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    let keys: Vec<_> = (0..=plan::EXPIRED_MAX as u64)
        .map(|number| {
            let position = Position(blake3::hash(&number.to_be_bytes()).into());
            format::expiry_key(time(50), &position)
        })
        .collect();
    let put = |key| Change::Put {
        column: Column::RecordExpiries,
        key,
        value: &[],
    };
    // Entries without a record, as a repair that was cut short might leave them, hide no record behind them.
    let changes: Vec<_> = keys.iter().map(|key| put(key)).collect();
    store.store().write(&changes).expect("written");
    assert_eq!(
        write(&store, &record(1, 1, 100), Expected::Older),
        Written::New
    );
    assert_eq!(store.expire(time(100)).expect("written").records, 1);
    assert_eq!(
        store
            .store()
            .get(Column::RecordExpiries, &keys[0])
            .expect("read"),
        None
    );
    check_sums(&store);
}

#[test]
fn the_farthest_leave_and_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut records: Vec<_> = (0..30).map(|seed| lasting(seed, 1)).collect();
    records.sort_by_key(|record| OWN.distance(&Position::of_record(record)));
    let room = records[..20].iter().map(|record| cost(record)).sum();
    let store = open(&folder, room);
    let batch = |records: &[Box<Verified<Record>>]| {
        let all = records
            .iter()
            .map(|record| (record.clone(), Expected::Older));
        store.write_all(all.collect(), now())
    };
    assert_eq!(batch(&records[5..25]), vec![Written::New; 20]);
    let full = Written::Refused(Refusal::Full);
    assert_eq!(batch(&records[25..]), vec![full.clone(); 5]);
    assert_eq!(store.status().count, 20);
    assert_eq!(batch(&records[..5]), vec![Written::New; 5]);
    for (rank, record) in records.iter().enumerate() {
        assert_eq!(bytes_at(&store, record).is_some(), rank < 20, "{rank}");
    }
    check_sums(&store);
    // The expired go first, however close.
    let brief: Vec<_> = (0..30).map(|seed| record(seed, 2, 20)).collect();
    let closest = Position::of_record(&records[0]);
    let brief = brief
        .into_iter()
        .find(|brief| Position::of_record(brief) == closest)
        .expect("the same seeds");
    assert_eq!(batch(&[brief]), [Written::New]);
    let late = vec![(records[20].clone(), Expected::Older)];
    assert_eq!(store.write_all(late, time(20)), [Written::New]);
    assert!(store.get(&closest).expect("it reads").is_none());
    check_sums(&store);
    drop(store);

    let smaller = open(&folder, room / 2);
    let gone = smaller.expire(now()).expect("written");
    assert!(gone.records >= 9, "{gone:?}");
    assert!(smaller.status().bytes <= room / 2);
    check_sums(&smaller);
}

#[test]
fn nothing_fits_in_no_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let only = lasting(1, 1);
    let full = Written::Refused(Refusal::Full);
    let tight = open(&folder, cost(&only) - 1);
    assert_eq!(write(&tight, &only, Expected::Older), full);
    assert_eq!(tight.status().count, 0);
    drop(tight);
    let just = open(&folder, cost(&only));
    assert_eq!(write(&just, &only, Expected::Older), Written::New);
    check_sums(&just);
}

#[test]
fn the_writer_answers_each_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = roomy(&folder);
    let (done, results) = channel();
    let writer = Writer::spawn(store.clone(), move |writing, written| {
        done.send((writing, written)).expect("the test listens");
    });
    let records: Vec<_> = (1..=300).map(|n| lasting(1, n)).collect();
    for (number, record) in (0..).zip(&records) {
        let submitted = writer.submit(Writing(number), record.clone(), Expected::Older, now());
        submitted.expect("fewer than may wait");
    }
    drop(writer);
    let results: Vec<_> = results.iter().collect();
    let expected = (0..300).map(|number| (Writing(number), Written::New));
    assert_eq!(results, expected.collect::<Vec<_>>());
    let last = records.last().expect("300");
    assert_eq!(bytes_at(&store, last), Some(last.as_bytes().to_vec()));
}

#[test]
fn the_writer_refuses_what_would_wait_too_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let (gate, closed) = channel::<()>();
    let (done, results) = channel();
    let writer = Writer::spawn(roomy(&folder), move |writing, _| {
        let _ = closed.recv(); // Until the gate is dropped.
        done.send(writing).expect("the test listens");
    });
    let one = lasting(1, 1);
    let submit = |number| writer.submit(Writing(number), one.clone(), Expected::Older, now());
    let most = WAITING_MAX as u64 + 257;
    let taken = (0..most).take_while(|number| submit(*number).is_ok());
    let taken = taken.count() as u64;
    assert!(taken >= WAITING_MAX as u64, "{taken}");
    let refused = submit(taken).expect_err("no more waits");
    assert!(matches!(refused, Refusal::Busy { .. }), "{refused:?}");
    drop(gate);
    drop(writer);
    let answered: Vec<_> = results.iter().collect();
    assert_eq!(answered, (0..taken).map(Writing).collect::<Vec<_>>());
}

#[test]
fn a_backup_is_the_store_at_a_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let beside = tempfile::tempdir().expect("a folder");
    let (to, back) = (
        beside.path().join("copy"),
        TempDir::new().expect("a folder"),
    );
    let store = roomy(&folder);
    let records: Vec<_> = (0..20).map(|seed| lasting(seed, 1)).collect();
    for record in &records {
        assert_eq!(write(&store, record, Expected::Older), Written::New);
    }
    let bytes = store.backup(&to).expect("written");
    assert!(bytes > 20 * 300, "{bytes}");
    let again = store.backup(&to).expect_err("it is there");
    assert!(matches!(again, StoreError::Exists { .. }), "{again}");
    assert_eq!(write(&store, &lasting(0, 2), Expected::Older), Written::New);
    drop(store);

    let refused = restore(&to, folder.path()).expect_err("a store is there");
    assert!(matches!(refused, StoreError::Exists { .. }), "{refused}");
    let missing = restore(&to.join("x"), back.path()).expect_err("nothing there");
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing}");
    restore(&to, back.path()).expect("into an empty folder");
    let restored = roomy(&back);
    check_sums(&restored);
    for record in &records {
        assert_eq!(
            bytes_at(&restored, record),
            Some(record.as_bytes().to_vec())
        );
    }
}
