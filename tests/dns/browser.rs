//! A browser that reaches a page by a `.key` name, which it asks for over HTTPS.

use std::process::Stdio;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::Ends;
use super::desk::Desk;
use crate::cli::nodes::eventually;

/// Looks for nothing by itself, and takes plain HTTP for a page.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,HttpsFirstBalancedMode,LocalNetworkAccessChecks",
    "--virtual-time-budget=20000",
];

const PAGE: &str = "<!doctype html><title>a page</title><p id=said>a page of one's own</p>";

/// What the browser shows of the page, when it asks as `template` says.
fn shown(desk: &Desk, template: &str, pin: &str, port: u16) -> String {
    let profile = desk.place.path("profile");
    // It may be there from before, with what it kept.
    let _ = std::fs::remove_dir_all(&profile);
    std::fs::create_dir(&profile).expect("a folder");
    let state = serde_json::json!({
        "dns_over_https": {"mode": "secure", "templates": template},
    });
    desk.place.write("profile/Local State", state.to_string());
    let folder = format!("--user-data-dir={}", profile.display());
    let pin = format!("--ignore-certificate-errors-spki-list={pin}");
    let page = format!("http://page.{}:{port}/page.html", desk.name);
    let program = [
        &["chromium"][..],
        &FLAGS,
        &[&folder, &pin, "--dump-dom", &page],
    ]
    .concat();
    let output = desk.command(&program).env("HOME", &profile).output();
    let output = output.expect("chromium runs (see .ci/setup)");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{errors}");
    said
}

#[test]
fn chromium_reaches_a_page_by_get_and_by_post() {
    let Some(desk) = Desk::new() else {
        return;
    };
    desk.place.write("page.html", PAGE);
    let port = 8080;
    let mut serving = desk.command(&[
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        &port.to_string(),
    ]);
    let serving = serving.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _serving = Ends(serving.expect("python3 runs"));
    eventually("the page is served", || {
        let got = desk.shell(&["curl", "-sS", &format!("http://127.0.0.1:{port}/page.html")]);
        (got.stdout == PAGE.as_bytes()).then_some(())
    });
    let doh = desk.listener("doh");
    // By the address there is nothing to look up, and by its pin the certificate that the machine made is believed.
    let pin = BASE64.encode(&Sha256::digest(public_key(&desk)));
    for template in [format!("{doh}{{?dns}}"), doh.to_owned()] {
        let said = shown(&desk, &template, &pin, port);
        assert!(said.contains("a page of one's own"), "{template}: {said}");
    }
    // With another server for names it finds none: it was ours that it asked.
    let nobody = shown(&desk, "https://127.0.0.1:9/dns-query", &pin, port);
    assert!(!nobody.contains("a page of one's own"), "{nobody}");
}

/// The public key of the certificate that the resolver shows.
fn public_key(desk: &Desk) -> Vec<u8> {
    let key = desk.place.read("data/resolver-tls.key");
    let key = String::from_utf8(key).expect("text");
    let key = rcgen::KeyPair::from_pem(&key).expect("a key");
    key.public_key_der()
}
