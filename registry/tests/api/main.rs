//! The API through real sockets: every status, the bounds on slow clients, events, and the OpenAPI file held to the server.
//!
//! Behind the server is a node of one map instead of a network: what it is asked for is what the network would be asked for.

mod about;
mod beside;
mod bounds;
mod browsers;
mod client;
mod events;
mod names;
mod node;
mod openapi;
mod records;
