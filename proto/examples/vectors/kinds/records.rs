//! Records: sections 4 and 5.

use super::chains::{anchor, update};
use super::decode::payload_of;
use super::encode::{Fields, bytes, flip, hash, uint};
use super::file::{File, Object, hex};
use super::policies::{BOTH, after, bare, key, key_id, policy};
use super::sign::Signer::{self, Ed, Wallet};
use super::sign::{Subject, signed};

/// 2026-11-18T07:06:40Z.
const NOW: u64 = 1_795_000_000;
const BEGIN: u64 = NOW - 600;
const END: u64 = BEGIN + 30 * 86_400;
const SEQUENCE_MAX: u64 = 9_007_199_254_740_991;

/// What a record says, to be signed rightly or wrongly.
#[derive(Clone)]
pub(super) struct Claims {
    pub(super) key_id: [u8; 32],
    pub(super) sequence: u64,
    pub(super) window: (u64, u64),
    pub(super) branch: Option<&'static str>,
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) body: Vec<u8>,
    /// The number of the newest policy.
    pub(super) policy: u64,
}

impl Claims {
    pub(super) fn of(genesis: &Fields) -> Self {
        Self {
            key_id: key_id(genesis),
            sequence: 1,
            window: (BEGIN, END),
            branch: None,
            chain: vec![genesis.encode()],
            body: vec![0xa0],
            policy: 0,
        }
    }

    pub(super) fn bare(signer: Signer) -> Self {
        Self::of(&bare(signer))
    }

    pub(super) fn fields(&self) -> Fields {
        let fields = Fields::new([
            (1, uint(1)),
            (2, uint(1)),
            (3, bytes(self.key_id)),
            (4, uint(self.sequence)),
            (5, uint(self.window.0)),
            (6, uint(self.window.1)),
            (8, super::chains::chain(&self.chain)),
            (9, bytes(&self.body)),
        ]);
        match self.branch {
            Some(branch) => fields.with(7, bytes(wire(branch))),
            None => fields,
        }
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::record(&self.key_id, self.branch, self.sequence)
    }

    pub(super) fn signed(&self, signers: &[Signer]) -> Vec<u8> {
        signed(&self.fields().encode(), &self.subject(), signers)
    }

    pub(super) fn facts(&self, record: &[u8]) -> Object {
        let facts = Object::from([
            ("key_id", hex(self.key_id)),
            ("sequence", self.sequence.into()),
            ("policy_number", self.policy.into()),
            ("digest", hex(hash("dotkey record v1", payload_of(record)))),
        ]);
        match self.branch {
            Some(branch) => facts.and("branch", branch),
            None => facts,
        }
    }
}

/// The labels of a plain owner name in wire form.
fn wire(text: &str) -> Vec<u8> {
    text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect()
}

fn at(record: &[u8], now: u64) -> Object {
    [("hex", hex(record)), ("now", now.into())].into()
}

pub(super) fn now(record: &[u8]) -> Object {
    at(record, NOW)
}

pub(super) fn file() -> File {
    let mut file = File::new("record", "Signed records, the time at which they are verified, and in some an anchor (sections 4 and 5).");
    add_signers(&mut file);
    add_times(&mut file);
    add_ranges(&mut file);
    add_sizes(&mut file);
    add_branches(&mut file);
    add_chains(&mut file);
    add_counts(&mut file);
    super::record_forms::add(&mut file);
    super::record_signatures::add(&mut file);
    file
}

pub(super) fn valid(file: &mut File, name: &str, why: &str, claims: &Claims, signers: &[Signer]) {
    let record = claims.signed(signers);
    let facts = claims.facts(&record);
    file.valid(name, why, now(&record), facts);
}

pub(super) fn invalid(file: &mut File, name: &str, why: &str, record: &[u8], code: &'static str) {
    file.invalid(name, why, now(record), code);
}

/// A policy of so many signers, each of weight 1, and a threshold to publish.
pub(super) fn group(signers: &[Signer], threshold: u64) -> Fields {
    let keys = signers.iter().map(|signer| key(*signer, 1, &BOTH));
    policy(keys, &[("admin", 1), ("publish", threshold)])
}

