//! Labels: the rules and the escaping that owner names and names inside RDATA share.
//!
//! Text offsets in errors count bytes of the text, wire offsets bytes of the wire form.

use alloc::{string::String, vec::Vec};
use core::{cmp::Ordering, fmt};

use crate::limits::{LABEL_BYTES_MAX, NAME_BYTES_MAX};

/// The labels of the longest name, without the root's byte.
pub(crate) const LABELS_BYTES_MAX: usize = NAME_BYTES_MAX - 1;

/// The most labels a name can have: 127 of one byte each.
const LABELS_MAX: usize = LABELS_BYTES_MAX / 2;

/// Why bytes or text are not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Text of no characters.
    #[error("the name is empty; write `@` for the zone itself or `.` for the root")]
    Empty,
    /// Two dots in a row, or a dot at the start.
    #[error("empty label at offset {offset}: between two dots stand 1 to 63 bytes")]
    EmptyLabel {
        /// Where the label would begin.
        offset: usize,
    },
    /// RFC 1035 section 2.3.4.
    #[error(
        "the label at offset {offset} has {bytes} bytes; a label has at most {LABEL_BYTES_MAX}"
    )]
    LabelTooLong {
        /// Where the label begins.
        offset: usize,
        /// How many bytes it has, as far as it was read.
        bytes: usize,
    },
    /// RFC 1035 section 2.3.4.
    #[error("the name has {bytes} bytes or more in wire form; a name has at most {max}")]
    TooLong {
        /// How many bytes it has, as far as it was read.
        bytes: usize,
        /// The most it may have: 254 without the root's byte, 255 with it.
        max: usize,
    },
    /// A label runs past the end of the bytes, or the root's byte is missing.
    #[error("the name is cut off at offset {offset}")]
    Truncated {
        /// Where the bytes end.
        offset: usize,
    },
    /// RFC 1035 section 4.1.4: pointers have a meaning only inside one DNS message.
    #[error("compression pointer at offset {offset}; names are stored in full")]
    Compressed {
        /// Where the pointer stands.
        offset: usize,
    },
    /// RFC 6891 section 5: the other two label types are not in use.
    #[error("length byte {byte} at offset {offset}; a label's length is 1 to {LABEL_BYTES_MAX}")]
    LabelType {
        /// Where the length byte stands.
        offset: usize,
        /// The length byte.
        byte: u8,
    },
    /// Bytes after the root's byte.
    #[error("the name ends at offset {offset}, but bytes follow")]
    TrailingBytes {
        /// The first byte that is too much.
        offset: usize,
    },
    /// An owner carries no root byte: it is relative to its zone.
    #[error("root byte at offset {offset}; an owner is relative to its zone and has none")]
    RootInOwner {
        /// Where the zero byte stands.
        offset: usize,
    },
    /// Owners have one form only, so that equal owners are equal bytes.
    #[error("upper case `{}` at offset {offset}; owners are stored in lower case", char::from(*.byte))]
    UpperCase {
        /// Where the letter stands.
        offset: usize,
        /// The letter.
        byte: u8,
    },
    /// A backslash that is followed by nothing, or by digits that are no byte.
    #[error(
        "bad escape at offset {offset}; write `\\` and one character, or `\\` and three digits up to 255"
    )]
    BadEscape {
        /// Where the backslash stands.
        offset: usize,
    },
    /// A character that cannot stand in the text of a name as it is.
    #[error("{}", bad_character(*.offset, *.character))]
    BadCharacter {
        /// Where the character stands.
        offset: usize,
        /// The character.
        character: char,
    },
    /// A name that ends in a dot where only a relative one makes sense.
    #[error("the name ends in a dot; write it relative to the zone, or `@` for the zone itself")]
    NotRelative,
    /// A relative name where there is nothing it could be relative to.
    #[error("the name is relative; end it with a dot")]
    NotAbsolute,
    /// An absolute name whose last label is `@`, which in RDATA stands for the zone.
    #[error(
        "the last label of an absolute name cannot be `@`, which stands for the zone; write the name relative to the zone, without `\\@.`"
    )]
    ZoneLabel,
    /// A name that is not at or below the zone.
    #[error("`{name}` is out of zone: it is not at or below `{origin}`")]
    OutOfZone {
        /// The absolute name.
        name: String,
        /// The zone's name.
        origin: String,
    },
}

