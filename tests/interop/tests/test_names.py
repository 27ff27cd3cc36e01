"""Section 2: its own examples, and one fault each."""

import unicodedata2
from dotkey import names, unicode_rules
from dotkey.errors import Refused

from .test_identities import Case

KEY_0 = "yryyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyybaer"
KEY_1 = "yryynyodyonocbaebrfysdypba8tyre1nckbkfozdyctwgahdwxb63cn"
PKARR = "o4dksfbqk85ogzdb5osziw6befigbuxmuxkuxq8434q89uj56uyy"
WALLET = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
HEBREW = "\u05e9\u05dc\u05d5\u05dd"

NORMALISED = {
    "WWW.Blog.MySite.KEY.": "www.blog.mysite.key",
    "@scope/name": "name.scope.key",
    "_443._tcp.a--b.key": "_443._tcp.a--b.key",
    "aa--b.x.key": "aa--b.x.key",
    "m\u00fcnchen.key": "xn--mnchen-3ya.key",
    "MU\u0308NCHEN\u3002key": "xn--mnchen-3ya.key",
    "xn--mnchen-3ya.key": "xn--mnchen-3ya.key",
    "\uff41bc.key": "abc.key",
    "stra\u00dfe.key": "xn--strae-oqa.key",
    f"_443._tcp.{HEBREW}.key": "_443._tcp.xn--9dbne9b.key",
    "\u65e5\u672c\u8a9e\u3068\u30ab\u30ca.key": "xn--o9j6gpdp58vzlbtz6h.key",
    f"{PKARR}.key": f"{PKARR}.key",
    "x" * 48 + ".key": "x" * 48 + ".key",
}

REFUSED = {
    "": "empty",
    "a" * 2049: "input-too-long",
    "key": "suffix-alone",
    "key.": "suffix-alone",
    ".": "empty-label",
    ".key": "empty-label",
    "a..key": "empty-label",
    "a..b.key": "empty-label",
    "a.com": "not-under-suffix",
    "a..com": "empty-label",
    "a" * 64 + ".key": "label-too-long",
    "a" * 49 + ".key": "key-length",
    "*.a.key": "wildcard",
    "*.key": "wildcard",
    "a*.b.key": "bad-character",
    "_a.key": "bad-character",
    "a b.key": "bad-character",
    "-a.key": "hyphen-at-edge",
    "a-.b.key": "hyphen-at-edge",
    "ab--c.key": "hyphens-at-three-and-four",
    "onion.key": "reserved",
    "@a": "path-form",
    "@a/b/c": "path-form",
    "@/b": "path-form",
    "@a/b.c": "path-form",
    "0x12.key": "wallet-length",
    "0x" + "g" * 40 + ".key": "key-character",
    "l" * 52 + ".key": "key-character",
    PKARR[:-1] + "b.key": "key-trailing-bits",
    KEY_0[:-1] + "y.key": "key-checksum",
    "yeyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyb3oz.key": "key-version",
    "xn--.key": "bad-punycode",
    "xn--abc-.key": "bad-punycode",
    "xn--a_b.key": "bad-punycode",
    "xn--a-ecp.key": "disallowed-character",
    "xn--mnchen-psa.key": "not-canonical",
    "\u0430\u0440\u0440\u04cf\u0435.key": "confusable",
    "\u00e6on.key": "confusable",
    "\u044elatin.key": "mixed-script",
    "\U0001f600.key": "restricted-character",
    "a\u200db.key": "joiner",
    "\u0301a.key": "leading-mark",
    "x\u2488.key": "disallowed-character",
    "-\u00fc.key": "hyphen-at-edge",
    "ab--\u00fc.key": "hyphens-at-three-and-four",
    "_\u00fc.key": "bad-character",
    f"a{HEBREW}.key": "bidi",
    f"{HEBREW}1a.key": "bidi",
    f"1a.{HEBREW}.key": "bidi",
    ".".join(["a" * 63] * 4) + ".key": "key-length",
    ".".join(["a" * 63] * 4) + ".b.key": "name-too-long",
}


class Names(Case):
    def test_normalised(self):
        for text, ascii in NORMALISED.items():
            name = names.parse_name(text)
            self.assertEqual(name.ascii, ascii)
            for again in (ascii, ascii.upper(), ascii + ".", name.unicode):
                self.assertEqual(names.parse_name(again).ascii, ascii)

    def test_keys(self):
        for label, kind, data in [
            (KEY_0, "key-id", bytes(32)),
            (KEY_1, "key-id", bytes(range(32))),
            (WALLET, "wallet", bytes.fromhex(WALLET[2:])),
        ]:
            name = names.parse_name(f"www.{label}.key")
            self.assertEqual((name.root, name.root_bytes, name.below), (kind, data, "www"))
        self.assertEqual(names.key_id_label(bytes(range(32))), KEY_1)

    def test_refused(self):
        for text, code in REFUSED.items():
            self.refused(code, names.parse_name, text)

    def test_suffixes(self):
        self.assertEqual(names.parse_name("a.key.example.net", ".Key.Example.net.").ascii, "a.key.example.net")
        self.refused("bad-character", names.parse_name, "a._x", "_x")
        self.refused("suffix-too-long", names.parse_name, "a", ".".join(["a" * 60] * 4))

    def test_uris(self):
        for text, ascii, path in [
            ("key://mysite", "mysite.key", "/"),
            ("KEY://MySite/A/../b?c#d", "mysite.key", "/A/../b"),
        ]:
            uri = names.parse_uri(text)
            self.assertEqual((uri.ascii, uri.path), (ascii, path))
        for code, text in [
            ("uri-scheme", "http://a"),
            ("uri-authority", "key:///a"),
            ("uri-authority", "key://a@b/"),
            ("uri-authority", "key://a:1/"),
            ("uri-suffix", "key://mysite.KEY/"),
            ("reserved", "key://key/"),
            ("uri-path", "key://a/b c"),
            ("uri-path", "key://a/#b#c"),
            ("uri-path", "key://a/\\"),
            ("empty-label", "key://a./"),
        ]:
            self.refused(code, names.parse_uri, text)

    def test_data(self):
        self.assertEqual(unicode_rules.DATA["version"], unicodedata2.unidata_version)
        for text in ("b\u00fccher", "\u65e5\u672c\u8a9e", "\u05e9\u05dc\u05d5\u05dd"):
            self.assertEqual(unicode_rules.decode_punycode(text.encode("punycode").decode()), text)
        for text in ("9", "-abc", "a_b", "99999999"):
            self.assertIsNone(unicode_rules.decode_punycode(text))
