//! Chains against anchors, their first policies, and the numbers of policies: sections 3.6 and 3.7.

use super::chains::{anchor, anchored, chain, facts, input, prepared, update};
use super::encode::{Fields, array, bytes, hash, int, text, uint};
use super::file::{File, Object, hex, unhex};
use super::policies::{BOTH, after, bare, key_id, policy, policy_digest};
use super::sign::Signer::{Ed, Wallet};

/// An anchor of an identity on a policy, with any number.
pub(super) fn numbered(identity: &[u8; 32], policy: &Fields, number: u64) -> Object {
    let digest = hex(policy_digest(&policy.encode()));
    [("key_id", hex(identity)), ("number", number.into()), ("digest", digest)].into()
}

pub(super) fn add(file: &mut File) {
    add_places(file);
    add_numbers(file);
    add_owners(file);
    add_first_policies(file);
    add_great_numbers(file);
}

/// The genesis policy, two after it, and the chain of the three.
fn three() -> ([Fields; 3], Vec<Vec<u8>>) {
    let genesis = bare(Ed(1));
    let one = after(&bare(Ed(2)), &genesis, 1);
    let two = after(&bare(Ed(3)), &one, 2);
    let first = update(&genesis, &one, &[Ed(1), Ed(2)]);
    let second = update(&genesis, &two, &[Ed(2), Ed(3)]);
    let whole = vec![genesis.encode(), first, second];
    ([genesis, one, two], whole)
}

fn add_places(file: &mut File) {
    let ([genesis, one, two], whole) = three();
    let from_pinned = [one.encode(), whole[2].clone()];
    file.valid("anchor-first", "the anchor is on the genesis policy", anchored(&genesis, &whole, &genesis), facts(&two));
    file.valid("anchor-within", "the anchor is on a policy between", anchored(&genesis, &whole, &one), facts(&two));
    file.valid("anchor-newest", "the anchor is on the newest policy", anchored(&genesis, &whole, &two), facts(&two));
    file.valid("begins-at-anchor", "the pinned policy replaces those before it", anchored(&genesis, &from_pinned, &one), facts(&two));
    let alone = [two.encode()];
    file.valid("anchor-alone", "the pinned policy and nothing else", anchored(&genesis, &alone, &two), facts(&two));
    file.invalid("begins-at-1-without-anchor", "nothing pins the first policy", input(&genesis, &from_pinned), "key-id");
    file.invalid("begins-at-1-anchor-before", "the anchor is on the genesis policy, which is not there", anchored(&genesis, &from_pinned, &genesis), "key-id");
    file.invalid("begins-at-1-anchor-after", "only the first policy can be the pinned one", anchored(&genesis, &from_pinned, &two), "key-id");
    file.invalid("anchor-beyond", "the chain is out of date", anchored(&genesis, &whole[..2], &two), "rotated-away");
    file.invalid("anchor-beyond-genesis", "the keys were rotated since", anchored(&genesis, &whole[..1], &one), "rotated-away");
    let other = after(&bare(Ed(6)), &genesis, 1);
    file.invalid("anchor-elsewhere", "the ledger pins another policy 1", anchored(&genesis, &whole, &other), "rotated-away");
    file.invalid("anchor-elsewhere-newest", "the ledger pins another policy 1", anchored(&genesis, &whole[..2], &other), "rotated-away");
}

/// The digest of an anchor without its number is not enough.
fn add_numbers(file: &mut File) {
    let ([genesis, one, two], whole) = three();
    let id = key_id(&genesis);
    let mut wrong = |name: &str, why: &str, elements: &[Vec<u8>], policy: &Fields, number| {
        let input = input(&genesis, elements).and("anchor", numbered(&id, policy, number));
        file.invalid(name, why, input, "rotated-away");
    };
    wrong("anchor-number-below", "the digest of policy 1 with the number 0", &whole, &one, 0);
    wrong("anchor-number-above", "the digest of policy 1 with the number 2", &whole, &one, 2);
    wrong("anchor-number-beyond", "the digest of the newest policy with a number to come", &whole, &two, 3);
    wrong("anchor-number-of-genesis", "the digest of the genesis policy with the number 1", &whole[..1], &genesis, 1);
    let from_pinned = [one.encode(), whole[2].clone()];
    wrong("begins-at-anchor-number", "the chain begins with the digest, but its number is another", &from_pinned, &one, 2);

    let (genesis, _) = prepared();
    let id = key_id(&genesis);
    let new = after(&bare(Ed(3)), &genesis, 1);
    let elements = [genesis.encode(), update(&genesis, &new, &[Ed(8), Wallet(9), Ed(3)])];
    let with = |number| input(&genesis, &elements).and("anchor", numbered(&id, &new, number));
    file.invalid("recovery-anchor-number-above", "it came in time, but the anchor is on another number", with(2), "rotated-away");
    file.invalid("recovery-anchor-number-below", "the number says that the ledger does not know of it", with(0), "recovery-unanchored");
}