impl NameError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "name-empty",
            Self::EmptyLabel { .. } => "name-empty-label",
            Self::LabelTooLong { .. } => "name-label-too-long",
            Self::TooLong { .. } => "name-too-long",
            Self::Truncated { .. } => "name-truncated",
            Self::Compressed { .. } => "name-compressed",
            Self::LabelType { .. } => "name-label-type",
            Self::TrailingBytes { .. } => "name-trailing-bytes",
            Self::RootInOwner { .. } => "name-root-in-owner",
            Self::UpperCase { .. } => "name-upper-case",
            Self::BadEscape { .. } => "name-bad-escape",
            Self::BadCharacter { .. } => "name-bad-character",
            Self::NotRelative => "name-not-relative",
            Self::NotAbsolute => "name-not-absolute",
            Self::ZoneLabel => "name-zone-label",
            Self::OutOfZone { .. } => "name-out-of-zone",
        }
    }

    /// Where in the text or the bytes it is wrong, when that is one place.
    #[must_use]
    pub const fn offset(&self) -> Option<usize> {
        match self {
            Self::EmptyLabel { offset }
            | Self::LabelTooLong { offset, .. }
            | Self::Truncated { offset }
            | Self::Compressed { offset }
            | Self::LabelType { offset, .. }
            | Self::TrailingBytes { offset }
            | Self::RootInOwner { offset }
            | Self::UpperCase { offset, .. }
            | Self::BadEscape { offset }
            | Self::BadCharacter { offset, .. } => Some(*offset),
            _ => None,
        }
    }
}

fn bad_character(offset: usize, character: char) -> String {
    match character {
        '@' => alloc::format!(
            "`@` at offset {offset}: in a mail address write a dot instead, and `\\@` where the character itself is meant"
        ),
        _ if character.is_ascii() => alloc::format!(
            "{character:?} at offset {offset} must be escaped in a name: `\\{:03}`",
            u32::from(character)
        ),
        _ => alloc::format!(
            "{character:?} at offset {offset} is not ASCII; write the label in its `xn--` form, or each byte as `\\DDD`"
        ),
    }
}

/// The labels of a name in wire form, leftmost first, without their length bytes. The root's byte ends the walk.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    wire: &'a [u8],
}

impl<'a> Labels<'a> {
    /// `wire` has been checked, or the walk ends early.
    #[must_use]
    pub const fn new(wire: &'a [u8]) -> Self {
        Self { wire }
    }

    /// The wire form of the labels that [`Iterator::next`] has not given yet.
    #[must_use]
    pub const fn remainder(&self) -> &'a [u8] {
        self.wire
    }
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.wire.split_first()?;
        if *length == 0 || usize::from(*length) > rest.len() {
            self.wire = &[];
            return None;
        }
        let (label, rest) = rest.split_at(usize::from(*length));
        self.wire = rest;
        Some(label)
    }
}

/// The wire form without its leftmost label; `None` for a name of no labels. It walks up a zone without allocating.
#[must_use]
pub fn parent_wire(wire: &[u8]) -> Option<&[u8]> {
    let mut labels = Labels::new(wire);
    labels.next().map(|_| labels.remainder())
}

/// Walks one uncompressed absolute name at the start of `wire`; gives its length with the root's byte.
pub(crate) fn absolute_len(wire: &[u8]) -> Result<usize, NameError> {
    let mut at = 0;
    loop {
        let Some(&length) = wire.get(at) else {
            return Err(NameError::Truncated { offset: wire.len() });
        };
        let next = at + 1 + usize::from(length);
        match length {
            0 => return Ok(next),
            1..=63 if next >= NAME_BYTES_MAX => return Err(too_long(next + 1, NAME_BYTES_MAX)),
            1..=63 if next > wire.len() => return Err(NameError::Truncated { offset: wire.len() }),
            1..=63 => at = next,
            64..=191 => {
                return Err(NameError::LabelType {
                    offset: at,
                    byte: length,
                });
            }
            192..=255 => return Err(NameError::Compressed { offset: at }),
        }
    }
}

pub(crate) const fn too_long(bytes: usize, max: usize) -> NameError {
    NameError::TooLong { bytes, max }
}

/// Appends the labels that `text` writes, without a root byte; `true` when the text ends in a dot.
///
/// `@` alone and `.` alone are names of no labels, the first relative, the second absolute (RFC 1035 section 5.1).
pub(crate) fn labels_from_text(text: &str, out: &mut Vec<u8>) -> Result<bool, NameError> {
    match text {
        "" => return Err(NameError::Empty),
        "@" => return Ok(false),
        "." => return Ok(true),
        _ => {}
    }
    let bytes = text.as_bytes();
    let (mut at, mut label_offset, mut length_at) = (0, 0, out.len());
    let start = out.len();
    out.push(0);
    while at < bytes.len() {
        if bytes[at] == b'.' {
            close_label(out, length_at, label_offset)?;
            at += 1;
            if at == bytes.len() {
                return Ok(true);
            }
            label_offset = at;
            length_at = out.len();
            out.push(0);
        } else {
            let (byte, next) = name_byte(text, at)?;
            out.push(byte);
            at = next;
        }
        if out.len() - start > LABELS_BYTES_MAX {
            return Err(too_long(out.len() - start, LABELS_BYTES_MAX));
        }
    }
    close_label(out, length_at, label_offset)?;
    Ok(false)
}

