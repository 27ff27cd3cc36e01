//! The text of SVCB and HTTPS (RFC 9460 section 2.1 and appendix A), both ways.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use data_encoding::BASE64;

use super::{
    super::words::{read_string, write_quoted},
    TextProblem,
    read::{Reader, Wrong, decimal},
    svcb::{
        ALPN, DOH_PATH, ECH, IPV4_HINT, IPV6_HINT, KEYS, MANDATORY, NO_DEFAULT_ALPN, OHTTP, PORT,
        key_name,
    },
};

/// The most elements a list can have in RDATA, at two bytes each.
const LIST_MAX: usize = 65_535 / 2;

pub(super) fn read(reader: &mut Reader<'_>) -> Result<(), Wrong> {
    reader.number(2, &[])?;
    reader.name()?;
    // Text may name them in any order; wire form has one.
    let mut parameters = BTreeMap::new();
    while !reader.is_done() {
        let (at, word) = reader.bare("a parameter such as alpn=h2")?;
        let (key, value) = parameter(word).map_err(|problem| (at, 0, problem))?;
        if parameters.insert(key, value).is_some() {
            return Err((at, 0, TextProblem::ParameterTwice));
        }
    }
    for (key, value) in parameters {
        let length = u16::try_from(value.len());
        let too_long = TextProblem::Expected("parameters that fit 65535 bytes");
        let length = length.map_err(|_| (reader.next - 1, 0, too_long))?;
        reader.out.extend(key.to_be_bytes());
        reader.out.extend(length.to_be_bytes());
        reader.out.extend(value);
    }
    Ok(())
}

fn parameter(word: &str) -> Result<(u16, Vec<u8>), TextProblem> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let (key, generic) = key(name)?;
    let mut bytes = Vec::new();
    if let Some(value) = value {
        let quoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        read_string(quoted.unwrap_or(value), &mut bytes).map_err(|_| TextProblem::Escape)?;
    }
    if generic {
        return Ok((key, bytes));
    }
    Ok((key, value_bytes(key, bytes)?))
}

/// The key and whether it was written as `key12345`, whose value is wire form whatever the key (RFC 9460 section 2.1).
fn key(name: &str) -> Result<(u16, bool), TextProblem> {
    const EXPECTED: TextProblem =
        TextProblem::Expected("a parameter's name such as alpn, or key12345");
    let known = KEYS.iter().find(|(_, known)| *known == name);
    if let Some((key, _)) = known {
        return Ok((*key, false));
    }
    let digits = name.strip_prefix("key").ok_or(EXPECTED)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return Err(EXPECTED);
    }
    let key = decimal(digits).and_then(|key| u16::try_from(key).ok());
    Ok((key.ok_or(EXPECTED)?, true))
}

/// The wire form of a value whose key has a text form of its own. Empty ones are left to the check of the wire form.
fn value_bytes(key: u16, text: Vec<u8>) -> Result<Vec<u8>, TextProblem> {
    let wrong = TextProblem::Expected;
    let mut out = Vec::new();
    match key {
        MANDATORY => {
            let mut keys = Vec::new();
            for name in list(&text)? {
                keys.push(self::key(utf8(&name)?)?.0);
            }
            keys.sort_unstable();
            out.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        }
        ALPN => {
            for id in list(&text)? {
                let length = u8::try_from(id.len());
                out.push(length.map_err(|_| wrong("ids of at most 255 bytes"))?);
                out.extend(id);
            }
        }
        PORT => {
            let port = decimal(utf8(&text)?).and_then(|port| u16::try_from(port).ok());
            out.extend(port.ok_or(wrong("a port from 0 to 65535"))?.to_be_bytes());
        }
        IPV4_HINT => {
            for text in list(&text)? {
                let address = utf8(&text)?.parse::<Ipv4Addr>();
                let address = address.map_err(|_| wrong("IPv4 addresses, with commas between"))?;
                out.extend(address.octets());
            }
        }
        IPV6_HINT => {
            for text in list(&text)? {
                let address = utf8(&text)?.parse::<Ipv6Addr>();
                let address = address.map_err(|_| wrong("IPv6 addresses, with commas between"))?;
                out.extend(address.octets());
            }
        }
        ECH => {
            let decoded = BASE64.decode(&text);
            out = decoded.map_err(|_| wrong("an ECHConfigList in base 64"))?;
        }
        _ => out = text, // dohpath as it is; no-default-alpn and ohttp must be empty, which the check says.
    }
    Ok(out)
}

