//! Why a node does not run, each with what to do.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use dotkey_registry::api::TokenError;
use dotkey_registry::node::StartError;
use dotkey_registry::store::StoreError;

use super::plan::Plan;
use crate::exit::CliError;
use crate::files;

const PORTS_AUTO: &str = "stop what uses it, name another with --api IP:PORT, or let free ones be found with --ports auto";

pub(crate) fn system(what: &str, error: &io::Error) -> CliError {
    CliError::failed(
        "system",
        format!("{what}: {error}"),
        "see what limits this machine sets for processes",
    )
}

pub(super) fn ended() -> CliError {
    CliError::failed(
        "node-ended",
        "the node ended by itself",
        "start it again, with --log info to see why; what was acknowledged is on disk",
    )
}

pub(crate) fn api_port(address: SocketAddr, error: &io::Error) -> CliError {
    if error.kind() == io::ErrorKind::AddrInUse {
        return CliError::failed(
            "port-in-use",
            format!(
                "port {} (TCP, for the API) is in use by another program",
                address.port()
            ),
            PORTS_AUTO,
        );
    }
    CliError::failed(
        "no-port",
        format!("the API cannot listen on {address}: {error}"),
        "name an address of this machine with --api IP:PORT; ports below 1024 need root",
    )
}

pub(crate) fn token(error: &TokenError) -> CliError {
    CliError::failed("bad-token", error, "then start it again")
}

pub(super) fn start(error: &StartError, plan: &Plan) -> CliError {
    match error {
        StartError::Store(error) => store(error),
        StartError::Listen { address, reason } => listen(&address.to_string(), reason),
        StartError::Setting { .. } => {
            CliError::usage(error, "correct it; `docs/cli.md` has every setting")
        }
        StartError::KeyReadable { file, .. } => CliError::failed(
            "loose-permissions",
            error,
            format!(
                "if nobody has, run: chmod 600 {file}; else remove it, and the node starts as another one",
                file = files::quoted(file)
            ),
        ),
        StartError::File { file, source } if source.kind() == io::ErrorKind::StorageFull => {
            no_space(file)
        }
        StartError::OtherNetwork(_) => CliError::failed(
            "other-network",
            error,
            "name another data folder with --data, or leave --network out",
        ),
        StartError::ValidatorKey { .. } => CliError::failed(
            "bad-validator-key",
            error,
            "restore it from its copy, or begin in another data folder",
        ),
        StartError::Consensus(_) => CliError::failed(
            "no-consensus",
            error,
            "correct it; --no-ledger runs the node without",
        ),
        StartError::Mdns(_) => CliError::failed("no-mdns", error, "leave --mdns out"),
        error => CliError::failed(
            "no-start",
            error,
            format!("check the data folder {}", plan.data.display()),
        ),
    }
}

fn listen(address: &str, reason: &str) -> CliError {
    // The reason is the system's text, in the words of the C library.
    if reason.contains("in use") {
        return CliError::failed(
            "port-in-use",
            format!(
                "port {} ({}, for peers) is in use by another program: {address}",
                number(address),
                if address.contains("/udp/") {
                    "UDP"
                } else {
                    "TCP"
                }
            ),
            "stop what uses it, name another with --listen, or let free ones be found with --ports auto",
        );
    }
    CliError::failed(
        "no-port",
        format!("cannot listen for peers on {address}: {reason}"),
        "name an address of this machine with --listen",
    )
}

/// The port of a multiaddress.
fn number(address: &str) -> &str {
    let mut parts = address.split('/');
    let found = parts.find(|part| *part == "udp" || *part == "tcp");
    found.and_then(|_| parts.next()).unwrap_or("?")
}

/// The store's own message is for a node that runs, and recovers by itself.
fn no_space(path: &Path) -> CliError {
    CliError::failed(
        "no-space",
        format!("no space is left for {}", path.display()),
        "free some, 8 MiB at least, then run this again",
    )
}

/// Of a backup nothing is mended: it is a copy, and there may be another.
pub(super) fn damaged_backup(from: &Path, file: Option<&str>, reason: &str) -> CliError {
    let place = file.map(|file| format!(" in {file}")).unwrap_or_default();
    CliError::failed(
        "damaged",
        format!("the backup {} is damaged{place}: {reason}", from.display()),
        "restore another backup; nothing was changed",
    )
}

/// A data folder without records.
pub(super) fn no_store(folder: &Path) -> CliError {
    CliError::not_found(
        format!("there is no store in {}", folder.display()),
        "name the node's data folder with --data; `dotkey node` makes a new store where there is none",
    )
}

/// A folder that is no backup.
pub(super) fn no_backup(folder: &Path) -> CliError {
    CliError::not_found(
        format!("there is no backup in {}", folder.display()),
        "name a folder that `dotkey node backup` made",
    )
}

pub(super) fn store(error: &StoreError) -> CliError {
    let code = match error {
        StoreError::InUse { .. } => "in-use",
        StoreError::Damaged { .. } => "damaged",
        StoreError::Newer { .. } => "newer-format",
        StoreError::NoSpace { folder } => return no_space(folder),
        StoreError::Exists { .. } | StoreError::Inside { .. } => "exists",
        StoreError::Missing { folder } => return no_store(folder),
        StoreError::System { .. } => "store",
    };
    // The store's messages end with the next step.
    let text = error.to_string();
    let (message, next) = text
        .rsplit_once("; ")
        .unwrap_or((&text, "check the disk of the data folder"));
    CliError::failed(code, message, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_in_use_are_named() {
        let error = listen("/ip4/127.0.0.1/udp/4380/quic-v1", "Address already in use");
        assert_eq!(error.code, "port-in-use");
        assert!(error.message.starts_with("port 4380 (UDP"), "{error:?}");
        assert!(error.next.contains("--ports auto"));
        let busy = io::Error::from(io::ErrorKind::AddrInUse);
        let error = api_port(([127, 0, 0, 1], 5380).into(), &busy);
        assert!(error.message.starts_with("port 5380 (TCP"), "{error:?}");
        let other = listen("/ip4/192.0.2.1/tcp/1", "Cannot assign requested address");
        assert_eq!(other.code, "no-port");
    }
}
