//! OpenMetrics text. A number that is 0 and has labels is left out: it shows from its first count on.

use core::fmt::Write;
use core::time::Duration;

use super::histogram::{BOUNDS, Times};

const PREFIX: &str = "dotkey_resolver_";

/// The text, as far as it is written.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

impl Page {
    /// What comes next: `counter` or `gauge`.
    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {PREFIX}{name} {help}."));
        self.line(format_args!("# TYPE {PREFIX}{name} {kind}"));
    }

    /// What comes next is lengths of time.
    pub(crate) fn timed(&mut self, name: &str, help: &str) {
        self.family(name, "histogram", help);
        self.line(format_args!("# UNIT {PREFIX}{name} seconds"));
    }

    /// What comes next is a length of time, as it is now.
    pub(crate) fn in_seconds(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
        self.line(format_args!("# UNIT {PREFIX}{name} seconds"));
    }

    /// Such a length.
    pub(crate) fn seconds(&mut self, name: &str, labels: &[(&str, &str)], length: Duration) {
        let (labels, secs) = (braced(labels), length.as_secs_f64());
        self.line(format_args!("{PREFIX}{name}{labels} {secs}"));
    }

    /// A counter's number.
    pub(crate) fn count(&mut self, name: &str, labels: &[(&str, &str)], count: u64) {
        if count > 0 {
            let labels = braced(labels);
            self.line(format_args!("{PREFIX}{name}_total{labels} {count}"));
        }
    }

    /// The number of a counter without labels, which is there from the beginning.
    pub(crate) fn total(&mut self, name: &str, count: u64) {
        self.line(format_args!("{PREFIX}{name}_total {count}"));
    }

    /// A gauge's number.
    pub(crate) fn level(&mut self, name: &str, labels: &[(&str, &str)], level: u64) {
        let labels = braced(labels);
        self.line(format_args!("{PREFIX}{name}{labels} {level}"));
    }

    /// A histogram's numbers.
    pub(crate) fn times(&mut self, name: &str, labels: &[(&str, &str)], times: &Times) {
        let count = times.count();
        if count == 0 {
            return;
        }
        let mut below = 0;
        for (at, number) in times.lengths.iter().enumerate() {
            below += number;
            let bound = BOUNDS.get(at).map_or_else(
                || "+Inf".to_owned(),
                |bound| bound.as_secs_f64().to_string(),
            );
            let labels = braced(&[labels, &[("le", bound.as_str())]].concat());
            self.line(format_args!("{PREFIX}{name}_bucket{labels} {below}"));
        }
        let labels = braced(labels);
        let secs = times.nanos as f64 / 1e9;
        self.line(format_args!("{PREFIX}{name}_sum{labels} {secs}"));
        self.line(format_args!("{PREFIX}{name}_count{labels} {count}"));
    }

    /// The whole text.
    pub(crate) fn end(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }

    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a String takes everything");
    }
}

fn braced(labels: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    match &pairs[..] {
        [] => String::new(),
        pairs => format!("{{{}}}", pairs.join(",")),
    }
}

/// OpenMetrics 1.0, section 4.1: what would end a value early.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_text_that_prometheus_reads() {
        let mut page = Page::default();
        page.family("things", "counter", "What is counted");
        page.count("things", &[("of", "a\"b\\c")], 3);
        page.count("things", &[("of", "nothing")], 0);
        page.timed("wait_seconds", "How long");
        let mut times = Times::default();
        times.lengths[0] = 2;
        times.lengths[BOUNDS.len()] = 1;
        times.nanos = 1_500_000_000;
        page.times("wait_seconds", &[], &times);
        let text = page.end();
        assert!(text.starts_with(
            "# HELP dotkey_resolver_things What is counted.\n# TYPE dotkey_resolver_things counter\n\
             dotkey_resolver_things_total{of=\"a\\\"b\\\\c\"} 3\n# HELP dotkey_resolver_wait_seconds"
        ), "{text}");
        assert!(text.contains("\n# UNIT dotkey_resolver_wait_seconds seconds\n"));
        assert!(text.contains("_bucket{le=\"0.000005\"} 2\n"), "{text}");
        assert!(text.contains("_bucket{le=\"+Inf\"} 3\n"), "{text}");
        assert!(text.ends_with("_sum 1.5\ndotkey_resolver_wait_seconds_count 3\n# EOF\n"));
    }
}
