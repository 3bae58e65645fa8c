//! What writers and readers share: the schemas, and the write locks.

pub(crate) mod activity;
pub(crate) mod change_queue;
pub(crate) mod copies;
pub(crate) mod flush;
pub(crate) mod identity;
pub(crate) mod indexing;
pub(crate) mod pending;
pub(crate) mod places;
pub(crate) mod ranges;
pub(crate) mod read_queue;
pub(crate) mod record_cache;
pub(crate) mod recorders;
pub(crate) mod seeking;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use eider_application::ports::{CommitReceipt, StoreError, StoreErrorKind};
use eider_domain::{Schema, SchemaName};
use eider_engine_duckdb::connection::{Pool, TableVersion};
use eider_engine_duckdb::error::{schema_changed, schema_removed};
use eider_engine_duckdb::{Connection, Relation};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, mpsc, watch};
use uuid::Uuid;

use crate::catalog::Counters;
use crate::file::change_log::ChangeLog;
use crate::file::names;
use crate::file::observed::Observed;
use crate::file::settings::StoreSettings;
use crate::index::tree::Tree;
use crate::table::activity::WriteActivity;
use crate::table::copies::Copies;
use crate::table::identity::{IdFilter, IdFilterGauge, StoredIds};
use crate::table::indexing::Indexes;
use crate::table::pending::Pending;
use crate::table::places::{Emptied, Places};
use crate::table::ranges::Ranges;
use crate::table::record_cache::{CachedRecords, RecordCache};
use crate::table::recorders::CommitRecorders;
use crate::table::recorders::EvolutionRecorders;
use crate::table::seeking::Contents;

/// What writers and readers share.
pub(crate) struct Shared {
    pub(crate) pool: Pool,
    pub(crate) settings: StoreSettings,
    pub(crate) change_log: ChangeLog,
    /// The entries of all indexes.
    pub(crate) tree: Arc<Tree>,
    /// What tells the store from every other, and from itself before it was restored.
    pub(crate) identity: Uuid,
    /// The schemas by key. Writes to it hold `catalog_gate`.
    pub(crate) tables: RwLock<BTreeMap<String, Table>>,
    /// What a checkpoint has to be taken of.
    pub(crate) activity: Arc<WriteActivity>,
    /// Lets one change of the catalog at a time be under way.
    pub(crate) catalog_gate: Arc<AsyncMutex<()>>,
    /// Lets one write at a time be committed that is too large for memory: the engine takes hundreds of megabytes for
    /// each.
    pub(crate) large_commits: AsyncMutex<()>,
    pub(crate) record_cache: Arc<RecordCache>,
    pub(crate) commits: CommitRecorders,
    pub(crate) evolutions: EvolutionRecorders,
    pub(crate) observed: Observed,
    pub(crate) copies: Arc<Copies>,
}

/// A schema, the lock that its writers take one by one, and the queues of changes and reads of single records.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) schema: Arc<Schema>,
    /// Its table, to be read from.
    pub(crate) relation: Arc<Relation>,
    pub(crate) writer: Arc<AsyncMutex<WriterState>>,
    pub(crate) id_filter: Arc<IdFilterGauge>,
    /// What is known of its records.
    pub(crate) contents: Arc<Contents>,
    pub(crate) reads: read_queue::Queue,
    pub(crate) ranges: Arc<Ranges>,
    /// The number of the last commit.
    pub(crate) committed: Arc<watch::Sender<u64>>,
    /// The numbers of commits that are not there any more.
    pub(crate) lost_commits: Arc<[RangeInclusive<u64>]>,
    pub(crate) queue: change_queue::Queue,
    /// The first use of a connection that certainly began after the last deletion from the table.
    pub(crate) deleted_before: Arc<AtomicU64>,
}

/// What the writers of a schema keep, one by one.
#[derive(Debug)]
pub(crate) struct WriterState {
    counters: Counters,
    ids: StoredIds,
}

/// The other ends of a table's queues.
pub(crate) struct Queues {
    pub(crate) changes: mpsc::Receiver<change_queue::Waiting>,
    pub(crate) reads: mpsc::Receiver<read_queue::Waiting>,
}

/// What every version of a table shares.
struct Lasting {
    writer: Arc<AsyncMutex<WriterState>>,
    id_filter: Arc<IdFilterGauge>,
    committed: Arc<watch::Sender<u64>>,
    lost_commits: Arc<[RangeInclusive<u64>]>,
    pending: Arc<Pending>,
    places: Arc<Places>,
    deleted_before: Arc<AtomicU64>,
}

/// What tells the tasks that serve every version of a table what is wanted of them.
pub(crate) struct Wanted {
    /// Filters over its ids.
    pub(crate) id_filters: mpsc::Receiver<IdFilter>,
    /// To store what is pending.
    pub(crate) flushes: mpsc::Receiver<()>,
    /// To bring up indexes.
    pub(crate) behind: mpsc::Receiver<()>,
}

