//! What is written down here for names: single records, zones that are nobody else's, and a hosts file. Pure: who reads the file
//! gives its text.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use dotkey_proto::dns::{RecordType, WireName, rdata};
use hickory_proto::op::ResponseCode;

use super::special::soa;
use crate::answer::Set;

/// For who wrote none.
const TTL_SECS_DEFAULT: u32 = 300;

/// Names with records of their own. A list of a million is a filter, and wants another form.
const NAMES_MAX: usize = 100_000;

/// Records of one name and type: more fill no answer of use, and comparing each with all takes ever longer.
const SET_RECORDS_MAX: usize = dotkey_proto::limits::RRSET_RDATA_MAX;

/// Names and addresses that are written down.
#[derive(Debug, Default)]
pub struct Local {
    /// By lowered name.
    records: BTreeMap<Vec<u8>, Vec<Set>>,
    /// Names that exist because something is below them, lowered.
    above: BTreeSet<Vec<u8>>,
    zones: Vec<WireName>,
}

/// What is written down wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// A record.
    #[error("`{}` is no record: {why}; write it as `printer.home.arpa A 192.168.1.9`", text.escape_debug())]
    Record {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A line of a hosts file.
    #[error(
        "line {line} of the hosts file is wrong: {why}; write it as `192.168.1.9 printer.home.arpa`"
    )]
    Hosts {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Too many records of one name and type.
    #[error("`{owner}` has more than {SET_RECORDS_MAX} records of one type; leave some out")]
    TooLong {
        /// The name.
        owner: String,
    },
    /// Too many names.
    #[error("more than {NAMES_MAX} names are written down; leave some out")]
    TooMany,
}

/// What is said of a name that is written down.
pub(super) struct Found {
    pub(super) rcode: ResponseCode,
    pub(super) answers: Vec<Set>,
    pub(super) authorities: Vec<Set>,
    /// Where it leads.
    pub(super) alias: Option<WireName>,
}

impl Local {
    /// Adds a record as `NAME [TTL] [IN] TYPE DATA`.
    ///
    /// # Errors
    /// It is none, or there are too many.
    pub fn add(&mut self, text: &str) -> Result<(), LocalError> {
        let wrong = |why: String| LocalError::Record {
            text: text.to_owned(),
            why,
        };
        let (owner, rest) = word(text);
        let owner = name(owner).map_err(wrong)?;
        let (mut rtype, mut data) = word(rest);
        let ttl = rtype.parse::<u32>().ok();
        if ttl.is_some() {
            (rtype, data) = word(data);
        }
        if rtype.eq_ignore_ascii_case("IN") {
            (rtype, data) = word(data);
        }
        let rtype: RecordType = rtype.parse().map_err(|error| wrong(format!("{error}")))?;
        rtype.in_zone().map_err(|error| wrong(error.to_string()))?;
        let data = rdata::from_text(rtype, data, Some(&WireName::root()));
        let data = data.map_err(|error| wrong(error.to_string()))?;
        let has = |of: &dyn Fn(RecordType) -> bool| {
            let sets = self.records.get(&lowered(&owner));
            sets.is_some_and(|sets| sets.iter().any(|set| of(set.rtype)))
        };
        // RFC 1034 section 3.6.2.
        let is_alias = rtype == RecordType::CNAME;
        if has(&|other| other == RecordType::CNAME || is_alias) {
            return Err(wrong("an alias has no other record".to_owned()));
        }
        self.put(owner, rtype, ttl.unwrap_or(TTL_SECS_DEFAULT), data)
    }

    /// Makes a suffix a zone of our own: what has no record below it does not exist.
    pub fn add_zone(&mut self, suffix: &WireName) {
        self.zones.push(suffix.clone());
    }

