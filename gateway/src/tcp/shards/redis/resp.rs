//! The Redis protocol, as far as who carries it must read it: where commands begin and end, and where replies do.
//!
//! Pure. A command is an array of bulk strings and is held whole, within a bound; a reply, in RESP2 or RESP3, is only followed to
//! its end and may be of any length. Each byte is looked at once.

use core::ops::Range;

/// Arguments of a command. Redis takes a million; this many keys in one command keep a server busy for long enough.
pub const ARGUMENTS_MAX: usize = 65_536;
/// A sign, ten digits, CR, LF.
const LENGTH_LINE_BYTES_MAX: usize = 13;
/// Aggregates within one another. The deepest of Redis's own, `COMMAND DOCS`, has seven.
const DEPTH_MAX: usize = 32;

/// Why bytes are not the protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RespError {
    /// Not an array: what a person types over telnet.
    #[error(
        "Protocol error: inline commands are not carried; send arrays of bulk strings, as every client library does"
    )]
    Inline,
    /// Not a rule that stands in the protocol.
    #[error("Protocol error: {0}")]
    Broken(&'static str),
    /// More than a command may have.
    #[error("Protocol error: a command of more than {bytes_max} bytes; send smaller ones")]
    TooLong {
        /// The most it may have.
        bytes_max: usize,
    },
}

/// A command as it came, and where its arguments stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    bytes: Vec<u8>,
    arguments: Vec<Range<usize>>,
}

impl Command {
    /// A command of these arguments.
    #[must_use]
    pub fn of(arguments: &[&[u8]]) -> Self {
        let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
        let mut places = Vec::with_capacity(arguments.len());
        for argument in arguments {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            places.push(bytes.len()..bytes.len() + argument.len());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        Self {
            bytes,
            arguments: places,
        }
    }

    /// As it came.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many arguments there are, its name among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arguments.len()
    }

    /// Whether there are none; the reader gives no such command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// An argument; the first is the command's name.
    #[must_use]
    pub fn argument(&self, at: usize) -> Option<&[u8]> {
        self.arguments
            .get(at)
            .map(|place| &self.bytes[place.clone()])
    }

    /// The argument in lower case, for words; other bytes become `?`.
    #[must_use]
    pub fn word(&self, at: usize) -> String {
        /// Longer than any word of Redis.
        const WORD_BYTES_MAX: usize = 64;
        let bytes = self.argument(at).unwrap_or_default();
        let bytes = &bytes[..bytes.len().min(WORD_BYTES_MAX)];
        let plain = |byte: &u8| match byte.is_ascii_graphic() {
            true => char::from(byte.to_ascii_lowercase()),
            false => '?',
        };
        bytes.iter().map(plain).collect()
    }

    /// The argument as a number, as the counts of keys are.
    #[must_use]
    pub fn number(&self, at: usize) -> Option<usize> {
        core::str::from_utf8(self.argument(at)?).ok()?.parse().ok()
    }
}

/// Reads the commands of one client.
#[derive(Clone, Debug)]
pub struct CommandReader {
    bytes_max: usize,
    held: Vec<u8>,
    /// Where in what is held the command begins.
    from: usize,
    /// Where the next line or argument begins.
    at: usize,
    /// Arguments that are still to come, once the array's line was read.
    left: Option<usize>,
    /// How long the next argument is, once its line was read.
    length: Option<usize>,
    arguments: Vec<Range<usize>>,
}

