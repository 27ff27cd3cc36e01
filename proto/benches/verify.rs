//! Verifying records, and what it costs beside the signature check that nobody can leave out.

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group};
use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_proto::record::{Claims, SignedRecord};
use dotkey_proto::signature::{SecretKey, Signable};
use dotkey_proto::time::Timestamp;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha512};

const NOW: u64 = 1_795_223_554;
const SEED: [u8; 32] = [7; 32];

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

/// A record of one signature and just `len` bytes in all, with the message that its signature covers.
fn record_of(len: usize) -> (SignedRecord, Vec<u8>) {
    let secret = SecretKey::from_seed(&SEED);
    let key = PublicKey::Ed25519(secret.public());
    // The head of a byte string grows with it, so the frame is measured on one of about the final size.
    let mut body = len - 400;
    loop {
        let claims = Claims {
            key_id: Policy::bare_key_id(key),
            sequence: 7,
            not_before: time(NOW - 600),
            expires: time(NOW + 86_400),
            branch: None,
            chain: vec![Policy::bare(key).encode().expect("sound")],
            body: vec![0x55; body],
        };
        let mut draft = claims.draft().expect("sound");
        draft.sign(&secret);
        let bytes = draft.encode();
        if bytes.len() == len {
            let Signable::Bytes(message) = draft.signable(&key) else {
                unreachable!("ed25519 signs bytes");
            };
            return (SignedRecord::new(bytes), message);
        }
        body = body + len - bytes.len();
    }
}

/// The library's own verification of the same message, with the key decoded beforehand.
fn bare(message: &[u8]) -> (VerifyingKey, Signature) {
    let secret = SigningKey::from_bytes(&SEED);
    (secret.verifying_key(), secret.sign(message))
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for len in [1024, 16 * 1024, RECORD_BYTES_MAX] {
        let (record, _) = record_of(len);
        assert!(record.verify(time(NOW), None).is_ok());
        group.bench_function(format!("{len} bytes"), |bencher| {
            bencher.iter(|| black_box(&record).verify(time(NOW), None));
        });
    }
    group.finish();
}

criterion_group!(benches, verify);

fn main() {
    benches();
    let (small, message) = record_of(1024);
    let (key, signature) = bare(&message);
    support::ratio(
        "verify 1 KiB record / verify_strict of the same message",
        1.25,
        || black_box(&small).verify(time(NOW), None).is_ok(),
        || key.verify_strict(black_box(&message), &signature).is_ok(),
    );
    let (large, _) = record_of(RECORD_BYTES_MAX);
    let digest = Sha512::digest(large.as_bytes());
    let (key, signature) = bare(&digest);
    support::ratio(
        "verify 64 KiB record / hashing it once (SHA-512) and verify_strict of the digest",
        1.3,
        || black_box(&large).verify(time(NOW), None).is_ok(),
        || {
            let digest = Sha512::digest(black_box(large.as_bytes()));
            key.verify_strict(&digest, &signature).is_ok()
        },
    );
}
