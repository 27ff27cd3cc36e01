//! What can be read and proved of what is final.

use std::sync::Arc;

use borsh::BorshDeserialize;
use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{
    Account, Body, Certificate, Entry, Finding, Header, LedgerError, Proof, Subject, ValidatorSet,
};
use dotkey_proto::limits::BLOCK_BYTES_MAX;
use jmt::proof::SparseMerkleProof;
use jmt::{JellyfishMerkleIterator, KeyHash, RootHash};

use super::{Chain, ChainError, VERSIONS_KEPT, validator_set};
use crate::ledger::disk::{Disk, unreadable};
use crate::ledger::frontier::Sibling;
use crate::ledger::state::{self, Beacons, Seats, StateError};
use crate::ledger::tree::{Blake3, StateTree};
use crate::store::Column;

/// The way from a place to the root: what stands there, and the siblings, the leaf's first, `None` where nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathProof {
    /// What the leaf holds; `None` when nothing stands there.
    pub value: Option<Vec<u8>>,
    /// With nothing there: the place, and the digest of the value, of the leaf that is alone where it would stand.
    pub other: Option<([u8; 32], [u8; 32])>,
    /// The siblings.
    pub siblings: Vec<Option<[u8; 32]>>,
}

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
        let (key, height) = (KeyHash(place), header.height);
        let tree = StateTree::new(&self.disk);
        let (value, proof) = tree.get_with_proof(key, height).map_err(unreadable)?;
        let checked = proof.verify(RootHash(header.state_root), key, value.as_deref());
        checked.map_err(|error| ChainError::Audit {
            height,
            why: error.to_string(),
        })?;
        Ok(taken_apart(value, &proof)?)
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
        let failed = |error: anyhow::Error| ChainError::Audit {
            height,
            why: error.to_string(),
        };
        let tree = StateTree::new(&self.disk);
        let root = tree.get_root_hash(height).map_err(failed)?;
        if root.0 != tip.state_root {
            let why = "the tree has another root".to_owned();
            return Err(ChainError::Audit { height, why });
        }
        let disk = Arc::new(self.disk.clone());
        let all = JellyfishMerkleIterator::new(disk, height, KeyHash([0; 32])).map_err(failed)?;
        // A path checks the value, the leaf and every node above it.
        for leaf in all.take(leaves) {
            let (key, value) = leaf.map_err(failed)?;
            let (_, proof) = tree.get_with_proof(key, height).map_err(failed)?;
            proof
                .verify_existence(RootHash(tip.state_root), key, value)
                .map_err(failed)?;
        }
        Ok(())
    }
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

/// The library keeps the parts of a proof to itself; its encoding has them: the leaf, then each sibling with its kind.
fn taken_apart(
    value: Option<Vec<u8>>,
    proof: &SparseMerkleProof<Blake3>,
) -> Result<PathProof, StateError> {
    let bytes = borsh::to_vec(proof).map_err(unreadable)?;
    let parts = <(Option<[u8; 64]>, Vec<Sibling>)>::try_from_slice(&bytes).map_err(unreadable)?;
    let (leaf, siblings) = parts;
    let other = leaf.filter(|_| value.is_none()).map(|leaf| {
        let (key, value) = leaf.split_at(32);
        (
            key.try_into().expect("32 bytes"),
            value.try_into().expect("32 bytes"),
        )
    });
    let siblings = siblings.iter().map(Sibling::digest).collect();
    Ok(PathProof {
        value,
        other,
        siblings,
    })
}
