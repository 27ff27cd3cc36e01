//! One node's life: it starts, says where it is, refuses to be two, and stops in order.

use std::fs::{self, Permissions};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::{Place, eventually, get};

/// The page that lists the metrics.
const METRICS: &str = include_str!("../../../docs/operating.md");

#[test]
fn it_says_where_it_is_while_it_runs() {
    let place = Place::new();
    let node = place.start("data", &[]);
    let path = place.path("data/run.json");
    let run: Value = serde_json::from_slice(&place.read("data/run.json")).expect("JSON");
    assert_eq!(run["pid"], node.child.id());
    assert_eq!(run["api"], node.ready["api"]);
    let peers = run["peers"].as_array().expect("a list");
    assert!(!peers.is_empty());
    for peer in peers {
        let peer = peer.as_str().expect("an address");
        assert!(
            peer.contains("/p2p/12D3KooW") && !peer.contains("/0/"),
            "{peer}"
        );
    }
    assert_eq!(get(&node, "/v1/health").0, 200);
    let (found, page) = get(&node, "/metrics");
    assert_eq!(found, 200);
    for line in String::from_utf8(page).expect("text").lines() {
        let described = line
            .strip_prefix("# TYPE ")
            .and_then(|rest| rest.split(' ').next());
        let Some(name) = described else { continue };
        // A counter's lines end with more than its name.
        let documented = ["`", "_total`", "_info`"].map(|end| format!("| `{name}{end} |"));
        let is_documented = |row: &String| METRICS.contains(row);
        assert!(documented.iter().any(is_documented), "{name} is not listed");
    }

    let status = place.run(&["status"]).ok().stdout();
    assert!(status.contains("alone"), "{status}");
    let status = place.json(&["status"]);
    assert_eq!(status["replication"]["health"], "alone");
    assert_eq!(
        place.json(&["node", "peers"])["peers"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );

    let ended = node.stop();
    assert!(ended.success(), "{ended}");
    assert!(!path.exists(), "nobody is sent to a node that has stopped");
    place.run(&["status"]).fails(1, "no node runs in");
    place.run(&["status"]).fails(1, "dotkey up");
}

#[test]
fn ctrl_c_stops_it_too() {
    let place = Place::new();
    let mut node = place.start("data", &[]);
    node.signal("-INT");
    let ended = eventually("it stops", || node.child.try_wait().expect("a child"));
    assert!(ended.success(), "{ended}");
    assert!(!place.path("data/run.json").exists());
}

#[test]
fn it_is_itself_again_after_a_restart() {
    let place = Place::with_alice();
    let first = place.start("data", &[]);
    let id = place.status(&first)["peer_id"].clone();
    let name = place.name_of("alice");
    let published = place.publish(&first, "alice");
    assert_eq!(
        (&published["stored"], &published["of"]),
        (&1.into(), &1.into())
    );
    let record = place.shown(&first, &name, &[]);
    assert!(record.is_some());
    // What a crash leaves behind does not keep it from starting.
    first.kill();
    assert!(place.path("data/run.json").exists());
    place.run(&["status"]).fails(1, "no node answers at");
    let second = place.start("data", &[]);
    assert_eq!(place.status(&second)["peer_id"], id);
    assert_eq!(place.shown(&second, &name, &[]), record);
}

#[test]
fn a_second_process_on_the_folder_is_told_of_the_first() {
    let place = Place::new();
    let node = place.start("data", &[]);
    let pid = node.child.id().to_string();
    for command in ["node", "up"] {
        let second = place.run(&[command, "--ports", "auto"]);
        second.fails(1, &pid);
    }
    // The first is not disturbed.
    assert_eq!(place.status(&node)["replication"]["health"], "alone");
}

#[test]
fn ports_in_use_are_named() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let api = address.to_string();
    let run = place.run(&["node", "--ports", "auto", "--api", &api]);
    run.fails(1, &format!("port {} (TCP, for the API)", address.port()));
    let listen = format!("/ip4/127.0.0.1/tcp/{}", address.port());
    let run = place.run(&["node", "--ports", "auto", "--listen", &listen]);
    run.fails(1, &format!("port {} (TCP, for peers)", address.port()))
        .fails(1, "--ports auto");
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let listen = format!("/ip4/127.0.0.1/udp/{port}/quic-v1");
    let run = place.run(&["node", "--ports", "auto", "--listen", &listen]);
    run.fails(1, &format!("port {port} (UDP, for peers)"));
    assert!(!place.path("data/run.json").exists());
}

