//! What is written comes back.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use eider_application::ports::ScanRequest;
use eider_domain::{RecordId, RecordQuery, Schema, SystemField};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::Fixture;
use crate::{batch, condition, integers, projection, values};

async fn every_type(fixture: &Fixture) -> Arc<Schema> {
    fixture
        .create(json!({"name": "s", "properties": [
            {"name": "string", "type": "string"}, {"name": "integer", "type": "integer"},
            {"name": "number", "type": "number"}, {"name": "wide", "type": "decimal", "precision": 38, "scale": 19},
            {"name": "narrow", "type": "decimal", "precision": 4, "scale": 4},
            {"name": "middle", "type": "decimal", "precision": 18, "scale": 0},
            {"name": "boolean", "type": "boolean"}, {"name": "date", "type": "date"}, {"name": "time", "type": "time"},
            {"name": "datetime", "type": "datetime"}, {"name": "uuid", "type": "uuid"},
            {"name": "object", "type": "object"}, {"name": "array", "type": "array"}]}))
        .await
}

/// Writes records and asserts that a scan gives back the same columns, bit by bit, and reads by id the same records.
async fn assert_comes_back(fixture: &Fixture, schema: &Arc<Schema>, records: Json) {
    let written: RecordBatch = batch(schema, records);
    fixture.write_batch(schema, written.clone()).await;
    let read = fixture.scan(schema, ScanRequest::new(RecordQuery::everything(schema))).await;
    for (field, (read, written)) in schema.arrow().fields().iter().zip(read.columns().iter().zip(written.columns())) {
        assert_eq!(read, written, "column `{}`", field.name());
    }
    assert_eq!(read, written);
    let ids = written.column(SystemField::Id as usize).as_fixed_size_binary();
    for (row, id) in ids.iter().flatten().enumerate() {
        let id = RecordId::new(Uuid::from_slice(id).expect("an id"));
        // The second is answered from memory where a store keeps records there.
        for _ in 0..2 {
            let record = fixture.store.record(schema, id).await.expect("a read");
            assert_eq!(record, Some(written.slice(row, 1)));
        }
    }
}

/// Values of every type come back, and the record's own fields.
pub async fn values_of_every_type_come_back(fixture: Fixture) {
    let schema = every_type(&fixture).await;
    let record = json!({"id": "ffffffff-ffff-4fff-bfff-ffffffffffff", "created_at": "2013-01-01T05:15:00.123456Z",
        "updated_at": "2013-01-02T00:00:00Z", "version": 7, "string": "é🦆", "integer": -5, "number": 0.1,
        "wide": "1234567890123456789.1234567890123456789", "narrow": "-0.1234", "middle": "7", "boolean": true,
        "date": "2013-01-01", "time": "23:59:59.000001", "datetime": "2013-01-01T05:15:00.123456Z",
        "uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "object": {"a": {"b": [1, 2.5, null]}}, "array": [[], {}]});
    assert_comes_back(&fixture, &schema, json!([record])).await;
}

/// The least and the greatest values of every type come back, and the empty ones.
pub async fn the_edges_of_every_type_come_back(fixture: Fixture) {
    let schema = every_type(&fixture).await;
    let least = json!({"id": "00000000-0000-0000-0000-000000000000", "string": "", "integer": i64::MIN,
        "number": f64::MIN, "wide": "-9999999999999999999.9999999999999999999", "narrow": "-0.9999",
        "middle": "-999999999999999999", "boolean": false, "date": "0000-01-01", "time": "00:00:00",
        "datetime": "0000-01-01T00:00:00Z", "uuid": "00000000-0000-0000-0000-000000000000", "object": {}, "array": []});
    let greatest = json!({"id": "ffffffff-ffff-ffff-ffff-ffffffffffff", "string": "x".repeat(100_000),
        "integer": i64::MAX, "number": f64::MAX, "wide": "9999999999999999999.9999999999999999999",
        "narrow": "0.9999", "middle": "999999999999999999", "boolean": true, "date": "9999-12-31",
        "time": "23:59:59.999999", "datetime": "9999-12-31T23:59:59.999999Z",
        "uuid": "ffffffff-ffff-ffff-ffff-ffffffffffff", "object": {"": ""}, "array": [null]});
    let odd = json!({"number": -0.0, "date": "1969-12-31", "datetime": "1969-12-31T23:59:59.999999Z",
        "wide": "-0.0000000000000000001", "integer": 9_007_199_254_740_993_i64});
    let tiny = json!({"number": 5e-324, "date": "2000-02-29", "datetime": "1582-10-10T00:00:00Z"});
    assert_comes_back(&fixture, &schema, json!([least, greatest, odd, tiny])).await;
}

/// Nulls come back, alone and among values.
pub async fn nulls_come_back(fixture: Fixture) {
    let schema = every_type(&fixture).await;
    let full = json!({"string": "a", "integer": 1, "number": 1.5, "wide": "1", "narrow": "0.1", "middle": "1",
        "boolean": true, "date": "2026-01-31", "time": "08:15:00", "datetime": "2026-01-31T08:15:00Z",
        "uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "object": {}, "array": []});
    assert_comes_back(&fixture, &schema, json!([{}, full, {}])).await;
}

/// Text comes back letter by letter, whatever it would mean elsewhere.
pub async fn hostile_text_comes_back(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "text", "type": "string"}]})).await;
    let texts = [
        "'; DROP TABLE s; --",
        "\" OR \"\"=\"",
        "\0",
        "a\0b",
        "$1",
        "?",
        "{}",
        "%s",
        "\\",
        "\\'",
        "\r\n\t",
        "null",
        "NULL",
        "NaN",
        "\u{feff}",
        "\u{202e}",
        "e\u{301}",
        "\u{10ffff}",
        "👩‍👩‍👧",
        " leading",
        "trailing ",
        ",",
    ];
    let records: Vec<Json> = texts.iter().map(|text| json!({"text": text})).collect();
    assert_comes_back(&fixture, &schema, Json::Array(records)).await;
}

