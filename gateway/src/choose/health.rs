//! Whether a provider is well: what checks of our own say, and what its answers to visitors say.
//!
//! Checks count in a row: `fall` failures make a provider down, `rise` good ones bring it back. Visitors' requests count in points: at
//! [`POINTS_MAX`] in a row without a good answer the provider is ejected for a while, longer each time. That an ejection
//! may not leave too few is for the pool, which sees all of them.

use core::time::Duration;

/// Failures in a row that eject a provider.
pub const POINTS_MAX: u8 = 5;

/// The first ejection; each later one is twice the one before.
pub const EJECTED_FIRST: Duration = Duration::from_secs(10);

/// The longest ejection.
pub const EJECTED_MAX: Duration = Duration::from_secs(300);

/// After so long without another ejection the next is the first again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Why a request to a provider failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// No connection: refused, unreachable, or not in time.
    Connect,
    /// TLS did not come to stand.
    Tls,
    /// It presented a key that the record does not pin.
    WrongKey,
    /// The connection ended before the answer did.
    Broken,
    /// No first byte in time.
    Silent,
    /// It answered with a server's error.
    Status,
    /// Its answer is no HTTP that we pass on.
    Malformed,
}

impl Failure {
    /// What logs and metrics call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::WrongKey => "wrong-key",
            Self::Broken => "broken",
            Self::Silent => "silent",
            Self::Status => "status",
            Self::Malformed => "malformed",
        }
    }

    /// What it counts. Another key is no accident; that nobody listens seldom changes by asking.
    const fn points(self) -> u8 {
        match self {
            Self::WrongKey => POINTS_MAX,
            Self::Connect | Self::Tls => 2,
            Self::Broken | Self::Silent | Self::Status | Self::Malformed => 1,
        }
    }
}

/// What checks of our own found, in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Checks {
    down: bool,
    in_a_row: u8,
}

impl Checks {
    /// A check ended. True when the provider came back by it.
    pub(super) fn note(&mut self, good: bool, rise: u8, fall: u8) -> bool {
        if good != self.down {
            self.in_a_row = 0; // It confirms what is thought.
            return false;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let enough = if good { rise } else { fall };
        if self.in_a_row < enough {
            return false;
        }
        *self = Self {
            down: !good,
            in_a_row: 0,
        };
        good
    }

    /// Whether the last word was no.
    #[must_use]
    pub(super) const fn is_down(&self) -> bool {
        self.down
    }
}

/// What visitors' requests found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Conduct {
    points: u8,
    times: u8,
    until: Option<Duration>,
    last: Option<Failure>,
}

impl Conduct {
    /// A request was answered well.
    pub(super) fn good(&mut self) {
        self.points = 0;
    }

    /// A request failed. True when that is enough for an ejection.
    pub(super) fn bad(&mut self, failure: Failure) -> bool {
        self.last = Some(failure);
        self.points = self.points.saturating_add(failure.points());
        self.points >= POINTS_MAX
    }

    /// Sends it away for a while.
    pub(super) fn eject(&mut self, now: Duration) {
        let long_ago = |until| now.saturating_sub(until) > FORGOTTEN_AFTER;
        if self.until.is_some_and(long_ago) {
            self.times = 0;
        }
        let length = EJECTED_FIRST * 2_u32.pow(self.times.min(6).into());
        self.times = self.times.saturating_add(1);
        self.until = Some(now + length.min(EJECTED_MAX));
        // When it comes back the next failure sends it away again.
        self.points = POINTS_MAX - 1;
    }

    /// Lets it back in before its time.
    pub(super) fn pardon(&mut self, now: Duration) {
        self.until = Some(now);
    }

    /// Until when it is ejected, if it is.
    #[must_use]
    pub(super) fn ejected_until(&self, now: Duration) -> Option<Duration> {
        self.until.filter(|until| now < *until)
    }

    /// When its last ejection ended, if it has.
    #[must_use]
    pub(super) fn returned_at(&self, now: Duration) -> Option<Duration> {
        self.until.filter(|until| now >= *until)
    }

    /// The last failure that was seen.
    #[must_use]
    pub(super) const fn last_failure(&self) -> Option<Failure> {
        self.last
    }

    /// Points in a row.
    #[must_use]
    pub(super) const fn points(&self) -> u8 {
        self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn rise_and_fall_are_counted_in_a_row() {
        let mut checks = Checks::default();
        let mut seen = |pattern: &str| -> String {
            let note = |letter| {
                let back = checks.note(letter == '+', 2, 3);
                match (back, checks.is_down()) {
                    (true, _) => 'B',
                    (_, true) => 'd',
                    _ => 'u',
                }
            };
            pattern.chars().map(note).collect()
        };
        assert_eq!(seen("--+---"), "uuuuud");
        assert_eq!(seen("+-+-++"), "dddddB");
        assert_eq!(seen("+--+--"), "uuuuuu");
    }

    #[test]
    fn ejections_grow_and_are_forgotten() {
        let mut conduct = Conduct::default();
        assert!((0..4).all(|_| !conduct.bad(Failure::Silent)));
        assert!(conduct.bad(Failure::Silent));
        conduct.eject(secs(0));
        assert_eq!(conduct.ejected_until(secs(9)), Some(secs(10)));
        assert_eq!(conduct.ejected_until(secs(10)), None);
        assert!(conduct.bad(Failure::Status), "one more is enough");
        conduct.eject(secs(20));
        assert_eq!(conduct.ejected_until(secs(20)), Some(secs(40)));
        (0..20).for_each(|_| conduct.eject(secs(50)));
        assert_eq!(conduct.ejected_until(secs(50)), Some(secs(350)));
        conduct.eject(secs(2000));
        assert_eq!(conduct.ejected_until(secs(2000)), Some(secs(2010)));
    }

    #[test]
    fn a_good_answer_clears_the_points_and_another_key_fills_them() {
        let mut conduct = Conduct::default();
        (0..4).for_each(|_| assert!(!conduct.bad(Failure::Broken)));
        conduct.good();
        assert!(!conduct.bad(Failure::Connect));
        assert!(conduct.bad(Failure::WrongKey));
    }
}
