//! Positions where nothing was found just now: who asks again at once gets the same answer, and no peer is asked.

use super::Effortful;
use super::bounded::Recent;
use crate::dht::peer::Position;

/// Longer than it takes to ask again in a loop, shorter than a person takes to publish and look.
const ABSENT_MS: u64 = 1_500;

/// Positions remembered: more than are looked up in that time.
const ABSENT_MAX: usize = 4096;

/// What was not there.
#[derive(Clone, Debug)]
pub(super) struct Absent {
    positions: Recent<Position, (u64, Effortful)>,
}

impl Default for Absent {
    fn default() -> Self {
        let positions = Recent::new(ABSENT_MAX);
        Self { positions }
    }
}

impl Absent {
    pub(super) fn add(&mut self, now_ms: u64, at: Position, effort: Effortful) {
        self.positions.remove(&at);
        self.positions.insert(at, (now_ms, effort));
    }

    /// What it took to find nothing, if that was just now.
    pub(super) fn get(&self, now_ms: u64, at: &Position) -> Option<Effortful> {
        let (then_ms, effort) = self.positions.get(at)?;
        let asked_no_more = Effortful {
            requests: 0,
            took_ms: 0,
            ..*effort
        };
        (now_ms < then_ms.saturating_add(ABSENT_MS)).then_some(asked_no_more)
    }

    /// Something may be there now.
    pub(super) fn forget(&mut self, at: &Position) {
        self.positions.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_remembered_for_as_long_as_it_says() {
        let (at, mut absent) = (Position([1; 32]), Absent::default());
        let effort = Effortful {
            requests: 7,
            answers: 6,
            ..Effortful::default()
        };
        absent.add(10, at, effort);
        absent.add(20, at, effort);
        let then = absent.get(19 + ABSENT_MS, &at).expect("just now");
        assert_eq!((then.requests, then.answers), (0, 6));
        assert!(absent.get(20 + ABSENT_MS, &at).is_none());
        absent.forget(&at);
        assert!(absent.get(20, &at).is_none());
    }
}
