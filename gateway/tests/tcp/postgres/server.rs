//! PostgreSQL as the tests start it, and `psql`.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::{Program, certificate, free_port, output, pin_text, until};

/// Which server it is.
pub(crate) const PORT: &str = "select current_setting('port')";

/// `nobody`: the servers refuse to run as root.
pub(crate) const NOBODY: u32 = 65_534;

/// A program of the newest PostgreSQL that is installed, as Debian lays it out.
pub(crate) fn tool(name: &str) -> Command {
    let versions =
        std::fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql is installed");
    let newest = versions
        .map(|it| it.expect("readable").path())
        .max_by_key(|path| {
            let version = path
                .file_name()
                .and_then(|name| name.to_str()?.parse::<u32>().ok());
            version.unwrap_or_default()
        });
    let mut command = Command::new(newest.expect("a version").join("bin").join(name));
    // What the person who runs the tests has set is not for these.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG")) {
        command.env_remove(name);
    }
    command.current_dir("/");
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("this process").uid() == 0
}

/// A server and its data.
pub(crate) struct Server {
    pub(crate) port: u16,
    program: Option<Program>,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .expect("set");
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
        }
        folder
    }

    /// A new one, with this line before those that trust everybody.
    pub(crate) fn create(rule: &str) -> Self {
        let server = Self {
            port: free_port(),
            program: None,
            folder: Self::folder(),
        };
        output(
            tool("initdb")
                .args([
                    "-A",
                    "trust",
                    "-U",
                    "owner",
                    "-E",
                    "UTF8",
                    "--no-locale",
                    "--no-sync",
                    "-D",
                ])
                .arg(server.data()),
            "",
        );
        let rules = server.data().join("pg_hba.conf");
        let trusting = std::fs::read_to_string(&rules).expect("written by initdb");
        std::fs::write(&rules, format!("{rule}\n{trusting}")).expect("written");
        server
    }

    /// A copy that follows this one.
    pub(crate) fn replica(&self) -> Self {
        let replica = Self {
            port: free_port(),
            program: None,
            folder: Self::folder(),
        };
        let mut copy = tool("pg_basebackup");
        copy.args([
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
            "-h",
            "127.0.0.1",
            "-U",
            "owner",
            "-p",
            &self.port.to_string(),
            "-D",
        ]);
        output(copy.arg(replica.data()), "");
        replica
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn run(&mut self, more: &[&str]) {
        let mut command = tool("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path());
        command.args([
            "-p",
            &self.port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
            "-c",
            "shared_buffers=4MB",
            "-c",
            "max_connections=30",
        ]);
        command.args(more);
        self.program = Some(Program::start(&mut command));
        let begun = self.port;
        until("postgres answers", || {
            let mut ready = tool("pg_isready");
            ready.args(["-q", "-h", "127.0.0.1", "-p", &begun.to_string()]);
            ready.status().expect("pg_isready runs").success()
        });
    }

    pub(crate) fn start(rule: &str) -> Self {
        let mut server = Self::create(rule);
        server.run(&[]);
        server
    }

    /// SIGKILL to the postmaster; what it started notices and ends by itself.
    pub(crate) fn kill(&mut self) {
        self.program = None;
    }

    pub(crate) fn promote(&self) {
        output(
            tool("pg_ctl")
                .args(["promote", "-w", "-s", "-D"])
                .arg(self.data()),
            "",
        );
    }

    /// Asks it without a gateway.
    pub(crate) fn ask(&self, query: &str) -> String {
        output(&mut psql(self.port, "", query), "")
    }
}

/// A client at a port of loopback, that answers in bare values.
pub(crate) fn psql(port: u16, options: &str, query: &str) -> Command {
    let mut command = tool("psql");
    command.args([
        "-X",
        "-A",
        "-t",
        "-q",
        "-h",
        "127.0.0.1",
        "-U",
        "owner",
        "-d",
        "postgres",
        "-p",
        &port.to_string(),
    ]);
    command
        .env("PGOPTIONS", options)
        .env("PGCONNECT_TIMEOUT", "30");
    if !query.is_empty() {
        command.args(["-c", query]);
    }
    command
}

pub(crate) fn provider(server: &Server, pin: Option<[u8; 32]>) -> String {
    let pin = pin.map_or(String::new(), |pin| {
        format!(", pin = \"{}\"", pin_text(pin))
    });
    format!(
        "{{ id = \"p{0}\", url = \"postgres://127.0.0.1:{0}\"{pin} }}",
        server.port
    )
}

pub(crate) fn zone(shards: &[(&str, u64, String, &[String])]) -> String {
    let mut text = "[[resource]]\nkind = \"shards\"\nhost = \"@\"\n[resource.shards]\nby = \"hash\"\nkey = \"the customer's number\"\n".to_owned();
    for (id, epoch, primary, replicas) in shards {
        text += &format!(
            "[[resource.shards.shard]]\nid = \"{id}\"\nepoch = {epoch}\nprimary = {primary}\n"
        );
        if !replicas.is_empty() {
            text += &format!("replica = [{}]\n", replicas.join(", "));
        }
    }
    text
}

/// A psql that stays.
pub(crate) struct Interactive {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Interactive {
    pub(crate) fn start(port: u16) -> Self {
        let mut command = psql(port, "", "");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("psql runs");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, answers }
    }

    pub(crate) fn ask(&mut self, query: &str) -> String {
        writeln!(self.child.stdin.as_ref().expect("piped"), "{query};").expect("it reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// What it says at its next query, when its connection has ended.
    pub(crate) fn ended(&mut self) -> String {
        writeln!(self.child.stdin.as_ref().expect("piped"), "{PORT};").expect("it reads");
        drop(self.child.stdin.take());
        let mut said = String::new();
        let _ = self
            .child
            .stderr
            .as_mut()
            .expect("piped")
            .read_to_string(&mut said);
        said
    }
}

impl Drop for Interactive {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The certificate where the server may read it.
pub(crate) fn certificate_of(server: &Server) -> [u8; 32] {
    let folder = server.data();
    let pin = certificate(&folder);
    let own = |path: &Path| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("set");
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("given away");
        }
    };
    own(&folder.join("server.crt"));
    own(&folder.join("server.key"));
    pin
}
