//! Nodes as processes: what `dotkey node` and `dotkey up` promise to whoever runs one, and to the others.

mod asked;
mod changes;
mod clocks;
mod cut;
mod followers;
mod full;
mod halves;
mod kept;
mod life;
pub(crate) mod machines;
mod nat;
mod neighbours;
mod published;
mod several;
mod validators;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, Place, Run, text};

/// A node that runs, and ends with the test that started it.
pub(crate) struct Running {
    child: Child,
    /// Its data folder, within the place.
    data: String,
    /// What it printed when it was ready.
    ready: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// What it printed when it was ready.
    pub(crate) fn ready(&self) -> &Value {
        &self.ready
    }

    pub(super) fn api(&self) -> &str {
        text(&self.ready["api"])
    }

    /// As `--join` takes it.
    pub(crate) fn run_file(&self) -> String {
        format!("{}/run.json", self.data)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {name}");
    }

    /// As a power cut ends it.
    pub(super) fn kill(mut self) -> String {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it ends");
        self.data.clone()
    }

    /// Stops it as a service manager does.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.signal("-TERM");
        eventually("it stops", || self.child.try_wait().expect("a child"))
    }
}

impl Place {
    /// Starts a node on free ports and waits until it is ready.
    pub(crate) fn start(&self, data: &str, more: &[&str]) -> Running {
        let args = [&["node", "--data", data, "--ports", "auto", "--json"], more].concat();
        self.started(self.command(&args), data)
    }

    /// Waits until what was started says `ready`.
    pub(crate) fn started(&self, mut command: Command, data: &str) -> Running {
        let errors = self.path(&format!("{data}.errors"));
        command
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).expect("a file"));
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("it is piped");
        let mut running = Running {
            child,
            data: data.to_owned(),
            ready: Value::Null,
        };
        let (said, line) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            // It ends at the line, or where the process does.
            BufReader::new(stdout).read_line(&mut line).expect("text");
            said.send(line)
        });
        let line = line.recv_timeout(PATIENCE).unwrap_or_default();
        running.ready = serde_json::from_str(&line).unwrap_or_default();
        let said = std::fs::read_to_string(&errors).expect("text");
        assert_eq!(running.ready["ready"], true, "{line}{said}");
        running
    }

    /// What a node says of itself.
    pub(crate) fn status(&self, node: &Running) -> Value {
        self.json(&["status", "--node", node.api()])
    }

    /// The record of a name as one node gives it: its bytes, verified by the program.
    pub(super) fn shown(&self, node: &Running, name: &str, more: &[&str]) -> Option<Vec<u8>> {
        let out = self.path("shown.record");
        // It may be there from before.
        let _ = std::fs::remove_file(&out);
        let shown = ["zone", "show", name, "--out", "shown.record"];
        let shown = self.run(&[&shown[..], &["--node", node.api()], more].concat());
        match shown.status() {
            0 => Some(self.read("shown.record")),
            3 => None,
            _ => panic!("{}", shown.stderr()),
        }
    }

    /// The self-certifying name of a key of this place.
    pub(crate) fn name_of(&self, key: &str) -> String {
        text(&self.json(&["key", "show", key])["domains"][0]).to_owned()
    }

    /// A new key, which needs no passphrase of its own.
    pub(super) fn key(&self, key: &str) -> String {
        self.run(&["key", "new", key, "--bare"]).ok();
        self.name_of(key)
    }

    /// Publishes the zone of this place.
    pub(crate) fn publish(&self, node: &Running, key: &str) -> Value {
        let args = ["zone", "publish", "my.toml", "--key", key];
        self.json(&[&args[..], &["--node", node.api()]].concat())
    }
}

/// The body that a node's API gives for a path, and its status.
pub(crate) fn get(node: &Running, path: &str) -> (u16, Vec<u8>) {
    read(agent().get(format!("{}{path}", node.api())))
}

/// The same for who has the token of the node's data folder.
pub(crate) fn get_as_owner(place: &Place, node: &Running, path: &str) -> (u16, Vec<u8>) {
    let token = place.path(&format!("{}/api-token", node.data));
    let token = std::fs::read_to_string(token).expect("a token");
    let bearer = format!("Bearer {}", token.trim());
    let request = agent().get(format!("{}{path}", node.api()));
    read(request.header("Authorization", &bearer))
}

fn read(request: ureq::RequestBuilder<ureq::typestate::WithoutBody>) -> (u16, Vec<u8>) {
    let mut response = request.call().expect("it answers");
    let mut body = Vec::new();
    let mut reader = response.body_mut().as_reader();
    reader.read_to_end(&mut body).expect("a body");
    (response.status().as_u16(), body)
}

/// Who asks a node over HTTP, and takes every status for an answer.
fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .build();
    ureq::Agent::new_with_config(config)
}

/// Asks again and again until there is something.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < until, "{what}: not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Asserts what a failed command said.
fn refused(run: Run, says: &str) -> Value {
    run.fails(1, says).json()
}
