//! What web pages may do: read what is public, and nothing else.
//!
//! Records are public and verified by who reads them, so any page may fetch them. Writing, and what tells about this machine,
//! is for programs. Three ways around that are closed: a page of another origin (`Origin`, `Sec-Fetch-Site`), a preflight (only
//! reads are allowed), and a page whose own name was given this node's address (`Host` must be an address, `localhost` or a name
//! that the configuration lists).

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{self, Problem};
use super::records::{EFFORT, EXPIRES, NOT_BEFORE, SEQUENCE};
use super::request::quoted;
use super::state::Door;

/// What anyone may read, from any page.
pub(crate) const PUBLIC: &[&str] = &[
    "/v1/records/{key_id}",
    "/v1/names/{name}",
    "/v1/identities/{key_id}",
    "/v1/ledger",
    "/v1/checkpoints/latest",
    "/v1/blocks/{height}",
    "/v1/genesis",
    "/v1/events",
    "/v1/health",
    "/v1/openapi.yaml",
];

const ANY: HeaderValue = HeaderValue::from_static("*");

/// Set by browsers alone, and by no page.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Wraps every request.
pub(crate) async fn guard(
    State(door): State<Arc<Door>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let public = path.is_some_and(|path| PUBLIC.contains(&path.as_str()));
    let method = request.method();
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if public && *method == Method::OPTIONS && is_preflight(request.headers()) {
        return preflight();
    }
    if !(public && reads)
        && let Err(problem) = check(&door.config.hosts, &request, reads)
    {
        return problem.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // A record is a stranger's bytes: nothing may take them for a page.
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if public && reads {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        let shown = [
            header::ETAG,
            SEQUENCE,
            NOT_BEFORE,
            EXPIRES,
            EFFORT,
            header::RETRY_AFTER,
        ];
        let shown = shown.map(|name| name.to_string()).join(", ");
        let shown = HeaderValue::try_from(shown).expect("names are a header");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    }
    response
}

fn is_preflight(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight() -> Response {
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY),
        (
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, HEAD"),
        ),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("Accept, If-None-Match, Last-Event-ID"),
        ),
        (
            header::ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from_static("86400"),
        ),
    ];
    (StatusCode::NO_CONTENT, allowed).into_response()
}

fn check(hosts: &[String], request: &Request, reads: bool) -> Result<(), Problem> {
    let host = authority(request);
    let known = host
        .as_ref()
        .is_some_and(|host| is_known(hosts, host.host()));
    let Some(host) = host.filter(|_| known) else {
        return Err(Problem::new(
            problem::WRONG_HOST,
            format!("the request is for {}", shown(request)),
            "use the node's address or `localhost`, or list the name under `hosts` of the node's configuration",
        ));
    };
    if reads || !is_foreign(request.headers(), &host) {
        return Ok(());
    }
    Err(Problem::new(
        problem::CROSS_ORIGIN,
        "the request comes from a web page of another origin",
        "send it from a program, without the header `Origin`",
    ))
}

/// Whom a request is for, as it says it: over HTTP/2 that is no header.
fn shown(request: &Request) -> String {
    let authority = request.uri().authority().map(Authority::as_str);
    let host = request.headers().get(header::HOST);
    let said = authority.or_else(|| host?.to_str().ok());
    said.map_or_else(|| "no host".to_owned(), quoted)
}

/// Of `:authority` or of the one `Host`: two of them could be read differently by what stands before this node.
fn authority(request: &Request) -> Option<Authority> {
    let authority = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => {
            let mut hosts = request.headers().get_all(header::HOST).iter();
            let (first, second) = (hosts.next()?, hosts.next());
            let host = first.to_str().ok().filter(|_| second.is_none())?;
            host.parse().ok()?
        }
    };
    // RFC 9110 section 4.2.4, RFC 9113 section 8.3.1: a user's name there is an error, and made to mislead about the host.
    (!authority.as_str().contains('@')).then_some(authority)
}

