//! Records: sections 4 and 5.

use super::chains::{anchor, update};
use super::curve;
use super::encode::{Fields, array, bytes, flip, hash, int, map, text, uint};
use super::file::{File, Object, hex, unhex};
use super::policies::{BOTH, after, bare, key, key_id, policy};
use super::sign::Signer::{self, Ed, Wallet};
use super::sign::{
    Subject, element, envelope, header, sig_structure, signed, wallet_signature,
    wallet_signature_of_hash,
};

/// 2026-11-18T07:06:40Z.
const NOW: u64 = 1_795_000_000;
const BEGIN: u64 = NOW - 600;
const END: u64 = BEGIN + 30 * 86_400;
const SEQUENCE_MAX: u64 = 9_007_199_254_740_991;

/// What a record says, to be signed rightly or wrongly.
#[derive(Clone)]
struct Claims {
    key_id: [u8; 32],
    sequence: u64,
    window: (u64, u64),
    branch: Option<&'static str>,
    chain: Vec<Vec<u8>>,
    body: Vec<u8>,
    /// The number of the newest policy.
    policy: u64,
}

impl Claims {
    fn of(genesis: &Fields) -> Self {
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

    fn bare(signer: Signer) -> Self {
        Self::of(&bare(signer))
    }

    fn fields(&self) -> Fields {
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

    fn subject(&self) -> Subject {
        Subject::record(&self.key_id, self.branch, self.sequence)
    }

    fn signed(&self, signers: &[Signer]) -> Vec<u8> {
        signed(&self.fields().encode(), &self.subject(), signers)
    }

    fn facts(&self, record: &[u8]) -> Object {
        let facts = Object::from([
            ("key_id", hex(self.key_id)),
            ("sequence", self.sequence.into()),
            ("policy_number", self.policy.into()),
            ("digest", hex(hash("dotkey record v1", record))),
        ]);
        match self.branch {
            Some(branch) => facts.and("branch", branch),
            None => facts,
        }
    }
}

/// The labels of a plain owner name in wire form.
fn wire(text: &str) -> Vec<u8> {
    text.split('.')
        .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat())
        .collect()
}

fn at(record: &[u8], now: u64) -> Object {
    [("hex", hex(record)), ("now", now.into())].into()
}

fn now(record: &[u8]) -> Object {
    at(record, NOW)
}

pub(super) fn file() -> File {
    let mut file = File::new(
        "record",
        "Signed records, the time at which they are verified, and in some an anchor (sections 4 and 5).",
    );
    add_signers(&mut file);
    add_times(&mut file);
    add_ranges(&mut file);
    add_sizes(&mut file);
    add_branches(&mut file);
    add_chains(&mut file);
    add_counts(&mut file);
    add_broken_envelopes(&mut file);
    add_broken_signature_elements(&mut file);
    add_broken_claims(&mut file);
    add_wrong_signers(&mut file);
    add_bad_ed25519(&mut file);
    add_cofactors(&mut file);
    add_bad_wallets(&mut file);
    add_wallet_texts(&mut file);
    file
}

fn valid(file: &mut File, name: &str, why: &str, claims: &Claims, signers: &[Signer]) {
    let record = claims.signed(signers);
    let facts = claims.facts(&record);
    file.valid(name, why, now(&record), facts);
}

fn invalid(file: &mut File, name: &str, why: &str, record: &[u8], code: &'static str) {
    file.invalid(name, why, now(record), code);
}

/// A policy of so many signers, each of weight 1, and a threshold to publish.
fn group(signers: &[Signer], threshold: u64) -> Fields {
    let keys = signers.iter().map(|signer| key(*signer, 1, &BOTH));
    policy(keys, &[("admin", 1), ("publish", threshold)])
}

fn add_signers(file: &mut File) {
    valid(
        file,
        "ed25519",
        "one ed25519 key",
        &Claims::bare(Ed(1)),
        &[Ed(1)],
    );
    for v in [27, 28] {
        let claims = (1..)
            .map(|sequence| Claims {
                sequence,
                ..Claims::bare(Wallet(1))
            })
            .find(|claims| claims.signed(&[Wallet(1)]).ends_with(&[v]))
            .expect("every second one will do");
        valid(
            file,
            &format!("wallet-v-{v}"),
            "one wallet",
            &claims,
            &[Wallet(1)],
        );
    }
    let three = Claims::of(&group(&[Ed(1), Ed(2), Ed(3)], 2));
    valid(file, "two-of-three", "any two", &three, &[Ed(3), Ed(1)]);
    valid(
        file,
        "three-of-three",
        "more than it takes, and all verify",
        &three,
        &[Ed(1), Ed(2), Ed(3)],
    );
    let mixed = Claims::of(&group(&[Ed(1), Wallet(2), Wallet(3)], 2));
    valid(
        file,
        "ed25519-and-wallet",
        "kinds of keys count alike",
        &mixed,
        &[Ed(1), Wallet(3)],
    );
    valid(
        file,
        "two-wallets",
        "no ed25519 key signs",
        &mixed,
        &[Wallet(2), Wallet(3)],
    );
    let weighted = policy(
        [key(Ed(1), 5, &BOTH), key(Ed(2), 4, &BOTH)],
        &[("admin", 5), ("publish", 5)],
    );
    valid(
        file,
        "weight-alone",
        "one key weighs enough",
        &Claims::of(&weighted),
        &[Ed(1)],
    );
    invalid(
        file,
        "weight-too-little",
        "4 of 5",
        &Claims::of(&weighted).signed(&[Ed(2)]),
        "threshold",
    );
    invalid(
        file,
        "one-of-two",
        "one signature of two",
        &three.signed(&[Ed(2)]),
        "threshold",
    );
    let body = Claims {
        body: vec![0xff],
        ..Claims::bare(Ed(1))
    };
    valid(
        file,
        "body-not-read",
        "verification does not look into the body",
        &body,
        &[Ed(1)],
    );
}

fn add_times(file: &mut File) {
    let claims = |begin: u64, end: u64| Claims {
        window: (begin, end),
        ..Claims::bare(Ed(1))
    };
    let long = 400 * 86_400;
    for (name, why, begin, end, now, outcome) in [
        (
            "first-second",
            "now is `not before`",
            NOW,
            NOW + 60,
            NOW,
            None,
        ),
        (
            "second-before",
            "a second too early",
            NOW + 1,
            NOW + 60,
            NOW,
            Some("not-yet-valid"),
        ),
        (
            "last-second",
            "now is a second before `expires`",
            NOW - 60,
            NOW + 1,
            NOW,
            None,
        ),
        (
            "second-after",
            "now is `expires`",
            NOW - 60,
            NOW,
            NOW,
            Some("expired"),
        ),
        (
            "long-expired",
            "a year ago",
            NOW - 40_000_000,
            NOW - 30_000_000,
            NOW,
            Some("expired"),
        ),
        ("one-second", "the shortest window", NOW, NOW + 1, NOW, None),
        (
            "400-days",
            "the longest window",
            BEGIN,
            BEGIN + long,
            NOW,
            None,
        ),
        (
            "400-days-and-a-second",
            "a second too long",
            BEGIN,
            BEGIN + long + 1,
            NOW,
            Some("validity-window"),
        ),
        (
            "window-empty",
            "it ends when it begins",
            NOW,
            NOW,
            NOW,
            Some("validity-window"),
        ),
        (
            "window-reversed",
            "it ends before it begins",
            NOW + 1,
            NOW - 1,
            NOW,
            Some("validity-window"),
        ),
        ("from-1970", "time zero", 0, 1, 0, None),
        (
            "until-9999",
            "the last second there is",
            253_402_300_798,
            253_402_300_799,
            253_402_300_798,
            None,
        ),
        (
            "beyond-9999",
            "a second beyond the last",
            253_402_300_798,
            253_402_300_800,
            253_402_300_798,
            Some("out-of-range"),
        ),
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
        let claims = Claims {
            sequence,
            ..Claims::bare(Ed(1))
        };
        match fits {
            true => valid(file, name, why, &claims, &[Ed(1)]),
            false => invalid(file, name, why, &claims.signed(&[Ed(1)]), "out-of-range"),
        }
    }
}

fn add_sizes(file: &mut File) {
    let of = |octets: usize| Claims {
        body: vec![0xa0; octets],
        ..Claims::bare(Ed(1))
    };
    // A body of that length has a head of three bytes, as one of 60000 bytes has.
    let rest = of(60_000).signed(&[Ed(1)]).len() - 60_000;
    valid(
        file,
        "65536-bytes",
        "as large as allowed",
        &of(65_536 - rest),
        &[Ed(1)],
    );
    invalid(
        file,
        "65537-bytes",
        "one byte too large",
        &of(65_537 - rest).signed(&[Ed(1)]),
        "too-large",
    );
    let empty = of(0).signed(&[Ed(1)]);
    invalid(
        file,
        "body-empty",
        "nothing is no zone",
        &empty,
        "out-of-range",
    );
}

fn add_branches(file: &mut File) {
    let roles = ["publish:a.blog", "publish:blog", "publish:shop"];
    let least: [(&str, u64); 5] = [
        ("admin", 1),
        ("publish", 1),
        ("publish:blog", 1),
        ("publish:shop", 1),
        ("publish:a.blog", 1),
    ];
    let keys = [
        key(Ed(1), 1, &BOTH),
        key(Ed(2), 1, &roles[1..2]),
        key(Ed(3), 1, &roles[..1]),
        key(Ed(4), 1, &roles[2..]),
    ];
    let genesis = policy(keys, &least);
    let claims = |branch| Claims {
        branch,
        ..Claims::of(&genesis)
    };
    valid(
        file,
        "branch-by-its-role",
        "the role of that branch",
        &claims(Some("blog")),
        &[Ed(2)],
    );
    valid(
        file,
        "branch-by-publish",
        "`publish` signs any branch",
        &claims(Some("blog")),
        &[Ed(1)],
    );
    valid(
        file,
        "branch-below",
        "`blog` covers `a.blog`",
        &claims(Some("a.blog")),
        &[Ed(2)],
    );
    valid(
        file,
        "branch-far-below",
        "`a.blog` covers `x.y.a.blog`",
        &claims(Some("x.y.a.blog")),
        &[Ed(3)],
    );
    valid(
        file,
        "branch-two-roles",
        "each of two roles may sign it",
        &claims(Some("a.blog")),
        &[Ed(2), Ed(3)],
    );
    let all = "0-9_a.-.z";
    valid(
        file,
        "branch-characters",
        "all that a branch may have",
        &claims(Some(all)),
        &[Ed(1)],
    );
    let mut wrong = |name: &str, why: &str, branch, signers: &[Signer], code| {
        invalid(file, name, why, &claims(branch).signed(signers), code);
    };
    wrong(
        "branch-key-signs-whole",
        "`publish:blog` does not sign the whole zone",
        None,
        &[Ed(2)],
        "wrong-role",
    );
    wrong(
        "branch-key-signs-other",
        "`publish:shop` does not sign `blog`",
        Some("blog"),
        &[Ed(4)],
        "wrong-role",
    );
    wrong(
        "branch-key-signs-above",
        "`publish:a.blog` does not sign `blog`",
        Some("blog"),
        &[Ed(3)],
        "wrong-role",
    );
    wrong(
        "branch-key-signs-like",
        "labels compare whole: `xblog` is not below `blog`",
        Some("xblog"),
        &[Ed(2)],
        "wrong-role",
    );
    wrong(
        "branch-key-signs-front",
        "`blog.x` ends in another label",
        Some("blog.x"),
        &[Ed(2)],
        "wrong-role",
    );
    wrong(
        "branch-key-beside-publish",
        "a signer who may not sign spoils the record",
        Some("blog"),
        &[Ed(1), Ed(4)],
        "wrong-role",
    );

    let two = policy(
        [
            key(Ed(1), 1, &BOTH),
            key(Ed(2), 1, &roles[1..2]),
            key(Ed(3), 1, &["publish", "publish:blog"]),
        ],
        &[("admin", 1), ("publish", 2), ("publish:blog", 2)],
    );
    let blog = Claims {
        branch: Some("blog"),
        ..Claims::of(&two)
    };
    valid(
        file,
        "branch-threshold",
        "two hold `publish:blog`",
        &blog,
        &[Ed(2), Ed(3)],
    );
    let added = blog.signed(&[Ed(1), Ed(2)]);
    invalid(
        file,
        "branch-weights-apart",
        "weights of `publish` and `publish:blog` are not added",
        &added,
        "threshold",
    );

    let bare = Claims::bare(Ed(1));
    let longest = [63_usize, 63, 63, 61]
        .map(|count| [vec![count as u8], vec![b'a'; count]].concat())
        .concat();
    let text = [63_usize, 63, 63, 61]
        .map(|count| "a".repeat(count))
        .join(".");
    let payload = bare.fields().with(7, bytes(&longest)).encode();
    let record = signed(&payload, &bare.subject(), &[Ed(1)]);
    let facts = bare.facts(&record).and("branch", text);
    file.valid("branch-254", "the longest owner name", now(&record), facts);
    let mut wrong = |name: &str, why: &str, wire: &[u8], code| {
        let payload = bare.fields().with(7, bytes(wire)).encode();
        invalid(
            file,
            name,
            why,
            &signed(&payload, &bare.subject(), &[Ed(1)]),
            code,
        );
    };
    wrong(
        "branch-empty",
        "the whole zone has no branch",
        b"",
        "out-of-range",
    );
    wrong(
        "branch-255",
        "longer than an owner name",
        &[&longest[..], &[0]].concat(),
        "out-of-range",
    );
    wrong(
        "branch-upper-case",
        "an owner name is lower case",
        b"\x04Blog",
        "branch",
    );
    wrong(
        "branch-cut",
        "the label is not all there",
        b"\x05blog",
        "branch",
    );
    wrong(
        "branch-with-root",
        "an owner name ends without a zero byte",
        b"\x04blog\0",
        "branch",
    );
    wrong(
        "branch-pointer",
        "a compression pointer",
        b"\xc0\x00",
        "branch",
    );
    wrong(
        "branch-label-64",
        "a label has at most 63 bytes",
        &[&[64], &[b'a'; 64][..]].concat(),
        "branch",
    );
    wrong("branch-wildcard", "a star", b"\x01*\x04blog", "branch");
    wrong("branch-dot", "a dot within a label", b"\x03a.b", "branch");
    wrong(
        "branch-utf8",
        "a letter outside ASCII",
        b"\x02\xc3\xbc",
        "branch",
    );
}

fn add_chains(file: &mut File) {
    let genesis = bare(Ed(1));
    let newest = after(&bare(Ed(2)), &genesis, 1);
    let step = update(&genesis, &newest, &[Ed(1), Ed(2)]);
    let whole = Claims {
        chain: vec![genesis.encode(), step],
        policy: 1,
        ..Claims::of(&genesis)
    };
    let old = Claims::of(&genesis);
    valid(file, "rotated", "the new key signs", &whole, &[Ed(2)]);
    invalid(
        file,
        "rotated-old-key",
        "the old key is no key of the newest policy",
        &whole.signed(&[Ed(1)]),
        "unknown-signer",
    );
    let pinned = |record: &[u8], policy: &Fields| now(record).and("anchor", anchor(policy));
    let record = whole.signed(&[Ed(2)]);
    file.valid(
        "anchored",
        "the ledger pins the newest policy",
        pinned(&record, &newest),
        whole.facts(&record),
    );
    file.valid(
        "anchored-before",
        "the ledger pins the policy before",
        pinned(&record, &genesis),
        whole.facts(&record),
    );
    let stale = old.signed(&[Ed(1)]);
    file.invalid(
        "stolen-old-key",
        "the ledger pins a newer policy",
        pinned(&stale, &newest),
        "rotated-away",
    );
    let elsewhere = after(&bare(Ed(6)), &genesis, 1);
    file.invalid(
        "pinned-elsewhere",
        "the ledger pins another policy",
        pinned(&record, &elsewhere),
        "rotated-away",
    );
    let shortened = Claims {
        chain: vec![newest.encode()],
        ..whole.clone()
    };
    let record = shortened.signed(&[Ed(2)]);
    file.valid(
        "from-pinned",
        "the pinned policy stands for the genesis policy",
        pinned(&record, &newest),
        shortened.facts(&record),
    );
    file.invalid(
        "from-unpinned",
        "nothing pins the first policy",
        now(&record),
        "key-id",
    );
    let other = Claims {
        key_id: [7; 32],
        ..old.clone()
    };
    invalid(
        file,
        "other-key-id",
        "the chain is another identity's",
        &other.signed(&[Ed(1)]),
        "key-id",
    );
    let thief = Claims {
        chain: vec![bare(Ed(6)).encode()],
        ..old.clone()
    };
    invalid(
        file,
        "thief-with-own-chain",
        "a chain of the thief's for the owner's key id",
        &thief.signed(&[Ed(6)]),
        "key-id",
    );
    let unsigned_step = update(&genesis, &newest, &[Ed(2)]);
    let taken = Claims {
        chain: vec![genesis.encode(), unsigned_step],
        ..whole.clone()
    };
    invalid(
        file,
        "chain-not-signed-by-old",
        "the old key has not signed the update",
        &taken.signed(&[Ed(2)]),
        "threshold",
    );
    let mut bad = whole.clone();
    let last = bad.chain[1].len() - 1;
    bad.chain[1] = flip(&bad.chain[1], last, 1);
    invalid(
        file,
        "chain-signature-flipped",
        "a signature in the chain does not verify",
        &bad.signed(&[Ed(2)]),
        "bad-signature",
    );
    let none = Claims {
        chain: vec![],
        ..old
    };
    invalid(
        file,
        "chain-empty",
        "no policy",
        &none.signed(&[Ed(1)]),
        "out-of-range",
    );

    for (name, why, sequence, code) in [
        (
            "checkpoint-reached",
            "the sequence is the checkpoint",
            5,
            None,
        ),
        (
            "checkpoint-passed",
            "the sequence is above the checkpoint",
            6,
            None,
        ),
        (
            "rolled-back",
            "the sequence is below the checkpoint",
            4,
            Some("rolled-back"),
        ),
    ] {
        let claims = Claims {
            sequence,
            ..Claims::of(&genesis)
        };
        let record = claims.signed(&[Ed(1)]);
        let input = now(&record).and("anchor", anchor(&genesis).and("least_sequence", 5));
        match code {
            None => file.valid(name, why, input, claims.facts(&record)),
            Some(code) => file.invalid(name, why, input, code),
        }
    }
}

/// Two updates with 31 signatures each, and a record with 2, is 64 in all.
fn add_counts(file: &mut File) {
    let signers: Vec<Signer> = (1..=31).map(Ed).collect();
    let genesis = group(&signers, 1);
    let one = after(&genesis, &genesis, 1);
    let two = after(&genesis, &one, 2);
    let step = |policy: &Fields| update(&genesis, policy, &signers);
    let chain = vec![genesis.encode(), step(&one), step(&two)];
    let claims = Claims {
        chain,
        policy: 2,
        ..Claims::of(&genesis)
    };
    valid(
        file,
        "64-signatures",
        "as many as are checked, the chain's included",
        &claims,
        &signers[..2],
    );
    invalid(
        file,
        "65-signatures",
        "one too many",
        &claims.signed(&signers[..3]),
        "too-many-signatures",
    );
}

fn add_broken_envelopes(file: &mut File) {
    let claims = Claims::bare(Ed(1));
    let payload = claims.fields().encode();
    let good = claims.signed(&[Ed(1)]);
    let signature = Ed(1).signature(&claims.subject(), &payload);
    let mut invalid =
        |name: &str, why: &str, record: Vec<u8>, code| invalid(file, name, why, &record, code);
    let tagged = |items: Vec<Vec<u8>>| [&[0xd8, 98], &array(items)[..]].concat();
    let (none, no_map) = (bytes([]), map([]));
    let signatures = array([signature.clone()]);
    invalid("empty", "nothing", vec![], "truncated");
    invalid(
        "half-a-tag",
        "the first byte of the tag",
        vec![0xd8],
        "truncated",
    );
    invalid(
        "tag-alone",
        "nothing after the tag",
        vec![0xd8, 98],
        "truncated",
    );
    invalid(
        "cut",
        "the last byte is missing",
        good[..good.len() - 1].to_vec(),
        "truncated",
    );
    invalid(
        "cut-in-half",
        "half of it",
        good[..good.len() / 2].to_vec(),
        "truncated",
    );
    invalid(
        "trailing-byte",
        "a byte after the envelope",
        [&good[..], &[0]].concat(),
        "trailing-bytes",
    );
    invalid(
        "twice",
        "the record twice",
        [&good[..], &good].concat(),
        "trailing-bytes",
    );
    invalid(
        "tag-97",
        "COSE_Mac is another message",
        flip(&good, 1, 3),
        "wrong-tag",
    );
    invalid("tag-missing", "an array", good[2..].to_vec(), "wrong-tag");
    invalid(
        "tag-long",
        "98 in two bytes",
        [&unhex("d90062"), &good[2..]].concat(),
        "wrong-tag",
    );
    invalid(
        "tag-twice",
        "a tag has no place within",
        [&[0xd8, 98], &good[..]].concat(),
        "forbidden-item",
    );
    invalid("json", "another format", b"{}".to_vec(), "wrong-tag");
    invalid(
        "map",
        "a map",
        [&[0xd8, 98], &map([])[..]].concat(),
        "wrong-type",
    );
    let parts = |payload: Vec<u8>| vec![none.clone(), no_map.clone(), payload, signatures.clone()];
    let sound = parts(bytes(&payload));
    invalid(
        "three-parts",
        "the signatures are missing",
        tagged(sound[..3].to_vec()),
        "out-of-range",
    );
    invalid(
        "five-parts",
        "a part too many",
        tagged([&sound[..], &[uint(0)]].concat()),
        "out-of-range",
    );
    let with = |at: usize, part: Vec<u8>| {
        let mut parts = sound.clone();
        parts[at] = part;
        tagged(parts)
    };
    invalid(
        "protected-map",
        "an empty map in a byte string is no empty byte string",
        with(0, bytes([0xa0])),
        "out-of-range",
    );
    invalid(
        "protected-null",
        "null is no byte string",
        with(0, unhex("f6")),
        "wrong-type",
    );
    invalid(
        "unprotected-entry",
        "nothing unsigned is carried",
        with(1, map([(uint(4), bytes([1]))])),
        "out-of-range",
    );
    invalid(
        "unprotected-array",
        "an array is no map",
        with(1, array([])),
        "wrong-type",
    );
    invalid(
        "payload-null",
        "a detached payload",
        with(2, unhex("f6")),
        "wrong-type",
    );
    invalid("payload-text", "a text", with(2, text("x")), "wrong-type");
    invalid(
        "payload-itself",
        "the payload stands in a byte string",
        with(2, payload.clone()),
        "wrong-type",
    );
    invalid(
        "signatures-empty",
        "nobody signed",
        with(3, array([])),
        "out-of-range",
    );
    invalid(
        "signatures-bytes",
        "COSE_Sign1 has one signature here",
        with(3, bytes([0; 64])),
        "wrong-type",
    );
    let dummies = (1..=65).map(|at| element(&header(-8, &[at; 32]), &[0; 64]));
    invalid(
        "65-in-one-envelope",
        "more than an envelope may have",
        with(3, array(dummies)),
        "out-of-range",
    );
    let indefinite = [&[0xd8, 98, 0x9f], &good[3..], &[0xff]].concat();
    invalid(
        "indefinite",
        "an array until a break",
        indefinite,
        "indefinite-length",
    );
    invalid(
        "payload-indefinite",
        "a byte string in chunks",
        with(2, [&[0x5f], &bytes(&payload)[..], &[0xff]].concat()),
        "indefinite-length",
    );
    let long = [&[0x5a], &(payload.len() as u32).to_be_bytes()[..], &payload].concat();
    invalid(
        "payload-length-long",
        "the length in five bytes",
        with(2, long),
        "not-shortest",
    );
    invalid(
        "length-beyond-end",
        "a length that runs past the end",
        with(2, unhex("5a ffffffff")),
        "truncated",
    );
    invalid(
        "unprotected-key-twice",
        "a map with a key twice",
        with(1, unhex("a2 04 00 04 00")),
        "duplicate-key",
    );
    invalid(
        "float",
        "a float has no place",
        with(1, unhex("f9 0000")),
        "forbidden-item",
    );
    let deep = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    invalid(
        "deep-16",
        "16 levels with the envelope's own, but an array",
        with(1, deep(15)),
        "wrong-type",
    );
    invalid(
        "too-deep",
        "17 levels with the envelope's own",
        with(1, deep(16)),
        "too-deep",
    );
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
    invalid(
        "element-of-two",
        "no unprotected header",
        vec![array([protected.clone(), signature.clone()])],
        "out-of-range",
    );
    invalid(
        "element-of-four",
        "a part too many",
        vec![array([
            protected.clone(),
            none.clone(),
            signature.clone(),
            uint(0),
        ])],
        "out-of-range",
    );
    invalid("element-map", "a map", vec![map([])], "wrong-type");
    invalid(
        "element-unprotected",
        "nothing unsigned is carried",
        vec![array([
            protected.clone(),
            map([(uint(4), bytes([1]))]),
            signature.clone(),
        ])],
        "out-of-range",
    );
    invalid(
        "element-signature-text",
        "a text",
        vec![array([protected, none.clone(), text("x")])],
        "wrong-type",
    );
    invalid(
        "element-header-itself",
        "the header stands in a byte string",
        vec![array([head.clone(), none, signature])],
        "wrong-type",
    );
    let mut with_header = |name: &str, why: &str, head: &[u8], code| {
        invalid(name, why, vec![element(head, &good)], code);
    };
    let public = Ed(1).public();
    with_header("header-empty", "no map", &[], "truncated");
    with_header(
        "header-without-algorithm",
        "1 is missing",
        &map([(uint(4), bytes(&public))]),
        "missing-key",
    );
    with_header(
        "header-without-key",
        "4 is missing",
        &map([(uint(1), int(-8))]),
        "missing-key",
    );
    let more = map([
        (uint(1), int(-8)),
        (uint(4), bytes(&public)),
        (uint(5), bytes([1])),
    ]);
    with_header("header-with-iv", "5 is not known", &more, "unknown-key");
    let critical = map([
        (uint(1), int(-8)),
        (uint(2), array([uint(1)])),
        (uint(4), bytes(&public)),
    ]);
    with_header(
        "header-with-critical",
        "2 is not known",
        &critical,
        "unknown-key",
    );
    let swapped = map([(uint(4), bytes(&public)), (uint(1), int(-8))]);
    with_header("header-swapped", "4 before 1", &swapped, "map-order");
    let long = [&unhex("a2 01 3807 04"), &bytes(&public)[..]].concat();
    with_header(
        "header-algorithm-long",
        "-8 in two bytes",
        &long,
        "not-shortest",
    );
    with_header(
        "header-trailing-byte",
        "a byte after the map",
        &[&head[..], &[0]].concat(),
        "trailing-bytes",
    );
    let text_alg = map([(uint(1), text("EdDSA")), (uint(4), bytes(&public))]);
    with_header(
        "header-algorithm-text",
        "an algorithm is a number",
        &text_alg,
        "wrong-type",
    );
    with_header(
        "header-algorithm-es256",
        "-7 is not ours",
        &header(-7, &public),
        "unknown-algorithm",
    );
    with_header(
        "header-algorithm-es256k",
        "-47 is not what wallets sign",
        &header(-47, &public),
        "unknown-algorithm",
    );
    with_header(
        "header-algorithm-ed25519",
        "-19 means the same, but has another encoding",
        &header(-19, &public),
        "unknown-algorithm",
    );
    with_header(
        "header-key-31",
        "31 bytes",
        &header(-8, &public[1..]),
        "key-length",
    );
    with_header(
        "header-key-empty",
        "no bytes",
        &header(-8, &[]),
        "key-length",
    );
    with_header(
        "header-wallet-32",
        "a wallet has 20 bytes",
        &header(-65_537, &public),
        "key-length",
    );
    let key_text = map([(uint(1), int(-8)), (uint(4), text("key"))]);
    with_header("header-key-text", "a key is bytes", &key_text, "wrong-type");
    invalid(
        "signature-63",
        "63 bytes",
        vec![element(&head, &good[1..])],
        "signature-length",
    );
    invalid(
        "signature-65",
        "an ed25519 signature has 64 bytes",
        vec![element(&head, &[&good[..], &[27]].concat())],
        "signature-length",
    );
    invalid(
        "signature-empty",
        "no bytes",
        vec![element(&head, &[])],
        "signature-length",
    );
    let wallet = Wallet(3).sign(&subject, &payload);
    invalid(
        "wallet-signature-64",
        "without v",
        vec![element(&Wallet(3).header(), &wallet[..64])],
        "signature-length",
    );
    let mut pair = [Ed(1), Ed(2)];
    pair.sort_by_key(|signer| core::cmp::Reverse(signer.public()));
    invalid(
        "signatures-swapped",
        "the greater key first",
        pair.map(|signer| signer.signature(&subject, &payload))
            .into(),
        "signature-order",
    );
    let one = element(&head, &good);
    invalid(
        "signed-twice",
        "one key counts once",
        vec![one.clone(), one],
        "signature-order",
    );
}

fn add_broken_claims(file: &mut File) {
    let claims = Claims::bare(Ed(1));
    let fields = claims.fields();
    let subject = claims.subject();
    let mut payload = |name: &str, why: &str, payload: Vec<u8>, code| {
        invalid(file, name, why, &signed(&payload, &subject, &[Ed(1)]), code);
    };
    payload("payload-empty", "no claims", vec![], "truncated");
    payload(
        "payload-trailing-byte",
        "a byte after the map",
        [fields.encode(), vec![0]].concat(),
        "trailing-bytes",
    );
    payload("payload-array", "an array", array([]), "wrong-type");
    for key in [1, 2, 3, 4, 5, 6, 8, 9] {
        payload(
            &format!("without-{key}"),
            "a key that has to be there",
            fields.without(key).encode(),
            "missing-key",
        );
    }
    let mut with = |name: &str, why: &str, key: u64, value: Vec<u8>, code| {
        payload(name, why, fields.with(key, value).encode(), code);
    };
    with("key-0", "0 is not known", 0, uint(0), "unknown-key");
    with(
        "key-10",
        "10 is not known: the map is closed",
        10,
        uint(0),
        "unknown-key",
    );
    with(
        "version-2",
        "a version to come",
        1,
        uint(2),
        "unknown-version",
    );
    with(
        "version-0",
        "there was none before",
        1,
        uint(0),
        "unknown-version",
    );
    with("version-text", "`1`", 1, text("1"), "wrong-type");
    with("kind-0", "no kind", 2, uint(0), "unknown-kind");
    with("kind-offer", "2 is reserved", 2, uint(2), "unknown-kind");
    with("kind-receipt", "3 is reserved", 2, uint(3), "unknown-kind");
    with("key-id-31", "31 bytes", 3, bytes([7; 31]), "out-of-range");
    with("key-id-33", "33 bytes", 3, bytes([7; 33]), "out-of-range");
    with(
        "key-id-text",
        "a text",
        3,
        text(super::sign::label(&claims.key_id)),
        "wrong-type",
    );
    with("sequence-negative", "-1", 4, int(-1), "wrong-type");
    with("time-negative", "-1", 5, int(-1), "wrong-type");
    with("time-text", "a date", 6, text("2026-11-21"), "wrong-type");
    with(
        "branch-text",
        "a branch is in wire form",
        7,
        text("blog"),
        "wrong-type",
    );
    with(
        "branch-null",
        "absent is not null",
        7,
        unhex("f6"),
        "wrong-type",
    );
    with(
        "chain-in-bytes",
        "a chain stands as an array",
        8,
        bytes(array([bytes(bare(Ed(1)).encode())])),
        "wrong-type",
    );
    with(
        "chain-of-65",
        "one too many",
        8,
        array(vec![bytes([]); 65]),
        "out-of-range",
    );
    with(
        "body-itself",
        "a zone stands in a byte string",
        9,
        map([]),
        "wrong-type",
    );
    let negative = fields.encode_and(int(-1), uint(0));
    payload(
        "key-negative",
        "a key is an unsigned integer",
        negative,
        "wrong-type",
    );
    let entry = |key: u64| (uint(key), fields.get(key).to_vec());
    let order = [1, 2, 4, 3, 5, 6, 8, 9].map(entry);
    payload("keys-swapped", "4 before 3", map(order), "map-order");
    let twice = [1, 2, 3, 4, 4, 5, 6, 8, 9].map(entry);
    payload("sequence-twice", "4 twice", map(twice), "duplicate-key");
    let sequence = claims.fields().with(4, unhex("18 01"));
    payload(
        "sequence-long",
        "1 in two bytes",
        sequence.encode(),
        "not-shortest",
    );
}

fn add_wrong_signers(file: &mut File) {
    let genesis = policy(
        [key(Ed(1), 1, &["publish"]), key(Ed(2), 1, &["admin"])],
        &[("admin", 1), ("publish", 1)],
    );
    let claims = Claims::of(&genesis);
    invalid(
        file,
        "admin-signs",
        "`admin` does not imply `publish`",
        &claims.signed(&[Ed(2)]),
        "wrong-role",
    );
    invalid(
        file,
        "admin-beside-publisher",
        "a signer who may not sign spoils the record",
        &claims.signed(&[Ed(1), Ed(2)]),
        "wrong-role",
    );
    invalid(
        file,
        "stranger",
        "a key that is not in the policy",
        &claims.signed(&[Ed(3)]),
        "unknown-signer",
    );
    invalid(
        file,
        "stranger-beside-publisher",
        "a foreign signature is not skipped",
        &claims.signed(&[Ed(1), Ed(3)]),
        "unknown-signer",
    );
    invalid(
        file,
        "foreign-wallet",
        "a wallet that is not in the policy",
        &claims.signed(&[Wallet(1)]),
        "unknown-signer",
    );
    let payload = claims.fields().encode();
    let mut entries = [
        (Ed(1).public(), Ed(1).signature(&claims.subject(), &payload)),
        (vec![0; 32], element(&header(-8, &[0; 32]), &[0; 64])),
    ];
    entries.sort();
    let record = envelope(&payload, entries.map(|entry| entry.1));
    invalid(
        file,
        "stranger-of-small-order",
        "a foreign key under which anyone could sign",
        &record,
        "unknown-signer",
    );
    let address = Wallet(1).public();
    let group = group(&[Wallet(1), Ed(1)], 1);
    let claims = Claims::of(&group);
    let padded = [&address[..], &[0; 12]].concat();
    let record = envelope(
        &claims.fields().encode(),
        [element(&header(-8, &padded), &[0; 64])],
    );
    invalid(
        file,
        "address-as-ed25519",
        "a key is found by algorithm and bytes",
        &record,
        "unknown-signer",
    );
    let recovers = bare(Ed(1)).with(
        5,
        super::policies::recovery(&[(Ed(8), 1)], 1, 3600).encode(),
    );
    invalid(
        file,
        "recovery-key-signs",
        "recovery keys only recover",
        &Claims::of(&recovers).signed(&[Ed(8)]),
        "unknown-signer",
    );
}

fn add_bad_ed25519(file: &mut File) {
    let claims = Claims::bare(Ed(1));
    let payload = claims.fields().encode();
    let subject = claims.subject();
    let good = Ed(1).sign(&subject, &payload);
    let signed = sig_structure(&Ed(1).header(), &subject.domain, &payload);
    let mut wrong = |name: &str, why: &str, signature: &[u8]| {
        let record = envelope(&payload, [element(&Ed(1).header(), signature)]);
        invalid(file, name, why, &record, "bad-signature");
    };
    wrong("signature-zero", "all bytes are zero", &[0; 64]);
    wrong("signature-r-flipped", "one bit of R", &flip(&good, 0, 1));
    wrong("signature-s-flipped", "one bit of S", &flip(&good, 32, 1));
    wrong(
        "signature-of-stranger",
        "another key's",
        &Ed(2).sign(&subject, &payload),
    );
    let good: [u8; 64] = good.try_into().expect("an ed25519 signature has 64 bytes");
    wrong(
        "s-not-reduced",
        "S and the group order: the same response again",
        &curve::not_reduced(&good),
    );
    let mut high = good;
    high[63] |= 0xe0;
    wrong("s-high-bits", "bits above the group order", &high);
    let identity = [&[1][..], &[0; 31]].concat();
    let identity: [u8; 32] = identity.try_into().expect("32 bytes");
    wrong(
        "r-neutral",
        "R is the neutral point; the equation holds",
        &curve::with_commitment(1, &identity, &signed),
    );
    let mut other = [0xff; 32];
    (other[0], other[31]) = (0xee, 0x7f);
    wrong(
        "r-neutral-not-canonical",
        "R is 1 in another form",
        &curve::with_commitment(1, &other, &signed),
    );
    let order_4 = [0; 32];
    wrong(
        "r-order-4",
        "R is of order 4; the equation holds with the cofactor",
        &curve::with_commitment(1, &order_4, &signed),
    );
    wrong(
        "r-mixed-order",
        "R has a part of order 8; the equation holds with the cofactor",
        &curve::with_mixed_commitment(1, &signed),
    );
    let as_update = Ed(1).sign(&Subject::update(&claims.key_id, 1), &payload);
    wrong(
        "domain-policy-update",
        "signed as a policy update",
        &as_update,
    );
    let as_transaction = Ed(1).sign(
        &Subject::transaction(&[9; 32], &claims.key_id, 0, "set-policy"),
        &payload,
    );
    wrong(
        "domain-transaction",
        "signed as a transaction",
        &as_transaction,
    );
    wrong(
        "payload-alone",
        "the payload without a Sig_structure",
        &super::sign::ed25519(1, &payload),
    );
    let no_domain = Subject {
        domain: vec![],
        ..subject.clone()
    };
    wrong(
        "domain-empty",
        "signed for nothing in particular",
        &Ed(1).sign(&no_domain, &payload),
    );
    let other_header = sig_structure(&Ed(2).header(), &subject.domain, &payload);
    wrong(
        "header-of-other",
        "the Sig_structure names another key",
        &super::sign::ed25519(1, &other_header),
    );
    let sign1 = array([
        text("Signature1"),
        bytes([]),
        bytes(&subject.domain),
        bytes(&payload),
    ]);
    wrong(
        "context-sign1",
        "the Sig_structure of COSE_Sign1",
        &super::sign::ed25519(1, &sign1),
    );
    let other = Claims {
        sequence: 2,
        ..claims.clone()
    }
    .fields()
    .encode();
    wrong(
        "signature-of-other-record",
        "signed for another sequence",
        &Ed(1).sign(&subject, &other),
    );
    let three = Claims::of(&group(&[Ed(1), Ed(2)], 1));
    let payload = three.fields().encode();
    let mut pair = [
        (Ed(1), Ed(1).sign(&three.subject(), &payload)),
        (Ed(2), vec![7; 64]),
    ];
    pair.sort_by_key(|(signer, _)| signer.public());
    let record = envelope(
        &payload,
        pair.map(|(signer, signature)| element(&signer.header(), &signature)),
    );
    invalid(
        file,
        "surplus-bad",
        "one signature is enough, but the other does not verify",
        &record,
        "bad-signature",
    );
}

fn add_cofactors(file: &mut File) {
    let mixed = curve::MixedKey::new();
    let roles = array(BOTH.map(text));
    let key = array([int(-8), bytes(mixed.public), uint(1), roles]);
    let claims = Claims::of(&policy([key], &[("admin", 1), ("publish", 1)]));
    let payload = claims.fields().encode();
    let header = header(-8, &mixed.public);
    let signed = sig_structure(&header, &claims.subject().domain, &payload);
    let record = envelope(&payload, [element(&header, &mixed.sign(&signed, true))]);
    let why = "a key with a part of order 8 is none of small order, and the equation holds without the cofactor";
    file.valid("mixed-order-key", why, now(&record), claims.facts(&record));
    let record = envelope(&payload, [element(&header, &mixed.sign(&signed, false))]);
    let why = "the same key, but the equation holds with the cofactor only";
    invalid(
        file,
        "mixed-order-key-cofactor",
        why,
        &record,
        "bad-signature",
    );
}

/// The order of secp256k1, and it less one half of itself, rounded up: the first `s` that is high.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const FIRST_HIGH: &str = "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1";

fn add_bad_wallets(file: &mut File) {
    let claims = Claims::bare(Wallet(1));
    let payload = claims.fields().encode();
    let good = Wallet(1).sign(&claims.subject(), &payload);
    let mut wrong = |name: &str, why: &str, signature: &[u8], code| {
        let record = envelope(&payload, [element(&Wallet(1).header(), signature)]);
        invalid(file, name, why, &record, code);
    };
    let with_v = |v: u8| [&good[..64], &[v]].concat();
    let parity = good[64] - 27;
    wrong(
        "v-0-or-1",
        "what some wallets give; tools turn it into 27 and 28",
        &with_v(parity),
        "bad-signature",
    );
    wrong(
        "v-other",
        "the other of 27 and 28",
        &with_v(28 - parity),
        "bad-signature",
    );
    wrong(
        "v-29",
        "27 and 28 are all there are",
        &with_v(29 + parity),
        "bad-signature",
    );
    wrong(
        "v-eip-155",
        "v of a transaction on chain 1",
        &with_v(37 + parity),
        "bad-signature",
    );
    let order = unhex(ORDER);
    let join = |r: &[u8], s: &[u8], v: u8| [r, s, &[v]].concat();
    let high = subtract(&order, &good[32..64]);
    wrong(
        "high-s",
        "n - s with the other v is a signature of the same key",
        &join(&good[..32], &high, 28 - parity),
        "high-s",
    );
    wrong(
        "high-s-first",
        "the least s that is high",
        &join(&good[..32], &unhex(FIRST_HIGH), 27),
        "high-s",
    );
    wrong(
        "high-s-greatest",
        "n - 1",
        &join(
            &good[..32],
            &subtract(&order, &[&[0; 31][..], &[1]].concat()),
            27,
        ),
        "high-s",
    );
    wrong(
        "r-zero",
        "r is 0",
        &join(&[0; 32], &good[32..64], good[64]),
        "bad-signature",
    );
    wrong(
        "s-zero",
        "s is 0",
        &join(&good[..32], &[0; 32], good[64]),
        "bad-signature",
    );
    wrong(
        "r-order",
        "r is the group order",
        &join(&order, &good[32..64], good[64]),
        "bad-signature",
    );
    wrong(
        "s-order",
        "s is the group order",
        &join(&good[..32], &order, good[64]),
        "bad-signature",
    );
    wrong(
        "s-all-ones",
        "s is above the group order",
        &join(&good[..32], &[0xff; 32], good[64]),
        "bad-signature",
    );
    wrong(
        "r-no-point",
        "no point has this x",
        &join(&[&[0; 31][..], &[5]].concat(), &good[32..64], good[64]),
        "bad-signature",
    );
    wrong(
        "s-half-order",
        "the greatest s that is low, but of no signature",
        &join(&good[..32], &subtract(&order, &unhex(FIRST_HIGH)), 27),
        "bad-signature",
    );
    wrong(
        "wallet-flipped",
        "one bit of r",
        &flip(&good, 7, 1),
        "bad-signature",
    );
    wrong(
        "wallet-of-stranger",
        "another wallet's",
        &Wallet(2).sign(&claims.subject(), &payload),
        "bad-signature",
    );
}

/// The difference of two numbers, high byte first.
fn subtract(from: &[u8], less: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let digits = from.iter().zip(less).rev().map(|(from, less)| {
        let digit = 256 + u16::from(*from) - u16::from(*less) - borrow;
        borrow = u16::from(digit < 256);
        digit as u8
    });
    let mut digits: Vec<u8> = digits.collect();
    digits.reverse();
    digits
}

fn add_wallet_texts(file: &mut File) {
    let claims = Claims {
        branch: Some("blog"),
        sequence: 12,
        ..Claims::bare(Wallet(1))
    };
    valid(
        file,
        "wallet-branch",
        "the text has a line for the branch",
        &claims,
        &[Wallet(1)],
    );
    let payload = claims.fields().encode();
    let subject = claims.subject();
    let signed = sig_structure(&Wallet(1).header(), &subject.domain, &payload);
    let right = subject.text(&signed);
    let mut wrong = |name: &str, why: &str, signature: Vec<u8>| {
        let record = envelope(&payload, [element(&Wallet(1).header(), &signature)]);
        invalid(file, name, why, &record, "bad-signature");
    };
    let mut text = |name: &str, why: &str, text: &str| wrong(name, why, wallet_signature(1, text));
    text(
        "text-without-branch",
        "the branch is part of the text",
        &right.replace("branch: blog\n", ""),
    );
    text(
        "text-line-feed-at-end",
        "no line feed after the last line",
        &format!("{right}\n"),
    );
    text(
        "text-carriage-returns",
        "lines are separated by one line feed",
        &right.replace('\n', "\r\n"),
    );
    text(
        "text-other-sequence",
        "the text names another sequence",
        &right.replace("sequence: 12", "sequence: 13"),
    );
    text(
        "text-upper-case-digest",
        "the digest is in lower case",
        &upper_digest(&right),
    );
    text(
        "text-other-zone",
        "the text names another zone",
        &Subject::record(&[7; 32], Some("blog"), 12).text(&signed),
    );
    text(
        "text-with-suffix",
        "the zone stands without a suffix",
        &right.replace("\nbranch", ".key\nbranch"),
    );
    text(
        "text-of-payload",
        "the digest is over the Sig_structure",
        &subject.text(&payload),
    );
    text(
        "text-of-update",
        "a policy update's text",
        &Subject::update(&claims.key_id, 12).text(&signed),
    );
    text(
        "digest-alone",
        "the digest without the text",
        right.rsplit(' ').next().unwrap_or_default(),
    );
    let keccak = |bytes: &[u8]| -> [u8; 32] {
        sha3::Digest::finalize(<sha3::Keccak256 as sha3::Digest>::new_with_prefix(bytes)).into()
    };
    wrong(
        "no-prefix",
        "the hash of the text without EIP-191's prefix",
        wallet_signature_of_hash(1, &keccak(right.as_bytes())),
    );
    let short = format!("\x19Ethereum Signed Message:\n{right}");
    wrong(
        "prefix-without-length",
        "the prefix without the length",
        wallet_signature_of_hash(1, &keccak(short.as_bytes())),
    );
    let binary = [
        b"\x19Ethereum Signed Message:\n".as_slice(),
        &[right.len() as u8],
        right.as_bytes(),
    ]
    .concat();
    wrong(
        "prefix-binary-length",
        "the length in one byte",
        wallet_signature_of_hash(1, &keccak(&binary)),
    );
    let hash_only: [u8; 32] = hash("dotkey signing digest v1", &signed);
    wrong(
        "digest-as-hash",
        "the digest itself, signed blindly",
        wallet_signature_of_hash(1, &hash_only),
    );
}

fn upper_digest(text: &str) -> String {
    let begin = text.len() - 64;
    format!("{}{}", &text[..begin], text[begin..].to_uppercase())
}
