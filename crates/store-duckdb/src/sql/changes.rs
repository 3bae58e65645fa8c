//! Statements that find and delete records by lists of keys.

use eider_domain::{DataType, Field, Filter, Schema, Value};
use eider_engine_duckdb::ident;
use eider_engine_duckdb::sql::{Statement, padded};
use uuid::Uuid;

use crate::file::names;

/// Selects the id and the version of these records.
pub(crate) fn versions(schema: &Schema, ids: &[Uuid]) -> Statement {
    let mut statement = Statement::default();
    statement.push(&format!("SELECT id, version FROM {} WHERE id", names::table(schema)));
    push_in(&mut statement, DataType::Uuid, &uuids(ids));
    statement
}

/// Deletes these records.
pub(crate) fn delete_ids(schema: &Schema, ids: &[Uuid]) -> Statement {
    let mut statement = Statement::default();
    statement.push(&format!("DELETE FROM {} WHERE id", names::table(schema)));
    push_in(&mut statement, DataType::Uuid, &uuids(ids));
    statement
}

/// Deletes the records that a filter matches.
pub(crate) fn delete(schema: &Schema, filter: &Filter) -> Statement {
    let mut statement = Statement::default();
    statement.push(&format!("DELETE FROM {}", names::table(schema)));
    statement.push_where(filter);
    statement
}

/// Selects the id and the values of the records that hold one of these combinations of values; there is at least one.
pub(crate) fn holders(schema: &Schema, fields: &[Field], values: &[Vec<Value>]) -> Statement {
    let columns: Vec<String> = fields.iter().map(ident::column).collect();
    let columns = columns.join(", ");
    let mut statement = Statement::default();
    let table = names::table(schema);
    if let [field] = fields {
        statement.push(&format!("SELECT id, {columns} FROM {table} WHERE {columns}"));
        push_in(&mut statement, field.data_type(), &values.concat());
        return statement;
    }
    // The engine has no use for an index on several columns here, and reads them.
    statement.push(&format!("SELECT id, {columns} FROM {table} WHERE ({columns}) IN (VALUES "));
    for (index, values) in padded(values).enumerate() {
        statement.push(if index > 0 { ", (" } else { "(" });
        for (index, (field, value)) in fields.iter().zip(values).enumerate() {
            statement.push(if index > 0 { ", " } else { "" });
            statement.bind(field.data_type(), value);
        }
        statement.push(")");
    }
    statement.push(")");
    statement
}

fn uuids(ids: &[Uuid]) -> Vec<Value> {
    ids.iter().copied().map(Value::Uuid).collect()
}

/// Appends ` IN (…)`; `values` is not empty.
fn push_in(statement: &mut Statement, data_type: DataType, values: &[Value]) {
    statement.push(" IN (");
    for (index, value) in padded(values).enumerate() {
        if index > 0 {
            statement.push(", ");
        }
        statement.bind(data_type, value);
    }
    statement.push(")");
}
