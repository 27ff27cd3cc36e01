//! What the engine asks of whoever executes blocks, and what it tells them. No word of the engine's library is in it.

use dotkey_proto::ledger::{Certificate, Header};
use dotkey_proto::time::Timestamp;
use thiserror::Error;

use super::{Block, Evidence};

/// A block that is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// How many blocks came before it.
    pub height: u64,
    /// The digest of its header.
    pub digest: [u8; 32],
}

/// One that votes, or is about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The ed25519 key by which the others know it. Validators stand in the order of these, and so do the bits of a certificate.
    pub identity: [u8; 32],
    /// The BLS key that it votes with. Whoever made the set has checked that its secret is known to the validator.
    pub vote_key: [u8; 96],
    /// Where the others reach it, such as `192.0.2.1:4381`. Empty when they need not: it dials them.
    pub address: String,
}

/// Why a block was not executed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Objection {
    /// The block breaks a rule, for everyone and for ever.
    #[error("{0}")]
    Invalid(String),
    /// This node cannot tell, now or ever: its state is damaged. The engine halts.
    #[error("{0}")]
    Broken(String),
    /// The disk is full, and nothing was written. The engine waits, and tries again.
    #[error("{0}")]
    NoSpace(String),
}

/// Executes blocks. The engine calls it from its own threads, a few at a time; a call may take as long as a block takes.
///
/// What it must keep to: [`execute`](Self::execute) says the same on every node; [`finalise`](Self::finalise) has written the
/// block to disk when it returns, and only then is its [`tip`](Self::tip) the new one.
pub trait Application: Send + Sync + 'static {
    /// Block 0, which nobody votes for: the same on every node of the network.
    fn genesis(&self) -> Block;

    /// The last block that was finalised and written.
    fn tip(&self) -> Tip;

    /// Who votes in an epoch, in any order; `None` until the last block of the epoch before is finalised. It never changes.
    fn validators(&self, epoch: u64) -> Option<Vec<Validator>>;

    /// Who may connect without a vote: those who will vote from the next epoch on, so that they have caught up by then.
    fn observers(&self) -> Vec<Validator> {
        Vec::new()
    }

    /// Counts the final blocks that changed who that is, so that it need not be asked after each.
    fn observers_changed(&self) -> u64 {
        0
    }

    /// Whether the state after this block is at hand, so that a block on it can be executed.
    fn executed(&self, digest: &[u8; 32]) -> bool;

    /// Executes a block on its parent, which is [`executed`](Self::executed), and keeps the outcome until another block of its
    /// height is final.
    ///
    /// # Errors
    /// See [`Objection`].
    fn execute(&self, block: &Block) -> Result<(), Objection>;

    /// Whether a block on this parent would hold transactions.
    fn has_work(&self, parent: &Header) -> bool;

    /// Makes a block on a parent that is executed, at this time; without transactions when none wait. It is executed with that.
    ///
    /// # Errors
    /// See [`Objection`].
    fn propose(&self, parent: &Header, time: Timestamp) -> Result<Block, Objection>;

    /// A block is final: writes it, and forgets the blocks that it excludes. Heights come one by one, each once. Without a
    /// certificate, a later block's speaks for it: validators may finalise several blocks with one vote.
    ///
    /// # Errors
    /// See [`Objection`]; all but a full disk halt the engine, since what is final cannot be refused.
    fn finalise(&self, block: &Block, certificate: Option<&Certificate>) -> Result<(), Objection>;

    /// A transaction came from another validator. Whether it waits now to be put in a block, and did not before.
    fn receive(&self, transaction: &[u8]) -> bool;

    /// A validator was shown to have signed two things where it may sign one. It was verified.
    fn accuse(&self, evidence: &Evidence);
}
