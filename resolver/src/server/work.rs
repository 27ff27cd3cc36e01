//! What becomes of a question whose answer is not kept: one flight for all who ask it, bounded work, what holds when nobody answers.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::op::ResponseCode;
use tokio::time::timeout;

use super::border;
use super::changes;
use super::ours;
use super::packet::{Kind, Made, Packet};
use super::query::Key;
use super::rules::Rules;
use super::said::{Said, Whence};
use super::service::{Service, count, secs};
use crate::answer::extended;
use crate::upstream;

/// A stub gives up after 5 s; an answer that says what is wrong must be there before.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(4_500);

/// RFC 8767 section 5: who waits longer than this gets what held before, if that is known.
const STALE_AFTER: Duration = Duration::from_millis(1_800);

/// How long what held before is given when nobody answers: a day after its time.
const STALE_SECS_MAX: u32 = 86_400;

/// A kept answer under our suffix is looked at again after this, however long clients keep theirs.
const OURS_KEPT_SECS_MAX: u32 = 10;

/// The same where whatever changes it would be told: beside a node, of names that no ledger decides about. That a hint is lost costs this.
const TOLD_KEPT_SECS_MAX: u32 = 300;

/// RFC 9520: that there is no answer is kept too, for a little while.
const FAILURE_KEPT_SECS: u32 = 5;

impl Service {
    /// The answer that is kept, or a new one.
    pub(super) async fn find(self: &Arc<Self>, key: &Key) -> Arc<Packet> {
        let kept = self.kept_before(key);
        let now = secs(self.now_ms());
        if let Some(kept) = &kept
            && self.holds(kept, now)
        {
            return Arc::clone(kept);
        }
        let Some(before) = kept.filter(|kept| kept.may_be_stale(now)) else {
            return self.flights.join(key.clone(), self.work(key)).await;
        };
        // Goes on when the client has what held before, so that the next one has what holds now.
        let (service, wanted) = (Arc::clone(self), key.clone());
        let flight = tokio::spawn(async move {
            let work = service.work(&wanted);
            service.flights.join(wanted.clone(), work).await
        });
        match timeout(STALE_AFTER, flight).await {
            Ok(Ok(packet)) => packet,
            _ => self.revive(&before),
        }
    }

