//! Nodes behind routers that let nobody in, as at most homes: they take part, and reach each other.

use serde_json::Value;

use super::machines::Machines;
use super::{Place, Running, eventually, text};

/// On the internet; each in a network of its own, for few of one network enter a routing table. Not the documentation's addresses, which count as nowhere.
const PUBLIC: [(&str, &str); 3] = [
    ("a", "11.0.1.1/16"),
    ("b", "11.0.2.1/16"),
    ("c", "11.0.3.1/16"),
];

/// Homes: the machine, its router, and the address that the router has outside.
const HOMES: [(&str, &str, &str); 2] = [
    ("home1", "router1", "11.0.4.1"),
    ("home2", "router2", "11.0.5.1"),
];

/// What a home's router does: everything from inside goes out under its own address, and only answers come in. Others are not told no.
const ROUTER: &str = "
add table ip home
add chain ip home out { type nat hook postrouting priority 100; }
add rule ip home out oifname eth0 masquerade
add chain ip home to_itself { type filter hook input priority 0; }
add rule ip home to_itself iifname eth0 drop
add chain ip home through { type filter hook forward priority 0; policy drop; }
add rule ip home through ct state established,related accept
add rule ip home through iifname inside accept
";

fn internet() -> Option<Machines> {
    let names = ["net", "a", "b", "c", "router1", "home1", "router2", "home2"];
    let machines = Machines::new(&names)?;
    machines.switch("net", &PUBLIC);
    for (at, (home, router, outside)) in HOMES.iter().enumerate() {
        let inside = |host: u8| format!("192.168.{at}.{host}");
        machines.plug("net", router, &format!("{outside}/16"));
        machines.cable((router, "inside"), (home, "eth0"));
        machines.address(router, "inside", &format!("{}/24", inside(1)));
        machines.address(home, "eth0", &format!("{}/24", inside(2)));
        machines.ip(home, &["route", "add", "default", "via", &inside(1)]);
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        machines.tool(router, &["sh", "-c", forward]);
        machines.tool(router, &["nft", ROUTER]);
    }
    Some(machines)
}

/// The addresses that `from` has of a peer with which it is connected.
fn connected(peers: &Value, peer: &str) -> Option<Vec<String>> {
    let peers = peers["peers"].as_array().expect("a list").iter();
    let it = peers.into_iter().find(|it| it["peer_id"] == *peer)?;
    let addresses = it["addresses"].as_array().expect("a list");
    let addresses = addresses.iter().map(|address| text(address).to_owned());
    (it["connected"] == true).then(|| addresses.collect())
}

#[test]
fn nodes_behind_routers_take_part_and_reach_each_other() {
    let Some(machines) = internet() else {
        return;
    };
    let place = Place::with_alice();
    let status = |name: &str| machines.json(&place, name, &["status"]);
    let first = machines.start(&place, "a", &[]);
    let joining = ["--join", &first.run_file()];
    let _others: Vec<Running> = ["b", "c", "home1", "home2"]
        .iter()
        .map(|name| machines.start(&place, name, &joining))
        .collect();

    // The first is left out: whom everyone dialled and who dialled nobody has nobody to ask, for AutoNAT asks over connections that it made.
    for (name, _) in &PUBLIC[1..] {
        eventually("who is on the internet finds that out", || {
            (status(name)["reachability"]["verdict"] == "public").then_some(())
        });
    }
    for (name, ..) in HOMES {
        eventually("who is not has relays", || {
            let reachability = &status(name)["reachability"];
            let relays = reachability["relays"].as_array().expect("a list").len();
            (reachability["verdict"] == "private" && relays == 2).then_some(())
        });
    }
    eventually("the relayed are in the tables of others", || {
        (status("a")["known_peers"] == 4).then_some(())
    });

    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    // What is in the table of one is found by the others a moment later.
    let published = eventually("all are found by who publishes", || {
        let published = machines.json(&place, "home1", &["zone", "publish", "my.record"]);
        (published["of"] == 5).then_some(published)
    });
    assert!(published["stored"].as_u64() >= Some(3), "{published}");
    let name = place.name_of("alice");
    let digest = Some(text(&published["digest"]).to_owned());
    for at in ["a", "b", "c", "home1", "home2"] {
        assert_eq!(machines.digest(&place, at, &name), digest, "{at}");
    }
    punched(&machines, &place);
}

/// The homes met through a relay, and went on without it: each opened its router for the other at the same time.
fn punched(machines: &Machines, place: &Place) {
    let (one, two) = (HOMES[0], HOMES[1]);
    let one_id = machines.json(place, one.0, &["status"]);
    let one_id = text(&one_id["peer_id"]);
    let direct = format!("/ip4/{}/", one.2);
    let addresses = eventually("one home reaches the other directly", || {
        let peers = machines.json(place, two.0, &["node", "peers"]);
        let addresses = connected(&peers, one_id)?;
        addresses
            .iter()
            .any(|to| to.starts_with(&direct))
            .then_some(addresses)
    });
    // Where others are told to find it.
    let relayed = |to: &String| to.contains("/p2p-circuit");
    assert!(addresses.iter().any(relayed), "{addresses:?}");
}
