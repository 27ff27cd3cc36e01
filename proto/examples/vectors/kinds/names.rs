//! Names: section 2.

use super::encode::hash;
use super::file::{File, Object, Value};
use super::sign::{label, zbase32};

/// Name, why, text; then the normalised form, the form for people, and the labels below the root label.
const CLAIMED: &[(&str, &str, &str, &str, &str, &str)] = &[
    (
        "plain",
        "a claimed label",
        "mysite.key",
        "mysite.key",
        "mysite.key",
        "",
    ),
    (
        "one-character",
        "the shortest label",
        "a.key",
        "a.key",
        "a.key",
        "",
    ),
    ("digit", "a digit alone", "7.key", "7.key", "7.key", ""),
    (
        "upper-case",
        "case means nothing",
        "WWW.MySite.KEY",
        "www.mysite.key",
        "www.mysite.key",
        "www",
    ),
    (
        "dot-at-end",
        "one dot at the end is dropped",
        "mysite.key.",
        "mysite.key",
        "mysite.key",
        "",
    ),
    (
        "two-below",
        "the labels below",
        "www.blog.mysite.key",
        "www.blog.mysite.key",
        "www.blog.mysite.key",
        "www.blog",
    ),
    (
        "underscores-below",
        "services are named so",
        "_443._tcp.mysite.key",
        "_443._tcp.mysite.key",
        "_443._tcp.mysite.key",
        "_443._tcp",
    ),
    (
        "hyphens-inside",
        "two hyphens, but not at positions 3 and 4",
        "a-b--c.key",
        "a-b--c.key",
        "a-b--c.key",
        "",
    ),
    (
        "hyphens-below",
        "below, positions 3 and 4 do not matter",
        "r3---x.mysite.key",
        "r3---x.mysite.key",
        "r3---x.mysite.key",
        "r3---x",
    ),
    (
        "reserved-below",
        "`test` is reserved as a root label only",
        "test.mysite.key",
        "test.mysite.key",
        "test.mysite.key",
        "test",
    ),
    (
        "hello",
        "the demonstration is not reserved",
        "hello.key",
        "hello.key",
        "hello.key",
        "",
    ),
    (
        "0x-below",
        "`0x` begins a wallet in the root label only",
        "0x.mysite.key",
        "0x.mysite.key",
        "0x.mysite.key",
        "0x",
    ),
    (
        "zero",
        "`0` alone begins no wallet",
        "0.key",
        "0.key",
        "0.key",
        "",
    ),
    (
        "umlaut",
        "an A-label is made",
        "m\u{fc}nchen.key",
        "xn--mnchen-3ya.key",
        "m\u{fc}nchen.key",
        "",
    ),
    (
        "umlaut-upper-case",
        "mapped to lower case",
        "M\u{dc}NCHEN.key",
        "xn--mnchen-3ya.key",
        "m\u{fc}nchen.key",
        "",
    ),
    (
        "umlaut-decomposed",
        "composed by NFC",
        "mu\u{308}nchen.key",
        "xn--mnchen-3ya.key",
        "m\u{fc}nchen.key",
        "",
    ),
    (
        "a-label",
        "an A-label given as such",
        "XN--MNCHEN-3YA.key",
        "xn--mnchen-3ya.key",
        "m\u{fc}nchen.key",
        "",
    ),
    (
        "sharp-s",
        "not transitional: it stays",
        "stra\u{df}e.key",
        "xn--strae-oqa.key",
        "stra\u{df}e.key",
        "",
    ),
    (
        "japanese",
        "Han and Katakana stand together",
        "\u{65e5}\u{672c}\u{8a9e}\u{30ab}\u{30ca}.key",
        "xn--lck2c295sncbk91h.key",
        "\u{65e5}\u{672c}\u{8a9e}\u{30ab}\u{30ca}.key",
        "",
    ),
    (
        "han",
        "one script",
        "\u{4e2d}\u{56fd}.key",
        "xn--fiqs8s.key",
        "\u{4e2d}\u{56fd}.key",
        "",
    ),
    (
        "cyrillic",
        "one script, and not confusable",
        "\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.key",
        "xn--e1afmkfd.key",
        "\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.key",
        "",
    ),
    (
        "hebrew",
        "right to left",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}.key",
        "xn--9dbne9b.key",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}.key",
        "",
    ),
    (
        "hebrew-with-service",
        "labels with an underscore in front have no direction",
        "_443._tcp.\u{5e9}\u{5dc}\u{5d5}\u{5dd}.key",
        "_443._tcp.xn--9dbne9b.key",
        "_443._tcp.\u{5e9}\u{5dc}\u{5d5}\u{5dd}.key",
        "_443._tcp",
    ),
    (
        "umlaut-below",
        "below a claimed label",
        "b\u{fc}cher.mysite.key",
        "xn--bcher-kva.mysite.key",
        "b\u{fc}cher.mysite.key",
        "xn--bcher-kva",
    ),
    (
        "hyphens-after-umlaut",
        "positions count characters of the Unicode form",
        "\u{fc}--b.key",
        "xn----b-goa.key",
        "\u{fc}--b.key",
        "",
    ),
    (
        "full-width",
        "mapped to ASCII",
        "\u{ff4d}ysite.key",
        "mysite.key",
        "mysite.key",
        "",
    ),
    (
        "full-width-suffix",
        "the suffix is mapped too",
        "mysite.\u{ff4b}\u{ff45}\u{ff59}",
        "mysite.key",
        "mysite.key",
        "",
    ),
    (
        "soft-hyphen",
        "mapped to nothing",
        "my\u{ad}site.key",
        "mysite.key",
        "mysite.key",
        "",
    ),
    (
        "ideographic-stop",
        "U+3002 separates labels",
        "www\u{3002}mysite\u{3002}key\u{3002}",
        "www.mysite.key",
        "www.mysite.key",
        "www",
    ),
    (
        "full-width-stop",
        "U+FF0E separates labels",
        "www\u{ff0e}mysite\u{ff0e}key",
        "www.mysite.key",
        "www.mysite.key",
        "www",
    ),
    (
        "half-width-stop",
        "U+FF61 separates labels",
        "www\u{ff61}mysite\u{ff61}key",
        "www.mysite.key",
        "www.mysite.key",
        "www",
    ),
    (
        "path-form",
        "a scope and a namespace",
        "@Widget/SHOP",
        "shop.widget.key",
        "shop.widget.key",
        "shop",
    ),
    (
        "path-form-umlaut",
        "the scope outside ASCII",
        "@m\u{fc}nchen/blog",
        "blog.xn--mnchen-3ya.key",
        "blog.m\u{fc}nchen.key",
        "blog",
    ),
];

