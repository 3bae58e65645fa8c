//! The port that writes records: many, staged batch by batch and checked and stored at their commit, or one.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use async_trait::async_trait;
use eider_domain::{Field, Filter, RecordId, Schema, Violation, ViolationCode, listed, spelled};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde_json::{Value as Json, json};

use crate::ports::{AnswerToKeep, Change, ChangeOutcome, DeleteOutcome, RowLines, StoreError};

/// How a record is handled whose id or unique value another one has.
///
/// The other was stored before, or by an earlier row of the same write: the rows of a write are applied one after the
/// other, each by what those before it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnConflict {
    /// It is refused.
    #[default]
    Error,
    /// It is passed over.
    Ignore,
    /// It replaces that record, whose id and time of creation stay. A row with an id of its own replaces the record
    /// of that id and no other; one without replaces the record that has its unique values. A row is refused when
    /// another record than the one that it replaces has a unique value of it, or when several records have them.
    Replace,
}

/// A write of many records.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The schema of the records.
    pub schema: Arc<Schema>,
    /// How records are handled whose key is taken.
    pub on_conflict: OnConflict,
    /// Whether the receipt lists the ids of the records that were stored.
    pub returns_ids: bool,
    /// Everything is checked and nothing is stored.
    pub is_dry_run: bool,
}

impl WriteRequest {
    /// A write of new records that refuses those whose key is taken.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, on_conflict: OnConflict::Error, returns_ids: false, is_dry_run: false }
    }
}

/// Where the ids of a batch came from. One that came from the server's [`crate::ports::IdGenerator`] is new and names
/// no record; one that a client gave may be taken, and is never stored as another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdOrigin {
    /// All from the server.
    Generated,
    /// All from the client.
    Client,
    /// From the client where the bit of the row is set, elsewhere from the server.
    Mixed(BooleanBuffer),
}

impl IdOrigin {
    /// Where the ids of rows came from, of which these are the client's.
    pub fn of(given: impl IntoIterator<Item = bool>) -> Self {
        let given: BooleanBuffer = given.into_iter().collect();
        match given.count_set_bits() {
            0 => Self::Generated,
            rows if rows == given.len() => Self::Client,
            _ => Self::Mixed(given),
        }
    }

    /// Whether a client gave any of the ids.
    pub fn has_given(&self) -> bool {
        *self != Self::Generated
    }

    /// Whether a client gave the id of a row.
    ///
    /// # Panics
    /// When the batch has no such row.
    pub fn is_given(&self, row: usize) -> bool {
        match self {
            Self::Generated => false,
            Self::Client => true,
            Self::Mixed(given) => given.value(row),
        }
    }
}

/// The key that a row shares with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictingKey {
    /// A record that was stored before.
    Stored,
    /// The row with this number, counted as in [`KeyConflict::row`], of the same write.
    Row(u64),
    /// Several records, which the row would replace at once.
    SeveralRecords,
}

/// A row that would be the second with its id or its unique values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConflict {
    /// The row, counted from 0 over all batches of the write.
    pub row: u64,
    /// `id`, a unique property, or the properties of a key of several.
    pub fields: Vec<Field>,
    /// What it conflicts with.
    pub with: ConflictingKey,
}

impl KeyConflict {
    /// The same as a violation of the record; with the lines of both records when they came in one body.
    pub fn violation(&self, lines: Option<&RowLines>) -> Violation {
        let key = listed(&self.fields);
        let detail = match (self.with, lines) {
            (ConflictingKey::Row(row), Some(lines)) => {
                format!("the record at line {} of this body has the same {key}", lines.line_of(row))
            }
            (ConflictingKey::SeveralRecords, _) => {
                format!("the record would replace several: the one with the same {key} and another")
            }
            _ => format!("a stored record has the same {key}"),
        };
        let violation = Violation::of_key(&self.fields, detail);
        match lines {
            Some(lines) => violation.at_line(lines.line_of(self.row)),
            None => violation,
        }
    }
}

/// Stored records that share a key with one before them, although they should not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedKey {
    /// The properties of the key.
    pub fields: Vec<Field>,
    /// How many records of the write.
    pub records: u64,
}

impl SharedKey {
    /// The names of the properties, as receipts show them.
    pub fn names(fields: &[Field]) -> String {
        fields.iter().map(|field| spelled(field.name())).collect::<Vec<_>>().join(",")
    }

    /// The same as a member of a receipt's `warnings`.
    pub(super) fn warning(&self) -> Json {
        json!({
            "property": Self::names(&self.fields),
            "code": ViolationCode::UniqueViolation,
            "records": self.records,
        })
    }
}

/// The last word on a write, known when all of its batches are.
#[derive(Debug, Clone, Default)]
pub struct CommitTerms {
    /// Rows that may be refused for their keys while the others are stored; with more, nothing is.
    pub max_refused: u64,
    /// An answer to be stored in the same transaction.
    pub answer: Option<AnswerToKeep>,
}

impl CommitTerms {
    /// All rows or none.
    pub fn all_or_nothing() -> Self {
        Self::default()
    }
}

