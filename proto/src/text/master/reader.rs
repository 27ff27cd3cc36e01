//! From the words of each line to entries: directives, what a record leaves out, and its data.

use alloc::{string::ToString, vec::Vec};
use core::net::{Ipv4Addr, Ipv6Addr};

use super::{
    Entry, FILE_BYTES_MAX, MasterError, MasterProblem, Options, TTL_SECS_MAX,
    error::{Found, quoted},
    lexer::{Lexer, Line, Token},
};
use crate::dns::{
    NameError, Owner, RecordType, WireName, rdata,
    words::{Word, read_seconds},
};

/// Reads a whole master file.
///
/// A record without a TTL takes the last `$TTL` (RFC 2308 section 4), else the TTL of the record before it (RFC 1035
/// section 5.1), else `options.ttl_default`.
///
/// # Errors
/// The first thing that is wrong in the file, with its place and its line.
pub fn parse(source: &str, options: &Options<'_>) -> Result<Vec<Entry>, MasterError> {
    read(source, options).map_err(|found| MasterError::new(options.file_name, source, found))
}

fn read(source: &str, options: &Options<'_>) -> Result<Vec<Entry>, Found> {
    let bytes = source.len();
    if bytes > FILE_BYTES_MAX {
        let problem = MasterProblem::FileTooLarge { bytes };
        return Err(Found {
            start: 0,
            bytes: 1,
            problem,
        });
    }
    let mut reader = Reader {
        zone: options.origin,
        origin: options.origin.clone(),
        owner: None,
        ttl_directive: None,
        ttl_last: options.ttl_default,
    };
    let mut entries = Vec::new();
    let mut lexer = Lexer::new(source);
    while let Some(line) = lexer.next_line()? {
        entries.extend(reader.line(&line)?);
    }
    Ok(entries)
}

/// What lines hand on to the lines below them.
struct Reader<'a> {
    zone: &'a WireName,
    origin: WireName,
    owner: Option<Owner>,
    ttl_directive: Option<u32>,
    ttl_last: Option<u32>,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line<'_>) -> Result<Option<Entry>, Found> {
        let (first, rest) = match line.tokens.split_first() {
            Some(split) => split,
            None => return Ok(None),
        };
        if line.indented {
            let owner = self.owner.clone();
            let owner = owner.ok_or_else(|| first.found(MasterProblem::NoOwner))?;
            return self.record(owner, line, &line.tokens).map(Some);
        }
        if first.word.raw.starts_with('$') && !first.word.quoted {
            return self.directive(first, rest).map(|()| None);
        }
        let owner = self.name(first)?;
        let owner = owner
            .relative_to(self.zone)
            .map_err(|error| first.found(error))?;
        self.owner = Some(owner.clone());
        self.record(owner, line, rest).map(Some)
    }

    /// A name as a word outside of data, absolute.
    fn name(&self, token: &Token<'_>) -> Result<WireName, Found> {
        let word = bare(token)?;
        WireName::parse(word, Some(&self.origin)).map_err(|error: NameError| {
            let offset = error.offset().unwrap_or(0);
            token.found_at(offset, error)
        })
    }

    fn directive(&mut self, first: &Token<'_>, rest: &[Token<'_>]) -> Result<(), Found> {
        let is = |name: &str| first.word.raw.eq_ignore_ascii_case(name);
        if is("$ORIGIN") {
            let argument = only(first, rest, "the new origin")?;
            self.origin = self.name(argument)?;
        } else if is("$TTL") {
            let argument = only(first, rest, "the TTL of the records below")?;
            self.ttl_directive = Some(ttl(argument)?);
        } else if is("$INCLUDE") {
            return Err(first.found(MasterProblem::Include));
        } else if is("$GENERATE") {
            return Err(first.found(MasterProblem::Generate));
        } else {
            let text = quoted(first.word.raw);
            return Err(first.found(MasterProblem::UnknownDirective(text)));
        }
        Ok(())
    }

    /// `[TTL] [class] type data` or `[class] [TTL] type data`.
    fn record(
        &mut self,
        owner: Owner,
        line: &Line<'_>,
        tokens: &[Token<'_>],
    ) -> Result<Entry, Found> {
        let (mut stated, mut classed) = (None, false);
        let mut tokens = tokens.iter();
        let type_token = loop {
            let token = tokens.next();
            let token = token.ok_or_else(|| after(line, MasterProblem::MissingType))?;
            let word = bare(token)?;
            let is_ttl = word.starts_with(|c: char| c.is_ascii_digit());
            let class = class(word);
            if (is_ttl && stated.is_some()) || (class.is_some() && classed) {
                return Err(token.found(MasterProblem::Repeated));
            }
            if is_ttl {
                stated = Some(ttl(token)?);
            } else if let Some(is_internet) = class {
                if !is_internet {
                    return Err(token.found(MasterProblem::Class(quoted(word))));
                }
                classed = true;
            } else {
                break token;
            }
        };
        let rtype = record_type(type_token)?;
        let ttl = stated.or(self.ttl_directive).or(self.ttl_last);
        let ttl = ttl.ok_or_else(|| type_token.found(MasterProblem::NoTtl))?;
        self.ttl_last = Some(ttl);
        let rdata = self.data(rtype, line, tokens.as_slice())?;
        Ok(Entry {
            owner,
            ttl,
            rtype,
            rdata,
            line: line.number,
        })
    }

    fn data(
        &self,
        rtype: RecordType,
        line: &Line<'_>,
        tokens: &[Token<'_>],
    ) -> Result<Vec<u8>, Found> {
        let words: Vec<Word<'_>> = tokens.iter().map(|token| token.word).collect();
        rdata::from_words(rtype, &words, Some(&self.origin)).map_err(|error| {
            match tokens.get(error.word) {
                Some(token) => token.found_at(error.offset, error),
                None => after(line, error.into()),
            }
        })
    }
}

/// The one argument of a directive.
fn only<'t, 'a>(
    first: &Token<'a>,
    rest: &'t [Token<'a>],
    expected: &'static str,
) -> Result<&'t Token<'a>, Found> {
    match rest {
        [argument] => Ok(argument),
        [] => Err(first.found(MasterProblem::DirectiveArgument(expected))),
        [_, extra, ..] => Err(extra.found(MasterProblem::DirectiveArgument(expected))),
    }
}

