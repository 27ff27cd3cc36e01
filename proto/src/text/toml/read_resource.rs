//! Reading a zone file: its resources.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::section::{Read, Section, bad_value};
use super::values;
use crate::dns::Owner;
use crate::limits::{
    COUNT_MAX, ID_BYTES_MAX, REGION_BYTES_MAX, SHARD_KEY_BYTES_MAX, STICKY_NAME_BYTES_MAX,
};
use crate::zone::{
    Balance, HealthCheck, Hedge, Kind, Path, Pins, Protocol, Provider, Resource, ResourcePolicy,
    Shard, ShardBy, ShardSet, Sticky, StickyBy, Timeouts, Url,
};

pub(super) fn resource(mut section: Section<'_>) -> Read<Resource> {
    let kind = section.word("kind", Kind::ALL, Kind::word)?;
    let kind = section.need("kind", kind, "what it is, such as `kind = \"frontend\"`")?;
    let host = section.typed("host", str::parse::<Owner>)?;
    let host = section.need(
        "host",
        host,
        "the name it answers for, `host = \"www\"`, or \"@\"",
    )?;
    let path = section.parsed("path", Path::parse)?;
    let policy = section.table("policy", "policy")?.map(policy).transpose()?;
    let providers = section.tables("provider", "provider")?;
    let providers = providers.into_iter().map(provider).collect::<Read<_>>()?;
    let shards = section
        .table("shards", "shard set")?
        .map(shard_set)
        .transpose()?;
    let content = section.parsed("content", values::read_content)?;
    let extension = section.extension(7)?;
    section.finish()?;
    Ok(Resource {
        kind,
        host,
        path,
        policy,
        providers,
        shards,
        content,
        extension,
    })
}

/// A number that the section has checked to be within `T`.
fn fit<T: TryFrom<u64>>(number: Option<u64>) -> Option<T> {
    number.and_then(|number| T::try_from(number).ok())
}

fn boxed(text: Option<super::section::At<String>>) -> Option<Box<str>> {
    text.map(|text| text.value.into_boxed_str())
}

fn policy(mut section: Section<'_>) -> Read<ResourcePolicy> {
    let policy = ResourcePolicy {
        balance: section.word("balance", Balance::ALL, Balance::word)?,
        hedge: section.table("hedge", "hedge")?.map(hedge).transpose()?,
        retry_percent: fit(section.percent("retry")?),
        timeouts: section
            .table("timeouts", "timeouts table")?
            .map(timeouts)
            .transpose()?,
        health: section
            .table("health", "health check")?
            .map(health)
            .transpose()?,
        sticky: section
            .table("sticky", "sticky table")?
            .map(sticky)
            .transpose()?,
        regions: regions(&mut section)?,
        least_healthy: fit(section.number("least-healthy", 1, 64)?),
        pins: section.word("pins", Pins::ALL, Pins::word)?,
        extension: section.extension(9)?,
    };
    section.finish()?;
    Ok(policy)
}

fn regions(section: &mut Section<'_>) -> Read<Vec<Box<str>>> {
    let mut regions = Vec::new();
    for region in section.texts("regions")?.unwrap_or_default() {
        if !(1..=REGION_BYTES_MAX).contains(&region.value.len()) {
            let problem = alloc::format!("a region has 1 to {REGION_BYTES_MAX} bytes");
            return Err(bad_value(region.span, "regions", problem));
        }
        regions.push(region.value.into_boxed_str());
    }
    Ok(regions)
}

fn hedge(mut section: Section<'_>) -> Read<Hedge> {
    let hedge = Hedge {
        after_ms: fit(section.time("after", 0, 60_000)?),
        percent: fit(section.percent("percent")?),
        extension: section.extension(2)?,
    };
    section.finish()?;
    Ok(hedge)
}

