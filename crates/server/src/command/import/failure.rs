//! Why an import does not go on, and how the program ends for the scripts that run it.

use std::fmt;

use anyhow::Error;

/// The exit code when every record was stored.
pub(super) const ALL_STORED: u8 = 0;
/// The exit code when some records were refused.
pub(super) const SOME_REFUSED: u8 = 1;

/// Why an input was not loaded.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) error: Error,
}

/// Whose fault it is. Each has an exit code of its own, as docs/reference/command-line.md has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// What was asked for cannot be done.
    Usage,
    /// The server does not answer, or cannot at the moment.
    Unreachable,
    /// The server refuses this input.
    Refused,
    /// The server refuses whatever is sent to it: the key or the schema is at fault.
    RefusedAll,
    /// An input cannot be read, or not to its end.
    Unreadable,
}

impl Cause {
    /// How the program ends for it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Refused | Self::RefusedAll => 4,
            Self::Unreadable => 5,
        }
    }

    /// Whether further inputs would fare the same.
    pub(super) fn is_general(self) -> bool {
        match self {
            Self::Usage | Self::Unreachable | Self::RefusedAll => true,
            Self::Refused | Self::Unreadable => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

/// Says whose fault an error is.
pub(crate) trait Because<T> {
    /// Names the cause.
    fn because(self, cause: Cause) -> Result<T, Failure>;
}

impl<T, E: Into<Error>> Because<T> for Result<T, E> {
    fn because(self, cause: Cause) -> Result<T, Failure> {
        self.map_err(|error| Failure { cause, error: error.into() })
    }
}

impl Failure {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, error: Error::msg(detail.into()) }
    }
}
