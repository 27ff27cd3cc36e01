//! A collector of OpenTelemetry, spoken to in OTLP over HTTP/1.1.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// For a batch to be taken, the connection included.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// Of an answer no more is read: it says how many spans were not wanted, if any.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A collector may ask for patience; this much of it is had.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Where a collector takes spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// `host:port`.
    authority: Box<str>,
    path: Box<str>,
}

/// Why a text names no collector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectorError {
    /// It is no URL of this kind.
    #[error("it is written as http://127.0.0.1:4318")]
    NoUrl,
    /// It wants another way of speaking.
    #[error(
        "spans go to a collector over plain http://; for one that is far away run a collector on this machine that passes them on over TLS"
    )]
    Scheme,
}

impl Collector {
    /// By the URL below which its paths are, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: `/v1/traces` is put at its end.
    ///
    /// # Errors
    /// It is no such URL.
    pub fn parse(text: &str) -> Result<Self, CollectorError> {
        let url: Uri = text.parse().map_err(|_| CollectorError::NoUrl)?;
        let authority = url.authority().ok_or(CollectorError::NoUrl)?;
        match url.scheme_str() {
            Some("http") => {}
            Some(_) => return Err(CollectorError::Scheme),
            None => return Err(CollectorError::NoUrl),
        }
        let is_place = !authority.host().is_empty() && !authority.as_str().contains('@');
        if !is_place || url.query().is_some() {
            return Err(CollectorError::NoUrl);
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()).into(),
            path: format!("{}/v1/traces", url.path().trim_end_matches('/')).into(),
        })
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untaken {
    /// It may be taken later, after a pause if one is asked for.
    #[error("{why}")]
    Later {
        why: String,
        pause: Option<Duration>,
    },
    /// It will not be.
    #[error("it answered {0}")]
    Never(StatusCode),
}

impl Untaken {
    fn later(why: impl fmt::Display) -> Self {
        Self::Later {
            why: why.to_string(),
            pause: None,
        }
    }
}

/// A collector, and the connection to it that waits for the next batch.
pub(super) struct Line {
    pub(super) collector: Collector,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Line {
    pub(super) const fn new(collector: Collector) -> Self {
        Self {
            collector,
            kept: None,
        }
    }

    /// Hands over a batch: how many of its spans were not wanted.
    pub(super) async fn post(&mut self, batch: Bytes) -> Result<u64, Untaken> {
        let posted = timeout(POST_TIMEOUT, self.post_in_time(batch)).await;
        posted.unwrap_or_else(|_| {
            let secs = POST_TIMEOUT.as_secs();
            Err(Untaken::later(format!("no answer within {secs} s")))
        })
    }

    async fn post_in_time(&mut self, batch: Bytes) -> Result<u64, Untaken> {
        // It is put back when the answer was read to its end.
        let kept = self.kept.take().filter(|kept| !kept.is_closed());
        let mut sender = match kept {
            Some(sender) => sender,
            None => connect(&self.collector).await.map_err(Untaken::later)?,
        };
        sender.ready().await.map_err(Untaken::later)?;
        let request = request(&self.collector, batch);
        let answer = sender.send_request(request).await;
        let (parts, body) = answer.map_err(Untaken::later)?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let whole = body.map(Collected::to_bytes);
        if whole.is_ok() {
            self.kept = Some(sender);
        }
        match parts.status {
            status if status.is_success() => Ok(whole.map_or(0, |answer: Bytes| unwanted(&answer))),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Err(Untaken::Later {
                why: format!("it answered {}", parts.status),
                pause: pause(&parts.headers),
            }),
            status => Err(Untaken::Never(status)),
        }
    }
}

async fn connect(collector: &Collector) -> std::io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(&*collector.authority).await?;
    stream.set_nodelay(true)?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(std::io::Error::other)?;
    // It ends with its sender; what it ended by is seen there.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}

fn request(collector: &Collector, batch: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(batch));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = collector.path.parse().expect("a part of a URL");
    let host = HeaderValue::from_str(&collector.authority).expect("a part of a URL");
    let headers = request.headers_mut();
    headers.insert(header::HOST, host);
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let agent = HeaderValue::from_static(concat!("dotkey/", env!("CARGO_PKG_VERSION")));
    headers.insert(header::USER_AGENT, agent);
    request
}

/// How long a collector wants to be left alone. Its other form, a date, is for caches.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let secs = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let secs = secs.parse().ok()?;
    Some(Duration::from_secs(secs).min(PAUSE_MAX))
}

/// The rejected spans of an `ExportTraceServiceResponse`, which are text as all numbers of 64 bits, or a number where somebody takes
/// that lightly. What cannot be read says nothing.
pub(super) fn unwanted(answer: &[u8]) -> u64 {
    let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
    let rejected = &answer["partialSuccess"]["rejectedSpans"];
    let text = rejected.as_str().and_then(|text| text.parse().ok());
    text.or(rejected.as_u64()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_collector_is_a_url() {
        let check = |text: &str, expected: Result<&str, CollectorError>| {
            let parsed = Collector::parse(text).map(|parsed| parsed.to_string());
            assert_eq!(parsed, expected.map(str::to_owned), "{text}");
        };
        check(
            "http://127.0.0.1:4318",
            Ok("http://127.0.0.1:4318/v1/traces"),
        );
        check("http://[::1]:4318/", Ok("http://[::1]:4318/v1/traces"));
        check("http://otel/tenant/", Ok("http://otel:80/tenant/v1/traces"));
        check("https://otel.example", Err(CollectorError::Scheme));
        for none in [
            "",
            "127.0.0.1:4318",
            "http://",
            "http://a@b:1",
            "http://a:1/?b",
            "/v1/traces",
        ] {
            check(none, Err(CollectorError::NoUrl));
        }
    }

    #[test]
    fn what_was_not_wanted_is_read() {
        for (answer, expected) in [
            ("", 0),
            ("{}", 0),
            (r#"{"partialSuccess":{}}"#, 0),
            (r#"{"partialSuccess":{"rejectedSpans":"3"}}"#, 3),
            (
                r#"{"partialSuccess":{"rejectedSpans":3,"errorMessage":"x"}}"#,
                3,
            ),
            (r#"{"partialSuccess":{"rejectedSpans":"-3"}}"#, 0),
            ("[1]", 0),
        ] {
            assert_eq!(unwanted(answer.as_bytes()), expected, "{answer}");
        }
        let headers = |value| HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
        let pause = |value| pause(&headers(HeaderValue::from_static(value)));
        assert_eq!(pause("5"), Some(Duration::from_secs(5)));
        assert_eq!(pause("86400"), Some(PAUSE_MAX));
        assert_eq!(pause("Sun, 22 Nov 2026 08:49:37 GMT"), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_read(answer: Vec<u8>, rejected: u64) {
            unwanted(&answer);
            let answer = format!(r#"{{"partialSuccess":{{"rejectedSpans":"{rejected}"}}}}"#);
            prop_assert_eq!(unwanted(answer.as_bytes()), rejected);
        }
    }
}
