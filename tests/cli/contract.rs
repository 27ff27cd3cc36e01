//! What scripts rely on: exit statuses, one JSON object, where settings come from.

use std::process::Stdio;

use super::{Place, finish, run, text};

/// How each of these ends, in a place with a key `alice`, its record, and files that are broken.
const STATUSES: &[(i32, &[&str])] = &[
    (0, &["verify", "my.record"]),
    (0, &["help"]),
    (0, &["key", "new", "--help"]),
    (0, &["key", "list"]),
    (1, &["key", "new", "alice"]),
    (1, &["verify", "."]),
    (1, &["zone", "check", "broken.toml"]),
    (1, &["zone", "new", "my.toml"]),
    // The folder follows no network.
    (1, &["name", "show", "mysite.key"]),
    (1, &["name", "renew", "--all"]),
    (2, &[]),
    (2, &["frobnicate"]),
    (2, &["key", "new"]),
    (2, &["key", "new", "Not A Name"]),
    (2, &["key", "new", "w", "--wallet", "0x12"]),
    (
        2,
        &["zone", "sign", "my.toml", "--key", "alice", "--seq", "0"],
    ),
    (
        2,
        &["zone", "sign", "my.toml", "--key", "alice", "--days", "401"],
    ),
    (
        2,
        &["zone", "sign", "my.record", "--key", "alice", "--seq", "2"],
    ),
    (2, &["name", "renew"]),
    (2, &["name", "renew", "mysite.key", "--all"]),
    (2, &["name", "claim", "www.mysite.key"]),
    (2, &["verify", "my.record", "--now", "tomorrow"]),
    (2, &["verify", "my.record", "--name", "no..name.key"]),
    (
        2,
        &["resolve", "mysite.key", "QUATSCH", "--record", "my.record"],
    ),
    (3, &["key", "show", "nobody"]),
    (3, &["zone", "sign", "my.toml", "--key", "nobody"]),
    (3, &["verify", "nothing"]),
    (3, &["zone", "check", "nothing.toml"]),
    (3, &["resolve", "nope.mysite.key", "--record", "my.record"]),
    (3, &["resolve", "mysite.key", "MX", "--record", "my.record"]),
    (4, &["verify", "garbage"]),
    (4, &["verify", "my.toml"]),
    (4, &["verify", "my.record", "--now", "2001-01-01"]),
    (4, &["key", "import", "garbage"]),
    (4, &["resolve", "mysite.key", "--record", "garbage"]),
];

#[test]
fn exit_statuses() {
    let place = Place::with_alice();
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice", "--seq", "1"])
        .ok();
    place.write("garbage", [0xff; 64]);
    place.write("broken.toml", "[[record]]\nowner = 5\n");
    for (status, args) in STATUSES {
        let status = *status;
        let run = place.run(args);
        assert_eq!(
            run.status(),
            status,
            "{args:?}: {}{}",
            run.stdout(),
            run.stderr()
        );
        if status != 0 && status != 2 {
            assert!(run.stderr().contains("next:"), "{args:?}: {}", run.stderr());
            assert_eq!(run.stdout(), "", "{args:?}");
        }
        // With --json, whatever happens, there is one object on standard output; help is help.
        if status != 0 {
            let json = place.run(&[*args, &["--json"]].concat());
            let json = if args.is_empty() {
                continue;
            } else {
                json.json()
            };
            for field in ["code", "message", "next"] {
                assert!(!text(&json["error"][field]).is_empty(), "{args:?}: {json}");
            }
        }
    }
}

#[test]
fn a_usage_error_in_json_says_all_that_the_text_does() {
    let place = Place::new();
    for (args, says) in [
        (&["key", "new"][..], "<NAME>"),
        (&["completions", "klingon"], "[possible values: bash"),
        (&["zone", "sgin"], "'sign'"),
        (
            &["zone", "sign", "a", "--key", "b", "--days", "401"],
            "1..=400",
        ),
    ] {
        let json = place
            .run(&[args, &["--json"]].concat())
            .fails(2, says)
            .json();
        let message = text(&json["error"]["message"]);
        assert!(
            message.contains(says) && !message.contains('\n'),
            "{message}"
        );
    }
}

