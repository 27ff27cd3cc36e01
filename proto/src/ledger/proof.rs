//! A proof of what the state holds for a name or an identity, or that it holds nothing: sections 8.6 and 8.10.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use super::path::{self, Leaf};
use super::transaction::read_label;
use super::walk::check_size;
use super::{
    Account, Certificate, Entry, Freshness, FreshnessError, Header, LedgerError, Trusted,
    WalkError, identity_leaf, name_leaf,
};
use crate::cbor::{CborError, Kind, MapWriter, Reader};
use crate::identity::{Anchor, KeyId};
use crate::limits::{IDENTITY_PROOF_BYTES_MAX, PROOF_BYTES_MAX};
use crate::signature::Hex;
use crate::time::Timestamp;

/// CBOR's `null`, in the place of a sibling that is an empty subtree.
const NULL: [u8; 1] = [0xf6];

/// What a proof claims to show, with all that it takes to check it but the validators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What it is about.
    pub subject: Subject,
    /// The header whose state root the path leads to.
    pub header: Header,
    /// The validators' word for the header.
    pub certificate: Certificate,
    /// Siblings from the leaf to the root, the leaf's first; `None` where a subtree is empty.
    pub siblings: Vec<Option<[u8; 32]>>,
    /// What stands in the state.
    pub finding: Finding,
}

/// What a proof is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A name, by its label in ASCII form.
    Name(String),
    /// An identity, which may have anchored its policy without a name.
    Identity(KeyId),
}

/// What stands in the state where the subject's value would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Its value: a name's is an [`Entry`], an identity's an [`Account`].
    Held(Vec<u8>),
    /// Nothing at all.
    Empty,
    /// The leaf of something else.
    OtherLeaf {
        /// Its key in the tree.
        key: [u8; 32],
        /// The digest of its value.
        value: [u8; 32],
    },
}

/// What the validators of a network have said, after every check. Only [`Proof::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedProof {
    subject: Subject,
    header: Header,
    signed: usize,
    validators: usize,
    value: Option<Value>,
}

/// What the state holds, read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Name(Entry),
    Identity(Box<Account>),
}

impl Value {
    fn read(subject: &Subject, bytes: &[u8]) -> Result<Self, LedgerError> {
        match subject {
            Subject::Name(_) => Entry::decode(bytes).map(Self::Name),
            Subject::Identity(_) => Account::decode(bytes).map(|one| Self::Identity(one.into())),
        }
    }
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// It is about something else than was asked.
    #[error("it is about {found}, not about {expected}")]
    OtherSubject {
        /// What was asked.
        expected: Subject,
        /// What it is about.
        found: Subject,
    },
    /// A value that is none.
    #[error(transparent)]
    Value(#[from] LedgerError),
    /// Its block says nothing about the present.
    #[error(transparent)]
    Freshness(#[from] FreshnessError),
    /// Its block is not one of the trusted validators'.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// A leaf that does not stand in the subject's place.
    #[error("the other leaf that it shows does not stand where {0} would")]
    OtherLeaf(
        /// What it is about.
        Subject,
    ),
    /// The path ends elsewhere.
    #[error(
        "its path ends in {}, not in the state of the block, {}",
        Hex(found),
        Hex(expected)
    )]
    Path {
        /// The header's state root.
        expected: [u8; 32],
        /// Where the path ends.
        found: [u8; 32],
    },
}

impl ProofError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherSubject { .. } => "other-subject",
            Self::Value(error) => error.code(),
            Self::Freshness(error) => error.code(),
            Self::Walk(error) => error.code(),
            Self::OtherLeaf(_) => "other-leaf",
            Self::Path { .. } => "path",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(label) => write!(f, "the name `{label}`"),
            Self::Identity(key_id) => write!(f, "the identity {key_id}"),
        }
    }
}

