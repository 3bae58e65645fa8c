//! A store in a directory of its own, and large batches made column by column.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use eider_application::ports::{
    CommitOutcome, CommitTerms, IdOrigin, RecordWriter, SchemaCatalog, WriteReceipt, WriteRequest,
};
use eider_domain::Schema;
use eider_store_duckdb::{DuckDbStore, PoolSettings, StoreSettings};
use serde_json::json;

/// Rows of one appended batch.
const BATCH_ROWS: i64 = 50_000;

pub(crate) fn settings(directory: &Path) -> StoreSettings {
    StoreSettings::new(directory.join("eider.duckdb"), directory.join("tmp"))
}

/// Settings with so many connections, for which nobody waits long.
pub(crate) fn settings_with_pool(directory: &Path, size: usize) -> StoreSettings {
    let pool = PoolSettings { size, wait_timeout: Duration::from_millis(50), ..PoolSettings::default() };
    StoreSettings { pool, ..settings(directory) }
}

/// A store with the schema `numbers`: `n` indexed, `m` not, `text` unconstrained.
pub(crate) async fn numbers_store(settings: StoreSettings) -> (DuckDbStore, Arc<Schema>) {
    let store = DuckDbStore::open(settings).await.unwrap();
    let definition = json!({"name": "numbers", "properties": [
        {"name": "n", "type": "integer", "required": true, "is_indexed": true},
        {"name": "m", "type": "integer", "required": true},
        {"name": "text", "type": "string", "required": true}]});
    let schema = store.create(eider_testkit::schema(definition)).await.unwrap();
    (store, schema)
}

/// Commits records whose `n` counts through a range, `m` is a permutation of it and `text` is as long as asked for.
pub(crate) async fn write_numbers(
    store: &DuckDbStore,
    schema: &Arc<Schema>,
    range: std::ops::Range<i64>,
    text_length: usize,
) -> WriteReceipt {
    let request = WriteRequest::new(Arc::clone(schema));
    let mut writer = store.begin_write(request).await.unwrap();
    for first in range.clone().step_by(usize::try_from(BATCH_ROWS).unwrap()) {
        let numbers = first..(first + BATCH_ROWS).min(range.end);
        writer.append(numbers_batch(schema, numbers, text_length), IdOrigin::Generated).await.unwrap();
    }
    match writer.commit(CommitTerms::all_or_nothing()).await.unwrap().outcome {
        CommitOutcome::Committed(receipt) => receipt,
        CommitOutcome::Refused { rows } => panic!("{rows} rows were refused"),
    }
}

fn numbers_batch(schema: &Schema, numbers: std::ops::Range<i64>, text_length: usize) -> RecordBatch {
    let rows = numbers.clone().count();
    let ids = numbers.clone().map(|n| u128::try_from(n).unwrap().to_be_bytes());
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0; rows]).with_timezone("UTC"));
    let text = "x".repeat(text_length);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(FixedSizeBinaryArray::try_from_iter(ids).unwrap()),
        Arc::clone(&times),
        times,
        Arc::new(Int64Array::from(vec![1; rows])),
        Arc::new(Int64Array::from_iter_values(numbers.clone())),
        Arc::new(Int64Array::from_iter_values(numbers.map(|n| n * 7_919 % 1_000_003))),
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))),
    ];
    RecordBatch::try_new(Arc::clone(schema.arrow()), columns).unwrap()
}
