//! Token buckets: so much at once, and so much more each second.

/// How much there is to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) each_second: u64,
    pub(crate) burst: u64,
}

/// Thousandths of tokens that are gone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    gone: u64,
    at_ms: u64,
}

impl Bucket {
    /// Takes so many, if they are there.
    pub(crate) fn take(&mut self, now_ms: u64, count: u64, rate: Rate) -> bool {
        self.refill(now_ms, rate);
        let then = self.gone.saturating_add(count.saturating_mul(1000));
        let fits = then <= rate.burst * 1000;
        if fits {
            self.gone = then;
        }
        fits
    }

    /// Takes for what is done already: what is not there is not owed.
    pub(crate) fn charge(&mut self, now_ms: u64, count: u64, rate: Rate) {
        if !self.take(now_ms, count, rate) {
            self.gone = rate.burst * 1000;
        }
    }

    /// Whether nothing is gone any more.
    pub(crate) fn is_full(&mut self, now_ms: u64, rate: Rate) -> bool {
        self.refill(now_ms, rate);
        self.gone == 0
    }

    /// When this was last taken from.
    pub(crate) fn at_ms(&self) -> u64 {
        self.at_ms
    }

    fn refill(&mut self, now_ms: u64, rate: Rate) {
        let waited = now_ms.saturating_sub(self.at_ms);
        let refilled = waited.saturating_mul(rate.each_second);
        self.gone = self.gone.saturating_sub(refilled);
        self.at_ms = now_ms;
    }
}
