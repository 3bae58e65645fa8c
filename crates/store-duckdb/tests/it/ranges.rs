//! Sorted pages come from narrow ranges where those fill them, and without them where they do not.

use std::sync::Arc;

use eider_application::ports::{RecordReader, ScanRequest};
use eider_domain::{Filter, RecordQuery, Schema};
use eider_store_duckdb::{DuckDbStore, RangeStatus};
use eider_testkit::contract::collect;
use eider_testkit::{condition, rows, sort, values};
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

const ROWS: i64 = 60_000;

async fn page(store: &DuckDbStore, schema: &Arc<Schema>, order: &str, filter: Filter, limit: u64) -> Vec<i64> {
    let query = RecordQuery { filter, sort: sort(schema, order), ..RecordQuery::everything(schema) };
    let request = ScanRequest { limit: Some(limit), ..ScanRequest::new(query) };
    let found = rows(&collect(store.scan(schema, request).await.unwrap()).await.unwrap());
    values(&found, order.trim_start_matches('-')).iter().map(|value| value.as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_range_fills_a_page_of_values_that_lie_evenly() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..ROWS, 1).await;
    let mut scattered: Vec<i64> = (0..ROWS).map(|n| n * 7_919 % 1_000_003).collect();
    scattered.sort_unstable();
    let everything = Filter::everything;
    let since = |value: i64| condition(&schema, "m", "gte", json!(value));
    let half = scattered.len() / 2;
    for (pages, (order, filter, limit, expected)) in (1..).zip([
        ("m", everything(), 3, scattered[..3].to_vec()),
        ("-m", everything(), 3, scattered.iter().rev().take(3).copied().collect()),
        ("m", since(scattered[half]), 2, scattered[half..half + 2].to_vec()),
        ("m", everything(), 200, scattered[..200].to_vec()),
        ("-m", everything(), 200, scattered.iter().rev().take(200).copied().collect()),
    ]) {
        assert_eq!(page(&store, &schema, order, filter, limit).await, expected, "{order}");
        assert_eq!(store.ranges(&schema).unwrap(), RangeStatus { tried: pages, filled: pages }, "{order}");
    }
    // Fewer records follow than the page has room for: no range can tell.
    let last = &scattered[scattered.len() - 2..];
    assert_eq!(page(&store, &schema, "m", since(last[0]), 3).await, last);
    assert_eq!(store.ranges(&schema).unwrap(), RangeStatus { tried: 5, filled: 5 });
}

#[tokio::test]
async fn ranges_that_do_not_fill_a_page_are_tried_twice_and_then_left() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..ROWS, 1).await;
    let first = 7_919 * (ROWS - 1) % 1_000_003;
    for _ in 0..3 {
        let selective = condition(&schema, "m", "in", json!([first, 7_919]));
        assert_eq!(page(&store, &schema, "n", selective, 2).await, [1, ROWS - 1]);
        assert_eq!(store.ranges(&schema).unwrap(), RangeStatus { tried: 2, filled: 0 });
    }
    // Another query is another matter.
    assert_eq!(page(&store, &schema, "m", Filter::everything(), 2).await.len(), 2);
    assert_eq!(store.ranges(&schema).unwrap(), RangeStatus { tried: 3, filled: 1 });
}

#[tokio::test]
async fn small_schemas_are_read_without_ranges() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..1_000, 1).await;
    assert_eq!(page(&store, &schema, "m", Filter::everything(), 2).await.len(), 2);
    assert_eq!(store.ranges(&schema).unwrap(), RangeStatus { tried: 0, filled: 0 });
}
