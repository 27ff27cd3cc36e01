//! Two who want the same name.

use std::process::{Child, Stdio};

use super::{GENESIS, Place, Run, failed, text};

fn spawn(place: &Place, data: &str, args: &[&str]) -> Child {
    let mut command = place.command(args);
    command.args(["--data", data]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

#[test]
fn of_two_who_race_one_has_it_and_the_other_is_told_who_and_until_when() {
    let (place, node) = Place::with_names();
    place.run_in("other", &["key", "new", "bob", "--bare"]).ok();
    let bob = place
        .run_in("other", &["key", "show", "bob", "--json"])
        .ok()
        .json();
    for name in ["wanted1.key", "wanted2.key"] {
        let ask = ["name", "claim", name, "--json", "--node", node.api()];
        let ask = [&ask[..], &GENESIS].concat();
        let first = spawn(&place, "data", &ask);
        let second = spawn(&place, "other", &ask);
        let ended = [first, second].map(|child| Run(child.wait_with_output().expect("it ends")));
        let ids = [
            place.key_id("alice").to_string(),
            text(&bob["key_id"]).to_owned(),
        ];
        let shown = place.json(&["name", "show", name]);
        let winner = text(&shown["owner"]);
        assert!(ids.iter().any(|id| id == winner), "{shown}");
        for (run, id) in ended.into_iter().zip(&ids) {
            if id == winner {
                assert_eq!(text(&run.ok().json()["owner"]), winner);
                continue;
            }
            let told = failed(run, 1, "taken");
            assert_eq!(text(&told["owner"]), winner);
            for time in ["lease_ends", "free_at"] {
                assert_eq!(told[time], shown[time]);
                let message = text(&told["error"]["message"]);
                assert!(message.contains(text(&told[time])), "{message}");
            }
        }
    }
    // Nothing of what was lost is left to go on with.
    let listed = place.run_in(
        "other",
        &[
            &["name", "list", "--json", "--node", node.api()][..],
            &GENESIS,
        ]
        .concat(),
    );
    assert_eq!(listed.ok().json()["under_way"], serde_json::json!([]));
}

#[test]
fn two_claims_of_one_identity_at_once_take_turns() {
    let (place, node) = Place::with_names();
    let claim = |name: &'static str| {
        spawn(
            &place,
            "data",
            &["name", "claim", name, "--key", "alice", "--json"],
        )
    };
    let both = [claim("first-one.key"), claim("second-one.key")];
    for child in both {
        Run(child.wait_with_output().expect("it ends")).ok();
    }
    assert_eq!(place.transactions(&node, "alice"), 4);
    let listed = place.json(&["name", "list"]);
    assert_eq!(
        listed["names"].as_array().map(Vec::len),
        Some(2),
        "{listed}"
    );
}
