//! A delegation: a name, and all below it, that somebody else publishes.

use super::error::{OwnerFault, Part};
use crate::cbor::{CborError, Extension, MapWriter, Reader, Writer};
use crate::dns::Owner;
use crate::identity::KeyId;

/// A name that another identity, or a branch of this one, publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The name that is handed over, with all below it.
    pub owner: Owner,
    /// Whom it is handed to; `None` is the branch of that name of this identity.
    pub to: Option<KeyId>,
    /// What version 1 does not know.
    pub extension: Extension,
}

impl Delegation {
    /// To another identity.
    #[must_use]
    pub fn to_identity(owner: Owner, key_id: KeyId) -> Self {
        Self {
            owner,
            to: Some(key_id),
            extension: Extension::default(),
        }
    }

    /// To the branch of that name of this identity.
    #[must_use]
    pub fn to_branch(owner: Owner) -> Self {
        Self {
            owner,
            to: None,
            extension: Extension::default(),
        }
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        position: usize,
        fault: &mut OwnerFault,
    ) -> Result<Self, CborError> {
        let mut map = reader.map("delegation")?;
        Ok(Self {
            owner: map.required(1, |r| fault.read_owner(r, Part::Delegation, position))?,
            to: map.optional(2, |r| r.array_of("key id").map(KeyId::from_bytes))?,
            extension: map.extension()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        map.set(1, |w| {
            w.bytes(self.owner.as_wire());
        });
        map.set_some(2, self.to, |w, key_id| {
            w.bytes(key_id.as_bytes());
        });
        map.extend(&self.extension).write(writer);
    }
}
