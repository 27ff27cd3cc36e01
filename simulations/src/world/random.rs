//! Chance that a seed decides. Not for keys: whoever knows the seed knows it all.

/// SplitMix64 (Steele, Lea and Flood 2014): one word of state, every seed good. Written here because a library's next version
/// may draw differently, and then no old seed would replay.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The same seed draws the same numbers, on every machine and in every version.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// When `bound` is zero: there is none.
    pub const fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "something is below the bound");
        // Lemire 2019 without the rejection: for bounds of a simulation the bias is below one in a billion.
        ((self.word() as u128 * bound as u128) >> 64) as u64
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_splitmix64s_published_ones() {
        let mut random = Random::new(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!([0; 3].map(|_| random.word()), expected);
    }

    #[test]
    fn numbers_stay_below_their_bound_and_reach_all() {
        let mut random = Random::new(81);
        let mut seen = [0_u32; 6];
        for _ in 0..6000 {
            seen[usize::try_from(random.below(6)).expect("below six")] += 1;
        }
        assert!(seen.iter().all(|count| (800..1200).contains(count)), "{seen:?}");
        assert!((0..100).all(|_| random.below(1) == 0 && random.percent(100) && !random.percent(0)));
    }
}
