//! What stands before a record on disk, and alone in the column of summaries.

use dotkey_proto::identity::KeyId;
use dotkey_proto::record::Record;
use dotkey_proto::time::Timestamp;

use crate::dht::message::Summary;
use crate::dht::peer::Position;

/// The format byte of a header. A reader of another one does not guess.
const FORMAT: u8 = 1;

/// Format, policy, sequence, digest, expires, not-before, key id, length of the record.
pub(super) const HEADER_BYTES: usize = 1 + 4 + 8 + 32 + 8 + 8 + 32 + 4;

/// An expiry and a position.
pub(super) const EXPIRY_KEY_BYTES: usize = 8 + 32;

/// Since when a position has been taken, behind the header in the column of summaries.
pub(super) const SINCE_BYTES: usize = 8;

/// What a record takes on disk beside itself: a header and a position for itself and for its summary, and a key among the expiries.
pub(super) const OVERHEAD_BYTES: u64 =
    (2 * (HEADER_BYTES + 32) + SINCE_BYTES + EXPIRY_KEY_BYTES) as u64;

/// What is known of a record without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) summary: Summary,
    pub(super) expires: Timestamp,
    pub(super) not_before: Timestamp,
    pub(super) key_id: KeyId,
    /// The record's length.
    pub(super) bytes: u32,
}

impl Header {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            summary: Summary::of(record),
            expires: record.expires(),
            not_before: record.not_before(),
            key_id: record.key_id(),
            bytes: u32::try_from(record.as_bytes().len()).expect("a record has at most 64 KiB"),
        }
    }

    /// What it counts for against the store's bound.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.bytes) + OVERHEAD_BYTES
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        };
        put(&[FORMAT]);
        put(&self.summary.policy.to_be_bytes());
        put(&self.summary.sequence.to_be_bytes());
        put(&self.summary.digest);
        put(&self.expires.as_secs().to_be_bytes());
        put(&self.not_before.as_secs().to_be_bytes());
        put(self.key_id.as_bytes());
        put(&self.bytes.to_be_bytes());
        bytes
    }

    /// The header that `value` begins with, and what follows it.
    pub(super) fn decode(value: &[u8]) -> Result<(Self, &[u8]), String> {
        let mut rest = value;
        let [format] = take(&mut rest)?;
        if format != FORMAT {
            return Err(format!(
                "a record of format {format}, where {FORMAT} is known"
            ));
        }
        let summary = Summary {
            policy: u32::from_be_bytes(take(&mut rest)?),
            sequence: u64::from_be_bytes(take(&mut rest)?),
            digest: take(&mut rest)?,
        };
        let header = Self {
            summary,
            expires: time(take(&mut rest)?)?,
            not_before: time(take(&mut rest)?)?,
            key_id: KeyId::from_bytes(take(&mut rest)?),
            bytes: u32::from_be_bytes(take(&mut rest)?),
        };
        Ok((header, rest))
    }

    /// A header and the record that follows it, all of it.
    pub(super) fn decode_with_record(value: &[u8]) -> Result<(Self, &[u8]), String> {
        let (header, record) = Self::decode(value)?;
        if record.len() != header.bytes as usize {
            let (has, says) = (record.len(), header.bytes);
            return Err(format!(
                "a record of {has} bytes, where its header says {says}"
            ));
        }
        Ok((header, record))
    }
}

/// A value of [`super::Column::RecordSummaries`].
pub(super) fn summary_value(header: &Header, since: Timestamp) -> [u8; HEADER_BYTES + SINCE_BYTES] {
    let mut value = [0; HEADER_BYTES + SINCE_BYTES];
    value[..HEADER_BYTES].copy_from_slice(&header.encode());
    value[HEADER_BYTES..].copy_from_slice(&since.as_secs().to_be_bytes());
    value
}

/// The header and since when the position has been taken. Where a repair made the value, or a version before there was such a time, that is long ago.
pub(super) fn decode_summary_value(value: &[u8]) -> Result<(Header, Timestamp), String> {
    let (header, mut rest) = Header::decode(value)?;
    let since = if rest.is_empty() {
        [0; SINCE_BYTES]
    } else {
        take(&mut rest)?
    };
    if !rest.is_empty() {
        return Err(format!("a summary with {} bytes too many", rest.len()));
    }
    Ok((header, time(since)?))
}

