//! Resources of zones: section 7.4.

use super::encode::{Fields, array, bytes, int, text, uint};
use super::file::{File, hex_input, unhex};
use super::zones::{Zone, owner};

fn provider(id: &str) -> Fields {
    Fields::new([(1, text(id)), (2, text("https://a.example.net"))])
}

fn list<'f>(items: impl IntoIterator<Item = &'f Fields>) -> Vec<u8> {
    array(items.into_iter().map(Fields::encode))
}

/// A frontend with one provider.
fn resource() -> Fields {
    Fields::new([
        (1, uint(1)),
        (2, bytes(owner("www"))),
        (5, list([&provider("a")])),
    ])
}

fn with_provider(provider: &Fields) -> Fields {
    resource().with(5, list([provider]))
}

fn with_policy(key: u64, value: Vec<u8>) -> Fields {
    resource().with(4, Fields::new([(key, value)]).encode())
}

fn shard(id: &str) -> Fields {
    Fields::new([(1, text(id)), (2, uint(1)), (3, provider("p").encode())])
}

/// A resource of shards: by hash is 1, by range 2.
fn sharded(by: u64, shards: &[Fields]) -> Fields {
    let set = Fields::new([(1, uint(by)), (2, list(shards))]);
    with_set(&set)
}

fn with_set(set: &Fields) -> Fields {
    resource().without(5).with(1, uint(5)).with(6, set.encode())
}

fn zone(resources: &[Fields]) -> Zone {
    Zone {
        resources: resources.iter().map(Fields::encode).collect(),
        ..Zone::default()
    }
}

fn valid(file: &mut File, name: &str, why: &str, resources: &[Fields]) {
    let zone = zone(resources);
    file.valid(
        format!("resource-{name}"),
        why,
        hex_input(zone.encode()),
        zone.facts(),
    );
}

fn invalid(file: &mut File, name: &str, why: &str, resource: Fields, code: &'static str) {
    file.invalid(
        format!("resource-{name}"),
        why,
        hex_input(zone(&[resource]).encode()),
        code,
    );
}

pub(super) fn add(file: &mut File) {
    add_valid(file);
    add_paths(file);
    add_urls(file);
    add_targets(file);
    add_ids(file);
    add_policies(file);
    add_shards(file);
    add_shapes(file);
    add_order(file);
}

fn add_valid(file: &mut File) {
    valid(file, "frontend", "a host and a provider", &[resource()]);
    valid(
        file,
        "wildcard",
        "a host may be a wildcard",
        &[resource().with(2, bytes(owner("*.dev")))],
    );
    valid(
        file,
        "at-apex",
        "the zone's own name",
        &[resource().with(2, bytes([]))],
    );
    let whole = provider("a")
        .with(3, uint(3))
        .with(4, text("eu-west"))
        .with(5, uint(65_535))
        .with(6, uint(65_535))
        .with(7, array([bytes([1; 32]), bytes([2; 32])]))
        .with(8, text("/health"))
        .with(99, uint(1));
    valid(
        file,
        "provider-whole",
        "all that a provider can say, and an unknown key",
        &[with_provider(&whole)],
    );
    let content = resource().without(5).with(7, bytes([7; 32]));
    valid(file, "content", "a content root alone", &[content.clone()]);
    valid(
        file,
        "content-and-providers",
        "a content root and providers",
        &[resource().with(7, bytes([7; 32]))],
    );
    let health = Fields::new([
        (1, text("/up")),
        (2, uint(3_600_000)),
        (3, uint(1)),
        (4, uint(100)),
        (5, uint(1)),
        (9, uint(0)),
    ]);
    let policy = Fields::new([
        (1, uint(4)),
        (2, Fields::new([(1, uint(60_000)), (2, uint(100))]).encode()),
        (3, uint(100)),
        (
            4,
            Fields::new([(1, uint(600_000)), (2, uint(1)), (3, uint(86_400_000))]).encode(),
        ),
        (5, health.encode()),
        (
            6,
            Fields::new([(1, uint(2)), (2, text("Session_id-1"))]).encode(),
        ),
        (7, array([text("eu-west"), text("us")])),
        (8, uint(64)),
        (20, unhex("f5")),
    ]);
    valid(
        file,
        "policy-whole",
        "all that a policy can say, at its edges, and an unknown key",
        &[resource().with(4, policy.encode())],
    );
    valid(
        file,
        "policy-empty",
        "nothing is said",
        &[resource().with(4, Fields::default().encode())],
    );
    let unknown = resource().with(8, text("x"));
    valid(file, "unknown-key", "kept and ignored", &[unknown]);
}

