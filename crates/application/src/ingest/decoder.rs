//! From the bytes of a body to checked record batches and a report of everything that is wrong.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_domain::{Schema, Timestamp, Violation};

use super::columnar::ColumnDecoder;
use super::framing::BodyFormat;
use super::rows::RowDecoder;
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

/// Turns a body that arrives in blocks into record batches. Holds about one batch: of records in JSON and CSV, of the
/// body's own in Arrow and Parquet.
#[derive(Debug)]
pub struct RecordDecoder {
    context: BatchContext,
    half: Half,
    tally: Tally,
}

/// What every part of a decoder works with.
#[derive(Debug)]
pub(super) struct BatchContext {
    pub(super) schema: Arc<Schema>,
    pub(super) limits: IngestLimits,
    pub(super) created_at: Timestamp,
    pub(super) ids: Arc<dyn IdGenerator>,
}

/// How the format of a body is read.
#[derive(Debug)]
enum Half {
    Rows(RowDecoder),
    Columns(ColumnDecoder),
}

/// What has been counted so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    received: u64,
    failed: u64,
    failures_named: usize,
    are_failures_truncated: bool,
    lines: RowLines,
    accepted: u64,
}

/// The lines of the accepted rows of a body.
#[derive(Debug, Default)]
pub struct RowLines {
    /// Where the lines jump: (row, line of that row); they go on by one in between.
    jumps: Vec<(u64, u64)>,
}

impl RowLines {
    /// The line of an accepted row, both counted over the whole body: rows from 0, lines from 1.
    pub fn line_of(&self, row: u64) -> u64 {
        let next = self.jumps.partition_point(|(first, _)| *first <= row);
        match next.checked_sub(1).map(|index| self.jumps[index]) {
            Some((first, line)) => line + (row - first),
            None => row + 1,
        }
    }

    /// Takes note of the line of the next row.
    fn push(&mut self, row: u64, line: u64) {
        let expected = self.jumps.last().map_or(1, |(first, line)| line + (row - first));
        if line != expected {
            self.jumps.push((row, line));
        }
    }
}

impl RecordDecoder {
    /// A decoder of one body. Its records are created at `created_at`. A format that is not read front to back waits
    /// in a file without a name in the system's directory for temporary files; see
    /// [`RecordDecoder::with_spool_directory`].
    pub fn new(
        schema: Arc<Schema>,
        format: BodyFormat,
        limits: IngestLimits,
        created_at: Timestamp,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        let context = BatchContext { schema, limits, created_at, ids };
        let half = match format {
            BodyFormat::JsonArray | BodyFormat::Ndjson | BodyFormat::Csv => {
                Half::Rows(RowDecoder::new(format, &context))
            }
            BodyFormat::ArrowStream => Half::Columns(ColumnDecoder::of_arrow_stream()),
            BodyFormat::Parquet => {
                Half::Columns(ColumnDecoder::of_parquet(std::env::temp_dir(), context.limits.batch_rows))
            }
        };
        Self { context, half, tally: Tally::default() }
    }

    /// The same decoder with another directory for what waits on disk. Nothing may have been decoded yet.
    #[must_use]
    pub fn with_spool_directory(mut self, directory: PathBuf) -> Self {
        if let Half::Columns(columns) = &mut self.half {
            columns.set_spool_directory(directory);
        }
        self
    }

    /// Decodes the next block of the body. Blocks may end anywhere.
    ///
    /// When [`RecordDecoder::has_more`] says so afterwards, call again with an empty block before the next one.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] when the body cannot be cut into records, [`Error::MalformedBody`] when it is not of
    /// its format or its columns are not the schema's, [`Error::TooManyRecords`], [`Error::Store`] when a disk fails.
    pub fn decode(&mut self, block: &[u8]) -> Result<DecodedBlock, Error> {
        match &mut self.half {
            Half::Rows(rows) => rows.decode(block, &self.context, &mut self.tally),
            Half::Columns(columns) => columns.decode(block, &self.context, &mut self.tally),
        }
    }

    /// Ends the body and hands out what is left; call again while [`RecordDecoder::has_more`].
    ///
    /// # Errors
    /// As [`RecordDecoder::decode`].
    pub fn finish(&mut self) -> Result<DecodedBlock, Error> {
        match &mut self.half {
            Half::Rows(rows) => rows.finish(&self.context, &mut self.tally),
            Half::Columns(columns) => columns.finish(&self.context, &mut self.tally),
        }
    }

    /// Whether the last call kept something back, because a few bytes of a body may stand for much.
    pub fn has_more(&self) -> bool {
        match &self.half {
            Half::Rows(_) => false,
            Half::Columns(columns) => columns.has_more(),
        }
    }

    /// Decodes a body that is a single JSON record.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::RecordInvalid`] with every violation.
    pub fn decode_single(&mut self, body: &[u8]) -> Result<DecodedBatch, Error> {
        RowDecoder::new(BodyFormat::Ndjson, &self.context).decode_single(body, &self.context)
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

    /// The lines of the rows that were accepted; all that is of use once the body has ended.
    pub fn into_lines(self) -> RowLines {
        self.tally.lines
    }
}

impl Tally {
    /// Counts records that were met.
    ///
    /// # Errors
    /// [`Error::TooManyRecords`].
    pub(super) fn receive(&mut self, rows: u64, limit: u64) -> Result<(), Error> {
        self.received = self.received.saturating_add(rows);
        if self.received > limit { Err(Error::TooManyRecords { limit }) } else { Ok(()) }
    }

    /// Counts a record of a line that goes on to the store.
    pub(super) fn accept(&mut self, line: u64) {
        self.lines.push(self.accepted, line);
        self.accepted += 1;
    }

    /// Counts a record of a line that was refused and hands its violations to `failures`, as far as `cap` allows.
    pub(super) fn refuse(&mut self, line: u64, violations: Vec<Violation>, cap: usize, failures: &mut Vec<Violation>) {
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

    /// Counts records that were refused and whose violations, `named` of them within the cap, are handed out elsewhere.
    pub(super) fn refuse_many(&mut self, records: u64, named: usize, are_more: bool) {
        self.failed += records;
        self.failures_named += named;
        self.are_failures_truncated |= are_more;
    }

    /// How many more violations may be named.
    pub(super) fn room(&self, cap: usize) -> usize {
        cap.saturating_sub(self.failures_named)
    }
}

#[cfg(test)]
mod tests;
