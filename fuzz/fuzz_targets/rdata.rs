//! RDATA of every type, from the wire and from text: what is valid says so in text that reads back to the same bytes.
//! The input is the number of a type in two bytes, and RDATA or its text.
#![no_main]

use dotkey_fuzz::{refused, text, within};
use dotkey_proto::dns::{RecordType, WireName, rdata};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((number, content)) = data.split_first_chunk() else {
        return;
    };
    let rtype = RecordType(u16::from_be_bytes(*number));
    let zone: WireName = "mysite.key.".parse().expect("a name");
    match within(0, || rdata::check(rtype, content)) {
        Ok(()) => round_trip(rtype, content, &zone),
        Err(error) => {
            refused(&error, error.code());
            // Shown all the same, to whoever looks for the fault.
            let shown = rdata::display(rtype, content, None).to_string();
            assert!(shown.starts_with("\\# "), "{shown}");
        }
    }
    let Some(text) = text(content) else {
        return;
    };
    // A word of one byte, such as `@`, can stand for a whole name.
    match within(512 * text.len() + 4096, || {
        rdata::from_text(rtype, text, Some(&zone))
    }) {
        Ok(bytes) => {
            rdata::check(rtype, &bytes).expect("what text gives is valid");
            round_trip(rtype, &bytes, &zone);
        }
        Err(error) => refused(&error, error.code()),
    }
});

fn round_trip(rtype: RecordType, bytes: &[u8], zone: &WireName) {
    for origin in [None, Some(zone)] {
        let shown = rdata::display(rtype, bytes, origin).to_string();
        let again = rdata::from_text(rtype, &shown, origin);
        assert_eq!(again.as_deref(), Ok(bytes), "{rtype} {shown}");
    }
}
