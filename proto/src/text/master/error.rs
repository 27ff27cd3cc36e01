//! What can be wrong with a master file, shown with its line.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
};
use core::{error::Error, fmt};

use super::{
    FILE_BYTES_MAX, FILE_LINES_MAX, PARENTHESES_MAX, TTL_SECS_MAX, lexer::BYTE_ORDER_MARK,
};
use crate::dns::{NameError, NotInZone, RecordTypeError, rdata::RdataTextError, words::WordError};

/// Characters of a line shown around the place that is wrong.
const SHOWN_CHARS_MAX: usize = 100;

/// Characters of a word that a message repeats.
const QUOTED_CHARS_MAX: usize = 40;

/// A master file that cannot be read: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterError {
    /// The file's name, as the caller gave it.
    pub file_name: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line as it stands in the file, cut around the column where it is long, control characters replaced.
    pub text: String,
    /// What is wrong there.
    pub problem: Box<MasterProblem>,
    /// The blank that brings the mark below the column, and how long the mark is.
    mark: (String, usize),
}

/// What is wrong at one place of a master file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MasterProblem {
    /// More than [`FILE_BYTES_MAX`] bytes.
    #[error(
        "the file has {bytes} bytes; at most {FILE_BYTES_MAX} are read, so delegate parts of the zone"
    )]
    FileTooLarge {
        /// How many.
        bytes: usize,
    },
    /// More than [`FILE_LINES_MAX`] lines.
    #[error("the file has more than {FILE_LINES_MAX} lines; delegate parts of the zone")]
    TooManyLines,
    /// Text that does not fall into words.
    #[error("{0}")]
    Word(#[from] WordError),
    /// A closing bracket too many.
    #[error("this bracket closes nothing; remove it, or open one before it")]
    UnopenedParenthesis,
    /// The file ends inside brackets.
    #[error("this bracket is never closed; add `)` where the record ends")]
    UnclosedParenthesis,
    /// More than [`PARENTHESES_MAX`] brackets inside each other.
    #[error(
        "more than {PARENTHESES_MAX} brackets inside each other; one pair around a record is enough"
    )]
    TooManyParentheses,
    /// `$INCLUDE`.
    #[error("`$INCLUDE` is not followed; put the text of the other file here")]
    Include,
    /// `$GENERATE`.
    #[error("`$GENERATE` is no part of RFC 1035 and is not expanded; write the records out")]
    Generate,
    /// Another word that begins with `$`.
    #[error(
        "`{0}` is no directive; known are $ORIGIN and $TTL, and a name that begins with `$` is written `\\$`"
    )]
    UnknownDirective(String),
    /// A directive without its argument, or with more than one.
    #[error("expected {0} and nothing more")]
    DirectiveArgument(&'static str),
    /// A TTL that is none.
    #[error("`{0}` is no TTL; write seconds, or units as in `1h30m`, up to {TTL_SECS_MAX}")]
    BadTtl(String),
    /// An address where the type should stand.
    #[error("`{address}` is an address, and its type is missing; write `{rtype} {address}`")]
    AddressWithoutType {
        /// The address.
        address: String,
        /// The type that takes it.
        rtype: &'static str,
    },
    /// No TTL, and nothing to take it from.
    #[error(
        "this record has no TTL and nothing before it sets one; add a line such as `$TTL 1h` above"
    )]
    NoTtl,
    /// A line that begins with a blank, and no record before it.
    #[error("a line that begins with a blank repeats the owner above, and there is none")]
    NoOwner,
    /// A class other than IN.
    #[error("class `{0}`; zones hold class IN only, and it may be left out")]
    Class(String),
    /// TTL or class written twice.
    #[error("expected a record type; TTL and class each stand once before it")]
    Repeated,
    /// The line ends before the type.
    #[error("the record ends before its type; expected `owner [TTL] [IN] TYPE data`")]
    MissingType,
    /// Quotes where a name, a TTL, a class or a type should stand.
    #[error("only data may stand in quotes")]
    Quoted,
    /// An owner or origin that is no name of this zone.
    #[error("{0}")]
    Name(#[from] NameError),
    /// A word that is no type.
    #[error("{0}")]
    Type(#[from] RecordTypeError),
    /// A type that does not belong in a zone.
    #[error("{0}")]
    NotInZone(#[from] NotInZone),
    /// Data that is not right for its type.
    #[error("{0}")]
    Rdata(#[from] RdataTextError),
}

impl MasterProblem {
    /// The stable name of this problem.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FileTooLarge { .. } => "master-file-too-large",
            Self::TooManyLines => "master-too-many-lines",
            Self::Word(error) => error.code(),
            Self::UnopenedParenthesis => "master-unopened-parenthesis",
            Self::UnclosedParenthesis => "master-unclosed-parenthesis",
            Self::TooManyParentheses => "master-too-many-parentheses",
            Self::Include => "master-include",
            Self::Generate => "master-generate",
            Self::UnknownDirective(_) => "master-unknown-directive",
            Self::DirectiveArgument(_) => "master-directive-argument",
            Self::BadTtl(_) => "master-bad-ttl",
            Self::AddressWithoutType { .. } => "master-address-without-type",
            Self::NoTtl => "master-no-ttl",
            Self::NoOwner => "master-no-owner",
            Self::Class(_) => "master-class",
            Self::Repeated => "master-repeated",
            Self::MissingType => "master-missing-type",
            Self::Quoted => "master-quoted",
            Self::Name(error) => error.code(),
            Self::Type(error) => error.code(),
            Self::NotInZone(error) => error.code(),
            Self::Rdata(error) => error.code(),
        }
    }
}

/// A problem and the bytes of the file that it is about, before the file's lines are counted.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) bytes: usize,
    pub(super) problem: MasterProblem,
}

