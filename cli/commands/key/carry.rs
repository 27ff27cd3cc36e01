//! `dotkey key export` and `dotkey key import`.

use std::path::{Path, PathBuf};

use dotkey_proto::identity::{PublicKey, key_id_of};
use dotkey_proto::keyfile::{IDENTITY_FILE_BYTES_MAX, IdentityFile, KeyFile, KeyFileError};
use serde_json::json;

use super::describe;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::files::{self, PRIVATE, PUBLIC};
use crate::keys::{Held, Identity, KeyName, verify_chain};
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
    let shown = path.display();
    let json = json!({"file": shown.to_string(), "key_id": identity.key_id().to_string(), "secret_keys": count});
    let text = match count {
        0 => format!(
            "Wrote {shown}: who may act for `{name}`, and nothing secret.\nNext: whoever signs with you, or checks what you sign, runs `dotkey key import {shown}`."
        ),
        _ => format!(
            "Wrote {shown}: `{name}` with {count} secret keys, each under its passphrase.\nNext: keep it where only you can get at it; `dotkey key import {shown}` takes it in elsewhere."
        ),
    };
    Ok(Answer::new(json, text))
}

pub(super) fn import(path: &Path, name: Option<&KeyName>, context: &Context<'_>) -> Result<Answer> {
    let bytes = files::read(path, IDENTITY_FILE_BYTES_MAX, "the file to import")?;
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
        Ok(known) => merge(&known, &file, context),
        Err(error) if error.code == "not-found" => {
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
                path.display()
            ),
        )
    })
}

/// What an identity that is here already gains: later updates and keys that are missing.
fn merge(known: &Identity, file: &IdentityFile, context: &Context<'_>) -> Result<Answer> {
    let name = &known.name;
    if file.chain.first().map(|genesis| key_id_of(genesis)) != Some(known.key_id()) {
        return Err(CliError::failed(
            "exists",
            format!("`{name}` is another identity here, and keys are never overwritten"),
            "import it under another name: dotkey key import FILE NAME",
        ));
    }
    let common = known.chain.len().min(file.chain.len());
    if known.chain[..common] != file.chain[..common] {
        return Err(CliError::failed(
            "fork",
            format!(
                "`{name}` was rotated differently here and in the file; only one of the two can be its history"
            ),
            "ask those who rotated it which is right; nothing was changed",
        ));
    }
    for (number, update) in file.chain.iter().enumerate().skip(common) {
        context
            .store
            .add_update(known, u32::try_from(number).unwrap_or(u32::MAX), update)?;
    }
    for key in file
        .keys
        .iter()
        .filter(|key| known.stored(&key.public).is_none())
    {
        context.store.add_key(known, key)?;
    }
    Ok(answer(
        &context.store.open(name)?,
        "Brought up to date",
        context,
    ))
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
            format!("say whose: dotkey key import {shown} NAME"),
        ));
    };
    let identity = context.store.open(name)?;
    if identity.stored(&key.public).is_none() {
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
