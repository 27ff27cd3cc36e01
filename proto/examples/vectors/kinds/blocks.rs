//! Entries, headers, certificates and proofs: sections 8.3 to 8.6.

use super::encode::{Fields, array, bytes, hash, int, map, text, uint};
use super::file::{File, Object, hex, hex_input, unhex};

const MAX: u64 = 9_007_199_254_740_991;
const LAST_SECOND: u64 = 253_402_300_799;

pub(super) fn files() -> Vec<File> {
    vec![entries(), headers(), certificates(), proofs()]
}

fn none() -> Object {
    Object::default()
}

/// The breaches that every map of the ledger can have.
pub(super) fn add_common(file: &mut File, good: &Fields, keys: &[u64], beyond: u64) {
    let encoded = good.encode();
    let mut invalid = |name: &str, why: &str, bytes: &[u8], code| {
        file.invalid(name, why, hex_input(bytes), code);
    };
    invalid("empty", "nothing", &[], "truncated");
    invalid("cut", "the last byte is missing", &encoded[..encoded.len() - 1], "truncated");
    invalid("trailing-byte", "a byte after the map", &[&encoded[..], &[0]].concat(), "trailing-bytes");
    invalid("array", "an array", &array([]), "wrong-type");
    let indefinite = [&[0xbf], &encoded[1..], &[0xff]].concat();
    invalid("indefinite", "a map until a break", &indefinite, "indefinite-length");
    let long = [&[0xb8, encoded[0] & 0x1f], &encoded[1..]].concat();
    invalid("count-long", "the count in two bytes", &long, "not-shortest");
    invalid("unknown-key", "the map is closed", &good.with(beyond, uint(0)).encode(), "unknown-key");
    let negative = good.encode_and(int(-1), uint(0));
    invalid("negative-key", "a key is an unsigned integer", &negative, "wrong-type");
    let twice = good.encode_and(uint(keys[keys.len() - 1]), good.get(keys[keys.len() - 1]).to_vec());
    invalid("key-twice", "the last key twice", &twice, "duplicate-key");
    let swapped = good.without(1).encode_and(uint(1), good.get(1).to_vec());
    invalid("keys-swapped", "1 stands last", &swapped, "map-order");
    for key in keys {
        let without = good.without(*key).encode();
        invalid(&format!("without-{key}"), "a key that has to be there", &without, "missing-key");
    }
}

fn entry() -> Fields {
    Fields::new([(1, bytes([7; 32])), (2, uint(1_795_000_000)), (3, uint(1_826_536_000))])
}

fn pin() -> Fields {
    Fields::new([(1, uint(2)), (2, bytes([8; 32])), (3, uint(99))])
}

fn entries() -> File {
    let mut file = File::new("entry", "What the ledger's state keeps for a name (section 8.3).");
    let pinned = |pin: Fields| entry().with(4, pin.encode()).encode();
    let mut valid = |name: &str, why: &str, bytes: Vec<u8>| file.valid(name, why, hex_input(bytes), none());
    valid("plain", "nothing is pinned", entry().encode());
    valid("pinned", "a policy and a checkpoint", pinned(pin()));
    valid("pinned-without-checkpoint", "a policy alone", pinned(pin().without(3)));
    valid("pin-edges", "the last number and the greatest sequence", pinned(pin().with(1, uint(4_294_967_295)).with(3, uint(MAX))));
    valid("one-second", "the shortest lease", entry().with(2, uint(5)).with(3, uint(6)).encode());
    valid("times-at-the-edges", "from the first second to the last", entry().with(2, uint(0)).with(3, uint(LAST_SECOND)).encode());
    add_common(&mut file, &entry(), &[1, 2, 3], 5);
    let mut invalid = |name: &str, why: &str, bytes: Vec<u8>, code| {
        file.invalid(name, why, hex_input(bytes), code)
    };
    invalid("lease-empty", "it ends when it begins", entry().with(3, uint(1_795_000_000)).encode(), "out-of-range");
    invalid("lease-reversed", "it ends before it begins", entry().with(3, uint(5)).encode(), "out-of-range");
    invalid("time-beyond-9999", "a second beyond the last", entry().with(3, uint(LAST_SECOND + 1)).encode(), "out-of-range");
    invalid("key-id-31", "a byte too short", entry().with(1, bytes([7; 31])).encode(), "out-of-range");
    invalid("time-float", "no integer", entry().with(2, unhex("f9 0000")).encode(), "forbidden-item");
    invalid("pin-null", "absent is not null", entry().with(4, unhex("f6")).encode(), "wrong-type");
    invalid("pin-empty", "1 is missing", pinned(Fields::default()), "missing-key");
    invalid("pin-without-digest", "2 is missing", pinned(pin().without(2)), "missing-key");
    invalid("pin-number-beyond", "2^32", pinned(pin().with(1, uint(4_294_967_296))), "out-of-range");
    invalid("pin-digest-33", "a byte too long", pinned(pin().with(2, bytes([8; 33]))), "out-of-range");
    invalid("pin-sequence-0", "sequences begin at 1", pinned(pin().with(3, uint(0))), "out-of-range");
    invalid("pin-sequence-beyond", "2^53", pinned(pin().with(3, uint(MAX + 1))), "out-of-range");
    invalid("pin-unknown-key", "the map is closed", pinned(pin().with(4, uint(0))), "unknown-key");
    file
}

