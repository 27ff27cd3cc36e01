//! Keys: kept private, never overwritten, carried, rotated, recovered.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use super::{Place, mode, run, text};

/// The files of an identity that end like this.
fn files(place: &Place, name: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path("data/keys").join(name)).expect("it exists");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.retain(|path| path.to_string_lossy().ends_with(end));
    files.sort();
    files
}

#[test]
fn keys_are_private_whatever_the_umask() {
    for umask in ["000", "022", "077", "777"] {
        let place = Place::new();
        let command = format!(
            "umask {umask}; exec {} key new alice --bare",
            env!("CARGO_BIN_EXE_dotkey")
        );
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-c", &command])
            .current_dir(place.path(""))
            .env_clear();
        run(shell
            .env("DOTKEY_DATA", "data")
            .env("DOTKEY_PASSPHRASE", "p"))
        .ok();
        for folder in ["data", "data/keys", "data/keys/alice"] {
            assert_eq!(mode(&place.path(folder)), 0o700, "umask {umask}: {folder}");
        }
        for file in files(&place, "alice", "") {
            assert_eq!(mode(&file), 0o600, "umask {umask}: {}", file.display());
        }
    }
}

#[test]
fn a_key_is_never_overwritten() {
    let place = Place::with_next_key();
    let before: Vec<_> = files(&place, "alice", "")
        .into_iter()
        .map(|path| (fs::read(&path).expect("ours"), path))
        .collect();
    place
        .run(&["key", "new", "alice"])
        .fails(1, "never overwritten");
    place.run(&["key", "new", "bob", "--bare"]).ok();
    place
        .run(&["key", "export", "bob", "--out", "bob.identity"])
        .ok();
    place
        .run(&["key", "import", "bob.identity", "alice"])
        .fails(1, "another identity");
    place
        .run(&["key", "export", "bob", "--out", "bob.identity"])
        .fails(1, "not overwritten");
    for (bytes, path) in before {
        assert!(
            fs::read(&path).expect("still there") == bytes,
            "{}",
            path.display()
        );
    }
    // A name that something else has, whatever it is.
    fs::write(place.path("data/keys/file"), "").expect("ours");
    symlink(place.path("elsewhere"), place.path("data/keys/link")).expect("ours");
    place
        .run(&["key", "new", "file", "--bare"])
        .fails(1, "already");
    place
        .run(&["key", "new", "link", "--bare"])
        .fails(1, "already");
    assert!(!place.path("elsewhere").exists());
}

#[test]
fn of_two_that_make_one_key_one_succeeds() {
    let place = Place::new();
    let children: Vec<_> = (0..4)
        .map(|_| {
            place
                .command(&["key", "new", "alice", "--bare"])
                .spawn()
                .expect("starts")
        })
        .collect();
    let statuses: Vec<_> = children
        .into_iter()
        .map(|mut child| child.wait().expect("ends").code())
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| **status == Some(0)).count(),
        1,
        "{statuses:?}"
    );
    place.run(&["key", "show", "alice"]).ok();
    let left: Vec<_> = fs::read_dir(place.path("data/keys"))
        .expect("there")
        .map(|entry| entry.expect("ours").file_name())
        .collect();
    assert_eq!(left, ["alice"], "nothing half-made stays");
}

#[test]
fn what_was_interrupted_does_not_count() {
    let place = Place::with_next_key();
    fs::create_dir(place.path("data/keys/.bob.0123")).expect("ours");
    fs::write(place.path("data/keys/alice/.policy-1.0123"), "half").expect("ours");
    fs::write(place.path("data/keys/alice/.half.key"), "half").expect("ours");
    let json = place.json(&["key", "list"]);
    assert_eq!(
        json["identities"].as_array().map(Vec::len),
        Some(1),
        "{json}"
    );
    assert_eq!(
        json["unreadable"].as_array().map(Vec::len),
        Some(0),
        "{json}"
    );
    place.run(&["key", "rotate", "alice"]).ok();
}

#[test]
fn a_write_that_is_cut_short_leaves_nothing() {
    let place = Place::new();
    // A file may not grow: once as a full disk says it, once as the end of the program in the middle of a write.
    for limit in ["trap '' XFSZ; ulimit -f 0", "ulimit -f 0"] {
        let command = format!(
            "{limit}; exec {} key new alice --bare",
            env!("CARGO_BIN_EXE_dotkey")
        );
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &command]).current_dir(place.path(""));
        shell
            .env("DOTKEY_DATA", "data")
            .env("DOTKEY_PASSPHRASE", "p");
        let ended = shell.output().expect("the shell starts");
        assert!(!ended.status.success(), "{limit}");
        assert!(!place.path("data/keys/alice").exists(), "{limit}");
        let listed = place.json(&["key", "list"]);
        assert_eq!(listed["identities"].as_array().map(Vec::len), Some(0));
        assert_eq!(listed["unreadable"].as_array().map(Vec::len), Some(0));
    }
    place.run(&["key", "new", "alice", "--bare"]).ok();
}

