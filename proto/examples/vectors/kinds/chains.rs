//! Chains: sections 3.5 to 3.7.

use super::encode::{Fields, array, bytes, flip, map, uint};
use super::file::{File, Object, hex, hex_text};
use super::policies::{
    BOTH, after, bare, commitment, key, key_id, policy, policy_digest, recovery,
};
use super::sign::Signer::{self, Ed, Wallet};
use super::sign::{Subject, element, envelope, header, sig_structure, signed, wallet_signature};

const LEAST: [(&str, u64); 2] = [("admin", 1), ("publish", 1)];

/// An update to `new`, signed by these for the identity that begins with `genesis`.
pub(super) fn update(genesis: &Fields, new: &Fields, signers: &[Signer]) -> Vec<u8> {
    signed(&new.encode(), &subject(genesis, new), signers)
}

fn subject(genesis: &Fields, new: &Fields) -> Subject {
    Subject::update(&key_id(genesis), new)
}

/// The encoding of a chain of these elements.
pub(super) fn chain(elements: &[Vec<u8>]) -> Vec<u8> {
    array(elements.iter().map(bytes))
}

/// An anchor of an identity on a policy.
pub(super) fn anchor(identity: &[u8; 32], policy: &Fields) -> Object {
    super::anchors::numbered(identity, policy, policy.number(1))
}

pub(super) fn input(genesis: &Fields, elements: &[Vec<u8>]) -> Object {
    [("hex", hex(chain(elements))), ("key_id", hex(key_id(genesis)))].into()
}

pub(super) fn anchored(genesis: &Fields, elements: &[Vec<u8>], policy: &Fields) -> Object {
    input(genesis, elements).and("anchor", anchor(&key_id(genesis), policy))
}

/// A genesis policy of `Ed(1)`, with keys 8 and 9 to recover and key 2 as the next.
pub(super) fn prepared() -> (Fields, Fields) {
    let next = bare(Ed(2));
    let recover = recovery(&[(Ed(8), 1), (Wallet(9), 1)], 2, 86_400).encode();
    let genesis = bare(Ed(1)).with(4, commitment(&next)).with(5, recover);
    let update = after(&next, &genesis, 1);
    (genesis, update)
}

pub(super) fn file() -> File {
    let mut file = File::new("chain", "Chains of policies for a key id, some with an anchor, and the newest policy in them (sections 3.5 to 3.7).");
    add_rotations(&mut file);
    add_long_chains(&mut file);
    add_recoveries(&mut file);
    add_admins_who_recover(&mut file);
    super::anchors::add(&mut file);
    add_broken_chains(&mut file);
    add_broken_updates(&mut file);
    add_number_again(&mut file);
    add_wrong_signers(&mut file);
    add_bad_signatures(&mut file);
    add_wallet_texts(&mut file);
    add_thefts(&mut file);
    file
}

pub(super) fn facts(newest: &Fields) -> Object {
    let digest = hex(policy_digest(&newest.encode()));
    [("number", newest.number(1).into()), ("digest", digest)].into()
}

