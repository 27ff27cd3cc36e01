//! EDNS as we speak it, and the sizes it settles.

use hickory_proto::op::Edns;

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

/// How long a UDP answer to this query may be. The client's wish counts between our bounds only: a larger one would make us
/// an amplifier.
#[must_use]
pub fn udp_answer_bytes(query: Option<&Edns>) -> u16 {
    query.map_or(UDP_ANSWER_BYTES_MIN, |edns| {
        edns.max_payload()
            .clamp(UDP_ANSWER_BYTES_MIN, UDP_ANSWER_BYTES_MAX)
    })
}

/// The OPT record of an answer. RFC 6891 section 6.1.1: only who sent one gets one.
#[must_use]
pub fn of_answer(query: Option<&Edns>) -> Option<Edns> {
    let query = query?;
    let mut answer = Edns::new();
    answer
        .set_version(VERSION)
        .set_max_payload(UDP_ANSWER_BYTES_MAX)
        // RFC 3225 section 3: DO comes back as it was sent.
        .set_dnssec_ok(query.flags().dnssec_ok);
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(payload: u16, dnssec_ok: bool) -> Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(payload).set_dnssec_ok(dnssec_ok);
        edns
    }

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
            assert_eq!(
                udp_answer_bytes(Some(&query(asked, false))),
                given,
                "{asked}"
            );
        }
    }

    #[test]
    fn an_answer_echoes_do_and_states_our_size() {
        assert!(of_answer(None).is_none());
        for dnssec_ok in [true, false] {
            let answer = of_answer(Some(&query(4096, dnssec_ok))).expect("the query had one");
            assert_eq!(answer.flags().dnssec_ok, dnssec_ok);
            assert_eq!(
                (answer.version(), answer.max_payload()),
                (VERSION, UDP_ANSWER_BYTES_MAX)
            );
        }
    }
}
