//! Every trap that names have, as tables of what goes in and what has to come out.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

mod properties;
mod unicode;

// Made by another program, in Python.
const PINNED_ZERO: &str = "yryyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyybaer";
const PINNED_RISING: &str = "yryynyodyonocbaebrfysdypba8tyre1nckbkfozdyctwgahdwxb63cn";
const PINNED_VERSION_2: &str = "yeyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyb3oz";

/// The normalised text, or the code of the refusal.
fn check(input: &str, expected: Result<&str, &str>) {
    check_under(&Suffix::KEY, input, expected);
}

fn check_under(suffix: &Suffix, input: &str, expected: Result<&str, &str>) {
    let parsed = Name::parse(input, suffix);
    let outcome = parsed.as_ref().map(Name::as_ascii);
    assert_eq!(outcome.map_err(NameError::code), expected, "{input:?}");
    if let Ok(name) = &parsed {
        assert_stable(name, suffix);
    }
}

/// Whatever a name displays as means the same name.
fn assert_stable(name: &Name, suffix: &Suffix) {
    let again = |text: &str| Name::parse(text, suffix).expect("a displayed name is a name");
    assert_eq!(&again(name.as_ascii()), name);
    assert_eq!(&again(&name.to_unicode()), name);
    assert_eq!(&again(&name.as_ascii().to_ascii_uppercase()), name);
    assert_eq!(&again(&format!("{name}.")), name);
    if let Some(path) = name.path_form() {
        assert_eq!(&again(&path), name);
    }
    let uri = KeyUri::parse(&name.uri(), suffix).expect("a name's URI is one");
    assert_eq!(uri.name(), name);
    assert!(name.owner_wire().len() + name.root_label().len() < 255);
}

#[test]
fn ascii_names() {
    check("mysite.key", Ok("mysite.key"));
    check("mysite.key.", Ok("mysite.key"));
    check("MySite.KEY", Ok("mysite.key"));
    check("hello.key", Ok("hello.key"));
    check("a.key", Ok("a.key"));
    check("7.key", Ok("7.key"));
    check("a-b--c.key", Ok("a-b--c.key"));
    check("www.Blog.mysite.key", Ok("www.blog.mysite.key"));
    check("_443._tcp.mysite.key", Ok("_443._tcp.mysite.key"));
    check("a_b.mysite.key", Ok("a_b.mysite.key"));
    check("r3---x.mysite.key", Ok("r3---x.mysite.key"));
    check("example.mysite.key", Ok("example.mysite.key"));

    check("", Err("empty"));
    check(".", Err("empty-label"));
    check("key", Err("suffix-alone"));
    check("KEY.", Err("suffix-alone"));
    check(".key", Err("empty-label"));
    check(".mysite.key", Err("empty-label"));
    check("mysite..key", Err("empty-label"));
    check("www..mysite.key", Err("empty-label"));
    check("mysite.key..", Err("empty-label"));
    check("mysite", Err("not-under-suffix"));
    check("mysitekey", Err("not-under-suffix"));
    check("mysite.key.org", Err("not-under-suffix"));
    check("mysite.xkey", Err("not-under-suffix"));

    check("my_site.key", Err("bad-character"));
    check("my site.key", Err("bad-character"));
    check(" mysite.key", Err("bad-character"));
    check("mysite.key\n", Err("not-under-suffix"));
    check("my\0site.key", Err("bad-character"));
    check("my/site.key", Err("bad-character"));
    check("w~w.mysite.key", Err("bad-character"));
    check("*.mysite.key", Err("wildcard"));
    check("*.key", Err("wildcard"));
    check("a*.mysite.key", Err("bad-character"));
    check("-mysite.key", Err("hyphen-at-edge"));
    check("mysite-.key", Err("hyphen-at-edge"));
    check("-.key", Err("hyphen-at-edge"));
    check("-www.mysite.key", Err("hyphen-at-edge"));
    check("www-.mysite.key", Err("hyphen-at-edge"));
    check("ab--cd.key", Err("hyphens-at-three-and-four"));
    check("ab--.key", Err("hyphen-at-edge"));
}

#[test]
fn reserved_labels() {
    for (label, _) in RESERVED {
        check(&format!("{label}.key"), Err("reserved"));
        check(
            &format!("www.{}.key", label.to_uppercase()),
            Err("reserved"),
        );
        let below = format!("{label}.mysite.key");
        check(&below, Ok(&below));
    }
}

