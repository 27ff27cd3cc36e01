//! The folder `keys` of the data folder. An identity is a folder in it, which only ever gains files: `policy-0` is its
//! genesis policy, `policy-1` and so on the updates, and each secret key has a file named by its public key.
//!
//! Promises: nothing is overwritten; of two programs that make the same thing at once, one succeeds; what a power cut or
//! a full disk interrupts leaves nothing that looks finished.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dotkey_proto::identity::Policy;
use dotkey_proto::keyfile::{KEY_FILE_BYTES_MAX, KeyFile};
use dotkey_proto::limits::{POLICY_CHAIN_MAX, RECORD_BYTES_MAX};

use super::identity::verify_chain;
use super::{Identity, KeyName, StoredKey};
use crate::exit::{CliError, Result};
use crate::files::{self, PRIVATE, unreadable, unwritable};

pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path_of(&self, name: &KeyName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// An identity by its name here.
    pub(crate) fn open(&self, name: &KeyName) -> Result<Identity> {
        let folder = self.path_of(name);
        match fs::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => read_identity(name, folder),
            Ok(_) => Err(damaged(&folder, "is not a folder")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.nobody(name)),
            Err(error) => Err(unreadable(&folder, &error)),
        }
    }

    /// Every identity, by name. One that cannot be read does not hide the others.
    pub(crate) fn list(&self) -> Result<Vec<(KeyName, Result<Identity>)>> {
        let names = self.names()?;
        Ok(names
            .into_iter()
            .map(|name| (name.clone(), self.open(&name)))
            .collect())
    }

    fn names(&self) -> Result<Vec<KeyName>> {
        let mut names: Vec<KeyName> = Vec::new();
        for entry in entries(&self.folder)? {
            names.extend(entry.to_str().and_then(|name| name.parse().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// Fails where a name is taken or the folder is open to others, before anyone is asked for a passphrase. That it stays free is [`Store::create`]'s to see.
    pub(crate) fn check_free(&self, name: &KeyName) -> Result<()> {
        check_folders(&self.folder, 2)?;
        match fs::symlink_metadata(self.path_of(name)) {
            Ok(_) => Err(taken(name)),
            Err(_) => Ok(()),
        }
    }

    /// Makes an identity, whole or not at all.
    pub(crate) fn create(
        &self,
        name: &KeyName,
        chain: &[Vec<u8>],
        keys: &[KeyFile],
    ) -> Result<Identity> {
        self.check_free(name)?;
        let folder = self.path_of(name);
        files::make_private_folder(&self.folder)?;
        let word = files::random_word().map_err(|error| unwritable(&folder, &error))?;
        let temporary = self.folder.join(format!(".{name}.{word}"));
        let placed = fill(&temporary, chain, keys).and_then(|()| {
            // A folder with anything in it is not replaced: whoever is second fails here.
            fs::rename(&temporary, &folder).map_err(|error| match fs::symlink_metadata(&folder) {
                Ok(_) => taken(name),
                Err(_) => unwritable(&folder, &error),
            })
        });
        if placed.is_err() {
            // It is complete only under its real name; what is left of it has no use.
            let _ = fs::remove_dir_all(&temporary);
        }
        placed?;
        files::sync_folder(&self.folder).map_err(|error| unwritable(&folder, &error))?;
        read_identity(name, folder)
    }

    /// Adds a secret key to an identity.
    pub(crate) fn add_key(&self, identity: &Identity, key: &KeyFile) -> Result<PathBuf> {
        let path = identity.folder.join(key_file_name(key));
        files::write_new(&path, &key.encode(), PRIVATE)?;
        Ok(path)
    }

    /// Adds a policy update, of which there is one for each number.
    pub(crate) fn add_update(&self, identity: &Identity, number: u32, update: &[u8]) -> Result<()> {
        let path = identity.folder.join(policy_file_name(number as usize));
        files::write_new(&path, update, PRIVATE).map_err(|error| match error.code.as_str() {
            "exists" => CliError::failed(
                "changed-meanwhile",
                format!(
                    "`{}` has got policy number {number} in the meantime",
                    identity.name
                ),
                format!(
                    "see it with `dotkey key show {}`, and begin again if it is not what you want",
                    identity.name
                ),
            ),
            _ => error,
        })
    }

    fn nobody(&self, name: &KeyName) -> CliError {
        let known = self.names().unwrap_or_default();
        let known: Vec<&str> = known.iter().map(KeyName::as_str).collect();
        let next = match &known[..] {
            [] => format!(
                "make one with `dotkey key new {name}`, or say where your keys are with --data"
            ),
            known => format!(
                "there are: {}; or make it with `dotkey key new {name}`",
                known.join(", ")
            ),
        };
        CliError::not_found(
            format!(
                "there is no key named `{name}` in {}",
                self.folder.display()
            ),
            next,
        )
    }
}

fn taken(name: &KeyName) -> CliError {
    CliError::failed(
        "exists",
        format!("there is a key named `{name}` already, and keys are never overwritten"),
        format!("choose another name, or see what it is with `dotkey key show {name}`"),
    )
}

fn fill(folder: &Path, chain: &[Vec<u8>], keys: &[KeyFile]) -> Result<()> {
    files::make_private_folder(folder)?;
    for (number, policy) in chain.iter().enumerate() {
        files::write_new(&folder.join(policy_file_name(number)), policy, PRIVATE)?;
    }
    for key in keys {
        files::write_new(&folder.join(key_file_name(key)), &key.encode(), PRIVATE)?;
    }
    Ok(())
}

fn policy_file_name(number: usize) -> String {
    format!("policy-{number}")
}

/// Eight bytes of the public key tell the keys of one identity apart.
fn key_file_name(key: &KeyFile) -> String {
    format!(
        "{}.key",
        data_encoding::HEXLOWER.encode(&key.public.as_bytes()[..8])
    )
}

fn read_identity(name: &KeyName, folder: PathBuf) -> Result<Identity> {
    // Its own, that of all keys, and the data folder.
    check_folders(&folder, 3)?;
    let mut chain = Vec::new();
    while chain.len() < POLICY_CHAIN_MAX {
        let path = folder.join(policy_file_name(chain.len()));
        match files::read(&path, RECORD_BYTES_MAX, "the policy") {
            Ok(policy) => chain.push(policy),
            Err(error) if error.code == "not-found" => break,
            Err(error) => return Err(error),
        }
    }
    let authority = verify_chain(&chain, &format!("the policies in {}", folder.display()))?;
    let mut keys = Vec::new();
    for entry in entries(&folder)? {
        let path = folder.join(&entry);
        if path.extension().is_some_and(|extension| extension == "key") && !hidden(&entry) {
            keys.push(read_key(path)?);
        }
    }
    keys.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Identity {
        name: name.clone(),
        folder,
        chain,
        authority,
        keys,
    })
}

/// A folder and those above it, `count` together.
fn check_folders(folder: &Path, count: usize) -> Result<()> {
    folder
        .ancestors()
        .take(count)
        .try_for_each(files::check_folder)
}

/// What an interrupted write left: never part of anything.
fn hidden(entry: &std::ffi::OsStr) -> bool {
    entry.as_encoded_bytes().starts_with(b".")
}

fn read_key(path: PathBuf) -> Result<StoredKey> {
    let found = fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
    if !found.is_file() {
        return Err(damaged(&path, "is not a plain file"));
    }
    files::check_permissions(&path, 0o077, "600")?;
    let bytes = files::read(&path, KEY_FILE_BYTES_MAX, "the key file")?;
    let file = KeyFile::decode(&bytes).map_err(|error| {
        let code = error.code();
        CliError::failed(
            code,
            format!("{}: {error}", path.display()),
            "move that file away, then run `dotkey key import BACKUP NAME`",
        )
    })?;
    Ok(StoredKey { path, file })
}

fn entries(folder: &Path) -> Result<Vec<std::ffi::OsString>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect()
        }),
    };
    listed.map_err(|error| unreadable(folder, &error))
}

fn damaged(path: &Path, what: &str) -> CliError {
    CliError::failed(
        "not-a-key",
        format!("{} {what}", path.display()),
        "move it away; keys are folders that `dotkey key new` makes",
    )
}

/// A policy as the first one of a new identity.
pub(crate) fn genesis(policy: &Policy) -> Result<Vec<u8>> {
    policy.encode().map_err(|error| {
        CliError::failed(
            error.code(),
            format!("the policy is not valid: {error}"),
            "correct the policy; `docs/keys.md` describes it",
        )
    })
}
