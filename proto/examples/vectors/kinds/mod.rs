//! The vectors of every kind, each written down beside what has to come of it.

mod blocks;
mod chains;
pub(crate) mod codes;
mod curve;
mod encode;
mod file;
mod items;
mod names;
mod owners;
mod policies;
mod rdata;
mod records;
mod resources;
mod sign;
mod transactions;
mod uris;
mod zones;

pub(crate) use file::{File, Object};

/// The files, in the order of the protocol's pages.
pub(crate) fn all() -> Vec<File> {
    let mut files = vec![
        items::file(),
        names::file(),
        uris::file(),
        policies::file(),
        chains::file(),
        records::file(),
        zones::file(),
        owners::file(),
        rdata::file(),
        transactions::file(),
    ];
    files.extend(blocks::files());
    files
}
