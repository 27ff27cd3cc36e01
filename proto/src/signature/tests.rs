use std::string::ToString;
use std::vec::Vec;

use k256::ecdsa::{RecoveryId, Signature, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::identity::KeyId;

fn subject() -> Subject {
    Subject::Record {
        key_id: KeyId::from_bytes([3; 32]),
        branch: Some("blog".parse().expect("a branch")),
        sequence: 7,
    }
}

fn other_subject() -> Subject {
    Subject::PolicyUpdate {
        key_id: KeyId::from_bytes([3; 32]),
        policy: crate::identity::Policy::bare(PublicKey::Ed25519(
            SecretKey::from_seed(&[1; 32]).public(),
        ))
        .into(),
    }
}

fn code<T>(result: Result<T, SignatureError>) -> Result<T, &'static str> {
    result.map_err(|error| error.code())
}

/// A wallet that signs as `personal_sign` does.
fn wallet(seed: u8) -> (PublicKey, SigningKey) {
    let secret = SigningKey::from_slice(&[seed; 32]).expect("a scalar");
    let point = secret.verifying_key().to_sec1_point(false);
    let digest: [u8; 32] = sha3::Digest::finalize(sha3::Digest::chain_update(
        <sha3::Keccak256 as sha3::Digest>::new(),
        &point.as_bytes()[1..],
    ))
    .into();
    let address = PublicKey::from_bytes(Algorithm::Wallet, &digest[12..]).expect("20 bytes");
    (address, secret)
}

fn personal_sign(secret: &SigningKey, text: &str) -> [u8; 65] {
    let (signature, recovery) = secret.sign_prehash_recoverable(&wallet_message_hash(text));
    with_v(&signature, recovery)
}

fn with_v(signature: &Signature, recovery: RecoveryId) -> [u8; 65] {
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = 27 + recovery.to_byte();
    bytes
}

fn signed_draft() -> Draft {
    let mut draft = Draft::new(subject(), b"payload".to_vec());
    draft.sign(&SecretKey::from_seed(&[1; 32]));
    draft.sign(&SecretKey::from_seed(&[2; 32]));
    draft
}

#[test]
fn signing_in_turns() {
    let bytes = signed_draft().encode();
    let resumed = Draft::decode(&bytes, |_| Ok::<_, SignatureError>(subject())).expect("sound");
    assert_eq!(resumed.signers().len(), 2);
    assert_eq!(resumed.encode(), bytes);
    let foreign = Draft::decode(&bytes, |_| Ok::<_, SignatureError>(other_subject()));
    assert_eq!(code(foreign.map(drop)), Err("bad-signature"));
}

#[test]
fn an_unsigned_draft_is_no_envelope() {
    let bytes = Draft::new(subject(), b"payload".to_vec()).encode();
    assert_eq!(
        code(Envelope::decode(&bytes).map(drop)),
        Err("out-of-range")
    );
}

#[test]
fn wallets_sign_what_they_show() {
    let (address, secret) = wallet(5);
    let mut draft = Draft::new(subject(), b"payload".to_vec());
    let Signable::Text(text) = draft.signable(&address) else {
        panic!("a wallet signs a text");
    };
    let head = "dotkey record\nzone: ";
    assert!(
        text.starts_with(head) && text.contains("\nbranch: blog\nsequence: 7\ndigest: "),
        "{text}"
    );
    let signature = personal_sign(&secret, &text);
    assert_eq!(code(draft.add(address, &signature)), Ok(()));
    let (stranger, _) = wallet(6);
    assert_eq!(code(draft.add(stranger, &signature)), Err("bad-signature"));
}

