//! Puts the engine together: the library of blocks, its backfill, the buffer of blocks on their way, the votes, the evidence.
//! The channels and the runtime are whoever's: real ones for a node, simulated ones for the tests.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use commonware_consensus::marshal::core::Actor;
use commonware_cryptography::Digested;
use commonware_utils::{NZU16, NZU64, NZUsize, NonZeroDuration};
use p2p::utils::mux::{Builder as _, Muxer};
use p2p::{AddressableManager, Blocker, Receiver, Sender};
use tokio::sync::mpsc;

use super::committee::{Committees, Identity};
use super::conductor::{
    Automaton, BUFFER, Conductor, Deliveries, Expected, Library, Lines, MAILBOX, Stray, stopped,
};
use super::desk::Desk;
use super::error::ConsensusError;
use super::journal::{JournalError, Signed};
use super::keeper::{Keeper, Witness};
use super::library::{
    CacheRef, Digest, EightCap, Finalization, Runtime, Sequential, Signer, ValidatorKey, Votes,
    buffered, certificate::Verifier as _, marshal, p2p, prunable,
};
use super::proposer::Proposer;
use super::{Block, timing, work};

/// Blocks of one validator that are kept while they are voted for.
const BLOCKS_ON_THEIR_WAY: usize = 8;

/// Blocks that are given to the application before it has written the first of them.
const DELIVERED_MAX: std::num::NonZeroUsize = NZUsize!(16);

/// Missing blocks that are asked for at a time.
const BACKFILL_MAX: std::num::NonZeroUsize = NZUsize!(64);

/// Blocks that lie, and are removed, together.
const BLOCKS_A_SECTION: std::num::NonZeroU64 = NZU64!(4096);

/// Everything that validators say to each other, by what it is.
pub(super) struct Channels<S, R> {
    pub(super) votes: (S, R),
    pub(super) certificates: (S, R),
    pub(super) lookups: (S, R),
    pub(super) blocks: (S, R),
    pub(super) backfill: (S, R),
    pub(super) work: (S, R),
}

/// What the engine is made of, beside the channels.
pub(super) struct Parts<M, B> {
    pub(super) desk: Arc<Desk>,
    pub(super) identity: Arc<Identity>,
    pub(super) peers: M,
    pub(super) blocker: B,
    pub(super) outgoing: mpsc::Receiver<Bytes>,
    /// Peers that there is room for.
    pub(super) room: NonZeroUsize,
    /// What the names of all partitions begin with: nothing for a node, which has a folder of its own.
    pub(super) partitions: String,
}

type Store<E, V> = prunable::Archive<EightCap, E, Digest, V>;

/// Runs until something fails, or the future is dropped.
pub(super) async fn run<E, M, B, S, R>(
    context: E,
    parts: Parts<M, B>,
    channels: Channels<S, R>,
) -> Result<(), ConsensusError>
where
    E: Runtime,
    M: AddressableManager<PublicKey = ValidatorKey>,
    B: Blocker<PublicKey = ValidatorKey>,
    S: Sender<PublicKey = ValidatorKey>,
    R: Receiver<PublicKey = ValidatorKey>,
{
    let desk = Arc::clone(&parts.desk);
    let stores = Stores::open(&context, &parts).await?;
    let config = buffer_config(&parts.identity, parts.peers.clone());
    let (sending, buffer) = buffered::Engine::new(context.child("buffer"), config);
    let backfill = marshal::resolver::p2p::init(
        context.child("backfill"),
        backfill_config(&parts),
        channels.backfill,
    );
    let (deliveries, delivering) = mpsc::unbounded_channel();
    let buffering = sending.start(channels.blocks);
    let keeping = stores
        .library_actor
        .start(Deliveries(deliveries), buffer, backfill);
    let (lines, strays) = lines(
        &context,
        channels.votes,
        channels.certificates,
        channels.lookups,
    );
    let automaton = Automaton::new(
        context.child("automaton"),
        Proposer::new(Arc::clone(&desk)),
        stores.library.clone(),
        desk.epocher.clone(),
    );
    let conductor = Conductor {
        context: context.child("conductor"),
        desk: Arc::clone(&desk),
        committees: stores.committees,
        library: stores.library,
        automaton,
        witness: stores.witness,
        signed: stores.signed,
        peers: parts.peers,
        blocker: parts.blocker,
        lines,
        cache: stores.cache,
        room: parts.room,
        partitions: parts.partitions,
        voting: None,
        ahead: None,
        expected: Expected::default(),
    };
    let exchange = context.child("work").dedicated().spawn({
        let desk = Arc::clone(&desk);
        move |context| work::run(context, desk, parts.outgoing, channels.work)
    });
    tokio::select! {
        biased;
        reason = desk.halted() => Err(ConsensusError::Ledger(reason)),
        ended = conductor.run(stores.delivered, delivering, strays) => ended,
        ended = stores.keeper.run() => ended.map_err(ConsensusError::from),
        ended = exchange => ended.map_err(|error| stopped(&error.to_string()))?,
        ended = keeping => Err(stopped(&format!("blocks are not kept any more: {ended:?}"))),
        ended = buffering => Err(stopped(&format!("blocks are not sent any more: {ended:?}"))),
    }
}

/// What the engine has on disk, opened.
struct Stores<E: Runtime> {
    committees: Committees,
    cache: CacheRef,
    signed: Signed<E>,
    keeper: Keeper<E>,
    witness: Witness,
    library_actor: LibraryActor<E>,
    library: Library,
    delivered: u64,
}

