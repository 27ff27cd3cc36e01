//! Transactions: section 8.1. Their form alone; nothing is verified.

use super::chains::chain;
use super::encode::{Fields, array, bytes, int, map, text, uint};
use super::file::{File, Object, hex_input, hex_text, unhex};
use super::policies::{bare, key_id, policy_digest};
use super::sign::Signer::{Ed, Wallet};
use super::sign::{Subject, envelope, signed};

const NETWORK: [u8; 32] = [9; 32];
const MAX: u64 = 9_007_199_254_740_991;

fn fields(action: Vec<u8>) -> Fields {
    let genesis = bare(Ed(1));
    Fields::new([(1, uint(1)), (2, bytes(NETWORK)), (3, bytes(key_id(&genesis))), (4, uint(3)), (5, chain(&[genesis.encode()])), (6, action)])
}

/// The payload in an envelope, signed by an ed25519 key: only a wallet signs a text that says the action.
fn transaction(fields: &Fields) -> Vec<u8> {
    wrap(&fields.encode())
}

fn wrap(payload: &[u8]) -> Vec<u8> {
    let subject = Subject::transaction(&NETWORK, &key_id(&bare(Ed(1))), 3, "");
    signed(payload, &subject, &[Ed(1)])
}

fn facts(action: &str, nonce: u64) -> Object {
    [("action", action.into()), ("nonce", nonce.into())].into()
}

fn claim(label: &str, salt: &[u8], stamp: &[u8]) -> Vec<u8> {
    array([uint(2), text(label), bytes(salt), bytes(stamp)])
}

pub(super) fn file() -> File {
    let mut file = File::new("transaction", "Transactions by their form alone; signatures, chains and what the ledger accepts are not looked at (sections 4.2 and 8.1).");
    add_actions(&mut file);
    add_edges(&mut file);
    add_labels(&mut file);
    add_broken_actions(&mut file);
    add_broken_fields(&mut file);
    add_broken_envelopes(&mut file);
    file
}

fn add_actions(file: &mut File) {
    let mut valid = |name: &str, why: &str, action: Vec<u8>, word: &'static str| {
        file.valid(name, why, hex_input(transaction(&fields(action))), facts(word, 3));
    };
    valid("commit", "announces a claim", array([uint(1), bytes([1; 32])]), "commit");
    valid("claim", "claims a name", claim("mysite", &[2; 16], &[3; 40]), "claim");
    valid("claim-a-label", "a label outside ASCII stands as its A-label", claim("xn--mnchen-3ya", &[2; 16], &[]), "claim");
    valid("renew", "renews a lease", array([uint(3), text("mysite"), bytes([])]), "renew");
    valid("transfer", "gives a name away", array([uint(4), text("mysite"), bytes([4; 32])]), "transfer");
    valid("release", "gives a name up", array([uint(5), text("mysite")]), "release");
    valid("set-policy", "pins the newest policy", array([uint(6)]), "set-policy");
    valid("checkpoint", "ends older records", array([uint(7), uint(7)]), "checkpoint");
    valid("validator-change", "weighs a validator", array([uint(8), bytes([5; 48]), uint(10)]), "validator-change");
    valid("validator-removed", "weight 0 removes", array([uint(8), bytes([5; 48]), uint(0)]), "validator-change");
    valid("accuse", "shows a validator's two votes", array([uint(9), bytes([6; 300])]), "accuse");
    let opening = fields(array([uint(6)])).with(7, bytes([3; 40]));
    file.valid("opening", "the first of an identity carries a stamp", hex_input(transaction(&opening)), facts("set-policy", 3));
    let payload = fields(array([uint(6)])).encode();
    let id = key_id(&bare(Ed(1)));
    let words = format!("set-policy {}", hex_text(&policy_digest(&bare(Ed(1)).encode())));
    let subject = Subject::transaction(&NETWORK, &id, 3, &words);
    let both = signed(&payload, &subject, &[Ed(1), Wallet(2)]);
    file.valid("signed-by-two", "who may sign is not looked at", hex_input(both), facts("set-policy", 3));
    let other = Subject::transaction(&[8; 32], &id, 3, &words);
    let other = signed(&payload, &other, &[Ed(1)]);
    file.valid("signed-for-other-network", "signatures are not looked at", hex_input(other), facts("set-policy", 3));
}

