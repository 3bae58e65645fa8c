//! From the bytes of a body to checked record batches and a report of everything that is wrong.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;

use arrow_array::RecordBatch;
use eider_domain::{DEFAULT_JSON_DEPTH, RecordValidator, Schema, SourceNames, Timestamp, Violation};
use eider_formats::{ReadLimits, ReadOptions, RecordBuilder, RecordReader, Spooling, json};
use eider_settings::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::assembler::{BatchAssembler, into_batch};
use super::chunk::{Chunk, DecodedChunk, give_ids};
use super::names::BodyNames;
use super::warnings::{WarningCount, Warnings};
use super::{BodyFormat, invalid_record};
use crate::Error;
use crate::ports::{IdGenerator, IdOrigin, RowLines};

/// Threads that one body keeps busy by default; others want to be served too.
const MAX_DECODING_THREADS: usize = 8;
/// Chunks that wait, so that no thread does.
const SPARE_CHUNKS: usize = 2;

/// What bounds the memory and the size of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct IngestLimits {
    /// Longest single record.
    #[serde(rename = "limits.record_size", with = "Size")]
    pub max_record_bytes: usize,
    /// How deep objects and arrays may be nested, in a value and in a document (a schema, a query, rules). From 1 to
    /// 512.
    #[serde(rename = "limits.json_depth")]
    pub max_json_depth: usize,
    /// Most records in one bulk call.
    #[serde(rename = "limits.bulk_records")]
    pub max_records: u64,
    /// Most failures that a receipt names. All are counted, and written to a report.
    #[serde(rename = "limits.reported_failures")]
    pub max_failures: usize,
    /// Records after which a batch of a bulk call goes on to be stored.
    #[serde(rename = "limits.bulk_batch_rows")]
    pub batch_rows: usize,
    /// Memory after which a batch of a bulk call goes on to be stored.
    #[serde(rename = "limits.bulk_batch", with = "Size")]
    pub batch_bytes: usize,
    /// Size after which the report of one call's failures breaks off.
    #[serde(rename = "limits.report_size", with = "Size")]
    pub max_report_bytes: u64,
    /// Chunks of one body, half a megabyte each, that are decoded or wait for a thread that decodes.
    #[serde(skip)]
    pub decode_width: usize,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            max_record_bytes: 16 << 20,
            max_json_depth: DEFAULT_JSON_DEPTH,
            max_records: 10_000_000,
            max_failures: 1_000,
            batch_rows: 16_384,
            batch_bytes: 4 << 20,
            max_report_bytes: 1 << 30,
            decode_width: SPARE_CHUNKS + available_parallelism().map_or(2, NonZero::get).min(MAX_DECODING_THREADS),
        }
    }
}

