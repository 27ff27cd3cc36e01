//! The border between our suffix and all other names. Pure.
//!
//! Whatever upstreams say of an ordinary name, what is taken of it is about that name and those that its aliases lead to, and nothing
//! of it is under our suffix. So who answers ordinary names cannot slip in a name of ours, nor another ordinary one.

use dotkey_proto::dns::{RecordType, WireName};
use dotkey_proto::limits::CNAME_CHAIN_MAX;

use super::cache::ends_in;
use super::said::Said;
use crate::answer::Set;

/// What is taken of what was said of a name.
pub(super) fn cut(mut said: Said, name: &WireName, suffix: &WireName) -> Said {
    let names = chain(&said.answers, name, suffix);
    let before = said.answers.len();
    said.answers.retain(|set| {
        let is_dname = set.rtype == RecordType::DNAME || covers(set, RecordType::DNAME);
        let is_below = |name: &WireName| is_under(name, &set.owner);
        names.contains(&set.owner) || (is_dname && names.iter().any(is_below))
    });
    said.authorities.retain(|set| !is_under(&set.owner, suffix));
    // What is left of a whole was not verified as one.
    said.verified &= said.answers.len() == before;
    said
}

/// The name of ours that the aliases of an ordinary name lead to.
pub(super) fn into_ours(said: &Said, name: &WireName, suffix: &WireName) -> Option<WireName> {
    let names = chain(&said.answers, name, suffix);
    let next = leads_to(&said.answers, names.last()?)?;
    is_under(&next, suffix).then_some(next)
}

/// A name, and those that its aliases lead to, up to the first of ours.
fn chain(sets: &[Set], name: &WireName, suffix: &WireName) -> Vec<WireName> {
    let mut names = vec![name.clone()];
    while let Some(at) = names.last().filter(|_| names.len() <= CNAME_CHAIN_MAX) {
        let Some(next) = leads_to(sets, at) else {
            break;
        };
        if is_under(&next, suffix) || names.contains(&next) {
            break;
        }
        names.push(next);
    }
    names
}

fn leads_to(sets: &[Set], name: &WireName) -> Option<WireName> {
    let alias = |set: &&Set| set.rtype == RecordType::CNAME && set.owner == *name;
    let rdata = sets.iter().find(alias)?.rdata.first()?;
    WireName::from_wire(rdata).ok()
}

fn is_under(name: &WireName, end: &WireName) -> bool {
    let lower = |name: &WireName| name.as_wire().to_ascii_lowercase();
    WireName::from_wire(&lower(end)).is_ok_and(|end| ends_in(&lower(name), &end))
}

/// Whether a set is the signatures of another type.
fn covers(set: &Set, rtype: RecordType) -> bool {
    let of = |rdata: &Vec<u8>| rdata.starts_with(&rtype.0.to_be_bytes());
    set.rtype == RecordType::RRSIG && set.rdata.iter().any(of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::ResponseCode;

    fn name(text: &str) -> WireName {
        text.parse().expect(text)
    }

    fn set(owner: &str, rtype: RecordType, target: &str) -> Set {
        let rdata = match target {
            "" => vec![198, 51, 100, 7],
            target => name(target).as_wire().to_vec(),
        };
        Set {
            owner: name(owner),
            rtype,
            ttl: 60,
            rdata: vec![rdata],
        }
    }

    /// What is left of sets, as owners; and whether it is still called verified.
    fn check(sets: &[(&str, RecordType, &str)], left: &[&str], verified: bool) {
        let mut said = Said::only(ResponseCode::NoError, None);
        let made = sets.iter().map(|(owner, rtype, to)| set(owner, *rtype, to));
        said.answers = made.collect();
        said.verified = true;
        said.authorities = vec![set("x.Key.", RecordType::SOA, "")];
        let cut = cut(said, &name("www.example.net."), &name("key."));
        let owners: Vec<String> = cut.answers.iter().map(|it| it.owner.to_string()).collect();
        assert_eq!(owners, left, "{sets:?}");
        assert_eq!(cut.verified, verified, "{sets:?}");
        assert!(cut.authorities.is_empty());
    }

    #[test]
    fn what_is_said_is_cut_to_the_question() {
        const A: RecordType = RecordType::A;
        const CNAME: RecordType = RecordType::CNAME;
        const DNAME: RecordType = RecordType::DNAME;
        let www = "www.example.net.";
        check(&[(www, A, "")], &[www], true);
        check(&[("WWW.example.NET.", A, "")], &["WWW.example.NET."], true);
        check(&[(www, A, ""), ("bank.example.", A, "")], &[www], false);
        check(&[(www, A, ""), ("hello.key.", A, "")], &[www], false);
        let other = "other.example.";
        check(&[(www, CNAME, other), (other, A, "")], &[www, other], true);
        let ours = "hello.KEY.";
        check(&[(www, CNAME, ours), (ours, A, "")], &[www], false);
        check(&[(www, CNAME, www)], &[www], true);
        let leads = |sets: &[(&str, RecordType, &str)]| {
            let mut said = Said::only(ResponseCode::NoError, None);
            let made = sets.iter().map(|(owner, rtype, to)| set(owner, *rtype, to));
            said.answers = made.collect();
            into_ours(&said, &name(www), &name("key."))
        };
        assert_eq!(
            leads(&[(www, CNAME, other), (other, CNAME, ours)]),
            Some(name(ours))
        );
        assert_eq!(leads(&[(www, CNAME, other), (www, A, "")]), None);
        assert_eq!(leads(&[(other, CNAME, ours)]), None);
        let above = "example.net.";
        check(
            &[(above, DNAME, "example."), (www, CNAME, other)],
            &[above, www],
            true,
        );
        check(&[("key.", DNAME, "example."), (www, A, "")], &[www], false);
    }
}
