//! The upstreams of one way: asked in the order that the [`Choice`] gives, each as soon as the patience with the one before is
//! over, and the first answer of use wins. Who lost the race is heard out, so that what is known of it stays true.

use core::future::Future;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::{Message, Query, ResponseCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout};

use super::choice::Choice;

/// One try at one upstream. A recursion on the other side may take most of it; stub resolvers wait 5 s in all.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// Exchanges under way on one way, those included that nobody waits for any more.
const EXCHANGES_MAX: usize = 4096;

/// What an upstream is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) query: Query,
    /// Signatures are wanted (DO).
    pub(crate) dnssec: bool,
    /// The upstream is not to judge by itself (CD).
    pub(crate) unchecked: bool,
}

/// Why an upstream gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It was silent.
    #[error("no answer in time")]
    Silent,
    /// It could not be reached, or what came back was no answer to the question.
    #[error("{0}")]
    Broken(String),
    /// It answered that it has no answer.
    #[error("it says {0}")]
    Refused(ResponseCode),
    /// More is under way than we allow.
    #[error("too many questions are under way")]
    Busy,
    /// The question has cost as much as one may.
    #[error(
        "it would take more than {exchanges} exchanges or {signatures} signatures",
        exchanges = super::trail::EXCHANGES_MAX,
        signatures = super::trail::SIGNATURES_MAX
    )]
    Spent,
    /// There is nobody to ask.
    #[error("there is nobody to ask")]
    Nobody,
}

/// Somebody who can be asked.
pub(crate) trait Ask: Send + Sync + 'static {
    fn ask(&self, asked: Asked) -> impl Future<Output = Result<Message, Fault>> + Send;
}

/// An answer, and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) message: Message,
    pub(crate) by: usize,
}

/// How exchanges with one upstream ended: a number each.
#[derive(Debug, Default)]
struct Ended([AtomicU64; 5]);

