//! Hands final blocks to the application, in order and each once, and runs one engine of votes an epoch.

use std::num::NonZeroUsize;
use std::sync::Arc;

use commonware_cryptography::Digested;
use commonware_cryptography::certificate::Scheme as _;
use commonware_utils::acknowledgement::{Acknowledgement as _, Exact};
use commonware_utils::ordered::Map;
use commonware_utils::vec::NonEmptyVec;
use commonware_utils::{NZUsize, NonZeroDuration};
use dotkey_proto::ledger::Certificate;
use p2p::utils::mux::MuxHandle;
use p2p::{Address, AddressableManager, Blocker, Sender};
use tokio::sync::mpsc;

use super::committee::{Committees, certificate};
use super::desk::Desk;
use super::error::ConsensusError;
use super::journal::{JournalError, Signed, votes_partition};
use super::keeper::Witness;
use super::library::{
    CacheRef, Digest, Epoch, Epocher, Feedback, FixedEpocher, Handle, Height, Reporter, Reporters,
    Runtime, Sequential, ValidatorKey, Votes, decode, marshal, p2p, simplex,
};
use super::proposer::Proposer;
use super::{Block, Objection, Validator, address, timing};

/// Final blocks that other validators may still ask for: a week of heartbeats. Older ones come with a snapshot.
const BLOCKS_KEPT_MIN: u64 = 200_000;

/// Blocks between two prunings.
const PRUNE_EVERY: u64 = 4096;

/// Messages that a part of the engine has waiting at most.
pub(super) const MAILBOX: NonZeroUsize = NZUsize!(1024);

/// Bytes read ahead while a journal is replayed, and gathered before they are written.
pub(super) const BUFFER: NonZeroUsize = NZUsize!(256 * 1024);

pub(super) type Library = marshal::core::Mailbox<Votes, marshal::standard::Standard<Block>>;
pub(super) type Automaton<E> = marshal::standard::Inline<E, Votes, Proposer, Block, FixedEpocher>;

/// Final blocks on their way to the conductor. Not bounded here: the library waits for the acknowledgements.
#[derive(Clone)]
pub(super) struct Deliveries(pub(super) mpsc::UnboundedSender<(Digested<Block>, Exact)>);

impl Reporter for Deliveries {
    type Activity = marshal::Update<Block>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match update {
            marshal::Update::Tip(..) => Feedback::Ok,
            marshal::Update::Block(block, acknowledgement) => {
                match self.0.send((block, acknowledgement)) {
                    Ok(()) => Feedback::Ok,
                    Err(_) => Feedback::Closed,
                }
            }
        }
    }
}

/// The channels on which each epoch has its own.
pub(super) struct Lines<S: Sender> {
    pub(super) votes: MuxHandle<S>,
    pub(super) certificates: MuxHandle<S>,
    pub(super) lookups: MuxHandle<S>,
}

/// A vote of an epoch that this node has not entered: its number, who sent it.
pub(super) type Stray = (u64, (ValidatorKey, commonware_runtime::IoBuf));

pub(super) struct Conductor<E: Runtime, M, B, S: Sender> {
    pub(super) context: E,
    pub(super) desk: Arc<Desk>,
    pub(super) committees: Committees,
    pub(super) library: Library,
    pub(super) automaton: Automaton<E>,
    pub(super) witness: Witness,
    pub(super) signed: Signed<E>,
    pub(super) peers: M,
    pub(super) blocker: B,
    pub(super) lines: Lines<S>,
    pub(super) cache: CacheRef,
    pub(super) room: NonZeroUsize,
    pub(super) partitions: String,
    /// The engine of the epoch that this node is in.
    pub(super) voting: Option<(u64, Handle<()>)>,
    /// The farthest epoch that a validator was heard in, and which one.
    pub(super) ahead: Option<(u64, ValidatorKey)>,
    pub(super) expected: Expected,
}

/// Who may connect now.
#[derive(Default)]
pub(super) struct Expected {
    validators: Vec<Validator>,
    /// See [`super::Application::observers_changed`].
    changed: u64,
}

