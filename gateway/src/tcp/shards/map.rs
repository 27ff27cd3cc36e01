//! Which shard has a key, and which of its providers a connection may go to.
//!
//! Pure. The map is made from one record after the other and keeps, of each shard, what came with the highest epoch: a record
//! with a lower one, however validly signed, brings no old primary back. Laws that the tests hold: each key has exactly
//! one shard; nobody gets traffic that a higher epoch has fenced off; who writes goes to the primary and nowhere else; who
//! only reads goes to a replica, and to the primary when there is no other.

use dotkey_proto::identity::KeyId;
use dotkey_proto::limits::SHARDS_MAX;
use dotkey_proto::zone::{Provider, Shard, ShardSet};
use dotkey_resolver::shard_for;

use super::known::Known;

/// Shards whose epochs are remembered, with those that the record has no more. An owner who makes new ids without end has only his
/// own old ones forgotten.
const REMEMBERED_MAX: usize = 4 * SHARDS_MAX;

/// What a client wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Anything: the primary.
    Write,
    /// Reading only: a replica, if there is one.
    Read,
}

/// The shards of a name, as they are to be used.
#[derive(Clone, Debug)]
pub struct Map {
    /// What the records said last, with each shard's providers as of its highest epoch.
    set: ShardSet,
    known: Known,
}

/// What a new record changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A shard has another primary.
    Replaced {
        /// Which shard.
        shard: Box<str>,
        /// Its epoch from now on.
        epoch: u64,
        /// The id of who was its primary.
        from: Box<str>,
        /// The id of who is.
        to: Box<str>,
    },
    /// The record has a lower epoch than one before it; its providers of this shard are not used.
    FencedOff {
        /// Which shard.
        shard: Box<str>,
        /// The record's epoch.
        epoch: u64,
        /// The highest that was seen.
        highest: u64,
    },
    /// The record has another primary in the same epoch; its providers of this shard are not used.
    EpochNotRaised {
        /// Which shard.
        shard: Box<str>,
        /// The epoch of both.
        epoch: u64,
    },
}

impl Map {
    /// The map of the first record.
    #[must_use]
    pub fn new(owner: KeyId, set: &ShardSet) -> Self {
        let shards = set.shards.iter().map(|it| (it.id.clone(), it.clone()));
        Self {
            set: set.clone(),
            known: Known {
                owner,
                shards: shards.collect(),
            },
        }
    }

    /// The map of the first record after others, of which this is known.
    #[must_use]
    pub fn after(known: Known, owner: KeyId, set: &ShardSet) -> (Self, Vec<Change>) {
        let set = set.clone();
        let mut map = Self { set, known };
        let changes = map.update(owner, &map.set.clone());
        (map, changes)
    }

    /// What the records so far have said.
    #[must_use]
    pub const fn known(&self) -> &Known {
        &self.known
    }

    /// Goes by a newer record from now on, as far as its epochs allow. With another owner everything begins anew.
    pub fn update(&mut self, owner: KeyId, set: &ShardSet) -> Vec<Change> {
        if owner != self.known.owner {
            *self = Self::new(owner, set);
            return Vec::new();
        }
        let mut changes = Vec::new();
        self.set = ShardSet {
            shards: set
                .shards
                .iter()
                .map(|shard| self.judge(shard, &mut changes))
                .collect(),
            ..set.clone()
        };
        self.forget();
        changes
    }

    /// A shard of a new record as it is to be used.
    fn judge(&mut self, shard: &Shard, changes: &mut Vec<Change>) -> Shard {
        let (id, epoch) = (shard.id.clone(), shard.epoch);
        let Some(known) = self.known.shards.get(&shard.id) else {
            self.known.shards.insert(id, shard.clone());
            return shard.clone();
        };
        let is_other = known.primary.id != shard.primary.id;
        let refused = match epoch.cmp(&known.epoch) {
            core::cmp::Ordering::Less => Some(Change::FencedOff {
                shard: id,
                epoch,
                highest: known.epoch,
            }),
            core::cmp::Ordering::Equal if is_other => {
                Some(Change::EpochNotRaised { shard: id, epoch })
            }
            _ => None,
        };
        if let Some(refused) = refused {
            changes.push(refused);
            // Which keys it has is the record's to say, who has them is not.
            return Shard {
                epoch: known.epoch,
                primary: known.primary.clone(),
                replicas: known.replicas.clone(),
                ..shard.clone()
            };
        }
        if is_other {
            changes.push(Change::Replaced {
                shard: shard.id.clone(),
                epoch,
                from: known.primary.id.clone(),
                to: shard.primary.id.clone(),
            });
        }
        assert!(epoch >= known.epoch, "epochs only grow");
        self.known.shards.insert(shard.id.clone(), shard.clone());
        shard.clone()
    }

    fn forget(&mut self) {
        if self.known.shards.len() > REMEMBERED_MAX {
            let is_used = |id: &str| self.set.shards.iter().any(|it| &*it.id == id);
            self.known.shards.retain(|id, _| is_used(id));
        }
    }

    /// The shards, in the record's order.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.set.shards
    }

    /// What the shard key is, in the owner's words.
    #[must_use]
    pub fn key_words(&self) -> Option<&str> {
        self.set.key.as_deref()
    }

    /// The shard that has a key. Without a key it is the only shard; none where there are several.
    #[must_use]
    pub fn shard_of(&self, key: Option<&[u8]>) -> Option<&Shard> {
        match (key, &self.set.shards[..]) {
            (_, [only]) => Some(only),
            (Some(key), _) => shard_for(&self.set, key),
            (None, _) => None,
        }
    }

    /// The shard of this id.
    #[must_use]
    pub fn shard(&self, id: &str) -> Option<&Shard> {
        self.set.shards.iter().find(|it| &*it.id == id)
    }

    /// Whether a connection to this provider, made for this wish, may go on: nothing that matters for reaching it may have changed.
    #[must_use]
    pub fn allows(&self, shard: &str, wish: Wish, provider: &Provider) -> bool {
        let is_it = |other: &Provider| {
            (&other.id, &other.url, &other.pins) == (&provider.id, &provider.url, &provider.pins)
        };
        let replicas = |it: &Shard| wish == Wish::Read && it.replicas.iter().any(is_it);
        self.shard(shard)
            .is_some_and(|it| is_it(&it.primary) || replicas(it))
    }
}

/// Who of a shard may be tried for a wish: in `first` before anybody in `then`.
#[must_use]
pub fn candidates(shard: &Shard, wish: Wish) -> Candidates<'_> {
    match wish {
        Wish::Write => Candidates {
            first: core::slice::from_ref(&shard.primary),
            then: None,
        },
        Wish::Read => Candidates {
            first: &shard.replicas,
            then: Some(&shard.primary),
        },
    }
}

/// Providers by how welcome they are.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    /// In any order.
    pub first: &'a [Provider],
    /// When none of those connects.
    pub then: Option<&'a Provider>,
}

#[cfg(test)]
mod tests;
