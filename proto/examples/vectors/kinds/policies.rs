//! Policies: sections 3.1 to 3.4.

use super::encode::{Fields, array, bytes, hash, head, int, map, text, uint};
use super::file::{File, hex, hex_input, unhex};
use super::sign::Signer::{self, Ed, Wallet};

/// A key of a policy.
pub(super) fn key(signer: Signer, weight: u64, roles: &[&str]) -> Vec<u8> {
    raw_key(signer.algorithm(), &signer.public(), weight, roles)
}

fn raw_key(algorithm: i64, public: &[u8], weight: u64, roles: &[&str]) -> Vec<u8> {
    let roles = array(roles.iter().map(text));
    array([int(algorithm), bytes(public), uint(weight), roles])
}

/// Thresholds in their encoded order, which the caller keeps: a shorter role first.
pub(super) fn thresholds(entries: &[(&str, u64)]) -> Vec<u8> {
    map(entries.iter().map(|(role, least)| (text(role), uint(*least))))
}

pub(super) fn recovery(keys: &[(Signer, u64)], threshold: u64, delay: u64) -> Fields {
    let keys = keys.iter().map(|(signer, weight)| {
        array([int(signer.algorithm()), bytes(signer.public()), uint(*weight)])
    });
    Fields::new([(1, array(keys)), (2, uint(threshold)), (3, uint(delay))])
}

pub(super) const BOTH: [&str; 2] = ["admin", "publish"];

/// A genesis policy.
pub(super) fn policy(keys: impl IntoIterator<Item = Vec<u8>>, least: &[(&str, u64)]) -> Fields {
    Fields::new([(1, uint(0)), (2, array(keys)), (3, thresholds(least))])
}

/// The policy of one key that does everything, which is what a bare key stands for.
pub(super) fn bare(signer: Signer) -> Fields {
    policy([key(signer, 1, &BOTH)], &[("admin", 1), ("publish", 1)])
}

/// The policy as the update of another.
pub(super) fn after(policy: &Fields, old: &Fields, number: u64) -> Fields {
    let previous = policy_digest(&old.encode());
    policy.with(1, uint(number)).with(6, bytes(previous))
}

pub(super) fn key_id(genesis: &Fields) -> [u8; 32] {
    hash("dotkey identity v1", &genesis.encode())
}

pub(super) fn policy_digest(policy: &[u8]) -> [u8; 32] {
    hash("dotkey policy v1", policy)
}

/// What the policy before commits to: section 3.4.
pub(super) fn commitment(policy: &Fields) -> Vec<u8> {
    let authority = [&[0x82], policy.get(2), policy.get(3)].concat();
    bytes(hash("dotkey next authority v1", &authority))
}

pub(super) fn file() -> File {
    let mut file = File::new("policy", "Policies, with their key id and digest (sections 3.1 to 3.4).");
    add_valid(&mut file);
    add_edges(&mut file);
    add_many_thresholds(&mut file);
    add_broken_encodings(&mut file);
    add_broken_shapes(&mut file);
    add_broken_keys(&mut file);
    add_broken_rules(&mut file);
    file
}

fn valid(file: &mut File, name: &str, why: &str, policy: &Fields) {
    let encoded = policy.encode();
    let number = policy.number(1);
    let mut facts = super::Object::default();
    if number == 0 {
        facts = facts.and("key_id", hex(key_id(policy)));
    }
    let facts = facts.and("digest", hex(policy_digest(&encoded))).and("number", number);
    file.valid(name, why, hex_input(encoded), facts);
}