#[test]
fn lengths() {
    let a = |count: usize| "a".repeat(count);
    check(&format!("{}.key", a(48)), Ok(&format!("{}.key", a(48))));
    for count in [49, 51, 53, 55, 57, 63] {
        check(&format!("{}.key", a(count)), Err("key-length"));
    }
    check(&format!("{}.key", a(64)), Err("label-too-long"));
    let below = format!("{}.mysite.key", a(63));
    check(&below, Ok(&below));
    check(&format!("{}.mysite.key", a(64)), Err("label-too-long"));

    let with_text_of = |octets: usize| {
        let three = format!("{0}.{0}.{0}.mysite.key", a(63));
        format!("{}.{three}", a(octets - three.len() - 1))
    };
    check(&with_text_of(253), Ok(&with_text_of(253)));
    check(&format!("{}.", with_text_of(253)), Ok(&with_text_of(253)));
    check(&with_text_of(254), Err("name-too-long"));

    check(&a(2048), Err("not-under-suffix"));
    check(&a(2049), Err("input-too-long"));
    check(&"ü".repeat(1025), Err("input-too-long"));
    check(&format!("{}.key", "ü".repeat(1000)), Err("label-too-long"));
}

#[test]
fn self_certifying_names() {
    let key_id = KeyId::from_bytes([0xA5; 32]);
    let name = Name::of_key_id(&key_id, &Suffix::KEY);
    assert_eq!(name.root_label(), key_id.to_string());
    assert_eq!(name.root_label().len(), 56);
    let below = Name::parse(
        &format!("WWW.{}", name.as_ascii().to_uppercase()),
        &Suffix::KEY,
    );
    let below = below.expect("a key id holds in any case");
    assert_eq!((below.root(), below.apex()), (&Root::KeyId(key_id), name));

    // The example of pkarr's documentation.
    let pkarr = "o4dksfbqk85ogzdb5osziw6befigbuxmuxkuxq8434q89uj56uyy";
    let parsed = Name::parse(&format!("{pkarr}.key"), &Suffix::KEY).expect("pkarr's key");
    let Root::Ed25519(public_key) = *parsed.root() else {
        panic!("52 characters are a public key")
    };
    assert_eq!(encode_ed25519(&public_key), pkarr);
    assert_eq!(Name::of_ed25519(&public_key, &Suffix::KEY), parsed);

    let wallet = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed.key";
    let parsed = Name::parse(wallet, &Suffix::KEY).expect("a wallet's address");
    let Root::Wallet(address) = *parsed.root() else {
        panic!("0x and 40 digits are a wallet")
    };
    assert_eq!(parsed.as_ascii(), wallet.to_lowercase());
    assert_eq!(Name::of_wallet(&address, &Suffix::KEY), parsed);
}

/// Formats are forever: these texts were made once and must never change.
#[test]
fn self_certifying_labels_are_pinned() {
    let rising: [u8; 32] = core::array::from_fn(|i| u8::try_from(i).expect("below 32"));
    for (key_id, label) in [([0; 32], PINNED_ZERO), (rising, PINNED_RISING)] {
        assert_eq!(encode_key_id(&KeyId::from_bytes(key_id)), label);
    }
    assert_eq!(encode_ed25519(&[0; 32]), "y".repeat(52));
    assert_eq!(encode_wallet(&[0xAB; 20]), format!("0x{}", "ab".repeat(20)));
}

#[test]
fn damaged_self_certifying_labels() {
    let key_id = encode_key_id(&KeyId::from_bytes([0xA5; 32]));
    let at = |index: usize, with: &str| {
        let mut label = key_id.clone();
        label.replace_range(index..=index, with);
        label
    };
    for index in 0..56 {
        let other = if key_id.as_bytes()[index] == b'y' {
            "b"
        } else {
            "y"
        };
        check(&format!("{}.key", at(index, other)), Err("key-checksum"));
    }
    for wrong in ["0", "l", "v", "2", "-", "_", "!"] {
        check(&format!("{}.key", at(30, wrong)), Err("key-character"));
    }
    check(&format!("{}.key", &key_id[1..]), Err("key-length"));
    check(&format!("{key_id}y.key"), Err("key-length"));
    check(&format!("{}.key", &key_id[..52]), Err("key-trailing-bits"));
    check(&format!("{PINNED_VERSION_2}.key"), Err("key-version"));

    let y = "y".repeat(51);
    check(&format!("{y}o.key"), Ok(&format!("{y}o.key")));
    for last in ["b", "n", "9", "e"] {
        check(&format!("{y}{last}.key"), Err("key-trailing-bits"));
    }
    check(&format!("{y}v.key"), Err("key-character"));

    let digits = "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
    check(&format!("0x{digits}.key"), Ok(&format!("0x{digits}.key")));
    check(&format!("0x{}.key", &digits[1..]), Err("wallet-length"));
    check(&format!("0x{digits}0.key"), Err("wallet-length"));
    check("0x.key", Err("wallet-length"));
    check("0X1.key", Err("wallet-length"));
    check(&format!("0x{}g.key", &digits[1..]), Err("key-character"));
    check(&format!("0x{}-.key", &digits[1..]), Err("key-character"));
    check("0x.mysite.key", Ok("0x.mysite.key"));
    check("0.key", Ok("0.key"));
}

