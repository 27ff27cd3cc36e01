//! Pure cores take time, randomness and input as arguments, so that a simulation replays them from a seed. This rule reads
//! the paths a core names (imports, calls, types, also inside macros), and what proto brings along.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Folders and files whose code is pure. A core that is written later is added here with its first file.
pub(super) const PURE: &[&str] = &[
    "cli/names/claim.rs",
    "cli/names/lease.rs",
    "proto/src/",
    "registry/src/consensus/timing.rs",
    "registry/src/dht/codec/",
    "registry/src/dht/core/",
    "registry/src/dht/crowding.rs",
    "registry/src/dht/driver/joining.rs",
    "registry/src/dht/message.rs",
    "registry/src/dht/peer.rs",
    "registry/src/follow/codec/",
    "registry/src/follow/core/",
    "registry/src/follow/message.rs",
    "registry/src/follow/shares.rs",
    "registry/src/follow/verify.rs",
    "registry/src/ledger/charter.rs",
    "registry/src/ledger/chunk.rs",
    "registry/src/ledger/frontier.rs",
    "registry/src/ledger/growth.rs",
    "registry/src/ledger/memo.rs",
    "registry/src/ledger/node.rs",
    "registry/src/ledger/path.rs",
    "registry/src/ledger/pool.rs",
    "registry/src/ledger/recent.rs",
    "registry/src/ledger/stale.rs",
    "registry/src/ledger/refusal.rs",
    "registry/src/ledger/rules/",
    "registry/src/ledger/state/",
    "registry/src/ledger/update.rs",
    "resolver/src/answer/",
    "resolver/src/light.rs",
    "resolver/src/ordinary/",
    "resolver/src/providers.rs",
    "resolver/src/rebinding.rs",
    "resolver/src/server/border.rs",
    "resolver/src/server/cookie.rs",
    "resolver/src/server/message.rs",
    "resolver/src/server/packet.rs",
    "resolver/src/server/query.rs",
    "resolver/src/server/said.rs",
    "resolver/src/server/sections.rs",
    "resolver/src/upstream/address.rs",
    "resolver/src/upstream/anchors.rs",
    "resolver/src/upstream/choice.rs",
    "resolver/src/upstream/delegation.rs",
    "resolver/src/upstream/keys.rs",
    "resolver/src/upstream/link.rs",
    "resolver/src/upstream/said.rs",
    "resolver/src/upstream/verdict.rs",
    "resolver/src/upstream/wildcard.rs",
    "gateway/src/authority/constraints.rs",
    "gateway/src/authority/pace.rs",
    "gateway/src/choose/",
    "gateway/src/carry/headers.rs",
    "gateway/src/request.rs",
    "gateway/src/server/guard.rs",
    "gateway/src/server/scoped.rs",
    "gateway/src/server/stickiness.rs",
    "gateway/src/tcp/hello.rs",
    "gateway/src/tcp/standing.rs",
    "gateway/src/tcp/tally.rs",
    "gateway/src/tcp/shards/known.rs",
    "gateway/src/tcp/shards/map.rs",
    "gateway/src/tcp/shards/postgres/greeting.rs",
    "gateway/src/tcp/shards/postgres/startup.rs",
    "gateway/src/tcp/shards/postgres/wish.rs",
    "gateway/src/tcp/shards/redis/commands.rs",
    "gateway/src/tcp/shards/redis/resp.rs",
    "gateway/src/tcp/shards/redis/router.rs",
    "simulations/src/network/",
    "simulations/src/scenarios/",
    "simulations/src/world/",
];

/// A path is refused where these segments follow one another in it; those with a leading `^` only at its start.
const BANNED: &[&str] = &[
    "^std::time",
    "^std::net",
    "^std::fs",
    "^std::env",
    "^std::process",
    "^std::thread",
    "^std::io",
    "^std::os",
    // Their order differs from run to run, so a seed would not replay.
    "HashMap",
    "HashSet",
    "RandomState",
    "^println",
    "^print",
    "^eprintln",
    "^eprint",
    "^dbg",
    "Instant::now",
    "SystemTime::now",
    "^tokio",
    "^rand",
    "^getrandom",
    "^libp2p",
    "^rocksdb",
    "^chrono",
    "^commonware_runtime",
    "^commonware_p2p",
];

