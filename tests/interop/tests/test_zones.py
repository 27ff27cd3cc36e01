"""Section 7 with self-made zones: one fault each."""

from dotkey.cbor import encode
from dotkey.zones import read_zone

from .test_identities import Case

TXT, A, NS, CNAME, SOA, DNAME, DS = 16, 1, 2, 5, 6, 39, 43
HELLO, HELP, ADDRESS = b"\x05hello", b"\x04help", bytes([192, 0, 2, 1])
ABSOLUTE = b"\x07example\x03com\x00"
SOA_DATA = ABSOLUTE + ABSOLUTE + bytes(20)
WWW, BLOG, APEX = b"\x03www", b"\x04blog", b""
DEEP = WWW + BLOG
PROVIDER = {1: "one", 2: "https://one.example:8443/base"}
RESOURCE = {1: 1, 2: WWW, 5: [PROVIDER]}
SHARD = {1: "s1", 2: 0, 3: PROVIDER}


def rr(owner, type, *rdata):
    return [owner, type, 300, list(rdata)]


def resources(*changes):
    """Resources with changed keys; None leaves a key out."""
    return {2: [{k: v for k, v in (RESOURCE | one).items() if v is not None} for one in changes]}


def provider(**changes):
    return resources({5: [PROVIDER | {int(k[1:]): v for k, v in changes.items()}]})


def shards(how, *some, **changes):
    return resources({1: 5, 5: None, 6: {1: how, 2: list(some)}, **{int(k[1:]): v for k, v in changes.items()}})


