//! One secret key, sealed.

use alloc::vec::Vec;

use super::{KeyFileError, after_first_line};
use crate::cbor::{MapWriter, Reader, Writer};
use crate::signature::Ed25519Key;

/// A key file has about 220 bytes.
pub const KEY_FILE_BYTES_MAX: usize = 512;

const FIRST_LINE: &str = "dotkey key v1";

/// 256 MiB: more than anyone needs, and nothing that a hostile file could stop a small machine with.
const MEMORY_KIB_MAX: u64 = 256 * 1024;
/// Eight for each lane, which Argon2 itself requires (RFC 9106 section 3.1).
const MEMORY_KIB_MIN: u64 = 8;
/// With the memory above about ten seconds of work.
const PASSES_MAX: u64 = 16;
const LANES_MAX: u64 = 16;

/// Random, new in each file.
pub type Salt = [u8; 16];
/// Random, new in each file: XChaCha20's 24 bytes are enough for that.
pub type Nonce = [u8; 24];
/// The 32-byte seed of the key, encrypted, and the 16-byte tag.
pub type Sealed = [u8; 48];

/// What a guess at the passphrase costs: Argon2id's parameters (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// The second of the two recommendations of RFC 9106 section 4, for where 2 GiB are too much.
    pub const RECOMMENDED: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };
}

/// A secret ed25519 key as it lies on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// The public key, so that a file says whose it is without being opened.
    pub public: Ed25519Key,
    /// How the passphrase becomes the key of the cipher.
    pub cost: Cost,
    /// Argon2id's salt.
    pub salt: Salt,
    /// XChaCha20-Poly1305's nonce.
    pub nonce: Nonce,
    /// The sealed seed.
    pub sealed: Sealed,
}

impl KeyFile {
    /// Whether bytes mean to be a key file.
    #[must_use]
    pub fn claims(bytes: &[u8]) -> bool {
        bytes.starts_with(FIRST_LINE.as_bytes())
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let item = after_first_line(bytes, "a key file", FIRST_LINE, KEY_FILE_BYTES_MAX)?;
        let mut reader = Reader::new(item)?;
        reader.array("a key file", 2, 2)?;
        let header = reader.bytes("the header of a key file", 0, KEY_FILE_BYTES_MAX)?;
        let sealed = reader.array_of("the sealed key")?;
        let mut reader = Reader::new(header)?;
        let mut map = reader.closed_map("the header of a key file")?;
        let public = map.required(1, |r| r.array_of("the public key"))?;
        let cost = map.required(2, read_cost)?;
        let salt = map.required(3, |r| r.array_of("the salt"))?;
        let nonce = map.required(4, |r| r.array_of("the nonce"))?;
        map.close()?;
        let public = Ed25519Key::from_bytes(public)?;
        Ok(Self {
            public,
            cost,
            salt,
            nonce,
            sealed,
        })
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(FIRST_LINE.as_bytes()).raw(b"\n");
        writer.array(2).bytes(&self.header()).bytes(&self.sealed);
        writer.into_bytes()
    }

    /// What the cipher authenticates beside the sealed key: the first line and the header, so that neither the cost nor
    /// the public key can be changed.
    #[must_use]
    pub fn associated_data(&self) -> Vec<u8> {
        let mut data = FIRST_LINE.as_bytes().to_vec();
        data.push(b'\n');
        data.extend(self.header());
        data
    }

    fn header(&self) -> Vec<u8> {
        let cost = [self.cost.memory_kib, self.cost.passes, self.cost.lanes];
        MapWriter::new()
            .set_bytes(1, self.public.as_bytes())
            .set(2, |w| {
                w.array(3);
                for number in cost {
                    w.uint(number.into());
                }
            })
            .set_bytes(3, &self.salt)
            .set_bytes(4, &self.nonce)
            .to_bytes()
    }
}

fn read_cost(reader: &mut Reader<'_>) -> Result<Cost, KeyFileError> {
    reader.array("the cost of a guess", 3, 3)?;
    let memory = reader.uint_in(
        "the memory of Argon2id in KiB",
        MEMORY_KIB_MIN,
        MEMORY_KIB_MAX,
    )?;
    let passes = reader.uint_in("the passes of Argon2id", 1, PASSES_MAX)?;
    let lanes = reader.uint_in("the lanes of Argon2id", 1, LANES_MAX.min(memory / 8))?;
    // All three were just bounded far below 2^32.
    Ok(Cost {
        memory_kib: memory as u32,
        passes: passes as u32,
        lanes: lanes as u32,
    })
}
