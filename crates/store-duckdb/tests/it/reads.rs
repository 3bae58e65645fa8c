//! Reads by id: gathered, and answered from memory once they were read. Scans that end where they are told.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use eider_application::ports::{RecordReader, RecordWriter, ScanRequest, StoreErrorKind};
use eider_domain::{Filter, RecordId, RecordQuery, Schema};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::contract::collect;
use eider_testkit::{condition, rows, values};
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{numbers_store, settings, settings_with_pool, write_numbers};

fn id(number: u128) -> RecordId {
    RecordId::new(Uuid::from_u128(number))
}

async fn n_of(store: &DuckDbStore, schema: &Arc<Schema>, number: u128) -> Option<i64> {
    let record = store.record(schema, id(number)).await.unwrap()?;
    rows(&record)[0]["n"].as_i64()
}

#[tokio::test]
async fn a_second_read_is_answered_from_memory_until_the_record_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..100, 1).await;
    let counts = || store.store_statistics().records.map(|records| (records.hits, records.misses)).unwrap();
    assert_eq!((n_of(&store, &schema, 7).await, counts()), (Some(7), (0, 1)));
    assert_eq!((n_of(&store, &schema, 7).await, counts()), (Some(7), (1, 1)));
    let record = store.record(&schema, id(7)).await.unwrap().unwrap();
    assert_eq!(record.column(4).as_primitive::<Int64Type>().values(), &[7]);
    assert_eq!(counts(), (2, 1));
    store.delete(&schema, &condition(&schema, "n", "eq", 7.into()), 1).await.unwrap();
    assert_eq!((n_of(&store, &schema, 7).await, counts()), (None, (2, 2)));
}

#[tokio::test]
async fn reads_at_once_share_connections() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { record_cache_bytes: 0, ..settings_with_pool(directory.path(), 2) };
    let (store, schema) = numbers_store(settings).await;
    write_numbers(&store, &schema, 0..1_000, 1).await;
    // The other connection is taken: five hundred reads would find none in time, one after another.
    let stream = store.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema)));
    let _stream = stream.await.unwrap();
    let numbers = join_all((0..500).map(|number| n_of(&store, &schema, number))).await;
    assert_eq!(numbers, (0..500).map(Some).collect::<Vec<_>>());
    assert_eq!(store.store_statistics().records, None);
}

#[tokio::test]
async fn reads_without_a_connection_say_which_budget_is_used_up() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings_with_pool(directory.path(), 1)).await;
    write_numbers(&store, &schema, 0..50_000, 1).await;
    let stream = store.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema)));
    let stream = stream.await.unwrap();
    for outcome in join_all((0..3).map(|number| store.record(&schema, id(number)))).await {
        let error = outcome.unwrap_err();
        assert_eq!((error.kind(), error.budget()), (StoreErrorKind::Unavailable, Some("pool")));
    }
    drop(stream);
}

#[tokio::test]
async fn a_scan_of_more_records_than_the_engine_should_gather_ends_where_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..30_000, 1).await;
    for (filter, limit, first, last) in [
        (Filter::everything(), 10_001, 0, 10_000),
        (Filter::everything(), 29_999, 0, 29_998),
        (Filter::everything(), 30_000, 0, 29_999),
        (Filter::everything(), 40_000, 0, 29_999),
        (condition(&schema, "n", "gte", json!(5_000)), 12_289, 5_000, 17_288),
    ] {
        let query = RecordQuery { filter, ..RecordQuery::everything(&schema) };
        let request = ScanRequest { limit: Some(limit), ..ScanRequest::new(query) };
        let found = rows(&collect(store.scan(&schema, request).await.unwrap()).await.unwrap());
        let found: Vec<i64> = values(&found, "n").iter().map(|value| value.as_i64().unwrap()).collect();
        assert!(found.iter().copied().eq(first..=last), "{limit}: {:?} to {:?}", found.first(), found.last());
    }
}