impl Table {
    /// The table of a schema that this process did not know, its queues, and what is wanted of the tasks that serve it.
    pub(crate) fn new(
        schema: Schema,
        counters: Counters,
        lost_commits: Vec<RangeInclusive<u64>>,
        shared: &Shared,
    ) -> (Self, Queues, Wanted) {
        let id_filter = Arc::<IdFilterGauge>::default();
        let (ids, id_filters) = StoredIds::new(shared.settings.id_filter_bytes, Arc::clone(&id_filter));
        let committed = Arc::new(watch::Sender::new(counters.commit_seq()));
        let writer = Arc::new(AsyncMutex::new(WriterState { counters, ids }));
        let (pending, flushes) = Pending::new(counters.commit_seq());
        let lasting = Lasting {
            writer,
            id_filter,
            committed,
            lost_commits: lost_commits.into(),
            pending: Arc::new(pending),
            places: Arc::new(Places::new(counters.next_sequence())),
            deleted_before: Arc::default(),
        };
        let (tell, behind) = mpsc::channel(1);
        let indexes = Indexes::new(&shared.tree, &schema, counters.next_sequence(), tell);
        let (table, queues) = Self::of_version(schema, TableVersion::first(), lasting, indexes, shared);
        (table, queues, Wanted { id_filters, flushes, behind })
    }

    /// The table of the next version of its schema. Who waits for the write lock goes on waiting.
    pub(crate) fn evolved(self, next: Schema, version: TableVersion, shared: &Shared) -> (Self, Queues) {
        let Self { writer, id_filter, committed, lost_commits, contents, deleted_before, .. } = self;
        let (pending, places) = (Arc::clone(&contents.pending), Arc::clone(&contents.places));
        let indexes = contents.indexes.clone().evolved(&next, places.next());
        let lasting = Lasting { writer, id_filter, committed, lost_commits, pending, places, deleted_before };
        Self::of_version(next, version, lasting, indexes, shared)
    }

    fn of_version(
        schema: Schema,
        version: TableVersion,
        Lasting { writer, id_filter, committed, lost_commits, pending, places, deleted_before }: Lasting,
        indexes: Indexes,
        shared: &Shared,
    ) -> (Self, Queues) {
        let schema = Arc::new(schema);
        let relation = Relation::new(Arc::clone(&schema), names::table(&schema), version);
        let (queue, changes) = mpsc::channel(shared.settings.group.queue_length.max(1));
        let (reads, waiting_reads) = mpsc::channel(read_queue::QUEUE_LENGTH);
        let records = CachedRecords::new(Arc::clone(&shared.record_cache), Arc::clone(&schema));
        let contents = Arc::new(Contents { pending, places, indexes, records });
        let ranges = Arc::new(Ranges::new(shared.settings.least_ranged_rows));
        let queues = Queues { changes, reads: waiting_reads };
        (
            Self {
                schema,
                relation: Arc::new(relation),
                writer,
                id_filter,
                contents,
                reads,
                ranges,
                committed,
                lost_commits,
                queue,
                deleted_before,
            },
            queues,
        )
    }
}

/// What [`Shared::every_write_lock`] holds.
pub(crate) struct EveryWriteLock {
    _catalog: OwnedMutexGuard<()>,
    _writers: Vec<OwnedMutexGuard<WriterState>>,
    /// Each table that may have changes pending, and the right to change it.
    pub(crate) tables: Vec<(Table, OwnedMutexGuard<()>)>,
}

/// The write lock of one writer on a schema.
#[derive(Debug)]
pub(crate) struct WriteLock {
    writer: OwnedMutexGuard<WriterState>,
    table: Table,
    /// The right to change the table, where it is needed.
    _held: Option<OwnedMutexGuard<()>>,
    activity: Arc<WriteActivity>,
    pool: Pool,
}

impl WriteLock {
    pub(crate) fn counters(&self) -> Counters {
        self.writer.counters
    }

    /// What is known of the stored ids.
    pub(crate) fn ids(&mut self) -> &mut StoredIds {
        &mut self.writer.ids
    }

    /// The table that is written to.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// With the right to change the table.
    pub(crate) fn holding(self, held: OwnedMutexGuard<()>) -> Self {
        Self { _held: Some(held), ..self }
    }

    /// The uses of connections that may see what was deleted from the table: those before this.
    pub(crate) fn deleted_before(&self) -> u64 {
        self.table.deleted_before.load(Ordering::Acquire)
    }

    /// Takes note of a commit that has succeeded, and has deleted or replaced records.
    pub(crate) fn advance_deleted(&mut self, next: Counters) {
        self.table.deleted_before.fetch_max(self.pool.uses().mark(), Ordering::AcqRel);
        self.advance_appended(next);
    }

    /// Takes note of a commit that has succeeded, and has only added records.
    pub(crate) fn advance_appended(&mut self, next: Counters) {
        self.advance_logged(next);
        self.activity.wrote();
    }

