//! The settings of a resolver, as the configuration and the environment give them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{list_of, one_of, variable_of};
use crate::exit::Result;

/// The `[resolver]` table. Each key is also a variable: `dns` is `DOTKEY_RESOLVER_DNS`, with commas between several.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolverSettings {
    pub(crate) api: Option<String>,
    pub(crate) dns: Option<String>,
    pub(crate) dot: Option<String>,
    pub(crate) doq: Option<String>,
    pub(crate) doh: Option<String>,
    pub(crate) nodes: Option<Vec<String>>,
    pub(crate) upstream: Option<Vec<String>>,
    pub(crate) upstream_authorities: Option<PathBuf>,
    pub(crate) routes: Option<Vec<String>>,
    pub(crate) validate: Option<bool>,
    pub(crate) trust_anchors: Option<Vec<String>>,
    pub(crate) trust_anchors_file: Option<PathBuf>,
    pub(crate) negative_trust_anchors: Option<Vec<String>>,
    pub(crate) local: Option<Vec<String>>,
    pub(crate) local_zones: Option<Vec<String>>,
    pub(crate) hosts: Option<PathBuf>,
    pub(crate) private_answers: Option<bool>,
    pub(crate) private_names: Option<Vec<String>>,
    pub(crate) allow: Option<Vec<String>>,
    pub(crate) answers_per_second: Option<String>,
    pub(crate) cache_max: Option<String>,
    pub(crate) resources: Option<String>,
    pub(crate) nsid: Option<String>,
    pub(crate) query_log: Option<String>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) certificate_key: Option<PathBuf>,
}

impl ResolverSettings {
    /// With what the environment says in the place of what the file says.
    pub(super) fn over(self) -> Result<Self> {
        Ok(Self {
            api: text("API").or(self.api),
            dns: text("DNS").or(self.dns),
            dot: text("DOT").or(self.dot),
            doq: text("DOQ").or(self.doq),
            doh: text("DOH").or(self.doh),
            nodes: list("NODES").or(self.nodes),
            upstream: list("UPSTREAM").or(self.upstream),
            upstream_authorities: path("UPSTREAM_AUTHORITIES").or(self.upstream_authorities),
            routes: list("ROUTES").or(self.routes),
            validate: yes_no("VALIDATE")?.or(self.validate),
            trust_anchors: list("TRUST_ANCHORS").or(self.trust_anchors),
            trust_anchors_file: path("TRUST_ANCHORS_FILE").or(self.trust_anchors_file),
            negative_trust_anchors: list("NEGATIVE_TRUST_ANCHORS").or(self.negative_trust_anchors),
            local: list("LOCAL").or(self.local),
            local_zones: list("LOCAL_ZONES").or(self.local_zones),
            hosts: path("HOSTS").or(self.hosts),
            private_answers: yes_no("PRIVATE_ANSWERS")?.or(self.private_answers),
            private_names: list("PRIVATE_NAMES").or(self.private_names),
            allow: list("ALLOW").or(self.allow),
            answers_per_second: text("ANSWERS_PER_SECOND").or(self.answers_per_second),
            cache_max: text("CACHE_MAX").or(self.cache_max),
            resources: text("RESOURCES").or(self.resources),
            nsid: text("NSID").or(self.nsid),
            query_log: text("QUERY_LOG").or(self.query_log),
            certificate: path("CERTIFICATE").or(self.certificate),
            certificate_key: path("CERTIFICATE_KEY").or(self.certificate_key),
        })
    }
}

/// The keys of which two settings have different values, in the order of the alphabet.
pub(crate) fn changed(before: &ResolverSettings, now: &ResolverSettings) -> Vec<String> {
    let values = |settings| match serde_json::to_value(settings) {
        Ok(Value::Object(values)) => values,
        _ => unreachable!("settings are text, numbers and lists, under their names"),
    };
    let (before, now) = (values(before), values(now));
    let keys = now.keys().filter(|key| before.get(*key) != now.get(*key));
    let mut keys: Vec<String> = keys.cloned().collect();
    keys.sort();
    keys
}

fn text(key: &str) -> Option<String> {
    variable_of("RESOLVER", key)
}

fn path(key: &str) -> Option<PathBuf> {
    text(key).map(PathBuf::from)
}

fn list(key: &str) -> Option<Vec<String>> {
    list_of("RESOLVER", key)
}

fn yes_no(key: &str) -> Result<Option<bool>> {
    one_of(
        &format!("DOTKEY_RESOLVER_{key}"),
        &[("true", true), ("false", false)],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::documented;

    #[test]
    fn every_setting_is_documented_and_every_documented_one_is_a_setting() {
        documented::check::<ResolverSettings>("DOTKEY_RESOLVER_");
    }

    #[test]
    fn what_changed_is_known_by_its_keys() {
        let before = ResolverSettings {
            nsid: Some("one".to_owned()),
            upstream: Some(vec!["192.0.2.53".to_owned()]),
            ..ResolverSettings::default()
        };
        let now = ResolverSettings {
            nsid: None,
            upstream: Some(vec!["192.0.2.53".to_owned()]),
            validate: Some(false),
            ..ResolverSettings::default()
        };
        assert_eq!(changed(&before, &before), [""; 0]);
        assert_eq!(changed(&before, &now), ["nsid", "validate"]);
        assert_eq!(changed(&now, &before), ["nsid", "validate"]);
    }
}
