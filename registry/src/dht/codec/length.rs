//! The length that goes before a message on a stream: an unsigned varint, which other libp2p implementations have at hand.

use dotkey_proto::cbor::CborError;

use super::{MessageError, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};

/// The bytes of a length.
pub const LENGTH_BYTES_MAX: usize = 3;

const _: () = assert!(REQUEST_BYTES_MAX < 1 << (7 * LENGTH_BYTES_MAX));
const _: () = assert!(RESPONSE_BYTES_MAX < 1 << (7 * LENGTH_BYTES_MAX));

/// What to write before a message of so many bytes.
#[must_use]
pub fn length_of(message: &[u8]) -> Vec<u8> {
    let mut rest = message.len();
    let mut length = Vec::with_capacity(LENGTH_BYTES_MAX);
    while rest >= 0x80 {
        length.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    length.push(rest as u8);
    length
}

/// The length of a message, from what came before it so far: read one byte at a time until there is one. `None` asks for another
/// byte; after [`LENGTH_BYTES_MAX`] bytes it never does.
///
/// # Errors
/// More than `max`, not in the shortest form, or going on for too long.
pub fn read_length(bytes: &[u8], max: usize) -> Result<Option<usize>, MessageError> {
    let what = "a message";
    let mut len = 0_usize;
    for (index, byte) in bytes.iter().take(LENGTH_BYTES_MAX).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * index);
        if len > max {
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        if byte & 0x80 == 0 {
            // The last byte holds the highest bits.
            let shortest = *byte != 0 || index == 0;
            let error = CborError::NotShortest { offset: index };
            return if shortest {
                Ok(Some(len))
            } else {
                Err(error.into())
            };
        }
    }
    if bytes.len() < LENGTH_BYTES_MAX {
        return Ok(None);
    }
    // The bits so far are few enough, but another byte follows, whose bits stand for more than this.
    let len = 1 << (7 * LENGTH_BYTES_MAX);
    Err(CborError::TooLarge { what, len, max }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_as_written() {
        for len in [
            0,
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            REQUEST_BYTES_MAX,
            RESPONSE_BYTES_MAX,
        ] {
            let written = length_of(&vec![0; len]);
            assert_eq!(
                read_length(&written, RESPONSE_BYTES_MAX).ok(),
                Some(Some(len))
            );
            for part in 0..written.len() {
                assert_eq!(read_length(&written[..part], RESPONSE_BYTES_MAX), Ok(None));
            }
        }
        // unsigned-varint's own example.
        assert_eq!(length_of(&[0; 300]), [0xac, 0x02]);
    }

    #[test]
    fn lengths_are_refused_before_anything_is_read() {
        let check = |bytes: &[u8], code: &str| {
            let error = read_length(bytes, REQUEST_BYTES_MAX).expect_err("refused");
            assert_eq!(error.code(), code, "{bytes:02x?}");
        };
        check(&length_of(&vec![0; REQUEST_BYTES_MAX + 1]), "too-large");
        check(&[0xff, 0xff, 0xff], "too-large");
        check(&[0x80, 0x80, 0x80], "too-large");
        check(&[0x80, 0x80, 0x80, 0x00], "too-large");
        check(&[0x80, 0x00], "not-shortest");
        check(&[0xff, 0x80, 0x00], "not-shortest");
    }
}
