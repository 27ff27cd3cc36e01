//! How bytes reach a peer: QUIC, and TCP with Noise and Yamux, both also by a name of the old DNS and through a relay. Tests have
//! a transport inside the process.
//!
//! Every dial passes [`Guard`] first, whoever asked for it: libp2p's own protocols dial what strangers tell them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{
    Boxed, DialOpts, ListenerId, MemoryTransport, TransportError, TransportEvent,
};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::{
    Multiaddr, PeerId, Swarm, Transport as _, dns, noise, plaintext, quic, relay, swarm, tcp, yamux,
};

use super::addresses::Trust;
use super::behaviour::{Behaviour, Settings};
use super::exchange;
use crate::node::{StartError, Transport};

/// So long a connection may take to be made: the five round trips of a slow satellite take three. AutoNAT gives up on an answer after 10 s, and the
/// attempt that it waits for has to be over before: behind a NAT that swallows it no verdict would ever come.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that nothing uses is closed after this: shorter than a lookup's pause for thought, long enough for its next question.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Streams of one connection, both sides together: those of the exchange of records, and a few of each other protocol. Yamux ends a connection that has more.
const STREAMS_MAX: usize = 2 * exchange::STREAMS_MAX + 64;

/// Streams of one connection whose protocol is being agreed on.
const NEGOTIATING_MAX: usize = 32;

type Connected = (PeerId, StreamMuxerBox);

/// A swarm that listens nowhere yet.
pub(crate) fn swarm(
    transport: Transport,
    settings: &Settings<'_>,
    trust: &Trust,
) -> Result<Swarm<Behaviour>, StartError> {
    let key = settings.key;
    let me = key.public().to_peer_id();
    let (transport, relayed) = match transport {
        Transport::Memory => (memory(key), None),
        Transport::Network => {
            let (relays, relayed) = relay::client::new(me);
            (network(key, relays)?, Some(relayed))
        }
    };
    let guarded = Guard {
        inner: transport,
        trust: trust.clone(),
    };
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_TIMEOUT)
        // What is asked goes out with the name of its protocol, so that an answer takes one round trip and not two. Peers are asked only what they said they speak.
        .with_substream_upgrade_protocol_override(Version::V1Lazy)
        .with_max_negotiating_inbound_streams(NEGOTIATING_MAX);
    let behaviour = Behaviour::new(settings, relayed)?;
    Ok(Swarm::new(guarded.boxed(), behaviour, me, config))
}

fn network(
    key: &Keypair,
    relays: relay::client::Transport,
) -> Result<Boxed<Connected>, StartError> {
    let direct = direct(key)?;
    // Without a list of name servers (a bare container) numbers still work.
    let named = match dns::tokio::Transport::system(direct) {
        Ok(named) => named.boxed(),
        Err(error) => {
            tracing::info!(%error, "names in addresses of peers are not resolved here");
            self::direct(key)?
        }
    };
    let relayed = relays
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key).map_err(StartError::Noise)?)
        .multiplex(yamux())
        .timeout(CONNECT_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(relayed
        .or_transport(named)
        .map(|either, _| either.into_inner())
        .boxed())
}

fn direct(key: &Keypair) -> Result<Boxed<Connected>, StartError> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key).map_err(StartError::Noise)?)
        .multiplex(yamux())
        .timeout(CONNECT_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    let mut quic = quic::Config::new(key);
    quic.handshake_timeout = CONNECT_TIMEOUT;
    quic.max_concurrent_stream_limit = STREAMS_MAX as u32;
    let quic = quic::tokio::Transport::new(quic)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(quic
        .or_transport(tcp)
        .map(|either, _| either.into_inner())
        .boxed())
}

/// Without encryption: the peer's key is said, not proved. Never leaves the process.
fn memory(key: &Keypair) -> Boxed<Connected> {
    MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(plaintext::Config::new(key))
        .multiplex(yamux())
        .timeout(CONNECT_TIMEOUT)
        .boxed()
}

fn yamux() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX);
    config
}

/// Dials only what [`Trust`] allows.
struct Guard {
    inner: Boxed<Connected>,
    trust: Trust,
}

impl libp2p::Transport for Guard {
    type Output = Connected;
    type Error = io::Error;
    type ListenerUpgrade = <Boxed<Connected> as libp2p::Transport>::ListenerUpgrade;
    type Dial = <Boxed<Connected> as libp2p::Transport>::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<io::Error>> {
        if !self.trust.allows(&address) {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        self.inner.dial(address, options)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(context)
    }
}