/// What would give proto a clock, a socket, a thread or randomness of its own, however deep it hides.
const IMPURE: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "async-io",
    "getrandom",
    "rand",
    "rayon",
    "chrono",
    "time",
    "libp2p",
    "rocksdb",
];

/// What may have its `std` feature, and why: blst brings a pool of threads where there are threads, and the pool libc. Proto
/// never asks the pool for anything (`proto/src/ledger/bls.rs`), and where there is no std, blst leaves it out.
const STD_EXEMPT: &[&str] = &["libc"];

pub(super) fn is_pure(path: &str) -> bool {
    PURE.iter().any(|core| path.starts_with(core))
        && !path.ends_with("/tests.rs")
        && !path.contains("/tests/")
}

pub(super) fn complaints(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (named, line) in paths(text) {
        // Under another name all of it would pass unseen.
        if named == "std" {
            complaints.push(format!("{path}:{line}: std renamed in a pure core"));
        }
        if let Some(banned) = BANNED.iter().find(|banned| names(&named, banned)) {
            let banned = banned.trim_start_matches('^');
            complaints.push(format!(
                "{path}:{line}: {named} in a pure core ({banned} is for drivers)"
            ));
        }
    }
    complaints
}

fn names(path: &str, banned: &str) -> bool {
    let path = format!("::{path}::");
    match banned.strip_prefix('^') {
        Some(start) => path.starts_with(&format!("::{start}::")),
        None => path.contains(&format!("::{banned}::")),
    }
}

/// Reads lines of `cargo tree --prefix none --format '{p}|{f}'` for proto without its default features.
pub(super) fn impure_dependencies(tree: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for line in tree.lines() {
        let (package, features) = line.split_once('|').expect("the format has a bar");
        let name = package.split(' ').next().unwrap_or(package);
        // Procedural macros run at build time, where there always is std.
        if package.contains("(proc-macro)") {
            continue;
        }
        if IMPURE.contains(&name) {
            complaints.push(format!("dotkey-proto depends on {name}, which is not pure"));
        }
        if STD_EXEMPT.contains(&name) {
            continue;
        }
        if features
            .trim_end_matches(" (*)")
            .split(',')
            .any(|feature| feature == "std")
        {
            complaints.push(format!("dotkey-proto needs {name} with its `std` feature"));
        }
    }
    complaints.sort();
    complaints.dedup();
    complaints
}

/// Every path of two segments or more outside tests and documentation, and every import, with its line.
fn paths(text: &str) -> Vec<(String, usize)> {
    let tokens = text.parse().expect("Rust that compiles has tokens");
    let mut found = Vec::new();
    collect(without_tests(tokens), "", &mut found);
    found
}

/// `prefix` is the path before a `{` of an import.
fn collect(tokens: TokenStream, prefix: &str, found: &mut Vec<(String, usize)>) {
    let mut tokens = tokens.into_iter().peekable();
    let mut path = prefix.to_owned();
    let mut line = 0;
    let mut importing = !prefix.is_empty();
    let mut colons = 0;
    loop {
        let token = tokens.next();
        match token {
            Some(TokenTree::Ident(ident)) => {
                if colons != 2 && !path.is_empty() && path != prefix {
                    report(&path, line, importing, found);
                    path = prefix.to_owned();
                }
                importing |= ident == "use";
                if ident != "use" && ident != "pub" && ident != "as" {
                    if !path.is_empty() && !path.ends_with("::") {
                        path.push_str("::");
                    }
                    path.push_str(&ident.to_string());
                    line = ident.span().start().line;
                }
                colons = 0;
            }
            Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => colons += 1,
            Some(TokenTree::Group(group)) => {
                let tree = importing && colons == 2 && group.delimiter() == Delimiter::Brace;
                if tree {
                    collect(group.stream(), &path, found);
                } else {
                    report(&path, line, importing, found);
                    collect(group.stream(), "", found);
                }
                path = prefix.to_owned();
                colons = 0;
            }
            other => {
                if path != prefix {
                    report(&path, line, importing, found);
                }
                path = prefix.to_owned();
                colons = 0;
                if let Some(TokenTree::Punct(punct)) = &other
                    && punct.as_char() == ';'
                {
                    importing = false;
                }
                if other.is_none() {
                    return;
                }
            }
        }
    }
}

