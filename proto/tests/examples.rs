//! Every example zone is read, built, encoded, and written back without loss.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use dotkey_proto::dns::{Owner, RecordType, WireName};
use dotkey_proto::text::master;
use dotkey_proto::text::toml::{Document, parse, write};
use dotkey_proto::zone::{Outcome, Zone, ZoneBuilder};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../zones")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).expect(name)
}

fn load(name: &str) -> Document {
    parse(&read(name), name).unwrap_or_else(|error| panic!("{error}"))
}

const EXAMPLES: &[&str] = &[
    "api-three-providers.toml",
    "delegation.toml",
    "hello.toml",
    "imported.toml",
    "mail.toml",
    "organisation.toml",
    "sharded-database.toml",
    "static-site.toml",
    "wallet.toml",
];

#[test]
fn every_example_is_a_zone_and_comes_back() {
    for name in EXAMPLES {
        let document = load(name);
        let text = write(&document);
        let again = parse(&text, name).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, document, "{name}");
        let body = document.zone.encode();
        let decoded = Zone::decode(&body, document.branch.as_ref());
        assert_eq!(decoded.as_ref(), Ok(&document.zone), "{name}");
        assert_eq!(document.zone.encode(), body);
    }
}

#[test]
fn every_zone_file_of_the_folder_is_an_example() {
    let files = fs::read_dir(folder()).expect("the folder is part of the repository");
    let files = files.map(|file| {
        file.expect("readable")
            .file_name()
            .into_string()
            .expect("ASCII")
    });
    let zones = files.filter(|name| name.ends_with(".toml"));
    let zones: BTreeSet<String> = zones.collect();
    assert_eq!(zones, EXAMPLES.iter().map(ToString::to_string).collect());
}

#[test]
fn examples_name_nobody() {
    for name in EXAMPLES {
        let document = load(name);
        for rrset in document.zone.rrsets() {
            for rdata in rrset.rdata.iter() {
                match rrset.rtype {
                    RecordType::A => assert!(rdata.starts_with(&[192, 0, 2]), "{name}"),
                    RecordType::AAAA => assert!(rdata.starts_with(&[0x20, 1, 0xd, 0xb8]), "{name}"),
                    _ => {}
                }
            }
        }
    }
}

/// What importing the master file gives, as the program does it.
fn imported() -> Zone {
    let origin: WireName = "example.net.".parse().expect("valid");
    let options = master::Options {
        file_name: "imported.zone",
        origin: &origin,
        ttl_default: None,
    };
    let entries = master::parse(&read("imported.zone"), &options);
    let mut builder = ZoneBuilder::new();
    for entry in entries.unwrap_or_else(|error| panic!("{error}")) {
        builder.rrset(entry.owner, entry.rtype, entry.ttl, [entry.rdata]);
    }
    let absolute = builder
        .build(None)
        .unwrap_or_else(|error| panic!("{error}"));
    absolute
        .relativise(&origin)
        .expect("names only get shorter")
}

#[test]
fn the_imported_zone_is_what_importing_gives() {
    let found = load("imported.toml");
    let zone = imported();
    let document = Document {
        name: None,
        branch: None,
        zone,
    };
    assert_eq!(
        found.zone,
        document.zone,
        "it should be:\n{}",
        write(&document)
    );
}

#[test]
fn examples_answer_as_their_comments_say() {
    let ask = |file: &str, name: &str, rtype| {
        let document = load(file);
        let owner: Owner = name.parse().expect(name);
        let found = document.zone.resolve(owner.as_wire(), rtype);
        match found.outcome {
            Outcome::Answer { .. } => "answer",
            Outcome::Referral(delegation) if delegation.to.is_none() => "branch",
            Outcome::Referral(_) => "identity",
            Outcome::Cut(_) => "cut",
            Outcome::NoData { resources: [], .. } => "no data",
            Outcome::NoData { .. } => "resources",
            _ => "other",
        }
    };
    for (file, name, rtype, expected) in [
        ("hello.toml", "@", RecordType::TXT, "answer"),
        ("static-site.toml", "www", RecordType::A, "answer"),
        ("static-site.toml", "www", RecordType(0), "resources"),
        (
            "api-three-providers.toml",
            "api",
            RecordType::A,
            "resources",
        ),
        ("mail.toml", "@", RecordType::MX, "answer"),
        ("sharded-database.toml", "db", RecordType(0), "resources"),
        ("organisation.toml", "a.blog", RecordType::A, "branch"),
        ("organisation.toml", "anything", RecordType::MX, "answer"),
        ("organisation.toml", "anything", RecordType::A, "resources"),
        ("delegation.toml", "www.anna", RecordType::A, "identity"),
        ("delegation.toml", "garden", RecordType::A, "branch"),
        ("delegation.toml", "x.lab", RecordType::A, "cut"),
        ("delegation.toml", "www.old", RecordType::AAAA, "answer"),
        ("imported.toml", "www", RecordType::AAAA, "answer"),
        ("imported.toml", "a.dev", RecordType::A, "answer"),
    ] {
        assert_eq!(ask(file, name, rtype), expected, "{file} {name} {rtype}");
    }
}
