//! Use cases that change single records.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use bytes::Bytes;
use eider_domain::{Field, Filter, RECORD_FIELD_COUNT, RecordId, Schema, SystemField, Verb, Version};
use eider_formats::Spooling;
use tracing::instrument;
use uuid::Uuid;

use super::read_only::GivenReadOnly;
use super::record_queues::{RecordQueues, Rewrite};
use super::warnings::{WarningCount, Warnings};
use super::{BodyFormat, DecodedBatch, IngestLimits, RecordDecoder, patch};
use crate::access::Principal;
use crate::ports::{
    ANSWER_LIFETIME, Change, ChangeOutcome, Clock, CommitReceipt, DeleteOutcome, FailureReports, IdGenerator,
    IdempotencyRecords, KeyConflict, ReportStream, Store, StoreError, offered,
};
use crate::records::{Preconditions, record_tag};
use crate::runtime::MemoryGuard;
use crate::runtime::blocking;
use crate::runtime::timings::{Stage, timed};
use crate::{Error, QueryService};

/// Bytes that are read on the event loop; more go to a thread that may block.
pub(super) const INLINE_BYTES: usize = 64 << 10;

/// A record as it is stored now.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// One row with every field.
    pub record: RecordBatch,
    /// The commit that stored it.
    pub commit_seq: u64,
    /// What the record lacks that it should have.
    pub warnings: Vec<WarningCount>,
}

impl StoredRecord {
    pub(super) fn new(schema: &Schema, record: RecordBatch, commit_seq: u64, shared: &[Vec<Field>]) -> Self {
        let mut warnings = Warnings::of(schema, &record.columns()[RECORD_FIELD_COUNT..]).named(schema);
        warnings.extend(shared.iter().map(|fields| WarningCount::of_key(fields, 1)));
        Self { record, commit_seq, warnings }
    }
}

/// Creates, changes and deletes records.
#[derive(Debug, Clone)]
pub struct RecordService {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn IdGenerator>,
    pub(super) limits: IngestLimits,
    /// The idempotency keys of calls that have not ended: (schema, key).
    pub(super) running: Arc<Mutex<HashSet<(String, String)>>>,
    /// Where everything that is wrong with a body is written down when a receipt does not have room for it.
    pub(super) reports: Arc<dyn FailureReports>,
    /// Where bodies wait that cannot be read as they arrive, and the memory for them.
    pub(super) spooling: Spooling,
    pub(super) query: QueryService,
    /// The records that are being changed, and the changes that wait for them.
    pub(super) queues: RecordQueues,
}

