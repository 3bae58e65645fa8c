//! The adapter: both ports on one instance.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;
use async_trait::async_trait;
use duckdb::params_from_iter;
use eider_application::{
    Backup, BatchWriter, Change, ChangeOutcome, CommitReceipt, DataProfile, DeleteOutcome, Durability,
    EvolutionOutcome, EvolutionRequest, IdCheck, IdentityStatistics, KeptAnswer, ProfileRequest, ReadPlan, ReadRequest,
    RecordStore, RecordStream, ScanRequest, SchemaCatalog, SchemaStatistics, SchemaVersion, StoreCapabilities,
    StoreError, StoreErrorKind, StoreFigures, SuggestionOutcome, SuggestionRequest, Validation, ValidationRequest,
    WriteRequest, blocking,
};
use eider_domain::{Aggregation, Filter, RecordId, Schema, SchemaName, Timestamp};
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tracing::{Instrument, instrument};

use crate::catalog::{self, Counters, LoadedSchema};
use crate::error::{internal, schema_removed, store_error};
use crate::evolution::{self, EvolutionRecorders, TableVersion};
use crate::figures::{CommitRecorders, Observation, Observed};
use crate::issues::IssueWriter;
use crate::pool::PoolStatus;
use crate::prepared::Prepared;
use crate::ranges::RangeStatus;
use crate::record_cache::{Ids, RecordCache};
use crate::scan::{Scan, Source, scan_schema};
use crate::shared::{Queues, Shared, Table};
use crate::statistics::{record_counts, statistics};
use crate::wal::CutLog;
use crate::worker::{Decision, transaction};
use crate::writer::StagedWriter;
use crate::{
    IdFilterStatus, StoreSettings, backup, checkpoint, engine, explain, figures, group, ident, identity, pool, profile,
    reads, scan, sql, suggestions, validation, wal, worker,
};

/// A store in one DuckDB file.
#[derive(Debug, Clone)]
pub struct DuckDbStore {
    pub(crate) shared: Arc<Shared>,
    /// What was cut off the log when the file was opened.
    cut_log: Option<Arc<CutLog>>,
}

impl DuckDbStore {
    /// Opens the file of the settings, or creates it.
    ///
    /// # Errors
    /// `Unavailable` when another process has the file, `Corrupt` when it is damaged, `Unsupported` when it belongs to
    /// another program or version. Nothing is ever recreated. A log that ends within a commit is copied before it is cut.
    #[instrument(name = "store.open", level = "debug", skip_all)]
    pub async fn open(settings: StoreSettings) -> Result<Self, StoreError> {
        let opening = settings.clone();
        let (connection, catalog, observed, cut_log) = blocking::run(move || {
            let cut_log = wal::prepare(&opening)?;
            let connection = engine::open(&opening)?;
            let catalog = catalog::load(&connection)?;
            tell_of(cut_log.as_ref(), &catalog.schemas);
            let observed = Observed::new(engine::connect(&connection)?, &opening)?;
            Ok::<_, StoreError>((connection, catalog, observed, cut_log))
        })
        .await??;
        let pool = pool::build(Arc::new(Mutex::new(connection)), &settings.pool)?;
        let idle = settings.checkpoint_after_idle;
        let (activity, catalog_gate) = (Arc::default(), Arc::default());
        let record_cache = Arc::new(RecordCache::new(settings.record_cache_bytes));
        let shared = Shared {
            pool,
            settings,
            identity: catalog.identity,
            tables: RwLock::default(),
            activity,
            catalog_gate,
            large_commits: AsyncMutex::default(),
            record_cache,
            commits: CommitRecorders::default(),
            evolutions: EvolutionRecorders::default(),
            observed,
            copies: Arc::default(),
        };
        let store = Self { shared: Arc::new(shared), cut_log: cut_log.map(Arc::new) };
        tokio::spawn(checkpoint::run(Arc::downgrade(&store.shared), idle));
        tokio::spawn(figures::run(Arc::downgrade(&store.shared)));
        for LoadedSchema { schema, counters, lost_commits } in catalog.schemas {
            store.add(schema, counters, lost_commits);
        }
        Ok(store)
    }

