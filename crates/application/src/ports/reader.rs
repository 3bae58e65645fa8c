//! The port that reads records.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use async_trait::async_trait;
use eider_domain::{Aggregation, Condition, Filter, Position, RecordId, RecordQuery, Schema};
use futures::TryStreamExt;

use crate::ports::{IdentityStatistics, RecordStream, SchemaStatistics, StoreError, StoreErrorKind};

/// Name of the last column of a scan with positions: the record's position in commit order, `Int64`.
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
    /// Only records that come after this position in the order of the query.
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

/// Reads records. A store has to bring [`RecordReader::scan`]; the other methods have defaults that are made of it,
/// which are right and slow.
///
/// ```
/// use eider_application::ports::{RecordReader, ScanRequest, SchemaCatalog};
/// use eider_domain::RecordQuery;
/// use eider_testkit::{Fixture, MemoryStore, condition, schema};
/// use futures::TryStreamExt;
/// use serde_json::json;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let fixture = Fixture::new(std::sync::Arc::new(MemoryStore::new()));
/// let document = json!({"name": "flights", "properties": [{"name": "delay", "type": "integer"}]});
/// let flights = fixture.create(document).await;
/// fixture.write(&flights, json!([{"delay": 5}, {"delay": 90}, {"delay": 120}])).await;
///
/// let filter = condition(&flights, "delay", "gt", json!(60));
/// let query = RecordQuery { filter, ..RecordQuery::everything(&flights) };
/// let stream = fixture.store.scan(&flights, ScanRequest { limit: Some(1), ..ScanRequest::new(query) }).await?;
/// let batches: Vec<_> = stream.try_collect().await?;
/// assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 1);
/// # Ok::<(), eider_application::ports::StoreError>(())
/// # }).unwrap();
/// ```
#[async_trait]
pub trait RecordReader: fmt::Debug + Send + Sync + 'static {
    /// Streams matching records from one consistent snapshot, taken before this returns.
    ///
    /// Cancel-safe: dropping the stream stops the query and frees its connection. The first batch has been
    /// read when this returns, so that an early failure is an `Err` here.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed, `Unavailable` when no connection is free in time.
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError>;

    /// One record by id: a batch of one row with the columns of [`Schema::arrow`], `None` when there is none. It is at
    /// least as new as every commit that was acknowledged, or waited for, before the call.
    ///
    /// Cheaper than a scan; reads that wait at the same time may share a query, but not their fate when one of their
    /// callers goes.
    ///
    /// # Errors
    /// As [`RecordReader::scan`]; `Unavailable` with the budget `read_queue` when too many reads wait.
    async fn record(&self, schema: &Arc<Schema>, id: RecordId) -> Result<Option<RecordBatch>, StoreError> {
        let query = RecordQuery { filter: Condition::id_equals(id).into(), ..RecordQuery::everything(schema) };
        let found: Vec<RecordBatch> = self.scan(schema, ScanRequest::new(query)).await?.try_collect().await?;
        let record = concat_batches(schema.arrow(), &found).map_err(StoreError::of_columns)?;
        Ok((record.num_rows() > 0).then_some(record))
    }

    /// Counts matching records.
    ///
    /// # Errors
    /// As [`RecordReader::scan`].
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError> {
        let query = RecordQuery { filter: filter.clone(), ..RecordQuery::everything(schema) };
        let scan = self.scan(schema, ScanRequest::new(query)).await?;
        scan.try_fold(0, async |count, batch: RecordBatch| Ok(count + batch.num_rows() as u64)).await
    }

    /// Counts what a schema holds. Cheap enough for a request, not for a hot path.
    ///
    /// # Errors
    /// As [`RecordReader::scan`].
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError> {
        let record_count = self.count(schema, &Filter::everything()).await?;
        let indexes = schema.indexes();
        Ok(SchemaStatistics { record_count, size_bytes: 0, indexes, identity: IdentityStatistics::SCANNED })
    }

    /// How many records each of some schemas has, in their order, whatever their version; `None` of one that was
    /// removed. Cheaper than the statistics of each. Cancel-safe: dropping the future stops it. The default knows no
    /// versions: a store that changes schemas brings its own.
    ///
    /// # Errors
    /// `Unavailable` when no connection is free in time.
    async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, StoreError> {
        let mut counts = Vec::with_capacity(schemas.len());
        for schema in schemas {
            counts.push(match self.count(schema, &Filter::everything()).await {
                Ok(count) => Some(count),
                Err(error) if error.kind() == StoreErrorKind::NotFound => None,
                Err(error) => return Err(error),
            });
        }
        Ok(counts)
    }
}

/// Groups records, and computes statistics over each group.
#[async_trait]
pub trait Aggregator: fmt::Debug + Send + Sync + 'static {
    /// Streams the groups of an aggregation, the first `limit` of them in [`Aggregation::order`], as
    /// [`RecordReader::scan`] does records. A `number` beyond its range may come as an infinity.
    ///
    /// # Errors
    /// As [`RecordReader::scan`]; `OutOfRange`, here or in the stream, when a sum does not fit its type, or that
    /// of some of the values of a `decimal` does not.
    async fn aggregate(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: Option<u64>,
    ) -> Result<RecordStream, StoreError>;
}
