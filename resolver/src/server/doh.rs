//! DNS over HTTP (RFC 8484), whichever version of HTTP it came over: what a request asks, and what is answered. The JSON form is that
//! of the large public resolvers.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use dotkey_proto::dns::{RecordType, WireName, rdata};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Record, RecordType as Type};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};

use super::sections::name_of;
use super::service::{Client, QUERY_BYTES_MAX, Service};
use crate::upstream::uncompressed;

/// Where requests go; `/resolve` is where some clients of the JSON form look.
const PATH: &str = "/dns-query";
const JSON_PATH: &str = "/resolve";

const MESSAGE: &str = "application/dns-message";
const JSON: &str = "application/dns-json";

/// What a request asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    query: Vec<u8>,
    as_json: bool,
}

/// What is wrong with a request: the status, and for people a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) StatusCode, pub(super) &'static str);

/// Whether the body of a request is part of its question: of a POST to the right path, of the right type.
pub(super) fn takes_body(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<bool, Refused> {
    if uri.path() != PATH && uri.path() != JSON_PATH {
        return Err(Refused(StatusCode::NOT_FOUND, "ask at /dns-query"));
    }
    match *method {
        Method::GET | Method::HEAD => Ok(false),
        Method::POST if uri.path() == PATH => match headers.get(CONTENT_TYPE) {
            Some(kind) if kind == MESSAGE => Ok(true),
            _ => Err(Refused(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the body of a POST is application/dns-message",
            )),
        },
        _ => Err(Refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "ask with GET or POST",
        )),
    }
}

/// What a request without a body asks.
pub(super) fn of_uri(uri: &Uri, headers: &HeaderMap) -> Result<Asked, Refused> {
    let bad = |why| Refused(StatusCode::BAD_REQUEST, why);
    let parameter = |name: &str| {
        let pairs = uri.query().unwrap_or_default().split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    if let Some(encoded) = parameter("dns") {
        let too_long = Refused(StatusCode::URI_TOO_LONG, "no query is that long");
        if encoded.len() > QUERY_BYTES_MAX.div_ceil(3) * 4 {
            return Err(too_long);
        }
        // RFC 8484 section 6: without padding; some clients pad all the same.
        let query = BASE64URL_NOPAD.decode(encoded.trim_end_matches('=').as_bytes());
        let query = query.map_err(|_| bad("`dns` is not base64url"))?;
        return match query.len() <= QUERY_BYTES_MAX {
            true => Ok(of_body(query)),
            false => Err(too_long),
        };
    }
    let Some(name) = parameter("name") else {
        return Err(bad(
            "give `dns`, a query in base64url, or `name` for the JSON form",
        ));
    };
    let accepts_message = headers
        .get("accept")
        .is_some_and(|accept| accept == MESSAGE);
    let flag = |name| matches!(parameter(name), Some("1" | "true"));
    let query = query(name, parameter("type"), flag("do"), flag("cd"))
        .ok_or_else(|| bad("`name` or `type` cannot be read"))?;
    Ok(Asked {
        query,
        as_json: !accepts_message,
    })
}

/// What a request with a body asks.
pub(super) fn of_body(body: Vec<u8>) -> Asked {
    Asked {
        query: body,
        as_json: false,
    }
}

/// What was sent is longer than any query.
pub(super) const TOO_LONG: Refused = Refused(
    StatusCode::PAYLOAD_TOO_LARGE,
    "a query has at most 4096 bytes",
);

const _: () = assert!(QUERY_BYTES_MAX == 4096, "as the refusal says");

/// The answer to what was asked.
pub(super) async fn answer(
    asked: &Asked,
    service: &Arc<Service>,
    client: Client,
) -> Response<Bytes> {
    let Some(reply) = service.answer(&asked.query, client).await else {
        return refusal(&Refused(StatusCode::BAD_REQUEST, "that is no query"));
    };
    let fresh = fresh_for(reply.ttl);
    let (kind, body) = match asked.as_json {
        false => (MESSAGE, reply.bytes),
        true => (JSON, json_of(&reply.bytes)),
    };
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, fresh);
    if asked.as_json {
        // Web pages may ask: what is answered is public, and who may ask is decided by address.
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    }
    response
}

