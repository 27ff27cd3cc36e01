//! One rrset: the RDATA of one type at one owner.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::error::{OwnerFault, Part};
use crate::cbor::{CborError, Reader, Writer};
use crate::dns::{Owner, RecordType};
use crate::limits::{RDATA_BYTES_MAX, RRSET_RDATA_MAX, TTL_MAX};

/// The RDATA of one type at one owner, with the TTL they share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rrset {
    /// Where it stands.
    pub owner: Owner,
    /// The type of each RDATA.
    pub rtype: RecordType,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// The data.
    pub rdata: RdataSet,
}

/// One to 255 RDATA in wire form. They lie behind each other in one allocation, so that a zone of many small ones takes
/// memory in proportion to its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RdataSet {
    /// Each RDATA after its length in two bytes.
    bytes: Box<[u8]>,
    count: usize,
}

impl RdataSet {
    /// The set of these RDATA, in the order that the format asks for and each once. The caller has seen that none is
    /// longer than 65535 bytes; such a one would be cut.
    pub(super) fn collect(mut rdata: Vec<Vec<u8>>) -> Self {
        rdata.sort();
        rdata.dedup();
        rdata.into_iter().collect()
    }

    /// The RDATA, ascending by their bytes.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let mut rest = &*self.bytes;
        core::iter::from_fn(move || {
            let (len, after) = rest.split_first_chunk()?;
            let (rdata, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            rest = after;
            Some(rdata)
        })
    }

    /// The first RDATA; types of which there is only one have no other.
    #[must_use]
    pub fn first(&self) -> &[u8] {
        self.iter().next().unwrap_or(&[])
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none, which no rrset of a zone has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl FromIterator<Vec<u8>> for RdataSet {
    /// In the order that they come in, which the rules check.
    fn from_iter<I: IntoIterator<Item = Vec<u8>>>(rdata: I) -> Self {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for one in rdata {
            let len = u16::try_from(one.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(&one[..usize::from(len)]);
            count += 1;
        }
        let bytes = bytes.into_boxed_slice();
        Self { bytes, count }
    }
}

impl Rrset {
    pub(super) fn read(
        reader: &mut Reader<'_>,
        position: usize,
        fault: &mut OwnerFault,
    ) -> Result<Self, CborError> {
        reader.array("rrset", 4, 4)?;
        let owner = fault.read_owner(reader, Part::Rrset, position)?;
        let rtype = reader.uint_in("type", 1, u64::from(u16::MAX))? as u16;
        let ttl = reader.uint_in("ttl", 0, u64::from(TTL_MAX))? as u32;
        let count = reader.array("rdata", 1, RRSET_RDATA_MAX)?;
        let mut bytes = Vec::new();
        for _ in 0..count {
            let rdata = reader.bytes("rdata", 0, RDATA_BYTES_MAX)?;
            bytes.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
            bytes.extend_from_slice(rdata);
        }
        let rdata = RdataSet {
            bytes: bytes.into_boxed_slice(),
            count,
        };
        Ok(Self {
            owner,
            rtype: RecordType(rtype),
            ttl,
            rdata,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.array(4).bytes(self.owner.as_wire());
        writer.uint(u64::from(self.rtype.0));
        writer.uint(u64::from(self.ttl));
        writer.array(self.rdata.len());
        for rdata in self.rdata.iter() {
            writer.bytes(rdata);
        }
    }
}
