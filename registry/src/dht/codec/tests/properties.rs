//! What holds of all messages.

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use dotkey_proto::identity::KeyId;
use dotkey_proto::record::SEQUENCE_MAX;
use dotkey_proto::time::Timestamp;

use crate::dht::core::reconcile::{Compared, Fingerprint, LISTED_MAX, PROBES_MAX, Prefix, Probe};
use crate::dht::message::{
    Announcement, ErrorCode, Expected, Refusal, Request, Response, Summary, Value, Want,
};
use crate::dht::peer::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Contact, Peer, Position};

use super::time;

fn any_position() -> impl Strategy<Value = Position> {
    any::<[u8; 32]>().prop_map(Position)
}

fn any_summary() -> impl Strategy<Value = Summary> {
    (any::<u32>(), 1..=SEQUENCE_MAX, any::<[u8; 32]>()).prop_map(|(policy, sequence, digest)| {
        Summary {
            policy,
            sequence,
            digest,
        }
    })
}

fn any_record() -> impl Strategy<Value = Arc<[u8]>> {
    vec(any::<u8>(), 1..300).prop_map(Arc::from)
}

fn any_fingerprint() -> impl Strategy<Value = Fingerprint> {
    option::of((1..=SEQUENCE_MAX, any::<u128>())).prop_map(|some| {
        some.map_or_else(Fingerprint::default, |(count, sum)| Fingerprint {
            count,
            sum,
        })
    })
}

fn any_request() -> impl Strategy<Value = Request> {
    let want = prop_oneof![
        Just(Want::Contacts),
        Just(Want::Summary),
        Just(Want::Record)
    ];
    let expected = prop_oneof![
        Just(Expected::Older),
        Just(Expected::Nothing),
        any::<[u8; 32]>().prop_map(Expected::Digest),
    ];
    let probe = (any_position(), 0..=64_u8, any_fingerprint()).prop_map(
        |(position, nibbles, fingerprint)| Probe {
            prefix: Prefix::of(&position, nibbles),
            fingerprint,
        },
    );
    prop_oneof![
        (any_position(), want).prop_map(|(at, want)| Request::Get { at, want }),
        (any_record(), expected).prop_map(|(record, expected)| Request::Put { record, expected }),
        (0..=Timestamp::MAX.as_secs(), vec(probe, 0..=PROBES_MAX)).prop_map(|(secs, probes)| {
            Request::Reconcile {
                clock: time(secs),
                probes,
            }
        }),
    ]
}

fn any_response() -> impl Strategy<Value = Response> {
    let value = prop_oneof![
        Just(Value::Nothing),
        any_summary().prop_map(Value::Summary),
        any_record().prop_map(Value::Record),
    ];
    let address = vec(any::<u8>(), 1..=ADDRESS_BYTES_MAX);
    let contact =
        (any::<[u8; 32]>(), vec(address, 0..=ADDRESSES_MAX)).prop_map(|(peer, addresses)| {
            Contact {
                peer: Peer(peer),
                addresses: addresses.into(),
            }
        });
    let refusal = prop_oneof![
        any_record().prop_map(Refusal::Older),
        option::of(any_record()).prop_map(Refusal::Unexpected),
        "[a-z0-9-]{1,40}".prop_map(|code| Refusal::Invalid(ErrorCode(code))),
        Just(Refusal::Full),
        Just(Refusal::Disk),
        any::<u32>().prop_map(|retry_ms| Refusal::Busy { retry_ms }),
    ];
    let listed = btree_map(any_position(), any_summary(), 0..=LISTED_MAX);
    let compared = prop_oneof![
        Just(Compared::Same),
        vec(any_fingerprint(), 16)
            .prop_map(|all| Compared::Children(Box::new(all.try_into().expect("sixteen")))),
        listed.prop_map(|listed| Compared::Listed(listed.into_iter().collect())),
    ];
    prop_oneof![
        (value, vec(contact, 0..4)).prop_map(|(value, closer)| Response::Got { value, closer }),
        Just(Response::Stored),
        refusal.prop_map(Response::Refused),
        (0..=Timestamp::MAX.as_secs(), vec(compared, 0..5)).prop_map(|(secs, compared)| {
            Response::Reconciled {
                clock: time(secs),
                compared,
            }
        }),
    ]
}

/// One value has one encoding: whatever decodes is encoded to the same bytes.
fn one_encoding(bytes: &[u8]) {
    if let Ok(request) = Request::decode(bytes) {
        assert_eq!(request.encode(), bytes);
    }
    if let Ok(response) = Response::decode(bytes) {
        assert_eq!(response.encode(), bytes);
    }
    if let Ok(announcement) = Announcement::decode(bytes) {
        assert_eq!(announcement.encode(), bytes);
    }
}

proptest! {
    #[test]
    fn requests_come_back(request in any_request()) {
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn responses_come_back(response in any_response()) {
        prop_assert_eq!(Response::decode(&response.encode()), Ok(response));
    }

    #[test]
    fn announcements_come_back(key_id: [u8; 32], at in any_position(), summary in any_summary()) {
        let announcement = Announcement { key_id: KeyId::from_bytes(key_id), at, summary };
        prop_assert_eq!(Announcement::decode(&announcement.encode()), Ok(announcement));
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        one_encoding(&bytes);
    }

    #[test]
    fn no_changed_byte_panics(
        request in any_request(), response in any_response(), at: proptest::sample::Index, byte: u8,
    ) {
        for mut bytes in [request.encode(), response.encode()] {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            one_encoding(&bytes);
            bytes.truncate(at);
            one_encoding(&bytes);
        }
    }
}
