//! Validator sets, genesis and checkpoints: sections 8.7 to 8.9.

use super::blocks::add_common;
use super::committees::Committee;
use super::encode::{Fields, array, bytes, flip, hash, int, text, uint};
use super::file::{File, Object, hex, hex_input};

pub(crate) const BEGAN: u64 = 1_795_000_000;
const LAST_SECOND: u64 = 253_402_300_799;
const MAX: u64 = 9_007_199_254_740_991;

pub(super) fn files() -> Vec<File> {
    vec![validators(), candidates(), genesis_file(), checkpoints()]
}

/// The four of epoch 0 in all files.
pub(crate) fn founders() -> Committee {
    Committee::new(101..=104)
}

/// A point of the curve that is not in the subgroup: the least x that has one.
fn outside_the_subgroup() -> [u8; 96] {
    let points = (0..=u8::MAX).map(|last| {
        let mut point = [0; 96];
        (point[0], point[95]) = (0x80, last);
        point
    });
    let mut points = points.filter(|point| blst::min_sig::PublicKey::uncompress(point).is_ok());
    points.next().expect("half of all x have a point")
}

fn infinity() -> [u8; 96] {
    let mut point = [0; 96];
    point[0] = 0xc0;
    point
}

fn validators() -> File {
    let mut file = File::new("validators", "Validator sets, and their digest (section 8.7).");
    let four = founders();
    let mut valid = |name: &str, why: &str, set: &Committee| {
        file.valid(name, why, hex_input(set.set()), [("digest", hex(set.digest()))]);
    };
    valid("four", "one of them may be malicious", &four);
    valid("one", "a network of one", &Committee::new([101]));
    valid("nine", "signers of two bytes", &Committee::new(101..=109));
    let pairs: Vec<_> = four.validators().iter().map(|one| one.pair()).collect();
    let [first, second] = [four.validators()[0], four.validators()[1]];
    let with_key = |key: &[u8]| array([array([bytes(first.identity()), bytes(key)])]);
    let mut invalid = |name: &str, why: &str, set: Vec<u8>, code| file.invalid(name, why, hex_input(set), code);
    invalid("empty", "nobody", array([]), "out-of-range");
    invalid("257", "one too many", array(vec![pairs[0].clone(); 257]), "out-of-range");
    invalid("descending", "the second before the first", array([pairs[1].clone(), pairs[0].clone()]), "validator-order");
    invalid("identity-twice", "one validator twice", array([pairs[0].clone(), pairs[0].clone()]), "validator-order");
    let same_key = array([bytes(second.identity()), bytes(first.key())]);
    invalid("key-twice", "two identities with one voting key", array([pairs[0].clone(), same_key]), "validator-twice");
    invalid("key-95", "a byte too short", with_key(&first.key()[..95]), "out-of-range");
    invalid("key-infinity", "the point at infinity adds nothing", with_key(&infinity()), "voting-key");
    invalid("key-outside", "on the curve, outside the subgroup", with_key(&outside_the_subgroup()), "voting-key");
    invalid("key-uncompressed", "without the bit of a compressed point", with_key(&flip(&first.key(), 0, 0x80)), "voting-key");
    invalid("key-off-the-curve", "x is beyond the field", with_key(&[0xff; 96]), "voting-key");
    let weak = array([array([bytes([0; 32]), bytes(first.key())])]);
    invalid("identity-weak", "a point of small order", weak, "weak-key");
    invalid("of-one-element", "no key", array([array([bytes(first.identity())])]), "out-of-range");
    invalid("trailing-byte", "a byte after the set", [four.set(), vec![0]].concat(), "trailing-bytes");
    invalid("map", "a set is an array", vec![0xa0], "wrong-type");
    file
}

fn candidates() -> File {
    let mut file = File::new("candidate", "Candidates, and that they know the secrets of their voting keys (section 8.7).");
    let [first, second] = [founders().validators()[0], founders().validators()[1]];
    let of = |possession: [u8; 48], address: &str| {
        array([bytes(first.identity()), bytes(first.key()), bytes(possession), text(address)])
    };
    let own = first.possession_for(&first.identity());
    let mut valid = |name: &str, why: &str, item: Vec<u8>| file.valid(name, why, hex_input(item), Object::default());
    valid("plain", "with an address", first.candidate());
    valid("without-address", "told otherwise", of(own, ""));
    valid("longest-address", "255 bytes", of(own, &"a".repeat(255)));
    let mut invalid = |name: &str, why: &str, item: Vec<u8>, code| file.invalid(name, why, hex_input(item), code);
    invalid("another-key", "the possession of another's key", of(second.possession_for(&first.identity()), ""), "possession");
    invalid("another-identity", "the possession that another showed", of(first.possession_for(&second.identity()), ""), "possession");
    invalid("changed", "a bit of it", of(flip(&own, 20, 1).try_into().expect("48 bytes"), ""), "possession");
    let mut zero = [0; 48];
    zero[0] = 0xc0;
    invalid("infinity", "the point at infinity is no signature", of(zero, ""), "possession");
    invalid("address-256", "a byte too long", of(own, &"a".repeat(256)), "out-of-range");
    let short = array([bytes(first.identity()), bytes(first.key()), bytes(&own[..47]), text("")]);
    invalid("possession-47", "a byte too short", short, "out-of-range");
    invalid("of-three", "no address", array([bytes(first.identity()), bytes(first.key()), bytes(own)]), "out-of-range");
    file
}

fn parameters() -> Fields {
    let numbers = [24, 10_000, 31_536_000, 8_208_000, 2_592_000, 8640, 1000, 5000];
    Fields::new((1..).zip(numbers.map(uint)))
}

