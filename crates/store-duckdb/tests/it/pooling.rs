//! Connections: how many there are, who waits for them, who gives them back.

use std::time::Duration;

use eider_application::ports::{RecordReader, ScanRequest, Store, StoreErrorKind};
use eider_domain::{Filter, RecordQuery};
use eider_store_duckdb::{DuckDbStore, PoolSettings, StoreSettings};
use futures::StreamExt;

use crate::fixture::{numbers_store, settings, settings_with_pool, write_numbers};

/// Waits until no connection is in use.
async fn all_returned(store: &DuckDbStore) {
    let returned = async {
        while store.pool_status().idle < store.pool_status().size {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), returned).await.expect("a connection was not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_connection_streams_the_next_caller_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings_with_pool(directory.path(), 2)).await;
    write_numbers(&store, &schema, 0..200_000, 10).await;
    let request = || ScanRequest::new(RecordQuery::everything(&schema));
    let first = store.scan(&schema, request()).await.unwrap();
    let second = store.scan(&schema, request()).await.unwrap();
    let status = store.pool_status();
    assert_eq!((status.max_size, status.size, status.idle), (2, 2, 0));

    let error = store.count(&schema, &Filter::everything()).await.unwrap_err();
    assert_eq!((error.kind(), error.budget()), (StoreErrorKind::Unavailable, Some("pool")));

    drop(first);
    drop(second);
    all_returned(&store).await;
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 200_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_interrupts_its_query() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..1_000_000, 40).await;
    let query = RecordQuery { sort: eider_testkit::sort(&schema, "text,m,-n"), ..RecordQuery::everything(&schema) };
    let sorting = store.scan(&schema, ScanRequest::new(query));
    // The sort has begun and no batch is there yet.
    tokio::time::timeout(Duration::from_millis(20), sorting).await.expect_err("a sort this long");
    all_returned(&store).await;

    let mut stream = store.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    all_returned(&store).await;
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_size_are_closed_after_use() {
    let directory = tempfile::tempdir().unwrap();
    let base = settings_with_pool(directory.path(), 1);
    let pool = PoolSettings { max_overflow: 1, ..base.pool.clone() };
    let (store, schema) = numbers_store(StoreSettings { pool, ..base }).await;
    write_numbers(&store, &schema, 0..200_000, 10).await;
    let request = || ScanRequest::new(RecordQuery::everything(&schema));
    let first = store.scan(&schema, request()).await.unwrap();
    let second = store.scan(&schema, request()).await.unwrap();
    let error = store.count(&schema, &Filter::everything()).await.unwrap_err();
    assert_eq!(error.budget(), Some("pool"));
    let statistics = store.store_statistics().connections.unwrap();
    assert_eq!((statistics.max, statistics.used, statistics.idle, statistics.timeouts), (2, 2, 0, 1));

    drop(first);
    drop(second);
    all_returned(&store).await;
    let statistics = store.store_statistics().connections.unwrap();
    assert_eq!((statistics.used, statistics.idle, statistics.closed_surplus), (0, 1, 1));
    assert!(statistics.wait_seconds.count() >= 3, "{statistics:?}");
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    for (recycle_after, is_replaced) in [(Duration::from_nanos(1), true), (Duration::ZERO, false)] {
        let base = settings_with_pool(directory.path(), 1);
        let pool = PoolSettings { recycle_after, check_after_idle: Duration::ZERO, ..base.pool.clone() };
        let store = DuckDbStore::open(StoreSettings { pool, ..base }).await.unwrap();
        for _ in 0..3 {
            store.check().await.unwrap();
        }
        let statistics = store.store_statistics().connections.unwrap();
        let expected = if is_replaced { (3, 2) } else { (1, 0) };
        assert_eq!((statistics.created, statistics.closed_old), expected, "{recycle_after:?}");
        store.close().await.unwrap();
    }
}
