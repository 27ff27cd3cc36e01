//! Names that are not ours: what is written down here for them (`local`), those that mean the same everywhere and are nobody's
//! (`special`), and all others, which are asked for elsewhere ([`crate::upstream`]).
//!
//! The order is the promise: a record that is written down wins, then a route that is written down, then what is reserved, then the
//! upstreams. So nothing reserved leaves this machine unless somebody wrote that it should.

mod local;
mod special;

use dotkey_proto::dns::{RecordType, WireName};
use dotkey_proto::limits::CNAME_CHAIN_MAX;
use hickory_proto::op::ResponseCode;

use crate::answer::{Extended, Set, extended};
use crate::server::{Said, Whence};
use crate::upstream::{Question, Upstream};

pub use local::{Local, LocalError};

/// What is said to who asks for everything; it is the same tomorrow.
const NOT_ALL_TTL_SECS: u32 = 3600;

/// How ordinary names are answered.
#[derive(Debug, Default)]
pub struct Ordinary {
    /// What is written down here.
    pub local: Local,
    /// Who is asked for the others; without one they are refused.
    pub upstream: Option<Upstream>,
}

impl Ordinary {
    /// Whether anybody would be asked for a name, or it is answered here.
    pub(crate) fn reaches(&self, name: &WireName) -> bool {
        let asked = |upstream: &Upstream| upstream.reaches(name);
        self.local.has(name)
            || special::zone(name).is_some()
            || self.upstream.as_ref().is_some_and(asked)
    }

    /// The texts (TXT) of a name, each as one; none where there are none, where they do not hold, and where nobody could be asked.
    pub async fn texts(&self, name: &WireName) -> Vec<String> {
        let question = Question {
            name: name.clone(),
            rtype: RecordType::TXT,
            dnssec: false,
            unchecked: false,
        };
        let said = self.ask(&question).await;
        let texts = said
            .answers
            .iter()
            .filter(|set| set.rtype == RecordType::TXT);
        texts
            .flat_map(|set| &set.rdata)
            .map(|rdata| text_of(rdata))
            .collect()
    }

    /// What is said of a name.
    pub(crate) async fn ask(&self, question: &Question) -> Said {
        if question.rtype == RecordType::ANY {
            return not_all(&question.name);
        }
        let mut said = Said::only(ResponseCode::NoError, None);
        said.whence = Whence::Local;
        let mut at = question.clone();
        for _ in 0..=CNAME_CHAIN_MAX {
            let Some(found) = self.local.answer(&at.name, at.rtype) else {
                let rest = self.beyond(&at).await;
                return after(said, rest);
            };
            said.rcode = found.rcode;
            said.answers.extend(found.answers);
            said.authorities = found.authorities;
            match found.alias {
                None => return said,
                Some(next) => at.name = next,
            }
        }
        let text = format!("its aliases lead through more than {CNAME_CHAIN_MAX} names");
        let code = extended::OTHER;
        Said::only(ResponseCode::ServFail, Some(Extended { code, text }))
    }

    async fn beyond(&self, question: &Question) -> Said {
        let upstream = self.upstream.as_ref();
        let is_routed = upstream.is_some_and(|one| one.is_routed(&question.name));
        if !is_routed && let Some(mut said) = special::answer(&question.name, question.rtype) {
            said.whence = Whence::Local;
            return said;
        }
        if let Some(upstream) = upstream.filter(|one| one.reaches(&question.name)) {
            return upstream.ask(question).await;
        }
        let text = "nobody is asked for ordinary names here, or for this one; set `upstream`, or a route for its suffix";
        let (code, text) = (extended::NOT_SUPPORTED, text.to_owned());
        Said::only(ResponseCode::Refused, Some(Extended { code, text }))
    }
}

/// RFC 8482 section 4.2: one small record says that nobody gets everything at once.
fn not_all(name: &WireName) -> Said {
    let mut said = Said::only(ResponseCode::NoError, None);
    said.whence = Whence::Local;
    said.answers.push(Set {
        owner: name.clone(),
        rtype: RecordType::HINFO,
        ttl: NOT_ALL_TTL_SECS,
        rdata: vec![b"\x07RFC8482\x00".to_vec()],
    });
    said
}

/// What is elsewhere, behind the aliases that are written down here.
fn after(mut said: Said, rest: Said) -> Said {
    if said.answers.is_empty() || rest.rcode == ResponseCode::ServFail {
        return rest;
    }
    if rest.rcode != ResponseCode::Refused {
        said.rcode = rest.rcode;
    }
    said.answers.extend(rest.answers);
    (said.authorities, said.extended) = (rest.authorities, rest.extended);
    said.whence = rest.whence;
    said
}

