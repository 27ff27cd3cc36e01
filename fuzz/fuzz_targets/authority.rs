//! The file of the gateway's authority: certificates and a key in PEM.
#![no_main]

use dotkey_gateway::authority::fuzzed::authority;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match authority(data) {
        Ok(authority) => {
            let described = authority.described();
            assert_eq!(described.permitted[0], "DNS:key");
            assert!(described.critical);
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() < 1_000, "{said}");
            assert!(!said.chars().any(char::is_control), "{said:?}");
        }
    }
});
