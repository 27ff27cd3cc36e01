//! Writes the test vectors: `cargo run -p dotkey-proto --example vectors` puts `tests/vectors/*.json` in place.
//!
//! Every vector is made from fixed seeds, so that the files come out the same each time. What a vector must give is written
//! by hand beside it and never asked of the implementation; `proto/tests/vectors.rs` holds the implementation to it.

mod kinds;

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    for file in kinds::all() {
        let path = folder.join(format!("{}.json", file.kind));
        fs::write(&path, file.to_json())?;
        println!("{:4} vectors in {}.json", file.vectors.len(), file.kind);
    }
    Ok(())
}
