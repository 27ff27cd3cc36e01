//! What one question asks on its way: all that the validator wants to know goes through here, so that one question costs a bounded
//! number of exchanges, nothing is asked twice, and what was seen can be looked at when it does not hold.

use core::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::{self, Stream};
use hickory_net::NetError;
use hickory_net::runtime::{Time, TokioRuntimeProvider, TokioTime};
use hickory_net::xfer::DnsHandle;
use hickory_proto::op::{
    DnsRequest, DnsResponse, Message, MessageType, OpCode, Query, ResponseCode,
};
use hickory_proto::rr::{LowerName, RData, RecordType};
use tokio::time::Instant;

use super::exchange::Exchange;
use super::link::{cut, signature};
use super::pool::{Asked, Fault, Given, Pool};
use super::{delegation, keys};
use crate::bounded::Bounded;

/// What one question may cost its upstreams (NXNS, KeyTrap): a name of many labels below many signed zones needs about 30.
pub(crate) const EXCHANGES_MAX: usize = 64;

/// Signatures that the validator is given for one question, each of which it tries with two keys at most (KeyTrap, CVE-2023-50387).
/// What it is given again counts again: it verifies what is under way more than once, and each level above as often. 9 aliases below
/// four signed zones each, whose keys are being changed, have about 300.
pub(crate) const SIGNATURES_MAX: usize = 512;

/// Keys, digests and cuts of zones, which every name below needs again.
const KEPT_BYTES_MAX: usize = 4 << 20;

/// However long a zone says that its keys may be kept: what is wrong with them is mended within the hour.
const KEPT_SECS_MAX: u32 = 3600;

/// A denial that says nothing of how long it holds.
const DENIAL_SECS: u32 = 60;

/// A question that was asked, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) query: Query,
    pub(super) said: Result<Message, Fault>,
    /// Whose answer it is, where it was asked for now.
    pub(super) by: Option<usize>,
}

/// What was learned of zones by questions whose answers held.
pub(super) struct Kept(Mutex<Bounded<(LowerName, RecordType), Learned>>);

/// What was said, when, and for how many seconds it holds.
struct Learned {
    message: Message,
    at: Instant,
    secs: u32,
}

/// How the upstreams are asked for one question.
#[derive(Clone)]
pub(super) struct Manner {
    /// Signatures are wanted.
    pub(super) dnssec: bool,
    /// The upstreams are not to judge by themselves.
    pub(super) unchecked: bool,
    /// Those that are not asked, because what they said did not hold.
    pub(super) barred: Vec<usize>,
}

/// The way of one question.
#[derive(Clone)]
pub(super) struct Trail {
    pool: Arc<Pool<Exchange>>,
    kept: Arc<Kept>,
    manner: Arc<Manner>,
    notes: Arc<Mutex<Notes>>,
    /// Held while something is asked, so that who wants to know the same finds it said.
    asking: Arc<tokio::sync::Mutex<()>>,
    spent: Arc<Mutex<Spent>>,
    /// Where an answer shows no cut, the zone above is asked for it.
    asks_above: bool,
}

#[derive(Default)]
struct Notes {
    seen: Vec<Seen>,
}

/// What a client's question has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// With upstreams.
    pub(super) exchanges: usize,
    /// That the validator was given.
    pub(super) signatures: usize,
}

impl Trail {
    /// `spent` is shared by all that the client's question leads to.
    pub(super) fn new(
        (pool, kept): (&Arc<Pool<Exchange>>, &Arc<Kept>),
        manner: Manner,
        spent: &Arc<Mutex<Spent>>,
    ) -> Self {
        Self {
            pool: Arc::clone(pool),
            kept: Arc::clone(kept),
            manner: Arc::new(manner),
            notes: Arc::default(),
            asking: Arc::default(),
            spent: Arc::clone(spent),
            asks_above: false,
        }
    }

    /// The same for another try: the zones above are asked for the cuts that did not show. None where all did.
    pub(super) fn asking_above(&self) -> Option<Self> {
        let shows_none = |one: &Seen| {
            let shown = |message| delegation::is_shown(message, &one.query);
            one.query.query_type() == RecordType::NS && !one.said.as_ref().is_ok_and(shown)
        };
        let again = Self {
            asks_above: true,
            ..self.clone()
        };
        self.notes().seen.iter().any(shows_none).then_some(again)
    }

    /// What is said to a question, asked once.
    pub(super) async fn say(&self, query: &Query) -> Result<Message, Fault> {
        let _asking = self.asking.lock().await;
        let seen = self
            .notes()
            .seen
            .iter()
            .find(|one| one.query == *query)
            .cloned();
        if let Some(seen) = seen {
            return seen.said;
        }
        // Whoever said what did not hold may have said what is kept, too.
        if self.manner.barred.is_empty()
            && self.manner.unchecked
            && let Some(message) = self.kept.get(query)
        {
            self.note(query, Ok(message.clone()));
            return Ok(message);
        }
        let given = self.ask(query).await;
        let by = given.as_ref().ok().map(|given| given.by);
        let said = given.map(|given| given.message);
        self.notes().seen.push(Seen {
            query: query.clone(),
            said: said.clone(),
            by,
        });
        said
    }

    async fn ask(&self, query: &Query) -> Result<Given, Fault> {
        {
            let mut spent = lock(&self.spent);
            if spent.exchanges == EXCHANGES_MAX {
                return Err(Fault::Spent);
            }
            spent.exchanges += 1;
        }
        let asked = Asked {
            query: query.clone(),
            dnssec: self.manner.dnssec,
            unchecked: self.manner.unchecked,
        };
        self.pool.ask(&asked, &self.manner.barred).await
    }

