//! The command line, as `dotkey help` shows it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args as ClapArgs, Parser, Subcommand};
use dotkey_proto::identity::Branch;
use dotkey_proto::signature::PublicKey;
use serde_json::json;

use crate::exit::Exit;
use crate::keys::KeyName;
use crate::output::Output;

mod gateway;
mod name;
mod network;
mod node;
mod resolver;
mod trust;
mod values;

pub(crate) use gateway::{GatewayRunArgs, RouteCommand};
pub(crate) use name::{
    LedgerArgs, NameClaimArgs, NameCommand, NameListArgs, NameReleaseArgs, NameRenewArgs,
    NameShowArgs, NameTransferArgs, NameWatchArgs, TrustArgs,
};
pub(crate) use network::{
    NetworkApproveArgs, NetworkCandidateArgs, NetworkChangeArgs, NetworkCommand, NetworkInitArgs,
    NetworkShowArgs,
};
pub(crate) use node::{AskArgs, LogFormat, NodeArgs, NodeCommand, Ports, RunArgs};
pub(crate) use resolver::{CacheCommand, ResolverArgs, ResolverCommand, ResolverRunArgs};
pub(crate) use trust::{StoreKind, StoresArgs, TrustCommand};
pub(crate) use values::{Bytes, Moment, WalletSignature, bytes_in_words};

