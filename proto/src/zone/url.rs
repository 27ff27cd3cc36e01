//! The URL of a provider: a scheme, a host, a port and a path, each in one form only, and nothing else.
//!
//! It is narrower than the URLs of browsers on purpose (section 7.4 rule 5): what two libraries could read differently,
//! such as users, odd addresses or dot segments, cannot be written.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

use thiserror::Error;

use super::path::{self, PathError};
use super::words::words;
use crate::limits::{LABEL_BYTES_MAX, URL_BYTES_MAX};

words! {
    /// How a URL's address is spoken to.
    Scheme {
        /// HTTP without TLS.
        Http = 1 "http",
        /// HTTP over TLS.
        Https = 2 "https",
        /// Bytes over TCP.
        Tcp = 3 "tcp",
        /// Bytes over TLS.
        Tls = 4 "tls",
        /// The PostgreSQL protocol.
        Postgres = 5 "postgres",
        /// The Redis protocol.
        Redis = 6 "redis",
    }
}

impl Scheme {
    /// The port of a URL that names none; raw connections must name theirs.
    #[must_use]
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https => Some(443),
            Self::Postgres => Some(5432),
            Self::Redis => Some(6379),
            Self::Tcp | Self::Tls => None,
        }
    }

    const fn has_path(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// A host of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A domain name without a trailing dot.
    Domain(&'a str),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address; the URL has it in brackets.
    Ipv6(Ipv6Addr),
}

/// The address of a provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Url(Box<str>);

/// What keeps a text from being a [`Url`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Too much.
    #[error("it has {bytes} bytes; a URL has at most {URL_BYTES_MAX}")]
    Length {
        /// How many there are.
        bytes: usize,
    },
    /// No scheme, or one that no gateway speaks.
    #[error(
        "it must begin with `http://`, `https://`, `tcp://`, `tls://`, `postgres://` or `redis://`"
    )]
    Scheme,
    /// A host that is neither a domain name nor an address.
    #[error(
        "`{}` is no host: write a domain name in lower case, an IPv4 address, or an IPv6 address in brackets",
        host.escape_debug()
    )]
    Host {
        /// What stands there.
        host: String,
    },
    /// A port that is no number from 1 to 65535 in its shortest form.
    #[error("`{}` is no port: write 1 to 65535 without leading zeros", port.escape_debug())]
    Port {
        /// What stands there.
        port: String,
    },
    /// A scheme without a port of its own.
    #[error("`{scheme}` has no port of its own: write one, as in `{scheme}://192.0.2.1:7000`")]
    PortMissing {
        /// The scheme.
        scheme: Scheme,
    },
    /// A path where there are none.
    #[error("`{scheme}` has no paths: end the URL after the port")]
    NoPaths {
        /// The scheme.
        scheme: Scheme,
    },
    /// A path that breaks its own rules.
    #[error("its path: {0}")]
    Path(PathError),
}

/// A URL taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlParts<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host<'a>,
    /// The port, where the URL names one.
    pub port: Option<u16>,
    /// The path, where there is one.
    pub path: Option<&'a str>,
}

impl Url {
    /// Reads a URL.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        parts(text).map(|_| Self::unchecked(text))
    }

    /// For the reader of encodings, which leaves the rule to the rule checker so that the order of errors is the page's.
    pub(super) fn unchecked(text: &str) -> Self {
        Self(text.into())
    }

    /// The URL as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> UrlParts<'_> {
        parts(&self.0).expect("every URL of a zone was checked by the same function")
    }
}

/// Section 7.4 rule 5.
pub(super) fn parts(text: &str) -> Result<UrlParts<'_>, UrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(UrlError::Length { bytes: text.len() });
    }
    let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
    let scheme = Scheme::from_word(scheme).ok_or(UrlError::Scheme)?;
    let (authority, path) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    let (host, port) = split_port(authority);
    let host_parts = read_host(host).ok_or_else(|| UrlError::Host { host: host.into() })?;
    let port = port.map(read_port).transpose()?;
    match path {
        Some(_) if !scheme.has_path() => return Err(UrlError::NoPaths { scheme }),
        Some(path) => path::check(path).map_err(UrlError::Path)?,
        None => {}
    }
    if port.is_none() && scheme.default_port().is_none() {
        return Err(UrlError::PortMissing { scheme });
    }
    Ok(UrlParts {
        scheme,
        host: host_parts,
        port,
        path,
    })
}

