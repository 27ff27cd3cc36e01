//! What a visitor of the gateway sends first: TLS's first message, and everything that is none.
#![no_main]

use std::sync::OnceLock;

use dotkey_fuzz::asked::{now, run};
use dotkey_gateway::authority::TlsAcceptor;
use dotkey_gateway::authority::fuzzed::{acceptor, greeted};
use libfuzzer_sys::fuzz_target;

static ACCEPTOR: OnceLock<TlsAcceptor> = OnceLock::new();

fuzz_target!(|data: &[u8]| {
    let acceptor = ACCEPTOR.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("dotkey-hello-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let made = acceptor(&folder, now()).expect("an authority");
        std::fs::remove_dir_all(&folder).expect("ours");
        made
    });
    let (answer, refused) = run(greeted(data, acceptor));
    // Nobody ends a handshake whose keys he learns from the answer, when he has said everything before.
    assert!(refused.is_some());
    let is_alert_or_handshake = answer.first().is_none_or(|kind| [21, 22].contains(kind));
    assert!(is_alert_or_handshake, "{answer:?}");
});
