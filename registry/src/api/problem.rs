//! Refusals that a program and a person understand: RFC 9457. `docs/api.md` explains each type.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::shown::{Current, RefusedFor};

/// A kind of problem: the end of its `type`, its title and its status. The rest depends on the case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    pub(crate) status: StatusCode,
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        $(pub(crate) const $name: Kind = Kind { code: $code, title: $title, status: StatusCode::$status };)*
        /// All of them; a test holds `docs/api.md` to this list.
        #[cfg(test)]
        pub(crate) const ALL: &[Kind] = &[$($name),*];
    };
}

kinds! {
    BAD_KEY_ID = BAD_REQUEST, "bad-key-id", "Not a key id";
    BAD_PARAMETER = BAD_REQUEST, "bad-parameter", "A parameter that is not understood";
    BAD_CONDITION = BAD_REQUEST, "bad-condition", "A condition that is not understood";
    BAD_NAME = BAD_REQUEST, "bad-name", "Not a name of the ledger";
    BAD_ID = BAD_REQUEST, "bad-id", "Not a transaction's id";
    BAD_HEIGHT = BAD_REQUEST, "bad-height", "Not a block's height";
    BAD_BODY = BAD_REQUEST, "bad-body", "A body that is not understood";
    UNAUTHORIZED = UNAUTHORIZED, "unauthorized", "The token is missing or wrong";
    CROSS_ORIGIN = FORBIDDEN, "cross-origin", "Web pages of other origins may not write";
    NO_RECORD = NOT_FOUND, "no-record", "No node has a record there";
    NO_BLOCK = NOT_FOUND, "no-block", "This node has no such block";
    NO_SUCH_PATH = NOT_FOUND, "no-such-path", "There is nothing at this path";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "This path does not take this method";
    NOT_ACCEPTABLE = NOT_ACCEPTABLE, "not-acceptable", "The client takes none of what there is";
    SLOW_BODY = REQUEST_TIMEOUT, "slow-body", "The body did not come in time";
    OLDER = CONFLICT, "older", "A newer record is there";
    REFUSED_NOW = CONFLICT, "refused-now", "The ledger does not take the transaction as things are";
    FOLDER_EXISTS = CONFLICT, "folder-exists", "The folder exists";
    CONDITION_FAILED = PRECONDITION_FAILED, "condition-failed", "Another record is there than the condition says";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    WRONG_TYPE = UNSUPPORTED_MEDIA_TYPE, "wrong-type", "The body is not of the type that is taken";
    WRONG_HOST = MISDIRECTED_REQUEST, "wrong-host", "This node does not go by that name";
    INVALID_RECORD = UNPROCESSABLE_ENTITY, "invalid-record", "The record does not verify";
    REFUSED = UNPROCESSABLE_ENTITY, "refused", "The ledger does not take the transaction";
    NO_ROUTE = NOT_FOUND, "no-route", "The gateway has no way for this URL";
    STORE_FAILED = INTERNAL_SERVER_ERROR, "store-failed", "The node's disk failed";
    TOO_FEW_NODES = SERVICE_UNAVAILABLE, "too-few-nodes", "Too few of the closest nodes stored it";
    NO_LEDGER = SERVICE_UNAVAILABLE, "no-ledger", "The node follows no ledger";
    LEDGER_HALTED = SERVICE_UNAVAILABLE, "ledger-halted", "The ledger has halted";
    UNCERTIFIED = SERVICE_UNAVAILABLE, "uncertified", "No block is certified yet";
    NO_HANDOVERS = SERVICE_UNAVAILABLE, "no-handovers", "The node does not have all handovers";
    POOL_FULL = SERVICE_UNAVAILABLE, "pool-full", "Too many transactions wait";
    STOPPING = SERVICE_UNAVAILABLE, "stopping", "The node is stopping";
    OVERLOADED = SERVICE_UNAVAILABLE, "overloaded", "The node has too much to do";
    TIMED_OUT = GATEWAY_TIMEOUT, "timed-out", "The network did not answer in time";
}

/// When a client may come back after a 503.
const RETRY_AFTER_SECS: u32 = 5;

/// One problem, with its facts.
#[derive(Debug)]
pub(crate) struct Problem {
    body: Box<Body>,
    status: StatusCode,
    headers: HeaderMap,
}

#[derive(Debug, Serialize)]
struct Body {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    next: String,
    #[serde(flatten)]
    facts: Facts,
}

/// Members of a problem beyond those that all have.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stored: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) refused: Vec<RefusedFor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<Current>,
    /// The next nonce of an identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected: Option<u64>,
    /// Who holds a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<String>,
    /// When a name could become free, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) free: Option<u64>,
    /// The block, or the time, from which on it can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<u64>,
    /// The block that it would be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u64>,
}

impl Problem {
    /// What happened, and what to do about it.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>, next: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        if kind.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECS.into());
        }
        Self {
            body: Box::new(Body {
                r#type: format!("urn:dotkey:problem:{}", kind.code),
                title: kind.title,
                status: kind.status.as_u16(),
                detail: detail.into(),
                code: kind.code,
                next: next.into(),
                facts: Facts::default(),
            }),
            status: kind.status,
            headers,
        }
    }

    /// With the code of the rule that a record breaks.
    pub(crate) fn with_code(mut self, code: &'static str) -> Self {
        self.body.code = code;
        self
    }

    pub(crate) fn with_facts(mut self, facts: Facts) -> Self {
        self.body.facts = facts;
        self
    }

    pub(crate) fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// What happened, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.body.detail
    }

    /// As it stands in a body or an event.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.body).expect("strings and numbers are JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let text = self.to_json();
        let mut headers = self.headers;
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        // What is wrong now may be right in a second.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        (self.status, headers, text).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_a_section_for_each() {
        let page = include_str!("../../../docs/api.md");
        for kind in ALL {
            let row = format!("| `{}` | {} |", kind.code, kind.status.as_u16());
            assert!(page.contains(&row), "docs/api.md has no row `{row}`");
        }
        let rows = page.lines().filter(|line| {
            let mut cells = line.split(" | ");
            cells.next().is_some_and(|cell| cell.starts_with("| `"))
                && cells.next().is_some_and(|cell| cell.parse::<u16>().is_ok())
        });
        assert_eq!(rows.count(), ALL.len(), "docs/api.md lists others as well");
    }
}
