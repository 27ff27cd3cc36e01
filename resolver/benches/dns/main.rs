//! What an answer costs, beside the servers that people use and a responder that does nothing but answer: processor time a query,
//! and queries a second.
//!
//! All servers run at once and take turns under `dnsperf`; each figure is the median of its rounds. Their processor time is the
//! system's count for their processes. `--quick` is for the gate: fewer servers, one short round. `light` is the misses of a light client
//! alone. Nothing here fails: the reader of the lines judges.

mod bare;
mod latency;
mod light;
mod load;
mod names;
mod peers;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use load::{Load, Measured};
use names::{Kind, Names};
use peers::{Peer, Peers};

/// Cached UDP answers may cost at most this many times what the bare responder's cost.
const UDP_RATIO_MAX: f64 = 1.2;

/// Answers over TCP, TLS and HTTPS may cost at most this part of what the best of the others' cost.
const STREAM_RATIO_MAX: f64 = 0.8;

/// Connections of the clients over TCP, TLS and HTTPS.
const CONNECTIONS: usize = 100;

/// How names are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Udp,
    Tcp,
    Tls,
    Https,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "DoT",
            Self::Https => "DoH/2",
        })
    }
}

struct Plan {
    rounds: usize,
    round: Duration,
    counts: &'static [usize],
    is_quick: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, rest @ ..] = &arguments[..]
        && first == "serve"
    {
        return serve::run(rest);
    }
    if arguments.iter().any(|one| one == "light") {
        return light::misses();
    }
    let is_quick = arguments.iter().any(|one| one == "--quick");
    let plan = match is_quick {
        true => Plan {
            rounds: 1,
            round: Duration::from_secs(1),
            counts: &[1_000],
            is_quick,
        },
        false => Plan {
            rounds: 5,
            round: Duration::from_secs(3),
            counts: &[1_000, 100_000],
            is_quick,
        },
    };
    for &count in plan.counts {
        udp(&plan, count);
    }
    streams(&plan);
    light::misses();
    if !is_quick {
        latency::dead_upstream(Peers::start(true, 1_000).dotkey());
        memory();
    }
}

/// The medians of each contender's rounds, which take turns.
fn turns(
    plan: &Plan,
    contenders: &[(String, &Peer, Names)],
    way: Way,
) -> BTreeMap<String, Measured> {
    for (_, peer, names) in contenders {
        Load::new(peer, way, names, None).run();
    }
    let mut rounds: BTreeMap<String, Vec<Measured>> = BTreeMap::new();
    for _ in 0..plan.rounds {
        for (name, peer, names) in contenders {
            let measured = Load::new(peer, way, names, Some(plan.round)).run();
            rounds.entry(name.clone()).or_default().push(measured);
        }
    }
    let medians = rounds
        .into_iter()
        .map(|(name, rounds)| (name, Measured::median(&rounds)));
    medians.collect()
}

fn show(way: Way, count: usize, medians: &BTreeMap<String, Measured>) {
    println!(
        "{:<28} {:>12} {:>22}",
        format!("{way}, {count} names"),
        "queries/s",
        "CPU s/million queries"
    );
    for (name, measured) in medians {
        println!(
            "{name:<28} {:>12.0} {:>22.2}",
            measured.per_sec, measured.cpu_secs_per_million
        );
    }
}

fn udp(plan: &Plan, count: usize) {
    let peers = Peers::start(plan.is_quick, count);
    let ordinary = Names::write(Kind::Ordinary, count);
    let ours = Names::write(Kind::Ours, count);
    let mut contenders: Vec<(String, &Peer, Names)> = peers
        .all()
        .map(|peer| (peer.name().to_owned(), peer, ordinary.clone()))
        .collect();
    contenders.push(("dotkey (.key names)".to_owned(), peers.dotkey(), ours));
    let medians = turns(plan, &contenders, Way::Udp);
    show(Way::Udp, count, &medians);
    let cpu = |name: &str| medians.get(name).map(|one| one.cpu_secs_per_million);
    let (Some(bare), Some(unbound)) = (cpu("bare responder"), cpu("Unbound")) else {
        return;
    };
    for (what, name) in [("ordinary", "dotkey"), ("`.key`", "dotkey (.key names)")] {
        let ours = cpu(name).unwrap_or(f64::NAN);
        println!(
            "ratio: CPU of a cached answer over UDP, {count} {what} names / a bare responder's = {:.2} (at most {UDP_RATIO_MAX}); / Unbound's = {:.2} (below 1)",
            ours / bare,
            ours / unbound
        );
    }
}

fn streams(plan: &Plan) {
    let count = 1_000;
    let peers = Peers::start(plan.is_quick, count);
    let names = Names::write(Kind::Ordinary, count);
    for way in [Way::Tcp, Way::Tls, Way::Https] {
        let contenders: Vec<(String, &Peer, Names)> = peers
            .all()
            .filter(|peer| peer.speaks(way))
            .map(|peer| (peer.name().to_owned(), peer, names.clone()))
            .collect();
        let medians = turns(plan, &contenders, way);
        show(way, count, &medians);
        let ours = medians.get("dotkey").map(|one| one.cpu_secs_per_million);
        let others = medians.iter().filter(|(name, _)| *name != "dotkey");
        let best = others.min_by(|one, other| {
            one.1
                .cpu_secs_per_million
                .total_cmp(&other.1.cpu_secs_per_million)
        });
        if let (Some(ours), Some((name, best))) = (ours, best) {
            println!(
                "ratio: CPU of a cached answer over {way}, {CONNECTIONS} connections / the best other's ({name}) = {:.2} (at most {STREAM_RATIO_MAX})",
                ours / best.cpu_secs_per_million
            );
        }
    }
}

/// What a kept answer takes beyond its message: the growth of a process that is asked for a million names.
fn memory() {
    /// Bytes for each answer beyond its message.
    const BYTES_MAX: f64 = 400.0;
    const ANSWERS: usize = 1_000_000;
    let peers = Peers::start(true, 1_000);
    let peer = peers.dotkey();
    let names = Names::write(Kind::Ordinary, ANSWERS);
    let before = peer.memory_bytes();
    Load::new(peer, Way::Udp, &names, None).run();
    let grown = peer.memory_bytes().saturating_sub(before) as f64 / ANSWERS as f64;
    let wire = names.answer_bytes() as f64;
    println!(
        "ratio: memory of a kept answer beyond its message / {BYTES_MAX} bytes = {:.2} (at most 1) [{grown:.0} bytes each, of which {wire:.0} are the message; {ANSWERS} answers]",
        (grown - wire) / BYTES_MAX
    );
}
