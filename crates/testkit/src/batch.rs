//! Schemas and record batches from JSON and back, so that tests read like examples.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use eider_application::ports::{Clock, IdOrigin};
use eider_domain::{
    DataType, Field, Incoming, RecordCheck, RecordId, RecordValidator, Schema, SchemaDefinition, Slot, SystemField,
    Timestamp, Value, ValueRef,
};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::FixedClock;
use crate::column::{column_of, data_type_of, rows_of};

/// When the schemas and records of tests are created unless they say otherwise: what a new [`FixedClock`] shows.
pub fn created_at() -> Timestamp {
    FixedClock::default().now()
}

/// A schema, version 1, from the JSON form of its definition.
///
/// # Panics
/// When the definition is not valid, with its violations.
#[expect(clippy::needless_pass_by_value, reason = "callers write `schema(json!(…))`")]
pub fn schema(document: Json) -> Schema {
    schema_created_at(&document, created_at())
}

/// A schema that was created at some time.
///
/// # Panics
/// When the definition is not valid, with its violations.
pub fn schema_created_at(document: &Json, created_at: Timestamp) -> Schema {
    match SchemaDefinition::parse(document) {
        Ok(definition) => Schema::new(definition, 1, created_at),
        Err(violations) => panic!("the definition is not valid: {violations:#?}"),
    }
}

/// A batch of whole records from a JSON array of objects, checked as the server checks records.
///
/// A missing `id` is one that no other call gives, a missing `created_at` or `updated_at` is [`created_at`], a
/// missing `version` is 1, and a missing property takes its default or null.
///
/// # Panics
/// When a record is not valid, with its violations.
#[expect(clippy::needless_pass_by_value, reason = "callers write `batch(&schema, json!(…))`")]
pub fn batch(schema: &Schema, records: Json) -> RecordBatch {
    let validator = RecordValidator::new(schema);
    let mut check = validator.check();
    let records = records.as_array().expect("an array of records");
    let rows: Vec<Vec<Value>> = records.iter().map(|record| row(schema, &mut check, record)).collect();
    batch_of(schema, &rows)
}

/// A batch of whole records from their values in record order.
pub(crate) fn batch_of(schema: &Schema, rows: &[Vec<Value>]) -> RecordBatch {
    let column = |field: &Field| {
        let values: Vec<&Value> = rows.iter().map(|row| &row[field.column()]).collect();
        column_of(field.data_type(), &values)
    };
    let columns = schema.fields().iter().map(column).collect();
    RecordBatch::try_new(Arc::clone(schema.arrow()), columns).expect("the columns are those of the schema")
}

fn row(schema: &Schema, check: &mut RecordCheck<'_>, record: &Json) -> Vec<Value> {
    let record = record.as_object().expect("a record is an object");
    let mut row = vec![
        Value::Uuid(*next_id().as_uuid()),
        Value::Datetime(created_at().as_micros()),
        Value::Datetime(created_at().as_micros()),
        Value::Integer(1),
    ];
    row.extend(schema.properties().iter().map(|p| RecordCheck::missing_value(p).into_owned()));
    for (key, value) in record {
        if let Some(field) = [SystemField::CreatedAt, SystemField::UpdatedAt].iter().find(|f| f.name() == key) {
            let text = value.as_str().expect("an instant is text");
            let instant = ValueRef::parse(DataType::Datetime, text).expect("an RFC 3339 instant");
            row[*field as usize] = instant.into_owned();
        } else if key == SystemField::Version.name() {
            row[SystemField::Version as usize] = Value::Integer(value.as_i64().expect("a version is an integer"));
        } else if let Some(slot) = check.key(key)
            && let Some(value) = check.value(slot, Incoming::from_json(value))
        {
            let column = match slot {
                Slot::Id => SystemField::Id as usize,
                Slot::Property(index) => SystemField::ALL.len() + index,
            };
            row[column] = value.into_owned();
        }
    }
    let violations = check.finish();
    assert!(violations.is_empty(), "the record is not valid: {violations:#?}");
    row
}

