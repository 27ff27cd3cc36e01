//! A zone file that was read is written to one that reads the same, and its zone is one that a record can carry.
#![no_main]

use dotkey_fuzz::{refused, text};
use dotkey_proto::text::toml;
use dotkey_proto::zone::Zone;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    let document = match toml::parse(text, "mysite.toml") {
        Ok(document) => document,
        Err(error) => {
            assert!(error.line >= 1 && error.column >= 1, "{error}");
            return refused(&error, error.code());
        }
    };
    let body = document.zone.encode();
    assert_eq!(
        Zone::decode(&body, document.branch.as_ref()).as_ref(),
        Ok(&document.zone)
    );
    let written = toml::write(&document);
    let again =
        toml::parse(&written, "mysite.toml").unwrap_or_else(|error| panic!("{written}\n{error}"));
    assert_eq!(again, document, "{written}");
    assert_eq!(toml::write(&again), written);
});