    /// Fetches an answer again while the one that is kept still holds.
    pub(super) fn renew(self: &Arc<Self>, key: Key) {
        count(&self.counters.renewed);
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let work = service.work(&key);
            service.flights.join(key.clone(), work).await;
        });
    }

    async fn work(&self, key: &Key) -> Arc<Packet> {
        let Ok(_permit) = self.working.try_acquire() else {
            count(&self.counters.overloaded);
            let said = Said::failed(
                extended::OTHER,
                "as much is under way as this server allows",
            );
            return self.failed(key, &said, self.made(key, 0));
        };
        let as_of = self.changes.now();
        // In this order: what is made by newer rules than the count says is only thrown away once too often.
        let flushes = self.flushes.load(Ordering::Acquire);
        let rules = self.current.get();
        let learned = timeout(ANSWER_TIMEOUT, self.learn(key, &rules.rules)).await;
        let learned = learned.unwrap_or_else(|_| {
            let text = "nobody who should know answered in time";
            Learned::abroad(Said::failed(extended::NO_REACHABLE_AUTHORITY, text))
        });
        let Learned { said, told_at, .. } = learned;
        self.was_learned(self.kind(&key.name), &said);
        let failed = said.rcode == ResponseCode::ServFail;
        let ttl = said.least_ttl().filter(|_| !failed);
        let kept_secs = ttl.unwrap_or(FAILURE_KEPT_SECS);
        let mut made = Made {
            as_of,
            told_at: changes::places(told_at),
            ..self.made(key, kept_secs.min(learned.kept_secs_max))
        };
        if self.flushes.load(Ordering::Acquire) != flushes {
            // What is let go of meanwhile may have been this, or what it was made by.
            made.kept_secs = 0;
        }
        if failed {
            return self.failed(key, &said, made);
        }
        self.keep(Packet::new(key, &said, made))
    }

    /// A failure leaves what still holds in its place, and what held before is given again where that is allowed.
    fn failed(&self, key: &Key, said: &Said, made: Made) -> Arc<Packet> {
        let now = secs(self.now_ms());
        match self.kept_before(key) {
            Some(kept) if self.holds(&kept, now) => kept,
            Some(kept) if kept.may_be_stale(now) => self.revive(&kept),
            _ => self.keep(Packet::new(key, said, made)),
        }
    }

    /// What held before is given for a little while as if it held.
    fn revive(&self, before: &Packet) -> Arc<Packet> {
        count(&self.counters.stale);
        self.keep(before.revived(secs(self.now_ms())))
    }

    fn keep(&self, packet: Packet) -> Arc<Packet> {
        let packet = Arc::new(packet);
        if packet.kept_secs > 0 {
            self.cache.partition(packet.kind()).insert(&packet);
        }
        packet
    }

    fn made(&self, key: &Key, kept_secs: u32) -> Made {
        Made {
            kind: self.kind(&key.name),
            at: secs(self.now_ms()),
            kept_secs,
            as_of: self.changes.now(),
            told_at: Box::default(),
        }
    }

    fn kept_before(&self, key: &Key) -> Option<Arc<Packet>> {
        let partition = self.cache.partition(self.kind(&key.name));
        partition.get(key.to_bytes().as_bytes())
    }

    async fn learn(&self, key: &Key, rules: &Rules) -> Learned {
        if self.kind(&key.name) == Kind::Ours {
            let ours = ours::answer(self, key, key.name.clone(), rules).await;
            let now = self.resolver.now();
            let said = ours::sign(ours.answer, &self.signer, key.dnssec, now);
            let first = Learned {
                said,
                told_at: ours.told_at,
                kept_secs_max: ours_kept_secs_max(ours.is_told),
            };
            return match ours.back {
                None => first,
                Some(back) => self.learn_behind(first, (back, key), rules).await,
            };
        }
        let said = rules.ordinary.ask(&ordinary(key, &key.name)).await;
        let said = border::cut(said, &key.name, self.resolver.origin());
        let back = border::into_ours(&said, &key.name, self.resolver.origin());
        let Some(back) = back.filter(|_| key.rtype != RecordType::CNAME) else {
            return Learned::abroad(said);
        };
        let mut first = Learned::abroad(said);
        // What an upstream denies of a name of ours is not its to deny.
        first.said.authorities.clear();
        self.learn_behind(first, (back, key), rules).await
    }

    /// What comes behind what is learned already, whose aliases lead to a name of ours.
    async fn learn_behind(&self, first: Learned, back: (WireName, &Key), rules: &Rules) -> Learned {
        let (said, told_at, is_told) = ours::behind(first.said, back, self, rules).await;
        Learned {
            said,
            told_at: [first.told_at, told_at].concat(),
            kept_secs_max: first.kept_secs_max.min(ours_kept_secs_max(is_told)),
        }
    }
}

/// What is to be kept, and how.
struct Learned {
    said: Said,
    /// Where changes of what it comes from are told.
    told_at: Vec<u16>,
    kept_secs_max: u32,
}

impl Learned {
    /// What others said of an ordinary name.
    fn abroad(said: Said) -> Self {
        Self {
            said,
            told_at: Vec::new(),
            kept_secs_max: u32::MAX,
        }
    }
}

const fn ours_kept_secs_max(is_told: bool) -> u32 {
    if is_told {
        TOLD_KEPT_SECS_MAX
    } else {
        OURS_KEPT_SECS_MAX
    }
}

/// The same question of an ordinary name.
pub(super) fn ordinary(key: &Key, name: &WireName) -> upstream::Question {
    upstream::Question {
        name: name.clone(),
        rtype: key.rtype,
        dnssec: key.dnssec,
        unchecked: key.unchecked,
    }
}

impl Packet {
    /// Whether it may be given after its time, when nobody answers. Names under our suffix have ages of their own.
    fn may_be_stale(&self, now: u32) -> bool {
        self.kind() == Kind::Ordinary
            && self.whence() != Whence::IntoOurs
            && !self.is_failure()
            && self.held_until().saturating_add(STALE_SECS_MAX) > now
    }
}
