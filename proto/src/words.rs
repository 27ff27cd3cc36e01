//! Counts as people read them. Every message that counts something says it by [`counted`].

use core::fmt;

/// A count with what it counts.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'a, N> {
    count: N,
    noun: &'a str,
}

/// `1 second`, `2 seconds`, `0 identities`: the noun is given for one.
#[must_use]
pub const fn counted<N>(count: N, noun: &str) -> Counted<'_, N> {
    Counted { count, noun }
}

impl<N: fmt::Display + PartialEq + From<u8>> fmt::Display for Counted<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, noun } = self;
        if *count == N::from(1) {
            return write!(f, "{count} {noun}");
        }
        let (stem, ending) = plural(noun);
        write!(f, "{count} {stem}{ending}")
    }
}

/// What stays of a noun for more than one, and what is added.
fn plural(noun: &str) -> (&str, &'static str) {
    let vowel = |stem: &str| stem.ends_with(['a', 'e', 'i', 'o', 'u']);
    match noun.strip_suffix('y') {
        Some(stem) if !vowel(stem) => (stem, "ies"),
        _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") => (noun, "es"),
        _ => (noun, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn one_is_singular_and_all_others_are_not() {
        for (count, noun, expected) in [
            (0, "second", "0 seconds"),
            (1, "second", "1 second"),
            (2, "second", "2 seconds"),
            (1, "identity", "1 identity"),
            (3, "identity", "3 identities"),
            (2, "key", "2 keys"),
            (1, "address", "1 address"),
            (4, "address", "4 addresses"),
            (2, "record set", "2 record sets"),
        ] {
            assert_eq!(counted(count, noun).to_string(), expected);
        }
        assert_eq!(counted(1_usize, "byte").to_string(), "1 byte");
        assert_eq!(counted(-1_i64, "second").to_string(), "-1 seconds");
    }
}
