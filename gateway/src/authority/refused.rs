//! Why a visitor was shown no certificate: each reason is a message, a word to count by, and a TLS alert.

use core::sync::atomic::{AtomicU64, Ordering};

/// Why a TLS connection was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No SNI: nobody knows which name is meant. An address in its place counts as none (RFC 6066 section 3).
    #[error(
        "the visitor named no host; connect by a name, such as `https://mysite.key/`, and not by an address"
    )]
    NoName,
    /// A host that is neither under the suffix nor one that the operator has a certificate for.
    #[error(
        "`{host}` is not served here; ask for a name under `.{suffix}`, or give the gateway a certificate for it"
    )]
    NotOurs {
        /// What was asked for.
        host: String,
        /// What names end with.
        suffix: String,
    },
    /// Under the suffix, and yet no name.
    #[error("`{host}` is no name: {reason}")]
    NoSuchName {
        /// What was asked for.
        host: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// A name that nothing stands behind.
    #[error(
        "`{name}` does not resolve, so there is no certificate for it; publish a record with `dotkey zone publish {name}`"
    )]
    Unresolved {
        /// The name.
        name: String,
    },
    /// Whether the name resolves could not be found out.
    #[error(
        "whether `{name}` resolves is not known: {reason}; see `dotkey resolve {name} --trace`"
    )]
    Unknown {
        /// The name.
        name: String,
        /// What stood in the way.
        reason: String,
    },
    /// The names below one apex have had all the new certificates that they may have for now.
    #[error("too many names below `{apex}` were asked for at once; try again in a few seconds")]
    ApexTooFast {
        /// Whose names they are.
        apex: String,
    },
    /// All names together have.
    #[error("too many names were asked for at once; try again in a few seconds")]
    TooFast,
    /// Too many names are being looked up.
    #[error("too many names are being looked up; try again in a few seconds")]
    Busy,
    /// The authority's years are over, or this machine's clock is wrong.
    #[error(
        "this installation's authority holds from {begins} to {ends} only; check the clock, or run `dotkey trust uninstall`, move {file} away and run `dotkey trust install`"
    )]
    AuthorityOver {
        /// Its first second.
        begins: String,
        /// Its last.
        ends: String,
        /// Where it is.
        file: String,
    },
    /// The cryptographic library refused.
    #[error("{reason}")]
    NotMade {
        /// What it said, with the next step.
        reason: String,
    },
    /// What came is no beginning of TLS.
    #[error("this is no TLS ({reason}); ask for `https://`, or for `http://` at the other port")]
    NotTls {
        /// Where it stopped making sense.
        reason: String,
    },
    /// A first message longer than any visitor's.
    #[error("the first message has more than {max} bytes; connect with another client")]
    TooLarge {
        /// How many it may have.
        max: usize,
    },
    /// The visitor did not finish greeting in time.
    #[error("no connection after {secs} s; try again")]
    TooSlow {
        /// How long there was.
        secs: u64,
    },
    /// The visitor went away, or did not want what it was shown.
    #[error("the visitor broke off ({reason}); if a browser does, see `dotkey trust show`")]
    BrokenOff {
        /// What the system or TLS said.
        reason: String,
    },
}

impl Refused {
    /// All words that [`Refused::reason`] can be.
    pub const REASONS: [&'static str; 14] = [
        "no-name",
        "not-ours",
        "no-such-name",
        "unresolved",
        "unknown",
        "apex-too-fast",
        "too-fast",
        "busy",
        "authority-over",
        "not-made",
        "not-tls",
        "too-large",
        "too-slow",
        "broken-off",
    ];

    /// A stable word to count it by.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        Self::REASONS[self.index()]
    }

    const fn index(&self) -> usize {
        match self {
            Self::NoName => 0,
            Self::NotOurs { .. } => 1,
            Self::NoSuchName { .. } => 2,
            Self::Unresolved { .. } => 3,
            Self::Unknown { .. } => 4,
            Self::ApexTooFast { .. } => 5,
            Self::TooFast => 6,
            Self::Busy => 7,
            Self::AuthorityOver { .. } => 8,
            Self::NotMade { .. } => 9,
            Self::NotTls { .. } => 10,
            Self::TooLarge { .. } => 11,
            Self::TooSlow { .. } => 12,
            Self::BrokenOff { .. } => 13,
        }
    }

    /// What the visitor is told, by RFC 8446 section 6.2; nothing where TLS has told it, or nobody listens.
    pub(super) const fn alert(&self) -> Option<u8> {
        match self {
            // missing_extension: section 9.2 has servers that need the name answer so.
            Self::NoName => Some(109),
            // unrecognized_name.
            Self::NotOurs { .. } | Self::NoSuchName { .. } | Self::Unresolved { .. } => Some(112),
            // internal_error: it is nothing that the visitor did.
            Self::Unknown { .. }
            | Self::ApexTooFast { .. }
            | Self::TooFast
            | Self::Busy
            | Self::AuthorityOver { .. }
            | Self::NotMade { .. } => Some(80),
            // decode_error.
            Self::TooLarge { .. } => Some(50),
            Self::NotTls { .. } | Self::TooSlow { .. } | Self::BrokenOff { .. } => None,
        }
    }
}

/// How many were refused, by reason.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; Refused::REASONS.len()]);

impl Refusals {
    pub(super) fn count(&self, refused: &Refused) {
        self.0[refused.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Each reason and how often it was given.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counted = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        Refused::REASONS.into_iter().zip(counted)
    }
}
