//! From the bytes of a query to the bytes of its answer, whatever they travelled over.
//!
//! It promises an answer or a decision to stay silent for any bytes, in bounded time and with bounded work, and that a name under
//! our suffix is decided here before the way to ordinary names or what is kept of them is looked at.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dotkey_proto::dns::{RecordType, WireName};
use dotkey_proto::identity::KeyId;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType as Type};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::access::Access;
use super::cookie::{Cookie, Cookies};
use super::limits::{ANSWERS_PER_SEC_DEFAULT, Limits, Verdict};
use super::message::{self, Fit, Said};
use super::ours::{self, Ours};
use crate::answer::made_up::Via;
use crate::answer::sign::Signer;
use crate::answer::{Extended, extended};
use crate::bounded::Bounded;
use crate::edns;
use crate::flight::Flights;
use crate::ordinary::Ordinary;
use crate::resolver::Resolver;
use crate::transport::Transport;
use crate::upstream;

/// Questions that are being worked on at once. Those beyond are refused at once rather than all made slow.
const WORKING_MAX: usize = 1024;

/// A stub gives up after 5 s; an answer that says what is wrong must be there before.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4_500);

/// Kept answers under our suffix, and kept ordinary ones: neither can push out the other.
const KEPT_BYTES_DEFAULT: usize = 16 << 20;

/// A kept answer under our suffix is looked at again after this, however long clients keep theirs.
const OURS_KEPT_SECS_MAX: u32 = 10;

/// RFC 9520: that there is no answer is kept too, for a little while.
const FAILURE_KEPT_SECS: u32 = 5;

/// Who asks, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// From where.
    pub address: IpAddr,
    /// Over what.
    pub transport: Transport,
}

/// An answer on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The message.
    pub bytes: Vec<u8>,
    /// For how long it may be kept: the freshness of a DoH answer (RFC 8484 section 5.1).
    pub ttl: u32,
}

/// What the service is put together from.
#[derive(Debug)]
pub struct Config {
    /// Names of ours.
    pub resolver: Resolver,
    /// The key that their answers are signed with.
    pub signer: Signer,
    /// Where requests for resources are sent.
    pub via: Via,
    /// How ordinary names are answered.
    pub ordinary: Arc<Ordinary>,
    /// Who may ask.
    pub access: Access,
    /// Answers a second to one network over UDP; 0 limits nobody.
    pub answers_per_sec: u32,
    /// What this server calls itself, for who asks (RFC 5001).
    pub nsid: String,
}

impl Config {
    /// For this machine and private networks, with resources answered by `via`.
    #[must_use]
    pub fn new(resolver: Resolver, signer: Signer, via: Via) -> Self {
        Self {
            resolver,
            signer,
            via,
            ordinary: Arc::default(),
            access: Access::private(),
            answers_per_sec: ANSWERS_PER_SEC_DEFAULT,
            nsid: String::new(),
        }
    }
}

/// What has been counted.
#[derive(Debug, Default)]
pub struct Counters {
    /// Queries, by transport in the order of [`Transport::ALL`].
    pub queries: [AtomicU64; 6],
    /// Answered from what was kept.
    pub kept: AtomicU64,
    /// Refused because of who asked.
    pub not_allowed: AtomicU64,
    /// Not answered, or cut short, because the network had too many answers.
    pub limited: AtomicU64,
    /// Refused because too much was under way.
    pub overloaded: AtomicU64,
    /// Bytes that are no query.
    pub malformed: AtomicU64,
    /// Answers that failed.
    pub failed: AtomicU64,
}

/// What answers.
pub struct Service {
    pub(super) config: Config,
    begun: Instant,
    cookies: Cookies,
    limits: Mutex<Limits>,
    working: Semaphore,
    ours: Mutex<Bounded<Key, Kept>>,
    ordinary: Mutex<Bounded<Key, Kept>>,
    flights: Flights<Key, Kept>,
    /// What it has counted.
    pub counters: Counters,
}

/// A question, as far as the answer depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: WireName,
    pub(super) rtype: RecordType,
    pub(super) dnssec: bool,
    /// Who asks validates by himself (CD); of no account under our suffix.
    pub(super) unchecked: bool,
}

impl Key {
    /// The same of an ordinary name.
    pub(super) fn ordinary(&self, name: &WireName) -> upstream::Question {
        upstream::Question {
            name: name.clone(),
            rtype: self.rtype,
            dnssec: self.dnssec,
            unchecked: self.unchecked,
        }
    }
}

/// An answer that is kept.
#[derive(Clone, Debug)]
struct Kept {
    said: Arc<Said>,
    /// The identities whose records it comes from.
    of: Arc<[KeyId]>,
    made_at: Instant,
    ttl: u32,
}

