//! Changes that share commits, and checkpoints that nobody waits for.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use eider_application::ports::{Change, ChangeOutcome, IdOrigin, RecordReader, RecordWriter, StoreErrorKind};
use eider_domain::{Filter, Schema};
use eider_store_duckdb::{DuckDbStore, GroupSettings, StoreSettings};
use futures::future::join_all;
use serde_json::json;

use crate::fixture::{numbers_store, settings, write_numbers};

fn creation(schema: &Schema, n: u32) -> Change {
    let record = eider_testkit::batch(schema, json!([{"n": n, "m": n, "text": "x"}]));
    Change::Create { record, ids: IdOrigin::Generated, answer: None }
}

async fn create_at_once(
    store: &DuckDbStore,
    schema: &Arc<Schema>,
    count: u32,
) -> Vec<Result<ChangeOutcome, eider_application::ports::StoreError>> {
    join_all((0..count).map(|n| store.change(schema, creation(schema, n)))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_at_once_share_commits() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    let outcomes = create_at_once(&store, &schema, 500).await;
    let committed = outcomes.into_iter().map(|outcome| match outcome.unwrap() {
        ChangeOutcome::Committed { commit_seq, .. } => commit_seq,
        other => panic!("{other:?}"),
    });
    let commits = committed.collect::<BTreeSet<_>>().len();
    assert!(commits < 50, "{commits} commits for 500 changes");
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_keeps_what_it_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let group = GroupSettings { queue_length: 20, ..GroupSettings::default() };
    let (store, schema) = numbers_store(StoreSettings { group, ..settings(directory.path()) }).await;
    let outcomes = create_at_once(&store, &schema, 2_000).await;
    let (mut accepted, mut refused) = (0, 0);
    for outcome in outcomes {
        match outcome {
            Ok(ChangeOutcome::Committed { .. }) => accepted += 1,
            Err(error) => {
                assert_eq!((error.kind(), error.budget()), (StoreErrorKind::Unavailable, Some("write_queue")));
                refused += 1;
            }
            Ok(other) => panic!("{other:?}"),
        }
    }
    assert!(accepted >= 20 && refused > 0, "{accepted} accepted, {refused} refused");
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_is_taken_when_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { checkpoint_after_idle: Duration::from_millis(100), ..settings(directory.path()) };
    let log = settings.path.with_extension("duckdb.wal");
    let (store, schema) = numbers_store(settings).await;
    write_numbers(&store, &schema, 0..50_000, 10).await;
    let taken = async {
        while store.last_checkpoint().is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), taken).await.expect("a checkpoint is taken");
    let left = fs::metadata(&log).map_or(0, |metadata| metadata.len());
    assert!(left < 1_000, "{left} bytes are left in the log");
    assert_eq!(store.count(&schema, &Filter::everything()).await.unwrap(), 50_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_checkpointed_while_others_write() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { checkpoint_threshold_bytes: 1 << 20, ..settings(directory.path()) };
    let (store, schema) = numbers_store(settings).await;
    let mut written = 0;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while store.last_checkpoint().is_none() {
        assert!(tokio::time::Instant::now() < deadline, "no checkpoint");
        write_numbers(&store, &schema, written..written + 5_000, 10).await;
        written += 5_000;
    }
    write_numbers(&store, &schema, written..written + 10, 10).await;
    let count = store.count(&schema, &Filter::everything()).await.unwrap();
    assert_eq!(i64::try_from(count).unwrap(), written + 10);
}
