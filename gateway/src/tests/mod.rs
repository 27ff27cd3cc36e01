//! A gateway between visitors and providers, all on loopback: records are signed and verified, bytes go over sockets.

mod carrying;
mod floods;
mod hostile;
mod provider;
mod ways;
mod world;
