//! A `key://` URI keeps what follows its name, and its parts put together are the same URI.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, text, within};
use dotkey_proto::name::{KeyUri, Suffix};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    let uri = match within(128 * text.len() + 8192, || {
        KeyUri::parse(text, &Suffix::KEY)
    }) {
        Ok(uri) => uri,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    assert!(uri.path().starts_with('/'));
    let mut whole = uri.name().uri();
    assert_eq!(whole.pop(), Some('/'));
    whole.push_str(uri.path());
    if let Some(query) = uri.query() {
        whole = format!("{whole}?{query}");
    }
    if let Some(fragment) = uri.fragment() {
        whole = format!("{whole}#{fragment}");
    }
    let again = KeyUri::parse(&whole, &Suffix::KEY).expect("its own parts");
    let parts = |uri: &KeyUri| {
        (
            uri.name().clone(),
            uri.path().to_owned(),
            uri.query().map(str::to_owned),
            uri.fragment().map(str::to_owned),
        )
    };
    assert_eq!(parts(&again), parts(&uri), "{whole:?}");
});
