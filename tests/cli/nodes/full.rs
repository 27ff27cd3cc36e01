//! A node whose disk is full: it refuses to write, goes on reading, says so everywhere, and recovers by itself.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::record::Claims;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;
use serde_json::Value;

use super::super::run;
use super::machines::is_root;
use super::{Place, Running, agent, eventually, get, text};

/// The disk's size: RocksDB sets files of a few MiB aside in advance.
const DISK: &str = "size=48m";

/// A ledger's journals and blocks besides.
const LEDGER_DISK: &str = "size=160m";

/// Records of this size use up what was set aside before.
const BODY_BYTES: u16 = 60_000;

/// More of them than fit into what was set aside.
const RECORDS_MAX: u16 = 1_000;

#[test]
fn a_full_disk_refuses_writes_and_reads_on() {
    if !is_root() {
        return;
    }
    let place = Place::with_alice();
    let name = place.name_of("alice");
    // This is about records.
    let node = on_a_disk_of_its_own(&place, DISK, &["--no-ledger"]);
    let disk = disk_of(&node);
    place.publish(&node, "alice");
    let kept = place.shown(&node, &name, &[]).expect("published");

    let filler = Filler::of(&disk);
    let records = (0..RECORDS_MAX).map(record);
    let taken = records.take_while(|(path, record)| put(&node, path, record) == 200);
    let acknowledged: Vec<_> = taken.collect();
    assert!(acknowledged.len() < usize::from(RECORDS_MAX), "it is full");
    let publish = ["zone", "publish", "my.toml", "--key", "alice", "--json"];
    let publish = || place.run(&[&publish[..], &["--node", node.api()]].concat());
    let refused = publish().fails(1, "0 of the 1 closest nodes").json();
    assert_eq!(refused["error"]["code"], "too-few-nodes");
    assert_eq!(refused["node_said"]["refused"][0]["reason"], "disk");
    for (member, says) in [("message", "refused by 1 (disk)"), ("next", "disks")] {
        assert!(text(&refused["error"][member]).contains(says), "{refused}");
    }

    // What was acknowledged is read, and only that.
    assert_eq!(
        place.shown(&node, &name, &["--fresh"]).as_ref(),
        Some(&kept)
    );
    for (path, record) in &acknowledged {
        let (status, body) = get(&node, path);
        assert!(status == 200 && body == *record, "{path} is lost: {status}");
    }
    let status = place.run(&["status", "--node", node.api()]).ok().stdout();
    assert!(status.contains("no space is left"), "{status}");
    let (code, health) = get(&node, "/v1/health");
    assert_eq!(code, 200, "it can be read from");
    let health = String::from_utf8(health).expect("text");
    assert!(
        health.contains("degraded") && health.contains("no space is left"),
        "{health}"
    );

    // What does not run does not start, and says why.
    let other = place.path("small/other").display().to_string();
    let mut start = Command::new("nsenter");
    start
        .arg(format!("--mount=/proc/{}/ns/mnt", node.child.id()))
        .arg(env!("CARGO_BIN_EXE_dotkey"))
        .args(["node", "--data", &other, "--ports", "auto"]);
    run(&mut start).fails(1, "no space is left for");

    drop(filler);
    let newest = eventually("it takes records again", || {
        let run = publish();
        (run.status() == 0).then(|| run.json())
    });
    assert_eq!(newest["stored"], 1, "{newest}");
    let status = place.status(&node);
    assert_eq!(status["warnings"], serde_json::json!([]), "{status}");
    let shown = place.shown(&node, &name, &["--fresh"]);
    assert!(shown.is_some_and(|shown| shown != kept));
}

