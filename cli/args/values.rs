//! Values of arguments that need reading.

use std::str::FromStr;

use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;

/// A time, as RFC 3339 in UTC, as a date, or as seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let secs = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok()
        } else {
            rfc_3339(text)
        };
        secs.and_then(Timestamp::from_secs).map(Self).ok_or_else(|| {
            "a time is written 2026-12-24T18:00:00Z, or 2026-12-24, both in UTC, or in seconds since 1970".to_owned()
        })
    }
}

fn rfc_3339(text: &str) -> Option<u64> {
    let (date, time) = text
        .split_once(['T', 't', ' '])
        .unwrap_or((text, "00:00:00Z"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time.strip_suffix(['Z', 'z'])?, ':', [2, 2, 2])?;
    let in_range =
        year >= 1970 && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    if !in_range || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    // Days since 1970-01-01 of the proleptic Gregorian calendar, in years that begin in March.
    let (years, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day
        - 1
        - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days_of_month(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn numbers(text: &str, between: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut found = [0; 3];
    for (number, width) in found.iter_mut().zip(widths) {
        let part = parts
            .next()
            .filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// `r || s || v` in hexadecimal, as wallets give it. `v` may be 0 or 1, as some do; it is stored as 27 or 28.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WalletSignature(pub(crate) Vec<u8>);

impl FromStr for WalletSignature {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let mut bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(digits.as_bytes())
            .ok()
            .filter(|bytes| bytes.len() == 65)
            .ok_or("a wallet's signature is `0x` and 130 hexadecimal digits")?;
        if bytes[64] < 27 {
            bytes[64] += 27;
        }
        Ok(Self(bytes))
    }
}

/// A size, as `500MB`, `4GiB` or plain bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

/// The longer ones first: `B` ends them all.
const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find_map(|(unit, times)| {
            let head = text.get(..text.len().checked_sub(unit.len())?)?;
            let tail = text.get(head.len()..)?;
            tail.eq_ignore_ascii_case(unit)
                .then_some((head.trim_end(), times))
        });
        unit.filter(|(digits, _)| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|(digits, times)| digits.parse::<u64>().ok()?.checked_mul(*times))
            .map(Self)
            .ok_or_else(|| "a size is written 500MB, 4GiB, or in bytes".to_owned())
    }
}

/// As it is read again: 1.5 GiB is shown rounded.
pub(crate) fn bytes_in_words(bytes: u64) -> String {
    let unit = UNITS[..4].iter().rev().find(|(_, times)| bytes >= *times);
    match unit {
        Some((unit, times)) => format!("{:.1} {unit}", bytes as f64 / *times as f64),
        None => counted(bytes, "byte").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let check = |text: &str, bytes: Option<u64>| {
            assert_eq!(
                text.parse::<Bytes>().ok().map(|Bytes(bytes)| bytes),
                bytes,
                "{text}"
            );
        };
        check("0", Some(0));
        check("1024", Some(1024));
        check("12B", Some(12));
        check("500MB", Some(500_000_000));
        check("4 GiB", Some(4 << 30));
        check("4gib", Some(4 << 30));
        for bad in [
            "",
            "GiB",
            "-1",
            "1.5GiB",
            "+1",
            "1PiB",
            "99999999TiB",
            "müll",
            "5 0",
        ] {
            check(bad, None);
        }
        assert_eq!(bytes_in_words(1 << 30), "1.0 GiB");
        assert_eq!(bytes_in_words(900), "900 bytes");
    }

    #[test]
    fn times_are_read_as_they_are_shown() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T00:00:00Z",
            "2026-11-21T01:12:34Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(text.parse::<Moment>().expect(text).0.to_string(), text);
        }
        let check = |text: &str, secs| {
            assert_eq!(
                text.parse().map(|Moment(time)| time.as_secs()),
                secs,
                "{text}"
            )
        };
        check("2026-11-21", Ok(1_795_219_200));
        check("1795223554", Ok(1_795_223_554));
        for bad in [
            "",
            "now",
            "2026-11-31",
            "2026-02-29",
            "2100-02-29",
            "2026-13-01",
            "2026-00-01",
            "1969-12-31",
            "2026-11-21T24:00:00Z",
            "2026-11-21T01:12:34",
            "2026-11-21T01:12:34+01:00",
            "26-11-21",
            "253402300800",
            "2026-11-21-01",
            "+026-11-21",
        ] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn wallets_signatures_get_the_v_that_is_stored() {
        for (v, stored) in [("00", 27), ("01", 28), ("1b", 27), ("1C", 28)] {
            let text = format!("0x{}{v}", "ab".repeat(64));
            assert_eq!(
                text.parse::<WalletSignature>().expect("65 bytes").0[64],
                stored
            );
        }
        assert!("0x12".parse::<WalletSignature>().is_err());
    }
}
