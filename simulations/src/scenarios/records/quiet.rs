//! Nothing is broken: how much a get takes, and how fast a change is seen.

use dotkey_registry::dht::core::{Effort, Effortful, Outcome};
use dotkey_registry::dht::message::Summary;

use super::{Gets, Report, Size, Violation, check, get, publish, read, settle};
use crate::network::Network;

/// Requests of half of all gets, at most.
const REQUESTS_P50_MAX: u64 = 6;
/// By then nearly everyone has seen a change.
const CHANGE_MS_P99_MAX: u64 = 2_000;
/// Questions for the record of one publish that reach one node, at most: who tells is asked by its neighbours in gossip. Were all asked of the twenty
/// that keep it, it would grow with the network.
const ASKED_OF_ONE_MAX: u64 = 12;
/// A round trip over the middle of all links.
const ROUND_TRIP_MS: u64 = 110;

/// A settled network is read.
pub(super) fn settled(seed: u64, size: Size) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    let all = settle(&mut network, size)?;
    let fewest = all
        .iter()
        .map(|it| network.copies(&it.at, &it.newest))
        .min();
    check(fewest == Some(20.min(size.nodes)), || {
        format!("a record is on {fewest:?} of the closest")
    })?;
    let gets = read(&mut network, &all, size.gets);
    gets.hold()?;
    let requests = gets.share(50, |effort: &Effortful| effort.requests as u64);
    check(requests <= REQUESTS_P50_MAX, || {
        format!("half of all gets took more than {requests} requests")
    })?;
    let took = gets.share(50, |effort: &Effortful| effort.took_ms);
    let trips = format!(
        "p50 is {}.{} median round trips",
        took / ROUND_TRIP_MS,
        took * 10 / ROUND_TRIP_MS % 10
    );
    Ok(Report {
        lines: vec![gets.in_words(), trips],
        digest: network.digest,
    })
}

/// A writer reaches 3 of 20, and dies. Readers come at once, and later.
pub(super) fn partial(seed: u64, size: Size) -> Result<Report, Violation> {
    partly_told(seed, size, 3)
}

/// The same where it reaches so many.
pub(super) fn partly_told(seed: u64, size: Size, told: usize) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    let mut all = settle(&mut network, size)?;
    let mut lines = Vec::new();
    let readers = (size.gets / all.len() / 4).max(1);
    for delay_ms in [0, 500, 1_000, 2_000] {
        let mut gets = Gets::default();
        for published in &mut all {
            let record = published.person.record(published.newest.sequence + 1);
            published.newest = Summary::of(&record);
            let keepers = network.by_distance(&published.at);
            for keeper in keepers.iter().take(20).step_by(7).take(told) {
                network.give(*keeper, &record);
            }
            network.run(delay_ms);
            let jobs: Vec<u64> = (0..readers)
                .map(|_| {
                    let node = network.someone();
                    network.get(node, published.at, Effort::Usual)
                })
                .collect();
            for job in jobs {
                gets.all += 1;
                if let Some(Outcome::Got { record, effort }) = network.wait(job) {
                    let newest = record.is_some_and(|it| Summary::of(&it) == published.newest);
                    gets.newest += usize::from(newest);
                    gets.efforts.push(effort);
                }
            }
        }
        lines.push(format!(
            "read {delay_ms} ms after 3 of 20 were told: {}",
            gets.in_words()
        ));
        if delay_ms >= 2_000 {
            check(gets.newest * 100 >= gets.all * 99, || {
                format!("only {} of {} are the newest", gets.newest, gets.all)
            })?;
        }
    }
    Ok(Report {
        lines,
        digest: network.digest,
    })
}

/// A change is told to who listens, everywhere.
pub(super) fn change(seed: u64, size: Size) -> Result<Report, Violation> {
    changed(seed, size, true)
}

pub(super) fn changed(seed: u64, size: Size, gossips: bool) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    let all = settle(&mut network, size)?;
    network.gossips = gossips;
    let (mut took, mut asked) = (Vec::new(), Vec::new());
    for published in &all {
        let begun_ms = network.now().ms;
        for node in &mut network.nodes {
            node.asked_for_records = 0;
        }
        let (at, summary) = publish(&mut network, &published.person, 2)?;
        network.run(5_000);
        for node in &network.nodes {
            asked.push(node.asked_for_records);
            let seen = node.changed.get(&(at, summary));
            took.push(seen.map_or(u64::MAX, |seen_ms| seen_ms - begun_ms));
        }
    }
    took.sort_unstable();
    let share = |percent: usize| took[took.len() * percent / 100];
    let (questions, most) = (asked.iter().sum::<u64>(), asked.iter().max());
    let mut lines = vec![format!(
        "{} nodes saw a change after p50 {} ms, p99 {} ms, the last {} ms",
        size.nodes,
        share(50),
        share(99),
        took[took.len() - 1]
    )];
    check(share(99) <= CHANGE_MS_P99_MAX, || lines[0].clone())?;
    let (a_publish, most) = (questions / all.len() as u64, most.copied().unwrap_or(0));
    lines.push(format!(
        "for that {a_publish} questions for the record were asked a publish, of one node at most {most}"
    ));
    check(most <= ASKED_OF_ONE_MAX, || lines[1].clone())?;
    let mut gets = Gets::default();
    for published in &all {
        let newest = Summary::of(&published.person.record(2));
        let published = super::Published {
            person: crate::network::Person::new(0),
            at: published.at,
            newest,
        };
        get(&mut network, &published, &mut gets);
    }
    gets.hold()?;
    Ok(Report {
        lines,
        digest: network.digest,
    })
}
