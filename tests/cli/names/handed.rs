//! Names that go to somebody else, or to nobody.

use super::{Place, failed, text};

#[test]
fn a_name_is_transferred_and_released_by_its_holder_alone() {
    let (place, node) = Place::with_names();
    place.key("bob");
    place.claim("mysite.key");
    let bob = place.key_id("bob").to_string();
    let transfer = |to: &str, more: &[&str]| {
        let args = [
            "name",
            "transfer",
            "mysite.key",
            "--to",
            to,
            "--yes",
            "--json",
        ];
        place.run(&[&args[..], more].concat())
    };
    failed(transfer(&bob, &["--key", "bob"]), 1, "not-holder");
    failed(transfer("nobody-here", &[]), 3, "not-found");
    let given = transfer(&bob, &[]).ok().json();
    assert_eq!(
        (text(&given["owner"]), &given["key"]),
        (&*bob, &"bob".into())
    );
    assert_eq!(given["transferred"], true);
    // Asked for twice, it is done, and costs nothing.
    let count = place.transactions(&node, "alice");
    let again = transfer("bob", &[]).ok().json();
    assert_eq!(again["transferred"], false);
    assert_eq!(place.transactions(&node, "alice"), count);
    let release = |more: &[&str]| {
        let args = ["name", "release", "mysite.key", "--yes", "--json"];
        place.run(&[&args[..], more].concat())
    };
    let told = failed(release(&["--key", "alice"]), 1, "not-holder");
    assert_eq!(text(&told["owner"]), bob);
    // His first transaction: it carries the work for his identity.
    assert_eq!(place.transactions(&node, "bob"), 0);
    let released = release(&[]).ok().json();
    assert_eq!(
        (&released["state"], &released["released"]),
        (&"free".into(), &true.into())
    );
    // Asked for twice, it is done, and costs nothing.
    let count = place.transactions(&node, "bob");
    let again = release(&[]).ok().json();
    assert_eq!(
        (&again["state"], &again["released"]),
        (&"free".into(), &false.into())
    );
    assert_eq!(place.transactions(&node, "bob"), count);
    failed(transfer("alice", &[]), 3, "not-found");
    failed(
        place.run(&["name", "show", "mysite.key", "--json"]),
        3,
        "not-found",
    );
    // It is free at once.
    assert_eq!(place.claim("mysite.key")["claimed_now"], true);
}

#[test]
fn what_cannot_be_undone_is_not_done_where_nobody_can_be_asked() {
    let (place, node) = Place::with_names();
    place.key("bob");
    place.claim("mysite.key");
    let count = place.transactions(&node, "alice");
    for command in [
        &["transfer", "mysite.key", "--to", "bob"][..],
        &["release", "mysite.key"],
    ] {
        let told = place.run(&[&["name"], command, &["--json"]].concat());
        let told = failed(told, 2, "usage");
        assert!(text(&told["error"]["next"]).contains("--yes"), "{told}");
    }
    assert_eq!(place.transactions(&node, "alice"), count);
    assert_eq!(place.claim("mysite.key")["claimed_now"], false);
}