fn add_paths(file: &mut File) {
    for (name, why, path) in [
        ("path-root", "the path that an absent one stands for", "/"),
        ("path", "segments", "/a/b.c"),
        ("path-slash-at-end", "one slash at the end", "/a/"),
        ("path-dots", "three dots are a segment", "/.../.a/a.."),
        (
            "path-characters",
            "percent, tilde and signs",
            "/%20~!$&'()*+,;=:@[]{}|\"<>^`_-",
        ),
    ] {
        valid(file, name, why, &[resource().with(3, text(path))]);
    }
    let long = format!("/{}", "a".repeat(254));
    valid(
        file,
        "path-255",
        "the longest path",
        &[resource().with(3, text(&long))],
    );
    invalid(
        file,
        "path-256",
        "a byte too long",
        resource().with(3, text(long + "a")),
        "out-of-range",
    );
    invalid(
        file,
        "path-empty",
        "an absent path is left out",
        resource().with(3, text("")),
        "out-of-range",
    );
    for (name, why, path) in [
        ("path-relative", "no slash in front", "a"),
        ("path-two-slashes", "an empty segment", "/a//b"),
        ("path-two-slashes-first", "an empty segment", "//a"),
        ("path-dot", "a segment `.`", "/a/./b"),
        ("path-dot-dot", "a segment `..`", "/a/../b"),
        ("path-dot-dot-last", "a segment `..`", "/.."),
        ("path-query", "a query", "/a?b"),
        ("path-fragment", "a fragment", "/a#b"),
        (
            "path-backslash",
            "some programs take it for a slash",
            "/a\\b",
        ),
        ("path-space", "a space", "/a b"),
        ("path-delete", "a control character", "/a\u{7f}"),
        ("path-unicode", "a letter outside ASCII", "/\u{fc}"),
    ] {
        invalid(file, name, why, resource().with(3, text(path)), "path");
    }
    invalid(
        file,
        "health-path",
        "a provider's",
        with_provider(&provider("a").with(8, text("up"))),
        "path",
    );
    let health = Fields::new([(1, text("/a/../up"))]).encode();
    invalid(
        file,
        "policy-health-path",
        "a policy's",
        with_policy(5, health),
        "path",
    );
}

