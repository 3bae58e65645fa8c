//! What an entry says, and how.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_schema::{ArrowError, SchemaRef};
use eider_application::ports::{IdempotencyRecord, StoreError, StoreErrorKind};
use eider_domain::Timestamp;
use eider_engine_duckdb::error::{arrow_error, internal};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Changes of one schema that were committed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The schema.
    pub(crate) schema_key: String,
    /// The first place in commit order that they take.
    pub(crate) first: i64,
    /// The last one, which is the number of the commit.
    pub(crate) last: i64,
    /// The ids of records that were deleted or replaced, 16 bytes each.
    pub(crate) gone: Vec<u8>,
    /// The records that were stored, as [`Batches`] writes them; empty when there are none.
    pub(crate) records: Vec<u8>,
    /// The answers to keep, as JSON; empty when there are none.
    pub(crate) answers: String,
}

impl Entry {
    /// A checksum of all that it says.
    pub(super) fn checksum(&self) -> i64 {
        let mut hasher = crc32fast::Hasher::new();
        let mut add = |bytes: &[u8]| {
            // With the length, so that bytes cannot move from one part to the next.
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        add(self.schema_key.as_bytes());
        add(&self.first.to_le_bytes());
        add(&self.last.to_le_bytes());
        add(&self.gone);
        add(&self.records);
        add(self.answers.as_bytes());
        i64::from(hasher.finalize())
    }

    /// The ids of records that were deleted or replaced.
    pub(crate) fn gone_ids(&self) -> impl Iterator<Item = Uuid> {
        self.gone.as_chunks().0.iter().copied().map(Uuid::from_bytes)
    }

    /// The answers to keep, each with its key.
    ///
    /// # Errors
    /// `Corrupt` when they cannot be read.
    pub(crate) fn kept_answers(&self) -> Result<Vec<(String, IdempotencyRecord)>, StoreError> {
        if self.answers.is_empty() {
            return Ok(Vec::new());
        }
        let answers: Vec<Answer> = serde_json::from_str(&self.answers).map_err(unreadable)?;
        Ok(answers.into_iter().map(Answer::into_record).collect())
    }
}

/// The text of answers to keep, each with its key.
///
/// # Errors
/// `Internal` when they cannot be written.
pub(crate) fn answers_text(answers: &[(String, IdempotencyRecord)]) -> Result<String, StoreError> {
    if answers.is_empty() {
        return Ok(String::new());
    }
    let answers: Vec<Answer> = answers.iter().map(Answer::of).collect();
    serde_json::to_string(&answers).map_err(|error| internal("an answer cannot be kept").with_source(error))
}

/// An answer to keep on the disk.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    key: String,
    fingerprint: String,
    /// Microseconds since 1970.
    at: i64,
    text: String,
}

impl Answer {
    fn of((key, record): &(String, IdempotencyRecord)) -> Self {
        let IdempotencyRecord { fingerprint, at, text } = record.clone();
        Self { key: key.clone(), fingerprint, at: at.as_micros(), text }
    }

    fn into_record(self) -> (String, IdempotencyRecord) {
        let Self { key, fingerprint, at, text } = self;
        (key, IdempotencyRecord { fingerprint, at: Timestamp::from_micros(at), text })
    }
}

/// Writes and reads the records of one version of a schema: messages of an Arrow stream, without the schema that the
/// stream begins with, which would be the larger part of a single record.
pub(crate) struct Batches {
    schema: SchemaRef,
    /// The beginning of a stream of this schema.
    head: Vec<u8>,
    writer: StreamWriter<Vec<u8>>,
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Batches {
    /// For records with these columns.
    ///
    /// # Errors
    /// `Internal` when they cannot be written.
    pub(crate) fn new(schema: SchemaRef) -> Result<Self, StoreError> {
        let options = IpcWriteOptions::try_new(8, false, arrow_ipc::MetadataVersion::V5).map_err(arrow_error)?;
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).map_err(arrow_error)?;
        let head = std::mem::take(writer.get_mut());
        Ok(Self { schema, head, writer })
    }

    /// Whether it is for records with exactly these columns.
    pub(crate) fn is_of(&self, schema: &SchemaRef) -> bool {
        Arc::ptr_eq(&self.schema, schema)
    }

    /// The bytes of records.
    ///
    /// # Errors
    /// `Internal` when they have other columns.
    pub(crate) fn write(&mut self, records: &RecordBatch) -> Result<Vec<u8>, StoreError> {
        self.writer.write(records).map_err(arrow_error)?;
        Ok(std::mem::take(self.writer.get_mut()))
    }

    /// The records of an entry; `None` when it has none.
    ///
    /// # Errors
    /// `Corrupt` when its bytes are no records of the schema.
    pub(crate) fn read(&self, entry: &Entry) -> Result<Option<RecordBatch>, StoreError> {
        if entry.records.is_empty() {
            return Ok(None);
        }
        let stream = [self.head.as_slice(), &entry.records].concat();
        let read = || StreamReader::try_new(Cursor::new(stream), None)?.next().transpose();
        let records: RecordBatch = read()
            .map_err(unreadable)?
            .ok_or_else(|| unreadable(ArrowError::IpcError("the records of a change are missing".to_owned())))?;
        // With the metadata of the fields, which a stream has too, but not in the order of its keys.
        RecordBatch::try_new(Arc::clone(&self.schema), records.columns().to_vec()).map(Some).map_err(unreadable)
    }
}

fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, "a change in the log cannot be read").with_source(error)
}
