//! What is told of a request, and how OTLP writes it.
//!
//! Pure. The JSON form of OTLP 1.x (opentelemetry-proto, "JSON Protobuf Encoding"): identities in hexadecimal, numbers of 64 bits as
//! text, enumerations as numbers. Attributes are named as the semantic conventions for HTTP do, ours begin with `dotkey.`.

use http::Method;
use serde_json::{Value, json};

use super::context::Trace;

/// `Span.kind`: it serves somebody's request.
const KIND_SERVER: u8 = 2;
/// `Span.kind`: it asks somebody.
const KIND_CLIENT: u8 = 3;
/// `Status.code`.
const STATUS_ERROR: u8 = 2;
/// `Span.flags`: whether the parent is elsewhere is known, and that it is.
const PARENT_KNOWN: u32 = 0x100;
const PARENT_ELSEWHERE: u32 = 0x200;

/// Of why a try failed no more is told: libraries and systems put it in words of any length.
const WHY_CHARS_MAX: usize = 256;

/// A time as OTLP has it: since 1970, in nanoseconds.
pub(super) type Nanos = u64;

/// A request, from its head to the last byte of its answer.
#[derive(Clone, Debug)]
pub(super) struct RequestSpan {
    pub(super) trace: Trace,
    pub(super) begun: Nanos,
    pub(super) ended: Nanos,
    pub(super) method: &'static str,
    /// The name that it was for, where it was one.
    pub(super) name: Option<Box<str>>,
    /// The resource's prefix, where the name has one.
    pub(super) resource: Option<Box<str>>,
    /// None where the visitor went away before there was one.
    pub(super) status: Option<u16>,
    /// Why it was not carried.
    pub(super) problem: Option<&'static str>,
    /// The provider's answer broke off.
    pub(super) cut_short: bool,
    /// In the order of their ends.
    pub(super) tries: Vec<TrySpan>,
}

/// One try at a provider.
#[derive(Clone, Debug)]
pub(super) struct TrySpan {
    pub(super) span: u64,
    pub(super) begun: Nanos,
    pub(super) ended: Nanos,
    pub(super) provider: Box<str>,
    pub(super) hedge: bool,
    pub(super) came_to: CameTo,
}

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CameTo {
    /// An answer.
    Status(u16),
    /// None, and why, as a word and as a sentence.
    Failed(&'static str, String),
    /// Another provider was sooner, or the visitor went away.
    Abandoned,
}

/// What a method is called: one that nobody knows could be anything, and a new one each time.
pub(super) fn method_word(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("_OTHER")
}

impl RequestSpan {
    /// How many spans it makes.
    pub(super) fn count(&self) -> u64 {
        1 + self.tries.len() as u64
    }

    fn json(&self) -> Value {
        let method = match self.method {
            "_OTHER" => "HTTP",
            method => method,
        };
        let name = match &self.resource {
            Some(resource) => format!("{method} {resource}"),
            None => method.to_owned(),
        };
        let mut attributes = vec![text("http.request.method", self.method)];
        if let Some(name) = &self.name {
            attributes.push(text("dotkey.name", name));
        }
        if let Some(resource) = &self.resource {
            attributes.push(text("http.route", resource));
        }
        if let Some(status) = self.status {
            attributes.push(number("http.response.status_code", status.into()));
        }
        let failed = self.status.is_some_and(|status| status >= 500);
        let error = match (self.problem, self.status) {
            (Some(problem), _) => Some(problem.to_owned()),
            (None, None) => Some("abandoned".to_owned()),
            (None, Some(_)) if self.cut_short => Some("cut-short".to_owned()),
            (None, Some(status)) => failed.then(|| status.to_string()),
        };
        if let Some(error) = &error {
            attributes.push(text("error.type", error));
        }
        let parent_elsewhere = match self.trace.parent {
            Some(_) => PARENT_ELSEWHERE,
            None => 0,
        };
        let mut span = json!({
            "traceId": self.trace.to_string(),
            "spanId": hex(self.trace.span),
            "flags": u32::from(self.trace.is_sampled()) | PARENT_KNOWN | parent_elsewhere,
            "name": name,
            "kind": KIND_SERVER,
            "startTimeUnixNano": self.begun.to_string(),
            "endTimeUnixNano": self.ended.to_string(),
            "attributes": attributes,
        });
        if let Some(parent) = self.trace.parent {
            span["parentSpanId"] = hex(parent).into();
        }
        // What a visitor did wrong is no error of the server's span.
        if failed || self.cut_short {
            span["status"] = json!({"code": STATUS_ERROR});
        }
        span
    }
}

impl TrySpan {
    fn json(&self, of: &RequestSpan) -> Value {
        let mut attributes = vec![
            text("http.request.method", of.method),
            text("dotkey.provider", &self.provider),
            json!({"key": "dotkey.hedge", "value": {"boolValue": self.hedge}}),
        ];
        let mut failed = false;
        let mut status = json!({"code": STATUS_ERROR});
        match &self.came_to {
            CameTo::Status(code) => {
                attributes.push(number("http.response.status_code", (*code).into()));
                failed = *code >= 400;
                if failed {
                    attributes.push(text("error.type", &code.to_string()));
                }
            }
            CameTo::Failed(word, why) => {
                attributes.push(text("error.type", word));
                failed = true;
                status["message"] = why.chars().take(WHY_CHARS_MAX).collect::<String>().into();
            }
            CameTo::Abandoned => attributes.push(text("error.type", "abandoned")),
        }
        let mut span = json!({
            "traceId": of.trace.to_string(),
            "spanId": hex(self.span),
            "parentSpanId": hex(of.trace.span),
            "flags": u32::from(of.trace.is_sampled()) | PARENT_KNOWN,
            "name": format!("try {}", self.provider),
            "kind": KIND_CLIENT,
            "startTimeUnixNano": self.begun.to_string(),
            "endTimeUnixNano": self.ended.to_string(),
            "attributes": attributes,
        });
        if failed {
            span["status"] = status;
        }
        span
    }
}

/// An `ExportTraceServiceRequest` of some requests.
pub(super) fn export(requests: &[RequestSpan]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let spans = requests.iter().flat_map(|request| {
        let tries = request.tries.iter().map(|one| one.json(request));
        core::iter::once(request.json()).chain(tries)
    });
    let spans: Vec<Value> = spans.collect();
    let resource = [
        text("service.name", "dotkey-gateway"),
        text("service.version", version),
    ];
    let scope = json!({"name": "dotkey-gateway", "version": version});
    let scoped = json!([{"scope": scope, "spans": spans}]);
    json!({
        "resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": scoped}],
    })
    .to_string()
}