fn add_rotations(file: &mut File) {
    let mut rotates = |name: &str, why: &str, old: &Fields, new: &Fields, signers: &[Signer]| {
        let new = after(new, old, 1);
        let elements = [old.encode(), update(old, &new, signers)];
        file.valid(name, why, input(old, &elements), facts(&new));
    };
    rotates("rotation", "the old key and the new one sign", &bare(Ed(1)), &bare(Ed(2)), &[Ed(1), Ed(2)]);
    let heavier = policy([key(Ed(1), 7, &BOTH)], &[("admin", 7), ("publish", 1)]);
    rotates("same-key", "one signature counts in both policies", &bare(Ed(1)), &heavier, &[Ed(1)]);
    rotates("wallet-to-ed25519", "algorithms may change", &bare(Wallet(1)), &bare(Ed(2)), &[Wallet(1), Ed(2)]);
    rotates("ed25519-to-wallet", "algorithms may change", &bare(Ed(1)), &bare(Wallet(2)), &[Ed(1), Wallet(2)]);
    let three = |threshold| {
        let keys = [Ed(1), Wallet(2), Ed(3)].map(|signer| key(signer, 1, &["admin"]));
        let keys = keys.into_iter().chain([key(Ed(4), 1, &["publish"])]);
        policy(keys, &[("admin", threshold), ("publish", 1)])
    };
    rotates("two-of-three", "any two", &three(2), &three(1), &[Ed(3), Wallet(2)]);
    rotates("surplus-admin", "more sign than it takes, and all may", &three(2), &three(2), &[Ed(1), Wallet(2), Ed(3)]);
    let weighted = policy([key(Ed(1), 3, &BOTH), key(Ed(2), 1, &BOTH)], &[("admin", 3), ("publish", 1)]);
    rotates("weights", "one key weighs enough", &weighted, &weighted, &[Ed(1)]);
    let branches = policy([key(Ed(1), 1, &BOTH), key(Ed(5), 1, &["publish:blog"])], &[("admin", 1), ("publish", 1), ("publish:blog", 1)]);
    rotates("branch-given-away", "a new key for one branch need not sign", &bare(Ed(1)), &branches, &[Ed(1)]);
    let (genesis, next) = prepared();
    rotates("pre-rotation", "the next keys are those that were committed to", &genesis, &next, &[Ed(1), Ed(2)]);
    let freely = next.with(4, commitment(&bare(Ed(3)))).with(5, recovery(&[(Ed(7), 1)], 1, 3600).encode());
    rotates("pre-rotation-with-new-next", "the commitment leaves `next` and recovery free", &genesis, &freely, &[Ed(1), Ed(2)]);
    let alone = bare(Ed(1));
    file.valid("genesis", "a chain of one", input(&alone, &[alone.encode()]), facts(&alone));
    let alone = bare(Wallet(1));
    file.valid("genesis-wallet", "a chain of one", input(&alone, &[alone.encode()]), facts(&alone));
}

/// A chain of so many policies of one key.
fn of_length(length: u64) -> (Fields, Fields, Vec<Vec<u8>>) {
    let genesis = bare(Ed(1));
    let mut newest = genesis.clone();
    let mut elements = vec![genesis.encode()];
    for number in 1..length {
        newest = after(&bare(Ed(1)), &newest, number);
        elements.push(update(&genesis, &newest, &[Ed(1)]));
    }
    (genesis, newest, elements)
}

fn add_long_chains(file: &mut File) {
    let (genesis, newest, elements) = of_length(3);
    file.valid("three", "two updates", input(&genesis, &elements), facts(&newest));
    let (genesis, newest, mut elements) = of_length(64);
    file.valid("64-policies", "as many as allowed", input(&genesis, &elements), facts(&newest));
    elements.push(elements[63].clone());
    file.invalid("65-policies", "one too many", input(&genesis, &elements), "out-of-range");
}