/// A key is a domain: make one, say what its name contains, sign it, and let anyone check it.
///
/// Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 verification failed.
#[derive(Debug, Parser)]
#[command(
    name = "dotkey",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Global {
    /// Folder that holds everything, keys included [env: DOTKEY_DATA; default: dotkey in $XDG_DATA_HOME or ~/.local/share]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file [env: DOTKEY_CONFIG; default: ~/.config/dotkey/config.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object on standard output, and nothing else there
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run all there is in one process: a registry node, its API, a resolver and a gateway
    Up(RunArgs),
    /// Run a registry node, or look after the one that runs
    Node(NodeArgs),
    /// Run a resolver by itself, which asks nodes and believes none; or show the anchor of what it signs
    Resolver(ResolverArgs),
    /// Run a gateway by itself, which carries requests to the providers of a name
    Gateway(GatewayRunArgs),
    /// Explain what the running gateway would do with a request
    #[command(subcommand)]
    Route(RouteCommand),
    /// Show or flush the answers that the running resolver keeps
    #[command(subcommand)]
    Cache(CacheCommand),
    /// How the running node does: peers, records, whether they are safe, whether others reach it
    Status {
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Make a network of validators, join one, or show the one that this data folder follows
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Make, show, carry and rotate identities
    #[command(subcommand)]
    Key(KeyCommand),
    /// Claim readable names, keep them, give them away; see who holds one
    #[command(subcommand)]
    Name(NameCommand),
    /// Write, check, sign and publish what a name contains
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// Check a saved record or proof: who signed it, whether they may, and whether it holds now
    Verify(VerifyArgs),
    /// What a name leads to
    Resolve(ResolveArgs),
    /// Make browsers and this system trust the gateway's certificates for names under the suffix, or no longer
    #[command(subcommand)]
    Trust(TrustCommand),
    /// Print the completions of a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them
    Man {
        /// Write a page for each command into this folder
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make an identity: a key to use now, and the next one, which lies ready
    New(KeyNewArgs),
    /// The identities of this data folder
    List,
    /// What an identity is, who may act for it, and which of its secret keys are here
    Show {
        /// Its name here
        name: KeyName,
    },
    /// Take in an identity or a key file that was exported, here or elsewhere
    Import {
        /// What `dotkey key export` wrote, or a single key file
        file: PathBuf,
        /// What it is called here [default: the file's name]
        name: Option<KeyName>,
    },
    /// Write an identity to a file: with its secret keys (under their passphrases), or for others
    Export {
        /// Its name here
        name: KeyName,
        /// The file [default: NAME.identity]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Leave the secret keys out: for those who sign with you, or check what you sign
        #[arg(long)]
        public: bool,
    },
    /// Change to the next key, or to another policy; where several must agree, in turns
    Rotate(KeyRotateArgs),
    /// Take an identity back with its recovery keys
    Recover(KeyRecoverArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyNewArgs {
    /// What it is called here: a to z, 0 to 9, hyphens
    pub(crate) name: KeyName,
    /// Several keys with roles, from a policy file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["wallet", "recovery", "bare"])]
    pub(crate) policy: Option<PathBuf>,
    /// An Ethereum wallet, by its address; nothing secret is made here
    #[arg(long, value_name = "0xADDRESS", conflicts_with_all = ["recovery", "bare"])]
    pub(crate) wallet: Option<PublicKey>,
    /// Make a recovery key too, which can undo a rotation through the ledger
    #[arg(long, conflicts_with = "bare")]
    pub(crate) recovery: bool,
    /// Only one key, with no next one ready: its public key alone is the identity
    #[arg(long)]
    pub(crate) bare: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyRotateArgs {
    /// Its name here
    pub(crate) name: KeyName,
    /// The new policy, for identities with several keys
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The update that passes from one to the next who sign it: made if it does not exist, else signed on
    #[arg(long, value_name = "FILE")]
    pub(crate) draft: Option<PathBuf>,
    /// What a wallet gave for the text that it was shown
    #[arg(long, value_name = "0xSIGNATURE", requires = "draft")]
    pub(crate) signature: Option<WalletSignature>,
    /// Sign what others began without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct KeyRecoverArgs {
    /// Its name here
    pub(crate) name: KeyName,
    /// Undo from this policy number on [default: replace what is in use now]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..64))]
    pub(crate) undo: Option<u8>,
    /// The policy to recover to, for identities with several keys
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The recovery update: made if it does not exist, else signed on
    #[arg(long, value_name = "FILE")]
    pub(crate) draft: PathBuf,
    /// What a wallet gave for the text that it was shown
    #[arg(long, value_name = "0xSIGNATURE")]
    pub(crate) signature: Option<WalletSignature>,
    /// Sign what others began without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ZoneCommand {
    /// Write a commented file to start from
    New {
        /// The new file, such as mysite.toml
        file: PathBuf,
    },
    /// Say whether a zone is valid, and what is in it
    Check {
        /// A zone in TOML
        file: PathBuf,
    },
    /// Sign a zone, or add a signature to a record that lacks some
    Sign(ZoneSignArgs),
    /// Store a record on the network: signed now from a zone in TOML, or before
    Publish(ZonePublishArgs),
    /// Show a zone, what is in a record (without verifying it: see `dotkey verify`), or what the network has
    Show(ZoneShowArgs),
    /// What changed from one zone to another
    Diff {
        /// The old zone or record
        old: PathBuf,
        /// The new zone or record
        new: PathBuf,
    },
    /// Make a zone from a master file (RFC 1035)
    Import {
        /// The master file
        file: PathBuf,
        /// The name that the master file is of
        #[arg(long, value_name = "NAME")]
        origin: String,
        /// Write it to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write a zone's DNS records as a master file (RFC 1035)
    Export {
        /// A zone in TOML, or a record
        file: PathBuf,
        /// The name to write it for
        #[arg(long, value_name = "NAME")]
        origin: String,
        /// Write it to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ZoneSignArgs {
    /// A zone in TOML, or a record that lacks signatures
    pub(crate) file: PathBuf,
    /// Whose zone it is, or with whose key to sign on
    #[arg(long, value_name = "NAME")]
    pub(crate) key: KeyName,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// The record's file [default: FILE with the ending .record]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// What a wallet gave for the text that it was shown
    #[arg(long, value_name = "0xSIGNATURE")]
    pub(crate) signature: Option<WalletSignature>,
    /// Sign what others began without being asked
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What a new record says besides its zone.
#[derive(Debug, ClapArgs)]
pub(crate) struct Terms {
    /// Sequence number; the higher one replaces the lower [default: seconds since 1970, or one more than what is replaced]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=dotkey_proto::record::SEQUENCE_MAX))]
    pub(crate) seq: Option<u64>,
    /// How many days it holds, up to 400 [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=400))]
    pub(crate) days: Option<u64>,
    /// Only this branch of the zone, such as `blog`
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<Branch>,
    /// When it begins to hold [default: ten minutes ago]
    #[arg(long, value_name = "TIME")]
    pub(crate) not_before: Option<Moment>,
}

impl Terms {
    pub(crate) fn are_given(&self) -> bool {
        self.seq.is_some()
            || self.days.is_some()
            || self.branch.is_some()
            || self.not_before.is_some()
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ZonePublishArgs {
    /// The name that it is for, which is checked to be the key's, and the zone in TOML or its signed record
    #[arg(value_names = ["NAME", "FILE"], num_args = 1..=2, required = true)]
    pub(crate) what: Vec<PathBuf>,
    /// Whose zone it is; a record needs none
    #[arg(long, value_name = "NAME")]
    pub(crate) key: Option<KeyName>,
    #[command(flatten)]
    pub(crate) terms: Terms,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ZoneShowArgs {
    /// A zone in TOML, a record, or a name, which is fetched and verified
    pub(crate) what: PathBuf,
    /// Save the record that was fetched
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The record of this branch, such as `blog`
    #[arg(long, value_name = "BRANCH")]
    pub(crate) branch: Option<Branch>,
    /// Ask every node that should have it
    #[arg(long)]
    pub(crate) fresh: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    /// A record, or with --genesis a proof as `dotkey resolve NAME --proof FILE` saves it
    pub(crate) file: PathBuf,
    /// Check a proof, from this network's genesis on
    #[arg(long, value_name = "FILE")]
    pub(crate) genesis: Option<PathBuf>,
    /// How old the proof's block may be, in seconds [default: 3600]
    #[arg(long, value_name = "SECONDS", requires = "genesis")]
    pub(crate) max_age: Option<u64>,
    /// As if it were this time, such as 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<Moment>,
    /// Check that it is the record of this self-certifying name, or the proof of this claimed one
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ResolveArgs {
    /// The name, such as www.mysite.key
    pub(crate) name: String,
    /// A DNS type, such as AAAA [default: all that there is]
    #[arg(value_name = "TYPE")]
    pub(crate) rtype: Option<String>,
    /// Answer from this record, verified, and ask nobody
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node", "fresh", "proof"])]
    pub(crate) record: Option<PathBuf>,
    /// Save who holds the name, proved, with the record: `dotkey verify FILE --genesis GENESIS` checks it offline
    #[arg(long, value_name = "FILE")]
    pub(crate) proof: Option<PathBuf>,
    /// Ask every node that should have it
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Show each step on the way to the answer, with its time
    #[arg(long)]
    pub(crate) trace: bool,
    #[command(flatten)]
    pub(crate) ledger: LedgerArgs,
    /// As if it were this time, such as 2026-12-24T18:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) now: Option<Moment>,
}

/// Reads the command line. What is wrong with it, or the help that was asked for, is printed here.
pub(crate) fn parse() -> Result<(Args, Output), Exit> {
    let given: Vec<OsString> = std::env::args_os().collect();
    match Args::try_parse_from(&given) {
        Ok(args) => {
            let output = Output::new(args.global.json);
            Ok((args, output))
        }
        Err(error) => Err(refuse(&error, given.iter().any(|word| word == "--json"))),
    }
}

fn refuse(error: &clap::Error, as_json: bool) -> Exit {
    let printed = error.print().and_then(|()| io::stdout().flush());
    match (error.kind(), printed) {
        (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, Err(error))
            // A closed pipe is no reason to fail: whoever reads has seen enough.
            if error.kind() != io::ErrorKind::BrokenPipe =>
        {
            return Exit::Failed;
        }
        (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => return Exit::Done,
        _ => {}
    }
    if as_json {
        let message = message_of(error);
        let next = "see `dotkey help`";
        let object = json!({"error": {"code": "usage", "message": message, "next": next}});
        // Nothing is left to tell if even this cannot be written.
        let _ = writeln!(io::stdout(), "{object}");
    }
    Exit::Usage
}

/// All that is wrong, in one line: which argument, and what it could have been.
fn message_of(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing".to_owned();
    }
    let rendered = error.to_string();
    let lines = rendered.trim_start_matches("error: ").lines();
    let lines = lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"));
    lines.collect::<Vec<_>>().join(" ")
}
