//! From the bytes of a body to checked record batches and a report of everything that is wrong.

use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_domain::{RecordValidator, Schema, Timestamp, ValueRef, Violation, ViolationCode};

use super::framing::{BodyFormat, Frame, RecordFramer};
use super::json::read_record;
use super::record_builder::RecordBuilder;
use crate::{Error, IdGenerator, IdOrigin};

/// What bounds the memory and the size of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestLimits {
    /// Longest single record, in bytes of its body.
    pub max_record_bytes: usize,
    /// Most records in one call.
    pub max_records: u64,
    /// Most failures that a report names; all are counted.
    pub max_failures: usize,
    /// Rows after which a batch goes to the store.
    pub batch_rows: usize,
    /// Bytes after which a batch goes to the store.
    pub batch_bytes: usize,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            max_record_bytes: 16 << 20,
            max_records: 10_000_000,
            max_failures: 1_000,
            batch_rows: 16_384,
            batch_bytes: 4 << 20,
        }
    }
}

/// Records that passed every check but that of their keys.
#[derive(Debug, Clone)]
pub struct DecodedBatch {
    /// Whole records, with the columns of [`Schema::arrow`].
    pub records: RecordBatch,
    /// Where their ids came from.
    pub ids: IdOrigin,
}

/// What a piece of a body came to.
#[derive(Debug, Default)]
pub struct DecodedBlock {
    /// Batches that are full, in the order of their records.
    pub batches: Vec<DecodedBatch>,
    /// What is wrong, as far as the cap on failures allows.
    pub failures: Vec<Violation>,
}

/// Turns a body that arrives in blocks into record batches. Holds at most one batch and one record.
#[derive(Debug)]
pub struct RecordDecoder {
    schema: Arc<Schema>,
    limits: IngestLimits,
    created_at: Timestamp,
    ids: Arc<dyn IdGenerator>,
    framer: RecordFramer,
    builder: RecordBuilder,
    tally: Tally,
}

/// What has been counted so far.
#[derive(Debug, Default)]
struct Tally {
    received: u64,
    failed: u64,
    failures_named: usize,
    are_failures_truncated: bool,
    /// Where the lines of accepted rows jump: (row, line of that row); lines go on by one in between.
    jumps: Vec<(u64, u64)>,
    accepted: u64,
}

impl RecordDecoder {
    /// A decoder of one body. Its records are created at `created_at`.
    pub fn new(
        schema: Arc<Schema>,
        format: BodyFormat,
        limits: IngestLimits,
        created_at: Timestamp,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        let framer = RecordFramer::new(format, limits.max_record_bytes);
        let builder = RecordBuilder::new(Arc::clone(&schema));
        Self { schema, limits, created_at, ids, framer, builder, tally: Tally::default() }
    }

    /// Decodes the next block of the body. Blocks may end anywhere.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] when the body cannot be cut into records, [`Error::TooManyRecords`].
    pub fn decode(&mut self, block: &[u8]) -> Result<DecodedBlock, Error> {
        self.run(|framer, sink| framer.push(block, sink))
    }

    /// Ends the body and hands out what is left.
    ///
    /// # Errors
    /// As [`RecordDecoder::decode`].
    pub fn finish(&mut self) -> Result<DecodedBlock, Error> {
        let mut last = self.run(|framer, sink| framer.finish(sink))?;
        if self.builder.rows() > 0 {
            last.batches.push(self.builder.finish(self.created_at, &*self.ids)?);
        }
        Ok(last)
    }

    /// Decodes a body that is a single record.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::RecordInvalid`] with every violation.
    pub fn decode_single(&mut self, body: &[u8]) -> Result<DecodedBatch, Error> {
        let mut row = Vec::new();
        let mut check = RecordValidator::new(&self.schema).check();
        match read_record(body, &self.schema, &mut check, &mut row) {
            Ok(id) => {
                self.builder.append(id, &mut row);
                Ok(self.builder.finish(self.created_at, &*self.ids)?)
            }
            Err(violations) => Err(super::invalid_record(violations)),
        }
    }

