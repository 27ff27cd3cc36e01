//! What consensus costs, over loopback, all validators in this process: the bare engine, which orders what nobody checks ([`bare`]),
//! and claims of names with all that they take ([`claims`]).
//!
//! Prints how long an entry, or a transaction, takes to be final, how many there are a second, the processor time that one takes, and what a validator costs
//! that is idle. A busy machine would decide any bound, so none fails here.

mod bare;
mod claims;

use std::fs;

/// The kernel's unit of processor time as it shows it to programs, on every Linux (`getconf CLK_TCK`).
const TICKS_PER_SEC: f64 = 100.0;

/// Processor time of this process until now.
fn spent() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells it of every process");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("a name")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_SEC
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    bare::measure(1, quick);
    let bare = bare::measure(4, quick);
    claims::measure(4, bare, quick);
}
