//! Looking after a running resolver: what it keeps and counts, its query log, and its configuration read again under load.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::{World, dig, text};
use crate::cli::nodes::{Running, eventually, get};

/// The page that lists the metrics.
const METRICS: &str = include_str!("../../docs/operating.md");

impl World {
    /// A resolver by itself in the folder `data`, which asks this world's node.
    fn alone(&self, data: &str, more: &[&str]) -> Running {
        let node = text(&self.running.ready()["api"]).to_owned();
        let args = [
            &["resolver", "--ports", "auto", "--json", "--data", data],
            &["--genesis", "data/network.toml", "--node", &node][..],
            more,
        ];
        self.place.started(self.place.command(&args.concat()), data)
    }

    /// What a command says of the resolver in the folder `data`.
    fn cache(&self, data: &str, args: &[&str]) -> Value {
        let args = [&["cache"], args, &["--data", data]].concat();
        self.place.json(&args)
    }
}

fn port_of(resolver: &Running) -> String {
    let address = text(&resolver.ready()["dns"]);
    address.rsplit(':').next().expect("a port").to_owned()
}

fn json(resolver: &Running, path: &str) -> Value {
    serde_json::from_slice(&get(resolver, path).1).expect("JSON")
}

#[test]
fn what_it_keeps_is_shown_and_let_go_of() {
    let world = World::new();
    let resolver = world.alone("light", &[]);
    let port = port_of(&resolver);
    let name = world.name.as_str();
    let www = format!("www.{name}");
    for name in [name, www.as_str()] {
        dig(&port, &[name, "A"]);
    }
    let names = |shown: &Value| -> Vec<String> {
        let answers = shown["answers"].as_array().expect("a list");
        answers
            .iter()
            .map(|one| text(&one["name"]).to_owned())
            .collect()
    };
    // Both are still kept, or asked for again: what is kept under the suffix holds for some seconds.
    let shown = eventually("it is kept", || {
        dig(&port, &[&www, "A"]);
        let shown = world.cache("light", &["show", &www.to_ascii_uppercase()]);
        (shown["found"] == 1).then_some(shown)
    });
    assert_eq!(names(&shown), [format!("{www}.")]);
    assert_eq!(shown["answers"][0]["type"], "A");
    assert_eq!(shown["answers"][0]["rcode"], "NOERROR");
    let said = world.place.run(&["cache", "show", "--data", "light"]).ok();
    assert!(said.stdout().contains("ours     "), "{}", said.stdout());
    assert_eq!(world.cache("light", &["flush", "other.key"])["flushed"], 0);
    dig(&port, &[&www, "A"]);
    assert_eq!(
        world.cache("light", &["flush", name])["flushed"]
            .as_u64()
            .map(|all| all > 0),
        Some(true)
    );
    assert_eq!(world.cache("light", &["show", name])["found"], 0);
    world
        .place
        .run(&["cache", "show", "a..b", "--data", "light"])
        .fails(1, "the node at");
    // Beside a node it is the same.
    world.dig(&[name, "A"]);
    assert!(world.cache("data", &["flush"])["flushed"].as_u64() > Some(0));
    world
        .place
        .run(&["cache", "show", "--data", "elsewhere"])
        .fails(1, "no resolver runs in");
}

#[test]
fn it_says_where_it_is_and_is_no_node() {
    let world = World::new();
    let resolver = world.alone("light", &[]);
    let file =
        |name: &str| -> Value { serde_json::from_slice(&world.place.read(name)).expect("JSON") };
    for name in ["light/run.json", "light/resolver.json"] {
        let run = file(name);
        assert_eq!(run["role"], "resolver", "{name}");
        for key in ["pid", "api", "dns", "dot", "doq", "doh"] {
            assert_eq!(run[key], resolver.ready()[key], "{name}: {key}");
        }
    }
    world
        .place
        .run(&["status", "--data", "light"])
        .fails(1, "no node runs in");
    // In the folder of a node that runs it leaves the node's file alone.
    let beside = world.alone("data", &[]);
    assert_eq!(file("data/run.json")["pid"], world.running.ready()["pid"]);
    assert_eq!(file("data/resolver.json")["pid"], beside.ready()["pid"]);
    world.place.run(&["status"]).ok();
    assert!(beside.stop().success());
    assert!(resolver.stop().success());
    for gone in [
        "light/run.json",
        "light/resolver.json",
        "data/resolver.json",
    ] {
        assert!(!world.place.path(gone).exists(), "{gone}");
    }
    assert!(world.place.path("data/run.json").exists());
}

