//! Redis: real servers as shards, `redis-cli` and bare sockets as clients.

mod looked_after;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::Command;

use dotkey_gateway::tcp::shards::map::Wish;
use dotkey_gateway::tcp::shards::redis::commands::{
    self, Keys, TABLE, Way as CommandWay, shard_key,
};
use dotkey_gateway::tcp::shards::redis::resp::Command as Resp;
use dotkey_gateway::tcp::{Bounds, Event, Way};

use crate::world::{Program, Site, connect, free_port, listen, output, rest, until};

/// A server without a memory of its own: what it is started with is nothing.
pub(crate) struct Server {
    pub(crate) port: u16,
    program: Program,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_at(free_port())
    }

    fn start_at(port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
            &port.to_string(),
        ]);
        command.arg("--dir").arg(folder.path());
        let program = Program::start(&mut command);
        let server = Self {
            port,
            program,
            _folder: folder,
        };
        until("redis-server answers", || server.answers());
        server
    }

    fn answers(&self) -> bool {
        let done = cli(self.port).arg("PING").output().expect("redis-cli runs");
        done.stdout.starts_with(b"PONG")
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        output(cli(self.port).args(arguments), "")
    }
}

fn cli(port: u16) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command
}

/// A set by hash of shards with this epoch, primary and replicas.
fn zone(shards: &[(&str, u64, u16, &[u16])]) -> String {
    let mut text = "[[resource]]\nkind = \"shards\"\nhost = \"@\"\n[resource.shards]\nby = \"hash\"\nkey = \"user\"\n".to_owned();
    for (id, epoch, primary, replicas) in shards {
        text += &format!("[[resource.shards.shard]]\nid = \"{id}\"\nepoch = {epoch}\n");
        text += &format!(
            "primary = {{ id = \"p{primary}\", url = \"redis://127.0.0.1:{primary}\" }}\n"
        );
        for replica in *replicas {
            text += &format!(
                "[[resource.shards.shard.replica]]\nid = \"p{replica}\"\nurl = \"redis://127.0.0.1:{replica}\"\n"
            );
        }
    }
    text
}

/// A client that keeps its connection.
struct Client(BufReader<std::net::TcpStream>);

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self(BufReader::new(connect(address)))
    }

    fn send(&mut self, line: &str) {
        let arguments: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.0
            .get_mut()
            .write_all(Resp::of(&arguments).as_bytes())
            .expect("written");
    }

    /// The next line of what comes back.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }
}

