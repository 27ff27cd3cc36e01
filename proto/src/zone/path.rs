//! Paths: the prefix of a resource, the path of a health check, the end of a provider's URL.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::limits::PATH_BYTES_MAX;

/// A path in the one form that cannot be read in two ways: no dot segments, no empty segments, nothing after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Box<str>);

/// What keeps a text from being a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PathError {
    /// Nothing, or too much.
    #[error("it has {bytes} bytes; a path has 1 to {PATH_BYTES_MAX}")]
    Length {
        /// How many there are.
        bytes: usize,
    },
    /// Relative.
    #[error("it does not begin with `/`")]
    NotAbsolute,
    /// Beyond what a path carries as it is.
    #[error(
        "{character:?} at offset {offset} may not stand in it; write it percent-encoded if it is meant"
    )]
    Character {
        /// Where it stands.
        offset: usize,
        /// The character.
        character: char,
    },
    /// `//`, which servers read in different ways.
    #[error("`//` at offset {offset}: write one `/`")]
    EmptySegment {
        /// Where it stands.
        offset: usize,
    },
    /// `.` or `..`, which proxies take out before the server sees them.
    #[error("the segment at offset {offset} is `.` or `..`: write the path that is meant")]
    DotSegment {
        /// Where it begins.
        offset: usize,
    },
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        check(text).map(|()| Self::unchecked(text))
    }

    /// For the reader of encodings, which leaves the rule to the rule checker so that the order of errors is the page's.
    pub(super) fn unchecked(text: &str) -> Self {
        Self(text.into())
    }

    /// The path as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request for `path` is one for this prefix: equal, or longer by whole segments.
    #[must_use]
    pub fn is_prefix_of(&self, path: &str) -> bool {
        match path.strip_prefix(&*self.0) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || self.0.ends_with('/'),
            None => false,
        }
    }
}

/// Section 7.4 rule 2.
pub(super) fn check(text: &str) -> Result<(), PathError> {
    if !(1..=PATH_BYTES_MAX).contains(&text.len()) {
        return Err(PathError::Length { bytes: text.len() });
    }
    if !text.starts_with('/') {
        return Err(PathError::NotAbsolute);
    }
    let odd = |c: char| !c.is_ascii_graphic() || matches!(c, '?' | '#' | '\\');
    if let Some((offset, character)) = text.char_indices().find(|(_, c)| odd(*c)) {
        return Err(PathError::Character { offset, character });
    }
    if let Some(offset) = text.find("//") {
        return Err(PathError::EmptySegment { offset });
    }
    let mut offset = 1;
    for segment in text[1..].split('/') {
        if matches!(segment, "." | "..") {
            return Err(PathError::DotSegment { offset });
        }
        offset += segment.len() + 1;
    }
    Ok(())
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_only() {
        let longest = alloc::format!("/{}", "a".repeat(PATH_BYTES_MAX - 1));
        for text in [
            "/",
            "/a",
            "/a/",
            "/a/b.c",
            "/...",
            "/%2e%2e",
            "/a~!",
            "/.well-known",
            &longest,
        ] {
            assert_eq!(Path::parse(text).map(String::from).as_deref(), Ok(text));
        }
        let over = alloc::format!("{longest}a");
        for text in [
            "", "a", "//", "/a//b", "/a//", "/.", "/..", "/../a", "/a/.", "/a/./b", "/a/..",
            "/a b", "/a?b", "/a#b", "/a\\b", "/ü", "/a\u{7f}", "/\t", "http:/", &over,
        ] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn prefixes_end_at_segments() {
        for (prefix, path, expected) in [
            ("/", "/", true),
            ("/", "/a", true),
            ("/a", "/a", true),
            ("/a", "/a/b", true),
            ("/a", "/ab", false),
            ("/a/", "/a/b", true),
            ("/a/", "/a", false),
            ("/b", "/a", false),
        ] {
            let prefix = Path::parse(prefix).expect("valid");
            assert_eq!(prefix.is_prefix_of(path), expected, "{prefix} {path}");
        }
    }
}
