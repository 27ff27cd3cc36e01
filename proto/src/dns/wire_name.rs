//! Absolute names in uncompressed wire form, as RDATA holds them.
//!
//! Case is kept as it was written: a record is signed over its bytes, so nothing is lowered behind its owner's back.
//! Comparison ignores ASCII case (RFC 4343).

use alloc::{boxed::Box, string::ToString, vec::Vec};
use core::{cmp::Ordering, fmt, hash, str::FromStr};

use super::{
    Labels, NameError, Owner,
    label::{absolute_len, canonical_cmp, labels_from_text, too_long, write_labels},
};
use crate::limits::NAME_BYTES_MAX;

/// An absolute name: labels, then the root's byte; 1 to 255 bytes.
#[derive(Clone, Debug)]
pub struct WireName(Box<[u8]>);

impl WireName {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Takes exactly one uncompressed name.
    ///
    /// # Errors
    /// Whatever keeps the bytes from being one name, with its offset.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        let length = absolute_len(wire)?;
        if length < wire.len() {
            return Err(NameError::TrailingBytes { offset: length });
        }
        Ok(Self(wire.into()))
    }

    /// The length of the one name at the start of `wire`, without allocating.
    ///
    /// # Errors
    /// Whatever keeps the bytes from beginning with a name, with its offset.
    pub fn prefix_len(wire: &[u8]) -> Result<usize, NameError> {
        absolute_len(wire)
    }

    /// Reads an absolute name, or a relative one below `origin`; `@` is the origin itself.
    ///
    /// A last label `@` can only come from the origin, which then stands for the zone: there is no such top-level domain, and
    /// RDATA with it would be taken for relative.
    ///
    /// # Errors
    /// Whatever keeps the text from being a name, with its offset.
    pub fn parse(text: &str, origin: Option<&Self>) -> Result<Self, NameError> {
        let mut labels = Vec::new();
        let absolute = labels_from_text(text, &mut labels)?;
        let is_whole = absolute || origin.is_some_and(Self::is_root);
        if is_whole && Labels::new(&labels).last() == Some(b"@") {
            return Err(NameError::ZoneLabel);
        }
        match (absolute, origin) {
            (true, _) => {
                labels.push(0);
                Ok(Self(labels.into_boxed_slice()))
            }
            (false, Some(origin)) => Self::from_labels(&labels, origin),
            (false, None) => Err(NameError::NotAbsolute),
        }
    }

    /// `labels` are valid labels without a root byte.
    pub(super) fn from_labels(labels: &[u8], origin: &Self) -> Result<Self, NameError> {
        let bytes = labels.len() + origin.0.len();
        if bytes > NAME_BYTES_MAX {
            return Err(too_long(bytes, NAME_BYTES_MAX));
        }
        Ok(Self([labels, origin.as_wire()].concat().into_boxed_slice()))
    }

    /// The wire form, with the root's byte.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels, leftmost first, without the root's empty one.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        Labels::new(&self.0)
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// This name as an owner of the zone `origin`.
    ///
    /// # Errors
    /// [`NameError::OutOfZone`] when it is neither `origin` nor below it.
    pub fn relative_to(&self, origin: &Self) -> Result<Owner, NameError> {
        match self.split_at_zone(origin) {
            Some(labels) => Ok(Owner::lowered(labels.to_vec())),
            None => Err(NameError::OutOfZone {
                name: self.to_string(),
                origin: origin.to_string(),
            }),
        }
    }

    /// Shows the name relative to `origin` where it stands below it, absolute elsewhere.
    #[must_use]
    pub fn display_in<'a>(&'a self, origin: &'a Self) -> impl fmt::Display + 'a {
        RelativeTo { name: self, origin }
    }

    /// The labels in front of `origin`'s, when this name is at or below it.
    fn split_at_zone(&self, origin: &Self) -> Option<&[u8]> {
        let mut labels = self.labels();
        while labels.remainder().len() > origin.0.len() {
            labels.next();
        }
        let (above, rest) = self.0.split_at(self.0.len() - labels.remainder().len());
        rest.eq_ignore_ascii_case(&origin.0).then_some(above)
    }
}

struct RelativeTo<'a> {
    name: &'a WireName,
    origin: &'a WireName,
}

impl fmt::Display for RelativeTo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.split_at_zone(self.origin) {
            // Written relative, it would come back with the origin's letters instead of its own.
            _ if !self.name.0.ends_with(&self.origin.0) => self.name.fmt(f),
            None => self.name.fmt(f),
            Some([]) => f.write_str("@"),
            Some(above) => write_labels(f, Labels::new(above)),
        }
    }
}