fn add_recoveries(file: &mut File) {
    let (genesis, _) = prepared();
    let third = after(&bare(Ed(3)), &genesis, 1);
    let mut check = |name: &str,
                     why: &str,
                     signers: &[Signer],
                     pinned: Option<&Fields>,
                     outcome: Result<(), &'static str>| {
        let elements = [genesis.encode(), update(&genesis, &third, signers)];
        let input = pinned.map_or(input(&genesis, &elements), |pinned| {
            anchored(&genesis, &elements, pinned)
        });
        match outcome {
            Ok(()) => file.valid(name, why, input, facts(&third)),
            Err(code) => file.invalid(name, why, input, code),
        }
    };
    let all = [Ed(8), Wallet(9), Ed(3)];
    check("recovery", "the ledger pins it, and `next` does not bind it", &all, Some(&third), Ok(()));
    let with_old = [Ed(8), Wallet(9), Ed(3), Ed(1)];
    check("recovery-with-old-admin", "the old key may sign as well", &with_old, Some(&third), Ok(()));
    check("recovery-without-anchor", "nobody says that it came in time", &all, None, Err("recovery-unanchored"));
    check("recovery-anchor-before", "the anchor is on the policy before", &all, Some(&genesis), Err("recovery-unanchored"));
    check("recovery-without-new-admin", "nobody can name keys that they do not hold", &all[..2], Some(&third), Err("threshold"));
    check("recovery-by-old-admin-too-few", "with too few recovery keys, `next` binds", &[Ed(1), Ed(8), Ed(3)], Some(&third), Err("next-mismatch"));

    let free = genesis.without(4);
    let new = after(&bare(Ed(3)), &free, 1);
    let elements = [free.encode(), update(&free, &new, &[Ed(8), Ed(3)])];
    let why = "too few recovery keys, and no admin of the old policy";
    let input = anchored(&free, &elements, &new);
    file.invalid("recovery-one-of-two", why, input, "threshold");

    let second = after(&bare(Ed(4)), &third, 2);
    let elements = [genesis.encode(), update(&genesis, &third, &all), update(&genesis, &second, &[Ed(3), Ed(4)])];
    let why = "the anchor is on a policy after it";
    file.valid("recovery-before-anchor", why, anchored(&genesis, &elements, &second), facts(&second));
}

/// What the admins may do, they do in the ordinary way, whoever else signs.
fn add_admins_who_recover(file: &mut File) {
    let recovering = bare(Ed(1)).with(5, recovery(&[(Ed(1), 1)], 1, 3600).encode());
    let rotated = |old: &Fields, signers: &[Signer]| {
        let new = after(&bare(Ed(2)), old, 1);
        let elements = [old.encode(), update(old, &new, signers)];
        (new, elements)
    };
    let mut ordinary = |name: &str, why: &str, old: &Fields, signers: &[Signer]| {
        let (new, elements) = rotated(old, signers);
        file.valid(name, why, input(old, &elements), facts(&new));
    };
    ordinary("admin-also-recovers", "a recovery key that is an admin rotates without an anchor", &recovering, &[Ed(1), Ed(2)]);
    let bound = recovering.with(4, commitment(&bare(Ed(2))));
    ordinary("admin-also-recovers-to-next", "and to the keys that were committed to", &bound, &[Ed(1), Ed(2)]);
    let (genesis, _) = prepared();
    ordinary("recovery-keys-beside-admin", "recovery keys sign as well what needs no recovery", &genesis, &[Ed(1), Ed(2), Ed(8), Wallet(9)]);
    let elsewhere = recovering.with(4, commitment(&bare(Ed(3))));
    let (new, elements) = rotated(&elsewhere, &[Ed(1), Ed(2)]);
    file.invalid("admin-recovers-unanchored", "to other keys than `next` it is a recovery", input(&elsewhere, &elements), "recovery-unanchored");
    file.valid("admin-recovers-anchored", "to other keys than `next` it is a recovery", anchored(&elsewhere, &elements, &new), facts(&new));
}

