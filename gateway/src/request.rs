//! Which name a request is for, read from its host and its path.
//!
//! Pure: text in, a [`RequestKey`] out. It only splits and bounds what stands there. Whether a part is a name is for
//! `dotkey_proto::name`, and which identity an ordinary domain is linked to, for the resolver.

use dotkey_proto::limits::{LABEL_BYTES_MAX, NAME_BYTES_MAX};

/// What stands before a scope in a path: `/@scope/namespace`.
const SCOPE_SIGN: char = '@';

/// How a request says where it wants to go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestKey {
    /// `Host: www.mysite.key`.
    Name {
        /// The host in lower case, without a port and without a final dot.
        host: String,
    },
    /// `/@scope/namespace/rest` on any host of ours: the name `namespace.scope`, under our suffix.
    Path {
        /// `scope`.
        scope: String,
        /// What the scope's own site is asked for: all that stands behind it, `/namespace/rest`.
        inside: String,
        /// `namespace`, and what its provider is asked for: `/rest`. None where nothing that can be a label comes next.
        namespace: Option<(String, String)>,
    },
    /// `Host: mysite.key.example.net`, a bridge for visitors without dotkey.
    Bridge {
        /// `mysite`: what stands before the bridge's suffix.
        name: String,
    },
    /// An ordinary domain that points here. A TXT record or a claim links it to an identity.
    Domain {
        /// The host in lower case, without a port and without a final dot.
        host: String,
    },
}

/// The suffixes a gateway serves, in lower case and without dots at the ends.
#[derive(Clone, Debug)]
pub struct Suffixes {
    /// `key`.
    pub own: String,
    /// `key.example.net`, for each bridge that is operated.
    pub bridges: Vec<String>,
}

impl Suffixes {
    /// Whether names are served by path on a host: this machine's own, or a bridge.
    #[must_use]
    pub fn has_paths(&self, host: &str) -> bool {
        let local = host == "localhost" || host.ends_with(".localhost");
        local || self.bridges.iter().any(|bridge| bridge == host)
    }
}

/// Why a request names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// HTTP/1.1 asks for one (RFC 9112 section 3.2), and so do we of everyone.
    #[error("the request has no host; send `Host: mysite.key`")]
    NoHost,
    /// Not a DNS name and not an address.
    #[error("`{host}` is not a host: {reason}")]
    BadHost {
        /// What was sent, at most a name's length of it.
        host: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An address belongs to no name.
    #[error("`{host}` is an address; ask for a name, such as `mysite.key`")]
    Address {
        /// What was sent.
        host: String,
    },
    /// `/@` without a scope, or a part that no label can be.
    #[error("`{part}` is not a part of a name; a path begins with `/@scope/namespace`")]
    BadPath {
        /// What was sent, at most a label's length of it.
        part: String,
    },
}

impl RequestKey {
    /// Reads the `Host` (or `:authority`) and the path with its query. A name's own host has all its paths: `/@alice` there is a path like
    /// another. The path form is read elsewhere; on which hosts it is served is for the server.
    ///
    /// # Errors
    /// [`RequestError`] says what was sent and what would be right.
    pub fn read(host: &str, path: &str, suffixes: &Suffixes) -> Result<Self, RequestError> {
        let scoped = path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(SCOPE_SIGN));
        let host = match (bare_host(host), scoped) {
            (Err(RequestError::Address { .. }), Some(scoped)) => return scoped_path(scoped),
            (host, _) => host?,
        };
        if under(&host, &suffixes.own).is_some() {
            return Ok(Self::Name { host });
        }
        // The longest bridge, so that one bridge may stand under another.
        let mut bridges: Vec<&String> = suffixes.bridges.iter().collect();
        bridges.sort_by_key(|bridge| core::cmp::Reverse(bridge.len()));
        match bridges.into_iter().find_map(|bridge| under(&host, bridge)) {
            Some(name) => Ok(Self::Bridge {
                name: name.to_owned(),
            }),
            None => match scoped {
                Some(scoped) => scoped_path(scoped),
                None => Ok(Self::Domain { host }),
            },
        }
    }
}