/// Nested JSON keeps the order of its keys, its numbers and its letters.
pub async fn nested_json_comes_back_letter_by_letter(fixture: Fixture) {
    let schema = fixture
        .create(json!({"name": "s", "properties": [
            {"name": "object", "type": "object"}, {"name": "array", "type": "array"}]}))
        .await;
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let records = json!([
        {"object": {"z": 1, "a": 1.0, "m": -0.0, "": null, "'": "\"", "\u{0}": "\u{0}🦆"}, "array": deep},
        {"object": {"a": {"a": {"a": {}}}}, "array": [i64::MAX, u64::MAX, 1e300, "x", true, [], {}]}]);
    assert_comes_back(&fixture, &schema, records).await;
}

/// An empty result still has its columns.
pub async fn an_empty_result_has_its_columns(fixture: Fixture) {
    let schema = every_type(&fixture).await;
    let empty = fixture.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema))).await;
    assert_eq!((empty.num_rows(), empty.schema_ref()), (0, schema.arrow()));

    fixture.write(&schema, json!([{"integer": 1}])).await;
    let query = RecordQuery {
        projection: projection(&schema, &["uuid", "object", "id"]),
        filter: condition(&schema, "integer", "gt", json!(1)),
        ..RecordQuery::everything(&schema)
    };
    let columns = query.projection.arrow(&schema);
    let none = fixture.scan(&schema, ScanRequest::new(query)).await;
    assert_eq!((none.num_rows(), none.schema_ref()), (0, &columns));
}

/// Every batch has the schema of its stream, metadata included, and the stream that of the projection.
pub async fn every_batch_has_the_schema_of_its_stream(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer", "required": true},
        {"name": "Code", "type": "uuid"}, {"name": "extra", "type": "object"}]});
    let schema = fixture.create(document).await;
    fixture.write_batch(&schema, integers(&schema, 0..5_000)).await;
    // The fixture compares each batch with its stream.
    let all = fixture.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema))).await;
    assert_eq!((all.num_rows(), all.schema_ref()), (5_000, schema.arrow()));
    let query =
        RecordQuery { projection: projection(&schema, &["extra", "code", "n"]), ..RecordQuery::everything(&schema) };
    let columns = query.projection.arrow(&schema);
    let some = fixture.scan(&schema, ScanRequest { limit: Some(3), ..ScanRequest::new(query) }).await;
    assert_eq!(some.schema_ref(), &columns);
    assert_eq!(values(&crate::rows(&some), "n"), [0, 1, 2]);
}
