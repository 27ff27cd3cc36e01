//! The program as a person or a script uses it: arguments in, exit status, standard output and files out.

mod backups;
mod contract;
mod keys;
mod names;
mod networks;
pub(crate) mod nodes;
mod proofs;
mod turns;
mod verify;
mod zones;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes on a busy machine: only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A zone with a little of everything that answers.
const ZONE: &str = r#"
[[record]]
owner = "@"
type = "A"
data = "192.0.2.1"

[[record]]
owner = "www"
type = "CNAME"
data = "@"

[[resource]]
kind = "frontend"
host = "app"

  [[resource.provider]]
  id = "one"
  url = "https://one.example.net"

[[delegation]]
name = "blog"
branch = true
"#;

/// A folder that lasts as long as a test, with data folders and files in it.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// One with a key `alice` in the data folder `data`, and a zone `my.toml`.
    pub(crate) fn with_alice() -> Self {
        // One key file takes half the time of two.
        Self::with_key(&["key", "new", "alice", "--bare"])
    }

    /// As [`Place::with_alice`], with the next key that people get by default.
    fn with_next_key() -> Self {
        Self::with_key(&["key", "new", "alice"])
    }

    fn with_key(args: &[&str]) -> Self {
        let place = Self::new();
        place.write("my.toml", ZONE);
        place.run(args).ok();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("the test writes");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program within this place, with the passphrase of the tests and nothing of the machine's own settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dotkey"));
        command
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .stdin(Stdio::null());
        command
            .env("HOME", self.path("home"))
            .env("DOTKEY_DATA", "data")
            // Seconds of work that one test is about.
            .env("DOTKEY_NODE_DEMO", "false")
            .env("DOTKEY_PASSPHRASE", "correct horse");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        run(&mut self.command(args))
    }

    /// In another data folder.
    fn run_in(&self, data: &str, args: &[&str]) -> Run {
        run(self.command(args).args(["--data", data]))
    }

    /// As [`Place::run_in`], for commands whose words have no blanks.
    fn say_in(&self, data: &str, line: &str) -> Run {
        self.run_in(data, &line.split(' ').collect::<Vec<_>>())
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.run(&[args, &["--json"]].concat()).ok().json()
    }
}

/// Runs a program to its end, and keeps what it prints.
pub(crate) fn run(command: &mut Command) -> Run {
    finish(command.stdout(Stdio::piped()))
}

/// Runs a program to its end, which it has to come to. Where it prints to is already said.
fn finish(command: &mut Command) -> Run {
    command.stdin(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    let id = child.id().to_string();
    let (ended, output) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    let Ok(output) = output.recv_timeout(PATIENCE) else {
        // It may end just now.
        let _ = Command::new("kill").args(["-KILL", &id]).status();
        panic!("{command:?} did not end within {PATIENCE:?}");
    };
    Run(output.expect("it can be waited for"))
}

pub(crate) struct Run(Output);

impl Run {
    fn status(&self) -> i32 {
        self.0.status.code().expect("it was not killed")
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).expect("UTF-8")
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).expect("UTF-8")
    }

    /// Asserts that it ended well.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status(), 0, "{}{}", self.stdout(), self.stderr());
        self
    }

    /// Asserts that it failed with this status, said this and named a next step.
    pub(crate) fn fails(self, status: i32, says: &str) -> Self {
        let stderr = self.stderr();
        assert_eq!(self.status(), status, "{}{stderr}", self.stdout());
        assert!(stderr.contains(says), "{stderr}");
        if status != 2 {
            assert!(stderr.contains("next:"), "{stderr}");
        }
        self
    }

    /// The one object on standard output.
    pub(crate) fn json(&self) -> Value {
        let stdout = self.stdout();
        let value: Value =
            serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
        assert!(value.is_object(), "{stdout}");
        value
    }
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::symlink_metadata(path)
        .expect("it exists")
        .permissions()
        .mode()
        & 0o777
}
