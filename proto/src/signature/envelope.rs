//! The COSE_Sign envelope: its one shape, taken apart without copying.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::key::Hex;
use super::wallet::WalletRefusal;
use super::{Algorithm, PublicKey, SignatureError, Subject};
use crate::cbor::{Reader, Writer};
use crate::limits::RECORD_SIGNATURES_MAX;

/// The head of CBOR tag 98, which says "COSE_Sign".
const TAG: [u8; 2] = [0xd8, 98];

/// No signature takes less: a wallet's address is the shortest name of a signer, and Ed25519 has the shortest signature.
const SIGNATURE_BYTES_MIN: usize = 20 + 64;

/// A well-formed envelope. Nothing is known yet of who signed it.
#[derive(Clone, Debug)]
pub struct Envelope<'a> {
    /// The signed bytes, as they came.
    pub payload: &'a [u8],
    /// In ascending order of their keys.
    pub signatures: Vec<EnvelopeSignature<'a>>,
}

/// One signature of an envelope, with the exact bytes of the header that it covers.
#[derive(Clone, Debug)]
pub struct EnvelopeSignature<'a> {
    protected: &'a [u8],
    /// How it is signed.
    pub algorithm: Algorithm,
    /// The public key or address that it names, of the right length for its algorithm.
    pub kid: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Takes an envelope apart: sections 4.1 and 4.2.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, SignatureError> {
        Self::decode_signed(bytes, 1)
    }

    /// As [`Envelope::decode`], with at least `signatures_min` signatures: a draft has none at first.
    pub(super) fn decode_signed(
        bytes: &'a [u8],
        signatures_min: usize,
    ) -> Result<Self, SignatureError> {
        let Some(item) = bytes.strip_prefix(&TAG) else {
            return Err(not_tagged(bytes));
        };
        let mut reader = Reader::new(item)?;
        reader.array("an envelope", 4, 4)?;
        reader.bytes("the protected header of an envelope", 0, 0)?;
        reader.entries("the unprotected header of an envelope", 0, 0)?;
        let payload = reader.bytes("the payload of an envelope", 0, usize::MAX)?;
        let count = reader.array("the signatures", signatures_min, RECORD_SIGNATURES_MAX)?;
        let mut signatures: Vec<EnvelopeSignature<'a>> =
            Vec::with_capacity(reader.room(count, SIGNATURE_BYTES_MIN));
        for position in 1..=count {
            let signature = EnvelopeSignature::read(&mut reader)?;
            if signatures
                .last()
                .is_some_and(|last| last.kid >= signature.kid)
            {
                return Err(SignatureError::SignatureOrder { position });
            }
            signatures.push(signature);
        }
        Ok(Self {
            payload,
            signatures,
        })
    }
}

/// Says what is wrong with bytes that do not begin with the tag: cut short, badly encoded, or something else altogether.
fn not_tagged(bytes: &[u8]) -> SignatureError {
    let wrong_tag = SignatureError::WrongTag(bytes.iter().take(2).copied().collect());
    match bytes {
        [] => SignatureError::Cbor(crate::cbor::CborError::Truncated { offset: 0 }),
        [0xd8] => SignatureError::Cbor(crate::cbor::CborError::Truncated { offset: 0 }),
        _ => wrong_tag,
    }
}

impl<'a> EnvelopeSignature<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, SignatureError> {
        reader.array("a signature", 3, 3)?;
        let protected = reader.bytes("the protected header of a signature", 0, usize::MAX)?;
        reader.entries("the unprotected header of a signature", 0, 0)?;
        let signature = reader.bytes("a signature", 0, usize::MAX)?;
        let (algorithm, kid) = read_signer(protected)?;
        if signature.len() != algorithm.signature_len() {
            return Err(SignatureError::SignatureLength {
                algorithm,
                expected: algorithm.signature_len(),
                found: signature.len(),
            });
        }
        Ok(Self {
            protected,
            algorithm,
            kid,
            signature,
        })
    }

    /// Whether it names `key`.
    #[must_use]
    pub fn is_by(&self, key: &PublicKey) -> bool {
        self.algorithm == key.algorithm() && self.kid == key.as_bytes()
    }

    /// The key that it names, as it is written; whether it is one nobody has checked.
    #[must_use]
    pub fn signer(&self) -> String {
        let prefix = match self.algorithm {
            Algorithm::Ed25519 => "ed25519:",
            Algorithm::Wallet => "0x",
        };
        format!("{prefix}{}", Hex(self.kid))
    }

    /// Checks it against the key that it names.
    ///
    /// # Errors
    /// It does not hold.
    pub(crate) fn verify(
        &self,
        key: &PublicKey,
        subject: &Subject,
        payload: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(), SignatureError> {
        debug_assert!(
            self.is_by(key),
            "the caller found the key by this signature's name for it"
        );
        subject.write_signed(self.protected, payload, buffer);
        verify(key, subject, buffer, self.signature)
    }

    pub(super) fn signature(&self) -> &'a [u8] {
        self.signature
    }
}

/// Checks a signature over a Sig_structure.
pub(super) fn verify(
    key: &PublicKey,
    subject: &Subject,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let bad = || SignatureError::BadSignature {
        signer: Box::new(*key),
    };
    match key {
        PublicKey::Ed25519(ed25519) => match signature.try_into() {
            Ok(signature) if ed25519.verifies(signed, signature) => Ok(()),
            _ => Err(bad()),
        },
        PublicKey::Wallet(address) => {
            let Ok(signature) = signature.try_into() else {
                return Err(bad());
            };
            address
                .verifies(&subject.wallet_text(signed), signature)
                .map_err(|refusal| match refusal {
                    WalletRefusal::Bad => bad(),
                    WalletRefusal::HighS => SignatureError::HighS {
                        signer: Box::new(*key),
                    },
                })
        }
    }
}

fn read_signer(protected: &[u8]) -> Result<(Algorithm, &[u8]), SignatureError> {
    let mut reader = Reader::new(protected)?;
    let mut map = reader.closed_map("the header of a signature")?;
    let algorithm = map.required(1, |r| r.int("the algorithm of a signature"))?;
    let kid = map.required(4, |r| r.bytes("the key of a signature", 0, usize::MAX))?;
    map.close()?;
    let algorithm = Algorithm::from_number(algorithm)?;
    if kid.len() != algorithm.key_len() {
        return Err(SignatureError::KeyLength {
            algorithm,
            expected: algorithm.key_len(),
            found: kid.len(),
        });
    }
    Ok((algorithm, kid))
}

/// The protected header that names `key`.
pub(super) fn signer_header(key: &PublicKey) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.map(2).uint(1).int(key.algorithm().number());
    writer.uint(4).bytes(key.as_bytes());
    writer.into_bytes()
}

/// Puts an envelope together from signatures in ascending order of their keys.
pub(super) fn encode<'s>(
    payload: &[u8],
    signatures: impl ExactSizeIterator<Item = (&'s PublicKey, &'s [u8])>,
) -> Vec<u8> {
    let mut writer = Writer::with_capacity(payload.len() + 32 + 128 * signatures.len());
    writer.raw(&TAG).array(4).bytes(&[]).map(0).bytes(payload);
    writer.array(signatures.len());
    for (key, signature) in signatures {
        writer
            .array(3)
            .bytes(&signer_header(key))
            .map(0)
            .bytes(signature);
    }
    writer.into_bytes()
}
