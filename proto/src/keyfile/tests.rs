use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::signature::SecretKey;

fn key_file() -> KeyFile {
    KeyFile {
        public: SecretKey::from_seed(&[1; 32]).public(),
        cost: Cost::RECOMMENDED,
        salt: [2; 16],
        nonce: [3; 24],
        sealed: [4; 48],
    }
}

/// `file` with the one stretch of bytes `from` replaced.
fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = file
        .windows(from.len())
        .position(|w| w == from)
        .expect("it is there");
    [&file[..at], to, &file[at + from.len()..]].concat()
}

#[test]
fn key_files_come_back() {
    let file = key_file();
    assert_eq!(KeyFile::decode(&file.encode()), Ok(file.clone()));
    assert!(file.encode().len() < KEY_FILE_BYTES_MAX / 2);
    assert!(file.encode().starts_with(&file.associated_data()[..14]));
}

#[test]
fn a_cost_that_would_exhaust_memory_is_refused() {
    let file = key_file().encode();
    // [65536, 3, 4], and the same with one number out of bounds.
    let cost = [0x83, 0x1a, 0, 1, 0, 0, 3, 4];
    for hostile in [
        [0x83, 0x1a, 0, 4, 0, 1, 3, 4],
        [0x83, 0x1a, 0xff, 0xff, 0xff, 0xff, 3, 4],
        [0x83, 0x1a, 0, 1, 0, 0, 17, 4],
        [0x83, 0x1a, 0, 1, 0, 0, 0, 4],
        [0x83, 0x1a, 0, 1, 0, 0, 3, 17],
        [0x83, 0x1a, 0, 1, 0, 0, 3, 0],
    ] {
        let error = KeyFile::decode(&replaced(&file, &cost, &hostile)).expect_err("out of bounds");
        assert_eq!(error.code(), "out-of-range", "{hostile:?}");
    }
    let most = replaced(&file, &cost, &[0x83, 0x1a, 0, 4, 0, 0, 16, 16]);
    assert!(
        KeyFile::decode(&most).is_ok(),
        "the bounds themselves are allowed"
    );
}

#[test]
fn what_is_no_key_file_is_refused() {
    let file = key_file().encode();
    let check = |bytes: &[u8], code: &str| {
        let error = KeyFile::decode(bytes).expect_err(code);
        assert_eq!(error.code(), code, "{error}");
    };
    check(b"", "not-this-kind");
    check(b"-----BEGIN", "not-this-kind");
    check(&file[1..], "not-this-kind");
    check(&file[..file.len() - 1], "truncated");
    check(&[&file[..], b"\n"].concat(), "trailing-bytes");
    check(&vec![0; KEY_FILE_BYTES_MAX + 1], "too-large");
    let small_order = [&[1][..], &[0; 31]].concat();
    check(
        &replaced(&file, key_file().public.as_bytes(), &small_order),
        "weak-key",
    );
    for end in 0..file.len() {
        assert!(KeyFile::decode(&file[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn identity_files_come_back() {
    let public = IdentityFile {
        chain: vec![vec![1, 2], vec![3]],
        keys: Vec::new(),
    };
    assert_eq!(IdentityFile::decode(&public.encode()), Ok(public.clone()));
    let secret = IdentityFile {
        keys: vec![key_file(), key_file()],
        ..public
    };
    assert_eq!(IdentityFile::decode(&secret.encode()), Ok(secret.clone()));
    assert!(KeyFile::decode(&secret.encode()).is_err());
    let empty = IdentityFile {
        chain: Vec::new(),
        keys: Vec::new(),
    };
    let error = IdentityFile::decode(&empty.encode()).expect_err("nothing in it");
    assert_eq!(error.code(), "out-of-range");
}
