//! Leases: renewed when it is time, and people are told when they near their end.

use std::fs;

use super::super::nodes::eventually;
use super::{Place, Running, failed, text};

/// A network whose leases are over soon and can be renewed at once.
fn with_leases(lease: &str, grace: &str) -> (Place, Running) {
    let place = Place::with_alice();
    let found = ["network", "init", "--validators", "1", "--out", "net"];
    let more = ["--ports", "auto", "--stamp-bits", "4"];
    place.run(&[&found[..], &more].concat()).ok();
    let file = place.path("net/validator-1/network.toml");
    let genesis = fs::read_to_string(&file).expect("a genesis");
    let lines = genesis.lines().filter(|line| !line.starts_with("id ="));
    let lines = lines.map(|line| match line.split(' ').next() {
        Some(word @ ("lease" | "renewal")) => format!("{word} = \"{lease}\""),
        Some("grace") => format!("grace = \"{grace}\""),
        _ => line.to_owned(),
    });
    let genesis = lines.collect::<Vec<_>>().join("\n");
    fs::write(&file, &genesis).expect("written");
    let node = place.start("net/validator-1", &[]);
    place
        .run(&["network", "join", "net/validator-1/network.toml"])
        .ok();
    (place, node)
}

#[test]
fn what_is_due_is_renewed_and_its_end_is_told_wherever_the_name_is_used() {
    let (place, node) = with_leases("48h", "720h");
    let with = |args: &[&str]| place.run(&[args, &["--node", node.api()]].concat());
    with(&["name", "claim", "mysite.key", "--json"]).ok();
    with(&["name", "claim", "other-site.key", "--json"]).ok();
    let warning = "warning: the lease of mysite.key ends in ";
    for args in [
        &["name", "show", "mysite.key"][..],
        &["name", "list"],
        &["zone", "publish", "mysite.key", "my.toml", "--key", "alice"],
        &["resolve", "mysite.key"],
        &["zone", "show", "mysite.key"],
        &["name", "claim", "mysite.key"],
    ] {
        let said = with(args).ok().stderr();
        assert!(said.contains(warning), "{args:?}: {said}");
    }
    let before = with(&["name", "show", "mysite.key", "--json"]).ok().json();
    let renewed = with(&["name", "renew", "--all", "--json"]).ok().json();
    let names = renewed["names"].as_array().expect("a list");
    assert_eq!(names.len(), 2);
    for name in names {
        assert_eq!(name["renewed"], true, "{name}");
    }
    let after = with(&["name", "show", "mysite.key", "--json"]).ok().json();
    assert_eq!(after, {
        let mut expected = names[0].clone();
        expected
            .as_object_mut()
            .expect("an object")
            .remove("renewed");
        expected["proof"] = after["proof"].clone();
        expected["warning"] = after["warning"].clone();
        expected
    });
    assert!(text(&after["lease_ends"]) > text(&before["lease_ends"]));
    // Two days after the first one's end it is not time again.
    let again = with(&["name", "renew", "mysite.key", "--json"]).ok().json();
    assert_eq!(again["renewed"], false);
    assert_eq!(again["lease_ends"], after["lease_ends"]);
}

#[test]
fn in_its_grace_only_the_holder_renews_and_after_it_anybody_claims() {
    let (place, node) = with_leases("60s", "60s");
    place.run(&["key", "new", "bob", "--bare"]).ok();
    let with = |args: &[&str]| place.run(&[args, &["--json", "--node", node.api()]].concat());
    for name in ["kept-one.key", "let-go-1.key"] {
        with(&["name", "claim", name, "--key", "alice"]).ok();
    }
    let shown = |name: &str| {
        let run = with(&["name", "show", name]);
        (run.status() == 0).then(|| run.json())
    };
    let held = shown("let-go-1.key").expect("it was claimed");
    assert_eq!(held["state"], "held");
    let in_grace = |name: &str| {
        eventually("its lease ends", || {
            shown(name).filter(|shown| shown["state"] == "grace")
        })
    };
    in_grace("kept-one.key");
    let renewed = with(&["name", "renew", "kept-one.key"]).ok().json();
    assert_eq!(
        (&renewed["renewed"], &renewed["state"]),
        (&true.into(), &"held".into())
    );
    in_grace("let-go-1.key");
    let claim = || with(&["name", "claim", "let-go-1.key", "--key", "bob"]);
    let refused = failed(claim(), 1, "taken");
    assert_eq!(refused["owner"], held["owner"]);
    assert_eq!(refused["free_at"], held["free_at"]);

    eventually("it is free", || {
        shown("let-go-1.key").is_none().then_some(())
    });
    failed(
        with(&["name", "renew", "let-go-1.key", "--key", "alice"]),
        3,
        "not-found",
    );
    let claimed = claim().ok().json();
    assert_eq!(
        (text(&claimed["key"]), &claimed["state"]),
        ("bob", &"held".into())
    );
    assert_ne!(claimed["owner"], held["owner"]);
    let lost = with(&["name", "list", "--key", "alice"]).ok().json();
    let names = lost["names"].as_array().expect("a list");
    assert!(
        names.iter().all(|one| one["name"] != "let-go-1.key"),
        "{lost}"
    );
}

#[test]
fn cron_may_ask_as_often_as_it_likes() {
    let (place, node) = Place::with_names();
    let renew = || place.run(&["name", "renew", "--all"]).ok();
    let nothing = renew();
    assert!(nothing.stdout().contains("no identity here holds a name"));
    place.claim("mysite.key");
    let count = place.transactions(&node, "alice");
    for _ in 0..3 {
        let run = renew();
        assert_eq!(run.stderr(), "");
        let said = run.stdout();
        assert!(said.starts_with("mysite.key  held until 20"), "{said}");
        assert!(said.contains(" days)  (not due yet)"), "{said}");
    }
    assert_eq!(place.transactions(&node, "alice"), count);
    // It needs no passphrase where nothing is due.
    let mut command = place.command(&["name", "renew", "--all", "--json"]);
    command.env_remove("DOTKEY_PASSPHRASE");
    let quiet = super::super::run(&mut command).ok().json();
    assert_eq!(quiet["names"][0]["renewed"], false);
}
