//! Holds the implementation to every vector of `tests/vectors/`, and those files to the program that writes them.

#[path = "../examples/vectors/kinds/mod.rs"]
mod kinds;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use dotkey_proto::cbor::{self, CborError};
use dotkey_proto::dns::{Owner, RecordType, rdata};
use dotkey_proto::identity::{Anchor, Chain, KeyId, Policy, PolicyError, key_id_of, policy_digest};
use dotkey_proto::ledger::{
    Bundle, Candidate, Certificate, Entry, Freshness, Genesis, Header, LedgerError, Proof, Subject,
    Transaction, Trusted, ValidatorSet,
};
use dotkey_proto::name::{KeyUri, Name, NameError, Root, Suffix};
use dotkey_proto::record::{RecordError, SignedRecord};
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::Zone;
use serde_json::{Value, json};

/// The facts that a valid input gives, or the code of its refusal.
type Verdict = Result<Value, &'static str>;

/// Checks every vector of a kind, and that there are at least so many valid and invalid ones.
fn check(kind: &str, least: (usize, usize), verdict: impl Fn(&Value) -> Verdict) {
    let text =
        fs::read_to_string(folder().join(format!("{kind}.json"))).expect("the file of this kind");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let mut names = BTreeSet::new();
    let (mut valid, mut invalid, mut wrong) = (0, 0, Vec::new());
    for vector in file["vectors"].as_array().expect("a list of vectors") {
        let name = vector["name"].as_str().expect("a name");
        assert!(names.insert(name), "{kind}: two vectors are called {name}");
        let expected = match (vector.get("valid"), vector.get("reason")) {
            (Some(facts), None) => Ok(facts.clone()),
            (None, Some(reason)) => Err(reason.as_str().expect("a code")),
            _ => panic!("{kind} {name} is neither valid nor invalid"),
        };
        match expected {
            Ok(_) => valid += 1,
            Err(_) => invalid += 1,
        }
        let found = verdict(&vector["input"]);
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{kind}:\n{}", wrong.join("\n"));
    assert!(
        (valid, invalid) >= least && invalid >= least.1,
        "{kind}: {valid} valid and {invalid} invalid are too few"
    );
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors")
}

fn text<'v>(input: &'v Value, key: &str) -> &'v str {
    input[key].as_str().expect("a text")
}

fn bytes(input: &Value, key: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text(input, key).as_bytes())
        .expect("lower-case base 16")
}