impl IngestLimits {
    /// What of them bounds the reading of a body.
    pub(super) fn reading(&self) -> ReadLimits {
        ReadLimits {
            max_record_bytes: self.max_record_bytes,
            max_json_depth: self.max_json_depth,
            batch_rows: self.batch_rows,
            batch_bytes: self.batch_bytes,
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
    /// What is wrong, by line.
    pub failures: Vec<Violation>,
    /// What is left of the chunk, to be decoded and taken before the next one.
    pub rest: Option<Chunk>,
}

/// Turns a body that arrives in blocks into record batches.
///
/// The work is in three steps: [`RecordDecoder::cut`] hands out chunks of whole records, [`Chunk::decode`] reads and
/// checks them on any thread, and [`RecordDecoder::take`] takes them in the order of the body. Between the steps it
/// holds about one batch: of records in JSON and CSV, of the body's own in Arrow and Parquet.
#[derive(Debug)]
pub struct RecordDecoder {
    context: BatchContext,
    reader: RecordReader,
    names: Arc<SourceNames>,
    /// The property that ids are made of.
    id_source: Option<usize>,
    /// Whether fields that the server keeps are passed over.
    ignores_read_only: bool,
    /// Whether names that every record has of its own stand for nothing else.
    keeps_own_names: bool,
    assembler: BatchAssembler,
    tally: Tally,
}

/// What every part of a decoder works with.
#[derive(Debug, Clone)]
pub(super) struct BatchContext {
    pub(super) schema: Arc<Schema>,
    pub(super) limits: IngestLimits,
    pub(super) created_at: Timestamp,
    pub(super) ids: Arc<dyn IdGenerator>,
}

/// What has been counted so far.
#[derive(Debug, Default)]
struct Tally {
    received: u64,
    failed: u64,
    lines: RowLines,
    accepted: u64,
    warnings: Warnings,
    name_uses: Vec<u64>,
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
        let reader = RecordReader::new(format, Arc::clone(&schema), limits.reading(), Spooling::default());
        let (names, id_source) = (Arc::clone(schema.source_names()), schema.id_source());
        let context = BatchContext { schema, limits, created_at, ids };
        Self {
            context,
            reader,
            names,
            id_source,
            ignores_read_only: false,
            keeps_own_names: false,
            assembler: BatchAssembler::default(),
            tally: Tally::default(),
        }
    }

    /// The same decoder of a body that is written so. Nothing may have been decoded yet.
    #[must_use]
    pub fn with_options(mut self, options: ReadOptions) -> Self {
        self.reader = self.reader.with_options(options);
        self
    }

    /// The same decoder, which passes over the fields that the server keeps. Nothing may have been decoded yet.
    #[must_use]
    pub fn ignoring_read_only(mut self, ignores: bool) -> Self {
        self.ignores_read_only = ignores;
        self.reader = self.reader.ignoring_read_only(ignores);
        self
    }

    /// The same decoder, by which records keep what they say of the fields that the server keeps. Nothing may have been
    /// decoded yet.
    #[must_use]
    pub fn keeping_read_only(mut self) -> Self {
        self.reader = self.reader.keeping_read_only();
        self
    }

    /// The same decoder, with what a call says of the names in its body. Nothing may have been decoded yet.
    #[must_use]
    pub fn with_names(mut self, names: Arc<SourceNames>) -> Self {
        self.reader = self.reader.with_names(Arc::clone(&names));
        self.names = names;
        self
    }

    /// The same decoder, which makes ids of a property where a record gives none; each record has a value of it. Nothing may
    /// have been decoded yet.
    #[must_use]
    pub fn with_id_source(mut self, place: usize) -> Self {
        self.id_source = Some(place);
        self
    }

    /// The same decoder of a record that there is: aliases called as its own fields are stand for nothing else.
    #[must_use]
    pub(super) fn keeping_own_names(mut self) -> Self {
        self.keeps_own_names = true;
        self
    }

    /// The same decoder with another directory for what waits on disk. Nothing may have been decoded yet.
    #[must_use]
    pub fn with_spool_directory(self, directory: PathBuf) -> Self {
        self.with_spooling(Spooling { directory, ..Spooling::default() })
    }

    /// The same with the memory, too, that reading what waited may take.
    pub(super) fn with_spooling(mut self, spooling: Spooling) -> Self {
        self.reader = self.reader.with_spooling(spooling);
        self
    }

    /// Cuts the next block of the body into chunks. Blocks may end anywhere.
    ///
    /// When [`RecordDecoder::has_more`] says so afterwards, call again with an empty block before the next one.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] when the body cannot be cut into records, [`Error::MalformedBody`] when it is not of
    /// its format or its columns are not the schema's, [`Error::Store`] when a disk fails.
    pub fn cut(&mut self, block: &[u8]) -> Result<Vec<Chunk>, Error> {
        let chunks = self.reader.cut(block)?.into_iter();
        Ok(chunks.map(|records| Chunk { records, id_source: self.id_source }).collect())
    }

    /// Ends the body and hands out the last chunks; call again while [`RecordDecoder::has_more`].
    ///
    /// # Errors
    /// As [`RecordDecoder::cut`].
    pub fn end(&mut self) -> Result<Vec<Chunk>, Error> {
        let chunks = self.reader.end()?.into_iter();
        Ok(chunks.map(|records| Chunk { records, id_source: self.id_source }).collect())
    }

    /// Whether the last call kept something back, because a few bytes of a body may stand for much.
    pub fn has_more(&self) -> bool {
        self.reader.has_more()
    }

    /// Takes the next chunk in the order in which they were cut.
    ///
    /// # Errors
    /// [`Error::TooManyRecords`], [`Error::Store`].
    pub fn take(&mut self, chunk: DecodedChunk) -> Result<DecodedBlock, Error> {
        self.tally.count(&chunk, self.context.limits.max_records)?;
        let batches = match chunk.rows {
            Some(rows) => self.assembler.push(rows, &self.context)?,
            None => Vec::new(),
        };
        Ok(DecodedBlock { batches, failures: chunk.failures, rest: chunk.rest })
    }

    /// Hands out the last batch, once every chunk was taken.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn flush(&mut self) -> Result<Option<DecodedBatch>, Error> {
        Ok(self.assembler.flush(&self.context)?)
    }