fn add_broken_chains(file: &mut File) {
    let genesis = bare(Ed(1));
    let id = hex(key_id(&genesis));
    let mut invalid = |name: &str, why: &str, chain: Vec<u8>, code| {
        let input = [("hex", hex(chain)), ("key_id", id.clone())];
        file.invalid(name, why, input, code);
    };
    let good = chain(&[genesis.encode()]);
    invalid("empty", "nothing", vec![], "truncated");
    invalid("no-element", "an empty array", array([]), "out-of-range");
    invalid("cut", "the last byte is missing", good[..good.len() - 1].to_vec(), "truncated");
    invalid("trailing-byte", "a byte after the array", [&good[..], &[0]].concat(), "trailing-bytes");
    invalid("indefinite", "an array until a break", [&[0x9f], &good[1..], &[0xff]].concat(), "indefinite-length");
    invalid("not-shortest", "the count in two bytes", [&[0x98, 1], &good[1..]].concat(), "not-shortest");
    invalid("bytes", "a byte string", bytes(&good), "wrong-type");
    invalid("policy-itself", "a policy stands in a byte string", array([genesis.encode()]), "wrong-type");
    invalid("update-itself", "an envelope has no place outside a byte string", array([bytes(genesis.encode()), vec![0xd8, 98, 0x80]]), "forbidden-item");
    invalid("other-identity", "the genesis policy of another", chain(&[bare(Ed(2)).encode()]), "key-id");
    invalid("genesis-changed", "a weight that changes no right, but the key id", chain(&[policy([key(Ed(1), 2, &BOTH)], &LEAST).encode()]), "key-id");
    let deep = [array([bytes(genesis.encode())])].concat();
    let nested = (0..16).fold(deep, |inner, _| array([inner]));
    invalid("too-deep", "17 levels", nested, "too-deep");
}

fn add_broken_updates(file: &mut File) {
    let genesis = bare(Ed(1));
    let new = after(&bare(Ed(2)), &genesis, 1);
    let sound = update(&genesis, &new, &[Ed(1), Ed(2)]);
    let mut invalid = |name: &str, why: &str, update: Vec<u8>, code| {
        file.invalid(name, why, input(&genesis, &[genesis.encode(), update]), code);
    };
    let of = |policy: Fields| update(&genesis, &policy, &[Ed(1), Ed(2)]);
    invalid("update-empty", "no envelope", vec![], "truncated");
    invalid("update-cut", "the last byte is missing", sound[..sound.len() - 1].to_vec(), "truncated");
    invalid("update-trailing-byte", "a byte after the envelope", [&sound[..], &[0]].concat(), "trailing-bytes");
    invalid("update-tag-18", "COSE_Sign1 is another message", [&[0xd2], &sound[2..]].concat(), "wrong-tag");
    invalid("update-untagged", "the tag is missing", sound[2..].to_vec(), "wrong-tag");
    invalid("update-unsigned", "no signatures", envelope(&new.encode(), []), "out-of-range");
    let subject = subject(&genesis, &new);
    let mut signers = [Ed(1), Ed(2)];
    signers.sort_by_key(|signer| core::cmp::Reverse(signer.public()));
    let swapped = envelope(&new.encode(), signers.map(|signer| signer.signature(&subject, &new.encode())));
    invalid("update-signatures-swapped", "the greater key first", swapped, "signature-order");
    let first = Ed(1).signature(&subject, &new.encode());
    invalid("update-signed-twice", "one key counts once", envelope(&new.encode(), [first.clone(), first]), "signature-order");
    invalid("update-number-skipped", "2 after 0", of(new.with(1, uint(2))), "policy-number");
    invalid("update-previous", "another policy before it", of(after(&bare(Ed(2)), &bare(Ed(3)), 1)), "policy-previous");
    let by_key_id = new.with(6, bytes(key_id(&genesis)));
    invalid("update-previous-key-id", "the key id is not the digest", of(by_key_id), "policy-previous");
    let unreachable = new.with(3, super::policies::thresholds(&[("admin", 2), ("publish", 1)]));
    invalid("update-unreachable", "the new policy breaks a rule", of(unreachable), "unreachable-threshold");
    invalid("update-unknown-key", "a policy that cannot be understood", of(new.with(7, uint(0))), "unknown-key");
}

/// A number twice, though each policy names the one before it.
fn add_number_again(file: &mut File) {
    let genesis = bare(Ed(1));
    let one = after(&bare(Ed(2)), &genesis, 1);
    let again = after(&bare(Ed(3)), &one, 1);
    let elements = [genesis.encode(), update(&genesis, &one, &[Ed(1), Ed(2)]), update(&genesis, &again, &[Ed(2), Ed(3)])];
    let input = input(&genesis, &elements);
    file.invalid("update-number-again", "1 after 1", input, "policy-number");
}

