//! The OpenAPI file and the server say the same: schemathesis sends what the file allows and what it does not.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::client::Ask;
use crate::node::{Draft, Mood, World, key_id, path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
}

#[tokio::test]
async fn the_server_keeps_to_its_file() {
    let python = std::env::var_os("DOTKEY_PYTHON").map(PathBuf::from);
    let python = python.expect(
        "DOTKEY_PYTHON names no Python with tests/interop/requirements.txt installed; `make test` makes one and sets it",
    );
    let world = World::with(Mood::Honest, |config| {
        // A stream of events has to end for schemathesis to read it.
        config.limits.stream_life = Duration::from_millis(20);
    });
    let world = world.await;
    let record = Draft::default().sign();
    let put = Ask::put(&path(&record), &record);
    assert_eq!(put.of(world.address()).await.status, 200);

    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("example.record");
    std::fs::write(&file, &record).expect("written");
    let output = Command::new(python)
        .args(["-m", "schemathesis.cli", "--config-file"])
        .arg(root().join("tests/interop/schemathesis.toml"))
        .arg("run")
        // A busy machine generates slowly, which is no fault of the server.
        .args(["--suppress-health-check", "all"])
        .arg(root().join("docs/openapi.yaml"))
        .args(["--url", &format!("http://{}", world.address())])
        .current_dir(folder.path())
        .env("DOTKEY_RECORD", file)
        .env(
            "SCHEMATHESIS_HOOKS",
            root().join("tests/interop/openapi_hooks.py"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .await
        .expect("the Python of DOTKEY_PYTHON starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");

    // It did reach the record, and did publish.
    let page = Ask::get("/metrics").of(world.address()).await.text();
    for (method, status) in [("GET", 200), ("GET", 404), ("PUT", 200), ("PUT", 422)] {
        let line =
            format!("{{method=\"{method}\",route=\"/v1/records/{{key_id}}\",status=\"{status}\"}}");
        assert!(page.contains(&line), "no {line} in {page}");
    }
}

#[test]
fn the_example_is_the_one_that_is_tested() {
    let file = std::fs::read_to_string(root().join("docs/openapi.yaml")).expect("it is there");
    let key_id = key_id(&Draft::default().sign());
    assert!(file.contains(&format!("value: {key_id} }}")), "{key_id}");
}
