//! The stores of certificates that this system and its browsers trust: where they are, and how one root is put in and taken out.
//!
//! Each store is asked for itself: what one of them lacks keeps none of the others back. What is put in is found again by its name,
//! which has the fingerprint in it, and taken out only if it is the same certificate: two installations never touch each other's.

mod nss;
mod places;
mod system;

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use dotkey_gateway::authority::Authority;

use crate::args::StoreKind;
use crate::files;

/// The certificate that stores are given, and what it is called there.
pub(crate) struct Root {
    der: Vec<u8>,
    pem: String,
    /// The same in every store of this machine, and another for another installation.
    name: String,
    /// The data folder, for commands that a person copies.
    data: PathBuf,
}

impl Root {
    pub(crate) fn of(authority: &Authority, data: &Path) -> Self {
        let der = authority.root().to_vec();
        Self {
            pem: pem(&der),
            name: format!("dotkey {}", authority.described().fingerprint.short()),
            der,
            data: std::path::absolute(data).unwrap_or_else(|_| data.to_owned()),
        }
    }

    /// What root has to run.
    fn as_root(&self, verb: &str) -> String {
        let data = files::quoted(&self.data);
        format!("run: sudo dotkey trust {verb} --store system --data {data}")
    }
}

/// A store, in one place.
pub(crate) struct Place {
    /// A folder of the system, or of a profile.
    pub(crate) path: PathBuf,
    keeper: Keeper,
}

enum Keeper {
    System(system::Anchors),
    Nss,
}

/// How a place stands towards a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Trusted,
    NotTrusted,
}

/// What became of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was brought about now.
    Done,
    /// It was so already.
    Already,
    /// Nothing was done, and nothing is wrong.
    Skipped(Reason),
    /// It should have been done.
    Failed(Reason),
}

/// Why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) why: String,
    pub(crate) next: String,
}

impl Reason {
    fn new(why: impl Into<String>, next: impl Into<String>) -> Self {
        let (why, next) = (why.into(), next.into());
        Self { why, next }
    }
}

/// The places of a kind of store that there are; or why there is none.
pub(crate) fn places(kind: StoreKind) -> Result<Vec<Place>, Reason> {
    match kind {
        StoreKind::System => system::anchors().map(|anchors| {
            vec![Place {
                path: anchors.folder.to_owned(),
                keeper: Keeper::System(anchors),
            }]
        }),
        StoreKind::Chromium | StoreKind::Firefox => {
            let folders = places::databases(kind)?;
            let place = |path| Place {
                path,
                keeper: Keeper::Nss,
            };
            Ok(folders.into_iter().map(place).collect())
        }
    }
}

impl Place {
    /// Whether the root is trusted here.
    pub(crate) fn standing(&self, root: &Root) -> Result<Standing, Reason> {
        match &self.keeper {
            Keeper::System(anchors) => anchors.standing(root),
            Keeper::Nss => nss::standing(&self.path, root),
        }
    }

    pub(crate) fn install(&self, root: &Root) -> Outcome {
        match &self.keeper {
            Keeper::System(anchors) => anchors.install(root),
            Keeper::Nss => nss::install(&self.path, root),
        }
    }

    pub(crate) fn uninstall(&self, root: &Root) -> Outcome {
        match &self.keeper {
            Keeper::System(anchors) => anchors.uninstall(root),
            Keeper::Nss => nss::uninstall(&self.path, root),
        }
    }
}

pub(crate) fn pem(der: &[u8]) -> String {
    const LINE: usize = 64;
    let encoded = BASE64.encode(der);
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(LINE.min(rest.len()));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// What is between the lines of a certificate in PEM.
fn from_pem(text: &str) -> Option<Vec<u8>> {
    let (_, body) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = body.split_once("-----END CERTIFICATE-----")?;
    let body: String = body.split_whitespace().collect();
    BASE64.decode(body.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(der in proptest::collection::vec(any::<u8>(), 0..500), other in "\\PC{0,200}") {
            prop_assert_eq!(from_pem(&pem(&der)), Some(der));
            let _ = from_pem(&other);
        }
    }
}
