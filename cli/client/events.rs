//! Server-sent events, as far as a node sends them: a name and a line of data.

use std::io::{self, BufRead, BufReader, Read};

/// A line of an event: a problem that shows a record's facts fits many times.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// The events of a stream, until it ends.
pub(super) struct Events<R> {
    lines: BufReader<R>,
}

impl<R: Read> Events<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            lines: BufReader::new(stream),
        }
    }

    /// One line without its end; nothing at the end of the stream.
    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let read = (&mut self.lines)
            .take(LINE_BYTES_MAX)
            .read_line(&mut line)?;
        if read as u64 == LINE_BYTES_MAX {
            return Err(io::Error::other("a line is too long"));
        }
        let ends = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(ends);
        Ok((read > 0).then_some(line))
    }
}

impl<R: Read> Iterator for Events<R> {
    type Item = io::Result<(String, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut name, mut data) = (String::from("message"), String::new());
        loop {
            let line = match self.line() {
                Ok(line) => line?,
                Err(error) => return Some(Err(error)),
            };
            if line.is_empty() && !data.is_empty() {
                return Some(Ok((name, data)));
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut name),
                "data" => data.push_str(value),
                // Ids, and comments that keep the connection open.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_a_name_and_data() {
        let check = |stream: &str, expected: &[(&str, &str)]| {
            let events: Vec<_> = Events::new(stream.as_bytes())
                .map(|event| event.expect("it is read"))
                .collect();
            let events: Vec<_> = events
                .iter()
                .map(|(name, data)| (name.as_str(), data.as_str()))
                .collect();
            assert_eq!(events, expected, "{stream:?}");
        };
        check("", &[]);
        check("event: a\ndata: 1\n\n", &[("a", "1")]);
        check(
            "event:a\r\ndata:1\r\n\r\ndata: 2\n\n",
            &[("a", "1"), ("message", "2")],
        );
        check(
            ": still here\n\nid: 7\nevent: done\ndata: {}\n\n",
            &[("done", "{}")],
        );
        // Cut off before its end, an event is none.
        check("event: done\ndata: {}\n", &[]);
        let long = format!("data: {}\n\n", "x".repeat(70_000));
        assert!(Events::new(long.as_bytes()).any(|event| event.is_err()));
    }
}
