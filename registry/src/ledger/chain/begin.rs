//! How a ledger begins or is found again, and what of a block is written.

use dotkey_proto::ledger::{Body, Candidate, Certificate, Genesis, Header, ValidatorSet};

use super::{BASE_CELL, Chain, ChainError, Tip, reads};
use crate::ledger::Charter;
use crate::ledger::disk::{Disk, Write};
use crate::ledger::rules;
use crate::ledger::state::{self, Changes, Seat, StateError};
use crate::ledger::update::Update;
use crate::store::{Column, Store};

/// The cell of [`Column::Node`] that has the height of the last block.
pub(super) const TIP_CELL: &[u8] = b"ledger-tip";

/// The cell of [`Column::Node`] that has the genesis of the network whose ledger this is.
const GENESIS_CELL: &[u8] = b"genesis";

impl Chain {
    /// The genesis of the ledger that a store has; `None` where it has none.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn genesis_of(store: &Store) -> Result<Option<Genesis>, ChainError> {
        let bytes = store.get(Column::Node, GENESIS_CELL)?;
        let genesis = bytes.map(|bytes| Genesis::decode(&bytes)).transpose();
        Ok(genesis.map_err(|source| StateError::Damaged {
            what: "the genesis",
            source,
        })?)
    }
}

pub(super) fn genesis_write(genesis: &Genesis) -> Write {
    Write::put(Column::Node, GENESIS_CELL, genesis.as_bytes())
}

/// Block 0 and the tree that it begins.
pub(super) fn first_block(
    charter: &Charter,
    genesis: &Genesis,
) -> Result<(Header, Update, Changes), ChainError> {
    let seats = genesis.validators.iter().map(seat).collect();
    let changes = rules::genesis(charter, genesis.began, seats);
    let (state_root, update) = Update::of(&changes, 0, &|_| Ok(None))?;
    let validators = genesis.validator_set().digest();
    let header = Header {
        network: charter.network,
        height: 0,
        time: genesis.began,
        parent: [0; 32],
        state_root,
        transactions: Body::default().digest(),
        epoch: 0,
        validators,
        next_validators: charter.is_epoch_end(0).then_some(validators),
    };
    Ok((header, update, changes))
}

fn seat(candidate: &Candidate) -> Seat {
    Seat {
        identity: *candidate.validator.identity.as_bytes(),
        voting_key: candidate.validator.key.to_bytes().to_vec(),
        candidate: candidate.encode(),
        approves: None,
    }
}

/// The set that these make. They were admitted when they took their seats.
pub(super) fn validator_set(seats: &[Seat]) -> Result<ValidatorSet, StateError> {
    let candidates = seats.iter().map(|seat| Candidate::decode(&seat.candidate));
    let validators = candidates.map(|candidate| Ok(candidate?.validator));
    let set = validators
        .collect::<Result<Vec<_>, _>>()
        .and_then(ValidatorSet::new);
    set.map_err(|source| StateError::Damaged {
        what: "a validator",
        source,
    })
}

pub(super) fn validators_digest(seats: &[Seat]) -> Result<[u8; 32], StateError> {
    Ok(validator_set(seats)?.digest())
}

pub(super) fn tip_of(disk: &Disk, header: Header) -> Result<Tip, ChainError> {
    let seats = state::seats(&disk.at(header.height))?;
    let validators_after = validators_digest(&seats.current)?;
    Ok(Tip {
        digest: header.digest(),
        header,
        validators_after,
    })
}

/// The last block of the ledger that is on disk, which has to be this network's.
pub(super) fn read_tip(disk: &Disk, first: &Header, cell: &[u8]) -> Result<Tip, ChainError> {
    let height = cell.try_into().map(u64::from_be_bytes);
    let height = height.map_err(|_| StateError::Missing("the height of the last block"))?;
    let of = |height| reads::header(disk, height);
    let begun = of(0)?.ok_or(StateError::Missing("the first block"))?;
    if begun.network != first.network {
        let (ours, genesis) = (begun.network, first.network);
        return Err(ChainError::OtherNetwork { ours, genesis });
    }
    let header = of(height)?.ok_or(StateError::Missing("the last block"))?;
    tip_of(disk, header)
}

/// The block whose state was taken over; 0 where none was.
pub(super) fn read_base(disk: &Disk) -> Result<u64, ChainError> {
    let Some(cell) = disk.store.get(Column::Node, BASE_CELL)? else {
        return Ok(0);
    };
    let height = cell.try_into().map(u64::from_be_bytes);
    Ok(height.map_err(|_| StateError::Missing("the height of the first block"))?)
}

/// What of a block is written beside the state.
pub(super) fn block_writes(
    header: &Header,
    certificate: Option<&Certificate>,
    transactions: &[u8],
) -> Vec<Write> {
    let height = header.height.to_be_bytes();
    vec![
        Write::put(
            Column::Certificates,
            height,
            reads::encode_head(header, certificate),
        ),
        Write::put(Column::Blocks, height, transactions),
        Write::put(Column::Node, TIP_CELL, height),
    ]
}
