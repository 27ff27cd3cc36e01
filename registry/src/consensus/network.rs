//! The connections between validators: authenticated by their identities and encrypted, each pair connected directly.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use commonware_consensus::{marshal, simplex};
use commonware_cryptography::ChaCha20Poly1305;
use commonware_runtime::tokio::Context;
use commonware_stream::cups::{self, Cups};
use commonware_stream::sake::{self, Sake};
use commonware_utils::{NZU32, NZUsize};
use p2p::authenticated::lookup::{self, Network, Oracle, Receiver, Sender};
use p2p::utils::mux::prefixed;

use super::Block;
use super::assembly::Channels;
use super::committee::Identity;
use super::conductor::MAILBOX;
use super::library::{Digest, IdentityKey, Quota, ValidatorKey, Votes, p2p};
use super::timing::CLOCK_AHEAD_SECS_MAX;

/// The fewest connections that there is room for.
const PEERS_MIN: usize = 8;

/// Messages of each kind that a validator may send a second, and at once: fifty views a second with every vote and certificate of
/// each. What may come at once has its room reserved, for each peer.
const VOTES: (NonZeroU32, NonZeroU32) = (NZU32!(256), NZU32!(64));

/// A block in every view, and those that someone catches up with.
const BLOCKS: (NonZeroU32, NonZeroU32) = (NZU32!(128), NZU32!(32));

/// Batches of transactions: more fill blocks whoever sends them.
const BATCHES: (NonZeroU32, NonZeroU32) = (NZU32!(128), NZU32!(64));

/// Validators of one epoch that messages have room for.
const VALIDATORS_MAX: u32 = 256;

/// The channels, who may connect, and the task that fails when nobody can.
type Opened = (
    Channels<Sender<ValidatorKey, Context>, Receiver<ValidatorKey>>,
    Oracle<ValidatorKey>,
    commonware_runtime::Handle<()>,
);

type Handshake = Cups<Sake<IdentityKey>, ChaCha20Poly1305>;

fn quota((a_second, at_once): (NonZeroU32, NonZeroU32)) -> Quota {
    Quota::per_second(a_second).allow_burst(at_once)
}

/// How many connections there is room for, when so many may connect at the start: their number may double before a restart.
pub(super) fn room(peers: usize) -> NonZeroUsize {
    let room = (2 * peers).clamp(PEERS_MIN, 2 * VALIDATORS_MAX as usize);
    NonZeroUsize::new(room).expect("it has a minimum")
}

/// Listens, and returns the channels, and who may connect.
pub(super) fn open(
    context: Context,
    network: &[u8; 32],
    identity: &Identity,
    listen: SocketAddr,
    room: NonZeroUsize,
) -> Opened {
    let handshake: Handshake = Cups::new(
        Sake {
            signer: identity.key.clone(),
            synchrony_bound: Duration::from_secs(CLOCK_AHEAD_SECS_MAX),
            max_handshake_age: Duration::from_secs(CLOCK_AHEAD_SECS_MAX),
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let namespace = [&b"dotkey validators v1"[..], network].concat();
    let votes = simplex::max_payload_size::<Votes, Digest>(VALIDATORS_MAX);
    let blocks =
        marshal::max_payload_size::<marshal::standard::Standard<Block>, Votes>(VALIDATORS_MAX, &());
    let largest = p2p::max_message_size(&[prefixed(votes), blocks]);
    let config = lookup::Config {
        // Identities are shown by the handshake; addresses are hints, and loopback and home networks are fine.
        allow_private_ips: true,
        bypass_ip_check: true,
        peer_connection_cooldown: Duration::from_secs(1),
        dial_frequency: Duration::from_millis(500),
        tracked_peer_sets: NZUsize!(2),
        ping_frequency: Duration::from_secs(10),
        // A validator that restarts dials all others again, and several may share an address.
        allowed_handshake_rate_per_ip: Quota::per_second(NZU32!(32)),
        allowed_handshake_rate_per_subnet: Quota::per_second(NZU32!(128)),
        block_duration: Duration::from_hours(1),
        ..lookup::Config::recommended(handshake, &namespace, listen, room, largest, MAILBOX)
    };
    let (mut network, oracle) = Network::new(context, config);
    let channels = Channels {
        votes: network.register(0, quota(VOTES)),
        certificates: network.register(1, quota(VOTES)),
        lookups: network.register(2, quota(VOTES)),
        blocks: network.register(3, quota(BLOCKS)),
        backfill: network.register(4, quota(BLOCKS)),
        work: network.register(5, quota(BATCHES)),
    };
    let handle = network.start();
    (channels, oracle, handle)
}