impl CommandReader {
    /// Of commands of at most so many bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            held: Vec::new(),
            from: 0,
            at: 0,
            left: None,
            length: None,
            arguments: Vec::new(),
        }
    }

    /// Takes what came next. [`CommandReader::next_command`] gives the commands in it.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The next command that is whole.
    ///
    /// # Errors
    /// What came is no command; nothing after it can be understood.
    pub fn next_command(&mut self) -> Result<Option<Command>, RespError> {
        loop {
            if self.left == Some(0) {
                self.left = None;
                let command = self.cut();
                if !command.is_empty() {
                    return Ok(Some(command));
                }
                continue;
            }
            let progressed = match (self.left, self.length) {
                (None, _) => self.array()?,
                (Some(_), None) => self.bulk()?,
                (Some(left), Some(length)) => self.argument(left, length)?,
            };
            if !progressed {
                self.compact();
                return Ok(None);
            }
        }
    }

    /// `*3\r\n`
    fn array(&mut self) -> Result<bool, RespError> {
        match self.held.get(self.at) {
            None => return Ok(false),
            Some(b'*') => {}
            Some(_) => return Err(RespError::Inline),
        }
        let Some(count) = self.line()? else {
            return Ok(false);
        };
        if count > ARGUMENTS_MAX {
            return Err(RespError::Broken("too many arguments"));
        }
        self.left = Some(count);
        Ok(true)
    }

    /// `$3\r\n`
    fn bulk(&mut self) -> Result<bool, RespError> {
        match self.held.get(self.at) {
            None => return Ok(false),
            Some(b'$') => {}
            Some(_) => return Err(RespError::Broken("an argument that is no bulk string")),
        }
        let Some(length) = self.line()? else {
            return Ok(false);
        };
        if self.at - self.from + length > self.bytes_max {
            return Err(RespError::TooLong {
                bytes_max: self.bytes_max,
            });
        }
        self.length = Some(length);
        Ok(true)
    }

    fn argument(&mut self, left: usize, length: usize) -> Result<bool, RespError> {
        let end = self.at + length;
        let Some(after) = self.held.get(end..end + 2) else {
            return Ok(false);
        };
        if after != b"\r\n" {
            return Err(RespError::Broken("an argument longer than it says"));
        }
        self.arguments.push(self.at - self.from..end - self.from);
        self.at = end + 2;
        (self.left, self.length) = (Some(left - 1), None);
        Ok(true)
    }

    /// The number on the line that begins here, once the line is whole.
    fn line(&mut self) -> Result<Option<usize>, RespError> {
        const NO_LENGTH: RespError = RespError::Broken("a length that is no number");
        let rest = &self.held[self.at + 1..];
        let rest = &rest[..rest.len().min(LENGTH_LINE_BYTES_MAX - 1)];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return match rest.len() == LENGTH_LINE_BYTES_MAX - 1 {
                true => Err(NO_LENGTH),
                false => Ok(None),
            };
        };
        let digits = rest[..end].strip_suffix(b"\r").ok_or(NO_LENGTH)?;
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NO_LENGTH);
        }
        let number = digits.iter().try_fold(0_usize, |number, digit| {
            number
                .checked_mul(10)?
                .checked_add(usize::from(digit - b'0'))
        });
        self.at += end + 2;
        number.map(Some).ok_or(NO_LENGTH)
    }

    fn cut(&mut self) -> Command {
        let bytes = self.held[self.from..self.at].to_vec();
        self.from = self.at;
        Command {
            bytes,
            arguments: core::mem::take(&mut self.arguments),
        }
    }

    /// Lets go of what was given out.
    fn compact(&mut self) {
        self.held.drain(..self.from);
        self.at -= self.from;
        self.from = 0;
        /// What a burst needed is given back.
        const KEPT_BYTES: usize = 64 << 10;
        if self.held.len() < KEPT_BYTES {
            self.held.shrink_to(KEPT_BYTES);
        }
    }
}

/// Follows one reply after the other to its end.
#[derive(Clone, Debug, Default)]
pub struct ReplyReader {
    /// Of each aggregate that is open, how many parts are to come.
    open: Vec<u64>,
    part: Part,
    /// The first byte of the reply.
    kind: Option<u8>,
}

#[derive(Clone, Debug, Default)]
enum Part {
    /// A type byte is next.
    #[default]
    Begin,
    /// A line without meaning for its end.
    Text,
    /// A line with a number.
    Length { kind: u8, digits: Vec<u8> },
    /// So many bytes, CR and LF among them.
    Body(u64),
}

