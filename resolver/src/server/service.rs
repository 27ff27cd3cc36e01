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

use super::cache::{self, Cache, Size};
use super::changes::{self, Changes};
use super::cookie::{COOKIE_BYTES, Cookies};
use super::limits::Verdict;
use super::message::{self, Fit};
use super::metrics::{Counters, Metrics, Provenance};
use super::noted::Arrived;
use super::packet::{Kind, Packet};
use super::query::{Key, KeyBytes, Query, Wrong};
use super::rules::{Current, InForce, Rules};
use super::shares::Shares;
use super::turned_away::{not_allowed, slipped};
use super::udp::Hot;
use crate::answer::made_up::Via;
use crate::answer::sign::Signer;
use crate::edns;
use crate::flight::Flights;
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
    /// What may be changed later.
    pub rules: Rules,
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
            rules: Rules::new(via),
            told_of_changes: false,
            cache_bytes: cache::BYTES_DEFAULT,
        }
    }
}

/// What answers.
pub struct Service {
    pub(super) resolver: Resolver,
    pub(super) signer: Signer,
    pub(super) told_of_changes: bool,
    pub(super) cache_bytes: usize,
    pub(super) begun: Instant,
    pub(super) cookies: Cookies,
    pub(super) current: Current,
    pub(super) working: Semaphore,
    shares: Shares,
    pub(super) cache: Cache,
    pub(super) changes: Changes,
    pub(super) flights: Flights<Key, Arc<Packet>>,
    /// How often answers were let go of at somebody's word.
    pub(super) flushes: AtomicU64,
    /// What it has counted of each query.
    pub(super) metrics: Arc<Metrics>,
    /// What it has counted besides.
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
#[derive(Debug)]
pub(super) struct Written {
    /// For how long the client may keep it.
    pub(super) ttl: u32,
    /// Where it came from.
    pub(super) from: Provenance,
    pub(super) rcode: u16,
    /// The number of its extended error.
    pub(super) extended: Option<u16>,
    /// What is to be fetched again, because its time is nearly over.
    pub(super) renew: Option<Key>,
}

/// A query whose answer is not kept.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) bytes: Vec<u8>,
    pub(super) client: Client,
    pub(super) rules: Arc<InForce>,
    cookie: Option<[u8; COOKIE_BYTES]>,
    /// When it came.
    pub(super) since: Instant,
    /// Whether the answer may be there without waiting for anybody, and without signing anything.
    pub(super) may_be_quick: bool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("rules", &self.current.get())
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
            current: Current::new(config.rules),
            working: Semaphore::new(WORKING_MAX),
            shares: Shares::new(),
            cache: Cache::new(config.cache_bytes),
            cache_bytes: config.cache_bytes,
            told_of_changes: config.told_of_changes,
            changes: Changes::new(),
            flights: Flights::new(),
            flushes: AtomicU64::new(0),
            metrics: Arc::default(),
            counters: Counters::default(),
            resolver: config.resolver,
            signer: config.signer,
        }
    }

    /// Whether an address may ask.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.current.get().rules.access.allows(address)
    }

    /// The answer to a query; none where silence is the answer.
    pub async fn answer(self: &Arc<Self>, bytes: &[u8], client: Client) -> Option<Reply> {
        let mut out = Vec::new();
        let rules = self.current.get();
        let arrived = Arrived::now(self, client, &rules);
        self.were_asked(client.transport, 1);
        match self.begin(bytes, &arrived, None, &mut out) {
            Begun::Silence => {
                self.write_down(bytes, &arrived, None);
                None
            }
            Begun::Said(said) => {
                self.was_said(bytes, &arrived, &said, &out);
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
        self.resolver.forget(key_id);
        self.changes.tell(changes::of_identity(key_id));
    }

    /// The name of a label has another holder, or none: what is kept of it is not used any more.
    pub fn claim_changed(&self, label: &str) {
        self.resolver.forget_claim(label);
        self.changes.tell(changes::of_label(label.as_bytes()));
    }

    /// What the ledger says of an identity changed: which of its records and policies still hold.
    pub fn account_changed(&self, key_id: &KeyId) {
        self.resolver.forget_claims_of(key_id);
        self.changed(key_id);
    }

    /// Lets go of all kept answers, and says how many they were.
    pub fn flush(&self) -> usize {
        self.flushes.fetch_add(1, Ordering::Release);
        self.resolver.forget_all();
        self.cache.flush(None)
    }

    /// Lets go of the kept answers of a name and of those below it, and says how many they were. Under our suffix what is known of all
    /// identities is asked for anew: a name does not tell which of them its answer came from.
    pub fn flush_under(&self, name: &WireName) -> usize {
        self.flushes.fetch_add(1, Ordering::Release);
        if self.kind(name) == Kind::Ours {
            self.resolver.forget_all();
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
        self.ms_at(Instant::now())
    }

    /// The same at some time.
    pub(super) fn ms_at(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begun);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn kind(&self, name: &WireName) -> Kind {
        self.kind_of(name.as_wire())
    }

    fn kind_of(&self, name: &[u8]) -> Kind {
        match cache::ends_in(name, self.resolver.origin()) {
            true => Kind::Ours,
            false => Kind::Ordinary,
        }
    }

    /// The rules that hold now, for queries that come together.
    pub(super) fn rules_in_force(&self) -> Arc<InForce> {
        self.current.get()
    }

    /// Answers a query as far as that needs no waiting: with what is kept, or with why it is not answered.
    pub(super) fn begin(
        &self,
        bytes: &[u8],
        arrived: &Arrived<'_>,
        hot: Option<&mut Hot>,
        out: &mut Vec<u8>,
    ) -> Begun {
        let Arrived {
            client,
            now_ms,
            rules,
            ..
        } = arrived;
        let mut fit = Fit {
            transport: client.transport,
            now: secs(*now_ms),
            cookie: None,
            nsid: rules.rules.nsid.as_bytes(),
        };
        let query = match Query::parse(bytes) {
            _ if !rules.rules.access.allows(client.address) => {
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
                return self.refuse(&query, rcode, arrived, &fit, out);
            }
        };
        let (cookie, known) = match self.cookie(&query, client.address) {
            Ok(cookie) => cookie,
            Err(rcode) => return self.refuse(&query, rcode, arrived, &fit, out),
        };
        fit.cookie = cookie.as_ref().map(|cookie| &cookie[..]);
        match self.limit(arrived, known) {
            Verdict::Answer => {}
            Verdict::Slip => return slipped(&query, &fit, out),
            Verdict::Drop => return Begun::Silence,
        }
        let key = query.key_bytes();
        let given = |packet: &Packet| self.give(packet, &query, &fit, out);
        if let Some(begun) = self.with_kept(&key, fit.now, hot, given) {
            return begun;
        }
        Begun::Missing(Missing {
            bytes: bytes.to_vec(),
            client: *client,
            rules: Arc::clone(rules),
            cookie,
            since: arrived.since,
            may_be_quick: !query.dnssec_ok() && self.kind_of(key.name()) == Kind::Ours,
        })
    }

    /// Goes on with a query whose answer is not kept, until there is one.
    pub(super) async fn finish(self: &Arc<Self>, missing: &Missing) -> Reply {
        let query = Query::parse(&missing.bytes).expect("it was read before");
        let Some(_share) = self.shares.take(missing.client.address) else {
            let mut bytes = Vec::new();
            self.is_busy(missing, &mut bytes);
            return Reply { bytes, ttl: 0 };
        };
        // Boxed: what the work needs is large, and is held no longer than it takes.
        let key = query.key();
        let packet = Box::pin(self.find(&key)).await;
        let fit = missing.fit(self);
        let mut bytes = Vec::new();
        packet.write(&query, &fit, &mut bytes);
        let said = Written::of(&packet, false, fit.now);
        self.was_found(missing, &said, &bytes);
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
        self.was_found(missing, &Written::refused(ResponseCode::ServFail), out);
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
            renew: renew.then(|| query.key()),
            ..Written::of(packet, true, fit.now)
        })
    }
}

impl Written {
    pub(super) fn of(packet: &Packet, cached: bool, now: u32) -> Self {
        Self {
            ttl: packet.ttl(now),
            from: packet.provenance(cached),
            rcode: packet.rcode().into(),
            extended: packet.error(),
            renew: None,
        }
    }

    pub(super) fn refused(rcode: ResponseCode) -> Self {
        Self {
            ttl: 0,
            from: Provenance::Refused,
            rcode: rcode.into(),
            extended: None,
            renew: None,
        }
    }
}

impl Missing {
    fn fit<'a>(&'a self, service: &Service) -> Fit<'a> {
        Fit {
            transport: self.client.transport,
            now: secs(service.now_ms()),
            cookie: self.cookie.as_ref().map(|cookie| &cookie[..]),
            nsid: self.rules.rules.nsid.as_bytes(),
        }
    }
}

/// Milliseconds as packets count time.
pub(super) fn secs(ms: u64) -> u32 {
    u32::try_from(ms / 1000).unwrap_or(u32::MAX)
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
