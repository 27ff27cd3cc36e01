//! Nodes come and go.

use super::{Report, Size, Violation, check, read, settle};
use crate::network::Network;
use dotkey_registry::dht::message::Request;

/// By then every record is back on the closest.
const REPAIRED_MS_MAX: u64 = 10 * 60 * 1000;
const LOOK_EVERY_MS: u64 = 5_000;

/// A third of the nodes vanishes at once.
pub(super) fn killed(seed: u64, size: Size) -> Result<Report, Violation> {
    repaired(seed, size, |_| true)
}

/// The same where only some requests are carried from then on.
pub(super) fn repaired(
    seed: u64,
    size: Size,
    carries: fn(&Request) -> bool,
) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    let all = settle(&mut network, size)?;
    network.carries = carries;
    for number in 0..size.nodes / 3 {
        network.kill(number * 3);
    }
    let left = (size.nodes - size.nodes / 3).min(20);
    let fewest = |network: &Network| {
        let copies = all.iter().map(|it| network.copies(&it.at, &it.newest));
        copies.min().unwrap_or_default()
    };
    let mut lines = vec![format!(
        "a third is gone: the rarest record is on {} of the closest {left}",
        fewest(&network)
    )];
    let gets = read(&mut network, &all, all.len());
    lines.push(format!("at once: {}", gets.in_words()));
    gets.hold()?;
    let begun_ms = network.now().ms;
    while fewest(&network) < left {
        network.run(LOOK_EVERY_MS);
        let waited_ms = network.now().ms - begun_ms;
        check(waited_ms <= REPAIRED_MS_MAX, || {
            format!(
                "after {waited_ms} ms the rarest record is on {} of the closest {left}",
                fewest(&network)
            )
        })?;
    }
    let repaired_secs = (network.now().ms - begun_ms) / 1000;
    lines.push(format!(
        "every record is on the closest {left} again after {repaired_secs} s"
    ));
    let gets = read(&mut network, &all, size.gets / 4);
    lines.push(format!("then: {}", gets.in_words()));
    gets.hold()?;
    Ok(Report {
        lines,
        digest: network.digest,
    })
}

/// Messages are lost, two in a hundred, while records are published and read.
pub(super) fn lossy(seed: u64, size: Size) -> Result<Report, Violation> {
    lost(seed, size, 2)
}

pub(super) fn lost(seed: u64, size: Size, percent: u64) -> Result<Report, Violation> {
    let mut network = Network::new(seed, size.nodes);
    network.loss_percent = 2;
    let all = settle(&mut network, size)?;
    network.loss_percent = percent;
    let gets = read(&mut network, &all, size.gets / 4);
    gets.hold()?;
    Ok(Report {
        lines: vec![gets.in_words()],
        digest: network.digest,
    })
}
