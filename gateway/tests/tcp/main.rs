//! TCP listeners against real servers: OpenSSL-compatible TLS, PostgreSQL and Redis of Debian, each on a free loopback port and ended by its
//! process id with the test.

mod pinned;
mod postgres;
mod redis;
mod sni;
mod world;
