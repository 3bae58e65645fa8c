//! A change of a schema: its table, its indexes and the catalog, in one transaction.
//!
//! The writer's turn is held throughout, so that nothing is stored under the old schema while the new one is made. Reads
//! go on: those that have begun keep their snapshot, and those that begin while the change is committed are told so. Indexes
//! that they must not see are made in a transaction behind it, once they have ended or given their first rows.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use duckdb::Connection;
use eider_application::recorder::{Recorder, SECONDS};
use eider_application::{
    CONTRADICTION_SAMPLE, Contradiction, Contradictions, EvolutionOutcome, EvolutionRequest, ScanRequest, StoreError,
};
use eider_domain::{Projection, RecordId, RecordQuery, Schema};
use tokio::runtime::Handle;
use tracing::Instrument;

use crate::catalog;
use crate::commit::ids_of;
use crate::error::{internal, schema_changed, store_error};
use crate::figures::EvolutionFigures;
use crate::ident::CATALOG;
use crate::pool;
use crate::scan::{port_batch, scan_schema};
use crate::shared::Turn;
use crate::sql::{self, Alteration};
use crate::store::DuckDbStore;
use crate::uses::Waiting;
use crate::worker::{self, Decision, transaction};

/// Tells a version of a schema's table from those before and after it.
#[derive(Debug, Clone)]
pub(crate) struct TableVersion {
    /// Grows by 1 when a change is about to be committed, and by 1 again when its schema is known. Shared by all versions.
    current: Arc<AtomicU64>,
    own: u64,
}

impl TableVersion {
    /// Of a table that is new.
    pub(crate) fn first() -> Self {
        Self { current: Arc::default(), own: 0 }
    }

    fn next(&self) -> Self {
        Self { current: Arc::clone(&self.current), own: self.own + 2 }
    }

    /// Whether both are of one table, and not of one that was made anew under its name.
    pub(crate) fn is_of_the_table_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.current, &other.current)
    }

    /// Fails unless the table is of this version: what was bound to it before the call is.
    ///
    /// # Errors
    /// `SchemaChanged`.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.current.load(Ordering::SeqCst) == self.own { Ok(()) } else { Err(schema_changed()) }
    }

    /// Runs a query on the table, the outcome of which counts only when the table was of this version throughout.
    pub(crate) fn during<T>(&self, query: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let outcome = query();
        self.check().and(outcome)
    }
}

/// While it is held the version of a table is open. Dropped before the next version was made known, it leaves the one before.
struct Changing(TableVersion);

impl Changing {
    fn begin(version: TableVersion) -> Self {
        version.current.store(version.own + 1, Ordering::SeqCst);
        Self(version)
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        let (from, to) = (self.0.own + 1, self.0.own);
        // Nothing else ends it: the turn is held.
        let _ = self.0.current.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    }
}

/// How changes of schemas went, and how far those are that run.
#[derive(Debug)]
pub(crate) struct EvolutionRecorders {
    seconds: Recorder,
    steps: AtomicU64,
    steps_done: AtomicU64,
}

impl Default for EvolutionRecorders {
    fn default() -> Self {
        Self { seconds: Recorder::new(SECONDS), steps: AtomicU64::new(0), steps_done: AtomicU64::new(0) }
    }
}

impl EvolutionRecorders {
    pub(crate) fn figures(&self) -> EvolutionFigures {
        EvolutionFigures {
            seconds: self.seconds.distribution(),
            steps: self.steps.load(Ordering::Relaxed),
            steps_done: self.steps_done.load(Ordering::Relaxed),
        }
    }
}

/// A change that runs, among the figures until it is dropped.
struct Running<'r> {
    recorders: &'r EvolutionRecorders,
    /// `None` for the rest of a change that is timed already.
    began: Option<Instant>,
    steps: u64,
    done: Cell<u64>,
}

impl<'r> Running<'r> {
    fn begin(recorders: &'r EvolutionRecorders, steps: usize) -> Self {
        recorders.steps.fetch_add(steps as u64, Ordering::Relaxed);
        Self { recorders, began: Some(Instant::now()), steps: steps as u64, done: Cell::new(0) }
    }

    fn begin_rest(recorders: &'r EvolutionRecorders, steps: usize) -> Self {
        let mut running = Self::begin(recorders, steps);
        running.began = None;
        running
    }

