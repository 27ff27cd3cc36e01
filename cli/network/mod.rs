//! The network that a data folder follows: its genesis, kept as `network.toml` beside everything else.
//!
//! This module owns that file and the choice of the network. It promises that a folder which follows one network is never given another's.
//! What a genesis is belongs to `dotkey-proto`, what a ledger does with it to the registry.

mod found;

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use dotkey_proto::ledger::Genesis;
use dotkey_proto::limits::GENESIS_BYTES_MAX;
use dotkey_proto::text::toml::{parse_genesis, write_genesis};
use dotkey_registry::node::ledger::Network;

use crate::exit::{CliError, Result};
use crate::files;

pub(crate) use found::{Founded, check_address, found, own_identity, own_key};

/// How a node's address is written with its id, as `--join` takes it.
pub(crate) const ADDRESS_EXAMPLE: &str = "/ip4/192.0.2.7/udp/4380/quic-v1/p2p/12D3KooW…";

/// The genesis in a data folder.
const NETWORK_FILE: &str = "network.toml";

/// A genesis in words takes more room than its bytes.
const GENESIS_TEXT_BYTES_MAX: usize = 4 * GENESIS_BYTES_MAX;

/// Where a data folder has its genesis.
pub(crate) fn file_of(data: &Path) -> PathBuf {
    data.join(NETWORK_FILE)
}

/// A network's id in full.
pub(crate) fn id(genesis: &Genesis) -> String {
    HEXLOWER.encode(&genesis.network())
}

/// Reads a genesis that somebody gave out.
pub(crate) fn read(path: &Path) -> Result<Genesis> {
    let text = files::read_text(path, GENESIS_TEXT_BYTES_MAX, "the genesis of the network")?;
    parse_genesis(&text, &path.display().to_string()).map_err(|error| {
        CliError::failed(
            "bad-genesis",
            error.to_string().trim_end(),
            "take the file as who founded the network gave it out",
        )
    })
}

/// The genesis of a data folder; `None` where it follows no network yet.
pub(crate) fn of(data: &Path) -> Result<Option<Genesis>> {
    let file = file_of(data);
    match file.exists() {
        true => read(&file).map(Some),
        false => Ok(None),
    }
}

/// What a node in this data folder follows.
pub(crate) fn choose(data: &Path, told: Option<&Path>) -> Result<Network> {
    let told = told.map(read).transpose()?;
    let own = of(data)?;
    match (told, own) {
        (Some(told), own) => {
            if let Some(own) = own {
                check_same(data, &own, &told)?;
            }
            Ok(Network::Of(Box::new(told)))
        }
        (None, Some(own)) => Ok(Network::Of(Box::new(own))),
        (None, None) => Ok(Network::Own),
    }
}

/// Keeps the genesis in a data folder that has none.
pub(crate) fn save(data: &Path, genesis: &Genesis) -> Result<()> {
    match of(data)? {
        Some(own) => check_same(data, &own, genesis),
        None => files::write_new(
            &file_of(data),
            write_genesis(genesis).as_bytes(),
            files::PUBLIC,
        ),
    }
}

fn check_same(data: &Path, own: &Genesis, other: &Genesis) -> Result<()> {
    if own.network() == other.network() {
        return Ok(());
    }
    Err(CliError::failed(
        "other-network",
        format!(
            "{} follows the network `{}` ({}), and the genesis is that of `{}` ({})",
            data.display(),
            own.name,
            id(own),
            other.name,
            id(other)
        ),
        "name another data folder with --data: one folder follows one network",
    ))
}
