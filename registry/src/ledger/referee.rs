//! Who answers for the rules what only the consensus can: whether a candidate has its keys, and whose votes contradict each other.

use std::sync::Arc;

use dotkey_proto::ledger::Candidate;

use super::rules::Referee;
use super::state::Seat;

/// Says whose votes these are, of the validators of an epoch, if they are two where it may cast one. The engine knows.
pub type Judge = Arc<dyn Fn(&[u8], u64, &[Seat]) -> Result<[u8; 32], String> + Send + Sync>;

pub(super) struct Registrar {
    pub(super) judge: Judge,
}

impl Referee for Registrar {
    fn admit(&self, candidate: &[u8]) -> Result<([u8; 32], Vec<u8>), String> {
        let candidate = Candidate::decode(candidate).map_err(|error| error.to_string())?;
        let validator = candidate.admit().map_err(|error| error.to_string())?;
        Ok((
            *validator.identity.as_bytes(),
            validator.key.to_bytes().to_vec(),
        ))
    }

    fn culprit(&self, votes: &[u8], epoch: u64, validators: &[Seat]) -> Result<[u8; 32], String> {
        (self.judge)(votes, epoch, validators)
    }
}
