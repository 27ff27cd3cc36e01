//! Trust anchors, one a line: what is read is shown as it is read again, and what is refused is refused with its line.
#![no_main]

use dotkey_fuzz::{refused, text};
use dotkey_resolver::upstream::Anchors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    match Anchors::parse(text) {
        Err(error) => {
            refused(&error, "anchors");
            assert!(error.to_string().starts_with("line "), "{error}");
        }
        Ok(anchors) => {
            let shown = anchors.to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
            // What is read twice takes its own place.
            let again = Anchors::parse(text).expect("it was read before");
            assert_eq!(anchors.with(again.clone()).to_string(), again.to_string());
        }
    }
});