/// What a write did, or would have done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteReceipt {
    /// Rows stored as new records.
    pub created: u64,
    /// Rows that replaced a record.
    pub updated: u64,
    /// Rows passed over: their key was taken, or a later row of the write replaced what they stored.
    pub ignored: u64,
    /// Rows refused for their keys.
    pub refused: u64,
    /// Number of the commit within its schema; `None` when nothing was stored.
    pub commit_seq: Option<u64>,
    /// The ids of the stored rows, in the order of the rows, when they were asked for.
    pub ids: Vec<RecordId>,
    /// The keys that records of the write share, of those that are soft; none of a dry run.
    pub shared: Vec<SharedKey>,
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// What the receipt says is stored, and durable as [`crate::ports::StoreCapabilities::durability`] says; after a
    /// dry run it would have been.
    Committed(WriteReceipt),
    /// No row is stored: more rows than allowed were refused.
    Refused {
        /// Rows refused for their keys.
        rows: u64,
    },
}

/// A write that has ended.
#[derive(Debug)]
pub struct EndedWrite {
    /// How it ended.
    pub outcome: CommitOutcome,
    /// Why rows were refused.
    pub conflicts: Conflicts,
}

/// Every conflict that refused a row of a write, ordered by row, in blocks: there may be as many as the write has
/// rows, so they are read one block after the other, when the write has ended.
pub struct Conflicts(BoxStream<'static, Result<Vec<KeyConflict>, StoreError>>);

impl Conflicts {
    /// Conflicts that are read as they are asked for.
    pub fn new(blocks: BoxStream<'static, Result<Vec<KeyConflict>, StoreError>>) -> Self {
        Self(blocks)
    }

    /// Conflicts that are in memory.
    pub fn of(conflicts: Vec<KeyConflict>) -> Self {
        Self(stream::iter((!conflicts.is_empty()).then_some(Ok(conflicts))).boxed())
    }

    /// The next block; `None` behind the last.
    ///
    /// # Errors
    /// Whatever keeps them from being read.
    pub async fn next(&mut self) -> Result<Option<Vec<KeyConflict>>, StoreError> {
        self.0.try_next().await
    }
}

impl fmt::Debug for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conflicts").finish_non_exhaustive()
    }
}

/// One write. Dropped without [`BatchWriter::commit`], it leaves nothing behind.
///
/// ```
/// use std::sync::Arc;
///
/// use eider_application::ports::{CommitOutcome, CommitTerms, IdOrigin, RecordWriter, SchemaCatalog, WriteRequest};
/// use eider_testkit::{MemoryStore, batch, schema};
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let store = MemoryStore::new();
/// let flights = json!({"name": "flights", "properties": [{"name": "tail", "type": "string", "is_unique": true}]});
/// let flights = store.create(schema(flights)).await?;
///
/// let mut writer = store.begin_write(WriteRequest::new(Arc::clone(&flights))).await?;
/// writer.append(batch(&flights, json!([{"tail": "N14228"}, {"tail": "N14228"}])), IdOrigin::Generated).await?;
/// let mut ended = writer.commit(CommitTerms::all_or_nothing()).await?;
/// assert_eq!(ended.outcome, CommitOutcome::Refused { rows: 1 });
/// let conflicts = ended.conflicts.next().await?.expect("a block of conflicts");
/// assert_eq!(conflicts[0].row, 1);
/// # Ok::<(), eider_application::ports::StoreError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait BatchWriter: fmt::Debug + Send {
    /// Takes a batch of whole records with the columns of [`Schema::arrow`], already valid, at least one row.
    ///
    /// Memory does not grow with the number of batches. Ids and unique values are checked at the commit.
    ///
    /// # Errors
    /// `InvalidInput` when the batch has other columns, `StorageFull` when the disk is; the write is then lost.
    async fn append(&mut self, batch: RecordBatch, ids: IdOrigin) -> Result<(), StoreError>;

    /// Checks the keys of all rows and makes those that are accepted visible and durable at once, or none.
    ///
    /// Rows of one write are neighbours in commit order, in the order in which they were appended; a record that is
    /// replaced moves to the position of the row. What is stored afterwards is what the rows would have left one
    /// after the other, each in a write of its own: a row that is refused or passed over claims no key, and a record
    /// that is replaced gives up the unique values that it had. Two things differ: a record that several rows replace
    /// has the next version, not one for each; and a row counts as passed over when a later one replaces it.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed meanwhile; nothing is stored after any error.
    async fn commit(self: Box<Self>, terms: CommitTerms) -> Result<EndedWrite, StoreError>;
}

/// Writes records.
#[async_trait]
pub trait RecordWriter: fmt::Debug + Send + Sync + 'static {
    /// Begins a write: one transaction, invisible until its commit.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`].
    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError>;

    /// Changes one record. Changes that wait at the same time may share a transaction, but not their fate: each
    /// succeeds or fails alone, and is durable when this returns.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`]; `Unavailable` with the budget `write_queue` when too many changes
    /// wait, or this one has waited too long. Nothing is changed after any error.
    async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError>;

    /// Deletes matching records in one transaction, or none when they are more than `max_affected`.
    ///
    /// # Errors
    /// As [`crate::ports::RecordReader::scan`].
    async fn delete(
        &self,
        schema: &Arc<Schema>,
        filter: &Filter,
        max_affected: u64,
    ) -> Result<DeleteOutcome, StoreError>;
}
