//! The OpenAPI file and the server say the same: schemathesis sends what the file allows and what it does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::ledger::{Action, Transaction};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::stamp::{Memory, Purpose, Puzzle};
use dotkey_registry::ledger::Charter;
use tokio::process::Command;

use crate::beside::{Double, DoubleGateway, token};
use crate::client::Ask;
use crate::node::{Draft, World, key_id, path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
}

#[tokio::test]
async fn the_server_keeps_to_its_file() {
    let python = std::env::var_os("DOTKEY_PYTHON").map(PathBuf::from);
    let python = python.expect(
        "DOTKEY_PYTHON names no Python with tests/interop/requirements.txt installed; `make test` makes one and sets it",
    );
    let world = World::with_ledger(|config| {
        // A stream of events has to end for schemathesis to read it.
        config.limits.stream_life = Duration::from_millis(20);
        config.token = Some(token());
        config.resolver = Some(Arc::new(Double::default()));
        config.gateway = Some(Arc::new(DoubleGateway));
    });
    let world = world.await;
    let record = Draft::default().sign();
    let put = Ask::put(&path(&record), &record);
    assert_eq!(put.of(world.address()).await.status, 200);

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("example.record");
    std::fs::write(&file, &record).expect("written");
    let transaction = folder.path().join("example.transaction");
    std::fs::write(&transaction, commit(&world)).expect("written");
    let output = Command::new(python)
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(root().join("tests/interop/schemathesis.toml"))
        .arg("run")
        // A busy machine generates slowly, which is no fault of the server.
        .args(["--suppress-health-check", "all"])
        .arg(root().join("docs/openapi.yaml"))
        .args(["--url", &format!("http://{}", world.address())])
        .current_dir(folder.path())
        .env("DOTKEY_RECORD", file)
        .env("DOTKEY_TRANSACTION", transaction)
        .env(
            "SCHEMATHESIS_HOOKS",
            root().join("tests/interop/openapi_hooks.py"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .await
        .expect("the Python of DOTKEY_PYTHON starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");

    // It did reach the record, and did publish.
    let page = Ask::get("/metrics").of(world.address()).await.text();
    let record = "/v1/records/{key_id}";
    for (method, route, status) in [
        ("GET", record, 200),
        ("GET", record, 404),
        ("PUT", record, 200),
        ("PUT", record, 422),
        ("GET", "/v1/names/{name}", 200),
        ("GET", "/v1/identities/{key_id}", 200),
        ("GET", "/v1/ledger", 200),
        ("GET", "/v1/evidence", 200),
        ("GET", "/v1/genesis", 200),
        ("GET", "/v1/checkpoints/latest", 200),
        ("GET", "/v1/blocks/{height}", 200),
        ("GET", "/v1/blocks/{height}", 404),
        ("POST", "/v1/transactions", 202),
        ("POST", "/v1/transactions", 422),
        ("GET", "/v1/transactions/{id}", 200),
    ] {
        let line = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        assert!(page.contains(&line), "no {line} in {page}");
    }
}

/// The first transaction of somebody: an announcement, with a stamp.
fn commit(world: &World) -> Vec<u8> {
    let ledger = world.ledger.as_ref().expect("it follows one");
    let secret = SecretKey::from_seed(&[5; 32]);
    let key = PublicKey::Ed25519(secret.public());
    let key_id = Policy::bare_key_id(key);
    let price = Charter::of(ledger.genesis()).opening_price();
    let beacons = ledger.chain().expect("it runs").beacons().expect("sound");
    let (network, terms) = (ledger.genesis().network(), (price.grid, price.solutions));
    let beacon = beacons.newest().beacon;
    let puzzle = Puzzle::new(&network, key_id, Purpose::Opening, &beacon, terms);
    let mut memory = Memory::default();
    let stamp = (0..).find_map(|nonce| puzzle.attempt(nonce, &mut memory));
    let transaction = Transaction {
        network,
        key_id,
        nonce: 0,
        chain: vec![Policy::bare(key).encode().expect("sound")],
        action: Action::Commit {
            commitment: [7; 32],
        },
        opening: Some(stamp.expect("some nonce has one").encode()),
    };
    let mut draft = transaction.draft().expect("sound");
    draft.sign(&secret);
    draft.encode()
}

#[test]
fn the_example_is_the_one_that_is_tested() {
    let file = std::fs::read_to_string(root().join("docs/openapi.yaml")).expect("it is there");
    let key_id = key_id(&Draft::default().sign());
    assert!(file.contains(&format!("value: {key_id} }}")), "{key_id}");
}