fn add_valid(file: &mut File) {
    valid(file, "bare-ed25519", "what a bare key stands for (3.8)", &bare(Ed(1)));
    valid(file, "bare-wallet", "what a bare wallet stands for (3.8)", &bare(Wallet(1)));
    let least = [("admin", 1), ("publish", 1)];
    let apart = policy([key(Ed(1), 1, &["admin"]), key(Ed(2), 1, &["publish"])], &least);
    valid(file, "roles-apart", "who administers does not publish", &apart);
    let thirds = [Ed(1), Ed(2), Wallet(3)].map(|signer| key(signer, 1, &BOTH));
    let two_of_three = policy(thirds, &[("admin", 2), ("publish", 2)]);
    valid(file, "two-of-three", "ed25519 keys and a wallet together", &two_of_three);
    let weighted = policy([key(Ed(1), 3, &BOTH), key(Ed(2), 1, &BOTH), key(Ed(3), 1, &["admin"])], &[("admin", 3), ("publish", 1)]);
    valid(file, "weights", "one key weighs as much as it takes", &weighted);
    let roles = ["admin", "publish", "publish:a.b", "publish:blog", "publish:x_y-z9"];
    let branches = policy([key(Ed(1), 1, &roles), key(Ed(2), 1, &["publish:blog"])], &[("admin", 1), ("publish", 1), ("publish:a.b", 1), ("publish:blog", 2), ("publish:x_y-z9", 1)]);
    valid(file, "branches", "thresholds in encoded order, roles in the order of their text", &branches);
    let both_sets = bare(Ed(1)).with(5, recovery(&[(Ed(1), 1)], 1, 3600).encode());
    valid(file, "key-also-recovers", "allowed, though it defeats the purpose", &both_sets);
    let prepared = bare(Ed(1)).with(4, commitment(&bare(Ed(2))));
    valid(file, "next", "commits to the next keys", &prepared);
    let recoverable = prepared.with(5, recovery(&[(Ed(8), 1), (Wallet(9), 2)], 2, 86_400).encode());
    valid(file, "recovery", "keys that only recover", &recoverable);
    valid(file, "update", "names the policy before it", &after(&bare(Ed(2)), &bare(Ed(1)), 1));
    for (name, why, number) in [
        ("number-64", "a chain has 64 policies, but its numbers go on", 64),
        ("number-256", "no number wraps around", 256),
        ("number-greatest", "2^32 - 1", 4_294_967_295),
    ] {
        valid(file, name, why, &after(&bare(Ed(2)), &bare(Ed(1)), number));
    }
}

fn add_edges(file: &mut File) {
    let keys = |count: u8| (1..=count).map(|seed| key(Ed(seed), 1, &BOTH));
    let least = [("admin", 1), ("publish", 1)];
    valid(file, "32-keys", "as many as allowed", &policy(keys(32), &least));
    let encoded = policy(keys(33), &least).encode();
    file.invalid("33-keys", "one too many", hex_input(encoded), "out-of-range");

    let roles: Vec<String> = (0..16).map(|at| format!("publish:{at:02}")).collect();
    let with_branches = |count: usize| {
        let held: Vec<&str> = BOTH.into_iter().chain(roles.iter().map(|role| &**role)).take(count).collect();
        let least: Vec<_> = held.iter().map(|role| (*role, 1)).collect();
        policy([key(Ed(1), 1, &held)], &least)
    };
    valid(file, "16-roles", "as many as one key may hold", &with_branches(16));
    file.invalid("17-roles", "one too many", hex_input(with_branches(17).encode()), "out-of-range");

    let heavy = (1..=32).map(|seed| key(Ed(seed), 65_535, &BOTH));
    let all = policy(heavy, &[("admin", 2_097_120), ("publish", 1)]);
    valid(file, "greatest-threshold", "all of the heaviest keys", &all);
    for (name, delay, fits) in [("delay-of-an-hour", 3600, true), ("delay-of-30-days", 2_592_000, true), ("delay-below-an-hour", 3599, false), ("delay-above-30-days", 2_592_001, false)] {
        let policy = bare(Ed(1)).with(5, recovery(&[(Ed(2), 1)], 1, delay).encode());
        match fits {
            true => valid(file, name, "at the edge", &policy),
            false => file.invalid(name, "beyond the edge", hex_input(policy.encode()), "out-of-range"),
        }
    }
    let longest = format!("publish:{}", [63, 63, 63, 61].map(|count| "a".repeat(count)).join("."));
    let branch = |role: &str| {
        let least = [("admin", 1), ("publish", 1), (role, 1)];
        policy([key(Ed(1), 1, &["admin", "publish", role])], &least)
    };
    valid(file, "longest-branch", "an owner name of 254 octets", &branch(&longest));
    let longer = format!("{longest}a");
    file.invalid("branch-too-long", "an owner name of 255 octets", hex_input(branch(&longer).encode()), "unknown-role");
    let longer = format!("publish:{}", "a.".repeat(200) + "a");
    file.invalid("branch-far-too-long", "a text that no owner name has", hex_input(branch(&longer).encode()), "unknown-role");
}

