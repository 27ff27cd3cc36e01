//! Names that are claimed: what it takes to get one, to keep one, and to go on where a claim was interrupted.
//!
//! [`claim`] decides what a claim does next from what the network has proved and what was written down; it is pure, and holds every
//! rule of the way. [`journal`] writes down each step before anybody hears of it, [`stamps`] does the work on this machine's cores,
//! and [`lease`] says how long a name is held. Asking the network is for [`crate::client`], signing and words for the commands.
//! `docs/architecture/names.md`.

pub(crate) mod claim;
pub(crate) mod journal;
pub(crate) mod lease;
pub(crate) mod stamps;