    /// Takes note of a commit that the log has, and the table will have.
    pub(crate) fn advance_logged(&mut self, next: Counters) {
        self.writer.counters = next;
        self.table.committed.send_replace(next.commit_seq());
    }

    /// The receipt of a write that changes nothing.
    pub(crate) fn unchanged(&self) -> CommitReceipt {
        CommitReceipt { rows: 0, commit_seq: self.writer.counters.commit_seq() }
    }
}

impl Table {
    /// Tells of a commit of the table, by the connection that made it. What was pending is not of that kind.
    pub(crate) fn tell_of(&self, connection: &Connection, after: Counters, emptied: Emptied) {
        let Contents { places, indexes, .. } = &*self.contents;
        let (before, next) = (places.next(), after.next_sequence());
        if let Err(error) = indexes.catch_up(connection, &self.relation, before, next) {
            tracing::warn!(schema.name = %self.schema.name(), %error, "the indexes stay behind");
        }
        places.commit(next, emptied);
        indexes.tell_of_those_behind(next);
    }
}

impl Shared {
    pub(crate) fn table(&self, key: &str) -> Result<Table, StoreError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.get(key).cloned().ok_or_else(schema_removed)
    }

    /// The table of exactly this schema: not of one that was made anew under its name.
    pub(crate) fn table_of(&self, schema: &Arc<Schema>) -> Result<Table, StoreError> {
        let table = self.table(&schema.name().key())?;
        if Arc::ptr_eq(&table.schema, schema) {
            return Ok(table);
        }
        Err(if table.schema.is_version_of(schema) { schema_changed() } else { schema_removed() })
    }

    /// The version of a schema that there is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn current(&self, schema: &Schema) -> Result<Arc<Schema>, StoreError> {
        Ok(Arc::clone(self.relation_now(schema)?.schema()))
    }

    /// What the version of a schema that there is now is read from.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn relation_now(&self, schema: &Schema) -> Result<Arc<Relation>, StoreError> {
        Ok(self.table_now(schema)?.relation)
    }

    /// The table of the version of a schema that there is now.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) fn table_now(&self, schema: &Schema) -> Result<Table, StoreError> {
        let table = self.table(&schema.name().key())?;
        if table.schema.is_version_of(schema) { Ok(table) } else { Err(schema_removed()) }
    }

    /// Waits for the write lock of a schema. Never held while waiting for a client.
    ///
    /// # Errors
    /// `Unavailable` with the budget `writer`, `NotFound`, `SchemaChanged`.
    pub(crate) async fn write_lock(&self, schema: &Arc<Schema>) -> Result<WriteLock, StoreError> {
        let writer = self.table_of(schema)?.writer;
        let writer = tokio::time::timeout(self.settings.writer_wait, writer.lock_owned())
            .await
            .map_err(|_| StoreError::unavailable("writer", "other writes to the schema took too long"))?;
        // It may have been removed or changed while this waited.
        let table = self.table_of(schema)?;
        let (activity, pool) = (Arc::clone(&self.activity), self.pool.clone());
        Ok(WriteLock { writer, table, _held: None, activity, pool })
    }

    /// The write lock to store records that were found valid under a version of a schema's table, and the schema that there is now.
    ///
    /// # Errors
    /// As [`Shared::write_lock`]; `SchemaChanged` only when the records may not be valid any more.
    pub(crate) async fn write_lock_to_store(
        &self,
        schema: &Arc<Schema>,
        version: &TableVersion,
    ) -> Result<(WriteLock, Arc<Schema>), StoreError> {
        loop {
            let current = self.table(&schema.name().key())?;
            if !current.relation.version().is_of_the_table_of(version) {
                return Err(schema_removed());
            }
            if !current.schema.accepts_records_of(schema) {
                return Err(schema_changed());
            }
            match self.write_lock(&current.schema).await {
                Err(error) if error.kind() == StoreErrorKind::SchemaChanged => {}
                lock => return Ok((lock?, current.schema)),
            }
        }
    }

    /// Every schema with the number of its last commit.
    pub(crate) fn commits_of_schemas(&self) -> Vec<(SchemaName, u64)> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        tables.values().map(|table| (table.schema.name().clone(), *table.committed.borrow())).collect()
    }

    /// The write locks of all schemas and of the catalog: nothing is written while they are held.
    pub(crate) async fn every_write_lock(&self) -> EveryWriteLock {
        let catalog = Arc::clone(&self.catalog_gate).lock_owned().await;
        let tables: Vec<Table> = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.values().cloned().collect()
        };
        let (mut writers, mut held) = (Vec::with_capacity(tables.len()), Vec::with_capacity(tables.len()));
        for table in tables {
            writers.push(Arc::clone(&table.writer).lock_owned().await);
            let lock = Arc::clone(&table.contents.pending.table).lock_owned().await;
            held.push((table, lock));
        }
        EveryWriteLock { _catalog: catalog, _writers: writers, tables: held }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}
