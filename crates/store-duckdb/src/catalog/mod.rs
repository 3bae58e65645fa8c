//! The catalog tables: which schemas there are, and how far each has been written.

pub(crate) mod history;

use std::collections::HashMap;
use std::ops::RangeInclusive;

use eider_application::ports::{ANSWER_LIFETIME, IdempotencyRecord, SchemaVersion, StoreError, StoreErrorKind};
use eider_domain::{Schema, SchemaDefinition, Timestamp, parse_json};
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::ident;
use eider_engine_duckdb::{Connection, ToSql, params};
use uuid::Uuid;

use crate::file::names::{self, CATALOG};
use crate::sql;

/// Version of the layout of the file. A file with another is not opened.
pub(crate) const FORMAT_VERSION: i32 = 4;

/// Answers that one statement keeps.
const ANSWERS_AT_ONCE: usize = 256;

/// How far the records of a schema have been written.
///
/// Records have places in commit order, from 1, and a commit has the number of its last record's place. A
/// commit that only deletes takes a place of its own. So the counter is the greatest place in the table, and has to
/// be stored only where records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// The last place that is taken.
    last: i64,
}

impl Counters {
    pub(crate) const NEW: Self = Self { last: 0 };

    /// The counters after the commit of this number.
    pub(crate) fn at(last: i64) -> Self {
        Self { last }
    }

    /// The number of the last commit.
    pub(crate) fn commit_seq(self) -> u64 {
        self.last.unsigned_abs()
    }

    /// The place that the next record takes.
    pub(crate) fn next_sequence(self) -> i64 {
        self.last + 1
    }

    /// The counters after one more commit, of `rows` new records.
    pub(crate) fn after(self, rows: i64) -> Self {
        Self { last: self.last + rows.max(1) }
    }
}

/// A schema as the catalog has it.
#[derive(Debug)]
pub(crate) struct StoredSchema {
    pub(crate) schema: Schema,
    /// The counters that were stored last; records may have gone further.
    stored: Counters,
}

/// Reads the catalog, or makes it in a file that is new.
///
/// # Errors
/// `Unsupported` for a DuckDB file that is not ours or of another format, `Corrupt` for a catalog that cannot be read.
pub(crate) fn load(connection: &Connection) -> Result<Catalog, StoreError> {
    let is_new = !is_there(connection)?;
    if is_new {
        create(connection)?;
    }
    let schemas = stored(connection)?;
    add_tables(connection)?;
    let identity = history::identity(connection)?;
    drop_indexes(connection)?;
    let schemas = schemas.into_iter();
    let ready = |stored: StoredSchema| {
        let counters = counters(connection, &stored)?;
        let lost_commits = history::lost_commits(connection, &stored.schema)?;
        let property_ids = property_ids(connection, &stored.schema)?;
        let schema = stored.schema.in_store(identity).with_property_ids(property_ids);
        Ok(LoadedSchema { schema, counters, lost_commits })
    };
    Ok(Catalog { identity, schemas: schemas.map(ready).collect::<Result<_, StoreError>>()? })
}

/// What a file holds, ready to be written to.
#[derive(Debug)]
pub(crate) struct Catalog {
    /// What tells the store from every other.
    pub(crate) identity: Uuid,
    pub(crate) schemas: Vec<LoadedSchema>,
}

/// A schema of a file that was opened.
#[derive(Debug)]
pub(crate) struct LoadedSchema {
    pub(crate) schema: Schema,
    pub(crate) counters: Counters,
    pub(crate) lost_commits: Vec<RangeInclusive<u64>>,
}

