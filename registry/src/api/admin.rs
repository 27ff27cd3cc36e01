//! For who runs the node: backups, behind a token that only who can read the data folder knows.

use core::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::ApiConfig;
use super::client::Client;
use super::problem::{self, Problem};
use super::put::{Bound, read};
use super::request::{self, JSON, Parameters};
use super::state::Shared;
use crate::hex::{hex, unhex};

/// The token's file in the data folder.
const FILE: &str = "api-token";

/// As hard to guess as a key.
const TOKEN_BYTES: usize = 32;

const REQUEST: Bound = Bound {
    what: "this request",
    // A path of Linux has at most 4096 bytes, and JSON may escape each in six.
    bytes: 32 * 1024,
    next: "name a folder with a shorter path",
};

/// The secret that opens the paths for who runs the node.
#[derive(Clone)]
pub struct Token(String);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is not to be read or written.
    #[error("the token in {file} cannot be used: {source}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others could read it.
    #[error(
        "{file} has mode {mode:o}: others can read it; delete it, and the node makes a new one"
    )]
    Readable {
        /// Which.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what this program writes.
    #[error("{file} holds no token of 64 digits; delete it, and the node makes a new one")]
    Content {
        /// Which.
        file: PathBuf,
    },
}

impl Token {
    /// The token of a data folder; a new one where there is none.
    ///
    /// # Errors
    /// When the file cannot be used, or others could read it.
    pub fn load_or_make(folder: &Path) -> Result<Self, TokenError> {
        let file = folder.join(FILE);
        match Self::load(folder) {
            Err(TokenError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let mut bytes = [0; TOKEN_BYTES];
        let text = getrandom::fill(&mut bytes).map(|()| hex(&bytes));
        let made = text.map_err(|error| io::Error::other(error.to_string()));
        let made = made.and_then(|text| write(&file, &text).map(|()| Self(text)));
        made.map_err(|source| TokenError::File { file, source })
    }

    /// The token of a data folder, for a client.
    ///
    /// # Errors
    /// When there is none, or others could read it.
    pub fn load(folder: &Path) -> Result<Self, TokenError> {
        let file = folder.join(FILE);
        let read = fs::metadata(&file).and_then(|data| Ok((data, fs::read(&file)?)));
        let (data, bytes) = match read {
            Ok(read) => read,
            Err(source) => return Err(TokenError::File { file, source }),
        };
        let mode = data.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Readable { file, mode });
        }
        let text = String::from_utf8(bytes).unwrap_or_default();
        let text = text.trim_end();
        match unhex::<TOKEN_BYTES>(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(TokenError::Content { file }),
        }
    }

    /// As the header `Authorization` carries it.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    fn opens(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION);
        let given = given.and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.split_once(' '));
        let Some((scheme, given)) = given else {
            return false;
        };
        // blake3 compares hashes in constant time, and of the hashes nobody can choose a beginning.
        let same = blake3::hash(given.trim().as_bytes()) == blake3::hash(self.0.as_bytes());
        scheme.eq_ignore_ascii_case("bearer") && same
    }
}

/// On disk whole or not at all, and never readable by others.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let draft = file.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut open = OpenOptions::new();
    let mut opened = open.write(true).create_new(true).mode(0o600).open(&draft)?;
    writeln!(opened, "{text}")?;
    opened.sync_all()?;
    fs::rename(&draft, file)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Whether a request shows the token.
pub(crate) fn authorized(config: &ApiConfig, headers: &HeaderMap) -> Result<(), Problem> {
    let token = config.token.as_ref();
    if token.is_some_and(|token| token.opens(headers)) {
        return Ok(());
    }
    let next = format!(
        "send `Authorization: Bearer <token>` with the text of `{FILE}` in the data folder of who serves this"
    );
    let problem = Problem::new(
        problem::UNAUTHORIZED,
        "this path is for who runs this program",
        next,
    );
    let scheme = HeaderValue::from_static("Bearer");
    Err(problem.with_header(header::WWW_AUTHENTICATE, scheme))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    to: PathBuf,
}

#[derive(Serialize)]
struct Copied {
    to: PathBuf,
    bytes: u64,
}

/// `POST /v1/backups`.
pub(crate) async fn backup(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    authorized(&shared.door.config, &headers)?;
    Parameters::read(&uri, &[])?;
    request::accepted(&headers, &[JSON])?;
    request::takes(&headers, JSON)?;
    let body = read(&shared, client, body, REQUEST).await?;
    let to = wanted(&body)?;
    if fs::symlink_metadata(&to).is_ok() {
        return Err(Problem::new(
            problem::FOLDER_EXISTS,
            format!("{} exists", to.display()),
            "name a folder that is not there yet",
        ));
    }
    // A large store takes longer than any bound that would make sense; the client waits as long as it wants.
    let bytes = shared.node.backup(to.clone()).await;
    let bytes = bytes.map_err(|error| super::state::problem_of(&error))?;
    Ok((StatusCode::CREATED, axum::Json(Copied { to, bytes })).into_response())
}

fn wanted(body: &[u8]) -> Result<PathBuf, Problem> {
    let wrong = |detail: String| {
        let next = "send `{\"to\": \"/path/of/a/new/folder\"}`, absolute on the node's machine";
        Problem::new(problem::BAD_BODY, detail, next)
    };
    let wanted: Wanted = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
    if !wanted.to.is_absolute() {
        return Err(wrong(format!("{} is not absolute", wanted.to.display())));
    }
    let parent = wanted.to.parent().unwrap_or(&wanted.to);
    if !parent.is_dir() {
        return Err(wrong(format!("there is no folder {}", parent.display())));
    }
    Ok(wanted.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_one_token_to_itself() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE);
        assert!(matches!(
            Token::load(folder.path()),
            Err(TokenError::File { .. })
        ));
        let made = Token::load_or_make(folder.path()).expect("made");
        let again = Token::load_or_make(folder.path()).expect("read");
        assert_eq!(made.bearer(), again.bearer());
        let mode = fs::metadata(&file)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(matches!(
            Token::load(folder.path()),
            Err(TokenError::Readable { mode: 0o640, .. })
        ));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&file, "short").expect("written");
        assert!(matches!(
            Token::load_or_make(folder.path()),
            Err(TokenError::Content { .. })
        ));
    }

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token("ab".repeat(32));
        let check = |value: &str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().expect("a header"));
            assert_eq!(token.opens(&headers), expected, "{value}");
        };
        check(&token.bearer(), true);
        check(&format!("bearer {}", "ab".repeat(32)), true);
        check(&format!("Basic {}", "ab".repeat(32)), false);
        check(&format!("Bearer {}", "ab".repeat(31)), false);
        check("Bearer", false);
        check("Bearer ", false);
        assert!(!token.opens(&HeaderMap::new()));
        assert_eq!(format!("{token:?}"), "Token(..)");
    }
}
