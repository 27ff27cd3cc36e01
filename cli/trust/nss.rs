//! A database of NSS, which Chromium and Firefox look into: changed by NSS's own tool, `certutil`.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::places::DATABASE;
use super::{Outcome, Reason, Root, Standing, from_pem};
use crate::files;

/// A root that may vouch for servers, and neither for mail nor for programs.
const FOR_SERVERS: &str = "C,,";

/// What is to be read, where a database asks for its password: an empty one, so that nobody waits at a prompt.
const NO_PASSWORD: &str = "/dev/null";

pub(super) fn standing(folder: &Path, root: &Root) -> Result<Standing, Reason> {
    if !folder.join(DATABASE).is_file() {
        return Ok(Standing::NotTrusted);
    }
    let listed = certutil(folder, &["-L"], "")?;
    // A line a certificate: its name, blanks, and what it is trusted for.
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let flags = listed
        .lines()
        .find_map(|line| line.strip_prefix(&root.name));
    let trusted = flags.is_some_and(|flags| flags.trim_start().starts_with('C'));
    let is_trusted = trusted && is_there(folder, root)?;
    Ok(if is_trusted {
        Standing::Trusted
    } else {
        Standing::NotTrusted
    })
}

pub(super) fn install(folder: &Path, root: &Root) -> Outcome {
    // Before anything is made for a browser that cannot be told.
    match certutil(folder, &["-H"], "").and_then(|_| standing(folder, root)) {
        Ok(Standing::Trusted) => return Outcome::Already,
        Ok(Standing::NotTrusted) => {}
        Err(reason) => return Outcome::Skipped(reason),
    }
    let done = make(folder).and_then(|()| {
        let arguments = ["-A", "-a", "-n", &root.name, "-t", FOR_SERVERS];
        succeed(folder, &arguments, &root.pem).inspect_err(|_| {
            // It may be there all the same, and trusted for nothing.
            let _ = certutil(folder, &["-D", "-n", &root.name], "");
        })
    });
    match done {
        Ok(()) => Outcome::Done,
        Err(reason) => Outcome::Failed(reason),
    }
}

/// Takes out what has our name, if it is our certificate.
pub(super) fn uninstall(folder: &Path, root: &Root) -> Outcome {
    if !folder.join(DATABASE).is_file() {
        return Outcome::Already;
    }
    let done = is_there(folder, root).and_then(|there| {
        if there {
            succeed(folder, &["-D", "-n", &root.name], "")?;
        }
        Ok(there)
    });
    match done {
        Ok(true) => Outcome::Done,
        Ok(false) => Outcome::Already,
        Err(reason) => Outcome::Failed(reason),
    }
}

fn is_there(folder: &Path, root: &Root) -> Result<bool, Reason> {
    let shown = certutil(folder, &["-L", "-a", "-n", &root.name], "")?;
    // It fails where there is none of this name.
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    Ok(from_pem(&shown).is_some_and(|der| der == root.der))
}

/// A database where there is none: a browser that starts later takes it for its own.
fn make(folder: &Path) -> Result<(), Reason> {
    if folder.join(DATABASE).is_file() {
        return Ok(());
    }
    files::make_private_folder(folder).map_err(|error| Reason::new(error.message, error.next))?;
    succeed(folder, &["-N", "--empty-password"], "")
}

fn succeed(folder: &Path, arguments: &[&str], input: &str) -> Result<(), Reason> {
    let output = certutil(folder, arguments, input)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().lines().next_back().unwrap_or("it said nothing");
    let said = said.trim_start_matches("certutil: ").trim_end_matches('.');
    Err(Reason::new(
        format!("certutil failed: {said}"),
        "close the browser and run this again; a profile with a primary password takes certificates in its own settings only",
    ))
}

fn certutil(folder: &Path, arguments: &[&str], input: &str) -> Result<Output, Reason> {
    let mut command = Command::new("certutil");
    let database = format!("sql:{}", folder.display());
    let (first, rest) = arguments.split_first().expect("what to do");
    command.arg(first).args(["-d", &database]).args(rest);
    if ["-A", "-D"].contains(first) {
        command.args(["-f", NO_PASSWORD]);
    }
    command.stdin(Stdio::piped());
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = run.and_then(|mut child| {
        let mut stdin = child.stdin.take().expect("it is piped");
        // What does not want it closes its end.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output()
    });
    output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Reason::new(
            "the program `certutil` is missing",
            "install libnss3-tools (Debian, Ubuntu) or nss-tools (Fedora), and run this again",
        ),
        _ => Reason::new(
            format!("certutil does not run: {error}"),
            "check that you may run it",
        ),
    })
}
