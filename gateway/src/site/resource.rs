//! The resources of a name, each with what requests for it are carried by.

use std::sync::Arc;

use dotkey_proto::dns::RecordType;
use dotkey_proto::limits::CNAME_CHAIN_MAX;
use dotkey_proto::zone::{Kind, Resource};
use dotkey_resolver::{Ask, Lookup, Resolution, ResolveError, Resolver};

use crate::carry::{Served, watch_over};

/// No data has this type: a zone asked for it answers with where its aliases lead.
const RESOURCES: RecordType = RecordType(0);

/// A resource of a name.
#[derive(Clone)]
pub struct Entry {
    /// The prefix of the paths that it serves.
    pub prefix: Box<str>,
    /// What it is.
    pub kind: Kind,
    /// By what its requests are carried.
    pub target: Target,
}

/// By what requests for a resource are carried.
#[derive(Clone)]
pub enum Target {
    /// Its providers.
    Providers(Arc<Served>),
    /// A shard set is for TCP.
    Shards,
    /// Verified content has a place here when a later version serves it.
    Content,
}

impl Entry {
    /// Whether requests for `path` belong to it: its prefix is the whole path, or ends where a segment does.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(&*self.prefix) else {
            return false;
        };
        self.prefix.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?'])
    }
}

/// What a name leads to, through aliases that stay under our suffix.
pub(super) async fn resolve(resolver: &Resolver, name: &str) -> Result<Resolution, ResolveError> {
    let mut resolution = resolver.resolve(name).await?;
    for _ in 0..CNAME_CHAIN_MAX {
        let Lookup::Alias(target) = resolution.lookup(RESOURCES)? else {
            break;
        };
        if resolver.relative(&target).is_none() {
            break; // An ordinary name: whoever serves it is no provider of ours.
        }
        resolution = resolver.resolve_wire(&target, Ask::default()).await?;
    }
    Ok(resolution)
}

/// The resources of a name. What was there before and stays keeps its pool.
pub(super) fn entries(
    resolution: &Resolution,
    before: &[Entry],
    region: Option<&str>,
    private: bool,
    mut seed: impl FnMut() -> u64,
) -> Vec<Entry> {
    let mut entry = |resource: &Resource| {
        let prefix: Box<str> = resource.path_prefix().into();
        let target = if resource.kind == Kind::Shards {
            Target::Shards
        } else if resource.providers.is_empty() {
            Target::Content
        } else {
            let known = before.iter().find(|known| known.prefix == prefix);
            Target::Providers(match known.map(|known| &known.target) {
                Some(Target::Providers(served)) => {
                    served.update(resource);
                    served.clone()
                }
                _ => served(resource, region, private, seed()),
            })
        };
        Entry {
            prefix,
            kind: resource.kind,
            target,
        }
    };
    resolution.resources().into_iter().map(&mut entry).collect()
}

fn served(resource: &Resource, region: Option<&str>, private: bool, seed: u64) -> Arc<Served> {
    let served = Arc::new(Served::new(resource, region, private, seed));
    tokio::spawn(watch_over(Arc::downgrade(&served)));
    served
}
