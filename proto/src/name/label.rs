//! The rules for one label in ASCII: what may be claimed, what may stand below, and what nobody can have.
//!
//! Each check takes the label in lower case and, for the message, as it was given; the two have the same length.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use super::facts::quote;
use super::{NameError, Place, Root, Suffix, idn, self_certifying};
use crate::limits::{CLAIMABLE_LABEL_BYTES_MAX, LABEL_BYTES_MAX, NAME_INPUT_BYTES_MAX};

/// Labels that nobody can claim, with the reason. Part of the protocol: adding one would take a name from someone.
pub const RESERVED: [(&str, &str); 14] = [
    ("key", "it would read as a second suffix"),
    (
        "localhost",
        "it means the machine at hand (RFC 6761 section 6.3)",
    ),
    ("local", "it belongs to multicast DNS (RFC 6762)"),
    (
        "internal",
        "it belongs to private networks, as ICANN set it aside",
    ),
    ("invalid", "it never means anything (RFC 6761 section 6.4)"),
    ("test", "it is for tests (RFC 6761 section 6.2)"),
    ("example", "it is for documentation (RFC 6761 section 6.5)"),
    ("onion", "it belongs to Tor (RFC 7686)"),
    ("alt", "it marks names outside DNS (RFC 9476)"),
    ("arpa", "it belongs to the infrastructure of DNS (RFC 3172)"),
    ("wpad", "computers look for their proxy under it unasked"),
    ("isatap", "computers look for their tunnel under it unasked"),
    ("autoconfig", "mail programs send passwords to it unasked"),
    ("autodiscover", "mail programs send passwords to it unasked"),
];

/// Bounds all later work by the size of the input.
pub(super) const fn check_input(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > NAME_INPUT_BYTES_MAX {
        return Err(NameError::InputTooLong { octets: text.len() });
    }
    Ok(())
}

/// Where the last label begins, when all of them follow the rules for labels below and none has two hyphens in a row, which
/// keeps `xn--` out.
pub(super) fn plain_root_start(labels: &str) -> Option<usize> {
    let (mut start, mut before) = (0, b'.');
    for (at, octet) in labels.bytes().enumerate() {
        match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => {}
            b'-' if before != b'.' && before != b'-' => {}
            b'.' if before != b'.' && before != b'-' && at - start <= LABEL_BYTES_MAX => {
                start = at + 1;
            }
            _ => return None,
        }
        before = octet;
    }
    (before != b'.' && before != b'-').then_some(start)
}

/// Whether a label that passed as plain can be claimed as well.
pub(super) fn is_plain_claim(label: &str) -> bool {
    label.len() <= CLAIMABLE_LABEL_BYTES_MAX
        && !label.starts_with("0x")
        && !label.contains('_')
        && reserved(label).is_none()
}

fn reserved(label: &str) -> Option<&'static (&'static str, &'static str)> {
    RESERVED.iter().find(|(reserved, _)| *reserved == label)
}

/// The label beside the suffix; it is not empty.
pub(super) fn check_root(label: &str, given: &str, suffix: &Suffix) -> Result<Root, NameError> {
    check_length(label, given)?;
    if label.starts_with("xn--") {
        idn::check_a_label(label, given)?;
        return check_claim_length(label, given);
    }
    if let Some(root) = self_certifying::decode(label, given) {
        return root;
    }
    // A label of this length was meant to be a key, and its length is what is wrong with it.
    if label.len() > CLAIMABLE_LABEL_BYTES_MAX {
        return Err(NameError::KeyLength {
            label: quote(given),
            octets: label.len(),
        });
    }
    claimable(label, given).map_err(|e| with_suggestion(e, label, suffix))
}

fn check_claim_length(label: &str, given: &str) -> Result<Root, NameError> {
    if label.len() > CLAIMABLE_LABEL_BYTES_MAX {
        return Err(NameError::ClaimTooLong {
            label: quote(given),
            octets: label.len(),
        });
    }
    Ok(Root::Claimed)
}

/// An ASCII label of a fit length without `xn--`.
fn claimable(label: &str, given: &str) -> Result<Root, NameError> {
    check_characters(label, given, Place::Claimed)?;
    if is_encoded(label) {
        return Err(NameError::HyphensAtThreeAndFour {
            label: quote(given),
            suggestion: None,
        });
    }
    match reserved(label) {
        Some((label, reason)) => Err(NameError::Reserved {
            label: quote(label),
            reason,
        }),
        None => Ok(Root::Claimed),
    }
}

/// A label under the root label; it is not empty.
pub(super) fn check_below(label: &str, given: &str) -> Result<(), NameError> {
    check_other(label, given, Place::Below)
}

/// A label of a suffix; it is not empty.
pub(super) fn check_suffix_label(label: &str, given: &str) -> Result<(), NameError> {
    check_other(label, given, Place::Suffix)
}

fn check_other(label: &str, given: &str, place: Place) -> Result<(), NameError> {
    check_length(label, given)?;
    if label.starts_with("xn--") {
        return idn::check_a_label(label, given);
    }
    check_characters(label, given, place)
}

fn check_length(label: &str, given: &str) -> Result<(), NameError> {
    if label.len() > LABEL_BYTES_MAX {
        return Err(NameError::LabelTooLong {
            label: quote(given),
            octets: label.len(),
        });
    }
    Ok(())
}

fn check_characters(label: &str, given: &str, place: Place) -> Result<(), NameError> {
    let underscore = matches!(place, Place::Below);
    let allowed =
        |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-') || (underscore && *b == b'_');
    if let Some(at) = label.bytes().position(|b| !allowed(&b)) {
        return Err(bad_character(label, given, at, place));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(NameError::HyphenAtEdge {
            label: quote(given),
            suggestion: None,
        });
    }
    Ok(())
}

#[cold]
fn bad_character(label: &str, given: &str, at: usize, place: Place) -> NameError {
    if label == "*" {
        return NameError::Wildcard { text: quote(given) };
    }
    NameError::BadCharacter {
        label: quote(given),
        character: char::from(given.as_bytes()[at]),
        position: at + 1,
        place,
        suggestion: None,
    }
}

/// RFC 5891 section 4.2.3.1: `--` at positions 3 and 4.
fn is_encoded(label: &str) -> bool {
    label.as_bytes().get(2..4) == Some(b"--")
}

#[cold]
fn with_suggestion(mut error: NameError, label: &str, suffix: &Suffix) -> NameError {
    if let NameError::BadCharacter { suggestion, .. }
    | NameError::HyphenAtEdge { suggestion, .. }
    | NameError::HyphensAtThreeAndFour { suggestion, .. } = &mut error
    {
        *suggestion = Some(nearest_claimable(label, suffix));
    }
    error
}

/// The letters and digits of what was written, with one hyphen for each run of anything else.
fn nearest_claimable(label: &str, suffix: &Suffix) -> Box<str> {
    let mut nearest = String::with_capacity(label.len());
    for part in label.split(|c: char| !c.is_ascii_alphanumeric()) {
        if part.is_empty() {
            continue;
        }
        if !nearest.is_empty() {
            nearest.push('-');
        }
        nearest.push_str(part);
    }
    let usable = !nearest.is_empty()
        && self_certifying::decode(&nearest, &nearest).is_none()
        && claimable(&nearest, &nearest).is_ok();
    let label = if usable { &nearest } else { "mysite" };
    format!("{label}.{}", suffix.as_ascii()).into_boxed_str()
}