    /// Decodes the next block of the body on this thread: all steps in one.
    ///
    /// When [`RecordDecoder::has_more`] says so afterwards, call again with an empty block before the next one.
    ///
    /// # Errors
    /// As [`RecordDecoder::cut`] and [`RecordDecoder::take`].
    pub fn decode(&mut self, block: &[u8]) -> Result<DecodedBlock, Error> {
        let chunks = self.cut(block)?;
        self.decode_chunks(chunks)
    }

    /// Ends the body on this thread and hands out what is left; call again while [`RecordDecoder::has_more`].
    ///
    /// # Errors
    /// As [`RecordDecoder::decode`].
    pub fn finish(&mut self) -> Result<DecodedBlock, Error> {
        let chunks = self.end()?;
        let mut decoded = self.decode_chunks(chunks)?;
        if !self.has_more() {
            decoded.batches.extend(self.flush()?);
        }
        Ok(decoded)
    }

    fn decode_chunks(&mut self, chunks: Vec<Chunk>) -> Result<DecodedBlock, Error> {
        let mut decoded = DecodedBlock::default();
        for chunk in chunks {
            let mut next = Some(chunk);
            while let Some(chunk) = next {
                let block = self.take(chunk.decode()?)?;
                decoded.batches.extend(block.batches);
                decoded.failures.extend(block.failures);
                next = block.rest;
            }
        }
        Ok(decoded)
    }

    /// Decodes a body that is a single JSON record.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::RecordInvalid`] with every violation.
    pub fn decode_single(&self, body: &[u8]) -> Result<DecodedBatch, Error> {
        let BatchContext { schema, limits, created_at, ids } = &self.context;
        let validator = RecordValidator::new(schema).with_names(&self.names).with_json_depth(limits.max_json_depth);
        let validator = validator.keeping_own_names(self.keeps_own_names);
        let mut check = validator.ignoring_read_only(self.ignores_read_only).check();
        let (mut row, mut builder) = (Vec::new(), RecordBuilder::new(schema));
        let id = json::read_record(body, schema, &mut check, &mut row).map_err(invalid_record)?;
        builder.append(id, &mut row);
        let mut rows = builder.finish();
        // A record that there is has its id.
        if let Some(place) = self.id_source.filter(|_| !self.keeps_own_names) {
            give_ids(&mut rows, schema, place);
        }
        Ok(into_batch(rows, schema, *created_at, &**ids)?)
    }

    /// Records taken so far.
    pub fn received(&self) -> u64 {
        self.tally.received
    }

    /// Records refused so far.
    pub fn failed(&self) -> u64 {
        self.tally.failed
    }

    /// What the accepted records lack that they should have.
    pub(super) fn warnings(&self) -> Vec<WarningCount> {
        self.tally.warnings.named(&self.context.schema)
    }

    /// The names in the body that stood for something else than they say, and those that a call has spoken of.
    pub(super) fn names(&self) -> BodyNames {
        BodyNames::of(&self.context.schema, &self.names, &self.tally.name_uses)
    }

    /// The lines of the rows that were accepted; all that is of use once the body has ended.
    pub fn into_lines(self) -> RowLines {
        self.tally.lines
    }
}

impl Tally {
    fn count(&mut self, chunk: &DecodedChunk, limit: u64) -> Result<(), Error> {
        self.received += chunk.lines.len() as u64 + chunk.failed;
        self.failed += chunk.failed;
        self.warnings.merge(&chunk.warnings);
        if !chunk.name_uses.is_empty() {
            self.name_uses.resize(chunk.name_uses.len(), 0);
            self.name_uses.iter_mut().zip(&chunk.name_uses).for_each(|(sum, uses)| *sum += uses);
        }
        for line in &chunk.lines {
            self.lines.push(self.accepted, *line);
            self.accepted += 1;
        }
        if self.received > limit { Err(Error::TooManyRecords { limit }) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
