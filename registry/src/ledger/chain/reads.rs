//! What can be read and proved of what is final.

use std::sync::Arc;

use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{
    Account, Body, Certificate, Entry, Finding, Header, LedgerError, Proof, Subject, ValidatorSet,
};
use dotkey_proto::limits::BLOCK_BYTES_MAX;
use jmt::{JellyfishMerkleIterator, KeyHash};

use super::{Chain, ChainError, VERSIONS_KEPT, validator_set};
use crate::hex::hex;
use crate::ledger::disk::Disk;
use crate::ledger::growth::{Leaf, Node};
use crate::ledger::path::PathProof;
use crate::ledger::state::{self, Beacons, Seats, StateError};
use crate::ledger::tree::StateTree;
use crate::store::Column;

impl Chain {
    /// The header of a block that is final.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn header(&self, height: u64) -> Result<Option<Header>, ChainError> {
        header(&self.disk, height)
    }

    /// What speaks for a block, where it has a certificate of its own.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn certificate(&self, height: u64) -> Result<Option<Certificate>, ChainError> {
        Ok(head(&self.disk, height)?.and_then(|(_, certificate)| certificate))
    }

    /// The transactions of a block that is final.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn body(&self, height: u64) -> Result<Option<Body>, ChainError> {
        let bytes = self.disk.store.get(Column::Blocks, &height.to_be_bytes())?;
        let body = bytes.map(|bytes| Body::decode(&bytes)).transpose();
        Ok(body.map_err(|source| StateError::Damaged {
            what: "a block",
            source,
        })?)
    }

    /// What stands for a name.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn entry(&self, label: &str) -> Result<Option<Entry>, ChainError> {
        Ok(state::entry(&self.disk.at(self.tip().height), label)?)
    }

    /// An identity's account; the empty one where the ledger does not know it.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn account(&self, key_id: KeyId) -> Result<Account, ChainError> {
        Ok(state::account(&self.disk.at(self.tip().height), key_id)?)
    }

    /// The beacons that stamps can be made for.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn beacons(&self) -> Result<Beacons, ChainError> {
        Ok(state::beacons(&self.disk.at(self.tip().height))?)
    }

    /// Who votes, and what each of them approves.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn seats(&self) -> Result<Seats, ChainError> {
        Ok(state::seats(&self.disk.at(self.tip().height))?)
    }

    /// The validators of the epoch that the next block belongs to, and of the one before; `None` for others.
    ///
    /// # Errors
    /// A state that cannot be read.
    pub fn validators(&self, epoch: u64) -> Result<Option<ValidatorSet>, ChainError> {
        let tip = self.tip();
        let seats = state::seats(&self.disk.at(tip.height))?;
        let current = self.charter.epoch(tip.height + 1);
        let seats = match current.checked_sub(epoch) {
            Some(0) => &seats.current,
            Some(1) => &seats.former,
            _ => return Ok(None),
        };
        Ok(Some(validator_set(seats)?))
    }

    /// Whether the state after a block can still be read.
    ///
    /// # Errors
    /// [`ChainError::NotKept`] names those that can.
    pub(super) fn keeps(&self, height: u64) -> Result<(), ChainError> {
        let inner = self.inner();
        let newest = inner.tip.header.height;
        let window = (newest + 1).saturating_sub(VERSIONS_KEPT);
        let oldest = inner.offers.oldest(window).max(inner.base);
        if !(oldest..=newest).contains(&height) {
            return Err(ChainError::NotKept {
                asked: height,
                oldest,
                newest,
            });
        }
        Ok(())
    }

    /// The way from a place to the root of a block that is kept. It is checked against the header before it is given out.
    ///
    /// # Errors
    /// A version that is not kept, or a state that is damaged.
    pub fn path(&self, place: [u8; 32], height: u64) -> Result<PathProof, ChainError> {
        self.keeps(height)?;
        let header = self.header(height)?;
        self.path_in(
            place,
            &header.ok_or(StateError::Missing("a block that is kept"))?,
        )
    }

    /// As [`Chain::path`], in the state after a block that is kept.
    fn path_in(&self, place: [u8; 32], header: &Header) -> Result<PathProof, ChainError> {
        let height = header.height;
        let way = self.disk.way(&place, height)?;
        if way.root(&place) != header.state_root {
            return Err(mismatch(height, "a path leads to another root"));
        }
        let (value, other) = match way.leaf {
            Some(leaf) if leaf.place == place => {
                let value = self.disk.versioned(height, &place)?;
                let value = value.and_then(|(_, value)| value);
                if value
                    .as_ref()
                    .is_none_or(|value| Leaf::new(place, value) != leaf)
                {
                    let why = "a value is not the one that its leaf names";
                    return Err(mismatch(height, why));
                }
                (value, None)
            }
            leaf => (None, leaf.map(|leaf| (leaf.place, leaf.value))),
        };
        let siblings = way.siblings.iter().map(|sibling| match sibling {
            Node::Nothing => None,
            some => Some(some.hash()),
        });
        Ok(PathProof {
            value,
            other,
            siblings: siblings.collect(),
        })
    }

    /// The newest height that has a certificate of its own, among those whose state is kept.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn certified(&self) -> Result<Option<u64>, ChainError> {
        Ok(self.certified_head()?.map(|(header, _)| header.height))
    }

    fn certified_head(&self) -> Result<Option<(Header, Certificate)>, ChainError> {
        let newest = self.tip().height;
        let oldest = (newest + 1).saturating_sub(VERSIONS_KEPT);
        for height in (oldest..=newest).rev() {
            if let Some((header, Some(certificate))) = head(&self.disk, height)? {
                return Ok(Some((header, certificate)));
            }
        }
        Ok(None)
    }

    /// A light client's proof of what is newest and certified; `None` before the first certificate, and when the newest is no
    /// longer kept.
    ///
    /// # Errors
    /// A state that is damaged.
    pub fn prove(&self, subject: &Subject) -> Result<Option<Proof>, ChainError> {
        let Some((header, certificate)) = self.certified_head()? else {
            return Ok(None);
        };
        self.keeps(header.height)?;
        let PathProof {
            value,
            other,
            siblings,
        } = self.path_in(subject.leaf(), &header)?;
        let finding = match (value, other) {
            (Some(value), _) => Finding::Held(value),
            (None, Some((key, value))) => Finding::OtherLeaf { key, value },
            (None, None) => Finding::Empty,
        };
        Ok(Some(Proof {
            subject: subject.clone(),
            header,
            certificate,
            siblings,
            finding,
        }))
    }

    /// Holds the first `leaves` leaves of the state, or all if there are fewer, against the last header.
    ///
    /// # Errors
    /// [`ChainError::Audit`] when they do not match.
    pub fn audit(&self, leaves: usize) -> Result<(), ChainError> {
        let tip = self.tip();
        let height = tip.height;
        let failed = |error: anyhow::Error| mismatch(height, error);
        let tree = StateTree::new(&self.disk);
        let root = tree.get_root_hash(height).map_err(failed)?;
        if root.0 != tip.state_root {
            return Err(mismatch(height, "the tree has another root"));
        }
        let disk = Arc::new(self.disk.clone());
        let all = JellyfishMerkleIterator::new(disk, height, KeyHash([0; 32])).map_err(failed)?;
        // A path checks the value, the leaf and every node above it.
        for leaf in all.take(leaves) {
            let (key, value) = leaf.map_err(failed)?;
            let way = self.disk.way(&key.0, height);
            let way = way.map_err(|error| mismatch(height, error))?;
            if way.leaf != Some(Leaf::new(key.0, &value)) || way.root(&key.0) != tip.state_root {
                let why = format!("what stands at {} is not what the root names", hex(&key.0));
                return Err(mismatch(height, why));
            }
        }
        Ok(())
    }
}

