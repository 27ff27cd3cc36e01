//! A packet that comes in over UDP: silence, or an answer that is no longer than it may be and that others can read.
#![no_main]

use dotkey_fuzz::asked::{answers, client, run, service};
use dotkey_resolver::transport::Transport;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let said = run(service().answer(data, client(Transport::Udp)));
    if let Some(reply) = said {
        answers(data, &reply.bytes, 1232);
        // What is asked again is answered from what is kept, and the same.
        let again = run(service().answer(data, client(Transport::Udp)));
        let again = again.expect("it was answered before");
        assert_eq!(again.bytes.len(), reply.bytes.len());
    }
});
