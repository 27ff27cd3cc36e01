//! An operator's own certificates, read again when their files change.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

struct Files {
    folder: TempDir,
}

impl Files {
    fn write(&self, names: &[&str]) -> [String; 2] {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        let pems = [made.cert.pem(), made.key_pair.serialize_pem()];
        let [chain, key] = self.paths();
        fs::write(chain, &pems[0]).expect("written");
        fs::write(key, &pems[1]).expect("written");
        pems
    }

    fn paths(&self) -> [PathBuf; 2] {
        ["chain.pem", "key.pem"].map(|name| self.folder.path().join(name))
    }

    fn read(&self) -> Result<Operated, OperatedError> {
        let [chain, key] = self.paths();
        Operated::read(&[(chain, key)])
    }
}

fn files() -> Files {
    let folder = tempfile::tempdir().expect("a folder");
    Files { folder }
}

#[test]
fn each_is_shown_for_its_names() {
    let files = files();
    files.write(&["key.example.net", "*.Key.example.net"]);
    let operated = files.read().expect("sound");
    for (host, shown) in [
        ("key.example.net", true),
        ("mysite.key.example.net", true),
        ("www.mysite.key.example.net", false),
        (".key.example.net", true),
        ("mysite.key", false),
        ("example.net", false),
        ("", false),
    ] {
        assert_eq!(operated.of(host).is_some(), shown, "{host}");
    }
}

#[test]
fn what_changed_is_read_again_and_what_is_broken_is_not_shown() {
    let files = files();
    files.write(&["one.example"]);
    let operated = files.read().expect("sound");
    assert!(operated.refresh().is_empty());
    let refreshed = |operated: &Operated| {
        let changed = operated.refresh();
        let [(_, result)] = &changed[..] else {
            panic!("one pair changed: {changed:?}");
        };
        result.as_ref().map_err(ToString::to_string).copied()
    };
    let [chain, key] = files.paths();
    fs::write(&chain, "no certificate").expect("written");
    let error = refreshed(&operated).expect_err("broken");
    assert!(error.contains("chain.pem"), "{error}");
    assert!(
        operated.of("one.example").is_some(),
        "the one before is shown"
    );
    assert!(operated.refresh().is_empty(), "said once");
    files.write(&["another.example"]);
    refreshed(&operated).expect("sound");
    assert!(operated.of("another.example").is_some() && operated.of("one.example").is_none());
    fs::remove_file(&key).expect("there");
    let error = refreshed(&operated).expect_err("gone");
    assert!(error.contains("key.pem cannot be read"), "{error}");
    assert!(operated.of("another.example").is_some());
}

#[test]
fn what_cannot_be_shown_is_not_begun_with() {
    let files = files();
    let read = |files: &Files| files.read().expect_err("unusable").to_string();
    assert!(read(&files).contains("cannot be read"));
    let [_, key] = files.write(&["one.example"]);
    files.write(&["two.example"]);
    fs::write(&files.paths()[1], key).expect("written");
    assert!(read(&files).contains("with its key"), "{}", read(&files));
    files.write(&["127.0.0.1"]);
    assert!(read(&files).contains("names no host"));
}
