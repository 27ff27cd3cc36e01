//! What is believed of a node: nothing that it does not prove.

use super::super::nodes::{eventually, get};
use super::middle::{Fate, Middle};
use super::{GENESIS, Place, failed, text};

#[test]
fn what_a_node_cannot_prove_is_refused() {
    let (place, node) = Place::with_names();
    place.claim("mysite.key");
    place.claim("other-site.key");
    let (_, other) = get(&node, "/v1/names/other-site.key");
    let (_, own) = get(&node, "/v1/names/mysite.key");
    let show = |fate: fn(&[u8]) -> Vec<u8>, body: &[u8]| {
        let body = fate(body);
        let middle = Middle::new(&node, move |_| Fate::Change(body.clone()));
        let url = middle.url();
        let args = ["name", "show", "mysite.key", "--json", "--node", &url];
        place.run_in("elsewhere", &[&args[..], &GENESIS].concat())
    };
    show(<[u8]>::to_vec, &own).ok();
    failed(show(<[u8]>::to_vec, &other), 4, "other-subject");
    failed(
        show(|_| b"no proof at all".to_vec(), &own),
        1,
        "node-failed",
    );
    for at in (0..own.len()).step_by(own.len() / 16) {
        let mut changed = own.clone();
        changed[at] ^= 1;
        let run = show(<[u8]>::to_vec, &changed);
        assert!([1, 4].contains(&run.status()), "{at}: {}", run.stdout());
    }
    // Another network's word is none.
    place
        .run(&[
            "network",
            "init",
            "--validators",
            "1",
            "--out",
            "net",
            "--ports",
            "auto",
        ])
        .ok();
    let foreign = [
        "name",
        "show",
        "mysite.key",
        "--json",
        "--genesis",
        "net/genesis.toml",
    ];
    failed(place.run(&foreign), 4, "network");
}

#[test]
fn the_past_is_not_shown_twice_and_has_its_age() {
    let (place, node) = Place::with_names();
    let free = eventually("its first block", || {
        let (status, free) = get(&node, "/v1/names/mysite.key");
        (status == 200).then_some(free)
    });
    place.claim("mysite.key");
    let middle = Middle::new(&node, move |_| Fate::Change(free.clone()));
    let show = |data: &str, more: &[&str]| {
        let args = ["name", "show", "mysite.key", "--json", "--node"];
        place.run_in(
            data,
            &[&args[..], &[&*middle.url()], &GENESIS, more].concat(),
        )
    };
    // Who knows nothing newer has to take it, for as long as it is fresh.
    failed(show("elsewhere", &[]), 3, "not-found");
    let told = eventually("it is older than a second", || {
        let run = show("elsewhere", &["--max-age", "1"]);
        (run.status() == 4).then_some(run)
    });
    let told = failed(told, 4, "stale");
    assert!(
        text(&told["error"]["message"]).contains("at most 1 s old"),
        "{told}"
    );
    // Who has seen the claim is not told that there is none.
    failed(show("data", &[]), 4, "backwards");
}

#[test]
fn a_node_cannot_ask_for_more_work_than_there_is() {
    let (place, node) = Place::with_names();
    let middle = Middle::new(&node, |asked| match &*asked.what {
        "GET ledger" => Fate::Alter(|body| {
            let mut said: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            said["costs"]["demand"] = 60.into();
            *body = said.to_string().into_bytes();
        }),
        _ => Fate::Pass,
    });
    let claim = [
        "name",
        "claim",
        "mysite.key",
        "--json",
        "--node",
        &middle.url(),
    ];
    let told = failed(place.run(&claim), 1, "node-failed");
    assert!(
        text(&told["error"]["message"]).contains("demand 60"),
        "{told}"
    );
    // What a node says of who has a name, without proof, moves nobody.
    let middle = Middle::new(&node, |asked| match (&*asked.what, asked.before) {
        ("POST transactions", 0) => Fate::Alter(|body| {
            *body = br#"{"id": "", "state": "refused", "code": "taken"}"#.to_vec();
        }),
        _ => Fate::Pass,
    });
    let claim = [
        "name",
        "claim",
        "mysite.key",
        "--json",
        "--node",
        &middle.url(),
    ];
    assert_eq!(place.run(&claim).ok().json()["claimed_now"], true);
}
