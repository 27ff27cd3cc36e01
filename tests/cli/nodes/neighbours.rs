//! Nodes on one local network, which nobody told of each other.

use super::machines::Machines;
use super::{Place, eventually};

#[test]
fn who_looks_on_the_local_network_is_found_and_nobody_else() {
    let Some(machines) = Machines::new(&["lan", "a", "b", "c"]) else {
        return;
    };
    machines.switch(
        "lan",
        &[
            ("a", "10.77.0.1/24"),
            ("b", "10.77.0.2/24"),
            ("c", "10.77.0.3/24"),
        ],
    );
    let place = Place::with_alice();
    let connected = |name: &str| {
        let status = machines.json(&place, name, &["status"]);
        status["connected_peers"].as_u64().expect("a number")
    };
    // It neither looks nor answers, and is there before the others look.
    let _silent = machines.start(&place, "c", &[]);
    let _nodes = ["a", "b"].map(|name| machines.start(&place, name, &["--mdns"]));
    eventually("the two that look know each other", || {
        let known = |name: &str| machines.json(&place, name, &["status"])["known_peers"] == 1;
        (known("a") && known("b")).then_some(())
    });
    assert_eq!(["a", "b", "c"].map(connected), [1, 1, 0]);

    let name = place.name_of("alice");
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    let published = machines.json(&place, "a", &["zone", "publish", "my.record"]);
    assert_eq!(
        (&published["stored"], &published["of"]),
        (&2.into(), &2.into())
    );
    assert!(machines.digest(&place, "b", &name).is_some());
    assert!(machines.digest(&place, "c", &name).is_none());
}
