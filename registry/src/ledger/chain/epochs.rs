//! Who voted in which epoch since the genesis, and the handovers that lead a light client there.
//!
//! A set is written once, by the first epoch in which it votes: most epochs change nothing. What certifies the change is the head of
//! the last block of the epoch before, which is kept anyway.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{MutexGuard, PoisonError};

use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::ledger::{
    Candidate, Genesis, Handover, LedgerError, Validator, ValidatorSet, VotingKey,
};
use dotkey_proto::limits::{HANDOVERS_MAX, VALIDATOR_ADDRESS_BYTES_MAX, VALIDATORS_MAX};
use dotkey_proto::signature::Ed25519Key;

use super::begin::genesis_write;
use super::{Chain, ChainError, reads};
use crate::ledger::disk::{Disk, Write};
use crate::ledger::state::{self, Seat, StateError};
use crate::store::Column;

/// One that votes, and where the others reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    /// Its keys.
    pub validator: Validator,
    /// Such as `192.0.2.1:4381`; empty where it dials the others.
    pub address: String,
}

/// Handovers from an epoch up to another that is at hand: they never change.
pub(super) type Walks = BTreeMap<(u64, u64), Vec<Handover>>;

/// Ways that are remembered: clients begin at the genesis, or where they were last.
const WALKS_MAX: usize = 64;

