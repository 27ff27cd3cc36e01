//! A record as it comes from the network: what verifies is what its claims say, at just the times they say.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::record::{Claims, SignedRecord};
use dotkey_proto::signature::Envelope;
use dotkey_proto::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let record = SignedRecord::new(data);
    let claims = Envelope::decode(data).ok().and_then(|envelope| {
        let claims = Claims::decode(envelope.payload).ok()?;
        if let Ok(draft) = claims.draft() {
            assert_eq!(
                draft.payload(),
                envelope.payload,
                "a payload has one encoding"
            );
        }
        Some(claims)
    });
    let Some(claims) = claims else {
        let error = record
            .verify(Timestamp::MAX, None)
            .expect_err("it says nothing");
        return refused_by_protocol(&error, error.code());
    };
    let last = claims.expires.saturating_sub(1);
    for now in [
        claims.not_before,
        last,
        claims.not_before.saturating_sub(1),
        claims.expires,
    ] {
        let inside = claims.not_before <= now && now <= last;
        match within(128 * data.len() + 4096, || record.verify(now, None)) {
            Ok(verified) => {
                assert!(inside);
                assert_eq!(verified.as_bytes(), data);
                assert_eq!(verified.body(), claims.body);
                assert_eq!(
                    (verified.key_id(), verified.sequence()),
                    (claims.key_id, claims.sequence)
                );
                assert_eq!(verified.branch(), claims.branch.as_ref());
                assert!(verified.cmp_age(&verified).is_eq());
            }
            Err(error) => {
                let code = error.code();
                // Only the size is looked at before the time.
                let untimely = code == "expired" || code == "not-yet-valid";
                assert!(untimely != inside || code == "too-large", "{error}");
                refused_by_protocol(&error, code);
            }
        }
    }
});