/// An id that no other call gives, distinct from those of [`crate::SequentialIds`].
fn next_id() -> RecordId {
    static HANDED_OUT: AtomicU64 = AtomicU64::new(0);
    RecordId::new(Uuid::from_u128(FIRST_ID | u128::from(HANDED_OUT.fetch_add(1, Ordering::Relaxed))))
}

const FIRST_ID: u128 = 0x019c_1392_fda0_7fff_8000_0000_0000_0000;

/// Where the ids of a batch came from: a record that was written without an id has one of the server's.
pub(crate) fn id_origin(batch: &RecordBatch) -> IdOrigin {
    let ids = batch.column(SystemField::Id as usize).as_fixed_size_binary();
    let number = |id: &[u8]| id.try_into().map(u128::from_be_bytes);
    IdOrigin::of(ids.iter().map(|id| id.and_then(|id| number(id).ok()).is_some_and(|id| id >> 48 != FIRST_ID >> 48)))
}

/// One record per number, with the number as the schema's first property, which must be an `integer`; the
/// other properties take their defaults or null. Quicker than [`batch`] for many rows.
///
/// # Panics
/// When the first property is not an `integer`.
pub fn integers(schema: &Schema, numbers: impl IntoIterator<Item = i64>) -> RecordBatch {
    assert_eq!(schema.properties()[0].data_type, DataType::Integer, "the first property is an integer");
    let validator = RecordValidator::new(schema);
    let mut check = validator.check();
    let template = row(schema, &mut check, &Json::Object(first_property(schema, 0)));
    let row = |number| {
        let mut row = template.clone();
        row[SystemField::Id as usize] = Value::Uuid(*next_id().as_uuid());
        row[SystemField::ALL.len()] = Value::Integer(number);
        row
    };
    batch_of(schema, &numbers.into_iter().map(row).collect::<Vec<_>>())
}

fn first_property(schema: &Schema, number: i64) -> Map<String, Json> {
    Map::from_iter([(schema.properties()[0].name.as_str().to_owned(), number.into())])
}

/// The rows of a batch as JSON objects with every column, null where there is no value.
///
/// Decimals, times and UUIDs are text and nested JSON is JSON, as records show them.
pub fn rows(batch: &RecordBatch) -> Vec<Json> {
    let schema = batch.schema();
    let object = |row: Vec<Value>| {
        let cells = schema.fields().iter().zip(row);
        cells.map(|(field, value)| (field.name().clone(), value.to_json(data_type_of(field)))).collect()
    };
    rows_of(batch).into_iter().map(object).collect()
}

/// One column of [`rows`].
pub fn values(rows: &[Json], column: &str) -> Vec<Json> {
    rows.iter().map(|row| row[column].clone()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_give_back_the_records_of_a_batch() {
        let schema = schema(json!({"name": "s", "properties": [
            {"name": "a", "type": "string"}, {"name": "b", "type": "decimal", "precision": 5, "scale": 2},
            {"name": "c", "type": "object"}, {"name": "d", "type": "time", "default": "01:02:03"}]}));
        let record = json!({"id": "019c1392-fda0-7000-8000-000000000001", "created_at": "1969-12-31T23:59:59.000000Z",
            "updated_at": "9999-12-31T23:59:59.999999Z", "version": 3, "a": "é\u{0}", "b": "-0.05",
            "c": {"x": [null]}, "d": null});
        let batch = batch(&schema, json!([record, {}]));
        assert_eq!(batch.schema(), *schema.arrow());
        let rows = rows(&batch);
        assert_eq!(rows[0], record);
        assert_eq!(rows[1]["d"], "01:02:03.000000");
        assert_eq!(rows[1]["created_at"], "2026-01-31T08:15:00.000000Z");
        assert_eq!(rows[1]["version"], 1);
    }

    #[test]
    #[should_panic(expected = "TypeMismatch")]
    fn a_record_that_the_server_would_refuse_is_a_fault_of_the_test() {
        let schema = schema(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]}));
        batch(&schema, json!([{"n": "one"}]));
    }
}
