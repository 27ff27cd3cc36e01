//! Identities on this machine: their policies, and their secret keys under passphrases. `docs/keys.md`.
//!
//! `store` keeps them in the data folder and never overwrites anything, `cipher` seals and opens one key file,
//! `passphrase` asks for what opens them, and `keyring` finds the secret key that belongs to a public one.

mod cipher;
mod identity;
mod keyring;
mod name;
mod passphrase;
mod store;

pub(crate) use identity::{Held, Identity, StoredKey, verify_chain};
pub(crate) use keyring::Keyring;
pub(crate) use name::KeyName;
pub(crate) use store::{Store, genesis};