/// A query that was read.
struct Asked {
    query: Message,
    key: Key,
    client: Client,
    cookie: Option<Vec<u8>>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Service {
    /// A service; `secret` is for its cookies, new with each start.
    #[must_use]
    pub fn new(config: Config, secret: [u8; 32]) -> Self {
        Self {
            begun: Instant::now(),
            cookies: Cookies::new(secret),
            limits: Mutex::new(Limits::new(config.answers_per_sec)),
            working: Semaphore::new(WORKING_MAX),
            ours: Mutex::new(Bounded::new(KEPT_BYTES_DEFAULT)),
            ordinary: Mutex::new(Bounded::new(KEPT_BYTES_DEFAULT)),
            flights: Flights::new(),
            counters: Counters::default(),
            config,
        }
    }

    /// The answer to a query; none where silence is the answer.
    pub async fn answer(&self, bytes: &[u8], client: Client) -> Option<Reply> {
        let at = Transport::ALL
            .iter()
            .position(|one| *one == client.transport);
        count(&self.counters.queries[at.unwrap_or_default()]);
        let asked = match self.read(bytes, client) {
            Ok(asked) => asked,
            Err(reply) => return reply.map(|bytes| Reply { bytes, ttl: 0 }),
        };
        let kept = self.find(&asked.key).await;
        Some(self.reply(&asked, &kept))
    }

    /// A record of an identity changed: what is kept of it is not used any more.
    pub fn changed(&self, key_id: &KeyId) {
        self.config.resolver.forget(key_id);
        lock(&self.ours).retain(|_, kept| !kept.of.contains(key_id));
    }

    /// Lets go of all kept answers.
    pub fn flush(&self) {
        self.config.resolver.forget_all();
        lock(&self.ours).retain(|_, _| false);
        lock(&self.ordinary).retain(|_, _| false);
    }

    /// How many answers are kept and how many bytes they take: ours, then ordinary ones.
    #[must_use]
    pub fn kept(&self) -> [(usize, usize); 2] {
        [lock(&self.ours).size(), lock(&self.ordinary).size()]
    }

    /// The question of a query, or what to say where it has none that is answered.
    fn read(&self, bytes: &[u8], client: Client) -> Result<Asked, Option<Vec<u8>>> {
        if !self.config.access.allows(client.address) {
            count(&self.counters.not_allowed);
            // Over UDP whoever asks may be somebody else: silence reflects nothing.
            return Err(match client.transport {
                Transport::Udp => None,
                _ => Message::from_vec(bytes)
                    .ok()
                    .map(|query| message::refuse(&query, ResponseCode::Refused)),
            });
        }
        let Ok(query) = Message::from_vec(bytes) else {
            count(&self.counters.malformed);
            return Err(message::malformed(bytes));
        };
        if query.metadata.message_type == MessageType::Response {
            count(&self.counters.malformed);
            return Err(None);
        }
        let now = self.config.resolver.now();
        let cookie = self.cookies.read(query.edns.as_ref(), client.address, now);
        let (cookie, known) = match cookie {
            Cookie::Malformed => return Err(Some(message::refuse(&query, ResponseCode::FormErr))),
            Cookie::None => (None, false),
            Cookie::Client {
                client: part,
                known,
            } => (Some(self.cookies.make(&part, client.address, now)), known),
        };
        // Nobody elsewhere can ask in the name of this machine's own addresses.
        if client.transport == Transport::Udp && !known && !client.address.is_loopback() {
            self.limit(&query, client)?;
        }
        let mut key = question(&query).map_err(|rcode| {
            count(&self.counters.malformed);
            Some(message::refuse(&query, rcode))
        })?;
        key.unchecked &= self.config.resolver.relative(&key.name).is_none();
        Ok(Asked {
            query,
            key,
            client,
            cookie,
        })
    }

    fn limit(&self, query: &Message, client: Client) -> Result<(), Option<Vec<u8>>> {
        let now_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let verdict = lock(&self.limits).take(client.address, now_ms);
        if verdict == Verdict::Answer {
            return Ok(());
        }
        count(&self.counters.limited);
        Err((verdict == Verdict::Slip).then(|| {
            let mut bytes = message::refuse(query, ResponseCode::NoError);
            // The TC bit.
            if let Some(flags) = bytes.get_mut(2) {
                *flags |= 0x02;
            }
            bytes
        }))
    }

    async fn find(&self, key: &Key) -> Kept {
        let ours = self.config.resolver.relative(&key.name).is_some();
        let partition = if ours { &self.ours } else { &self.ordinary };
        let kept = lock(partition).get(key).cloned();
        if let Some(kept) = kept
            && kept.age_secs() < kept.ttl
        {
            count(&self.counters.kept);
            return kept;
        }
        self.flights.join(key.clone(), self.work(key, ours)).await
    }

    async fn work(&self, key: &Key, ours: bool) -> Kept {
        let Ok(_permit) = self.working.try_acquire() else {
            count(&self.counters.overloaded);
            let said = failed(
                extended::OTHER,
                "as much is under way as this server allows",
            );
            return Kept::new(said, Arc::default(), 0);
        };
        let (said, of) = match tokio::time::timeout(ANSWER_TIMEOUT, self.say(key, ours)).await {
            Ok(said) => said,
            Err(_) => {
                let text = "nobody who should know answered in time";
                (failed(extended::NO_REACHABLE_AUTHORITY, text), Vec::new())
            }
        };
        let ttl = ttl_of(&said, ours);
        if said.rcode == ResponseCode::ServFail {
            count(&self.counters.failed);
        }
        let kept = Kept::new(said, of.into(), ttl);
        let bytes = kept.bytes();
        let partition = if ours { &self.ours } else { &self.ordinary };
        lock(partition).insert(key.clone(), kept.clone(), bytes);
        kept
    }

    async fn say(&self, key: &Key, ours: bool) -> (Said, Vec<KeyId>) {
        if ours {
            let Ours { answer, of } = ours::answer(self, key).await;
            let now = self.config.resolver.now();
            return (ours::sign(answer, &self.config.signer, key.dnssec, now), of);
        }
        let question = key.ordinary(&key.name);
        (self.config.ordinary.ask(&question).await, Vec::new())
    }

    fn reply(&self, asked: &Asked, kept: &Kept) -> Reply {
        let age_secs = kept.age_secs();
        let fit = Fit {
            query: &asked.query,
            transport: asked.client.transport,
            age_secs,
            cookie: asked.cookie.clone(),
            nsid: self.config.nsid.as_bytes(),
        };
        Reply {
            bytes: message::write(&kept.said, &fit),
            ttl: least_ttl(&kept.said).unwrap_or(0).saturating_sub(age_secs),
        }
    }
}

impl Kept {
    fn new(said: Said, of: Arc<[KeyId]>, ttl: u32) -> Self {
        Self {
            said: Arc::new(said),
            of,
            made_at: Instant::now(),
            ttl,
        }
    }