#[test]
fn keys_that_others_could_read_or_replace_are_refused() {
    let place = Place::with_next_key();
    let key = files(&place, "alice", ".key").remove(0);
    let folder = place.path("data/keys/alice");
    let set = |path: &PathBuf, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours")
    };
    set(&key, 0o640);
    place
        .run(&["key", "show", "alice"])
        .fails(1, "mode 640")
        .fails(1, "chmod 600 '");
    set(&key, 0o600);
    set(&folder, 0o770);
    place.run(&["key", "show", "alice"]).fails(1, "chmod 700 '");
    set(&folder, 0o700);
    place.run(&["key", "show", "alice"]).ok();
    // Nobody is asked for a passphrase, and nothing is made, where others could change it.
    for shared in ["data", "data/keys"] {
        set(&place.path(shared), 0o775);
        let says = format!("chmod 700 '{shared}'");
        run(place
            .command(&["key", "new", "bob"])
            .env_remove("DOTKEY_PASSPHRASE"))
        .fails(1, &says);
        place.run(&["key", "show", "alice"]).fails(1, &says);
        set(&place.path(shared), 0o700);
    }
    assert!(!place.path("data/keys/bob").exists());
    // One damaged identity does not hide the others.
    place.run(&["key", "new", "bob", "--bare"]).ok();
    fs::rename(&key, place.path("away.key")).expect("ours");
    symlink(place.path("away.key"), &key).expect("ours");
    place
        .run(&["key", "show", "alice"])
        .fails(1, "not a plain file");
    let json = place.json(&["key", "list"]);
    assert_eq!(text(&json["identities"][0]["name"]), "bob");
    assert_eq!(text(&json["unreadable"][0]["name"]), "alice");
}

#[test]
fn a_passphrase_is_needed_and_must_be_right() {
    let place = Place::with_next_key();
    let sign = || place.command(&["zone", "sign", "my.toml", "--key", "alice"]);
    run(sign().env("DOTKEY_PASSPHRASE", "wrong")).fails(1, "does not open");
    run(sign().env("DOTKEY_PASSPHRASE", "")).fails(2, "empty");
    run(sign().env_remove("DOTKEY_PASSPHRASE")).fails(1, "no terminal");
    assert!(
        !place.path("my.record").exists(),
        "nothing is written that is not signed"
    );
    run(place
        .command(&["key", "new", "bob"])
        .env_remove("DOTKEY_PASSPHRASE"))
    .fails(1, "DOTKEY_PASSPHRASE");
    assert!(!place.path("data/keys/bob").exists());
    // A wrong passphrase must not seal a new key either.
    run(place
        .command(&["key", "rotate", "alice"])
        .env("DOTKEY_PASSPHRASE", "wrong"))
    .fails(1, "does not open");
    assert_eq!(files(&place, "alice", ".key").len(), 2);
    run(&mut sign()).ok();
}

#[test]
fn a_changed_key_file_is_refused() {
    let place = Place::with_next_key();
    let in_use =
        text(&place.json(&["key", "show", "alice"])["policy"]["keys"][0]["public"]).to_owned();
    let path = place.path(&format!(
        "data/keys/alice/{}.key",
        &in_use["ed25519:".len()..][..16]
    ));
    let good = fs::read(&path).expect("ours");
    let sign = || place.run(&["zone", "sign", "my.toml", "--key", "alice"]);
    for (at, says) in [(0, "dotkey key v1"), (good.len() - 1, "damaged"), (60, "")] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).expect("ours");
        sign().fails(1, says);
    }
    fs::write(&path, &good[..good.len() / 2]).expect("ours");
    sign().fails(1, "ends within");
    fs::write(&path, &good).expect("ours");
    sign().ok();
}

