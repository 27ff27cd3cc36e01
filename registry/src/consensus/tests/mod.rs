//! The engine with a real application: alone, over loopback, and under a virtual clock and network.

mod clocks;
mod equivocator;
mod log;
mod simulation;
mod sockets;
mod world;
