//! Finding every row of a write that would be the second with its key, before anything is appended.
//!
//! The engine would refuse the write as a whole, late, and name one key. So the keys are appended to a temporary
//! table and compared as sets, whatever their number.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, new_null_array};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use duckdb::Connection;
use eider_application::{ConflictingKey, IdOrigin, KeyConflict, KeyConflicts, StoreError};
use eider_domain::{Field, Schema};

use crate::commit::{engine_array, engine_field};
use crate::error::{arrow_error, internal, store_error};
use crate::staging::Sealed;
use crate::{ident, sql};

const KEYS: &str = "$keys";
const CONFLICTS: &str = "$conflicts";

/// The fields whose values must differ between records: unique properties, and the id where a client gave one.
pub(crate) fn key_fields(schema: &Schema, origins: &[IdOrigin]) -> Vec<Field> {
    let has_client_ids = origins.contains(&IdOrigin::Client);
    let is_key = |field: &Field| match field {
        Field::System(_) => has_client_ids && field.column() == 0,
        Field::Property { index, .. } => schema.properties()[*index].is_unique,
    };
    schema.fields().into_iter().filter(is_key).collect()
}

/// The conflicts of a write on `fields`, or none. Runs in the write's own transaction.
///
/// A key that is stored already conflicts as stored with every row that has it; else every row but the first
/// conflicts with the first. Nulls do not conflict.
pub(crate) fn find_conflicts(
    connection: &Connection,
    schema: &Schema,
    fields: &[Field],
    batches: &mut Sealed,
    limit: usize,
) -> Result<Option<KeyConflicts>, StoreError> {
    let execute = |sql: &str| connection.execute_batch(sql).map_err(store_error);
    let columns: String = fields.iter().enumerate().fold(String::new(), |mut columns, (index, field)| {
        // Writing to a string cannot fail.
        let _ = write!(columns, ", k{index} {}", sql::column_type(field.data_type()));
        columns
    });
    execute(&format!("CREATE TEMP TABLE {} (n BIGINT NOT NULL{columns})", ident::quoted(KEYS)))?;
    append_keys(connection, fields, batches)?;

    let selects: Vec<String> =
        fields.iter().enumerate().map(|(index, field)| conflicts_of(schema, field, index)).collect();
    execute(&format!("CREATE TEMP TABLE {} AS {}", ident::quoted(CONFLICTS), selects.join(" UNION ALL ")))?;
    let rows: i64 = connection
        .query_row(&format!("SELECT count(DISTINCT n) FROM {}", ident::quoted(CONFLICTS)), [], |row| row.get(0))
        .map_err(store_error)?;
    let named = if rows == 0 { Vec::new() } else { name_conflicts(connection, fields, limit)? };
    execute(&format!("DROP TABLE {}; DROP TABLE {}", ident::quoted(CONFLICTS), ident::quoted(KEYS)))?;
    Ok((rows > 0).then(|| KeyConflicts { conflicts: named, rows: rows.unsigned_abs() }))
}

fn append_keys(connection: &Connection, fields: &[Field], batches: &mut Sealed) -> Result<(), StoreError> {
    let number = ArrowField::new("n", ArrowType::Int64, false);
    let keys = fields.iter().map(|field| engine_field(&field.data_type().arrow_field(field.name(), true)));
    let arrow: SchemaRef = Arc::new(ArrowSchema::new([number].into_iter().chain(keys).collect::<Vec<_>>()));
    let mut appender = connection.appender_to_catalog_and_db(KEYS, "temp", "main").map_err(store_error)?;
    let mut next_row: i64 = 0;
    batches.for_each(|batch, ids| {
        let rows = i64::try_from(batch.num_rows()).map_err(|_| internal("a batch has too many rows"))?;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(next_row..next_row + rows));
        next_row += rows;
        let keys = fields.iter().zip(arrow.fields().iter().skip(1)).map(|(field, engine)| match field {
            Field::System(_) if ids == IdOrigin::Generated => new_null_array(engine.data_type(), batch.num_rows()),
            _ => engine_array(batch.column(field.column())),
        });
        let columns = [numbers].into_iter().chain(keys).collect();
        let keys = RecordBatch::try_new(Arc::clone(&arrow), columns).map_err(arrow_error)?;
        appender.append_record_batch(keys).map_err(store_error)
    })?;
    appender.flush().map_err(store_error)
}

/// Selects (row, index of the field, first row with the key or null where it is stored).
fn conflicts_of(schema: &Schema, field: &Field, index: usize) -> String {
    let (keys, table, column) = (ident::quoted(KEYS), ident::table(schema), ident::column(field));
    format!(
        "SELECT n, {index} AS field, NULL::BIGINT AS first FROM {keys} WHERE k{index} IN (SELECT {column} FROM {table}) \
         UNION ALL \
         SELECT k.n, {index}, f.first FROM {keys} k \
         JOIN (SELECT k{index}, min(n) AS first FROM {keys} WHERE k{index} IS NOT NULL GROUP BY k{index} HAVING count(*) > 1) f \
         ON k.k{index} = f.k{index} AND k.n > f.first \
         WHERE NOT EXISTS (SELECT 1 FROM {table} t WHERE t.{column} = k.k{index})"
    )
}

fn name_conflicts(connection: &Connection, fields: &[Field], limit: usize) -> Result<Vec<KeyConflict>, StoreError> {
    let sql = format!("SELECT n, field, first FROM {} ORDER BY n, field LIMIT {limit}", ident::quoted(CONFLICTS));
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i32>(1)?, row.get::<_, Option<i64>>(2)?)))
        .map_err(store_error)?;
    rows.map(|row| {
        let (row, field, first) = row.map_err(store_error)?;
        let field = usize::try_from(field).ok().and_then(|index| fields.get(index));
        Ok(KeyConflict {
            row: row.unsigned_abs(),
            field: field.ok_or_else(|| internal("a conflict names no field"))?.clone(),
            with: first.map_or(ConflictingKey::Stored, |first| ConflictingKey::Row(first.unsigned_abs())),
        })
    })
    .collect()
}
