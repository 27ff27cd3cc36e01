//! A name has one normalised form: whatever it displays reads back as itself. The input is a name, or a suffix, a line end
//! and a name.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, text, within};
use dotkey_proto::dns::Owner;
use dotkey_proto::name::{
    KeyUri, Name, Root, Suffix, encode_ed25519, encode_key_id, encode_wallet,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(text) = text(data) else {
        return;
    };
    let (suffix, text) = match text.split_once('\n') {
        Some((suffix, text)) => match Suffix::parse(suffix) {
            Ok(suffix) => {
                assert_eq!(Suffix::parse(suffix.as_ascii()).as_ref(), Ok(&suffix));
                (suffix, text)
            }
            Err(error) => return refused_by_protocol(&error, error.code()),
        },
        None => (Suffix::KEY, text),
    };
    match within(128 * text.len() + 8192, || Name::parse(text, &suffix)) {
        Ok(name) => check(&name, &suffix),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});

fn check(name: &Name, suffix: &Suffix) {
    let ascii = name.as_ascii();
    assert!(ascii.len() <= 253 && !ascii.bytes().any(|byte| byte.is_ascii_uppercase()));
    let forms = [
        ascii.to_owned(),
        ascii.to_ascii_uppercase(),
        format!("{ascii}."),
        name.to_unicode().into_owned(),
    ];
    for form in forms.into_iter().chain(name.path_form()) {
        assert_eq!(Name::parse(&form, suffix).as_ref(), Ok(name), "{form:?}");
    }
    let uri = KeyUri::parse(&name.uri(), suffix).expect("it wrote itself so");
    assert_eq!(uri.name(), name);

    let apex = name.apex();
    assert_eq!(Name::parse(apex.as_ascii(), suffix), Ok(apex.clone()));
    assert_eq!((apex.root(), apex.below()), (name.root(), ""));
    let below = if name.below().is_empty() {
        String::new()
    } else {
        format!("{}.", name.below())
    };
    assert_eq!(
        format!("{below}{}.{}", name.root_label(), name.suffix()),
        ascii
    );
    Owner::check_wire(&name.owner_wire()).expect("a zone can have this owner");
    let label = match name.root() {
        Root::Claimed => return,
        Root::KeyId(key_id) => encode_key_id(key_id),
        Root::Ed25519(key) => encode_ed25519(key),
        Root::Wallet(address) => encode_wallet(address),
    };
    assert_eq!(label, name.root_label(), "a key has one label");
}
