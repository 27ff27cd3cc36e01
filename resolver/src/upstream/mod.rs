//! How ordinary names are asked for elsewhere: which upstreams know a name, which of them is asked, what of it is believed.
//!
//! This module owns the ways to ordinary names. A name belongs to the way of the longest suffix that it ends in. `pool` asks the
//! upstreams of a way in the order that `choice` gives; `exchange` speaks to one. An answer is taken apart into its links
//! (`link`): each alias and what is at its end is asked for, judged and exempted by the rules of its own name. Hickory's validator
//! judges, from the `anchors` down, and what it wants to know goes through a `trail`; where it says no, `verdict` looks for the
//! reason. It promises that a question costs bounded time and a bounded number of exchanges, that nothing under our suffix is asked
//! here, and that what is called verified was. What is kept of answers is for [`crate::server`], names that are nobody's elsewhere
//! for [`crate::ordinary`].

mod address;
mod anchors;
mod choice;
mod delegation;
mod exchange;
#[cfg(feature = "fuzzing")]
pub mod fuzzed;
mod judge;
mod keys;
mod link;
mod pool;
mod said;
mod settings;
#[cfg(test)]
mod tests;
mod trail;
mod verdict;
mod way;
mod wildcard;

use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex};

use dotkey_proto::dns::{RecordType, WireName};
use dotkey_proto::limits::CNAME_CHAIN_MAX;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType as Type};

use self::link::Onward;
use self::said::wire_name;
use self::trail::Spent;
use self::way::{Link, Way};
use crate::answer::{Extended, Set, extended};
use crate::rebinding::Rebinding;
use crate::server::{Said, name_of};

pub use address::{Address, AddressError};
pub use anchors::{AnchorError, Anchors};
pub use pool::TRY_TIMEOUT;
pub use settings::{Route, Settings, UpstreamError};

pub(crate) use self::said::uncompressed;

/// What is asked of an ordinary name.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: WireName,
    pub(crate) rtype: RecordType,
    /// Signatures are wanted (DO).
    pub(crate) dnssec: bool,
    /// Who asks judges by himself (CD).
    pub(crate) unchecked: bool,
}

/// The ways to ordinary names.
pub struct Upstream {
    /// Those of longer suffixes first.
    ways: Vec<Way>,
    /// Which names may have private addresses.
    rebinding: Rebinding,
    /// Our own suffix: what leads there ends here.
    ours: Option<Name>,
}

/// How an upstream does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The suffix of the names that it is asked for.
    pub suffix: String,
    /// Where it is.
    pub address: Address,
    /// What it usually takes; nothing until it has answered.
    pub latency: Option<Duration>,
    /// It is asked only beside others, to see whether it is back.
    pub is_dead: bool,
    /// Exchanges so far, by how they ended.
    pub exchanges: [(&'static str, u64); 5],
}

/// An answer as far as it has come.
struct Found {
    said: Said,
    spent: Arc<Mutex<Spent>>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffixes = self.ways.iter().map(|way| way.suffix.to_ascii());
        f.debug_list().entries(suffixes).finish()
    }
}

impl Upstream {
    /// How each upstream does, those of longer suffixes first.
    #[must_use]
    pub fn health(&self) -> Vec<Health> {
        self.ways.iter().flat_map(Way::health).collect()
    }

    /// Whether anybody is asked for a name.
    pub(crate) fn reaches(&self, name: &WireName) -> bool {
        let name = name_of(name);
        !self.is_ours(&name) && self.way(&name).is_some()
    }

    /// Whether a name belongs to a way of its own, which was written down for it.
    pub(crate) fn is_routed(&self, name: &WireName) -> bool {
        self.way(&name_of(name))
            .is_some_and(|way| !way.suffix.is_root())
    }

    /// What is said of an ordinary name.
    pub(crate) async fn ask(&self, question: &Question) -> Said {
        let mut found = Found::new();
        match self.follow(question, &mut found, None).await {
            Ok(()) => found.said(question),
            Err(why) => Said::only(ResponseCode::ServFail, Some(why)),
        }
    }

