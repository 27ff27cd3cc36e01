//! The certificates of an authority: its root, its intermediate, and the leaves that the intermediate signs.

use core::time::Duration;

use dotkey_proto::name::Suffix;
use dotkey_proto::time::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
    date_time_ymd,
};

use super::constraints;
use super::error::AuthorityError;

const DAY_SECS: u64 = 86_400;

/// Ten years. The root's key is gone once it has signed, so nothing can be renewed: root and intermediate end together.
pub(super) const AUTHORITY_SECS: u64 = 3_653 * DAY_SECS;

/// An authority holds from a day ago, and a leaf from an hour ago: visitors' clocks may be behind.
const AUTHORITY_BACKDATED_SECS: u64 = DAY_SECS;
const LEAF_BACKDATED_SECS: u64 = 3_600;

/// A week: long enough that a leaf is made seldom, short enough that one of a name that is gone is soon worth nothing.
pub(super) const LEAF_SECS: u64 = 7 * DAY_SECS;

/// `id-ce-keyUsage`, and the bits of RFC 5280 section 4.2.1.3 behind the number of those that are unused.
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
/// keyCertSign and cRLSign.
const SIGNS_CERTIFICATES: [u8; 2] = [1, 0b0000_0110];
/// digitalSignature.
const SIGNS_HANDSHAKES: [u8; 2] = [7, 0b1000_0000];

/// RFC 5280 appendix A.1: a common name has at most 64 characters.
const COMMON_NAME_MAX: usize = 64;

/// RFC 5280 section 4.1.2.2: at most 20 bytes. 16 random ones are never the same twice.
const SERIAL_BYTES: usize = 16;

/// From when until when a certificate holds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub begins: Timestamp,
    /// The last second.
    pub ends: Timestamp,
}

impl Validity {
    /// Whether it holds at that time.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.begins <= now && now <= self.ends
    }
}

/// What signs leaves.
pub(super) struct Issuer {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
    pub(super) validity: Validity,
}

/// A root, and the intermediate that it signed with a key that is no more.
pub(super) struct Made {
    pub(super) root: Certificate,
    pub(super) intermediate: Certificate,
    pub(super) key: KeyPair,
}

pub(super) fn new_key() -> Result<KeyPair, AuthorityError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)
}

pub(super) fn not_made(error: impl ToString) -> AuthorityError {
    AuthorityError::NotMade {
        reason: error.to_string(),
    }
}

/// A new authority for names under `suffix`.
pub(super) fn authority(suffix: &Suffix, now: Timestamp) -> Result<Made, AuthorityError> {
    let validity = Validity {
        begins: now.saturating_sub(AUTHORITY_BACKDATED_SECS),
        ends: now.saturating_add(AUTHORITY_SECS),
    };
    // Two installations on one machine are told apart by it.
    let word = format!("{:08x}", getrandom::u32().map_err(not_made)?);
    let named = |what: &str| format!("dotkey {what} {word} for .{suffix}");
    let (mut root_key, key) = (new_key()?, new_key()?);
    let root = signing(named("authority"), suffix, 1, validity)?;
    let root = root.self_signed(&root_key).map_err(not_made)?;
    let intermediate = signing(named("intermediate"), suffix, 0, validity)?;
    let intermediate = intermediate.signed_by(&key, &root, &root_key);
    // Used once. What is left of it in memory is overwritten too.
    zeroize::Zeroize::zeroize(&mut root_key);
    Ok(Made {
        root,
        intermediate: intermediate.map_err(not_made)?,
        key,
    })
}

/// A certificate that signs others, `below` of which may stand between it and a leaf.
fn signing(
    common_name: String,
    suffix: &Suffix,
    below: u8,
    validity: Validity,
) -> Result<CertificateParams, AuthorityError> {
    let mut params = plain(common_name, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(below));
    params.custom_extensions.push(key_usage(SIGNS_CERTIFICATES));
    let mut limits = CustomExtension::from_oid_content(constraints::OID, constraints::of(suffix));
    limits.set_criticality(true);
    params.custom_extensions.push(limits);
    Ok(params)
}

/// What all of them have in common: they are of servers, and no two have the same number.
fn plain(common_name: String, validity: Validity) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    let mut serial = [0; SERIAL_BYTES];
    getrandom::fill(&mut serial).map_err(not_made)?;
    // Positive, and of the same length always.
    serial[0] = serial[0] & 0x3f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = named(common_name);
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(validity.begins.as_secs());
    params.not_after = epoch + Duration::from_secs(validity.ends.as_secs());
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// The side of an intermediate that leaves are signed with: its name and key as they stand in its certificate.
pub(super) fn issuer(
    common_name: &str,
    key: KeyPair,
    validity: Validity,
) -> Result<Issuer, AuthorityError> {
    let params = plain(common_name.to_owned(), validity)?;
    let certificate = params.self_signed(&key).map_err(not_made)?;
    Ok(Issuer {
        certificate,
        key,
        validity,
    })
}

/// A leaf for `names`, and its key. It ends with the authority at the latest.
pub(super) fn leaf(
    issuer: &Issuer,
    common_name: &str,
    names: Vec<SanType>,
    now: Timestamp,
) -> Result<(Certificate, KeyPair, Validity), AuthorityError> {
    let begins = now.saturating_sub(LEAF_BACKDATED_SECS);
    let validity = Validity {
        begins: begins.max(issuer.validity.begins),
        ends: now.saturating_add(LEAF_SECS).min(issuer.validity.ends),
    };
    // What is too long to stand here stands among the names, where everybody looks.
    let fits = common_name.len() <= COMMON_NAME_MAX;
    let shown = if fits { common_name } else { "dotkey" };
    let mut params = plain(shown.to_owned(), validity)?;
    // Said by leaving it out: rcgen would write the default, which DER forbids.
    params.is_ca = IsCa::NoCa;
    params.custom_extensions.push(key_usage(SIGNS_HANDSHAKES));
    params.subject_alt_names = names;
    let key = new_key()?;
    let signed = params.signed_by(&key, &issuer.certificate, &issuer.key);
    Ok((signed.map_err(not_made)?, key, validity))
}

/// Written here, because rcgen adds a byte of zeroes, which DER forbids (X.690 section 11.2.2).
fn key_usage(bits: [u8; 2]) -> CustomExtension {
    const BIT_STRING: u8 = 3;
    let [unused, bits] = bits;
    let content = vec![BIT_STRING, 2, unused, bits];
    let mut usage = CustomExtension::from_oid_content(KEY_USAGE, content);
    usage.set_criticality(true);
    usage
}

fn named(common_name: String) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}
