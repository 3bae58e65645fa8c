//! Use cases that write records.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use bytes::Bytes;
use eider_domain::{Condition, RecordId, Schema, Violation, ViolationCode};
use futures::{Stream, StreamExt};
use tracing::instrument;

use super::{BodyFormat, BulkOutcome, BulkReceipt, DecodedBatch, DecodedBlock, IngestLimits, RecordDecoder};
use crate::{
    BatchWriter, Clock, CommitOutcome, ConflictingKey, Error, IdGenerator, KeyConflict, RecordStore, WriteRequest,
    blocking,
};

/// Bytes that are gathered before they are decoded away from the event loop; a few milliseconds of work.
const BLOCK_BYTES: usize = 512 << 10;

/// Why the rest of a body cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than it may be.
    TooLarge {
        /// The limit that holds.
        limit_bytes: u64,
    },
    /// It stopped arriving.
    Timeout,
    /// The client went away, or the body is not what its headers said.
    Unreadable,
    /// It is compressed, and damaged or cut off.
    Damaged {
        /// How it is compressed.
        encoding: &'static str,
    },
}

impl From<BodyError> for Error {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { limit_bytes } => Self::BodyTooLarge { limit_bytes },
            BodyError::Timeout => Self::BodyTimeout,
            BodyError::Unreadable => Self::BodyUnreadable,
            BodyError::Damaged { encoding } => {
                Self::MalformedBody { detail: format!("the {encoding} data of the body is damaged or cut off") }
            }
        }
    }
}

/// Creates and deletes records.
#[derive(Debug, Clone)]
pub struct IngestService {
    store: Arc<dyn RecordStore>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    limits: IngestLimits,
    spool_directory: PathBuf,
}

impl IngestService {
    /// A service over a store, with the limits that every write keeps.
    pub fn new(
        store: Arc<dyn RecordStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        limits: IngestLimits,
    ) -> Self {
        Self { store, clock, ids, limits, spool_directory: std::env::temp_dir() }
    }

    /// The same service with a directory of its own for bodies that wait on disk, in files without names; the
    /// system's directory for temporary files is used otherwise.
    #[must_use]
    pub fn with_spool_directory(mut self, directory: PathBuf) -> Self {
        self.spool_directory = directory;
        self
    }

    /// The limits that every write keeps.
    pub fn limits(&self) -> &IngestLimits {
        &self.limits
    }

    /// Creates one record from a JSON object and returns it as a batch of one row with every field.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::RecordInvalid`], [`Error::KeyConflict`], [`Error::Store`].
    #[instrument(name = "records.create", skip_all, fields(schema.name = %schema.name()))]
    pub async fn create(&self, schema: &Arc<Schema>, body: Bytes) -> Result<RecordBatch, Error> {
        let mut decoder = self.decoder(schema, BodyFormat::Ndjson);
        let DecodedBatch { records, ids } = if body.len() < BLOCK_BYTES {
            decoder.decode_single(&body)?
        } else {
            blocking::run(move || decoder.decode_single(&body)).await??
        };
        let mut writer = self.begin(schema).await?;
        writer.append(records.clone(), ids).await?;
        match writer.commit().await? {
            CommitOutcome::Committed(_) => Ok(records),
            CommitOutcome::Refused(refused) => {
                let violations = refused.conflicts.iter().map(|conflict| key_violation(conflict, None));
                Err(Error::KeyConflict(violations.collect()))
            }
        }
    }

    /// Creates every record of a body, or none.
    ///
    /// The body is decoded while it arrives; memory does not grow with it. All failures are counted, and
    /// named up to the limit.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] and [`Error::MalformedBody`] when the body is not of its format,
    /// [`Error::TooManyRecords`], what `body` yields, [`Error::Store`]. Nothing is stored after any of them.
    #[instrument(name = "records.bulk", skip_all, fields(schema.name = %schema.name()))]
    pub async fn bulk<B>(&self, schema: &Arc<Schema>, format: BodyFormat, mut body: B) -> Result<BulkOutcome, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        let started = Instant::now();
        let mut decoder = self.decoder(schema, format);
        let mut writer = Some(self.begin(schema).await?);
        let mut failures = Vec::new();

        let mut block = next_block(&mut body).await?;
        while !block.is_empty() {
            let work = blocking::run(move || {
                let outcome = decoder.decode(&block);
                (decoder, outcome)
            });
            // The next block arrives while this one is decoded.
            let (ran, arrived) = futures::join!(work, next_block(&mut body));
            let outcome;
            (decoder, outcome) = ran?;
            take_block(outcome?, &mut writer, &mut failures).await?;
            while decoder.has_more() {
                decoder = drain(decoder, |decoder| decoder.decode(&[]), &mut writer, &mut failures).await?;
            }
            block = arrived?;
        }
        loop {
            decoder = drain(decoder, RecordDecoder::finish, &mut writer, &mut failures).await?;
            if !decoder.has_more() {
                break;
            }
        }

