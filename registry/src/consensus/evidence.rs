//! Validators that signed two things where they may sign one: what shows it is checked, kept, and told to the application.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use commonware_consensus::Epochable;
use commonware_consensus::simplex::types::{
    Attributable, ConflictingFinalize, ConflictingNotarize, NullifyFinalize,
};
use commonware_cryptography::certificate::Scheme as _;
use rand_core::CryptoRng;
use tokio::sync::mpsc;

use super::Validator;
use super::committee::{Committees, committee};
use super::desk::Desk;
use super::journal::{Journal, JournalError};
use super::library::{
    Activity, Digest, Encode, Feedback, Reporter, Runtime, Sequential, Viewable, Votes, decode,
};

/// Reports that wait to be checked. A quarter of the largest set may be caught in one view.
const REPORTS_MAX: usize = 1024;

/// Proofs that are kept: one for each validator and epoch, until an operator removes them.
const EVIDENCE_MAX: usize = 1024;

/// Two votes of one validator, of which an honest one casts at most one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whose votes they are.
    pub validator: [u8; 32],
    /// The epoch in which it voted.
    pub epoch: u64,
    /// The view in which it voted.
    pub view: u64,
    /// The votes as it signed them: [`Evidence::verify`] reads them.
    pub votes: Bytes,
}

/// The ways to sign two things.
enum Conflict {
    TwoProposals(ConflictingNotarize<Votes, Digest>),
    TwoFinals(ConflictingFinalize<Votes, Digest>),
    GivenUpAndFinal(NullifyFinalize<Votes, Digest>),
}

impl Conflict {
    fn of(activity: Activity) -> Option<Self> {
        match activity {
            Activity::ConflictingNotarize(votes) => Some(Self::TwoProposals(votes)),
            Activity::ConflictingFinalize(votes) => Some(Self::TwoFinals(votes)),
            Activity::NullifyFinalize(votes) => Some(Self::GivenUpAndFinal(votes)),
            _ => None,
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, votes) = bytes.split_first()?;
        match tag {
            0 => decode(votes).ok().map(Self::TwoProposals),
            1 => decode(votes).ok().map(Self::TwoFinals),
            2 => decode(votes).ok().map(Self::GivenUpAndFinal),
            _ => None,
        }
    }

    fn encode(&self) -> Bytes {
        let (tag, votes) = match self {
            Self::TwoProposals(votes) => (0, votes.encode()),
            Self::TwoFinals(votes) => (1, votes.encode()),
            Self::GivenUpAndFinal(votes) => (2, votes.encode()),
        };
        [&[tag][..], &votes].concat().into()
    }

    fn verify(&self, rng: &mut impl CryptoRng, votes: &Votes) -> Option<Evidence> {
        let (holds, signer, epoch, view) = match self {
            Self::TwoProposals(found) => (
                found.verify(rng, votes, &Sequential),
                found.signer(),
                found.epoch(),
                found.view(),
            ),
            Self::TwoFinals(found) => (
                found.verify(rng, votes, &Sequential),
                found.signer(),
                found.epoch(),
                found.view(),
            ),
            Self::GivenUpAndFinal(found) => (
                found.verify(rng, votes, &Sequential),
                found.signer(),
                found.epoch(),
                found.view(),
            ),
        };
        let key = votes.participants().iter().nth(signer.get() as usize)?;
        holds.then(|| Evidence {
            validator: key.encode()[..]
                .try_into()
                .expect("an ed25519 key has 32 bytes"),
            epoch: epoch.get(),
            view: view.get(),
            votes: self.encode(),
        })
    }

    fn epoch(&self) -> u64 {
        let epoch = match self {
            Self::TwoProposals(votes) => votes.epoch(),
            Self::TwoFinals(votes) => votes.epoch(),
            Self::GivenUpAndFinal(votes) => votes.epoch(),
        };
        epoch.get()
    }
}

impl Evidence {
    /// Whether the bytes show that one of these validators of a network signed two things, and which. The epoch that the votes
    /// name has to be the validators'.
    #[must_use]
    pub fn verify(votes: &[u8], network: &[u8; 32], validators: &[Validator]) -> Option<Self> {
        let committee = committee(network, validators, None).ok()?;
        Conflict::decode(votes)?.verify(&mut commonware_utils::sys_rng(), &committee)
    }