fn add_signers(file: &mut File) {
    valid(file, "ed25519", "one ed25519 key", &Claims::bare(Ed(1)), &[Ed(1)]);
    for v in [27, 28] {
        let claims = (1..).map(|sequence| Claims { sequence, ..Claims::bare(Wallet(1)) }).find(|claims| claims.signed(&[Wallet(1)]).ends_with(&[v]))
            .expect("every second one will do");
        valid(file, &format!("wallet-v-{v}"), "one wallet", &claims, &[Wallet(1)]);
    }
    let three = Claims::of(&group(&[Ed(1), Ed(2), Ed(3)], 2));
    valid(file, "two-of-three", "any two", &three, &[Ed(3), Ed(1)]);
    valid(file, "three-of-three", "more than it takes, and all verify: the digest is that of any two", &three, &[Ed(1), Ed(2), Ed(3)]);
    let mixed = Claims::of(&group(&[Ed(1), Wallet(2), Wallet(3)], 2));
    valid(file, "ed25519-and-wallet", "kinds of keys count alike", &mixed, &[Ed(1), Wallet(3)]);
    valid(file, "two-wallets", "no ed25519 key signs", &mixed, &[Wallet(2), Wallet(3)]);
    let weighted = policy([key(Ed(1), 5, &BOTH), key(Ed(2), 4, &BOTH)], &[("admin", 5), ("publish", 5)]);
    valid(file, "weight-alone", "one key weighs enough", &Claims::of(&weighted), &[Ed(1)]);
    invalid(file, "weight-too-little", "4 of 5", &Claims::of(&weighted).signed(&[Ed(2)]), "threshold");
    invalid(file, "one-of-two", "one signature of two", &three.signed(&[Ed(2)]), "threshold");
    let body = Claims { body: vec![0xff], ..Claims::bare(Ed(1)) };
    valid(file, "body-not-read", "verification does not look into the body", &body, &[Ed(1)]);
}

fn add_times(file: &mut File) {
    let claims = |begin: u64, end: u64| Claims { window: (begin, end), ..Claims::bare(Ed(1)) };
    let long = 400 * 86_400;
    for (name, why, begin, end, now, outcome) in [
        ("first-second", "now is `not before`", NOW, NOW + 60, NOW, None),
        ("second-before", "a second too early", NOW + 1, NOW + 60, NOW, Some("not-yet-valid")),
        ("last-second", "now is a second before `expires`", NOW - 60, NOW + 1, NOW, None),
        ("second-after", "now is `expires`", NOW - 60, NOW, NOW, Some("expired")),
        ("long-expired", "a year ago", NOW - 40_000_000, NOW - 30_000_000, NOW, Some("expired")),
        ("one-second", "the shortest window", NOW, NOW + 1, NOW, None),
        ("400-days", "the longest window", BEGIN, BEGIN + long, NOW, None),
        ("400-days-and-a-second", "a second too long", BEGIN, BEGIN + long + 1, NOW, Some("validity-window")),
        ("window-empty", "it ends when it begins", NOW, NOW, NOW, Some("validity-window")),
        ("window-reversed", "it ends before it begins", NOW + 1, NOW - 1, NOW, Some("validity-window")),
        ("from-1970", "time zero", 0, 1, 0, None),
        ("until-9999", "the last second there is", 253_402_300_798, 253_402_300_799, 253_402_300_798, None),
        ("beyond-9999", "a second beyond the last", 253_402_300_798, 253_402_300_800, 253_402_300_798, Some("out-of-range")),
    ] {
        let claims = claims(begin, end);
        let record = claims.signed(&[Ed(1)]);
        let input = at(&record, now);
        match outcome {
            None => file.valid(name, why, input, claims.facts(&record)),
            Some(code) => file.invalid(name, why, input, code),
        }
    }
}

