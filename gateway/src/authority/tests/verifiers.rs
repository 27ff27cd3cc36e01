//! What an authority may sign, by verifiers that are not ours: webpki, OpenSSL, and Python's `cryptography`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;

/// What a leaf is made for, besides `mysite.key`, and whether it may be.
fn leaves() -> Vec<(&'static str, Vec<SanType>, bool)> {
    let ascii = |text: &str| text.to_owned().try_into().expect("ASCII");
    let dns = |text: &str| SanType::DnsName(ascii(text));
    let address = |address: IpAddr| SanType::IpAddress(address);
    vec![
        ("nothing else", vec![], true),
        ("a name below", vec![dns("www.blog.mysite.key")], true),
        ("a foreign name", vec![dns("example.com")], false),
        ("a name that ends alike", vec![dns("monkey")], false),
        (
            "a name that begins alike",
            vec![dns("mysite.key.example.com")],
            false,
        ),
        (
            "an IPv4 address",
            vec![address(Ipv4Addr::LOCALHOST.into())],
            false,
        ),
        (
            "an IPv6 address",
            vec![address(Ipv6Addr::LOCALHOST.into())],
            false,
        ),
        (
            "an e-mail address",
            vec![SanType::Rfc822Name(ascii("alice@example.com"))],
            false,
        ),
        (
            "an e-mail address here",
            vec![SanType::Rfc822Name(ascii("alice@mysite.key"))],
            false,
        ),
        (
            "a URI",
            vec![SanType::URI(ascii("https://example.com/"))],
            false,
        ),
    ]
}

/// Writes what a verifier needs, and has `verify` say whether the leaf holds, with what was said.
fn check(verify: impl Fn(&World, &Path, &Leaf) -> (bool, String)) {
    let world = World::new();
    let place = world.folder.path();
    let write = |name: &str, der: &[u8]| {
        std::fs::write(place.join(name), pem("CERTIFICATE", der)).expect("written");
    };
    write("root.pem", world.authority.root());
    for (what, mut names, may) in leaves() {
        names.insert(
            0,
            SanType::DnsName("mysite.key".to_owned().try_into().expect("ASCII")),
        );
        let leaf = world
            .authority
            .sign_any("mysite.key", names, now())
            .expect("signed");
        write("leaf.pem", &leaf.certified.cert[0]);
        write("intermediate.pem", &leaf.certified.cert[1]);
        let (holds, said) = verify(&world, place, &leaf);
        assert_eq!(holds, may, "{what}: {said}");
    }
}

#[test]
fn webpki_accepts_names_under_the_suffix_only() {
    check(|world, _, leaf| {
        let (end, between) = leaf.certified.cert.split_first().expect("a chain");
        let name = ServerName::try_from("mysite.key").expect("a name");
        let verified =
            world
                .verifier()
                .verify_server_cert(end, between, &name, &[], UnixTime::now());
        let said = format!("{verified:?}");
        let constrained = said.contains("NameConstraintViolation");
        assert!(
            verified.is_ok() != constrained,
            "by its constraints or not at all: {said}"
        );
        (verified.is_ok(), said)
    });
}

#[test]
fn openssl_accepts_names_under_the_suffix_only() {
    check(|_, place, _| {
        let mut openssl = Command::new("openssl");
        openssl
            .current_dir(place)
            .args(["verify", "-purpose", "sslserver", "-x509_strict"]);
        openssl.args([
            "-CAfile",
            "root.pem",
            "-untrusted",
            "intermediate.pem",
            "leaf.pem",
        ]);
        let output = openssl.output().expect("openssl runs (see .ci/setup)");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let constrained = said.contains("subtree violation");
        assert!(
            output.status.success() != constrained,
            "by its constraints or not at all: {said}"
        );
        (output.status.success(), said)
    });
}

const PYTHON: &str = "
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
read = lambda name: x509.load_pem_x509_certificate(open(name, 'rb').read())
policy = PolicyBuilder().store(Store([read('root.pem')]))
try:
    policy.build_server_verifier(x509.DNSName('mysite.key')).verify(read('leaf.pem'), [read('intermediate.pem')])
    print('holds')
except VerificationError as error:
    print('refused:', error)
";

#[test]
fn python_accepts_names_under_the_suffix_only() {
    let python = std::env::var_os("DOTKEY_PYTHON").map(PathBuf::from);
    let python = python.filter(|python| python.exists()).expect(
        "DOTKEY_PYTHON names no Python with tests/interop/requirements.txt installed; `make test` makes one and sets it",
    );
    check(|_, place, _| {
        let output = Command::new(&python)
            .current_dir(place)
            .args(["-c", PYTHON])
            .output();
        let output = output.expect("the Python of DOTKEY_PYTHON starts");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            said.starts_with("holds") || said.starts_with("refused:"),
            "{said}"
        );
        (said.starts_with("holds"), said)
    });
}

#[test]
fn no_other_signs_in_the_authoritys_place() {
    let (ours, other) = (World::new(), World::new());
    let leaf = other
        .authority
        .leaf(&name("mysite.key"), now())
        .expect("signed");
    let (end, between) = leaf.certified.cert.split_first().expect("a chain");
    let server = ServerName::try_from("mysite.key").expect("a name");
    let verified = ours
        .verifier()
        .verify_server_cert(end, between, &server, &[], UnixTime::now());
    assert!(verified.is_err());
}

#[test]
fn it_says_what_it_may() {
    let world = World::new();
    for (described, below) in [
        (world.authority.described(), 1),
        (world.authority.intermediate(), 0),
    ] {
        assert_eq!(
            described.permitted,
            ["DNS:key", "email:invalid", "URI:invalid"]
        );
        assert_eq!(described.excluded, ["IP:0.0.0.0/0", "IP:::/0"]);
        assert_eq!(
            (described.critical, described.path_length),
            (true, Some(below))
        );
        assert!(
            described.subject.ends_with(" for .key"),
            "{}",
            described.subject
        );
    }
}