fn add_urls(file: &mut File) {
    let with = |url: &str| with_provider(&provider("a").with(2, text(url)));
    for (name, why, url) in [
        ("url-http", "the shortest form", "http://a"),
        (
            "url-port",
            "the greatest port",
            "https://a.example.net:65535",
        ),
        ("url-path", "a path", "https://a.example.net/api/"),
        (
            "url-underscore",
            "an underscore in a host",
            "http://_a.b-c.d9:1/",
        ),
        ("url-ipv4", "an IPv4 address", "https://192.0.2.1:443/x"),
        ("url-ipv6", "an IPv6 address", "https://[2001:db8::1]:8443"),
        ("url-ipv6-any", "the shortest IPv6 address", "http://[::]"),
        ("url-tcp", "a port is needed", "tcp://a:1"),
        ("url-tls", "a port is needed", "tls://[::1]:9000"),
        (
            "url-postgres",
            "the port is optional",
            "postgres://db.example.net",
        ),
        (
            "url-redis",
            "the port is optional",
            "redis://127.0.0.1:6379",
        ),
        (
            "url-digits-inside",
            "digits in a label that is not last",
            "http://1.2.3.a",
        ),
    ] {
        valid(file, name, why, &[with(url)]);
    }
    let host = [63, 63, 63, 61].map(|count| "a".repeat(count)).join(".");
    let path = |length: usize| format!("/{}", "a".repeat(length - 1));
    let longest = format!("https://{host}{}", path(512 - 8 - 253));
    valid(
        file,
        "url-512",
        "the longest URL, with the longest host",
        &[with(&longest)],
    );
    invalid(
        file,
        "url-513",
        "a byte too long",
        with(&format!("{longest}a")),
        "out-of-range",
    );
    let long_host = [63, 63, 63, 62].map(|count| "a".repeat(count)).join(".");
    invalid(
        file,
        "url-host-254",
        "longer than a name",
        with(&format!("https://{long_host}")),
        "url",
    );
    for (name, why, url) in [
        ("url-no-scheme", "no scheme", "a.example.net"),
        ("url-ftp", "a scheme that no gateway speaks", "ftp://a"),
        (
            "url-scheme-upper-case",
            "schemes are lower case",
            "HTTPS://a",
        ),
        ("url-one-slash", "a slash is missing", "https:/a"),
        ("url-no-host", "no host", "https:///a"),
        ("url-host-upper-case", "hosts are lower case", "https://A"),
        ("url-dot-at-end", "a dot at the end", "https://a."),
        ("url-two-dots", "an empty label", "https://a..b"),
        ("url-hyphen-first", "a hyphen first", "https://-a"),
        (
            "url-hyphen-last",
            "a hyphen last in a label",
            "https://a-.b",
        ),
        (
            "url-unicode",
            "a letter outside ASCII",
            "https://b\u{fc}cher",
        ),
        ("url-user", "no user", "https://me@a"),
        ("url-password", "no password", "https://me:secret@a"),
        ("url-query", "no query", "https://a/?b"),
        ("url-fragment", "no fragment", "https://a/#b"),
        ("url-port-zero", "ports begin at 1", "https://a:0"),
        ("url-port-65536", "beyond 16 bits", "https://a:65536"),
        ("url-port-zeros", "a leading zero", "https://a:080"),
        ("url-port-empty", "no number", "https://a:"),
        ("url-port-sign", "a sign", "https://a:+80"),
        ("url-ipv4-256", "beyond a byte", "https://192.0.2.256"),
        ("url-ipv4-three", "three numbers", "https://192.0.2"),
        ("url-ipv4-zeros", "leading zeros", "https://192.0.02.1"),
        ("url-digits", "a number alone", "https://3221225985"),
        ("url-ipv6-bare", "no brackets", "https://2001:db8::1"),
        ("url-ipv6-upper-case", "upper case", "https://[2001:DB8::1]"),
        ("url-ipv6-zone", "a zone", "https://[fe80::1%eth0]"),
        ("url-ipv6-open", "no closing bracket", "https://[::1"),
        (
            "url-ipv6-bad",
            "too many groups",
            "https://[1:2:3:4:5:6:7:8:9]",
        ),
        (
            "url-tcp-no-port",
            "a raw connection has no port of its own",
            "tcp://a",
        ),
        (
            "url-tls-no-port",
            "a raw connection has no port of its own",
            "tls://a",
        ),
        ("url-tcp-path", "a raw connection has no path", "tcp://a:1/"),
        (
            "url-postgres-path",
            "a database is not named here",
            "postgres://a/db",
        ),
        (
            "url-redis-path",
            "a database is not named here",
            "redis://a/0",
        ),
        ("url-dot-dot", "a segment `..`", "https://a/../b"),
        ("url-space", "a space", "https://a /"),
        (
            "url-backslash",
            "some programs take it for a slash",
            "https://a\\b",
        ),
    ] {
        invalid(file, name, why, with(url), "url");
    }
    let shard = shard("s").with(4, list([&provider("q").with(2, text("https://A"))]));
    invalid(
        file,
        "url-of-replica",
        "a provider in a shard",
        sharded(1, &[shard]),
        "url",
    );
}

