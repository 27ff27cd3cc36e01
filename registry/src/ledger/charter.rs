//! The numbers of a network's rules, and what a stamp costs.

use dotkey_proto::ledger::Genesis;
use dotkey_proto::stamp::Grid;

/// What the founders of a network agreed on, as far as the rules ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    /// The network's id.
    pub network: [u8; 32],
    /// The work of a stamp for a long label when few are claimed: two to the power of this many rows of Equihash.
    pub stamp_bits: u64,
    /// Claims a day above which stamps cost more.
    pub claims_per_day: u64,
    /// How long a claim or a renewal holds.
    pub lease_secs: u64,
    /// How long before its end a lease can be renewed.
    pub renewal_secs: u64,
    /// How long after its end only the holder can renew it.
    pub grace_secs: u64,
    /// Blocks of an epoch, which is how often validators change.
    pub epoch_blocks: u64,
    /// Labels that nobody can claim here, beyond those of section 2.6, in ascending order.
    pub reserved: Vec<String>,
}

/// What a stamp has to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Which Equihash.
    pub grid: Grid,
    /// Solutions that one has to find, on average.
    pub solutions: u64,
}

/// Between its commit and its claim: blocks, so that who sees the claim cannot have announced it before.
pub const CLAIM_BLOCKS_MIN: u64 = 2;

/// Between its commit and its claim: a day, for people who are interrupted.
pub const CLAIM_SECS_MAX: u64 = DAY_SECS;

/// Hours that a beacon is good for: as long as a claim may take.
pub const BEACON_HOURS: u64 = 24;

/// Steps that demand may double the cost: 64 times.
pub const DEMAND_MAX: u64 = 6;

/// Transactions of one identity and day. A claim takes two, and an identity holds 64 names.
pub const TRANSACTIONS_PER_DAY_MAX: u64 = 512;

/// Leaves of the tree that one block may write: bounds the work beside the signatures, whatever the transactions are.
pub const BLOCK_WRITES_MAX: usize = 16_384;

/// Signatures that one block may have: a second of work for one core if they are ed25519's.
pub const BLOCK_SIGNATURES_MAX: usize = 16_384;

pub(super) const HOUR_SECS: u64 = 3600;
pub(super) const DAY_SECS: u64 = 24 * HOUR_SECS;

/// What a label of this many bytes costs beyond a long one, in doublings. Short ones are few and worth more to squatters.
const LENGTH_BITS: [u64; 7] = [12, 10, 8, 6, 4, 2, 1];

/// What a renewal and an opening cost less than a claim: half and half again.
const DISCOUNT_BITS: u64 = 2;

impl Charter {
    /// That of a network.
    #[must_use]
    pub fn of(genesis: &Genesis) -> Self {
        let parameters = &genesis.parameters;
        Self {
            network: genesis.network(),
            stamp_bits: parameters.stamp_bits,
            claims_per_day: parameters.claims_per_day,
            lease_secs: parameters.lease_secs,
            renewal_secs: parameters.renewal_secs,
            grace_secs: parameters.grace_secs,
            epoch_blocks: parameters.epoch_blocks,
            reserved: genesis.reserved.clone(),
        }
    }

    /// What a claim costs, `demand` being the doublings that demand adds.
    #[must_use]
    pub fn claim_price(&self, label: &str, demand: u64) -> Price {
        Price::of(self.claim_bits(label, demand))
    }

    /// What a claim costs, as a power of two of rows.
    #[must_use]
    pub fn claim_bits(&self, label: &str, demand: u64) -> u64 {
        self.stamp_bits + length_bits(label) + demand.min(DEMAND_MAX)
    }

    /// What a renewal costs. Demand does not count: holding a name becomes no dearer because others come.
    #[must_use]
    pub fn renewal_price(&self, label: &str) -> Price {
        Price::of((self.stamp_bits + length_bits(label)).saturating_sub(DISCOUNT_BITS))
    }

    /// What the first transaction of an identity costs.
    #[must_use]
    pub fn opening_price(&self) -> Price {
        Price::of(self.stamp_bits.saturating_sub(DISCOUNT_BITS))
    }

    /// Claims an hour above which demand grows.
    #[must_use]
    pub fn claims_per_hour(&self) -> u64 {
        (self.claims_per_day / 24).max(1)
    }

    /// The epoch that a block of this height belongs to.
    #[must_use]
    pub fn epoch(&self, height: u64) -> u64 {
        height / self.epoch_blocks
    }

    /// Whether the block of this height is the last of its epoch.
    #[must_use]
    pub fn is_epoch_end(&self, height: u64) -> bool {
        self.epoch(height) != self.epoch(height + 1)
    }
}

/// `bytes` is the length of the claimed form.
fn length_bits(label: &str) -> u64 {
    let index = label.len().saturating_sub(1);
    LENGTH_BITS.get(index).copied().unwrap_or(0)
}

impl Price {
    /// The price of this many rows, as a power of two: the largest grid of which it buys four solutions or more, so that the time
    /// that a stamp takes is not all luck.
    #[must_use]
    pub fn of(bits: u64) -> Self {
        let bits = bits.min(84);
        let fits = |grid: &&Grid| bits >= row_bits(**grid) + 2;
        let grid = Grid::ALL.iter().rev().find(fits);
        let grid = grid.copied().unwrap_or(Grid::Tiny);
        let solutions = 1 << bits.saturating_sub(row_bits(grid)).min(63);
        Self { grid, solutions }
    }
}

/// Rows that one solution takes, as a power of two: a search has twice as many and finds two.
const fn row_bits(grid: Grid) -> u64 {
    match grid {
        Grid::Tiny => 8,
        Grid::Small => 16,
        Grid::Large => 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_double_with_every_bit_and_keep_to_their_grid() {
        let check = |bits, grid, solutions| {
            assert_eq!(Price::of(bits), Price { grid, solutions }, "{bits} bits");
        };
        check(0, Grid::Tiny, 1);
        check(10, Grid::Tiny, 4);
        check(17, Grid::Tiny, 512);
        check(18, Grid::Small, 4);
        check(21, Grid::Small, 32);
        check(22, Grid::Large, 4);
        check(36, Grid::Large, 65_536);
        check(1000, Grid::Large, 1 << 63);
    }
}
