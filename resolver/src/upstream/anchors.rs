//! Where trust begins: the keys, or digests of keys, that a zone's own are held to. Pure but for nothing: the zone's keys are
//! fetched elsewhere and judged here.

use core::fmt;

use dotkey_proto::dns::{RecordType as Type, WireName, rdata};
use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::dnssec::{TrustAnchors, Verifier};
use hickory_proto::op::Message;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber};
use hickory_proto::serialize::binary::BinDecodable;

use super::keys::may_sign;
use super::link::signature;

/// The keys of the root as IANA publishes them: of 2017, and of 2024 that signs from October 2026 on.
const ROOT: &str = "
. DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
";

/// Anchors that are written down. Nobody has more by hand.
const ANCHORS_MAX: usize = 256;

/// Signatures of a zone's keys that are tried; each costs as much as a forger likes to let us spend.
const SIGNATURES_TRIED_MAX: usize = 6;

/// The anchors of this resolver.
#[derive(Clone, Debug)]
pub struct Anchors(Vec<(Name, Anchor)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Anchor {
    Key(DNSKEY),
    Digest(DS),
}

/// A line that is no anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line} is no trust anchor: {why}; write the zone's DS or DNSKEY, such as `example. DS 12345 13 2 49FD…`"
)]
pub struct AnchorError {
    line: usize,
    why: String,
}

/// Why the keys of an anchored zone are not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Untrusted {
    /// None of them is what the anchor names.
    OtherKeys,
    /// The anchored key did not sign them.
    Unsigned,
    /// It did, until some time ago.
    Expired,
    /// It did, from some time to come on.
    NotYet,
    /// What says that it did does not hold.
    Forged,
}

impl Anchors {
    /// The root of the ordinary DNS.
    #[must_use]
    pub fn root() -> Self {
        Self::parse(ROOT).expect("they are written here")
    }

    /// No anchor: nothing is validated.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Anchors as zone files and other resolvers write them, one a line: `NAME [TTL] [IN] DS|DNSKEY …`. What follows a `;` is a
    /// comment.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str) -> Result<Self, AnchorError> {
        let mut anchors = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split(';').next().unwrap_or_default().trim();
            let wrong = |why: String| AnchorError { line: at + 1, why };
            if line.is_empty() {
                continue;
            }
            if anchors.len() == ANCHORS_MAX {
                return Err(wrong(format!("there are more than {ANCHORS_MAX}")));
            }
            anchors.push(read(line).map_err(wrong)?);
        }
        Ok(Self(anchors))
    }

    /// These and others. A zone that has anchors in both has those of `others`.
    #[must_use]
    pub fn with(mut self, others: Self) -> Self {
        self.0
            .retain(|(zone, _)| !others.0.iter().any(|(other, _)| other == zone));
        self.0.extend(others.0);
        self
    }

    /// Those of a suffix and of names below it.
    pub(super) fn below(&self, suffix: &Name) -> Self {
        let below = self.0.iter().filter(|(zone, _)| suffix.zone_of(zone));
        Self(below.cloned().collect())
    }

    /// The anchored zone that is nearest above a name, or the name itself.
    pub(super) fn over(&self, name: &Name) -> Option<&Name> {
        let zones = self.0.iter().map(|(zone, _)| zone);
        zones
            .filter(|zone| zone.zone_of(name))
            .max_by_key(|zone| zone.num_labels())
    }

    /// The keys of an anchored zone as hickory's validator takes them, once one that the anchor names has signed them all.
    /// Hickory asks for the DS of an anchored zone all the same unless each of its keys is anchored; so each is.
    pub(super) fn trust(
        &self,
        zone: &Name,
        said: &Message,
        now: u32,
    ) -> Result<TrustAnchors, Untrusted> {
        let at_zone = |record: &&Record| record.name == *zone;
        let set: Vec<&Record> = said
            .answers
            .iter()
            .filter(at_zone)
            .filter(|record| record.record_type() == RecordType::DNSKEY)
            .collect();
        let keys = || set.iter().filter_map(|record| key(record));
        let named: Vec<(&DNSKEY, u16)> = keys()
            .filter(|key| may_sign(key) && self.names(zone, key))
            .filter_map(|key| Some((key, key.calculate_key_tag().ok()?)))
            .collect();
        if named.is_empty() {
            return Err(Untrusted::OtherKeys);
        }
        let signatures = said.answers.iter().filter(at_zone).filter_map(signature);
        let mut why = Untrusted::Unsigned;
        for signature in signatures.take(SIGNATURES_TRIED_MAX) {
            let input = signature.input();
            let by = named
                .iter()
                .find(|(key, tag)| *tag == input.key_tag && key.algorithm() == input.algorithm);
            let Some((key, _)) = by else { continue };
            if input.type_covered != RecordType::DNSKEY || input.signer_name != *zone {
                continue;
            }
            why = match validity(input.sig_inception, input.sig_expiration, now) {
                Validity::Holds => {
                    let records = set.iter().copied();
                    if key
                        .verify_rrsig(zone, DNSClass::IN, signature, records)
                        .is_ok()
                    {
                        return Ok(all(zone, keys()));
                    }
                    Untrusted::Forged
                }
                Validity::Expired => Untrusted::Expired,
                Validity::NotYet => Untrusted::NotYet,
            };
        }
        Err(why)
    }

    fn names(&self, zone: &Name, key: &DNSKEY) -> bool {
        let of_zone = self.0.iter().filter(|(anchored, _)| anchored == zone);
        of_zone
            .map(|(_, anchor)| anchor)
            .any(|anchor| match anchor {
                Anchor::Key(anchor) => anchor == key,
                Anchor::Digest(digest) => {
                    digest.algorithm() == key.algorithm()
                        && digest.covers(zone, key).unwrap_or(false)
                }
            })
    }
}

