//! Schemas change beside reads that began before a deletion: the engine alone would keep deleted rows in its indexes, or
//! stop (docs/engine-faults.md).

use std::sync::Arc;
use std::time::Duration;

use eider_application::{
    EvolutionOutcome, EvolutionRequest, RecordStore, RecordStream, ScanRequest, SchemaCatalog, StoreErrorKind,
};
use eider_domain::{Evolution, RecordQuery, Schema, Timestamp};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::condition;
use futures::StreamExt;
use serde_json::{Value as Json, json};

use crate::fixture::{numbers_store, settings, write_numbers};

/// More than a stream keeps ahead of its reader.
const RECORDS: i64 = 50_000;

async fn evolve(store: &DuckDbStore, schema: &Arc<Schema>, change: Json) -> Arc<Schema> {
    let evolution = Evolution::parse(schema.definition(), &change).unwrap();
    let request =
        EvolutionRequest { schema: Arc::clone(schema), evolution, at: Timestamp::from_micros(7), is_dry_run: false };
    match store.evolve(request).await.unwrap() {
        EvolutionOutcome::Evolved(schema) => schema,
        other => panic!("{change} became {other:?}"),
    }
}

async fn count(store: &DuckDbStore, schema: &Arc<Schema>, n: i64) -> u64 {
    let query = RecordQuery { filter: condition(schema, "n", "eq", json!(n)), ..RecordQuery::everything(schema) };
    let mut stream = store.scan(schema, ScanRequest::new(query)).await.unwrap();
    let mut found = 0;
    while let Some(batch) = stream.next().await {
        found += batch.unwrap().num_rows() as u64;
    }
    found
}

/// A stream of a schema, of which the first batch was read.
async fn open_stream(store: &DuckDbStore, schema: &Arc<Schema>) -> RecordStream {
    let mut stream = store.scan(schema, ScanRequest::new(RecordQuery::everything(schema))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    stream
}

async fn second_schema(store: &DuckDbStore) -> Arc<Schema> {
    let definition = json!({"name": "others", "properties": [
        {"name": "n", "type": "integer", "required": true},
        {"name": "m", "type": "integer", "required": true},
        {"name": "text", "type": "string", "required": true}]});
    let schema = store.create(eider_testkit::schema(definition)).await.unwrap();
    write_numbers(store, &schema, 0..RECORDS, 40).await;
    schema
}

fn patient(settings: StoreSettings, patience: Duration) -> StoreSettings {
    StoreSettings { change_patience: patience, ..settings }
}

/// Every kind of change that makes or moves an index: each beside a stream of another schema that began before records
/// were deleted. Afterwards no lookup finds what was deleted, also behind a checkpoint and a restart.
#[tokio::test(flavor = "multi_thread")]
async fn no_change_beside_an_older_stream_keeps_deleted_records_in_an_index() {
    for change in [
        json!({"change": {"m": {"is_indexed": true}}}),
        json!({"change": {"m": {"is_unique": true}}}),
        json!({"add": [{"name": "x", "type": "integer", "is_indexed": true}]}),
        json!({"add": [{"name": "x", "type": "integer"}]}),
        json!({"change": {"m": {"name": "moved"}}}),
        json!({"drop": ["text"]}),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let impatient = patient(settings(directory.path()), Duration::from_millis(50));
        let (store, schema) = numbers_store(impatient.clone()).await;
        let others = second_schema(&store).await;
        write_numbers(&store, &schema, 0..2_000, 1).await;
        let mut stream = open_stream(&store, &others).await;
        let third = condition(&schema, "n", "lt", json!(700));
        assert_eq!(store.delete(&schema, &third, 1_000).await.unwrap().deleted(), 700);

        let schema = evolve(&store, &schema, change.clone()).await;
        let failure = loop {
            match stream.next().await.expect("a stream that is cut says so") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!((failure.kind(), failure.budget()), (StoreErrorKind::Unavailable, Some("schema_change")));
        drop(stream);

        let check = async |store: &DuckDbStore, schema: &Arc<Schema>, when: &str| {
            for n in (0..2_000).step_by(50) {
                assert_eq!(count(store, schema, n).await, u64::from(n >= 700), "{change}, {when}: {n}");
            }
        };
        check(&store, &schema, "at once").await;
        store.close().await.unwrap();
        drop(store);
        let store = DuckDbStore::open(impatient).await.unwrap();
        let schema = store.get(schema.name()).await.unwrap();
        check(&store, &schema, "opened again").await;
    }
}

/// A reader that reads on is waited for, and reads its snapshot to the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_a_stream_that_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(patient(settings(directory.path()), Duration::from_mins(1))).await;
    let others = second_schema(&store).await;
    write_numbers(&store, &schema, 0..100, 1).await;
    let mut stream = open_stream(&store, &others).await;
    assert_eq!(store.delete(&schema, &condition(&schema, "n", "eq", json!(7)), 10).await.unwrap().deleted(), 1);
    let changing = tokio::spawn({
        let (store, schema) = (store.clone(), Arc::clone(&schema));
        async move { evolve(&store, &schema, json!({"change": {"m": {"is_indexed": true}}})).await }
    });
    // New reads begin and end meanwhile.
    assert_eq!(count(&store, &schema, 5).await, 1);
    assert!(!changing.is_finished());
    while let Some(batch) = stream.next().await {
        batch.unwrap();
    }
    let changed = changing.await.unwrap();
    assert_eq!(count(&store, &changed, 5).await, 1);
}

/// Neither what changes no table nor what changes one that nothing was deleted from since waits for a stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_no_stream_can_harm_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(patient(settings(directory.path()), Duration::from_mins(10))).await;
    let others = second_schema(&store).await;
    write_numbers(&store, &schema, 0..100, 1).await;
    assert_eq!(store.delete(&schema, &condition(&schema, "n", "eq", json!(7)), 10).await.unwrap().deleted(), 1);
    let mut later = open_stream(&store, &others).await;
    let schema = evolve(&store, &schema, json!({"change": {"m": {"is_indexed": true}}})).await;
    assert!(later.next().await.unwrap().is_ok());
    assert_eq!(store.delete(&schema, &condition(&schema, "n", "eq", json!(8)), 10).await.unwrap().deleted(), 1);
    evolve(&store, &schema, json!({"description": "numbers"})).await;
    assert!(later.next().await.unwrap().is_ok());
}
