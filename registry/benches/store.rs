//! What the record store costs beside RocksDB itself, and beside the signatures that nobody can leave out.
//!
//! Both sides take turns in one run and on one disk, so that a busy machine moves both alike. Nothing here fails: the reader of the
//! lines judges.

use std::hint::black_box;
use std::time::Instant;

use dotkey_proto::record::{Record, SignedRecord, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;
use dotkey_registry::dht::core::Written;
use dotkey_registry::dht::message::Expected;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::store::{Change, Column, RecordStore, Store, StoreConfig};
use tempfile::TempDir;

/// Bytes of a record.
const RECORD_BYTES: usize = 1024;

/// Records a batch: one publisher, a burst, a reconciliation.
const BATCHES: [usize; 3] = [1, 16, 256];

/// The store may write at no less than this share of what RocksDB alone does: it also keeps the indexes and the count of bytes.
const SPEED_RATIO_MIN: f64 = 0.5;

/// Verifying and writing together may take at most this many times what both take apart.
const VERIFYING_RATIO_MAX: f64 = 1.15;

/// Records that each side writes a measurement, the more the steadier.
const RECORDS: usize = 4096;
const RECORDS_QUICK: usize = 512;

fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000).expect("in range")
}

/// A record of a place of its own, of about [`RECORD_BYTES`].
fn record(number: usize) -> SignedRecord {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    let secret = SecretKey::from_seed(&seed);
    let mut state = number as u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    let body = (0..RECORD_BYTES - 330).map(|_| noise()).collect();
    let window = now()..now().saturating_add(86_400);
    SignedRecord::of_bare_key(&secret, 1, window, body).expect("sound")
}

fn verify(record: &SignedRecord) -> Box<Verified<Record>> {
    let verified = record.clone().verify(now(), None);
    Box::new(verified.expect("valid"))
}

fn fresh() -> (TempDir, RecordStore) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = StoreConfig {
        bytes_max: 1 << 40,
        position: Position([0; 32]),
    };
    let store = RecordStore::open(folder.path(), config).expect("a store");
    (folder, store)
}

/// Runs `write` on each piece and gives the seconds that all of it took.
fn seconds<T>(pieces: impl Iterator<Item = T>, mut write: impl FnMut(T)) -> f64 {
    let start = Instant::now();
    pieces.for_each(&mut write);
    start.elapsed().as_secs_f64()
}

/// The store, records verified beforehand.
fn ours(records: &[Box<Verified<Record>>], batch: usize) -> f64 {
    let (_folder, store) = fresh();
    let batches: Vec<Vec<_>> = records
        .chunks(batch)
        .map(|chunk| chunk.iter().map(|r| (r.clone(), Expected::Older)).collect())
        .collect();
    seconds(batches.into_iter(), |batch| {
        let written = store.write_all(batch, now());
        assert!(written.iter().all(|written| *written == Written::New));
    })
}

/// The store, verifying each batch before it.
fn ours_verifying(records: &[SignedRecord], batch: usize) -> f64 {
    let (_folder, store) = fresh();
    seconds(records.chunks(batch), |chunk| {
        let batch = chunk.iter().map(|r| (verify(r), Expected::Older)).collect();
        assert_eq!(store.write_all(batch, now()).len(), chunk.len());
    })
}

/// RocksDB: the same bytes under the same keys, the same batches, synced.
fn raw(records: &[Box<Verified<Record>>], batch: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("a store");
    let places: Vec<_> = records.iter().map(|r| Position::of_record(r)).collect();
    let pairs: Vec<_> = places.iter().zip(records).collect();
    seconds(pairs.chunks(batch), |chunk| {
        let changes: Vec<_> = chunk
            .iter()
            .map(|(place, record)| Change::Put {
                column: Column::Records,
                key: &place.0,
                value: record.as_bytes(),
            })
            .collect();
        store.write(&changes).expect("written");
    })
}

fn signatures(records: &[SignedRecord]) -> f64 {
    seconds(records.iter(), |record| {
        black_box(verify(black_box(record)));
    })
}

/// The best of a few turns of both: others who sync the same disk only ever add to a turn.
fn in_turns(rounds: usize, work: impl Fn() -> f64, yardstick: impl Fn() -> f64) -> (f64, f64) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(work());
        b.push(yardstick());
    }
    let best = |turns: Vec<f64>| turns.into_iter().fold(f64::INFINITY, f64::min);
    (best(a), best(b))
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (count, rounds) = if quick {
        (RECORDS_QUICK, 7)
    } else {
        (RECORDS, 5)
    };
    let signed: Vec<_> = (0..count).map(record).collect();
    let verified: Vec<_> = signed.iter().map(verify).collect();
    for batch in BATCHES {
        // Single writes are the slowest: an eighth of them says enough.
        let part = if batch == 1 { count / 8 } else { count };
        let (signed, verified) = (&signed[..part], &verified[..part]);
        let per_second = |seconds: f64| part as f64 / seconds;
        let (us, them) = in_turns(rounds, || ours(verified, batch), || raw(verified, batch));
        println!(
            "ratio: store writes / raw RocksDB synced writes, batches of {batch} = {:.2} (at least {SPEED_RATIO_MIN}) [{:.0} / {:.0} records/s]",
            them / us,
            per_second(us),
            per_second(them)
        );
        let (on, off) = in_turns(
            rounds,
            || ours_verifying(signed, batch),
            || ours(verified, batch) + signatures(signed),
        );
        println!(
            "ratio: store with verification / store without + signatures, batches of {batch} = {:.2} (at most {VERIFYING_RATIO_MAX}) [{:.0} / {:.0} records/s]",
            on / off,
            per_second(on),
            per_second(off)
        );
    }
}
