//! What the page fixes: pinned bytes, refusals, bounds.

mod properties;

use std::sync::Arc;

use dotkey_proto::cbor::Writer;
use dotkey_proto::record::SEQUENCE_MAX;
use dotkey_proto::time::Timestamp;

use super::*;
use crate::dht::core::reconcile::{Compared, Fingerprint, Prefix, Probe};
use crate::dht::message::{
    ERROR_CODE_BYTES_MAX, ErrorCode, Expected, Refusal, Summary, Value, Want,
};
use crate::dht::peer::{Contact, Peer, Position};
use crate::hex::hex;

const EXAMPLES: &str = include_str!("../../../../../tests/vectors/messages.txt");

const SUMMARY: Summary = Summary {
    policy: 1,
    sequence: 7,
    digest: [0xdd; 32],
};
const AT: Position = Position([0xaa; 32]);

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

fn record(len: usize) -> Arc<[u8]> {
    vec![0xee; len].into()
}

fn contact(addresses: usize, len: usize) -> Contact {
    Contact {
        peer: Peer([0xcc; 32]),
        addresses: vec![vec![4; len]; addresses].into(),
    }
}

fn refused(refusal: Refusal) -> Response {
    Response::Refused(refusal)
}

/// In these, `R` stands for a byte string of 32 times the byte that follows it. Spaces are for the reader.
fn expand(pinned: &str) -> String {
    let pinned = pinned.replace(' ', "");
    let mut parts = pinned.split('R');
    let mut text = parts.next().expect("there is a first").to_owned();
    for part in parts {
        let (byte, rest) = part.split_at(2);
        text += &format!("5820{}{rest}", byte.repeat(32));
    }
    text
}

/// That an encoding is as pinned here, and is an example for other implementations.
fn check_pinned(kind: &str, bytes: &[u8], pinned: &str) {
    let pinned = expand(pinned);
    assert_eq!(hex(bytes), pinned, "{kind}");
    assert!(
        EXAMPLES.contains(&format!("\n{kind} valid {pinned}\n")),
        "{kind} {pinned}"
    );
}

/// The format cannot drift: these bytes are what other implementations send.
#[test]
fn requests_are_these_bytes() {
    let check = |request: Request, pinned: &str| {
        let bytes = request.encode();
        check_pinned("request", &bytes, pinned);
        assert_eq!(Request::decode(&bytes), Ok(request));
    };
    let get = |want| Request::Get { at: AT, want };
    check(get(Want::Contacts), "8301Raa00");
    check(get(Want::Summary), "8301Raa01");
    check(get(Want::Record), "8301Raa02");
    let put = |expected| Request::Put {
        record: record(2),
        expected,
    };
    check(put(Expected::Older), "830242eeee00");
    check(put(Expected::Nothing), "830242eeee01");
    check(put(Expected::Digest([0xdd; 32])), "830242eeeeRdd");
    let probe = |nibbles, count, sum| Probe {
        prefix: Prefix::of(&AT, nibbles),
        fingerprint: Fingerprint { count, sum },
    };
    let reconcile = |probes| Request::Reconcile {
        clock: time(0x6000_0000),
        probes,
    };
    check(reconcile(vec![]), "83031a6000000080");
    check(
        reconcile(vec![probe(0, 0, 0), probe(3, 24, 5), probe(64, 1, 0)]),
        "83031a6000000083\
        82820040f6\
        82820342aaa08218185000000000000000000000000000000005\
        82821840Raa82015000000000000000000000000000000000",
    );
}

