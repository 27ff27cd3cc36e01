//! Where browsers keep what they trust: NSS databases below the home folder, those of packages in boxes (snap, flatpak) among them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Reason, StoreKind};

/// The file by which a database is known.
pub(super) const DATABASE: &str = "cert9.db";

/// The one that Chromium makes at its first start, and reads if it was there before.
const CHROMIUM: &str = ".pki/nssdb";

/// Others of Chromium's kind, below the home folder, with one part that may be anything.
const CHROMIUM_BOXED: [(&str, &str); 2] =
    [("snap", "current/.pki/nssdb"), (".var/app", ".pki/nssdb")];

/// Folders of Firefox profiles, each of which has a database of its own.
const FIREFOX: [&str; 5] = [
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/config/mozilla/firefox",
];

/// Nobody has more profiles; each costs a few runs of `certutil`.
const FOLDERS_MAX: usize = 64;

/// The databases of a kind of browser.
pub(super) fn databases(kind: StoreKind) -> Result<Vec<PathBuf>, Reason> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty());
    let Some(home) = home.map(PathBuf::from) else {
        let why = "there is no home folder to look in";
        return Err(Reason::new(
            why,
            "set HOME to the folder of whose browser it is",
        ));
    };
    let found = below(&home, kind);
    if found.is_empty() {
        let why = "no profile of Firefox was found";
        return Err(Reason::new(why, "start Firefox once, and run this again"));
    }
    Ok(found)
}

fn below(home: &Path, kind: StoreKind) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if kind == StoreKind::Chromium {
        found.push(home.join(CHROMIUM));
        for (above, inside) in CHROMIUM_BOXED {
            found.extend(folders_of(&home.join(above)).map(|folder| folder.join(inside)));
        }
    } else {
        found.extend(
            FIREFOX
                .iter()
                .flat_map(|above| folders_of(&home.join(above))),
        );
    }
    let is_first = |path: &Path| kind == StoreKind::Chromium && path == home.join(CHROMIUM);
    found.retain(|path| is_first(path) || path.join(DATABASE).is_file());
    found
}

/// In order, so that what is said twice is said alike.
fn folders_of(above: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(above).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .take(FOLDERS_MAX)
        .collect();
    folders.sort();
    folders.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_browsers_databases_are_found() {
        let home = tempfile::tempdir().expect("a folder");
        let at = |path: &str| home.path().join(path);
        let check = |kind, expected: &[&str]| {
            let expected: Vec<PathBuf> = expected.iter().map(|path| at(path)).collect();
            assert_eq!(below(home.path(), kind), expected);
        };
        check(StoreKind::Chromium, &[".pki/nssdb"]);
        check(StoreKind::Firefox, &[]);
        let make = |path: &str| {
            fs::create_dir_all(at(path)).expect("a folder");
            fs::write(at(path).join(DATABASE), "").expect("written");
        };
        let firefox = [
            ".mozilla/firefox/a.default",
            ".mozilla/firefox/b.work",
            "snap/firefox/common/.mozilla/firefox/c",
            ".var/app/org.mozilla.firefox/.mozilla/firefox/d",
        ];
        let chromium = [
            "snap/chromium/current/.pki/nssdb",
            ".var/app/org.chromium.Chromium/.pki/nssdb",
        ];
        firefox.iter().chain(&chromium).for_each(|path| make(path));
        // A folder beside the profiles that is none.
        fs::create_dir_all(at(".mozilla/firefox/Crash Reports")).expect("a folder");
        check(StoreKind::Firefox, &firefox);
        check(
            StoreKind::Chromium,
            &[&[".pki/nssdb"][..], &chromium].concat(),
        );
    }
}