#[test]
fn what_it_counts_is_there_for_prometheus() {
    let world = World::new();
    let resolver = world.alone("light", &[]);
    let port = port_of(&resolver);
    dig(&port, &[&world.name, "A"]);
    dig(&port, &[&world.name, "A", "+tcp"]);
    dig(&port, &["example.net", "A"]);
    for running in [&resolver, &world.running] {
        let page = String::from_utf8(get(running, "/metrics").1).expect("text");
        for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().expect("a name");
            let documented = ["`", "_total`", "_info`"].map(|end| format!("| `{name}{end} |"));
            let is_documented = |row: &String| METRICS.contains(row);
            assert!(documented.iter().any(is_documented), "{name} is not listed");
        }
    }
    let page = String::from_utf8(get(&resolver, "/metrics").1).expect("text");
    for line in [
        "queries_total{transport=\"udp\"} 2",
        "queries_total{transport=\"tcp\"} 1",
        "answers_total{source=\"ours-miss\",rcode=\"NOERROR\"} ",
        "answers_total{source=\"refused\",rcode=\"REFUSED\"} 1",
        "answer_duration_seconds_count{source=\"ours-miss\"} ",
        "connections_total{transport=\"tcp\"} 1",
    ] {
        let line = format!("\ndotkey_resolver_{line}");
        assert!(page.contains(&line), "{line}: {page}");
    }
    let (status, health) = get(&resolver, "/v1/health");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&health));
    assert_eq!(json(&resolver, "/v1/resolver")["queries"], 3);
    assert_eq!(get(&resolver, "/v1/peers").0, 404);
    assert_eq!(get(&resolver, "/v1/resolver/cache").0, 401);
}

#[test]
fn the_query_log_says_what_was_asked_and_goes_on_after_it_is_moved() {
    let world = World::new();
    let log = world.place.path("queries").display().to_string();
    let config = format!("[resolver]\nquery_log = \"{log}\"\n");
    world.place.write("config.toml", config);
    let resolver = world.alone("light", &["--config", "config.toml"]);
    let port = port_of(&resolver);
    dig(&port, &[&world.name, "A", "+ad"]);
    dig(&port, &["example.net", "TXT", "+tcp"]);
    let lines = |name: &str| -> Vec<Value> {
        let bytes = std::fs::read(world.place.path(name)).unwrap_or_default();
        let text = String::from_utf8(bytes).expect("text");
        // The last one may be half written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = whole.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    };
    let all = eventually("both are written", || {
        Some(lines("queries")).filter(|lines| lines.len() == 2)
    });
    let (ours, other) = (&all[0], &all[1]);
    assert_eq!(ours["name"], format!("{}.", world.name));
    assert_eq!(
        (&ours["type"], &ours["rcode"]),
        (&"A".into(), &"NOERROR".into())
    );
    assert_eq!(
        (&ours["source"], &ours["ad"]),
        (&"ours-miss".into(), &true.into())
    );
    assert_eq!(
        (&ours["client"], &ours["transport"]),
        (&"127.0.0.1".into(), &"udp".into())
    );
    assert!(ours["us"].as_u64() > Some(0) && text(&ours["time"]).ends_with('Z'));
    assert_eq!(
        (&other["source"], &other["transport"]),
        (&"refused".into(), &"tcp".into())
    );
    assert_eq!(
        (&other["rcode"], &other["ede"]),
        (&"REFUSED".into(), &21.into())
    );
    // As logrotate does it.
    std::fs::rename(world.place.path("queries"), world.place.path("queries.1")).expect("moved");
    dig(&port, &[&world.name, "TXT"]);
    resolver.signal("-HUP");
    eventually("it is opened anew", || {
        world.place.path("queries").exists().then_some(())
    });
    dig(&port, &[&world.name, "MX"]);
    let of = |name: &str, rtype: &str| lines(name).iter().any(|line| line["type"] == rtype);
    eventually("each is written somewhere", || {
        (of("queries.1", "TXT") && of("queries", "MX")).then_some(())
    });
    assert!(resolver.stop().success());
    assert_eq!(lines("queries.1").len() + lines("queries").len(), 4);
}

/// Asks from a socket of its own until it is told to stop, one question after the other, and counts those without an answer.
fn ask_on(port: u16, name: &str, stop: &AtomicBool, answered: &AtomicU64) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(("127.0.0.1", port)).expect("connected");
    // Far longer than any answer takes: what is not there then was lost.
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("set");
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).expect("short"));
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    let (mut lost, mut id) = (0, 0_u16);
    let mut buffer = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        id = id.wrapping_add(1);
        query[..2].copy_from_slice(&id.to_be_bytes());
        socket.send(&query).expect("sent");
        let good = match socket.recv(&mut buffer) {
            // NOERROR, and the answer to this one.
            Ok(length) => length > 12 && buffer[..2] == id.to_be_bytes() && buffer[3] & 0x0f == 0,
            Err(_) => false,
        };
        lost += u64::from(!good);
        answered.fetch_add(u64::from(good), Ordering::Relaxed);
    }
    lost
}

