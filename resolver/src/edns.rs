//! EDNS as we speak it, and the sizes it settles.

/// Fits one unfragmented UDP packet on any path (DNS flag day 2020): fragments are what spoofing and loss live on.
pub const UDP_ANSWER_BYTES_MAX: u16 = 1232;

/// What a client gets that speaks no EDNS, or asks for less. RFC 1035 section 4.2.1.
pub const UDP_ANSWER_BYTES_MIN: u16 = 512;

/// The one version there is. RFC 6891 section 6.1.3: others get BADVERS with the version we know.
pub const VERSION: u8 = 0;

/// RFC 8467 section 4.1: encrypted answers are padded to a multiple of this, so that their length tells little.
pub const ANSWER_PADDING_BYTES: usize = 468;

/// RFC 8467 section 4.1, for the queries we send.
pub const QUERY_PADDING_BYTES: usize = 128;

const _: () = assert!(UDP_ANSWER_BYTES_MIN < UDP_ANSWER_BYTES_MAX);

/// How long a UDP answer may be to a query with this size in its OPT. The client's wish counts between our bounds only: a larger one
/// would make us an amplifier.
#[must_use]
pub fn udp_answer_bytes(payload: Option<u16>) -> u16 {
    payload.map_or(UDP_ANSWER_BYTES_MIN, |payload| {
        payload.clamp(UDP_ANSWER_BYTES_MIN, UDP_ANSWER_BYTES_MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_stay_within_our_bounds() {
        assert_eq!(udp_answer_bytes(None), 512);
        for (asked, given) in [
            (0, 512),
            (512, 512),
            (1000, 1000),
            (1232, 1232),
            (65_535, 1232),
        ] {
            assert_eq!(udp_answer_bytes(Some(asked)), given, "{asked}");
        }
    }
}
