//! Validators under a virtual clock, on a simulated network and disks. All that happens follows from a seed.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use commonware_consensus::types::FixedEpocher;
use commonware_p2p::simulated::{Config, Control, Link, Network, Oracle, Receiver, Sender};
use commonware_p2p::{LimitedSender, Recipients};
use commonware_runtime::{Clock, Handle, Quota, Spawner, Supervisor, deterministic::Context};
use commonware_utils::{NZU32, NZUsize, Probability};
use tokio::sync::{mpsc, watch};

use super::equivocator::{self, Victims};
use super::log::{Log, NETWORK, identity};
use crate::consensus::assembly::{self, Channels, Parts};
use crate::consensus::committee::committee;
use crate::consensus::desk::Desk;
use crate::consensus::library::{Signer, ValidatorKey};
use crate::consensus::{Application, Pacing, Status, Validator, network};

type Line = (Muted<Sender<ValidatorKey, Context>>, Receiver<ValidatorKey>);

/// Sends nothing while it is mute: a leader that withholds its blocks.
#[derive(Clone, Debug)]
pub(super) struct Muted<S> {
    inner: S,
    mute: bool,
}

impl<S: LimitedSender> LimitedSender for Muted<S> {
    type PublicKey = S::PublicKey;
    type Checked<'a> = S::Checked<'a>;

    fn check(
        &mut self,
        recipients: Recipients<S::PublicKey>,
    ) -> Result<S::Checked<'_>, SystemTime> {
        let nobody = Recipients::Some(Vec::new());
        self.inner
            .check(if self.mute { nobody } else { recipients })
    }
}

/// How a validator behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    Honest,
    /// Signs two things. To everyone, or each to a half of them.
    Equivocates {
        to_all: bool,
    },
    /// Keeps the blocks that it proposes to itself.
    Withholds,
}

/// One place on the network.
struct Place {
    log: Arc<Log>,
    conduct: Conduct,
    /// How far its clock is ahead.
    ahead_secs: i64,
    runs: u32,
    running: Option<(Handle<()>, Arc<Desk>, mpsc::Sender<bytes::Bytes>)>,
    failure: Arc<Mutex<Option<String>>>,
}

pub(super) struct World {
    context: Context,
    oracle: Oracle<ValidatorKey, Context>,
    keys: Vec<ValidatorKey>,
    validators: Vec<Validator>,
    places: Vec<Place>,
    epoch_length: NonZeroU64,
}

/// How messages fare on all links.
#[derive(Clone, Copy)]
pub(super) struct Weather {
    pub(super) latency_ms: u64,
    pub(super) jitter_ms: u64,
    pub(super) arrive_percent: u64,
}

impl World {
    /// Nobody is started, and nobody is linked.
    pub(super) async fn new(context: Context, conducts: &[Conduct], epoch_length: u64) -> Self {
        let count = conducts.len();
        let names: Vec<u8> = (0..u8::try_from(count).expect("few validators")).collect();
        let keys: Vec<_> = names
            .iter()
            .map(|at| identity(*at).key.public_key())
            .collect();
        let validators: Vec<_> = names.iter().map(|at| identity(*at).validator("")).collect();
        let config = Config {
            max_size: 2 * 1024 * 1024,
            max_peers_per_set: NZUsize!(64),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(2),
        };
        let (network, oracle) =
            Network::new_with_peers(context.child("network"), config, keys.clone()).await;
        network.start();
        let place = |conduct: &Conduct| Place {
            log: Arc::new(Log::new(validators.clone(), count, epoch_length)),
            conduct: *conduct,
            ahead_secs: 0,
            runs: 0,
            running: None,
            failure: Arc::default(),
        };
        Self {
            places: conducts.iter().map(place).collect(),
            context,
            oracle,
            keys,
            validators,
            epoch_length: NonZeroU64::new(epoch_length).expect("a length"),
        }
    }

    pub(super) fn log(&self, at: usize) -> &Log {
        &self.places[at].log
    }

    pub(super) fn honest(&self) -> impl Iterator<Item = usize> {
        let honest = |at: &usize| self.places[*at].conduct == Conduct::Honest;
        (0..self.places.len()).filter(honest)
    }

    pub(super) fn is_running(&self, at: usize) -> bool {
        self.places[at].running.is_some()
    }

    async fn line(&self, at: usize, channel: u64, mute: bool) -> Line {
        let control: Control<ValidatorKey, Context> = self.oracle.control(self.keys[at].clone());
        let quota = Quota::per_second(NZU32!(4096));
        let (inner, receiver) = control.register(channel, quota).await.expect("a channel");
        (Muted { inner, mute }, receiver)
    }

