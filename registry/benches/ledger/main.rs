//! The ledger by the number of its names: how fast a follower takes the state over, and what it takes on disk ([`follower`]); how long a block of claims
//! takes and how long a proof is, both of which should grow as the logarithm does ([`growth`]); and, at the largest size, how many proofs a second a node
//! serves ([`serving`]).
//!
//! It fails when a proof is longer than the protocol allows; times are only printed, for a busy machine would decide them.
//!
//! `DOTKEY_LEDGER_NAMES` gives the largest count: 1,000,000 when it is not set, 100,000 with `--quick`; 10,000,000 take some 2 GB of memory, and 8 of
//! disk where temporary files are. With `DOTKEY_LEDGER_PLOT` the growth is drawn into that file, and its table printed as the documentation has it.

mod follower;
mod growth;
mod plot;
mod serving;
mod source;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Entry, Genesis, Parameters, Terms};
use dotkey_proto::time::Timestamp;
use dotkey_registry::node::ledger::{ValidatorKey, near_parameters};

/// When the network began.
const BEGAN: u64 = 1_800_000_000;

/// The fewest names that are measured.
const FEWEST: u64 = 10_000;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

fn label(number: u64) -> String {
    format!("a-name-that-is-typical-{number}")
}

fn entry(number: u64) -> Entry {
    let claimed = time(BEGAN - number % (365 * 86_400));
    Entry {
        key_id: KeyId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes()),
        claimed,
        lease_ends: claimed.saturating_add(2 * 365 * 86_400),
        pin: None,
    }
}

/// A network whose stamps cost nearly nothing to make, and as much to verify as any.
fn found() -> Genesis {
    let secrets = tempfile::tempdir().expect("a folder");
    let key = ValidatorKey::make(secrets.path()).expect("secrets");
    let terms = Terms {
        name: "bench".to_owned(),
        began: time(BEGAN),
        validators: vec![key.candidate("")],
        parameters: Parameters {
            claims_per_day: 1 << 32,
            ..near_parameters(0)
        },
        reserved: Vec::new(),
    };
    Genesis::new(&terms).expect("sound")
}

fn main() {
    if serving::is_client() {
        return;
    }
    let most = std::env::var("DOTKEY_LEDGER_NAMES")
        .ok()
        .and_then(|most| most.parse().ok());
    let quick = std::env::args().any(|argument| argument == "--quick");
    let most = most.unwrap_or(if quick { 100_000 } else { 1_000_000 });
    let sizes = std::iter::successors(Some(FEWEST), |names| Some(names * 10));
    let mut rows: Vec<growth::Row> = Vec::new();
    for names in sizes.take_while(|names| *names <= most) {
        let folder = tempfile::tempdir().expect("a folder");
        let genesis = found();
        follower::measure(folder.path(), &genesis, names);
        if names * 10 > most {
            serving::measure(folder.path(), &genesis, names, quick);
        }
        let row = growth::measure(folder.path(), &genesis, names);
        row.print(rows.last());
        rows.push(row);
    }
    if let Some(path) = std::env::var_os("DOTKEY_LEDGER_PLOT") {
        print!("{}", plot::table(&rows));
        std::fs::write(&path, plot::svg(&rows)).expect("the file can be written");
    }
    let longest = rows.iter().map(growth::Row::longest).max();
    assert!(
        longest.is_none_or(|longest| longest <= dotkey_proto::limits::PROOF_BYTES_MAX),
        "a proof is longer than the protocol takes: see above"
    );
}
