//! Rows whose keys depend on one another, found by the engine and decided in their order.
//!
//! Most rows of a write have nothing to do with each other, and are decided as sets. Those that share a value, or that
//! reach the same stored record, are entangled: the outcome of one depends on those before it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, new_null_array};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema};
use eider_application::ports::{ConflictingKey, OnConflict, StoreError};
use eider_domain::{DataType, Schema, SystemField};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::columns::{engine_field, ids_of};
use eider_engine_duckdb::error::{arrow_error, internal, store_error};
use eider_engine_duckdb::ident;
use roaring::RoaringTreemap;
use uuid::Uuid;

use super::sequence::{Cell, Effect, Replaced, Sequence};
use super::{CONFLICTS, KEYS, KeyColumns, Keys, MATCHES, SEVERAL, SUPERSEDED, TARGETS, execute};
use crate::file::names;
use crate::write::staging::Sealed;

/// The rows that are decided in their order: `(n)`.
const ENTANGLED: &str = "$entangled";
/// The stored records that they reach: `(r, id, created_at, version)`.
const REACHED: &str = "$reached";
/// What they replace of those: `(n, r)`.
const REPLACED: &str = "$replaced";
/// The tables that are left behind.
pub(super) const TABLES: [&str; 3] = [ENTANGLED, REACHED, REPLACED];

/// Most rows of a write that are decided in their order, some 60 bytes of memory each.
const MAX_ENTANGLED: i64 = 1 << 22;
/// Results that go back to the engine at once.
const BATCH_ROWS: usize = 8_192;

/// Decides on every row of [`KEYS`]: leaves the conflicts, the superseded rows and the targets in their tables.
pub(super) fn decide(
    connection: &Connection,
    schema: &Schema,
    keys: &Keys<'_>,
    on_conflict: OnConflict,
    batches: &mut Sealed,
) -> Result<(), StoreError> {
    find(connection, schema, keys, on_conflict)?;
    let count = |table: &str| -> Result<i64, StoreError> {
        let count = format!("SELECT count(*) FROM {}", ident::quoted(table));
        connection.query_row(&count, [], |row| row.get(0)).map_err(store_error)
    };
    let entangled = count(ENTANGLED)?;
    if entangled > MAX_ENTANGLED {
        let message = format!("{entangled} rows of one write share keys with one another");
        return Err(StoreError::unavailable("entangled_records", message));
    }
    if entangled > 0 {
        let reached = u32::try_from(count(REACHED)?).map_err(|_| internal("a write reaches too many records"))?;
        apply(connection, keys, on_conflict, reached, batches)?;
    }
    Ok(())
}

/// Finds what rows match, which are entangled, and decides on the others.
fn find(connection: &Connection, schema: &Schema, keys: &Keys<'_>, on_conflict: OnConflict) -> Result<(), StoreError> {
    let [rows, conflicts, superseded, matches, targets, entangled, reached] =
        [KEYS, CONFLICTS, SUPERSEDED, MATCHES, TARGETS, ENTANGLED, REACHED].map(ident::quoted);
    let table = names::table(schema);
    let columns = KeyColumns::of(keys.all);
    let joins = columns.iter().enumerate().map(|(index, key)| {
        let stored = key.stored();
        format!("SELECT k.n, {index} AS key, t.id, t.created_at, t.version FROM {rows} k JOIN {table} t ON {stored}")
    });
    let joins = joins.collect::<Vec<_>>().join(" UNION ALL ");
    execute(connection, &format!("CREATE TEMP TABLE {matches} AS {joins}"))?;
    let mut found: Vec<String> = columns
        .iter()
        .map(|key| {
            let (listed, present, shared) = (key.listed(), key.present(), key.shared());
            format!(
                "SELECT k.n FROM {rows} k JOIN (SELECT {listed} FROM {rows} WHERE {present} \
                 GROUP BY {listed} HAVING count(*) > 1) f ON {shared}"
            )
        })
        .collect();
    if on_conflict == OnConflict::Replace {
        found.push(format!("SELECT n FROM {matches} GROUP BY n HAVING count(DISTINCT id) > 1"));
        found.push(format!(
            "SELECT n FROM {matches} WHERE id IN \
             (SELECT id FROM {matches} GROUP BY id HAVING count(DISTINCT n) > 1)"
        ));
        // A row with an id of its own that has the unique value of another record.
        let id =
            keys.id().map_or_else(String::new, |id| format!("AND n NOT IN (SELECT n FROM {matches} WHERE key = {id})"));
        found.push(format!("SELECT n FROM {matches} WHERE n IN (SELECT n FROM {rows} WHERE given) {id}"));
    }
    // UNION drops duplicates.
    execute(connection, &format!("CREATE TEMP TABLE {entangled} AS {}", found.join(" UNION ")))?;
    execute(
        connection,
        &format!(
            "CREATE TEMP TABLE {reached} AS \
             SELECT row_number() OVER () - 1 AS r, id, created_at, version \
             FROM (SELECT DISTINCT id, created_at, version FROM {matches} WHERE n IN (SELECT n FROM {entangled}))"
        ),
    )?;
    let alone = format!("FROM {matches} WHERE n NOT IN (SELECT n FROM {entangled})");
    let (conflicting, replacing) = match on_conflict {
        OnConflict::Replace => ("LIMIT 0", ""),
        OnConflict::Error | OnConflict::Ignore => ("", "LIMIT 0"),
    };
    execute(
        connection,
        &format!(
            "CREATE TEMP TABLE {conflicts} AS SELECT n, key, NULL::BIGINT AS first {alone} {conflicting}; \
             CREATE TEMP TABLE {targets} AS SELECT DISTINCT n, id, created_at, version {alone} {replacing}; \
             CREATE TEMP TABLE {superseded} (n BIGINT)"
        ),
    )
}