    /// Makes a schema of the file known, and begins to serve its queues.
    fn add(&self, schema: Schema, counters: Counters, lost_commits: Vec<RangeInclusive<u64>>) -> Arc<Schema> {
        let (table, queues, id_filters) = Table::new(schema, counters, lost_commits, &self.shared);
        tokio::spawn(identity::run(Arc::downgrade(&self.shared), Arc::clone(&table.schema), id_filters));
        self.serve(table, queues)
    }

    /// Makes the next version of a schema known in the place of the one before, and begins to serve its queues. Those of the
    /// one before end with what waits in them.
    pub(crate) fn add_version(&self, before: Table, next: Schema, version: TableVersion) -> Arc<Schema> {
        let (table, queues) = before.evolved(next, version, &self.shared);
        self.serve(table, queues)
    }

    fn serve(&self, table: Table, queues: Queues) -> Arc<Schema> {
        let schema = Arc::clone(&table.schema);
        let shared = || Arc::downgrade(&self.shared);
        let (records, version) = (Arc::clone(&table.records), table.version.clone());
        tokio::spawn(group::run(shared(), Arc::downgrade(&schema), version.clone(), queues.changes));
        tokio::spawn(reads::run(shared(), Arc::downgrade(&schema), (records, version), queues.reads));
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
        let turns = self.shared.every_turn().await;
        let checkpointed = checkpoint::take(&self.shared).await;
        drop(turns);
        self.shared.pool.close();
        tracing::info!(
            duration_ms = started.elapsed().as_secs_f64() * 1e3,
            is_checkpointed = checkpointed.is_ok(),
            "store closed"
        );
        checkpointed
    }

    /// What was cut off the log when the file was opened: a commit that was not finished, or one that was damaged.
    pub fn cut_log(&self) -> Option<&CutLog> {
        self.cut_log.as_deref()
    }

