//! `dotkey`: the one program. This folder owns its arguments, its configuration, its output, the key store, and the life of a node; what names,
//! records and zones mean belongs to the libraries that it plugs together.

mod alone;
mod args;
mod client;
mod commands;
mod config;
mod exit;
mod files;
mod gateway;
mod keys;
mod limits;
mod names;
mod network;
mod node;
mod output;
mod resolver;
mod trust;

use std::process::ExitCode;

/// A request of the gateway or a block of the ledger is many small pieces of memory, which the system's allocator is slow with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (args, output) = match args::parse() {
        Ok(parsed) => parsed,
        Err(exit) => return exit.into(),
    };
    let result = commands::run(&args, &output).and_then(|answer| output.answer(&answer));
    match result {
        Ok(()) => exit::Exit::Done.into(),
        Err(error) => {
            output.error(&error);
            error.exit.into()
        }
    }
}
