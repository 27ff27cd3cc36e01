//! What keeps the requests of one client together: its address, a header, or a cookie.

use core::net::IpAddr;

use dotkey_proto::zone::{Balance, Sticky, StickyBy};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::choose::{Terms, token};

/// What a request says of its client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// What is hashed.
    pub(super) key: Option<Vec<u8>>,
    /// The provider that a cookie of ours names.
    pub(super) token: Option<String>,
    /// The cookie of ours that an answer is to set, unless it leads to the same provider.
    pub(super) cookie: Option<Box<str>>,
}

impl Client {
    pub(super) fn of(terms: &Terms, headers: &HeaderMap, peer: IpAddr) -> Self {
        let Some(Sticky { by, name, .. }) = &terms.sticky else {
            return Self::default();
        };
        let name = name.as_deref().unwrap_or_default();
        match by {
            StickyBy::Address => Self {
                key: Some(peer.to_canonical().to_string().into_bytes()),
                ..Self::default()
            },
            StickyBy::Header => Self {
                key: headers.get(name).map(|value| value.as_bytes().to_vec()),
                ..Self::default()
            },
            StickyBy::Cookie if terms.balance == Balance::Hash => Self {
                key: cookie(headers, name).map(|value| value.as_bytes().to_vec()),
                ..Self::default()
            },
            StickyBy::Cookie => Self {
                token: cookie(headers, name).map(str::to_owned),
                cookie: Some(name.into()),
                ..Self::default()
            },
        }
    }

    /// Tells the client which provider it has, where that is news.
    pub(super) fn remember(
        &self,
        provider: &str,
        place: &str,
        secure: bool,
        headers: &mut HeaderMap,
    ) {
        let Some(name) = &self.cookie else {
            return;
        };
        let token = token(provider);
        if self.token.as_ref() == Some(&token) {
            return;
        }
        let secure = if secure { "; Secure" } else { "" };
        let cookie = format!("{name}={token}; Path={place}/; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let fields = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = fields.flat_map(|field| field.split(';'));
    pairs.find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; route=b ;c"));
        headers.append(COOKIE, HeaderValue::from_static("d=2"));
        for (name, expected) in [
            ("a", Some("1")),
            ("route", Some("b")),
            ("d", Some("2")),
            ("c", None),
            ("b", None),
        ] {
            assert_eq!(cookie(&headers, name), expected, "{name}");
        }
    }

    #[test]
    fn the_provider_is_said_once() {
        let client = Client {
            cookie: Some("route".into()),
            ..Client::default()
        };
        let mut headers = HeaderMap::new();
        client.remember("a", "/@alice/shop", true, &mut headers);
        let set = headers[SET_COOKIE].to_str().expect("text").to_owned();
        assert_eq!(
            set,
            format!(
                "route={}; Path=/@alice/shop/; HttpOnly; SameSite=Lax; Secure",
                token("a")
            )
        );
        let again = Client {
            token: Some(token("a")),
            ..client
        };
        let mut headers = HeaderMap::new();
        again.remember("a", "", true, &mut headers);
        assert!(headers.is_empty());
    }
}
