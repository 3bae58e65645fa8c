//! Bodies that hold columns, Arrow and Parquet: their batches are cut to size; on any thread they are checked column
//! by column and brought to the columns of the schema.

mod accepted;
mod convert;
mod measure;
mod nested;
mod plain;
mod plan;
mod report;
mod scalar;
mod shape;
mod size;
pub(crate) mod spooled;
mod trial;
mod value;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use eider_domain::Schema;

use self::convert::{Converted, convert};
use self::plan::ColumnPlan;
use self::size::RowSizes;
pub(crate) use self::trial::{Trial, candidates, carried_schema, fitting_rows, form_of, unfit};
use super::chunk::{Chunk, CutRecords, DecodedChunk, STEP_VIOLATIONS};
use super::rows::too_large;
use super::{ReadContext, ReadError};

/// Bytes of chunks that one step hands out at most, but for one chunk.
const STEP_BYTES: usize = 16 << 20;

/// What a body of columns has brought.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Its columns, before any rows.
    Columns(SchemaRef),
    /// Rows of these columns.
    Rows(RecordBatch),
}

/// Cuts the batches of a body into chunks. Holds one batch of the body.
#[derive(Debug)]
pub(crate) struct ColumnCutter {
    source: Box<dyn ColumnSource>,
    plan: Option<Arc<ColumnPlan>>,
    /// The batch that is being cut, and its rows that are done.
    pending: Option<(RecordBatch, usize)>,
    /// Rows of the body before the next one.
    rows: u64,
    is_ended: bool,
    has_more: bool,
}

/// The batches of one body, which arrives in blocks.
pub(crate) trait ColumnSource: fmt::Debug + Send {
    /// Takes the next block.
    ///
    /// # Errors
    /// When a disk fails.
    fn push(&mut self, block: &[u8]) -> Result<(), ReadError>;

    /// Ends the body, of which everything that could be taken has been taken.
    ///
    /// # Errors
    /// When the body breaks off or is not of its format.
    fn end(&mut self) -> Result<(), ReadError>;

    /// The columns, or the next batch; `None` when more bytes are needed, and behind the last batch.
    ///
    /// # Errors
    /// When the body is damaged or takes more memory than it may.
    fn arrival(&mut self) -> Result<Option<Arrival>, ReadError>;
}

/// What comes next. The readers check what they read, but not all of it: a panic is the body's fault too.
pub(crate) fn arrival(source: &mut dyn ColumnSource) -> Result<Option<Arrival>, ReadError> {
    catch_unwind(AssertUnwindSafe(|| source.arrival()))
        .unwrap_or_else(|_| Err(ReadError::malformed("the body is damaged")))
}

impl ColumnCutter {
    pub(crate) fn new(source: Box<dyn ColumnSource>) -> Self {
        Self { source, plan: None, pending: None, rows: 0, is_ended: false, has_more: false }
    }

    pub(crate) fn has_more(&self) -> bool {
        self.has_more
    }

    pub(crate) fn cut(&mut self, block: &[u8], context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        self.source.push(block)?;
        self.step(context)
    }

    pub(crate) fn end(&mut self, context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        if !std::mem::replace(&mut self.is_ended, true) {
            self.source.end()?;
        }
        self.step(context)
    }

    /// Hands out chunks until what has arrived is used up or the step is full.
    fn step(&mut self, context: &Arc<ReadContext>) -> Result<Vec<Chunk>, ReadError> {
        let mut chunks = Vec::new();
        let mut bytes = 0;
        while bytes < STEP_BYTES {
            if let Some((batch, done)) = self.pending.take() {
                let chunk = self.first_chunk(&batch.slice(done, batch.num_rows() - done), context)?;
                let done = done + chunk.batch.num_rows();
                bytes += chunk.bytes;
                self.rows += chunk.batch.num_rows() as u64;
                chunks.push(Chunk::of(chunk));
                if done < batch.num_rows() {
                    self.pending = Some((batch, done));
                }
                continue;
            }
            match arrival(&mut *self.source)? {
                None => {
                    self.has_more = false;
                    return Ok(chunks);
                }
                Some(Arrival::Columns(schema)) => {
                    let plan = ColumnPlan::new(&context.schema, &context.names, &schema, context.ignores_read_only);
                    self.plan = Some(Arc::new(plan.map_err(|detail| ReadError::MalformedBody { detail })?));
                }
                Some(Arrival::Rows(batch)) if batch.num_rows() > 0 => self.pending = Some((batch, 0)),
                Some(Arrival::Rows(_)) => {}
            }
        }
        self.has_more = true;
        Ok(chunks)
    }

