//! Owner names: where in its zone an rrset stands.
//!
//! An owner has exactly one byte form, so that equal owners are equal bytes and a lookup needs no conversion. It promises
//! to be valid: there is no way to make a wrong one. What a wildcard or an alias means is left to `zone`.

use alloc::{boxed::Box, vec::Vec};
use core::{borrow::Borrow, cmp::Ordering, fmt, str::FromStr};

use super::{
    Labels, NameError, WireName,
    label::{
        LABELS_BYTES_MAX, canonical_cmp, labels_from_text, parent_wire, too_long, write_labels,
    },
};

/// A name relative to its zone: the wire form of its labels in lower case, without the root's byte; empty at the apex.
///
/// Equality, hash and `Ord` are those of the bytes, so a map of owners can be asked with a borrowed `&[u8]`. The order
/// that DNSSEC and readers of zones know is [`Owner::canonical_cmp`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Box<[u8]>);

impl Owner {
    /// The zone's own name.
    #[must_use]
    pub fn apex() -> Self {
        Self::default()
    }

    /// Takes the stored form, and refuses any other.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being an owner, with its offset.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        Self::check_wire(wire).map(|()| Self(wire.into()))
    }

    /// Says whether `wire` is an owner's stored form, without allocating.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being an owner, with its offset.
    pub fn check_wire(wire: &[u8]) -> Result<(), NameError> {
        if wire.len() > LABELS_BYTES_MAX {
            return Err(too_long(wire.len(), LABELS_BYTES_MAX));
        }
        let mut at = 0;
        while let Some(&length) = wire.get(at) {
            let label = at + 1;
            match length {
                0 => return Err(NameError::RootInOwner { offset: at }),
                1..=63 => {}
                64..=191 => {
                    return Err(NameError::LabelType {
                        offset: at,
                        byte: length,
                    });
                }
                192..=255 => return Err(NameError::Compressed { offset: at }),
            }
            at = label + usize::from(length);
            let Some(bytes) = wire.get(label..at) else {
                return Err(NameError::Truncated { offset: wire.len() });
            };
            if let Some(upper) = bytes.iter().position(u8::is_ascii_uppercase) {
                return Err(NameError::UpperCase {
                    offset: label + upper,
                    byte: bytes[upper],
                });
            }
        }
        Ok(())
    }

    /// Reads a relative name as master files write it, `@` for the apex; upper case is lowered.
    ///
    /// # Errors
    /// Whatever keeps the text from being a relative name, with its offset.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut labels = Vec::new();
        if labels_from_text(text, &mut labels)? {
            return Err(NameError::NotRelative);
        }
        Ok(Self::lowered(labels))
    }

    /// Reads a name as it stands in the zone `origin`: relative, or absolute and at or below the zone.
    ///
    /// # Errors
    /// Whatever keeps the text from being a name of this zone.
    pub fn parse_in(text: &str, origin: &WireName) -> Result<Self, NameError> {
        let mut labels = Vec::new();
        if !labels_from_text(text, &mut labels)? {
            return Ok(Self::lowered(labels));
        }
        labels.push(0);
        WireName::from_wire(&labels)?.relative_to(origin)
    }

    /// `labels` are valid labels without a root byte, at most 254 bytes in all.
    pub(super) fn lowered(mut labels: Vec<u8>) -> Self {
        labels.make_ascii_lowercase(); // Length bytes are below 64, and no letter is.
        Self(labels.into_boxed_slice())
    }

    /// The stored form.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the zone's own name.
    #[must_use]
    pub fn is_apex(&self) -> bool {
        self.0.is_empty()
    }

    /// RFC 4592 section 2.1.1: only a leftmost label `*` makes a wildcard.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The labels, leftmost first.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        Labels::new(&self.0)
    }

    /// The owner without its leftmost label; `None` at the apex.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        parent_wire(&self.0).map(|wire| Self(wire.into()))
    }

    /// Whether this owner is `top` or stands below it.
    #[must_use]
    pub fn is_at_or_below(&self, top: &Self) -> bool {
        let mut labels = self.labels();
        loop {
            if labels.remainder().len() <= top.0.len() {
                return labels.remainder() == top.as_wire();
            }
            labels.next();
        }
    }

    /// The absolute name of this owner in the zone `origin`.
    ///
    /// # Errors
    /// [`NameError::TooLong`] when the two together pass 255 bytes.
    pub fn in_zone(&self, origin: &WireName) -> Result<WireName, NameError> {
        WireName::from_labels(&self.0, origin)
    }

    /// RFC 4034 section 6.1: labels compared from the right, as unsigned bytes, an absent label first.
    #[must_use]
    pub fn canonical_cmp(&self, other: &Self) -> Ordering {
        canonical_cmp(&self.0, &other.0)
    }
}

impl Borrow<[u8]> for Owner {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Owner {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl fmt::Display for Owner {
    /// As a master file writes it, relative; the apex is `@`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_apex() {
            return f.write_str("@");
        }
        write_labels(f, self.labels())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::HashMap, string::ToString};