/// Makes the tables of the catalog that files of an earlier release lack.
pub(crate) fn add_tables(connection: &Connection) -> Result<(), StoreError> {
    let tables = format!(
        "CREATE TABLE IF NOT EXISTS {CATALOG}.identity (identity VARCHAR NOT NULL);
         CREATE TABLE IF NOT EXISTS {CATALOG}.lost_commits (\"key\" VARCHAR NOT NULL, \"first\" BIGINT NOT NULL, last BIGINT NOT NULL);
         CREATE TABLE IF NOT EXISTS {CATALOG}.properties (\"key\" VARCHAR NOT NULL, place UINTEGER NOT NULL, id UBIGINT NOT NULL);"
    );
    connection.execute_batch(&tables).map_err(store_error)
}

/// The ids of the properties, in their order; none of a schema that was not changed since ids are kept.
pub(crate) fn property_ids(connection: &Connection, schema: &Schema) -> Result<Vec<u64>, StoreError> {
    let sql = format!("SELECT id FROM {CATALOG}.properties WHERE \"key\" = ? ORDER BY place");
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let ids = statement.query_map([schema.name().key()], |row| row.get::<_, u64>(0)).map_err(store_error)?;
    ids.collect::<Result<_, _>>().map_err(store_error)
}

/// The schemas of a file that has a catalog.
///
/// # Errors
/// As [`load`].
pub(crate) fn stored(connection: &Connection) -> Result<Vec<StoredSchema>, StoreError> {
    let format: i32 = connection
        .query_row(&format!("SELECT version FROM {CATALOG}.format"), [], |row| row.get(0))
        .map_err(store_error)?;
    if format != FORMAT_VERSION {
        let message = format!("the file has format {format}, this version reads format {FORMAT_VERSION}");
        return Err(StoreError::new(StoreErrorKind::Unsupported, message));
    }
    let mut statement = connection
        .prepare(&format!(
            "SELECT definition, version, created_at, last \
             FROM {CATALOG}.schemas JOIN {CATALOG}.counters USING (\"key\")"
        ))
        .map_err(store_error)?;
    let rows = statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
        })
        .map_err(store_error)?;
    rows.map(|row| {
        let (definition, version, created_at, stored) = row.map_err(store_error)?;
        let schema = Schema::new(parse(&definition)?, version, Timestamp::from_micros(created_at));
        Ok(StoredSchema { schema, stored: Counters { last: stored } })
    })
    .collect()
}

/// How far the records of a schema have been written.
pub(crate) fn counters(connection: &Connection, stored: &StoredSchema) -> Result<Counters, StoreError> {
    let greatest = format!("SELECT max({}) FROM {}", ident::SEQUENCE, names::table(&stored.schema));
    let greatest: Option<i64> = connection.query_row(&greatest, [], |row| row.get(0)).map_err(store_error)?;
    Ok(Counters { last: stored.stored.last.max(greatest.unwrap_or(0)) })
}

fn parse(definition: &str) -> Result<SchemaDefinition, StoreError> {
    let damaged = || StoreError::new(StoreErrorKind::Corrupt, "the catalog holds a schema that cannot be read");
    let document = parse_json(definition).map_err(|error| damaged().with_source(error))?;
    SchemaDefinition::parse_accepted(&document).map_err(|_| damaged())
}

/// Whether the file has a catalog.
///
/// # Errors
/// `Unsupported` for a DuckDB file that is not ours.
pub(crate) fn is_there(connection: &Connection) -> Result<bool, StoreError> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(store_error);
    if count("SELECT count(*) FROM duckdb_tables() WHERE schema_name = '$catalog' AND table_name = 'format'")? > 0 {
        return Ok(true);
    }
    if count("SELECT count(*) FROM duckdb_tables()")? > 0 {
        return Err(StoreError::new(StoreErrorKind::Unsupported, "the file is a DuckDB database of another program"));
    }
    Ok(false)
}

