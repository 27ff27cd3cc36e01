//! Header fields on their way: what belongs to one connection stays there, and what is said of the visitor is said by us alone.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};

use super::forwarded::{self, Arrived};

/// Headers of a request. More are answered with 431. It is hyper's own bound: up to it a request's head is read without an allocation.
pub const ARRIVED_HEADERS: usize = 100;

/// RFC 9110 section 7.6.1, and what older software treats so.
static OF_ONE_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    HeaderName::from_static("http2-settings"),
    UPGRADE,
    TRANSFER_ENCODING, // Framing is made anew on each side.
];

/// How gateways name themselves to each other.
const OUR_VIA: &str = "dotkey";

/// Gateways that a request may pass before it is taken for a loop.
const GATEWAYS_MAX: usize = 4;

/// Whether a request goes round between gateways.
#[must_use]
pub fn is_loop(headers: &HeaderMap) -> bool {
    let values = headers.get_all(VIA).iter();
    let passed = values.map(|value| value.to_str().unwrap_or("").matches(OUR_VIA).count());
    passed.sum::<usize>() >= GATEWAYS_MAX
}

/// Whether a message is framed by its length or by `chunked` alone. Of any other transfer coding hyper undoes `chunked` only, and what is left
/// would pass for the content (RFC 9112 section 6.1).
#[must_use]
pub fn is_plainly_framed(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_none_or(is_chunked) && codings.next().is_none()
}

/// Removes what belongs to the connection that the message came by, and what its `Connection` field names.
pub(super) fn leave_connection(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| name.trim().parse().ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &OF_ONE_CONNECTION {
        headers.remove(name);
    }
}

/// The fields of a visitor's request as a provider gets them.
pub(super) fn to_provider(
    mut headers: HeaderMap,
    arrived: &Arrived,
    host: &HeaderValue,
) -> HeaderMap {
    let trailers = headers
        .get(TE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    leave_connection(&mut headers);
    headers.remove(TE);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    headers.remove(EXPECT); // We have answered it: the body is on its way.
    headers.remove(CONTENT_LENGTH);
    headers.remove(TRAILER);
    join_cookies(&mut headers);
    forwarded::say(&mut headers, arrived);
    headers.append(VIA, HeaderValue::from_static("1.1 dotkey"));
    headers.insert(HOST, host.clone());
    headers
}

/// HTTP/2 may send a cookie in crumbs; RFC 9113 section 8.2.3 has them joined for everyone else.
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

/// The fields of a provider's answer as a visitor gets them.
pub(super) fn to_visitor(headers: &mut HeaderMap) {
    leave_connection(headers);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::carry::Peer;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).expect("a value"),
            )
        };
        fields.iter().map(field).collect()
    }

    fn given(fields: &[(&'static str, &str)], peer: &str) -> Vec<String> {
        let arrived = Arrived {
            peer: Arc::new(Peer::new(peer.parse().expect("an address"), true)),
            host: HeaderValue::from_static("mysite.key"),
            prefix: None,
        };
        let headers = to_provider(map(fields), &arrived, &arrived.host);
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().expect("text"))
        };
        let mut lines: Vec<String> = headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_a_visitor_says_of_itself_is_not_believed() {
        let lines = given(
            &[
                ("forwarded", "for=1.2.3.4"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-proto", "gopher"),
                ("x-real-ip", "1.2.3.4"),
                ("x_forwarded_for", "1.2.3.4"),
                ("x-forwarded-ssl", "on"),
                ("x-forwarded_prefix", "/admin"),
                ("true-client-ip", "1.2.3.4"),
                ("x-original-url", "/admin"),
                ("proxy", "http://1.2.3.4"),
                ("x_token", "kept"),
                ("accept", "*/*"),
            ],
            "2001:db8::7",
        );
        assert_eq!(
            lines,
            [
                "accept: */*",
                "forwarded: for=\"[2001:db8::7]\";host=\"mysite.key\";proto=https",
                "host: mysite.key",
                "via: 1.1 dotkey",
                "x-forwarded-for: 2001:db8::7",
                "x-forwarded-host: mysite.key",
                "x-forwarded-proto: https",
                "x_token: kept",
            ]
        );
    }

    #[test]
    fn what_belongs_to_a_connection_stays_there() {
        let lines = given(
            &[
                ("connection", "close, X-Secret, te"),
                ("x-secret", "1"),
                ("keep-alive", "timeout=5"),
                ("te", "trailers"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAAA"),
                ("proxy-authorization", "Basic x"),
                ("content-length", "5"),
                ("expect", "100-continue"),
            ],
            "::ffff:192.0.2.1",
        );
        let names: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split(':').next())
            .collect();
        let expected = [
            "forwarded",
            "host",
            "te",
            "via",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
        ];
        assert_eq!(names, expected);
        assert!(lines.contains(&"x-forwarded-for: 192.0.2.1".to_owned()));
    }

    #[test]
    fn crumbs_are_joined_and_loops_seen() {
        let mut crumbs = map(&[("cookie", "a=1")]);
        crumbs.append(COOKIE, HeaderValue::from_static("b=2"));
        join_cookies(&mut crumbs);
        assert_eq!(
            crumbs.get_all(COOKIE).iter().collect::<Vec<_>>(),
            ["a=1; b=2"]
        );
        let mut headers = HeaderMap::new();
        for passed in 0..4 {
            assert!(!is_loop(&headers), "{passed}");
            headers.append(VIA, HeaderValue::from_static("1.1 dotkey"));
        }
        assert!(is_loop(&headers));
        assert!(is_loop(&map(&[(
            "via",
            "1.1 dotkey, 1.1 dotkey, 2 dotkey, 1.1 dotkey"
        )])));
    }
}