impl fmt::Display for WireName {
    /// As a master file writes it, absolute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_labels(f, self.labels())?;
        f.write_str(".")
    }
}

impl FromStr for WireName {
    type Err = NameError;

    /// Reads an absolute name.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text, None)
    }
}

impl AsRef<[u8]> for WireName {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for WireName {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for WireName {}

impl hash::Hash for WireName {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        state.write_usize(self.0.len());
        for byte in &self.0 {
            state.write_u8(byte.to_ascii_lowercase());
        }
    }
}

impl PartialOrd for WireName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WireName {
    /// RFC 4034 section 6.1.
    fn cmp(&self, other: &Self) -> Ordering {
        canonical_cmp(&self.0, &other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WireName {
        text.parse().expect(text)
    }

    #[test]
    fn reads_wire() {
        for (wire, expected) in [
            (&b"\x00"[..], Ok(".")),
            (b"\x03wWw\x03key\x00", Ok("wWw.key.")),
            (b"\x03ww", Err("name-truncated")),
            (b"\x03www", Err("name-truncated")),
            (b"", Err("name-truncated")),
            (b"\x01a\xc0\x00", Err("name-compressed")),
            (b"\x80\x00", Err("name-label-type")),
            (b"\x00\x00", Err("name-trailing-bytes")),
        ] {
            let found = WireName::from_wire(wire);
            let found = found.as_ref().map(ToString::to_string);
            assert_eq!(found.as_deref().map_err(|e| e.code()), expected);
        }
        let longest = [&[63_u8; 64][..], &[63; 64], &[63; 64], &[61; 62], &[0]].concat();
        assert!(WireName::from_wire(&longest).is_ok());
        let over = [&longest[..254], b"\x01a\x00"].concat();
        assert_eq!(
            WireName::from_wire(&over).map_err(|e| e.code()),
            Err("name-too-long")
        );
    }

    #[test]
    fn relates_to_its_zone() {
        let origin = name("mysite.key.");
        for (text, shown, owner) in [
            ("mysite.key.", "@", Ok("@")),
            ("WWW.mysite.key.", "WWW", Ok("www")),
            ("www.MySite.key.", "www.MySite.key.", Ok("www")),
            ("key.", "key.", Err("name-out-of-zone")),
            ("xmysite.key.", "xmysite.key.", Err("name-out-of-zone")),
            (".", ".", Err("name-out-of-zone")),
        ] {
            let found = name(text);
            assert_eq!(found.display_in(&origin).to_string(), shown);
            let read = WireName::parse(shown, Some(&origin)).expect(shown);
            assert_eq!(read.as_wire(), found.as_wire());
            let found = found.relative_to(&origin).map(|o| o.to_string());
            assert_eq!(found.as_deref().map_err(|e| e.code()), owner);
        }
        assert_eq!(name("A.b."), name("a.B."));
        assert_eq!("a".parse::<WireName>(), Err(NameError::NotAbsolute));
    }

    #[test]
    fn only_the_origin_stands_for_the_zone() {
        let zone = WireName::from_wire(b"\x01@\x00").expect("valid");
        let (root, site) = (WireName::root(), name("mysite.key."));
        for (text, origin, expected) in [
            ("evil.\\@.", None, Err("name-zone-label")),
            ("\\@.", None, Err("name-zone-label")),
            ("evil.\\064.", Some(&zone), Err("name-zone-label")),
            ("evil.\\@.", Some(&site), Err("name-zone-label")),
            ("evil.\\@", Some(&root), Err("name-zone-label")),
            (
                "evil.\\@",
                Some(&site),
                Ok(&b"\x04evil\x01@\x06mysite\x03key\x00"[..]),
            ),
            ("evil.\\@", Some(&zone), Ok(b"\x04evil\x01@\x01@\x00")),
            ("www", Some(&zone), Ok(b"\x03www\x01@\x00")),
            ("@", Some(&zone), Ok(b"\x01@\x00")),
            ("@", Some(&root), Ok(b"\x00")),
            ("\\@.key.", None, Ok(b"\x01@\x03key\x00")),
            ("a\\@.", None, Ok(b"\x02a@\x00")),
        ] {
            let found = WireName::parse(text, origin);
            let found = found.as_ref().map(WireName::as_wire);
            assert_eq!(found.map_err(|error| error.code()), expected, "{text}");
        }
    }
}
