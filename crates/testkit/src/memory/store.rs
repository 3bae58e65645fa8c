//! The store itself.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use eider_application::ports::{
    Access, Aggregator, BackupMethod, BatchWriter, Change, ChangeOutcome, CommitLog, DataProfile, DeleteOutcome,
    Durability, EvolutionOutcome, EvolutionRequest, Explainer, IdempotencyRecord, IdempotencyRecords,
    IdentityStatistics, IndexEstimate, Indexes, ProfileRequest, Profiler, ReadPlan, ReadRequest, ReadShape, Reads,
    RecordReader, RecordStream, RecordWriter, RuleChecker, ScanRequest, SchemaCatalog, SchemaEvolution,
    SchemaStatistics, SchemaVersion, Sorting, Store, StoreCapabilities, StoreError, StoreErrorKind, SuggestionOutcome,
    SuggestionRequest, Validation, ValidationRequest, WriteRequest, Writers,
};
use eider_domain::{
    Aggregation, Condition, Field, Filter, Operator, RecordId, RecordQuery, Schema, SchemaName, Timestamp,
};
use futures::{StreamExt, stream};
use tokio::sync::watch;

use super::conflicts::key_of;
use super::faults::{Faults, Operation, ScanGate, lock};
use super::scan::{OpenScan, Scan};
use super::table::Table;
use super::writer::MemoryWriter;
use super::{aggregate, change, evolution, profile, quality};
use crate::reference::Shape;

/// Rows per batch unless a test asks for more: few, so that consumers meet batch boundaries.
const BATCH_ROWS: usize = 3;

/// Keeps schemas and records in memory, as the ports say. Clones share everything but the batch size.
///
/// Scans yield batches of 3 rows unless [`MemoryStore::with_batch_rows`] says otherwise. Faults can be planted
/// with [`MemoryStore::fail_next`], [`MemoryStore::fail_scan_after`] and [`MemoryStore::hold_scan_after`]; they
/// queue, and each strikes once.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    batch_rows: usize,
    has_unique_keys: bool,
}

/// What clones and writers share.
#[derive(Debug)]
pub(super) struct Shared {
    tables: Mutex<Tables>,
    pub(super) faults: Faults,
    open_scans: Arc<watch::Sender<usize>>,
}

#[derive(Debug, Default)]
struct Tables {
    /// By the lower case of the schema's name.
    by_key: BTreeMap<String, Table>,
    incarnations: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        let open_scans = Arc::new(watch::Sender::new(0));
        let shared = Shared { tables: Mutex::default(), faults: Faults::default(), open_scans };
        Self { shared: Arc::new(shared), batch_rows: BATCH_ROWS, has_unique_keys: true }
    }

    /// The same store with scans that yield batches of at most `rows` rows.
    ///
    /// # Panics
    /// When `rows` is 0.
    #[must_use]
    pub fn with_batch_rows(mut self, rows: usize) -> Self {
        assert!(rows > 0, "a batch has at least one row");
        self.batch_rows = rows;
        self
    }

    /// The same store, which says that it does not keep values from coming twice.
    #[must_use]
    pub fn without_unique_keys(mut self) -> Self {
        self.has_unique_keys = false;
        self
    }

    /// Makes the next call of an operation fail; nothing is changed by that call.
    pub fn fail_next(&self, operation: Operation, error: StoreError) {
        self.shared.faults.plant(operation, error);
    }

    /// Makes the next scan yield `rows` rows, or all it has if they are fewer, and then an error.
    ///
    /// After 0 rows, `RecordReader::scan` itself fails, as the port says.
    pub fn fail_scan_after(&self, rows: usize, error: StoreError) {
        self.shared.faults.plant_scan_failure(rows, error);
    }

    /// Makes the next scan yield `rows` rows, or all it has if they are fewer, and then wait for the gate.
    ///
    /// After 0 rows, `RecordReader::scan` itself waits.
    pub fn hold_scan_after(&self, rows: usize) -> ScanGate {
        self.shared.faults.plant_scan_gate(rows)
    }

    /// How many scans have been opened and neither read to their end nor dropped.
    pub fn open_scans(&self) -> usize {
        *self.shared.open_scans.borrow()
    }

    /// Waits until exactly `count` scans are open.
    ///
    /// # Panics
    /// Never: the store outlives the call.
    pub async fn wait_for_open_scans(&self, count: usize) {
        let mut open_scans = self.shared.open_scans.subscribe();
        open_scans.wait_for(|open| *open == count).await.expect("the store holds the sender");
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    /// Works on the table of `schema`; `NotFound` when it was removed, also when another took its name, and
    /// `SchemaChanged` when it is of another version.
    pub(super) fn with_table<T>(&self, schema: &Schema, work: impl FnOnce(&mut Table) -> T) -> Result<T, StoreError> {
        self.with_version(schema, |current| current.version() == schema.version(), work)
    }

    /// Works on the table of a schema if its version is one that will do.
    pub(super) fn with_version<T>(
        &self,
        schema: &Schema,
        will_do: impl FnOnce(&Schema) -> bool,
        work: impl FnOnce(&mut Table) -> T,
    ) -> Result<T, StoreError> {
        let mut tables = lock(&self.tables);
        match tables.by_key.get_mut(&schema.name().key()) {
            Some(table) if !table.has_had(schema) => Err(not_found(schema.name())),
            Some(table) if will_do(&table.schema) => Ok(work(table)),
            Some(_) => Err(StoreError::new(StoreErrorKind::SchemaChanged, "the schema changed meanwhile")),
            None => Err(not_found(schema.name())),
        }
    }
}

