//! An independent libp2p (js-libp2p, in `tests/interop/js/`) takes part in a network of ours.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{assert_success, root};
use crate::cli::Place;
use crate::cli::nodes::{Running, eventually, get};

const SCRIPTS: [&str; 3] = ["older-node.mjs", "peer.mjs", "records.mjs"];

/// What js-libp2p says that it met and did, from within a place with two record files.
fn met(place: &Place, address: &str, records: [&str; 2]) -> Value {
    let packages = std::env::var_os("DOTKEY_JS").map(PathBuf::from);
    let packages = packages.expect(
        "DOTKEY_JS names no folder with the packages of tests/interop/js; `make test` makes one and sets it",
    );
    for script in SCRIPTS {
        let from = root().join("tests/interop/js").join(script);
        fs::copy(&from, place.path(script)).expect("it is copied");
    }
    let modules = packages.join("node_modules");
    symlink(modules, place.path("node_modules")).expect("a link");
    let output = Command::new("node")
        .args(["--import", "./older-node.mjs", "peer.mjs", address])
        .args(records)
        .current_dir(place.path("."))
        .output()
        .expect("`node` is there: apt-get install nodejs");
    let said = assert_success(&output);
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Nodes that know each other, and their peer ids.
fn network(place: &Place) -> (Vec<Running>, Vec<String>) {
    let mut nodes = vec![place.start("n0", &[])];
    let first = nodes[0].run_file();
    nodes.extend(["n1", "n2"].map(|data| place.start(data, &["--join", &first])));
    let ids = nodes.iter().map(|node| {
        let known = || {
            let status = place.status(node);
            (status["known_peers"] == 2).then(|| text(&status["peer_id"]).to_owned())
        };
        eventually("everyone knows everyone", known)
    });
    let ids = ids.collect();
    (nodes, ids)
}

#[test]
fn another_libp2p_takes_part() {
    let place = Place::with_alice();
    let (nodes, mut ids) = network(&place);
    let name = place.name_of("alice");
    let label = name.split('.').next().expect("a label");
    let path = format!("/v1/records/{label}");
    let published = place.publish(&nodes[0], "alice");
    let (status, record) = get(&nodes[0], &path);
    assert_eq!(status, 200);
    place.write("now.record", &record);
    let sequence = published["sequence"].as_u64().expect("a number") + 1;
    let sign = [
        "zone",
        "sign",
        "my.toml",
        "--key",
        "alice",
        "--out",
        "newer.record",
    ];
    place
        .run(&[&sign[..], &["--seq", &sequence.to_string()]].concat())
        .ok();
    let newer = place.read("newer.record");

    let listening = place.status(&nodes[1])["listening"].clone();
    let listening = listening.as_array().expect("a list").iter().map(text);
    let address = listening.into_iter().find(|to| to.contains("/tcp/"));
    let met = met(
        &place,
        address.expect("it listens"),
        ["now.record", "newer.record"],
    );

    identified(&met, &ids[1]);
    let mut closest: Vec<_> = met["closest"]
        .as_array()
        .expect("a list")
        .iter()
        .map(text)
        .collect();
    closest.sort_unstable();
    ids.sort_unstable();
    assert_eq!(closest, ids);
    assert_eq!(met["summary"]["sequence"], published["sequence"]);
    assert_eq!(met["summary"]["digest"], published["digest"]);
    exchanged(&met, &record, &newer);
    for node in &nodes {
        eventually("what it put is at every node", || {
            (get(node, &format!("{path}?fresh=true")) == (200, newer.clone())).then_some(())
        });
    }
}

/// Who we say that we are, and what we speak: our own network's Kademlia and no other.
fn identified(met: &Value, id: &str) {
    assert_eq!(met["peer"], id);
    assert_eq!(met["protocolVersion"], "/dotkey/1");
    assert!(text(&met["agentVersion"]).starts_with("dotkey/"), "{met}");
    let protocols = met["protocols"].as_array().expect("a list").iter();
    let protocols: Vec<_> = protocols.map(text).collect();
    assert!(protocols.contains(&"/dotkey/records/1"), "{protocols:?}");
    let kad: Vec<_> = protocols.iter().filter(|it| it.contains("kad")).collect();
    assert_eq!(kad, [&"/dotkey/kad/1"]);
    assert!(met["ping_ms"].is_number(), "{met}");
}

/// What it got and what its puts were answered, by sections 9.3 and 9.4.
fn exchanged(met: &Value, record: &[u8], newer: &[u8]) {
    assert!(met["nothing"].is_null(), "{met}");
    assert_eq!(met["got"], hex(record));
    assert_eq!(met["closer"].as_array().map(Vec::len), Some(2));
    let refused = |what: &str, number: u64, shows: &[u8]| {
        assert_eq!(met[what]["number"], number, "{what}: {met}");
        assert_eq!(met[what]["shows"], hex(shows), "{what}");
    };
    refused("unexpected", 2, record);
    assert_eq!(met["stored"], true);
    refused("older", 1, newer);
}
