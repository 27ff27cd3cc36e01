//! Requests of one client at one provider: by weighted rendezvous hash, so that when a provider goes only its clients move.

/// How much a provider wants a client: the highest has it.
pub(super) fn wish(provider: &str, weight: f64, key: &[u8]) -> f64 {
    // The id is of fixed characters without a zero byte, so no other pair has the same bytes.
    let hash = blake3::Hasher::new_derive_key("dotkey sticky v1")
        .update(provider.as_bytes())
        .update(&[0])
        .update(key)
        .finalize();
    let bytes: [u8; 8] = hash.as_bytes()[..8].try_into().expect("eight of 32 bytes");
    // Evenly spread over what lies between 0 and 1, neither of them included.
    let uniform = ((u64::from_le_bytes(bytes) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    weight / -uniform.ln()
}

/// The value of a cookie that keeps a client at a provider: it names the provider without saying its id.
#[must_use]
pub fn token(provider: &str) -> String {
    let hash = blake3::Hasher::new_derive_key("dotkey sticky cookie v1")
        .update(provider.as_bytes())
        .finalize();
    hash.to_hex()[..16].to_owned()
}
