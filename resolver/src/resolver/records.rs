//! What an identity published: its newest record, from whichever source has it, verified here.

use std::sync::Arc;

use dotkey_proto::identity::Anchor;
use dotkey_proto::record::{Record, SignedRecord, Verified};
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::Zone;

use super::{Resolver, lock};
use crate::changes;
use crate::error::{Failure, ResolveError, Why};
use crate::race::race;
use crate::source::{Origin, Source, Wanted};

/// How long a record is used before the sources are asked again, where no push says that it changed.
const RECORD_KEPT_SECS: u64 = 30;

/// A zone's parts and its index take a few times its encoding.
const ZONE_BYTES_FACTOR: usize = 6;

/// A verified record and the zone in it.
#[derive(Clone, Debug)]
pub struct Held {
    /// The record.
    pub record: Verified<Record>,
    /// The zone in its body.
    pub zone: Zone,
    /// Who gave it.
    pub origin: Origin,
    /// When.
    pub fetched_at: Timestamp,
    /// When the sources were asked last, whether or not they answered.
    looked_at: Timestamp,
    stale: bool,
    /// What it was verified against.
    anchor: Option<Anchor>,
}

impl Held {
    /// What came from a source just now.
    pub(super) fn new(read: Read, origin: Origin, now: Timestamp, anchor: Option<Anchor>) -> Self {
        let (record, zone) = read;
        Self {
            record,
            zone,
            origin,
            fetched_at: now,
            looked_at: now,
            stale: false,
            anchor,
        }
    }

    /// Whether the sources were asked since and none gave one that holds.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether it still holds, for who knows as much of its identity as then.
    fn holds(&self, anchor: Option<&Anchor>, now: Timestamp) -> bool {
        self.anchor.as_ref() == anchor
            && (self.record.not_before()..self.record.expires()).contains(&now)
    }
}

impl Resolver {
    /// The newest record of an identity, or of a branch of its zone. What is kept is used for a while, and as long as it is valid
    /// when no source has one that is.
    pub(super) async fn record(
        &self,
        wanted: &Wanted,
        anchor: Option<&Anchor>,
    ) -> Result<Arc<Held>, ResolveError> {
        let place = Wanted {
            fresh: false,
            ..wanted.clone()
        };
        let as_of = changes::of_identity(&wanted.key_id);
        let as_of = self.0.records_changed.last_at(as_of);
        let now = self.now();
        let kept = lock(&self.0.records).get(&place).cloned();
        let kept = kept.filter(|held| held.holds(anchor, now));
        if let Some(held) = &kept
            && !wanted.fresh
            && now.secs_since(held.looked_at) < RECORD_KEPT_SECS
        {
            return Ok(Arc::clone(held));
        }
        // Who asks after a change was told does not wait for what was asked for before.
        let key = (wanted.clone(), anchor.copied(), as_of);
        let asked = self.ask_record(wanted, anchor);
        let asked = self.0.fetching.join(key, asked).await;
        let held = match (asked, kept) {
            // Nobody waits for the silent ones again and again.
            (Err(_), Some(kept)) => Arc::new(Held {
                looked_at: self.now(),
                stale: true,
                ..(*kept).clone()
            }),
            (Err(error), None) => return Err(error),
            (Ok(held), _) => held,
        };
        Ok(self.keep_record(place, held, as_of))
    }

    /// Whether a record is kept that needs not be asked for yet, whatever it was verified against.
    pub(super) fn has_record(&self, place: &Wanted) -> bool {
        let now = self.now();
        let mut records = lock(&self.0.records);
        let kept = records.get(place);
        kept.is_some_and(|held| now.secs_since(held.looked_at) < RECORD_KEPT_SECS)
    }

    /// Keeps what the sources gave, unless a change was told after `as_of`, which it may be older than. Never back behind what was
    /// seen here: of two that hold the newer one is kept, and is the answer.
    pub(super) fn keep_record(&self, place: Wanted, found: Arc<Held>, as_of: u64) -> Arc<Held> {
        let now = self.now();
        let mut records = lock(&self.0.records);
        let kept = records.get(&place);
        let newer = kept.filter(|kept| {
            kept.holds(found.anchor.as_ref(), now) && found.record.cmp_age(&kept.record).is_lt()
        });
        let held = match newer {
            Some(kept) => Arc::new(Held {
                fetched_at: found.fetched_at,
                looked_at: found.looked_at,
                stale: found.stale,
                ..(**kept).clone()
            }),
            None => found,
        };
        let bytes = held.record.as_bytes().len() * ZONE_BYTES_FACTOR;
        // Under the lock: a change is told before what is kept is let go of.
        let at = changes::of_identity(&place.key_id);
        if self.0.records_changed.none_since(as_of, &[at]) {
            records.insert(place, Arc::clone(&held), bytes);
        }
        held
    }

    async fn ask_record(
        &self,
        wanted: &Wanted,
        anchor: Option<&Anchor>,
    ) -> Result<Arc<Held>, ResolveError> {
        let asked = self.0.sources.iter().map(|source| {
            let answer = ask_one(&**source, wanted, anchor, self.now());
            (source.origin(), answer)
        });
        let newer = |one: &Read, other: &Read| one.0.cmp_age(&other.0).is_gt();
        let won =
            race(asked, newer)
                .await
                .map_err(|failures: Vec<Failure>| ResolveError::NoRecord {
                    key_id: wanted.key_id,
                    branch: wanted.branch.clone(),
                    failures: failures.into(),
                })?;
        let held = Held::new(won.value, won.origin, self.now(), anchor.copied());
        Ok(Arc::new(held))
    }
}

/// A record and the zone in it.
pub(super) type Read = (Verified<Record>, Zone);

async fn ask_one(
    source: &dyn Source,
    wanted: &Wanted,
    anchor: Option<&Anchor>,
    now: Timestamp,
) -> Result<Read, Why> {
    let bytes = source.record(wanted).await?.ok_or(Why::None)?;
    read(bytes, wanted, anchor, now)
}

/// Bytes that should be a record, checked.
pub(super) fn read(
    bytes: Vec<u8>,
    wanted: &Wanted,
    anchor: Option<&Anchor>,
    now: Timestamp,
) -> Result<Read, Why> {
    let record = SignedRecord::new(bytes);
    let record = record.verify_for(wanted.key_id, wanted.branch.as_ref(), now, anchor);
    let record = record.map_err(|error| Why::Refused {
        code: error.code(),
        reason: error.to_string(),
    })?;
    let zone = record.zone().map_err(|error| Why::Refused {
        code: error.code(),
        reason: error.to_string(),
    })?;
    Ok((record, zone))
}
