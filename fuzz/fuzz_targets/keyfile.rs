//! Key files and identity files: one encoding each, and a cost that no hostile file can raise.
#![no_main]

use dotkey_fuzz::{refused, within};
use dotkey_proto::keyfile::{IdentityFile, KeyFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(4 * data.len() + 1024, || KeyFile::decode(data)) {
        Ok(file) => check(&file, data),
        Err(error) => refused(&error, error.code()),
    }
    match within(16 * data.len() + 4096, || IdentityFile::decode(data)) {
        Ok(file) => {
            assert!(IdentityFile::claims(data) && !KeyFile::claims(data));
            assert_eq!(file.encode(), data);
            file.keys.iter().for_each(|key| check(key, &key.encode()));
        }
        Err(error) => refused(&error, error.code()),
    }
});

fn check(file: &KeyFile, bytes: &[u8]) {
    assert!(KeyFile::claims(bytes) && !IdentityFile::claims(bytes));
    assert_eq!(file.encode(), bytes);
    assert!(bytes.starts_with(b"dotkey key v1\n"));
    let cost = file.cost;
    assert!(
        cost.memory_kib <= 256 * 1024
            && (1..=16).contains(&cost.passes)
            && cost.lanes * 8 <= cost.memory_kib
    );
}
