//! A resolver within this program: what it is started with, where its keys are, how it stops. Names, answers and listeners are the
//! library's; this module plugs in the registry of this process or the nodes that it was told of.

mod alone;
mod claims;
mod keys;
mod operated;
mod ordinary;
mod plan;
mod registry;
mod reload;
mod serve;

pub(crate) use alone::serve;
pub(crate) use keys::signer;
pub(crate) use plan::Plan;
pub(crate) use registry::Registry;
pub(crate) use serve::Running;