/// A word as a message repeats it.
pub(super) fn quoted(word: &str) -> String {
    word.chars()
        .filter(|c| !c.is_control())
        .take(QUOTED_CHARS_MAX)
        .collect()
}

impl MasterError {
    pub(super) fn new(file_name: &str, source: &str, found: Found) -> Self {
        let before = source.get(..found.start).unwrap_or(source);
        // A byte order mark is no character that an editor would count.
        let first_start = if before.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len_utf8()
        } else {
            0
        };
        let line_start = before
            .rfind('\n')
            .map_or(first_start, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        let whole = source[line_start..]
            .split(['\n', '\r'])
            .next()
            .unwrap_or("");

        let first = (column - 1).saturating_sub(SHOWN_CHARS_MAX / 2);
        let visible = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        };
        let text: String = whole
            .chars()
            .skip(first)
            .take(SHOWN_CHARS_MAX)
            .map(visible)
            .collect();
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let indent = text.chars().take(column - 1 - first).map(blank).collect();
        let marked = source
            .get(found.start..found.start + found.bytes)
            .unwrap_or("");
        let marked = marked.chars().take_while(|c| *c != '\n').count();
        let room = text.chars().count().saturating_sub(column - 1 - first);
        Self {
            file_name: file_name.to_owned(),
            line,
            column,
            text,
            problem: Box::new(found.problem),
            mark: (indent, marked.min(room).max(1)),
        }
    }

    /// The stable name of this error.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.problem.code()
    }
}

impl fmt::Display for MasterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let (indent, marked) = (&self.mark.0, "^".repeat(self.mark.1));
        writeln!(f, "{} [{}]", self.problem, self.code())?;
        writeln!(
            f,
            "{margin}--> {}:{}:{}",
            self.file_name, self.line, self.column
        )?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{number} | {}", self.text)?;
        write!(f, "{margin} | {indent}{marked}")
    }
}

impl Error for MasterError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.problem)
    }
}
