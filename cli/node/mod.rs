//! A node within this program: what it is started with, what it serves, how it stops. This module owns the process around the
//! node: ports, `run.json`, the log, signals, and the demo name of a new data folder. Storing and passing on records is the registry's.

mod announce;
mod demo;
mod failures;
mod log;
mod manager;
mod offline;
mod plan;
mod run_file;
mod serve;

pub(crate) use failures::{api_port, system, token as no_token};
pub(crate) use manager::{Activated, listener, tell};
pub(crate) use offline::{repair, restore};
pub(crate) use plan::{API_PORT, log_begin};
pub(crate) use run_file::{Placed, Role, RunFile};
pub(crate) use serve::{Extent, Stop, serve};

use std::path::{Path, PathBuf};

/// The folder of a node's records, below the data folder.
fn store_of(data: &Path) -> PathBuf {
    data.join("store")
}
