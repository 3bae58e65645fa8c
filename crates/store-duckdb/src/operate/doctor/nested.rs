//! Whether nested values are what every reader of JSON takes for the same.

use eider_application::ports::StoreError;
use eider_domain::{DataType, JsonFault, Property, Schema, check_json};
use eider_engine_duckdb::Connection;
use eider_engine_duckdb::error::store_error;
use eider_engine_duckdb::ident;
use serde_json::value::RawValue;

use super::tables::Outcome;
use crate::file::names;

/// Records that are named.
const NAMED: usize = 5;
const MEND: &str =
    "PUT each record anew; or PATCH it with null for the property, and then with the value as it should be";

/// Reads every value of an object or array property, which a release may have stored that did not check it.
pub(super) fn nested(
    connection: &Connection,
    schema: &Schema,
    (property, opening): (&Property, char),
    max_depth: usize,
) -> Result<Outcome, StoreError> {
    let column = ident::property(&property.name);
    let sql = format!("SELECT id::VARCHAR, {column} FROM {} WHERE {column} IS NOT NULL", names::table(schema));
    let mut statement = connection.prepare(&sql).map_err(store_error)?;
    let mut rows = statement.query([]).map_err(store_error)?;
    let (mut values, mut wrong, mut named) = (0_u64, 0_u64, Vec::new());
    while let Some(row) = rows.next().map_err(store_error)? {
        let text: String = row.get(1).map_err(store_error)?;
        values += 1;
        let Err(detail) = examine(&text, (property.data_type, opening), max_depth) else { continue };
        wrong += 1;
        if named.len() < NAMED {
            let id: String = row.get(0).map_err(store_error)?;
            named.push(format!("{id}{detail}"));
        }
    }
    if wrong == 0 {
        return Ok(Ok(format!("{values} values, each with one meaning")));
    }
    let more = if wrong > NAMED as u64 { "; …" } else { "" };
    Ok(Err((format!("{wrong} of {values} values cannot be stored any more: {}{more}", named.join("; ")), MEND)))
}

/// What the text of a value of a nested type begins with; `None` of other types.
pub(super) fn opening(data_type: DataType) -> Option<char> {
    match data_type {
        DataType::Object => Some('{'),
        DataType::Array => Some('['),
        DataType::String
        | DataType::Integer
        | DataType::Number
        | DataType::Decimal { .. }
        | DataType::Boolean
        | DataType::Date
        | DataType::Time
        | DataType::Datetime
        | DataType::Uuid => None,
    }
}

/// What is wrong with a value, and where.
fn examine(text: &str, (data_type, opening): (DataType, char), max_depth: usize) -> Result<(), String> {
    serde_json::from_str::<&RawValue>(text).map_err(|error| format!(": it is no JSON ({error})"))?;
    if !text.trim_start().starts_with(opening) {
        return Err(format!(": it is no {}", data_type.name()));
    }
    check_json(text, max_depth).map_err(|JsonFault { pointer, detail, .. }| format!("{pointer}: {detail}"))
}