    /// Ends when the engine has stopped after a fatal error: nothing works until the file is opened again.
    pub async fn engine_stopped(&self) {
        pool::engine_stopped(&self.shared.pool).await;
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

/// Says what was cut off the log, and up to which commits its schemas go.
fn tell_of(cut_log: Option<&CutLog>, schemas: &[LoadedSchema]) {
    let Some(cut) = cut_log else { return };
    let is_named = |loaded: &&LoadedSchema| cut.schemas.contains(&ident::table_name(loaded.schema.name()));
    let last = schemas.iter().filter(is_named);
    let last = last.map(|loaded| format!("{} {}", loaded.schema.name(), loaded.counters.commit_seq()));
    tracing::warn!(
        wal.cut_bytes = cut.bytes,
        wal.whole_commits = cut.commits,
        wal.last_commits = ?last.collect::<Vec<_>>(),
        wal.copy = cut.copy.as_ref().map(|copy| copy.display().to_string()),
        "{}; the log as it was is kept. What was acknowledged is there, unless the log was damaged after it was written",
        cut.told()
    );
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
        let schema = schema.in_store(self.shared.identity);
        worker::write(&self.shared.pool, move |connection| {
            transaction(connection, || catalog::insert(connection, &schema).map(Decision::Commit))?;
            let _runtime = runtime.enter();
            Ok(store.add(schema, Counters::NEW, Vec::new()))
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
    async fn remove(&self, name: &SchemaName, expected: Option<&Arc<Schema>>) -> Result<(), StoreError> {
        let _one_at_a_time = self.shared.catalog_gate.lock().await;
        let (schema, turn) = loop {
            let schema = match expected {
                Some(expected) => Arc::clone(expected),
                None => self.shared.table(&name.key())?.schema,
            };
            match self.shared.turn(&schema).await {
                Err(error) if error.kind() == StoreErrorKind::SchemaChanged && expected.is_none() => {}
                turn => break (schema, turn?),
            }
        };
        let shared = Arc::clone(&self.shared);
        worker::write(&self.shared.pool, move |connection| {
            let _turn = turn;
            transaction(connection, || catalog::remove(connection, &schema).map(Decision::Commit))?;
            shared.tables.write().unwrap_or_else(PoisonError::into_inner).remove(&schema.name().key());
            Ok(())
        })
        .await
    }

    #[instrument(name = "store.evolve_schema", level = "debug", skip_all, fields(schema.name = %request.schema.name()))]
    async fn evolve(&self, request: EvolutionRequest) -> Result<EvolutionOutcome, StoreError> {
        evolution::evolve(self, request).await
    }

    async fn versions(&self, name: &SchemaName) -> Result<Vec<SchemaVersion>, StoreError> {
        let schema = self.shared.table(&name.key())?.schema;
        worker::read(&self.shared.pool, move |connection| catalog::versions(connection, &schema)).await
    }
}

#[async_trait]
impl RecordStore for DuckDbStore {
    #[instrument(name = "store.scan", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn scan(&self, schema: &Arc<Schema>, request: ScanRequest) -> Result<RecordStream, StoreError> {
        let Table { version, ranges, lookups, committed, .. } = self.shared.table_of(schema)?;
        let (columns, commit_seq) = (scan_schema(schema, &request), *committed.borrow());
        let source = Source::Records { request, ranges, lookups, commit_seq };
        let batch = self.shared.settings.scan_batch;
        scan::scan(&self.shared.pool, Scan { schema: Arc::clone(schema), version, columns, source, batch }).await
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
        let version = self.shared.table_of(schema)?.version;
        let (columns, batch) = (aggregation.arrow(), self.shared.settings.scan_batch);
        let groups = async |summation| {
            let (columns, version) = (Arc::clone(&columns), version.clone());
            let source = Source::Groups(sql::aggregate(schema, aggregation, limit, summation));
            scan::scan(&self.shared.pool, Scan { schema: Arc::clone(schema), version, columns, source, batch }).await
        };
        // Groups come in an order, so that they are all made before the first one comes.
        match groups(sql::Summation::Fast).await {
            Err(error) if error.kind() == StoreErrorKind::OutOfRange => groups(sql::Summation::Exact).await,
            outcome => outcome,
        }
    }

    #[instrument(name = "store.count", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn count(&self, schema: &Arc<Schema>, filter: &Filter) -> Result<u64, StoreError> {
        let version = self.shared.table_of(schema)?.version;
        let started = Instant::now();
        let statement = sql::count(schema, filter);
        let count = worker::read_version(&self.shared.pool, version, move |connection| {
            let mut prepared = Prepared::new(connection, &statement)?;
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
        let Table { version, ranges, lookups, committed, .. } = self.shared.table_of(schema)?;
        let (schema, request, commit_seq) = (Arc::clone(schema), request.clone(), *committed.borrow());
        let explain =
            move |connection: &_| explain::explain(connection, &schema, &request, (&ranges, &lookups), commit_seq);
        worker::read_version(&self.shared.pool, version, explain).await
    }

    #[instrument(name = "store.profile", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn profile(&self, schema: &Arc<Schema>, request: &ProfileRequest) -> Result<DataProfile, StoreError> {
        let version = self.shared.table_of(schema)?.version;
        let caller = Arc::new(());
        let (schema, request, waiting) = (Arc::clone(schema), request.clone(), Arc::downgrade(&caller));
        let profile = move |connection: &_| profile::profile(connection, (&schema, &version), &request, &waiting);
        worker::read(&self.shared.pool, profile).await
    }

    async fn begin_write(&self, request: WriteRequest) -> Result<Box<dyn BatchWriter>, StoreError> {
        let version = self.shared.table_of(&request.schema)?.version;
        Ok(Box::new(StagedWriter::new(Arc::clone(&self.shared), request, version)))
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
        let begun = Instant::now();
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
                turn.advance_deleted(next);
                return Ok(DeleteOutcome::Deleted(CommitReceipt { rows, commit_seq: next.commit_seq() }));
            }
            Ok(match rows {
                0 => DeleteOutcome::Deleted(turn.unchanged()),
                matching => DeleteOutcome::TooMany { matching },
            })
        })
        .await?;
        if outcome.deleted() > 0 {
            self.shared.commits.bulk_seconds.record(begun.elapsed().as_secs_f64());
        }
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
        let Table { committed, lost_commits, .. } = self.shared.table_of(schema)?;
        if lost_commits.iter().any(|range| range.contains(&commit_seq)) {
            let message = "the commit was lost when the store was restored";
            return Err(StoreError::new(StoreErrorKind::CommitLost, message));
        }
        let mut committed = committed.subscribe();
        let reached = committed.wait_for(|last| *last >= commit_seq);
        match tokio::time::timeout(at_most, reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(schema_removed()),
            Err(_) => Err(StoreError::new(StoreErrorKind::Timeout, "the commit did not come in time")),
        }
    }

