//! Any count of seconds is either refused or displayed as RFC 3339, in the order of the counts.
#![no_main]

use dotkey_proto::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|seconds: [u64; 2]| {
    let [first, second] = seconds.map(Timestamp::from_secs);
    let (Some(first), Some(second)) = (first, second) else {
        return;
    };
    let (first_text, second_text) = (first.to_string(), second.to_string());
    assert_eq!(first_text.len(), "2026-11-21T01:12:34Z".len());
    assert_eq!(first.cmp(&second), first_text.cmp(&second_text));
    assert_eq!(
        first.saturating_add(second.secs_since(first)),
        first.max(second)
    );
});
