//! A stamp has one encoding, and bytes that nobody worked for are none.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::identity::KeyId;
use dotkey_proto::stamp::{Beacon, Grid, Purpose, Puzzle, Stamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let stamp = match within(16 * data.len() + 4096, || Stamp::decode(data)) {
        Ok(stamp) => stamp,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    assert_eq!(stamp.encode(), data);
    let beacon = Beacon {
        hour: stamp.hour,
        digest: [1; 32],
    };
    let key_id = KeyId::from_bytes([2; 32]);
    for grid in Grid::ALL {
        let puzzle = Puzzle::new(&[3; 32], key_id, Purpose::Opening, &beacon, (grid, 1 << 20));
        assert!(
            puzzle.check(&stamp).is_err(),
            "{grid:?}: found without work"
        );
    }
});
