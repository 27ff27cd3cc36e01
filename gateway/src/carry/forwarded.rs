//! What a provider is told of who asks: `Forwarded` (RFC 7239) and its older forms. What a visitor says there of itself is not believed.

use core::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

static FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What visitors and other proxies say in the same matter.
static OTHERS: [HeaderName; 3] = [
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
];

/// What a request says of who came and by which way.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The visitor.
    pub peer: Arc<Peer>,
    /// The host that it asked for.
    pub host: HeaderValue,
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
    for name in &OTHERS {
        headers.remove(name);
    }
    match arrived.peer.forwarded(&arrived.host) {
        Some(forwarded) => headers.insert(FORWARDED, forwarded),
        None => headers.remove(FORWARDED),
    };
    headers.insert(&FOR, arrived.peer.text.clone());
    headers.insert(&HOST, arrived.host.clone());
    headers.insert(&PROTO, HeaderValue::from_static(arrived.peer.proto()));
}
