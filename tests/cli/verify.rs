//! Verification: every change of a record is noticed, and named.

use dotkey_proto::record::SignedRecord;
use dotkey_proto::time::Timestamp;

use super::{Place, text};

#[test]
fn every_changed_byte_is_noticed() {
    let place = Place::with_alice();
    place
        .run(&[
            "zone",
            "sign",
            "my.toml",
            "--key",
            "alice",
            "--seq",
            "7",
            "--not-before",
            "2026-11-01",
        ])
        .ok();
    let at = ["--now", "2026-11-02T00:00:00Z"];
    place
        .run(&[&["verify", "my.record"], &at[..]].concat())
        .ok();
    let record = place.read("my.record");
    let now = Timestamp::from_secs(1_793_577_600).expect("in range");
    SignedRecord::new(&record[..])
        .verify(now, None)
        .expect("the record holds");
    for position in 0..record.len() {
        for bit in 0..8 {
            let mut changed = record.clone();
            changed[position] ^= 1 << bit;
            let error = SignedRecord::new(changed)
                .verify(now, None)
                .expect_err("one bit is changed");
            assert!(!error.code().is_empty(), "byte {position}, bit {bit}");
        }
    }
    for position in (0..record.len()).step_by(record.len() / 20) {
        let mut changed = record.clone();
        changed[position] ^= 0x20;
        place.write("changed.record", changed);
        let run = place.run(&[&["verify", "changed.record", "--json"], &at[..]].concat());
        let run = run.fails(4, "not valid (");
        let json = run.json();
        assert_eq!(json["valid"], false, "byte {position}");
        let code = text(&json["error"]["code"]);
        assert!(
            run.stderr().contains(&format!("({code})")),
            "byte {position}: {}",
            run.stderr()
        );
    }
}

#[test]
fn records_hold_for_their_time_and_their_name() {
    let place = Place::with_alice();
    let sign = [
        "zone",
        "sign",
        "my.toml",
        "--key",
        "alice",
        "--not-before",
        "2026-01-01",
        "--days",
        "10",
    ];
    let signed = place.json(&sign);
    assert_eq!(signed["expires"], "2026-01-11T00:00:00Z");
    let at = |time: &str| place.run(&["verify", "my.record", "--now", time]);
    at("2025-12-31T23:59:59Z").fails(4, "not-yet-valid");
    at("2026-01-01").ok();
    at("2026-01-10T23:59:59Z").ok();
    at("2026-01-11").fails(4, "expired");
    let name = text(&signed["name"]);
    let of =
        |name: &str| place.run(&["verify", "my.record", "--now", "2026-01-02", "--name", name]);
    of(name).ok();
    of(&format!("www.{name}")).ok();
    of("mysite.key").fails(1, "ledger");
    of("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266.key").fails(4, "not of 0xf39f");
}

#[test]
fn a_zone_is_not_taken_for_its_record() {
    let place = Place::with_alice();
    let run = place.run(&["verify", "my.toml"]).fails(4, "wrong-tag");
    run.fails(4, "not a record; make one with");
}

#[test]
fn a_record_that_is_over_is_warned_of() {
    let place = Place::with_alice();
    let line = "zone sign my.toml --key alice --not-before 2020-01-01 --days 3";
    let signed = place.say_in("data", line).ok();
    assert!(
        signed.stderr().contains("which is over"),
        "{}",
        signed.stderr()
    );
}

#[test]
fn whatever_is_no_record_is_refused() {
    let place = Place::with_alice();
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    let record = place.read("my.record");
    let mut longer = record.clone();
    longer.push(0);
    let cases: [(&[u8], &str); 6] = [
        (b"", "truncated"),
        (b"hello", "wrong-tag"),
        (&record[..record.len() - 1], "truncated"),
        (&longer, "trailing-bytes"),
        (&[0xd8, 98, 0x9f], "indefinite-length"),
        (&[0xd8; 70_000], "too-large"),
    ];
    for (bytes, code) in cases {
        place.write("bad.record", bytes);
        // How much more is not known: no more than one byte too much is read.
        if code == "too-large" {
            let says = "more than 65536 bytes";
            place.run(&["verify", "bad.record"]).fails(4, says);
        }
        let json = place
            .run(&["verify", "bad.record", "--json"])
            .fails(4, code)
            .json();
        assert_eq!(json["error"]["code"], code);
    }
}