fn add_wrong_signers(file: &mut File) {
    let genesis = policy([key(Ed(1), 1, &["admin"]), key(Ed(2), 1, &["admin"]), key(Ed(3), 1, &["publish"])], &LEAST);
    let new = after(&bare(Ed(4)), &genesis, 1);
    let mut invalid = |name: &str, why: &str, signers: &[Signer], code| {
        let elements = [genesis.encode(), update(&genesis, &new, signers)];
        file.invalid(name, why, input(&genesis, &elements), code);
    };
    invalid("signer-foreign", "a key of neither policy, though enough others sign", &[Ed(1), Ed(4), Ed(7)], "unknown-signer");
    invalid("signer-publisher", "a publisher of the old policy has no say", &[Ed(1), Ed(4), Ed(3)], "unknown-signer");
    invalid("old-admin-missing", "the new key alone", &[Ed(4)], "threshold");
    invalid("new-admin-missing", "the old key alone: nobody can name keys that they do not hold", &[Ed(1)], "threshold");
    let wallet = after(&bare(Wallet(1)), &genesis, 1);
    let no_point = [&[2][..], &[0; 31]].concat(); // No point of the curve has y = 2.
    let mut entries = vec![
        (Ed(1).public(), Ed(1).signature(&subject(&genesis, &wallet), &wallet.encode())),
        (Wallet(1).public(), Wallet(1).signature(&subject(&genesis, &wallet), &wallet.encode())),
        (no_point.clone(), element(&header(-8, &no_point), &[0; 64])),
    ];
    entries.sort();
    let elements = [genesis.encode(), envelope(&wallet.encode(), entries.into_iter().map(|entry| entry.1))];
    file.invalid("signer-no-point", "a foreign key that is no key", input(&genesis, &elements), "unknown-signer");
    let branch = policy([key(Ed(1), 1, &BOTH), key(Ed(5), 1, &["publish:blog"])], &[("admin", 1), ("publish", 1), ("publish:blog", 1)]);
    let branch = after(&branch, &genesis, 1);
    let elements = [genesis.encode(), update(&genesis, &branch, &[Ed(1), Ed(5)])];
    file.invalid("signer-new-publisher", "a publisher of the new policy has no say", input(&genesis, &elements), "unknown-signer");
    let three = policy([Ed(1), Ed(2), Ed(3)].map(|signer| key(signer, 1, &BOTH)), &[("admin", 2), ("publish", 1)]);
    let next = after(&bare(Ed(1)), &three, 1);
    let elements = [three.encode(), update(&three, &next, &[Ed(1)])];
    file.invalid("one-of-two", "the old threshold is 2", input(&three, &elements), "threshold");
    let next = after(&three, &bare(Ed(1)), 1);
    let elements = [bare(Ed(1)).encode(), update(&bare(Ed(1)), &next, &[Ed(1)])];
    file.invalid("one-of-two-new", "the new threshold is 2", input(&bare(Ed(1)), &elements), "threshold");
}

