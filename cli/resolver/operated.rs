//! A running resolver for who looks after it: what the API asks of one.

use std::sync::Arc;

use dotkey_proto::dns::WireName;
use dotkey_registry::api::{Beside, BesideResolver};
use dotkey_resolver::server::{KeptAnswer, Listen, Service, Size, rcode_word};
use serde_json::{Value, json};

use super::reload::LastReload;

/// Kept answers that are listed; of more, how many they are.
const LISTED_MAX: usize = 1000;

/// The resolver of this process.
pub(super) struct Operated {
    pub(super) service: Arc<Service>,
    pub(super) listen: Listen,
    pub(super) last_reload: LastReload,
}

impl Beside for Operated {
    fn word(&self) -> &'static str {
        "resolver"
    }

    fn metrics(&self, _names: bool) -> String {
        self.service.metrics()
    }

    fn reasons(&self) -> Vec<String> {
        self.service.reasons()
    }
}

impl BesideResolver for Operated {
    fn status(&self) -> Value {
        let Listen {
            dns, dot, doq, doh, ..
        } = &self.listen;
        json!({
            "suffix": self.service.suffix().to_string().trim_end_matches('.'),
            "listening": {"dns": dns, "dot": dot, "doq": doq, "doh": doh},
            "uptime_seconds": self.service.uptime_secs(),
            "queries": self.service.queries(),
            "connections": self.service.connections(),
            "cache": self.partitions(),
            "ordinary_names": self.service.rules().ordinary.upstream.is_some(),
            "query_log": self.service.rules().query_log.is_some(),
            "last_reload": self.last_reload.json(),
            "warnings": self.reasons(),
        })
    }

    fn kept(&self, name: Option<&str>) -> Result<Value, String> {
        let name = name.map(wire_name).transpose()?;
        let (found, answers) = self.service.list_kept(name.as_ref(), LISTED_MAX);
        let answers: Vec<Value> = answers.iter().map(json_of).collect();
        Ok(json!({
            "partitions": self.partitions(),
            "found": found,
            "answers": answers,
        }))
    }

    fn flush(&self, name: Option<&str>) -> Result<Value, String> {
        let flushed = match name {
            Some(name) => self.service.flush_under(&wire_name(name)?),
            None => self.service.flush(),
        };
        Ok(json!({"flushed": flushed}))
    }
}

impl Operated {
    fn partitions(&self) -> Value {
        let bytes_max = self.service.cache_bytes();
        let [ours, ordinary] = self.service.kept().map(|size: Size| {
            json!({"answers": size.answers, "bytes": size.bytes, "bytes_max": bytes_max, "evicted": size.evicted})
        });
        json!({"ours": ours, "ordinary": ordinary})
    }
}

fn json_of(kept: &KeptAnswer) -> Value {
    json!({
        "name": kept.name.to_string(),
        "type": kept.rtype.to_string(),
        "dnssec": kept.dnssec,
        "partition": if kept.is_ours { "ours" } else { "ordinary" },
        "rcode": rcode_word(kept.rcode.into()),
        "verified": kept.verified,
        "extended_error": kept.extended_error,
        "seconds_left": kept.left_secs,
        "bytes": kept.wire_bytes,
    })
}

fn wire_name(text: &str) -> Result<WireName, String> {
    // What DNS does not tell apart, a person need not either.
    let text = text.to_ascii_lowercase();
    WireName::parse(&text, Some(&WireName::root())).map_err(|error| error.to_string())
}