pub(crate) fn genesis() -> Fields {
    Fields::new([
        (1, uint(1)),
        (2, text("test")),
        (3, uint(BEGAN)),
        (4, array(founders().validators().iter().map(|one| one.candidate()))),
        (5, parameters().encode()),
        (6, array([text("bank"), text("mail")])),
    ])
}

pub(crate) fn network() -> [u8; 32] {
    hash("dotkey genesis v1", &genesis().encode())
}

fn genesis_file() -> File {
    let mut file = File::new("genesis", "The genesis of a network, and its id (section 8.9).");
    let good = genesis();
    let with_parameter = |key, number| good.with(5, parameters().with(key, uint(number)).encode());
    let mut valid = |name: &str, why: &str, genesis: &Fields| {
        let network = hash("dotkey genesis v1", &genesis.encode());
        file.valid(name, why, hex_input(genesis.encode()), [("network", hex(network))]);
    };
    valid("four", "four validators", &good);
    valid("solo", "one validator, nothing reserved", &good.with(4, array([Committee::new([101]).validators()[0].candidate()])).with(6, array([])));
    valid("longest-name", "32 characters", &good.with(2, text("a".repeat(32))));
    valid("no-work", "stamps cost nothing", &with_parameter(1, 0));
    valid("all-lease", "a lease can be renewed from its first second", &with_parameter(4, 31_536_000));
    add_common(&mut file, &good, &[1, 2, 3, 4, 5, 6], 7);
    let mut invalid = |name: &str, why: &str, genesis: &Fields, code| file.invalid(name, why, hex_input(genesis.encode()), code);
    invalid("version-2", "a version to come", &good.with(1, uint(2)), "unknown-version");
    for (name, text_of) in [("upper-case", "Test"), ("space", "a b"), ("hyphen-first", "-a"), ("hyphen-last", "a-")] {
        invalid(&format!("name-{name}"), "no network's name", &good.with(2, text(text_of)), "network-name");
    }
    invalid("name-empty", "no name", &good.with(2, text("")), "out-of-range");
    invalid("name-33", "a character too long", &good.with(2, text("a".repeat(33))), "out-of-range");
    invalid("time-beyond-9999", "a second beyond the last", &good.with(3, uint(LAST_SECOND + 1)), "out-of-range");
    invalid("nobody", "no validators", &good.with(4, array([])), "out-of-range");
    let mut all: Vec<_> = founders().validators().iter().map(|one| one.candidate()).collect();
    all.swap(0, 1);
    invalid("validators-swapped", "the second before the first", &good.with(4, array(all)), "validator-order");
    let [first, second] = [founders().validators()[0], founders().validators()[1]];
    let stolen = array([bytes(second.identity()), bytes(second.key()), bytes(first.possession_for(&second.identity())), text("")]);
    invalid("possession", "of another key", &good.with(4, array([first.candidate(), stolen])), "possession");
    for (key, below, above) in [(2, 0, (1 << 32) + 1), (3, 59, 316_224_001), (6, 1, (1 << 32) + 1), (7, 0, 60_001), (8, 99, 600_001)] {
        invalid(&format!("parameter-{key}-below"), "one below the least", &with_parameter(key, below), "out-of-range");
        invalid(&format!("parameter-{key}-above"), "one above the greatest", &with_parameter(key, above), "out-of-range");
    }
    invalid("stamp-61", "more work than anyone does", &with_parameter(1, 61), "out-of-range");
    invalid("renewal-beyond-lease", "it begins before the lease", &with_parameter(4, 31_536_001), "parameters");
    invalid("heartbeat-too-fast", "faster than blocks", &with_parameter(8, 999), "parameters");
    invalid("parameters-unknown-key", "the map is closed", &good.with(5, parameters().with(9, uint(0)).encode()), "unknown-key");
    invalid("parameters-missing-key", "8 is missing", &good.with(5, parameters().without(8).encode()), "missing-key");
    invalid("reserved-order", "they ascend", &good.with(6, array([text("mail"), text("bank")])), "label-order");
    invalid("reserved-twice", "each once", &good.with(6, array([text("bank"), text("bank")])), "label-order");
    invalid("reserved-upper-case", "not its one form", &good.with(6, array([text("Bank")])), "label");
    file
}

fn checkpoints() -> File {
    let mut file = File::new("checkpoint", "What a light client keeps of the validators, and for how long (section 8.8).");
    let good = Fields::new([(1, bytes(network())), (2, uint(3)), (3, uint(BEGAN)), (4, founders().set())]);
    let input = |checkpoint: &Fields, now: u64| hex_input(checkpoint.encode()).and("now", now).and("age_secs_max", 7_776_000_u64);
    let mut valid = |name: &str, why: &str, now: u64| {
        file.valid(name, why, input(&good, now), Object::from([("epoch", 3_u64.into()), ("validators", hex(founders().digest()))]));
    };
    valid("new", "just made", BEGAN);
    valid("old", "as old as allowed", BEGAN + 7_776_000);
    valid("ahead", "the clock is behind", BEGAN - 1);
    file.invalid("too-old", "a second too old", input(&good, BEGAN + 7_776_001), "trust-expired");
    let mut invalid = |name: &str, why: &str, checkpoint: &Fields, code| file.invalid(name, why, input(checkpoint, BEGAN), code);
    for key in 1..=4 {
        invalid(&format!("without-{key}"), "a key that has to be there", &good.without(key), "missing-key");
    }
    invalid("unknown-key", "the map is closed", &good.with(5, uint(0)), "unknown-key");
    invalid("epoch-beyond", "2^53", &good.with(2, uint(MAX + 1)), "out-of-range");
    invalid("epoch-negative", "-1", &good.with(2, int(-1)), "wrong-type");
    invalid("nobody", "no validators", &good.with(4, array([])), "out-of-range");
    file
}
