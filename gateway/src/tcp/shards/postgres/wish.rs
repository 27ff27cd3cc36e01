//! Which shard a PostgreSQL client wants, and whether it only reads, from what stock clients can say at the start.
//!
//! Pure. Every libpq program sends `PGOPTIONS` or `options=` as the startup parameter `options`, JDBC its property `options`, and some drivers
//! any parameter by its own name. The shard key is the setting `dotkey.shard_key`, said either way. It is taken out before the
//! server sees it, because poolers refuse settings that they do not know. `default_transaction_read_only` is PostgreSQL's own, and stays.

use super::super::map::Wish;
use super::startup::Startup;

/// The setting that names the shard key.
pub const SHARD_KEY: &str = "dotkey.shard_key";
const READ_ONLY: &str = "default_transaction_read_only";
const OPTIONS: &[u8] = b"options";

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The shard key, if it named one.
    pub key: Option<Vec<u8>>,
    /// Whether it only reads.
    pub wish: Wish,
}

/// Two keys that are not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two different shard keys; a connection belongs to one shard")]
pub struct TwoKeys;

/// Takes what is for the gateway out of a startup message.
///
/// # Errors
/// It names two shards.
pub fn take(startup: &mut Startup) -> Result<Wanted, TwoKeys> {
    let mut found = Found::default();
    startup.parameters.retain_mut(|(name, value)| {
        if name != OPTIONS {
            return found.keep(name, value);
        }
        let words = words(value);
        let kept = found.options(&words);
        if kept.len() == words.len() {
            return true;
        }
        *value = kept.join(&b' ');
        !value.is_empty()
    });
    match found.is_contradicted {
        true => Err(TwoKeys),
        false => Ok(Wanted {
            key: found.key,
            wish: found.wish.unwrap_or(Wish::Write),
        }),
    }
}

#[derive(Default)]
struct Found {
    key: Option<Vec<u8>>,
    wish: Option<Wish>,
    is_contradicted: bool,
}

impl Found {
    /// Notes a setting; whether the server is to see it.
    fn keep(&mut self, name: &[u8], value: &[u8]) -> bool {
        if is_setting(name, SHARD_KEY) {
            self.is_contradicted |= self.key.as_ref().is_some_and(|key| key != value);
            self.key = Some(value.to_vec());
            return false;
        }
        if is_setting(name, READ_ONLY) {
            self.wish = Some(if is_true(value) {
                Wish::Read
            } else {
                Wish::Write
            });
        }
        true
    }

    /// The words of `options` that the server is to see, as they were written.
    fn options<'a>(&mut self, words: &[&'a [u8]]) -> Vec<&'a [u8]> {
        let mut kept = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            // `-c name=value`, `-cname=value`, `--name=value`: PostgreSQL's `process_postgres_switches`.
            let mut taken = vec![*word];
            let plain = unescaped(word);
            let setting = match (&plain[..], plain.strip_prefix(b"--")) {
                (b"-c", _) => {
                    let next = rest.next();
                    taken.extend(next);
                    next.map(|next| unescaped(next))
                }
                (_, Some(setting)) => Some(setting.to_vec()),
                _ => plain.strip_prefix(b"-c").map(<[u8]>::to_vec),
            };
            let split = setting.as_ref().and_then(|setting| {
                let at = setting.iter().position(|byte| *byte == b'=')?;
                Some((&setting[..at], &setting[at + 1..]))
            });
            if split.is_none_or(|(name, value)| self.keep(name, value)) {
                kept.append(&mut taken);
            }
        }
        kept
    }
}

/// The words of an `options` parameter, split where PostgreSQL's `pg_split_opts` does: at white space that no backslash stands before.
fn words(options: &[u8]) -> Vec<&[u8]> {
    let (mut words, mut from, mut is_escaped) = (Vec::new(), 0, false);
    for (at, byte) in options.iter().enumerate() {
        let is_space = byte.is_ascii_whitespace() || *byte == 0x0b;
        if is_space && !is_escaped {
            words.push(&options[from..at]);
            from = at + 1;
        }
        is_escaped = *byte == b'\\' && !is_escaped;
    }
    words.push(&options[from..]);
    words.retain(|word| !word.is_empty());
    words
}

/// A backslash gives the byte after it.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = word.iter();
    let mut plain = Vec::with_capacity(word.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            _ => plain.push(*byte),
        }
    }
    plain
}

