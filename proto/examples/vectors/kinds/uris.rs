//! URIs: section 2.5.

use super::file::{File, Object};

const VALID: &[(&str, &str, &str, &str, &str)] = &[
    (
        "authority-alone",
        "an absent path is `/`",
        "key://mysite",
        "mysite.key",
        "/",
    ),
    (
        "scheme-upper-case",
        "the scheme has no case",
        "KEY://MySite/",
        "mysite.key",
        "/",
    ),
    (
        "path-kept",
        "nothing is decoded or removed",
        "key://www.mysite/A%20b/..",
        "www.mysite.key",
        "/A%20b/..",
    ),
    (
        "query-without-path",
        "the authority ends at `?`",
        "key://mysite?q=1/2",
        "mysite.key",
        "/",
    ),
    (
        "fragment-without-path",
        "the authority ends at `#`",
        "key://mysite#a?b/c",
        "mysite.key",
        "/",
    ),
    (
        "query-and-fragment",
        "neither is part of the path",
        "key://mysite/p?q#f",
        "mysite.key",
        "/p",
    ),
    (
        "outside-ascii",
        "also in the path",
        "key://m\u{fc}nchen/\u{fc}",
        "xn--mnchen-3ya.key",
        "/\u{fc}",
    ),
    (
        "at-sign-in-path",
        "only the authority may not have one",
        "key://mysite/@a:b",
        "mysite.key",
        "/@a:b",
    ),
    (
        "wallet",
        "a self-certifying label",
        "key://0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed/",
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed.key",
        "/",
    ),
];

const INVALID: &[(&str, &str, &str, &str)] = &[
    ("empty", "no scheme", "", "uri-scheme"),
    (
        "other-scheme",
        "another scheme",
        "https://mysite/",
        "uri-scheme",
    ),
    (
        "one-slash",
        "one slash is missing",
        "key:/mysite/",
        "uri-scheme",
    ),
    (
        "space-before",
        "a character before the scheme",
        " key://mysite/",
        "uri-scheme",
    ),
    (
        "authority-empty",
        "nothing after the scheme",
        "key://",
        "uri-authority",
    ),
    (
        "authority-empty-with-path",
        "a path alone",
        "key:///path",
        "uri-authority",
    ),
    (
        "user",
        "a name has no user",
        "key://me@mysite/",
        "uri-authority",
    ),
    (
        "port",
        "a name has no port",
        "key://mysite:443/",
        "uri-authority",
    ),
    (
        "path-form",
        "the authority is no path form",
        "key://@a/b",
        "uri-authority",
    ),
    (
        "suffix",
        "a URI carries no suffix",
        "key://mysite.key/",
        "uri-suffix",
    ),
    (
        "suffix-upper-case",
        "a URI carries no suffix",
        "key://www.mysite.KEY",
        "uri-suffix",
    ),
    (
        "reserved",
        "the label `key` is reserved",
        "key://key/",
        "reserved",
    ),
    (
        "dot-at-end",
        "a dot and the suffix would follow",
        "key://mysite./",
        "empty-label",
    ),
    (
        "percent",
        "the authority is not decoded",
        "key://my%20site/",
        "bad-character",
    ),
    (
        "space-in-path",
        "white space",
        "key://mysite/a b",
        "uri-path",
    ),
    (
        "no-break-space-in-path",
        "white space outside ASCII",
        "key://mysite/a\u{a0}b",
        "uri-path",
    ),
    (
        "backslash-in-path",
        "some programs take it for a slash",
        "key://mysite/a\\b",
        "uri-path",
    ),
    (
        "line-feed-at-end",
        "a control character",
        "key://mysite/\n",
        "uri-path",
    ),
    (
        "delete-in-query",
        "a control character",
        "key://mysite/?\u{7f}",
        "uri-path",
    ),
    (
        "two-fragments",
        "a second `#`",
        "key://mysite/#a#b",
        "uri-path",
    ),
];

pub(super) fn file() -> File {
    let mut file = File::new(
        "uri",
        "URIs of the scheme `key`: the name in them, and the path (section 2.5).",
    );
    let text = |text: &str| Object::from([("text", text.into())]);
    for (name, why, given, ascii, path) in VALID {
        let facts = [("ascii", (*ascii).into()), ("path", (*path).into())];
        file.valid(*name, *why, text(given), facts);
    }
    for (name, why, given, code) in INVALID {
        file.invalid(*name, *why, text(given), code);
    }
    let long = format!("key://{}/", "a".repeat(2049));
    file.invalid(
        "authority-2049-octets",
        "more than is read",
        text(&long),
        "input-too-long",
    );
    file
}
