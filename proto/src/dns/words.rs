//! Words: the pieces that the text of a record is made of (RFC 1035 section 5.1), bare or in quotes.

use alloc::vec::Vec;
use core::fmt;

use super::label::unescape;

/// RDATA of 65535 bytes with every byte escaped, and the quotes.
pub const WORD_BYTES_MAX: usize = 4 * 65_535 + 2;

/// One word as it stands in the text, its escapes not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Without the quotes around it.
    pub raw: &'a str,
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// Why no word begins here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// A quote that is not closed before the line ends.
    #[error("the quote is not closed on its line; write a line break inside a string as `\\010`")]
    UnclosedQuote,
    /// Something other than a space, a bracket or a comment after a closing quote.
    #[error("text follows the closing quote; put a space between, or escape a quote as `\\\"`")]
    TextAfterQuote,
    /// A backslash with nothing after it.
    #[error("a backslash ends the line; it must be followed by what it escapes")]
    DanglingEscape,
    /// More than [`WORD_BYTES_MAX`] bytes.
    #[error("the word has more than {WORD_BYTES_MAX} bytes, which no record can hold")]
    TooLong,
    /// A bracket or a semicolon in text that is not a master file.
    #[error("`{0}` has a meaning in master files only; quote or escape it")]
    Special(char),
}

impl WordError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnclosedQuote => "text-unclosed-quote",
            Self::TextAfterQuote => "text-after-quote",
            Self::DanglingEscape => "text-dangling-escape",
            Self::TooLong => "text-word-too-long",
            Self::Special(_) => "text-special-character",
        }
    }
}

/// The word at the start of `text` and how many bytes of `text` it takes; `Err` tells where in `text` it goes wrong.
///
/// A quote inside a bare word opens a part that is quoted, as in `alpn="h2,h3"` (RFC 9460 section 2.1), and ends the word.
pub(crate) fn scan_word(text: &str) -> Result<(Word<'_>, usize), (usize, WordError)> {
    let bytes = text.as_bytes();
    let quoted = bytes.first() == Some(&b'"');
    let mut at = usize::from(quoted);
    let mut in_quotes = quoted;
    let mut quote_at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' | b'\r' if in_quotes => break,
            b'\\' => match bytes.get(at + 1) {
                None | Some(b'\n' | b'\r') => return Err((at, WordError::DanglingEscape)),
                Some(_) => at += 1,
            },
            b'"' if in_quotes => {
                let after = bytes.get(at + 1);
                if after.is_some_and(|after| !ends_word(*after)) {
                    return Err((at + 1, WordError::TextAfterQuote));
                }
                let raw = if quoted { &text[1..at] } else { &text[..=at] };
                return Ok((Word { raw, quoted }, at + 1));
            }
            b'"' => (in_quotes, quote_at) = (true, at),
            _ if !in_quotes && ends_word(byte) => break,
            _ => {}
        }
        at += 1;
        if at > WORD_BYTES_MAX {
            return Err((0, WordError::TooLong));
        }
    }
    if in_quotes {
        return Err((quote_at, WordError::UnclosedQuote));
    }
    let raw = &text[..at];
    Ok((Word { raw, quoted }, at))
}

const fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b';' | b'(' | b')')
}

/// The words of one line that has no brackets and no comment: the text of one record in a zone's own format.
pub(crate) fn words_of_line(text: &str) -> Result<Vec<Word<'_>>, (usize, WordError)> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.as_bytes().get(at) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b';' | b'(' | b')' => return Err((at, WordError::Special(char::from(byte)))),
            _ => {
                let (word, bytes) =
                    scan_word(&text[at..]).map_err(|(offset, error)| (at + offset, error))?;
                words.push(word);
                at += bytes;
            }
        }
    }
    Ok(words)
}

/// Appends the bytes that `raw` writes; `Err` is the offset of a bad escape or of a bare quote.
pub(crate) fn read_string(raw: &str, out: &mut Vec<u8>) -> Result<(), usize> {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => {
                let (byte, next) = unescape(bytes, at).ok_or(at)?;
                out.push(byte);
                at = next;
            }
            b'"' => return Err(at),
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Ok(())
}

/// Writes `bytes` as one quoted string that [`read_string`] reads back.
pub(crate) fn write_quoted(f: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
            b' '..=b'~' => f.write_char(char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    f.write_char('"')
}

/// A span in seconds, plain or with units: `3600`, `1h30m` (w, d, h, m, s in either case). `None` when it is none or passes 32 bits.
#[must_use]
pub fn read_seconds(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (mut total, mut rest) = (0_u32, text);
    while !rest.is_empty() {
        let unit_at = rest.find(|character: char| !character.is_ascii_digit())?;
        let secs = match rest.as_bytes()[unit_at].to_ascii_lowercase() {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        let count: u32 = rest[..unit_at].parse().ok()?;
        total = total.checked_add(count.checked_mul(secs)?)?;
        rest = &rest[unit_at + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_words() {
        for (text, expected) in [
            ("a b", Ok(("a", false, 1))),
            ("a;b", Ok(("a", false, 1))),
            ("a\\;b", Ok(("a\\;b", false, 4))),
            ("\"a b\" c", Ok(("a b", true, 5))),
            ("\"a\\\"b\"", Ok(("a\\\"b", true, 6))),
            ("\"\"", Ok(("", true, 2))),
            ("k=\"a b\" c", Ok(("k=\"a b\"", false, 7))),
            ("\"a", Err((0, "text-unclosed-quote"))),
            ("\"a\n\"", Err((0, "text-unclosed-quote"))),
            ("k=\"a", Err((2, "text-unclosed-quote"))),
            ("\"a\"b", Err((3, "text-after-quote"))),
            ("a\\", Err((1, "text-dangling-escape"))),
        ] {
            let found = scan_word(text).map(|(word, bytes)| (word.raw, word.quoted, bytes));
            assert_eq!(
                found.map_err(|(at, error)| (at, error.code())),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn reads_seconds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("1h30m", Some(5400)),
            ("1W2D", Some(777_600)),
            ("7102w", None),
            ("1h30", None),
            ("h", None),
            ("", None),
            ("-1", None),
            ("1x", None),
            ("1ü", None),
        ] {
            assert_eq!(read_seconds(text), expected, "{text}");
        }
    }
}
