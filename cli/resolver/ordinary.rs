//! How ordinary names are answered, as the settings say: each that cannot be used is named, with its line where it stands in a file.

use std::path::Path;

use dotkey_proto::dns::WireName;
use dotkey_resolver::ordinary::{Local, Ordinary};
use dotkey_resolver::rebinding::Rebinding;
use dotkey_resolver::upstream::{Address, Anchors, Route, Settings as Ways, Upstream};

use crate::config::{ResolverSettings, Settings, bad};
use crate::exit::{CliError, Result};
use crate::files;

/// Files that are named in the configuration: lists written by hand, or by a script for a network.
const FILE_BYTES_MAX: usize = 4 << 20;

const NEXT: &str = "correct it; `docs/cli.md` has every setting";

/// As the settings say; `upstreams` are those of the command line, or else of the settings.
pub(super) fn plan(upstreams: &[String], settings: &Settings) -> Result<Ordinary> {
    let set = &settings.resolver;
    Ok(Ordinary {
        local: local(set)?,
        upstream: ways(upstreams, settings)?,
    })
}

/// Which names may have private addresses, ours and ordinary ones alike.
pub(super) fn rebinding(settings: &Settings) -> Result<Rebinding> {
    let set = &settings.resolver;
    let names = names("private_names", set.private_names.as_deref())?;
    Ok(match set.private_answers {
        Some(true) => Rebinding::allowed(),
        _ => Rebinding::refused_but_of(names),
    })
}

fn local(set: &ResolverSettings) -> Result<Local> {
    let mut local = Local::default();
    for record in set.local.iter().flatten() {
        let added = local.add(record);
        added.map_err(|error| CliError::usage(format!("local: {error}"), NEXT))?;
    }
    for zone in names("local_zones", set.local_zones.as_deref())? {
        local.add_zone(&zone);
    }
    if let Some(path) = &set.hosts {
        let text = files::read_text(path, FILE_BYTES_MAX, "a hosts file")?;
        local
            .add_hosts(&text)
            .map_err(|error| in_file(path, &error))?;
    }
    Ok(local)
}

fn ways(upstreams: &[String], settings: &Settings) -> Result<Option<Upstream>> {
    let set = &settings.resolver;
    let routes = set.routes.iter().flatten().map(|text| route(text));
    let routes: Vec<Route> = routes.collect::<Result<_>>()?;
    if upstreams.is_empty() && routes.is_empty() {
        return Ok(None);
    }
    let authorities = set.upstream_authorities.as_ref().map(|path| {
        files::read_text(path, FILE_BYTES_MAX, "certificates in PEM").map(String::into_bytes)
    });
    let ours = WireName::parse(&settings.suffix.to_string(), Some(&WireName::root()));
    let ways = Ways {
        upstreams: addresses("upstream", upstreams.iter().map(String::as_str))?,
        routes,
        anchors: anchors(set)?,
        negative: names(
            "negative_trust_anchors",
            set.negative_trust_anchors.as_deref(),
        )?,
        rebinding: rebinding(settings)?,
        authorities: authorities.transpose()?,
        ours: ours.ok(),
    };
    let upstream = Upstream::new(&ways);
    upstream
        .map(Some)
        .map_err(|error| CliError::usage(error, NEXT))
}

/// A suffix, and who is asked for it: `corp.example 192.0.2.53 tls://192.0.2.54#dns.corp.example`.
fn route(text: &str) -> Result<Route> {
    let mut words = text.split_whitespace();
    let suffix = words.next().unwrap_or_default();
    let suffix = WireName::parse(suffix, Some(&WireName::root())).map_err(|error| {
        let why = format!("{error}; it is a suffix and its upstreams: corp.example 192.0.2.53");
        bad("routes", text, &why)
    })?;
    let upstreams = addresses("routes", words)?;
    Ok(Route { suffix, upstreams })
}

fn addresses<'a>(name: &str, texts: impl Iterator<Item = &'a str>) -> Result<Vec<Address>> {
    let read = |text: &str| {
        let address = text.parse::<Address>();
        address.map_err(|error| CliError::usage(error, format!("correct `{name}`")))
    };
    texts.map(read).collect()
}

