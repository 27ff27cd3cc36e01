//! The commands about a network: its genesis, and the folders of its validators.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::Ports;

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// Make a network: its genesis, and a ready data folder for each validator
    Init(NetworkInitArgs),
    /// Follow the network of a genesis with the node of this data folder
    Join {
        /// The genesis, as who founded the network gives it out
        file: PathBuf,
    },
    /// What a network is, and whether this data folder is one of its validators
    Show {
        /// A genesis [default: that of the data folder]
        file: Option<PathBuf>,
    },
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
