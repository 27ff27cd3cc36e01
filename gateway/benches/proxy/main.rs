//! What carrying a request costs beside the proxies that people use, and what visitors notice of providers that are slow, killed or
//! frozen.
//!
//! HAProxy, nginx, Caddy and dotkey stand before the same providers on loopback, all at once, and take turns; each figure is the
//! median of its rounds. Their processor time is the system's count for their processes. `--quick` is for the gate: the cost of
//! HTTP/1.1 beside HAProxy, and the kill and the freeze. The words `cost`, `failure`, `slow` and `idle` choose parts of it. Nothing here
//! fails: the reader of the lines judges.

mod cost;
mod failure;
mod idle;
mod load;
mod names;
mod origins;
mod process;
mod proxies;
mod slow;
mod visitors;

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;

/// What can be measured, in this order.
const PARTS: [&str; 4] = ["cost", "failure", "slow", "idle"];

/// How often each contender has its turn, and for how long.
#[derive(Clone, Copy, Debug)]
struct Plan {
    rounds: usize,
    round: Duration,
    is_quick: bool,
}

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    raise_open_files();
    let runtime = Runtime::new().expect("threads");
    let plan = match is_quick {
        true => Plan {
            rounds: 1,
            round: Duration::from_secs(1),
            is_quick,
        },
        false => Plan {
            rounds: 5,
            round: Duration::from_secs(2),
            is_quick,
        },
    };
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chosen: Vec<&str> = PARTS
        .into_iter()
        .filter(|part| words.iter().any(|word| word == part))
        .collect();
    let is_chosen = |part| match chosen.is_empty() {
        true => !is_quick || part == "cost" || part == "failure",
        false => chosen.contains(&part),
    };
    for part in PARTS.into_iter().filter(|part| is_chosen(part)) {
        match part {
            "cost" => cost::show(plan),
            "failure" => failure::show(&runtime, plan),
            "slow" => slow::show(&runtime, plan),
            _ => idle::show(&runtime),
        }
    }
}

/// Ten thousand connections need as many files here, and as many in the proxies, which inherit the limit.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit it may be raised");
}

/// The middle one of some figures.
fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