/// Those that are written down, and the root's own where none for it is.
fn anchors(set: &ResolverSettings) -> Result<Anchors> {
    if set.validate == Some(false) {
        return Ok(Anchors::none());
    }
    let mut anchors = Anchors::root();
    if let Some(path) = &set.trust_anchors_file {
        let text = files::read_text(path, FILE_BYTES_MAX, "trust anchors")?;
        let read = Anchors::parse(&text).map_err(|error| in_file(path, &error))?;
        anchors = anchors.with(read);
    }
    if let Some(lines) = &set.trust_anchors {
        let read = Anchors::parse(&lines.join("\n"));
        let read =
            read.map_err(|error| CliError::usage(format!("trust_anchors: {error}"), NEXT))?;
        anchors = anchors.with(read);
    }
    Ok(anchors)
}

fn names(setting: &str, texts: Option<&[String]>) -> Result<Vec<WireName>> {
    let read = |text: &String| {
        let name = WireName::parse(text, Some(&WireName::root()));
        name.map_err(|error| bad(setting, text, &error.to_string()))
    };
    texts.unwrap_or_default().iter().map(read).collect()
}

fn in_file(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::usage(format!("{}: {error}", path.display()), "correct the file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let resolver: ResolverSettings = toml::from_str(text).expect("settings");
        let settings = Settings {
            data: "data".into(),
            suffix: dotkey_proto::name::Suffix::KEY,
            node: toml::from_str("").expect("none"),
            gateway: toml::from_str("").expect("none"),
            resolver,
            log: crate::config::LogSettings {
                filter: None,
                format: None,
            },
            from: crate::args::Global::default(),
        };
        let upstreams = settings.resolver.upstream.clone().unwrap_or_default();
        match plan(&upstreams, &settings) {
            Ok(found) => assert_eq!(expected, "", "{text}: {found:?}"),
            Err(error) => {
                assert!(
                    !expected.is_empty() && error.message.contains(expected),
                    "{text}: {}",
                    error.message
                );
            }
        }
    }

    #[test]
    fn each_setting_is_read_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let file = |text: &str| {
            std::fs::write(&path, text).expect("written");
            path.display().to_string()
        };
        check("", "");
        check(
            "upstream = [\"dns.example\"]",
            "`dns.example` is no upstream",
        );
        check(
            "routes = [\"corp.example 192.0.2.53 tcp://192.0.2.54\"]",
            "",
        );
        check("routes = [\"corp.example\"]", "no upstream");
        check(
            "routes = [\"a..b 192.0.2.53\"]",
            "routes = `a..b 192.0.2.53`",
        );
        check("routes = [\"my.key 192.0.2.53\"]", "answered here");
        check("local = [\"printer.home.arpa A 192.168.1.9\"]", "");
        check(
            "local = [\"printer.home.arpa A x\"]",
            "local: `printer.home.arpa A x`",
        );
        check("local_zones = [\"..\"]", "local_zones = `..`");
        check(
            "upstream = [\"192.0.2.53\"]\nprivate_names = [\"a..b\"]",
            "private_names = `a..b`",
        );
        check(
            "upstream = [\"192.0.2.53\"]\nnegative_trust_anchors = [\"a..b\"]",
            "negative_trust_anchors",
        );
        check(
            "upstream = [\"192.0.2.53\"]\ntrust_anchors = [\"x\"]",
            "trust_anchors: line 1",
        );
        let hosts = format!("hosts = \"{}\"", file("127.0.0.1 localhost\nx y\n"));
        check(&hosts, "line 2 of the hosts file");
        check("hosts = \"nowhere/hosts\"", "nowhere/hosts");
        let anchors = format!(
            "upstream = [\"192.0.2.53\"]\ntrust_anchors_file = \"{}\"",
            file("; mine\nkey. DS 1\n")
        );
        check(&anchors, "line 2 is no trust anchor");
        let authorities = format!(
            "upstream = [\"192.0.2.53\"]\nupstream_authorities = \"{}\"",
            file("x")
        );
        check(&authorities, "certificate authorities");
    }
}
