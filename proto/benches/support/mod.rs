//! A timer for ratios: two pieces of work measured in turns in one run, so that a busy or slow machine moves both alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Odd, so that the median is one of them.
const BATCHES: usize = 201;
/// Long beside the clock's resolution, short beside a scheduler's turn.
const BATCH: Duration = Duration::from_micros(200);

/// Prints `ratio: LABEL = R (limit L)`, where R is the median time of `work` over that of `yardstick`. It never fails: a
/// machine's mood is no reason to stop, and the reader of the line judges.
pub(crate) fn ratio<A, B>(
    label: &str,
    limit: f64,
    mut work: impl FnMut() -> A,
    mut yardstick: impl FnMut() -> B,
) {
    let (work_count, yardstick_count) = (calibrate(&mut work), calibrate(&mut yardstick));
    let mut work_times = Vec::with_capacity(BATCHES);
    let mut yardstick_times = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        work_times.push(per_call_ns(work_count, &mut work));
        yardstick_times.push(per_call_ns(yardstick_count, &mut yardstick));
    }
    let (work_ns, yardstick_ns) = (median(work_times), median(yardstick_times));
    let ratio = work_ns / yardstick_ns;
    println!(
        "ratio: {label} = {ratio:.2} (limit {limit}) [{work_ns:.1} ns / {yardstick_ns:.1} ns]"
    );
}

/// How many calls fill a batch; this warms the caches too.
fn calibrate<T>(work: &mut impl FnMut() -> T) -> u32 {
    let mut count = 1;
    while count < 1 << 20 {
        let start = Instant::now();
        for _ in 0..count {
            black_box(work());
        }
        if start.elapsed() >= BATCH {
            break;
        }
        count *= 2;
    }
    count
}

fn per_call_ns<T>(count: u32, work: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..count {
        black_box(work());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
