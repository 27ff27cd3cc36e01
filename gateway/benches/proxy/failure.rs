//! A provider is killed while a thousand visitors a second come, and then another is frozen, which keeps its connections: who notices?

use std::time::Duration;

use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::Plan;
use super::load::Way;
use super::names::Site;
use super::origins::Origin;
use super::proxies::{Kind, Proxy};
use super::visitors::{Pace, Visit, percentile_ms, visit};

const PER_SEC: u32 = 1_000;

/// A part of the run: before the kill, after it, and after the freeze.
const PART: Duration = Duration::from_secs(5);
const PART_QUICK: Duration = Duration::from_secs(2);

pub(crate) fn show(runtime: &Runtime, plan: Plan) {
    let kinds = match plan.is_quick {
        true => &[Kind::Dotkey][..],
        false => &[Kind::Dotkey, Kind::Haproxy, Kind::Nginx, Kind::Caddy][..],
    };
    let part = if plan.is_quick { PART_QUICK } else { PART };
    for &kind in kinds {
        run(runtime, kind, part);
    }
}

fn run(runtime: &Runtime, kind: Kind, part: Duration) {
    let origins = [(); 3].map(|()| Origin::start(None));
    let site = Site::new(&origins.each_ref().map(Origin::http));
    let proxy = Proxy::start(kind, &site);
    let pace = Pace {
        per_sec: PER_SEC,
        length: part * 3,
    };
    let visits = runtime.block_on(async {
        let faults = async {
            sleep(part).await;
            origins[0].process.signal(Signal::KILL);
            sleep(part).await;
            origins[1].process.signal(Signal::STOP);
        };
        tokio::join!(visit(proxy.port(Way::Http1), &site.host, pace), faults).0
    });
    let of = |number: u32| -> Vec<&Visit> {
        let here = part * number..part * (number + 1);
        visits
            .iter()
            .filter(|visit| here.contains(&visit.at))
            .collect()
    };
    let [before, killed, frozen] = [0, 1, 2].map(of);
    let longest = |visits: &[&Visit]| percentile_ms(visits.iter().copied(), 100.0);
    let usual = percentile_ms(before.iter().copied(), 50.0);
    let failed = |visits: &[&Visit]| visits.iter().filter(|visit| !visit.good).count();
    let name = proxy.name();
    println!(
        "{name:<28} usual {usual:.1} ms, longest {:.1} ms; longest added after the kill {:.1} ms, after the freeze {:.1} ms",
        longest(&before),
        longest(&killed) - usual,
        longest(&frozen) - usual
    );
    let bound = if kind == Kind::Dotkey {
        "at most 0"
    } else {
        "no target"
    };
    println!(
        "ratio: failed GETs of {} through {name}, one provider killed and another frozen = {} + {} ({bound}) [{} before]",
        visits.len(),
        failed(&killed),
        failed(&frozen),
        failed(&before)
    );
}
