//! `dotkey key export` and `dotkey key import`.

use std::path::{Path, PathBuf};

use dotkey_proto::identity::{PublicKey, key_id_of};
use dotkey_proto::keyfile::{IDENTITY_FILE_BYTES_MAX, IdentityFile, KeyFile, KeyFileError};
use serde_json::json;

use super::describe;
use super::update::payload_of;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::files::{self, PRIVATE, PUBLIC};
use crate::keys::{Held, Identity, KeyName, Keyring, StoredKey, verify_chain};
use crate::output::Answer;

pub(super) fn export(
    name: &KeyName,
    out: Option<&Path>,
    public: bool,
    context: &Context<'_>,
) -> Result<Answer> {
    let identity = context.store.open(name)?;
    let keys: Vec<KeyFile> = if public {
        Vec::new()
    } else {
        identity.keys.iter().map(|key| key.file.clone()).collect()
    };
    let count = keys.len();
    let bytes = IdentityFile {
        chain: identity.chain.clone(),
        keys,
    }
    .encode();
    let path = out.map_or_else(
        || PathBuf::from(format!("{name}.identity")),
        Path::to_path_buf,
    );
    files::write_new(&path, &bytes, if public { PUBLIC } else { PRIVATE })?;
    let (shown, quoted) = (path.display(), files::quoted(&path));
    let json = json!({"file": shown.to_string(), "key_id": identity.key_id().to_string(), "secret_keys": count});
    let text = match count {
        0 => format!(
            "Wrote {shown}: who may act for `{name}`, and nothing secret.\nNext: whoever signs with you, or checks what you sign, runs `dotkey key import {quoted}`."
        ),
        _ => format!(
            "Wrote {shown}: `{name}` with {count} secret keys, each under its passphrase.\nNext: keep it where only you can get at it; `dotkey key import {quoted}` takes it in elsewhere."
        ),
    };
    Ok(Answer::new(json, text))
}

pub(super) fn import(path: &Path, name: Option<&KeyName>, context: &Context<'_>) -> Result<Answer> {
    let bytes = files::read(path, IDENTITY_FILE_BYTES_MAX, "the file to import")?;
    files::check_size(path, &bytes, IDENTITY_FILE_BYTES_MAX, "a file to import")?;
    let refused = |error: KeyFileError| {
        CliError::invalid(
            error.code(),
            format!("{}: {error}", path.display()),
            "import a file that `dotkey key export` wrote, or a key file from a data folder",
        )
    };
    if KeyFile::claims(&bytes) {
        let key = KeyFile::decode(&bytes).map_err(refused)?;
        return import_key(&key, name, path, context);
    }
    let file = IdentityFile::decode(&bytes).map_err(refused)?;
    verify_chain(&file.chain, &path.display().to_string())?;
    let name = name.map_or_else(|| name_of(path), |name| Ok(name.clone()))?;
    match context.store.open(&name) {
        Ok(known) => merge(&known, &file, path, context),
        Err(error) if error.code == "not-found" => {
            context.store.check_free(&name)?;
            check_opens(&file.keys.iter().collect::<Vec<_>>(), path, context)?;
            let identity = context.store.create(&name, &file.chain, &file.keys)?;
            Ok(answer(&identity, "Took in", context))
        }
        Err(error) => Err(error),
    }
}

/// A name that the file suggests: `alice.identity` is alice's.
fn name_of(path: &Path) -> Result<KeyName> {
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    stem.parse().map_err(|error: String| {
        CliError::usage(
            error,
            format!(
                "say what it is called here: dotkey key import {} NAME",
                files::quoted(path)
            ),
        )
    })
}