fn redis(site: &Site) -> Way {
    Way::Redis { name: site.name() }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_land_in_the_shard_that_the_resolver_says() {
    let (a, b) = (Server::start(), Server::start());
    let site = Site::new(11);
    site.publish(1, &zone(&[("a", 1, a.port, &[]), ("b", 1, b.port, &[])]));
    let (mut listener, _) = listen(&site, redis(&site), Bounds::default()).await;
    let port = listener.local_addr().port();
    let keys: Vec<String> = (0..60)
        .map(|at| format!("{{user{}}}:{at}", at / 2))
        .collect();
    let sets: String = keys
        .iter()
        .map(|key| format!("SET {key} of-{key}\n"))
        .collect();
    assert_eq!(output(&mut cli(port), &sets), ["OK"; 60].join("\n"));
    let resolution = site
        .resolver()
        .resolve(&site.name())
        .await
        .expect("resolved");
    for key in &keys {
        let shard = resolution
            .shard_for("/", shard_key(key.as_bytes()))
            .expect("a shard");
        let (its, other) = if &*shard.id == "a" {
            (&a, &b)
        } else {
            (&b, &a)
        };
        assert_eq!(its.ask(&["GET", key]), format!("of-{key}"));
        assert_eq!(other.ask(&["EXISTS", key]), "0");
    }
    let (of_a, of_b) = (a.ask(&["DBSIZE"]), b.ask(&["DBSIZE"]));
    assert!(of_a != "0" && of_b != "0", "{of_a} {of_b}");
    // Hundreds at once, more than may wait: each reply at its place.
    let mut client = Client::new(listener.local_addr());
    let mut all = Vec::new();
    for at in 0..1000 {
        let key = &keys[at * 7 % keys.len()];
        all.extend_from_slice(Resp::of(&[b"GET", key.as_bytes()]).as_bytes());
    }
    let mut writer = client.0.get_ref().try_clone().expect("a second handle");
    let writing = std::thread::spawn(move || writer.write_all(&all).expect("written"));
    for at in 0..1000 {
        let key = &keys[at * 7 % keys.len()];
        assert_eq!(client.line(), format!("${}", key.len() + 3));
        assert_eq!(client.line(), format!("of-{key}"));
    }
    writing.join().expect("all was written");
    several_keys_and_transactions(&mut client, &keys);
    let counted = listener.counters();
    assert!(counted.commands > 1000 && counted.open == 1, "{counted:?}");
    listener.drain().await;
    assert_eq!(listener.counters().open, 0);
}

fn several_keys_and_transactions(client: &mut Client, keys: &[String]) {
    assert_eq!(client.ask(&format!("EXISTS {} {}", keys[0], keys[1])), ":2");
    let apart = client.ask(&format!("EXISTS {}", keys.join(" ")));
    assert!(apart.starts_with("-CROSSSLOT"), "{apart}");
    assert_eq!(client.ask("MULTI"), "+OK");
    assert_eq!(client.ask(&format!("INCR {{{}}}n", "x")), "+QUEUED");
    assert_eq!(client.ask("INCR {x}n"), "+QUEUED");
    assert_eq!(client.ask("EXEC"), "*2");
    assert_eq!(
        (client.line(), client.line()),
        (":1".to_owned(), ":2".to_owned())
    );
    assert_eq!(client.ask("MULTI"), "+OK");
    assert_eq!(client.ask("INCR {x}n"), "+QUEUED");
    let other = keys
        .iter()
        .find(|key| client.ask(&format!("INCR {key}")).starts_with("-CROSSSLOT"));
    assert!(other.is_some(), "all keys in one shard");
    let aborted = client.ask("EXEC");
    assert!(aborted.starts_with("-EXECABORT"), "{aborted}");
    assert_eq!(client.ask("INCR {x}n"), ":3", "nothing of it was done");
    assert_eq!(client.ask("SELECT 1"), "+OK");
    assert_eq!(client.ask("EXISTS {x}n"), ":0");
    let refused = client.ask("SUBSCRIBE news");
    assert!(refused.contains("not carried"), "{refused}");
    let wrong = client.ask("GET");
    assert!(wrong.starts_with("-ERR"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_reaches_a_replica() {
    let (primary, replica) = (Server::start(), Server::start());
    replica.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]);
    let site = Site::new(12);
    site.publish(1, &zone(&[("a", 1, primary.port, &[replica.port])]));
    let (listener, _) = listen(&site, redis(&site), Bounds::default()).await;
    primary.ask(&["SET", "k", "v"]);
    until("the replica has it", || replica.ask(&["GET", "k"]) == "v");
    let calls = |server: &Server, name: &str| {
        let stats = server.ask(&["INFO", "commandstats"]);
        let line = stats
            .lines()
            .find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")));
        line.map_or(0, |line| {
            line.split(',')
                .next()
                .expect("a number")
                .parse::<u32>()
                .expect("a number")
        })
    };
    let before = (calls(&primary, "get"), calls(&replica, "get"));
    let mut client = Client::new(listener.local_addr());
    assert_eq!(client.ask("GET k"), "$1");
    assert_eq!(client.line(), "v");
    assert_eq!(calls(&primary, "get"), before.0 + 1);
    assert_eq!(client.ask("READONLY"), "+OK");
    for _ in 0..3 {
        assert_eq!(client.ask("GET k"), "$1");
        assert_eq!(client.line(), "v");
    }
    assert_eq!(client.ask("SET k w"), "+OK", "the replica would refuse it");
    assert_eq!(
        (calls(&primary, "get"), calls(&replica, "get")),
        (before.0 + 1, before.1 + 3)
    );
    // Without a replica the primary reads.
    drop(replica);
    until("the primary answers instead", || {
        client.ask("GET k") == "$1" && client.line() == "w"
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_primary_gets_nothing_however_it_comes_back() {
    let (mut old, new) = (Server::start(), Server::start());
    new.ask(&["REPLICAOF", "127.0.0.1", &old.port.to_string()]);
    until("it follows", || {
        new.ask(&["INFO", "replication"])
            .contains("master_link_status:up")
    });
    let site = Site::new(13);
    let first = site.sign(1, &zone(&[("a", 1, old.port, &[new.port])]));
    site.give(first.clone());
    let (listener, noticed) = listen(&site, redis(&site), Bounds::default()).await;
    let mut client = Client::new(listener.local_addr());
    assert_eq!(client.ask("SET k 1"), "+OK");
    until("it is copied", || new.ask(&["GET", "k"]) == "1");
    old.program.kill();
    new.ask(&["REPLICAOF", "NO", "ONE"]);
    site.publish(2, &zone(&[("a", 2, new.port, &[])]));
    // The same connection: what was on its way has an error, what follows goes to the new one.
    until("it writes again", || client.ask("SET k 2") == "+OK");
    assert_eq!(new.ask(&["GET", "k"]), "2");
    let old = Server::start_at(old.port);
    site.give(first);
    until("the older record is refused", || noticed.has_fenced(1, 2));
    for at in 0..20 {
        assert_eq!(client.ask(&format!("SET k{at} 1")), "+OK");
        assert_eq!(
            Client::new(listener.local_addr()).ask(&format!("SET n{at} 1")),
            "+OK"
        );
    }
    assert_eq!(
        (old.ask(&["DBSIZE"]), new.ask(&["DBSIZE"])),
        ("0".to_owned(), "41".to_owned())
    );
    assert_eq!(
        noticed.count(|event| matches!(event, Event::PrimaryReplaced { epoch: 2, .. })),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_their_way_to_a_replaced_primary_have_an_error_and_are_not_repeated() {
    let (old, new) = (Server::start(), Server::start());
    let site = Site::new(14);
    site.publish(1, &zone(&[("a", 1, old.port, &[])]));
    let (listener, _) = listen(&site, redis(&site), Bounds::default()).await;
    let mut client = Client::new(listener.local_addr());
    client.send("BLPOP list 0");
    client.send("INCR n");
    until("it waits", || {
        old.ask(&["INFO", "clients"]).contains("blocked_clients:1")
    });
    site.publish(2, &zone(&[("a", 2, new.port, &[])]));
    for _ in 0..2 {
        let error = client.line();
        assert!(
            error.starts_with("-ERR the primary of the shard a was replaced"),
            "{error}"
        );
    }
    assert_eq!(
        client.ask("INCR n"),
        ":1",
        "neither repeated nor carried over"
    );
    // A transaction cannot be moved.
    let third = Server::start();
    assert_eq!(
        (client.ask("MULTI"), client.ask("INCR n")),
        ("+OK".to_owned(), "+QUEUED".to_owned())
    );
    site.publish(3, &zone(&[("a", 3, third.port, &[])]));
    until("it cannot go on", || {
        client.ask("INCR n").starts_with("-ERR")
    });
    let aborted = client.ask("EXEC");
    assert!(aborted.starts_with("-EXECABORT"), "{aborted}");
    assert_eq!(client.ask("INCR n"), ":1");
    assert_eq!(new.ask(&["GET", "n"]), "1");
    drop(client);
    until("nobody is left", || listener.counters().open == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_speaks_otherwise_or_too_much_is_told_and_ended() {
    let server = Server::start();
    let site = Site::new(15);
    site.publish(1, &zone(&[("a", 1, server.port, &[])]));
    let bounds = Bounds {
        command_bytes_max: 300_000,
        held_bytes_max: 200_000,
        ..Bounds::default()
    };
    let (listener, _) = listen(&site, redis(&site), bounds).await;
    let told = |bytes: &[u8]| {
        let mut stream = connect(listener.local_addr());
        stream.write_all(bytes).expect("written");
        String::from_utf8_lossy(&rest(&mut stream)).into_owned()
    };
    assert!(told(b"PING\r\n").contains("inline"));
    assert!(told(b"*1\r\n$300001\r\n").contains("300000 bytes"));
    let begun = [
        b"*2\r\n$3\r\nGET\r\n$290000\r\n".to_vec(),
        vec![b'x'; 280_000],
    ]
    .concat();
    assert!(told(&begun).contains("unfinished"));
    // What is within the bounds goes through, whatever is in it.
    let mut client = Client::new(listener.local_addr());
    assert_eq!(client.ask(&format!("SET k {}", "y".repeat(150_000))), "+OK");
    assert_eq!(client.ask("STRLEN k"), ":150000");
    assert_eq!(listener.counters().unreadable, 2);
}

#[test]
fn the_table_is_what_a_real_server_says_of_its_commands() {
    let server = Server::start();
    let mut checked = 0;
    for (way, names) in TABLE {
        for name in names.split(' ') {
            let said = server.ask(&["--csv", "COMMAND", "INFO", name]);
            assert!(
                said.contains(&format!("\"{name}\"")),
                "{name} is no command: {said}"
            );
            let CommandWay::Keyed(keys, wish) = way else {
                continue;
            };
            checked += 1;
            // Name, arity, then flags; first key, last key and step come before the categories, which begin with `@`.
            let fields: Vec<&str> = said.split(',').collect();
            let flags_end = fields
                .iter()
                .position(|it| it.starts_with("\"@"))
                .expect("categories");
            let flags = &fields[2..flags_end - 3];
            let is_container = fields[flags_end - 3] == "0" && matches!(keys, Keys::Range(2, 2, 1));
            if !is_container {
                assert_eq!(
                    flags.contains(&"\"readonly\""),
                    *wish == Wish::Read,
                    "{name}: {said}"
                );
            }
            if let Keys::Range(first, last, step) = keys
                && !is_container
            {
                let expected = [first.to_string(), last.to_string(), step.to_string()];
                assert_eq!(fields[flags_end - 3..flags_end], expected, "{name}: {said}");
            }
        }
    }
    assert!(checked > 150, "{checked}");
}

#[test]
fn keys_are_those_that_a_real_server_finds() {
    let server = Server::start();
    for text in [
        "EVAL s 2 a b x",
        "ZUNIONSTORE d 2 a b",
        "ZINTER 2 a b",
        "SINTERCARD 1 a",
        "LMPOP 2 a b LEFT",
        "BLMPOP 0 2 a b LEFT",
        "XREAD COUNT 1 STREAMS a b 0 0",
        "XREADGROUP GROUP g c STREAMS a b > >",
        "SORT k BY w STORE d",
        "GEORADIUS k 1 2 3 m STORE d",
        "FCALL f 1 a b",
        "BITOP AND d a b",
        "OBJECT ENCODING k",
        "XGROUP CREATE k g 0",
        "MEMORY USAGE k",
        "MSET a 1 b 2",
        "BZPOPMIN a b 0",
        "ZRANGESTORE d s 0 1",
    ] {
        let arguments: Vec<&str> = text.split(' ').collect();
        let said = server.ask(&[&["COMMAND", "GETKEYS"], &arguments[..]].concat());
        let command = Resp::of(&arguments.iter().map(|it| it.as_bytes()).collect::<Vec<_>>());
        let CommandWay::Keyed(keys, _) = commands::way(&command.word(0)) else {
            panic!("{text} has keys");
        };
        let mut found: Vec<&[u8]> = commands::keys(&command, keys).expect("keys");
        let mut expected: Vec<&[u8]> = said.lines().map(str::as_bytes).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{text}");
    }
}
