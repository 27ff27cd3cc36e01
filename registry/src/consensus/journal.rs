//! Small things that must outlive a crash, and the guard against voting without a memory: a validator that forgot what it signed
//! could sign the opposite.

use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::sequence::U64;
use thiserror::Error;

use super::Tip;
use super::library::{RangeCfg, Runtime};

/// One kept value: two votes, or a number.
const VALUE_BYTES_MAX: usize = 4096;

/// The key of the last epoch that this node voted in.
const SIGNED: u64 = 0;

/// Why the engine does not start, or stops, because of its folder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    /// What this validator signed is not known any more.
    #[error(
        "the ledger is at height {height}, but `consensus/` in the data folder does not hold the votes of epoch {epoch}: \
         this validator could sign twice. Restore the whole data folder, or have the validator replaced by one with new keys"
    )]
    Missing {
        /// The height of the ledger.
        height: u64,
        /// The epoch whose votes are missing.
        epoch: u64,
    },
    /// The votes are not those that were there at the last clean stop.
    #[error(
        "the votes in `consensus/` of the data folder changed while the engine was stopped: this validator could sign twice. \
         Restore the whole data folder, or have the validator replaced by one with new keys"
    )]
    Damaged,
    /// The ledger is older than what the engine delivered.
    #[error(
        "the ledger is at height {ledger}, but block {missing} that comes next is not in `consensus/` any more. Restore the \
         whole data folder, or remove it and join again"
    )]
    LedgerBehind {
        /// The height of the ledger.
        ledger: u64,
        /// The first block that it lacks.
        missing: u64,
    },
    /// The ledger holds another block than the validators finalised.
    #[error(
        "block {height} of the ledger is not the one that the validators finalised: the data folder is damaged or of another \
         network. Remove it and join again"
    )]
    Forked {
        /// The height.
        height: u64,
    },
    /// Reading or writing failed.
    #[error(
        "`consensus/` in the data folder cannot be used: {0}. Check the disk, then start again"
    )]
    Storage(String),
}

impl From<commonware_storage::metadata::Error> for JournalError {
    fn from(error: commonware_storage::metadata::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

/// Numbered values, written through at once.
pub(super) struct Journal<E: Runtime> {
    values: Metadata<E, U64, Vec<u8>>,
}

impl<E: Runtime> Journal<E> {
    pub(super) async fn open(context: E, partition: &str) -> Result<Self, JournalError> {
        let config = Config {
            partition: partition.to_owned(),
            codec_config: (RangeCfg::from(..=VALUE_BYTES_MAX), ()),
        };
        let values = Metadata::init(context, config).await?;
        Ok(Self { values })
    }

    pub(super) fn values(&self) -> impl Iterator<Item = Vec<u8>> {
        let keys = self.values.keys();
        keys.filter_map(|key| self.values.get(key).cloned())
    }

    /// The highest key that there is.
    pub(super) fn last(&self) -> Option<u64> {
        self.values.keys().map(u64::from).max()
    }

    pub(super) async fn keep(mut self, key: u64, value: Vec<u8>) -> Result<Self, JournalError> {
        self.values = self.values.put_sync(U64::new(key), value).await?;
        Ok(self)
    }

    fn signed(&self) -> Option<u64> {
        let bytes = self.values.get(&U64::new(SIGNED))?;
        bytes[..].try_into().map(u64::from_be_bytes).ok()
    }
}

/// The partition of an epoch's votes.
pub(super) fn votes_partition(partitions: &str, epoch: u64) -> String {
    format!("{partitions}votes-{epoch}")
}

/// The last epoch in which this node may have voted.
pub(super) struct Signed<E: Runtime> {
    context: E,
    partitions: String,
    journal: Option<Journal<E>>,
    last: Option<u64>,
}

impl<E: Runtime> Signed<E> {
    /// Refuses a folder that has lost what was signed.
    pub(super) async fn open(
        context: E,
        partitions: String,
        tip: Tip,
        epoch: u64,
    ) -> Result<Self, JournalError> {
        let name = format!("{partitions}signed");
        let journal = Journal::open(context.child("signed"), &name).await?;
        let last = journal.signed();
        let height = tip.height;
        match last {
            None if height > 0 => return Err(JournalError::Missing { height, epoch }),
            Some(last) if last >= epoch => {
                let votes = context.scan(&votes_partition(&partitions, last)).await;
                if votes.map_or(true, |blobs| blobs.is_empty()) {
                    return Err(JournalError::Missing {
                        height,
                        epoch: last,
                    });
                }
            }
            _ => {}
        }
        Ok(Self {
            context,
            partitions,
            journal: Some(journal),
            last,
        })
    }

    /// Notes that there are votes of this epoch, and removes those of epochs that nobody asks about any more.
    pub(super) async fn note(&mut self, epoch: u64) -> Result<(), JournalError> {
        if self.last.is_some_and(|last| last >= epoch) {
            return Ok(());
        }
        let journal = self
            .journal
            .take()
            .expect("a journal that failed ends the engine");
        let value = epoch.to_be_bytes().to_vec();
        self.journal = Some(journal.keep(SIGNED, value).await?);
        self.last = Some(epoch);
        if let Some(old) = epoch.checked_sub(2) {
            // Already gone after a restart.
            let _ = self
                .context
                .remove(&votes_partition(&self.partitions, old), None)
                .await;
        }
        Ok(())
    }
}