fn add_targets(file: &mut File) {
    invalid(
        file,
        "routes-nowhere",
        "no provider, no shard, no content",
        resource().without(5),
        "nothing-to-route-to",
    );
    invalid(
        file,
        "shards-without-set",
        "kind 5 with providers",
        resource().with(1, uint(5)),
        "kind-shards",
    );
    let set = sharded(1, &[shard("s")]);
    invalid(
        file,
        "set-in-backend",
        "a shard set in kind 2",
        set.with(1, uint(2)),
        "kind-shards",
    );
    invalid(
        file,
        "set-and-providers",
        "a shard set stands alone",
        set.with(5, list([&provider("a")])),
        "kind-shards",
    );
    invalid(
        file,
        "set-and-content",
        "a shard set stands alone",
        set.with(7, bytes([7; 32])),
        "kind-shards",
    );
    invalid(
        file,
        "host-upper-case",
        "an owner has one form",
        resource().with(2, bytes(b"\x03Www")),
        "owner",
    );
    invalid(
        file,
        "host-cut",
        "a label that is not all there",
        resource().with(2, bytes(b"\x04www")),
        "owner",
    );
}

fn add_ids(file: &mut File) {
    let longest = "a".repeat(63);
    valid(
        file,
        "id-63",
        "the longest id",
        &[with_provider(&provider(&longest))],
    );
    valid(
        file,
        "id-characters",
        "letters, digits and hyphens",
        &[with_provider(&provider("0a--z9"))],
    );
    invalid(
        file,
        "id-64",
        "a byte too long",
        with_provider(&provider(&(longest + "a"))),
        "out-of-range",
    );
    invalid(
        file,
        "id-empty",
        "no id",
        with_provider(&provider("")),
        "out-of-range",
    );
    for (name, id) in [
        ("id-upper-case", "A"),
        ("id-underscore", "a_b"),
        ("id-hyphen-first", "-a"),
        ("id-hyphen-last", "a-"),
        ("id-unicode", "\u{fc}"),
        ("id-space", "a b"),
    ] {
        invalid(
            file,
            name,
            "no id",
            with_provider(&provider(id)),
            "provider-id",
        );
    }
    invalid(
        file,
        "shard-id",
        "no id",
        sharded(1, &[shard("S")]),
        "provider-id",
    );
    let replica = shard("s").with(4, list([&provider("Q")]));
    invalid(
        file,
        "replica-id",
        "no id",
        sharded(1, &[replica]),
        "provider-id",
    );
    let twice = resource().with(5, list([&provider("a"), &provider("b"), &provider("a")]));
    invalid(file, "id-twice", "one id twice", twice, "duplicate-id");
    invalid(
        file,
        "shard-id-twice",
        "one id twice",
        sharded(1, &[shard("s"), shard("s")]),
        "duplicate-id",
    );
    let replica = shard("s").with(4, list([&provider("p")]));
    invalid(
        file,
        "replica-like-primary",
        "one id twice in a shard",
        sharded(1, &[replica]),
        "duplicate-id",
    );
    valid(
        file,
        "ids-across-shards",
        "ids are unique within a shard",
        &[sharded(1, &[shard("s"), shard("t")])],
    );
    let many = |count: usize| {
        let providers: Vec<_> = (0..count).map(|at| provider(&format!("p{at}"))).collect();
        resource().with(5, list(&providers))
    };
    valid(file, "64-providers", "as many as allowed", &[many(64)]);
    invalid(
        file,
        "65-providers",
        "one too many",
        many(65),
        "out-of-range",
    );
    invalid(
        file,
        "providers-empty",
        "a list that is there has an element",
        many(0),
        "out-of-range",
    );
    let pins =
        |pins: &[[u8; 32]]| with_provider(&provider("a").with(7, array(pins.iter().map(bytes))));
    let eight: Vec<_> = (1..=9).map(|at| [at; 32]).collect();
    valid(file, "8-pins", "as many as allowed", &[pins(&eight[..8])]);
    invalid(file, "9-pins", "one too many", pins(&eight), "out-of-range");
    invalid(
        file,
        "pins-swapped",
        "the greater first",
        pins(&[[2; 32], [1; 32]]),
        "pin-order",
    );
    invalid(
        file,
        "pin-twice",
        "one twice",
        pins(&[[1; 32], [1; 32]]),
        "pin-order",
    );
    invalid(
        file,
        "pins-empty",
        "a list that is there has an element",
        pins(&[]),
        "out-of-range",
    );
    let short = provider("a").with(7, array([bytes([1; 31])]));
    invalid(
        file,
        "pin-31",
        "a byte too short",
        with_provider(&short),
        "out-of-range",
    );
}

