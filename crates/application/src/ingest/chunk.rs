//! A piece of a body on its way through the decoder: cut in order, read on any thread, taken in order.

use std::sync::Arc;

use eider_domain::{RecordId, Schema, Violation};
use eider_formats::{CheckedRows, Column};

use super::warnings::Warnings;
use crate::Error;

/// Records that were cut from a body and are not yet read and checked.
#[derive(Debug)]
pub struct Chunk {
    pub(super) records: eider_formats::Chunk,
    /// The property that ids are made of.
    pub(super) id_source: Option<usize>,
}

impl Chunk {
    /// Reads and checks the records: the work of decoding, which does not depend on what comes before or behind.
    ///
    /// # Errors
    /// [`Error::MalformedBody`] when a column is not what it says, [`Error::Store`].
    pub fn decode(self) -> Result<DecodedChunk, Error> {
        let Self { records, id_source } = self;
        let schema = Arc::clone(records.schema());
        let mut decoded = records.decode()?;
        if let (Some(rows), Some(place)) = (&mut decoded.rows, id_source) {
            give_ids(rows, &schema, place);
        }
        let warnings = decoded.rows.as_ref().map(|rows| Warnings::of(&schema, &rows.columns));
        Ok(DecodedChunk {
            rows: decoded.rows,
            lines: decoded.lines,
            failed: decoded.failed,
            failures: decoded.failures,
            name_uses: decoded.name_uses,
            warnings: warnings.unwrap_or_default(),
            rest: decoded.rest.map(|records| Self { records, id_source }),
        })
    }
}

/// Gives the records without an id one that is made of a property, whose every value is there.
pub(super) fn give_ids(rows: &mut CheckedRows, schema: &Schema, place: usize) {
    let data_type = schema.properties()[place].data_type;
    let column = Column::of(rows.columns[place].as_ref(), data_type);
    for (row, id) in rows.ids.iter_mut().enumerate().filter(|(_, id)| id.is_none()) {
        *id = column.value(row).text(data_type).map(|text| *RecordId::of_text(&text).as_uuid());
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
