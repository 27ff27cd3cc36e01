//! Ordinary domains that are linked to an identity by a TXT record: `_dotkey.widgets.acme.org. TXT "dotkey=mysite.key"`.

use core::pin::Pin;

/// A domain's link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name that the domain stands for.
    pub name: Box<str>,
}

/// Where links are looked up. The program plugs its resolver of ordinary names in.
pub trait Links: Send + Sync {
    /// The link of a domain; none where it has none or cannot be asked for.
    fn find<'a>(
        &'a self,
        domain: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Link>> + Send + 'a>>;
}

/// No domain has a link.
#[derive(Clone, Copy, Debug)]
pub struct NoLinks;

impl Links for NoLinks {
    fn find<'a>(
        &'a self,
        _domain: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Link>> + Send + 'a>> {
        Box::pin(core::future::ready(None))
    }
}

impl Link {
    /// Where the TXT record of a domain stands.
    #[must_use]
    pub fn owner(domain: &str) -> String {
        format!("_dotkey.{domain}")
    }

    /// Reads one TXT record's text. A bare name links too; anything else is somebody else's record.
    #[must_use]
    pub fn read(text: &str, suffix: &str) -> Option<Self> {
        let name = text
            .trim()
            .strip_prefix("dotkey=")?
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let under = name
            .strip_suffix(suffix)
            .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
        under.then(|| Self { name: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            let read = Link::read(text, "key");
            assert_eq!(read.as_ref().map(|link| &*link.name), expected, "{text}");
        };
        check("dotkey=MySite.key", Some("mysite.key"));
        check(" dotkey=www.mysite.key. ", Some("www.mysite.key"));
        check("dotkey=mysite.example", None);
        check("dotkey=monkey", None);
        check("dotkey=.key", None);
        check("v=spf1 -all", None);
        check("mysite.key", None);
    }
}