/// How far a reply has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many of the bytes belong to it.
    pub used: usize,
    /// Whether it ends there.
    pub is_whole: bool,
}

impl ReplyReader {
    /// Whether a reply has begun and not ended.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.kind.is_some()
    }

    /// Follows the reply through these bytes, up to its end at most. The next call begins the next reply.
    ///
    /// # Errors
    /// This is no reply; nothing after it can be understood.
    pub fn advance(&mut self, bytes: &[u8]) -> Result<Progress, RespError> {
        let mut used = 0;
        while used < bytes.len() {
            let is_part_over = match &mut self.part {
                Part::Begin => {
                    self.begin(bytes[used])?;
                    used += 1;
                    false
                }
                Part::Text => {
                    let end = bytes[used..].iter().position(|byte| *byte == b'\n');
                    used = end.map_or(bytes.len(), |end| used + end + 1);
                    end.is_some()
                }
                Part::Body(left) => {
                    let passed =
                        (bytes.len() - used).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    used += passed;
                    *left -= passed as u64;
                    *left == 0
                }
                Part::Length { digits, .. } => {
                    let byte = bytes[used];
                    used += 1;
                    digits.push(byte);
                    if digits.len() == LENGTH_LINE_BYTES_MAX && byte != b'\n' {
                        return Err(RespError::Broken("a length that is no number"));
                    }
                    byte == b'\n' && self.length()?
                }
            };
            if is_part_over && self.end_part() {
                self.kind = None;
                return Ok(Progress {
                    used,
                    is_whole: true,
                });
            }
        }
        Ok(Progress {
            used,
            is_whole: false,
        })
    }

    fn begin(&mut self, kind: u8) -> Result<(), RespError> {
        if self.kind.is_none() {
            // Nothing that is carried asks for messages out of turn.
            if kind == b'>' {
                return Err(RespError::Broken("a push that nobody asked for"));
            }
            self.kind = Some(kind);
        }
        self.part = match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'_' | b'(' => Part::Text,
            b'$' | b'!' | b'=' | b'*' | b'~' | b'%' | b'|' | b'>' => Part::Length {
                kind,
                digits: Vec::new(),
            },
            _ => return Err(RespError::Broken("a reply of no known type")),
        };
        Ok(())
    }

    /// A length's line is whole: whether the part ends with it.
    fn length(&mut self) -> Result<bool, RespError> {
        const NO_LENGTH: RespError = RespError::Broken("a length that is no number");
        let Part::Length { kind, digits } = core::mem::take(&mut self.part) else {
            unreachable!("a length was read");
        };
        let digits = digits.strip_suffix(b"\r\n").ok_or(NO_LENGTH)?;
        if digits == b"-1" {
            return Ok(true); // A null of RESP2.
        }
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NO_LENGTH);
        }
        // At most ten digits, so that nothing overflows.
        let number = digits
            .iter()
            .fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'));
        let parts = match kind {
            b'$' | b'!' | b'=' => {
                self.part = Part::Body(number + 2);
                return Ok(false);
            }
            b'%' => 2 * number,
            // An attribute stands before the part that it is of.
            b'|' => 2 * number + 1,
            _ => number,
        };
        if parts > 0 {
            if self.open.len() == DEPTH_MAX {
                return Err(RespError::Broken("a reply too deep"));
            }
            self.open.push(parts);
        }
        Ok(parts == 0)
    }

    /// A part is over: whether the whole reply is.
    fn end_part(&mut self) -> bool {
        self.part = Part::Begin;
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// An error as Redis writes one: a word, then what is wrong.
#[must_use]
pub fn error(text: &str) -> Vec<u8> {
    // One line: what a client or a record said may have line ends.
    let text: String = text
        .chars()
        .map(|it| if it.is_control() { '?' } else { it })
        .collect();
    format!("-{text}\r\n").into_bytes()
}

#[cfg(test)]
mod tests;
