//! Statements that are prepared, and kept where that is worth its memory.

use std::fmt;
use std::ops::{Deref, DerefMut};

use duckdb::types::Value;
use duckdb::{CachedStatement, Connection};
use eider_application::ports::StoreError;

use crate::error::store_error;
use crate::sql::Statement;

/// Longest text of a statement that is kept, in bytes. What the engine makes of one takes some dozens of times as much.
const MAX_KEPT_SQL: usize = 4 << 10;
/// Most bytes of values that a statement is kept with: they stay bound.
const MAX_KEPT_VALUES: usize = 16 << 10;

/// A statement that is ready to run.
pub struct Prepared<'c>(Kept<'c>);

enum Kept<'c> {
    /// By the connection, for the next time.
    Cached(CachedStatement<'c>),
    Once(duckdb::Statement<'c>),
}

impl<'c> Prepared<'c> {
    /// Prepares a statement; one that is short is kept for the next time.
    ///
    /// # Errors
    /// When the engine refuses it.
    pub fn new(connection: &'c Connection, statement: &Statement) -> Result<Self, StoreError> {
        let is_kept =
            statement.sql.len() <= MAX_KEPT_SQL && statement.values.iter().map(size).sum::<usize>() <= MAX_KEPT_VALUES;
        let prepared = if is_kept {
            connection.prepare_cached(&statement.sql).map(Kept::Cached)
        } else {
            connection.prepare(&statement.sql).map(Kept::Once)
        };
        prepared.map(Self).map_err(store_error)
    }

    /// Ends it for good, and with it what is left of its result.
    pub(crate) fn discard(self) {
        if let Kept::Cached(statement) = self.0 {
            statement.discard();
        }
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

impl<'c> Deref for Prepared<'c> {
    type Target = duckdb::Statement<'c>;

    fn deref(&self) -> &Self::Target {
        match &self.0 {
            Kept::Cached(statement) => statement,
            Kept::Once(statement) => statement,
        }
    }
}

impl DerefMut for Prepared<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.0 {
            Kept::Cached(statement) => statement,
            Kept::Once(statement) => statement,
        }
    }
}

/// The bytes of a value, about.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(values) => values.iter().map(size).sum(),
        _ => size_of::<Value>(),
    }
}