/// What an identity that is here already gains: later updates and keys that are missing.
fn merge(
    known: &Identity,
    file: &IdentityFile,
    path: &Path,
    context: &Context<'_>,
) -> Result<Answer> {
    let name = &known.name;
    if file.chain.first().map(|genesis| key_id_of(genesis)) != Some(known.key_id()) {
        return Err(CliError::failed(
            "exists",
            format!("`{name}` is another identity here, and keys are never overwritten"),
            "import it under another name: dotkey key import FILE NAME",
        ));
    }
    let common = known.chain.len().min(file.chain.len());
    // By what the policies say: two copies of one update may have been completed by different signers.
    let policies = |chain: &[Vec<u8>]| -> Vec<Vec<u8>> {
        let chain = chain[..common].iter();
        chain.map(|element| payload_of(element).to_vec()).collect()
    };
    if policies(&known.chain) != policies(&file.chain) {
        return Err(CliError::failed(
            "fork",
            format!(
                "`{name}` was rotated differently here and in the file; only one of the two can be its history"
            ),
            "ask those who rotated it which is right; nothing was changed",
        ));
    }
    let mut missing = Vec::new();
    for key in &file.keys {
        if !is_here(known, key)? {
            missing.push(key);
        }
    }
    check_opens(&missing, path, context)?;
    for (number, update) in file.chain.iter().enumerate().skip(common) {
        context
            .store
            .add_update(known, u32::try_from(number).unwrap_or(u32::MAX), update)?;
    }
    for key in missing {
        context.store.add_key(known, key)?;
    }
    Ok(answer(
        &context.store.open(name)?,
        "Brought up to date",
        context,
    ))
}

/// Whether the very same key file is here. Where another one of the same key is, only its owner can tell which of the two
/// is damaged, or under which passphrase it is.
fn is_here(known: &Identity, key: &KeyFile) -> Result<bool> {
    match known.stored(&key.public) {
        None => Ok(false),
        Some(stored) if stored.file == *key => Ok(true),
        Some(stored) => Err(CliError::failed(
            "differs",
            format!(
                "the file of the key {} is another one here, {}; nothing was imported",
                PublicKey::Ed25519(key.public),
                stored.path.display()
            ),
            format!(
                "if the one here is damaged, or its passphrase is lost, move it away first: mv {} SOMEWHERE",
                files::quoted(&stored.path)
            ),
        )),
    }
}

/// A damaged backup, or one whose passphrase is lost, shows now and not on the day that it is needed.
fn check_opens(keys: &[&KeyFile], path: &Path, context: &Context<'_>) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut keyring = Keyring::new()?;
    if !keyring.can_open() {
        context.output.note(
            "note: there is no passphrase to try the secret keys with; set DOTKEY_PASSPHRASE, or run this at a terminal, to know that they open",
        );
        return Ok(());
    }
    for file in keys {
        let public = PublicKey::Ed25519(file.public);
        let key = StoredKey {
            path: path.to_path_buf(),
            file: (*file).clone(),
        };
        if let Err(error) = keyring.open(&key, &format!("the key {public}")) {
            return Err(CliError {
                message: format!("{}; it is the key {public}", error.message),
                next: "try again with its passphrase; if you are sure of it, the file is damaged: import another copy. Nothing was imported".to_owned(),
                ..error
            });
        }
    }
    Ok(())
}

/// A single key file goes to the identity that it belongs to.
fn import_key(
    key: &KeyFile,
    name: Option<&KeyName>,
    path: &Path,
    context: &Context<'_>,
) -> Result<Answer> {
    let shown = path.display();
    let Some(name) = name else {
        return Err(CliError::usage(
            format!("{shown} is one secret key of an identity"),
            format!("say whose: dotkey key import {} NAME", files::quoted(path)),
        ));
    };
    let identity = context.store.open(name)?;
    if !is_here(&identity, key)? {
        check_opens(&[key], path, context)?;
        let path = context.store.add_key(&identity, key)?;
        let identity = context.store.open(name)?;
        let held = identity
            .keys
            .iter()
            .find(|stored| stored.path == path)
            .map(|stored| identity.held(stored));
        if held == Some(Held::Aside) {
            context.output.note(&format!(
                "note: {} is neither in use nor the next key of `{name}`",
                PublicKey::Ed25519(key.public)
            ));
        }
    }
    Ok(answer(
        &context.store.open(name)?,
        "Took a key in for",
        context,
    ))
}

fn answer(identity: &Identity, did: &str, context: &Context<'_>) -> Answer {
    let suffix = &context.settings.suffix;
    Answer::new(
        describe::json(identity, suffix),
        format!(
            "{did} `{}`.\n\n{}",
            identity.name,
            describe::words(identity, suffix)
        ),
    )
}
