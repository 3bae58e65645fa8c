//! A piece of a body on its way through the decoder: cut in order, read on any thread, taken in order.

use eider_domain::{Schema, Violation};

use super::assembler::CheckedRows;
use super::columnar::ColumnChunk;
use super::rows::RowChunk;
use super::warnings::Warnings;
use crate::Error;

/// Violations after which a chunk is not read further in one step, so that a report does not count towards memory.
pub(super) const STEP_VIOLATIONS: usize = 4_096;

/// Records that were cut from a body and are not yet read and checked.
#[derive(Debug)]
pub struct Chunk(pub(super) CutRecords);

/// The records of a chunk, as their format has them.
#[derive(Debug)]
pub(super) enum CutRecords {
    Rows(RowChunk),
    Columns(ColumnChunk),
}

impl Chunk {
    /// Reads and checks the records: the work of decoding, which does not depend on what comes before or behind.
    ///
    /// # Errors
    /// [`Error::MalformedBody`] when a column is not what it says, [`Error::Store`].
    pub fn decode(self) -> Result<DecodedChunk, Error> {
        match self.0 {
            CutRecords::Rows(rows) => Ok(rows.decode()),
            CutRecords::Columns(columns) => columns.decode(),
        }
    }
}

/// What the records of a chunk came to.
#[derive(Debug, Default)]
pub struct DecodedChunk {
    /// The records that are valid.
    pub(super) rows: Option<CheckedRows>,
    /// Their lines.
    pub(super) lines: Vec<u64>,
    /// How many are not.
    pub(super) failed: u64,
    /// Why not.
    pub(super) failures: Vec<Violation>,
    /// What the valid ones lack.
    pub(super) warnings: Warnings,
    /// What is left of the chunk.
    pub(super) rest: Option<Chunk>,
}

impl DecodedChunk {
    /// Takes the records that are valid.
    pub(super) fn accept(&mut self, schema: &Schema, rows: CheckedRows) {
        self.warnings = Warnings::of(schema, &rows.columns);
        self.rows = Some(rows);
    }

    /// Counts a record that is not valid.
    pub(super) fn refuse(&mut self, line: u64, violations: Vec<Violation>) {
        self.failed += 1;
        self.failures.extend(violations.into_iter().map(|violation| violation.at_line(line)));
    }
}
