//! Finding every row of a write whose key is taken, before anything is appended.
//!
//! The engine would refuse the write as a whole, late, and name one key. So the keys are appended to a temporary
//! table and compared as sets, whatever their number. All of it runs in the write's own transaction.

mod entangled;
mod sequence;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use arrow_select::nullif::nullif;
use eider_application::ports::{ConflictingKey, IdOrigin, OnConflict, SharedKey, StoreError};
use eider_domain::{Field, Schema, SystemField};
use eider_engine_duckdb::columns::{engine_array, engine_field, ids_of};
use eider_engine_duckdb::error::{arrow_error, internal, store_error};
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql::column_type;
use eider_engine_duckdb::{Connection, params};
use roaring::RoaringTreemap;
use uuid::Uuid;

use crate::file::names;
use crate::sql;
use crate::table::identity::StoredIds;
use crate::write::changes::versions_of;
use crate::write::conflicts::ConflictSpool;
use crate::write::staging::Sealed;

/// The values of the fields of keys, by row, and whether a client gave the id of the row: `(n, given, "$0", "$1", …)`.
const KEYS: &str = "$keys";
const CONFLICTS: &str = "$conflicts";
const SUPERSEDED: &str = "$superseded";
const MATCHES: &str = "$matches";
/// The records that rows replace: `(n, id, created_at, version)`; of a record that the write itself made, the time is null and
/// the version 0.
const TARGETS: &str = "$targets";

/// In [`CONFLICTS`], instead of a row: several stored records.
const SEVERAL: i64 = -1;

/// How the conflicts of a write are resolved: the outcome of each row.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// Rows that are not stored: refused or passed over.
    pub(crate) excluded: RoaringTreemap,
    /// Rows refused, each a part of `excluded`.
    pub(crate) refused: u64,
    /// Rows passed over, each a part of `excluded`.
    pub(crate) ignored: u64,
    /// Rows that replace a stored record.
    pub(crate) updated: u64,
    /// Whether [`targets`] has any row: one that replaces a stored record, or one that the write itself made.
    pub(crate) has_targets: bool,
}

/// A record that a row replaces.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) row: u64,
    pub(crate) id: Uuid,
    /// When it was created, in microseconds since 1970; with the row itself when `None`.
    pub(crate) created_at: Option<i64>,
    /// Its version, 0 of a record that the same write made.
    pub(crate) version: i64,
}

/// What must differ between records, each the fields of a key: the id where a client gave any, and what is unique.
pub(crate) fn keys_of(schema: &Schema, has_given_ids: bool) -> Vec<Vec<Field>> {
    let id = has_given_ids.then(|| vec![Field::System(SystemField::Id)]);
    let unique = schema.indexes().into_iter().filter(|index| index.is_unique);
    id.into_iter().chain(unique.map(|index| index.fields)).collect()
}

/// The keys of a write that have to be compared.
#[derive(Debug)]
pub(crate) struct Keys<'a> {
    /// As [`keys_of`] names them.
    pub(crate) all: &'a [Vec<Field>],
    /// The only ids that have to be; all when `None`.
    pub(crate) candidates: Option<&'a HashSet<Uuid>>,
    /// Whether a client gave any id of the write.
    pub(crate) has_given_ids: bool,
}

impl Keys<'_> {
    /// The place of the id among the keys.
    fn id(&self) -> Option<usize> {
        self.all.iter().position(|fields| is_id(fields))
    }

    /// The key, if there is only one by which a row can find the record that it is about.
    fn only(&self) -> Option<&[Field]> {
        match self.all {
            [key] if is_id(key) || !self.has_given_ids => Some(key),
            _ => None,
        }
    }
}

fn is_id(key: &[Field]) -> bool {
    matches!(key, [Field::System(_)])
}

/// Most ids that [`candidates`] holds; a write with more is compared as a whole.
const MAX_CANDIDATES: usize = 1 << 20;
/// Most candidates that are looked for by themselves.
const MAX_LOOKED_FOR: usize = 256;

/// The ids of a write that may be stored already or come twice in it: all others are new. `None` when nothing is
/// known of the stored ids, or too many are candidates.
///
/// Memory is 2.5 bytes a row for what comes twice, and at most some 40 MB for the candidates.
pub(crate) fn candidates(
    batches: &mut Sealed,
    rows: u64,
    stored: &StoredIds,
) -> Result<Option<HashSet<Uuid>>, StoreError> {
    let Some(filter) = stored.filter() else { return Ok(None) };
    let mut seen = filter.sibling(usize::try_from(rows).unwrap_or(0));
    let mut candidates = HashSet::new();
    batches.for_each(|batch, origin| {
        if candidates.len() <= MAX_CANDIDATES {
            for id in given_ids(&batch, origin) {
                let hash = filter.hash(id.as_bytes());
                if seen.insert(hash) || filter.may_contain(hash) {
                    candidates.insert(id);
                }
            }
        }
        Ok(())
    })?;
    Ok((candidates.len() <= MAX_CANDIDATES).then_some(candidates))
}