    #[instrument(name = "store.statistics", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn statistics(&self, schema: &Arc<Schema>) -> Result<SchemaStatistics, StoreError> {
        let Table { id_filter, version, .. } = self.shared.table_of(schema)?;
        let filter = id_filter.status();
        let identity = IdentityStatistics {
            has_index: false,
            generated_ids: IdCheck::ByConstruction,
            given_ids: if filter.is_given_up { IdCheck::Scan } else { IdCheck::FilterThenScan },
            filter_bytes: filter.bytes,
        };
        let schema = Arc::clone(schema);
        let count = move |connection: &_| statistics(connection, &schema, identity);
        worker::read_version(&self.shared.pool, version, count).await
    }

    #[instrument(name = "store.record_counts", level = "debug", skip_all)]
    async fn record_counts(&self, schemas: &[Arc<Schema>]) -> Result<Vec<Option<u64>>, StoreError> {
        let (shared, schemas) = (Arc::clone(&self.shared), schemas.to_vec());
        worker::read(&self.shared.pool, move |connection| record_counts(connection, &shared, &schemas)).await
    }

    #[instrument(name = "store.validate", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn validate(&self, schema: &Arc<Schema>, request: ValidationRequest) -> Result<Validation, StoreError> {
        let version = self.shared.table_of(schema)?.version;
        let (schema, directory) = (Arc::clone(schema), self.shared.settings.temp_directory.clone());
        let waiting = Arc::new(());
        let caller = Arc::downgrade(&waiting);
        let issues = IssueWriter::new(directory, request.max_issue_bytes, request.rules.len());
        let validate =
            move |connection: &_| validation::validate(connection, (&schema, &version), &request, issues, &caller);
        let validation = worker::read(&self.shared.pool, validate).await;
        drop(waiting);
        validation
    }

    #[instrument(name = "store.apply_suggestions", level = "debug", skip_all, fields(schema.name = %schema.name()))]
    async fn apply_suggestions(
        &self,
        schema: &Arc<Schema>,
        request: SuggestionRequest,
    ) -> Result<SuggestionOutcome, StoreError> {
        suggestions::apply(&self.shared, schema, request).await
    }

    #[instrument(name = "store.backup", level = "debug", skip_all)]
    async fn backup(&self) -> Result<Backup, StoreError> {
        // To its end, also when nobody waits for it any more: the turns are held as long as the checkpoint runs.
        let begun = tokio::spawn(backup::begin(Arc::clone(&self.shared)).in_current_span());
        begun.await.map_err(|error| internal("the backup did not begin").with_source(error))?
    }

    async fn check(&self) -> Result<(), StoreError> {
        worker::read(&self.shared.pool, |connection| connection.execute_batch("SELECT 1").map_err(store_error)).await
    }

    fn figures(&self) -> StoreFigures {
        let Shared { activity, commits, evolutions, observed, pool, record_cache, .. } = &*self.shared;
        let Observation { engine_memory, files } = observed.last();
        StoreFigures {
            last_checkpoint: self.last_checkpoint(),
            checkpoints: Some(activity.figures()),
            commits: Some(commits.figures()),
            evolutions: Some(evolutions.figures()),
            connections: Some(pool::figures(pool)),
            records: record_cache.figures(),
            engine_memory: Some(engine_memory),
            files: Some(files),
        }
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { has_unique_keys: true, durability: Durability::Fsync }
    }
}
