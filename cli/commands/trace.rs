//! The steps on the way to an answer, with their times.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Steps, each with what it took.
pub(super) struct Trace {
    steps: Vec<(String, Duration)>,
    last: Instant,
}

impl Trace {
    pub(super) fn begin() -> Self {
        Self {
            steps: Vec::new(),
            last: Instant::now(),
        }
    }

    /// A step that has just ended; it began where the one before it ended.
    pub(super) fn note(&mut self, step: &str) {
        let now = Instant::now();
        self.steps.push((step.to_owned(), now - self.last));
        self.last = now;
    }

    /// As a person reads them.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let steps = self.steps.iter();
        let steps =
            steps.map(|(step, took)| format!("{:>9.1} ms  {step}", took.as_secs_f64() * 1e3));
        ["".to_owned()].into_iter().chain(steps)
    }

    pub(super) fn json(&self) -> Value {
        let steps = self.steps.iter();
        let steps = steps.map(|(step, took)| {
            let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            json!({"step": step, "took_us": took_us})
        });
        steps.collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_a_line() {
        let mut trace = Trace::begin();
        trace.note("one");
        trace.note("two");
        let lines: Vec<String> = trace.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[1].ends_with(" ms  one") && lines[2].ends_with(" ms  two"));
        assert_eq!(trace.json()[1]["step"], "two");
    }
}
