//! Copies of the file while it is written to.

use std::path::Path;
use std::time::Duration;

use eider_application::ports::{
    Backup, BackupSource, CommitLog, RecordReader, RecordWriter, ScanRequest, StoreError, StoreErrorKind,
};
use eider_domain::{Filter, RecordQuery};
use eider_store_duckdb::{Content, StoreSettings, contents};
use eider_testkit::condition;
use futures::{StreamExt, TryStreamExt};
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

async fn bytes_of(backup: Backup) -> Result<Vec<u8>, StoreError> {
    let pieces: Vec<_> = backup.pieces.try_collect().await?;
    Ok(pieces.concat())
}

/// What a copy holds once it is put into a directory of its own.
fn held(directory: &Path, bytes: &[u8]) -> Vec<Content> {
    let settings = settings(directory);
    std::fs::write(&settings.path, bytes).unwrap();
    contents(&settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_and_deleted_after_a_copy_began_is_not_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..300_000, 40).await;
    // Blocks that are free in the middle of the file, and are written to again.
    store.delete(&schema, &condition(&schema, "n", "lt", json!(200_000)), 1_000_000).await.unwrap();
    let mut backup = store.backup().await.unwrap();
    let commit_seq = store.commit_seq(&schema).await.unwrap();
    assert_eq!(backup.schemas, [(schema.name().clone(), commit_seq)]);
    let first = backup.pieces.next().await.unwrap().unwrap();
    write_numbers(&store, &schema, 300_000..900_000, 40).await;
    store.delete(&schema, &Filter::everything(), 1_000_000).await.unwrap();
    write_numbers(&store, &schema, 900_000..1_500_000, 40).await;
    let length = backup.bytes;
    let bytes = [first.to_vec(), bytes_of(backup).await.unwrap()].concat();
    assert_eq!(bytes.len() as u64, length);

    let other = tempfile::tempdir().unwrap();
    let content = Content { name: "numbers".to_owned(), commit_seq, records: 100_000 };
    assert_eq!(held(other.path(), &bytes), [content]);
    let scratch = tempfile::tempdir().unwrap();
    let findings =
        eider_store_duckdb::examine(&settings(other.path()), scratch.path(), eider_store_duckdb::Thoroughness::QUICK);
    assert!(findings.iter().all(|finding| finding.is_ok), "{findings:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_copy_is_taken_at_a_time_and_checkpoints_wait_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let idle = StoreSettings { checkpoint_after_idle: Duration::from_millis(20), ..settings(directory.path()) };
    let (store, schema) = numbers_store(idle).await;
    write_numbers(&store, &schema, 0..10, 1).await;
    let backup = store.backup().await.unwrap();
    let error = store.backup().await.unwrap_err();
    assert_eq!((error.kind(), error.budget()), (StoreErrorKind::Unavailable, Some("backups")));
    let taken = || store.store_statistics().checkpoints.unwrap().seconds.count();
    let before = taken();
    write_numbers(&store, &schema, 10..20, 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(taken(), before, "a checkpoint was taken under a copy");
    assert!(!bytes_of(backup).await.unwrap().is_empty());
    let taken_now = async {
        while taken() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken_now).await.expect("a checkpoint after the copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_a_checkpoint_overtakes_fails() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..200_000, 40).await;
    let mut backup = store.backup().await.unwrap();
    backup.pieces.next().await.unwrap().unwrap();
    store.close().await.unwrap();
    assert_eq!(bytes_of(backup).await.unwrap_err().kind(), StoreErrorKind::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_waits_for_a_stream_that_sees_what_was_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..200_000, 40).await;
    let mut stream = store.scan(&schema, ScanRequest::new(RecordQuery::everything(&schema))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    for n in 0..3 {
        store.delete(&schema, &condition(&schema, "n", "eq", json!(n)), 1).await.unwrap();
    }
    let mut backup = store.backup();
    let early = tokio::time::timeout(Duration::from_millis(300), &mut backup).await;
    early.expect_err("the stream keeps the checkpoint back");
    // Writers do not wait for it.
    write_numbers(&store, &schema, 200_000..200_001, 1).await;
    drop(stream);
    let bytes = bytes_of(backup.await.unwrap()).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    assert_eq!(held(other.path(), &bytes)[0].records, 199_998);
}