    /// Adds the names of a hosts file, and the names of their addresses.
    ///
    /// # Errors
    /// The first line that is wrong, or there are too many.
    pub fn add_hosts(&mut self, text: &str) -> Result<(), LocalError> {
        for (at, line) in text.lines().enumerate() {
            let wrong = |why: String| LocalError::Hosts { line: at + 1, why };
            let mut words = line
                .split('#')
                .next()
                .unwrap_or_default()
                .split_whitespace();
            let Some(address) = words.next() else {
                continue;
            };
            // An address of one link alone means nothing to who asks over another.
            if address.contains('%') {
                continue;
            }
            let address: IpAddr = address
                .parse()
                .map_err(|_| wrong(format!("`{}` is no address", address.escape_debug())))?;
            let mut names = Vec::new();
            for word in words {
                names.push(name(word).map_err(wrong)?);
            }
            let Some(first) = names.first() else {
                return Err(wrong("it names nobody".to_owned()));
            };
            let (reverse, pointer) = (reverse(address), first.as_wire().to_vec());
            if !self.records.contains_key(&lowered(&reverse)) {
                self.put(reverse, RecordType::PTR, TTL_SECS_DEFAULT, pointer)?;
            }
            let (rtype, data) = match address {
                IpAddr::V4(it) => (RecordType::A, it.octets().to_vec()),
                IpAddr::V6(it) => (RecordType::AAAA, it.octets().to_vec()),
            };
            for name in names {
                self.put(name, rtype, TTL_SECS_DEFAULT, data.clone())?;
            }
        }
        Ok(())
    }

    /// Whether a name is answered from here.
    pub(super) fn has(&self, name: &WireName) -> bool {
        self.records.contains_key(&lowered(name)) || self.zone(name).is_some()
    }

    /// What is said of a name; nothing where that is not written down here.
    pub(super) fn answer(&self, name: &WireName, rtype: RecordType) -> Option<Found> {
        let key = lowered(name);
        let sets = self.records.get(&key);
        if sets.is_none() && self.zone(name).is_none() {
            return None;
        }
        let mut found = Found {
            rcode: ResponseCode::NoError,
            answers: Vec::new(),
            authorities: Vec::new(),
            alias: None,
        };
        let of = |wanted: RecordType| sets?.iter().find(|set| set.rtype == wanted).cloned();
        if let Some(set) = of(rtype) {
            found.answers.push(set);
        } else if let Some(set) = of(RecordType::CNAME) {
            let target = set.rdata.first().map(|rdata| WireName::from_wire(rdata));
            found.alias = target.and_then(Result::ok);
            found.answers.push(set);
        } else {
            let zone = self.zone(name).unwrap_or(name);
            if sets.is_none() && zone != name && !self.above.contains(&key) {
                found.rcode = ResponseCode::NXDomain;
            }
            found.authorities.push(soa(zone));
        }
        Some(found)
    }

    /// The longest zone of ours that a name is in.
    fn zone(&self, name: &WireName) -> Option<&WireName> {
        let zones = self
            .zones
            .iter()
            .filter(|zone| name.relative_to(zone).is_ok());
        zones.max_by_key(|zone| zone.as_wire().len())
    }