impl fmt::Display for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut zones: Vec<String> = self.0.iter().map(|(zone, _)| zone.to_ascii()).collect();
        zones.dedup();
        f.write_str(&zones.join(", "))
    }
}

/// Where now is beside a signature's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Validity {
    Holds,
    Expired,
    NotYet,
}

/// RFC 4034 section 3.1.5: times are compared as serial numbers.
pub(super) fn validity(from: SerialNumber, until: SerialNumber, now: u32) -> Validity {
    let now = SerialNumber::new(now);
    if now > until {
        Validity::Expired
    } else if now < from {
        Validity::NotYet
    } else {
        Validity::Holds
    }
}

pub(super) fn key(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

fn all<'a>(zone: &Name, keys: impl Iterator<Item = &'a DNSKEY>) -> TrustAnchors {
    let mut anchors = TrustAnchors::empty();
    for key in keys.filter(|key| key.zone_key() && !key.revoke()) {
        anchors.insert_with_name(key.public_key(), zone.into());
    }
    anchors
}

fn read(line: &str) -> Result<(Name, Anchor), String> {
    let mut words = line.split_whitespace();
    let zone = words.next().unwrap_or_default();
    let zone = WireName::parse(zone, Some(&WireName::root())).map_err(|error| error.to_string())?;
    let is_noise = |word: &&str| word.eq_ignore_ascii_case("IN") || word.parse::<u32>().is_ok();
    let rtype = words.find(|word| !is_noise(word)).unwrap_or_default();
    let rtype = match rtype.to_ascii_uppercase().as_str() {
        "DS" => Type::DS,
        "DNSKEY" => Type::DNSKEY,
        other => return Err(format!("its type is `{}`", other.escape_debug())),
    };
    let text: Vec<&str> = words.collect();
    let rdata = match rtype {
        Type::DNSKEY => key_rdata(&text)?,
        _ => rdata::from_text(rtype, &text.join(" "), None).map_err(|error| error.to_string())?,
    };
    let mut wire = zone.as_wire().to_vec();
    wire.extend(rtype.0.to_be_bytes());
    wire.extend([0, 1, 0, 0, 0, 0]);
    let length = u16::try_from(rdata.len()).map_err(|error| error.to_string())?;
    wire.extend(length.to_be_bytes());
    wire.extend(rdata);
    let record = Record::from_bytes(&wire).map_err(|error| error.to_string())?;
    let anchor = match record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Anchor::Key(key),
        RData::DNSSEC(DNSSECRData::DS(digest)) => Anchor::Digest(digest),
        _ => return Err("it cannot be used".to_owned()),
    };
    Ok((record.name, anchor))
}