class Zones(Case):
    def test_accepted(self):
        for item in [
            {},
            {4: {1: 60, 2: "me@example.com"}, 9: "kept"},
            {1: [rr(APEX, NS, ABSOLUTE), rr(APEX, SOA, SOA_DATA), rr(WWW, A, ADDRESS)]},
            {1: [rr(DEEP, A, ADDRESS), rr(BLOG, NS, ABSOLUTE)]},
            {1: [rr(APEX, TXT, HELP, HELLO), rr(APEX, DNAME, ABSOLUTE)]},
            {3: [{1: WWW, 2: bytes(32)}, {1: BLOG}]},
            resources({}, {3: "/api"}),
            resources({5: None, 7: bytes(32)}),
            resources({4: {1: 2, 2: {}, 4: {}, 5: {1: "/health"}, 6: {1: 2, 2: "Cookie_1"}, 99: []}}),
            shards(1, SHARD, SHARD | {1: "s2", 6: 5}),
            shards(2, SHARD | {5: b""}, SHARD | {1: "s2", 5: b"m"}),
        ]:
            read_zone(encode(item))
        read_zone(encode({1: [rr(DEEP, A, ADDRESS), rr(BLOG, A, ADDRESS)]}), BLOG)

    def test_refused(self):
        for code, item in [
            ("wrong-type", []),
            ("wrong-type", {"x": 1}),
            ("wrong-type", {1: [[b"", -1, 0, [HELLO]]]}),
            ("out-of-range", {1: []}),
            ("out-of-range", {1: [rr(WWW, TXT)]}),
            ("out-of-range", {1: [[WWW, TXT, 1 << 31, [HELLO]]]}),
            ("out-of-range", {4: {2: ""}}),
            ("missing-key", {3: [{}]}),
            ("rdata-order", {1: [rr(WWW, TXT, HELLO, HELP)]}),
            ("rdata-order", {1: [rr(WWW, TXT, HELLO, HELLO)]}),
            ("rrset-order", {1: [rr(BLOG, TXT, HELLO), rr(WWW, TXT, HELLO)]}),
            ("rrset-order", {1: [rr(WWW, TXT, HELLO), rr(WWW, A, ADDRESS)]}),
            ("rrset-order", {1: [rr(WWW, TXT, HELLO), rr(WWW, TXT, HELLO)]}),
            ("single-rdata", {1: [rr(WWW, CNAME, b"\x01y\x00", b"\x01z\x00")]}),
            ("soa-owner", {1: [rr(WWW, SOA, SOA_DATA)]}),
            ("wildcard-owner", {1: [rr(b"\x01*", 2, b"\x01x\x00")]}),
            ("wildcard-owner", {1: [rr(b"\x01*\x01a", 39, b"\x01x\x00")]}),
            ("cname-alone", {1: [rr(APEX, CNAME, ABSOLUTE)]}),
            ("cname-alone", {1: [rr(WWW, A, ADDRESS), rr(WWW, CNAME, ABSOLUTE)]}),
            ("below-dname", {1: [rr(DEEP, A, ADDRESS), rr(BLOG, DNAME, ABSOLUTE)]}),
            ("below-dname", {1: [rr(APEX, DNAME, ABSOLUTE)], 3: [{1: WWW}]}),
            ("below-cut", {1: [rr(BLOG, NS, ABSOLUTE), rr(BLOG, TXT, HELLO)]}),
            ("below-cut", {1: [rr(WWW, NS, ABSOLUTE)]} | resources({})),
            ("below-delegation", {1: [rr(DEEP, A, ADDRESS)], 3: [{1: BLOG}]}),
            ("below-delegation", {3: [{1: WWW}, {1: b"\x01a" + WWW}][::-1]}),
            ("below-delegation", {3: [{1: WWW}]} | resources({})),
            ("delegation-owner", {3: [{1: APEX}]}),
            ("delegation-owner", {3: [{1: b"\x01*" + WWW}]}),
            ("delegation-order", {3: [{1: BLOG}, {1: WWW}]}),
            ("missing-key", resources({2: None})),
            ("out-of-range", resources({1: 6})),
            ("out-of-range", resources({5: []})),
            ("out-of-range", resources({3: ""})),
            ("path", resources({3: "a"})),
            ("path", resources({3: "/a//b"})),
            ("path", resources({3: "/a/.."})),
            ("path", resources({3: "/a?b"})),
            ("out-of-range", resources({3: "/" + "a" * 255})),
            ("path", resources({4: {5: {1: "/ "}}})),
            ("path", provider(k8="/\u00fc")),
            ("nothing-to-route-to", resources({5: None})),
            ("kind-shards", resources({1: 5})),
            ("kind-shards", shards(1, SHARD, k1=2)),
            ("kind-shards", shards(1, SHARD, k7=bytes(32))),
            ("provider-id", provider(k1="-a")),
            ("provider-id", provider(k1="A")),
            ("out-of-range", provider(k1="a" * 64)),
            ("duplicate-id", resources({5: [PROVIDER, PROVIDER]})),
            ("duplicate-id", shards(1, SHARD, SHARD)),
            ("duplicate-id", shards(1, SHARD | {4: [PROVIDER]})),
            ("pin-order", provider(k7=[bytes(32), bytes(32)])),
            ("shard-range", shards(2, SHARD)),
            ("shard-range", shards(2, SHARD | {5: b"a"})),
            ("shard-range", shards(2, SHARD | {5: b""}, SHARD | {1: "s2", 5: b""})),
            ("shard-range", shards(2, SHARD | {5: b"", 6: 1})),
            ("shard-range", shards(1, SHARD | {5: b""})),
            ("sticky-name", resources({4: {6: {1: 2}}})),
            ("sticky-name", resources({4: {6: {1: 3, 2: "a b"}}})),
            ("sticky-name", resources({4: {6: {1: 1, 2: "a"}}})),
            ("resource-order", resources({3: "/a"}, {})),
            ("resource-order", resources({}, {3: "/"})),
        ]:
            self.refused(code, read_zone, encode(item))

    def test_branch(self):
        for item in [{1: [rr(APEX, A, ADDRESS)]}, {3: [{1: WWW}]}, resources({})]:
            self.refused("outside-branch", read_zone, encode(item), BLOG)
        self.refused("delegation-owner", read_zone, encode({3: [{1: BLOG}]}), BLOG)

    def test_urls(self):
        for good in """http://a https://a/ tcp://a:1 tls://[::1]:65535 postgres://db redis://10.0.0.1:6379 http://a_b.c-d
            http://[::ffff:1.2.3.4]/x http://1a.2b http://[2001:db8::]""".split():
            read_zone(encode(provider(k2=good)))
        for bad in """ftp://a http:/a http:// http://a: http://a:0 http://a:01 http://a:65536 tcp://a tcp://a:1/ HTTP://a
            http://A http://a. http://.a http://a..b http://-a http://a- http://u@a http://a?b http://a#b http://1.2.3
            http://1.2.3.256 http://01.2.3.4 http://a.1 http://[::1 http://::1 http://[::1%25eth0] http://[::A] http://[]
            http://a/../b http://a//b redis://a/0""".split():
            self.refused("url", read_zone, encode(provider(k2=bad)))
        self.refused("out-of-range", read_zone, encode(provider(k2="http://a/" + "b" * 504)))
