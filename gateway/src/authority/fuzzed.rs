//! What the fuzz targets reach of an authority: its file, and what a visitor sends first.

use std::path::Path;
use std::sync::Arc;

use dotkey_proto::name::{Name, Suffix};
use dotkey_proto::time::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::{Answer, Authority, AuthorityError, HTTP_PROTOCOLS, Leaves, Operated, TlsAcceptor};

/// Both directions hold all of an input and all of its answers.
const PIPE_BYTES: usize = 1 << 24;

/// The authority that a file of these bytes is.
///
/// # Errors
/// As [`Authority::open`].
pub fn authority(bytes: &[u8]) -> Result<Authority, AuthorityError> {
    let path = Path::new("fuzzed.pem");
    let damaged = |what| AuthorityError::Damaged {
        file: path.to_owned(),
        what,
    };
    let contents = super::file::decode(bytes).map_err(damaged)?;
    Authority::of(path, contents, &Suffix::KEY)
}

/// A way in with an authority of its own, made in a folder.
///
/// # Errors
/// It could not be made.
pub fn acceptor(folder: &Path, now: Timestamp) -> Result<TlsAcceptor, AuthorityError> {
    let authority = Authority::open_or_make(folder, &Suffix::KEY, now)?;
    let leaves = Arc::new(Leaves::new(authority));
    TlsAcceptor::new(leaves, Arc::new(Operated::default()), HTTP_PROTOCOLS)
}

async fn resolves(_: Name) -> Answer {
    Answer::Resolves
}

/// What a visitor is answered that sends these bytes and ends, and the reason it was refused for.
pub async fn greeted(bytes: &[u8], acceptor: &TlsAcceptor) -> (Vec<u8>, Option<&'static str>) {
    let (near, mut far) = duplex(PIPE_BYTES);
    let visit = async {
        // It may be closed before all of it is written.
        let _ = far.write_all(bytes).await;
        let _ = far.shutdown().await;
        let mut answer = Vec::new();
        let _ = far.read_to_end(&mut answer).await;
        answer
    };
    let (answer, greeted) = tokio::join!(visit, acceptor.accept(near, &resolves));
    (answer, greeted.err().map(|refused| refused.reason()))
}
