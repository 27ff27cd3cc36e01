//! Who vouches for names to browsers: the authority of this installation, and the certificates that are shown to visitors.
//!
//! No public authority signs names that the DNS does not have, so each installation has an [`Authority`] of its own, which its
//! owner makes browsers trust (`dotkey trust install`). To trust it costs nothing elsewhere: root and intermediate can sign names
//! under the suffix and nothing else, by critical name constraints, and the root's key is gone once it has signed the
//! intermediate. [`Leaves`] makes a certificate when a name is first asked for, if it resolves; [`Operated`] holds those that an
//! operator has for ordinary domains; [`TlsAcceptor`] shows a visitor the right one, or says why there is none.
//!
//! Whether a name resolves is for the caller, who gives an [`Ask`]; which store trusts an authority, for the program.
//! Certificates from a public authority (ACME) will be one more kind beside the [`Operated`] ones.
//! `docs/architecture/certificates.md` has the whole picture.

mod accept;
mod constraints;
mod describe;
mod error;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzed;
mod issue;
mod leaves;
mod operated;
mod pace;
mod refused;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dotkey_proto::name::{Name, Suffix};
use dotkey_proto::time::Timestamp;
use dotkey_resolver::tls::install_provider;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;

pub use accept::{HTTP_PROTOCOLS, TlsAcceptor};
pub use describe::{Described, Fingerprint};
pub use error::AuthorityError;
pub use issue::Validity;
pub use leaves::{Answer, Ask, Leaves};
pub use operated::{Operated, OperatedError};
pub use refused::{Refusals, Refused};

use issue::Issuer;

/// The authority of one installation. A clone is the same one.
#[derive(Clone)]
pub struct Authority(Arc<Parts>);

struct Parts {
    file: PathBuf,
    suffix: Suffix,
    root: CertificateDer<'static>,
    intermediate: CertificateDer<'static>,
    described: [Described; 2],
    issuer: Issuer,
}

/// A leaf, and when it holds.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    pub(crate) certified: Arc<CertifiedKey>,
    pub(crate) validity: Validity,
}

impl Authority {
    /// The authority of a data folder; `None` where none was made. One that has ended is still given: it has to be taken out of
    /// the stores that trust it.
    ///
    /// # Errors
    /// [`AuthorityError`] names the file and the next step. What cannot be used is never replaced.
    pub fn open(folder: &Path, suffix: &Suffix) -> Result<Option<Self>, AuthorityError> {
        let path = file::in_folder(folder);
        match file::read(&path)? {
            None => Ok(None),
            Some(contents) => Self::of(&path, contents, suffix).map(Some),
        }
    }

