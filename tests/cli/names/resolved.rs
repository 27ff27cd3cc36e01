//! Publishing and resolving by a claimed name, and proofs that hold when the network is gone.

use serde_json::Value;

use super::super::nodes::{Running, get};
use super::{GENESIS, Place, failed, text};

#[test]
fn a_claimed_name_is_published_resolved_and_proved_offline() {
    let (place, node) = Place::with_names();
    place.key("bob");
    let publish = |key: &str| {
        let args = ["zone", "publish", "mysite.key", "my.toml", "--json"];
        place.run(&[&args[..], &["--key", key]].concat())
    };
    let told = failed(publish("alice"), 3, "not-found");
    assert!(text(&told["error"]["next"]).contains("dotkey name claim mysite.key"));
    place.claim("mysite.key");
    let told = failed(publish("bob"), 1, "not-yours");
    assert_eq!(text(&told["owner"]), place.key_id("alice").to_string());
    // Held, and nothing is there yet: said with who holds it.
    let told = failed(
        place.run(&["resolve", "mysite.key", "--json"]),
        3,
        "not-found",
    );
    assert_eq!(told["state"], "held");
    is_shown_without_a_record(&place, &node);
    let published = publish("alice").ok().json();
    comes_with_its_proof(&place, &node, &published["digest"]);
    assert_eq!(published["name"], "mysite.key");
    let resolve = ["resolve", "mysite.key", "--proof", "my.proof"];
    let answer = place.json(&resolve);
    assert_eq!(answer["name_checked"], true);
    assert_eq!(answer["holding"]["state"], "held");
    assert_eq!(answer["record"]["digest"], published["digest"]);
    // Saved in the place of the earlier proof, and of nothing else.
    let said = place.run(&resolve).ok().stdout();
    for part in [
        "owner",
        "lease",
        "policy    number 0",
        "record    sequence",
        "verified  the name, in block",
        "the record, signed by ed25519:",
        "IN A 192.0.2.1",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    failed(
        place.run(&["resolve", "mysite.key", "--proof", "my.toml", "--json"]),
        1,
        "exists",
    );
    let www = place.json(&["resolve", "www.mysite.key", "A"]);
    assert_eq!(www["answers"][1]["data"], "192.0.2.1", "{www}");
    let shown = place.json(&["zone", "show", "mysite.key"]);
    assert_eq!(shown["record"]["digest"], published["digest"]);
    // That nobody holds a name is proved as well.
    let free = ["resolve", "nobodys.key", "--proof", "none.proof", "--json"];
    let run = place.run(&free);
    assert!(
        run.stderr()
            .contains("saved what proves it; `dotkey verify none.proof"),
        "{}",
        run.stderr()
    );
    assert_eq!(failed(run, 3, "not-found")["proof_file"], "none.proof");
    let said = place.run(&["name", "list"]).ok().stdout();
    assert!(said.contains("mysite.key  held until 20"), "{said}");
    assert!(node.stop().success());
    holds_offline(&place, &published);
    failed(
        place.run(&["name", "show", "mysite.key", "--json"]),
        1,
        "no-node",
    );
}

/// Who holds a name is shown, though it has no record.
fn is_shown_without_a_record(place: &Place, node: &Running) {
    comes_with_its_proof(place, node, &Value::Null);
    let run = place.run(&["resolve", "mysite.key"]);
    let mut run = run.fails(3, "no record for mysite.key");
    for part in [
        "owner",
        "lease",
        "proved    in block",
        "policy    of which the ledger pins none",
    ] {
        run = run.fails(3, part);
    }
}

/// A proof and a record in one answer of the node hold for who knows the genesis alone; the record is that with a digest, or none.
fn comes_with_its_proof(place: &Place, node: &Running, digest: &Value) {
    let (status, both) = get(node, "/v1/names/mysite.key?with=record");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&both));
    place.write("both.proof", both);
    let args = ["verify", "both.proof", "--name", "mysite.key", "--json"];
    let verified = place.run_in("elsewhere", &[&args[..], &GENESIS].concat());
    let verified = verified.ok().json();
    let holder = place.key_id("alice").to_string();
    assert_eq!(text(&verified["holder"]), holder);
    assert_eq!(verified["record"]["digest"], *digest);
}

/// With the network gone: both proofs hold, and changed anywhere they are worth nothing.
fn holds_offline(place: &Place, published: &Value) {
    let verify = |file: &str| {
        let args = ["verify", file, "--json"];
        place.run_in("elsewhere", &[&args[..], &GENESIS].concat())
    };
    let verified = verify("my.proof").ok().json();
    assert_eq!(text(&verified["holder"]), place.key_id("alice").to_string());
    assert_eq!(verified["state"], "held");
    assert_eq!(verified["record"]["digest"], published["digest"]);
    assert_eq!(verify("none.proof").ok().json()["holder"], Value::Null);
    // Changed anywhere, it is worth nothing.
    let proof = place.read("my.proof");
    for at in (0..proof.len()).step_by(proof.len() / 40) {
        let mut changed = proof.clone();
        changed[at] ^= 1;
        place.write("changed.proof", changed);
        let told = verify("changed.proof").fails(4, "next:").json();
        assert!(!text(&told["error"]["code"]).is_empty());
    }
}

#[test]
fn a_record_signed_before_is_published_under_the_name_of_who_signed_it() {
    let (place, _node) = Place::with_names();
    place.key("bob");
    place.claim("mysite.key");
    place.run(&["zone", "sign", "my.toml", "--key", "bob"]).ok();
    let publish = ["zone", "publish", "mysite.key", "my.record", "--json"];
    failed(place.run(&publish), 1, "not-yours");
    std::fs::remove_file(place.path("my.record")).expect("it is there");
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    place.run(&publish).ok();
    place.run(&["resolve", "mysite.key", "A"]).ok();
}
