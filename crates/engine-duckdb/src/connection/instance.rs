//! Connections to an instance that is open.

use duckdb::Connection;
use eider_application::ports::StoreError;

use crate::connection::settings::CONNECTION_STATEMENTS;
use crate::error::store_error;

/// Statements that a connection keeps prepared: some tens of kilobytes each, and half of what a small query takes.
const PREPARED_STATEMENTS: usize = 64;

/// A new connection to an instance.
///
/// # Errors
/// When the engine makes none.
pub fn connect(instance: &Connection) -> Result<Connection, StoreError> {
    let connection = instance.try_clone().map_err(store_error)?;
    connection.execute_batch(CONNECTION_STATEMENTS).map_err(store_error)?;
    connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    Ok(connection)
}
