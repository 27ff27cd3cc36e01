//! The same load from another client, `oha`, with the latencies that it sees. It is asked where it is installed: it would have to be compiled,
//! and takes longer than everything else here.

use std::process::Command;

use serde_json::Value;

use super::load::{CONNECTIONS, CONNECTIONS_HTTP2, STREAMS, Way};

/// The version that this is written for.
const VERSION: &str = "1.16.0";

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) requests: f64,
    pub(crate) per_sec: f64,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Whether it is installed; says so where it is not.
pub(crate) fn is_here() -> bool {
    let is_here = Command::new("oha").arg("--version").output().is_ok();
    if !is_here {
        println!("oha: left out, as it is not installed; `cargo install --locked oha@{VERSION}`");
    }
    is_here
}

/// Asks for a page of `host` at a port so many times, without TLS.
pub(crate) fn run(way: Way, host: &str, port: u16, requests: usize) -> Done {
    let mut command = Command::new("oha");
    command
        .args(["--no-tui", "--output-format", "json"])
        .args(["-n", &requests.to_string()])
        .args(["--connect-to", &format!("{host}:80:127.0.0.1:{port}")]);
    if way.is_http2() {
        command
            .args(["--http2", "-c", &CONNECTIONS_HTTP2.to_string()])
            .args(["-p", &STREAMS.to_string()]);
    } else {
        command.args(["-c", &CONNECTIONS.to_string()]);
    }
    let output = command.arg(format!("http://{host}/")).output();
    let output = output.expect("it was there a moment ago");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("oha {VERSION} tells what it found in JSON ({error}): {said}")
    });
    let good = told["statusCodeDistribution"]["200"].as_u64();
    let good = good.unwrap_or_default() as f64;
    assert!(
        good >= requests as f64 * 0.99,
        "port {port} does not answer well over {way}: {told}"
    );
    let figure = |figure: &Value| figure.as_f64().expect("a figure");
    let metrics = &told["metrics"];
    Done {
        requests: good,
        per_sec: figure(&metrics["requests_per_sec"]),
        median_ms: figure(&metrics["latency_ms"]["p50"]),
        p99_ms: figure(&metrics["latency_ms"]["p99"]),
    }
}