fn not_found(name: &SchemaName) -> StoreError {
    StoreError::new(StoreErrorKind::NotFound, format!("there is no schema `{name}`"))
}

#[async_trait]
impl SchemaCatalog for MemoryStore {
    async fn create(&self, schema: Schema) -> Result<Arc<Schema>, StoreError> {
        self.shared.faults.strike(Operation::CreateSchema)?;
        let mut tables = lock(&self.shared.tables);
        tables.incarnations += 1;
        let incarnation = tables.incarnations;
        match tables.by_key.entry(schema.name().key()) {
            Entry::Occupied(_) => {
                Err(StoreError::new(StoreErrorKind::Conflict, format!("there is a schema `{}`", schema.name())))
            }
            Entry::Vacant(entry) => {
                let schema = Arc::new(schema);
                entry.insert(Table::new(Arc::clone(&schema), incarnation));
                Ok(schema)
            }
        }
    }

    async fn get(&self, name: &SchemaName) -> Result<Arc<Schema>, StoreError> {
        self.shared.faults.strike(Operation::GetSchema)?;
        let tables = lock(&self.shared.tables);
        tables.by_key.get(&name.key()).map(|table| Arc::clone(&table.schema)).ok_or_else(|| not_found(name))
    }

    async fn list(&self) -> Result<Vec<Arc<Schema>>, StoreError> {
        self.shared.faults.strike(Operation::ListSchemas)?;
        Ok(lock(&self.shared.tables).by_key.values().map(|table| Arc::clone(&table.schema)).collect())
    }

    async fn remove(&self, name: &SchemaName, expected: Option<&Arc<Schema>>) -> Result<(), StoreError> {
        self.shared.faults.strike(Operation::RemoveSchema)?;
        let mut tables = lock(&self.shared.tables);
        let current = tables.by_key.get(&name.key()).ok_or_else(|| not_found(name))?;
        if expected.is_some_and(|expected| !Arc::ptr_eq(expected, &current.schema)) {
            return Err(StoreError::new(StoreErrorKind::SchemaChanged, "the schema changed meanwhile"));
        }
        tables.by_key.remove(&name.key());
        Ok(())
    }
}

#[async_trait]
impl RecordReader for MemoryStore {
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError> {
        self.shared.faults.strike(Operation::Scan)?;
        let find = |table: &mut Table| {
            let total = request.counts_total.then(|| table.count(&request.query.filter));
            (table.find(&request), total)
        };
        let (found, total) = self.shared.with_table(schema, find)?;
        let fault = self.shared.faults.next_scan();
        let open = OpenScan::new(&self.shared.open_scans);
        let stream = Scan::new(schema, &request, found, self.batch_rows, fault, open).into_stream().await?;
        Ok(stream.with_total(total))
    }

