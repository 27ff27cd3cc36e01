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
                assert_eq!(json["state"], facts["state"], "{name}");
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
        "state      held until 20",
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

/// A vector's bundle as `site.proof`, and the command that checks it at the vector's time.
fn check<'a>(place: &Place, all: &[Value], name: &str, now: &'a mut String) -> [&'a str; 6] {
    let found = all.iter().find(|vector| vector["name"] == name);
    let input = &found.expect("a vector")["input"];
    place.write("site.proof", bytes(&input["hex"]));
    *now = input["now"].to_string();
    [
        "verify",
        "site.proof",
        "--genesis",
        "genesis.toml",
        "--now",
        now,
    ]
}

#[test]
fn a_name_whose_lease_is_over_is_nobodys() {
    let (place, all) = vectors();
    let mut now = String::new();
    let free = check(&place, &all, "free-again", &mut now);
    let json = place.json(&free);
    assert_eq!(
        (&json["state"], &json["state_in_block"], &json["holder"]),
        (&"free".into(), &"grace".into(), &Value::Null)
    );
    assert!(
        json["lease_ends"].is_string() && json["free_at"].is_string(),
        "{json}"
    );
    let said = place.run(&free).ok().stdout();
    for part in [
        "holder     nobody",
        "state      free since 20",
        "in the block it was grace",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // What its last holder has published counts no more.
    let recorded = check(&place, &all, "record-of-free", &mut now);
    let told = place
        .run(&recorded)
        .fails(4, "nobody holds the name any more");
    assert!(
        told.stderr().contains("its lease ended at 20"),
        "{}",
        told.stderr()
    );
    let grace = check(&place, &all, "grace-with-record", &mut now);
    let said = place.run(&grace).ok().stdout();
    assert!(said.contains("state      in grace until 20"), "{said}");
}

#[test]
fn what_is_wrong_with_a_proof_is_named() {
    let (place, all) = vectors();
    let mut now = String::new();
    let held = check(&place, &all, "held", &mut now);
    let proof = place.read("site.proof");
    // Its block's validators: nothing can be missing between them and the genesis, whose epoch it is of.
    let set = all.iter().find(|vector| vector["name"] == "strangers-set");
    place.write("site.proof", bytes(&set.expect("a vector")["input"]["hex"]));
    let told = place.run(&held).fails(4, "(other-validators)").stderr();
    assert!(!told.contains("missing"), "{told}");
    assert!(
        told.contains("was changed, or made by somebody else"),
        "{told}"
    );
    // Without a genesis a damaged proof is a damaged proof, wherever it is damaged, and whole or cut off.
    let told = |bytes: &[u8]| {
        place.write("site.proof", bytes);
        let run = place.run(&["verify", "site.proof", "--json"]);
        if run.status() == 2 {
            return "sound".to_owned();
        }
        let json = run.fails(4, "a proof that was damaged or cut off").json();
        assert_eq!(json["valid"], false);
        text(&json["error"]["code"]).to_owned()
    };
    assert_eq!(told(&proof), "sound");
    assert_eq!(told(&proof[..proof.len() / 2]), "truncated");
    for at in (4..proof.len()).step_by(proof.len() / 12) {
        let mut changed = proof.clone();
        changed[at] ^= 0xff;
        assert_ne!(told(&changed), "wrong-tag", "{at}");
    }
    place.write("my.record", b"anything");
    let other = ["verify", "my.record", "--genesis", "genesis.toml"];
    place
        .run(&other)
        .fails(4, "it does not begin as a proof does");
}
