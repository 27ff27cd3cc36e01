//! A process that is killed while it writes has lost nothing that it acknowledged.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use dotkey_registry::dht::core::Written;
use dotkey_registry::dht::core::reconcile::{Prefix, Shelf};
use dotkey_registry::dht::message::Expected;
use dotkey_registry::dht::peer::Position;

use super::support::{FOLDER, check_whole, myself, now, open, record};

const ROUNDS: u64 = 200;

/// Places that are written, again and again.
const PLACES: u16 = 24;

/// The longest that a child lives; opening takes the first part of it.
const LIFE_MS_MAX: u64 = 90;

/// Sequence and digest in hexadecimal, by place.
type Acknowledged = BTreeMap<u16, (u64, String)>;

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut acknowledged = Acknowledged::new();
    let mut rounds_with_news = 0;
    for round in 0..ROUNDS {
        let before = acknowledged.clone();
        // Moments spread evenly, in no order: what is hit at one of them is found by one of the rounds.
        let life = Duration::from_millis((round * 37) % LIFE_MS_MAX);
        run_and_kill(folder.path(), life, &mut acknowledged);
        rounds_with_news += u64::from(acknowledged != before);
        check(folder.path(), &acknowledged, round);
    }
    assert!(
        rounds_with_news > ROUNDS / 4,
        "only {rounds_with_news} of {ROUNDS} rounds wrote anything: children live too briefly"
    );
}

fn run_and_kill(folder: &Path, life: Duration, acknowledged: &mut Acknowledged) {
    let mut writing = myself("crash::child", folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(writing.stdout.take().expect("piped")).lines();
    // Half of the lives are counted from the start, so that opening is hit too, half from the first write.
    let mut read = Vec::new();
    if life.as_millis().is_multiple_of(2) {
        read.extend(
            lines
                .by_ref()
                .map_while(Result::ok)
                .find(|line| is_ack(line)),
        );
    }
    sleep(life);
    writing.kill().expect("it is killed");
    writing.wait().expect("it ends");
    read.extend(lines.map_while(Result::ok));
    for line in read.iter().filter(|line| is_ack(line)) {
        let words: Vec<_> = line.split(' ').collect();
        // A line that was cut off says nothing.
        if let [_, place, sequence, digest, "."] = words[..] {
            let place = place.parse().expect("a place");
            let sequence = sequence.parse().expect("a sequence");
            acknowledged.insert(place, (sequence, digest.to_owned()));
        }
    }
}

fn is_ack(line: &str) -> bool {
    line.starts_with("ack ")
}

fn check(folder: &Path, acknowledged: &Acknowledged, round: u64) {
    let store = open(folder).unwrap_or_else(|error| panic!("round {round}: {error}"));
    for (place, (sequence, digest)) in acknowledged {
        let at = Position::of_record(&record(*place, 1));
        let held = store.get(&at).expect("it reads");
        let held = held.unwrap_or_else(|| panic!("round {round}: {place} is lost"));
        // A write that was not acknowledged may be there: newer, never older.
        let found = held.summary.sequence;
        assert!(
            found >= *sequence,
            "round {round}: {place} is back at {found}"
        );
        if found == *sequence {
            assert_eq!(&hex(&held.summary.digest), digest, "round {round}");
        }
    }
    check_whole(&store);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes batches of one to seven records until it is killed.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let store = open(Path::new(&folder)).expect("it opens after a kill");
    // Higher than any before it, acknowledged or not.
    let there = store.list(&Prefix::ALL, usize::MAX);
    let newest = there.iter().map(|(_, summary)| summary.sequence).max();
    let begin = newest.unwrap_or_default() + 1;
    let mut output = std::io::stdout();
    for turn in 0_u64.. {
        let sequence = begin + turn;
        let places = (0..turn % 7 + 1).map(|n| ((turn * 5 + n) % u64::from(PLACES)) as u16);
        let records: Vec<_> = places
            .map(|place| (place, record(place, sequence)))
            .collect();
        let batch = records
            .iter()
            .map(|(_, r)| (Box::new(r.clone()), Expected::Older));
        let written = store.write_all(batch.collect(), now());
        assert!(
            written.iter().all(|written| *written == Written::New),
            "{written:?}"
        );
        for (place, record) in records {
            let digest = hex(&record.digest());
            writeln!(output, "ack {place} {sequence} {digest} .").expect("somebody reads");
        }
    }
}
