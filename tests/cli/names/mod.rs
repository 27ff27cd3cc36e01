//! Names that are claimed, against nodes that run: what a claim survives, who gets a name, and what is believed of whom.

mod claims;
mod gone;
mod handed;
mod leases;
mod middle;
mod networks;
mod races;
mod resolved;
mod trust;
mod watched;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Bundle, Finding};
use dotkey_proto::name::{Name, Root, Suffix};
use serde_json::Value;

use super::nodes::{Running, get};
use super::{Place, Run, text};

/// What other data folders know the network of the node in `data` by.
const GENESIS: [&str; 2] = ["--genesis", "data/network.toml"];

impl Place {
    /// A node with a network of its own in `data`, and alice there.
    fn with_names() -> (Self, Running) {
        let place = Self::with_alice();
        let node = place.start("data", &[]);
        (place, node)
    }

    fn claim(&self, name: &str) -> Value {
        self.json(&["name", "claim", name, "--key", "alice"])
    }

    fn key_id(&self, key: &str) -> KeyId {
        let name = Name::parse(&self.name_of(key), &Suffix::KEY).expect("a name");
        match name.root() {
            Root::KeyId(key_id) => *key_id,
            other => panic!("{other:?}"),
        }
    }

    /// How many transactions an identity has made.
    fn transactions(&self, node: &Running, key: &str) -> u64 {
        let path = format!("/v1/identities/{}", self.key_id(key));
        let (status, body) = get(node, &path);
        assert_eq!(status, 200);
        let bundle = Bundle::decode(&body).expect("a bundle");
        match bundle.proof.finding {
            Finding::Held(account) => Account::decode(&account).expect("an account").nonce,
            _ => 0,
        }
    }
}

/// The code and the facts of a command that failed.
fn failed(run: Run, status: i32, code: &str) -> Value {
    let json = run.fails(status, "").json();
    assert_eq!(text(&json["error"]["code"]), code, "{json}");
    json
}
