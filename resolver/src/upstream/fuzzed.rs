//! What the fuzz target reaches of the way to ordinary names: what is made of an upstream's messages, without the sockets that they
//! came over.

use std::sync::Arc;

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::Name;

use super::judge::{Judged, judge};
use super::pool::Pool;
use super::said::{sets, wire_name};
use super::trail::{Kept, Manner, Trail, now_secs};
use super::way::Way;
use super::{Anchors, Found, Question, Upstream, verdict};
use crate::answer::{Extended, Set};
use crate::rebinding::Rebinding;
use crate::server::{Said, name_of};

/// What was made of it.
#[derive(Debug)]
pub struct Heard {
    /// How it went.
    pub rcode: u16,
    /// The answer, as clients get it.
    pub answers: Vec<Set>,
    /// What is beside it.
    pub authorities: Vec<Set>,
    /// Why it went no better.
    pub extended: Option<Extended>,
    /// What the validator made of it, where it has no keys to trust: never more than this.
    pub verified: bool,
    /// What it was given, counted.
    pub signatures: usize,
}

/// What is made of messages. The first answers the question that it repeats, the others say what they say of zones.
pub async fn heard(messages: &[&[u8]], ours: &WireName) -> Option<Heard> {
    let mut read = messages
        .iter()
        .filter_map(|bytes| Message::from_vec(bytes).ok());
    let first = read.next()?;
    let [query] = &first.queries[..] else {
        return None;
    };
    let query = query.clone();
    let others: Vec<Message> = read.collect();
    let question = Question {
        name: wire_name(query.name())?,
        rtype: RecordType(query.query_type().into()),
        dnssec: true,
        unchecked: false,
    };
    let upstream = upstream(&others, ours);
    let way = &upstream.ways[0];
    let mut found = Found::new();
    let at_hand = Some((first.clone(), &way.suffix));
    let said = match upstream.follow(&question, &mut found, at_hand).await {
        Ok(()) => found.said(&question),
        Err(why) => Said::only(ResponseCode::ServFail, Some(why)),
    };
    let manner = Manner {
        dnssec: true,
        unchecked: true,
        barred: Vec::new(),
    };
    let spent = Arc::default();
    let trail = Trail::new((&way.pool, &way.kept), manner, &spent);
    trail.note(&query, Ok(first));
    let trusted = Arc::new(TrustAnchors::empty());
    let verified = match judge(&trail, &trusted, &query).await {
        Judged::Holds { message, verified } => verified && !sets(&message.answers).is_empty(),
        Judged::Bogus => {
            verdict::why(&trail.seen(), now_secs());
            false
        }
    };
    let signatures = spent.lock().map_or(0, |spent| spent.signatures);
    Some(Heard {
        rcode: said.rcode.into(),
        answers: said.answers,
        authorities: said.authorities,
        extended: said.extended,
        verified,
        signatures,
    })
}

/// One that has said these messages, and says nothing more.
fn upstream(others: &[Message], ours: &WireName) -> Upstream {
    let kept = Kept::new();
    for message in others {
        if let Some(query) = message.queries.first() {
            kept.insert(query, message);
        }
    }
    let way = Way {
        suffix: Name::root(),
        addresses: Vec::new(),
        pool: Arc::new(Pool::new(Vec::new())),
        kept: Arc::new(kept),
        anchors: Anchors::none(),
        negative: Vec::new(),
    };
    Upstream {
        ways: vec![way],
        rebinding: Rebinding::default(),
        ours: Some(name_of(ours)),
    }
}
