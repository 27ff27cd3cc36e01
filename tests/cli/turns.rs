//! Several people, several data folders, one record.

use dotkey_proto::signature::wallet_message_hash;
use k256::ecdsa::SigningKey;
use serde_json::Value;

use super::{Place, ZONE, text};

/// A wallet that everybody knows the secret of, from the documentation of a tool for tests.
const WALLET: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const WALLET_SECRET: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn wallet_signature(of: &str) -> String {
    let secret = data_encoding::HEXLOWER
        .decode(WALLET_SECRET.as_bytes())
        .expect("hexadecimal");
    let key = SigningKey::from_slice(&secret).expect("a key");
    let (signature, recovery) = key.sign_prehash_recoverable(&wallet_message_hash(of));
    let bytes = signature.to_bytes();
    format!(
        "0x{}{:02x}",
        data_encoding::HEXLOWER.encode(&bytes),
        27 + recovery.to_byte()
    )
}

/// Two of Alice, Bob and Carol act for `org`; Bob alone may sign its branch `blog`. Each has a data folder of their own.
struct Organisation(Place);

impl Organisation {
    fn new() -> Self {
        let place = Place::new();
        place.write("my.toml", ZONE);
        let members: Vec<Value> = ["alice", "bob", "carol"]
            .iter()
            .map(|who| {
                place
                    .run_in(who, &["key", "new", who, "--json"])
                    .ok()
                    .json()
            })
            .collect();
        let member = |index: usize, roles: &str| {
            let (key, next) = (
                text(&members[index]["public"]),
                text(&members[index]["next_public"]),
            );
            format!("[[member]]\nkey = \"{key}\"\nnext = \"{next}\"\nroles = [{roles}]\n")
        };
        let both = "\"publish\", \"admin\"";
        let policy = format!(
            "[thresholds]\nadmin = 2\npublish = 2\n\"publish:blog\" = 1\n{}{}{}",
            member(0, both),
            member(1, &format!("{both}, \"publish:blog\"")),
            member(2, both)
        );
        place.write("policy.toml", policy);
        place
            .run_in("alice", &["key", "new", "org", "--policy", "policy.toml"])
            .ok();
        place
            .run_in("alice", &["key", "export", "org", "--public"])
            .ok();
        for who in ["bob", "carol"] {
            place.run_in(who, &["key", "import", "org.identity"]).ok();
        }
        Self(place)
    }
}

#[test]
fn two_of_three_sign_in_turns() {
    let Organisation(place) = Organisation::new();
    let first = place
        .run_in(
            "alice",
            &[
                "zone",
                "sign",
                "my.toml",
                "--key",
                "org",
                "--seq",
                "1",
                "--out",
                "org.record",
            ],
        )
        .ok();
    assert!(
        first
            .stdout()
            .contains("signed by 1 of 2 needed for publish; still missing: any one of ed25519:"),
        "{}",
        first.stdout()
    );
    place.run(&["verify", "org.record"]).fails(4, "threshold");
    // Alice cannot make up for the others.
    place
        .run_in("alice", &["zone", "sign", "org.record", "--key", "org"])
        .fails(1, "no key of `org` here");
    let second = place
        .run_in(
            "carol",
            &["zone", "sign", "org.record", "--key", "org", "--json"],
        )
        .ok()
        .json();
    assert_eq!(second["complete"], true, "{second}");
    let verified = place.json(&["verify", "org.record"]);
    assert_eq!(verified["signed_by"].as_array().map(Vec::len), Some(2));
    // A third signature is not needed, and none is made.
    let third = place
        .run_in(
            "bob",
            &["zone", "sign", "org.record", "--key", "bob", "--json"],
        )
        .ok()
        .json();
    assert_eq!(third["signed_now"], serde_json::json!([]));
    // By their own name works as well as by the organisation's.
    place
        .run_in(
            "bob",
            &[
                "zone", "sign", "my.toml", "--key", "org", "--out", "b.record",
            ],
        )
        .ok();
    place
        .run_in("alice", &["zone", "sign", "b.record", "--key", "alice"])
        .ok();
    place.run(&["verify", "b.record"]).ok();
}

#[test]
fn the_commands_of_the_example_are_the_ones_that_sign_it() {
    let Organisation(place) = Organisation::new();
    let example = include_str!("../../zones/organisation.toml");
    std::fs::create_dir(place.path("zones")).expect("ours");
    place.write("zones/organisation.toml", example);
    let commands = example
        .lines()
        .filter_map(|line| Some(line.strip_prefix('#')?.split_once(":  dotkey ")?.1));
    let commands: Vec<&str> = commands.collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for (who, command) in ["alice", "bob"].into_iter().zip(commands) {
        place.say_in(who, "key import org.identity acme").ok();
        place.say_in(who, command).ok();
    }
    place.run(&["verify", "org.record"]).ok();
}

