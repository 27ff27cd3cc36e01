//! Counts and times as people read them. Every message that counts something says it by [`counted`], and how long something takes, or is ago, to the second
//! by [`lasting`].

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

/// A number of seconds, exactly.
#[derive(Clone, Copy, Debug)]
pub struct Lasting(u64);

/// `2 h 5 min`, `90 days`, `1 h 1 s`: exactly, so that what is a second over a bound does not read as the bound.
#[must_use]
pub const fn lasting(secs: u64) -> Lasting {
    Lasting(secs)
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(secs) = *self;
        let days = secs / 86_400;
        let mut gap = "";
        if days > 0 {
            write!(f, "{}", counted(days, "day"))?;
            gap = " ";
        }
        for (count, unit) in [
            (secs / 3600 % 24, "h"),
            (secs / 60 % 60, "min"),
            (secs % 60, "s"),
        ] {
            if count > 0 {
                write!(f, "{gap}{count} {unit}")?;
                gap = " ";
            }
        }
        if secs == 0 {
            f.write_str("0 s")
        } else {
            Ok(())
        }
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
    #[test]
    fn a_time_is_told_to_the_second() {
        for (secs, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3600, "1 h"),
            (3601, "1 h 1 s"),
            (7500, "2 h 5 min"),
            (86_400, "1 day"),
            (90 * 86_400 + 3661, "90 days 1 h 1 min 1 s"),
            (u64::MAX, "213503982334601 days 7 h 15 s"),
        ] {
            assert_eq!(lasting(secs).to_string(), expected);
        }
    }
}
