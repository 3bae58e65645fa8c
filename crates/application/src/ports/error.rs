//! What a store's failure means to its caller.

use std::error::Error as StdError;
use std::io;

use arrow_schema::ArrowError;

/// What the caller of a store should do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// What was named does not exist: tell the client.
    NotFound,
    /// Something of this name or key exists, or another writer was first: tell the client, who may try again.
    Conflict,
    /// The schema is of another version by now: get it again and try again.
    SchemaChanged,
    /// What was committed was lost when the store was restored from a backup: tell the client, who has to write it
    /// again.
    CommitLost,
    /// The request breaks the port's contract or the schema: do not try again.
    InvalidInput,
    /// A figure does not fit its type: tell the client.
    OutOfRange,
    /// This store cannot do it: see [`crate::ports::StoreCapabilities`].
    Unsupported,
    /// A budget is used up for now: try again later.
    Unavailable,
    /// It took longer than it may: try again with less.
    Timeout,
    /// The caller went away: nobody is left to tell.
    Cancelled,
    /// The disk is full: reading goes on.
    StorageFull,
    /// The stored data is damaged: an operator is needed.
    Corrupt,
    /// A fault of the store: an operator should look.
    Internal,
}

impl StoreErrorKind {
    /// Whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Conflict | Self::SchemaChanged | Self::Unavailable | Self::Timeout)
    }
}

/// A failure of a store. The message and the source are for operators and never reach a client.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    budget: Option<&'static str>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// A failure with a message: lower case, no full stop, without record values.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), budget: None, source: None }
    }

    /// A budget that is used up, such as `pool`; clients are told its name.
    pub fn unavailable(budget: &'static str, message: impl Into<String>) -> Self {
        Self { kind: StoreErrorKind::Unavailable, message: message.into(), budget: Some(budget), source: None }
    }

    /// A file that cannot be written or read.
    pub fn of_disk(error: io::Error) -> Self {
        let (kind, message) = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (StoreErrorKind::StorageFull, "the disk is full")
            }
            _ => (StoreErrorKind::Internal, "a file cannot be written or read"),
        };
        Self::new(kind, message).with_source(error)
    }

    /// Columns that the code itself made, and that do not fit together.
    pub fn of_columns(error: ArrowError) -> Self {
        Self::new(StoreErrorKind::Internal, "columns do not fit together").with_source(error)
    }

    /// The same failure with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the caller should do.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// The budget that is used up, where one is.
    pub fn budget(&self) -> Option<&'static str> {
        self.budget
    }
}
