//! Internationalised labels: from what was written to the A-label, and whether that label may be a name at all.
//!
//! UTS 46 says what a label is in DNS; UTS 39 then keeps out what people cannot tell apart. Both rest on the Unicode data
//! compiled into the crates named in `docs/protocol/2-names.md`, whose version is part of the protocol. Nothing here is
//! reached by a name in plain ASCII.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use idna::punycode;
use idna::uts46::{AsciiDenyList, Hyphens, Uts46};
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_security::{GeneralSecurityProfile, skeleton};

use super::facts::quote;
use super::{NameError, Place};

/// The full stops that UTS 46 maps to the separator of labels.
const FULL_STOPS: [char; 4] = ['.', '\u{3002}', '\u{FF0E}', '\u{FF61}'];
const JOINERS: [char; 2] = ['\u{200C}', '\u{200D}'];
const DOT_ABOVE: char = '\u{307}';
const PREFIX: &str = "xn--";

/// Whether `text` holds a full stop of any kind.
pub(super) fn has_full_stop(text: &str) -> bool {
    text.contains(FULL_STOPS)
}

/// The same text with every label outside ASCII as its A-label. Labels in ASCII pass unseen: their rules come later.
pub(super) fn to_ascii(text: &str) -> Result<Cow<'_, str>, NameError> {
    if text.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    let mut ascii = String::with_capacity(text.len());
    for (index, label) in text.split(FULL_STOPS).enumerate() {
        if index > 0 {
            ascii.push('.');
        }
        if label.is_ascii() {
            ascii.push_str(label);
        } else {
            push_label(label, &mut ascii)?;
        }
    }
    Ok(Cow::Owned(ascii))
}

fn push_label(given: &str, ascii: &mut String) -> Result<(), NameError> {
    let label = process(given)?;
    if label.is_ascii() {
        ascii.push_str(&label);
        return Ok(());
    }
    check_u_label(&label)?;
    ascii.push_str(&to_a_label(&label, given)?);
    Ok(())
}

/// An `xn--` label in lower case has to be what its own text is encoded as.
pub(super) fn check_a_label(label: &str, given: &str) -> Result<(), NameError> {
    let text = label
        .strip_prefix(PREFIX)
        .and_then(punycode::decode_to_string);
    let Some(text) = text.filter(|text| !text.is_ascii()) else {
        return Err(NameError::BadPunycode {
            label: quote(given),
        });
    };
    let normalised = process(&text)?;
    let right = if normalised.is_ascii() {
        normalised.into_owned()
    } else {
        check_u_label(&normalised)?;
        to_a_label(&normalised, given)?
    };
    if right != label {
        return Err(NameError::NotCanonical {
            label: quote(given),
            right: right.into_boxed_str(),
        });
    }
    Ok(())
}

/// UTS 46 section 4 for one label, up to its Unicode form in NFC. The rules for ASCII characters and for hyphens are ours, so
/// that their errors say more.
fn process(given: &str) -> Result<Cow<'_, str>, NameError> {
    let (label, outcome) =
        Uts46::new().to_unicode(given.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    // A character that becomes a full stop (U+2024, U+2488) must not make two labels out of one.
    if outcome.is_err() || label.contains('.') {
        return Err(diagnose(given));
    }
    Ok(label)
}

fn to_a_label(label: &str, given: &str) -> Result<String, NameError> {
    let encoded = punycode::encode_str(label).ok_or_else(|| NameError::LabelTooLong {
        label: quote(given),
        octets: given.len(),
    })?;
    Ok(format!("{PREFIX}{encoded}"))
}

/// `process` refused it and says only that; find the first cause that a person can act on.
#[cold]
fn diagnose(given: &str) -> NameError {
    let at = |wanted: &dyn Fn(char) -> bool| {
        let found = given.chars().enumerate().find(|(_, c)| wanted(*c));
        found.map(|(index, character)| (character, index + 1))
    };
    if let Some((character, position)) = at(&is_disallowed) {
        return NameError::Disallowed {
            label: quote(given),
            character,
            position,
        };
    }
    if let Some((character, position)) = at(&|c| JOINERS.contains(&c)) {
        return NameError::Joiner {
            label: quote(given),
            character,
            position,
        };
    }
    if let Some(character) = given.chars().next().filter(|c| is_mark(*c)) {
        return NameError::LeadingMark {
            label: quote(given),
            character,
        };
    }
    if has_prefix(given) {
        return NameError::BadPunycode {
            label: quote(given),
        };
    }
    NameError::Bidi { text: quote(given) }
}

