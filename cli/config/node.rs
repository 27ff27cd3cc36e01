//! The settings of a node, as the configuration and the environment give them; flags come on top when it runs.

use std::path::PathBuf;

use serde::Deserialize;

use super::variable;
use crate::args::{Bytes, LogFormat, Ports};
use crate::exit::{CliError, Result};

/// The `[node]` table. Each key is also a variable: `listen` is `DOTKEY_NODE_LISTEN`, with commas between several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeSettings {
    pub(crate) listen: Option<Vec<String>>,
    pub(crate) announce: Option<Vec<String>>,
    pub(crate) join: Option<Vec<String>>,
    pub(crate) api: Option<String>,
    pub(crate) hosts: Option<Vec<String>>,
    pub(crate) ports: Option<Ports>,
    pub(crate) network: Option<PathBuf>,
    pub(crate) ledger: Option<bool>,
    pub(crate) consensus: Option<String>,
    pub(crate) mdns: Option<bool>,
    pub(crate) private_addresses: Option<bool>,
    pub(crate) store_max: Option<Size>,
    pub(crate) connections_max: Option<u32>,
    /// Whether `dotkey up` makes a name to look at in a new data folder.
    pub(crate) demo: Option<bool>,
    /// The node that commands ask.
    pub(crate) url: Option<String>,
}

/// A size, in words or in bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Size {
    Bytes(u64),
    Words(String),
}

impl Size {
    pub(crate) fn bytes(&self) -> Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(*bytes),
            Self::Words(words) => match words.parse() {
                Ok(Bytes(bytes)) => Ok(bytes),
                Err(why) => Err(bad("store_max", words, &why)),
            },
        }
    }
}

impl NodeSettings {
    /// With what the environment says in the place of what the file says.
    pub(super) fn over(self) -> Result<Self> {
        Ok(Self {
            listen: list("LISTEN").or(self.listen),
            announce: list("ANNOUNCE").or(self.announce),
            join: list("JOIN").or(self.join),
            api: text("API").or(self.api),
            hosts: list("HOSTS").or(self.hosts),
            ports: word(
                "PORTS",
                &[("default", Ports::Default), ("auto", Ports::Auto)],
            )?
            .or(self.ports),
            network: text("NETWORK").map(PathBuf::from).or(self.network),
            ledger: word("LEDGER", &YES_NO)?.or(self.ledger),
            consensus: text("CONSENSUS").or(self.consensus),
            mdns: word("MDNS", &YES_NO)?.or(self.mdns),
            demo: word("DEMO", &YES_NO)?.or(self.demo),
            private_addresses: word("PRIVATE_ADDRESSES", &YES_NO)?.or(self.private_addresses),
            store_max: text("STORE_MAX").map(Size::Words).or(self.store_max),
            connections_max: number("CONNECTIONS_MAX")?.or(self.connections_max),
            url: text("URL").or(self.url),
        })
    }
}

/// How the program logs while it runs a node.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    pub(crate) filter: Option<String>,
    pub(crate) format: Option<LogFormat>,
}

impl LogSettings {
    pub(super) fn over(filter: Option<String>, format: Option<LogFormat>) -> Result<Self> {
        let named = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        Ok(Self {
            filter: variable("DOTKEY_LOG").or(filter),
            format: one_of("DOTKEY_LOG_FORMAT", &named)?.or(format),
        })
    }
}

const YES_NO: [(&str, bool); 2] = [("true", true), ("false", false)];

fn text(key: &str) -> Option<String> {
    variable(&format!("DOTKEY_NODE_{key}"))
}

fn list(key: &str) -> Option<Vec<String>> {
    text(key).map(|all| all.split(',').map(|one| one.trim().to_owned()).collect())
}

fn number(key: &str) -> Result<Option<u32>> {
    let read = |text: String| {
        text.parse()
            .map_err(|_| bad(&format!("DOTKEY_NODE_{key}"), &text, "it is no number"))
    };
    text(key).map(read).transpose()
}

fn word<T: Copy>(key: &str, words: &[(&str, T)]) -> Result<Option<T>> {
    one_of(&format!("DOTKEY_NODE_{key}"), words)
}

pub(super) fn one_of<T: Copy>(name: &str, words: &[(&str, T)]) -> Result<Option<T>> {
    let Some(text) = variable(name) else {
        return Ok(None);
    };
    let found = words.iter().find(|(word, _)| *word == text);
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    found
        .map(|(_, value)| Some(*value))
        .ok_or_else(|| bad(name, &text, &format!("it is one of: {}", known.join(", "))))
}

/// A setting that says what cannot be.
pub(crate) fn bad(name: &str, value: &str, why: &str) -> CliError {
    CliError::usage(
        format!("{name} = `{value}`: {why}"),
        "correct it; `docs/cli.md` has every setting",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::documented;

    #[test]
    fn every_setting_is_documented_and_every_documented_one_is_a_setting() {
        documented::check::<NodeSettings>("DOTKEY_NODE_");
    }

    #[test]
    fn sizes_are_words_or_bytes() {
        let check = |text: &str, bytes: Option<u64>| {
            let read = toml::from_str::<NodeSettings>(&format!("store_max = {text}\n"));
            let size = read.expect(text).store_max.expect("it is set");
            assert_eq!(size.bytes().ok(), bytes, "{text}");
        };
        check("\"2GiB\"", Some(2 << 30));
        check("4096", Some(4096));
        check("\"a lot\"", None);
    }
}
