//! A gateway between visitors and providers, all on loopback: records are signed and verified, bytes go over sockets.

mod carrying;
mod collector;
mod floods;
mod hostile;
mod provider;
mod traced;
mod ways;
mod world;
