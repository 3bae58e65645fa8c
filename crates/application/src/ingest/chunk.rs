//! A piece of a body on its way through the decoder: cut in order, read on any thread, taken in order.

use std::sync::Arc;

use eider_domain::Violation;
use eider_formats::CheckedRows;

use super::warnings::Warnings;
use crate::Error;

/// Records that were cut from a body and are not yet read and checked.
#[derive(Debug)]
pub struct Chunk(pub(super) eider_formats::Chunk);

impl Chunk {
    /// Reads and checks the records: the work of decoding, which does not depend on what comes before or behind.
    ///
    /// # Errors
    /// [`Error::MalformedBody`] when a column is not what it says, [`Error::Store`].
    pub fn decode(self) -> Result<DecodedChunk, Error> {
        let schema = Arc::clone(self.0.schema());
        let decoded = self.0.decode()?;
        let warnings = decoded.rows.as_ref().map(|rows| Warnings::of(&schema, &rows.columns));
        Ok(DecodedChunk {
            rows: decoded.rows,
            lines: decoded.lines,
            failed: decoded.failed,
            failures: decoded.failures,
            name_uses: decoded.name_uses,
            warnings: warnings.unwrap_or_default(),
            rest: decoded.rest.map(Chunk),
        })
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
    /// For each of the names that stand for something else than they say, how many records had a value under it.
    pub(super) name_uses: Vec<u64>,
    /// What the valid ones lack.
    pub(super) warnings: Warnings,
    /// What is left of the chunk.
    pub(super) rest: Option<Chunk>,
}
