//! How the program ends: the exit statuses that scripts rely on, and the error that carries one.

use std::fmt::Display;
use std::process::ExitCode;

use serde_json::{Map, Value};

/// The exit status. The numbers are a stable contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// Not a command line that means something.
    Usage = 2,
    /// What was asked for does not exist.
    NotFound = 3,
    /// A verification failed.
    Invalid = 4,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked, and what to do about it.
#[derive(Debug)]
pub(crate) struct CliError {
    /// A stable word for programs.
    pub(crate) code: String,
    /// What happened, for people.
    pub(crate) message: String,
    /// The next step.
    pub(crate) next: String,
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What else JSON output says beside the error.
    pub(crate) facts: Map<String, Value>,
    /// The code that a node gave, where this is a node's refusal. It decides what is asked next, and is not shown as this program's.
    pub(crate) node_code: Option<Box<str>>,
}

pub(crate) type Result<T, E = CliError> = std::result::Result<T, E>;

impl CliError {
    fn new(exit: Exit, code: &str, message: impl Display, next: impl Display) -> Self {
        Self {
            code: code.to_owned(),
            message: message.to_string(),
            next: next.to_string(),
            exit,
            facts: Map::new(),
            node_code: None,
        }
    }

    /// Something went wrong.
    pub(crate) fn failed(code: &str, message: impl Display, next: impl Display) -> Self {
        Self::new(Exit::Failed, code, message, next)
    }

    /// The command line asks for something that makes no sense.
    pub(crate) fn usage(message: impl Display, next: impl Display) -> Self {
        Self::new(Exit::Usage, "usage", message, next)
    }

    /// What was asked for does not exist.
    pub(crate) fn not_found(message: impl Display, next: impl Display) -> Self {
        Self::new(Exit::NotFound, "not-found", message, next)
    }

    /// Something was checked and is not valid.
    pub(crate) fn invalid(code: &str, message: impl Display, next: impl Display) -> Self {
        Self::new(Exit::Invalid, code, message, next)
    }

    /// With one more fact for JSON output.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}
