//! Transactions: sections 8.1 and 8.2.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::LedgerError;
use crate::cbor::{CborError, MapWriter, Reader, Writer};
use crate::identity::{Chain, KeyId, policy_digest};
use crate::limits::{CLAIMABLE_LABEL_BYTES_MAX, TRANSACTION_BYTES_MAX};
use crate::name::{Name, Suffix};
use crate::record::SEQUENCE_MAX;
use crate::signature::{Draft, Envelope, Hex, Subject};

/// A proof of work is small; this leaves room for one of another kind.
const STAMP_BYTES_MAX: usize = 2048;

/// A validator's two keys, the proof that it has the second, and where the others find it.
const VALIDATOR_BYTES_MAX: usize = 512;

/// Two votes are about 400 bytes.
const VOTES_BYTES_MAX: usize = 4096;

/// What an identity asks of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The network that it is for.
    pub network: [u8; 32],
    /// The identity that acts.
    pub key_id: KeyId,
    /// How many transactions it has made before.
    pub nonce: u64,
    /// The first policy and the updates since.
    pub chain: Vec<Vec<u8>>,
    /// What it asks.
    pub action: Action,
    /// The proof of work for the first transaction of an identity.
    pub opening: Option<Vec<u8>>,
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Announces a claim without telling which.
    Commit {
        /// See [`commitment`].
        commitment: [u8; 32],
    },
    /// Claims a name that was committed to.
    Claim {
        /// The name's label in ASCII form.
        label: String,
        /// What the commitment hid it with.
        salt: [u8; 16],
        /// The proof of work.
        stamp: Vec<u8>,
    },
    /// Renews the lease of a name.
    Renew {
        /// The name's label in ASCII form.
        label: String,
        /// The proof of work.
        stamp: Vec<u8>,
    },
    /// Gives a name to another identity.
    Transfer {
        /// The name's label in ASCII form.
        label: String,
        /// Who gets it.
        to: KeyId,
    },
    /// Gives a name up.
    Release {
        /// The name's label in ASCII form.
        label: String,
    },
    /// Pins the newest policy of the transaction's chain.
    SetPolicy,
    /// Declares records below a sequence out of date.
    Checkpoint {
        /// The least that is still good.
        sequence: u64,
    },
    /// Adds a validator, changes its weight, or removes it with weight 0.
    ValidatorChange {
        /// Its public key.
        validator: Vec<u8>,
        /// Its weight from then on.
        weight: u16,
    },
    /// Shows that a validator signed two things where it may sign one.
    Accuse {
        /// Its votes, as the consensus writes them.
        votes: Vec<u8>,
    },
}

impl Action {
    /// Its one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Commit { .. } => "commit",
            Self::Claim { .. } => "claim",
            Self::Renew { .. } => "renew",
            Self::Transfer { .. } => "transfer",
            Self::Release { .. } => "release",
            Self::SetPolicy => "set-policy",
            Self::Checkpoint { .. } => "checkpoint",
            Self::ValidatorChange { .. } => "validator-change",
            Self::Accuse { .. } => "accuse",
        }
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Commit { commitment } => w.array(2).uint(1).bytes(commitment),
            Self::Claim { label, salt, stamp } => {
                w.array(4).uint(2).text(label).bytes(salt).bytes(stamp)
            }
            Self::Renew { label, stamp } => w.array(3).uint(3).text(label).bytes(stamp),
            Self::Transfer { label, to } => w.array(3).uint(4).text(label).bytes(to.as_bytes()),
            Self::Release { label } => w.array(2).uint(5).text(label),
            Self::SetPolicy => w.array(1).uint(6),
            Self::Checkpoint { sequence } => w.array(2).uint(7).uint(*sequence),
            Self::ValidatorChange { validator, weight } => {
                w.array(3).uint(8).bytes(validator).uint((*weight).into())
            }
            Self::Accuse { votes } => w.array(2).uint(9).bytes(votes),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, LedgerError> {
        let what = "an action";
        let len = r.array(what, 1, 4)?;
        let number = r.uint("the number of an action")?;
        let expected = match number {
            6 => 1,
            1 | 5 | 7 | 9 => 2,
            3 | 4 | 8 => 3,
            2 => 4,
            other => return Err(LedgerError::UnknownAction(other)),
        };
        if len != expected {
            let (found, min, max) = (len as u64, expected as u64, expected as u64);
            return Err(CborError::OutOfRange {
                what,
                found,
                min,
                max,
            }
            .into());
        }
        Ok(match number {
            1 => Self::Commit {
                commitment: r.array_of("a commitment")?,
            },
            2 => Self::Claim {
                label: read_label(r)?,
                salt: r.array_of("a salt")?,
                stamp: read_stamp(r)?,
            },
            3 => Self::Renew {
                label: read_label(r)?,
                stamp: read_stamp(r)?,
            },
            4 => Self::Transfer {
                label: read_label(r)?,
                to: KeyId::from_bytes(r.array_of("a key id")?),
            },
            5 => Self::Release {
                label: read_label(r)?,
            },
            6 => Self::SetPolicy,
            7 => Self::Checkpoint {
                sequence: r.uint_in("a checkpoint", 1, SEQUENCE_MAX)?,
            },
            9 => Self::Accuse {
                votes: r.bytes("votes", 1, VOTES_BYTES_MAX)?.to_vec(),
            },
            _ => Self::ValidatorChange {
                validator: r.bytes("a validator", 1, VALIDATOR_BYTES_MAX)?.to_vec(),
                weight: r.uint_in("a validator's weight", 0, u16::MAX.into())? as u16,
            },
        })
    }
}

