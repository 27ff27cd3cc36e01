//! The vectors of every kind, each written down beside what has to come of it.

#[rustfmt::skip] // A table: one vector a line.
mod anchors;
#[rustfmt::skip] // A table: one vector a line.
mod blocks;
#[rustfmt::skip] // A table: one vector a line.
mod bundles;
#[rustfmt::skip] // A table: one vector a line.
mod chains;
#[rustfmt::skip] // A table: one page a block.
pub(crate) mod codes;
mod committees;
mod curve;
mod decode;
mod encode;
mod file;
#[rustfmt::skip] // A table: one vector a line.
mod items;
#[rustfmt::skip] // A table: one vector a line.
mod names;
#[rustfmt::skip] // A table: one vector a line.
mod networks;
#[rustfmt::skip] // A table: one vector a line.
mod owners;
#[rustfmt::skip] // A table: one vector a line.
mod policies;
#[rustfmt::skip] // A table: one vector a line.
mod rdata;
#[rustfmt::skip] // A table: one vector a line.
mod record_forms;
#[rustfmt::skip] // A table: one vector a line.
mod record_signatures;
#[rustfmt::skip] // A table: one vector a line.
mod records;
#[rustfmt::skip] // A table: one vector a line.
mod resources;
mod sign;
#[rustfmt::skip] // A table: one vector a line.
mod transactions;
mod update_text;
#[rustfmt::skip] // A table: one vector a line.
mod uris;
#[rustfmt::skip] // A table: one vector a line.
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
    files.extend(networks::files());
    files.push(bundles::file());
    files
}
