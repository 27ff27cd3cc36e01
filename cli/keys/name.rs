//! What an identity is called on this machine.

use std::fmt;
use std::str::FromStr;

/// A name that is a folder's on any file system and needs no quoting in any shell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyName(String);

const KEY_NAME_BYTES_MAX: usize = 64;

impl KeyName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty()
            || text.len() > KEY_NAME_BYTES_MAX
            || !text.chars().all(plain)
            || text.starts_with('-')
        {
            return Err(format!(
                "a key's name has 1 to {KEY_NAME_BYTES_MAX} of the characters a to z, 0 to 9 and hyphen, and begins with no hyphen; such as `alice`"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "alice", "alice-2", "0x12", &"a".repeat(64)] {
            assert!(good.parse::<KeyName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "Alice",
            "-a",
            "a b",
            "..",
            "a/b",
            "a.b",
            "ä",
            "a\0",
            &"a".repeat(65),
        ] {
            assert!(bad.parse::<KeyName>().is_err(), "{bad}");
        }
    }
}
