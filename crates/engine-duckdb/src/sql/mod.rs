//! Domain queries as SQL with bound values.

mod aggregate;
mod filter;
mod keys;
mod order;
mod prepared;
mod profile;
mod quality;
pub mod rows;
mod select;

use duckdb::types::{TimeUnit, Value as EngineValue};
use eider_domain::{DataType, Filter, Value};

use filter::push_filter;

pub use keys::key;
pub use order::KeyRange;
pub use prepared::Prepared;
pub use quality::{PLACE, SUGGESTED};
pub use select::{cut, places, records, scan, scan_listed, scan_places, scan_within, span};

pub(crate) use aggregate::{Summation, aggregate};
pub(crate) use profile::{exact_mean, statistics, top, values_of};
pub(crate) use quality::{changes_of, count_suggested, is_shared, issues, make_suggested, suggested_values};
pub(crate) use select::count;

/// A statement and the values of its parameters, in order.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Statement {
    /// Its text.
    pub sql: String,
    /// What is bound to its parameters.
    pub values: Vec<EngineValue>,
}

impl Statement {
    /// Appends SQL.
    pub fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Appends a parameter of a type and binds a value to it.
    pub fn bind(&mut self, data_type: DataType, value: &Value) {
        self.sql.push_str(&parameter(data_type));
        self.values.push(engine_value(data_type, value));
    }

    /// Appends ` WHERE` and a filter, or nothing where every record matches.
    pub fn push_where(&mut self, filter: &Filter) {
        if !filter.is_everything() {
            self.push(" WHERE ");
            push_filter(self, filter);
        }
    }

    /// Appends a parameter that is a list of a type and binds values to it.
    fn bind_list(&mut self, data_type: DataType, values: &[Value]) {
        self.push(&format!("?::{}[]", column_type(data_type)));
        self.values.push(EngineValue::List(values.iter().map(|value| engine_value(data_type, value)).collect()));
    }
}

/// As many values as the next power of two, the last one repeated, so that few texts of statements exist and each is prepared
/// once for a connection. None of none.
pub fn padded<T>(values: &[T]) -> impl Iterator<Item = &T> {
    let most = if values.is_empty() { 0 } else { values.len().next_power_of_two() };
    values.iter().chain(values.last().into_iter().cycle()).take(most)
}

/// A parameter as it stands in SQL: what the client library cannot bind natively is bound as text and cast.
fn parameter(data_type: DataType) -> String {
    match data_type {
        DataType::Uuid | DataType::Decimal { .. } => format!("?::{}", column_type(data_type)),
        DataType::String
        | DataType::Integer
        | DataType::Number
        | DataType::Boolean
        | DataType::Date
        | DataType::Time
        | DataType::Datetime
        | DataType::Object
        | DataType::Array => "?".to_owned(),
    }
}

/// A value as the client library binds it.
fn engine_value(data_type: DataType, value: &Value) -> EngineValue {
    match value {
        Value::Null => EngineValue::Null,
        Value::Text(text) | Value::Json(text) => EngineValue::Text(text.clone().into_owned()),
        Value::Integer(number) => EngineValue::BigInt(*number),
        Value::Number(number) => EngineValue::Double(*number),
        Value::Boolean(boolean) => EngineValue::Boolean(*boolean),
        Value::Date(days) => EngineValue::Date32(*days),
        Value::Time(micros) => EngineValue::Time64(TimeUnit::Microsecond, *micros),
        Value::Datetime(micros) => EngineValue::Timestamp(TimeUnit::Microsecond, *micros),
        Value::Decimal(_) | Value::Uuid(_) => EngineValue::Text(value.text(data_type).unwrap_or_default()),
    }
}

/// The engine's type for a property's.
///
/// `datetime` is a TIMESTAMP in UTC: TIMESTAMP WITH TIME ZONE would need the ICU extension to be compared.
/// `object` and `array` are text, which keeps numbers and the order of keys as they were sent.
pub fn column_type(data_type: DataType) -> String {
    match data_type {
        DataType::String | DataType::Object | DataType::Array => "VARCHAR".to_owned(),
        DataType::Integer => "BIGINT".to_owned(),
        DataType::Number => "DOUBLE".to_owned(),
        DataType::Decimal { precision, scale } => format!("DECIMAL({precision},{scale})"),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Date => "DATE".to_owned(),
        DataType::Time => "TIME".to_owned(),
        DataType::Datetime => "TIMESTAMP".to_owned(),
        DataType::Uuid => "UUID".to_owned(),
    }
}

#[cfg(test)]
mod tests;
