//! Counting.

use std::sync::Arc;

use duckdb::{Connection, params_from_iter};
use eider_application::ports::StoreError;
use eider_domain::Filter;

use crate::connection::pool::Pool;
use crate::connection::worker;
use crate::error::store_error;
use crate::relation::Relation;
use crate::sql;
use crate::sql::Prepared;

/// How many records a filter matches. Dropping the future interrupts the count.
///
/// # Errors
/// `SchemaChanged` when the relation is of an older version by then; `Unavailable` with the budget `pool` or
/// `schema_change`; whatever the engine fails with.
pub async fn count(pool: &Pool, relation: Arc<Relation>, filter: &Filter) -> Result<u64, StoreError> {
    let (version, filter) = (relation.version().clone(), filter.clone());
    worker::read_version(pool, version, move |connection| count_now(connection, &relation, &filter)).await
}

/// How many records a filter matches, in the snapshot that the connection has. Of everything no value is read: the engine
/// knows how many rows each group of them has, and which were deleted.
///
/// # Errors
/// Whatever the engine fails with.
pub fn count_now(connection: &Connection, relation: &Relation, filter: &Filter) -> Result<u64, StoreError> {
    let statement = sql::count(relation, filter);
    let mut prepared = Prepared::new(connection, &statement)?;
    prepared.query_row(params_from_iter(statement.values.iter()), |row| row.get(0)).map_err(store_error)
}
