//! Damage on disk is found, named, and costs what is damaged.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use dotkey_proto::record::{Record, Verified};
use dotkey_registry::dht::core::Written;
use dotkey_registry::dht::message::Refusal;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::store::{Change, Column, RecordStore, StoreError, repair, restore};
use tempfile::TempDir;

use super::support::{check_whole, open, record, write};

/// Records that are in the columns' files, in each of three; and in the log only.
const IN_FILE: u16 = 80;
const IN_LOG: u16 = 100;
const ALL: u16 = 3 * IN_FILE + IN_LOG;

/// Records of one block of 4 KiB, with the neighbours that it may share with.
const IN_BLOCK_MAX: u16 = 12;

/// Records of one block of 32 KiB of the log: RocksDB cannot find the next one in a block that is broken.
const IN_LOG_BLOCK_MAX: u16 = 60;

struct Damaged {
    _holder: TempDir,
    folder: PathBuf,
    records: Vec<Verified<Record>>,
}

fn whole() -> Damaged {
    let holder = tempfile::tempdir().expect("a folder");
    let folder = holder.path().join("store");
    let records: Vec<_> = (0..ALL).map(|seed| record(seed, 1)).collect();
    let store = open(&folder).expect("a new store");
    for (number, record) in (1..).zip(&records) {
        assert_eq!(write(&store, record), Written::New);
        if number <= 3 * IN_FILE && number % IN_FILE == 0 {
            store.store().flush().expect("flushed");
        }
    }
    drop(store);
    Damaged {
        _holder: holder,
        folder,
        records,
    }
}

/// The files with a suffix or prefix, the largest first.
fn files(folder: &Path, like: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            let name = path.file_name().expect("a name").to_string_lossy();
            name.ends_with(like) || name.starts_with(like)
        })
        .collect();
    files.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).expect("a file").len()));
    files
}

fn flip_middle(path: &Path) {
    let mut bytes = fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("written");
}

fn halve(path: &Path) {
    let bytes = fs::read(path).expect("read");
    fs::write(path, &bytes[..bytes.len() / 2]).expect("written");
}

fn remove(path: &Path) {
    fs::remove_file(path).expect("removed");
}

/// Opens it and reads every record, each of which must be what was written.
fn read_all(folder: &Path, records: &[Verified<Record>]) -> Result<usize, StoreError> {
    let store = open(folder)?;
    let mut found = 0;
    for record in records {
        if let Some(held) = store.get(&Position::of_record(record))? {
            assert_eq!(
                held.bytes[..],
                *record.as_bytes(),
                "damage became an answer"
            );
            found += 1;
        }
    }
    Ok(found)
}

fn kept(store: &RecordStore, records: &[Verified<Record>]) -> u64 {
    let is_there = |record: &&Verified<Record>| {
        let held = store.get(&Position::of_record(record)).expect("it reads");
        held.is_some_and(|held| held.bytes[..] == *record.as_bytes())
    };
    records.iter().filter(is_there).count() as u64
}

/// Damages the largest file like `like`, and expects to be told, and to lose at most so many records.
fn check(what: &str, like: &str, damage: fn(&Path), lost_max: u16) {
    let damaged = whole();
    let file = files(&damaged.folder, like).remove(0);
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    damage(&file);
    let is = fs::read(&file).ok();

    let error = read_all(&damaged.folder, &damaged.records).expect_err(what);
    let text = error.to_string();
    println!("{what}: {text}");
    assert!(
        matches!(error, StoreError::Damaged { .. }),
        "{what}: {text}"
    );
    assert!(text.ends_with("run `dotkey node repair`"), "{what}: {text}");
    assert!(text.contains(&name), "{what}: {text}");

    let report = repair(&damaged.folder).expect(what);
    println!("{what}: {report:?}");
    let store = open(&damaged.folder).expect(what);
    check_whole(&store);
    let lost = u64::from(ALL) - report.kept;
    assert_eq!(kept(&store, &damaged.records), report.kept, "{what}");
    assert!(lost <= u64::from(lost_max), "{what}: {lost} are lost");
    assert!(report.dropped <= lost, "{what}: {report:?}");
    let expected = damaged.folder.with_file_name("store.damaged-1");
    assert_eq!(report.damaged.as_deref(), Some(&*expected), "{what}");
    assert_eq!(
        fs::read(expected.join(&name)).ok(),
        is,
        "{what}: it was changed"
    );
    assert!(report.files.contains(&name), "{what}: {report:?}");
    assert_eq!(report.log_damaged(), like == ".log", "{what}: {report:?}");
    assert!(!report.cells_lost, "{what}: there were none");
    // It takes records again, also those that it lost.
    for record in &damaged.records {
        assert!(matches!(
            write(&store, record),
            Written::New | Written::Known
        ));
    }
    assert_eq!(store.status().count, u64::from(ALL));
}

