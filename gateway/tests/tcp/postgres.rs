//! PostgreSQL: real servers as shards, `psql` as client.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dotkey_gateway::tcp::{Bounds, Event, Way};

use crate::world::{
    Program, Site, certificate, connect, free_port, listen, output, pin_text, rest, run, until,
};

/// `nobody`: the servers refuse to run as root.
const NOBODY: u32 = 65_534;

/// A program of the newest PostgreSQL that is installed, as Debian lays it out.
fn tool(name: &str) -> Command {
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

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").expect("this process").uid() == 0
}

/// A server and its data.
struct Server {
    port: u16,
    program: Option<Program>,
    folder: tempfile::TempDir,
}

impl Server {
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .expect("set");
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("given away");
        }
        folder
    }

    /// A new one, with this line before those that trust everybody.
    fn create(rule: &str) -> Self {
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
    fn replica(&self) -> Self {
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

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&mut self, more: &[&str]) {
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

    fn start(rule: &str) -> Self {
        let mut server = Self::create(rule);
        server.run(&[]);
        server
    }

    /// SIGKILL to the postmaster; what it started notices and ends by itself.
    fn kill(&mut self) {
        self.program = None;
    }

    fn promote(&self) {
        output(
            tool("pg_ctl")
                .args(["promote", "-w", "-s", "-D"])
                .arg(self.data()),
            "",
        );
    }

    /// Asks it without a gateway.
    fn ask(&self, query: &str) -> String {
        output(&mut psql(self.port, "", query), "")
    }
}

/// A client at a port of loopback, that answers in bare values.
fn psql(port: u16, options: &str, query: &str) -> Command {
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

fn provider(server: &Server, pin: Option<[u8; 32]>) -> String {
    let pin = pin.map_or(String::new(), |pin| {
        format!(", pin = \"{}\"", pin_text(pin))
    });
    format!(
        "{{ id = \"p{0}\", url = \"postgres://127.0.0.1:{0}\"{pin} }}",
        server.port
    )
}

fn zone(shards: &[(&str, u64, String, &[String])]) -> String {
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

fn postgres(site: &Site) -> Way {
    Way::Postgres { name: site.name() }
}

const PORT: &str = "select current_setting('port')";

#[tokio::test(flavor = "multi_thread")]
async fn sessions_reach_the_shard_of_their_key_and_readers_a_replica() {
    let (a, b) = (Server::start(""), Server::start(""));
    let mut replica = a.replica();
    replica.run(&[]);
    let site = Site::new(21);
    site.publish(
        1,
        &zone(&[
            ("a", 1, provider(&a, None), &[provider(&replica, None)]),
            ("b", 1, provider(&b, None), &[]),
        ]),
    );
    let (mut listener, _) = listen(&site, postgres(&site), Bounds::default()).await;
    let port = listener.local_addr().port();
    let resolution = site
        .resolver()
        .resolve(&site.name())
        .await
        .expect("resolved");
    let mut of_a = String::new();
    let mut seen = [0, 0];
    for key in 0..12 {
        let key = key.to_string();
        let shard = resolution.shard_for("/", key.as_bytes()).expect("a shard");
        let its = if &*shard.id == "a" { &a } else { &b };
        seen[usize::from(&*shard.id == "b")] += 1;
        let found = output(
            &mut psql(
                port,
                &format!("-c dotkey.shard_key={key} -c geqo=off"),
                PORT,
            ),
            "",
        );
        assert_eq!(found, its.port.to_string(), "{key}");
        if &*shard.id == "a" {
            of_a = key;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    let reading = format!("-c dotkey.shard_key={of_a} -c default_transaction_read_only=on");
    let asked = "select current_setting('port') || pg_is_in_recovery()::text";
    assert_eq!(
        output(&mut psql(port, &reading, asked), ""),
        format!("{}true", replica.port)
    );
    replica.kill();
    let from_primary = output(&mut psql(port, &reading, asked), "");
    assert_eq!(
        from_primary,
        format!("{}false", a.port),
        "without a replica the primary reads"
    );
    let failed = run(&mut psql(port, "", PORT), "");
    let error = String::from_utf8_lossy(&failed.stderr);
    assert!(
        error.contains("no shard key was named (its key is the customer's number)"),
        "{error}"
    );
    assert!(
        error.contains("PGOPTIONS='-c dotkey.shard_key=KEY'"),
        "{error}"
    );
    cancelling(port, &of_a);
    let counted = listener.counters();
    assert_eq!(
        (counted.cancelled, counted.unroutable),
        (1, 1),
        "{counted:?}"
    );
    strangers(&listener);
    listener.drain().await;
}

/// Control-C in psql reaches the server that is busy.
fn cancelling(port: u16, key: &str) {
    let mut command = psql(
        port,
        &format!("-c dotkey.shard_key={key}"),
        "select pg_sleep(600)",
    );
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql runs");
    until("the query runs", || {
        let running = "select count(*) from pg_stat_activity where query like 'select pg_sleep%'";
        output(
            &mut psql(port, &format!("-c dotkey.shard_key={key}"), running),
            "",
        ) == "1"
    });
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill runs").success());
    let done = child.wait_with_output().expect("psql ends");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(
        error.contains("canceling statement due to user request"),
        "{error}"
    );
}

/// What is no client of PostgreSQL.
fn strangers(listener: &dotkey_gateway::tcp::Listener) {
    let told = |bytes: &[u8]| {
        let mut stream = connect(listener.local_addr());
        stream.write_all(bytes).expect("written");
        String::from_utf8_lossy(&rest(&mut stream)).into_owned()
    };
    assert!(told(b"GET / HTTP/1.1\r\n\r\n").contains("C08P01"));
    assert!(told(&[0, 0, 0, 9, 0, 2, 0, 0, 0]).contains("version 2.0"));
    let smuggled = [&[0, 0, 0, 8, 4, 210, 22, 47][..], b"more"].concat();
    assert!(told(&smuggled).contains("more than a question"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_replaced_under_its_clients() {
    let mut old = Server::start("");
    let mut new = old.replica();
    new.run(&[]);
    old.ask("create table notes (text text)");
    let site = Site::new(22);
    let first = site.sign(
        1,
        &zone(&[("a", 1, provider(&old, None), &[provider(&new, None)])]),
    );
    site.give(first.clone());
    let (listener, noticed) = listen(&site, postgres(&site), Bounds::default()).await;
    let port = listener.local_addr().port();
    let write = |text: &str| {
        run(
            &mut psql(port, "", &format!("insert into notes values ('{text}')")),
            "",
        )
        .status
        .success()
    };
    assert!(write("before"));
    until("it is copied", || {
        new.ask("select count(*) from notes") == "1"
    });
    let mut client = Interactive::start(port);
    assert_eq!(client.ask(PORT), old.port.to_string());
    old.kill();
    new.promote();
    assert!(client.ended().contains("connection"), "it hears of it");
    site.publish(2, &zone(&[("a", 2, provider(&new, None), &[])]));
    until("writing goes on", || write("after"));
    let mut client = Interactive::start(port);
    assert_eq!(client.ask(PORT), new.port.to_string());
    // The old one comes back, with an older record that names it.
    old.run(&[]);
    site.give(first);
    let fenced = |event: &Event| {
        matches!(
            event,
            Event::FencedOff {
                epoch: 1,
                highest: 2,
                ..
            }
        )
    };
    until("the older record is refused", || noticed.count(fenced) > 0);
    for _ in 0..5 {
        assert!(write("later"));
    }
    assert_eq!(
        client.ask(PORT),
        new.port.to_string(),
        "who is at the right one stays"
    );
    assert_eq!(
        old.ask("select count(*) from notes where text <> 'before'"),
        "0"
    );
    assert_eq!(
        new.ask("select count(*) from notes where text = 'later'"),
        "5"
    );
    // A primary that is well and replaced all the same: its clients are told so.
    let mut third = new.replica();
    third.run(&[]);
    third.promote();
    site.publish(3, &zone(&[("a", 3, provider(&third, None), &[])]));
    until("its sessions ended", || listener.counters().replaced >= 1);
    let said = client.ended();
    assert!(
        said.contains("serves the shard a no more") && said.contains("Connect again"),
        "{said}"
    );
    assert!(write("to the third"));
    assert_eq!(
        third.ask("select count(*) from notes where text = 'to the third'"),
        "1"
    );
}

/// A psql that stays.
struct Interactive {
    child: Child,
    answers: BufReader<std::process::ChildStdout>,
}

impl Interactive {
    fn start(port: u16) -> Self {
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

    fn ask(&mut self, query: &str) -> String {
        writeln!(self.child.stdin.as_ref().expect("piped"), "{query};").expect("it reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// What it says at its next query, when its connection has ended.
    fn ended(&mut self) -> String {
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
fn certificate_of(server: &Server) -> [u8; 32] {
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

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_server_is_spoken_to_over_tls_or_not_at_all() {
    let mut server = Server::create(
        "hostssl postgres guest 127.0.0.1/32 scram-sha-256\nhostnossl postgres guest 127.0.0.1/32 reject",
    );
    let pin = certificate_of(&server);
    server.run(&["-c", "ssl=on"]);
    server.ask("create role guest login password 'secret'");
    let bounds = || Bounds {
        reach: std::time::Duration::from_secs(1),
        ..Bounds::default()
    };
    let guest = |port: u16| {
        let mut command = psql(
            port,
            "",
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
        );
        command.args(["-U", "guest"]).env("PGPASSWORD", "secret");
        run(&mut command, "")
    };
    let site = Site::new(23);
    site.publish(1, &zone(&[("a", 1, provider(&server, Some(pin)), &[])]));
    let (listener, _) = listen(&site, postgres(&site), bounds()).await;
    // With a password that the server offers to bind to its own TLS connection, which the client does not have.
    let done = guest(listener.local_addr().port());
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).trim(),
        "t",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    for (seed, wrong) in [(24, [7; 32]), (25, pin)] {
        let site = Site::new(seed);
        if wrong == pin {
            // The right pin, and a server that has stopped to offer TLS.
            server.kill();
            until("it is gone", || {
                std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err()
            });
            server.run(&[]);
        }
        site.publish(1, &zone(&[("a", 1, provider(&server, Some(wrong)), &[])]));
        let (listener, noticed) = listen(&site, postgres(&site), bounds()).await;
        let failed = guest(listener.local_addr().port());
        let error = String::from_utf8_lossy(&failed.stderr);
        assert!(
            !failed.status.success() && error.contains("its owner must publish the key")
                || error.contains("presented a key"),
            "{error}"
        );
        assert_eq!(
            noticed.count(|event| matches!(event, Event::OtherKey { .. })),
            1
        );
        assert_eq!(listener.counters().other_keys, 1);
    }
}
