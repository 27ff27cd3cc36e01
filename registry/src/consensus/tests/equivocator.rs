//! A validator that signs whatever could harm: in each view that it hears of it votes for the proposal, for another one that does
//! not exist, to give the view up, and to finalise.

use std::collections::BTreeSet;

use commonware_codec::varint::UInt;
use commonware_consensus::simplex::types::{Finalize, Notarize, Nullify, Proposal, Vote};
use commonware_p2p::utils::mux;
use commonware_p2p::{Receiver, Recipients, Sender};

use crate::consensus::library::{DecodeExt, Digest, Encode, ValidatorKey, Viewable, Votes};

/// Where each of its two votes goes.
pub(super) enum Victims {
    /// Both to everyone, so that everyone sees them.
    All,
    /// One to these, the other to the others.
    Halves(Vec<ValidatorKey>, Vec<ValidatorKey>),
}

fn framed(epoch: u64, vote: &Vote<Votes, Digest>) -> Vec<u8> {
    [&UInt(epoch).encode()[..], &vote.encode()].concat()
}

/// Works until its channel closes.
pub(super) async fn run<
    S: Sender<PublicKey = ValidatorKey>,
    R: Receiver<PublicKey = ValidatorKey>,
>(
    scheme: Votes,
    victims: Victims,
    (mut sender, mut receiver): (S, R),
) {
    let mut views = BTreeSet::new();
    let (some, others) = match victims {
        Victims::All => (Recipients::All, Recipients::All),
        Victims::Halves(some, others) => (Recipients::Some(some), Recipients::Some(others)),
    };
    while let Ok((_, message)) = receiver.recv().await {
        let Ok((epoch, vote)) = mux::parse(message) else {
            continue;
        };
        let Ok(Vote::Notarize(seen)) = Vote::<Votes, Digest>::decode(vote) else {
            continue;
        };
        if !views.insert(seen.view()) {
            continue;
        }
        let other = Digest(blake3::derive_key(
            "dotkey test equivocation",
            &seen.proposal.payload.0,
        ));
        let proposal = Proposal::new(seen.proposal.round, seen.proposal.parent, other);
        let vote = |proposal: &Proposal<Digest>| {
            [
                Notarize::sign(&scheme, proposal.clone()).map(Vote::Notarize),
                Finalize::sign(&scheme, proposal.clone()).map(Vote::Finalize),
            ]
        };
        let give_up = Nullify::sign::<Digest>(&scheme, seen.proposal.round).map(Vote::Nullify);
        for one in vote(&seen.proposal).into_iter().flatten() {
            sender.send(some.clone(), framed(epoch, &one), true);
        }
        for one in vote(&proposal).into_iter().chain([give_up]).flatten() {
            sender.send(others.clone(), framed(epoch, &one), true);
        }
    }
}
