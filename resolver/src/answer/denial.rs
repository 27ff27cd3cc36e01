//! The names of signed denial. Answers are signed when they are asked for, so no list of all names is needed, and none is shown:
//! each NSEC covers as little as it can (RFC 4470), and nobody walks the zone.

use dotkey_proto::dns::{Labels, RecordType, WireName};
use dotkey_proto::limits::{LABEL_BYTES_MAX, NAME_BYTES_MAX};

use super::Set;

/// Bytes that a predecessor is filled up with: enough that no name anyone uses lies between, few enough to be short.
const FILL_BYTES: usize = 2;

/// There is no such type at a name that exists: an NSEC at the name itself, whose next name is the first one below it.
#[must_use]
pub fn no_data(name: &WireName, types: &[RecordType], ttl: u32) -> Set {
    let wire = name.as_wire();
    let next = match wire.len() + 2 <= NAME_BYTES_MAX {
        true => [b"\x01\x00", wire].concat(),
        // Nothing fits below it; what comes after it in its own level does as well.
        false => after(wire).unwrap_or_else(|| vec![0]),
    };
    nsec(name.clone(), &next, types, ttl)
}

/// There is no name `next_closer`, nor anything below it, nor a wildcard beside it: one NSEC for each, or one for both. `None` for
/// the one label that nothing comes before (a single zero byte): who asks for that is told that it exists and is empty.
#[must_use]
pub fn no_name(next_closer: &WireName, zone: &WireName, ttl: u32) -> Option<Vec<Set>> {
    let wire = lowered(next_closer);
    let mut labels = Labels::new(&wire);
    labels.next();
    let encloser = labels.remainder();
    let wildcard = [b"\x01*", encloser].concat();
    let mut sets = vec![cover(&wire, zone, ttl)?];
    if wildcard != wire && wildcard.len() <= NAME_BYTES_MAX {
        sets.push(cover(&wildcard, zone, ttl)?);
    }
    Some(sets)
}

/// An NSEC from just before a name to just after all that could stand below it.
fn cover(name: &[u8], zone: &WireName, ttl: u32) -> Option<Set> {
    let owner = WireName::from_wire(&before(name)?).ok()?;
    // RFC 4034 section 4.1.1: after the last name comes the apex.
    let next = after(name).unwrap_or_else(|| zone.as_wire().to_vec());
    // The owner does not exist either; it is a name that only stands for a place in the order.
    Some(nsec(owner, &next, &[], ttl))
}

/// A name just before `name` and all below it: its label with the last byte one less, filled up.
fn before(name: &[u8]) -> Option<Vec<u8>> {
    let (label, rest) = split(name)?;
    let mut label = label.to_vec();
    match label.pop()? {
        0 if label.is_empty() => return None,
        0 => {}
        last => {
            label.push(match last - 1 {
                // Upper case counts as lower case in the order, which is further up.
                b'A'..=b'Z' => b'@',
                byte => byte,
            });
            let room =
                (LABEL_BYTES_MAX - label.len()).min(NAME_BYTES_MAX - 1 - label.len() - rest.len());
            label.resize(label.len() + room.min(FILL_BYTES), 0xff);
        }
    }
    Some(join(&label, rest))
}

/// The first name after `name` and all below it, in its level: its label with a zero byte more, or counted up where that does not fit.
fn after(name: &[u8]) -> Option<Vec<u8>> {
    let (label, rest) = split(name)?;
    let mut label = label.to_vec();
    if label.len() < LABEL_BYTES_MAX && name.len() < NAME_BYTES_MAX {
        label.push(0);
        return Some(join(&label, rest));
    }
    while label.last() == Some(&0xff) {
        label.pop();
    }
    let last = label.last_mut()?;
    *last = match *last + 1 {
        b'A'..=b'Z' => b'[',
        byte => byte,
    };
    Some(join(&label, rest))
}

fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut labels = Labels::new(name);
    let label = labels.next()?;
    Some((label, labels.remainder()))
}

fn join(label: &[u8], rest: &[u8]) -> Vec<u8> {
    let length = u8::try_from(label.len()).expect("a label has at most 63 bytes");
    [&[length], label, rest].concat()
}

