//! The history of a store: what tells it from every other, and from itself before it was restored.
//!
//! A backup that is restored goes on from where it was taken, and other commits follow than those that had followed before.
//! Cursors, tags and numbers of commits that were handed out in between must not be taken for those of the new ones. So a
//! restored store has another identity, which is part of cursors and tags, and its commits have numbers that no commit has
//! had before: they go on from the time in microseconds, which is beyond them as long as a schema takes fewer than a million
//! records a second over its whole life.

use std::ops::RangeInclusive;
use std::path::Path;

use eider_application::ports::StoreError;
use eider_domain::{Schema, Timestamp};
use eider_engine_duckdb::error::{internal, store_error};
use eider_engine_duckdb::{Connection, params};
use uuid::Uuid;

use crate::catalog;
use crate::file::names::CATALOG;

/// The identity of a store; one that has none gets one.
pub(crate) fn identity(connection: &Connection) -> Result<Uuid, StoreError> {
    let sql = format!("INSERT INTO {CATALOG}.identity SELECT ? WHERE NOT EXISTS (FROM {CATALOG}.identity)");
    connection.execute(&sql, [Uuid::new_v4().to_string()]).map_err(store_error)?;
    stored_identity(connection)
}

/// What tells the store of a file from every other.
///
/// # Errors
/// When the file is of a release that gave none, or cannot be read.
pub(crate) fn stored_identity(connection: &Connection) -> Result<Uuid, StoreError> {
    let sql = format!("SELECT identity FROM {CATALOG}.identity");
    let text: String = connection.query_row(&sql, [], |row| row.get(0)).map_err(store_error)?;
    Uuid::parse_str(&text).map_err(|error| internal("the identity of the store cannot be read").with_source(error))
}

/// The numbers of commits of a schema that were lost when the store was restored.
pub(crate) fn lost_commits(connection: &Connection, schema: &Schema) -> Result<Vec<RangeInclusive<u64>>, StoreError> {
    let sql = format!("SELECT \"first\", last FROM {CATALOG}.lost_commits WHERE \"key\" = ?");
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let ranges = statement
        .query_map([schema.name().key()], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
        .map_err(store_error)?;
    ranges
        .map(|range| {
            let (first, last) = range.map_err(store_error)?;
            Ok(first.unsigned_abs()..=last.unsigned_abs())
        })
        .collect()
}

/// Gives the store of a file, which nobody has open, another identity, and its commits numbers that were never handed out.
/// `at` is now.
///
/// # Errors
/// As those of opening the file.
pub fn begin_anew(path: &Path, at: Timestamp) -> Result<(), StoreError> {
    let connection = Connection::open(path).map_err(store_error)?;
    if !catalog::is_there(&connection)? {
        return Err(internal("the file is no store"));
    }
    let now = at.as_micros();
    catalog::add_tables(&connection)?;
    identity(&connection)?;
    let renamed = format!("UPDATE {CATALOG}.identity SET identity = ?");
    let lost = format!("INSERT INTO {CATALOG}.lost_commits VALUES (?, ?, ?)");
    let next = format!("UPDATE {CATALOG}.counters SET last = ? WHERE \"key\" = ?");
    let execute =
        |sql: &str, values: &[&dyn eider_engine_duckdb::ToSql]| connection.execute(sql, values).map_err(store_error);
    execute("BEGIN TRANSACTION", &[])?;
    execute(&renamed, params![Uuid::new_v4().to_string()])?;
    for stored in catalog::stored(&connection)? {
        let reached = catalog::counters(&connection, &stored)?.commit_seq().cast_signed();
        if reached < now {
            let key = stored.schema.name().key();
            execute(&lost, params![key, reached + 1, now])?;
            execute(&next, params![now, key])?;
        }
    }
    execute("COMMIT", &[])?;
    connection.execute_batch("CHECKPOINT").map_err(store_error)?;
    connection.close().map_err(|(_, error)| store_error(error))
}
