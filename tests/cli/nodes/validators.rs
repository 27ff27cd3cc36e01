//! Four validators as processes: claims go on although some are killed, nothing final is lost, and who is cut in half stops rather than fork.

use std::path::Path;

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::{
    Action, Bundle, Freshness, Genesis, SignedTransaction, Subject, Transaction, VerifiedProof,
    commitment,
};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::stamp::{Beacon, Grid, Memory, Purpose, Puzzle};
use dotkey_proto::text::toml::parse_genesis;
use dotkey_proto::time::Timestamp;
use serde_json::Value;

use super::{Place, Running, agent, eventually, get, text};

pub(super) const VALIDATORS: usize = 4;

/// With so little work a stamp is found at once: the smallest grid, any solution.
const STAMP_BITS: &str = "8";
const STAMP_TERMS: (Grid, u64) = (Grid::Tiny, 1);

/// How often all are killed, where `DOTKEY_KILLS` says nothing else: each time takes several seconds.
const KILLS: u64 = 2;

/// A network of validators in one place, and somebody with one key who claims names.
pub(super) struct Network<'a> {
    place: &'a Place,
    pub(super) genesis: Genesis,
    memory: Memory,
    secret: SecretKey,
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

pub(super) fn folder(at: usize) -> String {
    format!("NET/validator-{}", at + 1)
}

impl<'a> Network<'a> {
    pub(super) fn new(place: &'a Place, more: &[&str]) -> Self {
        let init = [
            "network",
            "init",
            "--out",
            "NET",
            "--stamp-bits",
            STAMP_BITS,
        ];
        let count = VALIDATORS.to_string();
        let made = place.json(&[&init[..], &["--validators", &count], more].concat());
        assert_eq!(
            made["validators"].as_array().map(Vec::len),
            Some(VALIDATORS)
        );
        let file = String::from_utf8(place.read("NET/genesis.toml")).expect("text");
        Self {
            place,
            genesis: parse_genesis(&file, "genesis.toml").expect("a genesis"),
            memory: Memory::default(),
            secret: SecretKey::from_seed(&[9; 32]),
        }
    }

    fn start(&self, at: usize) -> Running {
        self.start_with(at, &[])
    }

    pub(super) fn start_with(&self, at: usize, more: &[&str]) -> Running {
        let data = folder(at);
        let args = [&["node", "--json", "--data", &data], more].concat();
        self.place.started(self.place.command(&args), &data)
    }

    /// With settings of its surroundings.
    pub(super) fn start_under(&self, at: usize, surroundings: &[(&str, &Path)]) -> Running {
        let data = folder(at);
        let mut command = self.place.command(&["node", "--json", "--data", &data]);
        command.envs(surroundings.iter().copied());
        self.place.started(command, &data)
    }

    pub(super) fn start_all(&self) -> Vec<Running> {
        (0..VALIDATORS).map(|at| self.start(at)).collect()
    }

    fn public(&self) -> PublicKey {
        PublicKey::Ed25519(self.secret.public())
    }

    pub(super) fn key_id(&self) -> KeyId {
        Policy::bare_key_id(self.public())
    }

    /// What a node proves, to somebody who knows the genesis alone. `None` while it cannot prove anything.
    fn proved(&self, node: &Running, subject: &Subject) -> Option<VerifiedProof> {
        let path = match subject {
            Subject::Name(label) => format!("/v1/names/{label}.key"),
            Subject::Identity(key_id) => format!("/v1/identities/{key_id}"),
        };
        let (status, body) = get(node, &path);
        if status == 503 {
            return None;
        }
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let bundle = Bundle::decode(&body).expect("its form is right");
        let freshness = Freshness {
            now: now(),
            age_secs_max: 3600,
        };
        let verified = bundle.verify(subject, &self.genesis, freshness);
        Some(verified.expect("it holds from the genesis on").proof)
    }

    pub(super) fn holder(&self, node: &Running, label: &str) -> Option<KeyId> {
        let subject = Subject::Name(label.to_owned());
        let proof = self.proved(node, &subject)?;
        proof.entry().map(|entry| entry.key_id)
    }