/// A resolver whose configuration changes.
struct Changing {
    world: World,
    resolver: Running,
    port: String,
}

impl Changing {
    fn new() -> Self {
        let world = World::new();
        write_config(&world, "first", "");
        let resolver = world.alone("light", &["--config", "config.toml", "--log", "info"]);
        let port = port_of(&resolver);
        Self {
            world,
            resolver,
            port,
        }
    }

    /// What it calls itself now.
    fn is_called(&self, nsid: &str) {
        let said = dig(&self.port, &[&self.world.name, "A", "+nsid"]);
        assert!(said.contains(&format!("(\"{nsid}\")")), "{nsid}: {said}");
    }

    /// Has a configuration read, and waits until so many were `applied` or `refused`.
    fn read(&self, nsid: &str, more: &str, (result, times): (&str, usize)) {
        write_config(&self.world, nsid, more);
        self.resolver.signal("-HUP");
        eventually("it is read", || {
            let page = String::from_utf8(get(&self.resolver, "/metrics").1).expect("text");
            let line = format!("reloads_total{{result=\"{result}\"}} {times}\n");
            page.contains(&line).then_some(())
        });
    }

    /// How the last reading went.
    fn last(&self) -> Value {
        json(&self.resolver, "/v1/resolver")["last_reload"].clone()
    }
}

fn write_config(world: &World, nsid: &str, more: &str) {
    let config = format!("[resolver]\nnsid = \"{nsid}\"\n{more}\n");
    world.place.write("config.toml", config);
}

#[test]
fn the_configuration_is_read_again_under_load_and_no_query_is_lost() {
    let changing = Changing::new();
    changing.is_called("first");
    let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let port = changing.port.parse().expect("a port");
            let name = changing.world.name.clone();
            thread::spawn(move || ask_on(port, &name, &stop, &answered))
        })
        .collect();
    for turn in 1..=10 {
        let others = match turn % 2 {
            0 => "answers_per_second = \"0\"\nresources = \"direct\"",
            _ => "allow = [\"127.0.0.0/8\"]\nupstream = [\"192.0.2.53\"]\nvalidate = false",
        };
        let before = answered.load(Ordering::Relaxed);
        changing.read(&format!("turn-{turn}"), others, ("applied", turn));
        eventually("it answers on", || {
            (answered.load(Ordering::Relaxed) > before + 50).then_some(())
        });
    }
    changing.is_called("turn-10");
    stop.store(true, Ordering::Relaxed);
    let lost: u64 = asking
        .into_iter()
        .map(|one| one.join().expect("it asks"))
        .sum();
    assert_eq!(lost, 0, "of {}", answered.load(Ordering::Relaxed));
    let last = changing.last();
    assert_eq!(last["error"], Value::Null, "{last}");
    let applied = last["applied"].to_string();
    assert!(
        applied.contains("\"nsid\"") && applied.contains("\"upstream\""),
        "{last}"
    );
}

#[test]
fn what_needs_a_restart_is_named_and_what_is_wrong_changes_nothing() {
    let changing = Changing::new();
    changing.read("moved", "dns = \"127.0.0.1:1\"", ("applied", 1));
    assert_eq!(changing.last()["restart"].to_string(), "[\"dns\"]");
    changing.is_called("moved");
    let wrong = ["allow = [\"10.0.0.0/40\"]", "nonsense = 1", "= ="];
    for (turn, wrong) in wrong.into_iter().enumerate() {
        changing.read("wrong", wrong, ("refused", turn + 1));
        changing.is_called("moved");
    }
    let last = changing.last();
    assert!(text(&last["error"]).contains("config.toml"), "{last}");
    let Changing {
        world, resolver, ..
    } = changing;
    assert!(resolver.stop().success());
    let log = String::from_utf8(world.place.read("light.errors")).expect("text");
    for says in [
        "applied: nsid; needs a restart: dns",
        "the configuration is left as it was",
    ] {
        assert!(log.contains(says), "{says}: {log}");
    }
}
