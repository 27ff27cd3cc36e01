//! From the bytes of a query to the bytes of its answer, whatever they travelled over.
//!
//! It promises an answer or a decision to stay silent for any bytes, in bounded time and with bounded work, and that a name under
//! our suffix is decided here before the way to ordinary names or what is kept of them is looked at. What is kept is given without
//! waiting ([`Service::begin`]); what is not is worked on ([`super::work`]).

use core::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dotkey_proto::dns::WireName;
use dotkey_proto::identity::KeyId;
use hickory_proto::op::ResponseCode;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::access::Access;
use super::cache::{self, Cache, Size};
use super::changes::Changes;
use super::cookie::{COOKIE_BYTES, Cookie, Cookies};
use super::limits::{ANSWERS_PER_SEC_DEFAULT, Limits, Verdict};
use super::message::{self, Fit};
use super::packet::{Kind, Packet};
use super::query::{Key, KeyBytes, Query, Wrong};
use super::udp::Hot;
use crate::answer::made_up::Via;
use crate::answer::sign::Signer;
use crate::edns;
use crate::flight::Flights;
use crate::ordinary::Ordinary;
use crate::resolver::Resolver;
use crate::transport::Transport;

/// Questions that are being worked on at once. Those beyond are refused at once rather than all made slow.
const WORKING_MAX: usize = 1024;

/// The longest query of any transport: no question and no options that are of use take more.
pub(super) const QUERY_BYTES_MAX: usize = 4096;

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
    /// Whether all changes of records are told by [`Service::changed`], as beside a node that hears of them.
    pub told_of_changes: bool,
    /// How much memory kept answers may take, for names under the suffix, and as much again for all others.
    pub cache_bytes: usize,
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
            told_of_changes: false,
            cache_bytes: cache::BYTES_DEFAULT,
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
    /// Answered with what was kept although its time was over, because nobody who should know answered.
    pub stale: AtomicU64,
    /// Fetched again before its time was over, because it was being asked for.
    pub renewed: AtomicU64,
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
    /// Connections that lost their place to newcomers.
    pub crowded_out: AtomicU64,
    /// Connections ended because their client was slow, or took nothing of its answers.
    pub let_go: AtomicU64,
    /// Connections that broke off: a handshake that failed, a client that went away or that broke its protocol's rules.
    pub broken: AtomicU64,
}

impl Counters {
    /// Connections lost their places.
    pub(super) fn crowd_out(&self, connections: usize) {
        let connections = u64::try_from(connections).unwrap_or(u64::MAX);
        self.crowded_out.fetch_add(connections, Ordering::Relaxed);
    }
}

/// What answers.
pub struct Service {
    pub(super) config: Config,
    pub(super) begun: Instant,
    cookies: Cookies,
    limits: Limits,
    pub(super) working: Semaphore,
    pub(super) cache: Cache,
    pub(super) changes: Changes,
    pub(super) flights: Flights<Key, Arc<Packet>>,
    /// What it has counted.
    pub counters: Counters,
}

/// How far a query came without waiting.
#[derive(Debug)]
pub(super) enum Begun {
    /// Nothing is to be sent.
    Silence,
    /// The answer was written.
    Said(Written),
    /// It has to be worked on.
    Missing(Missing),
}

/// An answer that was written without waiting.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// For how long the client may keep it.
    pub(super) ttl: u32,
    /// Whether it is one that was kept, and no refusal.
    pub(super) from_kept: bool,
    /// What is to be fetched again, because its time is nearly over.
    pub(super) renew: Option<Key>,
}

