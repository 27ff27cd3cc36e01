//! A chain that stands by itself has one encoding, and verifying foreign bytes ends in one precise error.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::identity::{Anchor, Chain, KeyId, key_id_of, policy_digest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let chain = match within(8 * data.len() + 1024, || Chain::decode(data)) {
        Ok(chain) => chain,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    let elements: Vec<_> = chain.elements().collect();
    assert_eq!(Chain::encode(&elements), data);
    let other = KeyId::from_bytes([0; 32]);
    assert!(
        chain.verify(other, None).is_err(),
        "a chain belongs to one identity"
    );
    let pinned = Anchor {
        key_id: other,
        number: 0,
        digest: policy_digest(elements[0]),
        least_sequence: None,
    };
    for (key_id, anchor) in [(key_id_of(elements[0]), None), (other, Some(&pinned))] {
        match within(128 * data.len() + 4096, || chain.verify(key_id, anchor)) {
            Ok(authority) => {
                assert_eq!(authority.key_id(), key_id);
                assert!(
                    chain.signature_count() + 1 >= elements.len(),
                    "every update is signed"
                );
            }
            Err(error) => refused_by_protocol(&error, error.code()),
        }
    }
});