    pub(super) async fn start(&mut self, at: usize) {
        assert!(!self.is_running(at), "it runs already");
        let conduct = self.places[at].conduct;
        let mute = conduct == Conduct::Withholds;
        let channels = Channels {
            votes: self.line(at, 0, false).await,
            certificates: self.line(at, 1, false).await,
            lookups: self.line(at, 2, false).await,
            blocks: self.line(at, 3, mute).await,
            backfill: self.line(at, 4, mute).await,
            work: self.line(at, 5, false).await,
        };
        let victims = match conduct {
            Conduct::Equivocates { to_all } => Some(self.victims(at, to_all)),
            _ => None,
        };
        let place = &mut self.places[at];
        place.runs += 1;
        let context = self.context.child("validator");
        let context = context
            .with_attribute("at", at)
            .with_attribute("run", place.runs);
        place.log.forget();
        let log: Arc<dyn Application> = Arc::clone(&place.log) as _;
        let desk = Arc::new(Desk {
            network: NETWORK,
            epocher: FixedEpocher::new(self.epoch_length),
            pacing: Pacing::default(),
            work: watch::Sender::new(0),
            status: watch::Sender::new(Status {
                tip: log.tip(),
                epoch: 0,
                votes: false,
                clock: None,
                waits: None,
                halted: None,
            }),
            evidence: Mutex::default(),
            complaint_ends: Mutex::default(),
            ahead_secs: place.ahead_secs,
            application: log,
        });
        let (outgoing, transactions) = mpsc::channel(64);
        let name = u8::try_from(at).expect("few validators");
        let handle = if let Some(victims) = victims {
            let scheme = committee(&NETWORK, &self.validators, Some(&identity(name)));
            let scheme = scheme.expect("a set");
            context.spawn(move |_| equivocator::run(scheme, victims, channels.votes))
        } else {
            let parts = Parts {
                desk: Arc::clone(&desk),
                identity: Arc::new(identity(name)),
                peers: self.oracle.socket_manager(),
                blocker: self.oracle.control(self.keys[at].clone()),
                outgoing: transactions,
                room: network::room(64),
                partitions: format!("validator{at}-"),
            };
            let failure = Arc::clone(&place.failure);
            context.spawn(move |context| async move {
                let ended = assembly::run(context.child("engine"), parts, channels).await;
                *failure.lock().expect("a lock") = Some(format!("{ended:?}"));
            })
        };
        place.running = Some((handle, desk, outgoing));
    }

    /// Sets the clock of one that does not run.
    pub(super) fn set_clock(&mut self, at: usize, ahead_secs: i64) {
        assert!(!self.is_running(at), "it is set before it starts");
        self.places[at].ahead_secs = ahead_secs;
    }

    /// What one says of the clocks.
    pub(super) fn complaint(&self, at: usize) -> Option<String> {
        let (_, desk, _) = self.places[at].running.as_ref().expect("it runs");
        desk.status.borrow().clock.clone()
    }

    /// To whom one that signs twice says what.
    fn victims(&self, at: usize, to_all: bool) -> Victims {
        if to_all {
            return Victims::All;
        }
        let others = self.keys.iter().filter(|key| **key != self.keys[at]);
        let mut others: Vec<_> = others.cloned().collect();
        let half = others.split_off(others.len() / 2);
        Victims::Halves(half, others)
    }

    /// As kill -9 does, except that disks keep what was written to them.
    pub(super) async fn kill(&mut self, at: usize) {
        let (handle, ..) = self.places[at].running.take().expect("it runs");
        handle.abort();
        drop(handle.await);
    }

    pub(super) fn submit(&self, at: usize, entry: &str) {
        let (_, desk, outgoing) = self.places[at].running.as_ref().expect("it runs");
        let entry = self.places[at].log.submit(entry);
        desk.work_arrived();
        drop(outgoing.try_send(entry));
    }

    /// Links these two groups among and with each other, or the groups among themselves only.
    pub(super) async fn link(&self, weather: Weather, parted: Option<usize>) {
        for (a, from) in self.keys.iter().enumerate() {
            for (b, to) in self.keys.iter().enumerate() {
                if a == b {
                    continue;
                }
                drop(self.oracle.remove_link(from.clone(), to.clone()).await);
                let apart = parted.is_some_and(|border| (a < border) != (b < border));
                if apart {
                    continue;
                }
                let link = Link {
                    latency: Duration::from_millis(weather.latency_ms),
                    jitter: Duration::from_millis(weather.jitter_ms),
                    success_rate: Probability::new(weather.arrive_percent, 100)
                        .expect("at most a hundred"),
                };
                self.oracle
                    .add_link(from.clone(), to.clone(), link)
                    .await
                    .expect("no link yet");
            }
        }
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        self.context.sleep(duration).await;
    }

    /// Waits in virtual time; whether it came to pass.
    pub(super) async fn wait(&self, at_most: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let until = self.context.current() + at_most;
        while !done(self) {
            if self.context.current() > until {
                return false;
            }
            self.context.sleep(Duration::from_millis(50)).await;
        }
        true
    }

    /// Nobody honest holds another final block at a height than anybody else, and none halted.
    pub(super) fn assert_safe(&self) {
        let chains: Vec<_> = self.honest().map(|at| self.log(at).chain()).collect();
        let longest = chains
            .iter()
            .max_by_key(|chain| chain.len())
            .expect("one is honest");
        for chain in &chains {
            assert_eq!(chain[..], longest[..chain.len()], "the chains fork");
        }
        for at in self.honest() {
            let failure = self.places[at].failure.lock().expect("a lock").clone();
            assert_eq!(failure, None, "validator {at} stopped");
        }
    }
}
