//! What a certificate of an authority says, read back from its bytes.

use core::fmt;

use dotkey_proto::time::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, alg_id};
use sha2::{Digest, Sha256};
use x509_parser::extensions::{GeneralName, GeneralSubtree, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::issue::Validity;

/// SHA-256 of a certificate: what stores of certificates know it by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// That of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }

    /// Its first 8 bytes: enough to tell one installation from another by.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..16].to_owned()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a certificate that signs others says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its subject's common name.
    pub subject: String,
    /// What it is known by.
    pub fingerprint: Fingerprint,
    /// When it holds.
    pub validity: Validity,
    /// How many certificates may stand between it and a leaf.
    pub path_length: Option<u32>,
    /// Whether a verifier that does not know name constraints must refuse it.
    pub critical: bool,
    /// The only names that it may sign, of the kinds that are listed: `DNS:key`.
    pub permitted: Vec<String>,
    /// What it may not sign: `IP:0.0.0.0/0`.
    pub excluded: Vec<String>,
}

/// Reads a certificate, or says why it cannot be read.
pub(super) fn describe(certificate: &CertificateDer<'_>) -> Result<Described, String> {
    let unread = |error: &dyn fmt::Display| format!("a certificate in it cannot be read ({error})");
    let (rest, read) = X509Certificate::from_der(certificate).map_err(|error| unread(&error))?;
    if !rest.is_empty() {
        return Err(unread(&"bytes behind its end"));
    }
    let subject = read.subject().iter_common_name().next();
    let subject = subject.and_then(|name| name.as_str().ok());
    let basic = read.basic_constraints().map_err(|error| unread(&error))?;
    let limits = read.name_constraints().map_err(|error| unread(&error))?;
    let shown = |subtrees: Option<&Vec<GeneralSubtree<'_>>>| {
        let subtrees = subtrees.into_iter().flatten();
        subtrees.map(|one| base_in_words(&one.base)).collect()
    };
    let permitted = limits
        .as_ref()
        .map(|it| it.value.permitted_subtrees.as_ref());
    let excluded = limits
        .as_ref()
        .map(|it| it.value.excluded_subtrees.as_ref());
    Ok(Described {
        subject: subject.unwrap_or_default().to_owned(),
        fingerprint: Fingerprint::of(certificate),
        validity: Validity {
            begins: timestamp(read.validity().not_before),
            ends: timestamp(read.validity().not_after),
        },
        path_length: basic.and_then(|it| it.value.path_len_constraint),
        critical: limits.as_ref().is_some_and(|it| it.critical),
        permitted: shown(permitted.flatten()),
        excluded: shown(excluded.flatten()),
    })
}

/// The DNS names that a server's certificate is for, in lower case: `*.example.net` among them.
pub(super) fn dns_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for extension in read.extensions() {
        if let ParsedExtension::SubjectAlternativeName(alternatives) = extension.parsed_extension()
        {
            for name in &alternatives.general_names {
                if let GeneralName::DNSName(name) = name {
                    names.push(name.to_ascii_lowercase());
                }
            }
        }
    }
    names
}

/// The content of the extension that limits names, as it stands there.
pub(super) fn limits_of(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    let mut found = read.extensions().iter().filter(|extension| {
        matches!(
            extension.parsed_extension(),
            ParsedExtension::NameConstraints(_)
        ) && extension.critical
    });
    found.next().map(|extension| extension.value.to_vec())
}

/// Whether a root's signature is that of its own key: its bytes are as they were made.
pub(super) fn signed_itself(root: &CertificateDer<'_>, provider: &CryptoProvider) -> bool {
    let Ok((_, read)) = X509Certificate::from_der(root) else {
        return false;
    };
    let key = &read.public_key().subject_public_key.data;
    let signature = &read.signature_value.data;
    let mut known = provider.signature_verification_algorithms.all.iter();
    let ours = known.find(|it| {
        it.public_key_alg_id() == alg_id::ECDSA_P256
            && it.signature_alg_id() == alg_id::ECDSA_SHA256
    });
    let message = read.tbs_certificate.as_ref();
    ours.is_some_and(|it| it.verify_signature(key, message, signature).is_ok())
}

fn timestamp(time: ASN1Time) -> Timestamp {
    let secs = u64::try_from(time.timestamp()).unwrap_or_default();
    Timestamp::from_secs(secs).unwrap_or(Timestamp::MAX)
}

fn base_in_words(base: &GeneralName<'_>) -> String {
    match base {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(name) => format!("URI:{name}"),
        GeneralName::IPAddress(bytes) if *bytes == [0; 8] => "IP:0.0.0.0/0".to_owned(),
        GeneralName::IPAddress(bytes) if *bytes == [0; 32] => "IP:::/0".to_owned(),
        other => other.to_string(),
    }
}
