//! Unique values stay so, whatever is changed at the same moment, with records in memory and without.

use std::collections::HashSet;
use std::sync::Arc;

use eider_application::ports::{
    Change, ChangeOutcome, IdOrigin, RecordReader, RecordWriter, ScanRequest, SchemaCatalog,
};
use eider_domain::{RecordId, RecordQuery};
use eider_store_duckdb::{DuckDbStore, StoreSettings};
use eider_testkit::contract::collect;
use eider_testkit::{batch, rows};
use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::fixture::settings;

/// Changes that are made at the same moment: records to create, and ids of others to delete.
type Moment = (Vec<(u8, u8, bool)>, Vec<usize>);

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let record = (0_u8..6, 0_u8..6, any::<bool>());
    let moment = (prop::collection::vec(record, 1..8), prop::collection::vec(0_usize..20, 0..3));
    prop::collection::vec(moment, 2..8)
}

/// Texts that an index has whole, or cuts so that several look alike until their last letters.
fn text(number: u8, is_long: bool) -> String {
    if is_long { format!("{}{number}", "x".repeat(150)) } else { format!("t{number}") }
}

async fn records(store: &DuckDbStore, schema: &Arc<eider_domain::Schema>) -> Vec<Json> {
    let everything = ScanRequest::new(RecordQuery::everything(schema));
    rows(&collect(store.scan(schema, everything).await.unwrap()).await.unwrap())
}

async fn agrees(moments: Vec<Moment>, record_cache_bytes: u64) {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { record_cache_bytes, ..settings(directory.path()) };
    let store = DuckDbStore::open(settings).await.unwrap();
    let schema = store
        .create(eider_testkit::schema(json!({"name": "things", "properties": [
            {"name": "number", "type": "integer", "is_unique": true},
            {"name": "text", "type": "string", "is_unique": true}]})))
        .await
        .unwrap();
    let mut next_id = 0_u128;
    for (created, deleted) in moments {
        let before = records(&store, &schema).await;
        let of = |number: &u8, words: &str| {
            let is_taken = |record: &Json| record["number"] == json!(number) || record["text"] == words;
            before.iter().any(is_taken)
        };
        let mut changes = Vec::new();
        for (number, word, is_long) in &created {
            next_id += 1;
            let words = text(*word, *is_long);
            let is_free = !of(number, &words);
            let record = json!({"id": Uuid::from_u128(next_id).to_string(), "number": number, "text": words});
            let record = batch(&schema, json!([record]));
            changes.push((Change::Create { record, ids: IdOrigin::Generated, answer: None }, is_free));
        }
        let gone: HashSet<&str> = deleted.iter().filter_map(|place| before.get(*place)?["id"].as_str()).collect();
        for id in &gone {
            let id = RecordId::new(Uuid::parse_str(id).unwrap());
            changes.push((Change::Delete { id, expected: None }, true));
        }
        let outcomes = join_all(changes.iter().map(|(change, _)| store.change(&schema, change.clone()))).await;
        let mut stored = 0;
        for ((change, is_free), outcome) in changes.iter().zip(outcomes) {
            let is_committed = matches!(outcome.unwrap(), ChangeOutcome::Committed { .. });
            if matches!(change, Change::Create { .. }) {
                assert!(!is_committed || *is_free, "a value that a record has was taken: {created:?}");
                stored += usize::from(is_committed);
            }
        }
        let after = records(&store, &schema).await;
        assert_eq!(after.len(), before.len() + stored - gone.len());
        for property in ["number", "text"] {
            let values: HashSet<String> = after.iter().map(|record| record[property].to_string()).collect();
            assert_eq!(values.len(), after.len(), "{property} comes twice: {created:?}");
        }
    }
}

/// The cache has room for all records, for few of them, or for none.
#[test]
fn unique_values_stay_unique() {
    let mut runner =
        TestRunner::new(Config { cases: 12, max_shrink_iters: 60, failure_persistence: None, ..Config::default() });
    // One thread, so that what is asked for at the same moment waits at the same moment.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runner
        .run(&(moments(), prop::sample::select(vec![0, 3_000, 64 << 20])), |(moments, record_cache_bytes)| {
            runtime.block_on(agrees(moments, record_cache_bytes));
            Ok(())
        })
        .unwrap();
}
