//! A piece of a body on its way through a reader: cut in order, read on any thread, taken in order.

use std::fmt;
use std::sync::Arc;

use arrow_array::ArrayRef;
use eider_domain::{Schema, Violation};
use uuid::Uuid;

use super::ReadError;

/// Violations after which a chunk is not read further in one step, so that a report does not count towards memory.
pub(crate) const STEP_VIOLATIONS: usize = 4_096;

/// Records that were cut from a body and are not yet read and checked.
#[derive(Debug)]
pub struct Chunk(Box<dyn CutRecords>);

/// The records of a chunk, as their format has them.
pub(crate) trait CutRecords: fmt::Debug + Send {
    /// As [`Chunk::decode`].
    fn decode(self: Box<Self>) -> Result<DecodedChunk, ReadError>;

    fn schema(&self) -> &Arc<Schema>;
}

impl Chunk {
    pub(crate) fn of(records: impl CutRecords + 'static) -> Self {
        Self(Box::new(records))
    }

    /// Reads and checks the records: the work of decoding, which does not depend on what comes before or behind.
    ///
    /// # Errors
    /// [`ReadError::MalformedBody`] when a column is not what it says, [`ReadError::Columns`].
    pub fn decode(self) -> Result<DecodedChunk, ReadError> {
        self.0.decode()
    }

    /// The schema of the records.
    pub fn schema(&self) -> &Arc<Schema> {
        self.0.schema()
    }
}

/// Valid records without what the server adds.
#[derive(Debug)]
pub struct CheckedRows {
    /// The ids that the client gave, one for each row.
    pub ids: Vec<Option<Uuid>>,
    /// A column per property, of its exact type, and behind them one for each field that a record may bring along.
    pub columns: Vec<ArrayRef>,
    /// Roughly the bytes held.
    pub bytes: usize,
}

/// What the records of a chunk came to.
#[derive(Debug, Default)]
pub struct DecodedChunk {
    /// The records that are valid; `None` when there are none.
    pub rows: Option<CheckedRows>,
    /// Their lines.
    pub lines: Vec<u64>,
    /// How many are not.
    pub failed: u64,
    /// Why not.
    pub failures: Vec<Violation>,
    /// For each of [`eider_domain::SourceNames::names`], how many records had a value under it; empty when there are none.
    pub name_uses: Vec<u64>,
    /// What is left of the chunk, to be read and taken before the next one.
    pub rest: Option<Chunk>,
}

impl DecodedChunk {
    /// Counts a record that is not valid.
    pub(crate) fn refuse(&mut self, line: u64, violations: Vec<Violation>) {
        self.failed += 1;
        self.failures.extend(violations.into_iter().map(|violation| violation.at_line(line)));
    }
}
