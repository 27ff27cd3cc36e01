//! Putting an encoding together, each item in its shortest form.

use alloc::vec::Vec;

/// A digest or two with what stands around them: growing up to there byte by byte would ask for room five times.
const BYTES_USUAL: usize = 64;

/// Appends items. Map keys are the caller's to order, or [`super::MapWriter`]'s.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty one, with room for what is usual.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(BYTES_USUAL)
    }

    /// An empty one with room for `capacity` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
        }
    }

    /// An empty one in the room of `buffer`.
    #[must_use]
    pub fn reuse(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { bytes: buffer }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        let major = major << 5;
        let be = argument.to_be_bytes();
        match argument {
            0..=23 => self.bytes.push(major | be[7]),
            24..=0xff => self.bytes.extend_from_slice(&[major | 24, be[7]]),
            0x100..=0xffff => self.bytes.extend_from_slice(&[major | 25, be[6], be[7]]),
            0x1_0000..=0xffff_ffff => {
                self.bytes.push(major | 26);
                self.bytes.extend_from_slice(&be[4..]);
            }
            _ => {
                self.bytes.push(major | 27);
                self.bytes.extend_from_slice(&be);
            }
        }
        self
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(0, value)
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(value) => self.head(0, value),
            Err(_) => self.head(1, !value as u64),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(2, value.len() as u64).raw(value)
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(3, value.len() as u64).raw(value.as_bytes())
    }

    /// The head of an array; its elements follow.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(4, len as u64)
    }

    /// The head of a map; its keys, in order, and values follow.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(5, len as u64)
    }

    /// The tag of an envelope; the item follows.
    pub fn tag(&mut self, tag: u64) -> &mut Self {
        self.head(6, tag)
    }

    /// Bytes that are an encoding already.
    pub fn raw(&mut self, encoding: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(encoding);
        self
    }
}
