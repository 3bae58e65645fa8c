//! Ids that clients give: refused when they are stored, and not looked for when they cannot be.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use eider_application::ports::{
    Change, ChangeOutcome, CommitOutcome, CommitTerms, IdOrigin, OnConflict, RecordReader, RecordWriter, SchemaCatalog,
    WriteRequest,
};
use eider_domain::{Filter, RecordId, Schema};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use uuid::Uuid;

use crate::fixture::{numbers_store, settings, write_numbers};

/// A random id, the same in each run.
fn id(number: u32) -> Uuid {
    uuid::Builder::from_random_bytes(
        u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_be_bytes(),
    )
    .into_uuid()
}

fn record(number: u32) -> serde_json::Value {
    json!({"id": id(number).to_string(), "n": number, "m": 0, "text": "x"})
}

async fn create(store: &DuckDbStore, schema: &Arc<Schema>, number: u32) -> bool {
    let record = eider_testkit::batch(schema, json!([record(number)]));
    match store.change(schema, Change::Create { record, ids: IdOrigin::Client, answer: None }).await.unwrap() {
        ChangeOutcome::Committed { .. } => true,
        ChangeOutcome::Conflict(_) => false,
        other => panic!("{other:?}"),
    }
}

async fn delete(store: &DuckDbStore, schema: &Arc<Schema>, number: u32) -> bool {
    let change = Change::Delete { id: RecordId::new(id(number)), expected: None };
    match store.change(schema, change).await.unwrap() {
        ChangeOutcome::Committed { .. } => true,
        ChangeOutcome::Missing => false,
        other => panic!("{other:?}"),
    }
}

/// Writes records in one call; how many were stored as new and how many replaced, or none when the call was refused.
async fn bulk(
    store: &DuckDbStore,
    schema: &Arc<Schema>,
    numbers: &[u32],
    on_conflict: OnConflict,
) -> Option<(u64, u64)> {
    let request = WriteRequest { on_conflict, ..WriteRequest::new(Arc::clone(schema)) };
    let mut writer = store.begin_write(request).await.unwrap();
    let records = numbers.iter().map(|number| record(*number)).collect();
    writer.append(eider_testkit::batch(schema, records), IdOrigin::Client).await.unwrap();
    match writer.commit(CommitTerms::all_or_nothing()).await.unwrap().outcome {
        CommitOutcome::Committed(receipt) => Some((receipt.created, receipt.updated)),
        CommitOutcome::Refused { .. } => None,
    }
}

