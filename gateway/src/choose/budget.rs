//! What may be done twice: extra requests, such as retries and hedges, as a share of the ordinary ones.
//!
//! Without a budget a struggling provider is asked more the less it answers. Each request earns a part of an extra one; what
//! is earned and not used is kept up to a bound, so that a sudden failure after quiet hours finds some.

/// Extra requests that may be saved up: what is in flight at one provider when it dies at once.
pub const SAVED_MAX: u32 = 100;

/// Hundredths of an extra request.
const WHOLE: u32 = 100;

/// Extra requests that may still be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    percent: u32,
    saved: u32,
    spent: u64,
    refused: u64,
}

impl Budget {
    /// `percent` extra requests for a hundred ordinary ones. It begins full, unless there are none at all.
    #[must_use]
    pub const fn new(percent: u8) -> Self {
        Self {
            percent: percent as u32,
            saved: if percent == 0 { 0 } else { SAVED_MAX * WHOLE },
            spent: 0,
            refused: 0,
        }
    }

    /// Another percentage; what is saved stays.
    pub fn set_percent(&mut self, percent: u8) {
        self.percent = percent.into();
        if percent == 0 {
            self.saved = 0;
        }
    }

    /// An ordinary request begins.
    pub fn earn(&mut self) {
        self.saved = (self.saved + self.percent).min(SAVED_MAX * WHOLE);
    }

    /// Whether an extra request may be made; it counts as made.
    pub fn spend(&mut self) -> bool {
        let may = self.saved >= WHOLE;
        if may {
            self.saved -= WHOLE;
            self.spent += 1;
        } else {
            self.refused += 1;
        }
        may
    }

    /// Extra requests made so far.
    #[must_use]
    pub const fn spent(&self) -> u64 {
        self.spent
    }

    /// Extra requests that would have been made with a larger budget.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_what_was_earned_and_saved(percent in 0_u8..=100, asked in prop::collection::vec(any::<bool>(), 0..2000)) {
            let mut budget = Budget::new(percent);
            let (mut requests, mut extra) = (0_u64, 0_u64);
            for ordinary in asked {
                if ordinary {
                    budget.earn();
                    requests += 1;
                } else {
                    extra += u64::from(budget.spend());
                }
                let saved = if percent == 0 { 0 } else { u64::from(SAVED_MAX) };
                prop_assert!(extra <= saved + requests * u64::from(percent) / 100);
            }
            prop_assert_eq!(extra, budget.spent());
        }
    }

    #[test]
    fn what_is_earned_can_be_spent() {
        let mut budget = Budget::new(20);
        while budget.spend() {}
        (0..10).for_each(|_| budget.earn());
        assert_eq!(
            [budget.spend(), budget.spend(), budget.spend()],
            [true, true, false]
        );
    }
}