    /// What is known of a question without asking.
    pub(super) fn note(&self, query: &Query, said: Result<Message, Fault>) {
        self.notes().seen.push(Seen {
            query: query.clone(),
            said,
            by: None,
        });
    }

    /// What the validator is given of an answer.
    fn give(&self, message: &Message, query: &Query) -> Result<Message, Fault> {
        let mut link = cut(message, query);
        {
            let records = link.answers.iter().chain(&link.authorities);
            let signatures = records.filter_map(signature).count();
            let mut spent = lock(&self.spent);
            if spent.signatures + signatures > SIGNATURES_MAX {
                return Err(Fault::Spent);
            }
            spent.signatures += signatures;
        }
        keys::mark(&mut link, query, now_secs());
        Ok(link)
    }

    /// What the validator is told of a cut, where the answer shows none: the zone above denies the DS of one that has no keys.
    async fn above(&self, query: &Query, said: Result<Message, Fault>) -> Result<Message, Fault> {
        let shown = |message| delegation::is_shown(message, query);
        if !self.asks_above
            || query.query_type() != RecordType::NS
            || said.as_ref().is_ok_and(shown)
        {
            return said;
        }
        let of_digest = Query::query(query.name().clone(), RecordType::DS);
        let denied = self.say(&of_digest).await;
        if !denied.is_ok_and(|message| delegation::may_be(&message, &of_digest)) {
            return said;
        }
        let mut told = Message::new(0, MessageType::Response, OpCode::Query);
        told.add_query(query.clone());
        told.add_answer(delegation::told(query.name()));
        Ok(told)
    }

    /// All that was asked and said.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.notes().seen.clone()
    }

    /// Whose answers came into it.
    pub(super) fn by(&self) -> Vec<usize> {
        self.notes().seen.iter().filter_map(|one| one.by).collect()
    }

    /// Who answered a question.
    pub(super) fn teller(&self, query: &Query) -> Option<usize> {
        let notes = self.notes();
        notes.seen.iter().find(|one| one.query == *query)?.by
    }

    /// It held: what it taught of zones is kept.
    pub(super) fn keep(&self) {
        for Seen { query, said, .. } in &self.notes().seen {
            if let Ok(message) = said {
                self.kept.insert(query, message);
            }
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }
}

impl DnsHandle for Trail {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let trail = self.clone();
        Box::pin(stream::once(async move {
            let Some(query) = request.queries.first().cloned() else {
                return Err(NetError::Message("no question"));
            };
            let said = trail.say(&query).await;
            let said = trail.above(&query, said).await;
            let given = said.and_then(|message| trail.give(&message, &query));
            if given == Err(Fault::Spent) {
                trail.note(&query, Err(Fault::Spent));
            }
            let given = given.map_err(|fault| NetError::Msg(fault.to_string()))?;
            Ok(DnsResponse::from_message(given)?)
        }))
    }
}

impl Kept {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Bounded::new(KEPT_BYTES_MAX)))
    }

    fn get(&self, query: &Query) -> Option<Message> {
        let key = (LowerName::from(query.name()), query.query_type());
        let (mut message, age) = {
            let mut kept = lock(&self.0);
            let learned = kept.get(&key)?;
            let age = learned.age_secs();
            (age < learned.secs).then(|| (learned.message.clone(), age))?
        };
        for record in message.answers.iter_mut().chain(&mut message.authorities) {
            record.ttl = record.ttl.saturating_sub(age);
        }
        Some(message)
    }

    pub(super) fn insert(&self, query: &Query, message: &Message) {
        let of_zones = [RecordType::DNSKEY, RecordType::DS, RecordType::NS];
        if !of_zones.contains(&query.query_type()) {
            return;
        }
        let secs = holds_secs(message);
        let message = cut(message, query);
        let bytes = 512
            + message
                .to_vec()
                .map_or(usize::MAX / 2, |bytes| 4 * bytes.len());
        let key = (LowerName::from(query.name()), query.query_type());
        let mut kept = lock(&self.0);
        // What is there is as good, and its age is known.
        if kept.get(&key).is_none_or(|one| one.age_secs() >= one.secs) {
            let at = Instant::now();
            kept.insert(key, Learned { message, at, secs }, bytes);
        }
    }
}

impl Learned {
    fn age_secs(&self) -> u32 {
        u32::try_from(self.at.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

/// The least TTL of an answer; of a denial, RFC 2308 section 5.
fn holds_secs(message: &Message) -> u32 {
    let minimum = message
        .authorities
        .iter()
        .find_map(|record| match &record.data {
            RData::SOA(soa) => Some(soa.minimum.min(record.ttl)),
            _ => None,
        });
    let denies =
        message.answers.is_empty() || message.metadata.response_code != ResponseCode::NoError;
    let least = message.answers.iter().map(|record| record.ttl).min();
    let secs = match denies {
        true => minimum.unwrap_or(DENIAL_SECS),
        false => least.unwrap_or(DENIAL_SECS),
    };
    secs.min(KEPT_SECS_MAX)
}

/// Now, as signatures have it.
pub(super) fn now_secs() -> u32 {
    u32::try_from(TokioTime::current_time()).unwrap_or(u32::MAX)
}

/// Nothing that panics happens under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
