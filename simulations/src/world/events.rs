//! The virtual clock and the queue that moves it. Time jumps from one event to the next; nothing ever waits.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

/// Milliseconds since the world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

/// What will happen, in the order of time; what happens at one instant, in the order in which it was planned.
#[derive(Debug)]
pub struct Events<E> {
    now: Instant,
    planned: u64,
    queue: BinaryHeap<Reverse<Planned<E>>>,
}

#[derive(Debug)]
struct Planned<E> {
    at: Instant,
    /// Breaks ties, so that a run does not depend on how a heap is built.
    number: u64,
    event: E,
}

impl<E> Default for Events<E> {
    fn default() -> Self {
        Self {
            now: Instant::default(),
            planned: 0,
            queue: BinaryHeap::new(),
        }
    }
}

impl<E> Events<E> {
    /// The time of the event that happened last.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Plans an event for `delay_ms` from now.
    pub fn plan(&mut self, delay_ms: u64, event: E) {
        let at = Instant(self.now.0.saturating_add(delay_ms));
        let number = self.planned;
        self.planned += 1;
        self.queue.push(Reverse(Planned { at, number, event }));
    }

    /// The next event; the clock is then at its time.
    pub fn next_event(&mut self) -> Option<E> {
        let Reverse(next) = self.queue.pop()?;
        assert!(next.at >= self.now, "time does not run backwards");
        self.now = next.at;
        Some(next.event)
    }
}

impl<E> Planned<E> {
    const fn order(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

impl<E> PartialEq for Planned<E> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<E> Eq for Planned<E> {}

impl<E> PartialOrd for Planned<E> {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Planned<E> {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_happen_by_time_and_then_by_plan() {
        let mut events = Events::default();
        for (delay_ms, name) in [(30, "d"), (10, "a"), (20, "b"), (20, "c"), (0, "first")] {
            events.plan(delay_ms, name);
        }
        let mut seen = Vec::new();
        while let Some(name) = events.next_event() {
            seen.push((events.now().0, name));
            if name == "c" {
                events.plan(0, "at once");
            }
        }
        let expected = [(0, "first"), (10, "a"), (20, "b"), (20, "c"), (20, "at once"), (30, "d")];
        assert_eq!(seen, expected);
    }
}