fn close_label(out: &mut [u8], length_at: usize, offset: usize) -> Result<(), NameError> {
    let bytes = out.len() - length_at - 1;
    match u8::try_from(bytes) {
        Ok(0) => Err(NameError::EmptyLabel { offset }),
        Ok(length) if bytes <= LABEL_BYTES_MAX => {
            out[length_at] = length;
            Ok(())
        }
        _ => Err(NameError::LabelTooLong { offset, bytes }),
    }
}

/// One byte of a label at `at`, and where the next begins.
fn name_byte(text: &str, at: usize) -> Result<(u8, usize), NameError> {
    let byte = text.as_bytes()[at];
    if byte == b'\\' {
        return unescape(text.as_bytes(), at).ok_or(NameError::BadEscape { offset: at });
    }
    if byte.is_ascii_graphic() && !needs_escape(byte) {
        return Ok((byte, at + 1));
    }
    let character = text
        .get(at..)
        .and_then(|rest| rest.chars().next())
        .unwrap_or(char::from(byte));
    Err(NameError::BadCharacter {
        offset: at,
        character,
    })
}

/// The byte that the escape at `at` writes and where the text goes on; RFC 1035 section 5.1. `None` when it is none.
pub(crate) fn unescape(text: &[u8], at: usize) -> Option<(u8, usize)> {
    let first = *text.get(at + 1)?;
    if !first.is_ascii_digit() {
        // Part of a character of several bytes would not survive as text.
        return first.is_ascii().then_some((first, at + 2));
    }
    let digits = text.get(at + 1..at + 4)?;
    let mut value = 0_u16;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u16::from(digit - b'0');
    }
    Some((u8::try_from(value).ok()?, at + 4))
}

/// Printable characters that mean something else when they stand bare in a name.
const fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'.' | b'"' | b'(' | b')' | b';' | b'@' | b'\\')
}

/// Writes labels with dots between them, as a master file reads them back.
pub(crate) fn write_labels(f: &mut impl fmt::Write, labels: Labels<'_>) -> fmt::Result {
    for (position, label) in labels.enumerate() {
        if position > 0 {
            f.write_char('.')?;
        }
        for &byte in label {
            // A leading `$` would read as a directive (RFC 1035 section 5.1).
            if needs_escape(byte) || byte == b'$' {
                write!(f, "\\{}", char::from(byte))?;
            } else if byte.is_ascii_graphic() {
                f.write_char(char::from(byte))?;
            } else {
                write!(f, "\\{byte:03}")?;
            }
        }
    }
    Ok(())
}

/// RFC 4034 section 6.1: labels from the right, each as lower-cased bytes, absence first. It allocates nothing.
pub(crate) fn canonical_cmp(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left_at, mut right_at) = ([0_u8; LABELS_MAX], [0_u8; LABELS_MAX]);
    let left_labels = label_offsets(left, &mut left_at);
    let right_labels = label_offsets(right, &mut right_at);
    for back in 1..=left_labels.min(right_labels) {
        let left_label = label_at(left, left_at[left_labels - back]);
        let right_label = label_at(right, right_at[right_labels - back]);
        match cmp_lower(left_label, right_label) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    left_labels.cmp(&right_labels)
}

fn cmp_lower(left: &[u8], right: &[u8]) -> Ordering {
    let lower = |byte: &u8| byte.to_ascii_lowercase();
    left.iter().map(lower).cmp(right.iter().map(lower))
}

fn label_offsets(wire: &[u8], offsets: &mut [u8; LABELS_MAX]) -> usize {
    let mut labels = Labels::new(wire);
    for (count, slot) in offsets.iter_mut().enumerate() {
        let at = wire.len() - labels.remainder().len();
        if labels.next().is_none() {
            return count;
        }
        *slot = u8::try_from(at).unwrap_or(u8::MAX); // A checked name is shorter than 256 bytes.
    }
    LABELS_MAX
}

fn label_at(wire: &[u8], at: u8) -> &[u8] {
    Labels::new(wire.get(usize::from(at)..).unwrap_or(&[]))
        .next()
        .unwrap_or(&[])
}