#[test]
fn responses_are_these_bytes() {
    let check = |response: Response, pinned: &str| {
        let bytes = response.encode();
        check_pinned("response", &bytes, pinned);
        assert_eq!(Response::decode(&bytes), Ok(response));
    };
    let got = |value, closer| Response::Got { value, closer };
    check(got(Value::Nothing, vec![]), "8301f680");
    check(
        got(Value::Summary(SUMMARY), vec![contact(0, 0)]),
        "8301 830107Rdd 8182Rcc80",
    );
    check(
        got(Value::Record(record(1)), vec![contact(2, 3)]),
        "830141ee8182Rcc824304040443040404",
    );
    check(Response::Stored, "8102");
    check(refused(Refusal::Older(record(2))), "8203820142eeee");
    check(refused(Refusal::Unexpected(None)), "82038202f6");
    check(
        refused(Refusal::Unexpected(Some(record(1)))),
        "8203820241ee",
    );
    check(
        refused(Refusal::Invalid(ErrorCode("expired".into()))),
        "820382036765787069726564",
    );
    check(refused(Refusal::Full), "82038104");
    check(refused(Refusal::Disk), "82038105");
    check(refused(Refusal::Busy { retry_ms: 1000 }), "820382061903e8");
    let reconciled = |compared| Response::Reconciled {
        clock: time(0),
        compared,
    };
    check(reconciled(vec![]), "83040080");
    let mut children = [Fingerprint::default(); 16];
    children[1] = Fingerprint {
        count: 17,
        sum: 1 << 120,
    };
    check(
        reconciled(vec![
            Compared::Same,
            Compared::Children(Box::new(children)),
            Compared::Listed(vec![(AT, SUMMARY)]),
            Compared::Listed(vec![]),
        ]),
        "83040084f6\
        90f682115001000000000000000000000000000000f6f6f6f6f6f6f6f6f6f6f6f6f6f6\
        a1Raa830107Rdda0",
    );
}

#[test]
fn announcements_are_these_bytes() {
    let announcement = Announcement {
        key_id: KeyId::from_bytes([0x11; 32]),
        at: AT,
        summary: SUMMARY,
    };
    let bytes = announcement.encode();
    check_pinned("announcement", &bytes, "83R11Raa830107Rdd");
    assert_eq!(Announcement::decode(&bytes), Ok(announcement));
    assert_eq!(announcement.topic(), "/dotkey/changes/1/a");
    let long = Announcement::decode(&[0; ANNOUNCEMENT_BYTES_MAX + 1]);
    assert_eq!(long.expect_err("refused").code(), "too-large");
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = expand(hex);
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Each valid one has one encoding, each other is refused for its one reason.
#[test]
fn examples_are_what_they_are_said_to_be() {
    let mut checked = 0;
    for line in EXAMPLES.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default();
        let (kind, verdict, bytes) = (word(), word(), bytes(word()));
        let encoded = match kind {
            "request" => Request::decode(&bytes).map(|message| message.encode()),
            "response" => Response::decode(&bytes).map(|message| message.encode()),
            "announcement" => Announcement::decode(&bytes).map(|message| message.encode()),
            other => panic!("{other} is no message"),
        };
        match encoded {
            Ok(encoded) => assert!(verdict == "valid" && encoded == bytes, "{line}"),
            Err(error) => assert_eq!(error.code(), verdict, "{line}: {error}"),
        }
        checked += 1;
    }
    assert!(checked >= 70, "only {checked}");
}

/// The head of an array and its elements, all alike.
fn array(count: usize, element: &str) -> String {
    hex(&Writer::new().array(count).clone().into_bytes()) + &element.repeat(count)
}

fn byte_string(len: usize) -> String {
    hex(&Writer::new().bytes(&vec![4; len]).clone().into_bytes())
}

fn listed(count: usize) -> String {
    let head = hex(&Writer::new().map(count).clone().into_bytes());
    (0..count).fold(head, |map, at| map + &format!("R{at:02x}830107Rdd"))
}

