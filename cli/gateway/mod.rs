//! A gateway within this program: what it is started with, where its authority is, how it stops. Carrying requests is the library's; this
//! module plugs in the resolver of this process.

mod alone;
mod demo;
mod links;
mod plan;
mod reload;
mod serve;

pub(crate) use alone::serve;
pub(crate) use demo::DemoProviders;
pub(crate) use links::TextLinks;
pub(crate) use plan::{HTTPS_PORT, Plan};
pub(crate) use serve::Running;
