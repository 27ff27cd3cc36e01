//! The commands that make browsers and this system trust the gateway's authority, or no longer.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Put the authority of this data folder into the stores of this system and its browsers, so that they show a padlock for its names
    Install(StoresArgs),
    /// Take it out of them again
    Uninstall(StoresArgs),
    /// What the authority may sign, until when, and which stores trust it
    Show(StoresArgs),
}

/// Which stores are meant.
#[derive(Debug, ClapArgs)]
pub(crate) struct StoresArgs {
    /// This store only; may be repeated [default: all]
    #[arg(long = "store", value_name = "STORE", value_enum)]
    pub(crate) stores: Vec<StoreKind>,
}

/// Who looks into a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKind {
    /// curl and most programs of this system; changed by root
    System,
    /// Chromium and the browsers made from it
    Chromium,
    /// Firefox, in each of its profiles
    Firefox,
}

impl StoreKind {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Chromium, Self::Firefox];

    /// As it is written on the command line.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
        }
    }
}
