//! The pace of waiting for blocks: how often to look, and when to give up.

use std::thread;
use std::time::{Duration, Instant};

use dotkey_proto::ledger::Parameters;
use dotkey_proto::words::counted;

use crate::client::Ledger;
use crate::exit::{CliError, Result};
use crate::output::Output;

/// Heartbeats without a block after which the network stands still.
const HEARTBEATS_MAX: u32 = 12;

/// A network that is being started, or loses a validator, pauses this long.
const STILL_MIN: Duration = Duration::from_secs(60);

/// Heartbeats without a block after which whoever waits is told: a leader that is gone costs one.
const HEARTBEATS_SILENT: u32 = 4;

/// Blocks that come, or do not.
pub(in crate::commands) struct Pace {
    pause: Duration,
    silent_max: Duration,
    still_max: Duration,
    last: Option<(u64, Instant)>,
    /// Whether it was said that none comes, of the block that was the last.
    told: bool,
}

impl Pace {
    pub(in crate::commands) fn of(ledger: &Ledger) -> Self {
        let Parameters {
            block_interval_ms,
            heartbeat_ms,
            ..
        } = ledger.genesis().parameters;
        Self {
            // No block comes sooner than the interval.
            pause: Duration::from_millis(block_interval_ms.clamp(100, 1000)),
            silent_max: Duration::from_millis(heartbeat_ms) * HEARTBEATS_SILENT,
            still_max: STILL_MIN.max(Duration::from_millis(heartbeat_ms) * HEARTBEATS_MAX),
            last: None,
            told: false,
        }
    }

    /// Waits before the next look. `height` is the newest that was seen.
    pub(in crate::commands) fn wait(&mut self, height: u64, output: &Output) -> Result<()> {
        match self.last {
            Some((last, since)) if last == height => {
                let still = since.elapsed();
                if still > self.still_max {
                    return Err(CliError::failed(
                        "no-blocks",
                        format!(
                            "the network makes no blocks: {} after block {height} there is none that is newer",
                            counted(still.as_secs(), "second")
                        ),
                        "see whether its validators run (`dotkey status`), then run the same command again: it goes on where it was",
                    ));
                }
                if still > self.silent_max && !self.told {
                    self.told = true;
                    output.end_progress();
                    output.note(&format!(
                        "no block has come after block {height} for {}; it is waited for up to {}",
                        counted(still.as_secs(), "second"),
                        counted(self.still_max.as_secs(), "second"),
                    ));
                }
            }
            _ => (self.last, self.told) = (Some((height, Instant::now())), false),
        }
        thread::sleep(self.pause);
        Ok(())
    }
}
