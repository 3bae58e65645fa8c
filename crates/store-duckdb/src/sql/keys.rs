//! Records that share a key.

use eider_domain::{Field, Schema};
use eider_engine_duckdb::ident::{self, SEQUENCE};

use crate::file::names;

/// The places, from one on, of records that share the values of these fields with a record before them.
///
/// The keys of those records are looked for first, and the earliest record of each: to compare every two records of a key would
/// take as long as the square of their number.
pub(crate) fn sharing(schema: &Schema, fields: &[Field], first: i64) -> String {
    let table = names::table(schema);
    let columns: Vec<String> = fields.iter().map(ident::column).collect();
    let columns = columns.join(", ");
    format!(
        "SELECT k.{SEQUENCE} FROM {table} k JOIN (SELECT {columns}, min({SEQUENCE}) AS \"$first\" FROM {table} \
         SEMI JOIN (SELECT {columns} FROM {table} WHERE {SEQUENCE} >= {first}) USING ({columns}) GROUP BY {columns}) \
         USING ({columns}) WHERE k.{SEQUENCE} >= {first} AND k.{SEQUENCE} > \"$first\""
    )
}
