//! A proof of who holds a name, or that nobody does: section 8.6.

use alloc::string::String;
use alloc::vec::Vec;

use super::transaction::read_label;
use super::{Certificate, Entry, Header, LedgerError};
use crate::cbor::{CborError, MapWriter, Reader};
use crate::limits::PROOF_BYTES_MAX;

/// Levels of the state's tree on one path.
const SIBLINGS_MAX: usize = 64;

/// What a proof claims to show, with all that it takes to check it but the network's genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The name's label in ASCII form.
    pub label: String,
    /// The header whose state root the path leads to.
    pub header: Header,
    /// The validators' word for the header.
    pub certificate: Certificate,
    /// Siblings from the leaf to the root, the leaf's first.
    pub siblings: Vec<[u8; 32]>,
    /// What stands in the state.
    pub finding: Finding,
}

/// What stands in the state where a name's entry would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The name's entry.
    Held(Entry),
    /// Nothing at all.
    Empty,
    /// The leaf of another name.
    OtherLeaf {
        /// Its key in the tree.
        key: [u8; 32],
        /// The digest of its value.
        value: [u8; 32],
    },
}

impl Proof {
    /// Reads a proof. What its certificate and its path are worth is not checked here.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        if bytes.len() > PROOF_BYTES_MAX {
            let (what, len, max) = ("a proof", bytes.len(), PROOF_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a proof")?;
        let label = map.required(1, read_label)?;
        let header = Header::decode(map.required(2, |r| r.bytes("a header", 0, PROOF_BYTES_MAX))?)?;
        let certificate = map.required(3, |r| r.bytes("a certificate", 0, PROOF_BYTES_MAX))?;
        let certificate = Certificate::decode(certificate)?;
        let siblings = map.required(4, |r| {
            let count = r.array("the siblings of a path", 0, SIBLINGS_MAX)?;
            (0..count)
                .map(|_| r.array_of("a sibling"))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let entry = map.optional(5, |r| r.bytes("an entry", 0, PROOF_BYTES_MAX))?;
        let other = map.optional(6, |r| {
            r.array("another leaf", 2, 2)?;
            Ok::<_, CborError>((r.array_of("a leaf's key")?, r.array_of("a leaf's value")?))
        })?;
        map.close()?;
        let finding = match (entry, other) {
            (Some(_), Some(_)) => {
                return Err(CborError::UnknownKey {
                    what: "a proof with an entry",
                    key: 6,
                }
                .into());
            }
            (Some(entry), None) => Finding::Held(Entry::decode(entry)?),
            (None, Some((key, value))) => Finding::OtherLeaf { key, value },
            (None, None) => Finding::Empty,
        };
        if certificate.header != header.digest() {
            return Err(LedgerError::HeaderDigest);
        }
        Ok(Self {
            label,
            header,
            certificate,
            siblings,
            finding,
        })
    }

    /// The proof's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_text(1, &self.label);
        map.set_bytes(2, &self.header.encode());
        map.set_bytes(3, &self.certificate.encode());
        map.set(4, |w| {
            w.array(self.siblings.len());
            for sibling in &self.siblings {
                w.bytes(sibling);
            }
        });
        match &self.finding {
            Finding::Held(entry) => map.set_bytes(5, &entry.encode()),
            Finding::OtherLeaf { key, value } => map.set(6, |w| {
                w.array(2).bytes(key).bytes(value);
            }),
            Finding::Empty => &mut map,
        };
        map.to_bytes()
    }
}