#[test]
fn malleable_wallet_signatures_are_refused() {
    let (address, secret) = wallet(5);
    let mut draft = Draft::new(subject(), b"payload".to_vec());
    let Signable::Text(text) = draft.signable(&address) else {
        panic!("a wallet signs a text");
    };
    let (signature, recovery) = secret.sign_prehash_recoverable(&wallet_message_hash(&text));
    let (r, s) = signature.split_scalars();
    let high = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).expect("in range");
    let flipped = RecoveryId::new(!recovery.is_y_odd(), false);
    assert_eq!(
        code(draft.add(address, &with_v(&high, flipped))),
        Err("high-s")
    );
    let mut raw_v = with_v(&signature, recovery);
    raw_v[64] -= 27;
    assert_eq!(code(draft.add(address, &raw_v)), Err("bad-signature"));
    assert_eq!(code(draft.add(address, &[0; 65])), Err("bad-signature"));
}

const POINTS: &[(&str, Result<(), &str>)] = &[
    // RFC 8032 section 7.1, test 1.
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        Ok(()),
    ),
    // The eight encodings of points of small order, and the non-canonical ones of two of them.
    (
        "0100000000000000000000000000000000000000000000000000000000000000",
        Err("weak-key"),
    ),
    (
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        Err("weak-key"),
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000000",
        Err("weak-key"),
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000080",
        Err("weak-key"),
    ),
    (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        Err("weak-key"),
    ),
    (
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        Err("weak-key"),
    ),
    (
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        Err("weak-key"),
    ),
    (
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        Err("weak-key"),
    ),
    (
        "0100000000000000000000000000000000000000000000000000000000000080",
        Err("weak-key"),
    ),
    (
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        Err("weak-key"),
    ),
    (
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        Err("weak-key"),
    ),
    // Above the prime, though the point it would reduce to is a good one.
    (
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        Err("weak-key"),
    ),
    // Not on the curve.
    (
        "0200000000000000000000000000000000000000000000000000000000000000",
        Err("weak-key"),
    ),
];

#[test]
fn keys_are_usable_points() {
    let hex = |text: &str| {
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .expect("hexadecimal")
    };
    for (bytes, expected) in POINTS.iter().copied() {
        let found = PublicKey::from_bytes(Algorithm::Ed25519, &hex(bytes)).map(drop);
        assert_eq!(code(found), expected, "{bytes}");
    }
}

#[test]
fn keys_are_written_and_read() {
    let text = "ed25519:d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(text.parse::<PublicKey>().expect("a key").to_string(), text);
    // EIP-55's own examples.
    for text in [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ] {
        assert_eq!(
            text.to_lowercase()
                .parse::<PublicKey>()
                .expect("a key")
                .to_string(),
            text
        );
        assert_eq!(text.parse::<PublicKey>().expect("a key").to_string(), text);
        let upper = alloc::format!("0x{}", text[2..].to_uppercase());
        assert_eq!(upper.parse::<PublicKey>().expect("a key").to_string(), text);
        // A digit that is wrong shows in the case of the others.
        let mistyped = alloc::format!(
            "{}{}",
            &text[..41],
            if text.ends_with('d') { "e" } else { "d" }
        );
        let error = mistyped.parse::<PublicKey>().expect_err("mistyped");
        assert_eq!(error.code(), "address-checksum", "{mistyped}");
    }
    for text in [
        "",
        "ed25519:",
        "ed25519:zz",
        "rsa:00",
        "0x12",
        "0xzz",
        "d75a",
    ] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn a_changed_bit_is_noticed(position in 0_usize..10_000, bit in 0_u8..8) {
        let bytes = signed_draft().encode();
        let mut changed = bytes.clone();
        let position = position % bytes.len();
        changed[position] ^= 1 << bit;
        let draft = Draft::decode(&changed, |_| Ok::<_, SignatureError>(subject()));
        prop_assert!(draft.is_err(), "byte {position}, bit {bit}");
    }

    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        let mut tagged = Vec::from([0xd8, 98]);
        tagged.extend_from_slice(&bytes);
        let _ = (Envelope::decode(&bytes), Envelope::decode(&tagged));
    }
}
