//! The adapter: both ports on one instance.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use async_trait::async_trait;
use duckdb::params_from_iter;
use eider_application::{
    BatchWriter, Change, ChangeOutcome, CommitReceipt, ConnectionFigures, DeleteOutcome, Durability, IdCheck,
    IdentityStatistics, KeptAnswer, ReadPlan, ReadRequest, RecordStore, RecordStream, ScanRequest, SchemaCatalog,
    SchemaStatistics, StoreCapabilities, StoreError, StoreErrorKind, StoreFigures, WriteRequest, blocking,
};
use eider_domain::{Aggregation, Filter, RecordId, Schema, SchemaName, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, watch};
use tracing::instrument;

use crate::catalog::{self, Counters, StoredSchema};
use crate::checkpoint::{self, WriteActivity};
use crate::error::{schema_removed, store_error};
use crate::identity::{self, IdFilter, IdFilterGauge, StoredIds};
use crate::pool::{Pool, PoolStatus};
use crate::ranges::{RangeStatus, Ranges};
use crate::record_cache::{CachedRecords, Ids, RecordCache};
use crate::scan::{Scan, Source, scan_schema};
use crate::statistics::statistics;
use crate::worker::{Decision, transaction};
use crate::writer::StagedWriter;
use crate::{IdFilterStatus, StoreSettings, engine, explain, group, pool, reads, scan, sql, worker};

/// A store in one DuckDB file.
#[derive(Debug, Clone)]
pub struct DuckDbStore {
    pub(crate) shared: Arc<Shared>,
}

/// What writers and readers share.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) settings: StoreSettings,
    /// The schemas by key. Writes to it hold `catalog_gate`.
    tables: RwLock<BTreeMap<String, Table>>,
    /// What a checkpoint has to be taken of.
    pub(crate) activity: Arc<WriteActivity>,
    /// Lets one change of the catalog at a time be under way.
    catalog_gate: Arc<AsyncMutex<()>>,
    /// Lets one write at a time be committed that is too large for memory: the engine takes hundreds of megabytes for
    /// each.
    pub(crate) large_commits: AsyncMutex<()>,
    record_cache: Arc<RecordCache>,
}

/// A schema, the gate that its writers pass one by one, and the queues of changes and reads of single records.
#[derive(Debug, Clone)]
struct Table {
    schema: Arc<Schema>,
    gate: Arc<AsyncMutex<Gate>>,
    id_filter: Arc<IdFilterGauge>,
    records: Arc<CachedRecords>,
    reads: reads::Queue,
    ranges: Arc<Ranges>,
    /// The number of the last commit.
    committed: Arc<watch::Sender<u64>>,
    queue: group::Queue,
}

/// What the writers of a schema keep, one by one.
#[derive(Debug)]
pub(crate) struct Gate {
    counters: Counters,
    ids: StoredIds,
}

/// The other ends of a table's queues.
struct Queues {
    changes: mpsc::Receiver<group::Waiting>,
    reads: mpsc::Receiver<reads::Waiting>,
    id_filters: mpsc::Receiver<IdFilter>,
}

impl Table {
    fn new(schema: Schema, counters: Counters, shared: &Shared) -> (Self, Queues) {
        let settings = &shared.settings;
        let schema = Arc::new(schema);
        let (queue, changes) = mpsc::channel(settings.group.queue_length.max(1));
        let (reads, waiting_reads) = mpsc::channel(reads::QUEUE_LENGTH);
        let records = Arc::new(CachedRecords::new(Arc::clone(&shared.record_cache), Arc::clone(&schema)));
        let id_filter = Arc::<IdFilterGauge>::default();
        let (ids, id_filters) = StoredIds::new(settings.id_filter_bytes, Arc::clone(&id_filter));
        let committed = Arc::new(watch::Sender::new(counters.commit_seq()));
        let gate = Arc::new(AsyncMutex::new(Gate { counters, ids }));
        let ranges = Arc::new(Ranges::new(settings.least_ranged_rows));
        let queues = Queues { changes, reads: waiting_reads, id_filters };
        (Self { schema, gate, id_filter, records, reads, ranges, committed, queue }, queues)
    }
}

/// What [`Shared::every_turn`] holds.
pub(crate) struct EveryTurn {
    _catalog: OwnedMutexGuard<()>,
    _turns: Vec<OwnedMutexGuard<Gate>>,
}

/// The turn of one writer on a schema.
#[derive(Debug)]
pub(crate) struct Turn {
    gate: OwnedMutexGuard<Gate>,
    records: Arc<CachedRecords>,
    committed: Arc<watch::Sender<u64>>,
    activity: Arc<WriteActivity>,
}

impl Turn {
    pub(crate) fn counters(&self) -> Counters {
        self.gate.counters
    }

