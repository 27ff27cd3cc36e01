//! CBOR by hand: right as long as it is used rightly, and free to be used wrongly.

/// The head of an item in its shortest form.
pub(crate) fn head(major: u8, argument: u64) -> Vec<u8> {
    let be = argument.to_be_bytes();
    let (info, tail) = match argument {
        0..=23 => (be[7], &be[8..]),
        24..=0xff => (24, &be[7..]),
        0x100..=0xffff => (25, &be[6..]),
        0x1_0000..=0xffff_ffff => (26, &be[4..]),
        _ => (27, &be[..]),
    };
    [&[major << 5 | info], tail].concat()
}

pub(crate) fn uint(value: u64) -> Vec<u8> {
    head(0, value)
}

pub(crate) fn int(value: i64) -> Vec<u8> {
    match u64::try_from(value) {
        Ok(value) => head(0, value),
        Err(_) => head(1, !value as u64),
    }
}

pub(crate) fn bytes(value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [&head(2, value.len() as u64)[..], value].concat()
}

pub(crate) fn text(value: impl AsRef<str>) -> Vec<u8> {
    let value = value.as_ref();
    [&head(3, value.len() as u64)[..], value.as_bytes()].concat()
}

pub(crate) fn array(items: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let items: Vec<_> = items.into_iter().collect();
    [head(4, items.len() as u64), items.concat()].concat()
}

/// A map of entries in the order given, whatever it is.
pub(crate) fn map(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<u8> {
    let entries: Vec<_> = entries.into_iter().collect();
    let mut out = head(5, entries.len() as u64);
    for (key, value) in entries {
        out.extend(key);
        out.extend(value);
    }
    out
}

/// A map with integer keys that is still being put together.
#[derive(Clone, Default)]
pub(crate) struct Fields(Vec<(u64, Vec<u8>)>);

impl Fields {
    pub(crate) fn new(entries: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Self {
        Self(entries.into_iter().collect())
    }

    /// The map with `key` set to `value`.
    pub(crate) fn with(&self, key: u64, value: Vec<u8>) -> Self {
        let mut fields = self.without(key);
        fields.0.push((key, value));
        fields.0.sort();
        fields
    }

    /// The map without `key`.
    pub(crate) fn without(&self, key: u64) -> Self {
        Self(self.0.iter().filter(|(k, _)| *k != key).cloned().collect())
    }

    /// The value of a key that is there.
    pub(crate) fn get(&self, key: u64) -> &[u8] {
        let (_, value) = self.0.iter().find(|(k, _)| *k == key).expect("set before");
        value
    }

    pub(crate) fn has(&self, key: u64) -> bool {
        self.0.iter().any(|(k, _)| *k == key)
    }

    /// The unsigned integer at a key that is there.
    pub(crate) fn number(&self, key: u64) -> u64 {
        super::decode::Reader::new(self.get(key)).argument()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        map(self
            .0
            .iter()
            .map(|(key, value)| (uint(*key), value.clone())))
    }

    /// The map with one more entry at its end, whose key is any item.
    pub(crate) fn encode_and(&self, key: Vec<u8>, value: Vec<u8>) -> Vec<u8> {
        let entries = self
            .0
            .iter()
            .map(|(key, value)| (uint(*key), value.clone()));
        map(entries.chain([(key, value)]))
    }
}

/// `bytes` with the bit of `mask` changed in the byte at `at`.
pub(crate) fn flip(bytes: &[u8], at: usize, mask: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= mask;
    bytes
}

/// BLAKE3 in its key derivation mode: section 1.3.
pub(crate) fn hash(context: &str, over: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, over)
}
