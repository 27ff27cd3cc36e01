//! Who holds a name: the ledger's proof, from whichever source has it, checked here. What the holder published comes with it from
//! sources that can give both at once: `records` keeps it then, and need not ask.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use dotkey_proto::identity::{Anchor, KeyId};
use dotkey_proto::ledger::{Bundle, Freshness, Subject, Tenure, VerifiedProof};
use dotkey_proto::time::Timestamp;

use super::records::{Held, Read, read};
use super::{Ask, Resolver, lock};
use crate::error::{ResolveError, Why};
use crate::light::{LightClient, Unproved};
use crate::race::{Won, gather};
use crate::source::{Origin, Source, Wanted};

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
        let as_of = self.0.claims_changed.load(Ordering::SeqCst);
        let kept = lock(&self.0.claims).get(&label).cloned();
        let now = self.now();
        if let Some(claim) = &kept
            && !ask.fresh
            && now.secs_since(claim.looked_at) < CLAIM_KEPT_SECS
        {
            return Ok(Arc::clone(claim));
        }
        // Who asks after a change was told does not wait for what was asked for before.
        let key = (Arc::clone(&label), ask.fresh, as_of);
        // Who wants the record from everybody who should have it asks for it by itself.
        let holder = kept.as_ref().and_then(|claim| claim.holder(now));
        let has_record = holder.is_some_and(|key_id| self.has_record(&Wanted::whole(key_id)));
        let asked = self.ask_claim(&label, !ask.fresh && !has_record, as_of);
        let asked = self.0.claiming.join(key, asked).await;
        match (asked, kept) {
            (Err(_), Some(claim)) if self.freshness().check(claim.proof.time()).is_ok() => {
                // Nobody waits for the silent ones again and again.
                let looked_at = self.now();
                let claim = Arc::new(Claim {
                    looked_at,
                    stale: true,
                    ..(*claim).clone()
                });
                self.keep(&label, &claim, as_of);
                Ok(claim)
            }
            (asked, _) => asked,
        }
    }

    async fn ask_claim(
        &self,
        label: &Arc<str>,
        with_record: bool,
        as_of: u64,
    ) -> Result<Arc<Claim>, ResolveError> {
        let name: Arc<str> = format!("{label}.{}", self.0.suffix.as_ascii()).into();
        let Some(light) = &self.0.light else {
            return Err(ResolveError::NoLedger(name));
        };
        let subject = Subject::Name(label.to_string());
        let records_as_of = self.0.records_changed.now();
        let spare = Spare::default();
        let asked = self.0.sources.iter().map(|source| {
            let beside = with_record.then_some(&spare);
            let answer = self.ask_one(&**source, light, &subject, beside);
            (source.origin(), answer)
        });
        let shown = gather(asked, |one| one.is_whole).await;
        let shown = shown.map_err(|failures| ResolveError::Unproved {
            name,
            failures: failures.into(),
        })?;
        let (won, mut records) = best(shown);
        let now = self.now();
        if let Some(wanted) = won.value.wanted() {
            let anchor = won.value.anchor;
            let spare = core::mem::take(&mut *lock(&spare));
            records.extend(spare.into_iter().filter_map(|one| {
                let value = read(one.value, &wanted, anchor.as_ref(), now).ok()?;
                let origin = one.origin;
                Some(Won { value, origin })
            }));
            if let Some(newest) = newest(records) {
                let held = Held::new(newest.value, newest.origin, now, anchor);
                self.keep_record(wanted, Arc::new(held), records_as_of);
            }
        }
        let claim = Arc::new(Claim {
            free_at: won.value.free_at,
            proof: won.value.proof,
            bundle: Arc::new(won.value.bundle),
            origin: won.origin,
            fetched_at: now,
            looked_at: now,
            stale: false,
        });
        self.keep(label, &claim, as_of);
        Ok(claim)
    }

    /// Keeps a claim, unless a change was told after `as_of`, which it may be older than.
    fn keep(&self, label: &Arc<str>, claim: &Arc<Claim>, as_of: u64) {
        // Once as it was read, and once as what it proves.
        let bytes = 2 * claim.bundle.encode().len();
        let mut claims = lock(&self.0.claims);
        // Under the lock: a change is told before what is kept is let go of.
        if self.0.claims_changed.load(Ordering::SeqCst) == as_of {
            claims.insert(Arc::clone(label), Arc::clone(claim), bytes);
        }
    }

    /// What one source proves. Where there is a place for spare records, one is asked for together with the proof.
    async fn ask_one(
        &self,
        source: &dyn Source,
        light: &Mutex<LightClient>,
        subject: &Subject,
        spare: Option<&Spare>,
    ) -> Result<Shown, Why> {
        let (mut walks, mut behind) = (0, 0);
        loop {
            let epoch = lock(light).epoch();
            let together = spare.and_then(|_| source.proof_with_record(subject, epoch));
            let is_together = together.is_some();
            let answer = together.unwrap_or_else(|| source.proof(subject, epoch));
            let bytes = answer.await?.ok_or(Why::None)?;
            let mut bundle = Bundle::decode(&bytes).map_err(|error| Why::Refused {
                code: error.code(),
                reason: error.to_string(),
            })?;
            let verified = lock(light).verify(&bundle, subject, self.freshness());
            let error = match verified {
                Ok(proof) => return Ok(self.shown(light, proof, bundle, is_together)),
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
                Err(Unproved::Behind(error)) => {
                    let record = bundle.record.take().filter(|_| is_together);
                    if let Some((value, spare)) = record.zip(spare) {
                        let origin = source.origin();
                        lock(spare).push(Won { value, origin });
                    }
                    if behind < BEHIND_MAX {
                        behind += 1;
                        continue;
                    }
                    error
                }
                Err(Unproved::Invalid(error)) => error,
            };
            return Err(Why::Refused {
                code: error.code(),
                reason: error.to_string(),
            });
        }
    }

    /// What a proof shows, and the record that came with it, where that is the holder's and holds. One that is refused is as good as
    /// none: the proof is not the worse for it, and the record is asked for by itself.
    fn shown(
        &self,
        light: &Mutex<LightClient>,
        proof: VerifiedProof,
        mut bundle: Bundle,
        is_together: bool,
    ) -> Shown {
        let now = self.now();
        let tenure = {
            let light = lock(light);
            let parameters = &light.genesis().parameters;
            Tenure::new(proof.entry(), parameters, proof.time(), now)
        };
        let record = bundle.record.take();
        let mut shown = Shown {
            free_at: tenure.ends().map(|(_, free_at)| free_at),
            holder: tenure.holder(),
            anchor: proof.anchor(),
            record: None,
            is_whole: true,
            proof,
            bundle,
        };
        if let Some(wanted) = shown.wanted().filter(|_| is_together) {
            let record = record.map(|bytes| read(bytes, &wanted, shown.anchor.as_ref(), now));
            shown.record = record.and_then(Result::ok);
            shown.is_whole = shown.record.is_some();
        }
        shown
    }

    fn freshness(&self) -> Freshness {
        Freshness {
            now: self.now(),
            age_secs_max: self.0.age_secs_max,
        }
    }
}

