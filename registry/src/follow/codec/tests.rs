//! What holds of all messages about the ledger, and those of `tests/vectors/ledger-messages.txt`.

use dotkey_proto::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

const VECTORS: &str = include_str!("../../../../tests/vectors/ledger-messages.txt");

fn any_header() -> impl Strategy<Value = Header> {
    let digests = any::<[[u8; 32]; 5]>();
    let numbers = (0..=COUNT_MAX, 0..=COUNT_MAX, 0..=Timestamp::MAX.as_secs());
    (digests, numbers, option::of(any::<[u8; 32]>())).prop_map(
        |([network, parent, state_root, transactions, validators], numbers, next_validators)| {
            let (height, epoch, time) = numbers;
            Header {
                network,
                height,
                time: Timestamp::from_secs(time).expect("in range"),
                parent,
                state_root,
                transactions,
                epoch,
                validators,
                next_validators,
            }
        },
    )
}

fn any_certificate() -> impl Strategy<Value = Certificate> {
    let views = (0..=COUNT_MAX, 0..=COUNT_MAX);
    (views, vec(any::<u8>(), 1..=32), any::<[[u8; 16]; 3]>()).prop_map(
        |((view, parent_view), signers, signature)| Certificate {
            view,
            parent_view,
            signers,
            signature: signature.concat().try_into().expect("48 bytes"),
        },
    )
}

fn any_request() -> impl Strategy<Value = Request> {
    let question = prop_oneof![
        (0..=COUNT_MAX).prop_map(|above| Question::Tip { above }),
        (0..=COUNT_MAX).prop_map(|epoch| Question::Handovers { epoch }),
        (1..=COUNT_MAX).prop_map(|from| Question::Blocks { from }),
        Just(Question::Offer),
        (1..=COUNT_MAX, any::<[u8; 32]>())
            .prop_map(|(height, from)| Question::Chunk { height, from }),
        vec(any::<u8>(), 1..300).prop_map(Question::Transaction),
    ];
    (any::<[u8; 32]>(), question).prop_map(|(network, question)| Request { network, question })
}

fn any_response() -> impl Strategy<Value = Response> {
    let block = (
        any_header(),
        option::of(any_certificate()),
        option::of(vec(any::<u8>(), 1..200)),
    )
        .prop_map(|(header, certificate, body)| Block {
            header,
            certificate,
            body,
        });
    let leaf = (any::<[u8; 32]>(), vec(any::<u8>(), 0..60));
    let chunk = (vec(leaf, 1..5), vec(any::<u8>(), 0..70))
        .prop_map(|(leaves, proof)| Chunk { leaves, proof });
    let tip = (any_header(), option::of(any_certificate()), 0..=COUNT_MAX);
    let refusal = prop_oneof![
        any::<[u8; 32]>().prop_map(Refusal::OtherNetwork),
        Just(Refusal::NotHere),
        any::<u32>().prop_map(|retry_ms| Refusal::Busy { retry_ms }),
        "[a-z0-9-]{1,40}".prop_map(Refusal::Invalid),
    ];
    prop_oneof![
        tip.prop_map(|(header, certificate, after)| Response::Tip(Tip {
            header,
            certificate,
            after
        })),
        vec(vec(any::<u8>(), 1..200), 0..5).prop_map(Response::Handovers),
        vec(block, 1..5).prop_map(Response::Blocks),
        (any_header(), any_certificate()).prop_map(|(header, certificate)| Response::Offer {
            header,
            certificate
        }),
        option::of(chunk).prop_map(Response::Chunk),
        Just(Response::Taken),
        refusal.prop_map(Response::Refused),
    ]
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(request in any_request()) {
        prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
    }

    #[test]
    fn a_response_is_read_as_it_was_written(response in any_response()) {
        prop_assert_eq!(Response::decode(&response.encode()), Ok(response));
    }

    #[test]
    fn a_changed_message_is_another_or_none(response in any_response(), at: prop::sample::Index, by in 1u8..) {
        let mut bytes = response.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        if let Ok(read) = Response::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
            prop_assert_ne!(read, response);
        }
    }

    #[test]
    fn any_bytes_get_a_verdict(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(request) = Request::decode(&bytes) {
            prop_assert_eq!(request.encode(), bytes.clone());
        }
        if let Ok(response) = Response::decode(&bytes) {
            prop_assert_eq!(response.encode(), bytes);
        }
    }
}

#[test]
fn the_longest_messages_fit() {
    let header = Header {
        network: [1; 32],
        height: COUNT_MAX,
        time: Timestamp::MAX,
        parent: [2; 32],
        state_root: [3; 32],
        transactions: [4; 32],
        epoch: COUNT_MAX,
        validators: [5; 32],
        next_validators: Some([6; 32]),
    };
    let certificate = Certificate {
        view: COUNT_MAX,
        parent_view: COUNT_MAX,
        signers: vec![255; 32],
        signature: [7; 48],
    };
    let block = |body| Block {
        header: header.clone(),
        certificate: Some(certificate.clone()),
        body,
    };
    let mut blocks = vec![block(Some(vec![7; BODY_BYTES_MAX]))];
    blocks.extend((0..64).map(|_| block(None)));
    let longest = Response::Blocks(blocks);
    assert_eq!(Response::decode(&longest.encode()), Ok(longest));
    let chunk = Response::Chunk(Some(Chunk {
        leaves: vec![([1; 32], vec![7; CHUNK_BYTES_MAX - 64])],
        proof: Vec::new(),
    }));
    assert_eq!(Response::decode(&chunk.encode()), Ok(chunk));
    let transaction = Request {
        network: [1; 32],
        question: Question::Transaction(vec![7; TRANSACTION_BYTES_MAX]),
    };
    assert_eq!(Request::decode(&transaction.encode()), Ok(transaction));
}

#[test]
fn the_vectors_hold() {
    let mut count = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (kind, verdict) = (
            words.next().expect("a kind"),
            words.next().expect("a verdict"),
        );
        let hex = words.next().unwrap_or_default();
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        let found = match kind {
            "ledger-request" => Request::decode(&bytes).map(|it| it.encode()),
            "ledger-response" => Response::decode(&bytes).map(|it| it.encode()),
            _ => panic!("no such kind: {line}"),
        };
        match found {
            Ok(again) => assert!(verdict == "valid" && again == bytes, "{line}"),
            Err(error) => assert_eq!(error.code(), verdict, "{line}"),
        }
        count += 1;
    }
    assert!(count > 20, "only {count} vectors");
}