    /// `Ok` holds the wire form and the text it displays as; `Err` the error's code.
    fn check(text: &str, expected: Result<(&[u8], &str), &str>) {
        let found = Owner::parse(text);
        match expected {
            Ok((wire, shown)) => {
                let owner = found.expect(text);
                assert_eq!(owner.as_wire(), wire, "{text}");
                assert_eq!(owner.to_string(), shown);
                assert_eq!(Owner::parse(shown).as_ref(), Ok(&owner));
                assert_eq!(Owner::from_wire(wire), Ok(owner));
            }
            Err(code) => assert_eq!(found.expect_err(text).code(), code, "{text}"),
        }
    }

    #[test]
    fn reads_and_shows_text() {
        check("@", Ok((b"", "@")));
        check("www", Ok((b"\x03www", "www")));
        check("A.bC", Ok((b"\x01a\x02bc", "a.bc")));
        check("*.x", Ok((b"\x01*\x01x", "*.x")));
        check("x.*", Ok((b"\x01x\x01*", "x.*")));
        check("_443._tcp", Ok((b"\x04_443\x04_tcp", "_443._tcp")));
        check("a\\.b.c", Ok((b"\x03a.b\x01c", "a\\.b.c")));
        check("\\065", Ok((b"\x01a", "a")));
        check("\\000\\255\\032", Ok((b"\x03\x00\xff ", "\\000\\255\\032")));
        check("\\@", Ok((b"\x01@", "\\@")));
        check("$x", Ok((b"\x02$x", "\\$x")));
        check("", Err("name-empty"));
        check("a..b", Err("name-empty-label"));
        check(".a", Err("name-empty-label"));
        check("a.", Err("name-not-relative"));
        check(".", Err("name-not-relative"));
        check("a b", Err("name-bad-character"));
        check("me@x", Err("name-bad-character"));
        check("münchen", Err("name-bad-character"));
        check("a\\", Err("name-bad-escape"));
        check("a\\25", Err("name-bad-escape"));
        check("a\\256", Err("name-bad-escape"));
        check("a\\ü", Err("name-bad-escape"));
        check(&"a".repeat(64), Err("name-label-too-long"));
        check(&"a.".repeat(200), Err("name-too-long"));
    }

    #[test]
    fn lengths_at_the_edge() {
        let longest = [&[63_u8; 64][..], &[63; 64], &[63; 64], &[61; 62]].concat();
        assert_eq!(
            Owner::from_wire(&longest).map(|o| o.as_wire().len()),
            Ok(254)
        );
        let over = [&longest[..], b"\x01a"].concat();
        let found = Owner::from_wire(&over).expect_err("over");
        assert_eq!(found.code(), "name-too-long");
        for (wire, code, offset) in [
            (&b"\x00"[..], "name-root-in-owner", 0),
            (b"\x01a\x00", "name-root-in-owner", 2),
            (b"\x02a", "name-truncated", 2),
            (b"\x40", "name-label-type", 0),
            (b"\x01a\xc0\x00", "name-compressed", 2),
            (b"\x03wWw", "name-upper-case", 2),
        ] {
            let found = Owner::from_wire(wire).expect_err(code);
            assert_eq!((found.code(), found.offset()), (code, Some(offset)));
        }
    }

    #[test]
    fn walks_up() {
        let owner = Owner::parse("a.b.c").expect("valid");
        assert_eq!(
            owner.parent().map(|o| o.to_string()).as_deref(),
            Some("b.c")
        );
        assert_eq!(Owner::apex().parent(), None);
        assert!(owner.is_at_or_below(&Owner::apex()));
        assert!(owner.is_at_or_below(&owner));
        assert!(owner.is_at_or_below(&Owner::parse("b.c").expect("valid")));
        assert!(!owner.is_at_or_below(&Owner::parse("a.b").expect("valid")));
        // The bytes end alike, the labels do not.
        let tricky = Owner::from_wire(b"\x03x\x01c").expect("valid");
        assert!(!tricky.is_at_or_below(&Owner::parse("c").expect("valid")));
        let map = HashMap::from([(owner, 1)]);
        assert_eq!(map.get(&b"\x01a\x01b\x01c"[..]), Some(&1));
    }

    #[test]
    fn canonical_order_of_rfc_4034() {
        // The example of section 6.1, relative to `example.`.
        let sorted = [
            "@",
            "a",
            "yljkjljk.a",
            "z.a",
            "zabc.a",
            "z",
            "\\001.z",
            "*.z",
            "\\200.z",
        ];
        let owners = sorted.map(|text| Owner::parse(text).expect(text));
        for (left, right) in (0..owners.len()).flat_map(|l| (0..owners.len()).map(move |r| (l, r)))
        {
            assert_eq!(owners[left].canonical_cmp(&owners[right]), left.cmp(&right));
        }
    }

    proptest! {
        #[test]
        fn text_form_loses_nothing(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..=63), 0..4)) {
            let mut wire = Vec::new();
            for label in labels {
                wire.push(u8::try_from(label.len()).expect("short"));
                wire.extend(label.to_ascii_lowercase());
            }
            let owner = Owner::from_wire(&wire).expect("valid");
            prop_assert_eq!(Owner::parse(&owner.to_string()), Ok(owner));
        }

        #[test]
        fn foreign_bytes_never_panic(wire in proptest::collection::vec(any::<u8>(), 0..300), text in ".*") {
            let _ = Owner::from_wire(&wire);
            let _ = Owner::parse(&text);
        }
    }
}
