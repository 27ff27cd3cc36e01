//! BLAKE3 and Keccak-256 by their published values, and z-base-32 by a key that others published.

use dotkey_proto::name::encode_ed25519;
use sha3::{Digest, Keccak256};

use super::array;

/// The `derive_key` column of BLAKE3's own vectors, to 32 bytes.
#[test]
fn blake3_derive_key() {
    let context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    for (length, derived) in [
        (
            0,
            "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d",
        ),
        (
            1,
            "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c",
        ),
        (
            1023,
            "74a16c1c3d44368a86e1ca6df64be6a2f64cce8f09220787450722d85725dea5",
        ),
        (
            1024,
            "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706",
        ),
        (
            1025,
            "effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb",
        ),
        (
            2048,
            "7b2945cb4fef70885cc5d78a87bf6f6207dd901ff239201351ffac04e1088a23",
        ),
        (
            2049,
            "2ea477c5515cc3dd606512ee72bb3e0e758cfae7232826f35fb98ca1bcbdf273",
        ),
        (
            3072,
            "050df97f8c2ead654d9bb3ab8c9178edcd902a32f8495949feadcc1e0480c46b",
        ),
        (
            4097,
            "aca51029626b55fda7117b42a7c211f8c6e9ba4fe5b7a8ca922f34299500ead8",
        ),
        (
            7169,
            "554b0a5efea9ef183f2f9b931b7497995d9eb26f5c5c6dad2b97d62fc5ac31d9",
        ),
    ] {
        let material: Vec<u8> = (0..251).cycle().take(length).collect();
        assert_eq!(
            blake3::derive_key(context, &material),
            array(derived),
            "{length}"
        );
    }
}

/// Keccak-256, which is not SHA3-256.
#[test]
fn keccak_256() {
    for (message, digest) in [
        (
            "",
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        ),
        (
            "abc",
            "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
        ),
    ] {
        let found: [u8; 32] = Keccak256::digest(message).into();
        assert_eq!(found, array(digest), "{message}");
    }
}

/// A key in the tests of Oxen's encoders; pkarr writes keys the same way.
#[test]
fn z_base_32() {
    let key = array("f16ba5591039f089b42a834175093094074d0d937a79e53e5ce730f946e14b88");
    assert_eq!(
        encode_ed25519(&key),
        "6fi4kseo88aeupbkopyzknjo1odw4dcuxjh6kx1hhhax1tzbjqry"
    );
}
