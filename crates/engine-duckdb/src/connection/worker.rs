//! The way from the event loop to the engine: every call takes a connection and a blocking thread.

use duckdb::Connection;
use eider_application::ports::StoreError;
use eider_application::runtime::blocking;

use crate::connection::interrupt::{CancelOnDrop, Disarm, cancellation};
use crate::connection::pool::{self, Pool, PooledConnection};
use crate::connection::uses::Purpose;
use crate::connection::version::TableVersion;

/// Runs a query. Dropping the future interrupts it, and so may a change of a schema.
///
/// # Errors
/// `Unavailable` with the budget `schema_change` when it was stopped for one, and whatever the query fails with.
pub async fn read<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let pooled = pool.take(Purpose::Read).await?;
    let stop = pooled.stop();
    let (_cancel, disarm): (CancelOnDrop, Disarm) = cancellation(&pooled.lock());
    let outcome = blocking::run(move || lend(pooled, disarm, work)).await?.map_err(|error| stop.explain(error));
    pool.observe(&outcome);
    outcome
}

/// Runs a query on the table of a schema, as [`read`] does, and fails when the schema is changed meanwhile.
///
/// # Errors
/// `SchemaChanged`, and whatever the query fails with.
pub async fn read_version<T: Send + 'static>(
    pool: &Pool,
    version: TableVersion,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    read(pool, move |connection| version.during(|| work(connection))).await
}

/// Runs a transaction, to its end even when the future is dropped.
///
/// # Errors
/// `Unavailable` with the budget `pool` when no connection is free in time, and whatever the transaction fails with.
pub async fn write<T: Send + 'static>(
    pool: &Pool,
    work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let pooled = pool.take(Purpose::Write).await?;
    let outcome = blocking::run(move || lend(pooled, (), work)).await?;
    pool.observe(&outcome);
    outcome
}

/// Gives a connection to `work` on the thread that this is called on, and back to the pool afterwards; `ended` is
/// dropped in between. A connection that `work` panicked on is thrown away.
pub(crate) fn lend<T, E>(mut pooled: PooledConnection, ended: E, work: impl FnOnce(&Connection) -> T) -> T {
    pooled.is_tainted = true;
    let result = work(&pooled.lock());
    pooled.is_tainted = false;
    drop(ended);
    pool::give_back(pooled);
    result
}

/// Runs `work` in a transaction that is rolled back when it fails or says so.
///
/// # Errors
/// Whatever `work` or the commit fails with.
pub fn transaction<T>(
    connection: &Connection,
    work: impl FnOnce() -> Result<Decision<T>, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql: &str| connection.execute_batch(sql).map_err(crate::error::store_error);
    run("BEGIN TRANSACTION")?;
    match work() {
        Ok(Decision::Commit(value)) => match run("COMMIT") {
            Ok(()) => Ok(value),
            Err(error) => {
                // A failed commit has rolled back already, unless it never began.
                let _ = run("ROLLBACK");
                Err(error)
            }
        },
        Ok(Decision::RollBack(value)) => run("ROLLBACK").map(|()| value),
        Err(error) => {
            let _ = run("ROLLBACK");
            Err(error)
        }
    }
}

/// How a transaction ends, and what comes of it.
#[derive(Debug)]
pub enum Decision<T> {
    /// What was changed stays.
    Commit(T),
    /// It does not.
    RollBack(T),
}
