//! `key://mysite/path`: a name and a place inside it, the same under every suffix.

use alloc::format;
use alloc::string::String;

use super::facts::quote;
use super::parse::parse_dotted;
use super::{Name, NameError, Suffix, idn, label};

const SCHEME: &str = "key://";
/// Enough to recognise what was taken for a URI.
const QUOTED_CHARACTERS: usize = 64;

/// A URI of the scheme `key`, after RFC 3986: its authority is a name without the suffix.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyUri {
    name: Name,
    /// Everything behind the authority, as it was written.
    reference: String,
}

impl KeyUri {
    /// Reads a URI; the name in it is normalised, and what follows is kept as it is.
    pub fn parse(text: &str, suffix: &Suffix) -> Result<Self, NameError> {
        let scheme = text.get(..SCHEME.len());
        if !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME)) {
            return Err(NameError::UriScheme {
                text: text.chars().take(QUOTED_CHARACTERS).collect(),
            });
        }
        let rest = &text[SCHEME.len()..];
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, reference) = rest.split_at(end);
        let name = parse_authority(authority, suffix)?;
        check_reference(reference)?;
        Ok(Self {
            name,
            reference: reference.into(),
        })
    }

    /// The name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The path, which begins with `/`; an absent one is `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        let end = self.reference.find(['?', '#']);
        match &self.reference[..end.unwrap_or(self.reference.len())] {
            "" => "/",
            path => path,
        }
    }

    /// What stands between `?` and `#`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        let before_fragment = self.reference.split('#').next()?;
        before_fragment.split_once('?').map(|(_, query)| query)
    }

    /// What stands behind `#`.
    #[must_use]
    pub fn fragment(&self) -> Option<&str> {
        self.reference.split_once('#').map(|(_, fragment)| fragment)
    }
}

fn parse_authority(authority: &str, suffix: &Suffix) -> Result<Name, NameError> {
    if !authority.is_empty() {
        label::check_input(authority)?;
    }
    // RFC 3986 section 3.2: `user@host:port`, of which a name has only the host.
    if authority.is_empty() || authority.contains(['@', ':']) {
        return Err(NameError::UriAuthority {
            authority: quote(authority),
        });
    }
    // Ideographic full stops and full-width letters write a suffix as well as ASCII does.
    if let Some(right) = without_suffix(&idn::to_ascii(authority)?, suffix) {
        return Err(NameError::UriSuffix {
            authority: quote(authority),
            right: quote(right),
        });
    }
    parse_dotted(&format!("{authority}.{}", suffix.as_ascii()), suffix)
}

/// What stands before `.key` or before the configured suffix, where the authority, mapped to ASCII, ends with one.
fn without_suffix<'a>(authority: &'a str, suffix: &Suffix) -> Option<&'a str> {
    [suffix.as_ascii(), Suffix::KEY.as_ascii()]
        .into_iter()
        .find_map(|suffix| {
            let start = authority.len().checked_sub(suffix.len())?;
            let tail = authority.get(start..)?;
            let front = authority[..start].strip_suffix('.')?;
            (tail.eq_ignore_ascii_case(suffix) && !front.is_empty()).then_some(front)
        })
}

/// Characters that are not seen, or that turn the direction of what follows, so that a path reads as another one.
const fn misleads(character: char) -> bool {
    matches!(
        character,
        '\u{061C}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

/// RFC 3986 section 2 in what could mislead a reader or another parser: nothing invisible, no backslash, no second `#`.
fn check_reference(reference: &str) -> Result<(), NameError> {
    let mut in_fragment = false;
    for (index, character) in reference.chars().enumerate() {
        let second_mark = in_fragment && character == '#';
        in_fragment |= character == '#';
        let invisible = character.is_control() || character.is_whitespace() || misleads(character);
        if invisible || character == '\\' || second_mark {
            return Err(NameError::UriPath {
                character,
                position: index + 1,
            });
        }
    }
    Ok(())
}
