//! Checked rows become whole records, in batches of the size that the store takes.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow_buffer::Buffer;
use arrow_select::concat::concat;
use arrow_select::zip::zip;
use eider_domain::{RecordId, Schema, Timestamp, Version};
use eider_formats::CheckedRows;

use super::decoder::BatchContext;
use super::{DecodedBatch, arrow_fault};
use crate::ports::{IdGenerator, IdOrigin, StoreError};

/// A batch of new records, created at `now` unless they say otherwise.
pub(super) fn into_batch(
    rows: CheckedRows,
    schema: &Schema,
    now: Timestamp,
    generator: &dyn IdGenerator,
) -> Result<DecodedBatch, StoreError> {
    let CheckedRows { ids: given, columns: mut properties, .. } = rows;
    let kept = properties.split_off(schema.properties().len());
    let rows = given.len();
    let missing = given.iter().filter(|id| id.is_none()).count();
    let ids = IdOrigin::of(given.iter().map(Option::is_some));
    let mut generated = generator.next_ids(missing).into_iter();
    let mut id_bytes = Vec::with_capacity(rows * 16);
    for id in given {
        let id = id.or_else(|| generated.next().as_ref().map(RecordId::as_uuid).copied()).unwrap_or_default();
        id_bytes.extend_from_slice(id.as_bytes());
    }
    let times = || Arc::new(TimestampMicrosecondArray::from(vec![now.as_micros(); rows]).with_timezone("UTC"));
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::new(16, Buffer::from_vec(id_bytes), None)),
        times(),
        times(),
        Arc::new(Int64Array::from(vec![Version::FIRST.as_i64(); rows])),
    ];
    for (field, kept) in Schema::KEPT_FIELDS.into_iter().zip(kept) {
        let given = kept.logical_nulls().map(|nulls| BooleanArray::new(nulls.into_inner(), None));
        columns[field as usize] = match given {
            None => kept,
            Some(given) => zip(&given, &kept, &columns[field as usize]).map_err(arrow_fault)?,
        };
    }
    columns.extend(properties);
    let records = RecordBatch::try_new(Arc::clone(schema.arrow()), columns).map_err(arrow_fault)?;
    Ok(DecodedBatch { records, ids })
}

/// The rows of all parts, in their order.
fn concatenated(parts: &[CheckedRows]) -> Result<CheckedRows, StoreError> {
    let columns = parts.first().map_or(0, |part| part.columns.len());
    let column = |index: usize| {
        let arrays: Vec<&dyn Array> = parts.iter().map(|part| part.columns[index].as_ref()).collect();
        concat(&arrays).map_err(arrow_fault)
    };
    Ok(CheckedRows {
        ids: parts.iter().flat_map(|part| &part.ids).copied().collect(),
        columns: (0..columns).map(column).collect::<Result<_, _>>()?,
        bytes: parts.iter().map(|part| part.bytes).sum(),
    })
}

/// Gathers rows until they make a batch. Holds at most one.
#[derive(Debug, Default)]
pub(super) struct BatchAssembler {
    parts: Vec<CheckedRows>,
    rows: usize,
    bytes: usize,
}

impl BatchAssembler {
    /// Takes the next rows and hands out what is full.
    pub(super) fn push(&mut self, rows: CheckedRows, context: &BatchContext) -> Result<Vec<DecodedBatch>, StoreError> {
        let limits = &context.limits;
        let mut full = Vec::new();
        if self.rows + rows.ids.len() > limits.batch_rows || self.bytes + rows.bytes > limits.batch_bytes {
            full.extend(self.flush(context)?);
        }
        self.rows += rows.ids.len();
        self.bytes += rows.bytes;
        self.parts.push(rows);
        if self.rows >= limits.batch_rows || self.bytes >= limits.batch_bytes {
            full.extend(self.flush(context)?);
        }
        Ok(full)
    }

    /// Hands out what is left.
    pub(super) fn flush(&mut self, context: &BatchContext) -> Result<Option<DecodedBatch>, StoreError> {
        let Self { mut parts, .. } = std::mem::take(self);
        let rows = match parts.len() {
            0 => return Ok(None),
            1 => parts.remove(0),
            _ => concatenated(&parts)?,
        };
        into_batch(rows, &context.schema, context.created_at, &*context.ids).map(Some)
    }
}
