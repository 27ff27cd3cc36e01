//! Signing answers when they are asked for (RFC 4034, RFC 4470), with the key that was made at install.

use core::fmt;

use dotkey_proto::dns::{RecordType, WireName, rdata};
use dotkey_proto::time::Timestamp;
use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::dnssec::{Algorithm, DigestType, SigningKey, TBS};
use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinEncodable};

use super::Set;

/// Mandatory for all who validate (RFC 8624), and its signatures are small.
const ALGORITHM: Algorithm = Algorithm::ECDSAP256SHA256;

/// Zone key and secure entry point: the one key signs everything.
const DNSKEY_FLAGS: u16 = 257;

/// Clocks differ: a signature is valid from an hour before it is made.
const INCEPTION_SLACK_SECS: u32 = 3600;

/// Two days, and so longer than any TTL: what is kept does not outlive its signature.
const VALIDITY_SECS: u32 = 2 * 86_400;

const _: () = assert!(VALIDITY_SECS > super::TTL_SECS_MAX + INCEPTION_SLACK_SECS);

/// The types in whose RDATA the names are lowered to be signed: RFC 4034 section 6.2, as RFC 6840 section 5.1 corrects it.
const LOWERED: [u16; 19] = [
    2, 3, 4, 5, 6, 7, 8, 9, 12, 14, 15, 17, 18, 21, 26, 33, 35, 36, 39,
];

/// The key of the zone that the suffix is.
pub struct Signer {
    zone: WireName,
    key: EcdsaSigningKey,
    dnskey: DNSKEY,
    dnskey_rdata: Vec<u8>,
    tag: u16,
}

/// A key that cannot sign.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is no private key for DNSSEC (PKCS#8, ECDSA P-256): {reason}; restore it, or remove it and give the new anchor to who validates"
)]
pub struct KeyError {
    reason: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, tag {})", self.zone, self.tag)
    }
}

impl Signer {
    /// A new private key, to be kept.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate() -> Result<Vec<u8>, KeyError> {
        let made = EcdsaSigningKey::generate_pkcs8(ALGORITHM).map_err(wrong)?;
        Ok(made.secret_pkcs8_der().to_vec())
    }

    /// Signs the zone of a suffix with a key that [`Signer::generate`] made.
    ///
    /// # Errors
    /// It is no such key.
    pub fn new(pkcs8: &[u8], zone: &WireName) -> Result<Self, KeyError> {
        let key = EcdsaSigningKey::from_pkcs8(&pkcs8.into(), ALGORITHM).map_err(wrong)?;
        let public = key.to_public_key().map_err(wrong)?;
        let dnskey = DNSKEY::with_flags(DNSKEY_FLAGS, public);
        let dnskey_rdata = dnskey.to_bytes().map_err(wrong)?;
        let tag = dnskey.calculate_key_tag().map_err(wrong)?;
        Ok(Self {
            zone: zone.clone(),
            key,
            dnskey,
            dnskey_rdata,
            tag,
        })
    }

    /// The zone that it signs.
    #[must_use]
    pub fn zone(&self) -> &WireName {
        &self.zone
    }

    /// The public key.
    #[must_use]
    pub fn dnskey(&self) -> &[u8] {
        &self.dnskey_rdata
    }

    /// The RDATA of the DS that others validate with: SHA-256, as text after `DS`.
    #[must_use]
    pub fn ds(&self) -> String {
        let zone = Name::from_bytes(self.zone.as_wire()).expect("a valid name");
        let digest = self.dnskey.to_digest(&zone, DigestType::SHA256);
        let digest = digest.expect("SHA-256 of a few bytes");
        let hex: String = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        format!(
            "{} {} {} {hex}",
            self.tag,
            u8::from(ALGORITHM),
            u8::from(DigestType::SHA256)
        )
    }

    /// The signature of a set.
    #[must_use]
    pub fn sign(&self, set: &Set, now: Timestamp) -> Set {
        let mut rrsig = self.head(set, now);
        let mut signed = rrsig.clone();
        let owner = set.owner.as_wire().to_ascii_lowercase();
        let mut all: Vec<Vec<u8>> = set
            .rdata
            .iter()
            .map(|one| canonical(set.rtype, one))
            .collect();
        all.sort_unstable();
        all.dedup();
        for rdata in &all {
            signed.extend(&owner);
            signed.extend(set.rtype.0.to_be_bytes());
            signed.extend(1_u16.to_be_bytes());
            signed.extend(set.ttl.to_be_bytes());
            let length = u16::try_from(rdata.len()).expect("RDATA has at most 65535 bytes");
            signed.extend(length.to_be_bytes());
            signed.extend(rdata);
        }
        let signature = self.key.sign(&TBS::from(&signed[..]));
        rrsig.extend(signature.expect("aws-lc signs with a key that it has read"));
        Set {
            owner: set.owner.clone(),
            rtype: RecordType::RRSIG,
            ttl: set.ttl,
            rdata: vec![rrsig],
        }
    }

    /// The RDATA of an RRSIG up to its signature: RFC 4034 section 3.1.
    fn head(&self, set: &Set, now: Timestamp) -> Vec<u8> {
        // Serial arithmetic (RFC 4034 section 3.1.5): the low 32 bits are meant. Whole hours, so that two answers are alike.
        let hour = (now.as_secs() - now.as_secs() % 3600) as u32;
        let wildcard = set.owner.as_wire().starts_with(b"\x01*");
        let labels = set.owner.labels().count() - usize::from(wildcard);
        let mut head = Vec::with_capacity(18 + self.zone.as_wire().len() + 64);
        head.extend(set.rtype.0.to_be_bytes());
        head.push(ALGORITHM.into());
        head.push(u8::try_from(labels).expect("a name has at most 127 labels"));
        head.extend(set.ttl.to_be_bytes());
        head.extend(hour.wrapping_add(VALIDITY_SECS).to_be_bytes());
        head.extend(hour.wrapping_sub(INCEPTION_SLACK_SECS).to_be_bytes());
        head.extend(self.tag.to_be_bytes());
        head.extend(self.zone.as_wire().to_ascii_lowercase());
        head
    }
}

fn canonical(rtype: RecordType, rdata: &[u8]) -> Vec<u8> {
    let mut lowered = rdata.to_vec();
    if LOWERED.contains(&rtype.0) {
        for range in rdata::names(rtype, rdata) {
            lowered[range].make_ascii_lowercase();
        }
    }
    lowered
}

fn wrong(error: impl fmt::Display) -> KeyError {
    KeyError {
        reason: error.to_string(),
    }
}