/// What cannot be meant, and what is said to it.
const MISTAKES: &[(&[&str], i32, &str)] = &[
    (&["--join", "127.0.0.1:4380"], 2, "lacks the node's id"),
    (&["--join", "nobody/run.json"], 3, "no node runs there"),
    (
        &["--join", "/ip4/127.0.0.1/tcp/1/p2p/12D3"],
        2,
        "/p2p/12D3KooW",
    ),
    (&["--listen", "127.0.0.1:4380"], 2, "/ip4/0.0.0.0/udp"),
    (&["--api", "5380"], 2, "127.0.0.1:5380"),
    (&["--store-max", "12"], 2, "store_max"),
    (&["--connections-max", "1"], 2, "connections_max"),
    (&["--log", "libp2p=loud"], 2, "log"),
    (&["--mdns", "peers"], 2, "runs none"),
    (&["--data", "data", "peers"], 1, "no node runs in data"),
];

#[test]
fn mistakes_are_said_before_anything_starts() {
    let place = Place::new();
    for (args, status, says) in MISTAKES {
        place.run(&[&["node"], *args].concat()).fails(*status, says);
    }
    let mut command = place.command(&["node"]);
    super::super::run(command.env("DOTKEY_NODE_MDNS", "perhaps")).fails(2, "DOTKEY_NODE_MDNS");
    place.write("config.toml", "[node]\nlisten = 5\n");
    place
        .run(&["node", "--config", "config.toml"])
        .fails(1, "listen");
}

#[test]
fn what_others_may_change_is_not_trusted() {
    let place = Place::new();
    place.start("data", &[]).stop();
    let open = |path: &str, mode: u32| {
        fs::set_permissions(place.path(path), Permissions::from_mode(mode)).expect("ours");
    };
    for mode in [0o777, 0o720, 0o702] {
        open("data", mode);
        for args in [
            &["node", "--ports", "auto"][..],
            &["up", "--ports", "auto"],
            &["node", "repair"],
        ] {
            place
                .run(args)
                .fails(1, "data is open to others")
                .fails(1, "chmod 700 'data'");
        }
    }
    open("data", 0o755);
    open("data/node.key", 0o640);
    place
        .run(&["node", "--ports", "auto"])
        .fails(1, "chmod 600 data/node.key");
    open("data/node.key", 0o600);
    place.start("data", &[]);
}

#[test]
fn a_restart_says_by_whom_it_comes_back() {
    let place = Place::new();
    let said = |data: &str| String::from_utf8(place.read(&format!("{data}.errors"))).expect("text");
    let first = place.start("first", &[]);
    assert!(said("first").contains("network  of its own"));
    let second = place.start("second", &["--join", &first.run_file()]);
    let told = said("second");
    assert!(
        told.contains("joins by 1 node that it was told of"),
        "{told}"
    );
    eventually("they know each other", || {
        (place.status(&second)["known_peers"] == 1).then_some(())
    });
    second.stop();
    let second = place.start("second", &[]);
    let told = said("second");
    assert!(
        told.contains("rejoins by 1 peer saved in peers.json"),
        "{told}"
    );
    eventually("it is back", || {
        (place.status(&second)["known_peers"] == 1).then_some(())
    });
    first.stop();
    eventually("it is alone, and says whom it waits for", || {
        let status = place.run(&["status", "--node", second.api()]).ok().stdout();
        status
            .contains("1 peer that it met before did not answer yet")
            .then_some(())
    });
}

#[test]
fn settings_of_a_node_come_from_everywhere() {
    let place = Place::new();
    place.write(
        "config.toml",
        "log = \"info\"\n[node]\nports = \"auto\"\nstore_max = \"2GiB\"\nhosts = [\"node.example.net\"]\n",
    );
    let mut command = place.command(&["up", "--json", "--config", "config.toml"]);
    command.env("DOTKEY_NODE_STORE_MAX", "3GiB");
    let node = place.started(command, "data");
    let records = &place.status(&node)["records"];
    assert_eq!(records["bytes_max"].as_u64(), Some(3 << 30));
    for (host, status) in [("node.example.net", 200), ("other.example.net", 421)] {
        let sent = ureq::get(format!("{}/v1/status", node.api()))
            .config()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .header("host", host)
            .call();
        assert_eq!(sent.expect("it answers").status(), status, "{host}");
    }
    // The environment names the node that commands ask, too.
    let mut asking = place.command(&["status", "--json", "--data", "elsewhere"]);
    super::super::run(asking.env("DOTKEY_NODE_URL", node.api())).ok();
}
