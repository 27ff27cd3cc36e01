//! What the state keeps for a name: section 8.3.

use alloc::vec::Vec;

use super::LedgerError;
use crate::cbor::{MapWriter, Reader, Writer};
use crate::identity::{Anchor, KeyId};
use crate::record::{SEQUENCE_MAX, read_time};
use crate::time::Timestamp;

/// Who holds a name, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The identity that holds the name.
    pub key_id: KeyId,
    /// When it was claimed.
    pub claimed: Timestamp,
    /// When the lease ends.
    pub lease_ends: Timestamp,
    /// What the identity has anchored.
    pub pin: Option<Pin>,
}

/// The policy that an identity has anchored, and the records that it has declared out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The number of the pinned policy.
    pub number: u32,
    /// The digest of the pinned policy.
    pub digest: [u8; 32],
    /// Records with a lower sequence are out of date.
    pub least_sequence: Option<u64>,
}

impl Entry {
    /// What the entry says of the identity that holds the name, for the verification of its records.
    #[must_use]
    pub fn anchor(&self) -> Option<Anchor> {
        self.pin.map(|pin| pin.anchor(self.key_id))
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("an entry")?;
        let key_id = KeyId::from_bytes(map.required(1, |r| r.array_of("the key id of an entry"))?);
        let claimed = map.required(2, |r| read_time(r, "the begin of a lease"))?;
        let lease_ends = map.required(3, |r| read_time(r, "the end of a lease"))?;
        let pin = map.optional(4, read_pin)?;
        map.close()?;
        if lease_ends <= claimed {
            return Err(LedgerError::Lease {
                claimed,
                ends: lease_ends,
            });
        }
        Ok(Self {
            key_id,
            claimed,
            lease_ends,
            pin,
        })
    }

    /// The entry's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_bytes(1, self.key_id.as_bytes());
        map.set_uint(2, self.claimed.as_secs());
        map.set_uint(3, self.lease_ends.as_secs());
        if let Some(pin) = &self.pin {
            map.set(4, |w| write_pin(w, pin));
        }
        map.to_bytes()
    }
}

impl Pin {
    /// What it says of the identity that made it.
    #[must_use]
    pub fn anchor(&self, key_id: KeyId) -> Anchor {
        Anchor {
            key_id,
            number: self.number,
            digest: self.digest,
            least_sequence: self.least_sequence,
        }
    }
}

pub(super) fn write_pin(writer: &mut Writer, pin: &Pin) {
    let mut map = MapWriter::new();
    map.set_uint(1, pin.number.into());
    map.set_bytes(2, &pin.digest);
    if let Some(least) = pin.least_sequence {
        map.set_uint(3, least);
    }
    map.write(writer);
}

pub(super) fn read_pin(reader: &mut Reader<'_>) -> Result<Pin, LedgerError> {
    let mut map = reader.closed_map("a pin")?;
    let numbers = u32::MAX.into();
    let number = map.required(1, |r| {
        r.uint_in("the number of a pinned policy", 0, numbers)
    })?;
    let digest = map.required(2, |r| r.array_of("the digest of a pinned policy"))?;
    let least_sequence = map.optional(3, |r| r.uint_in("a checkpoint", 1, SEQUENCE_MAX))?;
    map.close()?;
    Ok(Pin {
        number: number as u32,
        digest,
        least_sequence,
    })
}