fn add_ranges(file: &mut File) {
    for (name, why, sequence, fits) in [
        ("sequence-0", "sequences begin at 1", 0, false),
        ("sequence-greatest", "2^53 - 1", SEQUENCE_MAX, true),
        ("sequence-beyond", "2^53", SEQUENCE_MAX + 1, false),
        ("sequence-64-bits", "2^64 - 1", u64::MAX, false),
    ] {
        let claims = Claims { sequence, ..Claims::bare(Ed(1)) };
        match fits {
            true => valid(file, name, why, &claims, &[Ed(1)]),
            false => invalid(file, name, why, &claims.signed(&[Ed(1)]), "out-of-range"),
        }
    }
}

fn add_sizes(file: &mut File) {
    let of = |octets: usize| Claims { body: vec![0xa0; octets], ..Claims::bare(Ed(1)) };
    // A body of that length has a head of three bytes, as one of 60000 bytes has.
    let rest = of(60_000).signed(&[Ed(1)]).len() - 60_000;
    valid(file, "65536-bytes", "as large as allowed", &of(65_536 - rest), &[Ed(1)]);
    invalid(file, "65537-bytes", "one byte too large", &of(65_537 - rest).signed(&[Ed(1)]), "too-large");
    let empty = of(0).signed(&[Ed(1)]);
    invalid(file, "body-empty", "nothing is no zone", &empty, "out-of-range");
}

fn add_branches(file: &mut File) {
    let roles = ["publish:a.blog", "publish:blog", "publish:shop"];
    let least: [(&str, u64); 5] = [("admin", 1), ("publish", 1), ("publish:blog", 1), ("publish:shop", 1), ("publish:a.blog", 1)];
    let keys = [key(Ed(1), 1, &BOTH), key(Ed(2), 1, &roles[1..2]), key(Ed(3), 1, &roles[..1]), key(Ed(4), 1, &roles[2..])];
    let genesis = policy(keys, &least);
    let claims = |branch| Claims { branch, ..Claims::of(&genesis) };
    valid(file, "branch-by-its-role", "the role of that branch", &claims(Some("blog")), &[Ed(2)]);
    valid(file, "branch-by-publish", "`publish` signs any branch", &claims(Some("blog")), &[Ed(1)]);
    valid(file, "branch-below", "`blog` covers `a.blog`", &claims(Some("a.blog")), &[Ed(2)]);
    valid(file, "branch-far-below", "`a.blog` covers `x.y.a.blog`", &claims(Some("x.y.a.blog")), &[Ed(3)]);
    valid(file, "branch-two-roles", "each of two roles may sign it", &claims(Some("a.blog")), &[Ed(2), Ed(3)]);
    let all = "0-9_a.-.z";
    valid(file, "branch-characters", "all that a branch may have", &claims(Some(all)), &[Ed(1)]);
    let mut wrong = |name: &str, why: &str, branch, signers: &[Signer], code| {
        invalid(file, name, why, &claims(branch).signed(signers), code);
    };
    wrong("branch-key-signs-whole", "`publish:blog` does not sign the whole zone", None, &[Ed(2)], "wrong-role");
    wrong("branch-key-signs-other", "`publish:shop` does not sign `blog`", Some("blog"), &[Ed(4)], "wrong-role");
    wrong("branch-key-signs-above", "`publish:a.blog` does not sign `blog`", Some("blog"), &[Ed(3)], "wrong-role");
    wrong("branch-key-signs-like", "labels compare whole: `xblog` is not below `blog`", Some("xblog"), &[Ed(2)], "wrong-role");
    wrong("branch-key-signs-front", "`blog.x` ends in another label", Some("blog.x"), &[Ed(2)], "wrong-role");
    wrong("branch-key-beside-publish", "a signer who may not sign spoils the record", Some("blog"), &[Ed(1), Ed(4)], "wrong-role");

    let two = policy([key(Ed(1), 1, &BOTH), key(Ed(2), 1, &roles[1..2]), key(Ed(3), 1, &["publish", "publish:blog"])], &[("admin", 1), ("publish", 2), ("publish:blog", 2)]);
    let blog = Claims { branch: Some("blog"), ..Claims::of(&two) };
    valid(file, "branch-threshold", "two hold `publish:blog`", &blog, &[Ed(2), Ed(3)]);
    let added = blog.signed(&[Ed(1), Ed(2)]);
    invalid(file, "branch-weights-apart", "weights of `publish` and `publish:blog` are not added", &added, "threshold");

    let bare = Claims::bare(Ed(1));
    let longest = [63_usize, 63, 63, 61].map(|count| [vec![count as u8], vec![b'a'; count]].concat()).concat();
    let text = [63_usize, 63, 63, 61].map(|count| "a".repeat(count)).join(".");
    let payload = bare.fields().with(7, bytes(&longest)).encode();
    let record = signed(&payload, &bare.subject(), &[Ed(1)]);
    let facts = bare.facts(&record).and("branch", text);
    file.valid("branch-254", "the longest owner name", now(&record), facts);
    let mut wrong = |name: &str, why: &str, wire: &[u8], code| {
        let payload = bare.fields().with(7, bytes(wire)).encode();
        invalid(file, name, why, &signed(&payload, &bare.subject(), &[Ed(1)]), code);
    };
    wrong("branch-empty", "the whole zone has no branch", b"", "out-of-range");
    wrong("branch-255", "longer than an owner name", &[&longest[..], &[0]].concat(), "out-of-range");
    wrong("branch-upper-case", "an owner name is lower case", b"\x04Blog", "branch");
    wrong("branch-cut", "the label is not all there", b"\x05blog", "branch");
    wrong("branch-with-root", "an owner name ends without a zero byte", b"\x04blog\0", "branch");
    wrong("branch-pointer", "a compression pointer", b"\xc0\x00", "branch");
    wrong("branch-label-64", "a label has at most 63 bytes", &[&[64], &[b'a'; 64][..]].concat(), "branch");
    wrong("branch-wildcard", "a star", b"\x01*\x04blog", "branch");
    wrong("branch-dot", "a dot within a label", b"\x03a.b", "branch");
    wrong("branch-utf8", "a letter outside ASCII", b"\x02\xc3\xbc", "branch");
}

