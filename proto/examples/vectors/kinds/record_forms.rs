//! Records whose envelope or claims are not well formed: sections 4.1, 4.2 and 5.1.

use super::encode::{array, bytes, flip, int, map, text, uint};
use super::file::{File, unhex};
use super::policies::bare;
use super::records::{Claims, group, invalid};
use super::sign::Signer::{Ed, Wallet};
use super::sign::{element, envelope, header, signed};

pub(super) fn add(file: &mut File) {
    add_broken_envelopes(file);
    add_broken_signature_elements(file);
    add_broken_claims(file);
}

fn add_broken_envelopes(file: &mut File) {
    let claims = Claims::bare(Ed(1));
    let payload = claims.fields().encode();
    let good = claims.signed(&[Ed(1)]);
    let signature = Ed(1).signature(&claims.subject(), &payload);
    let mut invalid = |name: &str, why: &str, record: Vec<u8>, code| invalid(file, name, why, &record, code);
    let tagged = |items: Vec<Vec<u8>>| [&[0xd8, 98], &array(items)[..]].concat();
    let (none, no_map) = (bytes([]), map([]));
    let signatures = array([signature.clone()]);
    invalid("empty", "nothing", vec![], "truncated");
    invalid("half-a-tag", "the first byte of the tag", vec![0xd8], "truncated");
    invalid("tag-alone", "nothing after the tag", vec![0xd8, 98], "truncated");
    invalid("cut", "the last byte is missing", good[..good.len() - 1].to_vec(), "truncated");
    invalid("cut-in-half", "half of it", good[..good.len() / 2].to_vec(), "truncated");
    invalid("trailing-byte", "a byte after the envelope", [&good[..], &[0]].concat(), "trailing-bytes");
    invalid("twice", "the record twice", [&good[..], &good].concat(), "trailing-bytes");
    invalid("tag-97", "COSE_Mac is another message", flip(&good, 1, 3), "wrong-tag");
    invalid("tag-missing", "an array", good[2..].to_vec(), "wrong-tag");
    invalid("tag-long", "98 in two bytes", [&unhex("d90062"), &good[2..]].concat(), "wrong-tag");
    invalid("tag-twice", "a tag has no place within", [&[0xd8, 98], &good[..]].concat(), "forbidden-item");
    invalid("json", "another format", b"{}".to_vec(), "wrong-tag");
    invalid("map", "a map", [&[0xd8, 98], &map([])[..]].concat(), "wrong-type");
    let parts = |payload: Vec<u8>| vec![none.clone(), no_map.clone(), payload, signatures.clone()];
    let sound = parts(bytes(&payload));
    invalid("three-parts", "the signatures are missing", tagged(sound[..3].to_vec()), "out-of-range");
    invalid("five-parts", "a part too many", tagged([&sound[..], &[uint(0)]].concat()), "out-of-range");
    let with = |at: usize, part: Vec<u8>| {
        let mut parts = sound.clone();
        parts[at] = part;
        tagged(parts)
    };
    invalid("protected-map", "an empty map in a byte string is no empty byte string", with(0, bytes([0xa0])), "out-of-range");
    invalid("protected-null", "null is no byte string", with(0, unhex("f6")), "wrong-type");
    invalid("unprotected-entry", "nothing unsigned is carried", with(1, map([(uint(4), bytes([1]))])), "out-of-range");
    invalid("unprotected-array", "an array is no map", with(1, array([])), "wrong-type");
    invalid("payload-null", "a detached payload", with(2, unhex("f6")), "wrong-type");
    invalid("payload-text", "a text", with(2, text("x")), "wrong-type");
    invalid("payload-itself", "the payload stands in a byte string", with(2, payload.clone()), "wrong-type");
    invalid("signatures-empty", "nobody signed", with(3, array([])), "out-of-range");
    invalid("signatures-bytes", "COSE_Sign1 has one signature here", with(3, bytes([0; 64])), "wrong-type");
    let dummies = (1..=65).map(|at| element(&header(-8, &[at; 32]), &[0; 64]));
    invalid("65-in-one-envelope", "more than an envelope may have", with(3, array(dummies)), "out-of-range");
    let indefinite = [&[0xd8, 98, 0x9f], &good[3..], &[0xff]].concat();
    invalid("indefinite", "an array until a break", indefinite, "indefinite-length");
    invalid("payload-indefinite", "a byte string in chunks", with(2, [&[0x5f], &bytes(&payload)[..], &[0xff]].concat()), "indefinite-length");
    let long = [&[0x5a], &(payload.len() as u32).to_be_bytes()[..], &payload].concat();
    invalid("payload-length-long", "the length in five bytes", with(2, long), "not-shortest");
    invalid("length-beyond-end", "a length that runs past the end", with(2, unhex("5a ffffffff")), "truncated");
    invalid("unprotected-key-twice", "a map with a key twice", with(1, unhex("a2 04 00 04 00")), "duplicate-key");
    invalid("float", "a float has no place", with(1, unhex("f9 0000")), "forbidden-item");
    let deep = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    invalid("deep-16", "16 levels with the envelope's own, but an array", with(1, deep(15)), "wrong-type");
    invalid("too-deep", "17 levels with the envelope's own", with(1, deep(16)), "too-deep");
}

