//! What an answer says of paths and hosts, moved to where its visitor is.
//!
//! A provider knows its name, its own address and its own paths. A visitor may be elsewhere: at `/@scope/namespace/rest`, where many owners
//! share one host, at a bridge, or at a domain that is linked to the name. There a redirect must lead to the visitor's place, a cookie
//! is scoped to the path of its owner, and what would speak for the whole host is left out. Scripts of one host can still read each
//! other's pages: browsers know no smaller place than a host. Who needs that apart uses a name's own host.

use dotkey_proto::zone::{Provider, Scheme};
use http::header::{
    ALT_SVC, CONTENT_LOCATION, HeaderName, LINK, LOCATION, REFRESH, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use crate::carry::Carried;

/// What an answer may not say of a host that it shares.
static OF_THE_HOST: [HeaderName; 6] = [
    STRICT_TRANSPORT_SECURITY,
    HeaderName::from_static("accept-ch"),
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("service-worker-allowed"),
];

/// The place of a name in the paths of a host: `/@scope/namespace`, without a final slash. Empty where the name has the whole host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(pub(super) String);

/// From where an answer comes, and to where it goes.
pub(super) struct Passage<'a> {
    pub(super) place: &'a Place,
    /// The name whose provider answered.
    pub(super) name: &'a str,
    pub(super) provider: &'a Provider,
    /// The host that the visitor asked, with its port.
    pub(super) host: &'a str,
    pub(super) secure: bool,
}

impl Passage<'_> {
    /// Moves what an answer says of paths and hosts.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        headers.remove(ALT_SVC); // Of the provider's own address; the visitor's is ours.
        self.move_each(headers, &LOCATION, |value| self.target(value));
        self.move_each(headers, &CONTENT_LOCATION, |value| self.target(value));
        self.move_each(headers, &REFRESH, |value| self.refresh(value));
        self.move_each(headers, &LINK, |value| self.links(value));
        if self.place.0.is_empty() {
            return;
        }
        for name in &OF_THE_HOST {
            headers.remove(name);
        }
        let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        for cookie in cookies {
            let scoped = cookie
                .to_str()
                .ok()
                .and_then(|cookie| self.place.cookie(cookie));
            if let Some(scoped) = scoped {
                headers.append(SET_COOKIE, scoped);
            }
        }
    }

    fn move_each(
        &self,
        headers: &mut HeaderMap,
        name: &HeaderName,
        moved: impl Fn(&str) -> Option<String>,
    ) {
        if !headers.contains_key(name) {
            return;
        }
        let before: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
        headers.remove(name);
        for value in before {
            let moved = value.to_str().ok().and_then(&moved);
            let moved = moved.and_then(|moved| HeaderValue::from_str(&moved).ok());
            headers.append(name, moved.unwrap_or(value));
        }
    }

    /// Where a target of the provider's is for the visitor; nothing where it stands as it is.
    fn target(&self, target: &str) -> Option<String> {
        let place = &self.place.0;
        if target.starts_with('/') && !target.starts_with("//") {
            let path = self.below_base(target);
            return (!place.is_empty() || path != target).then(|| format!("{place}{path}"));
        }
        let (scheme, rest) = target.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
        let is_its_own_address = self.is_its_own_address(&scheme, &authority);
        if !is_its_own_address && !self.is_its_name(&authority) {
            return None;
        }
        let path = self.below_base(path);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let ours = if self.secure { "https" } else { "http" };
        if is_its_own_address || scheme == ours {
            return Some(format!("{place}{slash}{path}"));
        }
        // It wants the visitor to come over TLS, or without.
        let host = host_of(self.host);
        (!host.eq_ignore_ascii_case(self.name) || !place.is_empty())
            .then(|| format!("{scheme}://{host}{place}{slash}{path}"))
    }

    /// The name, at a port that leads to the provider or to the visitor's gateway: at another one somebody else may be.
    fn is_its_name(&self, authority: &str) -> bool {
        let port = |authority: &str| {
            let port = authority.strip_prefix(host_of(authority))?;
            port.strip_prefix(':').map(str::to_owned)
        };
        let of_provider = self.provider.url.parts().port.map(|port| port.to_string());
        host_of(authority) == self.name
            && port(authority).is_none_or(|named| {
                ["80", "443"].contains(&&*named)
                    || Some(&named) == of_provider.as_ref()
                    || Some(named) == port(self.host)
            })
    }

    fn is_its_own_address(&self, scheme: &str, authority: &str) -> bool {
        let own = self.provider.url.as_str();
        let own = own.split_once("://").map_or(own, |(_, rest)| rest);
        let own = own.split('/').next().unwrap_or(own);
        let parts = self.provider.url.parts();
        let is_https = parts.scheme == Scheme::Https;
        authority == own && (scheme == "https") == is_https
    }

    /// The provider has what visitors ask for below its URL's own path.
    fn below_base<'p>(&self, path: &'p str) -> &'p str {
        let base = self.provider.url.parts().path.unwrap_or("");
        let base = base.trim_end_matches('/');
        match path.strip_prefix(base) {
            Some("") if !base.is_empty() => "/",
            Some(rest) if rest.starts_with(['/', '?', '#']) => rest,
            _ => path,
        }
    }

    /// `5; url=/next`, as browsers read it.
    fn refresh(&self, value: &str) -> Option<String> {
        let at = value.to_ascii_lowercase().find("url=")? + 4;
        let (before, target) = value.split_at(at);
        let target = target.trim().trim_matches(['"', '\'']);
        self.target(target).map(|moved| format!("{before}{moved}"))
    }

    /// `</style.css>; rel=preload, <…>`: each target in its brackets.
    fn links(&self, value: &str) -> Option<String> {
        let mut moved = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, inside)) = rest.split_once('<') {
            let (target, after) = inside.split_once('>')?;
            moved.push_str(before);
            moved.push('<');
            moved.push_str(&self.target(target).unwrap_or_else(|| target.to_owned()));
            moved.push('>');
            rest = after;
        }
        moved.push_str(rest);
        (moved != value).then_some(moved)
    }
}

