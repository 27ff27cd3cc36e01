//! Proofs and all that leads to them, checked from the genesis on: sections 8.6, 8.8, 8.10 and 8.11.

use super::committees::{Committee, EMPTY, Leaf, path, root};
use super::encode::{Fields, array, bytes, flip, hash, text, uint};
use super::file::{File, Object, hex, hex_text};
use super::networks::{BEGAN, founders, genesis, network};
use super::policies::{bare, key_id};
use super::records::Claims;
use super::sign::Signer::Ed;

/// The proof's block.
const TIME: u64 = BEGAN + 100_000;
const NOW: u64 = TIME + 30;

/// A block of another time, late enough for leases to be over.
const LATE: u64 = BEGAN + 10_000_000;

/// The seconds of grace of the genesis.
const GRACE: u64 = 2_592_000;

fn name_leaf(label: &str) -> [u8; 32] {
    hash("dotkey name leaf v1", label.as_bytes())
}

fn holder() -> [u8; 32] {
    key_id(&bare(Ed(1)))
}

fn entry() -> Fields {
    Fields::new([(1, bytes(holder())), (2, uint(BEGAN + 10)), (3, uint(BEGAN + 31_536_010))])
}

/// `mysite` has pinned its policy and a checkpoint, `site0` to `site9` nothing; one identity is known without a name.
fn leaves() -> Vec<Leaf> {
    let digest = hash("dotkey policy v1", &bare(Ed(1)).encode());
    let pin = Fields::new([(1, uint(0)), (2, bytes(digest)), (3, uint(5))]);
    let mut leaves = vec![(name_leaf("mysite"), entry().with(4, pin.encode()).encode())];
    leaves.extend((0..10).map(|number| (name_leaf(&format!("site{number}")), entry().encode())));
    let account = Fields::new([(1, uint(1)), (2, pin.encode()), (6, array([uint(20_776), uint(1)]))]);
    leaves.push((hash("dotkey identity leaf v1", &holder()), account.encode()));
    leaves
}

fn header(committee: &Committee, epoch: u64) -> Fields {
    Fields::new([
        (1, uint(1)),
        (2, bytes(network())),
        (3, uint(100 * (epoch + 1))),
        (4, uint(TIME)),
        (5, bytes([2; 32])),
        (6, bytes(root(&leaves(), 0))),
        (7, bytes([4; 32])),
        (8, uint(epoch)),
        (9, bytes(committee.digest())),
    ])
}

/// The header of the proof, and who certifies it.
#[derive(Clone)]
struct Block {
    committee: Committee,
    header: Fields,
    signers: Vec<usize>,
}

impl Block {
    fn of(committee: &Committee, epoch: u64) -> Self {
        let needed = committee.validators().len() - (committee.validators().len() - 1) / 3;
        Self {
            committee: committee.clone(),
            header: header(committee, epoch),
            signers: (0..needed).collect(),
        }
    }

    fn with(&self, key: u64, value: Vec<u8>) -> Self {
        Self {
            header: self.header.with(key, value),
            ..self.clone()
        }
    }

    /// A proof about `subject`, whose leaf is `key`.
    fn prove(&self, subject: Vec<u8>, key: &[u8; 32]) -> Fields {
        let (siblings, found) = path(&leaves(), key);
        let sibling = |hash: [u8; 32]| if hash == EMPTY { vec![0xf6] } else { bytes(hash) };
        let proof = Fields::new([
            (1, subject),
            (2, bytes(self.header.encode())),
            (3, bytes(self.committee.certify(&self.header, &self.signers).encode())),
            (4, array(siblings.into_iter().map(sibling))),
        ]);
        match found {
            Some((at, value)) if at == *key => proof.with(5, bytes(value)),
            Some((at, value)) => proof.with(6, array([bytes(at), bytes(blake3::hash(&value).as_bytes())])),
            None => proof,
        }
    }

    fn prove_name(&self, label: &str) -> Fields {
        self.prove(text(label), &name_leaf(label))
    }
}

/// The last header of an epoch, with the validators of the next.
fn handover(from: &Committee, to: &Committee, epoch: u64) -> Fields {
    handover_of(from, to, &header(from, epoch).with(4, uint(BEGAN + 1000 * (epoch + 1))).with(10, bytes(to.digest())))
}