fn add_broken_signature_elements(file: &mut File) {
    let claims = Claims::of(&group(&[Ed(1), Ed(2), Wallet(3)], 1));
    let payload = claims.fields().encode();
    let subject = claims.subject();
    let mut invalid = |name: &str, why: &str, elements: Vec<Vec<u8>>, code| {
        invalid(file, name, why, &envelope(&payload, elements), code);
    };
    let good = Ed(1).sign(&subject, &payload);
    let head = Ed(1).header();
    let (protected, none, signature) = (bytes(&head), map([]), bytes(&good));
    invalid("element-of-two", "no unprotected header", vec![array([protected.clone(), signature.clone()])], "out-of-range");
    invalid("element-of-four", "a part too many", vec![array([protected.clone(), none.clone(), signature.clone(), uint(0)])], "out-of-range");
    invalid("element-map", "a map", vec![map([])], "wrong-type");
    invalid("element-unprotected", "nothing unsigned is carried", vec![array([protected.clone(), map([(uint(4), bytes([1]))]), signature.clone()])], "out-of-range");
    invalid("element-signature-text", "a text", vec![array([protected, none.clone(), text("x")])], "wrong-type");
    invalid("element-header-itself", "the header stands in a byte string", vec![array([head.clone(), none, signature])], "wrong-type");
    let mut with_header = |name: &str, why: &str, head: &[u8], code| {
        invalid(name, why, vec![element(head, &good)], code);
    };
    let public = Ed(1).public();
    with_header("header-empty", "no map", &[], "truncated");
    with_header("header-without-algorithm", "1 is missing", &map([(uint(4), bytes(&public))]), "missing-key");
    with_header("header-without-key", "4 is missing", &map([(uint(1), int(-8))]), "missing-key");
    let more = map([(uint(1), int(-8)), (uint(4), bytes(&public)), (uint(5), bytes([1]))]);
    with_header("header-with-iv", "5 is not known", &more, "unknown-key");
    let critical = map([(uint(1), int(-8)), (uint(2), array([uint(1)])), (uint(4), bytes(&public))]);
    with_header("header-with-critical", "2 is not known", &critical, "unknown-key");
    let swapped = map([(uint(4), bytes(&public)), (uint(1), int(-8))]);
    with_header("header-swapped", "4 before 1", &swapped, "map-order");
    let long = [&unhex("a2 01 3807 04"), &bytes(&public)[..]].concat();
    with_header("header-algorithm-long", "-8 in two bytes", &long, "not-shortest");
    with_header("header-trailing-byte", "a byte after the map", &[&head[..], &[0]].concat(), "trailing-bytes");
    let text_alg = map([(uint(1), text("EdDSA")), (uint(4), bytes(&public))]);
    with_header("header-algorithm-text", "an algorithm is a number", &text_alg, "wrong-type");
    with_header("header-algorithm-es256", "-7 is not ours", &header(-7, &public), "unknown-algorithm");
    with_header("header-algorithm-es256k", "-47 is not what wallets sign", &header(-47, &public), "unknown-algorithm");
    with_header("header-algorithm-ed25519", "-19 means the same, but has another encoding", &header(-19, &public), "unknown-algorithm");
    with_header("header-key-31", "31 bytes", &header(-8, &public[1..]), "key-length");
    with_header("header-key-empty", "no bytes", &header(-8, &[]), "key-length");
    with_header("header-wallet-32", "a wallet has 20 bytes", &header(-65_537, &public), "key-length");
    let key_text = map([(uint(1), int(-8)), (uint(4), text("key"))]);
    with_header("header-key-text", "a key is bytes", &key_text, "wrong-type");
    invalid("signature-63", "63 bytes", vec![element(&head, &good[1..])], "signature-length");
    invalid("signature-65", "an ed25519 signature has 64 bytes", vec![element(&head, &[&good[..], &[27]].concat())], "signature-length");
    invalid("signature-empty", "no bytes", vec![element(&head, &[])], "signature-length");
    let wallet = Wallet(3).sign(&subject, &payload);
    invalid("wallet-signature-64", "without v", vec![element(&Wallet(3).header(), &wallet[..64])], "signature-length");
    let mut pair = [Ed(1), Ed(2)];
    pair.sort_by_key(|signer| core::cmp::Reverse(signer.public()));
    invalid("signatures-swapped", "the greater key first", pair.map(|signer| signer.signature(&subject, &payload)) .into(), "signature-order");
    let one = element(&head, &good);
    invalid("signed-twice", "one key counts once", vec![one.clone(), one], "signature-order");
}