fn add_policies(file: &mut File) {
    let inner = |key: u64, field: u64, value: u64| {
        with_policy(key, Fields::new([(field, uint(value))]).encode())
    };
    for (name, why, key, value) in [
        ("balance-0", "balances begin at 1", 1, 0),
        ("balance-5", "there are four", 1, 5),
        ("retries-101", "more than all", 3, 101),
        ("least-healthy-0", "a warning at 0 would never come", 8, 0),
        ("least-healthy-65", "more than there can be", 8, 65),
    ] {
        invalid(
            file,
            name,
            why,
            with_policy(key, uint(value)),
            "out-of-range",
        );
    }
    for (name, key, field, value) in [
        ("hedge-60001", 2, 1, 60_001),
        ("hedge-101-percent", 2, 2, 101),
        ("connect-0", 4, 1, 0),
        ("connect-600001", 4, 1, 600_001),
        ("first-byte-600001", 4, 2, 600_001),
        ("whole-86400001", 4, 3, 86_400_001),
        ("interval-99", 5, 2, 99),
        ("interval-3600001", 5, 2, 3_600_001),
        ("check-timeout-600001", 5, 3, 600_001),
        ("rise-0", 5, 4, 0),
        ("fall-101", 5, 5, 101),
        ("sticky-4", 6, 1, 4),
    ] {
        invalid(
            file,
            name,
            "beyond the edge",
            inner(key, field, value),
            "out-of-range",
        );
    }
    let sticky = |by: u64, name: Option<&str>| {
        let by = Fields::new([(1, uint(by))]);
        with_policy(
            6,
            name.map_or(by.clone(), |name| by.with(2, text(name)))
                .encode(),
        )
    };
    valid(
        file,
        "sticky-address",
        "by client address",
        &[sticky(1, None)],
    );
    valid(
        file,
        "sticky-header-64",
        "the longest name",
        &[sticky(3, Some(&"a".repeat(64)))],
    );
    invalid(
        file,
        "sticky-name-65",
        "a byte too long",
        sticky(3, Some(&"a".repeat(65))),
        "out-of-range",
    );
    invalid(
        file,
        "sticky-name-empty",
        "a name that is there has a character",
        sticky(2, Some("")),
        "out-of-range",
    );
    invalid(
        file,
        "sticky-address-name",
        "an address has no name",
        sticky(1, Some("a")),
        "sticky-name",
    );
    invalid(
        file,
        "sticky-cookie-alone",
        "a cookie has a name",
        sticky(2, None),
        "sticky-name",
    );
    invalid(
        file,
        "sticky-header-alone",
        "a header has a name",
        sticky(3, None),
        "sticky-name",
    );
    invalid(
        file,
        "sticky-name-space",
        "a character that no name has",
        sticky(2, Some("a b")),
        "sticky-name",
    );
    invalid(
        file,
        "sticky-name-unicode",
        "a letter outside ASCII",
        sticky(3, Some("\u{fc}")),
        "sticky-name",
    );
    invalid(
        file,
        "sticky-without-kind",
        "1 is missing",
        with_policy(6, Fields::new([(2, text("a"))]).encode()),
        "missing-key",
    );
    let regions = |count: usize| with_policy(7, array(vec![text("eu"); count]));
    valid(file, "16-regions", "as many as allowed", &[regions(16)]);
    invalid(
        file,
        "17-regions",
        "one too many",
        regions(17),
        "out-of-range",
    );
    invalid(
        file,
        "regions-empty",
        "a list that is there has an element",
        regions(0),
        "out-of-range",
    );
    invalid(
        file,
        "region-empty",
        "a region has a name",
        with_policy(7, array([text("")])),
        "out-of-range",
    );
    invalid(
        file,
        "region-64",
        "a byte too long",
        with_policy(7, array([text("a".repeat(64))])),
        "out-of-range",
    );
    invalid(
        file,
        "policy-array",
        "an array",
        resource().with(4, array([])),
        "wrong-type",
    );
    invalid(
        file,
        "hedge-number",
        "hedging is a map",
        with_policy(2, uint(5)),
        "wrong-type",
    );
}

