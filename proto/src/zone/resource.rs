//! A resource: something at a host and path that requests can be routed to.

use alloc::vec::Vec;

use super::error::{OwnerFault, Part};
use super::words::{self, words};
use super::{Path, Provider, ResourcePolicy, ShardSet, fields};
use crate::cbor::{CborError, Extension, MapWriter, Reader, Writer};
use crate::dns::Owner;
use crate::limits::RESOURCE_PROVIDERS_MAX;

words! {
    /// What a resource is.
    Kind {
        /// What people look at.
        Frontend = 1 "frontend",
        /// What programs talk to.
        Backend = 2 "backend",
        /// Where work is done.
        Compute = 3 "compute",
        /// Where bytes lie.
        Storage = 4 "storage",
        /// Data that is spread over shards.
        Shards = 5 "shards",
    }
}

/// Something at a host and path that requests can be routed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What it is.
    pub kind: Kind,
    /// The host, which may be a wildcard.
    pub host: Owner,
    /// The prefix of the paths that it serves; `/` when absent.
    pub path: Option<Path>,
    /// How requests are spread over its providers.
    pub policy: Option<ResourcePolicy>,
    /// Who serves it.
    pub providers: Vec<Provider>,
    /// Over which shards it is spread, of kind [`Kind::Shards`].
    pub shards: Option<ShardSet>,
    /// The BLAKE3 root of the directory manifest of its content.
    pub content: Option<[u8; 32]>,
    /// What version 1 does not know.
    pub extension: Extension,
}

impl Resource {
    /// One that routes to nothing yet, which no zone takes.
    #[must_use]
    pub fn new(kind: Kind, host: Owner) -> Self {
        Self {
            kind,
            host,
            path: None,
            policy: None,
            providers: Vec::new(),
            shards: None,
            content: None,
            extension: Extension::default(),
        }
    }

    /// The path prefix, the default where there is none.
    #[must_use]
    pub fn path_prefix(&self) -> &str {
        self.path.as_ref().map_or("/", Path::as_str)
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        position: usize,
        fault: &mut OwnerFault,
    ) -> Result<Self, CborError> {
        let mut map = reader.map("resource")?;
        Ok(Self {
            kind: map.required(1, |r| words::read(r, "resource kind", Kind::ALL))?,
            host: map.required(2, |r| fault.read_owner(r, Part::Resource, position))?,
            path: fields::path(&mut map, 3, "path")?,
            policy: map.optional(4, ResourcePolicy::read)?,
            providers: fields::list(
                &mut map,
                5,
                "providers",
                RESOURCE_PROVIDERS_MAX,
                Provider::read,
            )?,
            shards: map.optional(6, ShardSet::read)?,
            content: map.optional(7, |r| r.array_of("content root"))?,
            extension: map.extension()?,
        })
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        fields::set_number(&mut map, 1, Some(self.kind.number()));
        map.set(2, |w| {
            w.bytes(self.host.as_wire());
        });
        fields::set_path(&mut map, 3, self.path.as_ref());
        map.set_some(4, self.policy.as_ref(), |w, policy| policy.write(w));
        fields::set_list(&mut map, 5, &self.providers, |w, provider| {
            provider.write(w)
        });
        map.set_some(6, self.shards.as_ref(), |w, shards| shards.write(w));
        map.set_some(7, self.content, |w, content| {
            w.bytes(&content);
        });
        map.extend(&self.extension).write(writer);
    }
}
