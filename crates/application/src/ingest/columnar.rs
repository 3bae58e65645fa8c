//! Bodies that hold columns, Arrow and Parquet: their batches are cut to size, checked column by column and
//! brought to the columns of the schema.

mod convert;
mod plan;
mod report;
mod size;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use self::convert::convert;
use self::plan::ColumnPlan;
use self::size::RowSizes;
use super::arrow_stream::ArrowStream;
use super::decoder::{BatchContext, Tally};
use super::parquet::ParquetSpool;
use super::rows::too_large;
use super::{DecodedBatch, DecodedBlock};
use crate::Error;

/// Bytes of decoded batches that one step hands out at most, but for one batch.
const STEP_BYTES: usize = 16 << 20;

/// What a body of columns has brought.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Its columns, before any rows.
    Columns(SchemaRef),
    /// Rows of these columns.
    Rows(RecordBatch),
}

/// Turns the batches of a body into batches of the schema. Holds one batch of the body.
#[derive(Debug)]
pub(super) struct ColumnDecoder {
    source: Source,
    plan: Option<ColumnPlan>,
    /// The batch that is being cut, and its rows that are done.
    pending: Option<(RecordBatch, usize)>,
    /// Rows of the body before the next one.
    rows: u64,
    is_ended: bool,
    has_more: bool,
}

/// Where the batches come from.
#[derive(Debug)]
enum Source {
    Arrow(ArrowStream),
    Parquet(ParquetSpool),
}

impl ColumnDecoder {
    pub(super) fn of_arrow_stream() -> Self {
        Self::new(Source::Arrow(ArrowStream::default()))
    }

    pub(super) fn of_parquet(directory: PathBuf, batch_rows: usize) -> Self {
        Self::new(Source::Parquet(ParquetSpool::new(directory, batch_rows)))
    }

    fn new(source: Source) -> Self {
        Self { source, plan: None, pending: None, rows: 0, is_ended: false, has_more: false }
    }

    pub(super) fn set_spool_directory(&mut self, directory: PathBuf) {
        if let Source::Parquet(spool) = &mut self.source {
            spool.set_directory(directory);
        }
    }

    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    pub(super) fn decode(
        &mut self,
        block: &[u8],
        context: &BatchContext,
        tally: &mut Tally,
    ) -> Result<DecodedBlock, Error> {
        match &mut self.source {
            Source::Arrow(stream) => stream.push(block),
            Source::Parquet(spool) => spool.push(block)?,
        }
        self.step(context, tally)
    }

    pub(super) fn finish(&mut self, context: &BatchContext, tally: &mut Tally) -> Result<DecodedBlock, Error> {
        if !std::mem::replace(&mut self.is_ended, true) {
            match &mut self.source {
                Source::Arrow(stream) => stream.end()?,
                Source::Parquet(spool) => spool.end()?,
            }
        }
        self.step(context, tally)
    }

    /// Hands out batches until what has arrived is used up or the step is full.
    fn step(&mut self, context: &BatchContext, tally: &mut Tally) -> Result<DecodedBlock, Error> {
        let mut block = DecodedBlock::default();
        let mut bytes = 0;
        while bytes < STEP_BYTES {
            if let Some((batch, done)) = self.pending.take() {
                let rest = batch.slice(done, batch.num_rows() - done);
                let (rows, slice_bytes) = self.cut(&rest, context, tally, &mut block)?;
                bytes += slice_bytes;
                self.rows += rows as u64;
                if done + rows < batch.num_rows() {
                    self.pending = Some((batch, done + rows));
                }
                continue;
            }
            match self.arrival()? {
                None => {
                    self.has_more = false;
                    return Ok(block);
                }
                Some(Arrival::Columns(schema)) => {
                    let plan = ColumnPlan::new(&context.schema, &schema);
                    self.plan = Some(plan.map_err(|detail| Error::MalformedBody { detail })?);
                }
                Some(Arrival::Rows(batch)) => {
                    tally.receive(batch.num_rows() as u64, context.limits.max_records)?;
                    if batch.num_rows() > 0 {
                        self.pending = Some((batch, 0));
                    }
                }
            }
        }
        self.has_more = true;
        Ok(block)
    }

    /// What comes next. The readers check what they read, but not all of it: a panic is the body's fault too.
    fn arrival(&mut self) -> Result<Option<Arrival>, Error> {
        let source = &mut self.source;
        catch_unwind(AssertUnwindSafe(|| match source {
            Source::Arrow(stream) => stream.arrival(),
            Source::Parquet(spool) => spool.arrival(),
        }))
        .unwrap_or_else(|_| Err(Error::MalformedBody { detail: "the body is damaged".to_owned() }))
    }

    /// Decodes the first rows of a batch, as many as make a batch of the store. Returns how many rows and bytes.
    fn cut(
        &self,
        rest: &RecordBatch,
        context: &BatchContext,
        tally: &mut Tally,
        block: &mut DecodedBlock,
    ) -> Result<(usize, usize), Error> {
        let limits = &context.limits;
        let Some(plan) = &self.plan else {
            return Err(Error::MalformedBody { detail: "rows come before their columns".to_owned() });
        };
        let first_line = self.rows + 1;
        let slice = rest.slice(0, rest.num_rows().min(limits.batch_rows.max(1)));
        let sizes = RowSizes::of(&slice, plan);
        let fitting = sizes.fitting(limits.batch_bytes, limits.max_record_bytes);
        if fitting.rows == 0 {
            tally.refuse(
                first_line,
                vec![too_large(limits.max_record_bytes)],
                limits.max_failures,
                &mut block.failures,
            );
            return Ok((1, 0));
        }
        let slice = slice.slice(0, fitting.rows);
        let converted = convert(&slice, plan, context, tally.room(limits.max_failures))?;
        let rows = slice.num_rows();
        let mut good = 0;
        for (line, is_bad) in (first_line..).zip(converted.report.is_bad()) {
            if !*is_bad {
                tally.accept(line);
                good += 1;
            }
        }
        let (named, are_more) = converted.report.into_violations();
        tally.refuse_many((rows - good) as u64, named.len(), are_more);
        block.failures.extend(named.into_iter().map(|(row, violation)| violation.at_line(first_line + row as u64)));
        block.batches.extend(converted.batch.into_iter().collect::<Vec<DecodedBatch>>());
        Ok((rows, fitting.bytes))
    }
}

#[cfg(test)]
mod tests;
