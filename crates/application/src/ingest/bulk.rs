//! The use case that writes many records from one body.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use eider_domain::{NameRules, Schema, SourceNames};
use eider_formats::ReadOptions;
use futures::Stream;
use serde_json::json;
use tracing::instrument;

use super::body::{Blocks, BodyError};
use super::failures::{Failures, ReportTarget, lock};
use super::idempotency::{Fingerprint, Running};
use super::names::BodyNames;
use super::pipeline::DecodePipeline;
use super::receipt::{BulkOutcome, BulkReceipt, KeptReceipt, members_of};
use super::service::RecordService;
use super::{BodyFormat, DecodedBatch, DecodedBlock, RecordDecoder};
use crate::Error;
use crate::ports::{
    ANSWER_LIFETIME, AnswerDraft, AnswerToKeep, BatchWriter, CommitOutcome, CommitTerms, Conflicts, EndedWrite, KeyId,
    OnConflict, RowLines, StoreError, WriteRequest,
};
use crate::runtime::blocking;
use crate::runtime::timings::{Stage, timed};

/// Most ids that a receipt lists; a call that asks for more is refused.
const MAX_RETURNED_IDS: u64 = 1_000_000;

/// What one refused record means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BulkMode {
    /// None is stored.
    #[default]
    Atomic,
    /// They are stored.
    Partial,
}

/// What becomes of the fields that the server keeps (`created_at`, `updated_at`, `version`) where a body has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReadOnlyFields {
    /// The record is refused, or the body whose columns they are.
    #[default]
    Refuse,
    /// They are passed over.
    Ignore,
    /// A new record keeps them, as far as it has them. They do not go together with [`OnConflict::Replace`]: the version
    /// of a record that there is only ever grows.
    Keep,
}

/// How a bulk call wants to be treated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BulkOptions {
    /// What one refused record means for the others.
    pub mode: BulkMode,
    /// How records are handled whose key is taken.
    pub on_conflict: OnConflict,
    /// How the body is to be read, beside its format.
    pub reading: ReadOptions,
    /// Whether the receipt lists the ids of what was stored.
    pub returns_ids: bool,
    /// Everything is checked and nothing is stored.
    pub is_dry_run: bool,
    /// What becomes of fields that the server keeps.
    pub read_only: ReadOnlyFields,
    /// What it says of the names in its body.
    pub names: NameRules,
    /// The property that the ids of records are made of which give none; it is required. Else it is that of the schema.
    pub id_from: Option<String>,
    /// Refused records after which the rest of the body is not read and nothing is stored.
    pub max_errors: Option<u64>,
    /// What the client calls this call, so that a repeat stores nothing.
    pub idempotency_key: Option<String>,
    /// The key of the client, who alone may read the report of its failures.
    pub owner: Option<KeyId>,
}