fn hex(span: u64) -> String {
    format!("{span:016x}")
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: i64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

#[cfg(test)]
mod tests {
    use super::super::context::{Numbers, Ratio};
    use super::*;

    fn request(tries: Vec<TrySpan>) -> RequestSpan {
        let trace = Trace::of(&http::HeaderMap::new(), &Numbers::new(), Ratio::ALL);
        RequestSpan {
            trace,
            begun: u64::MAX - 1,
            ended: u64::MAX,
            method: "GET",
            name: Some("mysite.key".into()),
            resource: Some("/shop".into()),
            status: Some(502),
            problem: Some("no-provider"),
            cut_short: false,
            tries,
        }
    }

    fn one(came_to: CameTo) -> TrySpan {
        TrySpan {
            span: 0xab,
            begun: 1,
            ended: 2,
            provider: "a".into(),
            hedge: true,
            came_to,
        }
    }

    fn spans(requests: &[RequestSpan]) -> Vec<Value> {
        let export: Value = serde_json::from_str(&export(requests)).expect("JSON");
        let spans = export["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array();
        spans.expect("a list").clone()
    }

    fn attribute(span: &Value, key: &str) -> Option<Value> {
        let all = span["attributes"].as_array().expect("a list");
        let found = all.iter().find(|one| one["key"] == key)?;
        found["value"]
            .as_object()
            .and_then(|kinds| kinds.values().next().cloned())
    }

    #[test]
    fn a_request_and_its_tries_are_one_tree() {
        let request = request(vec![
            one(CameTo::Failed("connect", "no connection: refused".into())),
            one(CameTo::Status(503)),
            one(CameTo::Abandoned),
        ]);
        assert_eq!(request.count(), 4);
        let spans = spans(core::slice::from_ref(&request));
        let [server, failed, unavailable, abandoned] = &spans[..] else {
            panic!("{spans:?}")
        };
        assert_eq!(server["name"], "GET /shop");
        assert_eq!(server["parentSpanId"], Value::Null);
        assert_eq!(server["endTimeUnixNano"], u64::MAX.to_string());
        assert_eq!(server["status"]["code"], 2);
        assert_eq!(attribute(server, "error.type"), Some("no-provider".into()));
        for one in [failed, unavailable, abandoned] {
            assert_eq!(one["traceId"], server["traceId"]);
            assert_eq!(one["parentSpanId"], server["spanId"]);
            assert_eq!(one["spanId"], "00000000000000ab");
            assert_eq!(attribute(one, "dotkey.hedge"), Some(true.into()));
        }
        assert_eq!(failed["status"]["message"], "no connection: refused");
        let status = attribute(unavailable, "http.response.status_code");
        assert_eq!(status, Some("503".into()), "64 bits are text in JSON");
        assert_eq!(abandoned["status"], Value::Null, "that is nobody's fault");
    }

    #[test]
    fn what_others_make_up_is_bounded() {
        let why = "ä".repeat(10_000);
        let request = request(vec![one(CameTo::Failed("tls", why))]);
        let told = &spans(&[request])[1]["status"]["message"];
        let told = told.as_str().expect("text");
        assert_eq!(told.chars().count(), WHY_CHARS_MAX);
        let word = |method: &str| method_word(&method.parse().expect("a method"));
        assert_eq!(word("PATCH"), "PATCH");
        assert_eq!(word("PATCHY"), "_OTHER");
        assert_eq!(word("get"), "_OTHER", "methods have their case");
    }
}
