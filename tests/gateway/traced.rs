//! Spans of requests, read by OpenTelemetry's own definitions.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use super::servers::{Kind, Server};
use super::{PATIENCE, World, answer, zone};

/// `tests/interop/collector.py`, which ends with the test.
struct Collector {
    child: Child,
    url: String,
    told: Receiver<String>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Collector {
    fn start() -> Self {
        let python = std::env::var_os("DOTKEY_PYTHON").map(PathBuf::from);
        let python = python.expect(
            "DOTKEY_PYTHON names no Python with tests/interop/requirements.txt installed; `make test` makes one and sets it",
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/collector.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python of DOTKEY_PYTHON starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, told) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let url = told.recv_timeout(PATIENCE).expect("it listens");
        Self { child, url, told }
    }

    /// The next batch's spans.
    fn batch(&self) -> Vec<Value> {
        let line = self.told.recv_timeout(PATIENCE).expect("spans are sent");
        let told: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(told["wrong"], Value::Null, "{line}");
        let service = &told["resource"]["attributes"][0]["value"]["stringValue"];
        assert_eq!(service, "dotkey-gateway");
        told["spans"].as_array().expect("a list").clone()
    }
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let all = span["attributes"].as_array().expect("a list");
    let found = all.iter().find(|one| one["key"] == key);
    found.map_or(&Value::Null, |one| &one["value"])
}

#[test]
fn a_collector_of_opentelemetry_takes_what_is_told() {
    let collector = Collector::start();
    let mut servers: Vec<Server> = [Kind::Nginx, Kind::Caddy].map(Server::start).into();
    let providers = [("gone", &servers[0]), ("there", &servers[1])];
    let variables = [("DOTKEY_GATEWAY_TRACES", &*collector.url)];
    let world = World::with(
        &zone(&providers, "policy = { balance = \"round-robin\" }"),
        &variables,
    );
    drop(servers.remove(0));
    // Until one try has failed: of two requests in turn the first or the second.
    let mut spans = Vec::new();
    let connect = |span: &Value| attribute(span, "error.type")["stringValue"] == "connect";
    while !spans.iter().any(connect) {
        world.get("/where?what=secret");
        spans.extend(collector.batch());
    }
    let failed = spans.iter().find(|span| connect(span)).expect("just found");
    assert_eq!(failed["name"], "try gone");
    let server = spans
        .iter()
        .find(|span| span["spanId"] == failed["parentSpanId"]);
    let server = server.expect("its request is in the same batch");
    assert_eq!(
        attribute(server, "http.response.status_code")["intValue"],
        "200"
    );
    assert_eq!(attribute(server, "dotkey.name")["stringValue"], world.name);
    assert!(!format!("{spans:?}").contains("secret"));
    // A problem, a method that HTTP does not know, and a visitor's own trace.
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let head = format!(
        "MAKE / HTTP/1.1\r\nHost: nobody.key\r\nTraceparent: 00-{id}-00f067aa0ba902b7-01\r\nConnection: close\r\n\r\n"
    );
    let (status, _) = answer(&world.address(), head.as_bytes());
    assert_ne!(status, 200);
    let mut told = Vec::new();
    while !told.iter().any(|span: &Value| span["traceId"] == id) {
        told = collector.batch();
    }
    let of_visitor = |span: &&Value| span["traceId"] == id;
    let problem = told.iter().find(of_visitor).expect("just found");
    assert_eq!(problem["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(problem["name"], "HTTP");
    // What waits when it stops is sent.
    world.get("/last");
    assert!(world.running.stop().success());
    assert!(!collector.batch().is_empty());
}
