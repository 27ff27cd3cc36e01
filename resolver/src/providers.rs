//! Which provider first, and which shard has a key: pure choices from what a zone says.

use core::cmp::Reverse;

use dotkey_proto::zone::{Provider, Resource, Shard, ShardBy, ShardSet};

/// A provider and its place among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranked<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// Whether it is in the region that was asked for, or in the first of the owner's regions that has any.
    pub near: bool,
}

/// Whether requests for `path` belong to the resource with this prefix: it is the whole path, or ends where a segment does.
pub(crate) fn covers(prefix: &str, path: &str) -> bool {
    let Some(rest) = path.strip_prefix(prefix) else {
        return false;
    };
    prefix.ends_with('/') || rest.is_empty() || rest.starts_with(['/', '?'])
}

/// The providers of a resource, the best first; those of its shards' primaries where it has shards.
pub(crate) fn rank<'a>(resource: &'a Resource, region: Option<&str>) -> Vec<Ranked<'a>> {
    let shards = resource.shards.iter().flat_map(|set| &set.shards);
    let primaries = shards.map(|shard| &shard.primary);
    let all: Vec<&Provider> = resource.providers.iter().chain(primaries).collect();
    let preferred = resource.policy.iter().flat_map(|policy| &policy.regions);
    let wanted = region
        .into_iter()
        .chain(preferred.map(AsRef::as_ref))
        .find(|wanted| all.iter().any(|one| one.region.as_deref() == Some(wanted)));
    let near = |provider: &Provider| wanted.is_some() && provider.region.as_deref() == wanted;
    let mut ranked: Vec<Ranked<'a>> = all
        .into_iter()
        .map(|provider| Ranked {
            provider,
            near: near(provider),
        })
        .collect();
    ranked.sort_by_key(|one| {
        let provider = one.provider;
        (
            provider.priority.unwrap_or(Provider::PRIORITY_DEFAULT),
            Reverse(one.near),
            Reverse(provider.weight.unwrap_or(Provider::WEIGHT_DEFAULT)),
        )
    });
    ranked
}

/// The shard of a set that has `key`.
#[must_use]
pub fn shard_for<'a>(set: &'a ShardSet, key: &[u8]) -> Option<&'a Shard> {
    match set.by {
        ShardBy::Range => {
            let begins = |shard: &Shard| shard.start.as_deref().unwrap_or_default() <= key;
            let after = set.shards.partition_point(begins);
            set.shards.get(after.checked_sub(1)?)
        }
        ShardBy::Hash => set.shards.iter().max_by(|one, other| {
            let (one, other) = (score(one, key), score(other, key));
            one.total_cmp(&other)
        }),
    }
}

/// Weighted rendezvous: of shards with a weight `w` and a uniform `u`, the one with the highest `w / -ln(u)` has the key. When a
/// shard comes or goes only its own keys move, and each gets keys in proportion to its weight.
fn score(shard: &Shard, key: &[u8]) -> f64 {
    const WEIGHT_DEFAULT: u16 = 100;
    // The id is of fixed characters without a zero byte, so no other pair has the same bytes.
    let hash = blake3::Hasher::new_derive_key("dotkey shard v1")
        .update(shard.id.as_bytes())
        .update(&[0])
        .update(key)
        .finalize();
    let (head, _) = hash
        .as_bytes()
        .split_first_chunk()
        .expect("32 bytes have 8");
    // 53 bits, the middle of their interval: never 0 and never 1.
    let uniform = ((u64::from_be_bytes(*head) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    f64::from(shard.weight.unwrap_or(WEIGHT_DEFAULT)) / -uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dotkey_proto::zone::{Kind, Url};
    use std::collections::HashMap;

    fn provider(id: &str, region: &str, priority: u16, weight: u16) -> Provider {
        let url: Url = format!("https://{id}.example.net").parse().expect("a URL");
        let mut provider = Provider::new(id, url);
        provider.region = Some(region.into());
        (provider.priority, provider.weight) = (Some(priority), Some(weight));
        provider
    }

    fn shard(id: &str, weight: Option<u16>, start: Option<&[u8]>) -> Shard {
        Shard {
            id: id.into(),
            epoch: 1,
            primary: provider(id, "eu", 0, 100),
            replicas: Vec::new(),
            start: start.map(Box::from),
            weight,
            extension: Default::default(),
        }
    }

    #[test]
    fn providers_rank_by_priority_then_region_then_weight() {
        let mut resource = Resource::new(Kind::Frontend, dotkey_proto::dns::Owner::apex());
        resource.providers = vec![
            provider("spare", "eu", 1, 900),
            provider("small-us", "us", 0, 10),
            provider("big-us", "us", 0, 90),
            provider("eu", "eu", 0, 1),
        ];
        let check = |region, expected: &[&str]| {
            let ranked = rank(&resource, region);
            let ids: Vec<&str> = ranked.iter().map(|one| &*one.provider.id).collect();
            assert_eq!(ids, expected, "{region:?}");
        };
        check(None, &["big-us", "small-us", "eu", "spare"]);
        check(Some("eu"), &["eu", "big-us", "small-us", "spare"]);
        check(Some("asia"), &["big-us", "small-us", "eu", "spare"]);
    }

    #[test]
    fn prefixes_end_where_segments_do() {
        for (prefix, path, expected) in [
            ("/", "/", true),
            ("/", "/x", true),
            ("/api", "/api", true),
            ("/api", "/api/v1", true),
            ("/api", "/api?q", true),
            ("/api", "/apiary", false),
            ("/api/", "/api", false),
        ] {
            assert_eq!(covers(prefix, path), expected, "{prefix} {path}");
        }
    }

    #[test]
    fn a_key_by_range_is_in_the_shard_that_begins_before_it() {
        let set = ShardSet {
            by: ShardBy::Range,
            shards: vec![
                shard("a", None, Some(b"")),
                shard("m", None, Some(b"m")),
                shard("t", None, Some(b"t")),
            ],
            key: None,
            extension: Default::default(),
        };
        for (key, expected) in [("", "a"), ("lzz", "a"), ("m", "m"), ("s", "m"), ("z", "t")] {
            let found = shard_for(&set, key.as_bytes()).expect("a shard");
            assert_eq!(&*found.id, expected, "{key}");
        }
    }

    #[test]
    fn keys_by_hash_follow_the_weights_and_only_a_lost_shards_keys_move() {
        let mut set = ShardSet {
            by: ShardBy::Hash,
            shards: vec![
                shard("a", Some(100), None),
                shard("b", Some(100), None),
                shard("c", Some(200), None),
            ],
            key: None,
            extension: Default::default(),
        };
        let keys: Vec<[u8; 4]> = (0_u32..4000).map(u32::to_be_bytes).collect();
        let place =
            |set: &ShardSet, key: &[u8]| shard_for(set, key).expect("a shard").id.to_string();
        let before: Vec<String> = keys.iter().map(|key| place(&set, key)).collect();
        let mut counts = HashMap::new();
        before
            .iter()
            .for_each(|id| *counts.entry(id.clone()).or_insert(0) += 1);
        assert!((1_800..2_200).contains(&counts["c"]), "{counts:?}");
        assert!((850..1_150).contains(&counts["a"]), "{counts:?}");
        set.shards.remove(0);
        for (key, before) in keys.iter().zip(&before) {
            let after = place(&set, key);
            assert!(before == "a" || after == *before, "{before} became {after}");
        }
    }
}