fn mismatch(height: u64, why: impl ToString) -> ChainError {
    let why = why.to_string();
    ChainError::Audit { height, why }
}

/// The header and the certificate of a block, as they lie in the store.
pub(super) fn encode_head(header: &Header, certificate: Option<&Certificate>) -> Vec<u8> {
    let certificate = certificate.map(Certificate::encode).unwrap_or_default();
    let mut writer = Writer::new();
    writer.array(2).bytes(&header.encode()).bytes(&certificate);
    writer.into_bytes()
}

pub(super) fn header(disk: &Disk, height: u64) -> Result<Option<Header>, ChainError> {
    Ok(head(disk, height)?.map(|(header, _)| header))
}

pub(super) fn head(
    disk: &Disk,
    height: u64,
) -> Result<Option<(Header, Option<Certificate>)>, ChainError> {
    let Some(bytes) = disk
        .store
        .get(Column::Certificates, &height.to_be_bytes())?
    else {
        return Ok(None);
    };
    let head = decode_head(&bytes);
    let head = head.map_err(|source| StateError::Damaged {
        what: "the head of a block",
        source,
    })?;
    Ok(Some(head))
}

fn decode_head(bytes: &[u8]) -> Result<(Header, Option<Certificate>), LedgerError> {
    let mut r = Reader::new(bytes)?;
    r.array("the head of a block", 2, 2)?;
    let header = Header::decode(r.bytes("a header", 0, BLOCK_BYTES_MAX)?)?;
    let certificate = r.bytes("a certificate", 0, BLOCK_BYTES_MAX)?;
    let certificate = (!certificate.is_empty()).then(|| Certificate::decode(certificate));
    Ok((header, certificate.transpose()?))
}
