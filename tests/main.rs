//! What can only be tested from outside the crates: the house rules and the built program.

mod cli;
mod interop;
mod tidy;
