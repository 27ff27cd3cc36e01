//! Several nodes: what is published at one is read at every other, although some die.

use super::{PATIENCE, Place, Running, eventually, get, refused, text};

/// Nodes that keep one network together.
const NODES: usize = 5;

/// A network in one place: the first node, and the others that joined it.
fn network(place: &Place) -> Vec<Running> {
    let mut nodes = vec![place.start("n0", &[])];
    let first = nodes[0].run_file();
    nodes.extend((1..NODES).map(|at| place.start(&format!("n{at}"), &["--join", &first])));
    for node in &nodes {
        eventually("everyone knows everyone", || {
            let known = place.status(node)["known_peers"].as_u64();
            (known >= Some(NODES as u64 - 1)).then_some(())
        });
    }
    nodes
}

/// Asserts that every node gives exactly these bytes, by its API and to the program, which verifies them.
fn check(place: &Place, nodes: &[Running], name: &str, record: &[u8]) {
    let label = name.split('.').next().expect("a label");
    for node in nodes {
        let (status, body) = get(node, &format!("/v1/records/{label}"));
        assert_eq!((status, body.as_slice()), (200, record), "{}", node.data);
        let shown = place.shown(node, name, &["--fresh"]);
        assert_eq!(shown.as_deref(), Some(record), "{}", node.data);
    }
}

#[test]
fn what_is_published_at_one_is_read_at_every_other() {
    let place = Place::with_alice();
    let mut nodes = network(&place);
    let alice = place.name_of("alice");

    let published = place.publish(&nodes[0], "alice");
    assert_eq!(published["of"], NODES, "{published}");
    let stored = published["stored"].as_u64().expect("a number");
    assert!(stored > NODES as u64 / 2, "{published}");
    let record = place.shown(&nodes[0], &alice, &[]).expect("published");
    check(&place, &nodes, &alice, &record);

    let killed: Vec<String> = nodes.split_off(3).into_iter().map(Running::kill).collect();
    check(&place, &nodes, &alice, &record);

    older_is_refused(&place, &nodes[1], &alice);
    check(&place, &nodes, &alice, &record);

    // While two are away: another name, and something newer under the first.
    let bob = place.key("bob");
    place.publish(&nodes[0], "bob");
    let newer = place.publish(&nodes[2], "alice");
    assert!(newer["sequence"].as_u64() > published["sequence"].as_u64());
    let record = place.shown(&nodes[0], &alice, &["--fresh"]).expect("newer");

    let back = place.start(&killed[0], &["--join", &nodes[0].run_file()]);
    let kept = place.status(&back)["records"]["count"].as_u64();
    assert!(kept >= Some(1), "what was acknowledged outlives kill -9");
    // Nobody asks it for anything: it finds out by itself.
    eventually("it catches up", || {
        let count = place.status(&back)["records"]["count"].as_u64();
        (count == Some(2)).then_some(())
    });
    nodes.push(back);
    check(&place, &nodes, &alice, &record);
    assert!(place.shown(&nodes[3], &bob, &[]).is_some(), "{PATIENCE:?}");
}

/// An older sequence is refused with the newer one shown.
fn older_is_refused(place: &Place, node: &Running, name: &str) {
    let newest = place.json(&["zone", "show", name, "--node", node.api()]);
    let newest = &newest["record"];
    let sign = ["zone", "sign", "my.toml", "--key", "alice", "--seq", "1"];
    place
        .run(&[&sign[..], &["--out", "old.record"]].concat())
        .ok();
    let zone = ["zone", "publish", "my.toml", "--key", "alice", "--seq", "1"];
    for args in [&["zone", "publish", "old.record"][..], &zone] {
        let args = [args, &["--node", node.api(), "--json"]].concat();
        let refusal = refused(place.run(&args), "is not newer than");
        assert_eq!(refusal["error"]["code"], "older");
        for field in ["sequence", "digest", "expires"] {
            assert_eq!(refusal["current"][field], newest[field], "{refusal}");
        }
        let message = text(&refusal["error"]["message"]);
        assert!(message.contains(text(&newest["digest"])), "{message}");
    }
}