#[test]
fn path_forms() {
    check("@widget/shop", Ok("shop.widget.key"));
    check("@Widget/SHOP", Ok("shop.widget.key"));
    check("@münchen/blog", Ok("blog.xn--mnchen-3ya.key"));
    for wrong in [
        "@", "@/", "@widget", "@widget/", "@/shop", "@a/b/c", "@a/b/", "@a.b/c", "@a/b.c",
        "@a/b。c", "@a.key/b",
    ] {
        check(wrong, Err("path-form"));
    }
    check("@a_b/c", Err("bad-character"));
    check("@key/c", Err("reserved"));
    check("@@a/b", Err("bad-character"));
}

#[test]
fn suffixes() {
    let bridge = Suffix::parse(".Key.Example.NET.").expect("a suffix of three labels");
    assert_eq!(bridge.as_ascii(), "key.example.net");
    check_under(
        &bridge,
        "www.mysite.key.example.net",
        Ok("www.mysite.key.example.net"),
    );
    check_under(&bridge, "@a/b", Ok("b.a.key.example.net"));
    check_under(&bridge, "mysite.key", Err("not-under-suffix"));
    check_under(&bridge, "Key.example.net", Err("suffix-alone"));
    let name = Name::parse("a.b.mysite.key.example.net", &bridge).expect("a name");
    assert_eq!(
        (name.below(), name.root_label(), name.suffix()),
        ("a.b", "mysite", "key.example.net")
    );

    let long = |count: usize| [&*"a".repeat(63); 3].join(".") + "." + &"a".repeat(count);
    for (text, expected) in [
        ("key", Ok("key")),
        ("schlüssel", Ok("xn--schlssel-95a")),
        ("", Err("empty")),
        (".", Err("empty")),
        ("a..b", Err("empty-label")),
        ("..key", Err("empty-label")),
        ("_key", Err("bad-character")),
        ("k*y", Err("bad-character")),
        ("-key", Err("hyphen-at-edge")),
        ("kеy", Err("mixed-script")),
        (&*long(4), Ok(&*long(4))),
        (&*long(5), Err("suffix-too-long")),
    ] {
        let parsed = Suffix::parse(text);
        let outcome = parsed.as_ref().map(Suffix::as_ascii);
        assert_eq!(outcome.map_err(NameError::code), expected, "{text:?}");
    }
    let longest = Suffix::parse(&long(4)).expect("checked above");
    assert_stable(
        &Name::of_key_id(&KeyId::from_bytes([1; 32]), &longest),
        &longest,
    );
}

#[test]
fn parts_of_a_name() {
    let name = Name::parse("WWW.Blog.münchen.key.", &Suffix::KEY).expect("a name");
    assert_eq!(name.below(), "www.blog");
    assert_eq!(name.root_label(), "xn--mnchen-3ya");
    assert_eq!(name.suffix(), "key");
    assert_eq!(name.root(), &Root::Claimed);
    assert_eq!(name.to_unicode(), "www.blog.münchen.key");
    assert_eq!(name.uri(), "key://www.blog.xn--mnchen-3ya/");
    assert_eq!(name.owner_wire(), b"\x03www\x04blog");
    assert_eq!(name.path_form(), None);
    let apex = name.apex();
    assert_eq!((apex.below(), apex.root_label()), ("", name.root_label()));
    assert_eq!(apex.owner_wire(), Vec::<u8>::new());
    assert_eq!(
        apex,
        Name::parse("münchen.key", &Suffix::KEY).expect("a name")
    );
}

