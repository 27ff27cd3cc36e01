//! The file that a record goes to: a free name, or that of an earlier record of the same identity and branch. Nothing else
//! is ever overwritten, a secret key least of all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dotkey_proto::identity::{Branch, KeyId};
use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_proto::record::{Claims, SEQUENCE_MAX};
use dotkey_proto::signature::Draft;

use super::file;
use crate::exit::{CliError, Result};
use crate::files::{self, PUBLIC};

/// How far a sequence that nobody asked for may run ahead of the clock: 400 days of seconds.
const AHEAD_MAX: u64 = 400 * 86_400;

/// Where a record goes, and the record that is there now.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) path: PathBuf,
    replaced: Option<(Claims, Draft)>,
}

impl Target {
    /// Looks at the file, and refuses it unless a record of this identity and branch may be written there.
    pub(super) fn find(path: PathBuf, key_id: KeyId, branch: Option<&Branch>) -> Result<Self> {
        if path == Path::new("-") {
            return Err(CliError::usage(
                "a record is not written to standard output",
                "name a file with --out",
            ));
        }
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self {
                    path,
                    replaced: None,
                });
            }
            Err(error) => return Err(files::unwritable(&path, &error)),
            // A link may lead anywhere; to read a pipe or a device may never end.
            Ok(found) if !found.is_file() => return Err(kept(&path, "is not a plain file")),
            Ok(_) => {}
        }
        let bytes = files::read(&path, RECORD_BYTES_MAX, "the earlier record")?;
        let replaced = Some(&bytes)
            .filter(|bytes| file::is_record(bytes))
            .and_then(|bytes| Claims::resume(bytes).ok());
        match replaced {
            None => Err(kept(&path, "is not a record")),
            Some((claims, _)) if claims.key_id != key_id => {
                Err(kept(&path, "is the record of another identity"))
            }
            Some((claims, _)) if claims.branch.as_ref() != branch => {
                Err(kept(&path, "is the record of another branch"))
            }
            replaced => Ok(Self { path, replaced }),
        }
    }

    /// Seconds since 1970, which grow by themselves wherever one signs; one more than the record that is replaced, where
    /// that is already higher.
    ///
    /// The file may be somebody's draft, signed by nobody: it must not talk an owner into using up the numbers.
    pub(super) fn next_sequence(&self, clock: u64) -> Result<u64> {
        let Some((claims, _)) = &self.replaced else {
            return Ok(clock);
        };
        let after = claims.sequence + 1;
        if after > clock.saturating_add(AHEAD_MAX).min(SEQUENCE_MAX) {
            return Err(CliError::failed(
                "far-ahead",
                format!(
                    "{} has the sequence {}, far ahead of the clock; the next one would use up numbers that never come back",
                    self.path.display(),
                    claims.sequence
                ),
                "say the sequence with --seq if you mean it, or write to another file with --out",
            ));
        }
        Ok(clock.max(after))
    }

    /// Whoever has the record that is here would ignore one that is not newer. Another signature makes it no other record.
    pub(super) fn check_newer(&self, claims: &Claims, draft: &Draft) -> Result<()> {
        let Some((before, known)) = &self.replaced else {
            return Ok(());
        };
        if claims.sequence > before.sequence || known.payload() == draft.payload() {
            return Ok(());
        }
        let (shown, asked, found) = (self.path.display(), claims.sequence, before.sequence);
        let next = if found == SEQUENCE_MAX {
            "no sequence is higher: write to another file with --out".to_owned()
        } else {
            format!(
                "sign the zone with --seq {} or higher, or write to another file with --out",
                found + 1
            )
        };
        Err(CliError::failed(
            "not-newer",
            format!(
                "{shown} has the sequence {found}, and one with {asked} would not replace it anywhere"
            ),
            next,
        ))
    }

    pub(super) fn write(&self, bytes: &[u8]) -> Result<()> {
        match self.replaced {
            Some(_) => files::write_replacing(&self.path, bytes),
            None => files::write_new(&self.path, bytes, PUBLIC),
        }
    }
}

fn kept(path: &Path, what: &str) -> CliError {
    CliError::failed(
        "exists",
        format!("{} {what}, and is not overwritten", path.display()),
        "name another file with --out, or move that file away first",
    )
}