/// Of a few [`candidates`] those that are stored or come twice indeed; of many, all. To look for a few ids takes a scan of
/// the id column, to compare sets of keys ten times as long.
pub(crate) fn confirmed(
    connection: &Connection,
    schema: &Schema,
    batches: &mut Sealed,
    mut candidates: HashSet<Uuid>,
) -> Result<HashSet<Uuid>, StoreError> {
    if candidates.is_empty() || candidates.len() > MAX_LOOKED_FOR {
        return Ok(candidates);
    }
    let ids: Vec<Uuid> = candidates.iter().copied().collect();
    let stored = versions_of(connection, schema, &ids)?;
    let mut counts: HashMap<Uuid, u32> = HashMap::new();
    batches.for_each(|batch, origin| {
        for id in given_ids(&batch, origin).filter(|id| candidates.contains(id)) {
            *counts.entry(id).or_default() += 1;
        }
        Ok(())
    })?;
    candidates.retain(|id| stored.contains_key(id) || counts.get(id).is_some_and(|count| *count > 1));
    Ok(candidates)
}

/// The ids of a batch that a client gave.
fn given_ids<'b>(batch: &'b RecordBatch, origin: &'b IdOrigin) -> impl Iterator<Item = Uuid> + 'b {
    let ids = ids_of(batch).enumerate();
    ids.filter(|(row, _)| origin.is_given(*row)).map(|(_, id)| id)
}

/// Decides on every row of a write by its keys, and leaves in `conflicts` why rows are refused, ordered by row.
///
/// Rows are resolved one after the other, as [`eider_application::ports::BatchWriter::commit`] says; nulls do not conflict. Rows that
/// replace leave their targets in a temporary table until [`clear`].
pub(crate) fn resolve(
    connection: &Connection,
    schema: &Schema,
    keys: &Keys<'_>,
    on_conflict: OnConflict,
    batches: &mut Sealed,
    conflicts: &mut ConflictSpool,
) -> Result<Resolution, StoreError> {
    create_keys(connection, keys.all)?;
    append_keys(connection, keys, batches)?;
    match (on_conflict, keys.all, keys.only()) {
        (OnConflict::Error | OnConflict::Ignore, [key], _) => find_taken(connection, schema, key)?,
        (OnConflict::Replace, _, Some(key)) => find_targets(connection, schema, key)?,
        _ => entangled::decide(connection, schema, keys, on_conflict, batches)?,
    }
    let mut resolution = Resolution::default();
    let conflicting = rows_of(connection, CONFLICTS)?;
    if on_conflict == OnConflict::Ignore {
        resolution.ignored = conflicting.len();
    } else {
        resolution.refused = conflicting.len();
        if resolution.refused > 0 {
            read_conflicts(connection, conflicts)?;
        }
    }
    resolution.excluded = conflicting;
    if on_conflict == OnConflict::Replace {
        let superseded = rows_of(connection, SUPERSEDED)?;
        resolution.ignored = superseded.len();
        resolution.excluded |= superseded;
        let count = format!("SELECT count(*) FILTER (version > 0), count(*) FROM {}", ident::quoted(TARGETS));
        let counted = connection.query_row(&count, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        let (updated, targets) = counted.map_err(store_error)?;
        (resolution.updated, resolution.has_targets) = (updated.unsigned_abs(), targets > 0);
    }
    Ok(resolution)
}

/// Deletes the records that rows replace.
pub(crate) fn delete_targets(connection: &Connection, schema: &Schema) -> Result<(), StoreError> {
    let (table, targets) = (names::table(schema), ident::quoted(TARGETS));
    execute(connection, &format!("DELETE FROM {table} WHERE id IN (SELECT id FROM {targets})"))
}

/// The records that rows from `first` up to `end` replace, ordered by row.
pub(crate) fn targets(connection: &Connection, first: u64, end: u64) -> Result<Vec<Target>, StoreError> {
    let sql = format!(
        "SELECT n, id::VARCHAR, epoch_us(created_at), version FROM {} WHERE n >= ? AND n < ? ORDER BY n",
        ident::quoted(TARGETS)
    );
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let bounds = params![first.cast_signed(), end.cast_signed()];
    let rows = statement
        .query_map(bounds, |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, Option<i64>>(2)?, row.get::<_, i64>(3)?))
        })
        .map_err(store_error)?;
    rows.map(|row| {
        let (row, id, created_at, version) = row.map_err(store_error)?;
        let id = Uuid::parse_str(&id).map_err(|error| internal("a stored id is no UUID").with_source(error))?;
        Ok(Target { row: row.unsigned_abs(), id, created_at, version })
    })
    .collect()
}