const INVALID: &[(&str, &str, &str, &str)] = &[
    ("empty", "nothing", "", "empty"),
    ("dot", "an empty label", ".", "empty-label"),
    ("dot-in-front", "an empty root label", ".key", "empty-label"),
    (
        "two-dots",
        "an empty label",
        "www..mysite.key",
        "empty-label",
    ),
    (
        "two-dots-at-end",
        "one dot alone is dropped",
        "mysite.key..",
        "empty-label",
    ),
    (
        "soft-hyphen-alone",
        "a label that is mapped to nothing",
        "\u{ad}.key",
        "empty-label",
    ),
    ("suffix", "the suffix itself", "key", "suffix-alone"),
    (
        "suffix-with-dot",
        "the suffix itself",
        "KEY.",
        "suffix-alone",
    ),
    ("no-suffix", "a label alone", "mysite", "not-under-suffix"),
    (
        "other-suffix",
        "another suffix",
        "mysite.example.org",
        "not-under-suffix",
    ),
    (
        "suffix-without-dot",
        "no dot before the suffix",
        "mysitekey",
        "not-under-suffix",
    ),
    (
        "line-feed-at-end",
        "the suffix has another character",
        "mysite.key\n",
        "not-under-suffix",
    ),
    (
        "underscore-claimed",
        "no underscore in a claimed label",
        "my_site.key",
        "bad-character",
    ),
    ("space", "no space", "my site.key", "bad-character"),
    (
        "nul",
        "no control character",
        "my\0site.key",
        "bad-character",
    ),
    (
        "tilde-below",
        "outside the set",
        "w~w.mysite.key",
        "bad-character",
    ),
    (
        "star-inside",
        "a star beside other characters",
        "a*.mysite.key",
        "bad-character",
    ),
    (
        "underscore-in-unicode",
        "an underscore has no place there",
        "b\u{fc}_x.key",
        "bad-character",
    ),
    (
        "wildcard-below",
        "a wildcard is an owner and no name",
        "*.mysite.key",
        "wildcard",
    ),
    ("wildcard-claimed", "nobody claims all", "*.key", "wildcard"),
    (
        "hyphen-first",
        "a hyphen first",
        "-mysite.key",
        "hyphen-at-edge",
    ),
    (
        "hyphen-last",
        "a hyphen last",
        "mysite-.key",
        "hyphen-at-edge",
    ),
    (
        "hyphen-first-below",
        "a hyphen first",
        "-www.mysite.key",
        "hyphen-at-edge",
    ),
    (
        "hyphen-first-unicode",
        "a hyphen first",
        "-\u{fc}.key",
        "hyphen-at-edge",
    ),
    (
        "hyphens-3-4",
        "they mark encodings",
        "ab--cd.key",
        "hyphens-at-three-and-four",
    ),
    (
        "hyphens-3-4-unicode",
        "they mark encodings",
        "\u{fc}x--b.key",
        "hyphens-at-three-and-four",
    ),
    (
        "reserved-key",
        "it would read as a second suffix",
        "key.key",
        "reserved",
    ),
    (
        "reserved-localhost",
        "the machine at hand",
        "www.LocalHost.key",
        "reserved",
    ),
    ("reserved-local", "multicast DNS", "local.key", "reserved"),
    (
        "reserved-internal",
        "private networks",
        "internal.key",
        "reserved",
    ),
    (
        "reserved-invalid",
        "never means anything",
        "invalid.key",
        "reserved",
    ),
    ("reserved-test", "for tests", "test.key", "reserved"),
    (
        "reserved-example",
        "for documentation",
        "example.key",
        "reserved",
    ),
    ("reserved-onion", "Tor", "onion.key", "reserved"),
    ("reserved-alt", "names outside DNS", "alt.key", "reserved"),
    (
        "reserved-arpa",
        "the infrastructure of DNS",
        "arpa.key",
        "reserved",
    ),
    (
        "reserved-wpad",
        "computers look for a proxy there",
        "wpad.key",
        "reserved",
    ),
    (
        "reserved-isatap",
        "computers look for a tunnel there",
        "isatap.key",
        "reserved",
    ),
    (
        "reserved-autoconfig",
        "mail programs send passwords there",
        "autoconfig.key",
        "reserved",
    ),
    (
        "reserved-autodiscover",
        "mail programs send passwords there",
        "autodiscover.key",
        "reserved",
    ),
    (
        "reserved-full-width",
        "reserved once it is mapped",
        "\u{ff4c}ocalhost.key",
        "reserved",
    ),
    (
        "path-without-slash",
        "a scope alone",
        "@widget",
        "path-form",
    ),
    (
        "path-empty-namespace",
        "nothing after the slash",
        "@widget/",
        "path-form",
    ),
    (
        "path-empty-scope",
        "nothing before the slash",
        "@/shop",
        "path-form",
    ),
    ("path-two-slashes", "two slashes", "@a/b/c", "path-form"),
    (
        "path-dot-in-scope",
        "a scope is one label",
        "@a.b/c",
        "path-form",
    ),
    (
        "path-stop-in-namespace",
        "a namespace is one label",
        "@a/b\u{3002}c",
        "path-form",
    ),
    (
        "path-reserved",
        "the scope is a root label",
        "@key/c",
        "reserved",
    ),
    (
        "wallet-short",
        "39 digits",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae.key",
        "wallet-length",
    ),
    (
        "wallet-long",
        "41 digits",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed0.key",
        "wallet-length",
    ),
    ("wallet-empty", "no digits", "0x.key", "wallet-length"),
    (
        "wallet-character",
        "`g` is no digit",
        "0xgaaeb6053f3e94c9b9a09f33669435e7ef1beaed.key",
        "key-character",
    ),
    (
        "punycode-empty",
        "nothing follows `xn--`",
        "xn--.key",
        "bad-punycode",
    ),
    (
        "punycode-of-ascii",
        "a text in ASCII has no A-label",
        "xn--abc-.key",
        "bad-punycode",
    ),
    (
        "punycode-cut",
        "it does not decode",
        "xn--mnchen-3y.key",
        "bad-punycode",
    ),
    (
        "punycode-of-upper-case",
        "its text maps to another",
        "xn--wca.key",
        "not-canonical",
    ),
    (
        "punycode-of-decomposed",
        "its text is not in NFC",
        "xn--u-ccb.key",
        "not-canonical",
    ),
    (
        "right-to-left-override",
        "it turns the text around",
        "a\u{202e}b.key",
        "disallowed-character",
    ),
    (
        "maps-to-a-stop",
        "U+2024 maps to a full stop",
        "a\u{2024}b.key",
        "disallowed-character",
    ),
    (
        "emoji",
        "no letter of any script",
        "\u{1f600}.key",
        "restricted-character",
    ),
    (
        "emoji-a-label",
        "as an A-label",
        "xn--ls8h.key",
        "restricted-character",
    ),
    (
        "joiner",
        "U+200D cannot be seen",
        "my\u{200d}site.key",
        "joiner",
    ),
    (
        "non-joiner",
        "U+200C where UTS 46 would allow it",
        "\u{646}\u{200c}\u{645}.key",
        "joiner",
    ),
    (
        "mark-first",
        "a combining mark first",
        "\u{301}a.key",
        "leading-mark",
    ),
    (
        "cyrillic-in-latin",
        "one Cyrillic letter",
        "mys\u{456}te.key",
        "mixed-script",
    ),
    (
        "han-and-latin",
        "two scripts",
        "\u{6f22}\u{5b57}ab.key",
        "mixed-script",
    ),
    (
        "cyrillic-in-suffix",
        "one Cyrillic letter",
        "mysite.k\u{435}y",
        "mixed-script",
    ),
    (
        "cyrillic-apple",
        "looks like `apple`",
        "\u{430}\u{440}\u{440}\u{4cf}\u{435}.key",
        "confusable",
    ),
    (
        "cyrillic-apple-a-label",
        "looks like `apple`",
        "xn--80ak6aa92e.key",
        "confusable",
    ),
    (
        "cyrillic-apple-below",
        "looks like `apple`",
        "\u{430}\u{440}\u{440}\u{4cf}\u{435}.mysite.key",
        "confusable",
    ),
    (
        "ligature",
        "looks like `aeon`",
        "\u{e6}on.key",
        "confusable",
    ),
    ("dotless-i", "looks like `i`", "\u{131}.key", "confusable"),
    (
        "digits-before-hebrew",
        "Latin and Hebrew in one label",
        "a1\u{5e9}\u{5dc}\u{5d5}\u{5dd}.key",
        "bidi",
    ),
    (
        "digit-label-beside-hebrew",
        "a label that begins with a digit",
        "1.\u{5e9}\u{5dc}\u{5d5}\u{5dd}.key",
        "bidi",
    ),
];