/// An authority without its port.
fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl Place {
    /// As a provider is told it, which makes links of it.
    pub(super) fn prefix(&self) -> Option<HeaderValue> {
        let prefix = Some(&*self.0).filter(|place| !place.is_empty())?;
        HeaderValue::from_str(prefix).ok()
    }

    /// Relative links of a page at `/@scope/namespace` would miss its place: with a slash at the end they find it.
    pub(super) fn slash(&self, asked: &Uri, path: &PathAndQuery) -> Option<Response<Carried>> {
        if self.0.is_empty() || path.path() != "/" || asked.path().ends_with('/') {
            return None;
        }
        let mut answer = Response::new(Carried::whole(bytes::Bytes::new()));
        *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let location = HeaderValue::from_str(&format!("{}{path}", self.0)).ok()?;
        answer.headers_mut().insert(LOCATION, location);
        Some(answer)
    }

    /// The cookie with its path moved and without a domain. A `__Host-` cookie must be the host's, which is not the owner's: it is left out.
    fn cookie(&self, cookie: &str) -> Option<HeaderValue> {
        let mut parts = cookie.split(';').map(str::trim);
        let pair = parts.next()?;
        if pair
            .trim_start()
            .to_ascii_lowercase()
            .starts_with("__host-")
        {
            return None;
        }
        let mut path = "/".to_owned();
        let mut kept = vec![pair.to_owned()];
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "path" if value.trim().starts_with('/') => path = value.trim().to_owned(),
                "path" | "domain" => {}
                _ => kept.push(part.to_owned()),
            }
        }
        kept.push(format!("Path={}{path}", self.0));
        HeaderValue::from_str(&kept.join("; ")).ok()
    }
}

#[cfg(test)]
mod tests {
    use dotkey_proto::zone::Url;

    use super::*;

    /// What becomes of a field of an answer for a visitor who asked `host`.
    fn applied(host: &str, place: &str, name: &'static str, value: &str) -> Option<String> {
        let url = Url::parse("http://192.0.2.1:8081/base/").expect("a URL");
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        let passage = Passage {
            place: &Place(place.to_owned()),
            name: "shop.alice.key",
            provider: &Provider::new("a", url),
            host,
            secure: false,
        };
        passage.apply(&mut headers);
        let value = headers.get(name)?;
        Some(value.to_str().expect("text").to_owned())
    }

