//! What can only be tested from outside the crates: the house rules and the built program.

mod cli;
mod dns;
mod gateway;
mod interop;
mod tidy;
