//! Reconciliation with a peer that answers as it likes: the session ends, holds no more than its bounds, and finds only what is
//! news. With one that answers honestly, both have the newest of everything afterwards.
#![no_main]

use arbitrary::{Result, Unstructured};
use dotkey_fuzz::dht::core::reconcile::{
    Compared, DIFFERENCES_MAX, Fingerprint, LISTED_MAX, MemoryShelf, PROBES_MAX, Prefix, Probe,
    REQUESTS_MAX, Session, Shelf, respond,
};
use dotkey_fuzz::dht::message::Summary;
use dotkey_fuzz::dht::peer::Position;
use dotkey_fuzz::{refused, within};
use libfuzzer_sys::fuzz_target;

/// What a session may hold: its lists of differences, each grown by doubling, and the prefixes that wait.
const SESSION_BYTES_MAX: usize = 2 * DIFFERENCES_MAX * (80 + 32) + 512 * 1024;

fuzz_target!(|data: &[u8]| {
    let _ = run(&mut Unstructured::new(data));
});

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    let mut here = shelf(input)?;
    let mut there = shelf(input)?;
    let begin = Prefix::of_bits(&position(input)?, input.int_in_range(0..=16)?);
    hostile(input, &begin, &here, &there)?;
    honest(&begin, &mut here, &mut there);
    Ok(())
}

/// Few different bytes, so that positions share prefixes of every length.
fn position(input: &mut Unstructured<'_>) -> Result<Position> {
    let mut position = Position([0; 32]);
    for _ in 0..input.int_in_range(0..=3)? {
        position.0[input.choose_index(32)?] = input.arbitrary()?;
    }
    Ok(position)
}

fn summary(input: &mut Unstructured<'_>) -> Result<Summary> {
    Ok(Summary {
        policy: input.int_in_range(0..=1)?,
        sequence: input.int_in_range(1..=3)?,
        digest: [input.int_in_range(0..=1)?; 32],
    })
}

fn shelf(input: &mut Unstructured<'_>) -> Result<MemoryShelf> {
    let mut shelf = MemoryShelf::default();
    for _ in 0..input.int_in_range(0..=80)? {
        shelf.insert(position(input)?, summary(input)?);
    }
    Ok(shelf)
}

fn hostile(
    input: &mut Unstructured<'_>,
    begin: &[Prefix],
    here: &MemoryShelf,
    there: &MemoryShelf,
) -> Result<()> {
    let mut session = Session::over(begin, input.arbitrary()?);
    while let Some(probes) = session.request(here) {
        assert!((1..=PROBES_MAX).contains(&probes.len()));
        let compared = answers(input, &probes, there)?;
        // A shelf lists into vectors of its own, for each prefix.
        let listing = compared.len() * 16 * 80 * (here.len() + 1);
        let taken = within(SESSION_BYTES_MAX + listing, || {
            session.answer(compared, here)
        });
        if let Err(mismatch) = taken {
            refused(&mismatch, "mismatch");
            assert_eq!(session.request(here), None, "it is over");
        }
    }
    assert!(session.requests() <= REQUESTS_MAX);
    assert!(session.missing_here().len() <= DIFFERENCES_MAX);
    assert!(session.missing_there().len() <= DIFFERENCES_MAX);
    let inside = |position: &Position| begin.iter().any(|prefix| prefix.contains(position));
    for (position, summary) in session.missing_here() {
        assert!(inside(position));
        assert!(here.get(position).is_none_or(|ours| ours < summary));
    }
    for position in session.missing_there() {
        assert!(inside(position) && here.get(position).is_some());
    }
    Ok(())
}

/// When the input has no more to say, all is the same.
fn answers(
    input: &mut Unstructured<'_>,
    probes: &[Probe],
    there: &MemoryShelf,
) -> Result<Vec<Compared>> {
    if input.is_empty() {
        return Ok(vec![Compared::Same; probes.len()]);
    }
    if input.ratio(1, 8)? {
        return Ok(vec![Compared::Same; input.int_in_range(0..=PROBES_MAX)?]);
    }
    let answer = |probe| answer(input, probe, there);
    probes.iter().map(answer).collect()
}

fn answer(input: &mut Unstructured<'_>, probe: &Probe, there: &MemoryShelf) -> Result<Compared> {
    let honest = respond(there, std::slice::from_ref(probe)).remove(0);
    Ok(match input.int_in_range(0..=3)? {
        0 => honest,
        1 => Compared::Same,
        2 => {
            let mut children = Box::new([Fingerprint::default(); 16]);
            for child in children.iter_mut() {
                child.count = input.int_in_range(0..=40)?;
                child.sum = input.arbitrary::<u8>()?.into();
            }
            Compared::Children(children)
        }
        _ => {
            let mut listed = Vec::new();
            for _ in 0..input.int_in_range(0..=LISTED_MAX + 1)? {
                let mut at = probe.prefix.first;
                at.0[input.choose_index(32)?] ^= input.arbitrary::<u8>()?;
                listed.push((at, summary(input)?));
            }
            if input.ratio(7, 8)? {
                listed.sort();
                listed.dedup_by_key(|(position, _)| *position);
            }
            Compared::Listed(listed)
        }
    })
}

fn honest(begin: &[Prefix], here: &mut MemoryShelf, there: &mut MemoryShelf) {
    let mut session = Session::over(begin, 0);
    while let Some(probes) = session.request(here) {
        let compared = respond(there, &probes);
        session.answer(compared, here).expect("an honest answer");
    }
    assert!(!session.cut_short());
    let (ours, theirs) = (here.clone(), there.clone());
    for (position, summary) in session.missing_here() {
        assert_eq!(theirs.get(position), Some(summary));
        here.insert(*position, *summary);
    }
    for position in session.missing_there() {
        let summary = *ours.get(position).expect("it is here");
        assert!(theirs.get(position).is_none_or(|theirs| *theirs < summary));
        there.insert(*position, summary);
    }
    for prefix in begin {
        let most = ours.len() + theirs.len();
        assert_eq!(here.list(prefix, most), there.list(prefix, most));
        for (position, summary) in here.list(prefix, most) {
            let newest = ours.get(&position).max(theirs.get(&position));
            assert_eq!(newest, Some(&summary));
        }
    }
}