/// RFC 8484 section 5.1: fresh for no longer than the least TTL. Written without the machinery of `format!`: it is in each answer.
fn fresh_for(secs: u32) -> HeaderValue {
    const PREFIX: &[u8] = b"max-age=";
    const DIGITS_MAX: usize = 10;
    let mut text = [b'0'; PREFIX.len() + DIGITS_MAX];
    text[..PREFIX.len()].copy_from_slice(PREFIX);
    let digits = secs.checked_ilog10().unwrap_or(0) as usize + 1;
    let text = &mut text[..PREFIX.len() + digits];
    let mut left = secs;
    for digit in text[PREFIX.len()..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    HeaderValue::from_bytes(text).expect("a number is a header's value")
}

/// The answer to what cannot be asked.
pub(super) fn refusal(refused: &Refused) -> Response<Bytes> {
    let Refused(status, why) = *refused;
    let mut response = Response::new(Bytes::from(format!("{why}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    response
}

/// A query of the JSON form. Its id is 0, as RFC 8484 section 4.1 advises for what is cached by its URL.
fn query(name: &str, rtype: Option<&str>, dnssec: bool, unchecked: bool) -> Option<Vec<u8>> {
    let name = percent_decoded(name)?;
    let name = WireName::parse(&name, Some(&WireName::root())).ok()?;
    let rtype: RecordType = match rtype {
        None => RecordType::A,
        Some(text) => match text.parse::<u16>() {
            Ok(number) => RecordType(number),
            Err(_) => text.to_ascii_uppercase().parse().ok()?,
        },
    };
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    message.metadata.checking_disabled = unchecked;
    message.add_query(Query::query(name_of(&name), Type::from(rtype.0)));
    let mut edns = Edns::new();
    edns.set_dnssec_ok(dnssec);
    message.set_edns(edns);
    message.to_vec().ok()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(match first {
            b'%' => {
                let (digits, after) = rest.split_first_chunk::<2>()?;
                rest = after;
                u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?
            }
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn json_of(answer: &[u8]) -> Vec<u8> {
    let Ok(message) = Message::from_vec(answer) else {
        return b"{\"Status\":2}".to_vec();
    };
    let head = &message.metadata;
    let questions = message.queries.iter().map(|query| {
        let rtype: u16 = query.query_type().into();
        json!({"name": query.name().to_ascii(), "type": rtype})
    });
    let mut json = json!({
        "Status": u16::from(head.response_code),
        "TC": head.truncation,
        "RD": head.recursion_desired,
        "RA": head.recursion_available,
        "AD": head.authentic_data,
        "CD": head.checking_disabled,
        "Question": questions.collect::<Vec<_>>(),
    });
    for (section, records) in [
        ("Answer", &message.answers),
        ("Authority", &message.authorities),
    ] {
        let records: Vec<Value> = records.iter().filter_map(json_record).collect();
        if !records.is_empty() {
            json[section] = records.into();
        }
    }
    json.to_string().into_bytes()
}

fn json_record(record: &Record) -> Option<Value> {
    let rtype: u16 = record.record_type().into();
    let bytes = uncompressed(&record.data)?;
    let data = rdata::display(RecordType(rtype), &bytes, None).to_string();
    Some(json!({"name": record.name.to_ascii(), "type": rtype, "TTL": record.ttl, "data": data}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_sorted() {
        let check = |method: &str, uri: &str, kind: &str, expected: Result<bool, u16>| {
            let method: Method = method.parse().expect("a method");
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().expect("a value"));
            let found = takes_body(&method, &uri.parse().expect("a URI"), &headers);
            assert_eq!(
                found.map_err(|refused| refused.0.as_u16()),
                expected,
                "{method} {uri}"
            );
        };
        check("GET", "/dns-query?dns=AA", "", Ok(false));
        check("HEAD", "/dns-query?dns=AA", "", Ok(false));
        check("GET", "/resolve?name=a.key", "", Ok(false));
        check("POST", "/dns-query", MESSAGE, Ok(true));
        check("POST", "/dns-query", "text/plain", Err(415));
        check("POST", "/resolve", MESSAGE, Err(405));
        check("PUT", "/dns-query", MESSAGE, Err(405));
        check("GET", "/", "", Err(404));
    }

    #[test]
    fn freshness_is_said_as_format_says_it() {
        for secs in [0, 7, 10, 99, 300, 86_400, 999_999_999, u32::MAX] {
            let expected = format!("max-age={secs}");
            assert_eq!(fresh_for(secs).to_str().expect("text"), expected);
        }
    }

    #[test]
    fn queries_of_uris() {
        let check = |uri: &str, expected: Result<bool, u16>| {
            let found = of_uri(&uri.parse().expect("a URI"), &HeaderMap::new());
            let found = found
                .map(|asked| asked.as_json)
                .map_err(|refused| refused.0.as_u16());
            assert_eq!(found, expected, "{uri}");
        };
        check(
            "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB",
            Ok(false),
        );
        check("/dns-query?x=1&dns=AAAB", Ok(false));
        check("/dns-query?dns=AAAB==", Ok(false));
        check("/dns-query?dns=A+B", Err(400));
        check("/dns-query", Err(400));
        check("/dns-query?name=hello.key", Ok(true));
        check("/dns-query?name=hello.key&type=aaaa", Ok(true));
        check("/dns-query?name=hello.key&type=28", Ok(true));
        check("/dns-query?name=%68ello.key", Ok(true));
        check("/dns-query?name=%6", Err(400));
        check("/dns-query?name=hello.key&type=none", Err(400));
        check("/dns-query?name=", Err(400));
        // The longest that a query may be.
        let long = |length| format!("/dns-query?dns={}", "A".repeat(length));
        check(&long(5462), Ok(false));
        check(&long(5464), Err(414));
        check(&long(15_000), Err(414));
    }
}
