//! The resolver of the built program, asked by clients that others wrote: dig, kdig, delv, curl, Chromium, the stubs of glibc, Python
//! and Node, and an Unbound in front of it; and by clients that nobody would want to have.

mod browser;
mod clients;
mod desk;
mod hostile;
mod http3;
mod program;
mod sockets;
mod stubs;
mod upstreams;
mod validators;

use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Output};

use serde_json::Value;

use crate::cli::Place;
use crate::cli::nodes::Running;

/// What the name of these tests contains.
const ZONE: &str = r#"
[[record]]
owner = "@"
type = "A"
data = "192.0.2.1"

[[record]]
owner = "@"
type = "TXT"
data = '"first"'

[[record]]
owner = "www"
type = "CNAME"
data = "@"

[[record]]
owner = "*.wild"
type = "TXT"
data = '"any"'

[[resource]]
kind = "frontend"
host = "app"

  [[resource.provider]]
  id = "one"
  url = "https://one.example.net"
"#;

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The port of a listener of a process's `run.json`.
fn port(running: &Running, listener: &str) -> String {
    let address = text(&running.ready()[listener]);
    let address = address
        .trim_start_matches("https://")
        .trim_end_matches("/dns-query");
    address.rsplit(':').next().expect("a port").to_owned()
}

/// Everything in one process, with alice's name published.
struct World {
    place: Place,
    running: Running,
    name: String,
}

impl World {
    fn new() -> Self {
        let place = Place::with_alice();
        place.write("my.toml", ZONE);
        let command = place.command(&["up", "--ports", "auto", "--json"]);
        let running = place.started(command, "data");
        place.publish(&running, "alice");
        let name = place.name_of("alice");
        Self {
            place,
            running,
            name,
        }
    }

    /// The port of a listener of `run.json`.
    fn port(&self, listener: &str) -> String {
        port(&self.running, listener)
    }

    /// What dig prints.
    fn dig(&self, more: &[&str]) -> String {
        dig(&self.port("dns"), more)
    }
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn dig(port: &str, more: &[&str]) -> String {
    run(
        "dig",
        &[&["@127.0.0.1", "-p", port, "+tries=1", "+time=20"], more].concat(),
    )
}

/// What a program prints; it has to end well.
fn run(program: &str, args: &[&str]) -> String {
    let output = ended(program, args);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {args:?}: {stdout}{stderr}"
    );
    stdout
}

fn ended(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output();
    output.unwrap_or_else(|error| panic!("{program} runs (see .ci/setup): {error}"))
}

/// A port that is free for TCP and UDP now.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
