//! A follower under a virtual clock: real chains, real verification, and peers that are honest, stale, silent, slow or lying.

mod catching_up;
mod lies;
mod states;
mod world;