/// Names of settings have no case, and a hyphen counts as an underscore (`ParseLongOption`).
fn is_setting(name: &[u8], setting: &str) -> bool {
    let same = |(one, other): (&u8, u8)| match one {
        b'-' => other == b'_',
        one => one.eq_ignore_ascii_case(&other),
    };
    name.len() == setting.len() && name.iter().zip(setting.bytes()).all(same)
}

/// PostgreSQL's `parse_bool`: `true`, `yes`, their beginnings, `on`, `1`.
fn is_true(value: &[u8]) -> bool {
    let value = value.to_ascii_lowercase();
    let begins = |word: &[u8]| !value.is_empty() && word.starts_with(&value);
    begins(b"true") || begins(b"yes") || value == b"on" || value == b"1"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn startup(pairs: &[(&str, &str)]) -> Startup {
        let pair =
            |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        Startup {
            version: 3 << 16,
            parameters: pairs.iter().map(pair).collect(),
        }
    }

    fn check(pairs: &[(&str, &str)], key: Option<&str>, wish: Wish, left: &[(&str, &str)]) {
        let mut given = startup(pairs);
        let wanted = take(&mut given).expect("one key");
        assert_eq!(wanted.key.as_deref(), key.map(str::as_bytes), "{pairs:?}");
        assert_eq!(wanted.wish, wish, "{pairs:?}");
        assert_eq!(given, startup(left), "{pairs:?}");
    }

    use Wish::{Read, Write};

    #[test]
    fn keys_are_found_wherever_clients_put_them() {
        check(&[("user", "ann")], None, Write, &[("user", "ann")]);
        check(
            &[("dotkey.shard_key", "42"), ("user", "ann")],
            Some("42"),
            Write,
            &[("user", "ann")],
        );
        check(&[("DotKey.Shard_Key", "")], Some(""), Write, &[]);
        check(
            &[("options", "-c dotkey.shard_key=42")],
            Some("42"),
            Write,
            &[],
        );
        check(
            &[("options", " -cdotkey.shard_key=42 ")],
            Some("42"),
            Write,
            &[],
        );
        check(
            &[("options", "--dotkey.shard-key=a=b")],
            Some("a=b"),
            Write,
            &[],
        );
        check(
            &[("options", r"-c dotkey.shard_key=two\ words\\")],
            Some(r"two words\"),
            Write,
            &[],
        );
        check(
            &[(
                "options",
                r"-c geqo=off  -c dotkey.shard_key=x -c search_path=a\ b",
            )],
            Some("x"),
            Write,
            &[("options", r"-c geqo=off -c search_path=a\ b")],
        );
    }

    #[test]
    fn wishes_are_found_and_stay() {
        for (value, wish) in [
            ("on", Read),
            ("TRUE", Read),
            ("t", Read),
            ("y", Read),
            ("1", Read),
            ("off", Write),
            ("o", Write),
            ("", Write),
            ("yesno", Write),
        ] {
            let option = format!("-c default_transaction_read_only={value}");
            check(&[("options", &option)], None, wish, &[("options", &option)]);
            check(
                &[("default_transaction_read_only", value)],
                None,
                wish,
                &[("default_transaction_read_only", value)],
            );
        }
        check(&[("options", "-c")], None, Write, &[("options", "-c")]);
        check(
            &[("options", "  -c  geqo")],
            None,
            Write,
            &[("options", "  -c  geqo")],
        );
    }

    #[test]
    fn one_connection_has_one_key() {
        let same = [
            ("dotkey.shard_key", "1"),
            ("options", "-c dotkey.shard_key=1"),
        ];
        assert!(take(&mut startup(&same)).is_ok());
        let two = [
            ("dotkey.shard_key", "1"),
            ("options", "-c dotkey.shard_key=2"),
        ];
        assert_eq!(take(&mut startup(&two)), Err(TwoKeys));
    }

    proptest! {
        #[test]
        fn no_options_break_it(options in "[-c=a\\\\ \t]{0,24}(dotkey.shard_key=)?[-c=a\\\\ ]{0,24}") {
            let mut given = startup(&[("options", &options)]);
            let before = given.clone();
            if let Ok(wanted) = take(&mut given) && wanted.key.is_none() {
                prop_assert_eq!(given, before);
            }
        }
    }
}
