//! Names under our suffix: the way through the zones of ours, out to ordinary names where an alias leads there, and the signatures.

use dotkey_proto::dns::{Labels, RecordType, WireName};
use dotkey_proto::limits::{CNAME_CHAIN_MAX, DELEGATION_DEPTH_MAX};
use dotkey_proto::time::Timestamp;
use hickory_proto::op::ResponseCode;

use super::query::Key;
use super::rules::Rules;
use super::said::{Said, Whence};
use super::service::Service;
use super::work;
use super::{border, changes};
use crate::answer::local::{self, Onward, Question};
use crate::answer::made_up::Via;
use crate::answer::sign::Signer;
use crate::answer::{Answer, Extended, Set, apex, extended};
use crate::error::{ResolveError, Why};
use crate::resolver::Ask;
use crate::source::SourceError;

/// Zones that one question may lead through: each alias may lead to another name, and each of these through delegations.
const ZONES_MAX: usize = CNAME_CHAIN_MAX + 1;

const _: () = assert!(
    ZONES_MAX * (DELEGATION_DEPTH_MAX + 2) < 100,
    "a question costs a bounded number of look-ups"
);

/// How often aliases may lead from ordinary names back to ours: each time costs as much as a question.
const RETURNS_MAX: usize = 4;

/// An answer, and what it depends on.
pub(super) struct Ours {
    pub(super) answer: Answer,
    /// Where changes of them are told, and of who holds the names.
    pub(super) told_at: Vec<u16>,
    /// Whether a change of any of it would be told there.
    pub(super) is_told: bool,
    /// The name of ours that its aliases lead back to, by way of ordinary names.
    pub(super) back: Option<WireName>,
}

impl Ours {
    fn new(answer: Answer, told_at: Vec<u16>, is_told: bool) -> Self {
        Self {
            answer,
            told_at,
            is_told,
            back: None,
        }
    }
}

/// What is answered to a question under our suffix, or to one that has led to the name `at` of ours.
pub(super) async fn answer(service: &Service, key: &Key, mut at: WireName, rules: &Rules) -> Ours {
    let resolver = &service.resolver;
    let suffix = resolver.origin();
    let mut answer = Answer::new();
    let (mut told_at, mut is_told) = (Vec::new(), service.told_of_changes);
    for _ in 0..ZONES_MAX {
        let Some(relative) = resolver.relative(&at) else {
            let back = abroad(service, rules, key, &at, &mut answer).await;
            let ours = Ours::new(answer, told_at, false);
            return Ours { back, ..ours };
        };
        if relative.is_apex() {
            let top = apex::answer(suffix, key.rtype, service.signer.dnskey());
            append(&mut answer, top);
            return Ours::new(answer, told_at, is_told);
        }
        // Who holds it may change, whether or not anybody does now.
        told_at.push(changes::of_label(label_of(&at, suffix)));
        let found = match resolver.resolve_wire(&at, Ask::default()).await {
            Ok(found) => found,
            Err(error) => {
                // What is missing now may be published in a moment.
                if let ResolveError::NoRecord { key_id, .. } = &error {
                    told_at.push(changes::of_identity(key_id));
                }
                fail(&mut answer, &error, &at, suffix);
                return Ours::new(answer, told_at, false);
            }
        };
        // Whoever delegated it may delegate it elsewhere.
        let identities = found.through.iter().copied();
        let identities = identities.chain([found.record().key_id()]);
        told_at.extend(identities.map(|key_id| changes::of_identity(&key_id)));
        // Who holds a name is the ledger's to say.
        is_told &= found.proof().is_none();
        let question = Question {
            name: &at,
            rtype: key.rtype,
            suffix,
            via: &rules.via,
        };
        let before = answer.answers.len();
        let onward = local::add(&mut answer, &question, &found);
        if let Some(why) = rebound(&key.name, answer.answers.get(before..), rules) {
            return Ours::new(Answer::failed(why.code, why.text), told_at, is_told);
        }
        if found.is_stale() && answer.extended.is_none() {
            is_told = false;
            answer.extended = Some(Extended {
                code: extended::STALE,
                text: "no source answers; this holds by itself, and may have been replaced"
                    .to_owned(),
            });
        }
        match onward {
            Onward::Done => return Ours::new(answer, told_at, is_told),
            Onward::Name(next) => at = next,
        }
    }
    let answer = Answer::failed(
        extended::OTHER,
        "its aliases lead through more than 8 names".to_owned(),
    );
    Ours::new(answer, told_at, false)
}

