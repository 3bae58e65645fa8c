//! What rules need of the table: the snapshot that they are checked in, and the place of what they suggest.

use eider_domain::{DataType, Schema, Value};
use eider_engine_duckdb::ident::{self, SEQUENCE};
use eider_engine_duckdb::sql::{PLACE, SUGGESTED, Statement};

use crate::file::names::{self, CATALOG};

/// How many records there are, and the number of the last commit.
pub(crate) fn snapshot(schema: &Schema) -> Statement {
    let mut statement = Statement::default();
    statement.push(&format!(
        "SELECT count(*), greatest(coalesce(max({SEQUENCE}), 0), (SELECT last FROM {CATALOG}.counters WHERE \"key\" = "
    ));
    statement.bind(DataType::String, &Value::Text(schema.name().key().into()));
    statement.push(&format!(")) FROM {}", names::table(schema)));
    statement
}

/// Puts the suggested records in the place of those that they were, from a place on at the end.
pub(crate) fn replace_suggested(schema: &Schema, first_sequence: i64) -> [String; 3] {
    let table = names::table(schema);
    let columns: Vec<String> = schema.fields().iter().map(ident::column).collect();
    let columns = columns.join(", ");
    [
        format!("DELETE FROM {table} WHERE {SEQUENCE} IN (SELECT {PLACE} FROM {SUGGESTED})"),
        format!(
            "INSERT INTO {table} ({columns}, {SEQUENCE}) \
             SELECT {columns}, {first_sequence} - 1 + row_number() OVER (ORDER BY {PLACE}) FROM {SUGGESTED} ORDER BY {PLACE}"
        ),
        format!("DROP TABLE temp.main.{SUGGESTED}"),
    ]
}
