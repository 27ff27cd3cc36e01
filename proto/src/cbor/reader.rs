//! Taking a checked encoding apart by a schema.

use super::map::MapReader;
use super::{CborError, Kind, check, head};

/// Reads one item after the other from bytes that [`check`] has passed. `what` names the part of the schema in errors.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// A reader of the one item that `bytes` are.
    ///
    /// # Errors
    /// What [`check`] finds.
    pub fn new(bytes: &'a [u8]) -> Result<Self, CborError> {
        check(bytes)?;
        Ok(Self { bytes, offset: 0 })
    }

    /// Where the next item begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The type of the next item.
    ///
    /// # Errors
    /// Fails after the last item.
    pub fn peek(&self) -> Result<Kind, CborError> {
        head(self.bytes, self.offset).map(|head| head.kind)
    }

    fn take(&mut self, what: &'static str, expected: Kind) -> Result<u64, CborError> {
        let offset = self.offset;
        let head = head(self.bytes, offset)?;
        if head.kind != expected {
            return Err(CborError::WrongType {
                what,
                offset,
                expected,
                found: head.kind,
            });
        }
        self.offset += head.len;
        Ok(head.argument)
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// Another type.
    pub fn uint(&mut self, what: &'static str) -> Result<u64, CborError> {
        self.take(what, Kind::Unsigned)
    }

    /// An unsigned integer of a range.
    ///
    /// # Errors
    /// Another type, or a number outside the range.
    pub fn uint_in(&mut self, what: &'static str, min: u64, max: u64) -> Result<u64, CborError> {
        in_range(what, self.uint(what)?, min, max)
    }

    /// A signed integer. One that 64 bits do not hold reads as the least or the greatest that they do.
    ///
    /// # Errors
    /// Another type.
    pub fn int(&mut self, what: &'static str) -> Result<i64, CborError> {
        if self.peek()? == Kind::Negative {
            let argument = self.take(what, Kind::Negative)?;
            return Ok(i64::try_from(argument).map_or(i64::MIN, |n| -1 - n));
        }
        Ok(i64::try_from(self.uint(what)?).unwrap_or(i64::MAX))
    }

    /// A byte string of `min` to `max` bytes.
    ///
    /// # Errors
    /// Another type, or another length.
    pub fn bytes(
        &mut self,
        what: &'static str,
        min: usize,
        max: usize,
    ) -> Result<&'a [u8], CborError> {
        let len = self.take(what, Kind::Bytes)?;
        self.string(what, len, min, max)
    }

    /// A byte string of just `N` bytes.
    ///
    /// # Errors
    /// Another type, or another length.
    pub fn array_of<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CborError> {
        let bytes = self.bytes(what, N, N)?;
        Ok(bytes.try_into().expect("the length was just checked"))
    }

    /// A text string of `min` to `max` bytes.
    ///
    /// # Errors
    /// Another type, or another length.
    pub fn text(
        &mut self,
        what: &'static str,
        min: usize,
        max: usize,
    ) -> Result<&'a str, CborError> {
        let offset = self.offset;
        let len = self.take(what, Kind::Text)?;
        let text = self.string(what, len, min, max)?;
        core::str::from_utf8(text).map_err(|_| CborError::InvalidUtf8 { offset })
    }

    fn string(
        &mut self,
        what: &'static str,
        len: u64,
        min: usize,
        max: usize,
    ) -> Result<&'a [u8], CborError> {
        in_range(what, len, min as u64, max as u64)?;
        let begin = self.offset;
        // `check` has seen the whole string, so the length fits.
        let end = begin + len as usize;
        self.offset = end;
        Ok(&self.bytes[begin..end])
    }

    /// The number of elements of an array, `min` to `max`; the elements follow.
    ///
    /// # Errors
    /// Another type, or another number.
    pub fn array(
        &mut self,
        what: &'static str,
        min: usize,
        max: usize,
    ) -> Result<usize, CborError> {
        let len = self.take(what, Kind::Array)?;
        in_range(what, len, min as u64, max as u64).map(|len| len as usize)
    }

    /// The number of entries of a map whose keys the schema leaves open; keys and values follow.
    ///
    /// # Errors
    /// Another type, or another number.
    pub fn entries(
        &mut self,
        what: &'static str,
        min: usize,
        max: usize,
    ) -> Result<usize, CborError> {
        let len = self.take(what, Kind::Map)?;
        in_range(what, len, min as u64, max as u64).map(|len| len as usize)
    }

    /// A map whose keys are unsigned integers.
    ///
    /// # Errors
    /// Another type.
    pub fn map(&mut self, what: &'static str) -> Result<MapReader<'_, 'a>, CborError> {
        let len = self.take(what, Kind::Map)?;
        Ok(MapReader::new(self, what, len, false))
    }

    /// A map whose keys are unsigned integers, and which holds nothing beyond its schema: the first key that it does not
    /// know ends it.
    ///
    /// # Errors
    /// Another type.
    pub fn closed_map(&mut self, what: &'static str) -> Result<MapReader<'_, 'a>, CborError> {
        let len = self.take(what, Kind::Map)?;
        Ok(MapReader::new(self, what, len, true))
    }

    /// The bytes of the next item, whatever it is.
    ///
    /// # Errors
    /// Fails after the last item.
    pub fn raw(&mut self) -> Result<&'a [u8], CborError> {
        let begin = self.offset;
        let mut items = 1_u64;
        while items > 0 {
            let head = head(self.bytes, self.offset)?;
            self.offset += head.len;
            items -= 1;
            match head.kind {
                Kind::Bytes | Kind::Text => self.offset += head.argument as usize,
                Kind::Array => items += head.argument,
                Kind::Map => items += 2 * head.argument,
                _ => {}
            }
        }
        Ok(&self.bytes[begin..self.offset])
    }

    /// How many of the `count` elements that an array announced can still come, where none takes fewer than `least` bytes: so
    /// many it may ask memory for, or a short input could ask for what it says and does not hold.
    #[must_use]
    pub fn room(&self, count: usize, least: usize) -> usize {
        count.min((self.bytes.len() - self.offset) / least)
    }

    /// The bytes that were read since `begin`.
    #[must_use]
    pub fn since(&self, begin: usize) -> &'a [u8] {
        &self.bytes[begin..self.offset]
    }
}

pub(super) fn in_range(
    what: &'static str,
    found: u64,
    min: u64,
    max: u64,
) -> Result<u64, CborError> {
    if (min..=max).contains(&found) {
        Ok(found)
    } else {
        Err(CborError::OutOfRange {
            what,
            found,
            min,
            max,
        })
    }
}