impl Chain {
    /// Who votes in an epoch, in the order of a certificate's bits; `None` until the block before it is final.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn voters(&self, epoch: u64) -> Result<Option<Vec<Voter>>, ChainError> {
        if epoch > self.charter.epoch(self.tip().height + 1) {
            return Ok(None);
        }
        let mut found = None;
        each_set(&self.disk, epoch, |_, voters| {
            found = Some(voters);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Who is to vote from the next epoch on, as it stands now.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn voters_next(&self) -> Result<Vec<Voter>, ChainError> {
        Ok(voters(&self.seats()?.next)?)
    }

    /// The changes of the validators after epoch `from` and up to epoch `to`, the oldest first, at most [`HANDOVERS_MAX`]: whoever
    /// needs more asks again from the epoch that these lead to. `None` when this node does not have them all.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn handovers(&self, from: u64, to: u64) -> Result<Option<Vec<Handover>>, ChainError> {
        if let Some(known) = self.walks().get(&(from, to)) {
            return Ok(Some(known.clone()));
        }
        let found = self.find_handovers(from, to)?;
        if let Some(found) = &found {
            let mut walks = self.walks();
            if walks.len() >= WALKS_MAX {
                walks.clear();
            }
            walks.insert((from, to), found.clone());
        }
        Ok(found)
    }

    fn find_handovers(&self, from: u64, to: u64) -> Result<Option<Vec<Handover>>, ChainError> {
        let mut sets = Vec::new();
        each_set(&self.disk, to, |epoch, voters| {
            sets.push((epoch, set_of(&voters)));
            match epoch > from {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        let mut handovers = Vec::new();
        for pair in sets.windows(2).rev() {
            let ((epoch, next), (_, before)) = (&pair[0], &pair[1]);
            let (next, before) = (next.clone()?, before.clone()?);
            // Somebody only moved to another address.
            if next.digest() == before.digest() {
                continue;
            }
            if handovers.len() == HANDOVERS_MAX {
                break;
            }
            let border = epoch * self.charter.epoch_blocks - 1;
            let Some((header, Some(certificate))) = reads::head(&self.disk, border)? else {
                return Ok(None);
            };
            handovers.push(Handover {
                header,
                certificate,
                next,
            });
        }
        Ok(Some(handovers))
    }

    /// Keeps handovers that led here from the genesis, for others that begin there: of a node that took its state over from a snapshot and has
    /// not seen those blocks. They were verified.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn keep_handovers(&self, handovers: &[Handover]) -> Result<(), ChainError> {
        let mut writes = Vec::new();
        for handover in handovers {
            let header = &handover.header;
            if reads::header(&self.disk, header.height)?.is_none() {
                let head = reads::encode_head(header, Some(&handover.certificate));
                writes.push(Write::put(
                    Column::Certificates,
                    header.height.to_be_bytes(),
                    head,
                ));
            }
            let voters = handover.next.validators().iter().map(|one| Voter {
                validator: *one,
                address: String::new(),
            });
            let epoch = header.epoch + 1;
            if self
                .disk
                .store
                .get(Column::Validators, &key(epoch))?
                .is_none()
            {
                writes.push(set_write(epoch, &voters.collect::<Vec<_>>()));
            }
        }
        self.disk.write(&writes)?;
        self.walks().clear();
        Ok(())
    }

    /// What is remembered of [`Chain::handovers`]: to read a validator's key takes as long as a signature, and every proof comes with the way to its epoch.
    fn walks(&self) -> MutexGuard<'_, Walks> {
        self.walks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what an older program, or a snapshot, has left out: the genesis, the first set, and the one that votes now.
    pub(super) fn complete(&self, genesis: &Genesis) -> Result<(), ChainError> {
        let mut writes = Vec::new();
        if Self::genesis_of(&self.disk.store)?.is_none() {
            writes.push(genesis_write(genesis));
        }
        let first: Vec<Voter> = genesis.validators.iter().map(voter).collect();
        if self.disk.store.get(Column::Validators, &key(0))?.is_none() {
            writes.push(set_write(0, &first));
        }
        self.disk.write(&writes)?;
        self.complete_voters()
    }

    /// Writes who votes now, where nothing did: a state that was taken over says so.
    pub(super) fn complete_voters(&self) -> Result<(), ChainError> {
        let epoch = self.charter.epoch(self.tip().height + 1);
        let seats = state::seats(&self.disk.at(self.tip().height))?;
        let current = voters(&seats.current)?;
        let known = self.voters(epoch)?.unwrap_or_default();
        if known.is_empty() || set_of(&known)?.digest() != set_of(&current)?.digest() {
            self.disk.write(&[set_write(epoch, &current)])?;
            self.walks().clear();
        }
        Ok(())
    }
}

/// What an epoch's last block writes when others vote from then on.
pub(super) fn turn_write(
    epoch: u64,
    former: &[Seat],
    current: &[Seat],
) -> Result<Option<Write>, StateError> {
    let (former, current) = (voters(former)?, voters(current)?);
    Ok((former != current).then(|| set_write(epoch + 1, &current)))
}

fn voters(seats: &[Seat]) -> Result<Vec<Voter>, StateError> {
    let candidates = seats.iter().map(|seat| Candidate::decode(&seat.candidate));
    let voters: Result<Vec<_>, _> = candidates.map(|one| one.map(|one| voter(&one))).collect();
    voters.map_err(damaged)
}

fn voter(candidate: &Candidate) -> Voter {
    Voter {
        validator: candidate.validator,
        address: candidate.address.clone(),
    }
}

fn set_of(voters: &[Voter]) -> Result<ValidatorSet, StateError> {
    ValidatorSet::new(voters.iter().map(|one| one.validator).collect()).map_err(damaged)
}

fn damaged(source: LedgerError) -> StateError {
    let what = "a set of validators";
    StateError::Damaged { what, source }
}

/// The newest first, so that the first that a scan meets is the set of an epoch.
fn key(epoch: u64) -> [u8; 8] {
    (u64::MAX - epoch).to_be_bytes()
}

fn set_write(epoch: u64, voters: &[Voter]) -> Write {
    Write::put(Column::Validators, key(epoch), encode(voters))
}

/// Shows the sets that voted in an epoch and before, the newest first, each with the epoch since which it did.
fn each_set(
    disk: &Disk,
    epoch: u64,
    mut visit: impl FnMut(u64, Vec<Voter>) -> ControlFlow<()>,
) -> Result<(), ChainError> {
    let mut failed = Ok(());
    disk.store
        .scan(Column::Validators, &key(epoch), |key, value| {
            let since = key.try_into().map(u64::from_be_bytes);
            match (since, decode(value)) {
                (Ok(since), Ok(voters)) => visit(u64::MAX - since, voters),
                (Err(_), _) => {
                    failed = Err(StateError::Missing("the epoch of a set of validators"));
                    ControlFlow::Break(())
                }
                (_, Err(error)) => {
                    failed = Err(damaged(error));
                    ControlFlow::Break(())
                }
            }
        })?;
    Ok(failed?)
}

fn encode(voters: &[Voter]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(voters.len());
    for Voter { validator, address } in voters {
        w.array(3)
            .bytes(validator.identity.as_bytes())
            .bytes(&validator.key.to_bytes())
            .text(address);
    }
    w.into_bytes()
}

fn decode(bytes: &[u8]) -> Result<Vec<Voter>, LedgerError> {
    let mut r = Reader::new(bytes)?;
    let count = r.array("a set of validators", 1, VALIDATORS_MAX)?;
    let voters = (0..count).map(|_| {
        r.array("a validator", 3, 3)?;
        let identity = Ed25519Key::from_bytes(r.array_of("a validator's identity")?)?;
        let key = VotingKey::from_bytes(&r.array_of("a validator's voting key")?)?;
        let address = r.text("the address of a validator", 0, VALIDATOR_ADDRESS_BYTES_MAX)?;
        Ok(Voter {
            validator: Validator { identity, key },
            address: address.to_owned(),
        })
    });
    voters.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consensus::Identity;

    fn voter(seed: u8, address: &str) -> Voter {
        // A voting secret is a number below the order of the group.
        let mut secret = [seed; 32];
        secret[0] = 0;
        let public = Identity::new(&secret, &secret)
            .expect("secrets")
            .validator(address);
        Voter {
            validator: Validator {
                identity: Ed25519Key::from_bytes(public.identity).expect("a key"),
                key: VotingKey::from_bytes(&public.vote_key).expect("a key"),
            },
            address: public.address,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_set_is_read_as_it_was_written(addresses in prop::collection::vec("[a-z0-9.:]{0,30}", 1..4)) {
            let voters = (1..).zip(&addresses).map(|(seed, address)| voter(seed, address));
            let voters: Vec<Voter> = voters.collect();
            prop_assert_eq!(decode(&encode(&voters)).expect("sound"), voters);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            drop(decode(&bytes));
        }
    }

    #[test]
    fn the_newest_epoch_comes_first() {
        assert!(key(8) < key(7) && key(u64::MAX) < key(0));
    }
}
