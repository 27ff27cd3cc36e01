//! When a network does nothing more by itself.

use std::time::{Duration, Instant};

/// How often a network is looked at while it settles.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// A network that does not fall quiet is measured as it is.
const QUIET_WITHIN: Duration = Duration::from_secs(90);

/// Quiet is less than this share of one processor, for all nodes together.
const QUIET_SHARE: f64 = 0.4;

/// Waits until this process does little: connections are made, tables are full, and what is timed next is not the joining.
pub(crate) async fn quieten() {
    let begun = Instant::now();
    while begun.elapsed() < QUIET_WITHIN {
        let before = processor_secs();
        tokio::time::sleep(LOOK_AGAIN).await;
        if processor_secs() - before < QUIET_SHARE * LOOK_AGAIN.as_secs_f64() {
            break;
        }
    }
    eprintln!("quiet after {:.0?} more", begun.elapsed());
}

/// Processor time of this process so far.
fn processor_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux says");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    // utime and stime, in hundredths of a second: fields 14 and 15 of the line, whose second ends at the parenthesis.
    let ticks = |index: usize| fields[index].parse::<f64>().expect("a number");
    (ticks(12) + ticks(13)) / 100.0
}