fn add_shards(file: &mut File) {
    let range = |id: &str, begin: &str| shard(id).with(5, bytes(begin));
    let whole = shard("s")
        .with(2, uint(9_007_199_254_740_991))
        .with(4, list([&provider("q"), &provider("r")]))
        .with(6, uint(65_535))
        .with(40, uint(0));
    let set = Fields::new([
        (1, uint(1)),
        (2, list([&whole])),
        (3, text("customer")),
        (4, uint(0)),
    ]);
    valid(
        file,
        "shards-whole",
        "all that a set can say, and unknown keys",
        &[with_set(&set)],
    );
    valid(
        file,
        "shards-by-range",
        "the first begins at nothing",
        &[sharded(
            2,
            &[range("a", ""), range("b", "h"), range("c", "ha")],
        )],
    );
    let longest = shard("b").with(5, bytes([0xff; 255]));
    valid(
        file,
        "shard-begin-255",
        "the longest first key",
        &[sharded(2, &[range("a", ""), longest])],
    );
    let longer = shard("b").with(5, bytes([0xff; 256]));
    invalid(
        file,
        "shard-begin-256",
        "a byte too long",
        sharded(2, &[range("a", ""), longer]),
        "out-of-range",
    );
    invalid(
        file,
        "range-without-begin",
        "each shard has a first key",
        sharded(2, &[range("a", ""), shard("b")]),
        "shard-range",
    );
    invalid(
        file,
        "range-first-not-empty",
        "keys below it have no shard",
        sharded(2, &[range("a", "a"), range("b", "h")]),
        "shard-range",
    );
    invalid(
        file,
        "range-swapped",
        "not ascending",
        sharded(2, &[range("a", ""), range("b", "h"), range("c", "g")]),
        "shard-range",
    );
    invalid(
        file,
        "range-twice",
        "one first key twice",
        sharded(2, &[range("a", ""), range("b", "")]),
        "shard-range",
    );
    invalid(
        file,
        "range-with-weight",
        "a range has no weight",
        sharded(2, &[range("a", "").with(6, uint(1))]),
        "shard-range",
    );
    invalid(
        file,
        "hash-with-begin",
        "a hash has no first key",
        sharded(1, &[range("a", "")]),
        "shard-range",
    );
    invalid(
        file,
        "set-kind-0",
        "kinds begin at 1",
        sharded(0, &[shard("a")]),
        "out-of-range",
    );
    invalid(
        file,
        "set-kind-3",
        "there are two",
        sharded(3, &[shard("a")]),
        "out-of-range",
    );
    invalid(
        file,
        "set-empty",
        "a set has a shard",
        sharded(1, &[]),
        "out-of-range",
    );
    invalid(
        file,
        "shard-weight-0",
        "it would get nothing",
        sharded(1, &[shard("a").with(6, uint(0))]),
        "out-of-range",
    );
    invalid(
        file,
        "shard-epoch-beyond",
        "2^53",
        sharded(1, &[shard("a").with(2, uint(1 << 53))]),
        "out-of-range",
    );
    invalid(
        file,
        "shard-without-primary",
        "3 is missing",
        sharded(1, &[shard("a").without(3)]),
        "missing-key",
    );
    invalid(
        file,
        "shard-without-epoch",
        "2 is missing",
        sharded(1, &[shard("a").without(2)]),
        "missing-key",
    );
    let replicas = |count: usize| {
        let replicas: Vec<_> = (0..count).map(|at| provider(&format!("r{at}"))).collect();
        sharded(1, &[shard("a").with(4, list(&replicas))])
    };
    valid(file, "63-replicas", "as many as allowed", &[replicas(63)]);
    invalid(
        file,
        "64-replicas",
        "one too many",
        replicas(64),
        "out-of-range",
    );
    let shards = |count: usize| {
        let small = Fields::new([(1, text("p")), (2, text("http://a"))]).encode();
        let shards: Vec<_> = (0..count)
            .map(|at| shard(&format!("{at}")).with(3, small.clone()))
            .collect();
        sharded(1, &shards)
    };
    valid(file, "1024-shards", "as many as allowed", &[shards(1024)]);
    invalid(
        file,
        "1025-shards",
        "one too many",
        shards(1025),
        "out-of-range",
    );
}