/// Applies the entangled rows one after the other.
fn apply(
    connection: &Connection,
    keys: &Keys<'_>,
    on_conflict: OnConflict,
    reached: u32,
    batches: &mut Sealed,
) -> Result<(), StoreError> {
    let mut sequence = Sequence::new(on_conflict, keys.id(), keys.all.len(), reached);
    let mut conflicts = Vec::new();
    let mut superseded = RoaringTreemap::new();
    let mut targets: HashMap<u64, Replaced> = HashMap::new();
    visit(connection, &cells_of(keys), |row, has_own_id, cells| match sequence.apply(row, has_own_id, cells) {
        Effect::Conflict(found) => conflicts.extend(found.into_iter().map(|(key, with)| (row, key, with))),
        Effect::Create => {}
        Effect::Replace { target, superseded: earlier } => {
            if let Some(earlier) = earlier {
                superseded.insert(earlier);
                targets.remove(&earlier);
            }
            targets.insert(row, target);
        }
    })?;
    append_conflicts(connection, &conflicts)?;
    let rows: Vec<i64> = superseded.iter().map(u64::cast_signed).collect();
    append(
        connection,
        SUPERSEDED,
        vec![ArrowField::new("n", ArrowType::Int64, false)],
        rows.chunks(BATCH_ROWS),
        |rows| Ok(vec![Arc::new(Int64Array::from(rows.to_vec())) as ArrayRef]),
    )?;
    append_targets(connection, &targets, batches)
}

/// The values of the entangled rows, by row and key: `(n, key, given, v, r)`. Equal values of a key have the same number.
fn cells_of(keys: &Keys<'_>) -> String {
    let [rows, matches, entangled, reached] = [KEYS, MATCHES, ENTANGLED, REACHED].map(ident::quoted);
    let columns = KeyColumns::of(keys.all);
    let cells = columns.iter().enumerate().map(|(index, key)| {
        let (listed, present) = (key.listed(), key.present());
        format!(
            "SELECT k.n, {index} AS key, k.given, k.v, m.r FROM \
             (SELECT n, given, dense_rank() OVER (ORDER BY {listed}) - 1 AS v FROM {rows} \
              WHERE {present} AND n IN (SELECT n FROM {entangled})) k \
             LEFT JOIN (SELECT n, r FROM {matches} JOIN {reached} USING (id) WHERE key = {index}) m ON k.n = m.n"
        )
    });
    format!("{} ORDER BY 1, 2", cells.collect::<Vec<_>>().join(" UNION ALL "))
}

/// Hands out the cells of each entangled row, in the order of the rows, and whether the row has an id of its own.
fn visit(connection: &Connection, cells: &str, mut row_of: impl FnMut(u64, bool, &[Cell])) -> Result<(), StoreError> {
    let mut statement = connection.prepare(cells).map_err(store_error)?;
    let mut rows = statement.query([]).map_err(store_error)?;
    let mut current: Option<(i64, bool)> = None;
    let mut gathered: Vec<Cell> = Vec::new();
    let number = |value: i64| u32::try_from(value).map_err(|_| internal("a write has too many values"));
    while let Some(row) = rows.next().map_err(store_error)? {
        let place = (row.get::<_, i64>(0).map_err(store_error)?, row.get::<_, bool>(2).map_err(store_error)?);
        if let Some((n, given)) = current
            && n != place.0
        {
            row_of(n.unsigned_abs(), given, &gathered);
            gathered.clear();
        }
        current = Some(place);
        gathered.push(Cell {
            key: usize::try_from(row.get::<_, i32>(1).map_err(store_error)?).unwrap_or_default(),
            value: number(row.get(3).map_err(store_error)?)?,
            record: row.get::<_, Option<i64>>(4).map_err(store_error)?.map(number).transpose()?,
        });
    }
    if let Some((n, given)) = current {
        row_of(n.unsigned_abs(), given, &gathered);
    }
    Ok(())
}