/// What the JSON of each command has, in this order.
const OBJECTS: &[(&[&str], &[&str])] = &[
    (
        &["key", "new", "bob", "--bare"],
        &[
            "name",
            "key_id",
            "domains",
            "public",
            "policy",
            "secret_keys",
        ],
    ),
    (&["key", "list"], &["identities", "unreadable"]),
    (
        &["key", "show", "alice"],
        &[
            "name",
            "key_id",
            "domains",
            "policy",
            "secret_keys",
            "folder",
        ],
    ),
    (
        &["key", "export", "alice", "--public", "--out", "a.identity"],
        &["file", "key_id", "secret_keys"],
    ),
    (
        &["key", "import", "a.identity", "alice"],
        &["name", "key_id", "policy"],
    ),
    (
        &["key", "rotate", "alice"],
        &[
            "name",
            "complete",
            "policy",
            "signed_now",
            "missing",
            "to_sign",
        ],
    ),
    (&["zone", "new", "new.toml"], &["file"]),
    (
        &["zone", "check", "new.toml"],
        &["valid", "bytes", "rrsets", "resources", "delegations"],
    ),
    (
        &["zone", "sign", "my.toml", "--key", "alice"],
        &[
            "file",
            "complete",
            "name",
            "sequence",
            "expires",
            "signed_by",
        ],
    ),
    (&["zone", "show", "my.record"], &["record", "zone"]),
    (&["zone", "show", "my.toml"], &["zone"]),
    (
        &["zone", "diff", "my.toml", "new.toml"],
        &["same", "added", "removed"],
    ),
    (
        &["zone", "import", "my.zone", "--origin", "my.key"],
        &["zone"],
    ),
    (
        &["zone", "export", "my.toml", "--origin", "my.key"],
        &["master_file"],
    ),
    (
        &["verify", "my.record"],
        &[
            "valid",
            "name",
            "key_id",
            "sequence",
            "signed_by",
            "digest",
            "zone",
        ],
    ),
    (
        &["resolve", "mysite.key", "--record", "my.record"],
        &["name", "outcome", "answers", "resources", "record"],
    ),
    (&["completions", "bash"], &["script"]),
    (&["man"], &["page"]),
    (
        &["trust", "install", "--store", "chromium"],
        &["authority", "stores"],
    ),
    (&["trust", "show"], &["authority", "stores"]),
    (
        &["trust", "uninstall", "--store", "chromium"],
        &["authority", "stores"],
    ),
    (&["man", "--out", "pages"], &["folder"]),
];

#[test]
fn every_command_prints_one_object() {
    let place = Place::with_next_key();
    place.write("my.zone", "$TTL 60\n@ IN A 192.0.2.1\n");
    for (args, fields) in OBJECTS {
        let json = place.json(args);
        for field in *fields {
            assert!(
                json.get(field).is_some_and(|value| !value.is_null()),
                "{args:?} lacks {field}: {json}"
            );
        }
    }
    assert!(place.path("pages/dotkey-zone-sign.1").exists());
}

#[test]
fn the_version_is_the_packages() {
    let place = Place::new();
    let version = place.run(&["--version"]).ok().stdout();
    let expected = format!("dotkey {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(version, expected);
}

#[test]
fn settings_come_from_flags_then_variables_then_the_file() {
    let place = Place::new();
    let folder = |command: &mut std::process::Command| {
        let json = run(command.args(["key", "list", "--json"])).ok().json();
        assert_eq!(json["identities"].as_array().map(Vec::len), Some(0));
    };
    place.write("config.toml", "data = \"from-file\"\n");
    let cases: [(&[&str], Option<&str>, &str); 3] = [
        (&["--data", "from-flag"], Some("from-variable"), "from-flag"),
        (&[], Some("from-variable"), "from-variable"),
        (&[], None, "from-file"),
    ];
    for (flags, variable, made) in cases {
        let mut command = place.command(&["key", "new", "a", "--bare", "--config", "config.toml"]);
        command.args(flags).env_remove("DOTKEY_DATA");
        command.envs(variable.map(|data| ("DOTKEY_DATA", data)));
        run(&mut command).ok();
        assert!(place.path(made).join("keys/a/policy-0").exists(), "{made}");
        std::fs::remove_dir_all(place.path(made)).expect("it was made");
    }
    folder(
        place
            .command(&[])
            .env_remove("DOTKEY_DATA")
            .env("XDG_DATA_HOME", place.path("xdg")),
    );
    run(place
        .command(&["key", "new", "a", "--bare"])
        .env_remove("DOTKEY_DATA"))
    .ok();
    assert!(place.path("home/.local/share/dotkey/keys/a").is_dir());
    place.write("config.toml", "dta = \"x\"\n");
    place
        .run(&["key", "list", "--config", "config.toml"])
        .fails(1, "unknown field `dta`");
    place
        .run(&["key", "list", "--config", "none.toml"])
        .fails(3, "none.toml");
}

#[test]
fn nothing_is_coloured_that_is_no_terminal() {
    let place = Place::new();
    let run = place.run(&["key", "show", "nobody"]).fails(3, "");
    assert!(!run.stderr().contains('\x1b'));
}

#[test]
fn a_full_or_closed_standard_output_is_noticed() {
    let place = Place::with_alice();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        finish(place.command(&["key", "list"]).stdout(full)).fails(1, "could not be printed");
    }
    // (arguments, exit status): help has then not been shown; a usage error stays one.
    let full = [
        (&["--help"][..], 1),
        (&["--version"], 1),
        (&["key", "new", "--help"], 1),
        (&["frobnicate", "--json"], 2),
        (&["key", "show", "nobody", "--json"], 3),
    ];
    for (args, status) in full {
        if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
            let run = finish(place.command(args).stdout(full));
            assert_eq!(run.status(), status, "{args:?}: {}", run.stderr());
        }
    }
    // A reader that has seen enough, as `head` does.
    let mut child = place
        .command(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("ends");
    assert!(
        ended.status.success() && ended.stderr.is_empty(),
        "{ended:?}"
    );
}

#[test]
fn what_is_foreign_does_not_steer_the_terminal() {
    let place = Place::new();
    place.write("bad.toml", "[settings]\ncontact = \"\\u001b[2Jgone\"\n");
    let shown = place.run(&["zone", "show", "bad.toml"]);
    assert!(!shown.stdout().contains('\x1b') && !shown.stderr().contains('\x1b'));
    let missing = place.run(&["verify", "\x1b[2J"]).fails(3, "u{1b}");
    assert!(!missing.stderr().contains('\x1b'));
}
