//! Watching a name: told by a source's hint, or found by looking again from time to time.

use core::time::Duration;

use dotkey_proto::identity::KeyId;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::{Ask, Resolver};
use crate::error::ResolveError;
use crate::resolution::Resolution;

/// How often a watched name is looked at when no source gives a hint.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// After a hint: a change is often followed by another, and a node that hints without end must not keep us busy.
const HINT_PAUSE: Duration = Duration::from_millis(200);

/// A name that is watched.
#[derive(Debug)]
pub struct Watch {
    resolver: Resolver,
    name: String,
    now: Resolution,
}

impl Watch {
    pub(super) async fn begin(resolver: Resolver, name: &str) -> Result<Self, ResolveError> {
        let now = resolver.resolve(name).await?;
        let name = name.to_owned();
        Ok(Self {
            resolver,
            name,
            now,
        })
    }

    /// What the name led to when it was looked at last.
    #[must_use]
    pub fn now(&self) -> &Resolution {
        &self.now
    }

    /// Waits until the name leads to something else: another record, or another holder. That it cannot be resolved for a while is
    /// no change.
    pub async fn changed(&mut self) -> &Resolution {
        loop {
            let key_id = self.now.record().key_id();
            let hint = self.resolver.hinted(&key_id);
            if tokio::time::timeout(LOOK_INTERVAL, hint).await.is_ok() {
                tokio::time::sleep(HINT_PAUSE).await;
            }
            self.resolver.forget(&key_id);
            let looked = self.resolver.resolve_with(&self.name, Ask::default()).await;
            if let Ok(new) = looked
                && (new.record().digest() != self.now.record().digest()
                    || new.record().key_id() != key_id)
            {
                self.now = new;
                return &self.now;
            }
        }
    }
}

impl Resolver {
    /// Ends with the first hint of any source that a record of this identity changed. Who follows a name [`Resolver::forget`]s the
    /// identity then, and resolves anew. Where no source hears of anything it never ends.
    pub async fn hinted(&self, key_id: &KeyId) {
        let sources = &self.0.sources;
        let mut hints: FuturesUnordered<_> =
            sources.iter().map(|one| one.changed(key_id)).collect();
        if hints.next().await.is_none() {
            core::future::pending::<()>().await;
        }
    }
}
