//! The secret keys at hand, opened as they are needed, each passphrase asked for once.

use dotkey_proto::keyfile::KeyFile;
use dotkey_proto::signature::SecretKey;
use zeroize::Zeroizing;

use super::StoredKey;
use super::cipher::{self, Closed};
use super::passphrase::Source;
use crate::exit::{CliError, Result};

/// A person may mistype twice.
const TRIES_MAX: usize = 3;

pub(crate) struct Keyring {
    source: Source,
    /// What worked last: keys of one identity mostly share a passphrase.
    last: Option<Zeroizing<String>>,
    /// What was opened or made: deriving a key takes its time, and is done once for each.
    #[expect(
        clippy::vec_box,
        reason = "each is wiped with its box, while a list that grows would leave copies behind"
    )]
    opened: Vec<Box<SecretKey>>,
}

impl Keyring {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            source: Source::of_environment()?,
            last: None,
            opened: Vec::new(),
        })
    }

    /// Whether there is a passphrase, or someone to ask for one.
    pub(crate) fn can_open(&self) -> bool {
        !matches!(self.source, Source::Nowhere)
    }

    /// Makes secret keys and seals them with one passphrase: the one last used, or a new one for `whose`.
    pub(crate) fn make(&mut self, count: usize, whose: &str) -> Result<Vec<KeyFile>> {
        let passphrase = match &self.last {
            Some(last) => last.clone(),
            None => self.source.ask_new(whose)?,
        };
        let mut files = Vec::new();
        for _ in 0..count {
            let secret = cipher::new_secret()?;
            files.push(cipher::seal(&secret, &passphrase)?);
            self.opened.push(Box::new(secret));
        }
        self.last = Some(passphrase);
        Ok(files)
    }

    /// Opens a key file; `whose` says to a person which it is.
    pub(crate) fn open(&mut self, key: &StoredKey, whose: &str) -> Result<&SecretKey> {
        let known = self
            .opened
            .iter()
            .position(|secret| secret.public() == key.file.public);
        let position = match known {
            Some(position) => position,
            None => {
                let secret = self.unseal(key, whose)?;
                self.opened.push(Box::new(secret));
                self.opened.len() - 1
            }
        };
        Ok(&self.opened[position])
    }

    fn unseal(&mut self, key: &StoredKey, whose: &str) -> Result<SecretKey> {
        if let Some(last) = &self.last
            && let Ok(secret) = cipher::open(&key.file, last)
        {
            return Ok(secret);
        }
        let tries = if let Source::Terminal = self.source {
            TRIES_MAX
        } else {
            1
        };
        for attempt in 0..tries {
            let again = if attempt == 0 {
                ""
            } else {
                "That was not it. "
            };
            let passphrase = self.source.ask(again, whose)?;
            match cipher::open(&key.file, &passphrase) {
                Ok(secret) => {
                    self.last = Some(passphrase);
                    return Ok(secret);
                }
                Err(Closed::WrongPassphrase) => {}
                Err(closed) => return Err(unopened(key, &closed)),
            }
        }
        Err(unopened(key, &Closed::WrongPassphrase))
    }
}

fn unopened(key: &StoredKey, closed: &Closed) -> CliError {
    let path = key.path.display();
    match closed {
        Closed::WrongPassphrase => CliError::failed(
            "wrong-passphrase",
            format!("the passphrase does not open {path}"),
            "try again; if you are sure of it, the file is damaged: move it away, then run `dotkey key import BACKUP NAME`",
        ),
        Closed::NotTheKey => CliError::failed(
            "not-the-key",
            format!("{path} holds another key than it says"),
            "move that file away, then run `dotkey key import BACKUP NAME`",
        ),
        Closed::NoMemory(why) => CliError::failed(
            "no-memory",
            format!("{path} could not be opened: {why}"),
            "free some memory and try again",
        ),
    }
}
