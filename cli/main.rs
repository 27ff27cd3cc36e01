//! The `dotkey` program.

fn main() {}
