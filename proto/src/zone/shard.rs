//! Shards: data that is spread over several groups of providers, each with one that may write.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::words::{self, words};
use super::{Provider, fields};
use crate::cbor::{CborError, Extension, MapWriter, Reader, Writer};
use crate::limits::{
    COUNT_MAX, ID_BYTES_MAX, RESOURCE_PROVIDERS_MAX, SHARD_KEY_BYTES_MAX, SHARDS_MAX,
};

words! {
    /// How a key finds its shard.
    ShardBy {
        /// By rendezvous hash, in proportion to the weights.
        Hash = 1 "hash",
        /// By the range that the key lies in.
        Range = 2 "range",
    }
}

/// Shards and how a key finds its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSet {
    /// How a key finds its shard.
    pub by: ShardBy,
    /// The shards; by range, in the order of their first keys.
    pub shards: Vec<Shard>,
    /// What the shard key is, in words for the people who write clients.
    pub key: Option<Box<str>>,
    /// What version 1 does not know.
    pub extension: Extension,
}

/// One shard: who may write, and who holds copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// What logs and metrics call it; unique in its set.
    pub id: Box<str>,
    /// Grows with each change of the primary: one with a lower epoch is fenced off.
    pub epoch: u64,
    /// Who may write.
    pub primary: Provider,
    /// Who holds copies.
    pub replicas: Vec<Provider>,
    /// By range: the first key of the shard, which reaches to the next shard's.
    pub start: Option<Box<[u8]>>,
    /// By hash: its share of the keys, 100 when absent.
    pub weight: Option<u16>,
    /// What version 1 does not know.
    pub extension: Extension,
}

impl ShardSet {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("shard set")?;
        Ok(Self {
            by: map.required(1, |r| words::read(r, "shard set kind", ShardBy::ALL))?,
            shards: map.required(2, |r| {
                let len = r.array("shards", 1, SHARDS_MAX)?;
                (0..len)
                    .map(|_| Shard::read(r))
                    .collect::<Result<_, CborError>>()
            })?,
            key: fields::text(&mut map, 3, "shard key", SHARD_KEY_BYTES_MAX)?,
            extension: map.extension()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_number(&mut map, 1, Some(self.by.number()));
        map.set(2, |w| {
            w.array(self.shards.len());
            self.shards.iter().for_each(|shard| shard.write(w));
        });
        fields::set_text(&mut map, 3, self.key.as_deref());
        map.extend(&self.extension).write(writer);
    }
}

impl Shard {
    fn read(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        let mut map = reader.map("shard")?;
        Ok(Self {
            id: map
                .required(1, |r| r.text("shard id", 1, ID_BYTES_MAX))?
                .into(),
            epoch: map.required(2, |r| r.uint_in("epoch", 0, COUNT_MAX))?,
            primary: map.required(3, Provider::read)?,
            replicas: fields::list(
                &mut map,
                4,
                "replicas",
                RESOURCE_PROVIDERS_MAX - 1,
                Provider::read,
            )?,
            start: map
                .optional(5, |r| r.bytes("first key", 0, SHARD_KEY_BYTES_MAX))?
                .map(Box::from),
            weight: fields::number(&mut map, 6, "shard weight", 1, 65_535)?,
            extension: map.extension()?,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_text(&mut map, 1, Some(&self.id));
        fields::set_number(&mut map, 2, Some(self.epoch));
        map.set(3, |w| self.primary.write(w));
        fields::set_list(&mut map, 4, &self.replicas, |w, replica| replica.write(w));
        map.set_some(5, self.start.as_deref(), |w, start| {
            w.bytes(start);
        });
        fields::set_number(&mut map, 6, self.weight);
        map.extend(&self.extension).write(writer);
    }
}
