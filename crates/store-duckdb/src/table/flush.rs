//! The way of pending changes into the table: many in one transaction of the engine.
//!
//! One task for each schema stores them a moment after the first. Whoever reads the table, or changes it otherwise,
//! stores what was committed before, or waits for the one who does. A part that cannot be stored stays, and is tried
//! again by the next; its entries stay in the log until the engine has committed it.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use arrow_array::Int64Array;
use eider_application::ports::StoreError;
use eider_domain::Schema;
use eider_engine_duckdb::columns::{engine_schema, placed_batch};
use eider_engine_duckdb::connection::worker::{self, Decision, transaction};
use eider_engine_duckdb::error::{internal, store_error};
use eider_engine_duckdb::sql::Prepared;
use eider_engine_duckdb::{Connection, params_from_iter};
use tokio::sync::{OwnedMutexGuard, mpsc};
use uuid::Uuid;

use crate::catalog::{self, Counters};
use crate::file::names;
use crate::sql;
use crate::table::pending::Part;
use crate::table::places::Emptied;
use crate::table::{EveryWriteLock, Shared, Table, WriteLock};

/// Ids that one statement deletes at most.
const MOST_IDS: usize = 1_024;
/// How long a part waits that could not be stored.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Stores what is pending a while after the first change, until the schema is removed or the store is dropped.
pub(crate) async fn run(shared: Weak<Shared>, first: Arc<Schema>, mut filled: mpsc::Receiver<()>) {
    let mut is_told = false;
    while filled.recv().await.is_some() {
        let Some(pause) = shared.upgrade().map(|shared| shared.settings.group.flush_after) else { return };
        tokio::time::sleep(pause).await;
        loop {
            let Some(shared) = shared.upgrade() else { return };
            let Ok(table) = shared.table_now(&first) else { return };
            match settle(&shared, &table).await {
                Ok(()) => break is_told = false,
                Err(error) if is_told => tracing::debug!(%error, "changes stay in the log"),
                Err(error) => {
                    tracing::warn!(schema.name = %first.name(), %error, "changes stay in the log; trying again");
                    is_told = true;
                }
            }
            drop((shared, table));
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }
}

/// Waits until the table has everything that is committed now.
///
/// # Errors
/// Those of the transaction: what is pending stays so.
pub(crate) async fn settle(shared: &Arc<Shared>, table: &Table) -> Result<(), StoreError> {
    let Some(last) = table.contents.pending.last() else { return Ok(()) };
    // A write of many records that has the lock has stored what was pending before it began: who waits for that does
    // not wait for the write.
    tokio::select! {
        biased;
        () = table.contents.pending.wait_until_stored(last) => Ok(()),
        lock = Arc::clone(&table.contents.pending.table).lock_owned() => store_all(shared, table, lock).await.map(drop),
    }
}

/// Stores everything that is pending now. The caller goes on holding the table.
///
/// # Errors
/// As [`settle`].
pub(crate) async fn store_all(
    shared: &Arc<Shared>,
    table: &Table,
    lock: OwnedMutexGuard<()>,
) -> Result<OwnedMutexGuard<()>, StoreError> {
    if table.contents.pending.last().is_none() {
        return Ok(lock);
    }
    // The schema may have been changed before the lock was there; what is pending is of the version that there is now. Of one
    // that was removed nothing is.
    let Ok(table) = shared.table_now(&table.schema) else { return Ok(lock) };
    let inner = Arc::clone(shared);
    // To its end, also when nobody waits for it any more: a part that the table has must not be stored again.
    worker::write(&shared.pool, move |connection| {
        let last = table.contents.pending.last();
        while let Some(part) = table.contents.pending.leave() {
            store_part(connection, &inner, &table, &part)?;
            // What was committed meanwhile is not waited for.
            if part.after().map(Counters::commit_seq) >= last {
                break;
            }
        }
        Ok(lock)
    })
    .await
}

/// Stores every table of locks that are held, as far as that can be done.
///
/// # Errors
/// The first of those of [`settle`]; the others are stored.
pub(crate) async fn store_every(shared: &Arc<Shared>, locks: &mut EveryWriteLock) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    let mut held = Vec::with_capacity(locks.tables.len());
    for (table, lock) in std::mem::take(&mut locks.tables) {
        match store_all(shared, &table, lock).await {
            Ok(lock) => held.push((table, lock)),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    locks.tables = held;
    outcome
}

fn store_part(connection: &Connection, shared: &Shared, table: &Table, part: &Part) -> Result<(), StoreError> {
    let started = Instant::now();
    let (gone, before) = (part.gone(), table.contents.places.next());
    // Looked up before others of these ids are added.
    let emptied = table.contents.indexes.has_ids(before).then(|| table.contents.indexes.places_of(gone)).flatten();
    store(connection, &table.schema, part)?;
    if !gone.is_empty() {
        table.deleted_before.fetch_max(shared.pool.uses().mark(), Ordering::AcqRel);
    }
    if let Some(after) = part.after() {
        let (records, places) = part.records(&table.schema)?;
        table.contents.indexes.add(&records, &places, before, after.next_sequence());
        table.contents.places.commit(after.next_sequence(), emptied.map_or(Emptied::Unknown, Emptied::Places));
    }
    table.contents.pending.left();
    shared.change_log.remove(&table.schema.name().key(), part.entry());
    shared.activity.wrote();
    shared.commits.flush_seconds.record(started.elapsed().as_secs_f64());
    Ok(())
}

/// The write lock of a schema for a change of its table: what is pending is stored, and nothing else is meanwhile.
///
/// # Errors
/// As [`Shared::write_lock`] and [`settle`].
pub(crate) async fn table_lock(shared: &Arc<Shared>, schema: &Arc<Schema>) -> Result<WriteLock, StoreError> {
    let lock = shared.write_lock(schema).await?;
    with_table(shared, lock).await
}

/// The write lock, with the table beside it.
///
/// # Errors
/// As [`settle`].
pub(crate) async fn with_table(shared: &Arc<Shared>, lock: WriteLock) -> Result<WriteLock, StoreError> {
    let held = Arc::clone(&lock.table().contents.pending.table).lock_owned().await;
    let held = store_all(shared, lock.table(), held).await?;
    Ok(lock.holding(held))
}

/// Stores a part in one transaction.
///
/// # Errors
/// Those of the engine: nothing of the part is stored then.
pub(crate) fn store(connection: &Connection, schema: &Schema, part: &Part) -> Result<(), StoreError> {
    transaction(connection, || write(connection, schema, part).map(Decision::Commit))
}

/// Stores a part; to be run in a transaction.
///
/// # Errors
/// Those of the engine.
pub(crate) fn write(connection: &Connection, schema: &Schema, part: &Part) -> Result<(), StoreError> {
    let Some(after) = part.after() else { return Ok(()) };
    delete(connection, schema, part.gone())?;
    let (records, places) = part.records(schema)?;
    let last_place = places.last().map_or(0, |place| place.unsigned_abs());
    if !places.is_empty() {
        let batch = placed_batch(&records, &engine_schema(schema), Int64Array::from(places))?;
        let mut appender =
            connection.appender_to_db(&names::table_name(schema.name()), names::RECORDS).map_err(store_error)?;
        appender.append_record_batch(batch).map_err(store_error)?;
        appender.flush().map_err(store_error)?;
    }
    if last_place < after.commit_seq() {
        // The table does not say by itself how far it has been written.
        catalog::advance(connection, schema, after)?;
    }
    catalog::keep_answers(connection, schema, part.answers())
}

fn delete(connection: &Connection, schema: &Schema, gone: &HashSet<Uuid>) -> Result<(), StoreError> {
    let gone: Vec<_> = gone.iter().copied().collect();
    for gone in gone.chunks(MOST_IDS) {
        let deletion = sql::delete_ids(schema, gone);
        let deleted = Prepared::new(connection, &deletion)?
            .execute(params_from_iter(deletion.values.iter()))
            .map_err(store_error)?;
        if deleted != gone.len() {
            return Err(internal("a deletion met other records than were found"));
        }
    }
    Ok(())
}
