//! W3C Trace Context: the thread that runs through a request's log lines and spans at all the servers that it passes.
//!
//! A visitor's trace goes on, with this gateway as the parent of what the provider does; a request without one begins one. A
//! `traceparent` that is not well-formed is dropped, and its `tracestate` with it (section 3.2 of the recommendation).

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::{HeaderMap, HeaderName, HeaderValue};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Of the flags we know one: that somebody keeps what is traced.
const SAMPLED: u8 = 1;

/// Where in a trace a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(super) id: u128,
    /// Whose part ours is; nobody's where the trace begins here.
    pub(super) parent: Option<u64>,
    /// Ours: the parent of what comes after.
    pub(super) span: u64,
    flags: u8,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.id)
    }
}

impl Trace {
    /// Goes on with the trace of a request, or begins one, of which `ratio` says whether it is kept.
    pub(super) fn of(headers: &HeaderMap, numbers: &Numbers, ratio: Ratio) -> Self {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let one = given.next().filter(|_| given.next().is_none());
        let span = numbers.next();
        if let Some((id, parent, flags)) = one.and_then(|value| read(value.as_bytes())) {
            let parent = Some(parent);
            return Self {
                id,
                parent,
                span,
                flags,
            };
        }
        let (high, low) = (numbers.next(), numbers.next());
        Self {
            id: u128::from(high) << 64 | u128::from(low),
            parent: None,
            span,
            flags: u8::from(ratio.keeps(low)) * SAMPLED,
        }
    }

    /// Whether somebody keeps what is traced.
    pub(crate) const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The request says so from now on.
    pub(crate) fn pass_on(&self, headers: &mut HeaderMap) {
        if self.parent.is_none() {
            headers.remove(TRACESTATE); // It belonged to a trace that was none.
        }
        self.pass_on_as(self.span, headers);
    }

    /// The same for one try of the request, which is a span of its own.
    pub(super) fn pass_on_as(&self, span: u64, headers: &mut HeaderMap) {
        let Self { id, flags, .. } = self;
        let value = format!("00-{id:032x}-{span:016x}-{flags:02x}");
        let value = HeaderValue::from_str(&value).expect("digits and hyphens");
        headers.insert(TRACEPARENT, value);
    }
}

/// Which of the traces that begin here are kept, by their ids: so all gateways with the same ratio would keep the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio(u64);

impl Ratio {
    /// None.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u64::MAX);

    /// A share of them: from 0 for none to 1 for all; nothing where it is no such number.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        // What is past the end is cut off at it.
        (0.0..=1.0)
            .contains(&share)
            .then_some(Self((share * 2_f64.powi(64)) as u64))
    }

    fn keeps(self, low: u64) -> bool {
        low < self.0 || self == Self::ALL
    }
}

/// `00-<trace id>-<parent id>-<flags>`, in lower-case digits; of a later version more may follow.
fn read(value: &[u8]) -> Option<(u128, u64, u8)> {
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
    // All zeros name nothing.
    (id != 0 && parent != 0).then_some((id, parent, flags & SAMPLED))
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

    pub(super) fn next(&self) -> u64 {
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
        let trace = Trace::of(&headers, &Numbers::new(), Ratio::NONE);
        trace.pass_on(&mut headers);
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

    #[test]
    fn the_flag_of_a_trace_counts_and_else_the_ratio() {
        let numbers = Numbers::new();
        let kept = |given: Option<&'static str>, ratio| {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(TRACEPARENT, HeaderValue::from_static(given));
            }
            let traces = (0..1000).map(|_| Trace::of(&headers, &numbers, ratio));
            traces.filter(Trace::is_sampled).count()
        };
        let yes = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let no = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
        assert_eq!(kept(yes, Ratio::NONE), 1000);
        assert_eq!(kept(no, Ratio::ALL), 0);
        assert_eq!(kept(None, Ratio::NONE), 0);
        assert_eq!(kept(None, Ratio::ALL), 1000);
        // 250 are expected; 13.7 is one standard deviation, and eight of them never happen.
        let quarter = kept(None, Ratio::new(0.25).expect("a share"));
        assert!((140..=360).contains(&quarter), "{quarter}");
        for none in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Ratio::new(none), None, "{none}");
        }
        assert_eq!(Ratio::new(1.0), Some(Ratio::ALL));
    }
}
