//! Validators whose clocks are wrong: within the bounds nobody notices; beyond them it is said whose, and the others go on.
//!
//! The clocks are those of Debian's `faketime`, which stands between a process and its calendar. Where it is not installed, nothing is tested here.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::validators::{Network, VALIDATORS, folder};
use super::{Place, Running, eventually, text};

/// What is loaded into a process whose clock is to be wrong, where it is installed.
fn library() -> Option<PathBuf> {
    let folders = ["x86_64-linux-gnu", "aarch64-linux-gnu", "."];
    let library = folders.map(|folder| {
        let library = Path::new("/usr/lib").join(folder);
        library.join("faketime/libfaketimeMT.so.1")
    });
    library.into_iter().find(|library| library.exists())
}

/// The file that says how far a validator's calendar is off.
fn clock(place: &Place, at: usize) -> PathBuf {
    place.path(&format!("clock-{at}"))
}

fn set(place: &Place, at: usize, off: &str) {
    fs::write(clock(place, at), off).expect("written");
}

/// What a validator finds wrong with a clock.
fn complaint(place: &Place, node: &Running) -> Option<String> {
    let status: Value = place.status(node);
    let ledger = &status["ledger"];
    assert_eq!(ledger["halted"], Value::Null, "{ledger}");
    ledger["clock"].as_str().map(str::to_owned)
}

#[test]
fn clocks_within_bounds_are_harmless_and_one_beyond_them_is_named() {
    let Some(library) = library() else {
        return;
    };
    let place = Place::new();
    let mut network = Network::new(&place, &["--ports", "auto"]);
    let nodes: Vec<Running> = (0..VALIDATORS)
        .zip(["+0s", "+4s", "-4s", "+0s"])
        .map(|(at, off)| {
            set(&place, at, off);
            let file = clock(&place, at);
            network.start_under(
                at,
                &[
                    ("LD_PRELOAD", library.as_path()),
                    ("FAKETIME_TIMESTAMP_FILE", &file),
                    // Its file is read each time; what waits for a while is left alone.
                    ("FAKETIME_NO_CACHE", Path::new("1")),
                    ("FAKETIME_DONT_FAKE_MONOTONIC", Path::new("1")),
                ],
            )
        })
        .collect();
    for (at, node) in nodes.iter().enumerate() {
        network.claim(node, &format!("in-bounds-{at}"));
    }
    for node in &nodes {
        assert_eq!(complaint(&place, node), None);
    }
    // Somebody sets a clock while it runs.
    let last = VALIDATORS - 1;
    set(&place, last, "+40s");
    let shown = place.json(&["network", "show", "--data", &folder(last)]);
    let whose = text(&shown["own_identity"]);
    eventually("it is said whose clock it is", || {
        let told = complaint(&place, &nodes[0])?;
        (told.contains(whose) && told.contains("ahead of this clock")).then_some(())
    });
    for (at, node) in nodes[..last].iter().enumerate() {
        network.claim(node, &format!("beyond-{at}"));
    }
}