#[test]
fn counts_and_lengths_end_at_their_bounds() {
    type Decode = fn(&[u8]) -> Option<MessageError>;
    let request: Decode = |bytes| Request::decode(bytes).err();
    let response: Decode = |bytes| Response::decode(bytes).err();
    let check = |decode: Decode, max: usize, build: &dyn Fn(usize) -> String| {
        let fits = build(max);
        assert_eq!(decode(&bytes(&fits)), None, "{fits}");
        let more = build(max + 1);
        let error = decode(&bytes(&more)).unwrap_or_else(|| panic!("{more}"));
        assert_eq!(error.code(), "out-of-range", "{more}");
    };
    check(request, RECORD_BYTES_MAX, &|len| {
        format!("8302{}00", byte_string(len))
    });
    check(request, PROBES_MAX, &|count| {
        format!("830300{}", array(count, "82820040f6"))
    });
    check(response, PROBES_MAX, &|count| {
        format!("830400{}", array(count, "f6"))
    });
    check(response, CLOSER_MAX, &|count| {
        format!("8301f6{}", array(count, "82Rcc80"))
    });
    check(response, ADDRESSES_MAX, &|count| {
        format!("8301f68182Rcc{}", array(count, "4104"))
    });
    check(response, ADDRESS_BYTES_MAX, &|len| {
        format!("8301f68182Rcc81{}", byte_string(len))
    });
    check(response, LISTED_MAX, &|count| {
        format!("83040081{}", listed(count))
    });
    check(response, 16, &|count| {
        format!("83040081{}", array(count, "f6"))
    });
    check(response, ERROR_CODE_BYTES_MAX, &|len| {
        format!("8203820378{len:02x}{}", "61".repeat(len))
    });
}

#[test]
fn what_is_longer_than_any_message_is_not_looked_at() {
    let check = |code: &str, expected: &str| assert_eq!(code, expected);
    let request = |len| Request::decode(&vec![0; len]).expect_err("refused").code();
    let response = |len| Response::decode(&vec![0; len]).expect_err("refused").code();
    check(request(REQUEST_BYTES_MAX + 1), "too-large");
    check(request(REQUEST_BYTES_MAX), "trailing-bytes");
    check(response(RESPONSE_BYTES_MAX + 1), "too-large");
    check(response(RESPONSE_BYTES_MAX), "trailing-bytes");
}

/// Hints come from strangers, who may have given more than a message holds.
#[test]
fn hints_out_of_bounds_are_left_out() {
    let mut long = contact(ADDRESSES_MAX + 3, 1);
    let mut addresses = long.addresses.to_vec();
    addresses[0] = vec![4; ADDRESS_BYTES_MAX + 1];
    addresses[1] = Vec::new();
    long.addresses = addresses.into();
    let closer = vec![long; CLOSER_MAX + 1];
    let value = Value::Nothing;
    let bytes = Response::Got { value, closer }.encode();
    let Ok(Response::Got { closer, .. }) = Response::decode(&bytes) else {
        panic!("it decodes");
    };
    assert_eq!(closer, vec![contact(ADDRESSES_MAX, 1); CLOSER_MAX]);
}

/// The longest of each kind, made of the longest parts.
#[test]
fn the_longest_messages_fit() {
    let summary = Summary {
        policy: u32::MAX,
        sequence: SEQUENCE_MAX,
        digest: [0xdd; 32],
    };
    let fingerprint = Fingerprint {
        count: SEQUENCE_MAX,
        sum: u128::MAX,
    };
    let probe = Probe {
        prefix: Prefix::of(&AT, 64),
        fingerprint,
    };
    let at = |index: u8| (Position([index; 32]), summary);
    let requests = [
        Request::Put {
            record: record(RECORD_BYTES_MAX),
            expected: Expected::Digest([0; 32]),
        },
        Request::Reconcile {
            clock: Timestamp::MAX,
            probes: vec![probe; PROBES_MAX],
        },
    ];
    for request in requests {
        assert_eq!(Request::decode(&request.encode()), Ok(request));
    }
    let listed = Compared::Listed((0..16).map(at).collect());
    let children = Compared::Children(Box::new([fingerprint; 16]));
    let closer = vec![contact(ADDRESSES_MAX, ADDRESS_BYTES_MAX); CLOSER_MAX];
    let clock = Timestamp::MAX;
    let responses = [
        Response::Got {
            value: Value::Record(record(RECORD_BYTES_MAX)),
            closer,
        },
        Response::Reconciled {
            clock,
            compared: vec![listed; PROBES_MAX],
        },
        Response::Reconciled {
            clock,
            compared: vec![children; PROBES_MAX],
        },
        refused(Refusal::Older(record(RECORD_BYTES_MAX))),
    ];
    for response in responses {
        assert_eq!(Response::decode(&response.encode()), Ok(response));
    }
}
