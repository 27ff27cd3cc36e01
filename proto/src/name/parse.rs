//! The way from what was written to a [`Name`].
//!
//! Almost every name is plain: a claimed label in ASCII, perhaps with ordinary labels below. Such a name costs one copy into
//! lower case and one look at each octet. Everything else, and everything wrong, takes the careful way label by label, which
//! accepts all that the plain way does; only `xn--` labels and characters outside ASCII reach the Unicode tables.

use alloc::format;

use super::facts::quote;
use super::{Name, NameError, Root, Suffix, idn, label};
use crate::limits::NAME_BYTES_MAX;

/// A wire name has one length octet more than its text has dots and one octet for the root. RFC 1035 section 3.1.
const WIRE_OVERHEAD: usize = 2;

impl Name {
    /// The normalisation function: the name that `text` means under `suffix`, or what is wrong with it.
    ///
    /// It takes `www.mysite.key` in any case, with or without a dot at its end, in Unicode or in A-labels, and the path form
    /// `@scope/namespace`. URIs go through [`super::KeyUri::parse`].
    pub fn parse(text: &str, suffix: &Suffix) -> Result<Self, NameError> {
        label::check_input(text)?;
        match text.strip_prefix('@') {
            Some(path) => parse_path(path, text, suffix),
            None => parse_dotted(text, suffix),
        }
    }
}

/// `scope/namespace`, each one label.
fn parse_path(path: &str, text: &str, suffix: &Suffix) -> Result<Name, NameError> {
    let parts = path.split_once('/').filter(|(scope, namespace)| {
        let single = |part: &str| !part.is_empty() && !idn::has_full_stop(part);
        single(scope) && single(namespace) && !namespace.contains('/')
    });
    let Some((scope, namespace)) = parts else {
        return Err(NameError::PathForm {
            text: quote(text),
            suffix: quote(suffix.as_ascii()),
        });
    };
    parse_dotted(
        &format!("{namespace}.{scope}.{}", suffix.as_ascii()),
        suffix,
    )
}

pub(super) fn parse_dotted(text: &str, suffix: &Suffix) -> Result<Name, NameError> {
    match parse_plain(text, suffix) {
        Some(name) => Ok(name),
        None => parse_carefully(&idn::to_ascii(text)?, suffix),
    }
}

/// `None` says nothing about the name, only that it needs a closer look.
fn parse_plain(text: &str, suffix: &Suffix) -> Option<Name> {
    let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let front = lower.strip_suffix(suffix.as_ascii())?.strip_suffix('.')?;
    let root_start = label::plain_root_start(front)?;
    let fits = lower.len() + WIRE_OVERHEAD <= NAME_BYTES_MAX;
    let plain = fits && label::is_plain_claim(&front[root_start..]);
    plain.then(|| Name::assemble(lower, root_start, suffix, Root::Claimed))
}

/// `text` is ASCII.
pub(super) fn parse_carefully(text: &str, suffix: &Suffix) -> Result<Name, NameError> {
    let given = text.strip_suffix('.').unwrap_or(text);
    let lower = given.to_ascii_lowercase();
    let front = lower
        .strip_suffix(suffix.as_ascii())
        .and_then(|front| front.strip_suffix('.'));
    let Some(front) = front else {
        return Err(not_under(text, given, &lower, suffix));
    };
    let root_start = front.rfind('.').map_or(0, |dot| dot + 1);
    let root_label = &front[root_start..];
    if root_label.is_empty() {
        return Err(empty_label(text));
    }
    let root = label::check_root(root_label, &given[root_start..front.len()], suffix)?;
    if root_start > 0 {
        check_labels_below(&front[..root_start - 1], given, text)?;
    }
    if lower.len() + WIRE_OVERHEAD > NAME_BYTES_MAX {
        return Err(NameError::NameTooLong {
            octets: lower.len() + WIRE_OVERHEAD,
        });
    }
    idn::check_bidi(&lower)?;
    Ok(Name::assemble(lower, root_start, suffix, root))
}

fn check_labels_below(below: &str, given: &str, text: &str) -> Result<(), NameError> {
    let mut start = 0;
    for label in below.split('.') {
        if label.is_empty() {
            return Err(empty_label(text));
        }
        label::check_below(label, &given[start..start + label.len()])?;
        start += label.len() + 1;
    }
    Ok(())
}

#[cold]
fn not_under(text: &str, given: &str, lower: &str, suffix: &Suffix) -> NameError {
    if lower == suffix.as_ascii() {
        return NameError::SuffixAlone {
            text: quote(text),
            suffix: quote(suffix.as_ascii()),
        };
    }
    if given.split('.').any(str::is_empty) {
        return empty_label(text);
    }
    NameError::NotUnderSuffix {
        text: quote(text),
        suffix: quote(suffix.as_ascii()),
    }
}

#[cold]
fn empty_label(text: &str) -> NameError {
    let empty = text.split('.').position(str::is_empty);
    NameError::EmptyLabel {
        text: quote(text),
        index: empty.unwrap_or_default() + 1,
    }
}