    /// The authority of a data folder, which is made where there is none.
    ///
    /// # Errors
    /// As [`Authority::open`], or it cannot be written.
    pub fn open_or_make(
        folder: &Path,
        suffix: &Suffix,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        if let Some(found) = Self::open(folder, suffix)? {
            return Ok(found);
        }
        let path = file::in_folder(folder);
        file::write_new(&path, &issue::authority(suffix, now)?)?;
        // What is there now may be another's, who came first.
        Self::open(folder, suffix)?.ok_or_else(|| AuthorityError::Unreadable {
            file: path,
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    fn of(path: &Path, contents: file::Contents, suffix: &Suffix) -> Result<Self, AuthorityError> {
        let damaged = |what: String| AuthorityError::Damaged {
            file: path.to_owned(),
            what,
        };
        let (root, intermediate) = (contents.root, contents.intermediate);
        let described = [&root, &intermediate].map(describe::describe);
        let [of_root, of_intermediate] = described;
        let of_root = of_root.map_err(damaged)?;
        let of_intermediate = of_intermediate.map_err(damaged)?;
        let limits = Some(constraints::of(suffix));
        if [&root, &intermediate].map(describe::limits_of) != [limits.clone(), limits] {
            return Err(wrong_limits(path, &of_root, suffix));
        }
        let key = PrivatePkcs8KeyDer::from(contents.key.as_slice());
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|error| damaged(format!("its private key cannot be read ({error})")))?;
        let issuer = issue::issuer(&of_intermediate.subject, key, of_intermediate.validity)?;
        let authority = Self(Arc::new(Parts {
            file: path.to_owned(),
            suffix: suffix.clone(),
            root,
            intermediate,
            described: [of_root, of_intermediate],
            issuer,
        }));
        authority.try_out().map_err(damaged)?;
        Ok(authority)
    }

    /// Signs a leaf and has it verified, as a browser would: so root, intermediate and key belong together.
    fn try_out(&self) -> Result<(), String> {
        let label = "dotkey";
        let name = format!("{label}.{}", self.0.suffix);
        let begins = self.0.issuer.validity.begins;
        let leaf = self
            .sign(&name, begins)
            .map_err(|error| error.to_string())?;
        let wrong =
            |error: &dyn core::fmt::Display| format!("what it signs does not hold ({error})");
        if !describe::signed_itself(&self.0.root, install_provider()) {
            return Err("its root has not signed itself".to_owned());
        }
        let mut roots = RootCertStore::empty();
        roots
            .add(self.0.root.clone())
            .map_err(|error| wrong(&error))?;
        let provider = Arc::clone(install_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider);
        let verifier = verifier.build().map_err(|error| wrong(&error))?;
        let (end, between) = leaf.certified.cert.split_first().ok_or("it is empty")?;
        let name = ServerName::try_from(name).map_err(|error| wrong(&error))?;
        let at = UnixTime::since_unix_epoch(core::time::Duration::from_secs(begins.as_secs()));
        let verified = verifier.verify_server_cert(end, between, &name, &[], at);
        verified.map(|_| ()).map_err(|error| wrong(&error))
    }

    /// A leaf for a name under the suffix.
    pub(crate) fn leaf(&self, name: &Name, now: Timestamp) -> Result<Leaf, AuthorityError> {
        self.sign(name.as_ascii(), now)
    }

    fn sign(&self, name: &str, now: Timestamp) -> Result<Leaf, AuthorityError> {
        let alternative = name.to_owned().try_into().map_err(issue::not_made)?;
        self.sign_any(name, vec![SanType::DnsName(alternative)], now)
    }

    /// Signs whatever it is given: what it may not sign, every verifier refuses.
    fn sign_any(
        &self,
        common_name: &str,
        names: Vec<SanType>,
        now: Timestamp,
    ) -> Result<Leaf, AuthorityError> {
        let (certificate, key, validity) = issue::leaf(&self.0.issuer, common_name, names, now)?;
        let chain = vec![certificate.der().clone(), self.0.intermediate.clone()];
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let certified = CertifiedKey::from_der(chain, key.into(), install_provider());
        Ok(Leaf {
            certified: Arc::new(certified.map_err(issue::not_made)?),
            validity,
        })
    }

    /// The file that holds it, with its key.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// What its names end with.
    #[must_use]
    pub fn suffix(&self) -> &Suffix {
        &self.0.suffix
    }

    /// The root in DER: what a store is given to trust.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.0.root
    }

    /// What the root says of itself.
    #[must_use]
    pub fn described(&self) -> &Described {
        &self.0.described[0]
    }

    /// What the intermediate says of itself.
    #[must_use]
    pub fn intermediate(&self) -> &Described {
        &self.0.described[1]
    }

    /// When it may sign.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.0.issuer.validity
    }
}

/// An authority for another suffix is as good as any, only not for this configuration.
fn wrong_limits(path: &Path, root: &Described, suffix: &Suffix) -> AuthorityError {
    let file = path.to_owned();
    let made_for = root
        .permitted
        .first()
        .and_then(|it| it.strip_prefix("DNS:"));
    match made_for {
        Some(made_for) if made_for != suffix.as_ascii() && Suffix::parse(made_for).is_ok() => {
            AuthorityError::OtherSuffix {
                file,
                made_for: made_for.to_owned(),
                wanted: suffix.to_string(),
            }
        }
        _ => AuthorityError::Damaged {
            file,
            what: "its certificates are not limited to the suffix as they should be".to_owned(),
        },
    }
}

impl core::fmt::Debug for Authority {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let root = &self.described().fingerprint;
        f.debug_struct("Authority")
            .field("root", root)
            .finish_non_exhaustive()
    }
}