#[test]
fn an_identity_moves_to_another_data_folder() {
    let place = Place::with_next_key();
    place.run(&["key", "export", "alice"]).ok();
    assert_eq!(mode(&place.path("alice.identity")), 0o600);
    place
        .run(&[
            "key",
            "export",
            "alice",
            "--public",
            "--out",
            "alice.public",
        ])
        .ok();
    place
        .run_in("laptop", &["key", "import", "alice.identity"])
        .ok();
    place
        .run_in("laptop", &["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    place.run(&["verify", "my.record"]).ok();
    place
        .run_in("other", &["key", "import", "alice.public"])
        .ok();
    place
        .run_in(
            "other",
            &[
                "zone",
                "sign",
                "my.toml",
                "--key",
                "alice",
                "--out",
                "unsigned.record",
            ],
        )
        .ok();
    place
        .run(&["verify", "unsigned.record"])
        .fails(4, "nobody has signed");
    // What is rotated here is brought up to date there.
    place.run(&["key", "rotate", "alice"]).ok();
    place
        .run(&["key", "export", "alice", "--out", "newer.identity"])
        .ok();
    let there = place
        .run_in(
            "laptop",
            &["key", "import", "newer.identity", "alice", "--json"],
        )
        .ok()
        .json();
    assert_eq!(there["policy"]["number"], 1, "{there}");
    assert_eq!(
        there["secret_keys"].as_array().map(Vec::len),
        Some(3),
        "{there}"
    );
    // Two histories of one identity cannot both be.
    place
        .run_in("other", &["key", "import", "alice.identity", "alice"])
        .ok();
    place.run_in("other", &["key", "rotate", "alice"]).ok();
    place
        .run_in("other", &["key", "import", "newer.identity", "alice"])
        .fails(1, "rotated differently");
}

#[test]
fn the_key_before_a_rotation_signs_nothing_more() {
    let place = Place::with_next_key();
    place
        .run(&["key", "export", "alice", "--out", "before.identity"])
        .ok();
    place
        .run_in("thief", &["key", "import", "before.identity", "alice"])
        .ok();
    let rotated = place.json(&["key", "rotate", "alice"]);
    assert_eq!(rotated["complete"], true);
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice", "--seq", "2"])
        .ok();
    let record = place.json(&["verify", "my.record"]);
    assert_eq!(record["policy"], 1);
    assert_eq!(
        record["signed_by"],
        serde_json::json!([rotated["policy"]["keys"][0]["public"]])
    );
    // The old key cannot sign on in a record of the new policy.
    place
        .run_in("thief", &["zone", "sign", "my.record", "--key", "alice"])
        .fails(4, "begun under policy number 1");
    assert_eq!(
        place.json(&["verify", "my.record"])["signed_by"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    // Nor does the owner sign by mistake what was begun under the old one.
    place
        .run_in(
            "thief",
            &[
                "zone",
                "sign",
                "my.toml",
                "--key",
                "alice",
                "--out",
                "old.record",
            ],
        )
        .ok();
    place
        .run(&["zone", "sign", "old.record", "--key", "alice"])
        .fails(4, "begun under policy number 0");
    // A rotation to any other key than the committed one is not possible.
    place.run(&["key", "new", "mallory", "--bare"]).ok();
    place.write("steal.toml", "[thresholds]\nadmin = 1\npublish = 1\n[[member]]\nkey = \"mallory\"\nroles = [\"admin\", \"publish\"]\n");
    place
        .run(&["key", "rotate", "alice", "--policy", "steal.toml"])
        .fails(1, "committed to");
}

#[test]
fn the_next_key_may_lie_elsewhere() {
    let place = Place::with_next_key();
    let shown = place.json(&["key", "show", "alice"]);
    let secrets = shown["secret_keys"].as_array().expect("a list").clone();
    let next = secrets
        .iter()
        .find(|key| key["is"] == "next")
        .expect("made by default");
    let file = place.path(text(&next["file"]));
    fs::rename(&file, place.path("stick.key")).expect("ours");
    place
        .run(&["key", "rotate", "alice"])
        .fails(1, "the next key of `alice` is not in this data folder");
    place
        .run(&["key", "import", "stick.key"])
        .fails(2, "say whose");
    place.run(&["key", "import", "stick.key", "alice"]).ok();
    place.run(&["key", "rotate", "alice"]).ok();
}

#[test]
fn a_recovery_is_signed_but_waits_for_the_ledger() {
    let place = Place::new();
    place.run(&["key", "new", "alice", "--recovery"]).ok();
    let before = place.json(&["key", "show", "alice"]);
    let signed = place
        .run(&["key", "recover", "alice", "--draft", "alice.recovery"])
        .ok();
    assert!(
        signed.stdout().contains("not in force") && signed.stdout().contains("ledger"),
        "{}",
        signed.stdout()
    );
    assert!(!place.read("alice.recovery").is_empty());
    let after = place.json(&["key", "show", "alice"]);
    assert_eq!(
        before["policy"], after["policy"],
        "nothing changes before the ledger has it"
    );
    place.run(&["key", "new", "bob"]).ok();
    place
        .run(&["key", "recover", "bob", "--draft", "bob.recovery"])
        .fails(1, "names no recovery keys");
    run(place
        .command(&["key", "recover", "bob", "--draft", "bob.recovery"])
        .env_remove("DOTKEY_PASSPHRASE"))
    .fails(1, "names no recovery keys");
}