    fn step(&self) {
        self.done.set(self.done.get() + 1);
        self.recorders.steps_done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.recorders.steps.fetch_sub(self.steps, Ordering::Relaxed);
        self.recorders.steps_done.fetch_sub(self.done.get(), Ordering::Relaxed);
        if let Some(began) = self.began {
            self.recorders.seconds.record(began.elapsed().as_secs_f64());
        }
    }
}

/// Changes a schema, or finds out what keeps it from being changed.
pub(crate) async fn evolve(store: &DuckDbStore, request: EvolutionRequest) -> Result<EvolutionOutcome, StoreError> {
    let started = Instant::now();
    let (name, is_dry_run) = (request.schema.name().clone(), request.is_dry_run);
    let outcome = change(store, request).await;
    let duration_ms = started.elapsed().as_secs_f64() * 1e3;
    match &outcome {
        Ok(EvolutionOutcome::Evolved(schema)) => {
            store.shared.activity.wrote();
            tracing::info!(schema.name = %name, schema.version = schema.version(), duration_ms, "schema changed");
        }
        Ok(EvolutionOutcome::Contradicted(found)) => {
            tracing::info!(schema.name = %name, contradictions = found.len(), is_dry_run, duration_ms, "schema not changed");
        }
        Ok(EvolutionOutcome::Possible) | Err(_) => {}
    }
    outcome
}

/// Looks at what is stored, waits for those that began before, and changes the table; all in the turn of a writer.
async fn change(store: &DuckDbStore, request: EvolutionRequest) -> Result<EvolutionOutcome, StoreError> {
    let pool = &store.shared.pool;
    let turn = store.shared.turn(&request.schema).await?;
    let (turn, request, found) = worker::write(pool, move |connection| {
        let found = contradictions(connection, &request)?;
        Ok((turn, request, found))
    })
    .await?;
    if !found.is_empty() {
        return Ok(EvolutionOutcome::Contradicted(found));
    }
    if request.is_dry_run {
        return Ok(EvolutionOutcome::Possible);
    }
    let (next, alteration) = next_of(&request);
    if !alteration.is_empty() {
        pool::uses(pool)
            .wait_for_those_before(turn.deleted_before(), Waiting::ForAll, store.shared.settings.change_patience)
            .await?;
    }
    // To its end, also when nobody waits for it any more: what the first transaction leaves to the second is done.
    let changed = tokio::spawn(carry_out(store.clone(), turn, request, next, alteration).in_current_span());
    changed.await.map_err(|error| internal("the change did not end").with_source(error))?.map(EvolutionOutcome::Evolved)
}

/// Changes the table, and makes the indexes that reads of the table as it was must not see.
async fn carry_out(
    store: DuckDbStore,
    turn: Turn,
    request: EvolutionRequest,
    next: Schema,
    alteration: Alteration,
) -> Result<Arc<Schema>, StoreError> {
    let pool = &store.shared.pool;
    let (inner, runtime) = (store.clone(), Handle::current());
    let (turn, schema, late) = worker::write(pool, move |connection| {
        // The engine takes deleted rows out of the indexes before a transaction has ended. After this one nothing is left
        // of what those before have deleted.
        transaction(connection, || {
            connection.execute_batch(&format!("SELECT version FROM {CATALOG}.format")).map_err(store_error)?;
            Ok(Decision::Commit(()))
        })?;
        let _runtime = runtime.enter();
        let schema = apply(&inner, connection, &request, next, &alteration)?;
        Ok((turn, schema, alteration.late))
    })
    .await?;
    if late.is_empty() {
        return Ok(schema);
    }
    let (uses, patience) = (pool::uses(pool), store.shared.settings.change_patience);
    let mark = uses.mark();
    while let Err(error) = uses.wait_for_those_before(mark, Waiting::ForUnopened, patience).await {
        tracing::warn!(schema.name = %schema.name(), %error, "an index still waits to be made");
    }
    let (inner, name) = (store.clone(), schema.name().clone());
    let made = worker::write(pool, move |connection| {
        let _turn = turn;
        let running = Running::begin_rest(&inner.shared.evolutions, late.len());
        late.iter().try_for_each(|sql| {
            tracing::debug!(schema.name = %name, statement = sql, "schema change");
            connection.execute_batch(sql).map_err(store_error).inspect(|()| running.step())
        })
    });
    if let Err(error) = made.await {
        // The change is made; what is not there is made again when the file is opened.
        tracing::error!(schema.name = %schema.name(), %error, "an index could not be made; the next start makes it");
    }
    Ok(schema)
}

