//! What happens to a store when the machine fails it: a process killed while it writes, bits that turn on disk, a disk that is full,
//! a second process. Each test uses a real folder, and a real process where it is about processes.

mod crash;
mod damage;
mod full;
mod support;
