//! What a publish and a resolve take in 200 nodes, beside libp2p's own Kademlia over the same transport and beside BitTorrent's
//! DHT (the `mainline` crate, which pkarr stands on) over loopback, all in one run on one machine.
//!
//! Prints one table, and a get's time, which reads the newest of six replicas, as a ratio to one `get_record` of libp2p-kad, which takes the first value it
//! finds, in a network like ours: as many connections, which identify, ping and gossip as ours do. What it takes in nodes that do nothing else is printed too. The
//! aim is a ratio of 2; it is printed beside what is measured and does not fail the run. More requests than are promised do. It prints besides when a change came
//! out of the API of every node.
//!
//! `-- --crowd 1000` instead starts so many nodes, and prints the memory that they take when they have found each other.

mod kad;
mod mainline;
mod ours;
mod quiet;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use kad::Beside;
use tokio::runtime::Runtime;

/// Nodes in each of the networks.
const NODES: usize = 200;

/// In the gate: so many find each other in seconds on two cores.
const NODES_QUICK: usize = 50;

/// Publishes and resolves that are timed.
const SAMPLES: usize = 100;

/// In the gate, where only the shape counts.
const SAMPLES_QUICK: usize = 30;

/// A record of about this size is put and got.
const VALUE_BYTES: usize = 1024;

/// BEP 44: more than this mainline does not carry.
const MAINLINE_VALUE_BYTES: usize = 1000;

/// The aim: a get takes at most so many times what one `get_record` of libp2p-kad takes.
const GET_RATIO_AIM: f64 = 2.0;

/// Requests of a get in a settled network.
const REQUESTS_MAX: usize = 6;

/// Times of one network.
pub(crate) struct Times {
    pub(crate) put: Vec<Duration>,
    pub(crate) get: Vec<Duration>,
}

/// The aim: a change comes out of the API of every node by then.
const SEEN_SECS_AIM: f64 = 2.0;

/// What a thousand nodes may take: 12 GB.
const NODE_BYTES_MAX: u64 = 12_000_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let quick = arguments.iter().any(|argument| argument == "--quick");
    let (nodes, samples) = if quick {
        (NODES_QUICK, SAMPLES_QUICK)
    } else {
        (NODES, SAMPLES)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    if let Some(at) = arguments.iter().position(|it| it == "--crowd") {
        let nodes = arguments.get(at + 1).and_then(|it| it.parse().ok());
        return crowd(&runtime, nodes.expect("how many nodes?"));
    }
    let kad = |beside| runtime.block_on(kad::measure(nodes, samples, VALUE_BYTES, beside));
    let (alone, kad) = (kad(Beside::Nothing), kad(Beside::AsOurs));
    let measured = runtime.block_on(ours::measure(nodes, samples, VALUE_BYTES));
    let mainline = runtime.block_on(mainline::measure(nodes, samples, MAINLINE_VALUE_BYTES));

    println!("{nodes} nodes, 1 KiB values, {samples} samples, p50 and p99 in ms");
    println!(
        "network                                        put p50   put p99   get p50   get p99"
    );
    for (name, times) in [
        ("dotkey (memory; 20 acknowledge, 6 read)", &measured.times),
        ("libp2p-kad in a network like ours (20; want 1)", &kad),
        ("libp2p-kad and nothing else (20; want 1)", &alone),
        ("mainline, as pkarr (UDP on loopback)", &mainline),
    ] {
        let ms = |sorted: &[Duration], share| percentile(sorted, share).as_secs_f64() * 1e3;
        println!(
            "{name:<46} {:>7.2}   {:>7.2}   {:>7.2}   {:>7.2}",
            ms(&times.put, 0.5),
            ms(&times.put, 0.99),
            ms(&times.get, 0.5),
            ms(&times.get, 0.99),
        );
    }
    let median = |times: &[Duration]| percentile(times, 0.5).as_secs_f64();
    let ratio = |kad: &Times| median(&measured.times.get) / median(&kad.get);
    let requests_p50 = measured.requests[measured.requests.len() / 2];
    println!(
        "ratio: get newest-of-six / libp2p-kad get_record in a network like ours: {:.2} (aim {GET_RATIO_AIM}); in one with nothing else: {:.2}; requests p50 {requests_p50} (at most {REQUESTS_MAX})",
        ratio(&kad),
        ratio(&alone),
    );
    let seen = |share| percentile(&measured.seen, share).as_secs_f64();
    println!(
        "ratio: change seen through the API of every node, p99 / {SEEN_SECS_AIM} s = {:.2} (aim 1) [p50 {:.0} ms, p99 {:.0} ms, last {:.0} ms]",
        seen(0.99) / SEEN_SECS_AIM,
        1e3 * seen(0.5),
        1e3 * seen(0.99),
        1e3 * seen(1.0),
    );
    if requests_p50 > REQUESTS_MAX {
        println!("above the bound");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn crowd(runtime: &Runtime, nodes: usize) -> ExitCode {
    let (settled, bytes) = runtime.block_on(ours::crowd(nodes));
    let bytes_max = NODE_BYTES_MAX * nodes as u64;
    println!(
        "ratio: {nodes} nodes in one process / {} MB = {:.2} (at most 1) [{:.1} MB a node; settled after {:.0} s]",
        bytes_max / 1_000_000,
        bytes as f64 / bytes_max as f64,
        bytes as f64 / nodes as f64 / 1e6,
        settled.as_secs_f64(),
    );
    if bytes > bytes_max {
        println!("above the bound");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Of sorted times.
fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len() - 1;
    sorted[(last as f64 * share).round() as usize]
}
