//! W3C Trace Context: the thread that runs through a request's log lines at all the servers that it passes.
//!
//! A visitor's trace goes on, with this gateway as the parent of what the provider does; a request without one begins one. A
//! `traceparent` that is not well-formed is dropped, and its `tracestate` with it (section 3.2 of the recommendation).

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Where in a trace a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    id: u128,
    /// Ours: the parent of what comes after.
    span: u64,
    flags: u8,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

impl Trace {
    /// Goes on with the trace of a request, or begins one; the request says so from then on.
    pub(super) fn go_on(headers: &mut HeaderMap, numbers: &Numbers) -> Self {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let one = given.next().filter(|_| given.next().is_none());
        let known = one.and_then(|value| read(value.as_bytes()));
        let (id, flags) = known.unwrap_or_else(|| {
            headers.remove(TRACESTATE);
            let id = u128::from(numbers.next()) << 64 | u128::from(numbers.next());
            (id, 0)
        });
        let trace = Self {
            id,
            span: numbers.next(),
            flags,
        };
        let Self { id, span, flags } = trace;
        let value = format!("00-{id:032x}-{span:016x}-{flags:02x}");
        let value = HeaderValue::from_str(&value).expect("digits and hyphens");
        headers.insert(TRACEPARENT, value);
        trace
    }
}

/// `00-<trace id>-<parent id>-<flags>`, in lower-case digits; of a later version more may follow.
fn read(value: &[u8]) -> Option<(u128, u8)> {
    let text = core::str::from_utf8(value).ok()?;
    let lower = |text: &str| {
        text.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let mut parts = text.split('-');
    let mut part = |digits: usize| {
        parts
            .next()
            .filter(|part| part.len() == digits && lower(part))
    };
    let (version, id, parent, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
    let more = parts.next().is_some();
    if version == "ff" || (version == "00" && more) {
        return None;
    }
    let id = u128::from_str_radix(id, 16).ok()?;
    let parent = u64::from_str_radix(parent, 16).ok()?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    // All zeros name nothing. Of the flags we know one: that somebody keeps what is traced.
    (id != 0 && parent != 0).then_some((id, flags & 1))
}

/// Numbers that are not given twice, and that nobody outside can guess the next of: a counter under a secret permutation.
#[derive(Debug)]
pub(super) struct Numbers {
    count: AtomicU64,
    secret: std::hash::RandomState,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU64::new(1),
            secret: std::hash::RandomState::new(),
        }
    }

    fn next(&self) -> u64 {
        use std::hash::BuildHasher;
        let hashed = self.secret.hash_one(self.count.fetch_add(1, Relaxed));
        hashed.max(1) // Zero names nothing.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(fields: &[(&'static str, &str)]) -> (String, HeaderMap) {
        let field = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).expect("a value");
            (HeaderName::from_static(name), value)
        };
        let mut headers: HeaderMap = HeaderMap::new();
        for (name, value) in fields.iter().map(field) {
            headers.append(name, value);
        }
        let trace = Trace::go_on(&mut headers, &Numbers::new());
        (trace.to_string(), headers)
    }

    #[test]
    fn a_trace_goes_on_with_another_parent() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let given = format!("00-{id}-00f067aa0ba902b7-01");
        let (trace, headers) = passed(&[("traceparent", &given), ("tracestate", "a=1")]);
        assert_eq!(trace, id);
        let passed_on = headers[TRACEPARENT].to_str().expect("text");
        assert!(passed_on.starts_with(&format!("00-{id}-")) && passed_on.ends_with("-01"));
        assert_ne!(passed_on, given);
        assert_eq!(headers[TRACESTATE], "a=1");
    }

    #[test]
    fn what_is_not_well_formed_begins_another() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let zero = "0".repeat(32);
        for given in [
            String::new(),
            "00".to_owned(),
            format!("00-{id}-00f067aa0ba902b7"),
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{zero}-00f067aa0ba902b7-01"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-+{}-00f067aa0ba902b7-01", &id[1..]),
        ] {
            let (trace, headers) = passed(&[("traceparent", &given), ("tracestate", "a=1")]);
            assert_ne!(trace, id, "{given}");
            assert!(!headers.contains_key(TRACESTATE), "{given}");
        }
        let later = format!("01-{id}-00f067aa0ba902b7-01-more");
        assert_eq!(passed(&[("traceparent", &later)]).0, id);
        let twice = format!("00-{id}-00f067aa0ba902b7-01");
        assert_ne!(
            passed(&[("traceparent", &twice), ("traceparent", &twice)]).0,
            id
        );
    }
}
