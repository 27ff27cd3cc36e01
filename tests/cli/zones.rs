//! Zones: from a starter to answers, and to master files and back.

use super::{Place, ZONE, text};

#[test]
fn a_beginner_gets_from_nothing_to_an_answer() {
    let place = Place::with_alice();
    place.run(&["zone", "new", "mysite.toml"]).ok();
    place
        .run(&["zone", "new", "mysite.toml"])
        .fails(1, "not overwritten");
    place.run(&["zone", "check", "mysite.toml"]).ok();
    place
        .run(&["zone", "sign", "mysite.toml", "--key", "alice"])
        .ok();
    let name = text(&place.json(&["verify", "mysite.record"])["name"]).to_owned();
    let www = place.json(&[
        "resolve",
        &format!("www.{name}"),
        "A",
        "--record",
        "mysite.record",
    ]);
    assert_eq!(www["answers"][0]["type"], "CNAME");
    assert_eq!(www["answers"][1]["data"], "192.0.2.1");
    assert_eq!(www["name_checked"], true);
}

#[test]
fn answers_are_a_resolvers() {
    let place = Place::with_alice();
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    let ask = |name: &str| place.json(&["resolve", name, "--record", "my.record"]);
    assert_eq!(ask("mysite.key")["answers"][0]["data"], "192.0.2.1");
    assert_eq!(ask("www.mysite.key")["answers"][0]["data"], "mysite.key.");
    assert_eq!(
        ask("app.mysite.key")["resources"][0]["providers"][0]["url"],
        "https://one.example.net"
    );
    assert_eq!(ask("post.blog.mysite.key")["outcome"], "delegation");
    assert_eq!(ask("mysite.key")["name_checked"], false);
    place
        .run(&["resolve", "mysite.com", "--record", "my.record"])
        .fails(2, "mysite.com");
}

#[test]
fn next_steps_can_be_copied() {
    let place = Place::with_alice();
    place.write("my site.toml", ZONE);
    let checked = place.run(&["zone", "check", "my site.toml"]).ok().stdout();
    let next = "`dotkey zone sign 'my site.toml' --key NAME`";
    assert!(checked.contains(next), "{checked}");
    let next = "`dotkey zone publish 'my site.toml' --key NAME`";
    assert!(checked.contains(next), "{checked}");
    let signed = place.run(&["zone", "sign", "my site.toml", "--key", "alice"]);
    let signed = signed.ok().stdout();
    let next = "`dotkey zone publish 'my site.record'`";
    assert!(signed.contains(next), "{signed}");
    let made = place.run(&["key", "new", "bob", "--bare"]).ok().stdout();
    for next in [
        "`dotkey zone publish mysite.toml --key bob`",
        "`dotkey name claim mysite.key --key bob`",
    ] {
        assert!(made.contains(next), "{made}");
    }
    let ask = |name: &str| place.run(&["resolve", name, "MX", "--record", "my site.record"]);
    ask("nope.mysite.key").fails(3, "dotkey zone show 'my site.record'");
    ask("mysite.key").fails(3, "leave the type out");
}

#[test]
fn a_newer_record_has_a_higher_sequence() {
    let place = Place::with_alice();
    let sign = |more: &[&str]| {
        place.json(&[&["zone", "sign", "my.toml", "--key", "alice"], more].concat())["sequence"]
            .as_u64()
            .expect("a number")
    };
    let first = sign(&[]);
    let second = sign(&[]);
    assert!(second > first, "{first} {second}");
    let far = 9_007_199_254_740_000;
    assert_eq!(sign(&["--seq", "9007199254740000"]), far);
    // A file that somebody put there does not use up the numbers.
    place
        .say_in("data", "zone sign my.toml --key alice")
        .fails(1, "far ahead of the clock");
    assert_eq!(sign(&["--seq", "9007199254740001"]), far + 1);
    // One that nobody would take for newer is not put in its place.
    for seq in ["7", "9007199254740001"] {
        let sign = "zone sign my.toml --key alice --days 3 --seq";
        place
            .say_in("data", &format!("{sign} {seq}"))
            .fails(1, "would not replace it")
            .fails(1, "--seq 9007199254740002");
    }
    assert_eq!(sign(&["--seq", "7", "--out", "other.record"]), 7);
}

#[test]
fn a_record_is_written_over_nothing_but_its_own_earlier_one() {
    let place = Place::with_alice();
    place.run(&["key", "new", "bob", "--bare"]).ok();
    let key = text(&place.json(&["key", "show", "alice"])["secret_keys"][0]["file"]).to_owned();
    place
        .run(&[
            "zone",
            "sign",
            "my.toml",
            "--key",
            "bob",
            "--out",
            "bob.record",
        ])
        .ok();
    place
        .run(&[
            "zone", "sign", "my.toml", "--key", "alice", "--out", "a.record",
        ])
        .ok();
    std::os::unix::fs::symlink("a.record", place.path("link.record")).expect("ours");
    place.write("zone.record", ZONE);
    let sign = |out: &str| place.run(&["zone", "sign", "my.toml", "--key", "alice", "--out", out]);
    for (out, says) in [
        (&*key, "is not a record"),
        ("my.toml", "is not a record"),
        ("bob.record", "another identity"),
        ("link.record", "not a plain file"),
        ("/dev/null", "not a plain file"),
        ("data", "not a plain file"),
    ] {
        let before = std::fs::read(place.path(out)).ok();
        sign(out).fails(1, says).fails(1, "not overwritten");
        assert_eq!(std::fs::read(place.path(out)).ok(), before, "{out}");
    }
    sign("-").fails(2, "standard output");
    assert!(!place.path("-").exists());
    // The default target is checked too: here it is the zone itself.
    place
        .run(&["zone", "sign", "zone.record", "--key", "alice"])
        .fails(1, "is not a record");
    place
        .run(&[
            "zone", "sign", "my.toml", "--key", "alice", "--branch", "www", "--out", "a.record",
        ])
        .fails(1, "");
    // Nor does signing on write over anything else.
    place
        .run(&["zone", "sign", "bob.record", "--key", "bob", "--out", &key])
        .fails(1, "is not a record");
    sign("a.record").ok();
    place.run(&["key", "show", "alice"]).ok();
}