/// Why sets that a name led to are not to be given: whoever signs a record has a page of the same name, too. Names that are exempt
/// may lead anywhere, and to the gateway each may.
fn rebound(name: &WireName, sets: Option<&[Set]>, rules: &Rules) -> Option<Extended> {
    let own = match &rules.via {
        Via::Gateway(gateway) => &gateway.addresses[..],
        Via::Direct => &[],
    };
    let mut sets = sets.into_iter().flatten();
    match rules.rebinding.exempts(name) {
        true => None,
        false => sets.find_map(|set| rules.rebinding.objection(set, own)),
    }
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
        whence: Whence::default(),
    }
}

/// Aliases of ordinary names led to one of ours, whose part comes behind what is said already; so on where it leads out and back
/// again. Each part has signatures of its own, so that the whole is not called verified.
pub(super) async fn behind(
    mut said: Said,
    (back, key): (WireName, &Key),
    service: &Service,
    rules: &Rules,
) -> (Said, Vec<u16>, bool) {
    let (mut told_at, mut is_told) = (Vec::new(), true);
    let mut been = vec![key.name.clone()];
    let mut next = Some(back);
    while let Some(at) = next {
        if been.contains(&at) || been.len() > RETURNS_MAX {
            let text =
                "its aliases lead back to names of ours again and again; its owner must end that";
            said = Said::failed(extended::OTHER, text);
            break;
        }
        been.push(at.clone());
        let ours = answer(service, key, at, rules).await;
        told_at.extend(ours.told_at);
        is_told &= ours.is_told;
        next = ours.back;
        let now = service.resolver.now();
        let more = sign(ours.answer, &service.signer, key.dnssec, now);
        if more.rcode == ResponseCode::ServFail {
            said = more;
            break;
        }
        said.answers.extend(more.answers);
        said.authorities.extend(more.authorities);
        (said.rcode, said.extended) = (more.rcode, more.extended);
    }
    (said.verified, said.whence) = (false, Whence::IntoOurs);
    (said, told_at, is_told)
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

/// An alias led to an ordinary name: what the upstream says of it comes behind our part, up to the name of ours that it leads back to.
/// Without an upstream the client goes on by itself.
async fn abroad(
    service: &Service,
    rules: &Rules,
    key: &Key,
    at: &WireName,
    answer: &mut Answer,
) -> Option<WireName> {
    let (ordinary, suffix) = (&rules.ordinary, service.resolver.origin());
    if !ordinary.reaches(at) {
        return None;
    }
    let said = ordinary.ask(&work::ordinary(key, at)).await;
    let said = border::cut(said, at, suffix);
    let back = border::into_ours(&said, at, suffix).filter(|_| key.rtype != RecordType::CNAME);
    answer.rcode = said.rcode;
    answer.extended = said.extended;
    answer.foreign = said.answers;
    // Its denial is of another zone, with signatures of its own if it has any.
    answer.authorities = Vec::new();
    if let Some(why) = rebound(&key.name, Some(&answer.foreign), rules) {
        // What is written down here has private addresses, and is for who asks for it by its own name.
        (answer.rcode, answer.extended) = (ResponseCode::ServFail, Some(why));
    }
    if answer.rcode == ResponseCode::ServFail {
        answer.answers.clear();
        answer.foreign.clear();
        return None;
    }
    back
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

/// The label beside the suffix.
fn label_of<'a>(at: &'a WireName, suffix: &WireName) -> &'a [u8] {
    let mut labels = Labels::new(at.as_wire());
    let mut label = &b""[..];
    while labels.remainder().len() > suffix.as_wire().len() {
        label = labels.next().unwrap_or_default();
    }
    label
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
