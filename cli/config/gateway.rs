//! The settings of a gateway, as the configuration and the environment give them.

use std::path::PathBuf;

use serde::Deserialize;

use super::{list_of, variable_of};

/// The `[gateway]` table. Each key is also a variable: `http` is `DOTKEY_GATEWAY_HTTP`, with commas between several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GatewaySettings {
    pub(crate) http: Option<String>,
    pub(crate) https: Option<String>,
    pub(crate) bridges: Option<Vec<String>>,
    pub(crate) region: Option<String>,
    pub(crate) private_names: Option<Vec<String>>,
    pub(crate) access_log: Option<String>,
    pub(crate) traces: Option<String>,
    pub(crate) traces_ratio: Option<String>,
    pub(crate) certificates: Option<Vec<String>>,
    pub(crate) tcp: Option<Vec<String>>,
    pub(crate) nodes: Option<Vec<String>>,
    pub(crate) folder: Option<PathBuf>,
}

impl GatewaySettings {
    /// With what the environment says in the place of what the file says.
    pub(super) fn over(self) -> Self {
        Self {
            http: text("HTTP").or(self.http),
            https: text("HTTPS").or(self.https),
            bridges: list("BRIDGES").or(self.bridges),
            region: text("REGION").or(self.region),
            private_names: list("PRIVATE_NAMES").or(self.private_names),
            access_log: text("ACCESS_LOG").or(self.access_log),
            traces: text("TRACES").or(self.traces),
            traces_ratio: text("TRACES_RATIO").or(self.traces_ratio),
            certificates: list("CERTIFICATES").or(self.certificates),
            tcp: list("TCP").or(self.tcp),
            nodes: list("NODES").or(self.nodes),
            folder: path("FOLDER").or(self.folder),
        }
    }
}

fn text(key: &str) -> Option<String> {
    variable_of("GATEWAY", key)
}

fn list(key: &str) -> Option<Vec<String>> {
    list_of("GATEWAY", key)
}

fn path(key: &str) -> Option<PathBuf> {
    text(key).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::documented;

    #[test]
    fn every_setting_is_documented_and_every_documented_one_is_a_setting() {
        documented::check::<GatewaySettings>("DOTKEY_GATEWAY_");
    }
}