fn handover_of(from: &Committee, to: &Committee, header: &Fields) -> Fields {
    let all: Vec<_> = (0..from.validators().len()).collect();
    let certificate = from.certify(header, &all);
    Fields::new([(1, bytes(header.encode())), (2, bytes(certificate.encode())), (3, to.set())])
}

fn bundle(handovers: &[Fields], proof: &Fields, record: Option<Vec<u8>>) -> Fields {
    let handovers = handovers.iter().map(|one| bytes(one.encode()));
    let bundle = Fields::new([(1, uint(1)), (2, array(handovers)), (3, bytes(proof.encode()))]);
    match record {
        Some(record) => bundle.with(4, bytes(record)),
        None => bundle,
    }
}

fn input(bundle: &Fields, subject: &str, now: u64) -> Object {
    let object = Object::from([("hex", hex(bundle.encode())), ("genesis", hex(genesis().encode()))]);
    object.and("subject", subject).and("now", now).and("age_secs_max", 60_u64)
}

fn record(sequence: u64, signer: u8) -> Vec<u8> {
    let claims = Claims {
        sequence,
        window: (NOW - 600, NOW + 600),
        ..Claims::bare(Ed(signer))
    };
    claims.signed(&[Ed(signer)])
}

pub(super) fn file() -> File {
    let mut file = File::new("bundle", "Proofs, handovers and records, checked from a genesis on (sections 8.6, 8.8, 8.10 and 8.11).");
    add_valid(&mut file);
    add_ends(&mut file);
    add_broken_proofs(&mut file);
    add_broken_blocks(&mut file);
    add_broken_walks(&mut file);
    add_broken_forms(&mut file);
    file
}

/// A block when leases are over, of a state that holds one name, and the proof of that.
fn ending(ends: u64) -> (Block, Fields) {
    let value = entry().with(3, uint(ends)).encode();
    let state = root(&[(name_leaf("mysite"), value.clone())], 0);
    let block = Block::of(&founders(), 0).with(4, uint(LATE)).with(6, bytes(state));
    let proof = Fields::new([
        (1, text("mysite")),
        (2, bytes(block.header.encode())),
        (3, bytes(block.committee.certify(&block.header, &block.signers).encode())),
        (4, array([])),
        (5, bytes(value)),
    ]);
    (block, proof)
}

fn facts(block: &Block) -> Object {
    let validators = block.committee.validators().len() as u64;
    let (epoch, signed) = (block.header.number(8), block.signers.len() as u64);
    Object::from([("epoch", epoch.into()), ("signed", signed.into()), ("validators", validators.into())])
}

fn add_valid(file: &mut File) {
    let block = Block::of(&founders(), 0);
    let held = facts(&block).and("holder", hex(holder())).and("state", "held");
    let mut valid = |name: &str, why: &str, bundle: Fields, subject: &str, facts: &Object| {
        file.valid(name, why, input(&bundle, subject, NOW), facts.clone());
    };
    let mysite = block.prove_name("mysite");
    valid("held", "who holds a name", bundle(&[], &mysite, None), "mysite", &held);
    let published = held.clone().and("sequence", 5_u64);
    valid("with-record", "and what they have published", bundle(&[], &mysite, Some(record(5, 1))), "mysite", &published);
    let everyone = Block { signers: vec![0, 1, 2, 3], ..block.clone() };
    valid("all-signed", "more than a quorum", bundle(&[], &everyone.prove_name("site4"), None), "site4", &facts(&everyone).and("holder", hex(holder())).and("state", "held"));
    let absent = ["nobody", "nothing", "no-one", "free", "unclaimed"];
    for label in absent {
        let proof = block.prove_name(label);
        let why = if proof.has(6) { "another leaf stands there" } else { "nothing stands there" };
        valid(&format!("absent-{label}"), why, bundle(&[], &proof, None), label, &facts(&block).and("state", "free"));
    }
    let identity = block.prove(bytes(holder()), &hash("dotkey identity leaf v1", &holder()));
    let known = facts(&block).and("pinned", 0_u64);
    valid("identity", "an identity that has anchored its policy", bundle(&[], &identity, None), &hex_text(&holder()), &known);
    let stranger = block.prove(bytes([9; 32]), &hash("dotkey identity leaf v1", &[9; 32]));
    valid("identity-unknown", "an identity that the ledger does not know", bundle(&[], &stranger, None), &hex_text(&[9; 32]), &facts(&block));
    let later = Block::of(&founders(), 7);
    valid("later-epoch", "nothing changed in between", bundle(&[], &later.prove_name("mysite"), None), "mysite", &facts(&later).and("holder", hex(holder())).and("state", "held"));
    let (second, third) = (Committee::new(111..=115), Committee::new([121]));
    let walked = Block::of(&third, 9);
    let steps = [handover(&founders(), &second, 2), handover(&second, &third, 8)];
    valid("walked", "four validators, then five, then one", bundle(&steps, &walked.prove_name("mysite"), None), "mysite", &facts(&walked).and("holder", hex(holder())).and("state", "held"));
    let last = Block::of(&founders(), 3).with(10, bytes(second.digest()));
    valid("last-of-epoch", "a block that hands over", bundle(&[], &last.prove_name("mysite"), None), "mysite", &facts(&last).and("holder", hex(holder())).and("state", "held"));
    file.valid("as-old-as-allowed", "60 seconds", input(&bundle(&[], &mysite, None), "mysite", TIME + 60), held.clone());
    file.valid("as-far-ahead-as-allowed", "60 seconds", input(&bundle(&[], &mysite, None), "mysite", TIME - 60), held);
}

