//! Writing the resources of a zone file. Values stand before tables, as TOML asks for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::values;
use super::write::{Lines, quote, show_extension};
use crate::cbor::Extension;
use crate::zone::{
    HealthCheck, Hedge, Path, Provider, Resource, ResourcePolicy, Shard, ShardSet, Sticky, Timeouts,
};

pub(super) fn resource(out: &mut Lines, resource: &Resource) {
    out.header("[[resource]]");
    out.text("kind", Some(resource.kind.word()));
    out.text("host", Some(&resource.host.to_string()));
    out.text("path", resource.path.as_ref().map(Path::as_str));
    out.text(
        "content",
        resource
            .content
            .as_ref()
            .map(values::show_content)
            .as_deref(),
    );
    out.extension(&resource.extension);
    if let Some(found) = &resource.policy {
        policy(out, found);
    }
    for one in &resource.providers {
        provider(out, "[[resource.provider]]", one);
    }
    if let Some(set) = &resource.shards {
        shard_set(out, set);
    }
}

fn policy(out: &mut Lines, policy: &ResourcePolicy) {
    out.header("[resource.policy]");
    out.text("balance", policy.balance.map(|balance| balance.word()));
    out.plain("hedge", policy.hedge.as_ref().map(hedge));
    out.plain("retry", policy.retry_percent.map(percent));
    out.plain("timeouts", policy.timeouts.as_ref().map(timeouts));
    out.plain("health", policy.health.as_ref().map(health));
    out.plain("sticky", policy.sticky.as_ref().map(sticky));
    out.list("regions", policy.regions.iter().map(|region| quote(region)));
    out.plain("least-healthy", policy.least_healthy);
    out.text("pins", policy.pins.map(|pins| pins.word()));
    out.extension(&policy.extension);
}

fn percent(percent: u8) -> String {
    format!("\"{percent}%\"")
}

fn time(ms: u32) -> String {
    format!("\"{}\"", values::show_ms(u64::from(ms)))
}

/// A table on one line.
#[derive(Default)]
struct Inline(Vec<String>);

impl Inline {
    fn with(mut self, key: &str, value: Option<String>) -> Self {
        self.0.extend(value.map(|value| format!("{key} = {value}")));
        self
    }

    fn finish(self, extension: &Extension) -> String {
        let extension = Some(extension).filter(|extension| !extension.is_empty());
        let Self(entries) = self.with("extension", extension.map(show_extension));
        if entries.is_empty() {
            return "{}".into();
        }
        format!("{{ {} }}", entries.join(", "))
    }
}

fn hedge(hedge: &Hedge) -> String {
    Inline::default()
        .with("after", hedge.after_ms.map(time))
        .with("percent", hedge.percent.map(|percent| percent.to_string()))
        .finish(&hedge.extension)
}

fn timeouts(timeouts: &Timeouts) -> String {
    Inline::default()
        .with("connect", timeouts.connect_ms.map(time))
        .with("first-byte", timeouts.first_byte_ms.map(time))
        .with("whole", timeouts.whole_ms.map(time))
        .finish(&timeouts.extension)
}

fn health(health: &HealthCheck) -> String {
    Inline::default()
        .with(
            "path",
            health.path.as_ref().map(|path| quote(path.as_str())),
        )
        .with("interval", health.interval_ms.map(time))
        .with("timeout", health.timeout_ms.map(time))
        .with("rise", health.rise.map(|rise| rise.to_string()))
        .with("fall", health.fall.map(|fall| fall.to_string()))
        .finish(&health.extension)
}

fn sticky(sticky: &Sticky) -> String {
    Inline::default()
        .with("by", Some(quote(sticky.by.word())))
        .with("name", sticky.name.as_deref().map(quote))
        .finish(&sticky.extension)
}

fn provider(out: &mut Lines, header: &str, provider: &Provider) {
    out.header(header);
    out.text("id", Some(&provider.id));
    out.text("url", Some(provider.url.as_str()));
    out.text(
        "protocol",
        provider.protocol.map(|protocol| protocol.word()),
    );
    out.text("region", provider.region.as_deref());
    out.plain("weight", provider.weight);
    out.plain("priority", provider.priority);
    let pin = |pin| quote(&values::show_pin(pin));
    out.list("pin", provider.pins.iter().map(pin));
    out.text("health", provider.health.as_ref().map(Path::as_str));
    out.extension(&provider.extension);
}

fn shard_set(out: &mut Lines, set: &ShardSet) {
    out.header("[resource.shards]");
    out.text("by", Some(set.by.word()));
    out.text("key", set.key.as_deref());
    out.extension(&set.extension);
    for one in &set.shards {
        shard(out, one);
    }
}

fn shard(out: &mut Lines, shard: &Shard) {
    out.header("[[resource.shards.shard]]");
    out.text("id", Some(&shard.id));
    out.plain("epoch", Some(shard.epoch));
    out.text(
        "start",
        shard.start.as_deref().map(values::show_start).as_deref(),
    );
    out.plain("weight", shard.weight);
    out.extension(&shard.extension);
    provider(out, "[resource.shards.shard.primary]", &shard.primary);
    for replica in &shard.replicas {
        provider(out, "[[resource.shards.shard.replica]]", replica);
    }
}
