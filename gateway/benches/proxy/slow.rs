//! Three providers, one of them ten times slower: how long visitors wait.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::load::Way;
use super::names::Site;
use super::origins::slow;
use super::proxies::{Kind, Proxy};
use super::visitors::{Pace, percentile_ms, visit};
use super::{Plan, median};

/// The slowest hundredth may take at most this part of what it takes through HAProxy's round robin.
const P99_RATIO_MAX: f64 = 0.5;

const DELAY: Duration = Duration::from_millis(5);

/// How much slower one of them is.
const TIMES: u32 = 10;

/// Little enough for these processors, so that what takes long is the provider.
const PACE: Pace = Pace {
    per_sec: 300,
    length: Duration::from_secs(5),
};

pub(crate) fn show(runtime: &Runtime, plan: Plan) {
    let mut tasks = JoinSet::new();
    let providers = runtime.block_on(async {
        let delays = [DELAY, DELAY, DELAY * TIMES];
        let mut ports = Vec::new();
        for delay in delays {
            ports.push(slow(&mut tasks, delay).await);
        }
        ports
    });
    let site = Site::new(&providers);
    let proxies = [Kind::Dotkey, Kind::Haproxy].map(|kind| Proxy::start(kind, &site));
    let ask = |proxy: &Proxy| runtime.block_on(visit(proxy.port(Way::Http1), &site.host, PACE));
    let mut rounds = [Vec::new(), Vec::new()];
    for round in 0..=plan.rounds {
        for (proxy, rounds) in proxies.iter().zip(&mut rounds) {
            let visits = ask(proxy);
            // In the first one the gateway learns who is slow.
            if round > 0 {
                rounds.push([50.0, 95.0, 99.0].map(|percent| percentile_ms(&visits, percent)));
            }
        }
    }
    let [ours, theirs] = rounds
        .map(|rounds| [0, 1, 2].map(|at| median(rounds.iter().map(|round: &[f64; 3]| round[at]))));
    for (proxy, [p50, p95, p99]) in proxies.iter().zip([ours, theirs]) {
        println!(
            "{:<28} {p50:>8.1} {p95:>8.1} {p99:>8.1} ms (p50, p95, p99) with one of three providers {TIMES} times slower",
            proxy.name()
        );
    }
    println!(
        "ratio: p99 with one of three providers {TIMES} times slower / HAProxy's round robin = {:.2} (at most {P99_RATIO_MAX})",
        ours[2] / theirs[2]
    );
}
