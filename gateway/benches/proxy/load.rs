//! One run of `h2load` against a server.

use std::fmt;
use std::process::Command;

/// Connections of visitors.
const CONNECTIONS: usize = 64;

/// Over HTTP/2, requests of one connection at once, and connections: as many requests in flight as over HTTP/1.1.
const STREAMS: usize = 8;
const CONNECTIONS_HTTP2: usize = CONNECTIONS / STREAMS;

/// How a visitor speaks; providers are always spoken to over HTTP/1.1 without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Http1,
    Http2,
    Https1,
    Https2,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Http1, Self::Http2, Self::Https1, Self::Https2];

    pub(crate) const fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Https2)
    }

    const fn is_secure(self) -> bool {
        matches!(self, Self::Https1 | Self::Https2)
    }

    /// Which of a server's ports it goes to: those of HTTP/1.1, of HTTP/2 without TLS, and of TLS.
    pub(crate) const fn port(self, http: u16, http2: u16, https: u16) -> u16 {
        match self {
            Self::Http1 => http,
            Self::Http2 => http2,
            Self::Https1 | Self::Https2 => https,
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
            Self::Https1 => "HTTP/1.1 over TLS",
            Self::Https2 => "HTTP/2 over TLS",
        })
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) requests: f64,
    pub(crate) per_sec: f64,
}

/// Asks for a page of `host` at a port so many times. By time, h2load 1.52 may never end over TLS.
pub(crate) fn run(way: Way, host: &str, port: u16, requests: usize) -> Done {
    let mut command = Command::new("h2load");
    command
        .args(["-t", "1", "-n", &requests.to_string()])
        .args(["--connect-to", &format!("127.0.0.1:{port}")]);
    if way.is_http2() {
        command
            .args(["-c", &CONNECTIONS_HTTP2.to_string()])
            .args(["-m", &STREAMS.to_string()]);
    } else {
        command.args(["--h1", "-c", &CONNECTIONS.to_string()]);
    }
    let scheme = if way.is_secure() { "https" } else { "http" };
    command.arg(format!("{scheme}://{host}/"));
    let output = command.output().unwrap_or_else(|error| {
        panic!("h2load does not run ({error}); `.ci/setup bench-gateway` installs it")
    });
    let text = String::from_utf8_lossy(&output.stdout);
    let done = Done {
        requests: figure_before(behind(&text, "requests:"), " done"),
        per_sec: figure_before(&text, " req/s"),
    };
    let good = figure_before(behind(&text, "status codes:"), " 2xx");
    assert!(
        done.requests > 0.0 && good >= done.requests * 0.99,
        "port {port} does not answer well over {way}: {text}"
    );
    done
}

/// What follows a word; nothing without it.
fn behind<'a>(text: &'a str, word: &str) -> &'a str {
    text.split_once(word).map_or("", |(_, rest)| rest)
}

/// The number that a word follows; 0 without it.
fn figure_before(text: &str, word: &str) -> f64 {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    let figure = before.rsplit([' ', '\n']).next();
    figure.and_then(|figure| figure.parse().ok()).unwrap_or(0.0)
}
