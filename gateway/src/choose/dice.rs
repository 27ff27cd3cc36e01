//! Chance that can be replayed: the same seed gives the same throws.

/// SplitMix64 (Steele, Lea, Flood 2014): it has to be fast and evenly spread, not secret.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that a simulation can throw again.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    pub fn part(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True once in `count` throws on the average.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.throw().is_multiple_of(count)
    }
}
