//! A record that lacks signatures is taken up as it was put down.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::record::Claims;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (claims, draft) = match within(128 * data.len() + 4096, || Claims::resume(data)) {
        Ok(resumed) => resumed,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    assert_eq!(draft.encode(), data);
    assert_eq!(Claims::decode(draft.payload()).as_ref(), Ok(&claims));
    let again = claims.draft().expect("it was a draft already");
    assert_eq!(
        (again.subject(), again.payload()),
        (draft.subject(), draft.payload())
    );
});
