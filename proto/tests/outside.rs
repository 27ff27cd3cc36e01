//! Test vectors that others published: for the primitives, and for what this crate makes of them.

#[path = "outside/ecdsa.rs"]
mod ecdsa;
#[path = "outside/ed25519.rs"]
mod ed25519;
#[path = "outside/ethereum.rs"]
mod ethereum;
#[path = "outside/hashes.rs"]
mod hashes;

/// The bytes of base 16, which may be broken into lines.
fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .expect("the digits stand in this test")
}

fn array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().expect("so many bytes")
}
