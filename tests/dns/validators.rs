//! Others validate what we sign, by the anchor that we export.

use std::process::{Command, Stdio};

use super::{Ends, World, dig, free_port, run, text};
use crate::cli::nodes::eventually;

#[test]
fn delv_validates_answers_and_denials() {
    let world = World::new();
    let anchor = world.place.json(&["resolver", "anchor"]);
    world
        .place
        .write("anchor.conf", format!("{}\n", text(&anchor["bind"])));
    let file = world.place.path("anchor.conf").display().to_string();
    let port = world.port("dns");
    let check = |name: &str, rtype: &str, expected: &str| {
        let said = run(
            "delv",
            &[
                "@127.0.0.1",
                "-p",
                &port,
                "-a",
                &file,
                "+root=key.",
                name,
                rtype,
            ],
        );
        assert!(said.contains("fully validated"), "{name} {rtype}: {said}");
        assert!(said.contains(expected), "{name} {rtype}: {said}");
    };
    let name = world.name.as_str();
    check(name, "A", "192.0.2.1");
    check(&format!("www.{name}"), "A", "CNAME");
    check(&format!("x.wild.{name}"), "TXT", "any");
    check(&format!("app.{name}"), "HTTPS", "alpn");
    check(name, "AAAA", ";-$NXRRSET");
    check(&format!("nothing.{name}"), "A", ";-$NXDOMAIN");
    check("no-such_name.key", "A", ";-$NXDOMAIN");
}

#[test]
fn an_unbound_in_front_validates_and_says_so() {
    let world = World::new();
    let anchor = world.place.json(&["resolver", "anchor"]);
    let port = free_port();
    let config = format!(
        "server:\n interface: 127.0.0.1\n port: {port}\n do-daemonize: no\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: \"\"\n do-not-query-localhost: no\n module-config: \"validator iterator\"\n {}\nforward-zone:\n name: \"key.\"\n forward-addr: 127.0.0.1@{}\nremote-control:\n control-enable: no\n",
        text(&anchor["unbound"]),
        world.port("dns"),
    );
    world.place.write("unbound.conf", config);
    let file = world.place.path("unbound.conf");
    let mut command = Command::new("unbound");
    command
        .arg("-c")
        .arg(file)
        .arg("-d")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let _unbound = Ends(command.spawn().expect("unbound runs (see .ci/setup)"));
    let port = port.to_string();
    let ask = |name: &str, rtype: &str| {
        let args = [
            "@127.0.0.1",
            "-p",
            &port,
            "+dnssec",
            "+tries=1",
            "+time=20",
            name,
            rtype,
        ];
        let output = Command::new("dig").args(args).output().expect("dig runs");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let name = world.name.as_str();
    eventually("unbound listens", || ask(name, "A"));
    let check = |name: &str, rtype: &str, status: &str| {
        let said = dig(&port, &["+dnssec", name, rtype]);
        let flags = said
            .lines()
            .find(|line| line.contains("flags:"))
            .unwrap_or_default();
        assert!(
            said.contains(&format!("status: {status}")),
            "{name} {rtype}: {said}"
        );
        assert!(flags.contains(" ad"), "{name} {rtype}: {said}");
    };
    check(name, "A", "NOERROR");
    check(&format!("www.{name}"), "A", "NOERROR");
    check(&format!("x.wild.{name}"), "TXT", "NOERROR");
    check(name, "AAAA", "NOERROR");
    check(&format!("nothing.{name}"), "A", "NXDOMAIN");
    check("no-such_name.key", "A", "NXDOMAIN");
}
