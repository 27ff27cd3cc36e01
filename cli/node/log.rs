//! The log of a running node: to standard error, quiet unless asked.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;
use crate::config::bad;
use crate::exit::Result;

/// Begins to log what passes `filter`. A second call in one process changes nothing.
pub(super) fn begin(filter: &str, format: LogFormat) -> Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        bad(
            "log",
            filter,
            &format!("{error}; it is written as warn, or as info,libp2p=debug"),
        )
    })?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour);
    // It fails where one logs already, which is then as good.
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    Ok(())
}