/// The strings of a TXT record, one after the other. RFC 1035 section 3.3.14: each has its length before it.
fn text_of(rdata: &[u8]) -> String {
    let (mut text, mut rest) = (Vec::new(), rdata);
    while let Some((length, after)) = rest.split_first() {
        let (string, after) = after.split_at(usize::from(*length).min(after.len()));
        text.extend_from_slice(string);
        rest = after;
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> WireName {
        WireName::parse(text, Some(&WireName::root())).expect(text)
    }

    fn ordinary() -> Ordinary {
        let mut local = Local::default();
        for line in [
            "printer.home.arpa A 192.168.1.9",
            "printer.home.arpa 60 AAAA fd00::9",
            "print.example CNAME printer.home.arpa.",
            "away.example CNAME www.example.net.",
            "loop.example CNAME loop.example.",
        ] {
            local.add(line).expect(line);
        }
        local.add_zone(&name("lan.example"));
        local.add("a.b.lan.example TXT \"x y\"").expect("a record");
        Ordinary {
            local,
            upstream: None,
        }
    }

    async fn check(of: &str, rtype: &str, rcode: ResponseCode, answers: &[&str]) {
        let rtype: RecordType = rtype.parse().expect("a type");
        let question = Question {
            name: name(of),
            rtype,
            dnssec: false,
            unchecked: false,
        };
        let said = ordinary().ask(&question).await;
        let shown: Vec<String> = said
            .answers
            .iter()
            .map(|set| format!("{} {}", set.owner, set.rtype))
            .collect();
        assert_eq!(
            (said.rcode, &shown[..]),
            (
                rcode,
                &answers
                    .iter()
                    .map(|it| (*it).to_owned())
                    .collect::<Vec<_>>()[..]
            ),
            "{of} {rtype}"
        );
        assert!(!said.verified);
        let denies = said.answers.is_empty()
            && rcode != ResponseCode::Refused
            && rcode != ResponseCode::ServFail;
        assert_eq!(
            said.authorities.len(),
            usize::from(denies),
            "{of} {rtype}: a denial has its SOA"
        );
    }

    #[tokio::test]
    async fn what_is_written_down_wins_and_what_is_reserved_stays_here() {
        use ResponseCode::{NXDomain, NoError, Refused, ServFail};
        check("printer.home.arpa", "A", NoError, &["printer.home.arpa. A"]).await;
        check(
            "PRINTER.home.arpa",
            "AAAA",
            NoError,
            &["printer.home.arpa. AAAA"],
        )
        .await;
        check("printer.home.arpa", "TXT", NoError, &[]).await;
        check("other.home.arpa", "A", NXDomain, &[]).await;
        check(
            "print.example",
            "A",
            NoError,
            &["print.example. CNAME", "printer.home.arpa. A"],
        )
        .await;
        check("print.example", "CNAME", NoError, &["print.example. CNAME"]).await;
        // Whoever asks goes on by himself where nobody is asked here.
        check("away.example", "A", NoError, &["away.example. CNAME"]).await;
        check("loop.example", "A", ServFail, &[]).await;
        check("a.b.lan.example", "TXT", NoError, &["a.b.lan.example. TXT"]).await;
        check("b.lan.example", "TXT", NoError, &[]).await;
        check("c.lan.example", "TXT", NXDomain, &[]).await;
        check("lan.example", "NS", NoError, &[]).await;
        check("example.net", "A", Refused, &[]).await;
        check("example.net", "ANY", NoError, &["example.net. HINFO"]).await;
        check("localhost", "A", NoError, &["localhost. A"]).await;
        check("a.localhost", "AAAA", NoError, &["a.localhost. AAAA"]).await;
        check("localhost", "MX", NoError, &[]).await;
        check("x.onion", "A", NXDomain, &[]).await;
        check("invalid", "A", NoError, &[]).await;
        check("test.invalid", "A", NXDomain, &[]).await;
        check(
            "1.0.0.127.in-addr.arpa",
            "PTR",
            NoError,
            &["1.0.0.127.in-addr.arpa. PTR"],
        )
        .await;
        check("2.1.168.192.in-addr.arpa", "PTR", NXDomain, &[]).await;
        check("9.31.172.in-addr.arpa", "PTR", NXDomain, &[]).await;
        check("9.32.172.in-addr.arpa", "PTR", Refused, &[]).await;
        check("1.d.f.ip6.arpa", "PTR", NXDomain, &[]).await;
    }
}
