//! Validators that come and go while claims run, by the commands that their operators use.

use serde_json::Value;

use super::validators::{Network, assert_agreed, folder};
use super::{Place, Running, eventually, text};

/// So few that an epoch ends within the test, and enough for the approvals of one.
const EPOCH_BLOCKS: &str = "24";

/// Claims that a network makes until something has come about; far more than an epoch has.
const CLAIMS_MAX: usize = 60;

fn votes(place: &Place, node: &Running) -> bool {
    let status = place.status(node);
    assert_eq!(status["ledger"]["halted"], Value::Null, "{status}");
    status["ledger"]["votes"] == true
}

/// Claims one name after the other until something has come about, and says which.
fn claim_until(
    network: &mut Network<'_>,
    by: &Running,
    what: &str,
    done: impl Fn() -> bool,
) -> Vec<String> {
    let mut claimed = Vec::new();
    while !done() {
        assert!(
            claimed.len() < CLAIMS_MAX,
            "{what}: not within {CLAIMS_MAX} claims"
        );
        let label = format!("{what}-{:04}", claimed.len());
        network.claim(by, &label);
        claimed.push(label);
    }
    claimed
}

/// What an operator does on the machine of one validator.
struct Operator<'a>(&'a Place, String);

impl Operator<'_> {
    fn does(&self, args: &[&str]) -> Value {
        self.0.json(&[args, &["--yes", "--data", &self.1]].concat())
    }

    fn is_refused(&self, args: &[&str], status: i32, says: &str) {
        let run = self
            .0
            .run(&[args, &["--yes", "--json", "--data", &self.1]].concat());
        run.fails(status, says);
    }

    /// Who approves, and how many have to.
    fn wants(&self, args: &[&str]) -> (Option<u64>, Option<u64>) {
        let told = self.does(args);
        assert_eq!(told["decided"], told["approvals"].is_null(), "{told}");
        (told["approvals"].as_u64(), told["needed"].as_u64())
    }
}

fn operator(place: &Place, at: usize) -> Operator<'_> {
    Operator(place, folder(at))
}

/// Three of four want a fifth: one proposes, everybody sees it, two approve.
fn add(place: &Place, identity: &str) {
    let add = ["network", "add", "fifth.candidate"];
    place.json(&["network", "join", "NET/genesis.toml", "--data", "nobody"]);
    Operator(place, "nobody".to_owned()).is_refused(&add, 1, "no validator.key");
    Operator(place, "fifth".to_owned()).is_refused(&add, 1, "does not vote in this epoch");
    let approve = ["network", "approve"];
    operator(place, 1).is_refused(&approve, 3, "no change of the validators waits");

    assert_eq!(operator(place, 0).wants(&add), (Some(1), Some(3)));
    assert_eq!(operator(place, 0).does(&add)["approved_now"], false);
    eventually("the second sees it", || {
        let shown = place.run(&["network", "show", "--data", &folder(1)]).ok();
        let proposed = format!("proposed: add {identity}");
        shown.stdout().contains(&proposed).then_some(())
    });
    let status = place.run(&["status", "--data", &folder(1)]).ok().stdout();
    assert!(status.contains("1 change waits for approvals"), "{status}");
    assert_eq!(operator(place, 1).wants(&approve), (Some(2), Some(3)));
    let decided = operator(place, 2).does(&["network", "approve", &identity[..12]]);
    assert_eq!(
        (&decided["decided"], text(&decided["identity"])),
        (&true.into(), identity)
    );
}

/// Four of five want one to leave, the new one among them.
fn remove(place: &Place, identity: &str) {
    let remove = ["network", "remove", identity];
    assert_eq!(operator(place, 0).wants(&remove), (Some(1), Some(4)));
    assert_eq!(operator(place, 1).wants(&remove), (Some(2), Some(4)));
    assert_eq!(operator(place, 2).wants(&remove), (Some(3), Some(4)));
    let fifth = Operator(place, "fifth".to_owned());
    assert_eq!(fifth.does(&remove)["decided"], true);
}

#[test]
fn a_validator_is_added_and_one_removed_while_claims_run() {
    let place = Place::new();
    let more = ["--ports", "auto", "--epoch-blocks", EPOCH_BLOCKS];
    let mut network = Network::new(&place, &more);
    let mut nodes = network.start_all();
    network.claim(&nodes[0], "before-all");
    // The fifth has keys, a node, and no vote.
    let new = |args: &[&str]| place.json(&[args, &["--data", "fifth"]].concat());
    new(&["network", "join", "NET/genesis.toml"]);
    let candidate = new(&["network", "candidate", "--out", "fifth.candidate"]);
    let identity = text(&candidate["identity"]).to_owned();
    let fifth = place.start("fifth", &[]);
    assert!(!votes(&place, &fifth));
    add(&place, &identity);
    let mut claimed = claim_until(&mut network, &nodes[1], "joins", || votes(&place, &fifth));

    let gone = place.json(&["network", "show", "--data", &folder(3)]);
    let gone = text(&gone["own_identity"]).to_owned();
    remove(&place, &gone);
    let left = || !votes(&place, &nodes[3]);
    claimed.extend(claim_until(&mut network, &nodes[0], "leaves", left));
    let back = ["network", "remove", &identity];
    operator(&place, 3).is_refused(&back, 1, "does not vote in this epoch");

    // Three of the four that are left are needed: without the first, the new one's votes count.
    assert!(nodes.remove(3).stop().success());
    nodes.remove(0).kill();
    nodes.push(fifth);
    network.claim(&nodes[0], "with-the-fifth");
    claimed.extend(["before-all".to_owned(), "with-the-fifth".to_owned()]);
    for label in &claimed {
        network.wait_for(&nodes, label);
    }
    assert_agreed(&nodes);
    let now = new(&["network", "show"])["now"].clone();
    let voting = now["validators"].as_array().expect("a list");
    let voting: Vec<&str> = voting.iter().map(|one| text(&one["identity"])).collect();
    assert!(voting.contains(&identity.as_str()) && !voting.contains(&gone.as_str()));
    assert_eq!(voting.len(), 4);
    assert_eq!(now["changes"]["proposed"], serde_json::json!([]));
}

#[test]
fn who_followed_the_ledger_takes_another_folder_to_become_a_validator() {
    let place = Place::new();
    place
        .run(&["network", "candidate"])
        .fails(3, "follows no network");
    place.json(&["network", "init", "--validators", "1", "--out", "NET"]);
    let candidate = ["network", "candidate", "--data", "new"];
    place.json(&["network", "join", "NET/genesis.toml", "--data", "new"]);
    place
        .run(&[&candidate[..], &["--address", "nowhere"]].concat())
        .fails(2, "no address");
    assert!(
        !place.path("new/validator.key").exists(),
        "nothing is left of what was refused"
    );
    std::fs::create_dir(place.path("new/store")).expect("made");
    place.run(&candidate).fails(1, "has a ledger already");
    std::fs::remove_dir(place.path("new/store")).expect("removed");
    let made = place.json(&[&candidate[..], &["--address", "192.0.2.1:4381"]].concat());
    // With its keys it can be made again, as after a move.
    let moved = place.json(
        &[
            &candidate[..],
            &["--address", "v.example.net:4381", "--out", "moved"],
        ]
        .concat(),
    );
    assert_eq!(made["identity"], moved["identity"]);
    place.write("no.candidate", "00");
    let add = [
        "network",
        "add",
        "no.candidate",
        "--data",
        "NET/validator-1",
    ];
    place.run(&add).fails(1, "no candidate in it");
}
