//! The side that answers.

use super::{Compared, Fingerprint, LISTED_MAX, PROBES_MAX, Probe, SUMS_NIBBLES, Shelf};

/// Records that are summed up for one request, about: below the prefixes whose sums a store keeps, a comparison has to read the
/// records, and a stranger chooses where. The probes beyond it stay unanswered and are asked again.
const READ_MAX: u64 = 20_000;

/// Compares what a peer says it has with what is here: the answers to the first probes, to one at least where there are any.
#[must_use]
pub fn respond(shelf: &impl Shelf, probes: &[Probe]) -> Vec<Compared> {
    respond_counting(shelf, probes).0
}

/// As [`respond`], and about how many records were read for it.
pub(crate) fn respond_counting(shelf: &impl Shelf, probes: &[Probe]) -> (Vec<Compared>, u64) {
    let mut read = 0_u64;
    let mut answers = Vec::with_capacity(probes.len().min(PROBES_MAX));
    for probe in probes.iter().take(PROBES_MAX) {
        if read > READ_MAX {
            break;
        }
        let here = shelf.fingerprint(&probe.prefix);
        if probe.prefix.nibbles >= SUMS_NIBBLES {
            // Once for the sum, once more for those of the children.
            read = read.saturating_add(here.count.saturating_mul(2));
        }
        let answer = compare(shelf, probe, here);
        if let Compared::Listed(listed) = &answer {
            read = read.saturating_add(listed.len() as u64);
        }
        answers.push(answer);
    }
    (answers, read)
}

/// The store may change between two looks at it, so the last word is by what is sent.
fn compare(shelf: &impl Shelf, probe: &Probe, here: Fingerprint) -> Compared {
    let Probe {
        prefix,
        fingerprint,
    } = probe;
    if here == *fingerprint {
        return Compared::Same;
    }
    if here.count > LISTED_MAX as u64 {
        let mut children = Box::new([Fingerprint::default(); 16]);
        let mut all = Fingerprint::default();
        for (nibble, child) in (0..).zip(children.iter_mut()) {
            *child = prefix
                .child(nibble)
                .map_or_else(Fingerprint::default, |it| shelf.fingerprint(&it));
            all.add(*child);
        }
        if all == *fingerprint {
            return Compared::Same;
        }
        if all.count > LISTED_MAX as u64 {
            return Compared::Children(children);
        }
    }
    let listed = shelf.list(prefix, LISTED_MAX);
    if Fingerprint::of_all(&listed) == *fingerprint {
        return Compared::Same;
    }
    Compared::Listed(listed)
}
