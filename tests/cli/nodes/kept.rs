//! What a node keeps, carried elsewhere and saved from damage.

use std::fs;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::{Place, refused};

#[test]
fn a_backup_of_a_running_node_is_a_node_elsewhere() {
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let node = place.start("data", &[]);
    place.publish(&node, "alice");
    let record = place.shown(&node, &name, &[]);

    let made = place.json(&["node", "backup", "copy"]);
    assert!(made["bytes"].as_u64() > Some(0), "{made}");
    let again = place.run(&["node", "backup", "copy", "--json"]);
    refused(again, "exists");
    // Nobody's token but the node's own opens it.
    place
        .run(&[
            "node",
            "backup",
            "other",
            "--node",
            node.api(),
            "--data",
            "stranger",
        ])
        .fails(1, "api-token");
    // Records are not put over records.
    place
        .run(&["node", "restore", "copy"])
        .fails(1, "exists already");

    let restored = place.json(&["node", "restore", "copy", "--data", "second"]);
    assert!(restored["bytes"].as_u64() > Some(0), "{restored}");
    let second = place.start("second", &[]);
    assert_eq!(place.shown(&second, &name, &[]), record);
    let ids = [&node, &second].map(|node| place.status(node)["peer_id"].clone());
    assert_ne!(ids[0], ids[1], "a copy of the records is not the same node");
}

#[test]
fn nobody_at_the_port_of_a_node_that_is_gone_is_shown_its_token() {
    let place = Place::with_alice();
    let node = place.start("data", &[]);
    let address = node.api().trim_start_matches("http://").to_owned();
    assert_eq!(node.kill(), "data");
    assert!(place.path("data/api-token").exists() && place.path("data/run.json").exists());
    let taken = TcpListener::bind(&address).expect("nobody has it any more");
    let run = place.run(&["node", "backup", "copy"]);
    run.fails(1, &format!("no node answers at http://{address}"));
    taken.set_nonblocking(true).expect("a socket");
    let came = taken.accept().map_err(|error| error.kind());
    assert_eq!(came.map(drop), Err(ErrorKind::WouldBlock));
}

#[test]
fn a_sound_store_is_said_and_left_alone() {
    let place = Place::with_alice();
    let node = place.start("data", &[]);
    place.publish(&node, "alice");
    assert!(node.stop().success());
    let said = place.run(&["node", "repair"]).ok().stdout();
    assert!(said.contains("The store is sound: 1 record read"), "{said}");
    let report = place.json(&["node", "repair"]);
    assert_eq!(
        (&report["sound"], &report["kept"]),
        (&true.into(), &1.into())
    );
    assert!(report["moved_to"].is_null(), "{report}");
}

#[test]
fn what_is_not_there_is_not_repaired_and_not_restored() {
    let place = Place::new();
    place
        .run(&["node", "repair"])
        .fails(3, "no store in data/store");
    place
        .run(&["node", "restore", "nowhere"])
        .fails(3, "no backup in nowhere");
    fs::create_dir(place.path("empty")).expect("made");
    place
        .run(&["node", "restore", "empty"])
        .fails(3, "no backup in empty");
    assert!(!place.path("data/store").exists());
}

#[test]
fn a_damaged_store_is_said_and_repaired() {
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let node = place.start("data", &[]);
    place.publish(&node, "alice");
    place
        .run(&["node", "repair"])
        .fails(1, &node.child.id().to_string());
    assert!(node.stop().success());
    damage(&place.path("data/store"));
    place
        .run(&["node", "--ports", "auto"])
        .fails(1, "dotkey node repair");
    let report = place.json(&["node", "repair"]);
    assert!(
        report["kept"].is_u64() && report["moved_to"].is_string() && report["sound"] == false,
        "{report}"
    );
    let node = place.start("data", &[]);
    // Lost or kept, it is one of the two, and what is served verifies.
    let kept = place.shown(&node, &name, &[]).is_some();
    assert_eq!(report["kept"].as_u64(), Some(u64::from(kept)), "{report}");
}

/// Writes over the beginning of what says which files belong to the store.
fn damage(store: &Path) {
    let file = manifest(store);
    let mut bytes = fs::read(&file).expect("a manifest");
    bytes.iter_mut().take(64).for_each(|byte| *byte ^= 0x5a);
    fs::write(&file, bytes).expect("written");
}

fn manifest(store: &Path) -> PathBuf {
    let entries = fs::read_dir(store).expect("a store");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let is_manifest = |path: &PathBuf| path.to_string_lossy().contains("MANIFEST");
    paths.find(is_manifest).expect("RocksDB has a manifest")
}
