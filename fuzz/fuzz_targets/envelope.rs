//! An envelope has one encoding: its parts, written by section 4.1, are the bytes that came.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::signature::Envelope;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let envelope = match within(4 * data.len() + 256, || Envelope::decode(data)) {
        Ok(envelope) => envelope,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    let signatures = signatures(&data[2..]);
    assert_eq!(signatures.len(), envelope.signatures.len());
    let mut writer = Writer::new();
    writer
        .tag(98)
        .array(4)
        .bytes(&[])
        .map(0)
        .bytes(envelope.payload)
        .array(signatures.len());
    for (signature, bytes) in envelope.signatures.iter().zip(signatures) {
        assert_eq!(signature.kid.len(), signature.algorithm.key_len());
        let mut header = Writer::new();
        header
            .map(2)
            .uint(1)
            .int(signature.algorithm.number())
            .uint(4)
            .bytes(signature.kid);
        writer
            .array(3)
            .bytes(&header.into_bytes())
            .map(0)
            .bytes(bytes);
    }
    assert_eq!(writer.into_bytes(), data);
    assert!(
        envelope
            .signatures
            .is_sorted_by(|left, right| left.kid < right.kid),
        "one signature a key"
    );
});

/// The signature bytes, which an envelope does not give away.
fn signatures(item: &[u8]) -> Vec<&[u8]> {
    let mut reader = Reader::new(item).expect("it was decoded");
    reader.array("an envelope", 4, 4).expect("it was decoded");
    for _ in 0..3 {
        reader.raw().expect("it was decoded");
    }
    let count = reader
        .array("the signatures", 1, 64)
        .expect("it was decoded");
    let mut read = || {
        reader.array("a signature", 3, 3).expect("it was decoded");
        reader.raw().expect("it was decoded");
        reader.raw().expect("it was decoded");
        reader.bytes("a signature", 64, 65).expect("it was decoded")
    };
    (0..count).map(|_| read()).collect()
}
