//! What can be wrong with a zone file, shown with its line.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::error::Error;
use core::fmt;
use core::ops::Range;

use crate::dns::rdata::RdataTextError;
use crate::dns::{NameError, RecordTypeError};
use crate::ledger::LedgerError;
use crate::limits::ZONE_FILE_BYTES_MAX;
use crate::zone::ZoneError;

/// Characters of a line shown around the place that is wrong.
const SHOWN_CHARS_MAX: usize = 100;

/// A zone file that cannot be read: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TomlError {
    /// The file's name, as the caller gave it.
    pub file_name: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line as it stands in the file, cut around the column where it is long, control characters replaced.
    pub text: String,
    /// What is wrong there.
    pub problem: Box<TomlProblem>,
    /// The blank that brings the mark below the column, and how long the mark is.
    mark: (String, usize),
}

/// What is wrong at one place of a zone file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TomlProblem {
    /// More than is read.
    #[error(
        "the file has {bytes} bytes; at most {ZONE_FILE_BYTES_MAX} are read, so delegate parts of the zone"
    )]
    FileTooLarge {
        /// How many.
        bytes: usize,
    },
    /// No TOML.
    #[error("{0}")]
    Syntax(String),
    /// A key that means nothing here.
    #[error("`{}` is no key of a {section}; {advice}", key.escape_debug())]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        section: &'static str,
        /// The key that was probably meant, or all that there are.
        advice: String,
    },
    /// A key that has to be there.
    #[error("this {section} has no `{key}`; add {expected}")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where it should stand.
        section: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// A value of another type.
    #[error("`{}` is {found}; expected {expected}", key.escape_debug())]
    WrongType {
        /// The key.
        key: String,
        /// What stands there.
        found: &'static str,
        /// What would be right.
        expected: String,
    },
    /// A value that cannot be.
    #[error("`{}`: {problem}", key.escape_debug())]
    Value {
        /// The key.
        key: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// An owner, host or branch that is no name.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A word that is no record type.
    #[error("{0}")]
    RecordType(#[from] RecordTypeError),
    /// Data that is not right for its type.
    #[error("{0}")]
    Rdata(#[from] RdataTextError),
    /// The zone breaks a rule.
    #[error("{0}")]
    Zone(#[from] ZoneError),
    /// The genesis breaks a rule.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
}

impl TomlProblem {
    /// The stable name of this problem.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FileTooLarge { .. } => "toml-file-too-large",
            Self::Syntax(_) => "toml-syntax",
            Self::UnknownKey { .. } => "toml-unknown-key",
            Self::MissingKey { .. } => "toml-missing-key",
            Self::WrongType { .. } => "toml-wrong-type",
            Self::Value { .. } => "toml-value",
            Self::Name(error) => error.code(),
            Self::RecordType(error) => error.code(),
            Self::Rdata(error) => error.code(),
            Self::Zone(error) => error.code(),
            Self::Ledger(error) => error.code(),
        }
    }
}

/// A problem and the bytes of the file that it is about, before the file's lines are counted.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) span: Range<usize>,
    pub(super) problem: TomlProblem,
}

impl Found {
    pub(super) fn new(span: Range<usize>, problem: impl Into<TomlProblem>) -> Self {
        let problem = problem.into();
        Self { span, problem }
    }
}

impl TomlError {
    /// The stable name of what is wrong.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }

    pub(super) fn new(file_name: &str, source: &str, found: Found) -> Self {
        let start = source.floor_char_boundary(found.span.start);
        let before = &source[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let whole = source[line_start..].lines().next().unwrap_or("");
        let skipped = before[line_start..].chars().count();
        let cut = skipped.saturating_sub(SHOWN_CHARS_MAX / 2);
        let visible = |c: char| if c.is_control() { ' ' } else { c };
        let shown = whole.chars().skip(cut).take(SHOWN_CHARS_MAX);
        let text: String = shown.map(visible).collect();
        let indent = skipped - cut;
        let end = source.floor_char_boundary(found.span.end).max(start);
        let marked = source[start..end].lines().next().unwrap_or("");
        let room = text.chars().count().saturating_sub(indent).max(1);
        Self {
            file_name: file_name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: skipped + 1,
            text,
            problem: Box::new(found.problem),
            mark: (" ".repeat(indent), marked.chars().count().clamp(1, room)),
        }
    }
}

impl fmt::Display for TomlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let (indent, mark) = (&self.mark.0, "^".repeat(self.mark.1));
        let (file, line, column) = (&self.file_name, self.line, self.column);
        writeln!(f, "{} [{}]", self.problem, self.code())?;
        writeln!(f, "{margin}--> {file}:{line}:{column}")?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{margin} | {indent}{mark}")
    }
}

impl Error for TomlError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.problem)
    }
}
