//! Records, stores and processes for the tests here.

use std::path::Path;
use std::process::Command;

use dotkey_proto::record::{Record, SignedRecord, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;
use dotkey_registry::dht::core::Written;
use dotkey_registry::dht::core::reconcile::{Fingerprint, Prefix, Shelf};
use dotkey_registry::dht::message::Expected;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::store::{RecordStore, StoreConfig, StoreError};

/// Says to a child process where its store is; without it the children's tests do nothing.
pub(crate) const FOLDER: &str = "DOTKEY_TEST_STORE";

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_795_000_000).expect("in range")
}

pub(crate) fn record(seed: u16, sequence: u64) -> Verified<Record> {
    let [high, low] = seed.to_be_bytes();
    let mut secret = [7; 32];
    secret[..2].copy_from_slice(&[high, low]);
    let secret = SecretKey::from_seed(&secret);
    // Each another body, which does not compress away.
    let body = (0..300_u32)
        .map(|n| (n.wrapping_mul(u32::from(seed) + 40_503) >> 7) as u8)
        .collect();
    let window = now()..now().saturating_add(86_400);
    let signed = SignedRecord::of_bare_key(&secret, sequence, window, body);
    let verified = signed.expect("sound").verify(now(), None);
    verified.expect("valid")
}

pub(crate) fn open(folder: &Path) -> Result<RecordStore, StoreError> {
    let config = StoreConfig {
        bytes_max: 1 << 30,
        position: Position([0x5a; 32]),
    };
    RecordStore::open(folder, config)
}

pub(crate) fn write(store: &RecordStore, record: &Verified<Record>) -> Written {
    let batch = vec![(Box::new(record.clone()), Expected::Older)];
    store.write_all(batch, now()).remove(0)
}

/// Every record can be read, is what its summary says, and is counted.
pub(crate) fn check_whole(store: &RecordStore) {
    let all = store.list(&Prefix::ALL, usize::MAX);
    assert_eq!(store.status().count, all.len() as u64);
    assert_eq!(store.fingerprint(&Prefix::ALL), Fingerprint::of_all(&all));
    for (position, summary) in &all {
        let held = store.get(position).expect("it reads").expect("listed");
        assert_eq!(held.summary, *summary);
        let record = SignedRecord::new(held.bytes).verify(now(), None);
        assert_eq!(record.expect("valid").digest(), summary.digest);
    }
}

/// This program again, to run one test of it.
pub(crate) fn myself(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program"));
    command.args([test, "--exact", "--nocapture"]);
    command.env(FOLDER, folder);
    command
}