fn timeouts(mut section: Section<'_>) -> Read<Timeouts> {
    let timeouts = Timeouts {
        connect_ms: fit(section.time("connect", 1, 600_000)?),
        first_byte_ms: fit(section.time("first-byte", 1, 600_000)?),
        whole_ms: fit(section.time("whole", 1, 86_400_000)?),
        extension: section.extension(3)?,
    };
    section.finish()?;
    Ok(timeouts)
}

fn health(mut section: Section<'_>) -> Read<HealthCheck> {
    let health = HealthCheck {
        path: section.parsed("path", Path::parse)?,
        interval_ms: fit(section.time("interval", 100, 3_600_000)?),
        timeout_ms: fit(section.time("timeout", 1, 600_000)?),
        rise: fit(section.number("rise", 1, 100)?),
        fall: fit(section.number("fall", 1, 100)?),
        extension: section.extension(5)?,
    };
    section.finish()?;
    Ok(health)
}

fn sticky(mut section: Section<'_>) -> Read<Sticky> {
    let by = section.word("by", StickyBy::ALL, StickyBy::word)?;
    let sticky = Sticky {
        by: section.need("by", by, "`by = \"address\"`, \"cookie\" or \"header\"")?,
        name: boxed(section.text("name", STICKY_NAME_BYTES_MAX)?),
        extension: section.extension(2)?,
    };
    section.finish()?;
    Ok(sticky)
}

fn id(section: &mut Section<'_>) -> Read<Box<str>> {
    let id = boxed(section.text("id", ID_BYTES_MAX)?);
    section.need(
        "id",
        id,
        "what logs and metrics call it, such as `id = \"fra-1\"`",
    )
}

fn provider(mut section: Section<'_>) -> Read<Provider> {
    let id = id(&mut section)?;
    let url = section.parsed("url", Url::parse)?;
    let url = section.need(
        "url",
        url,
        "its address, such as `url = \"https://a.example.net\"`",
    )?;
    let mut pins = Vec::new();
    for pin in section.texts("pin")?.unwrap_or_default() {
        let read = values::read_pin(&pin.value);
        pins.push(read.map_err(|problem| bad_value(pin.span, "pin", problem.into()))?);
    }
    let provider = Provider {
        id,
        url,
        protocol: section.word("protocol", Protocol::ALL, Protocol::word)?,
        region: boxed(section.text("region", REGION_BYTES_MAX)?),
        weight: fit(section.number("weight", 1, 65_535)?),
        priority: fit(section.number("priority", 0, 65_535)?),
        pins,
        health: section.parsed("health", Path::parse)?,
        extension: section.extension(8)?,
    };
    section.finish()?;
    Ok(provider)
}

fn shard_set(mut section: Section<'_>) -> Read<ShardSet> {
    let by = section.word("by", ShardBy::ALL, ShardBy::word)?;
    let by = section.need("by", by, "`by = \"hash\"` or `by = \"range\"`")?;
    let shards = section.tables("shard", "shard")?;
    let set = ShardSet {
        by,
        shards: shards.into_iter().map(shard).collect::<Read<_>>()?,
        key: boxed(section.text("key", SHARD_KEY_BYTES_MAX)?),
        extension: section.extension(3)?,
    };
    section.finish()?;
    Ok(set)
}

fn shard(mut section: Section<'_>) -> Read<Shard> {
    let id = id(&mut section)?;
    let epoch = section.number("epoch", 0, COUNT_MAX)?;
    let epoch = section.need(
        "epoch",
        epoch,
        "`epoch = 1`, and one more with each new primary",
    )?;
    let primary = section.table("primary", "provider")?;
    let primary = section.need("primary", primary, "the provider that may write")?;
    let replicas = section.tables("replica", "provider")?;
    let shard = Shard {
        id,
        epoch,
        primary: provider(primary)?,
        replicas: replicas.into_iter().map(provider).collect::<Read<_>>()?,
        start: section
            .parsed("start", values::read_start)?
            .map(Vec::into_boxed_slice),
        weight: fit(section.number("weight", 1, 65_535)?),
        extension: section.extension(6)?,
    };
    section.finish()?;
    Ok(shard)
}
