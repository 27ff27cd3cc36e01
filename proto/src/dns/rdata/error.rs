//! What can be wrong with RDATA in wire form.

use super::super::{NameError, RecordType};

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
    #[error("{needed} bytes are needed and {found} are left")]
    Truncated {
        /// The least that the field needs from the offset on.
        needed: usize,
        /// What is left.
        found: usize,
    },
    /// Bytes after the last field.
    #[error("{bytes} bytes are left over")]
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
