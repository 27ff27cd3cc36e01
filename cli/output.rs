//! What the program says, and where: an answer on standard output, everything else on standard error.

use std::borrow::Cow;
use std::io::{BufRead, IsTerminal, Read, Write};

use serde_json::{Value, json};

use crate::exit::{CliError, Result};

/// A word, and a slip or two.
const ANSWER_BYTES_MAX: u64 = 64;

/// What a command found or did, in both of the forms that it can be asked for.
pub(crate) struct Answer {
    /// One object, for programs.
    pub(crate) json: Value,
    /// For people.
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn new(json: Value, text: impl Into<String>) -> Self {
        Self {
            json,
            text: text.into(),
        }
    }

    /// Of a command that has said everything on its way.
    pub(crate) fn said() -> Self {
        Self::new(Value::Null, "")
    }
}

/// Where answers, messages and errors go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            json,
            colour: wanted && std::io::stderr().is_terminal(),
        }
    }

    /// Prints the one answer of a command.
    pub(crate) fn answer(&self, answer: &Answer) -> Result<()> {
        if answer.json.is_null() {
            return Ok(());
        }
        let text = if self.json {
            Cow::Owned(answer.json.to_string())
        } else {
            printable(&answer.text)
        };
        let end = if text.ends_with('\n') || text.is_empty() {
            ""
        } else {
            "\n"
        };
        let mut out = std::io::stdout().lock();
        match write!(out, "{text}{end}").and_then(|()| out.flush()) {
            // Whoever reads has seen enough, as with `| head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(CliError::failed(
                "output",
                format!("what was found could not be printed: {error}"),
                "check where standard output goes",
            )),
            Ok(()) => Ok(()),
        }
    }

    /// Tells a person something on the way.
    pub(crate) fn note(&self, text: &str) {
        to_stderr(&printable(text));
    }

    /// Shows a person how far something is, in a line that the next one replaces.
    pub(crate) fn progress(&self, text: &str) {
        if self.is_watched() {
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", printable(text));
        }
    }

    /// Takes that line away.
    pub(crate) fn end_progress(&self) {
        if self.is_watched() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    /// Whether somebody may see a line that changes.
    pub(crate) fn is_watched(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Whether there is a person who can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks a person to agree to what stands above. Where there is none, nobody is asked.
    pub(crate) fn agree(&self, question: &str) -> Result<()> {
        if !self.can_ask() {
            return Ok(());
        }
        let _ = write!(std::io::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        // What cannot be read is no yes.
        let _ = std::io::stdin()
            .lock()
            .take(ANSWER_BYTES_MAX)
            .read_line(&mut answer);
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(CliError::failed(
                "declined",
                "nothing was signed",
                "run the command again to sign it",
            )),
        }
    }

    /// Says what went wrong, and what to do.
    pub(crate) fn error(&self, error: &CliError) {
        if self.json {
            let mut object = error.facts.clone();
            let (code, message, next) = (&error.code, &error.message, &error.next);
            object.insert(
                "error".to_owned(),
                json!({"code": code, "message": message, "next": next}),
            );
            // Nothing is left to tell if even this cannot be written.
            let _ = writeln!(std::io::stdout(), "{}", Value::Object(object));
        }
        let (red, bold, end) = if self.colour {
            ("\x1b[1;31m", "\x1b[1m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        let (message, next) = (printable(&error.message), printable(&error.next));
        to_stderr(&format!(
            "{red}error:{end} {message}\n{bold}next:{end}  {next}"
        ));
    }
}

fn to_stderr(text: &str) {
    // A closed standard error must not end the work.
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end_matches('\n'));
}

/// Foreign text (zones, file names) must not steer a terminal: controls and reversals of direction are shown, not obeyed.
fn printable(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        c.is_control() && c != '\n' && c != '\t'
            || matches!(
                c,
                '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            )
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_not_steered() {
        for (text, shown) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\u{202e}b\u{9b}", "a\\u{202e}b\\u{9b}"),
            ("müller", "müller"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }
}
