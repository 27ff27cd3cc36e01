//! The registry of this process as one of the resolver's sources.

use std::time::Duration;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Subject;
use dotkey_proto::record::{Kind, place};
use dotkey_registry::dht::core::Effort;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::node::Node;
use dotkey_registry::node::ledger::Unanswered;
use dotkey_resolver::source::{Fetch, Hint, Origin, SOURCE_TIMEOUT, Source, SourceError, Wanted};
use tokio::time::{Instant, sleep};

/// A ledger that has just begun has its first certificate within seconds: a question waits for it rather than fail. A stub waits for 5 s.
const CERTIFIED_WITHIN: Duration = Duration::from_secs(3);

/// How often is looked whether it is there.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

const _: () = assert!(CERTIFIED_WITHIN.as_secs() < SOURCE_TIMEOUT.as_secs());

/// A node of this process.
#[derive(Clone, Debug)]
pub(crate) struct Registry(pub(crate) Node);

impl Source for Registry {
    fn origin(&self) -> Origin {
        Origin::Registry
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        Box::pin(async move {
            let at = Position::of_place(&place(Kind::Zone, wanted.key_id, wanted.branch.as_ref()));
            let effort = match wanted.fresh {
                true => Effort::Fresh,
                false => Effort::Usual,
            };
            let got = self
                .0
                .get(at, effort)
                .await
                .map_err(|error| refused(&error))?;
            Ok(got.record.map(|record| record.as_bytes().to_vec()))
        })
    }

    fn proof<'a>(&'a self, subject: &'a Subject, epoch: u64) -> Fetch<'a> {
        Box::pin(async move {
            let Some(ledger) = self.0.ledger().cloned() else {
                return Ok(None);
            };
            let until = Instant::now() + CERTIFIED_WITHIN;
            loop {
                let (ledger, subject) = (ledger.clone(), subject.clone());
                // It reads from the disk.
                let proved = tokio::task::spawn_blocking(move || ledger.prove(&subject, epoch));
                match proved.await.map_err(|error| refused(&error))? {
                    Err(Unanswered::Uncertified) if Instant::now() < until => {
                        sleep(LOOK_INTERVAL).await;
                    }
                    proved => return Ok(Some(proved.map_err(|error| refused(&error))?.encode())),
                }
            }
        })
    }

    fn changed<'a>(&'a self, key_id: &'a KeyId) -> Hint<'a> {
        Box::pin(async move {
            let mut changes = self.0.changes();
            // Changes that were missed may have been of it; a node that stopped has none any more.
            while let Ok(record) = changes.recv().await {
                if record.key_id() == *key_id {
                    return;
                }
            }
        })
    }
}

fn refused(error: &dyn std::fmt::Display) -> SourceError {
    SourceError::Unreachable {
        reason: error.to_string(),
    }
}
