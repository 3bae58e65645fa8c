//! A record: the fields that it has of its own, and the rules that it passes.

mod names;
mod validation;

use std::fmt;

use uuid::Uuid;

pub use validation::{RecordCheck, RecordValidator, Slot};

use crate::types::parse_uuid;

/// The identity of a record: any UUID, a `UUIDv7` where the server made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId(Uuid);

/// The text is not a UUID in its hyphenated form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is a UUID such as `01890a5d-ac96-774b-bcce-b302099a8057`")]
pub struct RecordIdError;

impl RecordId {
    /// The namespace of ids that are made of texts. It never changes.
    pub const NAMESPACE: Uuid = uuid::uuid!("8d3c1a52-6f0e-4c5b-9b0f-2e6a7d41c9e3");

    /// Wraps a UUID.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Parses the hyphenated form (RFC 9562), in either case.
    ///
    /// # Errors
    /// [`RecordIdError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, RecordIdError> {
        parse_uuid(text).map(Self).ok_or(RecordIdError)
    }

    /// The id that a record has of a text: the same for the same text, by SHA-1 (`UUIDv5`) in [`RecordId::NAMESPACE`].
    pub fn of_text(text: &str) -> Self {
        Self(Uuid::new_v5(&Self::NAMESPACE, text.as_bytes()))
    }

    /// The UUID itself.
    pub fn as_uuid(&self) -> &Uuid {
        &self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// How often a record has been written; 1 when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(i64);

impl Version {
    /// The version of a new record.
    pub const FIRST: Self = Self(1);

    /// The number itself.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The version of a stored number, which is at least 1.
    pub fn from_i64(number: i64) -> Self {
        Self(number.max(1))
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
