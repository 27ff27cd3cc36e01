//! Networks: made, joined and shown; one folder follows one network.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::{Place, mode, text};

const INIT: [&str; 5] = ["network", "init", "--validators", "4", "--out"];

fn init(place: &Place, out: &str, more: &[&str]) -> Value {
    place.json(&[&INIT[..], &[out], more].concat())
}

#[test]
fn a_network_is_made_with_a_ready_folder_for_each_validator() {
    let place = Place::new();
    let made = init(&place, "NET", &["--name", "alpha"]);
    assert_eq!(made["name"], "alpha");
    let validators = made["validators"].as_array().expect("a list");
    assert_eq!(validators.len(), 4);
    for (at, validator) in validators.iter().enumerate() {
        let folder = format!("NET/validator-{}", at + 1);
        assert_eq!(validator["folder"], folder);
        let address = format!("127.0.0.1:{}", 4391 + 10 * at);
        assert_eq!(validator["address"], address);
        for secret in ["validator.key", "node.key"] {
            assert_eq!(mode(&place.path(&format!("{folder}/{secret}"))), 0o600);
        }
        assert_eq!(mode(&place.path(&folder)), 0o700);
        let shown = place.json(&["network", "show", "--data", &folder]);
        assert_eq!(shown["network"], made["network"]);
        assert_eq!(shown["own_identity"], validator["identity"]);
        let config = String::from_utf8(place.read(&format!("{folder}/config.toml")));
        let config = config.expect("text");
        // Each begins with the three others.
        assert_eq!(config.matches("/p2p/").count(), 3, "{config}");
    }
    let again = place.run(&[&INIT[..], &["NET"]].concat());
    again.fails(1, "exists, and is not overwritten");
    let words = place
        .run(&["network", "show", "NET/genesis.toml"])
        .ok()
        .stdout();
    assert!(
        words.contains(text(&made["network"])) && words.contains("alpha"),
        "{words}"
    );
}

#[test]
fn addresses_are_one_for_each_validator() {
    let place = Place::new();
    let with = |addresses: &[&str]| {
        let addresses: Vec<&str> = addresses
            .iter()
            .flat_map(|one| ["--address", one])
            .collect();
        let args = [
            &[
                "network",
                "init",
                "--validators",
                "2",
                "--out",
                "NET",
                "--json",
            ],
            &addresses[..],
        ];
        place.run(&args.concat())
    };
    with(&["192.0.2.1:4381"]).fails(2, "1 address for 2 validators");
    with(&["192.0.2.1:4381", "nowhere"]).fails(2, "`nowhere` is no address");
    assert!(
        !place.path("NET").exists(),
        "nothing is left of what was refused"
    );
    let made = with(&["192.0.2.1:4381", "v2.example.net:4381"]).ok().json();
    assert_eq!(made["validators"][1]["address"], "v2.example.net:4381");
    let config = String::from_utf8(place.read("NET/validator-1/config.toml")).expect("text");
    assert!(
        config.contains("/dns/v2.example.net/udp/4380/quic-v1/p2p/"),
        "{config}"
    );
}

#[test]
fn what_fails_midway_leaves_no_secrets_and_blocks_nobody() {
    let place = Place::new();
    let there = || {
        let entries = fs::read_dir(place.path("")).expect("the place");
        let mut names: Vec<_> = entries
            .map(|one| one.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    let before = there();
    // Found out when every validator has its secrets already.
    let args = [&INIT[..], &["NET", "--name", "No Name"]].concat();
    place.run(&args).fails(2, "no network's name");
    assert_eq!(there(), before);
    init(&place, "NET", &[]);
    assert_eq!(there().len(), before.len() + 1);
    assert_eq!(mode(&place.path("NET")), 0o700);
}

#[test]
fn what_a_node_keeps_is_its_owners_alone() {
    let place = Place::new();
    let node = place.start("data", &[]);
    for folder in ["data", "data/store", "data/consensus"] {
        assert_eq!(mode(&place.path(folder)), 0o700, "{folder}");
    }
    drop(node);
}

#[test]
fn one_folder_follows_one_network() {
    let place = Place::new();
    place
        .run(&["network", "show"])
        .fails(3, "follows no network yet");
    let ids = ["one", "two"].map(|out| text(&init(&place, out, &[])["network"]).to_owned());
    let joined = place.json(&["network", "join", "one/genesis.toml"]);
    assert_eq!(
        (text(&joined["network"]), &joined["genesis"]),
        (ids[0].as_str(), &"data/network.toml".into())
    );
    // Again is no other.
    let again = place.run(&["network", "join", "one/genesis.toml"]).ok();
    assert!(again.stdout().contains("`peers` in its run.json"));
    let address = "/ip4/127.0.0.1/udp/4380/quic-v1";
    place
        .run(&["network", "join", address])
        .fails(2, "the start of the node");
    place
        .run(&["node", "--ports", "auto", "--join", address])
        .fails(2, "`peers` in its run.json");
    let shown = place.json(&["network", "show"]);
    assert_eq!(
        (text(&shown["network"]), &shown["own_identity"]),
        (ids[0].as_str(), &Value::Null)
    );
    let node = ["node", "--ports", "auto", "--network", "two/genesis.toml"];
    for args in [&["network", "join", "two/genesis.toml"][..], &node] {
        let refused = place.run(&[args, &["--json"]].concat()).fails(1, &ids[0]);
        let refused = refused.fails(1, &ids[1]).json();
        assert_eq!(refused["error"]["code"], "other-network");
    }
    // Without the file the store says whose ledger it has.
    let node = place.start("other", &["--network", "one/genesis.toml"]);
    assert_eq!(node.ready()["network"], ids[0]);
    drop(node);
    fs::remove_file(place.path("other/network.toml")).expect("it was saved");
    let args = [
        "node",
        "--ports",
        "auto",
        "--data",
        "other",
        "--network",
        "two/genesis.toml",
    ];
    place.run(&args).fails(1, &ids[0]).fails(1, &ids[1]);
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let place = Place::new();
    init(&place, "NET", &[]);
    let key = place.path("NET/validator-1/validator.key");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).expect("ours");
    for command in [&["network", "show"][..], &["node", "--ports", "auto"]] {
        let args = [command, &["--data", "NET/validator-1"]].concat();
        place.run(&args).fails(1, "mode 644");
    }
}
