use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const NETWORK: [u8; 32] = [1; 32];
const BEACON: Beacon = Beacon {
    hour: 500_000,
    digest: [2; 32],
};

fn puzzle(purpose: Purpose<'_>, grid: Grid, solutions: u64) -> Puzzle {
    let key_id = KeyId::from_bytes([3; 32]);
    Puzzle::new(&NETWORK, key_id, purpose, &BEACON, (grid, solutions))
}

fn solved(puzzle: &Puzzle) -> Stamp {
    let mut memory = Memory::default();
    let attempts = 0..;
    attempts
        .into_iter()
        .find_map(|nonce| puzzle.attempt(nonce, &mut memory))
        .expect("some nonce has a solution")
}

#[test]
fn what_is_found_is_accepted_and_comes_back() {
    for (grid, solutions) in [(Grid::Tiny, 1), (Grid::Tiny, 40), (Grid::Small, 1)] {
        let puzzle = puzzle(Purpose::Claim("mysite"), grid, solutions);
        let stamp = solved(&puzzle);
        let bytes = stamp.encode();
        assert!(bytes.len() <= STAMP_BYTES_MAX, "{} bytes", bytes.len());
        let stamp = Stamp::decode(&bytes).expect("it was just encoded");
        assert_eq!(puzzle.check(&stamp), Ok(()), "{grid:?}");
    }
}

/// The search must find what there is to find: about two solutions a nonce, or its users work for nothing.
#[test]
fn a_search_finds_about_two_solutions() {
    let mut memory = Memory::default();
    let found: usize = (0..24)
        .map(|nonce| solve::solutions(Grid::Small, &[7; 32], nonce, &mut memory).len())
        .sum();
    assert!((36..=60).contains(&found), "{found} of 24 nonces");
}

#[test]
fn a_stamp_is_good_for_one_thing() {
    let claim = puzzle(Purpose::Claim("mysite"), Grid::Tiny, 1);
    let stamp = solved(&claim);
    let other = |network, key, purpose, digest| {
        let beacon = Beacon { digest, ..BEACON };
        let key_id = KeyId::from_bytes([key; 32]);
        Puzzle::new(&[network; 32], key_id, purpose, &beacon, (Grid::Tiny, 1)).check(&stamp)
    };
    assert_eq!(other(1, 3, Purpose::Claim("mysite"), [2; 32]), Ok(()));
    for refused in [
        other(9, 3, Purpose::Claim("mysite"), [2; 32]),
        other(1, 9, Purpose::Claim("mysite"), [2; 32]),
        other(1, 3, Purpose::Claim("mysitf"), [2; 32]),
        other(1, 3, Purpose::Renewal("mysite"), [2; 32]),
        other(1, 3, Purpose::Opening, [2; 32]),
        other(1, 3, Purpose::Claim("mysite"), [9; 32]),
    ] {
        assert_eq!(refused, Err(StampError::NoSolution));
    }
}

#[test]
fn a_cheap_stamp_is_weak_where_more_is_asked() {
    let stamp = solved(&puzzle(Purpose::Opening, Grid::Tiny, 1));
    let dear = puzzle(Purpose::Opening, Grid::Tiny, u64::MAX);
    assert_eq!(
        dear.check(&stamp),
        Err(StampError::Weak {
            solutions: u64::MAX
        })
    );
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        if let Ok(stamp) = Stamp::decode(&bytes) {
            prop_assert_eq!(stamp.encode(), bytes);
            let puzzle = puzzle(Purpose::Opening, Grid::Large, 1);
            prop_assert!(puzzle.check(&stamp).is_err());
        }
    }

    #[test]
    fn a_changed_solution_is_none(at in 0_usize..36, bit in 0_u8..8) {
        let puzzle = puzzle(Purpose::Opening, Grid::Tiny, 1);
        let mut stamp = solved(&puzzle);
        stamp.solution[at] ^= 1 << bit;
        prop_assert_eq!(puzzle.check(&stamp), Err(StampError::NoSolution));
    }
}
