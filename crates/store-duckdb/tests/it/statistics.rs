//! What the store tells those who operate it.

use std::time::Duration;

use eider_application::ports::{IdOrigin, RecordWriter};
use eider_domain::Filter;
use eider_store_duckdb::StoreSettings;

use crate::fixture::{numbers_store, settings, write_numbers};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_what_was_written_and_what_it_takes() {
    let directory = tempfile::tempdir().unwrap();
    let limits = StoreSettings { memory_limit_bytes: 300 << 20, ..settings(directory.path()) };
    let (store, schema) =
        numbers_store(StoreSettings { checkpoint_after_idle: Duration::from_hours(1), ..limits }).await;
    write_numbers(&store, &schema, 0..1_000, 10).await;
    let record = eider_testkit::batch(&schema, serde_json::json!([{"n": 1, "m": 2, "text": ""}]));
    let change = eider_application::ports::Change::Create { record, ids: IdOrigin::Generated, answer: None };
    store.change(&schema, change).await.unwrap();
    store.delete(&schema, &Filter::everything(), 2_000).await.unwrap();
    let commits = store.store_statistics().commits.unwrap();
    assert_eq!((commits.single_seconds.count(), commits.bulk_seconds.count()), (1, 2));
    assert_eq!((commits.group_changes.count(), commits.group_changes.buckets[0]), (1, (1.0, 1)));

    let written = async {
        while store.store_statistics().files.unwrap().log_bytes == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written).await.expect("the log is looked at every second");
    let statistics = store.store_statistics();
    let memory = statistics.engine_memory.unwrap();
    assert_eq!(memory.limit_bytes, 300 << 20);
    assert!(memory.used_bytes > 0 && memory.used_bytes == memory.tags.iter().map(|tag| tag.used_bytes).sum::<u64>());
    assert!(memory.tags.iter().any(|tag| tag.name == "hash_table"), "{:?}", memory.tags);
    assert!(statistics.files.unwrap().free_bytes > 0);
    assert_eq!(statistics.checkpoints.unwrap().seconds.count(), 0);

    store.close().await.unwrap();
    let checkpoints = store.store_statistics().checkpoints.unwrap();
    assert_eq!((checkpoints.seconds.count(), checkpoints.failed, checkpoints.postponed), (1, 0, 0));
}