#[test]
fn a_branch_is_signed_by_who_holds_its_role() {
    let Organisation(place) = Organisation::new();
    place.write(
        "blog.toml",
        "branch = \"blog\"\n[[record]]\nowner = \"blog\"\ntype = \"A\"\ndata = \"192.0.2.9\"\n",
    );
    let alice = place
        .run_in(
            "alice",
            &[
                "zone",
                "sign",
                "blog.toml",
                "--key",
                "org",
                "--out",
                "a.record",
                "--json",
            ],
        )
        .ok()
        .json();
    assert_eq!(alice["complete"], false, "{alice}");
    let bob = place
        .run_in(
            "bob",
            &[
                "zone",
                "sign",
                "blog.toml",
                "--key",
                "org",
                "--out",
                "b.record",
                "--json",
            ],
        )
        .ok()
        .json();
    assert_eq!(bob["complete"], true, "{bob}");
    assert_eq!(place.json(&["verify", "b.record"])["branch"], "blog");
    place
        .run(&["resolve", "blog.acme.key", "A", "--record", "b.record"])
        .ok();
    place
        .run(&["resolve", "acme.key", "--record", "b.record"])
        .fails(3, "branch `blog` only");
    // What is outside the branch cannot be in it.
    place
        .run_in(
            "bob",
            &[
                "zone", "sign", "my.toml", "--key", "org", "--branch", "blog",
            ],
        )
        .fails(1, "blog");
}

/// Rotates everyone's own identity, so that what was next is in use; gives the keys in use and the next ones.
fn rotate_members(place: &Place) -> Vec<(String, String)> {
    let rotate = |who: &&str| {
        place.say_in(who, &format!("key rotate {who}")).ok();
        let shown = place
            .say_in(who, &format!("key show {who} --json"))
            .ok()
            .json();
        let secrets = shown["secret_keys"].as_array().expect("a list");
        let next = secrets
            .iter()
            .find(|key| key["is"] == "next")
            .expect("made");
        let in_use = &shown["policy"]["keys"][0]["public"];
        (text(in_use).to_owned(), text(&next["public"]).to_owned())
    };
    ["alice", "bob", "carol"].iter().map(rotate).collect()
}

#[test]
fn an_organisation_rotates_in_turns() {
    let Organisation(place) = Organisation::new();
    let members = rotate_members(&place);
    let policy = |order: [usize; 3]| {
        let member = |index: usize| {
            let (key, next) = &members[index];
            let blog = if index == 1 { ", \"publish:blog\"" } else { "" };
            format!(
                "[[member]]\nkey = \"{key}\"\nnext = \"{next}\"\nroles = [\"admin\", \"publish\"{blog}]\n"
            )
        };
        let thresholds = "[thresholds]\nadmin = 2\npublish = 2\n\"publish:blog\" = 1\n";
        format!("{thresholds}{}", order.map(member).concat())
    };
    place.write("wrong.toml", policy([1, 0, 2]));
    place.write("new.toml", policy([0, 1, 2]));
    let say = |who, line| place.say_in(who, line);
    say("alice", "key rotate org --policy wrong.toml --draft d").fails(1, "committed to");
    say("alice", "key rotate org --policy new.toml").fails(2, "--draft FILE");
    let first = say(
        "alice",
        "key rotate org --policy new.toml --draft org.update --json",
    )
    .ok()
    .json();
    assert_eq!(first["complete"], false, "{first}");
    // Carol completes it, and the others take the finished update in.
    for who in ["carol", "alice", "bob"] {
        let taken = say(who, "key rotate org --draft org.update --json")
            .ok()
            .json();
        assert_eq!(taken["complete"], true, "{taken}");
        assert_eq!(taken["policy"]["number"], 1, "{taken}");
    }
    // Once more, the draft has nothing left to do.
    let again = say("bob", "key rotate org --draft org.update").ok();
    let again = again.stdout();
    assert!(again.contains("already in force here"), "{again}");
    say("alice", "zone sign my.toml --key org --out org.record").ok();
    say("bob", "zone sign org.record --key org").ok();
    assert_eq!(place.json(&["verify", "org.record"])["policy"], 1);
}

#[test]
fn whoever_completes_a_rotation_makes_no_other_history_of_it() {
    let Organisation(place) = Organisation::new();
    let say = |who, line: &str| place.say_in(who, line);
    let members = rotate_members(&place);
    let member = |(index, (key, next)): (usize, &(String, String))| {
        let blog = if index == 1 { ", \"publish:blog\"" } else { "" };
        format!(
            "[[member]]\nkey = \"{key}\"\nnext = \"{next}\"\nroles = [\"admin\", \"publish\"{blog}]\n"
        )
    };
    let tables: String = members.iter().enumerate().map(member).collect();
    place.write(
        "new.toml",
        format!("[thresholds]\nadmin = 2\npublish = 2\n\"publish:blog\" = 1\n{tables}"),
    );
    say("alice", "key rotate org --policy new.toml --draft one").ok();
    std::fs::copy(place.path("one"), place.path("two")).expect("ours");
    say("bob", "key rotate org --draft one").ok();
    say("carol", "key rotate org --draft two").ok();
    assert_ne!(place.read("one"), place.read("two"));
    say("carol", "key export org --public --out carol.identity").ok();
    say("bob", "key import carol.identity org").ok();
    // Alice, who took in neither, may take in either.
    say("alice", "key rotate org --draft two").ok();
    say("alice", "key rotate org --draft one").ok();
}

