//! SVCB and HTTPS (RFC 9460): a priority, a target, and parameters in ascending order of their keys.

use super::{
    super::label::absolute_len,
    RdataProblem,
    check::{Found, fixed, u16_at},
};

pub(super) const MANDATORY: u16 = 0;
pub(super) const ALPN: u16 = 1;
pub(super) const NO_DEFAULT_ALPN: u16 = 2;
pub(super) const PORT: u16 = 3;
pub(super) const IPV4_HINT: u16 = 4;
pub(super) const ECH: u16 = 5;
pub(super) const IPV6_HINT: u16 = 6;
pub(super) const DOH_PATH: u16 = 7;
pub(super) const OHTTP: u16 = 8;
/// RFC 9460 section 14.3.2: reserved as the invalid key.
const INVALID_KEY: u16 = 65535;

/// The keys that have a name: RFC 9460 section 14.3.2, RFC 9461 section 5, RFC 9540 section 4.
pub(super) const KEYS: &[(u16, &str)] = &[
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4_HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6_HINT, "ipv6hint"),
    (DOH_PATH, "dohpath"),
    (OHTTP, "ohttp"),
];

/// Checks the whole of the RDATA from `at` on.
pub(super) fn check(rdata: &[u8], at: usize) -> Result<usize, Found> {
    let target = fixed(rdata, at, 2)?;
    let alias = u16_at(rdata, at) == 0;
    let parameters = match absolute_len(&rdata[target..]) {
        Ok(length) => target + length,
        Err(error) => return Err((target, RdataProblem::Name(error))),
    };
    if alias && parameters < rdata.len() {
        return Err((parameters, RdataProblem::AliasWithParameters));
    }
    let mut at = parameters;
    let mut previous = None;
    while at < rdata.len() {
        let value = fixed(rdata, at, 4)?;
        let key = u16_at(rdata, at);
        if let Some(previous) = previous.filter(|previous| *previous >= key) {
            return Err((at, RdataProblem::ParameterOrder { key, previous }));
        }
        let end = fixed(rdata, value, usize::from(u16_at(rdata, at + 2)))?;
        check_value(key, &rdata[value..end]).map_err(|expected| {
            let name = key_name(key).unwrap_or("key65535");
            (at, RdataProblem::Parameter { name, expected })
        })?;
        previous = Some(key);
        at = end;
    }
    check_together(rdata, parameters)?;
    Ok(at)
}

pub(super) fn key_name(key: u16) -> Option<&'static str> {
    let found = KEYS.iter().find(|(number, _)| *number == key);
    found.map(|(_, name)| *name)
}

/// The parameters of RDATA that has passed the walk above: key and value.
pub(super) fn parameters(mut wire: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    core::iter::from_fn(move || {
        let (head, rest) = wire.split_at_checked(4)?;
        let (value, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)))?;
        wire = rest;
        Some((u16_at(head, 0), value))
    })
}

/// What one value must be by itself; `Err` says what would be right.
fn check_value(key: u16, value: &[u8]) -> Result<(), &'static str> {
    let (right, expected) = match key {
        MANDATORY => (
            is_key_list(value),
            "a list of keys, ascending, none twice, without `mandatory` itself",
        ),
        ALPN => (is_alpn(value), "a list of ids of 1 to 255 bytes each"),
        NO_DEFAULT_ALPN | OHTTP => (value.is_empty(), "it takes no value"),
        PORT => (value.len() == 2, "a port in two bytes"),
        IPV4_HINT => (
            !value.is_empty() && value.len().is_multiple_of(4),
            "one or more addresses of 4 bytes",
        ),
        ECH => (!value.is_empty(), "an ECHConfigList of one byte at least"),
        IPV6_HINT => (
            !value.is_empty() && value.len().is_multiple_of(16),
            "one or more addresses of 16 bytes",
        ),
        DOH_PATH => (
            is_doh_path(value),
            "a URI template in UTF-8 that begins with `/` and has the variable `dns`",
        ),
        INVALID_KEY => (false, "the key is reserved and means no parameter"),
        _ => (true, ""),
    };
    if right { Ok(()) } else { Err(expected) }
}

/// RFC 9460 section 8.
fn is_key_list(value: &[u8]) -> bool {
    let keys = || value.chunks_exact(2).map(|pair| u16_at(pair, 0));
    !value.is_empty()
        && value.len().is_multiple_of(2)
        && keys().all(|key| key != MANDATORY)
        && keys().is_sorted_by(|left, right| left < right)
}

/// RFC 9460 section 7.1.1.
fn is_alpn(mut value: &[u8]) -> bool {
    if value.is_empty() {
        return false;
    }
    while let Some((&length, rest)) = value.split_first() {
        if length == 0 || usize::from(length) > rest.len() {
            return false;
        }
        value = &rest[usize::from(length)..];
    }
    true
}

/// RFC 9461 section 5; more of RFC 6570 is for the client that expands it.
fn is_doh_path(value: &[u8]) -> bool {
    value.first() == Some(&b'/')
        && core::str::from_utf8(value).is_ok()
        && value.windows(3).any(|window| window == b"dns")
}

/// What parameters ask of each other, once each is right by itself.
fn check_together(rdata: &[u8], at: usize) -> Result<(), Found> {
    let all = || parameters(&rdata[at..]);
    let find = |wanted: u16| {
        all()
            .find(|(key, _)| *key >= wanted)
            .filter(|(key, _)| *key == wanted)
    };
    if let Some((_, list)) = find(MANDATORY) {
        mandatory_present(list, all())
            .map_err(|key| (at, RdataProblem::MandatoryMissing { key }))?;
    }
    if find(NO_DEFAULT_ALPN).is_some() && find(ALPN).is_none() {
        // RFC 9460 section 7.1.1: without `alpn` no protocol would be left.
        let (name, expected) = ("no-default-alpn", "`alpn` must stand beside it");
        return Err((at, RdataProblem::Parameter { name, expected }));
    }
    Ok(())
}

/// Both ascend, so one walk over each is enough; `Err` holds the first key that is missing.
fn mandatory_present<'a>(
    list: &[u8],
    mut all: impl Iterator<Item = (u16, &'a [u8])>,
) -> Result<(), u16> {
    for wanted in list.chunks_exact(2).map(|pair| u16_at(pair, 0)) {
        if !all.any(|(key, _)| key == wanted) {
            return Err(wanted);
        }
    }
    Ok(())
}