fn number(input: &Value, key: &str) -> u64 {
    input[key].as_u64().expect("a number")
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

fn anchor(input: &Value) -> Option<Anchor> {
    let anchor = input.get("anchor")?;
    Some(Anchor {
        key_id: KeyId::from_bytes(bytes(anchor, "key_id").try_into().expect("32 bytes")),
        number: number(anchor, "number").try_into().expect("32 bits"),
        digest: bytes(anchor, "digest").try_into().expect("32 bytes"),
        least_sequence: anchor.get("least_sequence").and_then(Value::as_u64),
    })
}

fn suffix(input: &Value) -> Result<Suffix, NameError> {
    input
        .get("suffix")
        .map_or(Ok(Suffix::KEY), |_| Suffix::parse(text(input, "suffix")))
}

#[test]
fn names() {
    check("name", (40, 80), |input| {
        let suffix = suffix(input).map_err(|error| error.code())?;
        let name = Name::parse(text(input, "text"), &suffix).map_err(|error| error.code())?;
        let mut facts =
            json!({"ascii": name.as_ascii(), "unicode": name.to_unicode(), "below": name.below()});
        let (root, certified) = match name.root() {
            Root::Claimed => ("claimed", None),
            Root::KeyId(key_id) => ("key-id", Some(hex(key_id.as_bytes()))),
            Root::Ed25519(key) => ("ed25519", Some(hex(key))),
            Root::Wallet(address) => ("wallet", Some(hex(address))),
        };
        facts["root"] = root.into();
        if let Some(certified) = certified {
            facts["root_hex"] = certified.into();
        }
        Ok(facts)
    });
}

#[test]
fn uris() {
    check("uri", (9, 20), |input| {
        let uri = KeyUri::parse(text(input, "text"), &Suffix::KEY).map_err(|error| error.code())?;
        Ok(json!({"ascii": uri.name().as_ascii(), "path": uri.path()}))
    });
}

#[test]
fn items() {
    check("cbor", (20, 60), |input| {
        let outcome = cbor::check(&bytes(input, "hex"));
        outcome
            .map(|()| json!({}))
            .map_err(|error: CborError| error.code())
    });
}

#[test]
fn policies() {
    check("policy", (15, 80), |input| {
        let encoded = bytes(input, "hex");
        let policy = Policy::decode(&encoded).map_err(|error: PolicyError| error.code())?;
        assert_eq!(
            policy.encode().as_ref(),
            Ok(&encoded),
            "a policy has one encoding"
        );
        let mut facts = json!({"digest": hex(&policy_digest(&encoded)), "number": policy.number});
        if policy.number == 0 {
            facts["key_id"] = hex(key_id_of(&encoded).as_bytes()).into();
        }
        Ok(facts)
    });
}

#[test]
fn chains() {
    check("chain", (20, 60), |input| {
        let encoded = bytes(input, "hex");
        let key_id = KeyId::from_bytes(bytes(input, "key_id").try_into().expect("32 bytes"));
        let chain = Chain::decode(&encoded).map_err(|error| error.code())?;
        let authority = chain.verify(key_id, anchor(input).as_ref());
        let authority = authority.map_err(|error| error.code())?;
        assert_eq!(authority.key_id(), key_id);
        Ok(json!({"number": authority.policy().number, "digest": hex(&authority.digest())}))
    });
}

#[test]
fn records() {
    check("record", (30, 140), |input| {
        let now = Timestamp::from_secs(number(input, "now")).expect("a time");
        let record = SignedRecord::new(bytes(input, "hex")).verify(now, anchor(input).as_ref());
        let record = record.map_err(|error: RecordError| error.code())?;
        let mut facts = json!({
            "key_id": hex(record.key_id().as_bytes()),
            "sequence": record.sequence(),
            "policy_number": record.authority().policy().number,
            "digest": hex(&record.digest()),
        });
        if let Some(branch) = record.branch() {
            facts["branch"] = branch.to_string().into();
        }
        Ok(facts)
    });
}

#[test]
fn zones() {
    check("zone", (60, 200), |input| {
        let branch = input.get("branch").map(|_| bytes(input, "branch"));
        let branch = branch.map(|wire| Owner::from_wire(&wire).expect("an owner name"));
        let body = bytes(input, "hex");
        let zone = Zone::decode(&body, branch.as_ref()).map_err(|error| error.code())?;
        assert_eq!(zone.encode(), body, "a zone has one encoding");
        Ok(json!({
            "rrsets": zone.rrsets().len(),
            "resources": zone.resources().len(),
            "delegations": zone.delegations().len(),
        }))
    });
}

#[test]
fn owners() {
    check("owner", (12, 15), |input| {
        let owner = Owner::from_wire(&bytes(input, "hex")).map_err(|_| "owner")?;
        Ok(json!({"text": owner.to_string()}))
    });
}

#[test]
fn rdatas() {
    check("rdata", (50, 80), |input| {
        let rtype = RecordType(
            number(input, "type")
                .try_into()
                .expect("a type has 16 bits"),
        );
        rdata::check(rtype, &bytes(input, "hex"))
            .map(|()| json!({}))
            .map_err(|_| "rdata")
    });
}

#[test]
fn transactions() {
    check("transaction", (18, 60), |input| {
        let transaction =
            Transaction::decode(&bytes(input, "hex")).map_err(|error| error.code())?;
        Ok(json!({"action": transaction.action.word(), "nonce": transaction.nonce}))
    });
}

/// Checks a kind of ledger item, each of which has one encoding.
fn check_item<T>(
    kind: &str,
    least: (usize, usize),
    decode: impl Fn(&[u8]) -> Result<T, LedgerError>,
    encode: impl Fn(&T) -> Vec<u8>,
    facts: impl Fn(&T) -> Value,
) {
    check(kind, least, |input| {
        let encoded = bytes(input, "hex");
        let item = decode(&encoded).map_err(|error| error.code())?;
        assert_eq!(encode(&item), encoded, "{kind}: an item has one encoding");
        Ok(facts(&item))
    });
}

#[test]
fn entries() {
    check_item(
        "entry",
        (6, 20),
        Entry::decode,
        Entry::encode,
        |_| json!({}),
    );
}

#[test]
fn headers() {
    let digest = |header: &Header| json!({"digest": hex(&header.digest())});
    check_item("header", (3, 25), Header::decode, Header::encode, digest);
}

#[test]
fn certificates() {
    check_item(
        "certificate",
        (4, 22),
        Certificate::decode,
        Certificate::encode,
        |_| json!({}),
    );
}

#[test]
fn proofs() {
    check_item(
        "proof",
        (9, 30),
        Proof::decode,
        Proof::encode,
        |_| json!({}),
    );
}

#[test]
fn validators() {
    let digest = |set: &ValidatorSet| json!({"digest": hex(&set.digest())});
    check_item(
        "validators",
        (3, 14),
        ValidatorSet::decode,
        ValidatorSet::encode,
        digest,
    );
}

#[test]
fn candidates() {
    let admitted = |bytes: &[u8]| {
        let candidate = Candidate::decode(bytes)?;
        candidate.admit().map(|_| candidate)
    };
    check_item("candidate", (3, 7), admitted, Candidate::encode, |_| {
        json!({})
    });
}

#[test]
fn genesis() {
    let encode = |genesis: &Genesis| {
        assert_eq!(Genesis::new(genesis).as_ref(), Ok(genesis));
        genesis.as_bytes().to_vec()
    };
    let network = |genesis: &Genesis| json!({"network": hex(&genesis.network())});
    check_item("genesis", (5, 40), Genesis::decode, encode, network);
}

#[test]
fn checkpoints() {
    check("checkpoint", (3, 9), |input| {
        let encoded = bytes(input, "hex");
        let trusted = Trusted::decode(&encoded).map_err(|error| error.code())?;
        assert_eq!(trusted.encode(), encoded);
        let freshness = freshness(input);
        let age = trusted.check_age(freshness.now, freshness.age_secs_max);
        age.map_err(|error| error.code())?;
        Ok(json!({"epoch": trusted.epoch, "validators": hex(&trusted.validators.digest())}))
    });
}

fn freshness(input: &Value) -> Freshness {
    let number = |key: &str| input[key].as_u64().expect("a number");
    Freshness {
        now: Timestamp::from_secs(number("now")).expect("in range"),
        age_secs_max: number("age_secs_max"),
    }
}

#[test]
fn bundles() {
    check("bundle", (20, 51), |input| {
        let encoded = bytes(input, "hex");
        let bundle = Bundle::decode(&encoded).map_err(|error| error.code())?;
        assert_eq!(bundle.encode(), encoded);
        let genesis = Genesis::decode(&bytes(input, "genesis")).expect("it is sound");
        let subject = match text(input, "subject") {
            id if id.len() == 64 => {
                let id = bytes(input, "subject").try_into().expect("32 bytes");
                Subject::Identity(KeyId::from_bytes(id))
            }
            label => Subject::Name(label.into()),
        };
        let verified = bundle.verify(&subject, &genesis, freshness(input));
        let verified = verified.map_err(|error| error.code())?;
        let (signed, validators) = verified.proof.signers();
        let epoch = verified.proof.header().epoch;
        let mut facts = json!({"epoch": epoch, "signed": signed, "validators": validators});
        if let Some(tenure) = verified.tenure {
            facts["state"] = tenure.now.word().into();
            if let Some(holder) = tenure.holder() {
                facts["holder"] = hex(holder.as_bytes()).into();
            }
        }
        if let Some(pin) = verified.proof.account().and_then(|account| account.pin) {
            facts["pinned"] = pin.number.into();
        }
        if let Some(record) = verified.record {
            facts["sequence"] = record.sequence().into();
        }
        Ok(facts)
    });
}

/// `cargo run -p dotkey-proto --example vectors` writes the files anew.
#[test]
fn files_are_what_the_generator_writes() {
    let written: BTreeMap<_, _> = kinds::all()
        .iter()
        .map(|file| (format!("{}.json", file.kind), file.to_json()))
        .collect();
    let found: BTreeMap<_, _> = fs::read_dir(folder())
        .expect("the folder of the vectors")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| {
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(path).expect("a text"))
        })
        .collect();
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&written));
    for (name, text) in &written {
        assert!(
            found[name] == *text,
            "{name} is not what the generator writes; run it"
        );
    }
}

