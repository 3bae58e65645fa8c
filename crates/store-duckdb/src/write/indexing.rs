//! Indexes that lack records of their table, brought up beside readers and writers.

use std::sync::{Arc, Weak};
use std::time::Instant;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_application::runtime::blocking;
use eider_domain::Schema;
use eider_engine_duckdb::connection::worker;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::{Connection, Relation, sql};
use roaring::RoaringTreemap;
use tokio::sync::mpsc;

use crate::index::catalog::{self, Index};
use crate::table::flush::table_lock;
use crate::table::indexing::FEW_PLACES;
use crate::table::{Shared, Table};

/// Brings up the indexes of a schema, whatever its version, and counts its places, whenever that is wanted, until the schema is removed
/// or the store is dropped. Then it removes what is left of indexes that have gone.
pub(crate) async fn run(shared: Weak<Shared>, first: Arc<Schema>, mut behind: mpsc::Receiver<()>) {
    while behind.recv().await.is_some() {
        bring_up(&shared, &first).await;
        while let Some(shared) = shared.upgrade() {
            let tree = Arc::clone(&shared.tree);
            if !matches!(blocking::run(move || catalog::clean(&tree)).await, Ok(true)) {
                break;
            }
        }
    }
}

async fn bring_up(shared: &Weak<Shared>, first: &Arc<Schema>) {
    let started = Instant::now();
    let mut steps = 0;
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let Ok(table) = shared.table_now(first) else { return };
        match step(&shared, &table).await {
            Ok(true) => steps += 1,
            Ok(false) if steps == 0 => return,
            Ok(false) => {
                let duration_ms = started.elapsed().as_secs_f64() * 1e3;
                return tracing::info!(schema.name = %first.name(), steps, duration_ms, "indexes brought up");
            }
            // Whoever needs them says so again.
            Err(error) => return tracing::warn!(schema.name = %first.name(), %error, "the indexes stay behind"),
        }
    }
}

/// Takes a step; `false` when nothing is behind.
async fn step(shared: &Arc<Shared>, table: &Table) -> Result<bool, StoreError> {
    if let Some(count) = table.contents.places.begin_count() {
        let (places, relation) = (Arc::clone(&table.contents.places), Arc::clone(&table.relation));
        let version = relation.version().clone();
        let counted = move |connection: &_| Ok(places.end_count(count, empty(connection, &relation, count.next)?));
        // One that came to nothing is made again when somebody needs it.
        if worker::read_version(&shared.pool, version, counted).await? {
            return Ok(true);
        }
    }
    let next = table.contents.places.next();
    let behind: Vec<Index> = table.contents.indexes.all().filter(|index| index.covered() < next).cloned().collect();
    let Some(index) = behind.into_iter().min_by_key(Index::covered).filter(|_| table.contents.indexes.tree.is_usable())
    else {
        return Ok(false);
    };
    let first = index.covered();
    let (indexes, relation) = (table.contents.indexes.clone(), Arc::clone(&table.relation));
    let outcome = if next - first > FEW_PLACES {
        let version = relation.version().clone();
        let read = move |connection: &_| indexes.read(connection, &relation, &[&index], first..next);
        worker::read_version(&shared.pool, version, read).await.map(drop)
    } else {
        match table_lock(shared, &table.schema).await {
            Ok(lock) => {
                let finish = move |connection: &_| {
                    let next = lock.table().contents.places.next();
                    indexes.finish(connection, &relation, &index, next)?;
                    drop(lock);
                    Ok(())
                };
                worker::write(&shared.pool, finish).await
            }
            Err(error) => Err(error),
        }
    };
    go_on(outcome)
}

/// Whether to take another step.
fn go_on(outcome: Result<(), StoreError>) -> Result<bool, StoreError> {
    match outcome {
        // The next step is of the version that there is then.
        Err(error) if error.kind() == StoreErrorKind::SchemaChanged => Ok(true),
        outcome => outcome.map(|()| true),
    }
}

/// The places below `next` that hold no record.
fn empty(connection: &Connection, relation: &Relation, next: i64) -> Result<RoaringTreemap, StoreError> {
    let mut empty = RoaringTreemap::new();
    let mut expected = 1_u64;
    let places = sql::places(relation);
    let mut statement = connection.prepare(&places).map_err(store_error)?;
    for batch in statement.stream_arrow([]).map_err(store_error)? {
        let batch = batch.map_err(store_error)?;
        for place in batch.column(0).as_primitive::<Int64Type>().values() {
            let place = place.unsigned_abs();
            empty.insert_range(expected..place.max(expected));
            expected = place + 1;
        }
    }
    empty.insert_range(expected..next.unsigned_abs().max(expected));
    empty.remove_range(next.unsigned_abs()..);
    Ok(empty)
}
