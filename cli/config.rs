//! Settings: a flag wins over an environment variable, that over the configuration file, that over the default.

#[cfg(test)]
mod documented;
mod gateway;
mod node;
mod resolver;

use std::env;
use std::path::{Path, PathBuf};

use dotkey_proto::name::Suffix;
use serde::Deserialize;

use crate::args::{Global, LogFormat};
use crate::exit::{CliError, Result};
use crate::files;

pub(crate) use gateway::GatewaySettings;
use node::one_of;
pub(crate) use node::{LogSettings, NodeSettings, bad};
pub(crate) use resolver::{ResolverSettings, changed};

/// Nobody writes more than this by hand.
const CONFIG_BYTES_MAX: usize = 64 * 1024;

/// Its name in a data folder that has its own.
pub(crate) const CONFIG_FILE: &str = "config.toml";

/// What every command may need to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Everything that the program keeps.
    pub(crate) data: PathBuf,
    /// What names end with.
    pub(crate) suffix: Suffix,
    /// The node that runs here, or is asked.
    pub(crate) node: NodeSettings,
    /// The resolver that runs here.
    pub(crate) resolver: ResolverSettings,
    /// The gateway that runs here.
    pub(crate) gateway: GatewaySettings,
    /// What it logs.
    pub(crate) log: LogSettings,
    /// Where they come from, to be read again.
    pub(crate) from: Global,
}

/// The configuration file. Each key is also an environment variable: `data` is `DOTKEY_DATA`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    suffix: Option<String>,
    log: Option<String>,
    log_format: Option<LogFormat>,
    #[serde(default)]
    node: NodeSettings,
    #[serde(default)]
    resolver: ResolverSettings,
    #[serde(default)]
    gateway: GatewaySettings,
}

impl Settings {
    pub(crate) fn load(global: &Global) -> Result<Self> {
        let data = global
            .data
            .clone()
            .or_else(|| variable("DOTKEY_DATA").map(PathBuf::from));
        let file = load_file(global.config.as_deref(), data.as_deref())?;
        let data = match data.or(file.data) {
            Some(data) => data,
            None => default_data()?,
        };
        let suffix = match variable("DOTKEY_SUFFIX").or(file.suffix) {
            Some(text) => Suffix::parse(&text).map_err(|error| {
                CliError::usage(
                    error,
                    "set `suffix` in the configuration, or DOTKEY_SUFFIX, to one such as `key`",
                )
            })?,
            None => Suffix::KEY,
        };
        Ok(Self {
            data,
            suffix,
            node: file.node.over()?,
            resolver: file.resolver.over()?,
            gateway: file.gateway.over(),
            log: LogSettings::over(file.log, file.log_format)?,
            from: global.clone(),
        })
    }

    /// The same as the configuration says it now.
    pub(crate) fn again(&self) -> Result<Self> {
        Self::load(&self.from)
    }

    /// The data folder as a person would write it in a command, or nothing where it is the default.
    pub(crate) fn keys(&self) -> PathBuf {
        self.data.join("keys")
    }
}

/// The file that is named; else that of the data folder, which a validator of a network that was made here has; else the user's.
fn load_file(flag: Option<&Path>, data: Option<&Path>) -> Result<File> {
    let asked = flag
        .map(PathBuf::from)
        .or_else(|| variable("DOTKEY_CONFIG").map(PathBuf::from));
    let beside = data
        .map(|data| data.join(CONFIG_FILE))
        .filter(|path| path.exists());
    let path = match asked.or(beside) {
        Some(path) => path,
        None => match config_home().map(|home| home.join("dotkey/config.toml")) {
            Some(path) if path.exists() => path,
            _ => return Ok(File::default()),
        },
    };
    let text = files::read_text(&path, CONFIG_BYTES_MAX, "the configuration")?;
    toml::from_str(&text).map_err(|error| {
        CliError::failed(
            "bad-config",
            format!("{}: {}", path.display(), error.to_string().trim_end()),
            "correct the file, or name another with --config; `docs/cli.md` has every key",
        )
    })
}

/// The variable of a key of a table: `http` of `[gateway]` is `DOTKEY_GATEWAY_HTTP`.
fn variable_of(table: &str, key: &str) -> Option<String> {
    variable(&format!("DOTKEY_{table}_{key}"))
}

/// The same, with commas between several.
fn list_of(table: &str, key: &str) -> Option<Vec<String>> {
    let all = variable_of(table, key)?;
    Some(all.split(',').map(|one| one.trim().to_owned()).collect())
}

/// An environment variable that says something; an empty one says nothing.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn home(variable_name: &str, below: &str) -> Option<PathBuf> {
    // The XDG base directory specification: a relative path is to be ignored.
    let xdg = variable(variable_name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    xdg.or_else(|| variable("HOME").map(|home| Path::new(&home).join(below)))
}

fn config_home() -> Option<PathBuf> {
    home("XDG_CONFIG_HOME", ".config")
}

fn default_data() -> Result<PathBuf> {
    home("XDG_DATA_HOME", ".local/share")
        .map(|home| home.join("dotkey"))
        .ok_or_else(|| {
            CliError::usage(
                "there is no home folder to keep data in",
                "name a folder with --data or DOTKEY_DATA",
            )
        })
}
