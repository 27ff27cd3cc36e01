//! Rotation: chains of arbitrary policies with real signatures are accepted exactly when section 3.7 says so.
//!
//! So no update without the old admins' threshold, none against `next`, none signed for another identity, number or kind of
//! thing, none out of its place, no recovery without its anchor, and nothing after one changed byte.
#![no_main]

use arbitrary::{Result, Unstructured};
use dotkey_fuzz::chain::Built;
use dotkey_fuzz::{changed, refused_by_protocol, within};
use dotkey_proto::identity::{Anchor, Authority, Chain, ChainError, KeyId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let built = Built::arbitrary(input)?;
    let anchor = built.anchor(input)?;
    let bytes = Chain::encode(&built.elements);
    let verified = verify(&bytes, built.key_id, anchor.as_ref());
    assert_eq!(
        verified.is_ok(),
        built.is_valid(anchor.as_ref()),
        "{:?}, {verified:?}",
        built.policies
    );
    let Ok(authority) = verified else {
        return Ok(());
    };
    assert_eq!(authority.policy(), built.newest());
    assert_eq!(Some(&authority.digest()), built.digests.last());

    let changed =
        changed(&bytes, input.arbitrary()?, input.arbitrary()?).expect("a chain is not empty");
    let verified = verify(&changed, built.key_id, anchor.as_ref());
    assert!(verified.is_err(), "one byte changed, and still accepted");
    if built.elements.len() > 1 {
        let mut elements = built.elements;
        let (from, to) = (
            input.choose_index(elements.len())?,
            input.choose_index(elements.len())?,
        );
        elements.swap(from, to);
        let verified = verify(&Chain::encode(&elements), built.key_id, anchor.as_ref());
        assert_eq!(verified.is_ok(), from == to, "an update out of its place");
    }
    Ok(())
}

fn verify(
    bytes: &[u8],
    key_id: KeyId,
    anchor: Option<&Anchor>,
) -> core::result::Result<Authority, ChainError> {
    let verified = within(128 * bytes.len() + 4096, || {
        Chain::decode(bytes)?.verify(key_id, anchor)
    });
    if let Err(error) = &verified {
        refused_by_protocol(error, error.code());
    }
    verified
}
