//! Founding a network: the genesis, and a data folder for each validator that is ready to be started.

use std::fs;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use dotkey_proto::ledger::{Genesis, Parameters, Terms};
use dotkey_proto::text::toml::write_genesis;
use dotkey_proto::words::counted;
use dotkey_registry::node::{
    ledger::{ValidatorKey, near_parameters},
    peer_id,
};

use super::{id, save};
use crate::args::{NetworkInitArgs, Ports};
use crate::commands::now;
use crate::config::CONFIG_FILE;
use crate::exit::{CliError, Result};
use crate::files;

/// On one machine, each validator has its ports this far from the last one's.
const PORT_STEP: u16 = 10;
const PEER_PORT: u16 = 4380;
const CONSENSUS_PORT: u16 = 4381;
const API_PORT: u16 = 5380;

/// What founders give out.
const GENESIS_FILE: &str = "genesis.toml";

/// With more, the ports of one kind would meet those of another.
const ON_DEFAULT_PORTS_MAX: usize = 64;

/// A network that was made.
pub(crate) struct Founded {
    pub(crate) genesis: Genesis,
    pub(crate) file: PathBuf,
    pub(crate) members: Vec<Member>,
}

/// A validator of it.
pub(crate) struct Member {
    pub(crate) folder: PathBuf,
    pub(crate) identity: [u8; 32],
    place: Place,
}

impl Member {
    /// Where the other validators reach it.
    pub(crate) fn address(&self) -> &str {
        &self.place.address
    }
}

/// Where a validator is to be reached, by whom.
struct Place {
    address: String,
    /// Where peers reach it: an IP address or a host name as multiaddresses write it.
    host: String,
    /// What it listens on for them.
    listen: String,
    peers: u16,
    api: u16,
}

/// Makes a network in a folder that must not exist: all of it, or nothing.
pub(crate) fn found(args: &NetworkInitArgs) -> Result<Founded> {
    let count = usize::from(args.validators);
    let places = places(args, count)?;
    if fs::symlink_metadata(&args.out).is_ok() {
        return Err(files::exists(&args.out));
    }
    let aside = Aside::of(&args.out)?;
    let mut founded = found_in(&aside.folder, places, args)?;
    aside.place()?;
    for member in &mut founded.members {
        // They are where they belong now.
        let name = member.folder.file_name().unwrap_or_default();
        member.folder = args.out.join(name);
    }
    founded.file = args.out.join(GENESIS_FILE);
    Ok(founded)
}

/// A folder beside the one that is wanted, with secrets, which goes again unless it is put in its place.
struct Aside<'a> {
    folder: PathBuf,
    place: &'a Path,
    placed: bool,
}

impl<'a> Aside<'a> {
    fn of(place: &'a Path) -> Result<Self> {
        let folder = files::temporary_beside(place);
        let folder = folder.map_err(|error| files::unwritable(place, &error))?;
        files::make_private_folder(&folder)?;
        Ok(Self {
            folder,
            place,
            placed: false,
        })
    }

