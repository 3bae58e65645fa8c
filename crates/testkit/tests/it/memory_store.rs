//! The memory store passes the contract, and its faults strike where they were planted.

use std::sync::Arc;

use eider_application::ports::{
    BatchWriter, CommitOutcome, CommitTerms, IdOrigin, RecordReader, RecordWriter, ScanRequest, SchemaCatalog, Store,
    StoreError, StoreErrorKind, WriteRequest,
};
use eider_domain::{Filter, RecordQuery, Schema};
use eider_testkit::contract::{collect, run};
use eider_testkit::{Fixture, MemoryStore, Operation, integers, schema, store_contract};
use futures::{FutureExt, StreamExt};
use serde_json::json;

async fn fixture() -> Fixture {
    Fixture::new(Arc::new(MemoryStore::new()))
}

store_contract!(core, fixture);
store_contract!(keys, fixture);
store_contract!(evolution, fixture);
store_contract!(aggregations, fixture);
store_contract!(idempotency, fixture);
store_contract!(rules, fixture);
store_contract!(profile, fixture);
store_contract!(explain, fixture);

/// A store with the numbers 0 to 9.
async fn ten_numbers() -> (MemoryStore, Arc<Schema>) {
    let store = MemoryStore::new();
    let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
    let schema = store.create(schema(document)).await.expect("the schema is new");
    let mut writer = begin(&store, &schema).await;
    writer.append(integers(&schema, 0..10), IdOrigin::Client).await.expect("the batch is taken");
    let ended = writer.commit(CommitTerms::all_or_nothing()).await.expect("the commit ends");
    assert!(matches!(ended.outcome, CommitOutcome::Committed(_)));
    (store, schema)
}

async fn begin(store: &MemoryStore, schema: &Arc<Schema>) -> Box<dyn BatchWriter> {
    store.begin_write(WriteRequest::new(Arc::clone(schema))).await.expect("a write begins")
}

fn everything(schema: &Schema) -> ScanRequest {
    ScanRequest::new(RecordQuery::everything(schema))
}

fn broken() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "planted")
}

/// Runs a test that needs no store but its own.
fn block_on(test: impl AsyncFnOnce()) {
    run(fixture, async |_| test().await);
}

#[test]
fn scans_yield_small_batches() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        for (store, expected) in [(store.clone(), vec![3, 3, 3, 1]), (store.clone().with_batch_rows(4), vec![4, 4, 2])]
        {
            let stream = store.scan(&schema, everything(&schema)).await.unwrap();
            let sizes: Vec<usize> = stream.map(|batch| batch.unwrap().num_rows()).collect().await;
            assert_eq!(sizes, expected);
        }
    });
}

#[test]
fn a_planted_fault_strikes_its_operation_once() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        store.fail_next(Operation::Count, StoreError::unavailable("pool", "planted"));
        store.check().await.unwrap();
        let error = store.count(&schema, &Filter::everything()).await.unwrap_err();
        assert_eq!((error.kind(), error.budget()), (StoreErrorKind::Unavailable, Some("pool")));
        assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 10);
    });
}

#[test]
fn a_commit_that_fails_stores_nothing() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        store.fail_next(Operation::Commit, StoreError::new(StoreErrorKind::StorageFull, "planted"));
        let mut writer = begin(&store, &schema).await;
        writer.append(integers(&schema, 10..20), IdOrigin::Client).await.unwrap();
        assert_eq!(writer.commit(CommitTerms::all_or_nothing()).await.unwrap_err().kind(), StoreErrorKind::StorageFull);
        assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 10);
    });
}

#[test]
fn an_append_that_fails_loses_the_write() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        let mut writer = begin(&store, &schema).await;
        writer.append(integers(&schema, [10]), IdOrigin::Client).await.unwrap();
        store.fail_next(Operation::Append, StoreError::new(StoreErrorKind::StorageFull, "planted"));
        writer.append(integers(&schema, [11]), IdOrigin::Client).await.unwrap_err();
        writer.commit(CommitTerms::all_or_nothing()).await.unwrap_err();
        assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 10);
    });
}

#[test]
fn a_scan_fails_after_the_rows_it_was_given() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        for (after, rows) in [(1, 1), (3, 3), (4, 4), (10, 10), (99, 10)] {
            store.fail_scan_after(after, broken());
            let mut stream = store.scan(&schema, everything(&schema)).await.unwrap();
            let mut yielded = 0;
            let error = loop {
                match stream.next().await.unwrap() {
                    Ok(batch) => yielded += batch.num_rows(),
                    Err(error) => break error,
                }
            };
            assert_eq!((yielded, error.kind()), (rows, StoreErrorKind::Internal));
            assert!(stream.next().await.is_none());
        }
        store.fail_scan_after(0, broken());
        assert!(store.scan(&schema, everything(&schema)).await.is_err());
        assert_eq!(store.open_scans(), 0);
    });
}

#[test]
fn a_held_scan_waits_for_its_gate() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        let gate = store.hold_scan_after(4);
        let mut stream = store.scan(&schema, everything(&schema)).await.unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap().num_rows(), 3);
        assert_eq!(stream.next().await.unwrap().unwrap().num_rows(), 1);
        assert!(stream.next().now_or_never().is_none());
        gate.open();
        assert_eq!(collect(stream).await.unwrap().num_rows(), 6);
    });
}

#[test]
fn open_scans_are_counted_until_they_are_dropped_or_read() {
    block_on(async || {
        let (store, schema) = ten_numbers().await;
        let first = store.scan(&schema, everything(&schema)).await.unwrap();
        let second = store.scan(&schema, everything(&schema)).await.unwrap();
        assert_eq!(store.open_scans(), 2);
        drop(first);
        store.wait_for_open_scans(1).await;
        collect(second).await.unwrap();
        assert_eq!(store.open_scans(), 0);

        drop(store.hold_scan_after(0));
        assert!(store.scan(&schema, everything(&schema)).now_or_never().is_none());
        assert_eq!(store.open_scans(), 0);
    });
}
