//! Reads back what this program has written itself, and nothing else: foreign bytes would end it.

/// What is left of some items, one after the other.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(items: &'a [u8]) -> Self {
        Self(items)
    }

    /// The argument of the next head, whatever its type: an integer, a length, a count, or -1 less a negative number.
    pub(super) fn argument(&mut self) -> u64 {
        let info = self.take(1)[0] & 0x1f;
        match info {
            24..=27 => {
                let tail = self.take(1 << (info - 24));
                tail.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            }
            _ => info.into(),
        }
    }

    /// The bytes of the next string.
    pub(super) fn string(&mut self) -> &'a [u8] {
        let length = self.argument();
        self.take(length as usize)
    }

    pub(super) fn text(&mut self) -> &'a str {
        core::str::from_utf8(self.string()).expect("this program has written it")
    }

    /// Passes over so many bytes.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(count);
        self.0 = tail;
        head
    }
}

/// What an envelope holds.
pub(super) fn payload_of(envelope: &[u8]) -> &[u8] {
    let mut reader = Reader::new(envelope);
    reader.take(5); // The tag, the array's head, an empty string and an empty map.
    reader.string()
}
