//! Owners of records, with real keys.

use dotkey_proto::identity::{Policy, key_id_of};
use dotkey_proto::record::{Claims, Record, SignedRecord, VALIDITY_SECS_DEFAULT, Verified};
use dotkey_proto::signature::{PublicKey, SecretKey};
use dotkey_proto::time::Timestamp;

use super::BEGIN_SECS;

/// Someone who publishes.
pub struct Person {
    secret: SecretKey,
    policy: Vec<u8>,
}

impl Person {
    /// The same number is the same person.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let secret = SecretKey::from_seed(&seed);
        let policy = Policy::bare(PublicKey::Ed25519(secret.public()));
        let policy = policy.encode().expect("a bare key's policy is sound");
        Self { secret, policy }
    }

    /// A record, signed and verified.
    #[must_use]
    pub fn record(&self, sequence: u64) -> Verified<Record> {
        let begin = Timestamp::from_secs(BEGIN_SECS).expect("in range");
        let claims = Claims {
            key_id: key_id_of(&self.policy),
            sequence,
            not_before: begin,
            expires: begin.saturating_add(VALIDITY_SECS_DEFAULT),
            branch: None,
            chain: vec![self.policy.clone()],
            body: vec![0xa0],
        };
        let mut draft = claims.draft().expect("sound claims");
        draft.sign(&self.secret);
        let verified = SignedRecord::new(draft.encode()).verify(begin, None);
        verified.expect("it was signed just now")
    }
}
