//! A validator that is started a second time, from a folder that lacks what the first has signed: what the others keep of it, and what becomes of it.

use std::process::Command;
use std::time::{Duration, Instant};

use dotkey_proto::ledger::{Action, Bundle, Certificate, Header, SignedTransaction, commitment};
use serde_json::Value;

use super::validators::{Network, VALIDATORS, assert_agreed, folder, post};
use super::{Place, Running, eventually, get, text};

/// So few that an epoch ends within the test.
const EPOCH_BLOCKS: u64 = 24;

/// The one that runs twice.
const CULPRIT: usize = VALIDATORS - 1;

/// The folder of the culprit as `network init` made it: its keys and nothing of its votes, as when an operator restores a backup of the keys alone.
const KEYS_ALONE: &str = "NET/keys-alone";

/// How often its turn is awaited: a machine that is busy may be too late to stop the others, or it to propose.
const TURNS_MAX: usize = 20;

/// Longer than a validator comes up, catches up, and proposes; after it another turn is awaited.
const TURN: Duration = Duration::from_secs(25);

/// A block of the culprit's is on its way when nothing was final for so long: the heartbeat is half of it.
const SILENT_SECONDS: u64 = 6;

fn copy(place: &Place, from: &str, to: &str) {
    let (from, to) = (place.path(from), place.path(to));
    let copied = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp -a");
}

fn json(node: &Running, path: &str) -> Value {
    let (status, body) = get(node, path);
    assert_eq!(status, 200, "{path}");
    serde_json::from_slice(&body).expect("JSON")
}

/// The newest block that a node has a certificate of.
fn newest(node: &Running) -> Option<(Header, Certificate)> {
    let (status, body) = get(node, "/v1/names/mysite12.key");
    let bundle = (status == 200).then(|| Bundle::decode(&body).expect("its form is right"));
    bundle.map(|bundle| (bundle.proof.header, bundle.proof.certificate))
}

struct Twins<'a> {
    place: &'a Place,
    /// Everybody's identity, in the order of their turns.
    turns: Vec<String>,
    identity: String,
}

impl<'a> Twins<'a> {
    fn new(place: &'a Place, network: &Network<'_>) -> Self {
        let shown = place.json(&["network", "show", "--data", &folder(CULPRIT)]);
        let validators = network.genesis.validators.iter();
        let turns =
            validators.map(|one| data_encoding::HEXLOWER.encode(one.validator.identity.as_bytes()));
        let mut turns: Vec<String> = turns.collect();
        turns.sort();
        Self {
            place,
            turns,
            identity: text(&shown["own_identity"]).to_owned(),
        }
    }

    /// Whether the culprit proposes the block after this one, in the view after this one's.
    fn is_next(&self, (header, certificate): &(Header, Certificate)) -> bool {
        let turn = (header.epoch + certificate.view + 1) % self.turns.len() as u64;
        let in_one_epoch = (header.height + 2) % EPOCH_BLOCKS > 2;
        in_one_epoch && self.turns[turn as usize] == self.identity
    }

    /// Stops all but the culprit and one witness before the culprit proposes, so that its block stays without a quorum in a view that lasts; then ends it, and
    /// starts it with its keys alone: it proposes in that view as if it never had. Whether the witness saw both.
    fn contradicts_itself(
        &self,
        nodes: &mut Vec<Running>,
        turn: usize,
        work: &SignedTransaction,
    ) -> bool {
        let (witness, others) = nodes[..CULPRIT].split_first().expect("four");
        let before = eventually("its turn is next", || {
            newest(witness).filter(|block| self.is_next(block))
        });
        others.iter().for_each(|other| other.signal("-STOP"));
        eventually("nobody goes on, or somebody was faster", || {
            let ledger = &self.place.status(witness)["ledger"];
            let silent = ledger["age_seconds"].as_u64() >= Some(SILENT_SECONDS);
            (silent || newest(witness).as_ref() != Some(&before)).then_some(())
        });
        let stopped = newest(witness).as_ref() == Some(&before);
        if stopped {
            nodes.pop().expect("the culprit").kill();
            let twin = format!("NET/twin-{turn}");
            copy(self.place, KEYS_ALONE, &twin);
            let node = ["node", "--json", "--data", &twin];
            let twin = self.place.started(self.place.command(&node), &twin);
            nodes.push(twin);
        }
        let until = Instant::now() + TURN;
        while stopped && faults(&nodes[0]) == 0 && Instant::now() < until {
            // Taken when it has caught up, and then it does not wait for the heartbeat.
            post(&nodes[CULPRIT], work.as_bytes());
            std::thread::sleep(Duration::from_millis(100));
        }
        let others = &nodes[1..CULPRIT];
        others.iter().for_each(|other| other.signal("-CONT"));
        eventually("they go on", || {
            let (header, _) = newest(&nodes[0])?;
            (header.height > before.0.height).then_some(())
        });
        faults(&nodes[0]) > 0
    }

