//! What can be wrong with RDATA, in wire form and in text.

use super::super::{NameError, RecordType, RecordTypeError, words::WordError};
use crate::words::counted;

/// RDATA that is not valid for its type: which field, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rtype}: {field} at offset {offset}: {problem}")]
pub struct RdataError {
    /// The type whose rule it breaks.
    pub rtype: RecordType,
    /// The field's name in the table, or `rdata` for the whole.
    pub field: &'static str,
    /// The byte of the RDATA where the field, or the part of it that is wrong, begins.
    pub offset: usize,
    /// What is wrong there.
    pub problem: RdataProblem,
}

/// What is wrong in one field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RdataProblem {
    /// The RDATA ends inside the field, or before it.
    #[error("{} needed, {found} left", counted(*needed, "byte"))]
    Truncated {
        /// The least that the field needs from the offset on.
        needed: usize,
        /// What is left.
        found: usize,
    },
    /// Bytes after the last field.
    #[error("{} left over", counted(*bytes, "byte"))]
    TrailingBytes {
        /// How many.
        bytes: usize,
    },
    /// RFC 1035 section 3.2.1: the length has 16 bits.
    #[error("{bytes} bytes; RDATA has at most 65535")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// A name that is not one.
    #[error("{0}; its own offset counts from there")]
    Name(NameError),
    /// A character-string that holds what its field does not allow.
    #[error("byte {byte} is no ASCII letter or digit")]
    NotAlphanumeric {
        /// The byte.
        byte: u8,
    },
    /// A length outside the field's own bounds.
    #[error("length {found}; allowed is {min} to {max}")]
    Length {
        /// What the length byte says.
        found: usize,
        /// The least.
        min: usize,
        /// The most.
        max: usize,
    },
    /// A value that its specification reserves.
    #[error("value {found}; allowed is at most {max}")]
    Value {
        /// The value.
        found: u32,
        /// The most.
        max: u32,
    },
    /// RFC 1876 section 2: version 0, digits up to 9 and angles within the globe.
    #[error("not a location of RFC 1876 section 2")]
    Location,
    /// RFC 4034 section 4.1.2: windows ascend, have 1 to 32 bytes and do not end in a zero byte.
    #[error("not a window of type bits: {0}")]
    TypeBitmap(&'static str),
    /// RFC 9460 section 2.2: keys ascend strictly, so none comes twice.
    #[error("parameter key{key} follows key{previous}; keys ascend and none comes twice")]
    ParameterOrder {
        /// The key that comes too late.
        key: u16,
        /// The key before it.
        previous: u16,
    },
    /// RFC 9460 section 2.4.2: priority 0 is alias mode.
    #[error("priority 0 is an alias and takes no parameters")]
    AliasWithParameters,
    /// A parameter's value is not what its key asks for.
    #[error("parameter {name}: {expected}")]
    Parameter {
        /// The key's name.
        name: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// RFC 9460 section 8: a mandatory key must be there.
    #[error("key{key} is mandatory and missing")]
    MandatoryMissing {
        /// The key.
        key: u16,
    },
}

impl RdataError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.problem.code()
    }
}

impl RdataProblem {
    /// The stable name of this problem; that of a name is the name's own.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "rdata-truncated",
            Self::TrailingBytes { .. } => "rdata-trailing-bytes",
            Self::TooLong { .. } => "rdata-too-long",
            Self::Name(error) => error.code(),
            Self::NotAlphanumeric { .. } => "rdata-not-alphanumeric",
            Self::Length { .. } => "rdata-length",
            Self::Value { .. } => "rdata-value",
            Self::Location => "rdata-location",
            Self::TypeBitmap(_) => "rdata-type-bitmap",
            Self::ParameterOrder { .. } => "rdata-parameter-order",
            Self::AliasWithParameters => "rdata-alias-with-parameters",
            Self::Parameter { .. } => "rdata-parameter",
            Self::MandatoryMissing { .. } => "rdata-mandatory-missing",
        }
    }
}

/// Text that is not the RDATA of its type: which word, where in it, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rtype}: {field}: {problem}")]
pub struct RdataTextError {
    /// The type whose text it should be.
    pub rtype: RecordType,
    /// The field's name in the table, or `rdata` for the whole.
    pub field: &'static str,
    /// Which word, counted from 0; the number of words when one is missing at the end.
    pub word: usize,
    /// Where in the word, in bytes, not counting an opening quote.
    pub offset: usize,
    /// What is wrong there.
    pub problem: TextProblem,
}

/// What is wrong with one word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextProblem {
    /// The text ends before the field.
    #[error("missing; expected {0}")]
    Missing(&'static str),
    /// Words after the last field.
    #[error("one word too many; a string with spaces in it goes in quotes")]
    Extra,
    /// The text is not what the field asks for.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Not a number, or one too large.
    #[error("expected a number from 0 to {max}")]
    Number {
        /// The most.
        max: u32,
    },
    /// A name that is not one.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A bad escape or a bare quote in a string.
    #[error("expected `\\` and three digits up to 255, or `\\` and one character")]
    Escape,
    /// RFC 1035 section 3.3: the length has 8 bits.
    #[error("the string has {bytes} bytes; one string has at most 255, so split it into several")]
    StringTooLong {
        /// How many.
        bytes: usize,
    },
    /// A word that is no type.
    #[error("{0}")]
    Type(#[from] RecordTypeError),
    /// RFC 3597 section 5: the length and the bytes disagree.
    #[error("the length says {}, and {found} follow", counted(*stated, "byte"))]
    GenericLength {
        /// What the length says.
        stated: usize,
        /// How many bytes are written.
        found: usize,
    },
    /// A type without a text form of its own.
    #[error("this type has no text form of its own; write `\\# LENGTH HEX` (RFC 3597)")]
    GenericOnly,
    /// One parameter written twice.
    #[error("the parameter stands here twice")]
    ParameterTwice,
    /// The line does not fall into words.
    #[error("{0}")]
    Word(#[from] WordError),
    /// The text reads well, but means what the type forbids.
    #[error("{0}")]
    Wire(RdataProblem),
}

impl RdataTextError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match &self.problem {
            TextProblem::Missing(_) => "rdata-missing-field",
            TextProblem::Extra => "rdata-extra-word",
            TextProblem::Expected(_) => "rdata-bad-value",
            TextProblem::Number { .. } => "rdata-bad-number",
            TextProblem::Name(error) => error.code(),
            TextProblem::Escape => "rdata-bad-escape",
            TextProblem::StringTooLong { .. } => "rdata-string-too-long",
            TextProblem::Type(error) => error.code(),
            TextProblem::GenericLength { .. } => "rdata-generic-length",
            TextProblem::GenericOnly => "rdata-generic-only",
            TextProblem::ParameterTwice => "rdata-parameter-twice",
            TextProblem::Word(error) => error.code(),
            TextProblem::Wire(problem) => problem.code(),
        }
    }
}