fn utf8(bytes: &[u8]) -> Result<&str, TextProblem> {
    core::str::from_utf8(bytes).map_err(|_| TextProblem::Expected("ASCII text"))
}

/// RFC 9460 appendix A.1: elements between commas; `\,` and `\\` stand for the characters themselves.
fn list(text: &[u8]) -> Result<Vec<Vec<u8>>, TextProblem> {
    let mut elements = Vec::new();
    if text.is_empty() {
        return Ok(elements);
    }
    let mut element = Vec::new();
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b',' => elements.push(core::mem::take(&mut element)),
            b'\\' => match bytes.next() {
                Some(&escaped @ (b',' | b'\\')) => element.push(escaped),
                _ => return Err(TextProblem::Expected("`\\\\,` or `\\\\\\\\` in a list")),
            },
            _ => element.push(byte),
        }
        if elements.len() > LIST_MAX {
            return Err(TextProblem::Expected("a list that fits 65535 bytes"));
        }
    }
    elements.push(element);
    Ok(elements)
}

/// Writes one parameter of valid RDATA, with a space in front.
pub(super) fn write_parameter(f: &mut impl fmt::Write, key: u16, value: &[u8]) -> fmt::Result {
    let Some(name) = key_name(key) else {
        write!(f, " key{key}")?;
        if value.is_empty() {
            return Ok(());
        }
        f.write_char('=')?;
        return write_quoted(f, value);
    };
    write!(f, " {name}")?;
    if matches!(key, NO_DEFAULT_ALPN | OHTTP) {
        return Ok(());
    }
    f.write_char('=')?;
    match key {
        MANDATORY => {
            for (position, pair) in value.chunks_exact(2).enumerate() {
                let key = u16::from_be_bytes([pair[0], pair[1]]);
                comma(f, position)?;
                match key_name(key) {
                    Some(name) => f.write_str(name)?,
                    None => write!(f, "key{key}")?,
                }
            }
            Ok(())
        }
        ALPN => write_alpn(f, value),
        PORT => write!(
            f,
            "{}",
            value
                .iter()
                .fold(0, |port, byte| port << 8 | u32::from(*byte))
        ),
        IPV4_HINT => {
            for (position, octets) in value.as_chunks::<4>().0.iter().enumerate() {
                comma(f, position)?;
                write!(f, "{}", Ipv4Addr::from(*octets))?;
            }
            Ok(())
        }
        IPV6_HINT => {
            for (position, octets) in value.as_chunks::<16>().0.iter().enumerate() {
                comma(f, position)?;
                write!(f, "{}", Ipv6Addr::from(*octets))?;
            }
            Ok(())
        }
        ECH => f.write_str(&BASE64.encode(value)),
        DOH_PATH => write_quoted(f, value),
        _ => Ok(()),
    }
}

fn comma(f: &mut impl fmt::Write, position: usize) -> fmt::Result {
    if position > 0 {
        f.write_char(',')
    } else {
        Ok(())
    }
}

fn write_alpn(f: &mut impl fmt::Write, mut value: &[u8]) -> fmt::Result {
    let mut joined: Vec<u8> = Vec::new();
    while let Some((length, rest)) = value.split_first() {
        let (id, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        if !joined.is_empty() {
            joined.push(b',');
        }
        for &byte in id {
            if matches!(byte, b',' | b'\\') {
                joined.push(b'\\');
            }
            joined.push(byte);
        }
        value = rest;
    }
    let plain =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b',' | b'-' | b'/' | b'.');
    match String::from_utf8(joined) {
        Ok(text) if text.bytes().all(|byte| plain(&byte)) => f.write_str(&text),
        Ok(text) => write_quoted(f, text.as_bytes()),
        Err(error) => write_quoted(f, error.as_bytes()),
    }
}
