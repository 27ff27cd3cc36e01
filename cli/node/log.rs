//! The log of a running node: to standard error, quiet unless asked.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::args::LogFormat;
use crate::config::bad;
use crate::exit::Result;

/// Begins to log what passes `filter`. A second call in one process changes nothing.
pub(super) fn begin(filter: &str, format: LogFormat) -> Result<()> {
    let filter = parse(filter)?;
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

/// A filter takes any single word for a target of which everything is logged. A word alone is a level here, so that a misspelt one is refused; a target
/// alone is only one with an underscore, as this program's crates have.
fn parse(filter: &str) -> Result<EnvFilter> {
    let right = "it is written as off, error, warn, info, debug or trace, or as info,libp2p=debug";
    let strange = filter.split(',').find(|part| {
        let word = part.chars().all(|it| it.is_ascii_alphanumeric());
        word && !part.is_empty() && part.parse::<LevelFilter>().is_err()
    });
    if let Some(word) = strange {
        let reason = format!("`{word}` is no level; {right}");
        return Err(bad("log", filter, &reason));
    }
    EnvFilter::try_new(filter).map_err(|error| bad("log", filter, &format!("{error}; {right}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_no_level_is_refused() {
        let check = |filter: &str, fits: bool| {
            assert_eq!(parse(filter).is_ok(), fits, "{filter}");
        };
        check("warn", true);
        check("INFO", true);
        check("off", true);
        check("info,libp2p=debug", true);
        check("warn,dotkey_registry=trace", true);
        check("dotkey_registry", true);
        check("inof", false);
        check("warm,libp2p=debug", false);
        check("libp2p=debug,trcae", false);
        check("libp2p=verbose", false);
        check("", true);
    }
}