#[test]
fn uris() {
    type Parts<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);
    let check = |text: &str, expected: Result<Parts<'_>, &str>| {
        let parsed = KeyUri::parse(text, &Suffix::KEY);
        let outcome = parsed.as_ref().map(|uri| {
            (
                uri.name().as_ascii(),
                uri.path(),
                uri.query(),
                uri.fragment(),
            )
        });
        assert_eq!(outcome.map_err(NameError::code), expected, "{text:?}");
    };
    check("key://mysite", Ok(("mysite.key", "/", None, None)));
    check("KEY://MySite/", Ok(("mysite.key", "/", None, None)));
    check(
        "key://www.mysite/A%20b/..",
        Ok(("www.mysite.key", "/A%20b/..", None, None)),
    );
    check(
        "key://mysite?q=1/2?3#f?g",
        Ok(("mysite.key", "/", Some("q=1/2?3"), Some("f?g"))),
    );
    check(
        "key://mysite/p#f?g",
        Ok(("mysite.key", "/p", None, Some("f?g"))),
    );
    check(
        "key://münchen/ü",
        Ok(("xn--mnchen-3ya.key", "/ü", None, None)),
    );
    check("https://mysite/", Err("uri-scheme"));
    check("key:/mysite/", Err("uri-scheme"));
    check("", Err("uri-scheme"));
    check("ü", Err("uri-scheme"));
    check("key://", Err("uri-authority"));
    check("key:///path", Err("uri-authority"));
    check("key://me@mysite/", Err("uri-authority"));
    check("key://mysite:443/", Err("uri-authority"));
    check("key://mysite.key/", Err("uri-suffix"));
    check("key://www.mysite.KEY", Err("uri-suffix"));
    check("key://key/", Err("reserved"));
    check("key://.key/", Err("reserved"));
    check("key://mysite./", Err("empty-label"));
    check("key://my%20site/", Err("bad-character"));
    check("key://mysite/a b", Err("uri-path"));
    check("key://mysite/a\\b", Err("uri-path"));
    check("key://mysite/\n", Err("uri-path"));
    check("key://mysite/#a#b", Err("uri-path"));
    check("key://mysite。key/", Err("uri-suffix"));
    check("key://mysite．ＫＥＹ/", Err("uri-suffix"));
    check("key://münchen｡key/", Err("uri-suffix"));
    check("key://key。/", Err("empty-label"));
    check("key://ｍｙｓｉｔｅ/", Ok(("mysite.key", "/", None, None)));
    check(
        "key://www。mysite/",
        Ok(("www.mysite.key", "/", None, None)),
    );
    let invisible = "\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                     \u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";
    for character in invisible.chars() {
        for place in ["/a", "?q=", "#f"] {
            check(&format!("key://mysite{place}{character}b"), Err("uri-path"));
        }
    }
}

#[test]
fn uris_carry_no_suffix_however_it_is_written() {
    let suffix = Suffix::parse("key.example.net").expect("valid");
    for text in [
        "key://mysite.key.example.net/",
        "key://mysite。key。example。net/",
        "key://mysite．ｋｅｙ.Example｡net/",
    ] {
        let error = KeyUri::parse(text, &suffix).expect_err(text);
        assert_eq!(error.code(), "uri-suffix", "{text}");
        assert!(error.to_string().contains("`key://mysite/`"), "{error}");
    }
    let suffix = Suffix::parse("schlüssel.example").expect("valid");
    for text in [
        "key://mysite.schlüssel.example/",
        "key://mysite.xn--schlssel-95a.example/",
    ] {
        let error = KeyUri::parse(text, &suffix).expect_err(text);
        assert_eq!(error.code(), "uri-suffix", "{text} {}", suffix.as_ascii());
    }
}

#[test]
fn messages_tell_what_would_be_right() {
    let message = |text: &str| {
        Name::parse(text, &Suffix::KEY)
            .expect_err("refused")
            .to_string()
    };
    for (text, expected) in [
        (
            "My_Site.key",
            "\"My_Site\" is not a name: `_` at position 3 is not allowed in the claimed label; \
             use letters, digits and hyphens, such as `my-site.key`",
        ),
        (
            "-.key",
            "\"-\" is not a name: a label neither begins nor ends with a hyphen, such as `mysite.key`",
        ),
        (
            "test_.key",
            "\"test_\" is not a name: `_` at position 5 is not allowed in the claimed label; \
             use letters, digits and hyphens, such as `mysite.key`",
        ),
        (
            "аррӏе.key",
            "\"аррӏе\" is not a name: it looks the same as `apple`; if that was meant, write it in ASCII",
        ),
        (
            "mysіte.key",
            "\"mysіte\" is not a name: `і` (U+0456) at position 4 is of another script than what stands \
             before it; keep a label to one script",
        ),
        (
            "example.com",
            "\"example.com\" does not end in `.key`; names here do, such as `mysite.key`",
        ),
        (
            "www..mysite.key",
            "\"www..mysite.key\" is not a name: nothing stands in its label 2; \
             write exactly one dot between labels",
        ),
        (
            "test.key",
            "`test` cannot be claimed: it is for tests (RFC 6761 section 6.2); choose another label",
        ),
    ] {
        assert_eq!(message(text), expected);
    }
    let uri = KeyUri::parse("key://www.mysite.key/a", &Suffix::KEY).expect_err("refused");
    assert!(
        uri.to_string().ends_with("write `key://www.mysite/`"),
        "{uri}"
    );
}