/// What an entry is worth is said by the time of verification: 8.3.
fn add_ends(file: &mut File) {
    let now = LATE + 30;
    let mut valid = |name: &str, why: &str, ends, now, state: &str| {
        let (block, proof) = ending(ends);
        let facts = match state {
            "free" => facts(&block),
            _ => facts(&block).and("holder", hex(holder())),
        };
        file.valid(name, why, input(&bundle(&[], &proof, None), "mysite", now), facts.and("state", state));
    };
    valid("last-second", "of its lease", now + 1, now, "held");
    valid("grace-begins", "between block and verification", now, now, "grace");
    valid("grace-ends", "its last second", now + 1 - GRACE, now, "grace");
    valid("free-again", "its grace is over, in the first second", now - GRACE, now, "free");
    valid("free-by-the-block", "by a clock that is slower than the block", LATE - GRACE, LATE - 60, "free");
    let recorded = |ends, signer| {
        let claims = Claims { sequence: 5, window: (now - 600, now + 600), ..Claims::bare(Ed(signer)) };
        let bundle = bundle(&[], &ending(ends).1, Some(claims.signed(&[Ed(signer)])));
        input(&bundle, "mysite", now)
    };
    let published = facts(&ending(now).0).and("holder", hex(holder())).and("state", "grace").and("sequence", 5_u64);
    file.valid("grace-with-record", "it resolves still", recorded(now, 1), published);
    file.invalid("record-of-free", "it was the holder's until a second ago", recorded(now - GRACE, 1), "nobody-holds");
}