    /// `at_hand` is what upstreams said already, and the suffix of their way.
    async fn follow<'a>(
        &'a self,
        question: &Question,
        found: &mut Found,
        mut at_hand: Option<(Message, &'a Name)>,
    ) -> Result<(), Extended> {
        let rtype = Type::from(question.rtype.0);
        let mut name = name_of(&question.name);
        for links in 0..=CNAME_CHAIN_MAX {
            let way = self.way(&name).filter(|_| !self.is_ours(&name));
            let Some(way) = way else {
                // The client goes on by itself.
                found.said.verified = false;
                return if links > 0 {
                    Ok(())
                } else {
                    Err(nobody(&name))
                };
            };
            let query = Query::query(name, rtype);
            // What the upstreams of one way say of names on another is not looked at.
            let said = at_hand.take().filter(|(_, suffix)| **suffix == way.suffix);
            let said = said.map(|(message, _)| message);
            let link = self.link(way, (&query, said), question, found).await?;
            let Link {
                message,
                onward,
                rest,
                ..
            } = &link;
            let next = match onward {
                Onward::Here => {
                    found.add(&link, true);
                    return Ok(());
                }
                Onward::Alias(next) => {
                    found.add(&link, false);
                    at_hand = rest.clone().map(|rest| (rest, &way.suffix));
                    next.clone()
                }
                Onward::Below(owner) => {
                    let of_dname = Query::query(owner.clone(), Type::DNAME);
                    let at_hand = Some(message.clone());
                    let link = self
                        .link(way, (&of_dname, at_hand), question, found)
                        .await?;
                    found.add(&link, false);
                    found.synthesise(query.name(), owner)?
                }
            };
            name = next;
        }
        Err(Extended {
            code: extended::OTHER,
            text: format!("its aliases lead through more than {CNAME_CHAIN_MAX} names"),
        })
    }

    /// One link, which no address of ours may be smuggled in by.
    async fn link(
        &self,
        way: &Way,
        (query, at_hand): (&Query, Option<Message>),
        question: &Question,
        found: &Found,
    ) -> Result<Link, Extended> {
        let link = way.link(query, at_hand, question, &found.spent).await?;
        let mut sets = link.answers.iter().filter(|_| !way.is_private());
        match sets.find_map(|set| self.rebinding.objection(set, &[])) {
            None => Ok(link),
            Some(why) => Err(why),
        }
    }

    fn is_ours(&self, name: &Name) -> bool {
        self.ours.as_ref().is_some_and(|ours| ours.zone_of(name))
    }

    fn way(&self, name: &Name) -> Option<&Way> {
        self.ways.iter().find(|way| way.suffix.zone_of(name))
    }
}

impl Found {
    fn new() -> Self {
        let mut said = Said::only(ResponseCode::NoError, None);
        said.verified = true;
        Self {
            said,
            spent: Arc::default(),
        }
    }

    fn add(&mut self, link: &Link, is_last: bool) {
        self.said.answers.extend(link.answers.iter().cloned());
        self.said.verified &= link.verified;
        if is_last {
            self.said.rcode = link.rcode;
        }
        // The proof that no closer name hides what a wildcard gave stands in any link, the denial in the last.
        self.said
            .authorities
            .extend(link.authorities.iter().cloned());
    }

    /// The CNAME that a DNAME amounts to, which has no signature (RFC 6672 section 5.3.1), and where it leads.
    fn synthesise(&mut self, name: &Name, owner: &Name) -> Result<Name, Extended> {
        let wrong = |text: &str| Extended {
            code: extended::INVALID_DATA,
            text: format!("{owner} DNAME {text}"),
        };
        let dname = self
            .said
            .answers
            .iter()
            .rev()
            .find(|set| set.rtype == RecordType::DNAME);
        let dname = dname.ok_or_else(|| wrong("is not there when it is asked for"))?;
        let target = dname.rdata.first().map(|rdata| WireName::from_wire(rdata));
        let Some(Ok(target)) = target else {
            return Err(wrong("is no name"));
        };
        let next = link::substituted(name, owner, &name_of(&target));
        let next = next.ok_or_else(|| wrong("makes the name too long"))?;
        let ttl = dname.ttl;
        let (Some(alias), Some(target)) = (wire_name(name), uncompressed(&next)) else {
            return Err(wrong("makes no name"));
        };
        self.said.answers.push(Set {
            owner: alias,
            rtype: RecordType::CNAME,
            ttl,
            rdata: vec![target],
        });
        Ok(next)
    }

    fn said(self, question: &Question) -> Said {
        let mut said = self.said;
        if !question.dnssec {
            said::without_signatures(&mut said.answers, question.rtype);
            said::without_signatures(&mut said.authorities, question.rtype);
        }
        said
    }
}

fn nobody(name: &Name) -> Extended {
    Extended {
        code: extended::NOT_SUPPORTED,
        text: format!("nobody is asked for {name}; set `upstream`, or a route for its suffix"),
    }
}