fn bare<'a>(token: &Token<'a>) -> Result<&'a str, Found> {
    if token.word.quoted {
        return Err(token.found(MasterProblem::Quoted));
    }
    Ok(token.word.raw)
}

fn ttl(token: &Token<'_>) -> Result<u32, Found> {
    let word = bare(token)?;
    let secs = read_seconds(word).filter(|secs| *secs <= TTL_SECS_MAX);
    secs.ok_or_else(|| {
        token.found(
            address_without_type(word).unwrap_or_else(|| MasterProblem::BadTtl(quoted(word))),
        )
    })
}

/// `None` when the word is no class, else whether it is class IN.
fn class(word: &str) -> Option<bool> {
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    if is("IN") {
        return Some(true);
    }
    if is("CH") || is("HS") || is("CS") || is("NONE") {
        return Some(false);
    }
    let (prefix, digits) = word.split_at_checked(5)?; // RFC 3597 section 5.
    let number = digits.parse::<u16>().ok()?;
    prefix.eq_ignore_ascii_case("CLASS").then_some(number == 1)
}

fn record_type(token: &Token<'_>) -> Result<RecordType, Found> {
    let word = bare(token)?;
    let rtype = word.parse::<RecordType>().map_err(|error| {
        token.found(address_without_type(word).unwrap_or(MasterProblem::Type(error)))
    })?;
    rtype.in_zone().map_err(|error| token.found(error))?;
    Ok(rtype)
}

/// The likeliest slip: `www 192.0.2.1`.
fn address_without_type(word: &str) -> Option<MasterProblem> {
    let address = word.to_string();
    if word.parse::<Ipv4Addr>().is_ok() {
        return Some(MasterProblem::AddressWithoutType {
            address,
            rtype: "A",
        });
    }
    word.parse::<Ipv6Addr>()
        .is_ok()
        .then_some(MasterProblem::AddressWithoutType {
            address,
            rtype: "AAAA",
        })
}

/// About what is missing behind the last word of the line.
fn after(line: &Line<'_>, problem: MasterProblem) -> Found {
    let start = line
        .tokens
        .last()
        .map_or(0, |token| token.start + token.bytes);
    Found {
        start,
        bytes: 1,
        problem,
    }
}
