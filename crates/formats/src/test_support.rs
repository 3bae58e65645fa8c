//! What tests of readers share: a body read in pieces, and the outcome.

use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema as ArrowSchema};
use arrow_select::concat::concat_batches;
use eider_domain::{RECORD_FIELD_COUNT, Schema, SystemField, Violation, ViolationCode};

use crate::{CheckedRows, Chunk, Format, ReadError, ReadLimits, ReadOptions, RecordReader, Spooling};

/// Records after which a body is not read further: a few bytes may stand for any number.
const MAX_RECORDS: u64 = 1_000_000;

/// The outcome of a body.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) received: u64,
    pub(crate) failed: u64,
    /// The records that are valid: their ids, and a column per property.
    pub(crate) records: RecordBatch,
    /// The line of each of them.
    pub(crate) lines: Vec<u64>,
    pub(crate) failures: Vec<Violation>,
    /// The rows of each step that had any.
    pub(crate) rows: Vec<usize>,
    /// How often the reader kept something back.
    pub(crate) steps: usize,
}

impl Decoded {
    pub(crate) fn report(&self) -> Vec<(u64, &str, ViolationCode)> {
        self.failures.iter().map(|v| (v.line.unwrap(), v.pointer.as_str(), v.code)).collect()
    }

    /// The column of a field.
    pub(crate) fn column(&self, name: &str) -> &ArrayRef {
        self.records.column_by_name(name).unwrap()
    }

    /// The column of a property.
    pub(crate) fn property(&self, index: usize) -> &ArrayRef {
        self.records.column(1 + index)
    }

    /// Whether each record has an id of the client.
    pub(crate) fn has_given_id(&self) -> Vec<bool> {
        (0..self.records.num_rows()).map(|row| self.records.column(0).is_valid(row)).collect()
    }
}

/// Reads a body that arrives in pieces of `step` bytes.
pub(crate) fn decode_in(
    schema: &Arc<Schema>,
    format: Format,
    limits: ReadLimits,
    body: &[u8],
    step: usize,
) -> Result<Decoded, ReadError> {
    decode_as(schema, format, &ReadOptions::default(), limits, body, step)
}

/// The same of a body that is written as the options say.
pub(crate) fn decode_as(
    schema: &Arc<Schema>,
    format: Format,
    options: &ReadOptions,
    limits: ReadLimits,
    body: &[u8],
    step: usize,
) -> Result<Decoded, ReadError> {
    let reader = RecordReader::new(format, Arc::clone(schema), limits, Spooling::default());
    let mut reader = reader.with_options(options.clone());
    let shown = shown_columns(schema);
    let mut decoded = Decoded {
        received: 0,
        failed: 0,
        records: RecordBatch::new_empty(Arc::clone(&shown)),
        lines: Vec::new(),
        failures: Vec::new(),
        rows: Vec::new(),
        steps: 0,
    };
    let mut batches = Vec::new();
    let mut pieces = body.chunks(step.max(1));
    let mut is_ended = false;
    while !is_ended {
        let piece = pieces.next();
        is_ended = piece.is_none();
        let chunks = match piece {
            Some(piece) => reader.cut(piece)?,
            None => reader.end()?,
        };
        take(chunks, &shown, &mut decoded, &mut batches)?;
        while reader.has_more() {
            decoded.steps += 1;
            let chunks = if is_ended { reader.end()? } else { reader.cut(&[])? };
            take(chunks, &shown, &mut decoded, &mut batches)?;
        }
    }
    assert!(decoded.rows.iter().all(|rows| *rows <= limits.batch_rows));
    decoded.records = concat_batches(&shown, &batches)?;
    Ok(decoded)
}

fn take(
    chunks: Vec<Chunk>,
    shown: &Arc<ArrowSchema>,
    decoded: &mut Decoded,
    batches: &mut Vec<RecordBatch>,
) -> Result<(), ReadError> {
    for chunk in chunks {
        let mut next = Some(chunk);
        while let Some(chunk) = next {
            let read = chunk.decode()?;
            decoded.received += read.lines.len() as u64 + read.failed;
            decoded.failed += read.failed;
            decoded.lines.extend(read.lines);
            decoded.failures.extend(read.failures);
            if decoded.received > MAX_RECORDS {
                return Err(ReadError::malformed("the body has too many records for a test"));
            }
            if let Some(rows) = read.rows {
                decoded.rows.push(rows.ids.len());
                batches.push(batch_of(rows, shown)?);
            }
            next = read.rest;
        }
    }
    Ok(())
}

/// The id, which records need not have yet, and the properties.
fn shown_columns(schema: &Schema) -> Arc<ArrowSchema> {
    let id = schema.arrow().field(SystemField::Id as usize).clone().with_nullable(true);
    let properties = schema.arrow().fields().iter().skip(RECORD_FIELD_COUNT).map(|field| field.as_ref().clone());
    Arc::new(ArrowSchema::new(std::iter::once(id).chain(properties).collect::<Vec<Field>>()))
}

fn batch_of(rows: CheckedRows, shown: &Arc<ArrowSchema>) -> Result<RecordBatch, ReadError> {
    let mut ids = FixedSizeBinaryBuilder::new(16);
    for id in &rows.ids {
        match id {
            Some(id) => ids.append_value(id.as_bytes())?,
            None => ids.append_null(),
        }
    }
    let columns = std::iter::once(Arc::new(ids.finish()) as ArrayRef).chain(rows.columns).collect();
    Ok(RecordBatch::try_new(Arc::clone(shown), columns)?)
}
