//! The port to the records.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_domain::{Field, Filter, Position, RecordQuery, Schema};

use crate::{RecordStream, SchemaStatistics, StoreError};

/// Name of the last column of a scan with positions: the record's place in the order of commit, `Int64`.
pub const POSITION_SEQUENCE: &str = "$sequence";

/// Name of the column of a scan with positions that holds the record's value of sort key `index`.
pub fn position_key(index: usize) -> String {
    format!("$key{index}")
}

/// A read of records.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanRequest {
    /// Which records, in which order, with which fields.
    pub query: RecordQuery,
    /// Only records that come after this place in the order of the query.
    pub after: Option<Position>,
    /// How many of the records to pass over.
    pub offset: u64,
    /// How many records at most.
    pub limit: Option<u64>,
    /// Adds, behind the projected columns, [`position_key`] `0..n` for the sort keys and [`POSITION_SEQUENCE`].
    pub with_positions: bool,
}

impl ScanRequest {
    /// Every record that a query matches.
    pub fn new(query: RecordQuery) -> Self {
        Self { query, after: None, offset: 0, limit: None, with_positions: false }
    }
}

/// A write of new records.
#[derive(Debug, Clone)]
pub struct WriteRequest {
    /// The schema of the records.
    pub schema: Arc<Schema>,
    /// How many conflicting rows to name when a commit is refused; all are counted.
    pub conflict_limit: usize,
}

/// Whether the ids of a batch are unique by construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdOrigin {
    /// Every id came from the server's [`crate::IdGenerator`]: no check is needed.
    Generated,
    /// At least one id came from the client: every id of the batch is checked.
    Client,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitReceipt {
    /// Records written or deleted.
    pub rows: u64,
    /// Number of the commit within its schema; greater than that of every commit before it.
    pub commit_seq: u64,
}

/// The key that a row shares with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictingKey {
    /// A record of this key is stored already.
    Stored,
    /// The row with this number, counted as in [`KeyConflict::row`], comes first in the same write.
    Row(u64),
}

/// A row that would be the second with its id or its unique value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConflict {
    /// The row, counted from 0 over all batches of the write.
    pub row: u64,
    /// `id` or a unique property.
    pub field: Field,
    /// What it conflicts with.
    pub with: ConflictingKey,
}

/// Why a commit was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConflicts {
    /// The conflicts, ordered by row, at most as many as the request asked for.
    pub conflicts: Vec<KeyConflict>,
    /// Number of different rows that conflict, named or not.
    pub rows: u64,
}

/// How a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// All rows are stored and durable as [`StoreCapabilities::durability`] says.
    Committed(CommitReceipt),
    /// No row is stored.
    Refused(KeyConflicts),
}

/// What outlives a crash once a commit is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On disk.
    Fsync,
    /// Nothing: the store lives in memory.
    Memory,
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCapabilities {
    /// Whether `is_unique` is enforced.
    pub has_unique_keys: bool,
    /// What a commit's acknowledgement is worth.
    pub durability: Durability,
}

/// Keeps the records of schemas that its catalog created.
#[async_trait]
pub trait RecordStore: fmt::Debug + Send + Sync + 'static {
    /// Streams matching records from one consistent snapshot, taken before this returns.
    ///
    /// Cancel-safe: dropping the stream stops the query and frees its connection. The first batch has been
    /// read when this returns, so that an early failure is an `Err` here.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed, `Unavailable` when no connection is free in time.
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError>;

    /// Counts matching records.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError>;

    /// Begins a write: one transaction, invisible until its commit.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError>;

    /// Deletes matching records in one transaction.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn delete(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<CommitReceipt, StoreError>;

    /// Counts what a schema holds. Cheap enough for a request, not for a hot path.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError>;

    /// Succeeds when the store can answer queries.
    ///
    /// # Errors
    /// `Unavailable` or whatever keeps it from answering.
    async fn check(&self) -> Result<(), StoreError>;

    /// What the store can do.
    fn capabilities(&self) -> StoreCapabilities;
}

/// One write. Dropped without [`BatchWriter::commit`], it leaves nothing behind.
#[async_trait]
pub trait BatchWriter: fmt::Debug + Send {
    /// Takes a batch of whole records with the columns of [`Schema::arrow`], already valid, at least one row.
    ///
    /// Memory does not grow with the number of batches. Ids and unique values are checked at the commit.
    ///
    /// # Errors
    /// `InvalidInput` when the batch has other columns, `StorageFull` when the disk is; the write is then lost.
    async fn append(&mut self, batch: RecordBatch, ids: IdOrigin) -> Result<(), StoreError>;

    /// Makes all rows visible and durable, or none.
    ///
    /// Rows of one write are neighbours in the order of commit, in the order in which they were appended.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed meanwhile; nothing is stored after any error.
    async fn commit(self: Box<Self>) -> Result<CommitOutcome, StoreError>;
}