/// RFC 4034 section 2.2.
fn key_rdata(words: &[&str]) -> Result<Vec<u8>, String> {
    let [flags, protocol, algorithm, key @ ..] = words else {
        return Err("a DNSKEY has flags, a protocol, an algorithm and a key".to_owned());
    };
    let flags: u16 = flags
        .parse()
        .map_err(|_| format!("its flags are `{}`", flags.escape_debug()))?;
    let byte = |word: &str| {
        word.parse::<u8>()
            .map_err(|_| format!("`{}` is no number of one byte", word.escape_debug()))
    };
    let key = data_encoding::BASE64.decode(key.concat().as_bytes());
    let key = key.map_err(|error| format!("its key is no base64: {error}"))?;
    let head = [
        flags.to_be_bytes()[0],
        flags.to_be_bytes()[1],
        byte(protocol)?,
        byte(algorithm)?,
    ];
    Ok([&head[..], &key].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_roots_anchors_are_those_of_its_keys() {
        let Anchors(anchors) = Anchors::root();
        let known = TrustAnchors::default();
        assert_eq!(anchors.len(), known.len());
        for (at, (zone, anchor)) in anchors.iter().enumerate() {
            let key = DNSKEY::with_flags(257, known.get(at).expect("a key").clone());
            let Anchor::Digest(digest) = anchor else {
                panic!("a digest")
            };
            assert!(zone.is_root() && digest.covers(zone, &key).expect("SHA-256"));
            assert!(Anchors::root().names(zone, &key));
        }
    }

    #[test]
    fn anchors_are_read_as_others_write_them() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let found = Anchors::parse(text);
            let found = found
                .map(|one| one.to_string())
                .map_err(|one| one.to_string());
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(expected)) => {
                    assert!(found.contains(expected), "{text}: {found}");
                }
                _ => panic!("{text}: {found:?}"),
            }
        };
        let ds = "DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
        check("", Ok(""));
        check("; nothing\n\n", Ok(""));
        check(&format!("key. {ds}"), Ok("key."));
        check(
            &format!("Corp.Example 3600 IN {ds} ; ours\n. {ds}"),
            Ok("Corp.Example., ."),
        );
        check(
            ". DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
            Ok("."),
        );
        check("\nkey. TXT x", Err("line 2"));
        check("key.", Err("line 1"));
        check("key. DS 1 2", Err("line 1"));
        check(&format!("{}. {ds}", "a".repeat(64)), Err("line 1"));
    }

    #[test]
    fn the_nearest_anchor_above_is_the_one() {
        let ds = "DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D";
        let corp = Anchors::parse(&format!("corp.example. {ds}")).expect("one");
        let name = |text: &str| Name::from_ascii(text).expect("a name");
        assert_eq!(corp.over(&name("example.")), None);
        let both = Anchors::root().with(corp);
        assert_eq!(
            both.over(&name("a.corp.example.")),
            Some(&name("corp.example."))
        );
        assert_eq!(
            both.over(&name("corp.example.")),
            Some(&name("corp.example."))
        );
        assert_eq!(both.over(&name("xcorp.example.")), Some(&Name::root()));
        // What is written by hand takes the place of what is built in.
        let own = Anchors::root().with(Anchors::parse(&format!(". {ds}")).expect("one"));
        assert_eq!(own.0.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in "(\\PC|[ \\n;.]|DS|DNSKEY|IN|[0-9]{1,6}){0,60}") {
            let _ = Anchors::parse(&text);
        }
    }
}