    async fn record(&self, schema: &Arc<Schema>, id: RecordId) -> Result<Option<RecordBatch>, StoreError> {
        self.shared.faults.strike(Operation::Record)?;
        let request = ScanRequest::new(RecordQuery {
            filter: Condition::id_equals(id).into(),
            ..RecordQuery::everything(schema)
        });
        let found = self.shared.with_table(schema, |table| table.find(&request))?;
        Ok((!found.is_empty()).then(|| Shape::new(schema, &request).batch(&found)))
    }

    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError> {
        self.shared.faults.strike(Operation::Count)?;
        self.shared.with_table(schema, |table| table.count(filter))
    }

    /// Nothing lies on a disk, so the size is 0.
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError> {
        self.shared.faults.strike(Operation::Statistics)?;
        self.shared.with_table(schema, |table| {
            let indexes = table.schema.indexes();
            let identity = IdentityStatistics::SCANNED;
            SchemaStatistics { record_count: table.records.len() as u64, size_bytes: 0, indexes, identity }
        })
    }

    async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, StoreError> {
        self.shared.faults.strike(Operation::RecordCounts)?;
        let count =
            |schema: &Arc<Schema>| self.shared.with_version(schema, |_| true, |table| table.records.len() as u64).ok();
        Ok(schemas.iter().map(count).collect())
    }
}

#[async_trait]
impl RecordWriter for MemoryStore {
    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError> {
        self.shared.faults.strike(Operation::BeginWrite)?;
        let incarnation = self.shared.with_table(&request.schema, |table| table.incarnation)?;
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(MemoryWriter { shared, request, incarnation, rows: Vec::new(), is_lost: false }))
    }

    async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError> {
        self.shared.faults.strike(Operation::Change)?;
        self.shared.with_table(schema, |table| change::apply(table, &change))
    }

    async fn delete(
        &self,
        schema: &Arc<Schema>,
        filter: &Filter,
        max_affected: u64,
    ) -> Result<DeleteOutcome, StoreError> {
        self.shared.faults.strike(Operation::Delete)?;
        self.shared.with_table(schema, |table| table.delete(filter, max_affected))
    }
}

#[async_trait]
impl CommitLog for MemoryStore {
    async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, StoreError> {
        self.shared.with_table(schema, |table| *table.committed.borrow())
    }

    async fn wait_for_commit(
        &self,
        schema: &Arc<Schema>,
        commit_seq: u64,
        at_most: Duration,
    ) -> Result<(), StoreError> {
        let mut committed = self.shared.with_table(schema, |table| table.committed.subscribe())?;
        match tokio::time::timeout(at_most, committed.wait_for(|last| *last >= commit_seq)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(not_found(schema.name())),
            Err(_) => Err(StoreError::new(StoreErrorKind::Timeout, "the commit did not come in time")),
        }
    }
}

#[async_trait]
impl SchemaEvolution for MemoryStore {
    async fn evolve(&self, request: EvolutionRequest) -> Result<EvolutionOutcome, StoreError> {
        self.shared.faults.strike(Operation::EvolveSchema)?;
        self.shared.with_table(&request.schema, |table| evolution::evolve(table, &request))
    }

    async fn versions(&self, name: &SchemaName) -> Result<Vec<SchemaVersion>, StoreError> {
        let tables = lock(&self.shared.tables);
        tables.by_key.get(&name.key()).map(|table| table.versions.clone()).ok_or_else(|| not_found(name))
    }
}

#[async_trait]
impl Aggregator for MemoryStore {
    async fn aggregate(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: Option<u64>,
    ) -> Result<RecordStream, StoreError> {
        self.shared.faults.strike(Operation::Aggregate)?;
        let groups = self.shared.with_table(schema, |table| aggregate::groups(table, aggregation, limit))??;
        let batches: Vec<_> =
            groups.chunks(self.batch_rows).map(|rows| Ok(aggregate::batch(aggregation, rows))).collect();
        Ok(RecordStream::new(aggregation.arrow(), stream::iter(batches).boxed()))
    }
}

#[async_trait]
impl IdempotencyRecords for MemoryStore {
    async fn idempotency_record(
        &self,
        schema: &Arc<Schema>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.shared.with_table(schema, |table| table.answers.get(key).filter(|answer| answer.at >= since).cloned())
    }
}

