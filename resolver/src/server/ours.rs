//! Names under our suffix: the way through the zones of ours, out to ordinary names where an alias leads there, and the signatures.

use dotkey_proto::dns::{Labels, RecordType, WireName};
use dotkey_proto::identity::KeyId;
use dotkey_proto::limits::{CNAME_CHAIN_MAX, DELEGATION_DEPTH_MAX};
use dotkey_proto::time::Timestamp;
use hickory_proto::op::ResponseCode;

use super::border;
use super::query::Key;
use super::said::Said;
use super::service::Service;
use super::work;
use crate::answer::local::{self, Onward, Question};
use crate::answer::sign::Signer;
use crate::answer::{Answer, Extended, apex, extended};
use crate::error::{ResolveError, Why};
use crate::resolver::Ask;
use crate::source::SourceError;

/// Zones that one question may lead through: each alias may lead to another name, and each of these through delegations.
const ZONES_MAX: usize = CNAME_CHAIN_MAX + 1;

const _: () = assert!(
    ZONES_MAX * (DELEGATION_DEPTH_MAX + 2) < 100,
    "a question costs a bounded number of look-ups"
);

/// An answer and the identities whose records it comes from.
pub(super) struct Ours {
    pub(super) answer: Answer,
    pub(super) of: Vec<KeyId>,
    /// Whether a change of any of it would be told as a change of one of these identities.
    pub(super) is_told: bool,
}

impl Ours {
    fn new(answer: Answer, of: Vec<KeyId>, is_told: bool) -> Self {
        Self {
            answer,
            of,
            is_told,
        }
    }
}

/// What is answered to a question under our suffix.
pub(super) async fn answer(service: &Service, key: &Key) -> Ours {
    let resolver = &service.config.resolver;
    let suffix = resolver.origin();
    let mut answer = Answer::new();
    let (mut of, mut is_told) = (Vec::new(), service.config.told_of_changes);
    let mut at = key.name.clone();
    for _ in 0..ZONES_MAX {
        let Some(relative) = resolver.relative(&at) else {
            abroad(service, key, &at, &mut answer).await;
            return Ours::new(answer, of, false);
        };
        if relative.is_apex() {
            let top = apex::answer(suffix, key.rtype, service.config.signer.dnskey());
            append(&mut answer, top);
            return Ours::new(answer, of, is_told);
        }
        let found = match resolver.resolve_wire(&at, Ask::default()).await {
            Ok(found) => found,
            Err(error) => {
                // What is missing now may be published in a moment.
                if let ResolveError::NoRecord { key_id, .. } = &error {
                    of.push(*key_id);
                }
                fail(&mut answer, &error, &at, suffix);
                return Ours::new(answer, of, false);
            }
        };
        of.push(found.record().key_id());
        // Who holds a name is the ledger's to say.
        is_told &= found.proof().is_none();
        let question = Question {
            name: &at,
            rtype: key.rtype,
            suffix,
            via: &service.config.via,
        };
        let onward = local::add(&mut answer, &question, &found);
        if found.is_stale() && answer.extended.is_none() {
            is_told = false;
            answer.extended = Some(Extended {
                code: extended::STALE,
                text: "no source answers; this holds by itself, and may have been replaced"
                    .to_owned(),
            });
        }
        match onward {
            Onward::Done => return Ours::new(answer, of, is_told),
            Onward::Name(next) => at = next,
        }
    }
    let answer = Answer::failed(
        extended::OTHER,
        "its aliases lead through more than 8 names".to_owned(),
    );
    Ours::new(answer, of, false)
}

/// Signs what is ours, for who asks for that. The CNAME that a DNAME amounts to needs no signature (RFC 6672 section 5.3.1), and
/// what came from the ordinary DNS has its own.
pub(super) fn sign(answer: Answer, signer: &Signer, dnssec: bool, now: Timestamp) -> Said {
    let verified = answer.rcode != ResponseCode::ServFail && answer.foreign.is_empty();
    let (mut answers, mut authorities) = (answer.answers, answer.authorities);
    if dnssec {
        answers = signed(answers, signer, now);
        authorities.extend(answer.denial);
        authorities = signed(authorities, signer, now);
    }
    answers.extend(answer.foreign);
    Said {
        rcode: answer.rcode,
        answers,
        authorities,
        extended: answer.extended,
        verified,
    }
}