impl Transaction {
    /// Reads a transaction's envelope and what it asks. Its signatures and its chain are the ledger's to verify.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        Self::decode_counting(bytes).map(|(transaction, _)| transaction)
    }

    /// Beside it how many signatures are on it and in its chain.
    pub(super) fn decode_counting(bytes: &[u8]) -> Result<(Self, usize), LedgerError> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            let (what, len, max) = ("a transaction", bytes.len(), TRANSACTION_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        let envelope = Envelope::decode(bytes)?;
        let (transaction, of_chain) = Self::decode_payload(envelope.payload)?;
        Ok((transaction, envelope.signatures.len() + of_chain))
    }

    fn decode_payload(payload: &[u8]) -> Result<(Self, usize), LedgerError> {
        let mut reader = Reader::new(payload)?;
        let mut map = reader.closed_map("a transaction")?;
        let version = map.required(1, |r| r.uint("the version of a transaction"))?;
        if version != 1 {
            return Err(LedgerError::UnknownVersion {
                what: "the transaction",
                found: version,
            });
        }
        let network = map.required(2, |r| r.array_of("the network of a transaction"))?;
        let key_id =
            KeyId::from_bytes(map.required(3, |r| r.array_of("the key id of a transaction"))?);
        let nonce = map.required(4, |r| {
            r.uint_in("the nonce of a transaction", 0, SEQUENCE_MAX)
        })?;
        let chain = map.required(5, Chain::read)?;
        let action = map.required(6, Action::read)?;
        let opening = map.optional(7, read_stamp)?;
        map.close()?;
        let signatures = chain.signature_count();
        let chain = chain.elements().map(<[u8]>::to_vec).collect();
        let transaction = Self {
            network,
            key_id,
            nonce,
            chain,
            action,
            opening,
        };
        Ok((transaction, signatures))
    }

    /// All that it asks, as a wallet shows it: section 8.1.
    fn describe(&self) -> String {
        let word = self.action.word();
        match &self.action {
            Action::Commit { commitment } => format!("{word} {}", Hex(commitment)),
            Action::Claim { label, .. }
            | Action::Renew { label, .. }
            | Action::Release { label } => {
                format!("{word} {label}")
            }
            Action::Transfer { label, to } => format!("{word} {label} to {to}"),
            Action::SetPolicy => format!("{word} {}", Hex(&self.newest_policy_digest())),
            Action::Checkpoint { sequence } => format!("{word} {sequence}"),
            Action::ValidatorChange { validator, weight } => {
                format!("{word} {} weight {weight}", Hex(validator))
            }
            Action::Accuse { votes } => {
                let digest = blake3::derive_key("dotkey votes v1", votes);
                format!("{word} {}", Hex(&digest))
            }
        }
    }

    fn newest_policy_digest(&self) -> [u8; 32] {
        let newest = self.chain.last().map_or(&[][..], Vec::as_slice);
        match Envelope::decode(newest) {
            Ok(update) if self.chain.len() > 1 => policy_digest(update.payload),
            _ => policy_digest(newest),
        }
    }

    /// A draft of the transaction, to be signed by the identity's admins.
    ///
    /// # Errors
    /// A part that is out of its range, or a transaction that is too large before it is signed.
    pub fn draft(&self) -> Result<Draft, LedgerError> {
        let payload = self.encode();
        if payload.len() > TRANSACTION_BYTES_MAX {
            let (what, len, max) = ("a transaction", payload.len(), TRANSACTION_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        Self::decode_payload(&payload)?;
        Ok(Draft::new(self.subject(), payload))
    }

    /// What its signatures are about.
    pub(super) fn subject(&self) -> Subject {
        Subject::Transaction {
            network: self.network,
            key_id: self.key_id,
            nonce: self.nonce,
            action: self.describe(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_uint(1, 1);
        map.set_bytes(2, &self.network);
        map.set_bytes(3, self.key_id.as_bytes());
        map.set_uint(4, self.nonce);
        map.set(5, |w| {
            w.raw(&Chain::encode(&self.chain));
        });
        map.set(6, |w| self.action.write(w));
        if let Some(opening) = &self.opening {
            map.set_bytes(7, opening);
        }
        map.to_bytes()
    }
}

fn read_stamp(r: &mut Reader<'_>) -> Result<Vec<u8>, CborError> {
    r.bytes("a stamp", 0, STAMP_BYTES_MAX).map(<[u8]>::to_vec)
}

/// A label that can be claimed, in the one form that it is claimed in.
pub(super) fn read_label(r: &mut Reader<'_>) -> Result<String, LedgerError> {
    let label = r.text("a label", 1, CLAIMABLE_LABEL_BYTES_MAX)?;
    let refused = |reason: String| LedgerError::Label {
        label: label.into(),
        reason,
    };
    let suffix = Suffix::default();
    let name = Name::parse(&format!("{label}.{suffix}"), &suffix)
        .map_err(|error| refused(error.to_string()))?;
    match name.root() {
        crate::name::Root::Claimed if name.root_label() == label && name.below().is_empty() => {
            Ok(label.into())
        }
        crate::name::Root::Claimed => {
            Err(refused(format!("its one form is `{}`", name.root_label())))
        }
        _ => Err(refused(
            "it is a self-certifying form, which belongs to its key".into(),
        )),
    }
}

/// What a commit announces: nobody can tell the name from it, and nobody else can claim with it.
#[must_use]
pub fn commitment(label: &str, key_id: KeyId, salt: &[u8; 16]) -> [u8; 32] {
    let mut writer = Writer::new();
    writer
        .array(3)
        .text(label)
        .bytes(key_id.as_bytes())
        .bytes(salt);
    blake3::derive_key("dotkey commitment v1", &writer.into_bytes())
}
