//! One way to ordinary names: the upstreams for a suffix, and what is believed of what they say.

use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::anchors::Anchors;
use super::exchange::Exchange;
use super::judge::{self, Judged};
use super::link::{self, Onward};
use super::pool::Pool;
use super::said::{date, sets};
use super::trail::{Kept, Manner, Spent, Trail, now_secs};
use super::verdict;
use super::{Address, Health, Question};
use crate::answer::{Extended, Set};

/// Upstreams that are asked alone, one after another, when what was said does not hold. Most often the zone itself is broken.
const SECOND_OPINIONS_MAX: usize = 2;

/// The upstreams of the names below a suffix.
pub(super) struct Way {
    pub(super) suffix: Name,
    pub(super) addresses: Vec<Address>,
    pub(super) pool: Arc<Pool<Exchange>>,
    pub(super) kept: Arc<Kept>,
    /// What is validated from where on; nothing where all is believed.
    pub(super) anchors: Anchors,
    /// Names below which nothing is validated (RFC 7646).
    pub(super) negative: Vec<Name>,
}

/// What is said of one name.
pub(super) struct Link {
    /// The upstream's answer; what is believed of it follows.
    pub(super) message: Message,
    pub(super) rcode: ResponseCode,
    pub(super) answers: Vec<Set>,
    pub(super) authorities: Vec<Set>,
    /// It was validated, and is signed.
    pub(super) verified: bool,
    pub(super) onward: Onward,
    /// What the same answer says of the name that it leads to.
    pub(super) rest: Option<Message>,
}

impl Way {
    /// Whether its names are somebody's own, whose addresses are his business.
    pub(super) fn is_private(&self) -> bool {
        !self.suffix.is_root()
    }

    pub(super) fn health(&self) -> impl Iterator<Item = Health> + '_ {
        let health = self.pool.health().into_iter().zip(self.pool.exchanges());
        health
            .zip(&self.addresses)
            .map(|(((latency, is_dead), exchanges), address)| Health {
                exchanges,
                suffix: self.suffix.to_ascii(),
                address: address.clone(),
                latency,
                is_dead,
            })
    }

    /// What is said of a name, by its upstreams or in an answer that is at hand, as far as it is believed.
    pub(super) async fn link(
        &self,
        query: &Query,
        at_hand: Option<Message>,
        question: &Question,
        spent: &Arc<Mutex<Spent>>,
    ) -> Result<Link, Extended> {
        let is_exempt = self.negative.iter().any(|name| name.zone_of(query.name()));
        let anchor = self
            .anchors
            .over(query.name())
            .filter(|_| !is_exempt && !question.unchecked);
        let mut manner = Manner {
            dnssec: question.dnssec || anchor.is_some(),
            // RFC 6840 section 5.9: who judges by himself wants to see all. Who does not is glad of others' judgement.
            unchecked: question.unchecked || is_exempt || anchor.is_some(),
            barred: Vec::new(),
        };
        let mut trail = self.trail(&manner, spent);
        let is_at_hand = at_hand.is_some();
        if let Some(message) = at_hand {
            trail.note(query, Ok(message));
        }
        let Some(anchor) = anchor else {
            let message = say(&trail, query).await?;
            let cut = link::cut(&message, query);
            return Ok(Link::new(message, query, (cut, false)));
        };
        let mut judged = self.validated(&trail, anchor, query).await;
        if judged.is_err() && is_at_hand {
            // It was said beside the answer to another question; asked for by itself it may hold.
            trail = self.trail(&manner, spent);
            judged = self.validated(&trail, anchor, query).await;
        }
        let why = match judged {
            Ok(link) => return Ok(link),
            Err(why) => why,
        };
        // One that lies is found out; perhaps another does not.
        let teller = trail.teller(query);
        for at in self.others(&trail, teller) {
            manner.barred = (0..self.pool.len()).filter(|other| *other != at).collect();
            let alone = self.trail(&manner, spent);
            if let Ok(link) = self.validated(&alone, anchor, query).await {
                teller.into_iter().for_each(|teller| self.pool.lied(teller));
                return Ok(link);
            }
        }
        Err(why)
    }

    /// Who is asked alone when what was said does not hold: first those that had no part in it.
    fn others(&self, trail: &Trail, teller: Option<usize>) -> Vec<usize> {
        let by = trail.by();
        let mut others: Vec<usize> = self.pool.well();
        others.retain(|at| Some(*at) != teller);
        others.sort_by_key(|at| by.contains(at));
        others.truncate(SECOND_OPINIONS_MAX);
        others
    }

    fn trail(&self, manner: &Manner, spent: &Arc<Mutex<Spent>>) -> Trail {
        Trail::new((&self.pool, &self.kept), manner.clone(), spent)
    }

    async fn validated(
        &self,
        trail: &Trail,
        anchor: &Name,
        query: &Query,
    ) -> Result<Link, Extended> {
        let message = say(trail, query).await?;
        // What is below a DNAME is judged by the DNAME, which the caller asks for next.
        if let Onward::Below(_) = link::onward(&message, query) {
            return Ok(Link::new(message, query, (Message::query(), true)));
        }
        let now = now_secs();
        let keys = Query::query(anchor.clone(), RecordType::DNSKEY);
        let said = say(trail, &keys).await?;
        let trusted = self.anchors.trust(anchor, &link::cut(&said, &keys), now);
        let trusted = Arc::new(trusted.map_err(|why| verdict::untrusted(anchor, why))?);
        let mut judged = judge::judge(trail, &trusted, query).await;
        if matches!(judged, Judged::Bogus)
            // What the validator would be told of cuts is no answer.
            && query.query_type() != RecordType::NS
            && let Some(again) = trail.asking_above()
        {
            judged = judge::judge(&again, &trusted, query).await;
        }
        match judged {
            Judged::Holds {
                message: held,
                verified,
            } => {
                trail.keep();
                Ok(Link::new(message, query, (held, verified)))
            }
            Judged::Bogus => Err(verdict::why(&trail.seen(), now)),
        }
    }
}

impl Link {
    fn new(message: Message, query: &Query, (cut, verified): (Message, bool)) -> Self {
        let onward = link::onward(&message, query);
        let rest = match &onward {
            Onward::Alias(next) => link::rest(&message, query, next),
            _ => None,
        };
        let answers = sets(&cut.answers);
        let mut authorities = sets(&cut.authorities);
        if answers.is_empty() {
            date(&mut authorities);
        }
        Self {
            message,
            rcode: cut.metadata.response_code,
            answers,
            authorities,
            verified,
            onward,
            rest,
        }
    }
}

async fn say(trail: &Trail, query: &Query) -> Result<Message, Extended> {
    let what = || format!("{} {}", query.name(), query.query_type());
    let said = trail.say(query).await;
    said.map_err(|fault| verdict::silence(&what(), &fault))
}
