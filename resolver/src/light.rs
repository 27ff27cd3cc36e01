//! A light client: believes the genesis of a network, and from there on only what its validators have certified.
//!
//! This module owns what is known of the validators and how a bundle moves it on. It promises never to go back: what is older
//! than what was verified here before is refused. It is pure; keeping what is known on disk, and asking again, is for who uses it.

use dotkey_proto::ledger::{
    Bundle, BundleError, Freshness, Genesis, ProofError, Subject, Trusted, VerifiedProof, WalkError,
};

/// What a light client knows.
#[derive(Clone, Debug)]
pub struct LightClient {
    genesis: Genesis,
    trusted: Trusted,
}

/// What a bundle did not show.
#[derive(Clone, Debug)]
pub enum Unproved {
    /// It is of a time before what was seen already: its node lags, or hides what came since.
    Behind(BundleError),
    /// It has not all the handovers up to its proof, but brought the client on.
    Further,
    /// It is not valid.
    Invalid(BundleError),
}

impl LightClient {
    /// Begins with the genesis of a network.
    #[must_use]
    pub fn new(genesis: Genesis) -> Self {
        let trusted = genesis.trusted();
        Self { genesis, trusted }
    }

    /// Goes on from what was verified before; nothing where that is another network's.
    #[must_use]
    pub fn resume(genesis: Genesis, trusted: Trusted) -> Option<Self> {
        (trusted.network == genesis.network()).then_some(Self { genesis, trusted })
    }

    /// The network that it believes.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// What it knows of the validators now: to be kept, so that the next walk begins there.
    #[must_use]
    pub fn trusted(&self) -> &Trusted {
        &self.trusted
    }

    /// From which epoch on handovers are needed.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.trusted.epoch
    }

    /// What a bundle proves; its record is not looked at. What is known of the validators only ever gets newer.
    ///
    /// # Errors
    /// What it did not show.
    pub fn verify(
        &mut self,
        bundle: &Bundle,
        subject: &Subject,
        freshness: Freshness,
    ) -> Result<VerifiedProof, Unproved> {
        let mut walked = self.trusted.clone();
        let mut steps = 0;
        for (handover, number) in bundle.handovers.iter().zip(1..) {
            // A bundle that begins at the genesis goes through what is known already.
            if handover.header.epoch < walked.epoch {
                continue;
            }
            let next = walked.follow(handover);
            walked = next.map_err(|error| sort(BundleError::Handover { number, error }))?;
            steps += 1;
        }
        let proved = bundle.proof.verify(subject, &walked, freshness);
        match proved {
            Ok(proof) => {
                let header = proof.header();
                (walked.epoch, walked.since) = (header.epoch, header.time);
                self.trusted = walked;
                Ok(proof)
            }
            Err(ProofError::Walk(WalkError::OtherValidators { .. })) if steps > 0 => {
                self.trusted = walked;
                Err(Unproved::Further)
            }
            Err(error) => Err(sort(error.into())),
        }
    }
}

fn sort(error: BundleError) -> Unproved {
    match error {
        BundleError::Handover {
            error: WalkError::Backwards { .. } | WalkError::EpochPassed { .. },
            ..
        }
        | BundleError::Proof(ProofError::Walk(
            WalkError::Backwards { .. } | WalkError::EpochPassed { .. },
        )) => Unproved::Behind(error),
        error => Unproved::Invalid(error),
    }
}
