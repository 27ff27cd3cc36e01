//! The program around the resolver: beside a node, by itself with nodes that it asks, and the names that a ledger decides about.

use super::{World, dig, ended, text};
use crate::cli::Place;

#[test]
fn a_claimed_name_is_answered_and_nobodys_is_denied() {
    let world = World::new();
    // A network that has just begun has no certified block to prove absence with.
    crate::cli::nodes::eventually("its absence is proved", || {
        let absent = world.dig(&["hello.key", "A"]);
        absent.contains("status: NXDOMAIN").then_some(())
    });
    world
        .place
        .run(&["name", "claim", "hello.key", "--key", "alice"])
        .ok();
    let answered = || {
        let said = world.dig(&["hello.key", "A", "+short"]);
        (said.trim() == "192.0.2.1").then_some(())
    };
    // The block with the claim lets go of the denial that is kept.
    crate::cli::nodes::eventually("the name is answered", answered);
}

#[test]
fn a_new_folder_has_a_name_to_look_at() {
    let place = Place::new();
    let up = |place: &Place| {
        let mut command = place.command(&["up", "--ports", "auto", "--json"]);
        command.env_remove("DOTKEY_NODE_DEMO");
        place.started(command, "data")
    };
    // Killed on its way, it goes on with the next start.
    drop(up(&place));
    let running = up(&place);
    let port = crate::dns::port(&running, "dns");
    crate::cli::nodes::eventually("the demo name is answered", || {
        let said = dig(&port, &["hello.key", "TXT", "+short"]);
        said.contains("hello from a name").then_some(())
    });
    let holder = place.run(&["name", "show", "hello.key", "--json"]).ok();
    let demo = place.run(&["key", "show", "demo", "--json"]).ok();
    assert_eq!(holder.json()["owner"], demo.json()["key_id"]);
}

#[test]
fn a_resolver_by_itself_asks_nodes_and_believes_its_genesis() {
    let world = World::new();
    world
        .place
        .run(&["name", "claim", "hello.key", "--key", "alice"])
        .ok();
    let node = text(&world.running.ready()["api"]).to_owned();
    let args = [
        "resolver",
        "--ports",
        "auto",
        "--json",
        "--data",
        "light",
        "--genesis",
        "data/network.toml",
        "--node",
    ];
    // A node that does not answer costs nothing.
    let mut command = world.place.command(&args);
    command.arg(&node).args(["--node", "http://127.0.0.1:9"]);
    let resolver = world.place.started(command, "light");
    let address = text(&resolver.ready()["dns"]);
    let port = address.rsplit(':').next().expect("a port");
    let check = |name: &str, proofs: usize, records: usize| {
        let before = asked_for(&world);
        let said = dig(port, &[name, "A", "+short"]);
        assert_eq!(said.trim(), "192.0.2.1", "{name}");
        let after = asked_for(&world);
        let asked = (after.0 - before.0, after.1 - before.1);
        assert_eq!(asked, (proofs, records), "{name}");
    };
    // Who holds it and what they published, in one round trip. What came so is kept as that of the name that is the holder's key.
    check("hello.key", 1, 0);
    check(&world.name, 0, 0);
    let denied = dig(port, &["nobody-has-this.key", "A"]);
    assert!(denied.contains("status: NXDOMAIN"), "{denied}");
    // What it kept outlives its sources.
    drop(world.running);
    assert_eq!(dig(port, &["hello.key", "A", "+short"]).trim(), "192.0.2.1");
    let unknown = dig(port, &["another-name.key", "A"]);
    assert!(
        unknown.contains("status: SERVFAIL") && unknown.contains("EDE: 23"),
        "{unknown}"
    );
    assert!(resolver.stop().success());
    assert!(world.place.path("light/light").is_dir());
}

/// How many proofs of names and how many records the node has given.
fn asked_for(world: &World) -> (usize, usize) {
    let (_, page) = crate::cli::nodes::get(&world.running, "/metrics");
    let page = String::from_utf8(page).expect("text");
    let count = |route: &str| {
        let line = format!(
            "dotkey_http_requests_total{{method=\"GET\",route=\"{route}\",status=\"200\"}} "
        );
        let count = page.lines().find_map(|one| one.strip_prefix(&line));
        count.map_or(0, |count| count.parse().expect("a number"))
    };
    (count("/v1/names/{name}"), count("/v1/records/{key_id}"))
}

#[test]
fn the_anchor_stays_the_same() {
    let world = World::new();
    let first = world.place.json(&["resolver", "anchor"]);
    assert_eq!(first, world.place.json(&["resolver", "anchor"]));
    let ds = text(&first["ds"]);
    let said = world.dig(&["key.", "DNSKEY", "+short"]);
    assert!(said.starts_with("257 3 13 "), "{said}");
    assert!(ds.contains(" 13 2 "), "{ds}");
    world
        .place
        .run(&["resolver", "--ports", "auto", "anchor"])
        .fails(2, "these options");
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let world = World::new();
    let url = format!(
        "{}?name={}",
        text(&world.running.ready()["doh"]),
        world.name
    );
    let asked = |certificate: &str| {
        let certificate = world.place.path(certificate).display().to_string();
        ended("curl", &["-sS", "--cacert", &certificate, &url])
            .status
            .success()
    };
    assert!(asked("data/resolver.crt"));
    let names = vec!["127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    world.place.write("new.crt", made.cert.pem());
    assert!(!asked("new.crt"));
    world
        .place
        .write("data/resolver-tls.key", made.key_pair.serialize_pem());
    // Half of a pair is not shown.
    world.running.signal("-HUP");
    assert!(asked("data/resolver.crt"));
    world.place.write("data/resolver.crt", made.cert.pem());
    world.running.signal("-HUP");
    crate::cli::nodes::eventually("the new one is shown", || asked("new.crt").then_some(()));
}