    /// What is known of the stored ids.
    pub(crate) fn ids(&mut self) -> &mut StoredIds {
        &mut self.gate.ids
    }

    /// The records in memory, which are to be told of changes.
    pub(crate) fn records(&self) -> Arc<CachedRecords> {
        Arc::clone(&self.records)
    }

    /// Takes note of a commit that has succeeded.
    pub(crate) fn advance(&mut self, next: Counters) {
        self.gate.counters = next;
        self.committed.send_replace(next.commit_seq());
        self.activity.wrote();
    }

    /// The receipt of a write that changes nothing.
    pub(crate) fn unchanged(&self) -> CommitReceipt {
        CommitReceipt { rows: 0, commit_seq: self.gate.counters.commit_seq() }
    }
}

impl Shared {
    fn table(&self, key: &str) -> Result<Table, StoreError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.get(key).cloned().ok_or_else(schema_removed)
    }

    /// The table of exactly this schema: not of one that was made anew under its name.
    fn table_of(&self, schema: &Arc<Schema>) -> Result<Table, StoreError> {
        let table = self.table(&schema.name().key())?;
        if Arc::ptr_eq(&table.schema, schema) { Ok(table) } else { Err(schema_removed()) }
    }

    /// Waits for the turn to write to a schema. Never held while waiting for a client.
    ///
    /// # Errors
    /// `Unavailable` with the budget `writer`, `NotFound`.
    pub(crate) async fn turn(&self, schema: &Arc<Schema>) -> Result<Turn, StoreError> {
        let Table { gate, records, committed, .. } = self.table_of(schema)?;
        let gate = tokio::time::timeout(self.settings.writer_wait, gate.lock_owned())
            .await
            .map_err(|_| StoreError::unavailable("writer", "other writes to the schema took too long"))?;
        // It may have been removed while this waited.
        self.table_of(schema)?;
        Ok(Turn { gate, records, committed, activity: Arc::clone(&self.activity) })
    }

    /// The turns of all schemas and of the catalog: nothing is written while they are held.
    pub(crate) async fn every_turn(&self) -> EveryTurn {
        let catalog = Arc::clone(&self.catalog_gate).lock_owned().await;
        let gates: Vec<_> = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.values().map(|table| Arc::clone(&table.gate)).collect()
        };
        let mut turns = Vec::with_capacity(gates.len());
        for gate in gates {
            turns.push(gate.lock_owned().await);
        }
        EveryTurn { _catalog: catalog, _turns: turns }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl DuckDbStore {
    /// Opens the file of the settings, or creates it.
    ///
    /// # Errors
    /// `Unavailable` when another process has the file, `Corrupt` when it is damaged, `Unsupported` when it belongs to
    /// another program or version. Nothing is ever recreated.
    #[instrument(name = "store.open", level = "debug", skip_all)]
    pub async fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let opening = settings.clone();
        let (connection, stored) = blocking::run(move || {
            let connection = engine::open(&opening)?;
            let stored = catalog::load(&connection)?;
            Ok::<_, StoreError>((connection, stored))
        })
        .await??;
        let pool = pool::build(Arc::new(Mutex::new(connection)), &settings.pool)?;
        let idle = settings.checkpoint_after_idle;
        let (activity, catalog_gate) = (Arc::default(), Arc::default());
        let record_cache = Arc::new(RecordCache::new(settings.record_cache_bytes));
        let shared = Shared {
            pool,
            settings,
            tables: RwLock::default(),
            activity,
            catalog_gate,
            large_commits: AsyncMutex::default(),
            record_cache,
        };
        let store = Self { shared: Arc::new(shared) };
        tokio::spawn(checkpoint::run(Arc::downgrade(&store.shared), idle));
        for StoredSchema { schema, counters } in stored {
            store.add(schema, counters);
        }
        Ok(store)
    }

    /// Makes a schema of the file known, and begins to serve its queues.
    fn add(&self, schema: Schema, counters: Counters) -> Arc<Schema> {
        let (table, queues) = Table::new(schema, counters, &self.shared);
        let schema = Arc::clone(&table.schema);
        tokio::spawn(group::run(Arc::downgrade(&self.shared), Arc::downgrade(&schema), queues.changes));
        let (shared, records) = (Arc::downgrade(&self.shared), Arc::clone(&table.records));
        tokio::spawn(reads::run(shared, Arc::downgrade(&schema), records, queues.reads));
        tokio::spawn(identity::run(Arc::downgrade(&self.shared), Arc::downgrade(&schema), queues.id_filters));
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.insert(schema.name().key(), table);
        schema
    }

    /// Checkpoints and refuses further work. What still runs keeps its connection until it ends.
    ///
    /// # Errors
    /// When the checkpoint fails; what was acknowledged is in the log and safe all the same.
    #[instrument(name = "store.close", level = "debug", skip_all)]
    pub async fn close(&self) -> Result<(), StoreError> {
        let started = Instant::now();
        let checkpointed = checkpoint::checkpoint(&self.shared).await;
        self.shared.pool.close();
        tracing::info!(
            duration_ms = started.elapsed().as_secs_f64() * 1e3,
            is_checkpointed = checkpointed.is_ok(),
            "store closed"
        );
        checkpointed
    }

    /// How long the last checkpoint took, if there was one that was not the engine's own.
    pub fn last_checkpoint(&self) -> Option<Duration> {
        self.shared.activity.last_checkpoint()
    }

    /// What the filter over the ids of a schema takes and has done.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed.
    pub fn id_filter(&self, schema: &Arc<Schema>) -> Result<IdFilterStatus, StoreError> {
        Ok(self.shared.table_of(schema)?.id_filter.status())
    }

    /// How ranges have served the sorted pages of a schema.
    ///
    /// # Errors
    /// `NotFound` when the schema was removed.
    pub fn ranges(&self, schema: &Arc<Schema>) -> Result<RangeStatus, StoreError> {
        Ok(self.shared.table_of(schema)?.ranges.status())
    }

    /// How the connections are used right now.
    pub fn pool_status(&self) -> PoolStatus {
        pool::status(&self.shared.pool)
    }
}

