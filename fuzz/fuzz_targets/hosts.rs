//! A hosts file, and a record as the configuration has one: each is taken, or refused in a line that a terminal can show.
#![no_main]

use dotkey_fuzz::{refused, text, within};
use dotkey_resolver::ordinary::Local;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    let mut local = Local::default();
    // Each name may be of many labels, each of which has a place of its own.
    let most = 16 * 1024 * (text.lines().count() + 1) + 600 * text.len();
    if let Err(error) = within(most, || local.add_hosts(text)) {
        refused(&error, "hosts");
    }
    for line in text.lines() {
        if let Err(error) = local.add(line) {
            refused(&error, "local");
        }
    }
});
