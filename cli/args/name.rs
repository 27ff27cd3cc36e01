//! The commands about names that are claimed, and what every command takes that asks the ledger.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::AskArgs;
use crate::keys::KeyName;

#[derive(Debug, Subcommand)]
pub(crate) enum NameCommand {
    /// Claim a name: work for it, announce it, take it. Interrupted, the same command goes on where it was
    Claim(NameClaimArgs),
    /// Renew the lease of a name, or with --all of every name here whose time has come: safe in cron
    Renew(NameRenewArgs),
    /// Give a name to another identity, with the rest of its lease
    Transfer(NameTransferArgs),
    /// Give a name up: anybody can claim it at once
    Release(NameReleaseArgs),
    /// Who holds a name and until when, proved by the network
    Show(NameShowArgs),
    /// The names that the identities here hold, when their leases end, and the claims that are under way
    List(NameListArgs),
    /// Say when a name changes: its holder, its lease, its policy; until interrupted, an object a line with --json
    Watch(NameWatchArgs),
}

/// Which ledger, and how much is believed.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct LedgerArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
}

/// What proofs are checked against.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct TrustArgs {
    /// The network's genesis, which proofs are checked against [default: network.toml of the data folder]
    #[arg(long, value_name = "FILE", help_heading = "Proofs")]
    pub(crate) genesis: Option<PathBuf>,
    /// How old the newest block may be, in seconds [default: 3600]
    #[arg(long, value_name = "SECONDS", help_heading = "Proofs")]
    pub(crate) max_age: Option<u64>,
    /// Go on from validators that were last heard of more than 90 days ago
    #[arg(long, help_heading = "Proofs")]
    pub(crate) old_trust: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NameClaimArgs {
    /// The name, such as mysite.key
    pub(crate) name: String,
    /// Who is to hold it [default: the one identity here]
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<KeyName>,
    /// Save the proof that it is held, for `dotkey verify`
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
#[command(override_usage = "dotkey name renew [OPTIONS] <NAME | --all>")]
pub(crate) struct NameRenewArgs {
    /// The name, such as mysite.key
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) name: Option<String>,
    /// Every name of the identities here, as far as it can be renewed yet
    #[arg(long)]
    pub(crate) all: bool,
    /// Only of this identity, or with its key [default: whoever of those here holds the name]
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<KeyName>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NameTransferArgs {
    /// The name, such as mysite.key
    pub(crate) name: String,
    /// Who gets it: a key id of 56 characters, with or without the suffix, or an identity here
    #[arg(long, value_name = "IDENTITY")]
    pub(crate) to: String,
    /// Whose it is [default: whoever of those here holds it]
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<KeyName>,
    /// Agree beforehand: it is not asked for, and has to be given where nobody can be asked
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NameReleaseArgs {
    /// The name, such as mysite.key
    pub(crate) name: String,
    /// Whose it is [default: whoever of those here holds it]
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<KeyName>,
    /// Agree beforehand: it is not asked for, and has to be given where nobody can be asked
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NameShowArgs {
    /// The name, such as mysite.key
    pub(crate) name: String,
    /// Save the proof, for `dotkey verify`
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NameListArgs {
    /// Only of this identity
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<KeyName>,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NameWatchArgs {
    /// The name, such as mysite.key
    pub(crate) name: String,
    /// End at the first change
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}
