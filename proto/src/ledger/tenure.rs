//! Whose a name is, and until when: section 8.3. An entry stays in the state when its lease is over; what it is worth then is said here.

use super::{Entry, Parameters};
use crate::identity::KeyId;
use crate::time::Timestamp;

/// Where in its lease a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its lease runs.
    Held,
    /// Its lease has ended, and only its holder can renew it.
    Grace,
    /// Anybody may claim it.
    Free,
}

impl Phase {
    /// That of a name whose lease ends, and which becomes free, at these times.
    #[must_use]
    pub fn at(ends: Timestamp, free: Timestamp, time: Timestamp) -> Self {
        if time < ends {
            Self::Held
        } else if time < free {
            Self::Grace
        } else {
            Self::Free
        }
    }

    /// Its one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Grace => "grace",
            Self::Free => "free",
        }
    }
}

/// How a name stands by a proof: in the proof's block, and when it is verified, as far as that block tells. A renewal or a claim that came
/// after the block is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// In the block.
    pub proved: Phase,
    /// When it is verified.
    pub now: Phase,
    lease: Option<Lease>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    key_id: KeyId,
    ends: Timestamp,
    free: Timestamp,
}

impl Tenure {
    /// By what a block of the time `proved` holds for a name, where it is verified at `now`. A clock that is slower than the block's does
    /// not turn time back.
    #[must_use]
    pub fn new(
        entry: Option<&Entry>,
        parameters: &Parameters,
        proved: Timestamp,
        now: Timestamp,
    ) -> Self {
        let lease = entry.map(|entry| Lease {
            key_id: entry.key_id,
            ends: entry.lease_ends,
            free: entry.lease_ends.saturating_add(parameters.grace_secs),
        });
        let phase = |time| lease.map_or(Phase::Free, |one| Phase::at(one.ends, one.free, time));
        Self {
            proved: phase(proved),
            now: phase(now.max(proved)),
            lease,
        }
    }

    /// Whose it is: nobody's once anybody may claim it.
    #[must_use]
    pub fn holder(&self) -> Option<KeyId> {
        let lease = self.lease.filter(|_| self.now != Phase::Free);
        lease.map(|lease| lease.key_id)
    }

    /// When the lease ends and when its grace does, over or not; `None` where nobody has the name since it was last released.
    #[must_use]
    pub fn ends(&self) -> Option<(Timestamp, Timestamp)> {
        self.lease.map(|lease| (lease.ends, lease.free))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).expect("in range")
    }

    #[test]
    fn each_time_of_a_lease_has_its_first_second() {
        let parameters = Parameters {
            grace_secs: 10,
            ..Parameters::default()
        };
        let key_id = KeyId::from_bytes([1; 32]);
        let entry = Entry {
            key_id,
            claimed: at(5),
            lease_ends: at(100),
            pin: None,
        };
        let check = |proved, now, expected: (Phase, Phase), owned: bool| {
            let found = Tenure::new(Some(&entry), &parameters, at(proved), at(now));
            assert_eq!((found.proved, found.now), expected, "{proved}, {now}");
            assert_eq!(found.holder(), owned.then_some(key_id), "{proved}, {now}");
            assert_eq!(found.ends(), Some((at(100), at(110))));
        };
        check(99, 99, (Phase::Held, Phase::Held), true);
        check(99, 100, (Phase::Held, Phase::Grace), true);
        check(99, 109, (Phase::Held, Phase::Grace), true);
        check(99, 110, (Phase::Held, Phase::Free), false);
        check(100, 90, (Phase::Grace, Phase::Grace), true);
        check(110, 60, (Phase::Free, Phase::Free), false);
        let nobody = Tenure::new(None, &parameters, at(1), at(2));
        assert_eq!((nobody.proved, nobody.now), (Phase::Free, Phase::Free));
        assert_eq!((nobody.holder(), nobody.ends()), (None, None));
    }
}