#[test]
fn master_files_come_and_go_without_loss() {
    let place = Place::new();
    let master = "$ORIGIN example.net.\n$TTL 3600\n@ SOA ns1 hostmaster 1 14400 3600 1209600 300\n@ NS ns1\n  NS ns.example.com.\n\
        ns1 60 A 192.0.2.53\n* CNAME @\ntxt TXT \"two\" \"strings; with a semicolon\"\nodd TYPE65280 \\# 3 abcdef\n_s._tcp SRV 0 5 443 www\n";
    place.write("first.zone", master);
    place
        .run(&[
            "zone",
            "import",
            "first.zone",
            "--origin",
            "example.net",
            "--out",
            "z.toml",
        ])
        .ok();
    place
        .run(&[
            "zone",
            "import",
            "first.zone",
            "--origin",
            "example.net",
            "--out",
            "z.toml",
        ])
        .fails(1, "not overwritten");
    place.run(&["zone", "check", "z.toml"]).ok();
    // Exported for another name, what was relative follows it, and nothing is lost on the way back.
    let exported = place
        .run(&["zone", "export", "z.toml", "--origin", "mysite.key"])
        .ok()
        .stdout();
    assert!(
        exported.contains("$ORIGIN mysite.key.")
            && exported.contains("ns.example.com.")
            && exported.contains("TYPE65280"),
        "{exported}"
    );
    place.write("second.zone", &exported);
    place
        .run(&[
            "zone",
            "import",
            "second.zone",
            "--origin",
            "mysite.key",
            "--out",
            "z2.toml",
        ])
        .ok();
    assert_eq!(
        place.json(&["zone", "diff", "z.toml", "z2.toml"])["same"],
        true
    );
    assert_eq!(place.read("z.toml"), place.read("z2.toml"));
}

#[test]
fn what_master_files_cannot_say_or_get_wrong_is_named() {
    let place = Place::new();
    place.write("my.toml", ZONE);
    let partial = place
        .run(&["zone", "export", "my.toml", "--origin", "mysite.key"])
        .ok();
    assert!(
        partial
            .stderr()
            .contains("no form for resources and delegations"),
        "{}",
        partial.stderr()
    );
    place.write("bad.zone", "$TTL 60\n@ A 192.0.2.1\nwww A 192.0.2\n");
    place
        .run(&["zone", "import", "bad.zone", "--origin", "a.key"])
        .fails(1, "bad.zone:3");
}

#[test]
fn a_diff_shows_what_changed() {
    let place = Place::with_alice();
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    assert_eq!(
        place.json(&["zone", "diff", "my.toml", "my.record"])["same"],
        true
    );
    place.write(
        "new.toml",
        ZONE.replace("192.0.2.1", "192.0.2.2")
            .replace("one.example.net", "two.example.net"),
    );
    let diff = place
        .run(&["zone", "diff", "my.record", "new.toml"])
        .ok()
        .stdout();
    for line in [
        "- @ A 192.0.2.1 (ttl 3600)",
        "+ @ A 192.0.2.2 (ttl 3600)",
        "- resource.app.provider.one.url = \"https://one.example.net\"",
        "+ resource.app.provider.one.url = \"https://two.example.net\"",
    ] {
        assert!(
            diff.lines().any(|found| found == line),
            "{line} is not in\n{diff}"
        );
    }
    assert_eq!(diff.lines().count(), 4, "{diff}");
}

#[test]
fn a_zone_that_is_wrong_is_shown_with_its_line() {
    let place = Place::with_alice();
    place.write("bad.toml", ZONE.replace("192.0.2.1", "192.0.2.256"));
    for args in [
        &["zone", "check", "bad.toml"][..],
        &["zone", "sign", "bad.toml", "--key", "alice"],
        &["zone", "show", "bad.toml"],
    ] {
        place.run(args).fails(1, "bad.toml:5");
    }
    assert!(!place.path("bad.record").exists());
    place.write("named.toml", format!("name = \"my site.com\"\n{ZONE}"));
    place
        .run(&["zone", "check", "named.toml"])
        .fails(1, "my site.com");
    place
        .run(&["zone", "check", "data"])
        .fails(1, "cannot be read");
    place.write("latin.toml", b"# \xe4\n");
    place
        .run(&["zone", "check", "latin.toml"])
        .fails(1, "line 1 is not UTF-8");
}

#[test]
fn every_example_checks_signs_and_verifies() {
    let place = Place::with_alice();
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("zones");
    let mut count = 0;
    for entry in std::fs::read_dir(examples).expect("the examples") {
        let path = entry.expect("readable").path();
        let file = path.to_string_lossy().into_owned();
        if !file.ends_with(".toml") {
            continue;
        }
        place.run(&["zone", "check", &file]).ok();
        place
            .run(&[
                "zone",
                "sign",
                &file,
                "--key",
                "alice",
                "--out",
                "example.record",
            ])
            .ok();
        place.run(&["verify", "example.record"]).ok();
        assert_eq!(
            place.json(&["zone", "diff", &file, "example.record"])["same"],
            true,
            "{file}"
        );
        count += 1;
    }
    assert!(count >= 8, "{count} examples");
}
