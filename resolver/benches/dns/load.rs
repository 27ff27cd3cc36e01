//! One run of `dnsperf` against a server, and what it cost the server.

use std::process::Command;
use std::time::Duration;

use super::names::Names;
use super::peers::Peer;
use super::{CONNECTIONS, Way};

/// Queries that wait for their answers at once.
const OUTSTANDING: usize = 400;

pub(crate) struct Load<'a> {
    peer: &'a Peer,
    way: Way,
    names: &'a Names,
    /// How long; else each name is asked for twice.
    length: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) per_sec: f64,
    pub(crate) cpu_secs_per_million: f64,
}

impl Measured {
    pub(crate) fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = rounds.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        Self {
            per_sec: of(|one| one.per_sec),
            cpu_secs_per_million: of(|one| one.cpu_secs_per_million),
        }
    }
}

impl<'a> Load<'a> {
    pub(crate) fn new(
        peer: &'a Peer,
        way: Way,
        names: &'a Names,
        length: Option<Duration>,
    ) -> Self {
        Self {
            peer,
            way,
            names,
            length,
        }
    }

    pub(crate) fn run(&self) -> Measured {
        let (mode, clients) = match self.way {
            Way::Udp => ("udp", 20),
            Way::Tcp => ("tcp", CONNECTIONS),
            Way::Tls => ("dot", CONNECTIONS),
            Way::Https => ("doh", CONNECTIONS),
        };
        let mut command = Command::new("dnsperf");
        command
            .args(["-s", "127.0.0.1", "-m", mode, "-T", "1"])
            .args(["-p", &self.peer.port(self.way).to_string()])
            .args(["-c", &clients.to_string(), "-q", &OUTSTANDING.to_string()])
            .arg("-d")
            .arg(self.names.path());
        match self.length {
            Some(length) => command.args(["-l", &length.as_secs().to_string()]),
            None => command.args(["-n", "2", "-t", "10"]),
        };
        let before = self.peer.cpu_secs();
        let output = command
            .output()
            .expect("dnsperf runs; `apt-get install dnsperf`");
        let cpu_secs = self.peer.cpu_secs() - before;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figure = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
            let first = line.and_then(|rest| rest.split_whitespace().next());
            let figure = first.and_then(|figure| figure.parse().ok());
            figure.unwrap_or_else(|| panic!("no `{name}` of {}: {text}", self.peer.name()))
        };
        let completed = figure("Queries completed:");
        let good = text.lines().find(|line| line.contains("NOERROR"));
        let good = good.and_then(|line| {
            line.split("NOERROR")
                .nth(1)?
                .split_whitespace()
                .next()?
                .parse::<f64>()
                .ok()
        });
        assert!(
            good.is_some_and(|good| good >= completed * 0.99),
            "{} does not answer well: {text}",
            self.peer.name()
        );
        Measured {
            per_sec: figure("Queries per second:"),
            cpu_secs_per_million: cpu_secs * 1e6 / completed,
        }
    }
}