fn header() -> Fields {
    Fields::new([
        (1, uint(1)),
        (2, bytes([1; 32])),
        (3, uint(12)),
        (4, uint(1_795_000_000)),
        (5, bytes([2; 32])),
        (6, bytes([3; 32])),
        (7, bytes([4; 32])),
        (8, uint(1)),
        (9, bytes([5; 32])),
    ])
}

fn header_digest(header: &Fields) -> [u8; 32] {
    hash("dotkey header v1", &header.encode())
}

fn headers() -> File {
    let mut file = File::new("header", "Headers of blocks, and their digest (section 8.4).");
    let mut valid = |name: &str, why: &str, header: &Fields| {
        file.valid(name, why, hex_input(header.encode()), [("digest", hex(header_digest(header)))]);
    };
    valid("plain", "block 12", &header());
    valid("first", "height and epoch 0", &header().with(3, uint(0)).with(8, uint(0)));
    let last = header().with(3, uint(MAX)).with(4, uint(LAST_SECOND)).with(8, uint(MAX));
    valid("greatest", "every number at its greatest", &last);
    valid("last-of-epoch", "with the validators of the next", &header().with(10, bytes([6; 32])));
    add_common(&mut file, &header(), &[1, 2, 3, 4, 5, 6, 7, 8, 9], 11);
    let mut invalid = |name: &str, why: &str, key: u64, value: Vec<u8>, code| {
        file.invalid(name, why, hex_input(header().with(key, value).encode()), code);
    };
    invalid("version-2", "a version to come", 1, uint(2), "unknown-version");
    invalid("version-0", "there was none before", 1, uint(0), "unknown-version");
    invalid("height-beyond", "2^53", 3, uint(MAX + 1), "out-of-range");
    invalid("time-beyond-9999", "a second beyond the last", 4, uint(LAST_SECOND + 1), "out-of-range");
    invalid("epoch-beyond", "2^53", 8, uint(MAX + 1), "out-of-range");
    for key in [2, 5, 6, 7, 9, 10] {
        invalid(&format!("digest-{key}-of-31"), "a byte too short", key, bytes([1; 31]), "out-of-range");
    }
    invalid("height-text", "a number is no text", 3, text("12"), "wrong-type");
    invalid("root-null", "absent is not null", 6, unhex("f6"), "wrong-type");
    file
}

fn certificate() -> Fields {
    Fields::new([(1, uint(40)), (2, uint(39)), (3, bytes([0b111])), (4, bytes([6; 48]))])
}

fn certificates() -> File {
    let mut file = File::new("certificate", "Certificates by their form alone (section 8.5).");
    let good = certificate();
    let mut valid = |name: &str, why: &str, certificate: &Fields| {
        file.valid(name, why, hex_input(certificate.encode()), none());
    };
    valid("plain", "three signers", &good);
    valid("signers-32", "room for 256 validators", &good.with(3, bytes([0xff; 32])));
    valid("signers-none", "nobody signed: that is for who knows the set", &good.with(3, bytes([0])));
    valid("greatest", "every number at its greatest", &good.with(1, uint(MAX)).with(2, uint(MAX)));
    add_common(&mut file, &good, &[1, 2, 3, 4], 5);
    let mut invalid = |name: &str, why: &str, key: u64, value: Vec<u8>, code| {
        file.invalid(name, why, hex_input(good.with(key, value).encode()), code);
    };
    invalid("view-beyond", "2^53", 1, uint(MAX + 1), "out-of-range");
    invalid("parent-view-beyond", "2^53", 2, uint(MAX + 1), "out-of-range");
    invalid("signers-0", "no bits", 3, bytes([]), "out-of-range");
    invalid("signers-33", "more than 256 validators", 3, bytes([1; 33]), "out-of-range");
    for length in [0, 47, 49, 96] {
        let why = "not 48 bytes";
        invalid(&format!("signature-{length}"), why, 4, bytes(vec![6; length]), "out-of-range");
    }
    invalid("view-negative", "-1", 1, int(-1), "wrong-type");
    invalid("signers-array", "bits are no array", 3, array([uint(0)]), "wrong-type");
    file
}

fn proof(siblings: usize) -> Fields {
    Fields::new([(1, text("mysite")), (2, bytes(header().encode())), (3, bytes(certificate().encode())), (4, array((0..siblings).map(|at| bytes([at as u8; 32]))))])
}

