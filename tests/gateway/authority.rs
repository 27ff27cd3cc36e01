//! `dotkey trust`: the authority goes into real stores, is found there, and is taken out again, and nothing else is.

use std::process::Command;

use serde_json::Value;

use crate::cli::nodes::machines::is_root;
use crate::cli::{Place, run};

const FIREFOX: &str = "home/.mozilla/firefox/a.default";
const CHROMIUM: &str = "home/.pki/nssdb";

/// The browsers' stores: the system's belongs to the machine that the tests run on.
const BROWSERS: [&str; 4] = ["--store", "chromium", "--store", "firefox"];

impl Place {
    fn trust(&self, verb: &str, data: &str, more: &[&str]) -> Command {
        let mut command = self.command(&["trust", verb, "--data", data]);
        let path = std::env::var_os("PATH").expect("a path");
        command.args(more).env("PATH", path);
        command
    }

    fn trust_json(&self, verb: &str, data: &str, more: &[&str]) -> Value {
        run(self.trust(verb, data, more).arg("--json")).ok().json()
    }
}

fn certutil(place: &Place, store: &str, arguments: &[&str]) -> String {
    let store = place.path(store);
    std::fs::create_dir_all(&store).expect("a folder");
    let mut certutil = Command::new("certutil");
    certutil
        .args(arguments)
        .args(["-d", &format!("sql:{}", store.display())]);
    let output = certutil.output().expect("certutil runs (see .ci/setup)");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn outcomes(told: &Value) -> Vec<String> {
    let stores = told["stores"].as_array().expect("a list");
    let word = |store: &Value, key: &str| store[key].as_str().unwrap_or_default().to_owned();
    let shown = |store: &Value| format!("{} {}", word(store, "store"), word(store, "outcome"));
    stores.iter().map(shown).collect()
}

fn trusted(told: &Value) -> Vec<Option<bool>> {
    let stores = told["stores"].as_array().expect("a list");
    stores
        .iter()
        .map(|store| store["trusted"].as_bool())
        .collect()
}

fn name(told: &Value) -> String {
    let fingerprint = told["authority"]["sha256"].as_str().expect("a fingerprint");
    format!("dotkey {}", &fingerprint[..16])
}

#[test]
fn browsers_are_made_to_trust_it_and_to_forget_it() {
    let place = Place::new();
    certutil(&place, FIREFOX, &["-N", "--empty-password"]);
    let installed = place.trust_json("install", "data", &BROWSERS);
    assert_eq!(
        outcomes(&installed),
        ["chromium installed", "firefox installed"]
    );
    for store in [CHROMIUM, FIREFOX] {
        let listed = certutil(&place, store, &["-L"]);
        let line = listed
            .lines()
            .find(|line| line.starts_with(&name(&installed)));
        assert!(
            line.is_some_and(|line| line.trim_end().ends_with(" C,,")),
            "{listed}"
        );
        // The certificate that was said, and no key of it.
        let shown = certutil(&place, store, &["-L", "-a", "-n", &name(&installed)]);
        let pem = installed["authority"]["pem"].as_str().expect("text");
        assert_eq!(shown.replace('\r', ""), pem);
    }
    let again = place.trust_json("install", "data", &BROWSERS);
    assert_eq!(
        outcomes(&again),
        ["chromium already-installed", "firefox already-installed"]
    );
    assert_eq!(name(&again), name(&installed));
    assert_eq!(
        trusted(&place.trust_json("show", "data", &BROWSERS)),
        [Some(true), Some(true)]
    );
    let removed = place.trust_json("uninstall", "data", &BROWSERS);
    assert_eq!(outcomes(&removed), ["chromium removed", "firefox removed"]);
    let again = place.trust_json("uninstall", "data", &BROWSERS);
    assert_eq!(
        outcomes(&again),
        ["chromium not-there", "firefox not-there"]
    );
    assert_eq!(
        trusted(&place.trust_json("show", "data", &BROWSERS)),
        [Some(false), Some(false)]
    );
    assert!(!certutil(&place, FIREFOX, &["-L"]).contains("dotkey"));
}

#[test]
fn two_installations_leave_each_others_alone() {
    let place = Place::new();
    let chromium = ["--store", "chromium"];
    let one = place.trust_json("install", "one", &chromium);
    let two = place.trust_json("install", "two", &chromium);
    assert_ne!(name(&one), name(&two));
    place.trust_json("uninstall", "one", &chromium);
    assert_eq!(
        trusted(&place.trust_json("show", "one", &chromium)),
        [Some(false)]
    );
    assert_eq!(
        trusted(&place.trust_json("show", "two", &chromium)),
        [Some(true)]
    );
    // Another's certificate under our name is not taken out.
    let pem = one["authority"]["pem"].as_str().expect("text");
    place.write("one.pem", pem);
    certutil(&place, CHROMIUM, &["-D", "-n", &name(&two)]);
    let file = place.path("one.pem").display().to_string();
    let add = ["-A", "-a", "-t", "C,,", "-n", &name(&two), "-i", &file];
    certutil(&place, CHROMIUM, &add);
    let removed = place.trust_json("uninstall", "two", &chromium);
    assert_eq!(outcomes(&removed), ["chromium not-there"]);
    assert!(certutil(&place, CHROMIUM, &["-L"]).contains(&name(&two)));
}

#[test]
fn a_profile_with_a_password_keeps_none_of_the_others_back() {
    let place = Place::new();
    certutil(&place, FIREFOX, &["-N", "--empty-password"]);
    place.write("password", "hunter22\n");
    let locked = "home/.mozilla/firefox/b.locked";
    let password = place.path("password").display().to_string();
    certutil(&place, locked, &["-N", "-f", &password]);
    let run = run(place
        .trust("install", "data", &["--store", "firefox"])
        .arg("--json"));
    let told = run.fails(1, "password").json();
    assert_eq!(outcomes(&told), ["firefox installed", "firefox failed"]);
    assert_eq!(told["error"]["code"], "not-installed");
    assert!(
        !certutil(&place, locked, &["-L"]).contains("dotkey"),
        "nothing is left of it"
    );
}

#[test]
fn what_is_missing_is_said_with_the_next_step() {
    let place = Place::new();
    for verb in ["show", "uninstall"] {
        let ran = run(&mut place.trust(verb, "data", &[]));
        ran.fails(3, "has no authority");
    }
    assert!(
        !place.path("data").exists(),
        "nothing is made for being looked at"
    );
    let ran = run(&mut place.trust("install", "data", &["--store", "firefox"]));
    ran.fails(1, "start Firefox once");
    let mut alone = place.trust("install", "data", &["--store", "chromium"]);
    let ran = run(alone.env("PATH", place.path("nowhere")));
    ran.fails(1, "libnss3-tools");
    let shown = place.trust_json("show", "data", &["--store", "chromium"]);
    let authority = &shown["authority"];
    assert_eq!(authority["permitted"][0], "DNS:key");
    assert_eq!(
        (&authority["critical"], &authority["path_length"]),
        (&true.into(), &1.into())
    );
    place.write("data/gateway-authority.pem", "half");
    let ran = run(&mut place.trust("install", "data", &[]));
    ran.fails(1, "not a whole authority");
    assert_eq!(place.read("data/gateway-authority.pem"), b"half");
}

/// The system's store as this namespace sees it, which goes away with it.
const IN_A_NAMESPACE: &str = r#"
set -e
mount -t tmpfs none /usr/local/share/ca-certificates
cp -a /etc/ssl/certs "$HOME-certs"
mount --bind "$HOME-certs" /etc/ssl/certs
bundle=/etc/ssl/certs/ca-certificates.crt
holds() { openssl crl2pkcs7 -nocrl -certfile $bundle | openssl pkcs7 -print_certs -noout | grep -q 'dotkey authority'; }
! holds
"$@" trust install --store system --json >"$HOME-installed"
holds
"$@" trust install --store system --json >"$HOME-again"
"$@" trust show --store system --json >"$HOME-shown"
"$@" trust uninstall --store system --json >"$HOME-removed"
! holds
! ls /etc/ssl/certs /usr/local/share/ca-certificates | grep dotkey
"#;

#[test]
fn the_system_is_made_to_trust_it_by_root() {
    let place = Place::new();
    place.write("script", IN_A_NAMESPACE);
    std::fs::create_dir(place.path("home")).expect("a folder");
    if !is_root() {
        let ran = run(&mut place.trust("install", "data", &["--store", "system"]));
        ran.fails(1, "sudo dotkey trust install --store system");
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "bash"]).arg(place.path("script"));
    unshare.arg(env!("CARGO_BIN_EXE_dotkey"));
    unshare
        .env("HOME", place.path("home"))
        .env("DOTKEY_DATA", place.path("data"));
    let output = unshare.output().expect("unshare runs (see .ci/setup)");
    let said = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&said)
    );
    let told =
        |name: &str| -> Value { serde_json::from_slice(&place.read(name)).expect("one object") };
    assert_eq!(outcomes(&told("home-installed")), ["system installed"]);
    assert_eq!(outcomes(&told("home-again")), ["system already-installed"]);
    assert_eq!(trusted(&told("home-shown")), [Some(true)]);
    assert_eq!(outcomes(&told("home-removed")), ["system removed"]);
}
