//! A process that is killed while it writes blocks has lost none that it said was final, and has no half of any.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dotkey_proto::ledger::Action;

use super::chain::{Node, open};
use super::network::Network;
use super::world::Person;

const ROUNDS: u64 = 50;

/// The longest that a child lives after its first block.
const LIFE_MS_MAX: u64 = 60;

/// Says to a child where its ledger is; without it the child's test does nothing.
const FOLDER: &str = "DOTKEY_TEST_LEDGER";

#[test]
fn nothing_final_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    // Digests of headers by height.
    let mut acknowledged = BTreeMap::new();
    for round in 0..ROUNDS {
        let life = Duration::from_millis((round * 37) % LIFE_MS_MAX);
        run_and_kill(folder.path(), life, &mut acknowledged);
        let chain = open(folder.path(), &Network::new(1));
        let chain = chain.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let tip = chain.tip().height;
        for (height, digest) in &acknowledged {
            assert!(*height <= tip, "round {round}: block {height} is lost");
            let header = chain
                .header(*height)
                .expect("it reads")
                .expect("it is there");
            assert_eq!(
                format!("{:02x?}", header.digest()),
                *digest,
                "round {round}"
            );
            let body = chain.body(*height).expect("it reads").expect("it is there");
            assert_eq!(body.digest(), header.transactions);
        }
        chain
            .audit(usize::MAX)
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
    }
    assert!(
        acknowledged.len() as u64 > ROUNDS,
        "children live too briefly"
    );
}

fn run_and_kill(folder: &Path, life: Duration, acknowledged: &mut BTreeMap<u64, String>) {
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child
        .args(["--exact", "crash::child", "--nocapture"])
        .env(FOLDER, folder);
    let mut child = child.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut read: Vec<String> = Vec::new();
    let first = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.starts_with("ack "));
    read.extend(first);
    std::thread::sleep(life);
    child.kill().expect("it is killed");
    child.wait().expect("it ends");
    read.extend(lines.map_while(Result::ok));
    for line in read {
        if let Some((height, digest)) = line
            .strip_prefix("ack ")
            .and_then(|line| line.strip_suffix(" ."))
            .and_then(|line| line.split_once(' '))
        {
            acknowledged.insert(height.parse().expect("a height"), digest.to_owned());
        }
    }
}

/// Writes blocks until it is killed.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let mut node = Node::new(Path::new(&folder));
    let alice = Person::new(1);
    let mut output = std::io::stdout();
    loop {
        let height = node.chain.tip().height;
        let sequence = height + 1;
        let checkpoint = node.transaction(&alice, Action::Checkpoint { sequence });
        // A day has room for 512; the rest are empty.
        let header = match height < 400 {
            true => node.block(&[checkpoint]),
            false => node.block(&[]),
        };
        let digest = format!("{:02x?}", header.digest());
        writeln!(output, "ack {} {digest} .", header.height).expect("somebody reads");
    }
}