#[test]
fn a_damaged_table_costs_a_block() {
    check(
        "a flipped bit in a table",
        ".sst",
        flip_middle,
        IN_BLOCK_MAX,
    );
}

#[test]
fn damage_in_one_place_stops_no_reads_in_another() {
    let damaged = whole();
    flip_middle(&files(&damaged.folder, ".sst")[0]);
    let store = open(&damaged.folder).expect("its summaries are sound");
    let read = |record: &Verified<Record>| store.get(&Position::of_record(record));
    let (sound, broken): (Vec<_>, Vec<_>) = damaged
        .records
        .iter()
        .partition(|record| read(record).is_ok());
    assert!((1..=usize::from(IN_BLOCK_MAX)).contains(&broken.len()));
    assert!(
        sound
            .iter()
            .all(|record| matches!(read(record), Ok(Some(_))))
    );
    let trouble = store.trouble().expect("it says so");
    assert!(trouble.ends_with("run `dotkey node repair`"), "{trouble}");
    // When RocksDB meets the block as it rewrites tables, it writes no more, so as not to spread it.
    let written = write(&store, &record(ALL, 1));
    assert!(
        matches!(written, Written::New | Written::Refused(Refusal::Disk)),
        "{written:?}"
    );
    let still = store.trouble().expect("a write mends nothing");
    assert!(still.ends_with("run `dotkey node repair`"), "{still}");
    assert!(
        sound
            .iter()
            .all(|record| matches!(read(record), Ok(Some(_))))
    );
}

#[test]
fn a_lost_table_costs_its_records() {
    check("half a table", ".sst", halve, IN_FILE);
    check("no table", ".sst", remove, IN_FILE);
}

#[test]
fn a_damaged_log_costs_a_block_of_it() {
    check(
        "a flipped bit in the log",
        ".log",
        flip_middle,
        IN_LOG_BLOCK_MAX,
    );
}

#[test]
fn a_lost_manifest_costs_nothing() {
    check("a flipped bit in the manifest", "MANIFEST-", flip_middle, 0);
    check("no manifest", "MANIFEST-", remove, 0);
    check("a broken pointer", "CURRENT", halve, 0);
    check("no pointer", "CURRENT", remove, 0);
}

#[test]
fn repair_leaves_a_sound_store_as_it_is() {
    let sound = whole();
    let before = bytes_of(&sound.folder);
    for _ in 0..2 {
        let report = repair(&sound.folder).expect("examined");
        assert_eq!((report.kept, report.dropped), (u64::from(ALL), 0));
        assert!(report.files.is_empty(), "{report:?}");
        assert_eq!(report.damaged, None);
        assert_eq!(bytes_of(&sound.folder), before);
        let around = fs::read_dir(sound.folder.parent().expect("a holder"));
        assert_eq!(
            around.expect("listed").count(),
            1,
            "nothing is left beside it"
        );
    }
    check_whole(&open(&sound.folder).expect("it opens"));
}

/// The ledger cannot be made anew from the records: who repairs is told that parts of it may be gone.
#[test]
fn repair_says_that_other_cells_may_be_lost() {
    let damage = |column: Column| {
        let damaged = whole();
        let store = open(&damaged.folder).expect("it opens");
        let before = files(&damaged.folder, ".sst");
        let put = |key: u16, value: &[u8]| {
            let key = key.to_be_bytes();
            let key = &key[..];
            let put = store.store().write(&[Change::Put { column, key, value }]);
            put.expect("written");
        };
        (0..64).for_each(|key| put(key << 8, &[key as u8; 512]));
        store.store().flush().expect("flushed");
        drop(store);
        let mut tables = files(&damaged.folder, ".sst");
        tables.retain(|table| !before.contains(table));
        // The largest of the new ones: the summaries and expiries of what was in the log are shorter.
        let of_column = |table: &&PathBuf| {
            let bytes = fs::read(table).expect("read");
            bytes
                .windows(column.name().len())
                .any(|it| it == column.name().as_bytes())
        };
        let table = tables.iter().find(of_column).expect("its table");
        let mut bytes = fs::read(table).expect("read");
        bytes[20] ^= 0x10;
        fs::write(table, bytes).expect("written");
        let report = repair(&damaged.folder).expect("repaired");
        assert!(report.damaged.is_some(), "{report:?}");
        report
    };
    let report = damage(Column::Certificates);
    assert!(report.cells_lost && report.cells < 64, "{report:?}");
    assert_eq!(report.kept, u64::from(ALL), "the records are whole");
}

