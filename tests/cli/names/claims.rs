//! Claims: in one command, killed at each step, and refused.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use super::middle::{Fate, Middle};
use super::{Place, failed, text};

#[test]
fn a_name_is_claimed_in_one_command() {
    let (place, node) = Place::with_names();
    let claimed = place.json(&[
        "name",
        "claim",
        "MySite.key",
        "--key",
        "alice",
        "--proof",
        "my.proof",
    ]);
    assert_eq!(claimed["name"], "mysite.key");
    assert_eq!(claimed["claimed_now"], true);
    assert_eq!(claimed["state"], "held");
    assert_eq!(text(&claimed["owner"]), place.key_id("alice").to_string());
    assert_eq!(claimed["key"], "alice");
    assert_eq!(claimed["proof"]["signed"], 1);
    // The proof holds for who has the genesis alone.
    let verify = ["verify", "my.proof", "--genesis", "data/network.toml"];
    let verified = place.json(&[&verify[..], &["--name", "mysite.key"]].concat());
    assert_eq!(verified["holder"], claimed["owner"]);
    // Claimed once more, it is there already, and nothing is sent.
    assert_eq!(place.transactions(&node, "alice"), 2);
    let again = place.claim("mysite.key");
    assert_eq!(again["claimed_now"], false);
    assert_eq!(place.transactions(&node, "alice"), 2);
    let said = place.run(&["name", "show", "mysite.key"]).ok().stdout();
    for part in [
        "owner",
        "(`alice` here)",
        "lease",
        "signed by 1 of 1 validator",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// At which request a claim is killed, and whether the node has heard of it.
const KILLS: [(&str, usize, bool); 9] = [
    ("GET identities", 0, false),
    // Before the work for the identity, and for the name.
    ("GET ledger", 0, false),
    ("GET ledger", 1, true),
    // The announcement.
    ("POST transactions", 0, false),
    ("POST transactions", 0, true),
    // Between the two: the name is looked at for the first time.
    ("GET names", 0, true),
    // The claim.
    ("POST transactions", 1, false),
    ("POST transactions", 1, true),
    ("after the claim", 0, true),
];

#[test]
fn killed_at_any_step_a_claim_goes_on_where_it_was() {
    let place = Place::with_alice();
    let node = place.start("data", &[]);
    let mut begun_before = 0;
    for (number, (what, at, heard)) in KILLS.into_iter().enumerate() {
        let key = format!("owner{number}");
        place.key(&key);
        let name = format!("mysite{number}x.key");
        let last = what == "after the claim";
        let sent = std::sync::atomic::AtomicUsize::new(0);
        let middle = Middle::new(&node, move |asked| {
            use std::sync::atomic::Ordering;
            if asked.what == "POST transactions" {
                sent.fetch_add(1, Ordering::SeqCst);
            }
            let now = match last {
                true => asked.what == "GET identities" && sent.load(Ordering::SeqCst) == 2,
                false => asked.what == what && asked.before == at,
            };
            match (now, heard) {
                (false, _) => Fate::Pass,
                (true, false) => Fate::Hold,
                (true, true) => Fate::HoldAnswer,
            }
        });
        let claim = ["name", "claim", &name, "--key", &key, "--json"];
        let mut command = place.command(&claim);
        command.args(["--node", &middle.url()]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        middle
            .held
            .recv_timeout(super::super::PATIENCE)
            .expect("it comes so far");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let listed = place.json(&["name", "list", "--key", &key]);
        let under_way = listed["under_way"].as_array().expect("a list").len();
        begun_before += under_way;
        let run = place.run(&claim).ok();
        assert_eq!(
            run.json()["owner"],
            place.key_id(&key).to_string(),
            "{name}"
        );
        let goes_on = run.stderr().contains("going on with the claim");
        assert_eq!(goes_on, under_way == 1, "{name}: {}", run.stderr());
        // Nothing was done twice, and nothing is left.
        assert_eq!(place.transactions(&node, &key), 2, "{name}");
        let listed = place.json(&["name", "list", "--key", &key]);
        assert_eq!(listed["under_way"], serde_json::json!([]));
        assert_eq!(listed["names"][0]["name"], name);
    }
    assert!(begun_before >= 6, "most of them had begun: {begun_before}");
}

#[test]
fn no_node_hears_the_name_before_it_is_announced() {
    let (place, node) = Place::with_names();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let middle = Middle::new(&node, move |asked| {
        hears
            .lock()
            .expect("nobody panics")
            .push(asked.what.clone());
        Fate::Pass
    });
    let url = middle.url();
    let claim = |key: &str, more: &[&str]| {
        let args = ["name", "claim", "mysite.key", "--json", "--key", key];
        place.run(&[&args[..], more].concat())
    };
    let claimed = claim("alice", &["--node", &url]).ok().json();
    assert_eq!(claimed["claimed_now"], true);
    let heard = heard.lock().expect("nobody panics");
    let first = |what: &str| heard.iter().position(|one| one == what);
    let (announced, asked) = (first("POST transactions"), first("GET names"));
    assert!(announced.is_some() && announced < asked, "{heard:?}");
    drop(heard);
    // So somebody else's node cannot save the work for a name that is taken, and the own one does.
    place.key("bob");
    failed(claim("bob", &[]), 1, "taken");
    assert_eq!(place.transactions(&node, "bob"), 0);
    let told = failed(claim("bob", &["--node", &url]), 1, "taken");
    assert_eq!(told["owner"], claimed["owner"]);
    assert_eq!(place.transactions(&node, "bob"), 1);
}

#[test]
fn what_cannot_be_claimed_says_why_and_what_to_do() {
    let (place, _node) = Place::with_names();
    let claim = |name: &str| place.run(&["name", "claim", name, "--key", "alice", "--json"]);
    failed(claim("www.mysite.key"), 2, "usage");
    failed(claim("my..site.key"), 2, "usage");
    failed(claim(&place.name_of("alice")), 2, "usage");
    failed(
        place.run(&["name", "claim", "mysite.key", "--key", "nobody", "--json"]),
        3,
        "not-found",
    );
    // A folder that follows no network can check nothing.
    place.run_in("other", &["key", "new", "bob", "--bare"]).ok();
    let url = std::fs::read_to_string(place.path("data/run.json")).expect("it runs");
    let url: serde_json::Value = serde_json::from_str(&url).expect("JSON");
    let elsewhere = [
        "name",
        "claim",
        "mysite.key",
        "--json",
        "--node",
        text(&url["api"]),
    ];
    failed(place.run_in("other", &elsewhere), 1, "no-network");
    failed(
        place.run_in(
            "other",
            &["name", "list", "--json", "--genesis", "data/network.toml"],
        ),
        1,
        "no-node",
    );
}