    fn age_secs(&self) -> u32 {
        u32::try_from(self.made_at.elapsed().as_secs()).unwrap_or(u32::MAX)
    }

    /// In round figures: the sets with their allocations.
    fn bytes(&self) -> usize {
        const SET_BYTES: usize = 160;
        let sets = self.said.answers.iter().chain(&self.said.authorities);
        let of_set = |set: &crate::answer::Set| {
            SET_BYTES
                + set
                    .rdata
                    .iter()
                    .map(|rdata| rdata.len() + 40)
                    .sum::<usize>()
        };
        256 + sets.map(of_set).sum::<usize>() + self.of.len() * 32
    }
}

/// The one question that is answered; else how the query is refused.
fn question(query: &Message) -> Result<Key, ResponseCode> {
    if query.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    if query
        .edns
        .as_ref()
        .is_some_and(|edns| edns.version() != edns::VERSION)
    {
        return Err(ResponseCode::BADVERS);
    }
    // RFC 9619: one question, no more and no less.
    let [question] = &query.queries[..] else {
        return Err(ResponseCode::FormErr);
    };
    if question.query_class() != DNSClass::IN {
        return Err(ResponseCode::Refused);
    }
    match question.query_type() {
        Type::AXFR | Type::IXFR => return Err(ResponseCode::Refused),
        Type::OPT | Type::TSIG | Type::ZERO => return Err(ResponseCode::FormErr),
        _ => {}
    }
    let name = message::wire_name(question).ok_or(ResponseCode::FormErr)?;
    Ok(Key {
        name,
        rtype: RecordType(question.query_type().into()),
        dnssec: message::dnssec_ok(query),
        unchecked: query.metadata.checking_disabled,
    })
}

/// How long an answer is kept here.
fn ttl_of(said: &Said, ours: bool) -> u32 {
    if said.rcode == ResponseCode::ServFail {
        return FAILURE_KEPT_SECS;
    }
    let ttl = least_ttl(said).unwrap_or(FAILURE_KEPT_SECS);
    if ours {
        ttl.min(OURS_KEPT_SECS_MAX)
    } else {
        ttl
    }
}

fn least_ttl(said: &Said) -> Option<u32> {
    let sets = said.answers.iter().chain(&said.authorities);
    sets.map(|set| set.ttl).min()
}

pub(super) fn failed(code: u16, text: &str) -> Said {
    let text = text.to_owned();
    Said::only(ResponseCode::ServFail, Some(Extended { code, text }))
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Nothing that panics happens under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
