//! Which name an ordinary domain is linked to, as its TXT record says: asked of the upstreams of this process, and kept for a while.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dotkey_gateway::server::{Link, Links};
use dotkey_proto::dns::WireName;
use dotkey_resolver::ordinary::Ordinary;

/// How long a link, or that there is none, is kept.
const KEPT: Duration = Duration::from_secs(60);

/// Domains that are kept; when there are more, all are asked for anew.
const KEPT_MAX: usize = 4096;

/// Links by the upstreams of a resolver.
pub(crate) struct TextLinks {
    ordinary: Arc<Ordinary>,
    suffix: String,
    kept: Mutex<HashMap<String, (Instant, Option<Link>)>>,
}

impl TextLinks {
    pub(crate) fn new(ordinary: Arc<Ordinary>, suffix: &str) -> Self {
        Self {
            ordinary,
            suffix: suffix.to_owned(),
            kept: Mutex::default(),
        }
    }

    fn kept(&self, domain: &str) -> Option<Option<Link>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, link) = kept.get(domain)?;
        (at.elapsed() < KEPT).then(|| link.clone())
    }

    async fn ask(&self, domain: &str) -> Option<Link> {
        let owner = WireName::parse(&Link::owner(domain), Some(&WireName::root())).ok()?;
        let texts = self.ordinary.texts(&owner).await;
        texts.iter().find_map(|text| Link::read(text, &self.suffix))
    }
}

impl Links for TextLinks {
    fn find<'a>(
        &'a self,
        domain: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<Link>> + Send + 'a>> {
        Box::pin(async move {
            if let Some(kept) = self.kept(domain) {
                return kept;
            }
            let link = self.ask(domain).await;
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT_MAX {
                kept.clear();
            }
            kept.insert(domain.to_owned(), (Instant::now(), link.clone()));
            link
        })
    }
}