    fn put(
        &mut self,
        owner: WireName,
        rtype: RecordType,
        ttl: u32,
        data: Vec<u8>,
    ) -> Result<(), LocalError> {
        let key = lowered(&owner);
        if self.records.len() == NAMES_MAX && !self.records.contains_key(&key) {
            return Err(LocalError::TooMany);
        }
        let mut above = key.as_slice();
        while let Some(parent) = dotkey_proto::dns::parent_wire(above) {
            if !self.above.insert(parent.to_vec()) {
                break;
            }
            above = parent;
        }
        let sets = self.records.entry(key).or_default();
        match sets.iter_mut().find(|set| set.rtype == rtype) {
            Some(set) => {
                set.ttl = set.ttl.min(ttl);
                if !set.rdata.contains(&data) {
                    if set.rdata.len() == SET_RECORDS_MAX {
                        let owner = owner.to_string();
                        return Err(LocalError::TooLong { owner });
                    }
                    set.rdata.push(data);
                }
            }
            None => sets.push(Set {
                owner,
                rtype,
                ttl,
                rdata: vec![data],
            }),
        }
        Ok(())
    }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

fn name(text: &str) -> Result<WireName, String> {
    let name = WireName::parse(text, Some(&WireName::root())).map_err(|error| error.to_string())?;
    match name.is_root() {
        true => Err("the root has no records here".to_owned()),
        false => Ok(name),
    }
}

fn lowered(name: &WireName) -> Vec<u8> {
    name.as_wire().to_ascii_lowercase()
}

/// The name under which an address's names are asked for: RFC 1035 section 3.5, RFC 3596 section 2.5.
fn reverse(address: IpAddr) -> WireName {
    let text = match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(address) => {
            let bytes = address.octets();
            let nibbles = bytes
                .iter()
                .rev()
                .map(|byte| format!("{:x}.{:x}.", byte & 15, byte >> 4));
            format!("{}ip6.arpa.", nibbles.collect::<String>())
        }
    };
    WireName::parse(&text, None).expect("a name of digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(local: &Local, of: &str, rtype: RecordType) -> Option<Vec<Vec<u8>>> {
        let name = WireName::parse(of, Some(&WireName::root())).expect(of);
        let found = local.answer(&name, rtype)?;
        Some(
            found
                .answers
                .into_iter()
                .flat_map(|set| set.rdata)
                .collect(),
        )
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        let mut local = Local::default();
        let text = "# mine\n127.0.0.1 localhost\n192.0.2.1\tweb.example www.example # both\n192.0.2.2 web.example\n2001:db8::1 web.example\nfe80::1%lo0 localhost\n\n";
        local.add_hosts(text).expect("it is sound");
        let two = vec![vec![192, 0, 2, 1], vec![192, 0, 2, 2]];
        assert_eq!(at(&local, "WEB.example", RecordType::A), Some(two));
        assert_eq!(
            at(&local, "www.example", RecordType::A),
            Some(vec![vec![192, 0, 2, 1]])
        );
        assert_eq!(
            at(&local, "web.example", RecordType::AAAA).map(|it| it.len()),
            Some(1)
        );
        let pointer = WireName::parse("web.example.", None)
            .expect("a name")
            .as_wire()
            .to_vec();
        for reverse in [
            "1.2.0.192.in-addr.arpa",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        ] {
            assert_eq!(
                at(&local, reverse, RecordType::PTR),
                Some(vec![pointer.clone()])
            );
        }
        assert_eq!(at(&local, "other.example", RecordType::A), None);
        for (text, line) in [("\nx web", 2), ("192.0.2.1", 1), ("192.0.2.1 a..b", 1)] {
            let error = Local::default().add_hosts(text).expect_err(text);
            assert!(
                matches!(error, LocalError::Hosts { line: found, .. } if found == line),
                "{error}"
            );
        }
    }

    #[test]
    fn records_that_are_none_are_refused_with_the_reason() {
        for bad in [
            "",
            "a.example",
            "a.example A",
            "a.example A 1.2.3",
            "a.example NOTYPE x",
            "a.example RRSIG x",
            ". A 192.0.2.1",
            "a..b A 192.0.2.1",
            "a.example A 192.0.2.1 more",
        ] {
            let error = Local::default().add(bad).expect_err(bad).to_string();
            assert!(error.contains("; write it as"), "{error}");
        }
        let mut local = Local::default();
        local.add("a.example 60 IN A 192.0.2.1").expect("a record");
        local
            .add("a.example CNAME b.example.")
            .expect_err("it has another");
        local.add("b.example CNAME c.example.").expect("a record");
        local
            .add("b.example A 192.0.2.1")
            .expect_err("it is an alias");
    }

    #[test]
    fn a_name_has_no_more_addresses_than_a_set_may_have() {
        let lines = |count: u32| -> String {
            let address = |host: u32| core::net::Ipv4Addr::from(0xc000_0200 + host);
            (0..count)
                .map(|host| format!("{} many.example\n", address(host)))
                .collect()
        };
        let mut local = Local::default();
        local.add_hosts(&lines(255)).expect("as many as may be");
        local.add_hosts(&lines(255)).expect("they are the same");
        let error = local.add_hosts(&lines(256)).expect_err("one more");
        assert!(error.to_string().contains("more than 255"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(\\PC|[ \\n\\t.#:%]|A|TXT|[0-9]{1,3}){0,60}") {
            let mut local = Local::default();
            let _ = local.add(&text);
            let _ = local.add_hosts(&text);
        }
    }
}