fn add_broken_proofs(file: &mut File) {
    let block = Block::of(&founders(), 0);
    let held = block.prove_name("mysite");
    let mut invalid = |name: &str, why: &str, proof: &Fields, code| {
        file.invalid(name, why, input(&bundle(&[], proof, None), "mysite", NOW), code);
    };
    invalid("another-name", "it was not asked for", &block.prove_name("site1"), "other-subject");
    invalid("another-kind", "an identity was not asked for", &block.prove(bytes(holder()), &hash("dotkey identity leaf v1", &holder())), "other-subject");
    invalid("renamed", "another name's path", &block.prove_name("site1").with(1, text("mysite")), "path");
    invalid("other-holder", "the entry was changed", &held.with(5, bytes(entry().with(1, bytes([6; 32])).encode())), "path");
    invalid("longer-lease", "the entry was changed", &held.with(5, bytes(entry().with(3, uint(BEGAN + 99_999_999)).encode())), "path");
    invalid("said-to-be-free", "the entry is left out", &held.without(5), "path");
    let other = leaves()[1].clone();
    let leaf = array([bytes(other.0), bytes(blake3::hash(&other.1).as_bytes())]);
    invalid("leaf-from-elsewhere", "it does not stand on the way to this name", &held.without(5).with(6, leaf), "other-leaf");
    let itself = array([bytes(name_leaf("mysite")), bytes([1; 32])]);
    invalid("leaf-of-itself", "the name's own leaf shows no absence", &held.without(5).with(6, itself), "other-leaf");
    let (siblings, _) = path(&leaves(), &name_leaf("mysite"));
    let all = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let null = |one: &[u8; 32]| if *one == EMPTY { vec![0xf6] } else { bytes(one) };
        let mut items: Vec<_> = siblings.iter().map(null).collect();
        change(&mut items);
        held.with(4, array(items))
    };
    invalid("sibling-changed", "a bit of it", &all(&|items| items[0] = bytes([1; 32])), "path");
    invalid("sibling-missing", "the lowest", &all(&|items| drop(items.remove(0))), "path");
    invalid("sibling-too-many", "an empty one below", &all(&|items| items.insert(0, vec![0xf6])), "path");
    invalid("siblings-reversed", "the root's first", &all(&|items| items.reverse()), "path");
    let nobody = block.prove_name("nobody").with(1, text("mysite"));
    invalid("held-by-no-path", "an entry where nothing stands", &nobody.without(6).with(5, bytes(entry().encode())), "path");
    let record_of = |name: &str| block.prove_name(name);
    let mut refused = |name: &str, why: &str, label: &str, record: Vec<u8>, code| {
        let bundle = bundle(&[], &record_of(label), Some(record));
        file.invalid(name, why, input(&bundle, label, NOW), code);
    };
    refused("record-of-nobody", "nobody holds the name", "nobody", record(5, 1), "nobody-holds");
    refused("record-rolled-back", "older than the checkpoint", "mysite", record(4, 1), "rolled-back");
    refused("record-of-another", "not the holder's", "mysite", record(5, 2), "key-id");
    refused("record-changed", "a bit of its signature", "mysite", flip(&record(5, 1), record(5, 1).len() - 1, 1), "bad-signature");
}

fn add_broken_blocks(file: &mut File) {
    let block = Block::of(&founders(), 0);
    let proof = block.prove_name("mysite");
    let mut at = |name: &str, why: &str, now, code| file.invalid(name, why, input(&bundle(&[], &proof, None), "mysite", now), code);
    at("stale", "a second older than allowed", TIME + 61, "stale");
    at("ahead", "a second further ahead than allowed", TIME - 61, "ahead");
    let mut invalid = |name: &str, why: &str, proof: &Fields, code| {
        file.invalid(name, why, input(&bundle(&[], proof, None), "mysite", NOW), code);
    };
    let certificate = block.committee.certify(&block.header, &block.signers);
    let certified = |certificate: Fields| proof.with(3, bytes(certificate.encode()));
    invalid("view-changed", "they signed another view", &certified(certificate.with(1, uint(301))), "certificate");
    invalid("parent-view-changed", "they signed another view before", &certified(certificate.with(2, uint(298))), "certificate");
    invalid("signers-changed", "others than signed", &certified(certificate.with(3, bytes([0b1110]))), "certificate");
    invalid("too-few-bits", "two of four", &certified(certificate.with(3, bytes([0b11]))), "quorum");
    invalid("bit-beyond", "a fifth of four", &certified(certificate.with(3, bytes([0b1_0111]))), "signers");
    invalid("byte-beyond", "two bytes for four", &certified(certificate.with(3, bytes([0b111, 0]))), "signers");
    let signature = &certificate.get(4)[2..];
    invalid("signature-changed", "a bit of it", &certified(certificate.with(4, bytes(flip(signature, 47, 1)))), "certificate");
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    invalid("signature-infinity", "the point at infinity is no signature", &certified(certificate.with(4, bytes(infinity))), "certificate");
    let few = Block { signers: vec![1, 3], ..block.clone() };
    invalid("two-of-four", "a quorum is three", &few.prove_name("mysite"), "quorum");
    let strangers = Committee::new(131..=134);
    let forged = strangers.certify(&block.header, &[0, 1, 2]);
    invalid("strangers-signed", "four others", &certified(forged), "certificate");
    invalid("strangers-set", "four others, who say so", &Block::of(&strangers, 0).prove_name("mysite"), "other-validators");
    invalid("header-changed", "another height", &proof.with(2, bytes(block.header.with(3, uint(101)).encode())), "certificate");
    invalid("epoch-changed", "another epoch", &proof.with(2, bytes(block.header.with(8, uint(1)).encode())), "certificate");
    invalid("another-network", "certified by the same validators", &block.with(2, bytes([1; 32])).prove_name("mysite"), "network");
    invalid("another-state", "the path leads elsewhere", &block.with(6, bytes([3; 32])).prove_name("mysite"), "path");
    let early = block.with(4, uint(BEGAN - 1)).prove_name("mysite");
    file.invalid("before-the-genesis", "a block from before the network", input(&bundle(&[], &early, None), "mysite", BEGAN), "backwards");
}