        let mut receipt = BulkReceipt {
            received: decoder.received(),
            created: 0,
            updated: 0,
            ignored: 0,
            failed: decoder.failed(),
            commit_seq: None,
            durability: self.store.capabilities().durability.as_str(),
            replayed: false,
            elapsed_ms: 0.0,
            failures_truncated: decoder.are_failures_truncated(),
            failures,
        };
        if let Some(writer) = writer.filter(|_| receipt.received > 0) {
            match writer.commit().await? {
                CommitOutcome::Committed(commit) => {
                    receipt.created = commit.rows;
                    receipt.commit_seq = Some(commit.commit_seq);
                }
                CommitOutcome::Refused(refused) => {
                    receipt.failed = refused.rows;
                    receipt.failures_truncated = (refused.conflicts.len() as u64) < refused.rows;
                    let violations = refused.conflicts.iter().map(|conflict| key_violation(conflict, Some(&decoder)));
                    receipt.failures = violations.collect();
                }
            }
        }
        receipt.elapsed_ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        Ok(if receipt.failed == 0 { BulkOutcome::Stored(receipt) } else { BulkOutcome::Refused(receipt) })
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// [`Error::RecordNotFound`], [`Error::Store`].
    #[instrument(name = "records.delete", skip_all, fields(schema.name = %schema.name()))]
    pub async fn delete(&self, schema: &Arc<Schema>, id: RecordId) -> Result<(), Error> {
        let receipt = self.store.delete(schema, &Condition::id_equals(id).into()).await?;
        if receipt.rows == 0 { Err(Error::RecordNotFound { id }) } else { Ok(()) }
    }

    fn decoder(&self, schema: &Arc<Schema>, format: BodyFormat) -> RecordDecoder {
        let ids = Arc::clone(&self.ids);
        RecordDecoder::new(Arc::clone(schema), format, self.limits, self.clock.now(), ids)
            .with_spool_directory(self.spool_directory.clone())
    }

    async fn begin(&self, schema: &Arc<Schema>) -> Result<Box<dyn BatchWriter>, Error> {
        let request = WriteRequest { schema: Arc::clone(schema), conflict_limit: self.limits.max_failures };
        Ok(self.store.begin_write(request).await?)
    }
}

/// Passes decoded batches on to the writer. The first failure drops the writer: nothing will be stored, and
/// the rest of the body is read only to report what else is wrong.
async fn take_block(
    block: DecodedBlock,
    writer: &mut Option<Box<dyn BatchWriter>>,
    failures: &mut Vec<Violation>,
) -> Result<(), Error> {
    if !block.failures.is_empty() {
        *writer = None;
        failures.extend(block.failures);
    }
    if let Some(writer) = writer {
        for DecodedBatch { records, ids } in block.batches {
            writer.append(records, ids).await?;
        }
    }
    Ok(())
}

/// Takes a step of the decoder away from the event loop and passes on what it came to.
async fn drain(
    mut decoder: RecordDecoder,
    step: impl FnOnce(&mut RecordDecoder) -> Result<DecodedBlock, Error> + Send + 'static,
    writer: &mut Option<Box<dyn BatchWriter>>,
    failures: &mut Vec<Violation>,
) -> Result<RecordDecoder, Error> {
    let work = move || {
        let outcome = step(&mut decoder);
        (decoder, outcome)
    };
    let (decoder, outcome) = blocking::run(work).await?;
    take_block(outcome?, writer, failures).await?;
    Ok(decoder)
}

/// Gathers about [`BLOCK_BYTES`] of a body; empty at its end.
async fn next_block<B>(body: &mut B) -> Result<Vec<u8>, BodyError>
where
    B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
{
    let mut block = Vec::new();
    while block.len() < BLOCK_BYTES {
        match body.next().await {
            Some(piece) => block.extend_from_slice(&piece?),
            None => break,
        }
    }
    Ok(block)
}

/// The violation of a conflict; with the lines of both records when they came in one body.
fn key_violation(conflict: &KeyConflict, body: Option<&RecordDecoder>) -> Violation {
    let field = conflict.field.name();
    let is_id = matches!(conflict.field, eider_domain::Field::System(_));
    let code = if is_id { ViolationCode::DuplicateId } else { ViolationCode::UniqueViolation };
    let detail = match (conflict.with, body) {
        (ConflictingKey::Row(row), Some(decoder)) => {
            format!("the record at line {} of this body has the same `{field}`", decoder.line_of_row(row))
        }
        _ => format!("a stored record has the same `{field}`"),
    };
    let violation = Violation::new(format!("/{field}"), code, detail);
    match body {
        Some(decoder) => violation.at_line(decoder.line_of_row(conflict.row)),
        None => violation,
    }
}
