//! Followers as processes: they come to the ledger through a node between, prove from it, take transactions for it, and survive a kill.

use serde_json::Value;

use super::machines::Machines;
use super::validators::{Network, VALIDATORS};
use super::{Place, Running, eventually, text};

const GENESIS: [&str; 2] = ["--network", "NET/genesis.toml"];

fn height(place: &Place, node: &Running) -> u64 {
    let status = place.status(node);
    assert_eq!(status["ledger"]["halted"], Value::Null);
    status["ledger"]["height"].as_u64().expect("a height")
}

#[test]
fn a_late_follower_catches_up_and_proves_and_takes_claims_though_it_is_killed() {
    let place = Place::new();
    let mut network = Network::new(&place, &["--ports", "auto"]);
    // Nobody is told where a validator listens: these dial the one node that all know.
    let sentry = place.start("sentry", &GENESIS);
    let join = ["--join", &sentry.run_file()];
    let validators: Vec<Running> = (0..VALIDATORS)
        .map(|at| network.start_with(at, &join))
        .collect();
    network.claim(&validators[0], "mysite12");
    network.wait_for(std::slice::from_ref(&sentry), "mysite12");
    let ledger = place.status(&sentry)["ledger"].clone();
    assert_eq!(ledger["votes"], false);
    assert_eq!(ledger["following"]["stage"], "following");
    assert!(ledger["following"]["peers"].as_u64() >= Some(1), "{ledger}");
    assert_eq!(ledger["signing"]["validators"], VALIDATORS);
    assert!(ledger["signing"]["signed"].as_u64() >= Some(3), "{ledger}");
    let ledger = place.status(&validators[0])["ledger"].clone();
    assert_eq!(ledger["following"], Value::Null);
    let words = ["status", "--node", sentry.api()];
    let words = place.run(&words).ok().stdout();
    assert!(words.contains("validators   4, of which "), "{words}");

    let more = [&GENESIS[..], &join].concat();
    let late = place.start("late", &more);
    network.wait_for(std::slice::from_ref(&late), "mysite12");
    // By a node without a vote, and its neighbours: validators have it in the end.
    network.claim(&late, "another1");
    network.wait_for(&validators, "another1");

    let before = height(&place, &late);
    late.kill();
    network.claim(&sentry, "third123");
    let late = place.start("late", &more);
    assert!(height(&place, &late) >= before, "nothing final is lost");
    network.wait_for(std::slice::from_ref(&late), "third123");
    for node in validators {
        assert!(node.stop().success(), "it stops in order");
    }
    assert!(late.stop().success() && sentry.stop().success());
}

/// The newest block that a node on a machine has.
fn newest(machines: &Machines, place: &Place, name: &str) -> (u64, String) {
    let status = machines.json(place, name, &["status"]);
    let ledger = &status["ledger"];
    assert_eq!(ledger["halted"], Value::Null, "{status}");
    let height = ledger["height"].as_u64().expect("a height");
    (height, text(&ledger["block"]).to_owned())
}

#[test]
fn a_validator_that_nobody_outside_can_reach_is_followed_through_another_node() {
    let Some(machines) = Machines::new(&["validator", "sentry", "outside"]) else {
        return;
    };
    // Two cables and no way between: the sentry passes no packets on.
    machines.cable(("validator", "eth0"), ("sentry", "eth0"));
    machines.cable(("sentry", "eth1"), ("outside", "eth0"));
    for (name, port, address) in [
        ("validator", "eth0", "11.0.1.1/24"),
        ("sentry", "eth0", "11.0.1.2/24"),
        ("sentry", "eth1", "11.0.2.2/24"),
        ("outside", "eth0", "11.0.2.1/24"),
    ] {
        machines.address(name, port, address);
    }
    let place = Place::new();
    let init = ["network", "init", "--out", "NET", "--validators", "1"];
    place.json(&[&init[..], &["--ports", "auto"]].concat());
    let sentry = machines.start(&place, "sentry", &GENESIS);
    let join = ["--join", &sentry.run_file()];
    let data = "NET/validator-1";
    let node = ["node", "--json", "--data", data];
    let listen = ["--listen", "/ip4/0.0.0.0/tcp/4380"];
    let args = [&node[..], &listen, &join].concat();
    let command = machines.command(&place, "validator", &args);
    let _validator = place.started(command, data);
    let follow = [&GENESIS[..], &join].concat();
    let outside = machines.start(&place, "outside", &follow);
    let reached = |least: u64| {
        eventually("it has the validator's blocks", || {
            let (height, _) = newest(&machines, &place, "outside");
            (height >= least).then_some(height)
        })
    };
    let height = reached(2);
    // Killed, and later than before: heartbeats go on.
    outside.kill();
    let outside = machines.start(&place, "outside", &follow);
    reached(height + 2);
    let ours = newest(&machines, &place, "outside");
    let theirs = eventually("the sentry is as far", || {
        let theirs = newest(&machines, &place, "sentry");
        (theirs.0 >= ours.0).then_some(theirs)
    });
    assert!(theirs.0 > ours.0 || theirs.1 == ours.1, "the same block");
    drop(outside);
}
