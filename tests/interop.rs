//! The second implementation, in `tests/interop/`, agrees: on its own tests, on every vector, and on what the program signs. An
//! independent libp2p takes part in the network.

mod libp2p;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cli::Place;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn python(arguments: &[&str], folder: &str) -> Output {
    let python = std::env::var_os("DOTKEY_PYTHON").map(PathBuf::from);
    let python = python.expect(
        "DOTKEY_PYTHON names no Python with tests/interop/requirements.txt installed; `make test` makes one and sets it",
    );
    Command::new(python)
        .args(arguments)
        .current_dir(root().join(folder))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("the Python of DOTKEY_PYTHON starts")
}

/// What the second implementation says of a record file: nothing, or the code of its refusal.
fn refusal(file: &Path) -> Option<String> {
    let file = file.to_str().expect("the test's names are UTF-8");
    let output = python(&["verify.py", "record", file], "tests/interop");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => None,
        Some(4) => {
            let code = text
                .strip_prefix("refused: ")
                .and_then(|rest| rest.split(':').next());
            Some(code.expect("a refusal has a code").to_owned())
        }
        other => panic!(
            "{other:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

fn assert_success(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

#[test]
fn its_own_tests_pass() {
    let output = python(
        &["-m", "unittest", "discover", "-s", "tests", "-t", "."],
        "tests/interop",
    );
    assert_success(&output);
    // unittest says how many tests it ran, on standard error.
    let summary = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        summary.contains("Ran ") && !summary.contains("Ran 0 tests"),
        "{summary}"
    );
}

#[test]
fn it_agrees_on_every_vector() {
    let output = python(&["verify.py", "vectors", "../vectors"], "tests/interop");
    let text = assert_success(&output);
    let last = text.lines().last().unwrap_or_default();
    let passed: u32 = last
        .split_once(" passed, 0 failed")
        .and_then(|(count, _)| count.parse().ok())
        .unwrap_or_else(|| panic!("no summary: {text}"));
    // The least that the vectors promise: 60 valid and 120 invalid.
    assert!(passed >= 180, "only {passed} vectors");
}

#[test]
fn it_agrees_on_what_the_program_signs() {
    let place = Place::with_alice();
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice", "--seq", "7"])
        .ok();
    place.run(&["verify", "my.record"]).ok();
    assert_eq!(refusal(&place.path("my.record")), None);
    let record = place.read("my.record");
    for position in (0..record.len()).step_by(record.len() / 16) {
        let mut changed = record.clone();
        changed[position] ^= 0x01;
        place.write("changed.record", changed);
        let ours = place
            .run(&["verify", "changed.record", "--json"])
            .fails(4, "not valid (")
            .json();
        let ours = ours["error"]["code"].as_str().map(str::to_owned);
        assert_eq!(
            refusal(&place.path("changed.record")),
            ours,
            "byte {position}"
        );
    }
}
