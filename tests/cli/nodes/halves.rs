//! Four validators on machines of their own, cut in two halves: who has no quorum stops rather than fork, and claims wait.

use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::super::{Run, finish, run};
use super::machines::Machines;
use super::validators::{Network, VALIDATORS, folder};
use super::{Place, Running, eventually, text};

const MACHINES: [&str; VALIDATORS] = ["a", "b", "c", "d"];

/// Far longer than a block takes while they can agree.
const SILENT_SECONDS: u64 = 16;

/// Four machines at two switches, with a cable between these.
fn wired() -> Option<Machines> {
    let machines = Machines::new(&["a", "b", "c", "d", "left", "right"])?;
    for (at, name) in MACHINES.iter().enumerate() {
        let switch = if at < 2 { "left" } else { "right" };
        if at % 2 == 0 {
            machines.switch(switch, &[]);
        }
        machines.plug(switch, name, &format!("{}/24", address(at)));
    }
    machines.cable(("left", "over"), ("right", "over"));
    for side in ["left", "right"] {
        machines.ip(side, &["link", "set", "dev", "over", "master", "switch"]);
    }
    Some(machines)
}

fn address(at: usize) -> String {
    format!("10.78.0.{}", at + 1)
}

/// The newest block of a validator on a machine of its own: height, digest, age.
fn newest(machines: &Machines, place: &Place, at: usize) -> Option<(u64, String, u64)> {
    let data = folder(at);
    let args = ["status", "--json", "--data", &data];
    let status = run(&mut machines.command(place, MACHINES[at], &args))
        .ok()
        .json();
    let ledger = &status["ledger"];
    assert_eq!(ledger["halted"], Value::Null);
    let height = ledger["height"].as_u64()?;
    Some((
        height,
        text(&ledger["block"]).to_owned(),
        ledger["age_seconds"].as_u64()?,
    ))
}

/// Somebody who claims names by way of the node of one machine.
struct Client<'a> {
    machines: &'a Machines,
    place: &'a Place,
    key: &'static str,
    machine: &'static str,
}

impl Client<'_> {
    fn begin(&self) {
        self.place
            .run_in(self.key, &["network", "join", "NET/genesis.toml"])
            .ok();
        self.place
            .run_in(self.key, &["key", "new", self.key, "--bare"])
            .ok();
    }

    /// Goes on in the background until the name is held, or another's.
    fn claim(&self, name: &str) -> JoinHandle<Run> {
        let node = [
            "--node",
            "http://127.0.0.1:5380",
            "--json",
            "--data",
            self.key,
        ];
        let args = [&["name", "claim", name][..], &node].concat();
        let mut command = self.machines.command(self.place, self.machine, &args);
        command.stdout(std::process::Stdio::piped());
        thread::spawn(move || finish(&mut command))
    }
}

/// How a claim ended. One that saw no block for a minute says so, and the same command goes on where it was.
fn to_its_end(client: &Client<'_>, name: &str, claim: JoinHandle<Run>) -> Run {
    let run = claim.join().expect("it ends");
    match run.status() != 0 && run.json()["error"]["code"] == "no-blocks" {
        true => client.claim(name).join().expect("it ends"),
        false => run,
    }
}

/// Who holds a name, as the node of each machine proves it.
fn holders(machines: &Machines, place: &Place, name: &str) -> Vec<Option<String>> {
    let shown = (0..VALIDATORS).map(|at| {
        let args = ["name", "show", name, "--json", "--data", &folder(at)];
        let shown = run(&mut machines.command(place, MACHINES[at], &args));
        match shown.status() {
            0 => Some(text(&shown.json()["owner"]).to_owned()),
            3 => None,
            _ => panic!("{}", shown.stderr()),
        }
    });
    shown.collect()
}

/// The newest blocks of all four.
fn newest_of_all(machines: &Machines, place: &Place) -> Option<Vec<(u64, String, u64)>> {
    (0..VALIDATORS)
        .map(|at| newest(machines, place, at))
        .collect()
}

/// Waits until all four have the same block above a height.
fn agreed(machines: &Machines, place: &Place, above: u64) {
    eventually("all have the same block", || {
        let all = newest_of_all(machines, place)?;
        let (height, digest, _) = &all[0];
        let same = all.iter().all(|(_, other, _)| other == digest);
        (same && *height > above).then_some(())
    });
}

/// Waits until nobody goes on. A block that one side finalised in the last moment may not have reached the other, but nobody has two at one height.
fn stopped(machines: &Machines, place: &Place) -> u64 {
    let stopped = eventually("nobody goes on", || {
        let all = newest_of_all(machines, place)?;
        let silent = all.iter().all(|(_, _, age)| *age >= SILENT_SECONDS);
        silent.then_some(all)
    });
    for (height, digest, _) in &stopped {
        let differs = stopped
            .iter()
            .any(|(at, other, _)| at == height && other != digest);
        assert!(!differs, "{stopped:?}");
    }
    let highest = stopped.iter().map(|(height, ..)| *height).max();
    highest.expect("four")
}

/// Who of two got the name, as the one that got it says; the other was told.
fn winner(one: Run, other: Run) -> Value {
    let (got, lost) = match one.status() {
        0 => (one, other),
        _ => (other, one),
    };
    let told = lost.fails(1, "").json();
    assert_eq!(told["error"]["code"], "taken", "{told}");
    got.ok().json()
}

#[test]
fn two_and_two_stop_without_forking_and_claims_wait_until_they_heal() {
    let Some(machines) = wired() else {
        return;
    };
    let place = Place::new();
    let listed: Vec<String> = (0..VALIDATORS)
        .map(|at| format!("{}:4381", address(at)))
        .collect();
    let args: Vec<&str> = listed.iter().flat_map(|one| ["--address", one]).collect();
    drop(Network::new(&place, &args));
    let start = |at: usize| {
        let data = folder(at);
        let command = machines.command(&place, MACHINES[at], &["node", "--json", "--data", &data]);
        place.started(command, &data)
    };
    let _nodes: Vec<Running> = (0..VALIDATORS).map(start).collect();
    let client = |key, machine| {
        let (machines, place) = (&machines, &place);
        let client = Client {
            machines,
            place,
            key,
            machine,
        };
        client.begin();
        client
    };
    let (alice, bob) = (client("alice", "a"), client("bob", "d"));
    let carol = client("carol", "c");
    agreed(&machines, &place, 0);
    let before = to_its_end(&alice, "before-1.key", alice.claim("before-1.key"));
    let before = before.ok().json();

    machines.ip("left", &["link", "set", "over", "down"]);
    // Both halves want one name, and one half another.
    let [by_alice, by_bob] = [alice.claim("contest1.key"), bob.claim("contest1.key")];
    let alone = carol.claim("by-carol.key");
    let highest = stopped(&machines, &place);
    for name in ["contest1.key", "by-carol.key"] {
        let nobody = vec![None; VALIDATORS];
        assert_eq!(holders(&machines, &place, name), nobody, "{name}");
    }

    machines.ip("left", &["link", "set", "over", "up"]);
    let alices = to_its_end(&alice, "contest1.key", by_alice);
    let winner = winner(alices, to_its_end(&bob, "contest1.key", by_bob));
    let carols = to_its_end(&carol, "by-carol.key", alone).ok().json();
    agreed(&machines, &place, highest);
    for (name, held) in [
        ("before-1.key", &before),
        ("contest1.key", &winner),
        ("by-carol.key", &carols),
    ] {
        let one = Some(text(&held["owner"]).to_owned());
        let all = vec![one; VALIDATORS];
        assert_eq!(holders(&machines, &place, name), all, "{name}");
    }
}
