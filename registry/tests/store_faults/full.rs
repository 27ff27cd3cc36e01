//! A full disk, and a folder that somebody else has.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use dotkey_registry::dht::core::Written;
use dotkey_registry::dht::message::Refusal;
use dotkey_registry::dht::peer::Position;

use super::support::{FOLDER, check_whole, myself, open, record, write};

/// The file system's size: RocksDB sets files of a few MiB aside in advance.
const DISK: &str = "size=48m";

/// How long RocksDB may take to notice that there is space again; it looks every 5 seconds.
const RECOVERY_TRIES: u32 = 600;
const TRY_PAUSE: Duration = Duration::from_millis(100);

/// Where it is not, the test fails rather than pass unseen, unless `DOTKEY_WITHOUT_ROOT=1` says that this is known.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` runs");
    let root = id.stdout.trim_ascii() == b"0";
    let known = std::env::var_os("DOTKEY_WITHOUT_ROOT").is_some_and(|value| value == "1");
    assert!(
        root || known,
        "only root can mount a small file system: run this as root, or leave it out with DOTKEY_WITHOUT_ROOT=1"
    );
    root
}

#[test]
fn a_full_disk_refuses_writes_and_reads_on() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let inner = myself("full::child", folder.path());
    // A mount of its own, which goes with the process.
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c"])
        .arg(format!(
            "mount -t tmpfs -o {DISK} none \"${FOLDER}\" && exec \"$0\" \"$@\""
        ))
        .arg(inner.get_program())
        .args(inner.get_args())
        .env(FOLDER, folder.path())
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(text.contains("recovered after"), "{text}");
}

#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let store = open(&folder.join("store")).expect("it opens");
    let mut kept = Vec::new();
    for seed in 0..50 {
        let record = record(seed, 1);
        assert_eq!(write(&store, &record), Written::New);
        kept.push(record);
    }
    let filler = folder.join("filler");
    fill(&filler);
    let mut refused = Vec::new();
    for seed in 50.. {
        let record = record(seed, 1);
        match write(&store, &record) {
            Written::New => kept.push(record),
            Written::Refused(Refusal::Disk) => refused.push(record),
            other => panic!("{other:?}"),
        }
        if refused.len() == 10 {
            break;
        }
    }
    let trouble = store.trouble().expect("it says so");
    println!("{trouble}");
    assert!(trouble.starts_with("no space is left"), "{trouble}");
    check_whole(&store);
    assert_eq!(store.status().count, kept.len() as u64);

    fs::remove_file(&filler).expect("removed");
    let mut tries = 0;
    while write(&store, &refused[0]) != Written::New {
        tries += 1;
        assert!(
            tries < RECOVERY_TRIES,
            "it stays refused: {:?}",
            store.trouble()
        );
        sleep(TRY_PAUSE);
    }
    println!("recovered after {tries} tries");
    assert_eq!(store.trouble(), None);
    kept.push(refused[0].clone());
    check_whole(&store);
    drop(store);

    let store = open(&folder.join("store")).expect("it opens again");
    for record in &kept {
        let held = store.get(&Position::of_record(record)).expect("it reads");
        assert!(held.is_some(), "an acknowledged record is lost");
    }
    check_whole(&store);
}

/// Takes all the space there is.
fn fill(filler: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(filler).expect("made");
    let mut piece = vec![1_u8; 1 << 20];
    while !piece.is_empty() {
        if file.write_all(&piece).is_err() {
            piece.truncate(piece.len() / 2);
        }
    }
}

#[test]
fn a_second_process_is_told_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let _store = open(folder.path()).expect("it opens");
    let output = myself("full::second", folder.path())
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = format!("is in use by process {} (`", std::process::id());
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn second() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let error = open(Path::new(&folder)).err().expect("the first has it");
    println!("{error}");
}
