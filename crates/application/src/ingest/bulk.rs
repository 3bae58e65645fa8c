//! The use case that writes many records from one body.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use eider_domain::{Schema, Violation};
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tracing::instrument;

use super::receipt::{BulkOutcome, BulkReceipt, KeptReceipt};
use super::service::{IngestService, key_violation};
use super::{BodyFormat, DecodedBatch, DecodedBlock, RecordDecoder};
use crate::{
    ANSWER_LIFETIME, AnswerToKeep, BatchWriter, CommitOutcome, CommitTerms, Error, OnConflict, WriteReceipt,
    WriteRequest, blocking,
};

/// Bytes that are gathered before they are decoded away from the event loop; a few milliseconds of work.
const BLOCK_BYTES: usize = 512 << 10;
/// Most ids that a receipt lists; a call that asks for more is refused.
const MAX_RETURNED_IDS: u64 = 1_000_000;

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

/// What one refused record means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BulkMode {
    /// None is stored.
    #[default]
    Atomic,
    /// They are stored.
    Partial,
}

/// How a bulk call wants to be treated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkOptions {
    /// What one refused record means for the others.
    pub mode: BulkMode,
    /// What becomes of records whose key is taken.
    pub on_conflict: OnConflict,
    /// Whether the receipt lists the ids of what was stored.
    pub returns_ids: bool,
    /// Everything is checked and nothing is stored.
    pub is_dry_run: bool,
    /// Refused records after which the rest of the body is not read and nothing is stored.
    pub max_errors: Option<u64>,
    /// What the client calls this call, so that a repeat stores nothing.
    pub idempotency_key: Option<String>,
}

impl IngestService {
    /// Stores the records of a body, as the options say.
    ///
    /// The body is decoded while it arrives; memory does not grow with it. All failures are counted, and
    /// named up to the limit.
    ///
    /// # Errors
    /// [`Error::MalformedJson`] and [`Error::MalformedBody`] when the body is not of its format, [`Error::TooManyRecords`],
    /// [`Error::IdempotencyInProgress`], [`Error::IdempotencyMismatch`], what `body` yields, [`Error::Store`].
    /// Nothing is stored after any of them.
    #[instrument(name = "records.bulk", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn bulk<B>(
        &self,
        schema: &Arc<Schema>,
        format: BodyFormat,
        options: BulkOptions,
        mut body: B,
    ) -> Result<BulkOutcome, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        let Some(key) = options.idempotency_key.clone() else {
            return self.write(schema, format, &options, None, &mut body).await;
        };
        let _running = Running::begin(&self.running, schema, &key)?;
        let since = self.clock.now().minus(ANSWER_LIFETIME);
        let mut fingerprint = Fingerprint::new(format, &options);
        match self.store.kept_answer(schema, &key, since).await? {
            None => self.write(schema, format, &options, Some(fingerprint), &mut body).await,
            Some(kept) => {
                let mut block = next_block(&mut body).await?;
                while !block.is_empty() {
                    fingerprint = blocking::run(move || fingerprint.with(&block)).await?;
                    block = next_block(&mut body).await?;
                }
                if fingerprint.finish() != kept.fingerprint {
                    return Err(Error::IdempotencyMismatch);
                }
                KeptReceipt::replay(&kept.text)
            }
        }
    }

    async fn write<B>(
        &self,
        schema: &Arc<Schema>,
        format: BodyFormat,
        options: &BulkOptions,
        mut fingerprint: Option<Fingerprint>,
        body: &mut B,
    ) -> Result<BulkOutcome, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        let started = Instant::now();
        let mut decoder = self.decoder(schema, format);
        let request = WriteRequest {
            schema: Arc::clone(schema),
            on_conflict: options.on_conflict,
            returns_ids: options.returns_ids,
            is_dry_run: options.is_dry_run,
        };
        let mut intake = Intake {
            writer: Some(self.store.begin_write(request).await?),
            failures: Failures { named: Vec::new(), cap: self.limits.max_failures, is_truncated: false },
            max_errors: match options.mode {
                BulkMode::Atomic => 0,
                BulkMode::Partial => options.max_errors.unwrap_or(u64::MAX),
            },
        };

        let mut block = next_block(body).await?;
        while !block.is_empty() {
            let work = blocking::run(move || {
                let fingerprint = fingerprint.map(|fingerprint| fingerprint.with(&block));
                let outcome = decoder.decode(&block);
                (decoder, fingerprint, outcome)
            });
            // The next block arrives while this one is decoded.
            let (ran, arrived) = futures::join!(work, next_block(body));
            let outcome;
            (decoder, fingerprint, outcome) = ran?;
            intake.take(outcome?, &decoder).await?;
            while decoder.has_more() {
                decoder = intake.drain(decoder, |decoder| decoder.decode(&[])).await?;
            }
            if options.returns_ids && decoder.received() > MAX_RETURNED_IDS {
                return Err(Error::TooManyRecords { limit: MAX_RETURNED_IDS });
            }
            block = arrived?;
            if options.max_errors.is_some_and(|most| decoder.failed() > most) {
                break;
            }
        }
        while block.is_empty() {
            decoder = intake.drain(decoder, RecordDecoder::finish).await?;
            if !decoder.has_more() {
                break;
            }
        }
        self.settle(schema, options, fingerprint, decoder, intake, started).await
    }

    /// Commits what was taken in, if anything may be, and draws up the receipt.
    async fn settle(
        &self,
        schema: &Arc<Schema>,
        options: &BulkOptions,
        fingerprint: Option<Fingerprint>,
        decoder: RecordDecoder,
        intake: Intake,
        started: Instant,
    ) -> Result<BulkOutcome, Error> {
        let Intake { writer, mut failures, max_errors } = intake;
        let mut receipt = BulkReceipt {
            received: decoder.received(),
            created: 0,
            updated: 0,
            ignored: 0,
            failed: decoder.failed(),
            commit_seq: None,
            durability: self.store.capabilities().durability.as_str(),
            is_dry_run: options.is_dry_run,
            replayed: false,
            elapsed_ms: 0.0,
            failures_truncated: decoder.are_failures_truncated(),
            failures: Vec::new(),
            ids: None,
        };
        let mut is_refused = writer.is_none();
        if let Some(writer) = writer.filter(|_| receipt.received > 0) {
            let lines = decoder.into_lines();
            let conflicts = Arc::new(Mutex::new(std::mem::take(&mut failures)));
            let answer = fingerprint.zip(options.idempotency_key.clone()).map(|(fingerprint, key)| {
                let (receipt, conflicts) = (receipt.clone(), Arc::clone(&conflicts));
                let returns_ids = options.returns_ids;
                AnswerToKeep {
                    key: key.clone(),
                    fingerprint: fingerprint.finish(),
                    at: self.clock.now(),
                    render: Arc::new(move |written: &WriteReceipt| {
                        let mut receipt = receipt.clone();
                        receipt.record(written, returns_ids);
                        receipt.name_failures(lock(&conflicts).clone());
                        receipt.settle(started);
                        KeptReceipt::of(&receipt)
                    }),
                }
            });
            let noted = Arc::clone(&conflicts);
            let terms = CommitTerms {
                max_refused: max_errors.saturating_sub(receipt.failed),
                conflicts: Box::new(move |conflict| {
                    lock(&noted).note(key_violation(&conflict, Some(&|row| lines.line_of(row))));
                }),
                answer,
            };
            match writer.commit(terms).await? {
                CommitOutcome::Committed(written) => receipt.record(&written, options.returns_ids),
                CommitOutcome::Refused { rows } => {
                    receipt.failed += rows;
                    is_refused = true;
                }
            }
            failures = std::mem::take(&mut *lock(&conflicts));
        }
        receipt.name_failures(failures);
        receipt.settle(started);
        tracing::debug!(schema.name = %schema.name(), received = receipt.received, failed = receipt.failed, "bulk");
        Ok(match (is_refused, receipt.failed) {
            (true, _) => BulkOutcome::Refused(receipt),
            (false, 0) => BulkOutcome::Stored(receipt),
            (false, _) => BulkOutcome::PartlyStored(receipt),
        })
    }
}

