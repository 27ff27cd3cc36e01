//! What a provider is told of who asks: `Forwarded` (RFC 7239) and its older forms. What a visitor says there of itself is not believed.

use core::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;

/// What servers behind proxies believe of a visitor or of what it asked for: each of these is somebody's default. Those that begin with
/// `x-forwarded-` are among them.
const CLAIMS: [&str; 17] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "front-end-https",
    "proxy",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
];

static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// What a request says of who came and by which way.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The visitor.
    pub peer: Arc<Peer>,
    /// The host that it asked for.
    pub host: HeaderValue,
    /// The place of the name in the paths of that host, where it has not the whole of it.
    pub prefix: Option<HeaderValue>,
}

/// Who is at the other end of a connection, and what is said of it: written once for all its requests.
#[derive(Debug)]
pub struct Peer {
    address: IpAddr,
    secure: bool,
    text: HeaderValue,
    /// What the first request's host came to. A connection seldom asks for another.
    said: OnceLock<(HeaderValue, HeaderValue)>,
}

impl Peer {
    /// The visitor at `address`, over TLS where `secure`.
    #[must_use]
    pub fn new(address: IpAddr, secure: bool) -> Self {
        let address = address.to_canonical();
        let text = HeaderValue::from_str(&address.to_string()).expect("an address is a value");
        Self {
            address,
            secure,
            text,
            said: OnceLock::new(),
        }
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether it came over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    const fn proto(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Nothing for a host that cannot stand in quotes.
    fn forwarded(&self, host: &HeaderValue) -> Option<HeaderValue> {
        if let Some((first, said)) = self.said.get()
            && first == host
        {
            return Some(said.clone());
        }
        let quoted = match self.address {
            IpAddr::V4(peer) => peer.to_string(),
            IpAddr::V6(peer) => format!("\"[{peer}]\""),
        };
        let named = host.to_str().ok()?;
        let said = format!("for={quoted};host=\"{named}\";proto={}", self.proto());
        let said = HeaderValue::from_str(&said).ok()?;
        // Another request may have been the first.
        let _ = self.said.set((host.clone(), said.clone()));
        Some(said)
    }
}

/// Says who asks, and forgets what was said of that before.
pub(super) fn say(headers: &mut HeaderMap, arrived: &Arrived) {
    let claims: SmallVec<[HeaderName; 8]> = headers
        .keys()
        .filter(|name| is_claim(name.as_str()))
        .cloned()
        .collect();
    for name in claims {
        headers.remove(name);
    }
    match arrived.peer.forwarded(&arrived.host) {
        Some(forwarded) => headers.insert(FORWARDED, forwarded),
        None => headers.remove(FORWARDED),
    };
    headers.insert(&FOR, arrived.peer.text.clone());
    headers.insert(&HOST, arrived.host.clone());
    headers.insert(&PROTO, HeaderValue::from_static(arrived.peer.proto()));
    if let Some(prefix) = &arrived.prefix {
        headers.insert(&PREFIX, prefix.clone());
    }
}

/// Whether a field, named in lower case, says what we alone say. Where names become variables (CGI, WSGI, Rack) `_` and `-` are one.
fn is_claim(name: &str) -> bool {
    let is = |name: &str| name.starts_with("x-forwarded-") || CLAIMS.contains(&name);
    match name.as_bytes() {
        [b'c' | b'f' | b'p' | b't' | b'x', ..] if name.contains('_') => is(&name.replace('_', "-")),
        [b'c' | b'f' | b'p' | b't' | b'x', ..] => is(name),
        _ => false,
    }
}
