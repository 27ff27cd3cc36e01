//! `dotkey`: the one program. This folder owns its arguments, its configuration, its output, and the key store; what names,
//! records and zones mean belongs to the libraries that it plugs together.

mod args;
mod commands;
mod config;
mod exit;
mod files;
mod keys;
mod output;

use std::process::ExitCode;

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