fn add_broken_walks(file: &mut File) {
    let (first, second, third) = (founders(), Committee::new(111..=115), Committee::new([121]));
    let proof = Block::of(&third, 9).prove_name("mysite");
    let steps = [handover(&first, &second, 2), handover(&second, &third, 8)];
    let mut invalid = |name: &str, why: &str, steps: &[&Fields], code| {
        let steps: Vec<_> = steps.iter().map(|one| (*one).clone()).collect();
        file.invalid(name, why, input(&bundle(&steps, &proof, None), "mysite", NOW), code);
    };
    invalid("walk-not-begun", "no handover", &[], "other-validators");
    invalid("walk-gap", "the first handover is missing", &[&steps[1]], "other-validators");
    invalid("walk-unfinished", "the last handover is missing", &[&steps[0]], "other-validators");
    invalid("walk-twice", "the first handover twice", &[&steps[0], &steps[0], &steps[1]], "epoch-passed");
    invalid("walk-other-set", "the header names another set", &[&steps[0].with(3, third.set()), &steps[1]], "handover");
    let plain = header(&first, 2).with(4, uint(BEGAN + 3000));
    invalid("walk-no-end", "the header ends no epoch", &[&handover_of(&first, &second, &plain), &steps[1]], "handover");
    let own = handover_of(&second, &second, &header(&first, 2).with(4, uint(BEGAN + 3000)).with(10, bytes(second.digest())));
    invalid("walk-self-called", "certified by those who come", &[&own, &steps[1]], "signers");
    let other = header(&first, 2).with(2, bytes([1; 32])).with(10, bytes(second.digest()));
    invalid("walk-other-network", "another network's", &[&handover_of(&first, &second, &other), &steps[1]], "network");
    let early = header(&second, 8).with(4, uint(BEGAN + 2999)).with(10, bytes(third.digest()));
    invalid("walk-backwards", "earlier than the handover before", &[&steps[0], &handover_of(&second, &third, &early)], "backwards");
    let forged = handover(&first, &second, 2).with(2, steps[1].get(2).to_vec());
    invalid("walk-forged", "the certificate of another handover", &[&forged, &steps[1]], "signers");
}

fn add_broken_forms(file: &mut File) {
    let proof = Block::of(&founders(), 0).prove_name("mysite");
    let good = bundle(&[], &proof, None);
    let mut invalid = |name: &str, why: &str, bundle: &Fields, code| file.invalid(name, why, input(bundle, "mysite", NOW), code);
    invalid("version-2", "a version to come", &good.with(1, uint(2)), "unknown-version");
    for key in 1..=3 {
        invalid(&format!("without-{key}"), "a key that has to be there", &good.without(key), "missing-key");
    }
    invalid("unknown-key", "the map is closed", &good.with(5, uint(0)), "unknown-key");
    invalid("handover-itself", "a handover stands in a byte string", &good.with(2, array([handover(&founders(), &founders(), 2).encode()])), "wrong-type");
    invalid("handovers-257", "too many", &good.with(2, array(vec![bytes([]); 257])), "out-of-range");
    invalid("record-empty", "absent is not empty", &good.with(4, bytes([])), "out-of-range");
    invalid("proof-empty", "no proof", &good.with(3, bytes([])), "truncated");
    let empty = bytes(EMPTY);
    invalid("sibling-empty", "an empty subtree is null", &good.with(3, bytes(proof.with(4, array([empty])).encode())), "empty-sibling");
}