fn create(connection: &Connection) -> Result<(), StoreError> {
    let statements = format!(
        "BEGIN TRANSACTION;
         CREATE SCHEMA {records};
         CREATE SCHEMA {CATALOG};
         CREATE TABLE {CATALOG}.format (version INTEGER NOT NULL);
         CREATE TABLE {CATALOG}.schemas (\"key\" VARCHAR NOT NULL, definition VARCHAR NOT NULL, version UINTEGER NOT NULL, created_at BIGINT NOT NULL);
         CREATE TABLE {CATALOG}.versions (\"key\" VARCHAR NOT NULL, version UINTEGER NOT NULL, definition VARCHAR NOT NULL, since BIGINT NOT NULL);
         CREATE TABLE {CATALOG}.counters (\"key\" VARCHAR NOT NULL, last BIGINT NOT NULL);
         CREATE TABLE {CATALOG}.answers (schema_key VARCHAR NOT NULL, \"key\" VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, \"at\" BIGINT NOT NULL, \"text\" VARCHAR NOT NULL);
         INSERT INTO {CATALOG}.format VALUES ({FORMAT_VERSION});
         COMMIT;",
        records = ident::quoted(names::RECORDS),
    );
    connection.execute_batch(&statements).map_err(store_error)
}

/// Stores a schema and makes its table; to be run in a transaction.
pub(crate) fn insert(connection: &Connection, schema: &Schema) -> Result<(), StoreError> {
    let key = schema.name().key();
    let definition = schema.definition().to_json().to_string();
    let created_at = schema.created_at().as_micros();
    connection
        .execute(
            &format!("INSERT INTO {CATALOG}.schemas VALUES (?, ?, ?, ?)"),
            params![key, definition, schema.version(), created_at],
        )
        .map_err(store_error)?;
    insert_version(connection, schema, schema.created_at())?;
    connection
        .execute(&format!("INSERT INTO {CATALOG}.counters VALUES (?, ?)"), params![key, Counters::NEW.last])
        .map_err(store_error)?;
    connection.execute_batch(&sql::create_table(schema)).map_err(store_error)
}

fn insert_version(connection: &Connection, schema: &Schema, since: Timestamp) -> Result<(), StoreError> {
    let definition = schema.definition().to_json().to_string();
    connection
        .execute(
            &format!("INSERT INTO {CATALOG}.versions VALUES (?, ?, ?, ?)"),
            params![schema.name().key(), schema.version(), definition, since.as_micros()],
        )
        .map(|_| ())
        .map_err(store_error)
}

/// Stores the next version of a schema; to be run in the transaction that changes its table.
pub(crate) fn replace(connection: &Connection, next: &Schema, since: Timestamp) -> Result<(), StoreError> {
    let definition = next.definition().to_json().to_string();
    connection
        .execute(
            &format!("UPDATE {CATALOG}.schemas SET definition = ?, version = ? WHERE \"key\" = ?"),
            params![definition, next.version(), next.name().key()],
        )
        .map_err(store_error)?;
    connection
        .execute(&format!("DELETE FROM {CATALOG}.properties WHERE \"key\" = ?"), [next.name().key()])
        .map_err(store_error)?;
    let rows: Vec<String> =
        next.property_ids().iter().enumerate().map(|(place, id)| format!("({place}, {id})")).collect();
    let insert =
        format!("INSERT INTO {CATALOG}.properties SELECT ?, place, id FROM (VALUES {}) t(place, id)", rows.join(", "));
    connection.execute(&insert, [next.name().key()]).map_err(store_error)?;
    insert_version(connection, next, since)
}

/// Every version of a schema, the oldest first.
pub(crate) fn versions(connection: &Connection, schema: &Schema) -> Result<Vec<SchemaVersion>, StoreError> {
    let sql = format!("SELECT version, definition, since FROM {CATALOG}.versions WHERE \"key\" = ? ORDER BY version");
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let rows = statement
        .query_map([schema.name().key()], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })
        .map_err(store_error)?;
    rows.map(|row| {
        let (version, definition, since) = row.map_err(store_error)?;
        Ok(SchemaVersion { version, definition: parse(&definition)?, since: Timestamp::from_micros(since) })
    })
    .collect()
}

/// Removes the indexes of the engine that earlier releases have made in a file. Those of this one are beside it.
fn drop_indexes(connection: &Connection) -> Result<(), StoreError> {
    let sql = "SELECT index_name FROM duckdb_indexes() WHERE schema_name = ?";
    let mut statement = connection.prepare(sql).map_err(store_error)?;
    let names = statement.query_map([names::RECORDS], |row| row.get::<_, String>(0)).map_err(store_error)?;
    for name in names.collect::<Result<Vec<String>, _>>().map_err(store_error)? {
        tracing::info!(index = name, "an index in the file goes; those beside it take its place");
        let name = format!("{}.{}", ident::quoted(names::RECORDS), ident::quoted(&name));
        connection.execute_batch(&format!("DROP INDEX {name}")).map_err(store_error)?;
    }
    Ok(())
}

/// Removes a schema and its table; to be run in a transaction.
pub(crate) fn remove(connection: &Connection, schema: &Schema) -> Result<(), StoreError> {
    let key = schema.name().key();
    connection.execute_batch(&sql::drop_table(schema)).map_err(store_error)?;
    for (table, column) in [
        ("schemas", "\"key\""),
        ("versions", "\"key\""),
        ("counters", "\"key\""),
        ("properties", "\"key\""),
        ("lost_commits", "\"key\""),
        ("answers", "schema_key"),
    ] {
        let sql = format!("DELETE FROM {CATALOG}.{table} WHERE {column} = ?");
        connection.execute(&sql, params![key]).map_err(store_error)?;
    }
    Ok(())
}

/// Stores how far a schema has been written; to be run in a transaction that deletes and appends nothing.
pub(crate) fn advance(connection: &Connection, schema: &Schema, counters: Counters) -> Result<(), StoreError> {
    connection
        .execute(
            &format!("UPDATE {CATALOG}.counters SET last = ? WHERE \"key\" = ?"),
            params![counters.last, schema.name().key()],
        )
        .map(|_| ())
        .map_err(store_error)
}

/// Keeps the answers of writes under their keys, to be run in the transaction of the writes; answers that have had their
/// time are removed.
pub(crate) fn keep_answers(
    connection: &Connection,
    schema: &Schema,
    answers: &HashMap<String, IdempotencyRecord>,
) -> Result<(), StoreError> {
    let Some(latest) = answers.values().map(|answer| answer.at.as_micros()).max() else { return Ok(()) };
    let lifetime = i64::try_from(ANSWER_LIFETIME.as_micros()).unwrap_or(i64::MAX);
    let schema_key = schema.name().key();
    let execute = |sql: &str, values: &[&dyn ToSql]| connection.execute(sql, values).map_err(store_error);
    let old = format!("DELETE FROM {CATALOG}.answers WHERE \"at\" < ?");
    execute(&old, params![latest.saturating_sub(lifetime)])?;
    // One statement for many: each reads the whole table.
    let keys: Vec<&String> = answers.keys().collect();
    for keys in keys.chunks(ANSWERS_AT_ONCE) {
        let places = vec!["?"; keys.len()].join(", ");
        let replaced = format!("DELETE FROM {CATALOG}.answers WHERE schema_key = ? AND \"key\" IN ({places})");
        let values: Vec<&dyn ToSql> =
            [&schema_key as &dyn ToSql].into_iter().chain(keys.iter().map(|key| *key as &dyn ToSql)).collect();
        execute(&replaced, &values)?;
        let row = "(?, ?, ?, ?, ?)";
        let insert = format!("INSERT INTO {CATALOG}.answers VALUES {}", vec![row; keys.len()].join(", "));
        let rows: Vec<_> = keys.iter().map(|key| (*key, &answers[*key], answers[*key].at.as_micros())).collect();
        let values: Vec<&dyn ToSql> = rows
            .iter()
            .flat_map(|(key, IdempotencyRecord { fingerprint, text, .. }, at)| {
                [&schema_key as &dyn ToSql, *key, fingerprint, at, text]
            })
            .collect();
        execute(&insert, &values)?;
    }
    Ok(())
}

/// The answer that was kept under a key at `since` or later.
pub(crate) fn idempotency_record(
    connection: &Connection,
    schema: &Schema,
    key: &str,
    since: Timestamp,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    let sql = format!(
        "SELECT fingerprint, \"at\", \"text\" FROM {CATALOG}.answers \
         WHERE schema_key = ? AND \"key\" = ? AND \"at\" >= ?"
    );
    let found = connection.query_row(&sql, params![schema.name().key(), key, since.as_micros()], |row| {
        Ok(IdempotencyRecord { fingerprint: row.get(0)?, at: Timestamp::from_micros(row.get(1)?), text: row.get(2)? })
    });
    match found {
        Ok(answer) => Ok(Some(answer)),
        Err(eider_engine_duckdb::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(store_error(error)),
    }
}
