//! What the ledger says and proves, as bytes, and what a light client checks of it. `docs/protocol/8-ledger.md`.
//!
//! These are the types that the registry, light clients and tools share: a [`Transaction`] that changes who owns what, the
//! [`Entry`] that the state keeps for a name, and the [`Proof`] that carries an entry with its [`Header`] and
//! [`Certificate`]. Reading one checks its form alone. What it is worth is checked from a [`Genesis`] on: it makes the first
//! [`Trusted`] validators, each [`Handover`] leads to the next, and [`Proof::verify`] asks those. Which transactions are
//! accepted is decided where the ledger's rules are.

mod account;
mod authority;
mod bls;
mod body;
mod bundle;
mod certificate;
mod entry;
mod error;
mod freshness;
mod genesis;
mod header;
mod leaf;
mod path;
mod proof;
mod tenure;
#[cfg(test)]
mod tests;
mod transaction;
mod validators;
mod walk;

pub use account::{Account, Announced, Undo, Usage};
pub use authority::{AuthorityError, SignedTransaction, Standing, transaction_digest};
pub use bls::{
    VOTING_KEY_BYTES, VOTING_SIGNATURE_BYTES, VotingKey, possession_namespace, vote_namespace,
};
pub use body::{BODY_BYTES_MAX, Body, transactions_digest};
pub use bundle::{Bundle, BundleError, VerifiedBundle};
pub use certificate::{Certificate, CertificateError};
pub use entry::{Entry, Pin};
pub use error::LedgerError;
pub use freshness::{Freshness, FreshnessError};
pub use genesis::{Genesis, Parameters, Terms};
#[cfg(feature = "text")]
pub(crate) use genesis::{NETWORK_NAME_BYTES_MAX, PARAMETERS, Parameter, Unit};
pub use header::Header;
pub use leaf::{Singular, identity_leaf, ledger_leaf, name_leaf};
pub use proof::{Finding, Proof, ProofError, Subject, VerifiedProof};
pub use tenure::{Phase, Tenure};
pub use transaction::{Action, Transaction, commitment};
pub use validators::{Candidate, Validator, ValidatorSet, quorum};
pub use walk::{Handover, Trusted, WalkError};
