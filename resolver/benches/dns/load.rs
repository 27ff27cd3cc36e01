//! One run of `dnsperf` or `h2load` against a server, and what it cost the server.

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
        let before = self.peer.cpu_secs();
        let done = match self.way {
            Way::Https => self.h2load(),
            _ => self.dnsperf(),
        };
        let cpu_secs = self.peer.cpu_secs() - before;
        assert!(
            done.completed > 0.0 && done.good >= done.completed * 0.99,
            "{} does not answer well: {}",
            self.peer.name(),
            done.text
        );
        Measured {
            per_sec: done.per_sec,
            cpu_secs_per_million: cpu_secs * 1e6 / done.completed,
        }
    }

    fn dnsperf(&self) -> Done {
        let (mode, clients) = match self.way {
            Way::Udp => ("udp", 20),
            Way::Tcp => ("tcp", CONNECTIONS),
            _ => ("dot", CONNECTIONS),
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
        let text = said(&mut command);
        Done {
            per_sec: figure_behind(&text, "Queries per second:"),
            completed: figure_behind(&text, "Queries completed:"),
            good: figure_behind(&text, "NOERROR"),
            text,
        }
    }

    /// dnsperf 2.10 takes one answer of each TLS record and forgets the others, so that it waits for those of a server that sends
    /// several at once; nghttp2's own client reads them all.
    fn h2load(&self) -> Done {
        let mut command = Command::new("h2load");
        command
            .args(["-t", "1", "-c", &CONNECTIONS.to_string()])
            .args(["-m", &(OUTSTANDING / CONNECTIONS).to_string()])
            .arg("-B")
            .arg(format!("https://127.0.0.1:{}", self.peer.port(self.way)))
            .arg("-i")
            .arg(self.names.uris());
        match self.length {
            Some(length) => command.args(["-D", &length.as_secs().to_string()]),
            None => command.args(["-n", "10000"]),
        };
        let text = said(&mut command);
        Done {
            per_sec: figure_before(&text, " req/s"),
            completed: figure_before(behind(&text, "requests:"), " done"),
            good: figure_behind(&text, "status codes:"),
            text,
        }
    }
}

/// What a client says when it has finished.
struct Done {
    per_sec: f64,
    completed: f64,
    good: f64,
    text: String,
}

fn said(command: &mut Command) -> String {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.unwrap_or_else(|error| {
        panic!("{name} does not run ({error}); `.ci/setup bench-dns` installs it")
    });
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What follows a word; nothing without it.
fn behind<'a>(text: &'a str, word: &str) -> &'a str {
    text.split_once(word).map_or("", |(_, rest)| rest)
}

/// The number that follows a word; 0 without it.
fn figure_behind(text: &str, word: &str) -> f64 {
    let figure = behind(text, word).split_whitespace().next();
    figure.and_then(|figure| figure.parse().ok()).unwrap_or(0.0)
}

/// The number that a word follows; 0 without it.
fn figure_before(text: &str, word: &str) -> f64 {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    let figure = before.rsplit([' ', '\n']).next();
    figure.and_then(|figure| figure.parse().ok()).unwrap_or(0.0)
}