async fn is_read(store: &DuckDbStore, schema: &Arc<Schema>) {
    let read = async {
        while store.id_filter(schema).unwrap().bytes < 500_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), read).await.expect("the ids are read");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_ids_are_not_looked_up_and_stored_ones_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    for number in 0..100 {
        assert!(create(&store, &schema, number).await);
    }
    assert_eq!(store.id_filter(&schema).unwrap().lookups, 0);
    // Of those that are still in the log nothing is looked up; after this they are in the table.
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 100);
    for number in 0..100 {
        assert!(!create(&store, &schema, number).await, "{number}");
    }
    assert!(store.id_filter(&schema).unwrap().lookups > 0);
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_a_bulk_call_is_refused_to_a_single_record_and_the_other_way_round() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    assert_eq!(bulk(&store, &schema, &[1, 2, 3], OnConflict::Error).await, Some((3, 0)));
    assert!(!create(&store, &schema, 2).await);
    assert!(create(&store, &schema, 4).await);
    assert_eq!(bulk(&store, &schema, &[5, 4], OnConflict::Error).await, None);
    assert_eq!(bulk(&store, &schema, &[5, 6, 5], OnConflict::Error).await, None);
    assert_eq!(bulk(&store, &schema, &[5, 4, 5], OnConflict::Ignore).await, Some((1, 0)));
    assert_eq!(bulk(&store, &schema, &[1, 7, 7], OnConflict::Replace).await, Some((1, 1)));
    assert!(!create(&store, &schema, 7).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_id_is_free_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    for _ in 0..3 {
        assert!(create(&store, &schema, 1).await);
        assert!(!create(&store, &schema, 1).await);
        assert!(delete(&store, &schema, 1).await);
        assert!(!delete(&store, &schema, 1).await);
    }
    assert_eq!(bulk(&store, &schema, &[1], OnConflict::Error).await, Some((1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_the_server_made_are_known_too() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    assert!(create(&store, &schema, 1).await, "the filter is there");
    let change = Change::Create {
        record: eider_testkit::batch(&schema, json!([record(2)])),
        ids: IdOrigin::Generated,
        answer: None,
    };
    assert!(matches!(store.change(&schema, change).await.unwrap(), ChangeOutcome::Committed { .. }));
    assert!(!create(&store, &schema, 2).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_stored_ids_are_known_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    assert!(create(&store, &schema, 1).await);
    assert_eq!(bulk(&store, &schema, &[2, 3], OnConflict::Error).await, Some((2, 0)));
    store.close().await.unwrap();
    drop(store);

    let store = DuckDbStore::open(settings(directory.path())).await.unwrap();
    let schema = store.get(schema.name()).await.unwrap();
    assert_eq!(store.id_filter(&schema).unwrap().bytes, 0, "nothing is read before it is asked for");
    for number in 1..=3 {
        assert!(!create(&store, &schema, number).await, "{number}");
    }
    assert!(create(&store, &schema, 4).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_table_is_read_beside_its_writers() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..250_000, 1).await;
    for number in 0..50 {
        let outcome = bulk(&store, &schema, &[number], OnConflict::Error).await;
        assert_eq!(outcome, Some((1, 0)), "while the ids are read, or before");
    }
    is_read(&store, &schema).await;
    for number in 50..100 {
        assert!(create(&store, &schema, number).await);
    }
    for number in 0..100 {
        assert_eq!(bulk(&store, &schema, &[number], OnConflict::Error).await, None, "{number}");
    }
    let stored = RecordId::new(Uuid::from_u128(249_999));
    let outcome = store.change(&schema, Change::Delete { id: stored, expected: None }).await.unwrap();
    assert!(matches!(outcome, ChangeOutcome::Committed { .. }), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_memory_for_a_filter_ids_are_looked_up() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { id_filter_bytes: 0, ..settings(directory.path()) };
    let (store, schema) = numbers_store(settings).await;
    assert!(create(&store, &schema, 1).await);
    // From here on it is in the table.
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 1);
    assert!(!create(&store, &schema, 1).await);
    assert_eq!(bulk(&store, &schema, &[2, 1], OnConflict::Error).await, None);
    assert_eq!(bulk(&store, &schema, &[2, 3], OnConflict::Error).await, Some((2, 0)));
    let status = store.id_filter(&schema).unwrap();
    assert_eq!((status.bytes, status.lookups), (0, 1));
}

#[derive(Debug, Clone)]
enum Operation {
    Create(u32),
    Delete(u32),
    Bulk(Vec<u32>, OnConflict),
    Restart,
}

fn operation() -> impl Strategy<Value = Operation> {
    let policy = prop_oneof![Just(OnConflict::Error), Just(OnConflict::Ignore), Just(OnConflict::Replace)];
    prop_oneof![
        6 => (0..40_u32).prop_map(Operation::Create),
        4 => (0..40_u32).prop_map(Operation::Delete),
        4 => (prop::collection::vec(0..40_u32, 1..5), policy).prop_map(|(ids, policy)| Operation::Bulk(ids, policy)),
        1 => Just(Operation::Restart),
    ]
}

#[test]
fn whatever_is_done_the_stored_ids_are_those_of_a_set() {
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let operations = prop::collection::vec(operation(), 1..40);
    runner
        .run(&operations, |operations| {
            agrees_with_a_set(operations);
            Ok(())
        })
        .unwrap();
}

#[tokio::main]
async fn agrees_with_a_set(operations: Vec<Operation>) {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, mut schema) = numbers_store(settings(directory.path())).await;
    let mut stored = HashSet::new();
    for operation in operations {
        match operation {
            Operation::Create(number) => assert_eq!(create(&store, &schema, number).await, stored.insert(number)),
            Operation::Delete(number) => assert_eq!(delete(&store, &schema, number).await, stored.remove(&number)),
            Operation::Bulk(numbers, policy) => {
                let distinct: HashSet<u32> = numbers.iter().copied().collect();
                let new = distinct.difference(&stored).count() as u64;
                let known = distinct.len() as u64 - new;
                let expected = match policy {
                    OnConflict::Error => (known == 0 && distinct.len() == numbers.len()).then_some((new, 0)),
                    OnConflict::Ignore => Some((new, 0)),
                    OnConflict::Replace => Some((new, known)),
                };
                assert_eq!(bulk(&store, &schema, &numbers, policy).await, expected, "{numbers:?} {policy:?}");
                if expected.is_some() {
                    stored.extend(distinct);
                }
            }
            Operation::Restart => {
                store.close().await.unwrap();
                drop(store);
                store = DuckDbStore::open(settings(directory.path())).await.unwrap();
                schema = store.get(schema.name()).await.unwrap();
            }
        }
    }
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), stored.len() as u64);
}
