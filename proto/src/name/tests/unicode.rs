//! Labels outside ASCII.

use super::*;

#[test]
fn long_claims_in_unicode() {
    // `ü` and 40 letters are 48 octets, and each letter more is one octet more.
    for letters in 35..60 {
        let expected = match letters {
            ..=40 => None,
            41..=55 => Some("claim-too-long"),
            _ => Some("label-too-long"),
        };
        let label = format!("ü{}", "a".repeat(letters));
        let ascii = format!(
            "xn--{}.key",
            idna::punycode::encode_str(&label).expect("short")
        );
        let expected = expected.map_or(Ok(ascii.as_str()), Err);
        check(&format!("{label}.key"), expected);
        check(&ascii, expected);
    }
}

#[test]
fn unicode_names() {
    check("münchen.key", Ok("xn--mnchen-3ya.key"));
    check("MÜNCHEN.key", Ok("xn--mnchen-3ya.key"));
    check("mu\u{308}nchen.key", Ok("xn--mnchen-3ya.key")); // NFC
    check("xn--mnchen-3ya.key", Ok("xn--mnchen-3ya.key"));
    check("XN--MNCHEN-3YA.KEY", Ok("xn--mnchen-3ya.key"));
    check("straße.key", Ok("xn--strae-oqa.key")); // non-transitional
    check("日本語カナ.key", Ok("xn--lck2c295sncbk91h.key")); // Jpan
    check("한글.key", Ok("xn--bj0bj06e.key"));
    check("中国.key", Ok("xn--fiqs8s.key"));
    check("пример.key", Ok("xn--e1afmkfd.key"));
    check("שלום.key", Ok("xn--9dbne9b.key"));
    check("ΟΔΟΣ.key", Ok("xn--pxavbq.key"));
    check("blog.münchen.key", Ok("blog.xn--mnchen-3ya.key"));
    check("bücher.mysite.key", Ok("xn--bcher-kva.mysite.key"));
    check("_443._tcp.שלום.key", Ok("_443._tcp.xn--9dbne9b.key"));

    // What UTS 46 maps away.
    check("ｍysite.key", Ok("mysite.key"));
    check("mysite.ｋｅｙ", Ok("mysite.key"));
    check("my\u{AD}site.key", Ok("mysite.key"));
    check("my\u{200B}site.key", Ok("mysite.key"));
    check("Ⅷ.key", Ok("viii.key"));
    check("\u{212A}elvin.key", Ok("kelvin.key"));
    check("＿dmarc.mysite.key", Ok("_dmarc.mysite.key"));
    check("ｘn--mnchen-3ya.key", Ok("xn--mnchen-3ya.key"));
    check("ｌocalhost.key", Err("reserved"));
    check("＊.mysite.key", Err("wildcard"));
    check("\u{AD}.key", Err("empty-label"));

    for stop in ['\u{3002}', '\u{FF0E}', '\u{FF61}'] {
        check(
            &format!("www{stop}mysite{stop}key{stop}"),
            Ok("www.mysite.key"),
        );
        check(&format!("mysite{stop}{stop}key"), Err("empty-label"));
    }
    check("a\u{2024}b.key", Err("disallowed-character"));
    check("⒈.key", Err("disallowed-character"));
}

#[test]
fn unicode_traps() {
    check("mysіte.key", Err("mixed-script")); // Cyrillic і
    check("漢字ab.key", Err("mixed-script"));
    check("www.mуsite.mysite.key", Err("mixed-script"));
    check("mysite.kеy", Err("mixed-script"));
    check("аррӏе.key", Err("confusable"));
    check("xn--80ak6aa92e.key", Err("confusable"));
    check("аррӏе.mysite.key", Err("confusable"));
    check("æon.key", Err("confusable"));
    check("ı.key", Err("confusable"));
    check("İx.key", Err("confusable"));
    check("my\u{200D}site.key", Err("joiner"));
    check("ن\u{200C}م.key", Err("joiner"));
    check("\u{301}a.key", Err("leading-mark"));
    check("😀.key", Err("restricted-character"));
    check("xn--ls8h.key", Err("restricted-character"));
    check("≠.key", Err("restricted-character"));
    check("bü_x.key", Err("bad-character"));
    check("bü x.key", Err("bad-character"));
    check("\u{FFFD}.key", Err("disallowed-character"));
    check("a\u{202E}b.key", Err("disallowed-character"));
    check("-ü.key", Err("hyphen-at-edge"));
    check("ü-.key", Err("hyphen-at-edge"));
    check("ab--ü.key", Err("hyphens-at-three-and-four"));
    check("ü--b.key", Ok("xn----b-goa.key"));
    check("üx--b.key", Err("hyphens-at-three-and-four"));

    check("a1שלום.key", Err("bidi"));
    check("שלוםa.key", Err("bidi"));
    check("1.שלום.key", Err("bidi"));
    check("٠א.key", Err("bidi"));

    check("xn--.key", Err("bad-punycode"));
    check("xn--abc-.key", Err("bad-punycode")); // decodes to ASCII
    check("xn--mnchen-3y.key", Err("bad-punycode"));
    check("xn--a_b.key", Err("bad-punycode"));
    check("xn--ü.key", Err("bad-punycode"));
    check("x\u{AD}n--ü.key", Err("bad-punycode"));
    check("xn--a.key", Err("disallowed-character"));
    check("xn--tda.key", Ok("xn--tda.key"));
    // Punycode of what UTS 46 maps to something else: `Ü`, a full-width `ａ`, and `u` with a combining diaeresis.
    check("xn--wca.key", Err("not-canonical"));
    check("xn--mi7c.key", Err("not-canonical"));
    check("xn--u-ccb.key", Err("not-canonical"));
    check("www.xn--abc-.mysite.key", Err("bad-punycode"));
}

/// The Unicode data is part of the protocol; an update of it is a decision.
#[test]
fn unicode_version() {
    assert_eq!(unicode_security::UNICODE_VERSION, (18, 0, 0));
    assert_eq!(unicode_script::UNICODE_VERSION, (18, 0, 0));
}

/// Every table has to be of that version: in an older one, characters that another allows would not exist yet.
#[test]
fn unicode_tables_agree() {
    use unicode_security::GeneralSecurityProfile;
    let allowed = ('\u{80}'..=char::MAX).filter(|c| c.identifier_allowed());
    for c in allowed {
        let outcome = Name::parse(&format!("a{c}.key"), &Suffix::KEY);
        let code = outcome.map_err(|e| e.code());
        assert_ne!(
            code,
            Err("disallowed-character"),
            "{c:?} U+{:04X}",
            u32::from(c)
        );
    }
}

/// Comparing a skeleton with "all ASCII" needs every ASCII label's own skeleton to be so.
#[test]
fn ascii_skeletons_are_ascii() {
    let alphabet = "abcdefghijklmnopqrstuvwxyz0123456789-";
    let mut skeleton = unicode_security::skeleton(alphabet);
    assert!(skeleton.all(|c| c.is_ascii_alphanumeric() || c == '-'));
}