fn signed(
    sets: Vec<crate::answer::Set>,
    signer: &Signer,
    now: Timestamp,
) -> Vec<crate::answer::Set> {
    let mut all = Vec::with_capacity(2 * sets.len());
    let mut after_dname = false;
    for set in sets {
        let synthesised = after_dname && set.rtype == RecordType::CNAME;
        after_dname = set.rtype == RecordType::DNAME;
        let signature = (!synthesised).then(|| signer.sign(&set, now));
        all.push(set);
        all.extend(signature);
    }
    all
}

/// An alias led to an ordinary name: what the upstream says of it comes behind our part. Without an upstream the client goes on by itself.
async fn abroad(service: &Service, key: &Key, at: &WireName, answer: &mut Answer) {
    let ordinary = &service.config.ordinary;
    if !ordinary.reaches(at) {
        return;
    }
    let said = ordinary.ask(&work::ordinary(key, at)).await;
    let said = border::cut(said, at, service.config.resolver.origin());
    answer.rcode = said.rcode;
    answer.extended = said.extended;
    answer.foreign = said.answers;
    // Its denial is of another zone, with signatures of its own if it has any.
    answer.authorities = Vec::new();
    if answer.rcode == ResponseCode::ServFail {
        answer.answers.clear();
        answer.foreign.clear();
    }
}

/// Adds what was found at the end of the aliases.
fn append(answer: &mut Answer, last: Answer) {
    answer.rcode = last.rcode;
    answer.answers.extend(last.answers);
    answer.authorities.extend(last.authorities);
    answer.denial.extend(last.denial);
}

/// Why there is no zone for a name: proved absence is a denial, all else is a failure that says which check failed.
fn fail(answer: &mut Answer, error: &ResolveError, at: &WireName, suffix: &WireName) {
    match error {
        ResolveError::Name(_) | ResolveError::NoSuchKey(_) | ResolveError::Unclaimed(_) => {
            let next_closer = below_suffix(at, suffix);
            apex::no_name(answer, &next_closer, suffix, apex::UNCLAIMED_TTL_SECS);
        }
        error => *answer = Answer::failed(code_of(error), error.to_string()),
    }
}

/// The name that ends in the suffix and one label more.
fn below_suffix(at: &WireName, suffix: &WireName) -> WireName {
    let mut labels = Labels::new(at.as_wire());
    let mut name = at.as_wire();
    while labels.remainder().len() > suffix.as_wire().len() {
        name = labels.remainder();
        labels.next();
    }
    WireName::from_wire(name).expect("whole labels of a name")
}

/// The extended error of a failure: of several sources, what a check refused says more than who was silent.
fn code_of(error: &ResolveError) -> u16 {
    if let Some((code, _)) = error.refusal() {
        return match code {
            "expired" => extended::SIGNATURE_EXPIRED,
            "not-yet-valid" => extended::SIGNATURE_NOT_YET_VALID,
            _ => extended::BOGUS,
        };
    }
    let unreached = |why: &Why| {
        matches!(
            why,
            Why::Source(SourceError::Unreachable { .. } | SourceError::TimedOut { .. })
        )
    };
    match error {
        ResolveError::TooDeep(_) | ResolveError::TooLong(_) => extended::INVALID_DATA,
        ResolveError::NoLedger(_) => extended::NOT_SUPPORTED,
        // All answered, and whoever holds the name has published nothing: no network's fault.
        ResolveError::NoRecord { failures, .. }
            if !failures.is_empty() && failures.iter().all(|one| matches!(one.why, Why::None)) =>
        {
            extended::OTHER
        }
        error
            if !error.failures().is_empty()
                && error.failures().iter().all(|one| unreached(&one.why)) =>
        {
            extended::NETWORK
        }
        _ => extended::NO_REACHABLE_AUTHORITY,
    }
}