impl RecordService {
    /// A service over a store, with the limits that every write keeps.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        reports: Arc<dyn FailureReports>,
        limits: IngestLimits,
    ) -> Self {
        let query = QueryService::new(Arc::clone(&store));
        Self {
            store,
            clock,
            ids,
            limits,
            running: Arc::default(),
            reports,
            spooling: Spooling::default(),
            query,
            queues: RecordQueues::default(),
        }
    }

    /// The same service with a directory of its own for bodies that wait on disk, in files without names; the
    /// system's directory for temporary files is used otherwise.
    #[must_use]
    pub fn with_spool_directory(mut self, directory: PathBuf) -> Self {
        self.spooling.directory = directory;
        self
    }

    /// The same service with a guard over memory, which reserves what bodies need that are more than they seem.
    #[must_use]
    pub fn with_memory(mut self, memory: MemoryGuard) -> Self {
        self.spooling.memory = Arc::new(memory);
        self
    }

    /// The limits that every write keeps.
    pub fn limits(&self) -> &IngestLimits {
        &self.limits
    }

    /// Creates one record from a JSON object.
    ///
    /// # Errors
    /// [`Error::MalformedJson`], [`Error::RecordInvalid`], [`Error::KeyConflict`], [`Error::Store`].
    #[instrument(name = "records.create", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn create(&self, schema: &Arc<Schema>, body: Bytes) -> Result<StoredRecord, Error> {
        let DecodedBatch { records, ids } = self.decode_single(schema, body).await?;
        match self.change(schema, Change::Create { record: records.clone(), ids, answer: None }).await? {
            ChangeOutcome::Committed { commit_seq, shared } => {
                Ok(StoredRecord::new(schema, records, commit_seq, &shared))
            }
            ChangeOutcome::Conflict(conflicts) => Err(key_conflict(&conflicts)),
            ChangeOutcome::Missing | ChangeOutcome::Stale => Err(Error::StaleVersion),
        }
    }

    /// Replaces the properties of a record by those of a JSON object; its id and its time of creation stay.
    ///
    /// # Errors
    /// [`Error::RecordNotFound`], [`Error::StaleVersion`], [`Error::MalformedJson`], [`Error::RecordInvalid`],
    /// [`Error::KeyConflict`], [`Error::Store`].
    #[instrument(name = "records.replace", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn replace(
        &self,
        schema: &Arc<Schema>,
        id: RecordId,
        body: Bytes,
        preconditions: &Preconditions,
    ) -> Result<StoredRecord, Error> {
        let decoder = self.decoder(schema, BodyFormat::Ndjson).ignoring_read_only(true).keeping_own_names();
        let is_short = body.len() < INLINE_BYTES;
        let read = move || (decoder.decode_single(&body), GivenReadOnly::of(&body));
        let (record, given) = if is_short { read() } else { blocking::run(read).await? };
        let DecodedBatch { records, ids } = record?;
        if ids.has_given() && id_of(&records) != Some(id) {
            return Err(Error::RecordInvalid(vec![patch::other_id()]));
        }
        self.rewrite(schema, id, Rewrite::Replace(records, Box::new(given)), preconditions).await
    }

    /// Changes the properties that a JSON merge patch (RFC 7396) names: null empties one, an object is merged into
    /// an object.
    ///
    /// # Errors
    /// As [`RecordService::replace`].
    #[instrument(name = "records.patch", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn patch(
        &self,
        schema: &Arc<Schema>,
        id: RecordId,
        body: Bytes,
        preconditions: &Preconditions,
    ) -> Result<StoredRecord, Error> {
        self.rewrite(schema, id, Rewrite::Patch(body), preconditions).await
    }

    /// Deletes a record.
    ///
    /// # Errors
    /// [`Error::RecordNotFound`], [`Error::StaleVersion`], [`Error::Store`].
    #[instrument(name = "records.delete", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn delete(
        &self,
        schema: &Arc<Schema>,
        id: RecordId,
        preconditions: &Preconditions,
    ) -> Result<u64, Error> {
        loop {
            let expected = if preconditions.ask_nothing() {
                None
            } else {
                let current = self.query.get(schema, id).await?;
                if !preconditions.allow(|| record_tag(schema, &current)) {
                    return Err(Error::StaleVersion);
                }
                Some(version_of(&current))
            };
            match self.change(schema, Change::Delete { id, expected }).await? {
                ChangeOutcome::Committed { commit_seq, .. } => return Ok(commit_seq),
                ChangeOutcome::Missing => return Err(Error::RecordNotFound { id }),
                // It is another version by now, which the preconditions may allow.
                ChangeOutcome::Stale | ChangeOutcome::Conflict(_) => {}
            }
        }
    }

    /// Deletes every matching record, or none when they are more than `max_affected`.
    ///
    /// # Errors
    /// [`Error::TooManyAffected`], [`Error::Store`].
    #[instrument(name = "records.delete_matching", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn delete_matching(
        &self,
        schema: &Arc<Schema>,
        filter: &Filter,
        max_affected: u64,
    ) -> Result<CommitReceipt, Error> {
        match timed(Stage::Store, self.store.delete(schema, filter, max_affected)).await? {
            DeleteOutcome::Deleted(receipt) => Ok(receipt),
            DeleteOutcome::TooMany { matching } => Err(Error::TooManyAffected { matching, max_affected }),
        }
    }

    /// Everything that was wrong with the body of a bulk write, as NDJSON: a line per violation, in the order of the
    /// body, those of keys behind the others. Kept for [`ANSWER_LIFETIME`]. Only who made the call, and an admin,
    /// finds it.
    ///
    /// # Errors
    /// [`Error::ReportNotFound`], [`Error::Store`].
    pub async fn failure_report(&self, import: Uuid, reader: &Principal) -> Result<ReportStream, Error> {
        let since = self.clock.now().minus(ANSWER_LIFETIME);
        let report = self.reports.open(import, since).await?;
        let report = report.filter(|report| reader.has(Verb::Admin) || report.owner == reader.key_id());
        report.map(|report| report.lines).ok_or(Error::ReportNotFound { import })
    }

    /// What finds the answer that a call under a key got before.
    pub(super) fn idempotency_records(&self) -> Result<&dyn IdempotencyRecords, StoreError> {
        offered(self.store.idempotency_records(), "idempotency keys")
    }

    pub(super) async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError> {
        timed(Stage::Store, self.store.change(schema, change)).await
    }

    pub(super) async fn decode_single(&self, schema: &Arc<Schema>, body: Bytes) -> Result<DecodedBatch, Error> {
        let decoder = self.decoder(schema, BodyFormat::Ndjson);
        if body.len() < INLINE_BYTES {
            decoder.decode_single(&body)
        } else {
            blocking::run(move || decoder.decode_single(&body)).await?
        }
    }

    pub(super) fn decoder(&self, schema: &Arc<Schema>, format: BodyFormat) -> RecordDecoder {
        let ids = Arc::clone(&self.ids);
        RecordDecoder::new(Arc::clone(schema), format, self.limits, self.clock.now(), ids)
            .with_spooling(self.spooling.clone())
    }
}

/// The version of a record.
pub(super) fn version_of(record: &RecordBatch) -> Version {
    Version::from_i64(record.column(SystemField::Version as usize).as_primitive::<Int64Type>().value(0))
}

/// The id of a record.
pub(super) fn id_of(record: &RecordBatch) -> Option<RecordId> {
    let ids = record.column(SystemField::Id as usize).as_fixed_size_binary();
    Uuid::from_slice(ids.value(0)).ok().map(RecordId::new)
}

pub(super) fn key_conflict(conflicts: &[KeyConflict]) -> Error {
    Error::KeyConflict(conflicts.iter().map(|conflict| conflict.violation(None)).collect())
}
