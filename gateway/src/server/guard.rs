//! What is no request that we carry: refused before anybody is asked.
//!
//! hyper has refused by now what is no HTTP: fields with forbidden bytes, lengths that contradict each other, a transfer coding that is not
//! chunked. What two servers could still read differently is refused here, so that a provider never sees it.

use http::header::{CONTENT_LENGTH, HOST};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, StatusCode, Version};

use crate::carry::{ARRIVED_HEADERS, is_loop, is_plainly_framed};

/// Paths with their queries. Common servers take 8 KiB.
const PATH_BYTES_MAX: usize = 8 * 1024;

/// Why a request is refused, with its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) why: &'static str,
    /// What metrics call it.
    pub(super) word: &'static str,
}

const fn refused(status: StatusCode, word: &'static str, why: &'static str) -> Refused {
    Refused { status, why, word }
}

/// Looks at a request's head.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), Refused> {
    let headers = request.headers();
    if headers.len() > ARRIVED_HEADERS {
        return Err(refused(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "headers",
            "it has more than 100 header fields",
        ));
    }
    if [Method::CONNECT, Method::TRACE].contains(request.method()) {
        return Err(refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "a gateway carries neither CONNECT nor TRACE",
        ));
    }
    if is_loop(headers) {
        return Err(refused(
            StatusCode::LOOP_DETECTED,
            "loop",
            "it has passed four gateways: a record leads to a gateway that leads back here",
        ));
    }
    let target = request
        .uri()
        .path_and_query()
        .map_or("", |target| target.as_str());
    if target.len() > PATH_BYTES_MAX {
        return Err(refused(
            StatusCode::URI_TOO_LONG,
            "path",
            "its path has more than 8192 bytes",
        ));
    }
    if !target.starts_with('/') && target != "*" {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "path",
            "its path does not begin with `/`",
        ));
    }
    if leaves(request.uri().path()) {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "path",
            "its path leads upwards (`..`), perhaps out of what it is for",
        ));
    }
    hosts(request)?;
    framing(headers)
}

/// Whether a path has a segment `..`, however it is spelled: the resource was found by the path as it stands, and a provider may read another.
fn leaves(path: &str) -> bool {
    if !path.contains("..") && !path.contains('%') {
        return false;
    }
    let plain = path
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    plain.split(['/', '\\']).any(|segment| segment == "..")
}

/// RFC 9112 section 3.2: one host, and the same in the request's target.
fn hosts<B>(request: &Request<B>) -> Result<(), Refused> {
    let mut named = request.headers().get_all(HOST).iter();
    let first = named.next();
    if named.next().is_some() {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "host",
            "it names more than one host",
        ));
    }
    let same = |authority: &http::uri::Authority| {
        first.is_none_or(|host| {
            host.as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes())
        })
    };
    let schemes = [Scheme::HTTP, Scheme::HTTPS];
    if request
        .uri()
        .scheme()
        .is_some_and(|scheme| !schemes.contains(scheme))
    {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "scheme",
            "its target is a URL of another scheme than `http` and `https`",
        ));
    }
    if request
        .uri()
        .authority()
        .is_some_and(|authority| !same(authority))
    {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "host",
            "its target and its `Host` name different hosts",
        ));
    }
    let first_http1 = request.version() <= Version::HTTP_11;
    if first_http1 && first.is_none() && request.uri().authority().is_none() {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "host",
            "it names no host; send `Host: mysite.key`",
        ));
    }
    Ok(())
}

/// Two lengths, though they are the same: a provider could take either. Where there is a transfer coding too, hyper has taken
/// that, left the length out, and closes the connection after the answer (RFC 9112 section 6.1).
fn framing(headers: &HeaderMap) -> Result<(), Refused> {
    if !is_plainly_framed(headers) {
        return Err(refused(
            StatusCode::NOT_IMPLEMENTED,
            "framing",
            "it has a transfer coding besides `chunked`",
        ));
    }
    match headers.get_all(CONTENT_LENGTH).iter().nth(1) {
        None => Ok(()),
        Some(_) => Err(refused(
            StatusCode::BAD_REQUEST,
            "framing",
            "it has more than one `Content-Length`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(uri: &str, fields: &[(&str, &str)]) -> &'static str {
        let mut request = Request::builder().uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        match check(&request.body(()).expect("a request")) {
            Ok(()) => "ok",
            Err(refused) => refused.word,
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let host = ("host", "mysite.key");
        for (uri, fields, expected) in [
            ("/", &[host][..], "ok"),
            ("/", &[], "host"),
            ("/", &[host, ("host", "other.key")], "host"),
            ("http://mysite.key/", &[host], "ok"),
            ("http://other.key/", &[host], "host"),
            ("ftp://mysite.key/", &[host], "scheme"),
            ("/", &[host, ("transfer-encoding", "Chunked")], "ok"),
            (
                "/",
                &[host, ("transfer-encoding", "gzip, chunked")],
                "framing",
            ),
            (
                "/",
                &[
                    host,
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                "framing",
            ),
            ("http://MYSITE.key/", &[host], "ok"),
            ("/a/../b", &[host], "path"),
            ("/a/%2E%2e/b", &[host], "path"),
            ("/a/.%2e", &[host], "path"),
            ("/a/..%2fb", &[host], "path"),
            ("/a/b%5c..%5Cc", &[host], "path"),
            ("/a..b/...?x=/../", &[host], "ok"),
            ("/", &[host, ("content-length", "5")], "ok"),
            (
                "/",
                &[host, ("content-length", "5"), ("content-length", "6")],
                "framing",
            ),
            (
                "/",
                &[
                    host,
                    ("via", "1.1 dotkey, 1.1 dotkey, 1.1 dotkey, 1.1 dotkey"),
                ],
                "loop",
            ),
        ] {
            assert_eq!(verdict(uri, fields), expected, "{uri} {fields:?}");
        }
        let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
        assert_eq!(verdict(&long, &[host]), "path");
        let many: Vec<(String, String)> = (0..=ARRIVED_HEADERS)
            .map(|one| (format!("x-{one}"), "1".into()))
            .collect();
        let many: Vec<(&str, &str)> = many
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        assert_eq!(verdict("/", &many), "headers");
    }
}
