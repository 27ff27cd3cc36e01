//! Ordinary names through the built program: an Unbound as upstream, what is written down here, and settings that are wrong.

use std::process::{Child, Command, Stdio};

use super::{World, dig, free_port, text};
use crate::cli::Place;
use crate::cli::nodes::{Running, eventually};

/// An Unbound that ends with the test.
struct Unbound {
    child: Child,
    port: u16,
}

impl Drop for Unbound {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Unbound {
    /// One that knows these records and nothing else.
    fn start(place: &Place, name: &str, records: &[&str]) -> Self {
        let port = free_port();
        let records: String = records
            .iter()
            .map(|record| format!(" local-data: '{record}'\n"))
            .collect();
        let config = format!(
            "server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n module-config: \"iterator\"\n local-zone: . static\n{records}remote-control:\n control-enable: no\n"
        );
        place.write(name, config);
        let mut command = Command::new("unbound");
        command.arg("-c").arg(place.path(name)).arg("-d");
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.expect("unbound runs (see .ci/setup)");
        let unbound = Self { child, port };
        eventually("unbound listens", || {
            let mut asked = Command::new("dig");
            asked.args(["@127.0.0.1", "-p", &port.to_string(), "+tries=1", "."]);
            let output = asked.output().expect("dig runs");
            output.status.success().then_some(())
        });
        unbound
    }
}

/// A resolver with these settings, and its port.
fn resolver(world: &World, name: &str, settings: &str) -> (Running, String) {
    world
        .place
        .write(&format!("{name}.toml"), format!("[resolver]\n{settings}"));
    let config = format!("{name}.toml");
    let node = text(&world.running.ready()["api"]).to_owned();
    let args = [
        "resolver", "--ports", "auto", "--json", "--data", name, "--config", &config, "--node",
        &node,
    ];
    let running = world.place.started(world.place.command(&args), name);
    let address = text(&running.ready()["dns"]).to_owned();
    let port = address.rsplit(':').next().expect("a port").to_owned();
    (running, port)
}

#[test]
fn ordinary_names_come_from_whoever_answers_and_from_what_is_written_down() {
    let world = World::new();
    let outside = Unbound::start(
        &world.place,
        "outside.conf",
        &[
            "www.example. 300 A 192.0.2.80",
            "alias.example. 300 CNAME www.example.",
            "rebound.example. 300 A 192.168.1.1",
            "home.example. 300 A 192.168.1.1",
            "db.corp.example. 300 A 192.0.2.99",
        ],
    );
    let inside = Unbound::start(
        &world.place,
        "inside.conf",
        &["db.corp.example. 300 A 10.0.0.1"],
    );
    world
        .place
        .write("hosts", "192.168.1.9 printer.home.arpa\n");
    let settings = format!(
        "upstream = [\"127.0.0.1:9\", \"127.0.0.1:{}\"]\nvalidate = false\nroutes = [\"corp.example 127.0.0.1:{}\"]\nlocal = [\"www.lan TXT \\\"here\\\"\"]\nhosts = \"{}\"\nprivate_names = [\"home.example\"]\n",
        outside.port,
        inside.port,
        world.place.path("hosts").display(),
    );
    let (_running, port) = resolver(&world, "ordinary", &settings);
    let check = |of: &str, rtype: &str, expected: &str| {
        let said = dig(&port, &[of, rtype, "+short"]);
        assert_eq!(said.trim(), expected, "{of} {rtype}");
    };
    check("www.example", "A", "192.0.2.80");
    check("alias.example", "A", "www.example.\n192.0.2.80");
    check("home.example", "A", "192.168.1.1");
    check("db.corp.example", "A", "10.0.0.1");
    check("www.lan", "TXT", "\"here\"");
    check("printer.home.arpa", "A", "192.168.1.9");
    check("9.1.168.192.in-addr.arpa", "PTR", "printer.home.arpa.");
    check("anything.localhost", "A", "127.0.0.1");
    check(&world.name, "A", "192.0.2.1");
    let rebound = dig(&port, &["rebound.example", "A"]);
    assert!(
        rebound.contains("status: SERVFAIL") && rebound.contains("EDE: 18"),
        "{rebound}"
    );
    let reserved = dig(&port, &["x.onion", "A"]);
    assert!(reserved.contains("status: NXDOMAIN"), "{reserved}");
}

#[test]
fn settings_that_cannot_be_used_are_named() {
    let place = Place::new();
    place.write("hosts", "127.0.0.1 localhost\nx y\n");
    let hosts = place.path("hosts").display().to_string();
    for (variable, value, expected) in [
        ("UPSTREAM", "dns.example", "`dns.example` is no upstream"),
        ("ROUTES", "corp.example", "no upstream"),
        ("LOCAL", "printer A", "is no record"),
        ("HOSTS", hosts.as_str(), "line 2 of the hosts file"),
    ] {
        let mut command = place.command(&["resolver", "--node", "http://127.0.0.1:9"]);
        command.env(format!("DOTKEY_RESOLVER_{variable}"), value);
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{variable}: {said}");
        assert!(said.contains(expected), "{variable}: {said}");
    }
}
