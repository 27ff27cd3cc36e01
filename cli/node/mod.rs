//! A node within this program: where it says that it is.

mod run_file;

pub(crate) use run_file::RunFile;