#[async_trait]
impl RuleChecker for MemoryStore {
    /// Takes the fault that was planted for the next scan before it begins, and is an open scan until it ends.
    async fn validate(&self, schema: &Arc<Schema>, request: ValidationRequest) -> Result<Validation, StoreError> {
        self.shared.faults.strike(Operation::Validate)?;
        let _open = OpenScan::new(&self.shared.open_scans);
        if let Some(fault) = self.shared.faults.next_scan() {
            fault.strike().await?;
        }
        self.shared.with_table(schema, |table| quality::validate(table, &request))
    }

    async fn apply_suggestions(
        &self,
        schema: &Arc<Schema>,
        request: SuggestionRequest,
    ) -> Result<SuggestionOutcome, StoreError> {
        self.shared.faults.strike(Operation::ApplySuggestions)?;
        self.shared.with_table(schema, |table| quality::apply(table, &request))
    }
}

#[async_trait]
impl Profiler for MemoryStore {
    async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, StoreError> {
        self.shared.faults.strike(Operation::Profile)?;
        self.shared.with_table(schema, |table| profile::profile(table, request))
    }
}

#[async_trait]
impl Explainer for MemoryStore {
    /// Nothing is ever passed over, and indexes find nothing faster.
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError> {
        self.shared.faults.strike(Operation::Explain)?;
        self.shared.with_table(schema, |table| {
            let records = table.records.len() as u64;
            let (returned, is_sorted) = match request {
                ReadRequest::Scan(scan) => (table.find(scan).len() as u64, !scan.query.sort.is_empty()),
                ReadRequest::Count(_) => (1, false),
                ReadRequest::Groups(aggregation) => (aggregate::groups(table, aggregation, None)?.len() as u64, false),
            };
            let sorting = if is_sorted { Sorting::Full } else { Sorting::Nothing };
            let index_hints = Vec::new();
            Ok(ReadPlan { access: Access::FullScan, records, scanned: records, returned, sorting, index_hints })
        })?
    }

    /// As an index in order of the values would serve: for an equality whatever else there is, for a range alone.
    fn index_serves(&self, shape: &ReadShape, property: &str) -> bool {
        use Operator::{Eq, Gt, Gte, In, Lt, Lte};
        let is_alone = !shape.has_others && shape.conditions.iter().all(|(other, _)| other == property);
        let mut operators = shape.conditions.iter().filter(|(name, _)| name == property).map(|(_, operator)| *operator);
        operators.any(|operator| operator == Eq || (is_alone && matches!(operator, In | Gt | Gte | Lt | Lte)))
    }

    /// An index costs nothing, and is never worthwhile.
    async fn estimate_indexes(
        &self,
        schema: &Arc<Schema>,
        _records: u64,
        properties: &[Field],
    ) -> Result<Vec<IndexEstimate>, StoreError> {
        let estimate = |table: &Table, field: &Field| {
            let values = table.records.iter().map(|record| &record.values[field.column()]);
            let present: Vec<String> = values.filter_map(|value| key_of(field.data_type(), value)).collect();
            let distinct = present.iter().collect::<HashSet<_>>().len() as u64;
            let records_a_value = (present.len() as u64).checked_div(distinct).unwrap_or(0);
            IndexEstimate { records_a_value, is_worthwhile: false, write_nanos: 0, disk_bytes: 0 }
        };
        self.shared.with_table(schema, |table| properties.iter().map(|field| estimate(table, field)).collect())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.shared.faults.strike(Operation::Check)
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            durability: Durability::Memory,
            has_unique_keys: self.has_unique_keys,
            indexes: Indexes::Ignored,
            writers: Writers::OneProcess,
            reads: Reads::OneNode,
            backup: BackupMethod::None,
            keeps_snapshots: false,
        }
    }

    fn evolution(&self) -> Option<&dyn SchemaEvolution> {
        Some(self)
    }

    fn aggregator(&self) -> Option<&dyn Aggregator> {
        Some(self)
    }

    fn idempotency_records(&self) -> Option<&dyn IdempotencyRecords> {
        Some(self)
    }

    fn rule_checker(&self) -> Option<&dyn RuleChecker> {
        Some(self)
    }

    fn profiler(&self) -> Option<&dyn Profiler> {
        Some(self)
    }

    fn explainer(&self) -> Option<&dyn Explainer> {
        Some(self)
    }
}