/// Of 514 thresholds two are always unreachable: 32 keys hold at most 512 roles.
fn add_many_thresholds(file: &mut File) {
    let branches: Vec<String> = (0..513).map(|at| format!("publish:{at:03}")).collect();
    let of = |count: usize| {
        let all: Vec<&str> = BOTH.into_iter().chain(branches.iter().map(|role| &**role)).collect();
        let keys = all.chunks(16).take(32).zip(1..).map(|(roles, seed)| key(Ed(seed), 1, roles));
        let least: Vec<_> = all[..count].iter().map(|role| (*role, 1)).collect();
        policy(keys, &least)
    };
    valid(file, "512-thresholds", "each for a role that is held", &of(512));
    file.invalid("514-thresholds", "as many as the schema allows, but nobody holds the last two", hex_input(of(514).encode()), "unreachable-threshold");
    file.invalid("515-thresholds", "one too many", hex_input(of(515).encode()), "out-of-range");
}

fn add_broken_encodings(file: &mut File) {
    let good = bare(Ed(1)).encode();
    let mut invalid = |name: &str, why: &str, bytes: &[u8], code| {
        file.invalid(name, why, hex_input(bytes), code);
    };
    invalid("empty", "nothing", &[], "truncated");
    invalid("cut", "the last byte is missing", &good[..good.len() - 1], "truncated");
    invalid("trailing-byte", "a byte after the map", &[&good[..], &[0]].concat(), "trailing-bytes");
    let long = [&good[..1], &unhex("01 18 00"), &good[3..]].concat();
    invalid("number-long", "0 in two bytes", &long, "not-shortest");
    let indefinite = [&[0xbf], &good[1..], &[0xff]].concat();
    invalid("map-indefinite", "a map until a break", &indefinite, "indefinite-length");
    let fields = bare(Ed(1));
    let entry = |at: u64| (uint(at), fields.get(at).to_vec());
    invalid("keys-swapped", "2 before 1", &map([entry(2), entry(1), entry(3)]), "map-order");
    invalid("key-twice", "1 twice", &map([entry(1), entry(1), entry(2), entry(3)]), "duplicate-key");
    let swapped = thresholds(&[("publish", 1), ("admin", 1)]);
    invalid("thresholds-swapped", "the longer role first", &fields.with(3, swapped).encode(), "map-order");
    let twice = thresholds(&[("admin", 1), ("admin", 1), ("publish", 1)]);
    invalid("threshold-twice", "one role twice", &fields.with(3, twice).encode(), "duplicate-key");
    let float = fields.with(1, unhex("f9 0000")).encode();
    invalid("number-float", "0.0 is no integer", &float, "forbidden-item");
    let tagged = fields.with(4, [unhex("c2"), bytes([0; 32])].concat()).encode();
    invalid("next-tagged", "a tag before a byte string", &tagged, "forbidden-item");
    let deep = [vec![0x81; 16], vec![0x80]].concat();
    invalid("too-deep", "17 levels", &fields.with(4, deep).encode(), "too-deep");
    let bad_text = map([([head(3, 5), b"admi\xff".to_vec()].concat(), uint(1))]);
    invalid("role-not-utf8", "a byte that is none", &fields.with(3, bad_text).encode(), "invalid-utf8");
}