/// Of the records from a place on, how many share a key with one before them that they should not.
pub(crate) fn shared(connection: &Connection, schema: &Schema, first: i64) -> Result<Vec<SharedKey>, StoreError> {
    let mut shared = Vec::new();
    for fields in schema.soft_unique_keys() {
        let count = format!("SELECT count(*) FROM ({})", sql::sharing(schema, &fields, first));
        let records: i64 = connection.query_row(&count, [], |row| row.get(0)).map_err(store_error)?;
        if records > 0 {
            shared.push(SharedKey { fields, records: records.unsigned_abs() });
        }
    }
    Ok(shared)
}

/// Drops the temporary tables of a write.
pub(crate) fn clear(connection: &Connection) -> Result<(), StoreError> {
    for table in [KEYS, CONFLICTS, SUPERSEDED, MATCHES, TARGETS].into_iter().chain(entangled::TABLES) {
        execute(connection, &format!("DROP TABLE IF EXISTS temp.main.{}", ident::quoted(table)))?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.execute_batch(sql).map_err(store_error)
}

/// The fields of all keys, each once.
fn parts_of(keys: &[Vec<Field>]) -> Vec<&Field> {
    let mut parts: Vec<&Field> = Vec::new();
    for field in keys.iter().flatten() {
        if !parts.contains(&field) {
            parts.push(field);
        }
    }
    parts
}

/// A key in SQL: the columns of [`KEYS`] that it has, and those of the table.
struct KeyColumns(Vec<(String, String)>);

impl KeyColumns {
    fn of(keys: &[Vec<Field>]) -> Vec<Self> {
        let parts = parts_of(keys);
        keys.iter().map(|fields| Self::among(&parts, fields)).collect()
    }

    fn of_only(key: &[Field]) -> Self {
        Self::among(&parts_of(&[key.to_vec()]), key)
    }

    fn among(parts: &[&Field], key: &[Field]) -> Self {
        let place = |field: &Field| parts.iter().position(|part| *part == field);
        Self(key.iter().filter_map(|field| Some((part(place(field)?), ident::column(field)))).collect())
    }

    /// The columns of [`KEYS`].
    fn listed(&self) -> String {
        self.0.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// That none of them is null.
    fn present(&self) -> String {
        self.all(|part, _| format!("{part} IS NOT NULL"))
    }

    /// That a row `k` has the key of another row `f`.
    fn shared(&self) -> String {
        self.all(|part, _| format!("k.{part} = f.{part}"))
    }

    /// That a row `k` has the key of a stored record `t`.
    fn stored(&self) -> String {
        self.all(|part, column| format!("t.{column} = k.{part}"))
    }

    fn all(&self, condition: impl Fn(&str, &str) -> String) -> String {
        self.0.iter().map(|(part, column)| condition(part, column)).collect::<Vec<_>>().join(" AND ")
    }
}

/// The column of [`KEYS`] of a part of keys. No property has the name of its number.
fn part(place: usize) -> String {
    ident::quoted(&format!("${place}"))
}

/// Makes the table of the parts of keys.
fn create_keys(connection: &Connection, keys: &[Vec<Field>]) -> Result<(), StoreError> {
    let parts = parts_of(keys).into_iter().enumerate();
    let columns = parts.map(|(place, field)| format!(", {} {}", part(place), column_type(field.data_type())));
    let columns: String = columns.collect();
    execute(
        connection,
        &format!("CREATE TEMP TABLE {} (n BIGINT NOT NULL, given BOOLEAN NOT NULL{columns})", ident::quoted(KEYS)),
    )
}

fn append_keys(connection: &Connection, keys: &Keys<'_>, batches: &mut Sealed) -> Result<(), StoreError> {
    let number = ArrowField::new("n", ArrowType::Int64, false);
    let given = ArrowField::new("given", ArrowType::Boolean, false);
    let parts = parts_of(keys.all);
    let columns = parts.iter().map(|field| engine_field(&field.data_type().arrow_field(field.name(), true)));
    let arrow: SchemaRef = Arc::new(ArrowSchema::new([number, given].into_iter().chain(columns).collect::<Vec<_>>()));
    let mut appender = connection.appender_to_catalog_and_db(KEYS, "temp", "main").map_err(store_error)?;
    let mut next_row: i64 = 0;
    batches.for_each(|batch, ids| {
        let rows = i64::try_from(batch.num_rows()).map_err(|_| internal("a batch has too many rows"))?;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(next_row..next_row + rows));
        next_row += rows;
        let given: BooleanArray = (0..batch.num_rows()).map(|row| Some(ids.is_given(row))).collect();
        // Whether the id has to be compared.
        let is_candidate: BooleanArray = match keys.candidates {
            Some(candidates) => {
                let ids = ids_of(&batch).zip(given.values());
                ids.map(|(id, is_given)| Some(is_given && candidates.contains(&id))).collect()
            }
            None => given.clone(),
        };
        let mut columns: Vec<ArrayRef> = vec![numbers, Arc::new(given)];
        for field in &parts {
            let column = engine_array(batch.column(field.column()));
            columns.push(match field {
                Field::System(_) => {
                    let is_new = BooleanArray::new(!is_candidate.values(), None);
                    nullif(&column, &is_new).map_err(arrow_error)?
                }
                _ => column,
            });
        }
        let mut rows = RecordBatch::try_new(Arc::clone(&arrow), columns).map_err(arrow_error)?;
        if matches!(parts.as_slice(), [Field::System(_)]) {
            rows = filter_record_batch(&rows, &is_candidate).map_err(arrow_error)?;
        }
        if rows.num_rows() == 0 {
            return Ok(());
        }
        appender.append_record_batch(rows).map_err(store_error)
    })?;
    appender.flush().map_err(store_error)
}

/// Finds the rows whose only key is stored or comes earlier: (row, index of the key, first row with the key or null
/// where it is stored).
fn find_taken(connection: &Connection, schema: &Schema, key: &[Field]) -> Result<(), StoreError> {
    let (rows, conflicts, table) = (ident::quoted(KEYS), ident::quoted(CONFLICTS), names::table(schema));
    let key = KeyColumns::of_only(key);
    let (listed, present, shared, stored) = (key.listed(), key.present(), key.shared(), key.stored());
    let is_stored = format!("EXISTS (SELECT 1 FROM {table} t WHERE {stored})");
    execute(
        connection,
        &format!(
            "CREATE TEMP TABLE {conflicts} AS \
             SELECT n, 0 AS key, NULL::BIGINT AS first FROM {rows} k WHERE {is_stored} \
             UNION ALL \
             SELECT k.n, 0, f.first FROM {rows} k \
             JOIN (SELECT {listed}, min(n) AS first FROM {rows} WHERE {present} \
                   GROUP BY {listed} HAVING count(*) > 1) f \
             ON {shared} AND k.n > f.first \
             WHERE NOT {is_stored}"
        ),
    )
}

/// Finds the stored record that each row replaces by its only key, and the rows that a later one makes pointless.
fn find_targets(connection: &Connection, schema: &Schema, key: &[Field]) -> Result<(), StoreError> {
    let [rows, conflicts, superseded, targets] = [KEYS, CONFLICTS, SUPERSEDED, TARGETS].map(ident::quoted);
    let table = names::table(schema);
    let key = KeyColumns::of_only(key);
    let (listed, present, shared, stored) = (key.listed(), key.present(), key.shared(), key.stored());
    execute(
        connection,
        &format!(
            "CREATE TEMP TABLE {superseded} AS SELECT k.n FROM {rows} k \
             JOIN (SELECT {listed}, max(n) AS last FROM {rows} WHERE {present} \
                   GROUP BY {listed} HAVING count(*) > 1) f \
             ON {shared} AND k.n < f.last; \
             CREATE TEMP TABLE {targets} AS SELECT k.n, t.id, t.created_at, t.version FROM {rows} k \
             JOIN {table} t ON {stored} WHERE k.n NOT IN (SELECT n FROM {superseded}); \
             CREATE TEMP TABLE {conflicts} (n BIGINT, key INTEGER, first BIGINT)"
        ),
    )
}

/// The rows that a temporary table names.
fn rows_of(connection: &Connection, table: &str) -> Result<RoaringTreemap, StoreError> {
    let sql = format!("SELECT DISTINCT n FROM {} ORDER BY n", ident::quoted(table));
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let rows = statement.query_map([], |row| row.get::<_, i64>(0)).map_err(store_error)?;
    rows.map(|row| row.map(i64::unsigned_abs).map_err(store_error)).collect()
}

fn read_conflicts(connection: &Connection, conflicts: &mut ConflictSpool) -> Result<(), StoreError> {
    let sql = format!("SELECT n, key, first FROM {} ORDER BY n, key", ident::quoted(CONFLICTS));
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i32>(1)?, row.get::<_, Option<i64>>(2)?)))
        .map_err(store_error)?;
    for row in rows {
        let (row, key, first) = row.map_err(store_error)?;
        let key = usize::try_from(key).map_err(|_| internal("a conflict names no key"))?;
        let with = match first {
            None => ConflictingKey::Stored,
            Some(first) if first < 0 => ConflictingKey::SeveralRecords,
            Some(first) => ConflictingKey::Row(first.unsigned_abs()),
        };
        conflicts.push(row.unsigned_abs(), key, with)?;
    }
    Ok(())
}