/// Each code of the pages occurs, and no other does.
#[test]
fn every_code_has_a_vector() {
    assert_eq!(
        kinds::codes::occurring(&kinds::all()),
        kinds::codes::named()
    );
}

/// What else stands in back quotes in the pages, with a hyphen in it.
const NO_CODES: &[&str] = &[
    "sign-protected",
    "like-this",
    "set-policy",
    "validator-change",
];

/// The list of codes is that of the pages: each stands there, and what looks like a code there stands in the list.
#[test]
fn codes_are_those_of_the_pages() {
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol");
    let all = kinds::codes::named();
    for (page, codes) in kinds::codes::CODES {
        let text = fs::read_to_string(pages.join(page)).expect("a page of the protocol");
        let quoted: BTreeSet<&str> = text.split('`').skip(1).step_by(2).collect();
        for code in *codes {
            assert!(quoted.contains(code), "{page} does not name `{code}`");
        }
        if *page == "2-names.md" {
            continue; // Its section 2.9 is the list; labels in back quotes look like codes.
        }
        let like_a_code = |word: &&&str| {
            word.contains('-')
                && word
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        };
        for word in quoted.iter().filter(like_a_code) {
            let known = all.contains(*word) || NO_CODES.contains(word);
            assert!(known, "{page} names `{word}`, which is in no list of codes");
        }
    }
}