fn add_edges(file: &mut File) {
    let ok =
        |file: &mut File, name: &str, why: &str, fields: &Fields, word: &'static str, nonce| {
            file.valid(name, why, hex_input(transaction(fields)), facts(word, nonce));
        };
    let set = fields(array([uint(6)]));
    ok(file, "nonce-0", "the first transaction of an identity", &set.with(4, uint(0)), "set-policy", 0);
    ok(file, "nonce-greatest", "2^53 - 1", &set.with(4, uint(MAX)), "set-policy", MAX);
    ok(file, "checkpoint-greatest", "2^53 - 1", &fields(array([uint(7), uint(MAX)])), "checkpoint", 3);
    ok(file, "stamp-2048", "the longest stamp", &fields(claim("a", &[2; 16], &[3; 2048])), "claim", 3);
    ok(file, "label-48", "the longest label", &fields(claim(&"a".repeat(48), &[2; 16], &[])), "claim", 3);
    let validator = |length: usize, weight| fields(array([uint(8), bytes(vec![5; length]), uint(weight)]));
    ok(file, "validator-1", "the shortest key and the greatest weight", &validator(1, 65_535), "validator-change", 3);
    ok(file, "validator-512", "the longest", &validator(512, 1), "validator-change", 3);
    let bad = |file: &mut File, name: &str, why: &str, fields: &Fields| {
        file.invalid(name, why, hex_input(transaction(fields)), "out-of-range");
    };
    bad(file, "nonce-beyond", "2^53", &set.with(4, uint(MAX + 1)));
    bad(file, "checkpoint-0", "sequences begin at 1", &fields(array([uint(7), uint(0)])));
    bad(file, "checkpoint-beyond", "2^53", &fields(array([uint(7), uint(MAX + 1)])));
    bad(file, "stamp-2049", "a byte too long", &fields(claim("a", &[2; 16], &[3; 2049])));
    bad(file, "renew-stamp-2049", "a byte too long", &fields(array([uint(3), text("a"), bytes([3; 2049])])));
    bad(file, "opening-2049", "a byte too long", &set.with(7, bytes([3; 2049])));
    bad(file, "votes-empty", "no votes", &fields(array([uint(9), bytes([])])));
    bad(file, "votes-4097", "a byte too long", &fields(array([uint(9), bytes([6; 4097])])));
    bad(file, "salt-15", "a byte too short", &fields(claim("a", &[2; 15], &[])));
    bad(file, "salt-17", "a byte too long", &fields(claim("a", &[2; 17], &[])));
    bad(file, "label-49", "a byte too long", &fields(claim(&"a".repeat(49), &[2; 16], &[])));
    bad(file, "label-empty", "no name", &fields(claim("", &[2; 16], &[])));
    bad(file, "validator-0", "no key", &validator(0, 1));
    bad(file, "validator-513", "a byte too long", &validator(513, 1));
    bad(file, "validator-weight-65536", "beyond 16 bits", &validator(48, 65_536));
    bad(file, "commitment-31", "a byte too short", &fields(array([uint(1), bytes([1; 31])])));
    bad(file, "transfer-to-33", "a byte too long", &fields(array([uint(4), text("a"), bytes([4; 33])])));
    // Elements of a chain are cheap bytes here: only envelopes are looked into, not the first policy.
    let of = |octets: usize| set.with(5, array([bytes(vec![0; octets])]));
    let rest = transaction(&of(7000)).len() - 7000;
    ok(file, "8192-bytes", "as large as allowed", &of(8192 - rest), "set-policy", 3);
    let large = transaction(&of(8193 - rest));
    file.invalid("8193-bytes", "a byte too large", hex_input(large), "too-large");
}

fn add_labels(file: &mut File) {
    for (name, why, label) in [
        ("label-upper-case", "not its one form", "MySite"),
        ("label-unicode", "not its one form", "b\u{fc}cher"),
        ("label-with-suffix", "a label, not a name", "mysite.key"),
        ("label-below", "a label, not a name", "www.mysite"),
        ("label-dot-at-end", "a label, not a name", "mysite."),
        ("label-hyphen", "a hyphen first", "-a"),
        ("label-hyphens", "hyphens at positions 3 and 4", "ab--cd"),
        ("label-underscore", "a character that no claim has", "my_site"),
        ("label-star", "a wildcard", "*"),
        ("label-space", "a space", "my site"),
        ("label-wallet", "`0x` begins a wallet", "0xabc"),
        ("label-reserved", "nobody can claim it", "localhost"),
        ("label-punycode", "no A-label", "xn--abc-"),
        ("label-confusable", "it looks like `apple`", "xn--80ak6aa92e"),
        ("label-path-form", "a path form", "@a/b"),
    ] {
        let release = fields(array([uint(5), text(label)]));
        file.invalid(name, why, hex_input(transaction(&release)), "label");
    }
    let wallet = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
    let claimed = fields(claim(wallet, &[2; 16], &[]));
    let why = "a self-certifying label belongs to its key";
    file.invalid("label-whole-wallet", why, hex_input(transaction(&claimed)), "label");
}

