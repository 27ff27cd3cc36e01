//! The whole way on a network of four validators, from a data folder that is none of theirs.

use super::{Place, Running, failed};

/// With so little work a stamp is found at once.
const INIT: [&str; 10] = [
    "network",
    "init",
    "--validators",
    "4",
    "--out",
    "NET",
    "--ports",
    "auto",
    "--stamp-bits",
    "8",
];

fn start(place: &Place, number: usize) -> Running {
    let data = format!("NET/validator-{number}");
    place.started(place.command(&["node", "--json", "--data", &data]), &data)
}

#[test]
fn names_are_claimed_from_elsewhere_with_a_validator_down_and_proved_with_all_gone() {
    let place = Place::with_alice();
    place.run(&INIT).ok();
    let mut nodes: Vec<Running> = (1..=4).map(|number| start(&place, number)).collect();
    place.run(&["network", "join", "NET/genesis.toml"]).ok();
    let claim = |name: &str, proof: &str, node: &Running| {
        let args = ["name", "claim", name, "--proof", proof, "--json"];
        let claimed = place.run(&[&args[..], &["--node", node.api()]].concat());
        claimed.ok().json()
    };
    let first = claim("mysite.key", "first.proof", &nodes[0]);
    assert!(first["proof"]["signed"].as_u64() >= Some(3), "{first}");
    nodes.pop().expect("four").kill();
    let second = claim("other-site.key", "second.proof", &nodes[1]);
    assert_eq!(second["proof"]["signed"], 3, "{second}");
    // Another validator shows the same.
    let show = ["name", "show", "mysite.key", "--json", "--node"];
    let shown = place.run(&[&show[..], &[nodes[2].api()]].concat()).ok();
    assert_eq!(shown.json()["owner"], first["owner"]);
    drop(nodes);
    let verify = |file: &str| {
        let args = ["verify", file, "--genesis", "NET/genesis.toml", "--json"];
        place.run_in("elsewhere", &args)
    };
    for (file, claimed) in [("first.proof", &first), ("second.proof", &second)] {
        let verified = verify(file).ok().json();
        assert_eq!(verified["holder"], claimed["owner"]);
        assert_eq!(verified["validators"], 4);
    }
    let mut changed = place.read("first.proof");
    let last = changed.len() - 1;
    changed[last] ^= 1;
    place.write("first.proof", changed);
    let told = verify("first.proof").fails(4, "next:").json();
    assert_eq!(told["valid"], false, "{told}");
    failed(place.run(&["name", "list", "--json"]), 1, "no-node");
}
