//! Owners of records, with real keys.

use dotkey_proto::record::{Record, SignedRecord, VALIDITY_SECS_DEFAULT, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;

use super::BEGIN_SECS;

/// Someone who publishes.
pub struct Person {
    secret: SecretKey,
}

impl Person {
    /// The same number is the same person.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let secret = SecretKey::from_seed(&seed);
        Self { secret }
    }

    /// A record, signed and verified.
    #[must_use]
    pub fn record(&self, sequence: u64) -> Verified<Record> {
        let begin = Timestamp::from_secs(BEGIN_SECS).expect("in range");
        let window = begin..begin.saturating_add(VALIDITY_SECS_DEFAULT);
        let signed = SignedRecord::of_bare_key(&self.secret, sequence, window, vec![0xa0]);
        let verified = signed.expect("sound claims").verify(begin, None);
        verified.expect("it was signed just now")
    }
}