/// The schema that a change makes, and what makes its table.
fn next_of(EvolutionRequest { schema: before, evolution, .. }: &EvolutionRequest) -> (Schema, Alteration) {
    let next = before.evolved(evolution);
    let alteration = sql::alteration(before, evolution, &next);
    (next, alteration)
}

fn apply(
    store: &DuckDbStore,
    connection: &Connection,
    request: &EvolutionRequest,
    next: Schema,
    alteration: &Alteration,
) -> Result<Arc<Schema>, StoreError> {
    let before = &request.schema;
    let table = store.shared.table_of(before)?;
    let execute = |sql: &str| connection.execute_batch(sql).map_err(store_error);
    let running = Running::begin(&store.shared.evolutions, alteration.unindexed.len() + alteration.steps.len());
    let step = |sql: &str| {
        tracing::debug!(schema.name = %before.name(), statement = sql, "schema change");
        execute(sql).inspect(|()| running.step())
    };
    let (mut unindexed, mut changing) = (0, None);
    let changed = alteration.unindexed.iter().try_for_each(|(drop, _)| step(drop).inspect(|()| unindexed += 1));
    let changed = changed.and_then(|()| {
        transaction(connection, || {
            alteration.steps.iter().try_for_each(|sql| step(sql))?;
            catalog::replace(connection, &next, request.at)?;
            changing = Some(Changing::begin(table.version.clone()));
            Ok(Decision::Commit(()))
        })
    });
    if let Err(error) = changed {
        // Reads of the version that stays need not wait for its indexes.
        drop(changing);
        // What was lost to a failure here is made again when the file is opened.
        for (_, create) in &alteration.unindexed[..unindexed] {
            if let Err(error) = execute(create) {
                tracing::warn!(schema.name = %before.name(), %error, "an index could not be made again");
            }
        }
        return Err(error);
    }
    let version = table.version.next();
    let schema = store.add_version(table, next, version.clone());
    version.current.store(version.own, Ordering::SeqCst);
    drop(changing);
    Ok(schema)
}

/// What stored records have against a change.
fn contradictions(connection: &Connection, request: &EvolutionRequest) -> Result<Vec<Contradiction>, StoreError> {
    let EvolutionRequest { schema, evolution, .. } = request;
    let mut found = by_themselves(connection, request)?;
    let next = schema.evolved(evolution);
    for key in evolution.new_keys(schema, &next) {
        // What is added has its default in every record.
        let properties: Vec<usize> = key.origins.iter().copied().flatten().collect();
        let (mut records, mut sample) = (0, Vec::new());
        let mut prepared = connection.prepare(&sql::duplicates(schema, &properties)).map_err(store_error)?;
        for batch in prepared.stream_arrow([]).map_err(store_error)? {
            let batch = batch.map_err(store_error)?;
            records += batch.num_rows() as u64;
            let room = CONTRADICTION_SAMPLE - sample.len();
            sample.extend(ids_of(&batch).take(room).map(RecordId::new));
        }
        if records > 0 {
            found.push(Contradiction::of_key(&key, records, sample));
        }
    }
    Ok(found)
}

/// What records have against it by themselves.
fn by_themselves(connection: &Connection, request: &EvolutionRequest) -> Result<Vec<Contradiction>, StoreError> {
    let schema = &request.schema;
    let mut contradictions = Contradictions::new(&request.evolution, schema);
    if contradictions.asks_nothing() {
        return Ok(Vec::new());
    }
    let projection = Projection::of(schema, contradictions.fields().to_vec());
    let scan = ScanRequest::new(RecordQuery { projection, ..RecordQuery::everything(schema) });
    let columns = scan_schema(schema, &scan);
    let mut prepared = connection.prepare(&sql::scan(schema, &scan).sql).map_err(store_error)?;
    for batch in prepared.stream_arrow([]).map_err(store_error)? {
        contradictions.look_at(&port_batch(&batch.map_err(store_error)?, &columns)?);
    }
    Ok(contradictions.into_found())
}
