//! A store under test and the few calls that every case makes.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use eider_application::ports::{
    Aggregator, BackupSource, CommitOutcome, CommitReceipt, CommitTerms, DeleteOutcome, EndedWrite, Explainer,
    IdempotencyRecords, KeyConflict, Profiler, RecordStream, RuleChecker, ScanRequest, SchemaEvolution, Store,
    StoreError, WriteReceipt, WriteRequest,
};
use eider_domain::{Aggregation, Filter, RecordQuery, Schema};
use futures::StreamExt;
use futures::future::BoxFuture;
use serde_json::Value as Json;

type Reopen = Box<dyn FnOnce() -> BoxFuture<'static, Arc<dyn Store>> + Send>;

/// A store that is new and empty.
#[derive(Clone)]
pub struct Fixture {
    /// The store.
    pub store: Arc<dyn Store>,
    reopen: Arc<Mutex<Option<Reopen>>>,
    /// Dropped after the store.
    kept: Vec<Arc<dyn Any + Send + Sync>>,
}

impl Fixture {
    /// A fixture of a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, reopen: Arc::default(), kept: Vec::new() }
    }

    /// The same fixture, which keeps something alive for as long as the store: its directory, say.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept.push(Arc::new(kept));
        self
    }

    /// The same fixture, which can close its store and open it again: for stores that claim to keep what was committed.
    #[must_use]
    pub fn reopening<F>(self, reopen: impl FnOnce() -> F + Send + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Store>> + Send + 'static,
    {
        let reopen: Reopen = Box::new(|| Box::pin(reopen()));
        self.reopen.lock().unwrap_or_else(PoisonError::into_inner).replace(reopen);
        self
    }

    /// The store, closed and opened again; `None` when the fixture cannot, or has before.
    pub async fn reopened(mut self) -> Option<Self> {
        let reopen = self.reopen.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        drop(self.store);
        self.store = reopen().await;
        Some(self)
    }

    /// The role that changes schemas, which the store says it has.
    pub fn evolution(&self) -> &dyn SchemaEvolution {
        self.store.evolution().expect("the store changes schemas")
    }

    /// The role that groups records, which the store says it has.
    pub fn aggregator(&self) -> &dyn Aggregator {
        self.store.aggregator().expect("the store groups records")
    }

    /// The role that keeps answers, which the store says it has.
    pub fn idempotency_records(&self) -> &dyn IdempotencyRecords {
        self.store.idempotency_records().expect("the store keeps answers")
    }

    /// The role that checks rules, which the store says it has.
    pub fn rule_checker(&self) -> &dyn RuleChecker {
        self.store.rule_checker().expect("the store checks rules")
    }

    /// The role that profiles, which the store says it has.
    pub fn profiler(&self) -> &dyn Profiler {
        self.store.profiler().expect("the store profiles")
    }

    /// The role that explains reads, which the store says it has.
    pub fn explainer(&self) -> &dyn Explainer {
        self.store.explainer().expect("the store explains reads")
    }

    /// The role that copies everything, which the store says it has.
    pub fn backups(&self) -> &dyn BackupSource {
        self.store.backups().expect("the store copies itself")
    }

    /// Creates a schema from the JSON form of its definition.
    pub async fn create(&self, document: Json) -> Arc<Schema> {
        self.store.create(crate::schema(document)).await.expect("the schema is new")
    }

    /// Commits records in one write, as [`crate::batch()`] reads them.
    pub async fn write(&self, schema: &Arc<Schema>, records: Json) -> WriteReceipt {
        self.write_batch(schema, crate::batch(schema, records)).await
    }

    /// Commits a batch in one write.
    pub async fn write_batch(&self, schema: &Arc<Schema>, batch: RecordBatch) -> WriteReceipt {
        match self.commit(schema, &[batch]).await {
            (CommitOutcome::Committed(receipt), _) => receipt,
            (CommitOutcome::Refused { .. }, conflicts) => panic!("the write was refused: {conflicts:?}"),
        }
    }

    /// Ends a write of batches, all of it or nothing, and hands out how and every conflict.
    pub async fn commit(&self, schema: &Arc<Schema>, batches: &[RecordBatch]) -> (CommitOutcome, Vec<KeyConflict>) {
        self.commit_as(WriteRequest::new(Arc::clone(schema)), batches, CommitTerms::all_or_nothing()).await
    }

    /// Ends a write of batches as asked for, and hands out how and every conflict. The ids that [`crate::batch()`] made
    /// count as the server's.
    pub async fn commit_as(
        &self,
        request: WriteRequest,
        batches: &[RecordBatch],
        terms: CommitTerms,
    ) -> (CommitOutcome, Vec<KeyConflict>) {
        let mut writer = self.store.begin_write(request).await.expect("a write begins");
        for batch in batches {
            writer.append(batch.clone(), crate::batch::id_origin(batch)).await.expect("the batch is taken");
        }
        let EndedWrite { outcome, conflicts: mut blocks } = writer.commit(terms).await.expect("the commit ends");
        let mut conflicts = Vec::new();
        while let Some(block) = blocks.next().await.expect("the conflicts are read") {
            conflicts.extend(block);
        }
        (outcome, conflicts)
    }

    /// The conflicts of a write that is refused.
    pub async fn refused(&self, schema: &Arc<Schema>, records: Json) -> Vec<KeyConflict> {
        match self.commit(schema, &[crate::batch(schema, records)]).await {
            (CommitOutcome::Refused { rows }, conflicts) => {
                let refused: BTreeSet<u64> = conflicts.iter().map(|conflict| conflict.row).collect();
                assert_eq!(refused.len() as u64, rows, "each refused row has a conflict: {conflicts:?}");
                conflicts
            }
            (CommitOutcome::Committed(receipt), _) => panic!("the write was committed: {receipt:?}"),
        }
    }

    /// Deletes what a filter matches, however much it is.
    pub async fn delete(&self, schema: &Arc<Schema>, filter: &Filter) -> CommitReceipt {
        match self.store.delete(schema, filter, u64::MAX).await.expect("a delete") {
            DeleteOutcome::Deleted(receipt) => receipt,
            DeleteOutcome::TooMany { matching } => panic!("{matching} are no more than there can be"),
        }
    }

    /// What a scan yields, as one batch.
    pub async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> RecordBatch {
        let stream = self.store.scan(schema, request).await.expect("the scan begins");
        collect(stream).await.expect("the scan ends")
    }

    /// The groups of an aggregation, as [`crate::rows`] shows them.
    pub async fn groups(&self, schema: &Arc<Schema>, aggregation: &Aggregation) -> Vec<Json> {
        let stream = self.aggregator().aggregate(schema, aggregation, None).await.expect("the aggregation begins");
        crate::rows(&collect(stream).await.expect("the aggregation ends"))
    }

    /// The records that a filter selects, in commit order, as [`crate::rows`] shows them.
    pub async fn matching(&self, schema: &Arc<Schema>, filter: Filter) -> Vec<Json> {
        let query = RecordQuery { filter, ..RecordQuery::everything(schema) };
        crate::rows(&self.scan(schema, ScanRequest::new(query)).await)
    }

    /// Every record, in commit order.
    pub async fn records(&self, schema: &Arc<Schema>) -> Vec<Json> {
        self.matching(schema, Filter::everything()).await
    }

    /// Every record, in an order written as for [`crate::sort`].
    pub async fn sorted(&self, schema: &Arc<Schema>, order: &str) -> Vec<Json> {
        let query = RecordQuery { sort: crate::sort(schema, order), ..RecordQuery::everything(schema) };
        crate::rows(&self.scan(schema, ScanRequest::new(query)).await)
    }
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").field("store", &self.store).finish_non_exhaustive()
    }
}

/// Reads a stream to its end into one batch.
///
/// Every batch must have the schema of the stream, and nothing may follow an error.
///
/// # Errors
/// The first error of the stream.
pub async fn collect(mut stream: RecordStream) -> Result<RecordBatch, StoreError> {
    let schema = Arc::clone(stream.schema());
    let mut batches = Vec::new();
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => {
                assert_eq!(batch.schema(), schema, "every batch has the schema of its stream");
                batches.push(batch);
            }
            Err(error) => {
                assert!(stream.next().await.is_none(), "a stream ends after its first error");
                return Err(error);
            }
        }
    }
    let whole: Result<RecordBatch, ArrowError> = concat_batches(&schema, &batches);
    Ok(whole.expect("batches of one schema are one batch"))
}