fn append_conflicts(connection: &Connection, conflicts: &[(u64, usize, ConflictingKey)]) -> Result<(), StoreError> {
    let fields = vec![
        ArrowField::new("n", ArrowType::Int64, false),
        ArrowField::new("key", ArrowType::Int32, false),
        ArrowField::new("first", ArrowType::Int64, true),
    ];
    append(connection, CONFLICTS, fields, conflicts.chunks(BATCH_ROWS), |conflicts| {
        let key = |key: usize| i32::try_from(key).map_err(|_| internal("a schema has too many keys"));
        let first = |with: ConflictingKey| match with {
            ConflictingKey::Stored => None,
            ConflictingKey::Row(first) => Some(first.cast_signed()),
            ConflictingKey::SeveralRecords => Some(SEVERAL),
        };
        Ok(vec![
            Arc::new(Int64Array::from_iter_values(conflicts.iter().map(|(row, _, _)| row.cast_signed()))) as ArrayRef,
            Arc::new(Int32Array::from(conflicts.iter().map(|(_, k, _)| key(*k)).collect::<Result<Vec<_>, _>>()?)),
            Arc::new(conflicts.iter().map(|(_, _, with)| first(*with)).collect::<Int64Array>()),
        ])
    })
}

/// Adds what rows replace to [`TARGETS`]. A record that the write made itself has the id of the row that made it, and no
/// version before this one.
fn append_targets(
    connection: &Connection,
    targets: &HashMap<u64, Replaced>,
    batches: &mut Sealed,
) -> Result<(), StoreError> {
    let (mut stored, mut made) = (Vec::new(), Vec::new());
    for (row, target) in targets {
        match target {
            Replaced::Stored(record) => stored.push((row.cast_signed(), i64::from(*record))),
            Replaced::MadeBy(first) => made.push((row.cast_signed(), *first)),
        }
    }
    execute(connection, &format!("CREATE TEMP TABLE {} (n BIGINT, r BIGINT)", ident::quoted(REPLACED)))?;
    let number = |name: &str| ArrowField::new(name, ArrowType::Int64, false);
    append(connection, REPLACED, vec![number("n"), number("r")], stored.chunks(BATCH_ROWS), |stored| {
        Ok(vec![
            Arc::new(Int64Array::from_iter_values(stored.iter().map(|(row, _)| *row))) as ArrayRef,
            Arc::new(Int64Array::from_iter_values(stored.iter().map(|(_, record)| *record))),
        ])
    })?;
    let [targets, replaced, reached] = [TARGETS, REPLACED, REACHED].map(ident::quoted);
    execute(
        connection,
        &format!("INSERT INTO {targets} SELECT n, id, created_at, version FROM {replaced} JOIN {reached} USING (r)"),
    )?;
    let ids = ids_at(batches, &made.iter().map(|(_, first)| *first).collect())?;
    let time = ArrowField::new("created_at", ArrowType::Timestamp(arrow_schema::TimeUnit::Microsecond, None), true);
    let id = engine_field(&DataType::Uuid.arrow_field(SystemField::Id.name(), true));
    append(
        connection,
        TARGETS,
        vec![number("n"), id, time.clone(), number("version")],
        made.chunks(BATCH_ROWS),
        |made| {
            let mut found = FixedSizeBinaryBuilder::with_capacity(made.len(), 16);
            for (_, first) in made {
                let id = ids.get(first).ok_or_else(|| internal("a row of a write has no id"))?;
                found.append_value(id.as_bytes()).map_err(arrow_error)?;
            }
            Ok(vec![
                Arc::new(Int64Array::from_iter_values(made.iter().map(|(row, _)| *row))) as ArrayRef,
                Arc::new(found.finish()),
                new_null_array(time.data_type(), made.len()),
                Arc::new(Int64Array::from(vec![0; made.len()])),
            ])
        },
    )
}

/// The ids of rows of the write.
fn ids_at(batches: &mut Sealed, rows: &HashSet<u64>) -> Result<HashMap<u64, Uuid>, StoreError> {
    let mut ids = HashMap::with_capacity(rows.len());
    if rows.is_empty() {
        return Ok(ids);
    }
    let mut next = 0;
    batches.for_each(|batch, _| {
        ids.extend((next..).zip(ids_of(&batch)).filter(|(row, _)| rows.contains(row)));
        next += batch.num_rows() as u64;
        Ok(())
    })?;
    Ok(ids)
}

/// Appends pieces to a temporary table, each as the columns that `columns` makes of it.
fn append<T>(
    connection: &Connection,
    table: &str,
    fields: Vec<ArrowField>,
    pieces: impl Iterator<Item = T>,
    columns: impl Fn(T) -> Result<Vec<ArrayRef>, StoreError>,
) -> Result<(), StoreError> {
    let schema = Arc::new(ArrowSchema::new(fields));
    let mut appender = connection.appender_to_catalog_and_db(table, "temp", "main").map_err(store_error)?;
    for piece in pieces {
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns(piece)?).map_err(arrow_error)?;
        appender.append_record_batch(batch).map_err(store_error)?;
    }
    appender.flush().map_err(store_error)
}