impl<E: Runtime> Stores<E> {
    async fn open<M, B>(context: &E, parts: &Parts<M, B>) -> Result<Self, ConsensusError> {
        let desk = Arc::clone(&parts.desk);
        let application = Arc::clone(&desk.application);
        let tip = application.tip();
        let epoch = desk.epoch(tip.height + 1);
        let signed = Signed::open(
            context.child("signed"),
            parts.partitions.clone(),
            tip,
            epoch,
        )
        .await?;
        let cache = CacheRef::new(NZU16!(4084), NZUsize!(256));
        let committees = Committees::new(application, desk.network, Arc::clone(&parts.identity));

        let (keeper, witness) = Keeper::open(
            context.child("evidence"),
            &format!("{}evidence", parts.partitions),
            Arc::clone(&desk),
            committees.clone(),
        )
        .await?;
        let (library_actor, library, delivered) =
            library(context, &parts.partitions, &desk, &committees, &cache).await?;

        Ok(Self {
            committees,
            cache,
            signed,
            keeper,
            witness,
            library_actor,
            library,
            delivered,
        })
    }
}

fn buffer_config<M: p2p::Provider<PublicKey = ValidatorKey>>(
    identity: &Identity,
    peer_provider: M,
) -> buffered::Config<ValidatorKey, (), M, Sequential> {
    buffered::Config {
        public_key: identity.key.public_key(),
        mailbox_size: MAILBOX,
        deque_size: BLOCKS_ON_THEIR_WAY,
        priority: true,
        codec_config: (),
        peer_provider,
        strategy: Sequential,
    }
}

fn backfill_config<M, B>(parts: &Parts<M, B>) -> marshal::resolver::p2p::Config<ValidatorKey, M, B>
where
    M: p2p::Provider<PublicKey = ValidatorKey>,
    B: Blocker<PublicKey = ValidatorKey>,
{
    marshal::resolver::p2p::Config {
        public_key: parts.identity.key.public_key(),
        peer_provider: parts.peers.clone(),
        blocker: parts.blocker.clone(),
        mailbox_size: MAILBOX,
        fetch_timeout: NonZeroDuration::new_panic(timing::FETCH_TIMEOUT),
        fetch_retry_delay: timing::FETCH_TIMEOUT / 8,
        priority_requests: false,
        priority_responses: false,
    }
}

/// Divides the channels of votes among the epochs. Votes of epochs that this node has not entered come out beside.
fn lines<E, S, R>(
    context: &E,
    votes: (S, R),
    certificates: (S, R),
    lookups: (S, R),
) -> (Lines<S>, mpsc::Receiver<Stray>)
where
    E: Runtime,
    S: Sender<PublicKey = ValidatorKey>,
    R: Receiver<PublicKey = ValidatorKey>,
{
    let (mux, votes, strays) = Muxer::builder(context.child("vote_lines"), votes.0, votes.1)
        .with_backup()
        .build();
    mux.start();
    let context_of_certificates = context.child("certificate_lines");
    let (mux, certificates) = Muxer::new(context_of_certificates, certificates.0, certificates.1);
    mux.start();
    let (mux, lookups) = Muxer::new(context.child("lookup_lines"), lookups.0, lookups.1);
    mux.start();
    let lines = Lines {
        votes,
        certificates,
        lookups,
    };
    (lines, strays)
}

type LibraryActor<E> = Actor<
    E,
    marshal::standard::Standard<Block>,
    Committees,
    Store<E, Finalization>,
    Store<E, Arc<Block>>,
    super::library::FixedEpocher,
    Sequential,
>;

/// Opens the library of final blocks, and says how far it had delivered them.
async fn library<E: Runtime>(
    context: &E,
    partitions: &str,
    desk: &Desk,
    committees: &Committees,
    cache: &CacheRef,
) -> Result<(LibraryActor<E>, Library, u64), ConsensusError> {
    let unreadable =
        |error: commonware_storage::archive::Error| JournalError::Storage(error.to_string());
    let config = Votes::certificate_codec_config_unbounded();
    let finalizations = archive_config(&format!("{partitions}certificates"), config, cache);
    let finalizations: Store<E, Finalization> =
        prunable::Archive::init(context.child("certificates"), finalizations)
            .await
            .map_err(unreadable)?;
    let blocks = archive_config(&format!("{partitions}blocks"), (), cache);
    let blocks: Store<E, Arc<Block>> = prunable::Archive::init(context.child("blocks"), blocks)
        .await
        .map_err(unreadable)?;
    let genesis = desk.application.genesis();
    let digest = Digest(genesis.digest());
    let (actor, mailbox, floor) = Actor::init(
        context.child("library"),
        finalizations,
        blocks,
        marshal::Config {
            provider: committees.clone(),
            epocher: desk.epocher.clone(),
            start: marshal::Start::Genesis(Digested::precomputed(genesis, digest)),
            partition_prefix: format!("{partitions}library"),
            mailbox_size: MAILBOX,
            view_retention: timing::VIEW_RETENTION,
            prunable_items_per_section: BLOCKS_A_SECTION,
            page_cache: cache.clone(),
            replay_buffer: BUFFER,
            key_write_buffer: BUFFER,
            value_write_buffer: BUFFER,
            block_codec_config: (),
            max_repair: BACKFILL_MAX,
            max_pending_acks: DELIVERED_MAX,
            strategy: Sequential,
        },
    )
    .await;
    let delivered = floor
        .processed()
        .map_or(0, |processed| processed.height().get());
    Ok((actor, mailbox, delivered))
}

fn archive_config<C>(
    name: &str,
    codec_config: C,
    cache: &CacheRef,
) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{name}-marks"),
        key_partition: format!("{name}-keys"),
        key_page_cache: cache.clone(),
        value_partition: format!("{name}-values"),
        compression: None,
        codec_config,
        items_per_section: BLOCKS_A_SECTION,
        key_write_buffer: BUFFER,
        value_write_buffer: BUFFER,
        replay_buffer: BUFFER,
    }
}
