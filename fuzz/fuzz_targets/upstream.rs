//! What an upstream says: the answer to a question, then what it says of zones, each behind its length as TCP has it. Whatever it is,
//! what clients get of it is about the question, short-lived, without private addresses and without a word about our suffix.
#![no_main]

use dotkey_fuzz::asked::run;
use dotkey_proto::dns::{RecordType, WireName};
use dotkey_resolver::upstream::fuzzed::heard;
use libfuzzer_sys::fuzz_target;

/// Messages of one input: what one question leads to.
const MESSAGES_MAX: usize = 16;

fuzz_target!(|data: &[u8]| {
    let mut messages = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk::<2>()
        && messages.len() < MESSAGES_MAX
    {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (message, after) = after.split_at(length);
        messages.push(message);
        rest = after;
    }
    let ours: WireName = "key.".parse().expect("a name");
    let Some(heard) = run(heard(&messages, &ours)) else {
        return;
    };
    assert!(!heard.verified, "nobody has signed it: {heard:?}");
    assert!(heard.signatures <= 512, "{} signatures", heard.signatures);
    for set in heard.answers.iter().chain(&heard.authorities) {
        assert!(set.ttl <= 86_400, "{set:?}");
        assert!(!set.rdata.is_empty(), "{set:?}");
        assert!(set.owner.relative_to(&ours).is_err(), "{set:?}");
        if set.rtype == RecordType::A {
            let is_private = |rdata: &Vec<u8>| matches!(rdata[..], [10 | 127, ..] | [192, 168, ..]);
            assert!(!set.rdata.iter().any(is_private), "{set:?}");
        }
    }
    if let Some(why) = heard.extended {
        assert!(!why.text.chars().any(char::is_control), "{why:?}");
    }
});