impl<E, M, B, S> Conductor<E, M, B, S>
where
    E: Runtime,
    M: AddressableManager<PublicKey = ValidatorKey>,
    B: Blocker<PublicKey = ValidatorKey>,
    S: Sender<PublicKey = ValidatorKey>,
{
    /// Works until something fails: `delivered` is how far the library had come before.
    pub(super) async fn run(
        mut self,
        delivered: u64,
        mut blocks: mpsc::UnboundedReceiver<(Digested<Block>, Exact)>,
        mut strays: mpsc::Receiver<Stray>,
    ) -> Result<(), ConsensusError> {
        self.catch_up(delivered).await?;
        self.enter().await?;
        loop {
            let voting = async {
                match &mut self.voting {
                    Some((_, handle)) => drop(handle.await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                block = blocks.recv() => match block {
                    Some((block, acknowledgement)) => self.take(block, acknowledgement).await?,
                    None => return Err(stopped("blocks are not delivered any more")),
                },
                stray = strays.recv() => match stray {
                    Some((epoch, (from, _))) => self.notice(epoch, from),
                    None => return Err(stopped("votes are not delivered any more")),
                },
                () = voting => return Err(stopped("the votes of the epoch ended")),
            }
        }
    }

    /// Gives the application again what it had not written when the engine was told that it had: its folder is an older copy.
    async fn catch_up(&mut self, delivered: u64) -> Result<(), ConsensusError> {
        loop {
            let tip = self.desk.application.tip();
            let next = tip.height + 1;
            if next > delivered {
                return Ok(());
            }
            let Some(block) = self.library.get_block(Height::new(next)).await else {
                let (ledger, missing) = (tip.height, next);
                return Err(JournalError::LedgerBehind { ledger, missing }.into());
            };
            self.finalise(block).await?;
        }
    }

    /// A final block came: new, or again after a restart.
    async fn take(
        &mut self,
        block: Digested<Block>,
        acknowledgement: Exact,
    ) -> Result<(), ConsensusError> {
        let height = block.inner().header().height;
        let tip = self.desk.application.tip();
        if height == tip.height && block.inner().digest() != tip.digest {
            return Err(JournalError::Forked { height }.into());
        }
        if height > tip.height + 1 {
            let (ledger, missing) = (tip.height, tip.height + 1);
            return Err(JournalError::LedgerBehind { ledger, missing }.into());
        }
        let is_new = height == tip.height + 1;
        if is_new {
            self.finalise(block).await?;
        }
        acknowledgement.acknowledge();
        if is_new && self.desk.is_border(height) {
            self.enter().await?;
        } else if is_new && self.desk.application.observers_changed() != self.expected.changed {
            // One that was just approved catches up before its first epoch begins.
            self.connect(self.desk.epoch(height + 1), height)?;
        }
        Ok(())
    }

    async fn finalise(&mut self, block: Digested<Block>) -> Result<(), ConsensusError> {
        let header = block.inner().header();
        let (height, epoch) = (header.height, header.epoch);
        let finalization = self.library.get_finalization(Height::new(height)).await;
        let certificate = finalization.as_ref().and_then(|finalization| {
            let committee = self.committees.of(epoch)?;
            certificate(finalization, committee.participants().len())
        });
        self.write(Arc::new(block), certificate).await?;
        let tip = self.desk.application.tip();
        assert!(tip.height == height, "what is finalised is the tip");
        self.signed.note(epoch).await?;
        let next = self.desk.epoch(height + 1);
        self.desk.status.send_modify(|status| {
            status.tip = tip;
            status.epoch = next;
        });
        let length = self
            .desk
            .epocher
            .first(Epoch::new(1))
            .expect("epochs have a length");
        let kept = BLOCKS_KEPT_MIN.max(length.get().saturating_mul(2));
        if height.is_multiple_of(PRUNE_EVERY) && height > kept {
            self.library.prune(Height::new(height - kept));
        }
        Ok(())
    }

    /// Lets the application write a final block. A full disk is waited for: nothing is acknowledged before.
    async fn write(
        &self,
        block: Arc<Digested<Block>>,
        certificate: Option<Certificate>,
    ) -> Result<(), ConsensusError> {
        let certificate = Arc::new(certificate);
        loop {
            let desk = Arc::clone(&self.desk);
            let (block, certificate) = (Arc::clone(&block), Arc::clone(&certificate));
            let writing = self
                .context
                .child("write")
                .shared(true)
                .spawn(move |_| async move {
                    let certificate = certificate.as_ref().as_ref();
                    desk.application.finalise(block.inner(), certificate)
                });
            match writing.await.map_err(|error| stopped(&error.to_string()))? {
                Ok(()) => break self.desk.waits(None),
                Err(Objection::NoSpace(why)) => {
                    self.desk.waits(Some(why));
                    self.context.sleep(timing::NO_SPACE_PAUSE).await;
                }
                Err(objection) => return Err(ConsensusError::Ledger(objection.to_string())),
            }
        }
        Ok(())
    }

    /// Another validator votes in an epoch that is not known here: its border has to be fetched.
    fn notice(&mut self, epoch: u64, from: ValidatorKey) {
        let Some((ours, _)) = self.voting else {
            return;
        };
        if epoch > ours
            && self
                .ahead
                .as_ref()
                .is_none_or(|(farthest, _)| epoch >= *farthest)
        {
            self.ahead = Some((epoch, from));
            self.hint();
        }
    }

    fn hint(&self) {
        if let (Some((ours, _)), Some((farthest, from))) = (&self.voting, &self.ahead)
            && farthest > ours
        {
            let border = self
                .desk
                .epocher
                .last(Epoch::new(*ours))
                .expect("epochs have a length");
            self.library
                .hint_finalized(border, NonEmptyVec::new(from.clone()));
        }
    }

    /// Starts the votes of the epoch that the next block belongs to.
    async fn enter(&mut self) -> Result<(), ConsensusError> {
        if let Some((_, handle)) = self.voting.take() {
            handle.abort();
        }
        let tip = self.desk.application.tip();
        let epoch = self.desk.epoch(tip.height + 1);
        let unknown = || {
            ConsensusError::Ledger(format!(
                "it does not say who votes in epoch {epoch}, though the epoch before is over; restore the data folder"
            ))
        };
        let committee = self.committees.of(epoch).ok_or_else(unknown)?;
        self.connect(epoch, tip.height)?;
        let before = self
            .desk
            .epocher
            .first(Epoch::new(epoch))
            .and_then(Height::previous);
        let before = before.unwrap_or(Height::zero());
        let root = match self.library.get_info(before).await {
            Some((_, digest)) => digest,
            None => {
                let (ledger, missing) = (tip.height, before.get());
                return Err(JournalError::LedgerBehind { ledger, missing }.into());
            }
        };
        let votes = committee.me().is_some();
        let handle = self.vote(epoch, committee.as_ref().clone(), root).await?;
        self.voting = Some((epoch, handle));
        self.desk.status.send_modify(|status| {
            status.epoch = epoch;
            status.votes = votes;
        });
        tracing::info!(epoch, votes, "a new epoch begins");
        self.hint();
        Ok(())
    }

    /// Says who may connect, where that has changed: the epoch's validators, and those to come.
    fn connect(&mut self, epoch: u64, height: u64) -> Result<(), ConsensusError> {
        let application = &self.desk.application;
        self.expected.changed = application.observers_changed();
        let mut validators = application.validators(epoch).unwrap_or_default();
        for one in application.observers() {
            // Where one that moves is now, until its new place holds.
            if validators
                .iter()
                .all(|known| known.identity != one.identity)
            {
                validators.push(one);
            }
        }
        if validators == self.expected.validators {
            return Ok(());
        }
        let peers = validators.iter().map(|one| {
            let identity = decode::<ValidatorKey>(&one.identity[..]);
            Ok((
                identity.map_err(|_| super::KeyError::Identity)?,
                address_of(one),
            ))
        });
        let peers: Vec<_> = peers.collect::<Result<_, ConsensusError>>()?;
        if peers.len() > self.room.get() {
            return Err(stopped(
                "the validators have more than doubled since it started",
            ));
        }
        // Heights grow, as the numbers of these sets must.
        self.peers.track(height, Map::from_iter_dedup(peers));
        self.expected.validators = validators;
        Ok(())
    }

    async fn vote(
        &mut self,
        epoch: u64,
        scheme: Votes,
        root: Digest,
    ) -> Result<Handle<()>, ConsensusError> {
        let automaton = self.automaton.clone();
        let reporter = Reporters::from((automaton.clone(), self.witness.clone()));
        let context = self.context.child("votes").with_attribute("epoch", epoch);
        let engine = simplex::Engine::new(
            context,
            simplex::Config {
                scheme,
                elector: simplex::elector::RoundRobin::<commonware_cryptography::Sha256>::default(),
                blocker: self.blocker.clone(),
                automaton: automaton.clone(),
                relay: automaton,
                reporter,
                track_historical_votes: true,
                strategy: Sequential,
                partition: votes_partition(&self.partitions, epoch),
                mailbox_size: MAILBOX,
                epoch: Epoch::new(epoch),
                floor: simplex::config::Floor::Genesis(root),
                replay_buffer: BUFFER,
                write_buffer: BUFFER,
                page_cache: self.cache.clone(),
                leader_timeout: timing::LEADER_TIMEOUT,
                certification_timeout: timing::CERTIFICATION_TIMEOUT,
                timeout_retry: timing::TIMEOUT_RETRY,
                view_retention: timing::VIEW_RETENTION,
                skip: timing::skip_policy(),
                fetch_timeout: NonZeroDuration::new_panic(timing::FETCH_TIMEOUT),
                fetch_retry_delay: timing::FETCH_TIMEOUT / 8,
                forward: simplex::config::ForwardPolicy::SilentVoters,
            },
        );
        let closed = |_| stopped("the channels to the other validators are closed");
        let votes = self.lines.votes.register(epoch).await.map_err(closed)?;
        let certificates = self
            .lines
            .certificates
            .register(epoch)
            .await
            .map_err(closed)?;
        let lookups = self.lines.lookups.register(epoch).await.map_err(closed)?;
        Ok(engine.start(votes, certificates, lookups))
    }
}

/// Where a validator is dialled. Two thirds have approved it: an address that does not read must not stop the others.
fn address_of(validator: &Validator) -> Address {
    address::read(&validator.address).unwrap_or_else(|error| {
        tracing::error!(%error, "a validator is not dialled");
        address::NOWHERE
    })
}

pub(super) fn stopped(what: &str) -> ConsensusError {
    ConsensusError::Stopped(what.to_owned())
}
