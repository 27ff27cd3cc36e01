//! Backups: what is damaged shows when it is taken in, and can be mended.

use std::fs;
use std::path::PathBuf;

use super::{Place, run, text};

/// The file of the key in use of `alice`.
fn key_in_use(place: &Place) -> PathBuf {
    let shown = place.json(&["key", "show", "alice"]);
    let keys = shown["secret_keys"].as_array().expect("a list");
    let key = keys.iter().find(|key| key["is"] == "in use");
    place.path(text(&key.expect("it is here")["file"]))
}

#[test]
fn a_damaged_key_is_mended_from_its_backup() {
    let place = Place::with_next_key();
    place.run(&["key", "export", "alice"]).ok();
    let path = key_in_use(&place);
    let good = fs::read(&path).expect("ours");
    let mut bad = good.clone();
    *bad.last_mut().expect("not empty") ^= 1;
    fs::write(&path, &bad).expect("ours");
    let import = || place.run(&["key", "import", "alice.identity"]);
    let stored = path.file_name().expect("a name").to_string_lossy();
    import()
        .fails(1, "nothing was imported")
        .fails(1, &format!("{stored} SOMEWHERE"));
    assert_eq!(fs::read(&path).expect("ours"), bad, "it is not touched");
    fs::rename(&path, place.path("damaged.key")).expect("ours");
    import().ok();
    assert_eq!(fs::read(&path).expect("ours"), good);
    import().ok();
}

#[test]
fn a_backup_that_does_not_open_is_not_taken_in() {
    let place = Place::with_next_key();
    place.run(&["key", "export", "alice"]).ok();
    let path = key_in_use(&place);
    let mut bad = fs::read(&path).expect("ours");
    *bad.last_mut().expect("not empty") ^= 1;
    fs::rename(&path, place.path("good.key")).expect("ours");
    place.write("bad.key", &bad);
    place
        .run(&["key", "import", "bad.key", "alice"])
        .fails(1, "does not open bad.key");
    assert!(!path.exists());
    let into =
        |data: &'static str| place.command(&["key", "import", "alice.identity", "--data", data]);
    run(into("wrong").env("DOTKEY_PASSPHRASE", "wrong")).fails(1, "does not open alice.identity");
    assert!(!place.path("wrong/keys/alice").exists());
    // Where there is nobody to ask, it is taken in, and said that it was not tried.
    let untried = run(into("untried").env_remove("DOTKEY_PASSPHRASE")).ok();
    assert!(untried.stderr().contains("no passphrase to try"));
}
