//! Who holds a name: the ledger's proof, from whichever source has it, checked here.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Bundle, Freshness, Subject, Tenure, VerifiedProof};
use dotkey_proto::time::Timestamp;

use super::{Ask, Resolver, lock};
use crate::error::{ResolveError, Why};
use crate::light::{LightClient, Unproved};
use crate::race::race;
use crate::source::{Origin, Source};

/// Ten seconds: a claim or a hand-over is seen soon after its block, and a busy name costs a source six questions a minute.
const CLAIM_KEPT_SECS: u64 = 10;

/// A bundle has at most 256 handovers; a client that comes back after years walks in several.
const WALKS_MAX: usize = 64;

/// Answers that cross each other on their way are of blocks in another order; the second question is answered with a newer one.
const BEHIND_MAX: usize = 2;

/// Who holds a name, proved.
#[derive(Clone, Debug)]
pub struct Claim {
    /// From when on anybody may claim it, if its holder does not renew it; `None` where nobody holds it.
    pub(crate) free_at: Option<Timestamp>,
    /// What the validators certified.
    pub proof: VerifiedProof,
    /// The same as bytes, with the handovers that led to it, for who wants to check it elsewhere.
    pub bundle: Arc<Bundle>,
    /// Who gave it.
    pub origin: Origin,
    /// When.
    pub fetched_at: Timestamp,
    /// When the sources were asked last, whether or not they answered.
    looked_at: Timestamp,
    stale: bool,
}

impl Claim {
    /// Whether the sources were asked since and none gave a proof that holds.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// The identity that holds it; nobody once anybody may claim it.
    #[must_use]
    pub fn holder(&self, now: Timestamp) -> Option<KeyId> {
        let entry = self.proof.entry()?;
        (now < self.free_at?).then_some(entry.key_id)
    }
}

impl Resolver {
    /// Who holds the name of a label: as it is kept, if it is kept and that is enough, else as the sources prove it now. What is
    /// kept is used when they are all silent, for as long as a proof may be old.
    pub(super) async fn claim(&self, label: &str, ask: Ask) -> Result<Arc<Claim>, ResolveError> {
        let label: Arc<str> = label.into();
        let kept = lock(&self.0.claims).get(&label).cloned();
        let now = self.now();
        if let Some(claim) = &kept
            && !ask.fresh
            && now.secs_since(claim.looked_at) < CLAIM_KEPT_SECS
        {
            return Ok(Arc::clone(claim));
        }
        let key = (Arc::clone(&label), ask.fresh);
        let asked = self.0.claiming.join(key, self.ask_claim(&label)).await;
        match (asked, kept) {
            (Err(_), Some(claim)) if self.freshness().check(claim.proof.time()).is_ok() => {
                // Nobody waits for the silent ones again and again.
                let looked_at = self.now();
                let claim = Arc::new(Claim {
                    looked_at,
                    stale: true,
                    ..(*claim).clone()
                });
                self.keep(&label, &claim);
                Ok(claim)
            }
            (asked, _) => asked,
        }
    }

    async fn ask_claim(&self, label: &Arc<str>) -> Result<Arc<Claim>, ResolveError> {
        let name: Arc<str> = format!("{label}.{}", self.0.suffix.as_ascii()).into();
        let Some(light) = &self.0.light else {
            return Err(ResolveError::NoLedger(name));
        };
        let subject = Subject::Name(label.to_string());
        let as_of = self.0.claims_changed.load(Ordering::SeqCst);
        let asked = self.0.sources.iter().map(|source| {
            let answer = self.ask_one(&**source, light, &subject);
            (source.origin(), answer)
        });
        let height = |one: &(VerifiedProof, Bundle)| one.0.header().height;
        let won = race(asked, |one, other| height(one) > height(other)).await;
        let won = won.map_err(|failures| ResolveError::Unproved {
            name,
            failures: failures.into(),
        })?;
        let (proof, bundle) = won.value;
        let free_at = {
            let light = lock(light);
            let parameters = &light.genesis().parameters;
            let tenure = Tenure::new(proof.entry(), parameters, proof.time(), self.now());
            tenure.ends().map(|(_, free_at)| free_at)
        };
        let claim = Arc::new(Claim {
            free_at,
            proof,
            bundle: Arc::new(bundle),
            origin: won.origin,
            fetched_at: self.now(),
            looked_at: self.now(),
            stale: false,
        });
        if self.0.claims_changed.load(Ordering::SeqCst) == as_of {
            self.keep(label, &claim);
        }
        Ok(claim)
    }

    fn keep(&self, label: &Arc<str>, claim: &Arc<Claim>) {
        // Once as it was read, and once as what it proves.
        let bytes = 2 * claim.bundle.encode().len();
        lock(&self.0.claims).insert(Arc::clone(label), Arc::clone(claim), bytes);
    }

    async fn ask_one(
        &self,
        source: &dyn Source,
        light: &std::sync::Mutex<LightClient>,
        subject: &Subject,
    ) -> Result<(VerifiedProof, Bundle), Why> {
        let (mut walks, mut behind) = (0, 0);
        loop {
            let epoch = lock(light).epoch();
            let bytes = source.proof(subject, epoch).await?.ok_or(Why::None)?;
            let bundle = Bundle::decode(&bytes).map_err(|error| Why::Refused {
                code: error.code(),
                reason: error.to_string(),
            })?;
            let verified = lock(light).verify(&bundle, subject, self.freshness());
            let error = match verified {
                Ok(proof) => return Ok((proof, bundle)),
                Err(Unproved::Further) if walks < WALKS_MAX => {
                    walks += 1;
                    continue;
                }
                Err(Unproved::Further) => {
                    return Err(Why::Refused {
                        code: "other-validators",
                        reason: "its validators change without end".to_owned(),
                    });
                }
                Err(Unproved::Behind(_)) if behind < BEHIND_MAX => {
                    behind += 1;
                    continue;
                }
                Err(Unproved::Behind(error) | Unproved::Invalid(error)) => error,
            };
            return Err(Why::Refused {
                code: error.code(),
                reason: error.to_string(),
            });
        }
    }

    fn freshness(&self) -> Freshness {
        Freshness {
            now: self.now(),
            age_secs_max: self.0.age_secs_max,
        }
    }
}