fn add_shapes(file: &mut File) {
    invalid(
        file,
        "without-kind",
        "1 is missing",
        resource().without(1),
        "missing-key",
    );
    invalid(
        file,
        "without-host",
        "2 is missing",
        resource().without(2),
        "missing-key",
    );
    invalid(
        file,
        "kind-0",
        "kinds begin at 1",
        resource().with(1, uint(0)),
        "out-of-range",
    );
    invalid(
        file,
        "kind-6",
        "there are five",
        resource().with(1, uint(6)),
        "out-of-range",
    );
    invalid(
        file,
        "kind-text",
        "a kind is a number",
        resource().with(1, text("frontend")),
        "wrong-type",
    );
    invalid(
        file,
        "host-text",
        "a host is in wire form",
        resource().with(2, text("www")),
        "wrong-type",
    );
    invalid(
        file,
        "path-bytes",
        "a path is a text",
        resource().with(3, bytes("/")),
        "wrong-type",
    );
    invalid(
        file,
        "content-31",
        "a byte too short",
        resource().with(7, bytes([7; 31])),
        "out-of-range",
    );
    invalid(
        file,
        "provider-without-id",
        "1 is missing",
        with_provider(&provider("a").without(1)),
        "missing-key",
    );
    invalid(
        file,
        "provider-without-url",
        "2 is missing",
        with_provider(&provider("a").without(2)),
        "missing-key",
    );
    for (name, why, key, value) in [
        ("protocol-0", "protocols begin at 1", 3, 0),
        ("protocol-8", "there are seven", 3, 8),
        ("weight-0", "it would get nothing", 5, 0),
        ("weight-65536", "beyond 16 bits", 5, 65_536),
        ("priority-65536", "beyond 16 bits", 6, 65_536),
    ] {
        invalid(
            file,
            name,
            why,
            with_provider(&provider("a").with(key, uint(value))),
            "out-of-range",
        );
    }
    let negative = provider("a").with(6, int(-1));
    invalid(
        file,
        "priority-negative",
        "-1",
        with_provider(&negative),
        "wrong-type",
    );
    invalid(
        file,
        "provider-region-empty",
        "a region has a name",
        with_provider(&provider("a").with(4, text(""))),
        "out-of-range",
    );
    let text_key = array([provider("a").encode_and(text("weight"), uint(1))]);
    invalid(
        file,
        "provider-text-key",
        "a key is an unsigned integer",
        resource().with(5, text_key),
        "wrong-type",
    );
}

fn add_order(file: &mut File) {
    let at = |host: &str, path: Option<&str>| {
        let resource = resource().with(2, bytes(owner(host)));
        path.map_or(resource.clone(), |path| resource.with(3, text(path)))
    };
    valid(
        file,
        "order",
        "by host, then path; an absent path is `/`",
        &[
            at("", Some("/z")),
            at("a", None),
            at("a", Some("/a")),
            at("a", Some("/a/")),
            at("b", None),
        ],
    );
    let mut wrong = |name: &str, why: &str, resources: &[Fields]| {
        file.invalid(
            format!("resource-{name}"),
            why,
            hex_input(zone(resources).encode()),
            "resource-order",
        );
    };
    wrong(
        "hosts-swapped",
        "the greater host first",
        &[at("b", None), at("a", None)],
    );
    wrong(
        "paths-swapped",
        "the greater path first",
        &[at("a", Some("/b")), at("a", Some("/a"))],
    );
    wrong(
        "host-twice",
        "one host and path twice",
        &[at("a", None), at("a", None)],
    );
    wrong(
        "path-absent-twice",
        "an absent path is `/`",
        &[at("a", None), at("a", Some("/"))],
    );
    wrong(
        "path-absent-last",
        "an absent path is `/`",
        &[at("a", Some("/a")), at("a", None)],
    );
}
