//! The use case that creates one record under a key, so that a repeat of the call creates no other.

use std::sync::Arc;
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{ArrayRef, FixedSizeBinaryArray, RecordBatch, TimestampMicrosecondArray};
use bytes::Bytes;
use eider_domain::{RecordId, Schema, SystemField};
use serde::{Deserialize, Serialize};
use tracing::instrument;
use uuid::Uuid;

use super::idempotency::{Fingerprint, Running};
use super::receipt::members_of;
use super::service::{INLINE_BYTES, RecordService, StoredRecord, id_of, key_conflict};
use super::{DecodedBatch, arrow_fault};
use crate::Error;
use crate::ports::{ANSWER_LIFETIME, AnswerDraft, AnswerToKeep, Change, ChangeOutcome, StoreError, StoreErrorKind};
use crate::runtime::blocking;
use crate::runtime::timings::{Stage, timed};

/// How a creation under a key ended.
#[derive(Debug, Clone)]
pub enum KeyedCreation {
    /// The record is stored.
    Stored(StoredRecord),
    /// The call was answered before: the record as it was stored then, or as it is now when its schema has changed so
    /// that the body would be refused. Nothing was stored again.
    Replayed(StoredRecord),
}

/// What a record of the same body needs to become the one that was stored.
#[derive(Debug, Serialize, Deserialize)]
struct KeptCreation {
    id: Uuid,
    /// Microseconds since 1970.
    created_at: i64,
    commit_seq: u64,
}

impl RecordService {
    /// Creates one record from a JSON object, unless a call under this key did so within the last day.
    ///
    /// # Errors
    /// As [`RecordService::create`]; [`Error::IdempotencyInProgress`], and [`Error::IdempotencyMismatch`] when the key
    /// was used with another body or for a bulk call.
    #[instrument(name = "records.create_once", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    pub async fn create_once(&self, schema: &Arc<Schema>, body: Bytes, key: String) -> Result<KeyedCreation, Error> {
        let _running = Running::begin(&self.running, schema, &key)?;
        let began = Instant::now();
        let fingerprint = if body.len() < INLINE_BYTES {
            Fingerprint::of_creation(&body)
        } else {
            let body = body.clone();
            blocking::run(move || Fingerprint::of_creation(&body)).await?
        };
        let now = self.clock.now();
        if let Some(kept) = timed(
            Stage::Store,
            self.idempotency_records()?.idempotency_record(schema, &key, now.minus(ANSWER_LIFETIME)),
        )
        .await?
        {
            if kept.fingerprint != fingerprint {
                return Err(Error::IdempotencyMismatch);
            }
            let kept: KeptCreation = serde_json::from_str(&kept.text).map_err(|error| {
                StoreError::new(StoreErrorKind::Corrupt, "a kept answer cannot be read").with_source(error)
            })?;
            let record = match self.decode_single(schema, body).await {
                Ok(decoded) => kept.restore(&decoded.records)?,
                // It was valid when it was stored; the schema has changed since, and the record with it.
                Err(Error::RecordInvalid(_)) => self.query.get(schema, RecordId::new(kept.id)).await?,
                Err(error) => return Err(error),
            };
            return Ok(KeyedCreation::Replayed(StoredRecord::new(schema, record, kept.commit_seq, &[])));
        }
        let DecodedBatch { records, ids } = self.decode_single(schema, body).await?;
        let (id, created_at) = (id_of(&records).map(|id| *id.as_uuid()).unwrap_or_default(), created_at(&records));
        let kept = KeptCreation { id, created_at, commit_seq: 0 };
        let answer = AnswerToKeep { key, fingerprint, at: now, draft: kept.draft(began) };
        let change = Change::Create { record: records.clone(), ids, answer: Some(Box::new(answer)) };
        match self.change(schema, change).await? {
            ChangeOutcome::Committed { commit_seq, shared } => {
                Ok(KeyedCreation::Stored(StoredRecord::new(schema, records, commit_seq, &shared)))
            }
            ChangeOutcome::Conflict(conflicts) => Err(key_conflict(&conflicts)),
            ChangeOutcome::Missing | ChangeOutcome::Stale => Err(Error::StaleVersion),
        }
    }
}

impl KeptCreation {
    /// The answer to be kept; the store fills in the number of the commit.
    fn draft(&self, began: Instant) -> AnswerDraft {
        AnswerDraft { members: members_of(self), began, failures: None }
    }

    /// The record that was stored, of one that was decoded anew from the same body.
    fn restore(&self, decoded: &RecordBatch) -> Result<RecordBatch, StoreError> {
        let at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![self.created_at]).with_timezone("UTC"));
        let ids = FixedSizeBinaryArray::try_from_iter(std::iter::once(self.id.as_bytes())).map_err(arrow_fault)?;
        let mut columns = decoded.columns().to_vec();
        columns[SystemField::Id as usize] = Arc::new(ids);
        columns[SystemField::CreatedAt as usize] = Arc::clone(&at);
        columns[SystemField::UpdatedAt as usize] = at;
        RecordBatch::try_new(decoded.schema(), columns).map_err(arrow_fault)
    }
}

fn created_at(record: &RecordBatch) -> i64 {
    record.column(SystemField::CreatedAt as usize).as_primitive::<TimestampMicrosecondType>().value(0)
}
