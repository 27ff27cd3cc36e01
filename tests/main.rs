//! What can only be tested from outside the crates: the house rules and the built program.

mod cli;
mod dns;
mod interop;
mod tidy;
