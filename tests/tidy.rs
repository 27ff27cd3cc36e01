//! The house rules, held by tests: which crate may see which, what pure cores may name, how long code may be, and that
//! documents point at what exists.
//!
//! Each rule is a pure checker in a file of its own, tested there on small bad inputs; the tests here run the checkers on the
//! repository. A checker returns every complaint, so that one run shows all there is to mend.

mod arrows;
mod cores;
mod docs;
mod ratchet;
mod words;

use std::fs;
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command prints; the rules have no other way to see the workspace.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{program} runs: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

/// Files of the repository, also those not committed yet, whose name ends in `suffix`: path from the root, and text.
/// Files that are not UTF-8 (vectors, fuzz seeds) are left out.
fn files(suffix: &str) -> Vec<(String, String)> {
    output(
        "git",
        &["ls-files", "--cached", "--others", "--exclude-standard"],
    )
    .lines()
    .filter(|path| path.ends_with(suffix))
    .filter_map(|path| Some((path.to_owned(), fs::read_to_string(root().join(path)).ok()?)))
    .collect()
}

fn none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn cargo(arguments: &[&str]) -> String {
    output(env!("CARGO"), arguments)
}

#[test]
fn crates_see_only_what_the_arrows_allow() {
    let metadata = cargo(&[
        "metadata",
        "--offline",
        "--locked",
        "--no-deps",
        "--format-version=1",
    ]);
    none(arrows::complaints(&arrows::packages(&metadata)));
}

#[test]
fn proto_stays_free_of_io_and_std() {
    let tree = cargo(&[
        "tree",
        "--offline",
        "--locked",
        "--package=dotkey-proto",
        "--no-default-features",
        "--edges=normal",
        "--prefix=none",
        "--format={p}|{f}",
    ]);
    none(cores::impure_dependencies(&tree));
}

/// An application that resolves names brings no store and no peers along, and without the servers nothing of DNS or TLS either.
#[test]
fn the_resolver_is_light_to_depend_on() {
    let check = |more: &[&str], banned: &[&str]| {
        let tree = [
            "tree",
            "--offline",
            "--locked",
            "--package=dotkey-resolver",
            "--edges=normal,build",
            "--prefix=none",
            "--format={p}",
        ];
        let tree = cargo(&[&tree[..], more].concat());
        let names: Vec<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(names.contains(&"dotkey-proto"), "{tree}");
        for name in banned {
            let found = names.iter().find(|found| found.starts_with(name));
            assert_eq!(found, None, "{more:?}");
        }
    };
    let heavy = ["rocksdb", "librocksdb", "libp2p", "commonware", "axum"];
    check(&[], &heavy);
    check(&["--no-default-features"], &heavy);
    check(
        &["--no-default-features"],
        &["hickory", "rustls", "quinn", "aws-lc", "ring"],
    );
}

/// What the compiler then holds; without these lines it would hold nothing.
#[test]
fn crates_keep_their_promises() {
    let read = |path: &str| {
        fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let proto = read("proto/src/lib.rs");
    assert!(proto.contains("\n#![no_std]\n"), "proto has a std");
    assert!(
        proto.contains("\n#![forbid(unsafe_code)]\n"),
        "proto may be unsafe"
    );
    for member in [
        ".",
        "proto",
        "registry",
        "resolver",
        "gateway",
        "simulations",
    ] {
        let manifest = read(&format!("{member}/Cargo.toml"));
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{member} leaves the workspace's lints"
        );
    }
    let engine: Vec<_> = files(".rs")
        .into_iter()
        .filter(|(path, text)| {
            path.contains("/src/")
                && !path.starts_with("registry/src/consensus/")
                && text.contains("commonware_")
        })
        .map(|(path, _)| path)
        .collect();
    assert!(
        engine.is_empty(),
        "the engine is named outside its folder: {engine:?}"
    );
}

#[test]
fn pure_cores_name_no_clock_socket_file_or_randomness() {
    for core in cores::PURE {
        assert!(root().join(core).exists(), "{core} is listed as pure");
    }
    let complaints = files(".rs")
        .iter()
        .filter(|(path, _)| cores::is_pure(path))
        .flat_map(|(path, text)| cores::complaints(path, text))
        .collect();
    none(complaints);
}

#[test]
fn files_and_functions_only_get_shorter() {
    let allowed =
        fs::read_to_string(root().join("tests/ratchet.toml")).expect("tests/ratchet.toml");
    let allowed = ratchet::Lengths::parse(&allowed);
    none(ratchet::complaints(
        &allowed,
        &ratchet::measure(&files(".rs")),
    ));
}

#[test]
fn links_in_documents_resolve() {
    let exists = |path: &Path| root().join(path).exists();
    let complaints = files(".md")
        .iter()
        .flat_map(|(path, text)| docs::dead_links(path, text, exists))
        .collect();
    none(complaints);
}

#[test]
fn folders_on_the_maps_exist() {
    let exists = |path: &Path| root().join(path).is_dir();
    for map in docs::MAPS {
        let text = fs::read_to_string(root().join(map)).unwrap_or_else(|e| panic!("{map}: {e}"));
        none(docs::missing_folders(map, &text, exists));
    }
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let complaints = files("")
        .iter()
        .filter(|(path, _)| !path.ends_with("Cargo.lock")) // Cargo writes its index's address there.
        .flat_map(|(path, text)| words::complaints(path, text))
        .collect();
    none(complaints);
}