impl RecordService {
    /// Stores the records of a body, as the options say.
    ///
    /// The body is decoded while it arrives; memory does not grow with it. All failures are counted, named up to the
    /// limit, and beyond it kept in a report; see [`RecordService::failure_report`].
    ///
    /// # Errors
    /// [`Error::MalformedJson`] and [`Error::MalformedBody`] when the body is not of its format,
    /// [`Error::TooManyRecords`], [`Error::NameRuleInvalid`], [`Error::IdempotencyInProgress`], [`Error::IdempotencyMismatch`], what `body`
    /// yields, [`Error::Store`]. Nothing is stored after any of them.
    #[instrument(name = "records.bulk", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn bulk<B>(
        &self,
        schema: &Arc<Schema>,
        format: BodyFormat,
        options: BulkOptions,
        body: B,
    ) -> Result<BulkOutcome, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        let Some(key) = options.idempotency_key.clone() else {
            return self.write(schema, format, &options, None, body).await;
        };
        let _running = Running::begin(&self.running, schema, &key)?;
        let since = self.clock.now().minus(ANSWER_LIFETIME);
        let mut fingerprint = Fingerprint::new(format, &options);
        match timed(Stage::Store, self.idempotency_records()?.idempotency_record(schema, &key, since)).await? {
            None => self.write(schema, format, &options, Some(fingerprint), body).await,
            Some(kept) => {
                let mut blocks = Blocks::new(body);
                while let Some(block) = blocks.next().await? {
                    fingerprint = blocking::run(move || {
                        fingerprint.update(&block);
                        fingerprint
                    })
                    .await?;
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
        fingerprint: Option<Fingerprint>,
        body: B,
    ) -> Result<BulkOutcome, Error>
    where
        B: Stream<Item = Result<Bytes, BodyError>> + Unpin,
    {
        let started = Instant::now();
        let names = SourceNames::of_call(schema, &options.names)?;
        let id_source = options.id_from.as_deref().map(|name| schema.id_source_of(name)).transpose()?;
        let request = WriteRequest {
            schema: Arc::clone(schema),
            on_conflict: options.on_conflict,
            returns_ids: options.returns_ids,
            is_dry_run: options.is_dry_run,
        };
        let mut intake = Intake {
            writer: Some(timed(Stage::Store, self.store.begin_write(request)).await?),
            failures: Arc::new(Mutex::new(self.failures(options))),
            max_errors: match options.mode {
                BulkMode::Atomic => 0,
                BulkMode::Partial => options.max_errors.unwrap_or(u64::MAX),
            },
        };
        let decoder = self.decoder(schema, format).with_options(options.reading.clone());
        let decoder = match options.read_only {
            ReadOnlyFields::Refuse => decoder,
            ReadOnlyFields::Ignore => decoder.ignoring_read_only(true),
            ReadOnlyFields::Keep => decoder.keeping_read_only(),
        };
        let decoder = decoder.with_names(Arc::new(names));
        let decoder = if let Some(place) = id_source { decoder.with_id_source(place) } else { decoder };
        let mut pipeline = DecodePipeline::new(decoder, fingerprint, body, self.limits.decode_width);
        while let Some(block) = pipeline.next().await? {
            let decoder = pipeline.decoder()?;
            intake.take(block, decoder.failed()).await?;
            if options.returns_ids && decoder.received() > MAX_RETURNED_IDS {
                return Err(Error::TooManyRecords { limit: MAX_RETURNED_IDS });
            }
            if options.max_errors.is_some_and(|most| decoder.failed() > most) {
                break;
            }
        }
        let (decoder, fingerprint) = pipeline.into_parts()?;
        let receipt = self.receipt_of(&decoder, options);
        self.settle(options, fingerprint, intake, decoder.into_lines(), receipt, started).await
    }

    /// The receipt of a body that was decoded, before anything is stored.
    fn receipt_of(&self, decoder: &RecordDecoder, options: &BulkOptions) -> BulkReceipt {
        let BodyNames { renamed, ignored } = decoder.names();
        BulkReceipt {
            received: decoder.received(),
            created: 0,
            updated: 0,
            ignored: 0,
            failed: decoder.failed(),
            commit_seq: None,
            durability: self.store.capabilities().durability.name(),
            is_dry_run: options.is_dry_run,
            replayed: false,
            elapsed_ms: 0.0,
            failures_truncated: false,
            failures: Vec::new(),
            warnings: decoder.warnings(),
            renamed,
            ignored_names: ignored,
            import_id: None,
            ids: None,
        }
    }

    /// What will be wrong with a body.
    fn failures(&self, options: &BulkOptions) -> Failures {
        let id = self.ids.next_ids(1).first().map(|id| *id.as_uuid()).unwrap_or_default();
        let target = ReportTarget {
            reports: Arc::clone(&self.reports),
            id,
            owner: options.owner,
            now: self.clock.now(),
            max_bytes: self.limits.max_report_bytes,
        };
        Failures::new(self.limits.max_failures, target)
    }

    /// Commits what was taken in, if anything may be, and draws up the receipt.
    async fn settle(
        &self,
        options: &BulkOptions,
        fingerprint: Option<Fingerprint>,
        intake: Intake,
        lines: RowLines,
        mut receipt: BulkReceipt,
        started: Instant,
    ) -> Result<BulkOutcome, Error> {
        let Intake { writer, failures, max_errors } = intake;
        let mut is_refused = writer.is_none();
        if let Some(writer) = writer.filter(|_| receipt.received > 0) {
            let answer = fingerprint.zip(options.idempotency_key.clone()).map(|(fingerprint, key)| {
                let mut members = members_of(&receipt);
                if options.returns_ids {
                    members.insert("ids".to_owned(), json!([]));
                }
                let failures = lock(&failures).draft(lines.clone());
                let draft = AnswerDraft { members, began: started, failures: Some(failures) };
                AnswerToKeep { key, fingerprint: fingerprint.finish(), at: self.clock.now(), draft }
            });
            let terms = CommitTerms { max_refused: max_errors.saturating_sub(receipt.failed), answer };
            let EndedWrite { outcome, conflicts } = timed(Stage::Store, writer.commit(terms)).await?;
            if let Err(error) = note(conflicts, lines, &failures).await {
                lock(&failures).lose(&error);
            }
            match outcome {
                CommitOutcome::Committed(written) => receipt.record(&written, options.returns_ids),
                CommitOutcome::Refused { rows } => {
                    receipt.failed += rows;
                    is_refused = true;
                }
            }
        }
        receipt.name_failures(blocking::run(move || lock(&failures).finish()).await?);
        receipt.settle(started);
        Ok(match (is_refused, receipt.failed) {
            (true, _) => BulkOutcome::Refused(receipt),
            (false, 0) => BulkOutcome::Stored(receipt),
            (false, _) => BulkOutcome::PartlyStored(receipt),
        })
    }
}

/// Takes note of why rows were refused for their keys, block by block: there may be as many conflicts as rows.
async fn note(mut conflicts: Conflicts, lines: RowLines, failures: &Arc<Mutex<Failures>>) -> Result<(), StoreError> {
    let lines = Arc::new(lines);
    while let Some(block) = conflicts.next().await? {
        let (failures, lines) = (Arc::clone(failures), Arc::clone(&lines));
        let violations = move || block.iter().map(|conflict| conflict.violation(Some(&lines))).collect();
        blocking::run(move || lock(&failures).note(violations())).await?;
    }
    Ok(())
}

/// Where decoded blocks go.
struct Intake {
    /// Gone once so many records have failed that nothing will be stored; the rest of the body is then read only to
    /// report what else is wrong.
    writer: Option<Box<dyn BatchWriter>>,
    failures: Arc<Mutex<Failures>>,
    /// Records that may fail while the others are stored.
    max_errors: u64,
}

impl Intake {
    async fn take(&mut self, block: DecodedBlock, failed: u64) -> Result<(), StoreError> {
        if !block.failures.is_empty() {
            let failures = Arc::clone(&self.failures);
            blocking::run(move || lock(&failures).note(block.failures)).await?;
        }
        if failed > self.max_errors {
            self.writer = None;
        }
        if let Some(writer) = &mut self.writer {
            for DecodedBatch { records, ids } in block.batches {
                timed(Stage::Store, writer.append(records, ids)).await?;
            }
        }
        Ok(())
    }
}