fn report(path: &str, line: usize, importing: bool, found: &mut Vec<(String, usize)>) {
    if importing || path.contains("::") {
        found.push((path.to_owned(), line));
    }
}

/// Items under `#[cfg(test)]` and all attributes (documentation is one) are left out.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(attribute) = attribute(&tokens[at..]) else {
            kept.push(match &tokens[at] {
                TokenTree::Group(group) => {
                    let mut inner = Group::new(group.delimiter(), without_tests(group.stream()));
                    inner.set_span(group.span());
                    inner.into()
                }
                other => other.clone(),
            });
            at += 1;
            continue;
        };
        at += 2 + usize::from(attribute.inner);
        if attribute.text.replace(' ', "") == "cfg(test)" {
            at += item(&tokens[at..]);
        }
    }
    kept.into_iter().collect()
}

struct Attribute {
    text: String,
    inner: bool,
}

fn attribute(tokens: &[TokenTree]) -> Option<Attribute> {
    let is = |token: Option<&TokenTree>, expected: char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == expected);
    let inner = is(tokens.get(1), '!');
    match tokens.get(1 + usize::from(inner)) {
        Some(TokenTree::Group(group)) if is(tokens.first(), '#') => Some(Attribute {
            text: group.stream().to_string(),
            inner,
        }),
        _ => None,
    }
}

/// How many tokens the item at the start has: up to its block or its semicolon.
fn item(tokens: &[TokenTree]) -> usize {
    let end = tokens.iter().position(|token| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        _ => false,
    });
    end.map_or(tokens.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let complaints = complaints("core.rs", text);
        let found: Vec<&str> = complaints
            .iter()
            .map(|complaint| complaint.split(' ').nth(1).expect("the path"))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn banned_paths_are_found() {
        check("use std::time::Instant;", &["std::time::Instant"]);
        check(
            "use std::{fmt, net::{IpAddr, UdpSocket}};",
            &["std::net::IpAddr", "std::net::UdpSocket"],
        );
        check("pub use tokio;", &["tokio"]);
        check("use tokio as runtime;", &["tokio"]);
        check("fn f() { let t = Instant::now(); }", &["Instant::now"]);
        check("use std as s;", &["std"]);
        check("use std::io::Read;", &["std::io::Read"]);
        check(
            "use std::collections::HashMap;",
            &["std::collections::HashMap"],
        );
        check("fn f() -> u64 { rand::random() }", &["rand::random"]);
        check("fn f() { vec![std::env::var(\"A\")] }", &["std::env::var"]);
        check("fn f(x: Option<std::fs::File>) {}", &["std::fs::File"]);
        check(
            "impl std::net::ToSocketAddrs for A {}",
            &["std::net::ToSocketAddrs"],
        );
        check(
            "#[cfg(test)] mod tests { use std::fs; } use std::env;",
            &["std::env"],
        );
    }

    #[test]
    fn other_paths_are_not() {
        check("use core::time::Duration; use core::net::IpAddr;", &[]);
        check("// std::fs\n/// std::fs\nfn f() { \"std::fs\"; }", &[]);
        check(
            "#[cfg(test)] mod tests { use std::fs; fn f() { tokio::spawn(); } }",
            &[],
        );
        check("#[cfg(test)]\nuse std::fs;\nfn f() {}", &[]);
        check("fn f(rand: u64) -> u64 { rand + 1 }", &[]);
        check("fn f() { self::rand::next(); mine::std::fs(); }", &[]);
        check("struct A { time: std::string::String }", &[]);
    }

    #[test]
    fn pure_is_what_the_list_says() {
        assert!(is_pure("proto/src/time.rs") && is_pure("gateway/src/choose/"));
        assert!(!is_pure("gateway/src/lib.rs") && !is_pure("proto/src/name/tests.rs"));
        assert!(!is_pure("proto/benches/record.rs"));
    }

    #[test]
    fn impure_dependencies_are_found() {
        assert_eq!(
            impure_dependencies(
                "dotkey-proto v0.1.0|\nserde_derive v1.0.0 (proc-macro)|std\ngetrandom v0.4.3|\nhex v1.0.0|alloc,std (*)\nsha3 v0.12.0|alloc\n"
            ),
            [
                "dotkey-proto depends on getrandom, which is not pure",
                "dotkey-proto needs hex with its `std` feature",
            ]
        );
    }
}