fn add_broken_shapes(file: &mut File) {
    let good = bare(Ed(1));
    let previous = bytes([7; 32]);
    let mut invalid = |name: &str, why: &str, policy: Vec<u8>, code| {
        file.invalid(name, why, hex_input(policy), code);
    };
    invalid("array", "an array", array([uint(0)]), "wrong-type");
    invalid("no-number", "1 is missing", good.without(1).encode(), "missing-key");
    invalid("no-keys", "2 is missing", good.without(2).encode(), "missing-key");
    invalid("no-thresholds", "3 is missing", good.without(3).encode(), "missing-key");
    invalid("unknown-key", "7 is not known", good.with(7, uint(0)).encode(), "unknown-key");
    invalid("key-zero", "0 is not known", good.with(0, uint(0)).encode(), "unknown-key");
    let negative = good.encode_and(int(-1), uint(0));
    invalid("negative-key", "a key is an unsigned integer", negative, "wrong-type");
    let text_key = good.encode_and(text("x"), uint(0));
    invalid("text-key", "a key is an unsigned integer", text_key, "wrong-type");
    invalid("number-negative", "-1", good.with(1, int(-1)).encode(), "wrong-type");
    invalid("number-text", "`0`", good.with(1, text("0")).encode(), "wrong-type");
    invalid("number-beyond", "2^32", good.with(1, uint(4_294_967_296)).with(6, previous.clone()).encode(), "out-of-range");
    invalid("number-64-bits", "2^64 - 1", good.with(1, uint(u64::MAX)).with(6, previous.clone()).encode(), "out-of-range");
    invalid("keys-map", "a map", good.with(2, map([])).encode(), "wrong-type");
    invalid("keys-empty", "nobody", good.with(2, array([])).encode(), "out-of-range");
    invalid("thresholds-array", "an array", good.with(3, array([])).encode(), "wrong-type");
    invalid("thresholds-empty", "no role", good.with(3, map([])).encode(), "out-of-range");
    let bytes_role = map([(bytes("admin"), uint(1)), (text("publish"), uint(1))]);
    invalid("threshold-of-bytes", "a role is a text", good.with(3, bytes_role).encode(), "wrong-type");
    invalid("next-31", "31 bytes", good.with(4, bytes([7; 31])).encode(), "out-of-range");
    invalid("next-null", "absent is not null", good.with(4, unhex("f6")).encode(), "wrong-type");
    invalid("recovery-null", "absent is not null", good.with(5, unhex("f6")).encode(), "wrong-type");
    invalid("previous-33", "33 bytes", after(&good, &good, 1).with(6, bytes([7; 33])).encode(), "out-of-range");
    invalid("previous-in-genesis", "nothing came before", good.with(6, previous).encode(), "unknown-key");
    invalid("update-without-previous", "6 is missing", good.with(1, uint(1)).encode(), "missing-key");

    let recover = |recovery: Fields| good.with(5, recovery.encode()).encode();
    let sound = recovery(&[(Ed(2), 1)], 1, 3600);
    invalid("recovery-no-keys", "1 is missing", recover(sound.without(1)), "missing-key");
    invalid("recovery-no-delay", "3 is missing", recover(sound.without(3)), "missing-key");
    invalid("recovery-unknown-key", "the map is closed", recover(sound.with(4, uint(0))), "unknown-key");
    invalid("recovery-keys-empty", "nobody", recover(sound.with(1, array([]))), "out-of-range");
    invalid("recovery-threshold-zero", "no signature at all", recover(sound.with(2, uint(0))), "out-of-range");
    let with_roles = array([key(Ed(2), 1, &["admin"])]);
    invalid("recovery-key-with-roles", "four elements of three", recover(sound.with(1, with_roles)), "out-of-range");
    let many: Vec<_> = (1..=33).map(|seed| (Ed(seed), 1)).collect();
    invalid("33-recovery-keys", "one too many", recover(recovery(&many, 1, 3600)), "out-of-range");
}

