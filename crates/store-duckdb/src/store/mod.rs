//! The adapter: every role of a store, on one instance.

mod evolution;
mod reading;
mod writing;

use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use eider_application::ports::{
    Aggregator, BackupMethod, BackupSource, Durability, EvolutionOutcome, EvolutionRequest, Explainer,
    IdempotencyRecords, Indexes, Profiler, Reads, RuleChecker, SchemaCatalog, SchemaEvolution, SchemaVersion, Store,
    StoreCapabilities, StoreError, StoreErrorKind, StoreMetrics, Writers,
};
use eider_application::runtime::blocking;
use eider_domain::{Schema, SchemaName};
use eider_engine_duckdb::connection::worker::{Decision, transaction};
use eider_engine_duckdb::connection::{Pool, PoolStatus, TableVersion, connect, worker};
use eider_engine_duckdb::error::{internal, store_error};
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;
use tracing::instrument;

use crate::catalog::{self, Counters, LoadedSchema};
use crate::file::instance;
use crate::file::names;
use crate::file::observed::{Observation, Observed};
use crate::file::settings::StoreSettings;
use crate::file::statistics::{PendingStatistics, StoreStatistics};
use crate::index::tree::Tree;
use crate::operate::checkpoint;
use crate::operate::observing;
use crate::operate::wal;
use crate::operate::wal::CutLog;
use crate::read::reads;
use crate::table::flush::{self, table_lock};
use crate::table::identity::IdFilterStatus;
use crate::table::ranges::RangeStatus;
use crate::table::record_cache::RecordCache;
use crate::table::recorders::CommitRecorders;
use crate::table::recorders::EvolutionRecorders;
use crate::table::{Queues, Shared, Table, Wanted};
use crate::write::group;
use crate::write::id_filters;
use crate::write::indexing;
use crate::write::replay;

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
        let (connection, catalog, observed, cut_log, change_log, tree) = blocking::run(move || {
            let cut_log = wal::prepare(&opening)?;
            let connection = instance::open(&opening)?;
            // Making it anew waits for the disk. Nobody else has the file now.
            let (directory, cache) = (names::index_directory(&opening.path), opening.index_cache_bytes);
            let tree = thread::spawn(move || Tree::open(&directory, cache));
            let mut catalog = catalog::load(&connection)?;
            tell_of(cut_log.as_ref(), &catalog.schemas);
            let change_log = replay::open(&connection, &mut catalog, &opening)?;
            let observed = Observed::new(connect(&connection)?, &opening)?;
            let tree = tree.join().map_err(|_| internal("the indexes could not be opened"))?;
            Ok::<_, StoreError>((connection, catalog, observed, cut_log, change_log, Arc::new(tree)))
        })
        .await??;
        let pool = Pool::new(connection, &settings.pool)?;
        let idle = settings.checkpoint_after_idle;
        let (activity, catalog_gate) = (Arc::default(), Arc::default());
        let record_cache = Arc::new(RecordCache::new(settings.record_cache_bytes));
        let shared = Shared {
            pool,
            settings,
            change_log,
            tree,
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
        tokio::spawn(observing::run(Arc::downgrade(&store.shared)));
        let (adding, runtime) = (store.clone(), Handle::current());
        blocking::run(move || {
            let _runtime = runtime.enter();
            for LoadedSchema { schema, counters, lost_commits } in catalog.schemas {
                adding.add(schema, counters, lost_commits);
            }
        })
        .await?;
        Ok(store)
    }

    /// The table of a schema, once it has everything that is committed now.
    ///
    /// # Errors
    /// As [`Shared::table_of`] and [`flush::settle`].
    pub(crate) async fn settled(&self, schema: &Arc<Schema>) -> Result<Table, StoreError> {
        let table = self.shared.table_of(schema)?;
        flush::settle(&self.shared, &table).await?;
        Ok(table)
    }

    /// Makes a schema of the file known, and begins to serve its queues.
    fn add(&self, schema: Schema, counters: Counters, lost_commits: Vec<RangeInclusive<u64>>) -> Arc<Schema> {
        let (table, queues, wanted) = Table::new(schema, counters, lost_commits, &self.shared);
        let Wanted { id_filters, flushes, behind } = wanted;
        // Once it is known: they end when it is not.
        let schema = self.serve(table, queues);
        tokio::spawn(indexing::run(Arc::downgrade(&self.shared), Arc::clone(&schema), behind));
        tokio::spawn(id_filters::run(Arc::downgrade(&self.shared), Arc::clone(&schema), id_filters));
        tokio::spawn(flush::run(Arc::downgrade(&self.shared), Arc::clone(&schema), flushes));
        schema
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
        let contents = Arc::clone(&table.contents);
        let version = table.relation.version().clone();
        tokio::spawn(group::run(shared(), Arc::downgrade(&schema), version, queues.changes));
        tokio::spawn(reads::run(shared(), Arc::downgrade(&table.relation), contents, queues.reads));
        let contents = Arc::clone(&table.contents);
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.insert(schema.name().key(), table);
        drop(tables);
        // Not before: whoever is told looks at the version that is known.
        contents.indexes.tell_of_those_behind(contents.places.next());
        schema
    }

    /// Checkpoints and refuses further work. What still runs keeps its connection until it ends.
    ///
    /// # Errors
    /// When the checkpoint fails; what was acknowledged is in the log and safe all the same.
    #[instrument(name = "store.close", level = "debug", skip_all)]
    pub async fn close(&self) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut locks = self.shared.every_write_lock().await;
        if let Err(error) = flush::store_every(&self.shared, &mut locks).await {
            tracing::warn!(%error, "changes stay in the log, for the next start");
        }
        let checkpointed = checkpoint::take(&self.shared).await;
        drop(locks);
        self.shared.pool.close();
        let tree = Arc::clone(&self.shared.tree);
        blocking::run(move || tree.close()).await?;
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
        self.shared.pool.engine_stopped().await;
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

    /// Metrics for those who operate the store. Cheap, and never blocks.
    pub fn store_statistics(&self) -> StoreStatistics {
        let Shared { activity, commits, evolutions, observed, pool, record_cache, .. } = &*self.shared;
        let Observation { engine_memory, files } = observed.last();
        let tables = self.shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        let pending = tables
            .values()
            .map(|table| table.contents.pending.size())
            .fold((0, 0), |(records, bytes), (more, size)| (records + more as u64, bytes + size as u64));
        drop(tables);
        StoreStatistics {
            pending: PendingStatistics { records: pending.0, bytes: pending.1 },
            last_checkpoint: self.last_checkpoint(),
            checkpoints: Some(activity.statistics()),
            commits: Some(commits.statistics()),
            evolutions: Some(evolutions.statistics()),
            connections: Some(pool.statistics()),
            records: record_cache.statistics(),
            engine_memory: Some(engine_memory),
            files: Some(files),
        }
    }

    /// How the connections are used right now.
    pub fn pool_status(&self) -> PoolStatus {
        self.shared.pool.status()
    }
}

