//! A master file that was read is written to one that reads the same, and writing that changes nothing.
#![no_main]

use dotkey_fuzz::{refused, text, within};
use dotkey_proto::dns::{WireName, rdata};
use dotkey_proto::text::master::{self, Entry, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    let origin: WireName = "mysite.key.".parse().expect("a name");
    let options = Options {
        file_name: "mysite.zone",
        origin: &origin,
        ttl_default: None,
    };
    // A short line inherits an owner, and `@` stands for a whole name: each at most 255 bytes.
    let entries = match within(512 * text.len() + 4096, || master::parse(text, &options)) {
        Ok(entries) => entries,
        Err(error) => {
            let lines = text.split('\n').count();
            assert!(
                (1..=lines).contains(&error.line) && error.column >= 1,
                "{error}"
            );
            return refused(&error, error.code());
        }
    };
    for entry in &entries {
        rdata::check(entry.rtype, &entry.rdata).expect("what was read is valid");
    }
    let written = master::write(&origin, &entries);
    if written.len() > master::FILE_BYTES_MAX {
        return;
    }
    let again =
        master::parse(&written, &options).unwrap_or_else(|error| panic!("{written}\n{error}"));
    let facts = |entry: &Entry| {
        (
            entry.owner.clone(),
            entry.ttl,
            entry.rtype,
            entry.rdata.clone(),
        )
    };
    assert!(
        entries.iter().map(facts).eq(again.iter().map(facts)),
        "{written}"
    );
    assert_eq!(master::write(&origin, &again), written);
});