fn add_broken_keys(file: &mut File) {
    let least = [("admin", 1), ("publish", 1)];
    let mut invalid = |name: &str, why: &str, key: Vec<u8>, code| {
        file.invalid(name, why, hex_input(policy([key], &least).encode()), code);
    };
    let public = Ed(1).public();
    let roles = array([text("admin"), text("publish")]);
    let three = array([int(-8), bytes(&public), uint(1)]);
    invalid("key-of-three", "the roles are missing", three, "out-of-range");
    let five = array([int(-8), bytes(&public), uint(1), roles.clone(), uint(0)]);
    invalid("key-of-five", "one element too many", five, "out-of-range");
    let text_alg = array([text("EdDSA"), bytes(&public), uint(1), roles.clone()]);
    invalid("algorithm-text", "an algorithm is a number", text_alg, "wrong-type");
    let text_key = array([int(-8), text("x"), uint(1), roles]);
    invalid("key-text", "a key is bytes", text_key, "wrong-type");
    invalid("algorithm-es256", "-7 is not ours", raw_key(-7, &public, 1, &BOTH), "unknown-algorithm");
    invalid("algorithm-positive", "8 is not -8", raw_key(8, &public, 1, &BOTH), "unknown-algorithm");
    invalid("algorithm-least", "a number beside the wallet's", raw_key(-65_538, &public, 1, &BOTH), "unknown-algorithm");
    invalid("ed25519-31", "31 bytes", raw_key(-8, &public[1..], 1, &BOTH), "key-length");
    invalid("ed25519-20", "an address", raw_key(-8, &public[..20], 1, &BOTH), "key-length");
    invalid("wallet-32", "a public key", raw_key(-65_537, &public, 1, &BOTH), "key-length");
    invalid("key-empty", "no bytes", raw_key(-8, &[], 1, &BOTH), "key-length");
    for (name, why, hex) in WEAK_KEYS {
        invalid(name, why, raw_key(-8, &unhex(hex), 1, &BOTH), "weak-key");
    }
    invalid("weight-zero", "it would not count", key(Ed(1), 0, &BOTH), "out-of-range");
    invalid("weight-65536", "beyond 16 bits", key(Ed(1), 65_536, &BOTH), "out-of-range");
    invalid("no-roles", "it could do nothing", key(Ed(1), 1, &[]), "out-of-range");
    for (name, role) in [
        ("role-unknown", "sign"),
        ("role-empty", ""),
        ("role-upper-case", "Admin"),
        ("role-branch-empty", "publish:"),
        ("role-branch-upper-case", "publish:Blog"),
        ("role-branch-dot-at-end", "publish:blog."),
        ("role-branch-empty-label", "publish:a..b"),
        ("role-branch-apex", "publish:@"),
        ("role-branch-wildcard", "publish:*"),
        ("role-branch-escape", "publish:\\097"),
        ("role-branch-unicode", "publish:b\u{fc}cher"),
        ("role-branch-long-label", "publish:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("role-admin-branch", "admin:blog"),
    ] {
        let roles = ["admin", "publish", role];
        invalid(name, "no role", key(Ed(1), 1, &roles), "unknown-role");
    }
    invalid("roles-swapped", "`publish` before `admin`", key(Ed(1), 1, &["publish", "admin"]), "role-order");
    invalid("role-twice", "`admin` twice", key(Ed(1), 1, &["admin", "admin", "publish"]), "role-order");
}

/// Encodings that are no point, no canonical one, or one of small order (RFC 7748 and RFC 8032 give the curve).
const WEAK_KEYS: &[(&str, &str, &str)] = &[
    ("key-identity", "the neutral point", "0100000000000000000000000000000000000000000000000000000000000000"),
    ("key-order-2", "a point of order 2", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("key-order-4", "a point of order 4", "0000000000000000000000000000000000000000000000000000000000000000"),
    ("key-order-4-other", "the other point of order 4", "0000000000000000000000000000000000000000000000000000000000000080"),
    ("key-order-8-a", "a point of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    ("key-order-8-b", "a point of order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    ("key-order-8-c", "a point of order 8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ("key-order-8-d", "a point of order 8", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ("key-identity-sign", "the neutral point with its sign bit set", "0100000000000000000000000000000000000000000000000000000000000080"),
    ("key-order-2-sign", "the point of order 2 with its sign bit set", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    ("key-y-p", "y is the prime: 0 in another form", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("key-y-p-plus-1", "1 in another form", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("key-y-p-plus-3", "3 in another form, of a point that is not of small order", "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ("key-y-greatest", "all bits are set", "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"),
    ("key-no-point", "no point of the curve has y = 2", "0200000000000000000000000000000000000000000000000000000000000000"),
];

fn add_broken_rules(file: &mut File) {
    let mut invalid = |name: &str, why: &str, policy: &Fields, code| {
        file.invalid(name, why, hex_input(policy.encode()), code);
    };
    let least = [("admin", 1), ("publish", 1)];
    let twice = policy([key(Ed(1), 1, &BOTH), key(Ed(1), 2, &BOTH)], &least);
    invalid("signer-twice", "one key in two places", &twice, "duplicate-signer");
    let wallets = policy([key(Wallet(1), 1, &["admin"]), key(Wallet(1), 1, &["publish"])], &least);
    invalid("wallet-twice", "one wallet in two places", &wallets, "duplicate-signer");
    let recovering = recovery(&[(Ed(2), 1), (Ed(2), 1)], 1, 3600).encode();
    invalid("recovery-key-twice", "one key in two places", &bare(Ed(1)).with(5, recovering), "duplicate-signer");
    let good = bare(Ed(1));
    let with = |least: &[(&str, u64)]| good.with(3, thresholds(least));
    invalid("threshold-admin-missing", "nobody could rotate", &with(&[("publish", 1)]), "missing-threshold");
    invalid("threshold-publish-missing", "nobody could publish", &with(&[("admin", 1)]), "missing-threshold");
    let branch = policy([key(Ed(1), 1, &["admin", "publish", "publish:blog"])], &least);
    invalid("threshold-branch-missing", "a role that is held has one", &branch, "missing-threshold");
    invalid("threshold-zero", "no signature at all", &with(&[("admin", 0), ("publish", 1)]), "out-of-range");
    invalid("threshold-2097121", "more than all weights could be", &with(&[("admin", 2_097_121), ("publish", 1)]), "out-of-range");
    invalid("threshold-role-unknown", "no role", &with(&[("root", 1), ("admin", 1), ("publish", 1)]), "unknown-role");
    invalid("admin-unreachable", "weight 1 of 2", &with(&[("admin", 2), ("publish", 1)]), "unreachable-threshold");
    invalid("publish-unreachable", "weight 1 of 2", &with(&[("admin", 1), ("publish", 2)]), "unreachable-threshold");
    let unheld = with(&[("admin", 1), ("publish", 1), ("publish:blog", 1)]);
    invalid("branch-unheld", "nobody holds the role", &unheld, "unreachable-threshold");
    let no_publisher = policy([key(Ed(1), 1, &["admin"])], &least);
    invalid("no-publisher", "nobody holds the role", &no_publisher, "unreachable-threshold");
    let short = recovery(&[(Ed(2), 1), (Ed(3), 1)], 3, 3600).encode();
    invalid("recovery-unreachable", "weight 2 of 3", &good.with(5, short), "unreachable-threshold");
}
