//! Passphrases: from a terminal, or from `DOTKEY_PASSPHRASE` where there is none.

use std::env;
use std::io::IsTerminal;

use zeroize::Zeroizing;

use crate::exit::{CliError, Result};

/// How passphrases are had in this run of the program.
pub(super) enum Source {
    /// From the environment: there is one, and asking again gives the same.
    Given(Zeroizing<String>),
    /// By asking a person.
    Terminal,
    /// Not at all.
    Nowhere,
}

impl Source {
    pub(super) fn of_environment() -> Result<Self> {
        match env::var("DOTKEY_PASSPHRASE") {
            Ok(given) if given.is_empty() => Err(CliError::usage(
                "DOTKEY_PASSPHRASE is set, but empty",
                "set it to the passphrase of the key, or unset it to be asked",
            )),
            Ok(given) => Ok(Self::Given(Zeroizing::new(given))),
            Err(env::VarError::NotUnicode(_)) => Err(CliError::usage(
                "DOTKEY_PASSPHRASE is not UTF-8 text",
                "set it to the passphrase of the key, in UTF-8",
            )),
            Err(env::VarError::NotPresent) if std::io::stdin().is_terminal() => Ok(Self::Terminal),
            Err(env::VarError::NotPresent) => Ok(Self::Nowhere),
        }
    }

    /// The passphrase of a key that exists; `again` goes before the question.
    pub(super) fn ask(&self, again: &str, whose: &str) -> Result<Zeroizing<String>> {
        match self {
            Self::Given(given) => Ok(given.clone()),
            Self::Terminal => prompt(&format!("{again}Passphrase of {whose}: ")),
            Self::Nowhere => Err(nowhere()),
        }
    }

    /// A passphrase for a new key, asked for twice, because a typing mistake would lose the key.
    pub(super) fn ask_new(&self, whose: &str) -> Result<Zeroizing<String>> {
        let Self::Terminal = self else {
            return self.ask("", whose);
        };
        let passphrase = prompt(&format!("New passphrase for {whose}: "))?;
        if passphrase.is_empty() {
            return Err(CliError::failed(
                "empty-passphrase",
                "a key needs a passphrase",
                "run the command again, and choose one that is hard to guess: a few random words do well",
            ));
        }
        if prompt("The same again: ")? != passphrase {
            return Err(CliError::failed(
                "passphrases-differ",
                "the two passphrases differ",
                "run the command again",
            ));
        }
        Ok(passphrase)
    }
}

fn prompt(text: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(|error| {
            CliError::failed(
                "no-passphrase",
                format!("the passphrase could not be read: {error}"),
                "run the command at a terminal, or set DOTKEY_PASSPHRASE",
            )
        })
}

fn nowhere() -> CliError {
    CliError::failed(
        "no-passphrase",
        "a passphrase is needed, and there is no terminal to ask for it",
        "set DOTKEY_PASSPHRASE, or run the command at a terminal",
    )
}
