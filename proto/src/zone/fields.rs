//! Reading and writing the small fields that the maps of resources are made of.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Path;
use crate::cbor::{CborError, MapReader, MapWriter, Reader, Writer};
use crate::limits::{PATH_BYTES_MAX, REGION_BYTES_MAX};

/// An optional number that fits `T`, as every range that the callers ask for does.
pub(super) fn number<T: TryFrom<u64>>(
    map: &mut MapReader<'_, '_>,
    key: u64,
    what: &'static str,
    min: u64,
    max: u64,
) -> Result<Option<T>, CborError> {
    map.optional(key, |r| {
        let found = r.uint_in(what, min, max)?;
        let range = CborError::OutOfRange {
            what,
            found,
            min,
            max,
        };
        T::try_from(found).map_err(|_| range)
    })
}

pub(super) fn text(
    map: &mut MapReader<'_, '_>,
    key: u64,
    what: &'static str,
    max: usize,
) -> Result<Option<Box<str>>, CborError> {
    let text = map.optional(key, |r| r.text(what, 1, max))?;
    Ok(text.map(Box::from))
}

pub(super) fn path(
    map: &mut MapReader<'_, '_>,
    key: u64,
    what: &'static str,
) -> Result<Option<Path>, CborError> {
    let path = map.optional(key, |r| r.text(what, 1, PATH_BYTES_MAX))?;
    Ok(path.map(Path::unchecked))
}

pub(super) fn region(reader: &mut Reader<'_>) -> Result<Box<str>, CborError> {
    reader.text("region", 1, REGION_BYTES_MAX).map(Box::from)
}

/// An optional array of 1 to `max` elements; none at all is an absent key.
pub(super) fn list<'a, T>(
    map: &mut MapReader<'_, 'a>,
    key: u64,
    what: &'static str,
    max: usize,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, CborError>,
) -> Result<Vec<T>, CborError> {
    let list = map.optional(key, |r| {
        let len = r.array(what, 1, max)?;
        (0..len).map(|_| read(r)).collect::<Result<_, CborError>>()
    })?;
    Ok(list.unwrap_or_default())
}

pub(super) fn set_number(map: &mut MapWriter, key: u64, value: Option<impl Into<u64>>) {
    map.set_some(key, value, |w, value| {
        w.uint(value.into());
    });
}

pub(super) fn set_text(map: &mut MapWriter, key: u64, value: Option<&str>) {
    map.set_some(key, value, |w, value| {
        w.text(value);
    });
}

pub(super) fn set_path(map: &mut MapWriter, key: u64, value: Option<&Path>) {
    set_text(map, key, value.map(Path::as_str));
}

pub(super) fn set_list<T>(
    map: &mut MapWriter,
    key: u64,
    list: &[T],
    mut write: impl FnMut(&mut Writer, &T),
) {
    if list.is_empty() {
        return;
    }
    map.set(key, |w| {
        w.array(list.len());
        list.iter().for_each(|one| write(w, one));
    });
}
