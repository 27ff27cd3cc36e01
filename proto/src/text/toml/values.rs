//! Single values of a zone file, both ways.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ::toml::de::DeValue;
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::identity::KeyId;
use crate::name::{Name, Root, Suffix};

const PIN_PREFIX: &str = "sha256:";
const CONTENT_PREFIX: &str = "blake3:";
const HEX_PREFIX: &str = "hex:";

/// The units of times, the greatest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Milliseconds from numbers with units, such as `1m30s`.
pub(super) fn read_ms(text: &str) -> Option<u64> {
    let (mut rest, mut sum) = (text, 0_u64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == &after[..unit])?;
        sum = sum.checked_add(number.checked_mul(*ms)?)?;
        rest = &after[unit..];
    }
    (!text.is_empty()).then_some(sum)
}

/// The shortest form with one unit.
pub(super) fn show_ms(ms: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| ms >= *unit && ms.is_multiple_of(*unit);
    let (name, unit) = UNITS.iter().find(fits).unwrap_or(&("ms", 1));
    format!("{}{name}", ms / unit)
}

pub(super) fn read_pin(text: &str) -> Result<[u8; 32], &'static str> {
    let bytes = text
        .strip_prefix(PIN_PREFIX)
        .and_then(|digest| BASE64.decode(digest.as_bytes()).ok())
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or("expected `sha256:` and 44 characters of base 64, the digest of the provider's public key (SubjectPublicKeyInfo)")
}

pub(super) fn show_pin(pin: &[u8; 32]) -> String {
    format!("{PIN_PREFIX}{}", BASE64.encode(pin))
}

pub(super) fn read_content(text: &str) -> Result<[u8; 32], &'static str> {
    let bytes = text
        .strip_prefix(CONTENT_PREFIX)
        .and_then(|root| HEXLOWER_PERMISSIVE.decode(root.as_bytes()).ok())
        .and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or("expected `blake3:` and 64 digits of base 16, the root of the content's manifest")
}

pub(super) fn show_content(root: &[u8; 32]) -> String {
    format!("{CONTENT_PREFIX}{}", HEXLOWER.encode(root))
}

/// A shard's first key: text as it is, other bytes after `hex:`.
pub(super) fn read_start(text: &str) -> Result<Vec<u8>, &'static str> {
    match text.strip_prefix(HEX_PREFIX) {
        None => Ok(text.as_bytes().into()),
        Some(digits) => HEXLOWER_PERMISSIVE
            .decode(digits.as_bytes())
            .map_err(|_| "after `hex:` stand pairs of digits of base 16"),
    }
}

pub(super) fn show_start(start: &[u8]) -> String {
    match core::str::from_utf8(start) {
        Ok(text) if !text.starts_with(HEX_PREFIX) => text.into(),
        _ => format!("{HEX_PREFIX}{}", HEXLOWER.encode(start)),
    }
}

/// An identity by its 56-character label, alone or with whatever suffix.
pub(super) fn read_key_id(text: &str) -> Result<KeyId, String> {
    let label = text.split('.').next().unwrap_or("");
    match Name::parse(&format!("{label}.key"), &Suffix::KEY) {
        Ok(name) => match name.root() {
            Root::KeyId(key_id) => Ok(*key_id),
            _ => Err(format!(
                "`{label}` is no key id; expected the 56 characters that `dotkey key show` prints, such as \"{}.key\"",
                KeyId::from_bytes([0; 32])
            )),
        },
        Err(error) => Err(format!("{error}")),
    }
}

pub(super) fn type_in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// The word that was probably meant, or all that there are.
pub(super) fn advice(found: &str, known: &[&str]) -> String {
    let close = known.iter().map(|word| (distance(found, word), word));
    match close.min() {
        Some((0..=2, word)) => format!("did you mean `{word}`?"),
        _ => format!("known are `{}`", known.join("`, `")),
    }
}

/// Levenshtein's distance, as far as it matters: words that differ much in length are far apart.
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, byte) in left.iter().enumerate() {
        let mut corner = row[0];
        row[0] = at + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = corner + usize::from(byte != other);
            corner = row[column + 1];
            row[column + 1] = replaced.min(corner + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