fn lowered(name: &WireName) -> Vec<u8> {
    // Length bytes are below 64, and no letter is.
    name.as_wire().to_ascii_lowercase()
}

fn nsec(owner: WireName, next: &[u8], types: &[RecordType], ttl: u32) -> Set {
    let mut all = types.to_vec();
    all.extend([RecordType::RRSIG, RecordType::NSEC]);
    let mut rdata = next.to_vec();
    rdata.extend(bitmap(&mut all));
    Set {
        owner,
        rtype: RecordType::NSEC,
        ttl,
        rdata: vec![rdata],
    }
}

/// RFC 4034 section 4.1.2.
fn bitmap(types: &mut Vec<RecordType>) -> Vec<u8> {
    types.sort_unstable();
    types.dedup();
    let mut out = Vec::new();
    for window in types.chunk_by(|one, other| one.0 >> 8 == other.0 >> 8) {
        let mut bits = [0_u8; 32];
        let mut length = 0;
        for rtype in window {
            let low = usize::from(rtype.0 & 0xff);
            bits[low / 8] |= 0x80 >> (low % 8);
            length = low / 8 + 1;
        }
        out.extend([(window[0].0 >> 8) as u8, length as u8]);
        out.extend(&bits[..length]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> WireName {
        text.parse().expect(text)
    }

    fn next_of(set: &Set) -> WireName {
        let rdata = &set.rdata[0];
        let length = WireName::prefix_len(rdata).expect("a name");
        WireName::from_wire(&rdata[..length]).expect("a name")
    }

    fn covers(set: &Set, denied: &WireName, zone: &WireName) -> bool {
        let next = next_of(set);
        set.owner < *denied && (*denied < next || next == *zone)
    }

    #[test]
    fn a_name_and_its_wildcard_are_covered_and_their_neighbours_are_not() {
        let zone = name("key.");
        let sets = no_name(&name("NoSuch.key."), &zone, 30).expect("covered");
        assert_eq!(sets.len(), 2);
        for below in ["nosuch.key.", "a.b.nosuch.key."] {
            assert!(covers(&sets[0], &name(below), &zone), "{below}");
        }
        assert!(covers(&sets[1], &name("*.key."), &zone));
        for other in [
            "nosuci.key.",
            "nosucg.key.",
            "key.",
            "nosuc.key.",
            "nosuch-a.key.",
            "a.key.",
        ] {
            let other = name(other);
            assert!(
                !sets.iter().any(|set| covers(set, &other, &zone)),
                "{other}"
            );
        }
        assert_eq!(
            no_name(&name("*.key."), &zone, 30).expect("covered").len(),
            1
        );
        assert_eq!(no_name(&name("\\000.key."), &zone, 30), None);
    }

    #[test]
    fn bitmaps_are_those_of_rfc_4034() {
        // The example of section 4.3: A MX RRSIG NSEC TYPE1234.
        let types = [1, 15, 46, 47, 1234].map(RecordType);
        let mut expected = vec![0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 27];
        expected.extend([0; 26]);
        expected.push(0x20);
        assert_eq!(bitmap(&mut types.to_vec()), expected);
    }

    proptest! {
        #[test]
        fn whatever_is_denied_is_covered(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..=63), 1..=3)) {
            let zone = name("key.");
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(label.len() as u8);
                wire.extend(label);
            }
            wire.extend(zone.as_wire());
            let denied = WireName::from_wire(&wire).expect("a name");
            let apart = no_data(&denied, &[RecordType::A], 30);
            prop_assert!(apart.owner == denied && denied < next_of(&apart));
            if let Some(sets) = no_name(&denied, &zone, 30) {
                prop_assert!(covers(&sets[0], &denied, &zone));
                for set in &sets {
                    // Nobody's parent is denied with its child.
                    prop_assert!(!covers(set, &zone, &zone));
                    prop_assert!(set.owner != denied);
                }
            } else {
                prop_assert_eq!(&labels[0], &vec![0_u8]);
            }
        }
    }
}