/// The host, and what follows its colon; the colons of an IPv6 address stand inside its brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host_end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    match authority[host_end..].strip_prefix(':') {
        Some(port) => (&authority[..host_end], Some(port)),
        // Anything else after a bracket makes the whole no host.
        None => (authority, None),
    }
}

fn read_host(text: &str) -> Option<Host<'_>> {
    if let Some(inner) = text.strip_prefix('[') {
        let address = inner.strip_suffix(']')?;
        if address.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        return address.parse().ok().map(Host::Ipv6);
    }
    let last = text.rsplit('.').next()?;
    // A name that ends in a number is an address or nothing: libraries differ over anything between.
    if !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Host::Ipv4);
    }
    let whole = (1..=253).contains(&text.len());
    (whole && text.split('.').all(is_label)).then_some(Host::Domain(text))
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn read_port(text: &str) -> Result<u16, UrlError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()); // `parse` alone would take a `+`.
    let number = if digits && !text.starts_with('0') {
        text.parse().ok()
    } else {
        None
    };
    number.ok_or_else(|| UrlError::Port { port: text.into() })
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_the_page_allows() {
        for (text, host, port, path) in [
            (
                "https://a.example.net",
                Host::Domain("a.example.net"),
                None,
                None,
            ),
            ("http://a/", Host::Domain("a"), None, Some("/")),
            (
                "https://a_b.x-y:8443/p/q",
                Host::Domain("a_b.x-y"),
                Some(8443),
                Some("/p/q"),
            ),
            (
                "tcp://192.0.2.1:7000",
                Host::Ipv4(Ipv4Addr::new(192, 0, 2, 1)),
                Some(7000),
                None,
            ),
            (
                "tls://[2001:db8::1]:1",
                Host::Ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
                Some(1),
                None,
            ),
            (
                "https://[::]",
                Host::Ipv6(Ipv6Addr::UNSPECIFIED),
                None,
                None,
            ),
            (
                "https://[::ffff:192.0.2.1]/",
                Host::Ipv6(Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped()),
                None,
                Some("/"),
            ),
            ("postgres://db", Host::Domain("db"), None, None),
            (
                "redis://1a.2b:65535",
                Host::Domain("1a.2b"),
                Some(65535),
                None,
            ),
        ] {
            let url = Url::parse(text).expect(text);
            let found = url.parts();
            assert_eq!(
                (found.host, found.port, found.path),
                (host, port, path),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for text in [
            "",
            "https:",
            "https://",
            "https:///",
            "HTTPS://a",
            "ftp://a",
            "a.example.net",
            "https://A",
            "https://a.",
            "https://.a",
            "https://a..b",
            "https://-a",
            "https://a-",
            "https://a b",
            "https://ü",
            "https://u@a",
            "https://u:p@a",
            "https://a:0",
            "https://a:",
            "https://a:01",
            "https://a:65536",
            "https://a:+1",
            "https://a?q",
            "https://a/?q",
            "https://a/#f",
            "https://a#f",
            "https://a//",
            "https://a/..",
            "https://1.2.3",
            "https://1.2.3.4.5",
            "https://01.2.3.4",
            "https://1.2.3.256",
            "https://1",
            "https://0x7f.1",
            "https://[::1",
            "https://::1",
            "https://[::1]a",
            "https://[2001:DB8::1]",
            "https://[fe80::1%eth0]",
            "https://[::01.2.3.4]",
            "https://[]",
            "https://[1.2.3.4]",
            "https://[::1]:",
            "https://]",
            "https://[::1]]:1",
            "tcp://a",
            "tls://a",
            "tcp://a:1/",
            "postgres://a/db",
            "redis://a:1/0",
            "https://a\\b",
            "https://%61",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        let label = "a".repeat(63);
        let name = alloc::format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert!(Url::parse(&alloc::format!("https://{name}")).is_ok());
        assert!(Url::parse(&alloc::format!("https://{name}a")).is_err());
        assert!(Url::parse(&alloc::format!("https://a{label}")).is_err());
        let long =
            |bytes: usize| alloc::format!("https://{name}/{}", "p".repeat(bytes - 262 - 1 + 1));
        assert!(Url::parse(&long(300)).is_ok());
        assert_eq!(
            Url::parse(&"x".repeat(513)),
            Err(UrlError::Length { bytes: 513 })
        );
    }
}