fn add_bad_signatures(file: &mut File) {
    let genesis = policy([key(Ed(1), 1, &BOTH), key(Wallet(2), 1, &BOTH)], &LEAST);
    let new = after(&policy([key(Ed(1), 2, &BOTH), key(Wallet(2), 2, &BOTH)], &LEAST), &genesis, 1);
    let payload = new.encode();
    let subject = subject(&genesis, &new);
    let mut invalid = |name: &str, why: &str, elements: Vec<Vec<u8>>, code| {
        let chain = [genesis.encode(), envelope(&payload, elements)];
        file.invalid(name, why, input(&genesis, &chain), code);
    };
    let by = |signer: Signer, signature: &[u8]| element(&signer.header(), signature);
    let good = Ed(1).sign(&subject, &payload);
    invalid("signature-flipped", "one bit", vec![by(Ed(1), &flip(&good, 40, 1))], "bad-signature");
    let others = Ed(3).sign(&subject, &payload);
    invalid("signature-of-other-key", "another key's", vec![by(Ed(1), &others)], "bad-signature");
    let id = key_id(&genesis);
    let as_record = Subject::record(&id, None, 1);
    let swapped = Ed(1).sign(&as_record, &payload);
    invalid("domain-record", "signed as a record", vec![by(Ed(1), &swapped)], "bad-signature");
    let no_domain = Subject {
        domain: vec![],..subject.clone()
    };
    let swapped = Ed(1).sign(&no_domain, &payload);
    invalid("domain-empty", "signed for nothing in particular", vec![by(Ed(1), &swapped)], "bad-signature");
    let other = after(&bare(Ed(1)), &genesis, 1);
    let over_other = Ed(1).sign(&subject, &other.encode());
    invalid("signature-of-other-policy", "signed for another update", vec![by(Ed(1), &over_other)], "bad-signature");

    let wallet_signed = sig_structure(&Wallet(2).header(), &subject.domain, &payload);
    let mut wallet = |name: &str, why: &str, text: String| {
        let signature = wallet_signature(2, &text);
        invalid(name, why, vec![by(Wallet(2), &signature)], "bad-signature");
    };
    let number = Subject::update(&id, &new.with(1, uint(2)));
    wallet("wallet-other-number", "the text names another number", number.text(&wallet_signed));
    let identity = Subject::update(&[7; 32], &new);
    wallet("wallet-other-identity", "the text names another identity", identity.text(&wallet_signed));
    wallet("wallet-record-text", "the text is a record's", as_record.text(&wallet_signed));
    let mut pair = [(Ed(1), Ed(1).sign(&subject, &payload)), (Wallet(2), Wallet(2).sign(&subject, &payload))];
    pair[1].1[5] ^= 1;
    pair.sort_by_key(|(signer, _)| signer.public());
    let elements = pair.iter().map(|(signer, signature)| by(*signer, signature)).collect();
    invalid("surplus-bad", "one signature is enough, but the other does not verify", elements, "bad-signature");
    let extra = map([(uint(1), super::encode::int(-8)), (uint(3), uint(0)), (uint(4), bytes(Ed(1).public()))]);
    invalid("header-with-more", "a header with a content type", vec![element(&extra, &good)], "unknown-key");
}

