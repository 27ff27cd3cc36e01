//! Why there is no authority to sign with, and who must act.

use std::io;
use std::path::PathBuf;

/// Why an authority cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its file is there and cannot be read.
    #[error("the authority in {} cannot be read: {source}; check that it is a file that you may read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its file cannot be written.
    #[error("the authority cannot be written to {}: {source}; check the folder, its permissions and the free space on its disk", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may read the key that it signs with.
    #[error("{} is open to others (mode {mode:03o}); if nobody has read it, run `chmod 600` on it, else run `dotkey trust uninstall` and move it away", file.display())]
    OpenToOthers {
        /// The file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what was written. Another is not made by itself: nobody would trust it, and nobody would know why.
    #[error("{} is not a whole authority: {what}; restore it from a copy, or move it away and run `dotkey trust install`, which makes a new one", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It may sign names under another suffix than the one that is configured.
    #[error("the authority in {} may sign names under `{made_for}` only, and the suffix is `{wanted}`; correct the suffix, or run `dotkey trust uninstall` and move the file away", file.display())]
    OtherSuffix {
        /// The file.
        file: PathBuf,
        /// What it may sign.
        made_for: String,
        /// What it should.
        wanted: String,
    },
    /// The cryptographic library refused.
    #[error(
        "no certificate could be made: {reason}; check that the system gives random bytes, and report this if it does"
    )]
    NotMade {
        /// What it said.
        reason: String,
    },
}
