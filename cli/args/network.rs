//! The commands about a network: its genesis, and the folders of its validators.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::{AskArgs, LedgerArgs, Ports};

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Make a network: its genesis, and a ready data folder for each validator
    Init(NetworkInitArgs),
    /// Follow the network of a genesis with the node of this data folder
    Join {
        /// The genesis, as who founded the network gives it out
        file: PathBuf,
    },
    /// What a network is, who votes, which changes are decided or wait for approvals, and whether this data folder is a validator's
    Show(NetworkShowArgs),
    /// Make the keys of a validator to come in this data folder, and the file by which the others add it
    Candidate(NetworkCandidateArgs),
    /// As a validator, want another one: when two thirds do, it votes from the next epoch on
    #[command(override_usage = "dotkey network add [OPTIONS] <FILE>")]
    Add {
        /// What `dotkey network candidate` wrote on the new one's machine; - for standard input
        file: PathBuf,
        #[command(flatten)]
        change: NetworkChangeArgs,
    },
    /// As a validator, want that one leaves: when two thirds do, it votes until the epoch ends
    #[command(override_usage = "dotkey network remove [OPTIONS] <IDENTITY>")]
    Remove {
        /// Which: its 64 digits, or the first of them, as `dotkey network show` has them
        identity: String,
        #[command(flatten)]
        change: NetworkChangeArgs,
    },
    /// As a validator, want what another one proposed
    Approve(NetworkApproveArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NetworkShowArgs {
    /// A genesis [default: that of the data folder, and what its running node says of the network now]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NetworkCandidateArgs {
    /// Where the other validators reach it, such as 192.0.2.1:4381 [default: nowhere, and it dials them]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "validator.candidate")]
    pub(crate) out: PathBuf,
}

/// How a change of the validators is brought about.
#[derive(Debug, ClapArgs)]
pub(crate) struct NetworkChangeArgs {
    /// Without being asked
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NetworkApproveArgs {
    /// Whose change, where several wait: the 64 digits of who is added or removed, or the first of them
    pub(crate) identity: Option<String>,
    #[command(flatten)]
    pub(crate) change: NetworkChangeArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NetworkInitArgs {
    /// How many validators; with 3f + 1, f may be down or malicious
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) validators: u8,
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// What people call the network
    #[arg(long, value_name = "NAME", default_value = "private")]
    pub(crate) name: String,
    /// Where validators reach each other, such as 192.0.2.1:4381, one for each [default: on this machine]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "ports")]
    pub(crate) address: Vec<String>,
    /// `auto` picks free ports of this machine in the place of 4391, 4401 and so on
    #[arg(long, value_name = "WHICH")]
    pub(crate) ports: Option<Ports>,
    /// The work of a claim's stamp, as a power of two; 18 takes a twentieth of a second, 24 some seconds
    #[arg(long, value_name = "BITS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(0..=60))]
    pub(crate) stamp_bits: u64,
    /// Blocks after which validators may change
    #[arg(long, value_name = "BLOCKS", default_value_t = 8640, value_parser = clap::value_parser!(u64).range(8..))]
    pub(crate) epoch_blocks: u64,
}