/// A query whose answer is not kept.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    bytes: Vec<u8>,
    transport: Transport,
    cookie: Option<[u8; COOKIE_BYTES]>,
    /// Whether the answer may be there without waiting for anybody, and without signing anything.
    pub(super) may_be_quick: bool,
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
            limits: Limits::new(config.answers_per_sec),
            working: Semaphore::new(WORKING_MAX),
            cache: Cache::new(config.cache_bytes),
            changes: Changes::new(),
            flights: Flights::new(),
            counters: Counters::default(),
            config,
        }
    }

    /// Whether an address may ask.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.config.access.allows(address)
    }

    /// The answer to a query; none where silence is the answer.
    pub async fn answer(self: &Arc<Self>, bytes: &[u8], client: Client) -> Option<Reply> {
        let mut out = Vec::new();
        let begun = self.begin(bytes, client, self.now_ms(), None, &mut out);
        self.count_queries(client.transport, 1);
        match begun {
            Begun::Silence => None,
            Begun::Said(said) => {
                self.count_kept(said.from_kept.into());
                if let Some(key) = said.renew {
                    self.renew(key);
                }
                Some(Reply {
                    bytes: out,
                    ttl: said.ttl,
                })
            }
            // What is kept is given without the room that asking others takes.
            Begun::Missing(missing) => Some(Box::pin(self.finish(&missing)).await),
        }
    }

    /// A record of an identity changed: what is kept of it is not used any more.
    pub fn changed(&self, key_id: &KeyId) {
        self.config.resolver.forget(key_id);
        self.changes.tell(key_id);
    }

    /// Lets go of all kept answers.
    pub fn flush(&self) {
        self.config.resolver.forget_all();
        self.cache.flush(None);
    }

    /// Lets go of the kept answers of a name and of those below it, and says how many they were. Under our suffix what is known of all
    /// identities is asked for anew: a name does not tell which of them its answer came from.
    pub fn flush_under(&self, name: &WireName) -> usize {
        if self.kind(name) == Kind::Ours {
            self.config.resolver.forget_all();
        }
        self.cache.flush(Some(name))
    }

    /// How much is kept: ours, then ordinary answers.
    #[must_use]
    pub fn kept(&self) -> [Size; 2] {
        [Kind::Ours, Kind::Ordinary].map(|kind| self.cache.partition(kind).size())
    }

    /// Milliseconds since it began.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Queries of one transport.
    pub(super) fn count_queries(&self, transport: Transport, number: u64) {
        let at = Transport::ALL.iter().position(|one| *one == transport);
        self.counters.queries[at.unwrap_or_default()].fetch_add(number, Ordering::Relaxed);
    }

    /// Queries answered with what was kept.
    pub(super) fn count_kept(&self, number: u64) {
        self.counters.kept.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn kind(&self, name: &WireName) -> Kind {
        self.kind_of(name.as_wire())
    }

    fn kind_of(&self, name: &[u8]) -> Kind {
        match cache::ends_in(name, self.config.resolver.origin()) {
            true => Kind::Ours,
            false => Kind::Ordinary,
        }
    }

    /// Answers a query as far as that needs no waiting: with what is kept, or with why it is not answered.
    pub(super) fn begin(
        &self,
        bytes: &[u8],
        client: Client,
        now_ms: u64,
        hot: Option<&mut Hot>,
        out: &mut Vec<u8>,
    ) -> Begun {
        let mut fit = Fit {
            transport: client.transport,
            now: secs(now_ms),
            cookie: None,
            nsid: self.config.nsid.as_bytes(),
        };
        let query = match Query::parse(bytes) {
            _ if !self.config.access.allows(client.address) => {
                count(&self.counters.not_allowed);
                return not_allowed(bytes, &fit, out);
            }
            Ok(query) => query,
            Err(Wrong::Silence) => {
                count(&self.counters.malformed);
                return Begun::Silence;
            }
            Err(Wrong::Refused(query, rcode)) => {
                count(&self.counters.malformed);
                return refused(&query, rcode, &fit, out);
            }
        };
        let (cookie, known) = match self.cookie(&query, client.address) {
            Ok(cookie) => cookie,
            Err(rcode) => return refused(&query, rcode, &fit, out),
        };
        fit.cookie = cookie.as_ref().map(|cookie| &cookie[..]);
        // Nobody elsewhere can ask in the name of this machine's own addresses.
        if client.transport == Transport::Udp && !known && !client.address.is_loopback() {
            match self.limits.take(client.address, now_ms) {
                Verdict::Answer => {}
                verdict => {
                    count(&self.counters.limited);
                    return limited(&query, verdict, &fit, out);
                }
            }
        }
        let key = query.key_bytes();
        let given = |packet: &Packet| self.give(packet, &query, &fit, out);
        if let Some(begun) = self.with_kept(&key, fit.now, hot, given) {
            return begun;
        }
        Begun::Missing(Missing {
            bytes: bytes.to_vec(),
            transport: client.transport,
            cookie,
            may_be_quick: !query.dnssec_ok() && self.kind_of(key.name()) == Kind::Ours,
        })
    }

    /// Goes on with a query whose answer is not kept, until there is one.
    pub(super) async fn finish(self: &Arc<Self>, missing: &Missing) -> Reply {
        let query = Query::parse(&missing.bytes).expect("it was read before");
        // Boxed: what the work needs is large, and is held no longer than it takes.
        let key = query.key();
        let packet = Box::pin(self.find(&key)).await;
        let fit = missing.fit(self);
        let mut bytes = Vec::new();
        packet.write(&query, &fit, &mut bytes);
        Reply {
            bytes,
            ttl: packet.ttl(fit.now),
        }
    }

    /// Answers that too much is under way for a query to be worked on.
    pub(super) fn is_busy(&self, missing: &Missing, out: &mut Vec<u8>) {
        count(&self.counters.overloaded);
        let query = Query::parse(&missing.bytes).expect("it was read before");
        let fit = missing.fit(self);
        message::refuse(&query, ResponseCode::ServFail, &fit, out);
    }

    /// Calls `give` with the answer that is kept, if there is one that holds.
    fn with_kept<T>(
        &self,
        key: &KeyBytes,
        now: u32,
        hot: Option<&mut Hot>,
        give: impl FnOnce(&Packet) -> T,
    ) -> Option<T> {
        let Some(hot) = hot else {
            let packet = self.kept_under(key)?;
            return self.holds(&packet, now).then(|| give(&packet));
        };
        if let Some(packet) = hot.get(key)
            && self.holds(packet, now)
        {
            return Some(give(packet));
        }
        let packet = self.kept_under(key)?;
        if !self.holds(&packet, now) {
            return None;
        }
        // What is long is cut short over UDP, and would be held here long after the cache has let go of it.
        if packet.wire_bytes() <= edns::UDP_ANSWER_BYTES_MAX.into() {
            hot.put(key, &packet);
        }
        Some(give(&packet))
    }

    /// The answer that is kept under a key, however old.
    fn kept_under(&self, key: &KeyBytes) -> Option<Arc<Packet>> {
        let kind = self.kind_of(key.name());
        self.cache.partition(kind).get(key.as_bytes())
    }

    /// Whether an answer can be given without asking again.
    pub(super) fn holds(&self, packet: &Packet, now: u32) -> bool {
        packet.age_secs(now) < packet.kept_secs
            && self.changes.none_since(packet.as_of, &packet.told_at)
    }

    fn give(&self, packet: &Packet, query: &Query<'_>, fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
        packet.write(query, fit, out);
        let renew = packet.is_to_be_renewed(fit.now);
        packet.give();
        Begun::Said(Written {
            ttl: packet.ttl(fit.now),
            from_kept: true,
            renew: renew.then(|| query.key()),
        })
    }

    /// The cookie for the answer, and whether the query has one that we gave to its address.
    fn cookie(
        &self,
        query: &Query<'_>,
        address: IpAddr,
    ) -> Result<(Option<[u8; COOKIE_BYTES]>, bool), ResponseCode> {
        let Some(cookie) = query.edns.and_then(|edns| edns.cookie) else {
            return Ok((None, false));
        };
        let now = self.config.resolver.now();
        match self.cookies.read(cookie, address, now) {
            Cookie::Malformed => Err(ResponseCode::FormErr),
            Cookie::Client { client, known } => {
                Ok((Some(self.cookies.make(&client, address, now)), known))
            }
        }
    }
}

impl Missing {
    fn fit<'a>(&'a self, service: &'a Service) -> Fit<'a> {
        Fit {
            transport: self.transport,
            now: secs(service.now_ms()),
            cookie: self.cookie.as_ref().map(|cookie| &cookie[..]),
            nsid: service.config.nsid.as_bytes(),
        }
    }
}

/// Over UDP whoever asks may be somebody else: silence reflects nothing.
fn not_allowed(bytes: &[u8], fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
    match Query::parse(bytes) {
        Ok(query) | Err(Wrong::Refused(query, _)) if fit.transport != Transport::Udp => {
            refused(&query, ResponseCode::Refused, fit, out)
        }
        _ => Begun::Silence,
    }
}

fn limited(query: &Query<'_>, verdict: Verdict, fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
    if verdict == Verdict::Drop {
        return Begun::Silence;
    }
    let begun = refused(query, ResponseCode::NoError, fit, out);
    message::cut_short(out);
    begun
}

fn refused(query: &Query<'_>, rcode: ResponseCode, fit: &Fit<'_>, out: &mut Vec<u8>) -> Begun {
    message::refuse(query, rcode, fit, out);
    Begun::Said(Written::default())
}

/// Milliseconds as packets count time.
pub(super) fn secs(ms: u64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