    fn stamp(&mut self, node: &Running, purpose: Purpose<'_>) -> Vec<u8> {
        let (_, body) = get(node, "/v1/ledger");
        let ledger: Value = serde_json::from_slice(&body).expect("JSON");
        let beacon = &ledger["costs"]["beacon"];
        let digest = data_encoding::HEXLOWER.decode(text(&beacon["digest"]).as_bytes());
        let beacon = Beacon {
            hour: beacon["hour"].as_u64().expect("an hour"),
            digest: digest.expect("digits").try_into().expect("32 bytes"),
        };
        let network = self.genesis.network();
        let puzzle = Puzzle::new(&network, self.key_id(), purpose, &beacon, STAMP_TERMS);
        let found = (0..).find_map(|nonce| puzzle.attempt(nonce, &mut self.memory));
        found.expect("some nonce has a stamp").encode()
    }

    pub(super) fn sign(&mut self, node: &Running, action: Action) -> SignedTransaction {
        let subject = Subject::Identity(self.key_id());
        let proof = eventually("it proves", || self.proved(node, &subject));
        let nonce = proof.account().map_or(0, |account| account.nonce);
        let opening = (nonce == 0).then(|| self.stamp(node, Purpose::Opening));
        let transaction = Transaction {
            network: self.genesis.network(),
            key_id: self.key_id(),
            nonce,
            chain: vec![Policy::bare(self.public()).encode().expect("sound")],
            action,
            opening,
        };
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&self.secret);
        SignedTransaction::decode(&draft.encode()).expect("sound")
    }

    /// Sends a transaction to a node, and waits until it is final there. False where another one of the same nonce was before it, as one that was on its way when all
    /// were killed may be.
    fn send(&self, node: &Running, transaction: &SignedTransaction) -> bool {
        let word = transaction.transaction().action.word();
        let answer = eventually(word, || {
            let (status, answer) = post(node, transaction.as_bytes());
            // This node may not have the block before yet.
            let over = status == 409 && answer["code"] == "replay";
            (status == 202 || status == 200 || over).then_some(answer)
        });
        if answer["code"] == "replay" {
            return false;
        }
        let path = format!("/v1/transactions/{}", text(&answer["id"]));
        eventually(word, || {
            let (_, body) = get(node, &path);
            let answer: Value = serde_json::from_slice(&body).expect("JSON");
            match text(&answer["state"]) {
                "final" => Some(true),
                "refused" => {
                    assert_eq!(answer["code"], "replay", "{answer}");
                    Some(false)
                }
                _ => None,
            }
        })
    }

    fn commit(&mut self, node: &Running, label: &str) {
        let commitment = commitment(label, self.key_id(), &[1; 16]);
        loop {
            let commit = self.sign(node, Action::Commit { commitment });
            if self.send(node, &commit) {
                return;
            }
        }
    }

    fn claiming(&mut self, node: &Running, label: &str) -> SignedTransaction {
        let stamp = self.stamp(node, Purpose::Claim(label));
        let claim = Action::Claim {
            label: label.to_owned(),
            salt: [1; 16],
            stamp,
        };
        self.sign(node, claim)
    }

    pub(super) fn claim(&mut self, node: &Running, label: &str) {
        self.commit(node, label);
        let claim = self.claiming(node, label);
        assert!(self.send(node, &claim), "nothing else is on its way");
    }

    pub(super) fn wait_for(&self, nodes: &[Running], label: &str) {
        for node in nodes {
            eventually("every validator proves the claim", || {
                (self.holder(node, label) == Some(self.key_id())).then_some(())
            });
        }
    }
}