#[async_trait]
impl SchemaCatalog for DuckDbStore {
    #[instrument(name = "store.create_schema", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn create(&self, schema: Schema) -> Result<Arc<Schema>, StoreError> {
        let _one_at_a_time = self.shared.catalog_gate.lock().await;
        let key = schema.name().key();
        if self.shared.table(&key).is_ok() {
            return Err(StoreError::new(StoreErrorKind::Conflict, "a schema of this name exists"));
        }
        let (store, runtime) = (self.clone(), Handle::current());
        worker::write(&self.shared.pool, move |connection| {
            transaction(connection, || catalog::insert(connection, &schema).map(Decision::Commit))?;
            let _runtime = runtime.enter();
            Ok(store.add(schema, Counters::NEW))
        })
        .await
    }

    async fn get(&self, name: &SchemaName) -> Result<Arc<Schema>, StoreError> {
        Ok(self.shared.table(&name.key())?.schema)
    }

    async fn list(&self) -> Result<Vec<Arc<Schema>>, StoreError> {
        let tables = self.shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.values().map(|table| Arc::clone(&table.schema)).collect())
    }

    #[instrument(name = "store.remove_schema", level = "debug", skip_all, fields(schema.name = %name))]
    async fn remove(&self, name: &SchemaName) -> Result<(), StoreError> {
        let _one_at_a_time = self.shared.catalog_gate.lock().await;
        let schema = self.shared.table(&name.key())?.schema;
        let turn = self.shared.turn(&schema).await?;
        let shared = Arc::clone(&self.shared);
        worker::write(&self.shared.pool, move |connection| {
            let _turn = turn;
            transaction(connection, || catalog::remove(connection, &schema).map(Decision::Commit))?;
            shared.tables.write().unwrap_or_else(PoisonError::into_inner).remove(&schema.name().key());
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl RecordStore for DuckDbStore {
    #[instrument(name = "store.scan", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError> {
        let Table { ranges, committed, .. } = self.shared.table_of(schema)?;
        let (columns, commit_seq) = (scan_schema(schema, &request), *committed.borrow());
        let source = Source::Records { request, ranges, commit_seq };
        scan::scan(&self.shared.pool, Scan { schema: Arc::clone(schema), columns, source }).await
    }

    #[instrument(name = "store.record", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn record(&self, schema: &Arc<Schema>, id: RecordId) -> Result<Option<RecordBatch>, StoreError> {
        let table = self.shared.table_of(schema)?;
        match table.records.get(*id.as_uuid())? {
            Some(record) => Ok(Some(record)),
            None => reads::submit(&table.reads, id).await,
        }
    }

    #[instrument(name = "store.aggregate", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn aggregate(
        &self,
        schema: &Arc<Schema>,
        aggregation: &Aggregation,
        limit: Option<u64>,
    ) -> Result<RecordStream, StoreError> {
        self.shared.table_of(schema)?;
        let source = Source::Groups(sql::aggregate(schema, aggregation, limit));
        scan::scan(&self.shared.pool, Scan { schema: Arc::clone(schema), columns: aggregation.arrow(), source }).await
    }

    #[instrument(name = "store.count", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError> {
        self.shared.table_of(schema)?;
        let started = Instant::now();
        let statement = sql::count(schema, filter);
        let count = worker::read(&self.shared.pool, move |connection| {
            let mut prepared = connection.prepare_cached(&statement.sql).map_err(store_error)?;
            let count = prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get(0));
            count.map_err(store_error)
        })
        .await?;
        let name = schema.name();
        tracing::info!(schema.name = %name, count.rows = count, duration_ms = started.elapsed().as_secs_f64() * 1e3, "store count");
        Ok(count)
    }

    #[instrument(name = "store.explain", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn explain(&self, schema: &Arc<Schema>, request: &ReadRequest) -> Result<ReadPlan, StoreError> {
        let Table { ranges, committed, .. } = self.shared.table_of(schema)?;
        let (schema, request, commit_seq) = (Arc::clone(schema), request.clone(), *committed.borrow());
        let explain = move |connection: &_| explain::explain(connection, &schema, &request, &ranges, commit_seq);
        worker::read(&self.shared.pool, explain).await
    }

    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError> {
        self.shared.table_of(&request.schema)?;
        Ok(Box::new(StagedWriter::new(Arc::clone(&self.shared), request)))
    }

    #[instrument(name = "store.change", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn change(&self, schema: &Arc<Schema>, change: Change) -> Result<ChangeOutcome, StoreError> {
        let queue = self.shared.table_of(schema)?.queue;
        group::submit(&queue, change).await
    }

    #[instrument(name = "store.delete", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn delete(
        &self,
        schema: &Arc<Schema>,
        filter: &Filter,
        max_affected: u64,
    ) -> Result<DeleteOutcome, StoreError> {
        let started = Instant::now();
        let statement = sql::delete(schema, filter);
        let mut turn = self.shared.turn(schema).await?;
        let (name, schema) = (schema.name(), Arc::clone(schema));
        let outcome = worker::write(&self.shared.pool, move |connection| {
            let next = turn.counters().after(0);
            let records = turn.records();
            let _change = records.begin_change(Ids::All);
            let (rows, is_committed) = transaction(connection, || {
                let rows = connection
                    .execute(&statement.sql, params_from_iter(statement.values.iter()))
                    .map_err(store_error)? as u64;
                if rows == 0 || rows > max_affected {
                    return Ok(Decision::RollBack((rows, false)));
                }
                catalog::advance(connection, &schema, next)?;
                Ok(Decision::Commit((rows, true)))
            })?;
            if is_committed {
                turn.advance(next);
                return Ok(DeleteOutcome::Deleted(CommitReceipt { rows, commit_seq: next.commit_seq() }));
            }
            Ok(match rows {
                0 => DeleteOutcome::Deleted(turn.unchanged()),
                matching => DeleteOutcome::TooMany { matching },
            })
        })
        .await?;
        let (rows, duration_ms) = (outcome.deleted(), started.elapsed().as_secs_f64() * 1e3);
        tracing::info!(schema.name = %name, delete.rows = rows, duration_ms, "store delete");
        Ok(outcome)
    }

    async fn kept_answer(
        &self,
        schema: &Arc<Schema>,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.shared.table_of(schema)?;
        let (schema, key) = (Arc::clone(schema), key.to_owned());
        worker::read(&self.shared.pool, move |connection| catalog::kept_answer(connection, &schema, &key, since)).await
    }

    async fn commit_seq(&self, schema: &Arc<Schema>) -> Result<u64, StoreError> {
        Ok(*self.shared.table_of(schema)?.committed.borrow())
    }

    async fn wait_for_commit(
        &self,
        schema: &Arc<Schema>,
        commit_seq: u64,
        at_most: Duration,
    ) -> Result<(), StoreError> {
        let mut committed = self.shared.table_of(schema)?.committed.subscribe();
        let reached = committed.wait_for(|last| *last >= commit_seq);
        match tokio::time::timeout(at_most, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(schema_removed()),
            Err(_) => Err(StoreError::new(StoreErrorKind::Timeout, "the commit did not come in time")),
        }
    }

    #[instrument(name = "store.statistics", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError> {
        let filter = self.shared.table_of(schema)?.id_filter.status();
        let identity = IdentityStatistics {
            has_index: false,
            generated_ids: IdCheck::ByConstruction,
            given_ids: if filter.is_given_up { IdCheck::Scan } else { IdCheck::FilterThenScan },
            filter_bytes: filter.bytes,
        };
        let schema = Arc::clone(schema);
        worker::read(&self.shared.pool, move |connection| statistics(connection, &schema, identity)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        worker::read(&self.shared.pool, |connection| connection.execute_batch("SELECT 1").map_err(store_error)).await
    }

    fn figures(&self) -> StoreFigures {
        let PoolStatus { max_size, size, idle, waiting } = self.pool_status();
        StoreFigures {
            last_checkpoint: self.last_checkpoint(),
            records: self.shared.record_cache.figures(),
            connections: Some(ConnectionFigures { max: max_size, used: size.saturating_sub(idle), idle, waiting }),
        }
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { has_unique_keys: true, durability: Durability::Fsync }
    }
}
