//! Stub resolvers as programs have them: glibc's, dnspython's, Node's.

use std::path::PathBuf;
use std::process::Command;

use super::desk::Desk;
use super::{World, run, text};

/// Asks by UDP, TCP and TLS, and validates with the key that it gets, whose digest is the anchor.
const DNSPYTHON: &str = r#"
import ssl, sys
import dns.dnssec, dns.message, dns.name, dns.query, dns.rdatatype, dns.resolver
name, port, dot, certificate, anchor = sys.argv[1:]
stub = dns.resolver.Resolver(configure=False)
stub.nameservers, stub.port, stub.lifetime = ["127.0.0.1"], int(port), 60
assert [a.address for a in stub.resolve(name, "A")] == ["192.0.2.1"]
assert stub.resolve("www." + name, "A").canonical_name == dns.name.from_text(name)
assert [a.address for a in stub.resolve(name, "A", tcp=True)] == ["192.0.2.1"]
for missing, error in (("nothing." + name, dns.resolver.NXDOMAIN), (name, dns.resolver.NoAnswer)):
    try:
        stub.resolve(missing, "AAAA")
    except error:
        continue
    raise AssertionError(missing)
trusted = ssl.create_default_context(cafile=certificate)
def ask(name, rdtype):
    query = dns.message.make_query(name, rdtype, want_dnssec=True, pad=128)
    return dns.query.tls(query, "127.0.0.1", 60, int(dot), ssl_context=trusted, server_hostname="127.0.0.1")
suffix = dns.name.from_text("key.")
keys = ask(suffix, "DNSKEY")
keyset = keys.find_rrset(keys.answer, suffix, dns.rdataclass.IN, dns.rdatatype.DNSKEY)
digests = {dns.dnssec.make_ds(suffix, key, "SHA256").to_text().lower() for key in keyset}
assert " ".join(anchor.lower().split()[-4:]) in digests, (anchor, digests)
checked = 0
for owner, rdtype in ((name, "A"), (name, "TXT"), ("x.wild." + name, "TXT")):
    said = ask(owner, rdtype)
    for rrset in said.answer:
        if rrset.rdtype != dns.rdatatype.RRSIG:
            signature = said.find_rrset(said.answer, rrset.name, rrset.rdclass, dns.rdatatype.RRSIG, rrset.rdtype)
            dns.dnssec.validate(rrset, signature, {suffix: keyset})
            checked += 1
assert checked == 3, checked
print("dnspython is content")
"#;

/// c-ares, as every program on Node has it.
const NODE: &str = r#"
const { Resolver } = require("node:dns").promises;
const assert = require("node:assert");
const [name, port] = process.argv.slice(1);
(async () => {
  const stub = new Resolver({ timeout: 20000, tries: 3 });
  stub.setServers([`127.0.0.1:${port}`]);
  assert.deepStrictEqual(await stub.resolve4(name), ["192.0.2.1"]);
  assert.deepStrictEqual(await stub.resolveCname(`www.${name}`), [name]);
  assert.deepStrictEqual(await stub.resolveTxt(`x.wild.${name}`), [["any"]]);
  assert.deepStrictEqual(await stub.resolve4(`app.${name}`), ["127.0.0.1"]);
  await assert.rejects(stub.resolve6(name), { code: "ENODATA" });
  await assert.rejects(stub.resolve4(`nothing.${name}`), { code: "ENOTFOUND" });
  console.log("node is content");
})();
"#;

#[test]
fn glibc_finds_names_by_resolv_conf() {
    let Some(desk) = Desk::new() else {
        return;
    };
    let name = desk.name.as_str();
    let check = |database: &str, name: &str, expected: Option<&str>| {
        let output = desk.shell(&["getent", database, name]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let found = said.split_whitespace().next();
        assert_eq!(found, expected, "{database} {name}: {said}");
        // 2: not found.
        let status = expected.map_or(2, |_| 0);
        assert_eq!(output.status.code(), Some(status), "{database} {name}");
    };
    check("hosts", name, Some("192.0.2.1"));
    check("ahosts", name, Some("192.0.2.1"));
    check("ahosts", &format!("www.{name}"), Some("192.0.2.1"));
    check("ahosts", &format!("app.{name}"), Some("127.0.0.1"));
    check("ahosts", &format!("six.{name}"), Some("2001:db8::6"));
    check("ahosts", &format!("nothing.{name}"), None);
    // Longer than a packet: glibc asks again over TCP.
    let many = desk.shell(&["getent", "ahosts", &format!("many.{name}")]);
    let many = String::from_utf8_lossy(&many.stdout).into_owned();
    let addresses = many.lines().filter(|line| line.contains("STREAM")).count();
    assert_eq!(addresses, super::desk::MANY, "{many}");
}

#[test]
fn dnspython_asks_and_validates() {
    let world = World::new();
    let python = std::env::var_os("DOTKEY_PYTHON").map(PathBuf::from);
    let python = python.expect(
        "DOTKEY_PYTHON names no Python with tests/interop/requirements.txt installed; `make test` makes one and sets it",
    );
    let anchor = world.place.json(&["resolver", "anchor"]);
    let output = Command::new(python)
        .args(["-c", DNSPYTHON, &world.name])
        .args([world.port("dns"), world.port("dot")])
        .arg(world.place.path("data/resolver.crt"))
        .arg(text(&anchor["ds"]))
        .output()
        .expect("the Python of DOTKEY_PYTHON starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "dnspython is content\n", "{errors}");
}

#[test]
fn node_asks() {
    let world = World::new();
    let said = run("node", &["-e", NODE, &world.name, &world.port("dns")]);
    assert_eq!(said, "node is content\n");
}
