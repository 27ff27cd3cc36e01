//! Records whose signers may not sign, or whose signatures do not hold: sections 4.3, 4.4 and 5.2.

use super::curve;
use super::encode::{array, bytes, flip, hash, int, text, uint};
use super::file::{File, unhex};
use super::policies::{BOTH, bare, key, policy, recovery};
use super::records::{Claims, group, invalid, now, valid};
use super::sign::Signer::{Ed, Wallet};
use super::sign::{
    Subject, element, envelope, header, sig_structure, wallet_signature, wallet_signature_of_hash,
};

pub(super) fn add(file: &mut File) {
    add_wrong_signers(file);
    add_bad_ed25519(file);
    add_cofactors(file);
    add_bad_wallets(file);
    add_wallet_texts(file);
}

fn add_wrong_signers(file: &mut File) {
    let genesis = policy([key(Ed(1), 1, &["publish"]), key(Ed(2), 1, &["admin"])], &[("admin", 1), ("publish", 1)]);
    let claims = Claims::of(&genesis);
    invalid(file, "admin-signs", "`admin` does not imply `publish`", &claims.signed(&[Ed(2)]), "wrong-role");
    invalid(file, "admin-beside-publisher", "a signer who may not sign spoils the record", &claims.signed(&[Ed(1), Ed(2)]), "wrong-role");
    invalid(file, "stranger", "a key that is not in the policy", &claims.signed(&[Ed(3)]), "unknown-signer");
    invalid(file, "stranger-beside-publisher", "a foreign signature is not skipped", &claims.signed(&[Ed(1), Ed(3)]), "unknown-signer");
    invalid(file, "foreign-wallet", "a wallet that is not in the policy", &claims.signed(&[Wallet(1)]), "unknown-signer");
    let payload = claims.fields().encode();
    let mut entries = [(Ed(1).public(), Ed(1).signature(&claims.subject(), &payload)), (vec![0; 32], element(&header(-8, &[0; 32]), &[0; 64]))];
    entries.sort();
    let record = envelope(&payload, entries.map(|entry| entry.1));
    invalid(file, "stranger-of-small-order", "a foreign key under which anyone could sign", &record, "unknown-signer");
    let address = Wallet(1).public();
    let group = group(&[Wallet(1), Ed(1)], 1);
    let claims = Claims::of(&group);
    let padded = [&address[..], &[0; 12]].concat();
    let record = envelope(&claims.fields().encode(), [element(&header(-8, &padded), &[0; 64])]);
    invalid(file, "address-as-ed25519", "a key is found by algorithm and bytes", &record, "unknown-signer");
    let recovers = bare(Ed(1)).with(5, recovery(&[(Ed(8), 1)], 1, 3600).encode());
    invalid(file, "recovery-key-signs", "recovery keys only recover", &Claims::of(&recovers).signed(&[Ed(8)]), "unknown-signer");
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
    wrong("signature-of-stranger", "another key's", &Ed(2).sign(&subject, &payload));
    let good: [u8; 64] = good.try_into().expect("an ed25519 signature has 64 bytes");
    wrong("s-not-reduced", "S and the group order: the same response again", &curve::not_reduced(&good));
    let mut high = good;
    high[63] |= 0xe0;
    wrong("s-high-bits", "bits above the group order", &high);
    let identity = [&[1][..], &[0; 31]].concat();
    let identity: [u8; 32] = identity.try_into().expect("32 bytes");
    wrong("r-neutral", "R is the neutral point; the equation holds", &curve::with_commitment(1, &identity, &signed));
    let mut other = [0xff; 32];
    (other[0], other[31]) = (0xee, 0x7f);
    wrong("r-neutral-not-canonical", "R is 1 in another form", &curve::with_commitment(1, &other, &signed));
    let order_4 = [0; 32];
    wrong("r-order-4", "R is of order 4; the equation holds with the cofactor", &curve::with_commitment(1, &order_4, &signed));
    wrong("r-mixed-order", "R has a part of order 8; the equation holds with the cofactor", &curve::with_mixed_commitment(1, &signed));
    let as_update = Ed(1).sign(&Subject::update(&claims.key_id, &bare(Ed(1))), &payload);
    wrong("domain-policy-update", "signed as a policy update", &as_update);
    let as_transaction = Ed(1).sign(&Subject::transaction(&[9; 32], &claims.key_id, 0, "set-policy"), &payload);
    wrong("domain-transaction", "signed as a transaction", &as_transaction);
    wrong("payload-alone", "the payload without a Sig_structure", &super::sign::ed25519(1, &payload));
    let no_domain = Subject {
        domain: vec![],..subject.clone()
    };
    wrong("domain-empty", "signed for nothing in particular", &Ed(1).sign(&no_domain, &payload));
    let other_header = sig_structure(&Ed(2).header(), &subject.domain, &payload);
    wrong("header-of-other", "the Sig_structure names another key", &super::sign::ed25519(1, &other_header));
    let sign1 = array([text("Signature1"), bytes([]), bytes(&subject.domain), bytes(&payload)]);
    wrong("context-sign1", "the Sig_structure of COSE_Sign1", &super::sign::ed25519(1, &sign1));
    let other = Claims { sequence: 2, ..claims.clone() }.fields().encode();
    wrong("signature-of-other-record", "signed for another sequence", &Ed(1).sign(&subject, &other));
    let three = Claims::of(&group(&[Ed(1), Ed(2)], 1));
    let payload = three.fields().encode();
    let mut pair = [(Ed(1), Ed(1).sign(&three.subject(), &payload)), (Ed(2), vec![7; 64])];
    pair.sort_by_key(|(signer, _)| signer.public());
    let record = envelope(&payload, pair.map(|(signer, signature)| element(&signer.header(), &signature)));
    invalid(file, "surplus-bad", "one signature is enough, but the other does not verify", &record, "bad-signature");
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
    invalid(file, "mixed-order-key-cofactor", why, &record, "bad-signature");
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
    wrong("v-0-or-1", "what some wallets give; tools turn it into 27 and 28", &with_v(parity), "bad-signature");
    wrong("v-other", "the other of 27 and 28", &with_v(28 - parity), "bad-signature");
    wrong("v-29", "27 and 28 are all there are", &with_v(29 + parity), "bad-signature");
    wrong("v-eip-155", "v of a transaction on chain 1", &with_v(37 + parity), "bad-signature");
    let order = unhex(ORDER);
    let join = |r: &[u8], s: &[u8], v: u8| [r, s, &[v]].concat();
    let high = subtract(&order, &good[32..64]);
    wrong("high-s", "n - s with the other v is a signature of the same key", &join(&good[..32], &high, 28 - parity), "high-s");
    wrong("high-s-first", "the least s that is high", &join(&good[..32], &unhex(FIRST_HIGH), 27), "high-s");
    wrong("high-s-greatest", "n - 1", &join(&good[..32], &subtract(&order, &[&[0; 31][..], &[1]].concat()), 27), "high-s");
    wrong("r-zero", "r is 0", &join(&[0; 32], &good[32..64], good[64]), "bad-signature");
    wrong("s-zero", "s is 0", &join(&good[..32], &[0; 32], good[64]), "bad-signature");
    wrong("r-order", "r is the group order", &join(&order, &good[32..64], good[64]), "bad-signature");
    wrong("s-order", "s is the group order", &join(&good[..32], &order, good[64]), "bad-signature");
    wrong("s-all-ones", "s is above the group order", &join(&good[..32], &[0xff; 32], good[64]), "bad-signature");
    wrong("r-no-point", "no point has this x", &join(&[&[0; 31][..], &[5]].concat(), &good[32..64], good[64]), "bad-signature");
    wrong("s-half-order", "the greatest s that is low, but of no signature", &join(&good[..32], &subtract(&order, &unhex(FIRST_HIGH)), 27), "bad-signature");
    wrong("wallet-flipped", "one bit of r", &flip(&good, 7, 1), "bad-signature");
    wrong("wallet-of-stranger", "another wallet's", &Wallet(2).sign(&claims.subject(), &payload), "bad-signature");
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
    let claims = Claims { branch: Some("blog"), sequence: 12, ..Claims::bare(Wallet(1)) };
    valid(file, "wallet-branch", "the text has a line for the branch", &claims, &[Wallet(1)]);
    let payload = claims.fields().encode();
    let subject = claims.subject();
    let signed = sig_structure(&Wallet(1).header(), &subject.domain, &payload);
    let right = subject.text(&signed);
    let mut wrong = |name: &str, why: &str, signature: Vec<u8>| {
        let record = envelope(&payload, [element(&Wallet(1).header(), &signature)]);
        invalid(file, name, why, &record, "bad-signature");
    };
    let mut text = |name: &str, why: &str, text: &str| wrong(name, why, wallet_signature(1, text));
    text("text-without-branch", "the branch is part of the text", &right.replace("branch: blog\n", ""));
    text("text-line-feed-at-end", "no line feed after the last line", &format!("{right}\n"));
    text("text-carriage-returns", "lines are separated by one line feed", &right.replace('\n', "\r\n"));
    text("text-other-sequence", "the text names another sequence", &right.replace("sequence: 12", "sequence: 13"));
    text("text-upper-case-digest", "the digest is in lower case", &upper_digest(&right));
    text("text-other-zone", "the text names another zone", &Subject::record(&[7; 32], Some("blog"), 12).text(&signed));
    text("text-with-suffix", "the zone stands without a suffix", &right.replace("\nbranch", ".key\nbranch"));
    text("text-of-payload", "the digest is over the Sig_structure", &subject.text(&payload));
    text("text-of-update", "a policy update's text", &Subject::update(&claims.key_id, &bare(Wallet(1)).with(1, uint(12))).text(&signed));
    text("digest-alone", "the digest without the text", right.rsplit(' ').next().unwrap_or_default());
    let keccak = |bytes: &[u8]| -> [u8; 32] {
        sha3::Digest::finalize(<sha3::Keccak256 as sha3::Digest>::new_with_prefix(bytes)).into()
    };
    wrong("no-prefix", "the hash of the text without EIP-191's prefix", wallet_signature_of_hash(1, &keccak(right.as_bytes())));
    let short = format!("\x19Ethereum Signed Message:\n{right}");
    wrong("prefix-without-length", "the prefix without the length", wallet_signature_of_hash(1, &keccak(short.as_bytes())));
    let binary = [b"\x19Ethereum Signed Message:\n".as_slice(), &[right.len() as u8], right.as_bytes()].concat();
    wrong("prefix-binary-length", "the length in one byte", wallet_signature_of_hash(1, &keccak(&binary)));
    let hash_only: [u8; 32] = hash("dotkey signing digest v1", &signed);
    wrong("digest-as-hash", "the digest itself, signed blindly", wallet_signature_of_hash(1, &hash_only));
}

fn upper_digest(text: &str) -> String {
    let begin = text.len() - 64;
    format!("{}{}", &text[..begin], text[begin..].to_uppercase())
}
