//! The store of the system: a folder of anchors, and the program that makes from it what curl, OpenSSL and GnuTLS read.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Outcome, Reason, Root, Standing};
use crate::files;

/// A certificate of ours has less than a kilobyte.
const ANCHOR_BYTES_MAX: usize = 64 * 1024;

/// Everybody reads what the system trusts.
const PUBLIC: u32 = 0o644;

/// How a kind of system keeps its anchors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchors {
    pub(super) folder: &'static Path,
    program: &'static str,
    added: Words,
    removed: Words,
}

/// What the program is told: nothing where it is for all.
type Words = &'static [&'static str];

/// Without it, Debian's program leaves links to what was removed.
const FRESH: Words = &["--fresh"];

/// Folder, program, and what it is told after adding and after removing: Debian and Ubuntu; Fedora; Arch; openSUSE.
const KNOWN: [(&str, &str, Words, Words); 4] = [
    (
        "/usr/local/share/ca-certificates",
        "update-ca-certificates",
        &[],
        FRESH,
    ),
    (
        "/etc/pki/ca-trust/source/anchors",
        "update-ca-trust",
        &["extract"],
        &["extract"],
    ),
    (
        "/etc/ca-certificates/trust-source/anchors",
        "update-ca-trust",
        &[],
        &[],
    ),
    (
        "/usr/share/pki/trust/anchors",
        "update-ca-certificates",
        &[],
        FRESH,
    ),
];

/// Where root's programs are, for users whose path leaves them out.
const ROOTS_PATH: [&str; 2] = ["/usr/sbin", "/sbin"];

/// How this system keeps its own.
pub(super) fn anchors() -> Result<Anchors, Reason> {
    let mut known = KNOWN
        .iter()
        .map(|&(folder, program, added, removed)| Anchors {
            folder: Path::new(folder),
            program,
            added,
            removed,
        });
    let found = known.find(|it| it.folder.is_dir() && program(it.program).is_some());
    found.ok_or_else(|| {
        Reason::new(
            "this system's store of certificates is of no known kind, or none is installed",
            "install `ca-certificates`, or give the system what `dotkey trust show --json` has as `pem`",
        )
    })
}

fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let roots = ROOTS_PATH.iter().map(PathBuf::from);
    let mut folders = env::split_paths(&path).chain(roots);
    folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
}

impl Anchors {
    /// Debian takes files that end in `.crt` only.
    fn file(&self, root: &Root) -> PathBuf {
        self.folder
            .join(format!("{}.crt", root.name.replace(' ', "-")))
    }

    pub(super) fn standing(&self, root: &Root) -> Result<Standing, Reason> {
        let file = self.file(root);
        if !file.exists() {
            return Ok(Standing::NotTrusted);
        }
        let bytes = files::read(&file, ANCHOR_BYTES_MAX, "the certificate");
        let bytes = bytes.map_err(|error| Reason::new(error.message, error.next))?;
        Ok(if bytes == root.pem.as_bytes() {
            Standing::Trusted
        } else {
            Standing::NotTrusted
        })
    }

    pub(super) fn install(&self, root: &Root) -> Outcome {
        match self.standing(root) {
            Ok(Standing::Trusted) => return Outcome::Already,
            Ok(Standing::NotTrusted) => {}
            Err(reason) => return Outcome::Failed(reason),
        }
        let file = self.file(root);
        if !rustix::process::geteuid().is_root() {
            let why = format!("only root may add to {}", self.folder.display());
            return Outcome::Skipped(Reason::new(why, root.as_root("install")));
        }
        if let Err(error) = files::write_new(&file, root.pem.as_bytes(), PUBLIC) {
            return Outcome::Failed(Reason::new(error.message, error.next));
        }
        match self.update(self.added) {
            Ok(()) => Outcome::Done,
            Err(reason) => {
                // What was not taken up is not left behind for another day.
                let _ = fs::remove_file(&file);
                Outcome::Failed(reason)
            }
        }
    }

    pub(super) fn uninstall(&self, root: &Root) -> Outcome {
        match self.standing(root) {
            Ok(Standing::NotTrusted) => return Outcome::Already,
            Ok(Standing::Trusted) => {}
            Err(reason) => return Outcome::Failed(reason),
        }
        let file = self.file(root);
        if let Err(error) = fs::remove_file(&file) {
            let why = format!("{} cannot be removed ({error})", file.display());
            return Outcome::Failed(Reason::new(why, root.as_root("uninstall")));
        }
        match self.update(self.removed) {
            Ok(()) => Outcome::Done,
            Err(reason) => Outcome::Failed(reason),
        }
    }

    fn update(&self, words: Words) -> Result<(), Reason> {
        let path = program(self.program).unwrap_or_else(|| self.program.into());
        let mut command = Command::new(path);
        let run = command.args(words).stdin(Stdio::null()).output();
        let why = match run {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                said.trim()
                    .lines()
                    .next_back()
                    .unwrap_or_default()
                    .to_owned()
            }
            Err(error) => error.to_string(),
        };
        Err(Reason::new(
            format!("`{}` failed: {why}", self.program),
            format!("run `{}` as root, and see what it says", self.program),
        ))
    }
}