fn add_chains(file: &mut File) {
    let genesis = bare(Ed(1));
    let newest = after(&bare(Ed(2)), &genesis, 1);
    let step = update(&genesis, &newest, &[Ed(1), Ed(2)]);
    let whole = Claims { chain: vec![genesis.encode(), step], policy: 1, ..Claims::of(&genesis) };
    let old = Claims::of(&genesis);
    valid(file, "rotated", "the new key signs", &whole, &[Ed(2)]);
    invalid(file, "rotated-old-key", "the old key is no key of the newest policy", &whole.signed(&[Ed(1)]), "unknown-signer");
    let pinned = |record: &[u8], policy: &Fields| now(record).and("anchor", anchor(&key_id(&genesis), policy));
    let record = whole.signed(&[Ed(2)]);
    file.valid("anchored", "the ledger pins the newest policy", pinned(&record, &newest), whole.facts(&record));
    file.valid("anchored-before", "the ledger pins the policy before", pinned(&record, &genesis), whole.facts(&record));
    let stale = old.signed(&[Ed(1)]);
    file.invalid("stolen-old-key", "the ledger pins a newer policy", pinned(&stale, &newest), "rotated-away");
    let elsewhere = after(&bare(Ed(6)), &genesis, 1);
    file.invalid("pinned-elsewhere", "the ledger pins another policy", pinned(&record, &elsewhere), "rotated-away");
    let shortened = Claims { chain: vec![newest.encode()], ..whole.clone() };
    let record = shortened.signed(&[Ed(2)]);
    file.valid("from-pinned", "the pinned policy stands for the genesis policy", pinned(&record, &newest), shortened.facts(&record));
    file.invalid("from-unpinned", "nothing pins the first policy", now(&record), "key-id");
    let other = Claims { key_id: [7; 32], ..old.clone() };
    invalid(file, "other-key-id", "the chain is another identity's", &other.signed(&[Ed(1)]), "key-id");
    let thief = Claims { chain: vec![bare(Ed(6)).encode()], ..old.clone() };
    invalid(file, "thief-with-own-chain", "a chain of the thief's for the owner's key id", &thief.signed(&[Ed(6)]), "key-id");
    let unsigned_step = update(&genesis, &newest, &[Ed(2)]);
    let taken = Claims { chain: vec![genesis.encode(), unsigned_step], ..whole.clone() };
    invalid(file, "chain-not-signed-by-old", "the old key has not signed the update", &taken.signed(&[Ed(2)]), "threshold");
    let mut bad = whole.clone();
    let last = bad.chain[1].len() - 1;
    bad.chain[1] = flip(&bad.chain[1], last, 1);
    invalid(file, "chain-signature-flipped", "a signature in the chain does not verify", &bad.signed(&[Ed(2)]), "bad-signature");
    let none = Claims { chain: vec![], ..old };
    invalid(file, "chain-empty", "no policy", &none.signed(&[Ed(1)]), "out-of-range");

    add_whose_anchors(file);

    for (name, why, sequence, code) in [
        ("checkpoint-reached", "the sequence is the checkpoint", 5, None),
        ("checkpoint-passed", "the sequence is above the checkpoint", 6, None),
        ("rolled-back", "the sequence is below the checkpoint", 4, Some("rolled-back")),
    ] {
        let claims = Claims { sequence, ..Claims::of(&genesis) };
        let record = claims.signed(&[Ed(1)]);
        let input = now(&record).and("anchor", anchor(&key_id(&genesis), &genesis).and("least_sequence", 5));
        match code {
            None => file.valid(name, why, input, claims.facts(&record)),
            Some(code) => file.invalid(name, why, input, code),
        }
    }
}

