//! What a wallet shows of a policy update, before the digest: section 4.4.

use super::decode::Reader;
use super::encode::Fields;
use super::file::hex_text;
use super::sign::label;

/// The lines, each with its line feed.
pub(super) fn lines(key_id: &[u8; 32], policy: &Fields) -> String {
    let identity = label(key_id);
    let number = policy.number(1);
    let mut out = format!("dotkey policy update\nidentity: {identity}\npolicy: {number}\n");
    add_keys(&mut out, policy.get(2));
    add_thresholds(&mut out, policy.get(3));
    if policy.has(4) {
        let next = hex_text(Reader::new(policy.get(4)).string());
        out += &format!("next: {next}\n");
    }
    if policy.has(5) {
        add_recovery(&mut out, policy.get(5));
    }
    out
}

fn add_keys(out: &mut String, keys: &[u8]) {
    let mut reader = Reader::new(keys);
    for _ in 0..reader.argument() {
        reader.argument(); // Four elements.
        let (key, weight) = key_and_weight(&mut reader);
        let roles: Vec<_> = (0..reader.argument()).map(|_| reader.text()).collect();
        let roles = roles.join(",");
        *out += &format!("key: {key} weight {weight} roles {roles}\n");
    }
}

fn add_thresholds(out: &mut String, thresholds: &[u8]) {
    let mut reader = Reader::new(thresholds);
    for _ in 0..reader.argument() {
        let (role, least) = (reader.text(), reader.argument());
        *out += &format!("threshold: {role} {least}\n");
    }
}

fn add_recovery(out: &mut String, recovery: &[u8]) {
    let mut reader = Reader::new(recovery);
    reader.take(2); // Three entries, the first of key 1.
    for _ in 0..reader.argument() {
        reader.argument(); // Three elements.
        let (key, weight) = key_and_weight(&mut reader);
        *out += &format!("recovery key: {key} weight {weight}\n");
    }
    reader.take(1);
    let threshold = reader.argument();
    reader.take(1);
    let delay = reader.argument();
    *out += &format!("recovery: threshold {threshold} delay {delay} seconds\n");
}

fn key_and_weight(reader: &mut Reader<'_>) -> (String, u64) {
    let kind = match reader.argument() {
        7 => "ed25519:", // -8
        _ => "0x",
    };
    let public = hex_text(reader.string());
    (format!("{kind}{public}"), reader.argument())
}