#[test]
fn a_wallet_signs_the_text_that_it_is_shown() {
    let place = Place::new();
    place.write("my.toml", ZONE);
    place.run(&["key", "new", "w", "--wallet", WALLET]).ok();
    let asked = place.json(&["zone", "sign", "my.toml", "--key", "w", "--seq", "3"]);
    assert_eq!(asked["complete"], false);
    assert_eq!(asked["to_sign"][0]["wallet"], WALLET);
    let shown = text(&asked["to_sign"][0]["text"]);
    assert!(
        shown.starts_with("dotkey record\nzone: ") && shown.contains("\nsequence: 3\n"),
        "{shown}"
    );
    let printed = place
        .run(&["zone", "sign", "my.record", "--key", "w"])
        .ok()
        .stdout();
    assert!(printed.contains(shown), "{printed}");
    let sign = |signature: &str| {
        place.run(&[
            "zone",
            "sign",
            "my.record",
            "--key",
            "w",
            "--signature",
            signature,
        ])
    };
    sign(&wallet_signature("another text")).fails(4, "does not match");
    sign("0x1234").fails(2, "130 hexadecimal digits");
    sign(&wallet_signature(shown)).ok();
    place
        .run(&["verify", "my.record", "--name", &format!("{WALLET}.key")])
        .ok();
    place
        .run(&[
            "resolve",
            &format!("{WALLET}.key"),
            "A",
            "--record",
            "my.record",
        ])
        .ok();
}

#[test]
fn policy_files_say_what_is_wrong() {
    let place = Place::with_next_key();
    let member = "[[member]]\nkey = \"alice\"\nroles = [\"admin\", \"publish\"]\n";
    let thresholds = "[thresholds]\nadmin = 1\npublish = 1\n";
    for (policy, says) in [
        (String::new(), "missing field"),
        (
            format!("{thresholds}{member}wieght = 2\n"),
            "unknown field `wieght`",
        ),
        (
            format!("[thresholds]\nadmin = 2\npublish = 1\n{member}"),
            "weigh 1 together",
        ),
        (
            format!("[thresholds]\nadmin = 0\npublish = 1\n{member}"),
            "a threshold: 0 found, 1 to",
        ),
        (
            format!("[thresholds]\nadmin = 1\n{member}"),
            "no threshold for the role `publish`",
        ),
        (
            format!("{thresholds}{}", member.replace("alice", "nobody")),
            "no key named `nobody`",
        ),
        (
            format!("{thresholds}{}", member.replace("\"alice\"", "\"0x12\"")),
            "20 bytes",
        ),
        (
            format!("{thresholds}{}", member.replace("\"admin\"", "\"king\"")),
            "`king` is not a role",
        ),
        (format!("{thresholds}{member}{member}"), "stands twice"),
    ] {
        place.write("p.toml", &policy);
        place
            .run(&["key", "new", "org", "--policy", "p.toml"])
            .fails(1, says)
            .fails(1, "p.toml");
        assert!(!place.path("data/keys/org").exists());
    }
    place.write("p.toml", format!("{thresholds}{member}"));
    let made = place.json(&["key", "new", "org", "--policy", "p.toml"]);
    assert_eq!(
        made["policy"]["next_committed"], true,
        "a local key brings its next one along"
    );
}

#[test]
fn the_example_policy_makes_an_identity() {
    let place = Place::new();
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/zones/policies/organisation.toml"
    );
    let made = place.json(&["key", "new", "acme", "--policy", example]);
    let policy = &made["policy"];
    assert_eq!(policy["keys"].as_array().map(Vec::len), Some(4));
    assert_eq!(policy["thresholds"]["admin"], 2);
    assert_eq!(policy["next_committed"], true);
    assert_eq!(policy["recovery"]["delay_secs"], 72 * 3600);
    assert_eq!(
        made["secret_keys"],
        serde_json::json!([]),
        "nothing secret is in a policy file"
    );
    // It is no zone, and whoever takes it for one is told so.
    for command in ["zone check", "zone show", "zone sign --key acme"] {
        let words: Vec<&str> = command.split(' ').chain([example]).collect();
        let refused = place.run(&words).fails(1, "is a policy file");
        refused.fails(1, "dotkey key new NAME --policy");
    }
}
