//! Many at once.

use std::sync::Arc;

use eider_application::ports::{CommitOutcome, CommitTerms, IdOrigin, ScanRequest, StoreErrorKind, WriteRequest};
use eider_domain::{RecordQuery, Schema};
use futures::future::join_all;
use serde_json::json;

use super::Fixture;
use super::pages::positions;
use crate::{integers, rows, schema, values};

const WRITERS: i64 = 6;
const WRITES: i64 = 5;
const ROWS: i64 = 7;

async fn numbers(fixture: &Fixture) -> Arc<Schema> {
    fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await
}

/// Commits writes of `ROWS` numbers each, one after another: write `w` of writer 0 holds `w * ROWS` and on.
async fn write_all(fixture: Fixture, schema: Arc<Schema>, writer: i64) {
    for write in 0..WRITES {
        let start = (writer * WRITES + write) * ROWS;
        fixture.write_batch(&schema, integers(&schema, start..start + ROWS)).await;
    }
}

/// Runs something for every writer, each on a task of its own.
async fn together<T, F>(task: impl Fn(i64) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = (0..WRITERS).map(|writer| tokio::spawn(task(writer)));
    join_all(tasks).await.into_iter().map(|ended| ended.expect("no task panics")).collect()
}

/// Writers of one schema all succeed; their sequences are dense, and the rows of a write are neighbours.
pub async fn writers_of_one_schema_all_succeed(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    together(|writer| write_all(fixture.clone(), Arc::clone(&schema), writer)).await;

    let request = ScanRequest { with_positions: true, ..ScanRequest::new(RecordQuery::everything(&schema)) };
    let all = fixture.scan(&schema, request).await;
    let sequences: Vec<i64> = positions(&all, &[]).into_iter().map(|position| position.sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");

    let numbers: Vec<i64> = values(&rows(&all), "n").iter().filter_map(serde_json::Value::as_i64).collect();
    let mut starts = Vec::new();
    for write in numbers.chunks(usize::try_from(ROWS).unwrap_or(1)) {
        assert!(write.windows(2).all(|pair| pair[1] == pair[0] + 1), "{write:?}");
        starts.push(write[0]);
    }
    starts.sort_unstable();
    assert!(starts.into_iter().eq((0..WRITERS * WRITES).map(|write| write * ROWS)));
}

/// Of writers that bring the same key at the same time, one is committed; the others are refused, or told that
/// another was first.
pub async fn of_two_writers_of_one_key_one_is_refused(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let committed = together(|writer| {
        let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
        async move {
            let records = json!([{"n": writer, "id": "00000000-0000-4000-8000-000000000001"}]);
            let request = WriteRequest::new(Arc::clone(&schema));
            let mut writer = fixture.store.begin_write(request).await.expect("a write begins");
            writer.append(crate::batch(&schema, records), IdOrigin::Client).await.expect("the batch is taken");
            match writer.commit(CommitTerms::all_or_nothing()).await.map(|ended| ended.outcome) {
                Ok(CommitOutcome::Committed(_)) => true,
                Ok(CommitOutcome::Refused { .. }) => false,
                Err(error) if error.kind() == StoreErrorKind::Conflict => false,
                Err(error) => panic!("the commit failed: {error}"),
            }
        }
    })
    .await;
    assert_eq!(committed.iter().filter(|committed| **committed).count(), 1);
    assert_eq!(fixture.records(&schema).await.len(), 1);
}

/// Of creations of one name at the same time, one succeeds and the others conflict.
pub async fn of_concurrent_creations_one_succeeds(fixture: Fixture) {
    let created = together(|_| {
        let catalog = Arc::clone(&fixture.store);
        async move {
            let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
            catalog.create(schema(document)).await.map_err(|error| error.kind())
        }
    })
    .await;
    let (winners, others): (Vec<_>, Vec<_>) = created.into_iter().partition(Result::is_ok);
    assert_eq!(winners.len(), 1);
    assert!(others.iter().all(|other| matches!(other, Err(StoreErrorKind::Conflict))), "{others:?}");
    assert_eq!(fixture.store.list().await.expect("a list").len(), 1);
}

/// A reader that reads while others write sees each write whole or not at all.
pub async fn readers_see_whole_writes(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    together(|writer| {
        let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
        async move {
            if writer % 2 == 0 {
                return write_all(fixture, schema, writer).await;
            }
            for _ in 0..2 * WRITES {
                let seen = fixture.records(&schema).await.len();
                assert_eq!(seen % usize::try_from(ROWS).unwrap_or(1), 0, "{seen} records");
            }
        }
    })
    .await;
}
