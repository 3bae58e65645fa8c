//! A change of a schema: its table and the catalog, in one transaction.
//!
//! The write lock is held throughout, so that nothing is stored under the old schema while the new one is made. Reads
//! go on: those that have begun keep their snapshot, and those that begin while the change is committed are told so.
//! New indexes of a large table are made beside everybody, once the change is done.

use std::sync::Arc;
use std::time::Instant;

use eider_application::ports::{
    EXISTING_VIOLATION_SAMPLE, EvolutionOutcome, EvolutionRequest, ExistingDataViolation, ScanRequest, StoreError,
};
use eider_application::quality::ExistingDataCheck;
use eider_domain::{Projection, RecordId, RecordQuery, Schema};
use eider_engine_duckdb::columns::ids_of;
use eider_engine_duckdb::columns::{port_batch, scan_schema};
use eider_engine_duckdb::connection::worker::{self, Decision, transaction};
use eider_engine_duckdb::connection::{Changing, Waiting};
use eider_engine_duckdb::error::{internal, store_error};
use eider_engine_duckdb::{Connection, Relation};
use tokio::runtime::Handle;
use tracing::Instrument;

use super::DuckDbStore;
use crate::catalog;
use crate::file::names::CATALOG;
use crate::sql;
use crate::table::WriteLock;
use crate::table::flush::table_lock;
use crate::table::recorders::Running;

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

/// Looks at what is stored, waits for those that began before, and changes the table; all under the write lock.
async fn change(store: &DuckDbStore, request: EvolutionRequest) -> Result<EvolutionOutcome, StoreError> {
    let pool = &store.shared.pool;
    // The lock goes through every step. Given back in between, a write could store under the old schema what was just
    // looked for and not found.
    let lock = table_lock(&store.shared, &request.schema).await?;
    let relation = store.shared.table_of(&request.schema)?.relation;
    let (lock, request, found) = worker::write(pool, move |connection| {
        let found = existing_violations(connection, &relation, &request)?;
        Ok((lock, request, found))
    })
    .await?;
    if !found.is_empty() {
        return Ok(EvolutionOutcome::Contradicted(found));
    }
    if request.is_dry_run {
        return Ok(EvolutionOutcome::Possible);
    }
    let (next, steps) = next_of(&request);
    // The engine cleans up after deletions once the reads from before have ended, and must not find another table then
    // (decision 17).
    if !steps.is_empty() {
        pool.uses()
            .wait_for_those_before(lock.deleted_before(), Waiting::ForAll, store.shared.settings.change_patience)
            .await?;
    }
    // To its end, also when nobody waits for it any more.
    let changed = tokio::spawn(carry_out(store.clone(), lock, request, next, steps).in_current_span());
    changed.await.map_err(|error| internal("the change did not end").with_source(error))?.map(EvolutionOutcome::Evolved)
}

/// Changes the table.
async fn carry_out(
    store: DuckDbStore,
    lock: WriteLock,
    request: EvolutionRequest,
    next: Schema,
    steps: Vec<String>,
) -> Result<Arc<Schema>, StoreError> {
    let pool = &store.shared.pool;
    let (inner, runtime) = (store.clone(), Handle::current());
    worker::write(pool, move |connection| {
        // What older transactions have deleted is cleaned up before this one has ended: nothing of it is left after.
        transaction(connection, || {
            connection.execute_batch(&format!("SELECT version FROM {CATALOG}.format")).map_err(store_error)?;
            Ok(Decision::Commit(()))
        })?;
        let _runtime = runtime.enter();
        let schema = apply(&inner, connection, &request, next, &steps)?;
        let table = inner.shared.table_of(&schema)?;
        if let Err(error) = table.contents.indexes.begin(connection, &table.relation, table.contents.places.next()) {
            tracing::warn!(schema.name = %schema.name(), %error, "new indexes are made later");
        }
        drop(lock);
        Ok(schema)
    })
    .await
}

/// The schema that a change makes, and the statements that make its table.
fn next_of(EvolutionRequest { schema: before, evolution, .. }: &EvolutionRequest) -> (Schema, Vec<String>) {
    let next = before.evolved(evolution);
    let steps = sql::alteration(before, evolution, &next);
    (next, steps)
}

fn apply(
    store: &DuckDbStore,
    connection: &Connection,
    request: &EvolutionRequest,
    next: Schema,
    steps: &[String],
) -> Result<Arc<Schema>, StoreError> {
    let before = &request.schema;
    let table = store.shared.table_of(before)?;
    let running = Running::begin(&store.shared.evolutions, steps.len());
    let mut changing = None;
    transaction(connection, || {
        for sql in steps {
            tracing::debug!(schema.name = %before.name(), statement = sql, "schema change");
            connection.execute_batch(sql).map_err(store_error).inspect(|()| running.step())?;
        }
        catalog::replace(connection, &next, request.at)?;
        // From just before the commit until the next version is current, no read knows which of two tables it was
        // bound to. It fails with `SchemaChanged` and is made again; without this it would read columns by the
        // places of the other.
        changing = Some(Changing::begin(table.relation.version().clone()));
        Ok(Decision::Commit(()))
    })?;
    let version = table.relation.version().next();
    let schema = store.add_version(table, next, version.clone());
    version.make_current();
    drop(changing);
    Ok(schema)
}

/// What stored records have against a change.
fn existing_violations(
    connection: &Connection,
    relation: &Relation,
    request: &EvolutionRequest,
) -> Result<Vec<ExistingDataViolation>, StoreError> {
    let EvolutionRequest { schema, evolution, .. } = request;
    let mut found = by_themselves(connection, relation, request)?;
    let next = schema.evolved(evolution);
    for key in evolution.new_keys(schema, &next) {
        // What is added has its default in every record.
        let properties: Vec<usize> = key.origins.iter().copied().flatten().collect();
        let (mut records, mut sample) = (0, Vec::new());
        let mut prepared = connection.prepare(&sql::duplicates(schema, &properties)).map_err(store_error)?;
        for batch in prepared.stream_arrow([]).map_err(store_error)? {
            let batch = batch.map_err(store_error)?;
            records += batch.num_rows() as u64;
            let room = EXISTING_VIOLATION_SAMPLE - sample.len();
            sample.extend(ids_of(&batch).take(room).map(RecordId::new));
        }
        if records > 0 {
            found.push(ExistingDataViolation::of_key(&key, records, sample));
        }
    }
    Ok(found)
}

/// What records have against it by themselves.
fn by_themselves(
    connection: &Connection,
    relation: &Relation,
    request: &EvolutionRequest,
) -> Result<Vec<ExistingDataViolation>, StoreError> {
    let schema = &request.schema;
    let mut check = ExistingDataCheck::new(&request.evolution, schema);
    if check.asks_nothing() {
        return Ok(Vec::new());
    }
    let projection = Projection::of(schema, check.fields().to_vec());
    let scan = ScanRequest::new(RecordQuery { projection, ..RecordQuery::everything(schema) });
    let columns = scan_schema(schema, &scan);
    let mut prepared = connection.prepare(&eider_engine_duckdb::sql::scan(relation, &scan).sql).map_err(store_error)?;
    for batch in prepared.stream_arrow([]).map_err(store_error)? {
        check.look_at(&port_batch(&batch.map_err(store_error)?, &columns)?);
    }
    Ok(check.into_found())
}
