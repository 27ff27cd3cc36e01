//! A genesis file that was read is written to one that reads the same.
#![no_main]

use dotkey_fuzz::{refused, text};
use dotkey_proto::text::toml::{parse_genesis, write_genesis};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    match parse_genesis(text, "genesis.toml") {
        Ok(genesis) => {
            let written = write_genesis(&genesis);
            assert_eq!(
                parse_genesis(&written, "genesis.toml").as_ref(),
                Ok(&genesis)
            );
        }
        Err(error) => refused(&error, error.code()),
    }
});