/// Says what was cut off the log, and up to which commits its schemas go.
fn tell_of(cut_log: Option<&CutLog>, schemas: &[LoadedSchema]) {
    let Some(cut) = cut_log else { return };
    let is_named = |loaded: &&LoadedSchema| cut.schemas.contains(&names::table_name(loaded.schema.name()));
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
        let (schema, lock) = loop {
            let schema = match expected {
                Some(expected) => Arc::clone(expected),
                None => self.shared.table(&name.key())?.schema,
            };
            match table_lock(&self.shared, &schema).await {
                Err(error) if error.kind() == StoreErrorKind::SchemaChanged && expected.is_none() => {}
                lock => break (schema, lock?),
            }
        };
        let shared = Arc::clone(&self.shared);
        // Entries that are left would be taken for those of a schema that is created under the name again.
        shared.change_log.clear(&schema.name().key()).await?;
        worker::write(&self.shared.pool, move |connection| {
            let _lock = lock;
            transaction(connection, || catalog::remove(connection, &schema).map(Decision::Commit))?;
            let removed = shared.tables.write().unwrap_or_else(PoisonError::into_inner).remove(&schema.name().key());
            if let Some(table) = removed {
                table.contents.indexes.forget(&schema);
            }
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl SchemaEvolution for DuckDbStore {
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
impl Store for DuckDbStore {
    async fn check(&self) -> Result<(), StoreError> {
        worker::read(&self.shared.pool, |connection| connection.execute_batch("SELECT 1").map_err(store_error)).await
    }

    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities {
            durability: Durability::Fsync,
            has_unique_keys: true,
            indexes: Indexes::Exact,
            writers: Writers::OneProcess,
            reads: Reads::OneNode,
            backup: BackupMethod::File,
            keeps_snapshots: false,
        }
    }

    fn metrics(&self) -> StoreMetrics {
        self.store_statistics().into_metrics()
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

    fn backups(&self) -> Option<&dyn BackupSource> {
        Some(self)
    }
}