fn is_known(hosts: &[String], host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<core::net::IpAddr>().is_ok()
        || host.eq_ignore_ascii_case("localhost")
        || hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

fn is_foreign(headers: &HeaderMap, host: &Authority) -> bool {
    let site = headers.get(FETCH_SITE);
    if site.is_some_and(|site| site != "same-origin" && site != "none") {
        return true;
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    origins.any(|origin| {
        let bytes = origin.as_bytes();
        let origin = bytes
            .strip_prefix(b"http://")
            .or(bytes.strip_prefix(b"https://"));
        origin != Some(host.as_str().as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn judge(lines: &[(&str, &str)], reads: bool) -> &'static str {
        let mut request = Request::builder().uri("/v1/status");
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let status = check(&["node.example".into()], &request, reads).map_or_else(
            |problem| problem.into_response().status(),
            |()| StatusCode::OK,
        );
        match status.as_u16() {
            200 => "ok",
            403 => "foreign",
            421 => "wrong host",
            other => panic!("{other}"),
        }
    }

    #[test]
    fn only_known_hosts_are_served() {
        let check = |host: &str, expected: &str| {
            assert_eq!(judge(&[("host", host)], true), expected, "{host}");
        };
        check("127.0.0.1:5380", "ok");
        check("[::1]:5380", "ok");
        check("localhost", "ok");
        check("LocalHost:1", "ok");
        check("node.example:5380", "ok");
        check("evil.example", "wrong host");
        check("127.0.0.1.evil.example", "wrong host");
        check("localhost.evil.example", "wrong host");
        check("evil@127.0.0.1", "wrong host");
        check("evil:word@127.0.0.1:5380", "wrong host");
        check("@localhost", "wrong host");
        check("", "wrong host");
        check("a b", "wrong host");
        assert_eq!(judge(&[], true), "wrong host");
        let twice = [("host", "127.0.0.1"), ("host", "127.0.0.1")];
        assert_eq!(judge(&twice, true), "wrong host");
    }

    #[test]
    fn a_user_before_the_host_is_no_host() {
        let check = |uri: &str, known: bool| {
            let request = Request::builder().uri(uri).body(Body::empty());
            let request = request.expect("a request");
            assert_eq!(super::check(&[], &request, true).is_ok(), known, "{uri}");
        };
        // As HTTP/2 and proxies say it.
        check("http://127.0.0.1/v1/status", true);
        check("http://evil@127.0.0.1/v1/status", false);
        check("http://evil:word@localhost/v1/status", false);
    }

    #[test]
    fn who_is_refused_reads_what_it_asked_for() {
        let check = |uri: &str, host: Option<&str>, expected: &str| {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let request = request.body(Body::empty()).expect("a request");
            let problem = super::check(&[], &request, true).expect_err("another host");
            assert_eq!(problem.detail(), format!("the request is for {expected}"));
        };
        // HTTP/2 has it in the place where a proxy's request has it.
        check("http://evil.example/v1/status", None, "\"evil.example\"");
        check("/v1/status", Some("evil.example"), "\"evil.example\"");
        check("/v1/status", None, "no host");
    }

    #[test]
    fn pages_of_other_origins_do_not_write() {
        let check = |lines: &[(&str, &str)], expected: &str| {
            let lines: Vec<_> = [("host", "127.0.0.1:5380")]
                .iter()
                .chain(lines)
                .copied()
                .collect();
            assert_eq!(judge(&lines, false), expected, "{lines:?}");
        };
        check(&[], "ok");
        check(&[("origin", "http://127.0.0.1:5380")], "ok");
        check(&[("origin", "http://127.0.0.1:8080")], "foreign");
        check(&[("origin", "http://evil.example")], "foreign");
        check(&[("origin", "null")], "foreign");
        check(&[("sec-fetch-site", "cross-site")], "foreign");
        check(&[("sec-fetch-site", "same-site")], "foreign");
        check(&[("sec-fetch-site", "same-origin")], "ok");
    }
}
