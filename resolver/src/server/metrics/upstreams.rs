//! How each upstream does, by its address as the configuration has it.

use super::Page;
use crate::upstream::Health;

/// Adds them to a page.
pub(crate) fn write(page: &mut Page, upstreams: &[Health]) {
    let each = || {
        upstreams
            .iter()
            .map(|one| (one, one.address.to_string(), one.suffix.as_str()))
    };
    let help = "Exchanges with an upstream, by how they ended";
    page.family("upstream_exchanges", "counter", help);
    for (one, address, suffix) in each() {
        for (result, count) in one.exchanges {
            let labels = [
                ("upstream", address.as_str()),
                ("suffix", suffix),
                ("result", result),
            ];
            page.count("upstream_exchanges", &labels, count);
        }
    }
    page.family(
        "upstream_dead",
        "gauge",
        "Whether it is asked only to see whether it is back",
    );
    for (one, address, suffix) in each() {
        let labels = [("upstream", address.as_str()), ("suffix", suffix)];
        page.level("upstream_dead", &labels, u64::from(one.is_dead));
    }
    let name = "upstream_latency_seconds";
    page.in_seconds(name, "What an answer of it usually takes");
    for (one, address, suffix) in each() {
        if let Some(latency) = one.latency {
            let labels = [("upstream", address.as_str()), ("suffix", suffix)];
            page.seconds(name, &labels, latency);
        }
    }
}