impl Ended {
    const WORDS: [&'static str; 5] = ["answered", "refused", "silent", "broken", "busy"];

    fn note(&self, result: &Result<Message, Fault>) {
        let at = match result {
            Ok(_) => 0,
            Err(Fault::Refused(_)) => 1,
            Err(Fault::Silent) => 2,
            Err(Fault::Broken(_)) => 3,
            // It was not asked.
            Err(Fault::Busy | Fault::Spent | Fault::Nobody) => 4,
        };
        self.0[at].fetch_add(1, Ordering::Relaxed);
    }

    fn shown(&self) -> [(&'static str, u64); 5] {
        core::array::from_fn(|at| (Self::WORDS[at], self.0[at].load(Ordering::Relaxed)))
    }
}

/// Upstreams that all know the same.
pub(crate) struct Pool<A> {
    servers: Vec<Arc<A>>,
    state: Arc<State>,
}

struct State {
    choice: Mutex<Choice>,
    ended: Vec<Ended>,
    places: Arc<Semaphore>,
    begun: Instant,
}

enum Event {
    Ended(usize, Result<Message, Fault>),
    Late,
}

impl<A: Ask> Pool<A> {
    pub(crate) fn new(servers: Vec<A>) -> Self {
        let state = State {
            choice: Mutex::new(Choice::new(servers.len())),
            ended: servers.iter().map(|_| Ended::default()).collect(),
            places: Arc::new(Semaphore::new(EXCHANGES_MAX)),
            begun: Instant::now(),
        };
        Self {
            servers: servers.into_iter().map(Arc::new).collect(),
            state: Arc::new(state),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    /// The first answer of use of any but the `barred`; else why the first that was asked gave none.
    pub(crate) async fn ask(&self, asked: &Asked, barred: &[usize]) -> Result<Given, Fault> {
        let plan = self.state.choice().plan(self.state.now(), barred);
        let mut running = FuturesUnordered::new();
        running.extend(plan.beside.map(|at| self.start(at, asked, true)));
        let mut line = plan.line.into_iter();
        let mut next = line.next();
        let mut refused: Vec<usize> = Vec::new();
        let mut fault = None;
        let mut watched = (0, Instant::now());
        loop {
            if let Some(at) = next.take() {
                running.push(self.start(at, asked, false));
                watched = (at, Instant::now() + self.state.choice().patience(at));
            }
            let event = tokio::select! {
                biased;
                Some(ended) = running.next() => {
                    let (at, result) = ended.unwrap_or((watched.0, Err(Fault::Silent)));
                    Event::Ended(at, result)
                }
                () = sleep_until(watched.1), if line.len() > 0 => Event::Late,
                else => return Err(fault.unwrap_or(Fault::Nobody)),
            };
            match event {
                Event::Late => {
                    self.state.choice().late(watched.0);
                    next = line.next();
                }
                Event::Ended(by, Ok(message)) => {
                    // Another one knows what they would not say.
                    for at in refused {
                        self.outdone(at);
                    }
                    return Ok(Given { message, by });
                }
                Event::Ended(at, Err(error)) => {
                    if matches!(error, Fault::Refused(_)) && Some(at) != plan.beside {
                        refused.push(at);
                    }
                    fault.get_or_insert(error);
                    if Some(at) != plan.beside {
                        next = line.next();
                    }
                }
            }
        }
    }

    /// What it said was of no use, and what another one said was.
    fn outdone(&self, at: usize) {
        self.state.choice().missed(at, self.state.now());
    }

    /// What it said did not hold, and what another one said did.
    pub(crate) fn lied(&self, at: usize) {
        self.state.choice().lied(at, self.state.now());
    }

    /// Those that are not dead.
    pub(crate) fn well(&self) -> Vec<usize> {
        let health = self.health().into_iter().enumerate();
        health
            .filter_map(|(at, (_, is_dead))| (!is_dead).then_some(at))
            .collect()
    }

    /// How each does: its latency, and whether it is asked only beside others.
    pub(crate) fn health(&self) -> Vec<(Option<Duration>, bool)> {
        let (now, choice) = (self.state.now(), self.state.choice());
        let of = |at| (choice.latency(at), choice.is_dead(at, now));
        (0..self.servers.len()).map(of).collect()
    }

    /// How the exchanges with each ended.
    pub(crate) fn exchanges(&self) -> Vec<[(&'static str, u64); 5]> {
        self.state.ended.iter().map(Ended::shown).collect()
    }

    /// An exchange goes on when nobody waits for it any more: else who is silent would never be found dead.
    fn start(
        &self,
        at: usize,
        asked: &Asked,
        is_probe: bool,
    ) -> tokio::task::JoinHandle<(usize, Result<Message, Fault>)> {
        let (server, state) = (Arc::clone(&self.servers[at]), Arc::clone(&self.state));
        let asked = asked.clone();
        let place = Arc::clone(&state.places).try_acquire_owned();
        tokio::spawn(async move {
            let Ok(_place) = place else {
                state.choice().refused(at);
                let busy = Err(Fault::Busy);
                state.ended[at].note(&busy);
                return (at, busy);
            };
            let begun = Instant::now();
            let result = timeout(TRY_TIMEOUT, server.ask(asked)).await;
            let result = result.unwrap_or(Err(Fault::Silent));
            let (took, now) = (begun.elapsed(), state.now());
            state.ended[at].note(&result);
            match &result {
                Ok(_) => state.choice().answered(at, took, now),
                Err(Fault::Refused(_)) if !is_probe => state.choice().refused(at),
                Err(Fault::Busy) => state.choice().refused(at),
                Err(_) => state.choice().missed(at, now),
            }
            (at, result)
        })
    }
}

impl State {
    fn choice(&self) -> MutexGuard<'_, Choice> {
        // Nothing that panics happens under the lock.
        self.choice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::{Name, RecordType};
    use std::sync::atomic::AtomicUsize;

    /// Says this after so many milliseconds.
    struct Says {
        after_ms: u64,
        what: Result<ResponseCode, Fault>,
        asked: AtomicUsize,
    }

    impl Says {
        fn new(after_ms: u64, what: Result<ResponseCode, Fault>) -> Self {
            Self {
                after_ms,
                what,
                asked: AtomicUsize::new(0),
            }
        }
    }

    impl Ask for Says {
        async fn ask(&self, asked: Asked) -> Result<Message, Fault> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(self.after_ms)).await;
            self.what.clone().map(|rcode| {
                let mut message = Message::new(1, MessageType::Response, OpCode::Query);
                message.add_query(asked.query);
                message.metadata.response_code = rcode;
                message
            })
        }
    }

    fn asked() -> Asked {
        Asked {
            query: Query::query(Name::root(), RecordType::NS),
            dnssec: false,
            unchecked: false,
        }
    }

    const FINE: Result<ResponseCode, Fault> = Ok(ResponseCode::NoError);

    fn servfail() -> Result<ResponseCode, Fault> {
        Err(Fault::Refused(ResponseCode::ServFail))
    }

    async fn by(pool: &Pool<Says>) -> Result<usize, Fault> {
        pool.ask(&asked(), &[]).await.map(|given| given.by)
    }

    #[tokio::test]
    async fn the_first_answer_of_use_wins_and_faults_cost_nothing_more() {
        let broken = || Err(Fault::Broken("refused".to_owned()));
        let silent = Says::new(60_000, FINE);
        let pool = Pool::new(vec![
            silent,
            Says::new(1, servfail()),
            Says::new(2, broken()),
            Says::new(20, FINE),
        ]);
        for _ in 0..20 {
            assert_eq!(by(&pool).await, Ok(3));
        }
        // Who refuses what another one answers, or breaks, is left alone soon.
        for at in [1, 2] {
            assert!(pool.servers[at].asked.load(Ordering::SeqCst) <= 2, "{at}");
        }
    }

    #[tokio::test]
    async fn who_refuses_as_all_others_do_is_not_blamed() {
        let pool = Pool::new(vec![Says::new(1, servfail()), Says::new(5, servfail())]);
        for _ in 0..5 {
            assert_eq!(by(&pool).await, Err(Fault::Refused(ResponseCode::ServFail)));
        }
        assert!(pool.health().iter().all(|(_, is_dead)| !is_dead));
        for exchanges in pool.exchanges() {
            assert_eq!(exchanges[..2], [("answered", 0), ("refused", 5)]);
        }
    }

    #[tokio::test]
    async fn when_all_are_silent_it_ends_in_time_and_the_barred_are_not_asked() {
        let pool = Pool::new(vec![Says::new(60_000, FINE), Says::new(60_000, FINE)]);
        assert_eq!(by(&pool).await, Err(Fault::Silent));
        let barred = pool.ask(&asked(), &[0, 1]).await.map(|given| given.by);
        assert_eq!(barred, Err(Fault::Nobody));
        let none: Pool<Says> = Pool::new(Vec::new());
        assert_eq!(by(&none).await, Err(Fault::Nobody));
    }

    #[tokio::test]
    async fn who_comes_back_is_used_again() {
        let pool = Pool::new(vec![Says::new(3, FINE), Says::new(100, FINE)]);
        assert_eq!(by(&pool).await, Ok(0));
        // Who lost the race is heard out.
        tokio::time::sleep(Duration::from_millis(300)).await;
        pool.outdone(0);
        pool.outdone(0);
        assert_eq!(by(&pool).await, Ok(1));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        // Asked beside the other, it is found well, and was faster at that.
        assert_eq!(by(&pool).await, Ok(0));
        assert!(!pool.health()[0].1);
    }
}