/// The text of an update says all of the new policy.
fn add_wallet_texts(file: &mut File) {
    let genesis = policy([key(Ed(1), 1, &BOTH), key(Wallet(2), 1, &BOTH)], &LEAST);
    let keys = [key(Ed(1), 2, &BOTH), key(Wallet(2), 3, &["admin", "publish", "publish:a.b", "publish:blog"])];
    let new = policy(keys, &[("admin", 3), ("publish", 1), ("publish:a.b", 2), ("publish:blog", 3)]);
    let recover = recovery(&[(Ed(8), 1), (Wallet(9), 2)], 2, 86_400).encode();
    let new = after(&new, &genesis, 1).with(4, commitment(&bare(Ed(2)))).with(5, recover);
    let payload = new.encode();
    let subject = subject(&genesis, &new);
    let text = subject.text(&sig_structure(&Wallet(2).header(), &subject.domain, &payload));
    let signed = |text: &str| {
        let signature = wallet_signature(2, text);
        let update = envelope(&payload, [element(&Wallet(2).header(), &signature)]);
        input(&genesis, &[genesis.encode(), update])
    };
    let public = hex_text(&Wallet(2).public());
    let next = hex_text(&new.get(4)[2..]);
    file.valid("wallet-all-lines", "keys, thresholds, `next` and recovery", signed(&text), facts(&new));
    let without = |starts: &[&str]| -> String {
        let kept = |line: &&str| !starts.iter().any(|start| line.starts_with(start));
        text.split_inclusive('\n').filter(kept).collect()
    };
    for (name, why, text) in [
        ("wallet-text-number-alone", "no line but the number says what changes", without(&["key", "threshold", "next", "recovery"])),
        ("wallet-text-without-keys", "the lines of the keys are missing", without(&["key:"])),
        ("wallet-text-without-thresholds", "the lines of the thresholds are missing", without(&["threshold:"])),
        ("wallet-text-without-next", "the line of `next` is missing", without(&["next:"])),
        ("wallet-text-without-recovery-keys", "the lines of the recovery keys are missing", without(&["recovery key:"])),
        ("wallet-text-without-recovery", "the line of the recovery is missing", without(&["recovery:"])),
        ("wallet-text-other-weight", "the text names another weight", text.replace("weight 3 roles", "weight 4 roles")),
        ("wallet-text-other-role", "the text names fewer roles", text.replace(",publish:blog\n", "\n")),
        ("wallet-text-spaced-roles", "roles are joined by a comma alone", text.replace(",publish", ", publish")),
        ("wallet-text-other-threshold", "the text names another threshold", text.replace("threshold: admin 3", "threshold: admin 2")),
        ("wallet-text-other-next", "the text names another commitment", text.replace(&next, &"00".repeat(32))),
        ("wallet-text-other-delay", "the text names another delay", text.replace("delay 86400", "delay 3600")),
        ("wallet-text-upper-case-address", "an address is in lower case", text.replace(&public, &public.to_uppercase())),
        ("wallet-text-bare-address", "an address begins with `0x`", text.replace("0x", "")),
        ("wallet-text-thresholds-swapped", "thresholds stand in the order of the encoding", text.replace("threshold: admin 3\nthreshold: publish 1\n", "threshold: publish 1\nthreshold: admin 3\n")),
    ] {
        file.invalid(name, why, signed(&text), "bad-signature");
    }
}

fn add_thefts(file: &mut File) {
    let (genesis, owners) = prepared();
    let theirs = after(&bare(Ed(6)), &genesis, 1);
    let elements = [genesis.encode(), update(&genesis, &theirs, &[Ed(1), Ed(6)])];
    file.invalid("thief-names-own-keys", "the stolen key is in use, but `next` names another", input(&genesis, &elements), "next-mismatch");
    let changed = owners.with(4, commitment(&bare(Ed(6))));
    let elements = [genesis.encode(), update(&genesis, &changed, &[Ed(1)])];
    file.invalid("thief-repeats-rotation", "the owner's keys with the thief's `next`: the owner has not signed it", input(&genesis, &elements), "threshold");
    let heavier = after(&policy([key(Ed(2), 2, &BOTH)], &LEAST), &genesis, 1);
    let elements = [genesis.encode(), update(&genesis, &heavier, &[Ed(1), Ed(2)])];
    file.invalid("next-other-weight", "the commitment is over the weights too", input(&genesis, &elements), "next-mismatch");
    let two = policy([key(Ed(2), 2, &BOTH)], &[("admin", 2), ("publish", 1)]);
    let genesis_two = bare(Ed(1)).with(4, commitment(&policy([key(Ed(2), 2, &BOTH)], &LEAST)));
    let new = after(&two, &genesis_two, 1);
    let elements = [genesis_two.encode(), update(&genesis_two, &new, &[Ed(1), Ed(2)])];
    file.invalid("next-other-threshold", "the commitment is over the thresholds too", input(&genesis_two, &elements), "next-mismatch");
    let open = bare(Ed(1));
    let thief = after(&bare(Ed(6)), &open, 1);
    let owner = after(&bare(Ed(2)), &open, 1);
    let fork = [open.encode(), update(&open, &thief, &[Ed(1), Ed(6)])];
    file.valid("thief-without-next", "without `next` and anchor, a stolen admin key wins: this is why to set them", input(&open, &fork), facts(&thief));
    file.invalid("thief-against-anchor", "the ledger pins the owner's update", anchored(&open, &fork, &owner), "rotated-away");
}