    /// Whether a node has the culprit among those that vote now.
    fn votes(&self, node: &Running) -> bool {
        let ledger = json(node, "/v1/ledger");
        let validators = ledger["validators"].as_array().expect("a list");
        let mut voting = validators.iter().filter(|one| one["voting"] == true);
        voting.any(|one| one["identity"] == self.identity.as_str())
    }
}

fn faults(node: &Running) -> u64 {
    json(node, "/v1/evidence")["total"]
        .as_u64()
        .expect("a number")
}

/// What the node that saw it says, everywhere where it does.
fn assert_told(twins: &Twins<'_>, witness: &Running) {
    // After a restart its engine reads what it kept a moment after it is ready.
    eventually("it has kept what it saw", || {
        (faults(witness) > 0).then_some(())
    });
    let evidence = json(witness, "/v1/evidence");
    assert_eq!(evidence["total"], 1, "{evidence}");
    let [one] = &evidence["evidence"].as_array().expect("a list")[..] else {
        panic!("{evidence}");
    };
    assert_eq!(text(&one["validator"]), twins.identity);
    assert!(text(&one["votes"]).len() > 200, "two signatures: {one}");
    let words = ["status", "--node", witness.api()];
    let words = twins.place.run(&words).ok().stdout();
    assert!(words.contains("1 validator signed two things"), "{words}");
    let (_, metrics) = get(witness, "/metrics");
    let metrics = String::from_utf8(metrics).expect("text");
    assert!(metrics.contains("dotkey_ledger_accused_validators 1"));
}

#[test]
fn a_validator_that_runs_twice_is_shown_by_its_votes_and_voted_out() {
    let place = Place::new();
    let epoch = EPOCH_BLOCKS.to_string();
    let more = ["--ports", "auto", "--epoch-blocks", &epoch];
    let mut network = Network::new(&place, &more);
    copy(&place, &folder(CULPRIT), KEYS_ALONE);
    let twins = Twins::new(&place, &network);
    let mut nodes = network.start_all();
    network.claim(&nodes[0], "mysite12");
    network.wait_for(&nodes, "mysite12");
    assert!(nodes.iter().all(|node| faults(node) == 0));

    let shown = (0..TURNS_MAX).any(|turn| {
        let commitment = commitment("never-claimed", network.key_id(), &[turn as u8; 16]);
        let work = network.sign(&nodes[0], Action::Commit { commitment });
        twins.contradicts_itself(&mut nodes, turn, &work)
    });
    assert!(shown, "nobody saw it in {TURNS_MAX} turns");
    assert_told(&twins, &nodes[0]);

    let twin = nodes.pop().expect("the culprit");
    for node in &nodes {
        eventually("the ledger keeps it out", || {
            let ledger = json(node, "/v1/ledger");
            let barred = ledger["barred"].as_array().expect("a list");
            (barred[..] == [twins.identity.as_str()]).then_some(())
        });
    }
    // Without it three of four are a quorum, and from the next epoch on they are all.
    let mut claimed = 0;
    while twins.votes(&nodes[1]) {
        assert!(claimed < EPOCH_BLOCKS, "an epoch has ended by then");
        network.claim(&nodes[1], &format!("without-{claimed:04}"));
        claimed += 1;
    }
    twin.kill();
    nodes.remove(0).kill();
    nodes.insert(0, network.start_with(0, &[]));
    assert_told(&twins, &nodes[0]);
    network.claim(&nodes[2], "with-three");
    network.wait_for(&nodes, "with-three");
    assert_agreed(&nodes);
}