    const GIVEN: [&str; 13] = [
        "/login?next=/",
        "/base/login",
        "/based",
        "next",
        "//other.example/",
        "https://other.example/",
        "http://shop.alice.key/x",
        "http://Shop.Alice.key:8081/x/",
        "http://shop.alice.key:9999/x",
        "https://shop.alice.key/x",
        "http://192.0.2.1:8081/base/x?y",
        "http://192.0.2.1:8081",
        "https://192.0.2.1:8081/x",
    ];

    #[test]
    fn a_redirect_leads_to_where_the_visitor_is() {
        let path = GIVEN.map(|given| {
            applied("gate.example:8080", "/@alice/shop", "location", given).expect("it stays")
        });
        let expected = [
            "/@alice/shop/login?next=/",
            "/@alice/shop/login",
            "/@alice/shop/based",
            "next",
            "//other.example/",
            "https://other.example/",
            "/@alice/shop/x",
            "/@alice/shop/x/",
            "http://shop.alice.key:9999/x",
            "https://gate.example/@alice/shop/x",
            "/@alice/shop/x?y",
            "/@alice/shop/",
            "https://192.0.2.1:8081/x",
        ];
        assert_eq!(path, expected);
        let bridge = GIVEN.map(|given| {
            applied("shop.alice.key.example.net", "", "location", given).expect("it stays")
        });
        let expected = expected.map(|moved| {
            moved
                .replace("/@alice/shop", "")
                .replace("gate.example", "shop.alice.key.example.net")
        });
        assert_eq!(bridge, expected);
        let own = GIVEN
            .map(|given| applied("shop.alice.key:8080", "", "location", given).expect("it stays"));
        let expected =
            expected.map(|moved| moved.replace("shop.alice.key.example.net", "shop.alice.key"));
        assert_eq!(own, expected);
    }

    #[test]
    fn other_fields_with_targets_are_moved_too() {
        for (name, given, expected) in [
            ("content-location", "/a", "/@alice/shop/a"),
            ("refresh", "0; url=/x", "0; url=/@alice/shop/x"),
            ("refresh", "0; URL='/x'", "0; URL=/@alice/shop/x"),
            ("refresh", "5", "5"),
            (
                "link",
                "</s.css>; rel=preload, <https://other.example/>; rel=next, <r>",
                "</@alice/shop/s.css>; rel=preload, <https://other.example/>; rel=next, <r>",
            ),
            ("link", "</s.css; rel=preload", "</s.css; rel=preload"),
        ] {
            let moved = applied("gate.example", "/@alice/shop", name, given);
            assert_eq!(moved.as_deref(), Some(expected), "{name}: {given}");
        }
    }

    #[test]
    fn nobody_speaks_for_a_host_that_others_share() {
        for name in OF_THE_HOST.iter().chain([&ALT_SVC]) {
            let name: &'static str = Box::leak(name.as_str().into());
            assert_eq!(applied("gate.example", "/@alice/shop", name, "1"), None);
            let own = applied("shop.alice.key", "", name, "1");
            assert_eq!(own.is_some(), name != "alt-svc", "{name}");
        }
        for (given, expected) in [
            ("a=1", Some("a=1; Path=/@alice/shop/")),
            (
                "a=1; Path=/x; Secure",
                Some("a=1; Secure; Path=/@alice/shop/x"),
            ),
            (
                "a=1; domain=.example.net; PATH=x; HttpOnly",
                Some("a=1; HttpOnly; Path=/@alice/shop/"),
            ),
            ("__Host-a=1; Path=/; Secure", None),
        ] {
            let scoped = applied("gate.example", "/@alice/shop", "set-cookie", given);
            assert_eq!(scoped.as_deref(), expected);
        }
        let own = applied("shop.alice.key", "", "set-cookie", "__Host-a=1; Path=/");
        assert_eq!(own.as_deref(), Some("__Host-a=1; Path=/"));
    }
}
