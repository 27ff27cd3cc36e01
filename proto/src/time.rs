//! Time as the protocol knows it: whole seconds since 1970-01-01T00:00:00Z, handed in by the caller.

use core::fmt;

/// Seconds since the Unix epoch. There is no way to ask this crate what time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last second of the year 9999: later times have no RFC 3339 form.
    pub const MAX: Self = Self(253_402_300_799);

    /// `None` beyond [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_secs(secs: u64) -> Option<Self> {
        if secs <= Self::MAX.0 {
            Some(Self(secs))
        } else {
            None
        }
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// This time and `secs` more, at most [`Timestamp::MAX`].
    #[must_use]
    pub const fn saturating_add(self, secs: u64) -> Self {
        let sum = self.0.saturating_add(secs);
        if sum <= Self::MAX.0 {
            Self(sum)
        } else {
            Self::MAX
        }
    }

    /// This time less `secs`, at least the epoch.
    #[must_use]
    pub const fn saturating_sub(self, secs: u64) -> Self {
        Self(self.0.saturating_sub(secs))
    }

    /// Seconds from `earlier` until this time; zero when `earlier` is not earlier.
    #[must_use]
    pub const fn secs_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, such as `2026-11-21T01:12:34Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, secs) = (self.0 / 86_400, self.0 % 86_400);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (secs / 3600, secs / 60 % 60, secs % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// The proleptic Gregorian date of a day counted from 1970-01-01, by way of years that begin in March.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // Days from 0000-03-01.
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn displays_as_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_223_554, "2026-11-21T01:12:34Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(
                Timestamp::from_secs(secs).expect("in range").to_string(),
                text
            );
        }
        assert_eq!(Timestamp::from_secs(253_402_300_800), None);
    }
}
