//! What a request costs a proxy: the processor time of its processes over the requests that it carried.

use std::collections::BTreeMap;

use super::load::{self, Way};
use super::names::Site;
use super::origins::Origin;
use super::process::Process;
use super::proxies::{Kind, Proxy, WORKERS};
use super::{Plan, median};

/// What a request may cost at most, beside whom, over HTTP/1.1 and over HTTP/2.
const BOUNDS: [(&str, &str); 3] = [
    ("HAProxy", "at most 1.3"),
    ("Caddy", "below 1"),
    ("nginx", "no target"),
];
const BOUNDS_HTTP2: [(&str, &str); 3] = [
    ("nginx", "at most 1"),
    ("HAProxy", "no target"),
    ("Caddy", "no target"),
];

/// Before the rounds, so that connections and threads are there; and the least of a round, which is long enough for its clock.
const REQUESTS_MIN: usize = 5_000;

/// Who has turns.
struct Contender<'a> {
    process: &'a Process,
    port: u16,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    cpu_micros: f64,
    per_sec: f64,
}

pub(crate) fn show(plan: Plan) {
    let origin = Origin::start(Some(WORKERS));
    let site = Site::new(&[origin.http()]);
    let (kinds, ways) = match plan.is_quick {
        true => (&[Kind::Dotkey, Kind::Haproxy][..], &[Way::Http1][..]),
        false => (
            &[Kind::Dotkey, Kind::Haproxy, Kind::Nginx, Kind::Caddy][..],
            &Way::ALL[..],
        ),
    };
    let proxies: Vec<Proxy> = kinds
        .iter()
        .map(|&kind| Proxy::start(kind, &site))
        .collect();
    for &way in ways {
        let mut contenders = vec![Contender {
            process: &origin.process,
            port: origin.port(way),
        }];
        contenders.extend(proxies.iter().map(|proxy| Contender {
            process: &proxy.process,
            port: proxy.port(way),
        }));
        let medians = turns(plan, way, &site.host, &contenders);
        println!("{way:<28} {:>12} {:>22}", "requests/s", "CPU us/request");
        for (name, measured) in &medians {
            println!(
                "{name:<28} {:>12.0} {:>22.2}",
                measured.per_sec, measured.cpu_micros
            );
        }
        ratios(way, &medians);
    }
}

/// The medians of each contender's rounds, which take turns.
fn turns(
    plan: Plan,
    way: Way,
    host: &str,
    contenders: &[Contender<'_>],
) -> BTreeMap<&'static str, Measured> {
    let counts = contenders.iter().map(|one| {
        let warm = load::run(way, host, one.port, REQUESTS_MIN);
        REQUESTS_MIN.max((warm.per_sec * plan.round.as_secs_f64()) as usize)
    });
    let counts: Vec<usize> = counts.collect();
    let mut rounds: BTreeMap<_, Vec<Measured>> = BTreeMap::new();
    for _ in 0..plan.rounds {
        for (one, requests) in contenders.iter().zip(&counts) {
            let before = one.process.cpu_secs();
            let done = load::run(way, host, one.port, *requests);
            let cpu_secs = one.process.cpu_secs() - before;
            rounds
                .entry(one.process.name())
                .or_default()
                .push(Measured {
                    cpu_micros: cpu_secs * 1e6 / done.requests,
                    per_sec: done.per_sec,
                });
        }
    }
    let medians = rounds.into_iter().map(|(name, rounds)| {
        let measured = Measured {
            cpu_micros: median(rounds.iter().map(|one| one.cpu_micros)),
            per_sec: median(rounds.iter().map(|one| one.per_sec)),
        };
        (name, measured)
    });
    medians.collect()
}

fn ratios(way: Way, medians: &BTreeMap<&'static str, Measured>) {
    let cpu = |name: &str| medians.get(name).map(|one| one.cpu_micros);
    let Some(ours) = cpu("dotkey") else {
        return;
    };
    let bounds = if way.is_http2() { BOUNDS_HTTP2 } else { BOUNDS };
    for (name, bound) in bounds {
        if let Some(other) = cpu(name) {
            println!(
                "ratio: CPU of a request over {way} / {name}'s = {:.2} ({bound})",
                ours / other
            );
        }
    }
}
