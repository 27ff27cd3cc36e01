//! The resolver's own keys: the one that its answers are signed with, made once, and the certificate of its listeners.

use std::path::{Path, PathBuf};

use dotkey_proto::dns::WireName;
use dotkey_proto::name::Suffix;
use dotkey_resolver::answer::sign::Signer;
use dotkey_resolver::tls::{Certificate, CertificateError};

use crate::exit::{CliError, Result};
use crate::files;

/// The key that answers are signed with. Whoever validates knows it, so it is kept for ever.
const SIGNING_KEY: &str = "resolver.key";

/// A certificate of this machine's own, for DoT, DoH and DoQ.
const CERTIFICATE: &str = "resolver.crt";
const CERTIFICATE_KEY: &str = "resolver-tls.key";

/// A chain of a few certificates, in PEM.
const PEM_BYTES_MAX: usize = 64 * 1024;

/// For its owner alone.
const PRIVATE: u32 = 0o600;

/// The signer of a data folder, whose key is made where there is none.
pub(crate) fn signer(data: &Path, suffix: &Suffix) -> Result<Signer> {
    let path = data.join(SIGNING_KEY);
    let failed = |error: &dyn std::fmt::Display| {
        CliError::failed(
            "bad-resolver-key",
            format!("{}: {error}", path.display()),
            "restore it from its copy, or remove it and give the new anchor to those who validate",
        )
    };
    let bytes = match files::read(&path, PEM_BYTES_MAX, "the resolver's key") {
        Ok(bytes) => {
            files::check_permissions(&path, 0o077, "600")?;
            bytes
        }
        Err(error) if error.code == "not-found" => {
            let made = Signer::generate().map_err(|error| failed(&error))?;
            files::check_folder(data)?;
            files::make_private_folder(data)?;
            files::write_new(&path, &made, PRIVATE)?;
            made
        }
        Err(error) => return Err(error),
    };
    let zone = WireName::parse(suffix.as_ascii(), Some(&WireName::root()));
    let zone = zone.expect("a suffix is a DNS name");
    Signer::new(&bytes, &zone).map_err(|error| failed(&error))
}

/// The certificate that the listeners show: one that was named, or one of this machine's own.
pub(super) fn certificate(data: &Path, named: Option<&(PathBuf, PathBuf)>) -> Result<Certificate> {
    let (path, [chain, key]) = pem(data, named)?;
    Certificate::new(&chain, &key).map_err(|error| unusable(&path, &error))
}

/// Shows what the files hold now.
pub(super) fn reload(
    certificate: &Certificate,
    data: &Path,
    named: Option<&(PathBuf, PathBuf)>,
) -> Result<()> {
    let (path, [chain, key]) = pem(data, named)?;
    let replaced = certificate.replace(&chain, &key);
    replaced.map_err(|error| unusable(&path, &error))
}

fn pem(data: &Path, named: Option<&(PathBuf, PathBuf)>) -> Result<(PathBuf, [Vec<u8>; 2])> {
    let (chain, key) = match named {
        Some((chain, key)) => (chain.clone(), key.clone()),
        None => own(data)?,
    };
    let read = |path: &Path| files::read(path, PEM_BYTES_MAX, "the certificate");
    let bytes = [read(&chain)?, read(&key)?];
    Ok((chain, bytes))
}

fn unusable(chain: &Path, error: &CertificateError) -> CliError {
    CliError::failed(
        "bad-certificate",
        format!("{}: {error}", chain.display()),
        "name a certificate and its key in PEM under [resolver], or remove both files of the data folder and new ones are made",
    )
}

/// A certificate that this machine signed itself, made where there is none. Clients that check it are given its file.
fn own(data: &Path) -> Result<(PathBuf, PathBuf)> {
    let (chain, key) = (data.join(CERTIFICATE), data.join(CERTIFICATE_KEY));
    if !(chain.exists() && key.exists()) {
        let names = ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec();
        let made = rcgen::generate_simple_self_signed(names).map_err(|error| {
            CliError::failed(
                "no-certificate",
                error,
                "name a certificate with `certificate` and `certificate_key` under [resolver]",
            )
        })?;
        files::write_private(&key, made.key_pair.serialize_pem().as_bytes())?;
        files::write_replacing(&chain, made.cert.pem().as_bytes())?;
    }
    Ok((chain, key))
}