/// Where decoded blocks go.
struct Intake {
    /// Gone once so many records have failed that nothing will be stored; the rest of the body is then read only to
    /// report what else is wrong.
    writer: Option<Box<dyn BatchWriter>>,
    failures: Failures,
    /// Records that may fail while the others are stored.
    max_errors: u64,
}

impl Intake {
    /// Takes what one more step of the decoder yields.
    async fn drain(
        &mut self,
        mut decoder: RecordDecoder,
        step: impl FnOnce(&mut RecordDecoder) -> Result<DecodedBlock, Error> + Send + 'static,
    ) -> Result<RecordDecoder, Error> {
        let work = move || {
            let outcome = step(&mut decoder);
            (decoder, outcome)
        };
        let (decoder, outcome) = blocking::run(work).await?;
        self.take(outcome?, &decoder).await?;
        Ok(decoder)
    }

    async fn take(&mut self, block: DecodedBlock, decoder: &RecordDecoder) -> Result<(), Error> {
        for failure in block.failures {
            self.failures.note(failure);
        }
        if decoder.failed() > self.max_errors {
            self.writer = None;
        }
        if let Some(writer) = &mut self.writer {
            for DecodedBatch { records, ids } in block.batches {
                writer.append(records, ids).await?;
            }
        }
        Ok(())
    }
}

/// What was wrong, up to a cap.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    pub(super) named: Vec<Violation>,
    cap: usize,
    pub(super) is_truncated: bool,
}

impl Failures {
    fn note(&mut self, violation: Violation) {
        if self.named.len() < self.cap {
            self.named.push(violation);
        } else {
            self.is_truncated = true;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call under an idempotency key, as long as it runs.
pub(super) struct Running {
    keys: Arc<Mutex<HashSet<(String, String)>>>,
    key: (String, String),
}

impl Running {
    pub(super) fn begin(
        keys: &Arc<Mutex<HashSet<(String, String)>>>,
        schema: &Schema,
        key: &str,
    ) -> Result<Self, Error> {
        let key = (schema.name().key(), key.to_owned());
        if !lock(keys).insert(key.clone()) {
            return Err(Error::IdempotencyInProgress);
        }
        Ok(Self { keys: Arc::clone(keys), key })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.keys).remove(&self.key);
    }
}

/// Tells one call from another: a digest of its options and its body.
pub(super) struct Fingerprint(Sha256);

impl Fingerprint {
    fn new(format: BodyFormat, options: &BulkOptions) -> Self {
        let options = BulkOptions { idempotency_key: None, ..options.clone() };
        Self(Sha256::new_with_prefix(format!("{format:?} {options:?}\n")))
    }

    /// Of the creation of one record.
    pub(super) fn of_creation(body: &[u8]) -> String {
        Self(Sha256::new_with_prefix("one record\n")).with(body).finish()
    }

    fn with(mut self, block: &[u8]) -> Self {
        self.0.update(block);
        self
    }

    fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }
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