    fn run(
        &mut self,
        feed: impl FnOnce(&mut RecordFramer, &mut dyn FnMut(u64, Frame<'_>)) -> Result<(), super::framing::FramingError>,
    ) -> Result<DecodedBlock, Error> {
        let Self { schema, limits, created_at, ids, framer, builder, tally } = self;
        let mut check = RecordValidator::new(schema).check();
        let mut scratch: Vec<ValueRef<'static>> = Vec::with_capacity(schema.properties().len());
        let mut block = DecodedBlock::default();
        let mut fault: Option<Error> = None;
        let outcome = feed(framer, &mut |line, frame| {
            if fault.is_some() {
                return;
            }
            tally.received += 1;
            if tally.received > limits.max_records {
                fault = Some(Error::TooManyRecords { limit: limits.max_records });
                return;
            }
            let mut row = recycle(std::mem::take(&mut scratch));
            let read = match frame {
                Frame::Record(bytes) => read_record(bytes, schema, &mut check, &mut row),
                Frame::TooLarge => Err(vec![too_large(limits.max_record_bytes)]),
            };
            match read {
                Ok(id) => {
                    builder.append(id, &mut row);
                    tally.accept(line);
                    if builder.rows() >= limits.batch_rows || builder.bytes() >= limits.batch_bytes {
                        match builder.finish(*created_at, &**ids) {
                            Ok(batch) => block.batches.push(batch),
                            Err(error) => fault = Some(error.into()),
                        }
                    }
                }
                Err(violations) => tally.refuse(line, violations, limits.max_failures, &mut block.failures),
            }
            scratch = recycle(row);
        });
        match (fault, outcome) {
            (Some(fault), _) => Err(fault),
            (None, Err(error)) => Err(Error::MalformedJson { detail: error.to_string() }),
            (None, Ok(())) => Ok(block),
        }
    }

    /// Records met so far.
    pub fn received(&self) -> u64 {
        self.tally.received
    }

    /// Records refused so far.
    pub fn failed(&self) -> u64 {
        self.tally.failed
    }

    /// Whether there were more failures than the report names.
    pub fn are_failures_truncated(&self) -> bool {
        self.tally.are_failures_truncated
    }

    /// The line of an accepted row, both counted over the whole body: rows from 0, lines from 1.
    pub fn line_of_row(&self, row: u64) -> u64 {
        let next = self.tally.jumps.partition_point(|(first, _)| *first <= row);
        match next.checked_sub(1).map(|index| self.tally.jumps[index]) {
            Some((first, line)) => line + (row - first),
            None => row + 1,
        }
    }
}

impl Tally {
    fn accept(&mut self, line: u64) {
        let expected = self.jumps.last().map_or(1, |(row, line)| line + (self.accepted - row));
        if line != expected {
            self.jumps.push((self.accepted, line));
        }
        self.accepted += 1;
    }

    fn refuse(&mut self, line: u64, violations: Vec<Violation>, cap: usize, failures: &mut Vec<Violation>) {
        self.failed += 1;
        for violation in violations {
            if self.failures_named == cap {
                self.are_failures_truncated = true;
                return;
            }
            self.failures_named += 1;
            failures.push(violation.at_line(line));
        }
    }
}

fn too_large(limit: usize) -> Violation {
    Violation::new("", ViolationCode::RecordTooLarge, format!("a record has at most {limit} bytes"))
}

/// The allocation of a row for values of another lifetime; the values are dropped.
fn recycle<'b>(mut row: Vec<ValueRef<'_>>) -> Vec<ValueRef<'b>> {
    row.clear();
    row.into_iter().map(|_| ValueRef::Null).collect()
}

#[cfg(test)]
mod tests;
