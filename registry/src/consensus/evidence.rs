//! Validators that signed two things where they may sign one: what shows it, and whether it does. Anyone may bring it, in an accusation.

use bytes::Bytes;
use commonware_consensus::Epochable;
use commonware_consensus::simplex::types::{
    Attributable, ConflictingFinalize, ConflictingNotarize, NullifyFinalize,
};
use commonware_cryptography::certificate::Scheme as _;
use rand_core::CryptoRng;

use super::Validator;
use super::committee::committee;
use super::library::{Activity, Digest, Encode, Sequential, Viewable, Votes, decode};

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
pub(super) enum Conflict {
    TwoProposals(ConflictingNotarize<Votes, Digest>),
    TwoFinals(ConflictingFinalize<Votes, Digest>),
    GivenUpAndFinal(NullifyFinalize<Votes, Digest>),
}

impl Conflict {
    pub(super) fn of(activity: Activity) -> Option<Self> {
        match activity {
            Activity::ConflictingNotarize(votes) => Some(Self::TwoProposals(votes)),
            Activity::ConflictingFinalize(votes) => Some(Self::TwoFinals(votes)),
            Activity::NullifyFinalize(votes) => Some(Self::GivenUpAndFinal(votes)),
            _ => None,
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
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

    pub(super) fn verify(&self, rng: &mut impl CryptoRng, votes: &Votes) -> Option<Evidence> {
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

    pub(super) fn epoch(&self) -> u64 {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::consensus::Identity;

    #[test]
    fn who_voted_twice_is_shown_and_with_one_byte_changed_nobody() {
        let secret = |seed: u8| {
            // A voting secret is a number below the order of the group.
            let mut secret = [seed; 32];
            secret[0] = 0;
            secret
        };
        let four = [1, 2, 3, 4].map(|seed| Identity::new(&secret(seed), &secret(seed)));
        let four = four.map(|one| one.expect("secrets"));
        let validators = four.each_ref().map(|one| one.validator(""));
        let network = [7; 32];
        let evidence = contradiction(&network, &validators, &four[2], 5);
        assert_eq!(evidence.validator, validators[2].identity);
        assert_eq!(evidence.epoch, 5);
        let verify = |votes: &[u8]| Evidence::verify(votes, &network, &validators);
        assert_eq!(verify(&evidence.votes).as_ref(), Some(&evidence));
        assert_eq!(
            Evidence::verify(&evidence.votes, &[8; 32], &validators),
            None
        );
        let mut votes = evidence.votes.to_vec();
        for at in 0..votes.len() {
            votes[at] ^= 1;
            assert_eq!(verify(&votes), None, "byte {at}");
            votes[at] ^= 1;
        }
    }

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
