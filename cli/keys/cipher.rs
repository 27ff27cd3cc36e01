//! One key file, closed and opened: Argon2id makes a key of the passphrase, XChaCha20-Poly1305 seals the secret with it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use dotkey_proto::keyfile::{Cost, KeyFile, Salt};
use dotkey_proto::signature::SecretKey;
use zeroize::{Zeroize, Zeroizing};

use crate::exit::{CliError, Result};

/// Why a key file stayed closed.
#[derive(Debug)]
pub(super) enum Closed {
    /// The passphrase is another one, or the file was changed: the cipher cannot tell.
    WrongPassphrase,
    /// Sealed, but not the secret of the public key beside it.
    NotTheKey,
    /// The memory that its cost asks for is not there.
    NoMemory(String),
}

/// A new secret key from the system's randomness.
pub(crate) fn new_secret() -> Result<SecretKey> {
    let mut seed = Zeroizing::new([0; 32]);
    fill(&mut *seed)?;
    Ok(SecretKey::from_seed(&seed))
}

/// Seals a secret key with a passphrase.
pub(super) fn seal(secret: &SecretKey, passphrase: &str) -> Result<KeyFile> {
    let mut file = KeyFile {
        public: secret.public(),
        cost: Cost::RECOMMENDED,
        salt: [0; 16],
        nonce: [0; 24],
        sealed: [0; 48],
    };
    fill(&mut file.salt)?;
    fill(&mut file.nonce)?;
    let key = derive(passphrase, &file.salt, file.cost).map_err(|why| {
        CliError::failed(
            "no-memory",
            format!("the passphrase could not be made a key: {why}"),
            "free some memory and try again",
        )
    })?;
    let mut seed = secret.seed();
    let (nonce, associated) = (XNonce::from(file.nonce), file.associated_data());
    let tag = cipher(&key).encrypt_inout_detached(&nonce, &associated, (&mut seed[..]).into());
    let (text, place) = file.sealed.split_at_mut(32);
    text.copy_from_slice(&seed[..]);
    place.copy_from_slice(&tag.expect("32 bytes are within what the cipher seals"));
    Ok(file)
}

/// Opens a key file.
pub(super) fn open(file: &KeyFile, passphrase: &str) -> Result<SecretKey, Closed> {
    let key = derive(passphrase, &file.salt, file.cost).map_err(Closed::NoMemory)?;
    let (text, tag) = file.sealed.split_at(32);
    let mut seed = Zeroizing::new([0; 32]);
    seed.copy_from_slice(text);
    let tag = Tag::try_from(tag).map_err(|_| Closed::NotTheKey)?;
    let (nonce, associated) = (XNonce::from(file.nonce), file.associated_data());
    let opened =
        cipher(&key).decrypt_inout_detached(&nonce, &associated, (&mut seed[..]).into(), &tag);
    opened.map_err(|_| Closed::WrongPassphrase)?;
    let secret = SecretKey::from_seed(&seed);
    if secret.public() == file.public {
        Ok(secret)
    } else {
        Err(Closed::NotTheKey)
    }
}

fn cipher(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(<&Key>::from(key))
}

fn derive(passphrase: &str, salt: &Salt, cost: Cost) -> Result<Zeroizing<[u8; 32]>, String> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|error| error.to_string())?;
    let mut memory: Vec<Block> = Vec::new();
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|error| error.to_string())?;
    memory.resize(params.block_count(), Block::default());
    let mut key = Zeroizing::new([0; 32]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let derived = argon2.hash_password_into_with_memory(
        passphrase.as_bytes(),
        salt,
        &mut *key,
        &mut memory[..],
    );
    memory.iter_mut().for_each(Zeroize::zeroize);
    derived.map_err(|error| error.to_string())?;
    Ok(key)
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|error| {
        CliError::failed(
            "no-randomness",
            format!("the system gave no random bytes: {error}"),
            "try again; this is the system's to mend",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_opens_with_its_passphrase_alone() {
        let secret = new_secret().expect("randomness");
        let file = seal(&secret, "right").expect("memory");
        assert_eq!(
            open(&file, "right").expect("opens").public(),
            secret.public()
        );
        assert!(matches!(open(&file, "wrong"), Err(Closed::WrongPassphrase)));
        // What is authenticated beside the secret: the public key and the cost.
        let other = new_secret().expect("randomness").public();
        let changed = KeyFile {
            public: other,
            ..file.clone()
        };
        assert!(matches!(
            open(&changed, "right"),
            Err(Closed::WrongPassphrase)
        ));
        let cost = Cost {
            passes: 1,
            ..file.cost
        };
        assert!(matches!(
            open(&KeyFile { cost, ..file }, "right"),
            Err(Closed::WrongPassphrase)
        ));
    }

    #[test]
    fn two_files_of_one_key_have_nothing_in_common() {
        let secret = new_secret().expect("randomness");
        let (a, b) = (
            seal(&secret, "p").expect("memory"),
            seal(&secret, "p").expect("memory"),
        );
        assert!(a.salt != b.salt && a.nonce != b.nonce && a.sealed != b.sealed);
    }
}