    /// What is in it is on the disk already; its name follows.
    fn place(mut self) -> Result<()> {
        let placed = files::sync_folder(&self.folder)
            .and_then(|()| fs::rename(&self.folder, self.place))
            .and_then(|()| files::sync_folder(files::folder_of(self.place)));
        placed.map_err(|error| files::unwritable(self.place, &error))?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed is in nobody's way, and of a network that nobody has heard of.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn found_in(out: &Path, places: Vec<Place>, args: &NetworkInitArgs) -> Result<Founded> {
    let mut members = Vec::new();
    let mut candidates = Vec::new();
    let mut peers = Vec::new();
    for (place, number) in places.into_iter().zip(1..) {
        let folder = out.join(format!("validator-{number}"));
        files::make_private_folder(&folder)?;
        let failed =
            |error| CliError::failed("no-validator", error, "check the disk, then begin anew");
        let key = ValidatorKey::make(&folder).map_err(|error| failed(error.to_string()))?;
        let peer = peer_id(&folder).map_err(|error| failed(error.to_string()))?;
        candidates.push(key.candidate(&place.address));
        peers.push(format!(
            "/{}/udp/{}/quic-v1/p2p/{peer}",
            place.host, place.peers
        ));
        members.push(Member {
            folder,
            identity: key.identity_key(),
            place,
        });
    }
    candidates.sort_by_key(|one| *one.validator.identity.as_bytes());
    let terms = Terms {
        name: args.name.clone(),
        began: now(),
        validators: candidates,
        parameters: Parameters {
            epoch_blocks: args.epoch_blocks,
            ..near_parameters(args.stamp_bits)
        },
        reserved: Vec::new(),
    };
    let genesis = Genesis::new(&terms).map_err(|error| {
        CliError::usage(
            error,
            "give the network another name, or its validators other addresses",
        )
    })?;
    for (member, at) in members.iter().zip(0..) {
        save(&member.folder, &genesis)?;
        let others = peers.iter().enumerate().filter(|(other, _)| *other != at);
        let others: Vec<&str> = others.map(|(_, peer)| peer.as_str()).collect();
        let config = config(&member.place, &others, &id(&genesis));
        let file = member.folder.join(CONFIG_FILE);
        files::write_new(&file, config.as_bytes(), files::PUBLIC)?;
    }
    let file = out.join(GENESIS_FILE);
    files::write_new(&file, write_genesis(&genesis).as_bytes(), files::PUBLIC)?;
    Ok(Founded {
        genesis,
        file,
        members,
    })
}

fn places(args: &NetworkInitArgs, count: usize) -> Result<Vec<Place>> {
    if !args.address.is_empty() {
        if args.address.len() != count {
            return Err(CliError::usage(
                format!(
                    "{} for {}",
                    counted(args.address.len(), "address"),
                    counted(count, "validator")
                ),
                "give --address once for each validator, or leave it out for a network on this machine",
            ));
        }
        return args.address.iter().map(|text| place_at(text)).collect();
    }
    match args.ports.unwrap_or_default() {
        Ports::Default if count > ON_DEFAULT_PORTS_MAX => Err(CliError::usage(
            format!(
                "{} on one machine are too many for the default ports",
                counted(count, "validator")
            ),
            "add --ports auto, or name an --address for each",
        )),
        Ports::Default => {
            let steps = (1..=args.validators).map(|number| u16::from(number) * PORT_STEP);
            Ok(steps
                .map(|step| on_loopback([CONSENSUS_PORT + step, PEER_PORT + step, API_PORT + step]))
                .collect())
        }
        Ports::Auto => {
            let ports = free_ports(3 * count).map_err(|error| {
                CliError::failed("no-port", error, "name an --address for each validator")
            })?;
            let each = ports
                .chunks_exact(3)
                .map(|one| on_loopback([one[0], one[1], one[2]]));
            Ok(each.collect())
        }
    }
}

fn on_loopback([consensus, peers, api]: [u16; 3]) -> Place {
    Place {
        address: format!("127.0.0.1:{consensus}"),
        host: "ip4/127.0.0.1".to_owned(),
        listen: "ip4/127.0.0.1".to_owned(),
        peers,
        api,
    }
}

/// A validator on a machine of its own.
fn place_at(text: &str) -> Result<Place> {
    let bad = || {
        CliError::usage(
            format!("`{text}` is no address of a validator"),
            "write it as 192.0.2.1:4381, [2001:db8::1]:4381 or validator.example.net:4381",
        )
    };
    let host = match text.parse::<SocketAddr>() {
        Ok(address) => match address.ip() {
            IpAddr::V4(ip) => format!("ip4/{ip}"),
            IpAddr::V6(ip) => format!("ip6/{ip}"),
        },
        Err(_) => {
            let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
            if host.is_empty() || !host.chars().all(plain) || port.parse::<u16>().is_err() {
                return Err(bad());
            }
            format!("dns/{host}")
        }
    };
    let listen = match host.starts_with("ip6/") {
        true => "ip6/::",
        false => "ip4/0.0.0.0",
    };
    Ok(Place {
        address: text.to_owned(),
        host,
        listen: listen.to_owned(),
        peers: PEER_PORT,
        api: API_PORT,
    })
}

/// Ports that are free for TCP and UDP, all of them at the same time.
fn free_ports(count: usize) -> std::io::Result<Vec<u16>> {
    let mut held = Vec::new();
    while held.len() < count {
        let tcp = TcpListener::bind(("127.0.0.1", 0))?;
        let port = tcp.local_addr()?.port();
        // Another program may have it for UDP; the port is held all the same, so that it does not come again.
        let udp = UdpSocket::bind(("127.0.0.1", port)).ok();
        held.push((port, tcp, udp));
    }
    Ok(held.iter().map(|(port, ..)| *port).collect())
}

fn config(place: &Place, others: &[&str], network: &str) -> String {
    let Place {
        listen, peers, api, ..
    } = place;
    let join = others.iter().map(|peer| format!("  \"{peer}\",\n"));
    format!(
        "# A validator of network {network}. Its secrets are in validator.key and node.key: never run two copies of this folder.\n\n[node]\nlisten = [\"/{listen}/udp/{peers}/quic-v1\", \"/{listen}/tcp/{peers}\"]\napi = \"127.0.0.1:{api}\"\njoin = [\n{}]\n",
        join.collect::<String>()
    )
}

/// Whether others could reach a validator at an address.
pub(crate) fn check_address(text: &str) -> Result<()> {
    place_at(text).map(drop)
}

/// The secrets of a validator that a data folder has.
pub(crate) fn own_key(data: &Path) -> Result<Option<ValidatorKey>> {
    ValidatorKey::load(data).map_err(|error| {
        CliError::failed(
            "bad-validator-key",
            error,
            "restore it, with mode 0600, or move it away",
        )
    })
}

/// Whether a data folder has the secrets of a validator, and which.
pub(crate) fn own_identity(data: &Path) -> Result<Option<[u8; 32]>> {
    Ok(own_key(data)?.map(|key| key.identity_key()))
}