/// 32 octets that rise from 0.
pub(super) fn rising() -> [u8; 32] {
    core::array::from_fn(|at| at as u8)
}

pub(super) fn file() -> File {
    let mut file = File::new(
        "name",
        "Names under the suffix `key` or another, and their one form (section 2).",
    );
    for (name, why, given, ascii, unicode, below) in CLAIMED {
        let facts = facts(ascii, unicode, "claimed", below);
        file.valid(*name, *why, text(given), facts);
    }
    add_lengths(&mut file);
    add_keys(&mut file);
    add_suffixes(&mut file);
    for (name, why, given, code) in INVALID {
        file.invalid(*name, *why, text(given), code);
    }
    file
}

fn text(text: &str) -> Object {
    [("text", text.into())].into()
}

fn facts(ascii: &str, unicode: &str, root: &str, below: &str) -> Object {
    let root: [(&'static str, Value); 3] = [
        ("ascii", ascii.into()),
        ("unicode", unicode.into()),
        ("root", root.into()),
    ];
    Object::from(root).and("below", below)
}

fn add_lengths(file: &mut File) {
    let a = |count: usize| "a".repeat(count);
    let longest = format!("{}.key", a(48));
    file.valid(
        "48-octets",
        "the longest claim",
        text(&longest),
        facts(&longest, &longest, "claimed", ""),
    );
    for count in [49, 51, 53, 55, 57, 63] {
        let why = "too long for a claim, and no key";
        file.invalid(
            format!("{count}-octets"),
            why,
            text(&format!("{}.key", a(count))),
            "key-length",
        );
    }
    file.invalid(
        "64-octets",
        "more than DNS carries",
        text(&format!("{}.key", a(64))),
        "label-too-long",
    );
    let below = format!("{}.mysite.key", a(63));
    file.valid(
        "63-octets-below",
        "the longest label",
        text(&below),
        facts(&below, &below, "claimed", &a(63)),
    );
    file.invalid(
        "64-octets-below",
        "more than DNS carries",
        text(&format!("{}.mysite.key", a(64))),
        "label-too-long",
    );
    let three = format!("{0}.{0}.{0}", a(63));
    let of = |octets: usize| format!("{}.{three}", a(octets - 11 - three.len() - 1));
    let whole = format!("{}.mysite.key", of(253));
    file.valid(
        "253-octets",
        "the longest name",
        text(&whole),
        facts(&whole, &whole, "claimed", &of(253)),
    );
    file.invalid(
        "254-octets",
        "256 octets in wire form",
        text(&format!("{}.mysite.key", of(254))),
        "name-too-long",
    );
    file.invalid(
        "2048-octets-of-text",
        "as much as is read",
        text(&a(2048)),
        "not-under-suffix",
    );
    file.invalid(
        "2049-octets-of-text",
        "more than is read",
        text(&a(2049)),
        "input-too-long",
    );
    file.invalid(
        "2050-octets-in-utf8",
        "octets count, not characters",
        text(&"\u{fc}".repeat(1025)),
        "input-too-long",
    );
    // `ü` and 40 letters have an A-label of 48 octets.
    let umlaut = |count: usize| format!("\u{fc}{}.key", a(count));
    let punycode = idna::punycode::encode_str(&format!("\u{fc}{}", a(40))).expect("it is short");
    let ascii = format!("xn--{punycode}.key");
    file.valid(
        "claim-of-48-octets",
        "as long as an A-label may be",
        text(&umlaut(40)),
        facts(&ascii, &umlaut(40), "claimed", ""),
    );
    file.invalid(
        "claim-of-49-octets",
        "too long as an A-label",
        text(&umlaut(41)),
        "claim-too-long",
    );
    file.invalid(
        "unicode-label-of-64-octets",
        "too long as an A-label",
        text(&umlaut(56)),
        "label-too-long",
    );
}

fn add_keys(file: &mut File) {
    let root = |kind: &'static str, hex: &str, label: &str| {
        let name = format!("{label}.key");
        facts(&name, &name, kind, "").and("root_hex", hex)
    };
    let hex = |octets: &[u8]| data_encoding::HEXLOWER.encode(octets);
    let zero = "yryyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyybaer";
    let counted = "yryynyodyonocbaebrfysdypba8tyre1nckbkfozdyctwgahdwxb63cn";
    let under_key = |label: &str| text(&format!("{label}.key"));
    file.valid(
        "key-id-zero",
        "32 octets of zero",
        under_key(zero),
        root("key-id", &hex(&[0; 32]), zero),
    );
    file.valid(
        "key-id-rising",
        "the octets 0 to 31",
        under_key(counted),
        root("key-id", &hex(&rising()), counted),
    );
    let upper = under_key(&counted.to_uppercase());
    file.valid(
        "key-id-upper-case",
        "keys have no case",
        upper,
        root("key-id", &hex(&rising()), counted),
    );
    let below = format!("www.{counted}.key");
    let below_facts = facts(&below, &below, "key-id", "www").and("root_hex", hex(&rising()));
    file.valid(
        "below-key-id",
        "a label below a key id",
        text(&below),
        below_facts,
    );
    let pkarr = "o4dksfbqk85ogzdb5osziw6befigbuxmuxkuxq8434q89uj56uyy";
    let why = "an ed25519 key that others published";
    file.valid(
        "ed25519-pkarr",
        why,
        under_key(pkarr),
        root("ed25519", &hex(&unzbase32(pkarr)), pkarr),
    );
    let oxen = "6fi4kseo88aeupbkopyzknjo1odw4dcuxjh6kx1hhhax1tzbjqry";
    let oxen_hex = "f16ba5591039f089b42a834175093094074d0d937a79e53e5ce730f946e14b88";
    file.valid(
        "ed25519-oxen",
        why,
        under_key(oxen),
        root("ed25519", oxen_hex, oxen),
    );
    let no_point = format!("{}y", "y".repeat(51));
    file.valid(
        "ed25519-small-order",
        "the point is not looked at here",
        under_key(&no_point),
        root("ed25519", &hex(&[0; 32]), &no_point),
    );
    let wallet = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
    let mixed = under_key("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
    file.valid(
        "wallet",
        "the case of EIP-55 is lost",
        mixed,
        root("wallet", &wallet[2..], wallet),
    );

    let wrong = |at: usize, with: &str| {
        let mut label = counted.to_string();
        label.replace_range(at..=at, with);
        under_key(&label)
    };
    file.invalid(
        "key-id-mistyped-first",
        "one character is wrong",
        wrong(0, "b"),
        "key-checksum",
    );
    file.invalid(
        "key-id-mistyped-middle",
        "one character is wrong",
        wrong(30, "y"),
        "key-checksum",
    );
    file.invalid(
        "key-id-mistyped-last",
        "one character is wrong",
        wrong(55, "y"),
        "key-checksum",
    );
    for (name, character) in [
        ("zero", "0"),
        ("l", "l"),
        ("v", "v"),
        ("two", "2"),
        ("hyphen", "-"),
    ] {
        let why = "not of the alphabet";
        file.invalid(
            format!("key-id-character-{name}"),
            why,
            wrong(30, character),
            "key-character",
        );
    }
    let version = |version: u8| {
        let versioned = [&[version], &rising()[..]].concat();
        let checksum = hash("dotkey name checksum v1", &versioned);
        zbase32(&[&versioned, &checksum[..2]].concat())
    };
    file.invalid(
        "key-id-version-2",
        "the checksum is right",
        under_key(&version(2)),
        "key-version",
    );
    file.invalid(
        "key-id-version-0",
        "the checksum is right",
        under_key(&version(0)),
        "key-version",
    );
    file.invalid(
        "key-id-cut",
        "55 of 56 characters",
        under_key(&label(&rising())[..55]),
        "key-length",
    );
    file.invalid(
        "ed25519-padding",
        "the last character carries bits of no key",
        under_key(&format!("{}b", "y".repeat(51))),
        "key-trailing-bits",
    );
    file.invalid(
        "ed25519-character",
        "`v` is not of the alphabet",
        under_key(&format!("{}vy", "y".repeat(50))),
        "key-character",
    );
}

/// The first 32 octets of 52 characters of z-base-32.
fn unzbase32(label: &str) -> Vec<u8> {
    let alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769";
    let mut bits = Vec::new();
    for character in label.chars() {
        let group = alphabet.find(character).expect("of the alphabet");
        bits.extend((0..5).rev().map(|bit| (group >> bit & 1) as u8));
    }
    bits.chunks_exact(8)
        .map(|octet| octet.iter().fold(0, |sum, bit| sum << 1 | bit))
        .collect()
}

fn add_suffixes(file: &mut File) {
    let under = |given: &str, suffix: &str| text(given).and("suffix", suffix);
    let bridge = "key.example.net";
    let name = "www.mysite.key.example.net";
    file.valid(
        "suffix-of-three",
        "an operator's bridge",
        under(name, bridge),
        facts(name, name, "claimed", "www"),
    );
    file.valid(
        "suffix-decorated",
        "a dot before and after, and case",
        under(name, ".Key.Example.NET."),
        facts(name, name, "claimed", "www"),
    );
    let in_path = "b.a.key.example.net";
    file.valid(
        "suffix-path-form",
        "a path form under a bridge",
        under("@a/b", bridge),
        facts(in_path, in_path, "claimed", "b"),
    );
    file.invalid(
        "suffix-other",
        "`key` is not the suffix here",
        under("mysite.key", bridge),
        "not-under-suffix",
    );
    file.invalid(
        "suffix-of-three-alone",
        "the suffix itself",
        under("key.example.net", bridge),
        "suffix-alone",
    );
    let long = |count: usize| format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(count));
    let fits = format!("a.{}", long(4));
    file.valid(
        "suffix-196-octets",
        "the longest suffix",
        under(&fits, &long(4)),
        facts(&fits, &fits, "claimed", ""),
    );
    for (name, why, suffix, code) in [
        (
            "suffix-197-octets",
            "no key id would fit before it",
            &*long(5),
            "suffix-too-long",
        ),
        ("suffix-empty", "nothing", "", "empty"),
        ("suffix-dot", "nothing but a dot", ".", "empty"),
        (
            "suffix-empty-label",
            "nothing between two dots",
            "a..b",
            "empty-label",
        ),
        (
            "suffix-underscore",
            "no underscore in a suffix",
            "_key",
            "bad-character",
        ),
        ("suffix-hyphen", "a hyphen first", "-key", "hyphen-at-edge"),
    ] {
        file.invalid(name, why, under("mysite.key", suffix), code);
    }
}
