//! Votes that somebody brings against a validator: who is shown to have signed two things really has a seat, in the epoch that the bytes name, and the same
//! bytes show nothing in another network.
#![no_main]

use std::sync::LazyLock;

use dotkey_fuzz::consensus::{Identity, committee_of_four, shown};
use libfuzzer_sys::fuzz_target;

static VALIDATORS: LazyLock<Vec<Identity>> = LazyLock::new(committee_of_four);

fuzz_target!(|data: &[u8]| {
    let (found, epoch) = shown(data, &[7; 32], &VALIDATORS);
    let Some(found) = found else {
        return;
    };
    assert_eq!((found.votes.as_ref(), Some(found.epoch)), (data, epoch));
    let mut seats = VALIDATORS.iter().map(|one| one.validator("").identity);
    assert!(seats.any(|identity| identity == found.validator));
    assert!(shown(data, &[8; 32], &VALIDATORS).0.is_none());
});
