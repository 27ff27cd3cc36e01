//! The text of LOC (RFC 1876 section 3), both ways.

use core::fmt;

use super::{
    TextProblem,
    check::{LATITUDE_MAX, LOCATION_ZERO, LONGITUDE_MAX, u32_at},
    read::{Reader, Wrong, decimal},
};

/// Altitude zero of the wire form is 100 km below the ellipsoid; in centimetres.
const ALTITUDE_BASE_CM: i64 = 10_000_000;
/// The largest that one digit and a power of ten up to 9 can say; in centimetres.
const SIZE_CM_MAX: i64 = 9_000_000_000;
/// Defaults of section 3: 1 m, 10 km, 10 m.
const DEFAULTS: [u8; 3] = [0x12, 0x16, 0x13];

pub(super) fn read(reader: &mut Reader<'_>) -> Result<(), Wrong> {
    let latitude = angle(
        reader,
        ["N", "S"],
        LATITUDE_MAX,
        "a latitude such as 52 22 23.000 N",
    )?;
    let longitude = angle(
        reader,
        ["E", "W"],
        LONGITUDE_MAX,
        "a longitude such as 4 53 32.000 E",
    )?;
    const ALTITUDE: &str = "an altitude from -100000.00m to 42849672.95m";
    let (at, word) = reader.bare(ALTITUDE)?;
    let altitude = metres(word).and_then(|cm| u32::try_from(cm + ALTITUDE_BASE_CM).ok());
    let altitude = altitude.ok_or((at, 0, TextProblem::Expected(ALTITUDE)))?;
    let mut sizes = DEFAULTS;
    for size in &mut sizes {
        if reader.is_done() {
            break;
        }
        const SIZE: &str = "a size from 0.00m to 90000000.00m";
        let (at, word) = reader.bare(SIZE)?;
        let cm = metres(word).filter(|cm| (0..=SIZE_CM_MAX).contains(cm));
        *size = power(cm.ok_or((at, 0, TextProblem::Expected(SIZE)))?);
    }
    reader.out.push(0);
    reader.out.extend(sizes);
    for value in [latitude, longitude, altitude] {
        reader.out.extend(value.to_be_bytes());
    }
    Ok(())
}

/// Degrees, and perhaps minutes and seconds, up to the letter of the hemisphere.
fn angle(
    reader: &mut Reader<'_>,
    hemispheres: [&str; 2],
    max: u32,
    expected: &'static str,
) -> Result<u32, Wrong> {
    let (mut thousandths, mut unit) = (0_u32, 3_600_000);
    loop {
        let (at, word) = reader.bare(expected)?;
        let wrong = (at, 0, TextProblem::Expected(expected));
        let side = hemispheres
            .iter()
            .position(|side| side.eq_ignore_ascii_case(word));
        match side {
            Some(_) if unit == 3_600_000 || thousandths > max => return Err(wrong),
            Some(0) => return Ok(LOCATION_ZERO + thousandths),
            Some(_) => return Ok(LOCATION_ZERO - thousandths),
            None => {}
        }
        let value = match unit {
            3_600_000 => decimal(word).filter(|value| *value <= 180),
            60_000 => decimal(word).filter(|value| *value < 60),
            1000 => fixed_point(word, 3).and_then(|value| u32::try_from(value).ok()),
            _ => None,
        };
        let limit = if unit == 1000 { 60_000 } else { u32::MAX };
        let value = value.filter(|value| *value < limit).ok_or(wrong)?;
        thousandths += if unit == 1000 { value } else { value * unit };
        unit = if unit == 3_600_000 { 60_000 } else { unit / 60 };
    }
}

/// Metres with at most two decimals and perhaps an `m`, in centimetres.
fn metres(word: &str) -> Option<i64> {
    let number = word.strip_suffix(['m', 'M']).unwrap_or(word);
    match number.strip_prefix('-') {
        Some(number) => fixed_point(number, 2).map(|cm| -cm),
        None => fixed_point(number, 2),
    }
}

/// A decimal with at most `places` digits after the point, times 10 to the power of `places`.
fn fixed_point(text: &str, places: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || part.len() > places {
        return None;
    }
    let mut value = i64::from(decimal(whole)?);
    for place in 0..places {
        let digit = part.as_bytes().get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(digit - b'0');
    }
    Some(value)
}

/// The largest digit and power of ten that do not pass `cm`.
fn power(mut cm: i64) -> u8 {
    let mut exponent = 0_u8;
    while cm > 9 {
        cm /= 10;
        exponent += 1;
    }
    u8::try_from(cm).unwrap_or(9) << 4 | exponent
}

/// Whether text can say these 16 checked bytes: zero has one text, but ten forms.
pub(super) fn has_text(rdata: &[u8]) -> bool {
    rdata[1..4].iter().all(|size| *size == 0 || size >> 4 != 0)
}

pub(super) fn write(f: &mut impl fmt::Write, rdata: &[u8]) -> fmt::Result {
    for (at, [above, below]) in [(4, ["N", "S"]), (8, ["E", "W"])] {
        let value = u32_at(rdata, at);
        let side = if value >= LOCATION_ZERO { above } else { below };
        let value = value.abs_diff(LOCATION_ZERO);
        let (degrees, minutes) = (value / 3_600_000, value / 60_000 % 60);
        let (seconds, thousandths) = (value / 1000 % 60, value % 1000);
        write!(f, "{degrees} {minutes} {seconds}.{thousandths:03} {side} ")?;
    }
    let altitude = i64::from(u32_at(rdata, 12)) - ALTITUDE_BASE_CM;
    let sign = if altitude < 0 { "-" } else { "" };
    let altitude = altitude.unsigned_abs();
    write!(f, "{sign}{}.{:02}m", altitude / 100, altitude % 100)?;
    for size in &rdata[1..4] {
        let cm = u64::from(size >> 4) * 10_u64.pow(u32::from(size & 15));
        write!(f, " {}.{:02}m", cm / 100, cm % 100)?;
    }
    Ok(())
}
