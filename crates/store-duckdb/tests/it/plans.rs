//! `is_indexed` makes an index that queries use.

use std::sync::Arc;

use eider_application::{RecordStore, ScanRequest};
use eider_domain::{RecordQuery, Schema};
use eider_store_duckdb::DuckDbStore;
use eider_testkit::condition;
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

async fn plan_of(store: &DuckDbStore, schema: &Arc<Schema>, property: &str) -> String {
    let filter = condition(schema, property, "eq", json!(4_711));
    let query = RecordQuery { filter, ..RecordQuery::everything(schema) };
    store.explain(schema, &ScanRequest::new(query)).await.unwrap()
}

#[tokio::test]
async fn an_indexed_property_is_looked_up_and_another_is_scanned() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..200_000, 1).await;
    let (indexed, plain) = (plan_of(&store, &schema, "n").await, plan_of(&store, &schema, "m").await);
    assert!(indexed.contains("Index Scan"), "{indexed}");
    assert!(!plain.contains("Index Scan") && plain.contains("Sequential Scan"), "{plain}");

    let statistics = store.statistics(&schema).await.unwrap();
    let found: Vec<(&str, bool)> =
        statistics.indexes.iter().map(|index| (index.property.as_str(), index.is_unique)).collect();
    assert_eq!(found, [("n", false)]);
}
