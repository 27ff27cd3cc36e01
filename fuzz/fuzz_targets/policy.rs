//! A policy that is read keeps every rule and is written to the same bytes.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::identity::{Policy, PublicKey, Role};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let policy = match within(64 * data.len() + 4096, || Policy::decode(data)) {
        Ok(policy) => policy,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    assert_eq!(policy.check(), Ok(()));
    assert_eq!(
        policy.encode().as_deref(),
        Ok(data),
        "a policy has one encoding"
    );
    for role in [Role::Admin, Role::Publish] {
        assert!(
            policy.threshold(&role).is_some_and(|needed| needed > 0),
            "no role acts on nobody's word"
        );
    }
    for (role, needed) in &policy.thresholds {
        let everyone = policy.keys.iter().map(|key| &key.public);
        assert!(
            policy.weight_of(role, everyone) >= *needed,
            "every role can act"
        );
    }
    for key in &policy.keys {
        let text = key.public.to_string();
        assert_eq!(text.parse::<PublicKey>(), Ok(key.public), "{text}");
    }
});