/// A thief can make a policy and a ledger entry, but not the owner's.
fn add_owners(file: &mut File) {
    let ([genesis, one, _], whole) = three();
    let thiefs = bare(Ed(6));
    let (owner, thief) = (key_id(&genesis), key_id(&thiefs));
    let stolen = [thiefs.encode()];
    let mut invalid = |name: &str, why: &str, elements: &[Vec<u8>], anchor: Object, code| {
        let input = input(&genesis, elements).and("anchor", anchor);
        file.invalid(name, why, input, code);
    };
    invalid("thief-with-own-anchor", "the thief's policy and the thief's anchor for the owner's key id", &stolen, anchor(&thief, &thiefs), "key-id");
    invalid("thief-against-owners-anchor", "the owner's anchor does not pin the thief's policy", &stolen, anchor(&owner, &genesis), "key-id");
    invalid("thief-against-later-anchor", "the owner's anchor pins neither's genesis policy", &stolen, anchor(&owner, &one), "key-id");
    let later = after(&bare(Ed(6)), &thiefs, 1);
    let elements = [thiefs.encode(), update(&thiefs, &later, &[Ed(6)])];
    invalid("thief-pinned-later", "an anchor on a later policy of the thief's does not speak for the first", &elements, anchor(&owner, &later), "key-id");
    invalid("anchor-of-thief", "the owner's chain with the thief's anchor", &whole, anchor(&thief, &thiefs), "key-id");
    invalid("anchor-key-id-of-thief", "an anchor on the owner's policy under the thief's key id", &whole, anchor(&thief, &genesis), "key-id");
    invalid("anchor-on-thiefs-policy", "an anchor under the owner's key id on a policy that is not in the chain", &whole, anchor(&owner, &thiefs), "rotated-away");
}

/// Whose the first policy is, its hash says, before anything looks into it.
fn add_first_policies(file: &mut File) {
    let genesis = bare(Ed(1));
    let small = unhex("0100000000000000000000000000000000000000000000000000000000000000");
    let weak = array([int(-8), bytes(small), uint(1), array(BOTH.map(text))]);
    let weak = policy([weak], &[("admin", 1), ("publish", 1)]).encode();
    let trailing = [genesis.encode(), vec![0]].concat();
    for (name, why, first, code) in [
        ("weak-key", "a policy that breaks a rule", weak, "weak-key"),
        ("empty", "no policy", vec![], "truncated"),
        ("trailing-byte", "a byte after the policy", trailing, "trailing-bytes"),
        ("array", "an array", array([]), "wrong-type"),
    ] {
        let chain = chain(std::slice::from_ref(&first));
        let of = |id: [u8; 32]| Object::from([("hex", hex(&chain)), ("key_id", hex(id))]);
        let own = hash("dotkey identity v1", &first);
        file.invalid(format!("genesis-{name}"), why, of(own), code);
        let foreign = "another identity's by its hash, whatever it holds";
        file.invalid(format!("foreign-{name}"), foreign, of(key_id(&genesis)), "key-id");
        let pin = Object::from([("key_id", hex(key_id(&genesis))), ("number", 0.into()), ("digest", hex(policy_digest(&first)))]);
        let pinned = of(key_id(&genesis)).and("anchor", pin);
        file.invalid(format!("pinned-{name}"), why, pinned, code);
    }
    let one = after(&bare(Ed(2)), &genesis, 1);
    let why = "no identity begins with policy 1, though the key id is its hash";
    file.invalid("genesis-numbered", why, input(&one, &[one.encode()]), "key-id");
    let why = "a key id is a hash of its own, not the policy's digest";
    let digest = hex(policy_digest(&genesis.encode()));
    let by_digest = Object::from([("hex", hex(chain(&[genesis.encode()]))), ("key_id", digest)]);
    file.invalid("key-id-is-digest", why, by_digest, "key-id");
}

/// A chain has 64 policies at most, but the numbers go on where a ledger pins the first.
fn add_great_numbers(file: &mut File) {
    let genesis = bare(Ed(1));
    let from = |number: u64| {
        let old = after(&bare(Ed(1)), &genesis, number);
        let new = after(&bare(Ed(2)), &old, number + 1);
        let elements = [old.encode(), update(&genesis, &new, &[Ed(1), Ed(2)])];
        (old, new, elements)
    };
    for (name, why, number) in [
        ("63-to-64", "the number goes beyond what one chain can hold", 63),
        ("255-to-256", "no number wraps around", 255),
        ("to-greatest-number", "2^32 - 1", 4_294_967_294),
    ] {
        let (old, new, elements) = from(number);
        file.valid(name, why, anchored(&genesis, &elements, &old), facts(&new));
    }
    let (old, _, elements) = from(4_294_967_295);
    file.invalid("beyond-greatest-number", "2^32", anchored(&genesis, &elements, &old), "out-of-range");
    let (_, new, elements) = from(63);
    file.invalid("63-to-64-anchor-after", "the pinned policy does not come first", anchored(&genesis, &elements, &new), "key-id");
}
