//! What is in the file stays in it, in its order.

use std::fs;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{RecordReader, RecordWriter, ScanRequest, SchemaCatalog, StoreErrorKind};
use eider_domain::{Filter, RecordQuery, Schema};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::{all_of, condition, projection};
use futures::StreamExt;
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

/// The values of `n`, in the order in which an unsorted scan gives them.
async fn scanned(store: &DuckDbStore, schema: &Arc<Schema>, offset: u64, limit: Option<u64>) -> Vec<i64> {
    let query = RecordQuery { projection: projection(schema, &["n"]), ..RecordQuery::everything(schema) };
    let mut stream = store.scan(schema, ScanRequest { offset, limit, ..ScanRequest::new(query) }).await.unwrap();
    let mut numbers = Vec::new();
    while let Some(batch) = stream.next().await {
        numbers.extend_from_slice(batch.unwrap().column(0).as_primitive::<Int64Type>().values());
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_records_and_counters_are_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    assert_eq!(write_numbers(&store, &schema, 0..10, 1).await.commit_seq, Some(10));
    assert_eq!(write_numbers(&store, &schema, 10..20, 1).await.commit_seq, Some(20));
    store.close().await.unwrap();
    drop(store);

    let store = DuckDbStore::open(settings(directory.path())).await.unwrap();
    let reopened = store.get(schema.name()).await.unwrap();
    assert_eq!((reopened.definition(), reopened.arrow()), (schema.definition(), schema.arrow()));
    assert_eq!(scanned(&store, &reopened, 0, None).await, (0..20).collect::<Vec<_>>());
    assert_eq!(write_numbers(&store, &reopened, 20..30, 1).await.commit_seq, Some(30));
    assert_eq!(scanned(&store, &reopened, 0, None).await, (0..30).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn places_of_deleted_records_are_not_given_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..10, 1).await;
    let last = condition(&schema, "n", "gte", json!(5));
    assert_eq!(store.delete(&schema, &last, 10).await.unwrap().deleted(), 5);
    drop(store);

    let store = DuckDbStore::open(settings(directory.path())).await.unwrap();
    let schema = store.get(schema.name()).await.unwrap();
    assert_eq!(write_numbers(&store, &schema, 10..11, 1).await.commit_seq, Some(12));
    assert_eq!(scanned(&store, &schema, 0, None).await, [0, 1, 2, 3, 4, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_million_rows_keep_the_order_of_commit_through_deletes_and_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    for start in (0..1_200_000).step_by(300_000) {
        write_numbers(&store, &schema, start..start + 300_000, 4).await;
    }
    let filter =
        all_of([condition(&schema, "n", "gte", json!(100_000)), condition(&schema, "n", "lt", json!(900_000))]);
    assert_eq!(store.delete(&schema, &filter, 800_000).await.unwrap().deleted(), 800_000);
    write_numbers(&store, &schema, 1_200_000..1_500_000, 4).await;
    let expected: Vec<i64> = (0..100_000).chain(900_000..1_500_000).collect();
    assert_eq!(scanned(&store, &schema, 0, None).await, expected);
    assert_eq!(scanned(&store, &schema, 99_990, Some(20)).await, expected[99_990..100_010]);
    store.close().await.unwrap();
    drop(store);

    let store = DuckDbStore::open(settings(directory.path())).await.unwrap();
    let schema = store.get(schema.name()).await.unwrap();
    assert_eq!(scanned(&store, &schema, 0, None).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_beyond_its_memory_is_staged_in_a_file_that_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { staging_memory_bytes: 1 << 20, ..settings(directory.path()) };
    let temp_directory = settings.temp_directory.clone();
    let (store, schema) = numbers_store(settings).await;
    let receipt = write_numbers(&store, &schema, 0..300_000, 20).await;
    assert_eq!(receipt.created, 300_000);
    assert_eq!(scanned(&store, &schema, 0, None).await, (0..300_000).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(temp_directory).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_another_program_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path());
    let connection = eider_engine_duckdb::Connection::open(&settings.path).unwrap();
    connection.execute_batch("CREATE TABLE theirs AS SELECT 42 AS answer; CHECKPOINT").unwrap();
    drop(connection);
    let content = fs::read(&settings.path).unwrap();
    let error = DuckDbStore::open(settings.clone()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unsupported, "{error}");
    assert_eq!(fs::read(&settings.path).unwrap(), content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_closed_refuses_work() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    store.close().await.unwrap();
    let error = store.count(&schema, &Filter::everything()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}
