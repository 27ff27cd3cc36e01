//! An identity to carry to another data folder: its policies, and its sealed keys where they come along.

use alloc::vec::Vec;

use super::{KEY_FILE_BYTES_MAX, KeyFile, KeyFileError, after_first_line};
use crate::cbor::{MapWriter, Reader, Writer};
use crate::limits::{POLICY_CHAIN_MAX, RECORD_BYTES_MAX};

/// A chain fits a record; beside it there is room for a key file for each policy of it.
pub const IDENTITY_FILE_BYTES_MAX: usize = RECORD_BYTES_MAX + KEYS_MAX * KEY_FILE_BYTES_MAX;

/// Two for each policy that an identity can have had.
const KEYS_MAX: usize = 2 * POLICY_CHAIN_MAX;

const FIRST_LINE: &str = "dotkey identity v1";

/// What `dotkey key export` writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFile {
    /// The genesis policy and the updates that followed; whether they are valid is not decided here.
    pub chain: Vec<Vec<u8>>,
    /// Its secret keys, sealed; none in an export for others.
    pub keys: Vec<KeyFile>,
}

impl IdentityFile {
    /// Whether bytes mean to be an identity file.
    #[must_use]
    pub fn claims(bytes: &[u8]) -> bool {
        bytes.starts_with(FIRST_LINE.as_bytes())
    }

    /// Reads an identity file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let item = after_first_line(
            bytes,
            "an identity file",
            FIRST_LINE,
            IDENTITY_FILE_BYTES_MAX,
        )?;
        let mut reader = Reader::new(item)?;
        let mut map = reader.closed_map("an identity file")?;
        let chain = map.required(1, |r| {
            read_list(r, "the policies", POLICY_CHAIN_MAX, |b| Ok(b.to_vec()))
        })?;
        let keys = map.optional(2, |r| {
            read_list(r, "the key files", KEYS_MAX, KeyFile::decode)
        })?;
        map.close()?;
        Ok(Self {
            chain,
            keys: keys.unwrap_or_default(),
        })
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set(1, |w| write_list(w, &self.chain));
        if !self.keys.is_empty() {
            let keys: Vec<_> = self.keys.iter().map(KeyFile::encode).collect();
            map.set(2, |w| write_list(w, &keys));
        }
        let mut bytes = FIRST_LINE.as_bytes().to_vec();
        bytes.push(b'\n');
        bytes.extend(map.to_bytes());
        bytes
    }
}

fn read_list<'a, T>(
    reader: &mut Reader<'a>,
    what: &'static str,
    max: usize,
    read: impl Fn(&'a [u8]) -> Result<T, KeyFileError>,
) -> Result<Vec<T>, KeyFileError> {
    let count = reader.array(what, 1, max)?;
    (0..count)
        .map(|_| read(reader.bytes(what, 1, RECORD_BYTES_MAX)?))
        .collect()
}

fn write_list(writer: &mut Writer, items: &[Vec<u8>]) {
    writer.array(items.len());
    for item in items {
        writer.bytes(item);
    }
}