#[test]
fn the_ledger_waits_for_space_and_goes_on_by_itself() {
    if !is_root() {
        return;
    }
    let place = Place::with_alice();
    let node = on_a_disk_of_its_own(&place, LEDGER_DISK, &[]);
    let disk = disk_of(&node);
    let genesis = fs::read(disk.join("network.toml")).expect("its network");
    place.write("network.toml", genesis);
    let with = |args: &[&str]| {
        let asked = ["--json", "--node", node.api(), "--genesis", "network.toml"];
        place.run(&[args, &asked].concat())
    };
    let before = with(&["name", "claim", "before-1.key"]).ok().json();
    let ledger = || place.status(&node)["ledger"].clone();

    let filler = Filler::of(&disk);
    let waiting = eventually("it waits for space", || {
        let ledger = ledger();
        assert_eq!(ledger["halted"], Value::Null, "{ledger}");
        ledger["waits"].is_string().then_some(ledger)
    });
    assert!(
        text(&waiting["waits"]).contains("no space is left"),
        "{waiting}"
    );
    assert_eq!(
        waiting["votes"], false,
        "it signs nothing that it cannot keep"
    );
    let (_, health) = get(&node, "/v1/health");
    let health = String::from_utf8(health).expect("text");
    assert!(
        health.contains("degraded") && health.contains("the ledger waits"),
        "{health}"
    );
    let words = place.run(&["status", "--node", node.api()]).ok().stdout();
    assert!(words.contains("waits for space"), "{words}");
    // What is final is still proved.
    let shown = with(&["name", "show", "before-1.key"]).ok().json();
    assert_eq!(shown["owner"], before["owner"]);

    drop(filler);
    let height = waiting["height"].as_u64().expect("a height");
    eventually("it goes on", || {
        let ledger = ledger();
        assert_eq!(ledger["halted"], Value::Null, "{ledger}");
        let further = ledger["height"].as_u64() > Some(height + 1);
        (further && ledger["waits"].is_null() && ledger["votes"] == true).then_some(())
    });
    with(&["name", "claim", "after-01.key"]).ok();
    for name in ["before-1.key", "after-01.key"] {
        let shown = with(&["name", "show", name]).ok().json();
        assert_eq!(shown["owner"], before["owner"]);
    }
}

/// Starts a node with its data folder on a small disk that nobody else sees: it goes with the process.
fn on_a_disk_of_its_own(place: &Place, size: &str, more: &[&str]) -> Running {
    fs::create_dir(place.path("small")).expect("made");
    let node = ["node", "--data", "small", "--ports", "auto", "--json"];
    let node = place.command(&[&node[..], more].concat());
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c"])
        .arg(format!(
            "mount -t tmpfs -o {size},mode=700 none small && exec \"$0\" \"$@\""
        ))
        .arg(node.get_program())
        .args(node.get_args())
        .current_dir(node.get_current_dir().expect("a place"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    place.started(command, "small")
}

/// That disk, as it is seen from here.
fn disk_of(node: &Running) -> PathBuf {
    let folder = fs::read_link(format!("/proc/{}/cwd", node.child.id())).expect("it runs");
    let root = format!("/proc/{}/root", node.child.id());
    Path::new(&root)
        .join(folder.strip_prefix("/").expect("it is absolute"))
        .join("small")
}

/// Where somebody's record is, and the record, which does not compress away.
fn record(seed: u16) -> (String, Vec<u8>) {
    let [high, low] = seed.to_be_bytes();
    let mut secret = [7; 32];
    secret[..2].copy_from_slice(&[high, low]);
    let secret = SecretKey::from_seed(&secret);
    let key = PublicKey::Ed25519(secret.public());
    let mut body = vec![0xa1, 0x00, 0x59];
    body.extend(BODY_BYTES.to_be_bytes());
    let mut state = u64::from(seed) + 1;
    body.extend((0..BODY_BYTES).map(|_| {
        // Knuth's generator: its high digits are as good as chance to a compressor.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    }));
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range");
    let claims = Claims {
        key_id: Policy::bare_key_id(key),
        sequence: 1,
        not_before: now.saturating_sub(600),
        expires: now.saturating_add(86_400),
        branch: None,
        chain: vec![Policy::bare(key).encode().expect("sound")],
        body,
    };
    let mut draft = claims.draft().expect("sound");
    draft.sign(&secret);
    (format!("/v1/records/{}", claims.key_id), draft.encode())
}

/// The status that the node's API answers to a record.
fn put(node: &Running, path: &str, record: &[u8]) -> u16 {
    let sent = agent()
        .put(format!("{}{path}", node.api()))
        .content_type("application/cbor")
        .send(record);
    sent.expect("it answers").status().as_u16()
}

/// Takes all the space there is, also what is freed later: a store deletes what it could not finish.
struct Filler {
    file: PathBuf,
    over: Arc<AtomicBool>,
    fills: Option<JoinHandle<()>>,
}

impl Filler {
    fn of(disk: &Path) -> Self {
        let file = disk.join("filler");
        let mut filled = File::create(&file).expect("made");
        fill(&mut filled);
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let fills = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                fill(&mut filled);
                thread::sleep(Duration::from_millis(1));
            }
        });
        let fills = Some(fills);
        Self { file, over, fills }
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let filled = self.fills.take().map(JoinHandle::join);
        let removed = fs::remove_file(&self.file);
        if !thread::panicking() {
            assert!(matches!(filled, Some(Ok(()))) && removed.is_ok());
        }
    }
}

/// Writes until nothing more fits.
fn fill(file: &mut File) {
    let piece = vec![1_u8; 1 << 20];
    let mut bytes = piece.len();
    while bytes > 0 {
        match file.write(&piece[..bytes]) {
            Ok(written) if written > 0 => {}
            _ => bytes /= 2,
        }
    }
}