/// What stands before `.suffix`, if anything does.
fn under<'a>(host: &'a str, suffix: &str) -> Option<&'a str> {
    let name = host.strip_suffix(suffix)?.strip_suffix('.')?;
    (!name.is_empty()).then_some(name)
}

/// Without port and final dot, in lower case. RFC 3986 section 3.2.2: hosts are compared without case.
fn bare_host(host: &str) -> Result<String, RequestError> {
    let bad = |reason| RequestError::BadHost {
        host: host.chars().take(NAME_BYTES_MAX).collect(),
        reason,
    };
    if host.is_empty() {
        return Err(RequestError::NoHost);
    }
    let address = || RequestError::Address {
        host: host.chars().take(NAME_BYTES_MAX).collect(),
    };
    let is_port =
        |port: &str| port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+');
    if let Some(inside) = host.strip_prefix('[') {
        let (inside, after) = inside.split_once(']').unwrap_or((inside, "?"));
        let is_one = inside.parse::<core::net::Ipv6Addr>().is_ok();
        let fits = after.is_empty() || after.strip_prefix(':').is_some_and(is_port);
        return Err(match is_one && fits {
            true => address(),
            false => bad("an IPv6 address is written as [::1] or [::1]:8080"),
        });
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return Err(bad("a port is a number up to 65535")),
        None => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    // Two bytes less than in wire form: the first length byte and the root.
    if name.len() > NAME_BYTES_MAX - 2 {
        return Err(bad("it is longer than 253 characters"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !name.bytes().all(allowed) {
        return Err(bad(
            "a host has letters, digits and hyphens; write other scripts as A-labels",
        ));
    }
    if name
        .split('.')
        .any(|label| label.is_empty() || label.len() > LABEL_BYTES_MAX)
    {
        return Err(bad("a label has 1 to 63 characters"));
    }
    if name.parse::<core::net::Ipv4Addr>().is_ok() {
        return Err(address());
    }
    Ok(name.to_ascii_lowercase())
}

/// `scope/namespace/rest?query`, after the sign.
fn scoped_path(path: &str) -> Result<RequestKey, RequestError> {
    let at = |text: &str| text.find(['/', '?']).unwrap_or(text.len());
    let (scope, after) = path.split_at(at(path));
    let scope = part(scope)?;
    let inside = match after {
        "" => "/".to_owned(),
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    };
    let below = &inside[1..];
    let (namespace, rest) = below.split_at(at(below));
    if [".", ".."].contains(&namespace) {
        let part = namespace.to_owned();
        return Err(RequestError::BadPath { part });
    }
    // What cannot be a label is a path of the scope's own site.
    let namespace = part(namespace).ok().map(|namespace| {
        let slash = if rest.starts_with('/') { "" } else { "/" };
        (namespace, format!("{slash}{rest}"))
    });
    Ok(RequestKey::Path {
        scope,
        inside,
        namespace,
    })
}

/// One label of a path. Percent-encoding is left alone: `dotkey_proto::name` reads one spelling of a name.
fn part(text: &str) -> Result<String, RequestError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > LABEL_BYTES_MAX || !text.bytes().all(allowed) {
        let part = text.chars().take(LABEL_BYTES_MAX).collect();
        return Err(RequestError::BadPath { part });
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(host: &str, path: &str) -> Result<RequestKey, RequestError> {
        let bridges = ["key.example.net", "eu.key.example.net"]
            .map(str::to_owned)
            .to_vec();
        let own = "key".to_owned();
        RequestKey::read(host, path, &Suffixes { own, bridges })
    }

    fn check(host: &str, path: &str, expected: &str) {
        let shown = match read(host, path) {
            Ok(RequestKey::Name { host }) => format!("name {host}"),
            Ok(RequestKey::Bridge { name }) => format!("bridge {name}"),
            Ok(RequestKey::Domain { host }) => format!("domain {host}"),
            Ok(RequestKey::Path {
                scope,
                inside,
                namespace,
            }) => {
                let (namespace, rest) = namespace.unwrap_or((String::new(), inside));
                format!("path {scope} {namespace} {rest}")
            }
            Err(error) => format!("error {error}"),
        };
        assert!(
            shown == expected || expected.starts_with("error") && shown.starts_with(expected),
            "{host} {path}: {shown}, not {expected}"
        );
    }

    #[test]
    fn hosts_are_read() {
        check("mysite.key", "/", "name mysite.key");
        check("WWW.MySite.KEY.:8080", "/a?b", "name www.mysite.key");
        check("mysite.key.example.net", "/", "bridge mysite");
        check("mysite.eu.key.example.net", "/", "bridge mysite");
        check("widgets.acme.example", "/", "domain widgets.acme.example");
        check("monkey", "/", "domain monkey");
        check("key", "/", "domain key");
        check("key.example.net", "/", "domain key.example.net");
        check("mysite.key:", "/", "name mysite.key");
    }

    #[test]
    fn paths_are_read_where_no_name_has_the_host() {
        check(
            "127.0.0.1:8080",
            "/@alice/shop/a/b?c=d",
            "path alice shop /a/b?c=d",
        );
        check("[::1]:8080", "/@Alice/Shop", "path alice shop /");
        check("[::1]", "/@alice/shop", "path alice shop /");
        check("x.example", "/@alice/shop/", "path alice shop /");
        check("x.example", "/@alice/shop?c=d", "path alice shop /?c=d");
        check("x.example", "/@alice", "path alice  /");
        check("x.example", "/@alice/", "path alice  /");
        check("x.example", "/@alice?c=d", "path alice  /?c=d");
        check("x.example", "/@alice//a", "path alice  //a");
        check(
            "x.example",
            "/@alice/index.html?a/b",
            "path alice  /index.html?a/b",
        );
        check("x.example", "/a/@alice/shop", "domain x.example");
        check("mysite.key", "/@alice/shop", "name mysite.key");
        check("mysite.key.example.net", "/@alice/shop", "bridge mysite");
        check("key.example.net", "/@alice/shop", "path alice shop /");
    }

    #[test]
    fn what_names_nothing_is_refused() {
        check("", "/", "error the request has no host");
        check(
            "127.0.0.1:8080",
            "/",
            "error `127.0.0.1:8080` is an address",
        );
        check("[::1]:8080", "/", "error `[::1]:8080` is an address");
        for host in [
            "[::1",
            "[::1]x",
            "[::1]:x",
            "[1.2.3.4]",
            "a\";b",
            "a b",
            "x.key:99999",
            "u@x.key",
        ] {
            check(host, "/", &format!("error `{host}` is not a host"));
            check(
                host,
                "/@alice/shop",
                &format!("error `{host}` is not a host"),
            );
        }
        check("a..key", "/", "error `a..key` is not a host: a label has");
        check(".key", "/", "error `.key` is not a host: a label has");
        check(
            "mysite.key:http",
            "/",
            "error `mysite.key:http` is not a host: a port",
        );
        check(
            "user@mysite.key",
            "/",
            "error `user@mysite.key` is not a host: a host has",
        );
        check(
            "m\u{fc}ller.key",
            "/",
            "error `m\u{fc}ller.key` is not a host: a host has",
        );
        check(&format!("{}.key", "a".repeat(64)), "/", "error `aaaa");
        check(&"a.".repeat(128), "/", "error `a.a.a");
        check("x.example", "/@", "error `` is not a part of a name");
        check("x.example", "/@/shop", "error `` is not a part of a name");
        check(
            "x.example",
            "/@alice/..",
            "error `..` is not a part of a name",
        );
        check(
            "x.example",
            "/@al%69ce/shop",
            "error `al%69ce` is not a part",
        );
    }

    #[test]
    fn the_longest_labels_and_names_fit() {
        let label = "a".repeat(LABEL_BYTES_MAX);
        let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(longest.len(), 253);
        check(&longest, "/", &format!("domain {longest}"));
        check(&format!("{longest}a"), "/", "error `aaa");
        check(
            "x.example",
            &format!("/@{label}/{label}"),
            &format!("path {label} {label} /"),
        );
    }
}
