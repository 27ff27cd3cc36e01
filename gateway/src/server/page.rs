//! Answers of our own: what went wrong, in words for a person, in JSON for a program (RFC 9457), or as gRPC's clients read it.

use core::fmt::Write;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::json;

use crate::carry::{Carried, Try};

/// What went wrong.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What metrics and programs call it.
    pub(super) code: &'static str,
    pub(super) title: String,
    /// Ends with the next step.
    pub(super) detail: String,
    /// Who was asked, and what each came to.
    pub(super) tries: Vec<Try>,
}

/// Who reads an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Person,
    Program,
    /// It reads no bodies but its own messages.
    Grpc,
}

impl Reader {
    /// Who has sent a request.
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let field = |name| request.headers().get(name).map(HeaderValue::as_bytes);
        let kind = field(CONTENT_TYPE).and_then(|kind| kind.strip_prefix(b"application/grpc"));
        let accept = field(ACCEPT).unwrap_or_default();
        // `application/grpc`, or with the form of its messages; `application/grpc-web` is another protocol.
        match kind {
            Some([] | [b'+' | b';', ..]) => Self::Grpc,
            _ if accept.windows(9).any(|kind| kind == b"text/html") => Self::Person,
            _ => Self::Program,
        }
    }
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title: title.into(),
            detail: detail.into(),
            tries: Vec::new(),
        }
    }

    /// The answer, for who reads it.
    pub(super) fn answer(&self, reader: Reader) -> Response<Carried> {
        let (content_type, body) = match reader {
            Reader::Person => ("text/html; charset=utf-8", self.html()),
            Reader::Program => ("application/problem+json", self.json()),
            Reader::Grpc => return self.grpc(),
        };
        let mut answer = Response::new(Carried::whole(Bytes::from(body)));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        answer
    }

    fn json(&self) -> String {
        let tried = |one: &Try| {
            json!({
                "provider": one.provider.id,
                "took_ms": one.took.as_millis() as u64,
                "came_to": one.came_to.to_string(),
            })
        };
        let tries: Vec<_> = self.tries.iter().map(tried).collect();
        let mut problem = json!({
            "type": format!("urn:dotkey:gateway:{}", self.code),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !tries.is_empty() {
            problem["tried"] = tries.into();
        }
        format!("{problem}\n")
    }

    /// A call's end without messages ("Trailers-Only"): HTTP's status is 200 there whatever happened.
    fn grpc(&self) -> Response<Carried> {
        // What its clients would take the status for: github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
        let status = match self.status {
            StatusCode::BAD_REQUEST => "13",
            StatusCode::NOT_FOUND => "12",
            StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => "14",
            _ => "2",
        };
        let mut text = format!("{}: {}", self.title, self.detail);
        for one in &self.tries {
            // Writing to a string does not fail.
            let _ = write!(text, " {}: {}.", one.provider.id, one.came_to);
        }
        let mut answer = Response::new(Carried::whole(Bytes::new()));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(
            HeaderName::from_static("grpc-status"),
            HeaderValue::from_static(status),
        );
        if let Ok(message) = HeaderValue::from_str(&percent_encoded(&text)) {
            headers.insert(HeaderName::from_static("grpc-message"), message);
        }
        answer
    }

    fn html(&self) -> String {
        let row = |one: &Try| {
            format!(
                "<tr><td>{}</td><td>{}</td><td>{} ms</td></tr>",
                escaped(&one.provider.id),
                escaped(&one.came_to.to_string()),
                one.took.as_millis()
            )
        };
        let rows: String = self.tries.iter().map(row).collect();
        let table = if rows.is_empty() {
            String::new()
        } else {
            format!(
                "<table><tr><th>provider</th><th>what it came to</th><th>after</th></tr>{rows}</table>"
            )
        };
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title}</title><style>{STYLE}</style><main><p class=\"status\">{status}</p><h1>{title}</h1><p>{detail}</p>{table}\
             <footer>dotkey gateway</footer></main></html>\n",
            title = escaped(&self.title),
            status = self.status.as_u16(),
            detail = escaped(&self.detail),
        )
    }
}

const STYLE: &str = "body{font:17px/1.5 system-ui,sans-serif;margin:0;background:#f6f6f3;color:#222}main{max-width:42rem;margin:12vh auto;padding:0 1.5rem}\
.status{color:#8a8a80;font-size:3rem;margin:0}h1{font-size:1.6rem;margin:.2em 0}table{border-collapse:collapse;width:100%;font-size:.9rem}\
td,th{text-align:left;padding:.4rem .8rem .4rem 0;border-top:1px solid #ddd;vertical-align:top}footer{margin-top:3rem;color:#8a8a80;font-size:.8rem}\
@media(prefers-color-scheme:dark){body{background:#1b1b1a;color:#e6e6e0}td,th{border-color:#333}}";

/// gRPC's form of a text in a header field.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// What a record or a visitor wrote is text here and nothing else.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Arc;

    use dotkey_proto::zone::{Provider, Url};

    use super::*;
    use crate::carry::CameTo;
    use crate::choose::Failure;

    #[test]
    fn a_person_gets_a_page_and_a_program_json() {
        let mut problem = Problem::new(
            StatusCode::BAD_GATEWAY,
            "no-provider",
            "<b>No</b>",
            "Try again.",
        );
        let url = Url::parse("http://192.0.2.1").expect("a URL");
        problem.tries.push(Try {
            provider: Arc::new(Provider::new("a", url)),
            took: Duration::from_millis(7),
            came_to: CameTo::Nothing(Failure::Connect, "no connection & more".into()),
            hedge: false,
        });
        let html = problem.html();
        assert!(
            html.contains("&lt;b&gt;No&lt;/b&gt;") && html.contains("no connection &amp; more")
        );
        let json: serde_json::Value = serde_json::from_str(&problem.json()).expect("JSON");
        assert_eq!(json["tried"][0]["came_to"], "no connection & more");
        let kind = |name: &str, value: &str| {
            let request = Request::builder().header(name, value).body(());
            let reader = Reader::of(&request.expect("a request"));
            let answer = problem.answer(reader);
            let kind = answer.headers()[CONTENT_TYPE].to_str().expect("text");
            kind.to_owned()
        };
        let (person, program) = ("text/html; charset=utf-8", "application/problem+json");
        for (name, value, expected) in [
            ("x", "y", program),
            ("accept", "*/*", program),
            ("accept", "text/html,*/*", person),
            ("content-type", "application/grpc", "application/grpc"),
            ("content-type", "application/grpc+proto", "application/grpc"),
            ("content-type", "application/grpc-web", program),
        ] {
            assert_eq!(kind(name, value), expected, "{name}: {value}");
        }
        let call = problem.answer(Reader::Grpc);
        assert_eq!(call.status(), StatusCode::OK, "as gRPC wants it");
        assert_eq!(call.headers()["grpc-status"], "14");
        assert_eq!(
            call.headers()["grpc-message"],
            "<b>No</b>: Try again. a: no connection & more."
        );
        assert_eq!(percent_encoded("ü 1%\n"), "%C3%BC 1%25%0A");
    }
}