    /// The first rows of a batch, as many as make a batch of the store.
    fn first_chunk(&self, rest: &RecordBatch, context: &Arc<ReadContext>) -> Result<ColumnChunk, ReadError> {
        let limits = &context.limits;
        let Some(plan) = &self.plan else {
            return Err(ReadError::MalformedBody { detail: "rows come before their columns".to_owned() });
        };
        let slice = rest.slice(0, rest.num_rows().min(limits.batch_rows.max(1)));
        let sizes = RowSizes::of(&slice, plan.bytes_beside_text(), limits.max_record_bytes);
        let fitting = sizes.fitting(limits.batch_bytes, limits.max_record_bytes);
        Ok(ColumnChunk {
            context: Arc::clone(context),
            plan: Arc::clone(plan),
            batch: slice.slice(0, fitting.rows.max(1)),
            bytes: fitting.bytes,
            is_too_large: fitting.rows == 0,
            first_line: self.rows + 1,
        })
    }
}

/// Rows of a body's batch that were not looked at.
#[derive(Debug)]
pub(crate) struct ColumnChunk {
    context: Arc<ReadContext>,
    plan: Arc<ColumnPlan>,
    batch: RecordBatch,
    /// Bytes that the rows take once they are written out.
    bytes: usize,
    /// It is one row, which is larger than a record may be.
    is_too_large: bool,
    /// The row of the body that comes first, from 1.
    first_line: u64,
}

impl CutRecords for ColumnChunk {
    fn schema(&self) -> &Arc<Schema> {
        &self.context.schema
    }

    /// Checks the rows and brings them to the columns of the schema.
    fn decode(mut self: Box<Self>) -> Result<DecodedChunk, ReadError> {
        let mut decoded = DecodedChunk::default();
        let ReadContext { names, .. } = &*self.context;
        if self.is_too_large {
            decoded.name_uses = self.plan.name_uses(names, 1);
            decoded.refuse(self.first_line, vec![too_large(self.context.limits.max_record_bytes)]);
            return Ok(decoded);
        }
        let total = self.batch.num_rows();
        let mut rows = total;
        let converted = loop {
            let room = if rows == 1 { usize::MAX } else { STEP_VIOLATIONS };
            let converted = {
                let ReadContext { schema, limits, .. } = &*self.context;
                convert(&self.batch.slice(0, rows), &self.plan, schema, limits, room)?
            };
            if !converted.report.are_more() {
                break converted;
            }
            rows = rows.div_ceil(2);
        };
        let Converted { rows: checked, report } = converted;
        decoded.name_uses = self.plan.name_uses(names, rows as u64);
        for (line, is_bad) in (self.first_line..).zip(report.is_bad()) {
            if *is_bad {
                decoded.failed += 1;
            } else {
                decoded.lines.push(line);
            }
        }
        let failures = report.into_violations().into_iter();
        decoded.failures = failures.map(|(row, violation)| violation.at_line(self.first_line + row as u64)).collect();
        if !checked.ids.is_empty() {
            decoded.rows = Some(checked);
        }
        if rows < total {
            self.batch = self.batch.slice(rows, total - rows);
            self.first_line += rows as u64;
            decoded.rest = Some(Chunk::of(*self));
        }
        Ok(decoded)
    }
}

#[cfg(test)]
mod tests;