pub(super) fn post(node: &Running, transaction: &[u8]) -> (u16, Value) {
    let sent = agent()
        .post(format!("{}/v1/transactions", node.api()))
        .content_type("application/cbor")
        .send(transaction);
    let mut answer = sent.expect("it answers");
    let status = answer.status().as_u16();
    let body = answer.body_mut().read_to_string().expect("text");
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// The blocks of a height are the same everywhere.
pub(super) fn assert_agreed(nodes: &[Running]) {
    let height = |node: &Running| {
        let (_, body) = get(node, "/v1/ledger");
        let ledger: Value = serde_json::from_slice(&body).expect("JSON");
        ledger["height"].as_u64().expect("a height")
    };
    let least = nodes.iter().map(height).min().expect("nodes");
    for height in 0..=least {
        let path = format!("/v1/blocks/{height}");
        // The header, which binds the transactions: of certificates there may be several that hold, or none of this block's own. It stands after the count of
        // parts, its number, and its length in a byte.
        let block = |node: &Running| {
            let (status, body) = get(node, &path);
            assert_eq!(status, 200, "block {height}");
            assert_eq!(body.get(1..3), Some(&[0x01, 0x58][..]), "block {height}");
            let end = 4 + usize::from(body[3]);
            body.get(4..end).expect("a header").to_vec()
        };
        let first = block(&nodes[0]);
        for node in nodes {
            assert_eq!(block(node), first, "block {height} of {}", node.data);
        }
    }
}

#[test]
fn claims_go_on_with_one_killed_and_it_comes_back_and_agrees() {
    let place = Place::new();
    let mut network = Network::new(&place, &["--ports", "auto"]);
    let mut nodes = network.start_all();
    network.claim(&nodes[0], "mysite12");
    network.wait_for(&nodes, "mysite12");
    let status = place.status(&nodes[0]);
    assert_eq!(
        (&status["ledger"]["votes"], &status["ledger"]["halted"]),
        (&true.into(), &Value::Null)
    );
    let shown = place
        .run(&["status", "--node", nodes[0].api()])
        .ok()
        .stdout();
    assert!(
        shown.contains("private") && shown.contains("votes"),
        "{shown}"
    );

    nodes.pop().expect("four").kill();
    network.claim(&nodes[1], "another1");
    network.wait_for(&nodes, "another1");
    // A claim that was not announced is refused before it costs a block, whoever holds its name.
    let claim = network.claiming(&nodes[2], "mysite12");
    let (status, refusal) = post(&nodes[2], claim.as_bytes());
    assert_eq!(
        (status, text(&refusal["code"])),
        (409, "not-announced"),
        "{refusal}"
    );

    nodes.push(network.start(3));
    network.wait_for(&nodes, "another1");
    assert_agreed(&nodes);
    for node in nodes {
        assert!(node.stop().success(), "it stops in order");
    }
}

#[test]
fn nothing_final_is_lost_when_all_are_killed() {
    let seed = std::env::var("DOTKEY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or(81);
    let kills = std::env::var("DOTKEY_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok());
    println!("DOTKEY_SEED={seed}");
    let place = Place::new();
    let mut network = Network::new(&place, &["--ports", "auto"]);
    let mut nodes = network.start_all();
    let mut random = seed;
    for round in 0..kills.unwrap_or(KILLS) {
        let label = format!("mysite-{round:04}");
        let at = usize::try_from(round).expect("few") % VALIDATORS;
        network.claim(&nodes[at], &label);
        // Something is on its way while they die.
        let commitment = commitment("underway", network.key_id(), &[round as u8; 16]);
        let commit = network.sign(&nodes[at], Action::Commit { commitment });
        post(&nodes[at], commit.as_bytes());
        while !nodes.is_empty() {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let next = usize::try_from(random >> 33).expect("31 bits") % nodes.len();
            nodes.swap_remove(next).kill();
        }
        nodes = network.start_all();
        for earlier in 0..=round {
            let label = format!("mysite-{earlier:04}");
            // What was final is there at once where it was said to be, and everywhere soon.
            network.wait_for(&nodes, &label);
        }
    }
    network.claim(&nodes[0], "mysite-last");
    network.wait_for(&nodes, "mysite-last");
    assert_agreed(&nodes);
}