fn add_broken_actions(file: &mut File) {
    let mut invalid = |name: &str, why: &str, action: Vec<u8>, code| {
        file.invalid(name, why, hex_input(transaction(&fields(action))), code);
    };
    invalid("action-0", "there is none", array([uint(0)]), "unknown-action");
    invalid("action-10", "one to come", array([uint(10)]), "unknown-action");
    invalid("action-10-with-more", "one to come, of two elements", array([uint(10), uint(0)]), "unknown-action");
    invalid("action-empty", "no number", array([]), "out-of-range");
    invalid("action-number", "a number alone", uint(6), "wrong-type");
    invalid("action-map", "a map", map([(uint(6), uint(0))]), "wrong-type");
    invalid("action-text", "a word", array([text("set-policy")]), "wrong-type");
    invalid("action-negative", "-1", array([int(-1)]), "wrong-type");
    invalid("set-policy-of-two", "an element too many", array([uint(6), uint(0)]), "out-of-range");
    invalid("commit-of-one", "no commitment", array([uint(1)]), "out-of-range");
    invalid("claim-of-three", "no stamp", array([uint(2), text("a"), bytes([2; 16])]), "out-of-range");
    invalid("release-of-three", "an element too many", array([uint(5), text("a"), bytes([])]), "out-of-range");
    invalid("label-bytes", "a label is a text", array([uint(5), bytes("a")]), "wrong-type");
    invalid("commitment-text", "a commitment is bytes", array([uint(1), text("a")]), "wrong-type");
    invalid("checkpoint-negative", "-1", array([uint(7), int(-1)]), "wrong-type");
    invalid("stamp-null", "an empty stamp is no bytes", array([uint(3), text("a"), unhex("f6")]), "wrong-type");
    invalid("label-not-utf8", "a byte that is none", array([uint(5), unhex("61 ff")]), "invalid-utf8");
}

fn add_broken_fields(file: &mut File) {
    let set = fields(array([uint(6)]));
    let mut invalid = |name: &str, why: &str, payload: Vec<u8>, code| {
        file.invalid(name, why, hex_input(wrap(&payload)), code);
    };
    for key in 1..=6 {
        invalid(&format!("without-{key}"), "a key that has to be there", set.without(key).encode(), "missing-key");
    }
    invalid("key-8", "8 is not known", set.with(8, uint(0)).encode(), "unknown-key");
    invalid("version-2", "a version to come", set.with(1, uint(2)).encode(), "unknown-version");
    invalid("network-31", "a byte too short", set.with(2, bytes([9; 31])).encode(), "out-of-range");
    invalid("key-id-text", "a key id is bytes", set.with(3, text("a")).encode(), "wrong-type");
    invalid("nonce-negative", "-1", set.with(4, int(-1)).encode(), "wrong-type");
    invalid("chain-empty", "no policy", set.with(5, array([])).encode(), "out-of-range");
    invalid("chain-bytes", "a chain stands as an array", set.with(5, bytes([0x80])).encode(), "wrong-type");
    invalid("payload-array", "an array", array([]), "wrong-type");
    invalid("payload-trailing-byte", "a byte after the map", [set.encode(), vec![0]].concat(), "trailing-bytes");
    let float = set.with(4, unhex("f9 0000")).encode();
    invalid("nonce-float", "0.0 is no integer", float, "forbidden-item");
    let long = set.with(4, unhex("1b 0000000000000003")).encode();
    invalid("nonce-long", "3 in nine bytes", long, "not-shortest");
}

fn add_broken_envelopes(file: &mut File) {
    let set = fields(array([uint(6)]));
    let good = transaction(&set);
    let mut invalid = |name: &str, why: &str, bytes: &[u8], code| {
        file.invalid(name, why, hex_input(bytes), code);
    };
    invalid("empty", "nothing", &[], "truncated");
    invalid("cut", "the last byte is missing", &good[..good.len() - 1], "truncated");
    invalid("trailing-byte", "a byte after the envelope", &[&good[..], &[0]].concat(), "trailing-bytes");
    invalid("untagged", "the tag is missing", &good[2..], "wrong-tag");
    invalid("payload-alone", "no envelope", &set.encode(), "wrong-tag");
    invalid("unsigned", "nobody signed", &envelope(&set.encode(), []), "out-of-range");
}