#[test]
fn damage_among_the_expiries_is_noticed_by_who_looks_for_the_expired() {
    let damaged = whole();
    let store = open(&damaged.folder).expect("it opens");
    store.store().flush().expect("flushed");
    drop(store);
    let name = Column::RecordExpiries.name().as_bytes();
    for table in files(&damaged.folder, ".sst") {
        let mut bytes = fs::read(&table).expect("read");
        if bytes.windows(name.len()).any(|it| it == name) {
            bytes[20] ^= 0x10;
            fs::write(&table, bytes).expect("written");
        }
    }
    let store = open(&damaged.folder).expect("its summaries are sound");
    assert_eq!(store.trouble(), None);
    let late = dotkey_proto::time::Timestamp::MAX;
    store.expire(late).expect_err("it does not read");
    let trouble = store.trouble().expect("it says so");
    assert!(trouble.ends_with("run `dotkey node repair`"), "{trouble}");
}

/// The files of a store by name, without those that say who had it.
fn bytes_of(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = files(folder, "");
    files.retain(|path| !path.ends_with("owner") && !path.ends_with("LOCK"));
    files.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("read");
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

/// A summary or an expiry that is lost without a broken block is damage too: nobody would find the record.
#[test]
fn a_store_whose_columns_disagree_is_not_sound() {
    for column in [Column::RecordSummaries, Column::RecordExpiries] {
        let damaged = whole();
        let store = open(&damaged.folder).expect("it opens");
        let mut lost = None;
        let scanned = store.store().scan(column, &[], |key, _| {
            lost = Some(key.to_vec());
            ControlFlow::Break(())
        });
        scanned.expect("it reads");
        let key = lost.expect("it is not empty");
        let gone = store.store().write(&[Change::Delete { column, key: &key }]);
        gone.expect("written");
        drop(store);
        let report = repair(&damaged.folder).expect("repaired");
        assert_eq!((report.kept, report.dropped), (u64::from(ALL), 0));
        assert!(report.damaged.is_some(), "{report:?}");
        check_whole(&open(&damaged.folder).expect("it opens"));
    }
}

#[test]
fn a_repair_that_was_cut_short_is_finished_or_begun_again() {
    let sound = whole();
    let ready = sound.folder.with_file_name("store.repaired");
    // After the damaged store was moved aside, before the new one took its place.
    fs::rename(&sound.folder, &ready).expect("renamed");
    let found = read_all(&sound.folder, &sound.records);
    assert_eq!(found.expect("it opens"), usize::from(ALL));
    assert!(!ready.exists());
    // Before the damaged one was moved aside.
    fs::create_dir(&ready).expect("made");
    fs::write(ready.join("half"), "a store").expect("written");
    let report = repair(&sound.folder).expect("repaired");
    assert_eq!(report.kept, u64::from(ALL));
    assert!(!ready.exists());
}

#[test]
fn a_held_store_or_none_is_not_repaired() {
    let sound = whole();
    let store = open(&sound.folder).expect("it opens");
    let error = repair(&sound.folder).expect_err("it is held");
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    drop(store);
    let nowhere = sound.folder.join("nowhere");
    let error = repair(&nowhere).expect_err("there is none");
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    assert!(!nowhere.exists());
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let sound = whole();
    let backup = sound.folder.with_file_name("backup");
    let store = open(&sound.folder).expect("it opens");
    store.backup(&backup).expect("written");
    let inside = store.backup(&sound.folder.join("backup"));
    assert!(
        matches!(inside, Err(StoreError::Inside { .. })),
        "{inside:?}"
    );
    drop(store);
    flip_middle(&files(&backup, ".sst")[0]);
    let target = sound.folder.with_file_name("restored");
    let error = restore(&backup, &target).expect_err("it is damaged");
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(!target.exists());
    // The store shares nothing with its backup.
    assert_eq!(
        read_all(&sound.folder, &sound.records).expect("sound"),
        usize::from(ALL)
    );
}

/// Wherever a bit turns: an error or all of it, never something else. Of the log's end a part may be missing without a word: it looks
/// like a write that was cut short.
#[test]
fn no_flipped_bit_becomes_an_answer() {
    let sound = whole();
    let mut state = 1_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut errors = 0;
    for like in [".sst", ".log", "MANIFEST-", "CURRENT"] {
        for round in 0..12 {
            let holder = tempfile::tempdir().expect("a folder");
            let names = files(&sound.folder, "");
            let file = {
                for path in &names {
                    fs::copy(path, holder.path().join(path.file_name().expect("a name")))
                        .expect("copied");
                }
                let candidates = files(holder.path(), like);
                let chosen = random(candidates.len() as u64) as usize;
                candidates[chosen].clone()
            };
            let mut bytes = fs::read(&file).expect("read");
            if bytes.is_empty() {
                continue;
            }
            let at = random(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << random(8);
            fs::write(&file, bytes).expect("written");
            match read_all(holder.path(), &sound.records) {
                Ok(found) => assert!(
                    found == usize::from(ALL) || like == ".log",
                    "{} bit {at}, round {round}: {found}",
                    file.display()
                ),
                Err(StoreError::Damaged { .. }) => errors += 1,
                Err(other) => panic!("{} byte {at}: {other}", file.display()),
            }
        }
    }
    assert!(errors >= 12, "only {errors} were noticed");
}
