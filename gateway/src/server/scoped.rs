//! Names in paths: `/@scope/namespace/rest`. Many owners share one host there, so what a provider says of paths is moved to its own place.
//!
//! A cookie is scoped to the path of its owner, so that another owner's pages neither get nor replace it. Scripts of one
//! host can still read each other's pages: browsers know no smaller place than a host. Who needs that apart uses a name's own host.

use http::header::{LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// The place of a name in the paths of a host: `/@scope/namespace`, without a final slash. Empty where the name has the whole host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(pub(super) String);

impl Place {
    /// Moves what an answer says of paths.
    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        if self.0.is_empty() {
            return;
        }
        if let Some(moved) = headers
            .get(LOCATION)
            .and_then(|location| self.location(location))
        {
            headers.insert(LOCATION, moved);
        }
        let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        for cookie in cookies {
            if let Some(scoped) = cookie.to_str().ok().and_then(|cookie| self.cookie(cookie)) {
                headers.append(SET_COOKIE, scoped);
            }
        }
    }

    /// Only what begins at the root of the host has to be moved: the rest is relative, or another host's.
    fn location(&self, location: &HeaderValue) -> Option<HeaderValue> {
        let path = location.to_str().ok()?;
        if !path.starts_with('/') || path.starts_with("//") {
            return None;
        }
        HeaderValue::from_str(&format!("{}{path}", self.0)).ok()
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
    use super::*;

    fn applied(name: &'static str, value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
        Place("/@alice/shop".to_owned()).apply(&mut headers);
        let value = headers.get(name)?;
        Some(value.to_str().expect("text").to_owned())
    }

    #[test]
    fn paths_of_an_answer_move_to_their_place() {
        for (given, expected) in [
            ("/login?next=/", "/@alice/shop/login?next=/"),
            ("next", "next"),
            ("//other.example/", "//other.example/"),
            ("https://other.example/", "https://other.example/"),
        ] {
            assert_eq!(applied("location", given).as_deref(), Some(expected));
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
            assert_eq!(applied("set-cookie", given).as_deref(), expected);
        }
    }

    #[test]
    fn a_name_with_its_own_host_is_left_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(SET_COOKIE, HeaderValue::from_static("__Host-a=1; Path=/"));
        let before = headers.clone();
        Place::default().apply(&mut headers);
        assert_eq!(headers, before);
    }
}
