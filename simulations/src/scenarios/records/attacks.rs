//! Peers that lie, are silent, or ask too much.

use super::{Report, Size, Violation, check, publish, read, settle, update};
use crate::network::{Nature, Network, Person, SLOW_MS, drawn};
use dotkey_registry::dht::peer::Position;

/// Of all nodes.
const MALICIOUS_PERCENT: usize = 30;

/// Ids that an attacker tries for each of its nodes, to stand next to a record.
const GROUND: usize = 256;

/// While one peer floods, half of the gets take at most this many times what half of them took before.
const FLOODED_RATIO_MAX: u64 = 2;

/// They serve what they had before.
pub(super) fn stale(seed: u64, size: Size) -> Result<Report, Violation> {
    malicious(seed, size, Nature::Stale, MALICIOUS_PERCENT)
}

/// They answer with what is no record.
pub(super) fn garbage(seed: u64, size: Size) -> Result<Report, Violation> {
    malicious(seed, size, Nature::Garbage, MALICIOUS_PERCENT)
}

/// They do not answer.
pub(super) fn silent(seed: u64, size: Size) -> Result<Report, Violation> {
    malicious(seed, size, Nature::Silent, MALICIOUS_PERCENT)
}

/// They answer late.
pub(super) fn slow(seed: u64, size: Size) -> Result<Report, Violation> {
    late(seed, size, MALICIOUS_PERCENT, SLOW_MS)
}

/// So many in a hundred answer so late.
pub(super) fn late(
    seed: u64,
    size: Size,
    percent: usize,
    slow_ms: u64,
) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    network.slow_ms = slow_ms;
    attacked(network, size, Nature::Slow, percent)
}

/// They know only their friends, and peers that do not exist.
pub(super) fn lying(seed: u64, size: Size) -> Result<Report, Violation> {
    malicious(seed, size, Nature::Lying, MALICIOUS_PERCENT)
}

pub(super) fn malicious(
    seed: u64,
    size: Size,
    nature: Nature,
    percent: usize,
) -> Result<Report, Violation> {
    attacked(Network::new(seed, size.nodes), size, nature, percent)
}

fn attacked(
    mut network: Network,
    size: Size,
    nature: Nature,
    percent: usize,
) -> Result<Report, Violation> {
    let mut all = settle(&mut network, size)?;
    network.turn(nature, percent);
    update(&mut network, &mut all)?;
    network.run(3_000);
    let gets = read(&mut network, &all, size.gets);
    let report = Report {
        lines: vec![gets.in_words()],
        digest: network.digest,
    };
    gets.hold()?;
    Ok(report)
}

/// One peer asks as fast as it can.
pub(super) fn flooder(seed: u64, size: Size) -> Result<Report, Violation> {
    flooded(seed, size, Nature::Flooder)
}

/// The same where that peer is of some nature.
pub(super) fn flooded(seed: u64, size: Size, nature: Nature) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    let all = settle(&mut network, size)?;
    let before = read(&mut network, &all, size.gets / 10);
    let served: u64 = network.nodes.iter().map(|node| node.served).sum();
    network.turn(nature, 100_usize.div_ceil(size.nodes));
    let begun_ms = network.now().ms;
    let flooder = network.nodes[0].me;
    let during = read(&mut network, &all, size.gets / 10);
    network.run(3_000);
    let now = network.now();
    let honest = network
        .nodes
        .iter()
        .filter(|node| node.nature == Nature::Honest);
    let tolerant = honest
        .filter(|node| node.core.standing(now, &flooder) > -100)
        .count();
    let served = network.nodes.iter().map(|node| node.served).sum::<u64>() - served;
    let lines = vec![
        format!("before: {}", before.in_words()),
        format!("during: {}", during.in_words()),
        format!(
            "the flood: {served} requests served in {} ms, then cut off everywhere",
            now.ms - begun_ms
        ),
    ];
    check(tolerant == 0, || {
        format!("{tolerant} nodes have not cut the flooder off")
    })?;
    before.hold()?;
    during.hold()?;
    let took = |gets: &super::Gets| gets.share(50, |effort| effort.took_ms);
    let (calm_ms, flooded_ms) = (took(&before), took(&during));
    check(flooded_ms <= calm_ms * FLOODED_RATIO_MAX, || {
        format!("half of the gets took {calm_ms} ms before the flood, {flooded_ms} ms in it")
    })?;
    Ok(Report {
        lines,
        digest: network.digest,
    })
}

/// Half of the nodes closest to a record are an attacker's, who tried many ids to stand there.
pub(super) fn eclipse(seed: u64, size: Size) -> Result<Report, Violation> {
    eclipsed(seed, size, GROUND, 10.min(size.nodes / 3))
}

/// The same where so many attackers tried so many ids each.
pub(super) fn eclipsed(
    seed: u64,
    size: Size,
    ground: usize,
    attackers: usize,
) -> Result<Report, Violation> {
    let victim = Position::of_record(&Person::new(0).record(1));
    let mut network = Network::of(seed, size.nodes, |random, number| {
        if number >= attackers {
            return (drawn(random), Nature::Honest);
        }
        let ground = (0..ground).map(|_| drawn(random));
        let closest = ground.min_by_key(|peer| peer.position().distance(&victim));
        (closest.expect("some were drawn"), Nature::Lying)
    });
    let person = Person::new(0);
    let (at, newest) = publish(&mut network, &person, 1)?;
    network.run(10_000);
    let closest = network.by_distance(&at);
    let bad = closest
        .iter()
        .take(20)
        .filter(|node| network.nodes[**node].nature != Nature::Honest)
        .count();
    let (least, most) = (attackers * 4 / 5, attackers);
    check((least..=most).contains(&bad), || {
        format!("{bad} of the 20 closest are the attacker's, not {least} to {most}")
    })?;
    let all = [super::Published { person, at, newest }];
    let gets = read(&mut network, &all, size.gets / 10);
    let lines = vec![format!("{bad} of the 20 closest lie: {}", gets.in_words())];
    gets.hold()?;
    Ok(Report {
        lines,
        digest: network.digest,
    })
}
