//! Publishing at one node: what is said, how sequences follow each other, branches.

use super::{Place, text};

/// What scripts read of a publish.
const PUBLISHED: [&str; 9] = [
    "name",
    "key_id",
    "sequence",
    "not_before",
    "expires",
    "digest",
    "stored",
    "of",
    "took_ms",
];

#[test]
fn a_name_is_published_and_resolved() {
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let node = place.start("data", &[]);
    place.run(&["resolve", &name]).fails(3, "no record for");
    let published = place.json(&["zone", "publish", &name, "my.toml", "--key", "alice"]);
    for field in PUBLISHED {
        assert!(!published[field].is_null(), "{field}: {published}");
    }
    let shown = place.json(&["zone", "show", &name]);
    assert_eq!(shown["record"]["verified"], true);
    assert_eq!(shown["record"]["digest"], published["digest"]);
    assert!(shown["zone"]["record"].is_array(), "{shown}");
    let answer = place.json(&["resolve", &format!("www.{name}"), "A", "--fresh"]);
    assert_eq!(answer["answers"][1]["data"], "192.0.2.1", "{answer}");
    assert_eq!(answer["name_checked"], true);
    place
        .run(&["resolve", &format!("nope.{name}")])
        .fails(3, &format!("dotkey zone show {name}"));
    // A person reads the same in a sentence.
    let said = place.run(&["zone", "publish", "my.toml", "--key", "alice"]);
    let said = said.ok().stdout();
    assert!(said.contains("stored on 1 of 1 closest node in "), "{said}");
    assert!(node.stop().success());
}

#[test]
fn a_new_sequence_is_above_what_the_network_has() {
    let place = Place::with_alice();
    let _node = place.start("data", &[]);
    let publish = |more: &[&str]| {
        let args = ["zone", "publish", "my.toml", "--key", "alice"];
        place.json(&[&args[..], more].concat())["sequence"].as_u64()
    };
    let first = publish(&[]);
    assert!(publish(&[]) > first);
    // Far ahead of every clock, as another machine of the owner's may have chosen it.
    let far = 9_007_199_254_740_000;
    assert_eq!(publish(&["--seq", &far.to_string()]), Some(far));
    assert_eq!(publish(&[]), Some(far + 1));
    place
        .run(&[
            "zone",
            "publish",
            "my.toml",
            "--key",
            "alice",
            "--seq",
            "9007199254740991",
        ])
        .ok();
    place
        .run(&["zone", "publish", "my.toml", "--key", "alice"])
        .fails(1, "no sequence is higher");
}

#[test]
fn the_same_record_may_be_published_again() {
    let place = Place::with_alice();
    let _node = place.start("data", &[]);
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    let first = place.json(&["zone", "publish", "my.record"]);
    let again = place.json(&["zone", "publish", "my.record"]);
    assert_eq!(first["digest"], again["digest"]);
    assert_eq!(again["stored"], 1, "{again}");
}

#[test]
fn a_branch_is_a_record_of_its_own() {
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let _node = place.start("data", &[]);
    let zone = "branch = \"blog\"\n[[record]]\nowner = \"blog\"\ntype = \"TXT\"\ndata = '\"of the branch\"'\n";
    place.write("blog.toml", zone);
    let published = place.json(&["zone", "publish", "blog.toml", "--key", "alice"]);
    assert_eq!(text(&published["branch"]), "blog");
    place
        .run(&["zone", "show", &name])
        .fails(3, "no record for");
    let shown = place.json(&["zone", "show", &name, "--branch", "blog"]);
    assert_eq!(shown["record"]["digest"], published["digest"]);
    let other = place.run(&["zone", "show", &name, "--branch", "shop"]);
    other.fails(3, "branch `shop`");
}

#[test]
fn who_lacks_signatures_is_told_to_sign_in_turns() {
    let place = Place::with_alice();
    let _node = place.start("data", &[]);
    let wallet = "0x00000000000000000000000000000000000000aa";
    place.run(&["key", "new", "w", "--wallet", wallet]).ok();
    place
        .run(&["zone", "publish", "my.toml", "--key", "w"])
        .fails(1, "dotkey zone sign my.toml --key w");
}
