//! Maps with integer keys, read in the one order that their keys can have.

use alloc::vec::Vec;

use super::{CborError, Kind, Reader, Writer};

/// What an open map holds beyond its schema: keys with the encodings of their values, kept as they came and ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extension(Vec<(u64, Vec<u8>)>);

impl Extension {
    /// One with these entries, each value a deterministic encoding; `None` when a value is not, or a key stands twice.
    #[must_use]
    pub fn from_entries(mut entries: Vec<(u64, Vec<u8>)>) -> Option<Self> {
        entries.sort();
        let unique = entries.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let sound = entries.iter().all(|(_, value)| super::check(value).is_ok());
        (unique && sound).then_some(Self(entries))
    }

    /// The keys in ascending order, each with the encoding of its value.
    #[must_use]
    pub fn entries(&self) -> &[(u64, Vec<u8>)] {
        &self.0
    }

    /// Whether there is nothing beyond the schema.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Reads a map's keys in ascending order: ask for the schema's keys in that order, then [`MapReader::close`] or
/// [`MapReader::extension`].
#[derive(Debug)]
pub struct MapReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    what: &'static str,
    left: u64,
    closed: bool,
    unknown: Vec<(u64, &'a [u8])>,
}

impl<'r, 'a> MapReader<'r, 'a> {
    pub(super) fn new(
        reader: &'r mut Reader<'a>,
        what: &'static str,
        left: u64,
        closed: bool,
    ) -> Self {
        Self {
            reader,
            what,
            left,
            closed,
            unknown: Vec::new(),
        }
    }

    /// The value of `key`, read by `read`, where the map has it.
    ///
    /// # Errors
    /// What `read` finds, or a key that is no unsigned integer.
    pub fn optional<T, E: From<CborError>>(
        &mut self,
        key: u64,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        while self.left > 0 {
            let mut ahead = self.reader.clone();
            let found = self.key(&mut ahead)?;
            if found > key {
                return Ok(None);
            }
            *self.reader = ahead;
            self.left -= 1;
            if found == key {
                return read(self.reader).map(Some);
            }
            self.pass_over(found)?;
        }
        Ok(None)
    }

    /// The value of `key`, read by `read`.
    ///
    /// # Errors
    /// What `read` finds, or the key is missing.
    pub fn required<T, E: From<CborError>>(
        &mut self,
        key: u64,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, E>,
    ) -> Result<T, E> {
        let what = self.what;
        self.optional(key, read)?
            .ok_or_else(|| CborError::MissingKey { what, key }.into())
    }

    fn key(&self, reader: &mut Reader<'a>) -> Result<u64, CborError> {
        let offset = reader.offset();
        match reader.peek()? {
            Kind::Unsigned => reader.uint(self.what),
            found => Err(CborError::WrongType {
                what: self.what,
                offset,
                expected: Kind::Unsigned,
                found,
            }),
        }
    }

    /// Keeps a key that the schema does not know, unless the map is closed.
    fn pass_over(&mut self, key: u64) -> Result<(), CborError> {
        if self.closed {
            let what = self.what;
            return Err(CborError::UnknownKey { what, key });
        }
        let value = self.reader.raw()?;
        self.unknown.push((key, value));
        Ok(())
    }

    /// Ends a closed map.
    ///
    /// # Errors
    /// A key that the schema does not know.
    pub fn close(mut self) -> Result<(), CborError> {
        assert!(self.closed, "an open map ends with its extension");
        self.rest()
    }

    /// Ends an open map and gives what it holds beyond its schema.
    ///
    /// # Errors
    /// A key that is no unsigned integer.
    pub fn extension(mut self) -> Result<Extension, CborError> {
        self.rest()?;
        let owned = |(key, value): (u64, &[u8])| (key, value.to_vec());
        Ok(Extension(self.unknown.into_iter().map(owned).collect()))
    }

    fn rest(&mut self) -> Result<(), CborError> {
        while self.left > 0 {
            let mut ahead = self.reader.clone();
            let key = self.key(&mut ahead)?;
            *self.reader = ahead;
            self.pass_over(key)?;
            self.left -= 1;
        }
        Ok(())
    }
}

/// Writes a map from entries in any order, which is how schemas with optional keys and extensions are written.
#[derive(Debug, Default)]
pub struct MapWriter {
    entries: Vec<(u64, Vec<u8>)>,
}

impl MapWriter {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to what `write` writes.
    pub fn set(&mut self, key: u64, write: impl FnOnce(&mut Writer)) -> &mut Self {
        let mut value = Writer::new();
        write(&mut value);
        self.entries.push((key, value.into_bytes()));
        self
    }

    /// Sets `key` to an unsigned integer.
    pub fn set_uint(&mut self, key: u64, value: u64) -> &mut Self {
        self.set(key, |writer| {
            writer.uint(value);
        })
    }

    /// Sets `key` to a byte string.
    pub fn set_bytes(&mut self, key: u64, value: &[u8]) -> &mut Self {
        self.set(key, |writer| {
            writer.bytes(value);
        })
    }

    /// Sets `key` to a text string.
    pub fn set_text(&mut self, key: u64, value: &str) -> &mut Self {
        self.set(key, |writer| {
            writer.text(value);
        })
    }

    /// Sets `key` where there is a value.
    pub fn set_some<T>(
        &mut self,
        key: u64,
        value: Option<T>,
        write: impl FnOnce(&mut Writer, T),
    ) -> &mut Self {
        if let Some(value) = value {
            self.set(key, |writer| write(writer, value));
        }
        self
    }

    /// Adds what an open map holds beyond its schema.
    pub fn extend(&mut self, extension: &Extension) -> &mut Self {
        self.entries.extend_from_slice(&extension.0);
        self
    }

    /// Writes the map.
    pub fn write(&mut self, writer: &mut Writer) {
        self.entries.sort();
        writer.map(self.entries.len());
        for (key, value) in &self.entries {
            writer.uint(*key).raw(value);
        }
    }

    /// The map as bytes of its own.
    #[must_use]
    pub fn to_bytes(&mut self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }
}
