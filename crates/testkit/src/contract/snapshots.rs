//! Scans see one moment, and give back what they hold.

use std::sync::Arc;

use eider_application::ports::{IdOrigin, RecordStream, ScanRequest, WriteRequest};
use eider_domain::{Filter, RecordQuery, Schema};
use futures::StreamExt;
use serde_json::{Value as Json, json};

use super::Fixture;
use super::fixture::collect;
use crate::{integers, rows, values};

/// More rows than a store reads ahead.
const ROWS: i64 = 200_000;
/// More often than a store has connections.
const OFTEN: usize = 40;

async fn many_numbers(fixture: &Fixture) -> Arc<Schema> {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.write_batch(&schema, integers(&schema, 0..ROWS)).await;
    schema
}

async fn open(fixture: &Fixture, schema: &Arc<Schema>) -> RecordStream {
    let query = RecordQuery { projection: crate::projection(schema, &["n"]), ..RecordQuery::everything(schema) };
    fixture.store.scan(schema, ScanRequest::new(query)).await.expect("the scan begins")
}

/// Reads a stream to its end and asserts that it yields the numbers that were there when it was opened.
async fn assert_yields_all(stream: RecordStream) {
    let all = collect(stream).await.expect("the scan ends");
    assert!(values(&rows(&all), "n").into_iter().eq((0..ROWS).map(Json::from)));
}

/// A scan does not see what is committed after it was opened, however long it takes.
pub async fn a_scan_does_not_see_later_writes(fixture: Fixture) {
    let schema = many_numbers(&fixture).await;
    let stream = open(&fixture, &schema).await;
    for number in 0..10 {
        fixture.write(&schema, json!([{"n": -number}])).await;
    }
    assert_yields_all(stream).await;
    let count = fixture.store.count(&schema, &Filter::everything()).await.expect("a count");
    assert_eq!(count, ROWS.unsigned_abs() + 10);
}

/// A scan still sees what is deleted after it was opened.
pub async fn a_scan_does_not_see_later_deletes(fixture: Fixture) {
    let schema = many_numbers(&fixture).await;
    let stream = open(&fixture, &schema).await;
    let deleted = fixture.delete(&schema, &Filter::everything()).await;
    assert_eq!(deleted.rows, ROWS.unsigned_abs());
    fixture.write(&schema, json!([{"n": -1}])).await;
    assert_yields_all(stream).await;
    assert_eq!(values(&fixture.records(&schema).await, "n"), [-1]);
}

/// A scan goes on after its schema was removed, and after another took the name.
pub async fn a_scan_outlives_its_schema(fixture: Fixture) {
    let schema = many_numbers(&fixture).await;
    let stream = open(&fixture, &schema).await;
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    let anew = fixture.create(json!({"name": "s", "properties": [{"name": "other", "type": "string"}]})).await;
    assert_yields_all(stream).await;
    assert!(fixture.records(&anew).await.is_empty());
}

/// Streams that are dropped half-read hold nothing back.
pub async fn dropping_a_stream_frees_its_connection(fixture: Fixture) {
    let schema = many_numbers(&fixture).await;
    for _ in 0..OFTEN {
        let mut stream = open(&fixture, &schema).await;
        stream.next().await.expect("there are rows").expect("the first batch is read");
    }
    for _ in 0..OFTEN {
        drop(open(&fixture, &schema).await);
    }
    assert_yields_all(open(&fixture, &schema).await).await;
}

/// Writes that are dropped hold nothing back.
pub async fn dropping_a_writer_frees_its_connection(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    for round in 0..OFTEN {
        let request = WriteRequest::new(Arc::clone(&schema));
        let mut writer = fixture.store.begin_write(request).await.expect("a write begins");
        if round % 2 == 0 {
            writer.append(integers(&schema, 0..100), IdOrigin::Client).await.expect("the batch is taken");
        }
    }
    fixture.write(&schema, json!([{"n": 1}])).await;
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1]);
}
