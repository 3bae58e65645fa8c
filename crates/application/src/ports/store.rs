//! The port to the records.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_domain::{Aggregation, Filter, Position, RecordId, RecordQuery, Schema, Timestamp};

use crate::{
    Backup, BatchWriter, Change, ChangeOutcome, DataProfile, DeleteOutcome, KeptAnswer, ProfileRequest, ReadPlan,
    ReadRequest, RecordStream, SchemaStatistics, StoreError, StoreErrorKind, StoreFigures, SuggestionOutcome,
    SuggestionRequest, Validation, ValidationRequest, WriteRequest,
};

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
    /// Counts all that the query matches, in the snapshot of the records: [`RecordStream::total`].
    pub counts_total: bool,
}

impl ScanRequest {
    /// Every record that a query matches.
    pub fn new(query: RecordQuery) -> Self {
        Self { query, after: None, offset: 0, limit: None, with_positions: false, counts_total: false }
    }
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

    /// Streams the groups of an aggregation, the first `limit` of them in [`Aggregation::order`], as
    /// [`RecordStore::scan`] does records. A `number` beyond its range may come as an infinity.
    ///
    /// # Errors
    /// As [`RecordStore::scan`]; `OutOfRange`, here or in the stream, when a sum does not fit its type, or that
    /// of some of the values of a `decimal` does not.
    async fn aggregate(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: Option<u64>,
    ) -> Result<RecordStream, StoreError>;

    /// One record by id: a batch of one row with the columns of [`Schema::arrow`], `None` when there is none. It is at
    /// least as new as every commit that was acknowledged, or waited for, before the call.
    ///
    /// Cheaper than a scan; reads that wait at the same time may share a query, but not their fate when one of their
    /// callers goes.
    ///
    /// # Errors
    /// As [`RecordStore::scan`]; `Unavailable` with the budget `read_queue` when too many reads wait.
    async fn record(&self, schema: &Arc<Schema>, id: RecordId) -> Result<Option<RecordBatch>, StoreError>;

    /// Counts matching records.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError>;

    /// Runs a read to its end, hands out none of its records, and says how they were found. Cancel-safe: dropping the
    /// future stops the read.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError>;

    /// Figures of the values of matching records, from one snapshot and in bounded memory. Cancel-safe: dropping the
    /// future stops it.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, StoreError>;

    /// Begins a write: one transaction, invisible until its commit.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError>;

    /// Changes one record. Changes that wait at the same time may share a transaction, but not their fate: each
    /// succeeds or fails alone, and is durable when this returns.
    ///
    /// # Errors
    /// As [`RecordStore::scan`]; `Unavailable` with the budget `write_queue` when too many changes wait, or this
    /// one has waited too long. Nothing is changed after any error.
    async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError>;

    /// Deletes matching records in one transaction, or none when they are more than `max_affected`.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn delete(
        &self,
        schema: &Arc<Schema>,
        filter: &Filter,
        max_affected: u64,
    ) -> Result<DeleteOutcome, StoreError>;

    /// The answer that a write kept under a key, if it was given at `since` or later.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn kept_answer(
        &self,
        schema: &Arc<Schema>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeptAnswer>, StoreError>;

    /// The number of the last commit; 0 before the first. What is read after this returns shows it, and may show later
    /// ones. Cheap, and never waits for a connection.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed.
    async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, StoreError>;

    /// Waits until the commit of a number, or a later one, is visible to reads.
    ///
    /// # Errors
    /// `Timeout` when it is not within `at_most`; `NotFound` when the schema was removed.
    async fn wait_for_commit(&self, schema: &Arc<Schema>, commit_seq: u64, at_most: Duration)
    -> Result<(), StoreError>;

    /// Counts what a schema holds. Cheap enough for a request, not for a hot path.
    ///
    /// # Errors
    /// As [`RecordStore::scan`].
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError>;

    /// How many records each of some schemas has, in their order, whatever their version; `None` of one that was removed.
    /// Cheaper than the statistics of each. Cancel-safe: dropping the future stops it.
    ///
    /// # Errors
    /// `Unavailable` when no connection is free in time.
    async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, StoreError>;

    /// Checks rules against every record, in one snapshot, and keeps the issues. Cancel-safe: dropping the future stops
    /// the check and frees its connection.
    ///
    /// # Errors
    /// As [`RecordStore::scan`]; `StorageFull`.
    async fn validate(&self, schema: &Arc<Schema>, request: ValidationRequest) -> Result<Validation, StoreError>;

    /// Writes what rules suggest for the values that break them now: one transaction, in which each record that is
    /// changed gets the next version and moves to the end of the order of commit.
    ///
    /// # Errors
    /// As [`RecordStore::scan`]; `StorageFull`. Nothing is changed after any error.
    async fn apply_suggestions(
        &self,
        schema: &Arc<Schema>,
        request: SuggestionRequest,
    ) -> Result<SuggestionOutcome, StoreError>;

    /// Begins a copy of everything, while writes go on.
    ///
    /// # Errors
    /// `Unsupported` of a store that cannot; `Unavailable` with the budget `backups` while another copy is taken, and
    /// with `checkpoint` when reads that began before it do not let everything be written out in time; `StorageFull`.
    async fn backup(&self) -> Result<Backup, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, "the store takes no copies of itself"))
    }

    /// Succeeds when the store can answer queries.
    ///
    /// # Errors
    /// `Unavailable` or whatever keeps it from answering.
    async fn check(&self) -> Result<(), StoreError>;

    /// Figures for those who operate the store. Cheap, and never blocks.
    fn figures(&self) -> StoreFigures;

    /// What the store can do.
    fn capabilities(&self) -> StoreCapabilities;
}