    /// The epoch whose validators [`Evidence::verify`] needs; `None` when the bytes are no votes.
    #[must_use]
    pub fn epoch_of(votes: &[u8]) -> Option<u64> {
        Conflict::decode(votes).map(|conflict| conflict.epoch())
    }
}

/// What a validator has done that voted for two proposals of one view.
#[cfg(test)]
pub(crate) fn contradiction(
    network: &[u8; 32],
    validators: &[Validator],
    culprit: &super::Identity,
    epoch: u64,
) -> Evidence {
    use commonware_consensus::simplex::types::{Notarize, Proposal};
    use commonware_consensus::types::{Epoch, Round, View};

    let votes = committee(network, validators, Some(culprit)).expect("a set");
    let round = Round::new(Epoch::new(epoch), View::new(3));
    let vote = |payload: u8| {
        let proposal = Proposal::new(round, View::new(2), Digest([payload; 32]));
        Notarize::sign(&votes, proposal).expect("it is one of them")
    };
    let conflict = Conflict::TwoProposals(ConflictingNotarize::new(vote(1), vote(2)));
    let found = conflict.verify(&mut commonware_utils::sys_rng(), &votes);
    found.expect("they contradict each other")
}

/// Takes what the engine sees, and keeps what shows a fault.
#[derive(Clone)]
pub(super) struct Witness {
    reports: mpsc::Sender<Conflict>,
}

impl Reporter for Witness {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        let Some(conflict) = Conflict::of(activity) else {
            return Feedback::Ok;
        };
        match self.reports.try_send(conflict) {
            Ok(()) => Feedback::Ok,
            // The first reports are as good as the last.
            Err(mpsc::error::TrySendError::Full(_)) => Feedback::Backoff,
            Err(mpsc::error::TrySendError::Closed(_)) => Feedback::Closed,
        }
    }
}

/// Checks what the witnesses report, and keeps it on disk.
pub(super) struct Keeper<E: Runtime> {
    desk: Arc<Desk>,
    committees: Committees,
    journal: Journal<E>,
    reports: mpsc::Receiver<Conflict>,
}

impl<E: Runtime> Keeper<E> {
    /// Reads what was kept.
    pub(super) async fn open(
        context: E,
        partition: &str,
        desk: Arc<Desk>,
        committees: Committees,
    ) -> Result<(Self, Witness), JournalError> {
        let journal = Journal::open(context, partition).await?;
        let kept = journal.values().filter_map(|votes| {
            let conflict = Conflict::decode(&votes)?;
            let committee = committees.of(conflict.epoch())?;
            conflict.verify(&mut commonware_utils::sys_rng(), &committee)
        });
        *desk.evidence.lock().unwrap_or_else(PoisonError::into_inner) = kept.collect();
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        let keeper = Self {
            desk,
            committees,
            journal,
            reports,
        };
        Ok((keeper, Witness { reports: sender }))
    }

    /// Works until the engine stops.
    pub(super) async fn run(mut self) -> Result<(), JournalError> {
        while let Some(conflict) = self.reports.recv().await {
            let Some(committee) = self.committees.of(conflict.epoch()) else {
                continue;
            };
            let found = conflict.verify(&mut commonware_utils::sys_rng(), &committee);
            let Some(evidence) = found else {
                continue;
            };
            let count = {
                let mut kept = self
                    .desk
                    .evidence
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let same = |one: &Evidence| {
                    one.validator == evidence.validator && one.epoch == evidence.epoch
                };
                if kept.len() >= EVIDENCE_MAX || kept.iter().any(same) {
                    continue;
                }
                kept.push(evidence.clone());
                kept.len() as u64
            };
            tracing::error!(epoch = evidence.epoch, view = evidence.view, validator = ?evidence.validator, "a validator signed two things");
            self.journal = self.journal.keep(count, evidence.votes.to_vec()).await?;
            self.desk.application.accuse(&evidence);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consensus::Identity;

    proptest! {
        #[test]
        fn bytes_that_nobody_signed_show_no_fault(kind in 0..4_u8, bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            let identity = Identity::new(&[1; 32], &[1; 32]).expect("secrets");
            let votes = [&[kind], &bytes[..]].concat();
            prop_assert_eq!(Evidence::verify(&votes, &[7; 32], &[identity.validator("")]), None);
            if let Some(conflict) = Conflict::decode(&votes) {
                prop_assert_eq!(conflict.encode(), Bytes::from(votes.clone()));
                prop_assert_eq!(Evidence::epoch_of(&votes), Some(conflict.epoch()));
            }
        }
    }
}