fn proofs() -> File {
    let mut file = File::new("proof", "Proofs by their form alone (section 8.6).");
    let good = proof(21);
    let held = good.with(5, bytes(entry().with(4, pin().encode()).encode()));
    let other = good.with(6, array([bytes([1; 32]), bytes([2; 32])]));
    let mut valid = |name: &str, why: &str, proof: &Fields| {
        file.valid(name, why, hex_input(proof.encode()), none())
    };
    valid("held", "the name's entry", &held);
    valid("nobody", "nothing stands there", &good);
    valid("other-leaf", "another name's leaf stands there", &other);
    valid("no-siblings", "a tree of one leaf", &proof(0));
    let (fits, over) = at_the_bound();
    valid("3072-bytes", "as large as a name's may be", &fits);
    let identity = good.with(1, bytes([7; 32]));
    valid("identity", "an identity that the ledger does not know", &identity);
    let account = Fields::new([(1, uint(1)), (6, array([uint(20_776), uint(1)]))]).encode();
    valid("identity-known", "an identity's account", &identity.with(5, bytes(account)));
    valid("siblings-null", "empty subtrees", &good.with(4, array([unhex("f6"), bytes([1; 32]), unhex("f6")])));
    valid("siblings-256", "as many as a key has bits", &good.with(4, array(vec![unhex("f6"); 256])));
    add_common(&mut file, &proof(1), &[1, 2, 3, 4], 7);
    let mut invalid = |name: &str, why: &str, proof: &Fields, code| {
        file.invalid(name, why, hex_input(proof.encode()), code)
    };
    invalid("3073-bytes", "a byte too large", &over, "too-large");
    invalid("257-siblings", "more than a key has bits", &good.with(4, array(vec![unhex("f6"); 257])), "out-of-range");
    invalid("identity-11265-bytes", "larger than any proof", &identity.with(5, bytes(vec![0; 11_264])), "too-large");
    invalid("identity-entry", "a name's value", &identity.with(5, bytes(entry().encode())), "wrong-type");
    invalid("identity-31", "a byte too short", &good.with(1, bytes([7; 31])), "out-of-range");
    invalid("subject-null", "about nothing", &good.with(1, unhex("f6")), "wrong-type");
    invalid("entry-and-other-leaf", "held and not held", &held.with(6, other.get(6).to_vec()), "unknown-key");
    invalid("label-upper-case", "not its one form", &good.with(1, text("MySite")), "label");
    invalid("label-key-id", "longer than a claim", &good.with(1, text("y".repeat(56))), "out-of-range");
    invalid("label-reserved", "nobody can claim it", &good.with(1, text("key")), "label");
    invalid("label-empty", "no name", &good.with(1, text("")), "out-of-range");
    invalid("label-bytes", "a label is a text", &good.with(1, bytes("mysite")), "out-of-range");
    invalid("header-itself", "a header stands in a byte string", &good.with(2, header().encode()), "wrong-type");
    invalid("header-empty", "no header", &good.with(2, bytes([])), "truncated");
    invalid("header-version-2", "a version to come", &good.with(2, bytes(header().with(1, uint(2)).encode())), "unknown-version");
    invalid("certificate-trailing-byte", "a byte after it", &good.with(3, bytes([certificate().encode(), vec![0]].concat())), "trailing-bytes");
    invalid("sibling-31", "a byte too short", &good.with(4, array([bytes([0; 31])])), "out-of-range");
    invalid("sibling-false", "neither a hash nor null", &good.with(4, array([unhex("f4")])), "wrong-type");
    invalid("sibling-empty", "an empty subtree is null", &good.with(4, array([bytes(super::committees::EMPTY)])), "empty-sibling");
    invalid("siblings-map", "a map", &good.with(4, map([])), "wrong-type");
    invalid("entry-itself", "an entry stands in a byte string", &good.with(5, entry().encode()), "wrong-type");
    invalid("entry-lease", "an entry that breaks a rule", &good.with(5, bytes(entry().with(3, uint(0)).encode())), "out-of-range");
    invalid("other-leaf-of-one", "no value", &good.with(6, array([bytes([1; 32])])), "out-of-range");
    invalid("other-leaf-of-three", "an element too many", &good.with(6, array([bytes([1; 32]), bytes([2; 32]), bytes([3; 32])])), "out-of-range");
    invalid("other-leaf-key-31", "a byte too short", &good.with(6, array([bytes([1; 31]), bytes([2; 32])])), "out-of-range");
    file
}

/// A proof of 3072 bytes and one of 3073: a label, siblings and signers of many lengths add up to any size.
fn at_the_bound() -> (Fields, Fields) {
    let of = |size: usize| {
        let lengths = (60..90).flat_map(|siblings| (1..=48).map(move |letters| (siblings, letters)));
        let mut all = lengths.flat_map(|lengths| [3, 40].map(|view| (lengths, view)));
        let fitting = all.find_map(|((siblings, letters), view)| {
            let certificate = certificate().with(1, uint(view));
            let proof = proof(siblings).with(1, text("a".repeat(letters))).with(3, bytes(certificate.encode()));
            (proof.encode().len() == size).then_some(proof)
        });
        fitting.expect("labels differ by more bytes than a sibling has")
    };
    (of(3072), of(3073))
}