impl Subject {
    /// Where its value stands in the tree.
    #[must_use]
    pub fn leaf(&self) -> [u8; 32] {
        match self {
            Self::Name(label) => name_leaf(label),
            Self::Identity(key_id) => identity_leaf(key_id),
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, LedgerError> {
        match r.peek()? {
            Kind::Bytes => {
                let key_id = r.array_of("the identity that a proof is about")?;
                Ok(Self::Identity(KeyId::from_bytes(key_id)))
            }
            _ => read_label(r).map(Self::Name),
        }
    }
}

impl Proof {
    /// Checks all of it: that it is about `subject`, that its block is fresh and certified by the trusted validators, and that
    /// the block's state holds what it shows. The costly check, the signature, comes last.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(
        &self,
        subject: &Subject,
        trusted: &Trusted,
        freshness: Freshness,
    ) -> Result<VerifiedProof, ProofError> {
        if self.subject != *subject {
            return Err(ProofError::OtherSubject {
                expected: subject.clone(),
                found: self.subject.clone(),
            });
        }
        trusted.expect(&self.header)?;
        freshness.check(self.header.time)?;
        let value = match &self.finding {
            Finding::Held(value) => Some(Value::read(subject, value)?),
            Finding::Empty | Finding::OtherLeaf { .. } => None,
        };
        self.verify_path()?;
        let certified = self.certificate.verify(&self.header, &trusted.validators);
        certified.map_err(WalkError::from)?;
        Ok(VerifiedProof {
            subject: self.subject.clone(),
            header: self.header.clone(),
            signed: self.certificate.signed(),
            validators: trusted.validators.validators().len(),
            value,
        })
    }

    fn verify_path(&self) -> Result<(), ProofError> {
        let key = self.subject.leaf();
        let leaf = match &self.finding {
            Finding::Held(value) => Some(Leaf {
                key,
                value: path::value_digest(value),
            }),
            Finding::Empty => None,
            Finding::OtherLeaf { key: other, value } => {
                // It would have been split from the subject's further up.
                if *other == key || path::common_bits(&key, other) < self.siblings.len() {
                    return Err(ProofError::OtherLeaf(self.subject.clone()));
                }
                Some(Leaf {
                    key: *other,
                    value: *value,
                })
            }
        };
        let found = path::root(&key, leaf, &self.siblings);
        if found == self.header.state_root {
            return Ok(());
        }
        let expected = self.header.state_root;
        Err(ProofError::Path { expected, found })
    }

    /// Reads a proof. What it is worth is for [`Proof::verify`].
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_size("a proof", bytes, IDENTITY_PROOF_BYTES_MAX)?;
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a proof")?;
        let subject = map.required(1, Subject::read)?;
        if let Subject::Name(_) = subject {
            check_size("a name's proof", bytes, PROOF_BYTES_MAX)?;
        }
        let header = Header::decode(map.required(2, |r| r.bytes("a header", 0, bytes.len()))?)?;
        let certificate = map.required(3, |r| r.bytes("a certificate", 0, bytes.len()))?;
        let certificate = Certificate::decode(certificate)?;
        let siblings = map.required(4, |r| {
            let count = r.array("the siblings of a path", 0, path::LEVELS_MAX)?;
            (0..count)
                .map(|_| read_sibling(r))
                .collect::<Result<_, _>>()
        })?;
        let value = map.optional(5, |r| r.bytes("a value", 0, bytes.len()))?;
        let other = map.optional(6, |r| {
            r.array("another leaf", 2, 2)?;
            Ok::<_, CborError>((r.array_of("a leaf's key")?, r.array_of("a leaf's value")?))
        })?;
        map.close()?;
        let finding = match (value, other) {
            (Some(_), Some(_)) => {
                return Err(CborError::UnknownKey {
                    what: "a proof with a value",
                    key: 6,
                }
                .into());
            }
            (Some(value), None) => {
                Value::read(&subject, value)?;
                Finding::Held(value.to_vec())
            }
            (None, Some((key, value))) => Finding::OtherLeaf { key, value },
            (None, None) => Finding::Empty,
        };
        Ok(Self {
            subject,
            header,
            certificate,
            siblings,
            finding,
        })
    }

    /// The proof's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set(1, |w| {
            match &self.subject {
                Subject::Name(label) => w.text(label),
                Subject::Identity(key_id) => w.bytes(key_id.as_bytes()),
            };
        });
        map.set_bytes(2, &self.header.encode());
        map.set_bytes(3, &self.certificate.encode());
        map.set(4, |w| {
            w.array(self.siblings.len());
            for sibling in &self.siblings {
                match sibling {
                    Some(sibling) => w.bytes(sibling),
                    None => w.raw(&NULL),
                };
            }
        });
        match &self.finding {
            Finding::Held(value) => map.set_bytes(5, value),
            Finding::OtherLeaf { key, value } => map.set(6, |w| {
                w.array(2).bytes(key).bytes(value);
            }),
            Finding::Empty => &mut map,
        };
        map.to_bytes()
    }
}

fn read_sibling(r: &mut Reader<'_>) -> Result<Option<[u8; 32]>, LedgerError> {
    if r.peek()? == Kind::Null {
        r.raw()?;
        return Ok(None);
    }
    let sibling = r.array_of("a sibling")?;
    if sibling == path::EMPTY {
        return Err(LedgerError::EmptySibling);
    }
    Ok(Some(sibling))
}

impl VerifiedProof {
    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The block after which this was so.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// When this was so.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.header.time
    }

    /// How many validators signed, of how many.
    #[must_use]
    pub fn signers(&self) -> (usize, usize) {
        (self.signed, self.validators)
    }

    /// Who holds the name; `None` where nobody does, or where it is not about a name.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        match &self.value {
            Some(Value::Name(entry)) => Some(entry),
            _ => None,
        }
    }

    /// What the ledger knows of the identity; `None` where it knows nothing, or where it is not about an identity.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match &self.value {
            Some(Value::Identity(account)) => Some(account),
            _ => None,
        }
    }

    /// What the ledger pins of the identity that holds the name, or that it is about.
    #[must_use]
    pub fn anchor(&self) -> Option<Anchor> {
        match &self.subject {
            Subject::Name(_) => self.entry()?.anchor(),
            Subject::Identity(key_id) => self.account()?.anchor(*key_id),
        }
    }
}
