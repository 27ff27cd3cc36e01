//! The rules of section 7.4 for one resource, in the order of that page.

use alloc::vec::Vec;

use super::{
    Kind, Path, Provider, Resource, ResourceError, Shard, ShardBy, ShardSet, Sticky, StickyBy,
    path, url,
};

/// Rules 2 to 8; the host was checked when it was read.
pub(super) fn check(resource: &Resource) -> Result<(), ResourceError> {
    check_paths(resource)?;
    check_target(resource)?;
    check_ids(resource)?;
    for provider in providers(resource) {
        check_url(provider)?;
    }
    for provider in providers(resource) {
        check_pins(provider)?;
    }
    if let Some(set) = &resource.shards {
        check_ranges(set)?;
    }
    let policy = resource.policy.as_ref();
    match policy.and_then(|policy| policy.sticky.as_ref()) {
        Some(sticky) => check_sticky(sticky),
        None => Ok(()),
    }
}

/// Every provider of a resource, those of its shards included.
fn providers(resource: &Resource) -> impl Iterator<Item = &Provider> {
    let shards = resource.shards.iter().flat_map(|set| &set.shards);
    resource.providers.iter().chain(shards.flat_map(members))
}

fn members(shard: &Shard) -> impl Iterator<Item = &Provider> {
    core::iter::once(&shard.primary).chain(&shard.replicas)
}

fn check_paths(resource: &Resource) -> Result<(), ResourceError> {
    let of_policy = resource
        .policy
        .as_ref()
        .and_then(|policy| policy.health.as_ref())
        .and_then(|health| health.path.as_ref());
    let of_providers = providers(resource).filter_map(|provider| provider.health.as_ref());
    let of_resource = resource.path.iter().map(|path| ("path", path));
    let health = of_policy.into_iter().chain(of_providers);
    for (what, path) in of_resource.chain(health.map(|path| ("health path", path))) {
        path::check(path.as_str()).map_err(|error| ResourceError::Path {
            what,
            path: Path::as_str(path).into(),
            error,
        })?;
    }
    Ok(())
}

fn check_target(resource: &Resource) -> Result<(), ResourceError> {
    let others = !resource.providers.is_empty() || resource.content.is_some();
    let why = match (&resource.shards, resource.kind) {
        (None, _) if !others => return Err(ResourceError::NothingToRouteTo),
        (None, Kind::Shards) => "kind `shards` needs a shard set",
        (Some(_), kind) if kind != Kind::Shards => "a shard set needs the kind `shards`",
        (Some(_), _) if others => "a shard set stands alone, without providers or content",
        _ => return Ok(()),
    };
    Err(ResourceError::KindShards { why })
}

fn check_ids(resource: &Resource) -> Result<(), ResourceError> {
    let of_providers = |provider: &Provider| check_id(&provider.id);
    providers(resource).try_for_each(of_providers)?;
    let shards = resource.shards.as_ref().map_or(&[][..], |set| &set.shards);
    shards.iter().try_for_each(|shard| check_id(&shard.id))?;
    check_unique("provider", resource.providers.iter().map(|p| &*p.id))?;
    check_unique("shard", shards.iter().map(|shard| &*shard.id))?;
    for shard in shards {
        check_unique("provider", members(shard).map(|p| &*p.id))?;
    }
    Ok(())
}

fn check_id(id: &str) -> Result<(), ResourceError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if id.bytes().all(allowed) && !id.is_empty() && !id.starts_with('-') && !id.ends_with('-') {
        return Ok(());
    }
    Err(ResourceError::ProviderId { id: id.into() })
}

fn check_unique<'a>(
    what: &'static str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<(), ResourceError> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    match ids.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let id = pair[0].into();
            Err(ResourceError::DuplicateId { what, id })
        }
        None => Ok(()),
    }
}

fn check_url(provider: &Provider) -> Result<(), ResourceError> {
    let checked = url::parts(provider.url.as_str());
    checked.map(|_| ()).map_err(|error| ResourceError::Url {
        provider: provider.id.clone(),
        url: provider.url.as_str().into(),
        error,
    })
}

fn check_pins(provider: &Provider) -> Result<(), ResourceError> {
    if provider.pins.is_sorted_by(|left, right| left < right) {
        return Ok(());
    }
    let provider = provider.id.clone();
    Err(ResourceError::PinOrder { provider })
}

fn check_ranges(set: &ShardSet) -> Result<(), ResourceError> {
    let mut before: Option<&[u8]> = None;
    for shard in &set.shards {
        let start = shard.start.as_deref();
        let why = match (set.by, start, before) {
            (ShardBy::Hash, Some(_), _) => "shards by hash have no first key",
            (ShardBy::Hash, None, _) => continue,
            (ShardBy::Range, None, _) => "each shard by range needs its first key",
            (ShardBy::Range, Some(_), _) if shard.weight.is_some() => {
                "shards by range have no weight"
            }
            (ShardBy::Range, Some([_, ..]), None) => {
                "the first shard begins at the empty key, so that every key has a shard"
            }
            (ShardBy::Range, Some(start), Some(before)) if before >= start => {
                "its first key is not above that of the shard before it"
            }
            _ => {
                before = start;
                continue;
            }
        };
        let shard = shard.id.clone();
        return Err(ResourceError::ShardRange { shard, why });
    }
    Ok(())
}

fn check_sticky(sticky: &Sticky) -> Result<(), ResourceError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let why = match (sticky.by, sticky.name.as_deref()) {
        (StickyBy::Address, None) => return Ok(()),
        (StickyBy::Address, Some(_)) => "sticky by client address has no name",
        (_, None) => "sticky by cookie or header needs its name",
        (_, Some(name)) if name.bytes().all(allowed) => return Ok(()),
        _ => "a cookie's or header's name has only letters, digits, hyphens and underscores",
    };
    Err(ResourceError::StickyName { why })
}
