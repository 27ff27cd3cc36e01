//! What holds for a zone as a whole.

use alloc::boxed::Box;

use crate::cbor::{CborError, Extension, MapWriter, Reader, Writer};
use crate::limits::{CONTACT_BYTES_MAX, TTL_MAX};

/// What holds for a zone as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Seconds that answers may be kept that are made up from resources and delegations.
    pub ttl: Option<u32>,
    /// How to reach the owner, as free text.
    pub contact: Option<Box<str>>,
    /// What version 1 does not know.
    pub extension: Extension,
}

impl Settings {
    /// The TTL where the zone says nothing.
    pub const TTL_DEFAULT: u32 = 300;

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("settings")?;
        let ttl = |r: &mut Reader<'_>| r.uint_in("ttl", 0, u64::from(TTL_MAX));
        Ok(Self {
            ttl: map.optional(1, ttl)?.map(|ttl| ttl as u32),
            contact: map
                .optional(2, |r| r.text("contact", 1, CONTACT_BYTES_MAX))?
                .map(Box::from),
            extension: map.extension()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        map.set_some(1, self.ttl, |w, ttl| {
            w.uint(u64::from(ttl));
        });
        map.set_some(2, self.contact.as_deref(), |w, contact| {
            w.text(contact);
        });
        map.extend(&self.extension).write(writer);
    }
}