/// A thief can make a policy and a ledger entry, but not the owner's.
fn add_whose_anchors(file: &mut File) {
    let (owners, thiefs) = (bare(Ed(1)), bare(Ed(6)));
    let (owner, thief) = (key_id(&owners), key_id(&thiefs));
    let good = Claims::of(&owners).signed(&[Ed(1)]);
    let of_thief = |first: Vec<u8>| {
        let claims = Claims { key_id: owner, chain: vec![first], ..Claims::of(&thiefs) };
        claims.signed(&[Ed(6)])
    };
    let bad = of_thief(thiefs.encode());
    let mut invalid = |name: &str, why: &str, record: &[u8], anchor: Object, code| {
        file.invalid(name, why, now(record).and("anchor", anchor), code);
    };
    invalid("thief-with-own-anchor", "the thief's policy and the thief's anchor for the owner's key id", &bad, anchor(&thief, &thiefs), "key-id");
    invalid("thief-against-anchor", "the owner's anchor does not pin the thief's policy", &bad, anchor(&owner, &owners), "key-id");
    invalid("thief-against-other-anchor", "the owner's anchor pins neither's genesis policy", &bad, anchor(&owner, &after(&bare(Ed(2)), &owners, 1)), "key-id");
    invalid("anchor-of-thief", "the owner's record with the thief's anchor", &good, anchor(&thief, &thiefs), "key-id");
    invalid("anchor-key-id-of-thief", "an anchor on the owner's policy under the thief's key id", &good, anchor(&thief, &owners), "key-id");
    invalid("anchor-before-checkpoint", "whose anchor it is comes before what it says of the sequence", &good, anchor(&thief, &owners).and("least_sequence", 9), "key-id");
    invalid("anchor-wrong-number", "the right digest with another number", &good, super::anchors::numbered(&owner, &owners, 1), "rotated-away");
    let broken = of_thief(vec![0xff]);
    file.invalid("foreign-first-policy-broken", "by its hash it is not the owner's, whatever it holds", now(&broken), "key-id");
}

/// Two updates with 31 signatures each, and a record with 2, is 64 in all.
fn add_counts(file: &mut File) {
    let signers: Vec<Signer> = (1..=31).map(Ed).collect();
    let genesis = group(&signers, 1);
    let one = after(&genesis, &genesis, 1);
    let two = after(&genesis, &one, 2);
    let step = |policy: &Fields| update(&genesis, policy, &signers);
    let chain = vec![genesis.encode(), step(&one), step(&two)];
    let claims = Claims { chain, policy: 2, ..Claims::of(&genesis) };
    valid(file, "64-signatures", "as many as are checked, the chain's included", &claims, &signers[..2]);
    invalid(file, "65-signatures", "one too many", &claims.signed(&signers[..3]), "too-many-signatures");
}
