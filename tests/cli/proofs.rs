//! Saved proofs: `dotkey verify --genesis` says of each vector what the protocol says, and shows the steps.

use std::path::Path;

use dotkey_proto::ledger::Genesis;
use dotkey_proto::text::toml::write_genesis;
use serde_json::Value;

use super::{Place, text};

/// The vectors of `tests/vectors/bundle.json` that are about names, in a place that has their genesis.
fn vectors() -> (Place, Vec<Value>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/bundle.json");
    let file = std::fs::read_to_string(path).expect("the vectors of bundles");
    let mut file: Value = serde_json::from_str(&file).expect("JSON");
    let Value::Array(mut all) = file["vectors"].take() else {
        panic!("a list of vectors");
    };
    all.retain(|vector| text(&vector["input"]["subject"]).len() < 64);
    let place = Place::new();
    let genesis = bytes(&all[0]["input"]["genesis"]);
    let genesis = Genesis::decode(&genesis).expect("a genesis");
    place.write("genesis.toml", write_genesis(&genesis));
    (place, all)
}

fn bytes(hex: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(text(hex).as_bytes())
        .expect("hexadecimal")
}

#[test]
fn saved_proofs_are_judged_as_the_protocol_says() {
    let (place, all) = vectors();
    assert!(all.len() > 50, "{}", all.len());
    for vector in &all {
        let (name, input) = (text(&vector["name"]), &vector["input"]);
        place.write("site.proof", bytes(&input["hex"]));
        let (subject, now) = (
            format!("{}.key", text(&input["subject"])),
            input["now"].to_string(),
        );
        let run = place.run(&[
            "verify",
            "site.proof",
            "--genesis",
            "genesis.toml",
            "--max-age",
            "60",
            "--json",
            "--name",
            &subject,
            "--now",
            &now,
        ]);
        match vector.get("reason") {
            None => {
                let json = run.ok().json();
                let facts = &vector["valid"];
                assert_eq!(json["valid"], true, "{name}");
                assert_eq!(
                    (&json["signed"], &json["validators"]),
                    (&facts["signed"], &facts["validators"]),
                    "{name}"
                );
                assert_eq!(
                    json["holder"].is_null(),
                    facts["holder"].is_null(),
                    "{name}"
                );
                assert_eq!(json["record"]["sequence"], facts["sequence"], "{name}");
            }
            Some(reason) => {
                let json = run.fails(4, "not valid (").json();
                assert_eq!(json["error"]["code"], *reason, "{name}");
            }
        }
    }
}

#[test]
fn the_steps_are_shown() {
    let (place, all) = vectors();
    let walked = all
        .iter()
        .find(|vector| vector["name"] == "walked")
        .expect("a vector");
    place.write("site.proof", bytes(&walked["input"]["hex"]));
    // Without a genesis it is no bad record, but something that takes one.
    let told = place.run(&["verify", "site.proof", "--json"]);
    let told = told.fails(2, "a proof").json();
    assert_eq!(told.get("valid"), None);
    assert!(text(&told["error"]["next"]).contains("dotkey verify site.proof --genesis FILE"));
    let now = walked["input"]["now"].to_string();
    let verify = [
        "verify",
        "site.proof",
        "--genesis",
        "genesis.toml",
        "--now",
        &now,
    ];
    let out = place.run(&verify).ok().stdout();
    for step in [
        "4 validators, of 2026",
        "to 5 validators from epoch 3 on",
        "to 1 validator from epoch 9 on",
        "30 seconds ago",
        "1 of 1 validator",
        "holder",
    ] {
        assert!(out.contains(step), "{step}: {out}");
    }
    let genesis = String::from_utf8(place.read("genesis.toml")).expect("text");
    place.write(
        "genesis.toml",
        genesis.replace("grace = \"720h\"", "grace = \"721h\""),
    );
    place.run(&verify).fails(1, "something in it was changed");
}
