//! From a master file's text to the words of one record at a time: comments, brackets and blanks end here.

use alloc::vec::Vec;

use super::{
    FILE_LINES_MAX, PARENTHESES_MAX,
    error::{Found, MasterProblem},
};
use crate::dns::words::{Word, scan_word};

/// Some editors leave one at the start of a file.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A word and where in the file it begins, its opening quote included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) word: Word<'a>,
    pub(super) start: usize,
    pub(super) bytes: usize,
}

impl Token<'_> {
    pub(super) fn found(&self, problem: impl Into<MasterProblem>) -> Found {
        let problem = problem.into();
        Found {
            start: self.start,
            bytes: self.bytes,
            problem,
        }
    }

    /// About one place in the word, counted in bytes without an opening quote.
    pub(super) fn found_at(&self, offset: usize, problem: impl Into<MasterProblem>) -> Found {
        let skipped = offset + usize::from(self.word.quoted && offset > 0);
        Found {
            start: self.start + skipped,
            bytes: if offset > 0 { 1 } else { self.bytes },
            problem: problem.into(),
        }
    }
}

/// The words of one record or directive, which brackets may spread over several lines.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub(super) tokens: Vec<Token<'a>>,
    /// Whether the first line begins with a blank.
    pub(super) indented: bool,
    /// The number of the first line.
    pub(super) number: usize,
}

pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let marked = source.starts_with(BYTE_ORDER_MARK);
        let at = if marked {
            BYTE_ORDER_MARK.len_utf8()
        } else {
            0
        };
        Self {
            source,
            at,
            line: 1,
        }
    }

    /// The next line that has words; `None` at the end of the file.
    pub(super) fn next_line(&mut self) -> Result<Option<Line<'a>>, Found> {
        while self.at < self.source.len() {
            let line = self.read_line()?;
            if !line.tokens.is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn read_line(&mut self) -> Result<Line<'a>, Found> {
        let bytes = self.source.as_bytes();
        let mut line = Line {
            tokens: Vec::new(),
            indented: matches!(bytes.get(self.at), Some(b' ' | b'\t')),
            number: self.line,
        };
        let mut opened: Vec<usize> = Vec::new();
        while let Some(&byte) = bytes.get(self.at) {
            let start = self.at;
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.count_line(start)?;
                    if opened.is_empty() {
                        return Ok(line);
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => {
                    let rest = &self.source[start..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                b'(' if opened.len() == PARENTHESES_MAX => {
                    return Err(one(start, MasterProblem::TooManyParentheses));
                }
                b'(' => {
                    opened.push(start);
                    self.at += 1;
                }
                b')' => {
                    let closed = opened.pop();
                    closed.ok_or_else(|| one(start, MasterProblem::UnopenedParenthesis))?;
                    self.at += 1;
                }
                _ => line.tokens.push(self.read_word()?),
            }
        }
        match opened.last() {
            Some(start) => Err(one(*start, MasterProblem::UnclosedParenthesis)),
            None => Ok(line),
        }
    }

    fn read_word(&mut self) -> Result<Token<'a>, Found> {
        let start = self.at;
        let scanned = scan_word(&self.source[start..]);
        let (word, bytes) = scanned.map_err(|(offset, error)| one(start + offset, error))?;
        self.at += bytes;
        Ok(Token { word, start, bytes })
    }

    fn count_line(&mut self, newline: usize) -> Result<(), Found> {
        self.line += 1;
        if self.line > FILE_LINES_MAX && newline + 1 < self.source.len() {
            return Err(one(newline + 1, MasterProblem::TooManyLines));
        }
        Ok(())
    }
}

/// A problem with one character.
fn one(start: usize, problem: impl Into<MasterProblem>) -> Found {
    Found {
        start,
        bytes: 1,
        problem: problem.into(),
    }
}
