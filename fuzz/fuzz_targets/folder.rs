//! A file in a folder of records, whoever wrote it: what a resolver makes of it is a record that verifies, or a refusal.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use dotkey_fuzz::asked::{key_id, now, run};
use dotkey_resolver::Resolver;
use dotkey_resolver::source::Folder;
use libfuzzer_sys::fuzz_target;

/// The folder of this process, in memory where the system has such a place.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let shared = PathBuf::from("/dev/shm");
        let above = if shared.is_dir() {
            shared
        } else {
            std::env::temp_dir()
        };
        let folder = above.join(format!("dotkey-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    })
}

fuzz_target!(|data: &[u8]| {
    let file = folder().join(format!("{}.record", key_id()));
    std::fs::write(&file, data).expect("written");
    let resolver = Resolver::builder().clock(now).source(Folder::new(folder()));
    let resolver = resolver.build().expect("it is sound");
    let name = format!("{}.key", key_id());
    match run(resolver.resolve(&name)) {
        Ok(found) => assert_eq!(found.record().as_bytes(), data),
        Err(error) => {
            let said = error.to_string();
            assert!(
                !said.is_empty() && !said.chars().any(char::is_control),
                "{said}"
            );
        }
    }
});
