//! How long the program takes to start, beside the least that starting any program takes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Odd, so that the median is one of them.
const RUNS: usize = 101;

fn start(program: &str, argument: &str) -> Duration {
    let mut command = Command::new(program);
    command.arg(argument).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status().expect("the program starts");
    let elapsed = start.elapsed();
    assert!(status.success(), "{program} {argument}");
    elapsed
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn main() {
    let (mut ours, mut least) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    // In turns, so that a busy machine moves both alike.
    for _ in 0..RUNS {
        ours.push(start(env!("CARGO_BIN_EXE_dotkey"), "--version"));
        least.push(start("true", "--version"));
    }
    let (ours, least) = (median_ms(ours), median_ms(least));
    println!("dotkey --version = {ours:.1} ms (limit 10 ms)");
    println!(
        "ratio: dotkey --version / true --version = {:.2} [{ours:.2} ms / {least:.2} ms]",
        ours / least
    );
}