/// Whether it begins with `xn--` once it is mapped: in full-width letters, or with something invisible in between.
fn has_prefix(given: &str) -> bool {
    // A letter in front keeps the prefix from being decoded, so that it can be seen.
    let guarded = format!("a{given}");
    let (mapped, _) =
        Uts46::new().to_unicode(guarded.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    mapped.get(1..=PREFIX.len()) == Some(PREFIX)
}

fn is_valid(text: &str) -> bool {
    let (mapped, outcome) =
        Uts46::new().to_unicode(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    outcome.is_ok() && !mapped.contains('.')
}

/// Alone a mark is invalid, and behind a letter of the other direction everything with a direction is: so try each.
fn is_disallowed(c: char) -> bool {
    !JOINERS.contains(&c)
        && !is_valid(c.encode_utf8(&mut [0; 4]))
        && !is_valid(&format!("a{c}"))
        && !is_valid(&format!("\u{5D0}{c}"))
        && !is_valid(&format!("\u{5D0}{c}\u{5D0}"))
}

/// The digits of right-to-left scripts cannot stand alone either.
fn is_mark(c: char) -> bool {
    !c.is_numeric()
        && !is_valid(c.encode_utf8(&mut [0; 4]))
        && (is_valid(&format!("a{c}")) || is_valid(&format!("\u{5D0}{c}")))
}

/// The rules beyond UTS 46 for a label in its Unicode form, which has at least one character outside ASCII.
fn check_u_label(label: &str) -> Result<(), NameError> {
    check_hyphens(label)?;
    check_characters(label)?;
    check_scripts(label)?;
    check_confusable(label)
}

/// UTS 46 section 4.1, CheckHyphens: positions count characters of the Unicode form.
fn check_hyphens(label: &str) -> Result<(), NameError> {
    if label.starts_with('-') || label.ends_with('-') {
        return Err(NameError::HyphenAtEdge {
            label: quote(label),
            suggestion: None,
        });
    }
    if label.chars().skip(2).take(2).eq(['-', '-']) {
        return Err(NameError::HyphensAtThreeAndFour {
            label: quote(label),
            suggestion: None,
        });
    }
    Ok(())
}

fn check_characters(label: &str) -> Result<(), NameError> {
    for (index, character) in label.chars().enumerate() {
        let position = index + 1;
        if JOINERS.contains(&character) {
            return Err(NameError::Joiner {
                label: quote(label),
                character,
                position,
            });
        }
        if character.is_ascii() {
            if !is_letter_digit_hyphen(character) {
                return Err(NameError::BadCharacter {
                    label: quote(label),
                    character,
                    position,
                    place: Place::Unicode,
                    suggestion: None,
                });
            }
        } else if !character.identifier_allowed() {
            return Err(NameError::Restricted {
                label: quote(label),
                character,
                position,
            });
        }
    }
    Ok(())
}

const fn is_letter_digit_hyphen(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '-')
}

/// UTS 39 section 5.1: some script, or one of the sets for Japanese, Korean and Chinese, covers every character.
fn check_scripts(label: &str) -> Result<(), NameError> {
    let mut shared = AugmentedScriptSet::default();
    for (index, character) in label.chars().enumerate() {
        shared.intersect_with(character.into());
        if shared.is_empty() {
            return Err(NameError::MixedScript {
                label: quote(label),
                character,
                position: index + 1,
            });
        }
    }
    Ok(())
}

/// UTS 39 section 4: a label whose skeleton is all ASCII cannot be told from an ASCII label. Nor can one with a dot above a
/// letter that has its dot already, which the skeleton keeps.
fn check_confusable(label: &str) -> Result<(), NameError> {
    let mut before = None;
    let is_ascii = skeleton(label).all(|c| {
        let unseen = c == DOT_ABOVE && matches!(before, Some('i' | 'j' | 'l'));
        before = Some(c);
        unseen || is_letter_digit_hyphen(c.to_ascii_lowercase())
    });
    if is_ascii {
        return Err(NameError::Confusable {
            label: quote(label),
            imitates: imitated(label).into_boxed_str(),
        });
    }
    Ok(())
}

/// The ASCII label as a person would read it. A skeleton is for comparing and not for reading (UTS 39 section 4): it turns `m`
/// into `rn` and `0` into `O`, so ASCII characters stay and only the others are replaced.
fn imitated(label: &str) -> String {
    let mut ascii = String::with_capacity(label.len());
    for c in label.chars() {
        if c == DOT_ABOVE {
            continue;
        }
        if c.is_ascii() {
            ascii.push(c);
            continue;
        }
        let looks: String = skeleton(c.encode_utf8(&mut [0; 4])).collect();
        match looks.as_str() {
            "rn" => ascii.push('m'),
            other => ascii.push_str(&other.to_ascii_lowercase()),
        }
    }
    ascii
}

/// RFC 5893 section 2 for a name in ASCII form as a whole: its rule reaches labels that are not right-to-left themselves.
/// Labels that begin with an underscore name services, not words, and are left out of it.
pub(super) fn check_bidi(text: &str) -> Result<(), NameError> {
    if !has_a_label(text) {
        return Ok(());
    }
    let mut words = String::with_capacity(text.len());
    for label in text.split('.').filter(|label| !label.starts_with('_')) {
        if !words.is_empty() {
            words.push('.');
        }
        words.push_str(label);
    }
    let (_, outcome) =
        Uts46::new().to_unicode(words.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    outcome.map_err(|_| NameError::Bidi {
        text: quote(&to_unicode(text)),
    })
}

fn has_a_label(text: &str) -> bool {
    text.split('.').any(|label| label.starts_with(PREFIX))
}

/// The Unicode form of a normalised name.
pub(super) fn to_unicode(text: &str) -> Cow<'_, str> {
    if !has_a_label(text) {
        return Cow::Borrowed(text);
    }
    let mut unicode = String::with_capacity(text.len());
    for (index, label) in text.split('.').enumerate() {
        if index > 0 {
            unicode.push('.');
        }
        match label
            .strip_prefix(PREFIX)
            .and_then(punycode::decode_to_string)
        {
            Some(decoded) => unicode.push_str(&decoded),
            None => unicode.push_str(label),
        }
    }
    Cow::Owned(unicode)
}