/// The key of [`super::Column::RecordExpiries`]: in the order of expiry.
pub(super) fn expiry_key(expires: Timestamp, position: &Position) -> [u8; EXPIRY_KEY_BYTES] {
    let mut key = [0; EXPIRY_KEY_BYTES];
    key[..8].copy_from_slice(&expires.as_secs().to_be_bytes());
    key[8..].copy_from_slice(&position.0);
    key
}

/// The time and the position of such a key.
pub(super) fn decode_expiry_key(mut key: &[u8]) -> Result<(Timestamp, Position), String> {
    let expires = time(take(&mut key)?)?;
    Ok((expires, position(key)?))
}

/// The position that a key is.
pub(super) fn position(key: &[u8]) -> Result<Position, String> {
    let bytes = key.try_into();
    bytes
        .map(Position)
        .map_err(|_| format!("a position of {} bytes", key.len()))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, tail) = rest
        .split_first_chunk()
        .ok_or_else(|| format!("{} bytes where {N} are missing", rest.len()))?;
    *rest = tail;
    Ok(*head)
}

fn time(bytes: [u8; 8]) -> Result<Timestamp, String> {
    let secs = u64::from_be_bytes(bytes);
    Timestamp::from_secs(secs).ok_or_else(|| format!("a time of {secs} seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let time = |secs| Timestamp::from_secs(secs).expect("in range");
        Header {
            summary: Summary {
                policy: 1,
                sequence: 2,
                digest: [3; 32],
            },
            expires: time(4),
            not_before: time(5),
            key_id: KeyId::from_bytes([6; 32]),
            bytes: 7,
        }
    }

    #[test]
    fn a_header_is_these_bytes() {
        let expected = [
            &[1][..],
            &[0, 0, 0, 1],
            &[0, 0, 0, 0, 0, 0, 0, 2],
            &[3; 32],
            &[0, 0, 0, 0, 0, 0, 0, 4],
            &[0, 0, 0, 0, 0, 0, 0, 5],
            &[6; 32],
            &[0, 0, 0, 7],
        ]
        .concat();
        assert_eq!(header().encode()[..], expected);
        let with_record = [&expected[..], b"seven b"].concat();
        let decoded = Header::decode_with_record(&with_record).expect("whole");
        assert_eq!(decoded, (header(), &b"seven b"[..]));
    }

    #[test]
    fn other_bytes_are_no_header() {
        let bytes = [&header().encode()[..], b"seven b"].concat();
        for len in 0..bytes.len() {
            assert!(Header::decode_with_record(&bytes[..len]).is_err(), "{len}");
        }
        let mut other = bytes;
        other[0] = 2;
        assert!(Header::decode(&other).is_err());
    }

    #[test]
    fn a_summary_says_since_when_or_long_ago() {
        let since = Timestamp::from_secs(258).expect("in range");
        let value = summary_value(&header(), since);
        assert_eq!(value[HEADER_BYTES..], [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(decode_summary_value(&value), Ok((header(), since)));
        let long_ago = Timestamp::from_secs(0).expect("in range");
        let without = &value[..HEADER_BYTES];
        assert_eq!(decode_summary_value(without), Ok((header(), long_ago)));
        for len in (0..HEADER_BYTES).chain(HEADER_BYTES + 1..value.len()) {
            assert!(decode_summary_value(&value[..len]).is_err(), "{len}");
        }
        assert!(decode_summary_value(&[&value[..], &[0]].concat()).is_err());
    }

    #[test]
    fn an_expiry_key_sorts_by_time() {
        let at = |secs, byte| {
            let time = Timestamp::from_secs(secs).expect("in range");
            (time, Position([byte; 32]))
        };
        let (early, late) = (at(255, 9), at(256, 1));
        assert!(expiry_key(early.0, &early.1) < expiry_key(late.0, &late.1));
        assert_eq!(decode_expiry_key(&expiry_key(late.0, &late.1)), Ok(late));
        assert!(decode_expiry_key(&[0; 39]).is_err());
    }
}