fn add_broken_claims(file: &mut File) {
    let claims = Claims::bare(Ed(1));
    let fields = claims.fields();
    let subject = claims.subject();
    let mut payload = |name: &str, why: &str, payload: Vec<u8>, code| {
        invalid(file, name, why, &signed(&payload, &subject, &[Ed(1)]), code);
    };
    payload("payload-empty", "no claims", vec![], "truncated");
    payload("payload-trailing-byte", "a byte after the map", [fields.encode(), vec![0]].concat(), "trailing-bytes");
    payload("payload-array", "an array", array([]), "wrong-type");
    for key in [1, 2, 3, 4, 5, 6, 8, 9] {
        payload(&format!("without-{key}"), "a key that has to be there", fields.without(key).encode(), "missing-key");
    }
    let mut with = |name: &str, why: &str, key: u64, value: Vec<u8>, code| {
        payload(name, why, fields.with(key, value).encode(), code);
    };
    with("key-0", "0 is not known", 0, uint(0), "unknown-key");
    with("key-10", "10 is not known: the map is closed", 10, uint(0), "unknown-key");
    with("version-2", "a version to come", 1, uint(2), "unknown-version");
    with("version-0", "there was none before", 1, uint(0), "unknown-version");
    with("version-text", "`1`", 1, text("1"), "wrong-type");
    with("kind-0", "no kind", 2, uint(0), "unknown-kind");
    with("kind-offer", "2 is reserved", 2, uint(2), "unknown-kind");
    with("kind-receipt", "3 is reserved", 2, uint(3), "unknown-kind");
    with("key-id-31", "31 bytes", 3, bytes([7; 31]), "out-of-range");
    with("key-id-33", "33 bytes", 3, bytes([7; 33]), "out-of-range");
    with("key-id-text", "a text", 3, text(super::sign::label(&claims.key_id)), "wrong-type");
    with("sequence-negative", "-1", 4, int(-1), "wrong-type");
    with("time-negative", "-1", 5, int(-1), "wrong-type");
    with("time-text", "a date", 6, text("2026-11-21"), "wrong-type");
    with("branch-text", "a branch is in wire form", 7, text("blog"), "wrong-type");
    with("branch-null", "absent is not null", 7, unhex("f6"), "wrong-type");
    with("chain-in-bytes", "a chain stands as an array", 8, bytes(array([bytes(bare(Ed(1)).encode())])), "wrong-type");
    with("chain-of-65", "one too many", 8, array(vec![bytes([]); 65]), "out-of-range");
    with("body-itself", "a zone stands in a byte string", 9, map([]), "wrong-type");
    let negative = fields.encode_and(int(-1), uint(0));
    payload("key-negative", "a key is an unsigned integer", negative, "wrong-type");
    let entry = |key: u64| (uint(key), fields.get(key).to_vec());
    let order = [1, 2, 4, 3, 5, 6, 8, 9].map(entry);
    payload("keys-swapped", "4 before 3", map(order), "map-order");
    let twice = [1, 2, 3, 4, 4, 5, 6, 8, 9].map(entry);
    payload("sequence-twice", "4 twice", map(twice), "duplicate-key");
    let sequence = claims.fields().with(4, unhex("18 01"));
    payload("sequence-long", "1 in two bytes", sequence.encode(), "not-shortest");
}