/// Records that came with proofs which are older than one that is known here. They may be newer than what others have all the same: a
/// node may lag in the one and not in the other.
type Spare = Mutex<Vec<Won<Vec<u8>>>>;

/// What one source showed of a name.
struct Shown {
    free_at: Option<Timestamp>,
    holder: Option<KeyId>,
    /// What the holder's record is verified against.
    anchor: Option<Anchor>,
    proof: VerifiedProof,
    bundle: Bundle,
    /// What the holder published, where it came with the proof.
    record: Option<Read>,
    /// Whether it gave all that it was asked for at once.
    is_whole: bool,
}

impl Shown {
    /// The record that the name leads to; none where nobody holds it.
    fn wanted(&self) -> Option<Wanted> {
        self.holder.map(Wanted::whole)
    }

    /// Whether a record that was verified by the one holds by the other.
    fn agrees(&self, other: &Self) -> bool {
        (self.holder, self.anchor) == (other.holder, other.anchor)
    }
}

/// The proof of the highest block, and the records that hold by it, whoever gave them.
fn best(mut shown: Vec<Won<Shown>>) -> (Won<Shown>, Vec<Won<Read>>) {
    let height = |at: usize| shown[at].value.proof.header().height;
    let at = (0..shown.len()).reduce(|best, one| match height(one) > height(best) {
        true => one,
        false => best,
    });
    let mut won = shown.swap_remove(at.expect("somebody answered"));
    let own = won.value.record.take();
    let own = own.map(|record| (record, won.origin.clone()));
    let agreeing = shown
        .into_iter()
        .filter(|one| one.value.agrees(&won.value))
        .filter_map(|one| Some((one.value.record?, one.origin)));
    let records = own.into_iter().chain(agreeing);
    let records = records.map(|(value, origin)| Won { value, origin });
    let records = records.collect();
    (won, records)
}

fn newest(records: Vec<Won<Read>>) -> Option<Won<Read>> {
    let is_newer = |one: &Won<Read>, other: &Won<Read>| one.value.0.cmp_age(&other.value.0).is_gt();
    let records = records.into_iter();
    records.reduce(|newest, one| match is_newer(&one, &newest) {
        true => one,
        false => newest,
    })
}
