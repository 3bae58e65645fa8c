//! What tells a record from others.

use eider_domain::{Field, Schema};

use crate::engine::ident::{self, SEQUENCE};

/// The key that a record has in these fields, as one value: that of one, or those of several; null where one of them is.
pub(crate) fn key(fields: &[Field]) -> String {
    let columns: Vec<String> = fields.iter().map(ident::column).collect();
    if let [column] = columns.as_slice() {
        return column.clone();
    }
    let present: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    format!("CASE WHEN {} THEN row({}) END", present.join(" AND "), columns.join(", "))
}

/// The places, from one on, of records that share the values of these fields with a record before them.
///
/// The keys of those records are looked for first, and the earliest record of each: to compare every two records of a key would
/// take as long as the square of their number.
pub(crate) fn sharing(schema: &Schema, fields: &[Field], first: i64) -> String {
    let table = ident::table(schema);
    let columns: Vec<String> = fields.iter().map(ident::column).collect();
    let columns = columns.join(", ");
    format!(
        "SELECT k.{SEQUENCE} FROM {table} k JOIN (SELECT {columns}, min({SEQUENCE}) AS \"$first\" FROM {table} \
         SEMI JOIN (SELECT {columns} FROM {table} WHERE {SEQUENCE} >= {first}) USING ({columns}) GROUP BY {columns}) \
         USING ({columns}) WHERE k.{SEQUENCE} >= {first} AND k.{SEQUENCE} > \"$first\""
    )
}
