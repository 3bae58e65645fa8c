//! Schemas change beside reads that began before a deletion: the engine alone would keep deleted rows in its indexes, or
//! stop (docs/explanation/engine-faults.md).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use eider_application::ports::{
    EvolutionOutcome, EvolutionRequest, RecordReader, RecordStream, RecordWriter, ScanRequest, SchemaCatalog,
    SchemaEvolution, StoreErrorKind,
};
use eider_domain::{Evolution, RecordQuery, Schema, Timestamp};
use eider_store_duckdb::{DuckDbStore, StoreSettings, Thoroughness, examine};
use eider_testkit::condition;
use futures::StreamExt;
use serde_json::{Value as Json, json};

use crate::fixture::{numbers_store, settings, write_numbers};

/// More than a stream keeps ahead of its reader.
const RECORDS: i64 = 50_000;

async fn evolve(store: &DuckDbStore, schema: &Arc<Schema>, change: Json) -> Arc<Schema> {
    let evolution = Evolution::parse(schema.definition(), &change).unwrap();
    let request =
        EvolutionRequest { schema: Arc::clone(schema), evolution, at: Timestamp::from_micros(7), is_dry_run: false };
    match store.evolve(request).await.unwrap() {
        EvolutionOutcome::Evolved(schema) => schema,
        other => panic!("{change} became {other:?}"),
    }
}

async fn count(store: &DuckDbStore, schema: &Arc<Schema>, n: i64) -> u64 {
    let query = RecordQuery { filter: condition(schema, "n", "eq", json!(n)), ..RecordQuery::everything(schema) };
    let mut stream = store.scan(schema, ScanRequest::new(query)).await.unwrap();
    let mut found = 0;
    while let Some(batch) = stream.next().await {
        found += batch.unwrap().num_rows() as u64;
    }
    found
}

/// A stream of a schema, of which the first batch was read.
async fn open_stream(store: &DuckDbStore, schema: &Arc<Schema>) -> RecordStream {
    let mut stream = store.scan(schema, ScanRequest::new(RecordQuery::everything(schema))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    stream
}

async fn second_schema(store: &DuckDbStore) -> Arc<Schema> {
    let definition = json!({"name": "others", "properties": [
        {"name": "n", "type": "integer", "required": true},
        {"name": "m", "type": "integer", "required": true},
        {"name": "text", "type": "string", "required": true}]});
    let schema = store.create(eider_testkit::schema(definition)).await.unwrap();
    write_numbers(store, &schema, 0..RECORDS, 40).await;
    schema
}

fn patient(settings: StoreSettings, patience: Duration) -> StoreSettings {
    StoreSettings { change_patience: patience, ..settings }
}

/// Every kind of change that makes or moves an index: each beside a stream of another schema that began before records
/// were deleted. A change of the table ends the stream, an index ends none. Afterwards no lookup finds what was deleted,
/// also behind a checkpoint and a restart.
#[tokio::test(flavor = "multi_thread")]
async fn no_change_beside_an_older_stream_keeps_deleted_records_in_an_index() {
    for change in [
        json!({"change": {"m": {"is_indexed": true}}}),
        json!({"change": {"m": {"is_unique": true}}}),
        json!({"add": [{"name": "x", "type": "integer", "is_indexed": true}]}),
        json!({"add": [{"name": "x", "type": "integer"}]}),
        json!({"change": {"m": {"name": "moved"}}}),
        json!({"drop": ["text"]}),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let impatient = patient(settings(directory.path()), Duration::from_millis(50));
        let (store, schema) = numbers_store(impatient.clone()).await;
        let others = second_schema(&store).await;
        write_numbers(&store, &schema, 0..2_000, 1).await;
        let mut stream = open_stream(&store, &others).await;
        let third = condition(&schema, "n", "lt", json!(700));
        assert_eq!(store.delete(&schema, &third, 1_000).await.unwrap().deleted(), 700);

        let schema = evolve(&store, &schema, change.clone()).await;
        let mut failure = None;
        while let Some(batch) = stream.next().await {
            failure = failure.or(batch.err().map(|error| (error.kind(), error.budget())));
        }
        let is_index_alone = change.pointer("/change/m").is_some_and(|m| m.get("name").is_none());
        let expected = (!is_index_alone).then_some((StoreErrorKind::Unavailable, Some("schema_change")));
        assert_eq!(failure, expected, "{change}");
        drop(stream);

        let check = async |store: &DuckDbStore, schema: &Arc<Schema>, when: &str| {
            for n in (0..2_000).step_by(50) {
                assert_eq!(count(store, schema, n).await, u64::from(n >= 700), "{change}, {when}: {n}");
            }
        };
        check(&store, &schema, "at once").await;
        store.close().await.unwrap();
        drop(store);
        let store = DuckDbStore::open(impatient).await.unwrap();
        let schema = store.get(schema.name()).await.unwrap();
        check(&store, &schema, "opened again").await;
    }
}

/// A reader that reads on is waited for, and reads its snapshot to the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_a_stream_that_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(patient(settings(directory.path()), Duration::from_mins(1))).await;
    let others = second_schema(&store).await;
    write_numbers(&store, &schema, 0..100, 1).await;
    let mut stream = open_stream(&store, &others).await;
    assert_eq!(store.delete(&schema, &condition(&schema, "n", "eq", json!(7)), 10).await.unwrap().deleted(), 1);
    let changing = tokio::spawn({
        let (store, schema) = (store.clone(), Arc::clone(&schema));
        async move { evolve(&store, &schema, json!({"change": {"m": {"is_indexed": true}}})).await }
    });
    // New reads begin and end meanwhile.
    assert_eq!(count(&store, &schema, 5).await, 1);
    assert!(!changing.is_finished());
    while let Some(batch) = stream.next().await {
        batch.unwrap();
    }
    let changed = changing.await.unwrap();
    assert_eq!(count(&store, &changed, 5).await, 1);
}

/// Neither what changes no table nor what changes one that nothing was deleted from since waits for a stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_no_stream_can_harm_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(patient(settings(directory.path()), Duration::from_mins(10))).await;
    let others = second_schema(&store).await;
    write_numbers(&store, &schema, 0..100, 1).await;
    assert_eq!(store.delete(&schema, &condition(&schema, "n", "eq", json!(7)), 10).await.unwrap().deleted(), 1);
    let mut later = open_stream(&store, &others).await;
    let schema = evolve(&store, &schema, json!({"change": {"m": {"is_indexed": true}}})).await;
    assert!(later.next().await.unwrap().is_ok());
    assert_eq!(store.delete(&schema, &condition(&schema, "n", "eq", json!(8)), 10).await.unwrap().deleted(), 1);
    evolve(&store, &schema, json!({"description": "numbers"})).await;
    assert!(later.next().await.unwrap().is_ok());
}

/// The engine puts an index among those of the table before its transaction has ended. A read that does not see the column
/// which it is on would stop the engine, so an index on what is added is made once no such read is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_index_on_what_is_added_stops_no_engine_beside_reads() {
    const CHANGES: i64 = 12;
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(settings(directory.path())).await;
    write_numbers(&store, &schema, 0..20_000, 1).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let (store, name, is_over) = (store.clone(), schema.name().clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut reads = 0;
                while !is_over.load(Ordering::SeqCst) {
                    let schema = store.get(&name).await.unwrap();
                    let filter = condition(&schema, "m", "eq", json!(reader));
                    let request = ScanRequest::new(RecordQuery { filter, ..RecordQuery::everything(&schema) });
                    match store.scan(&schema, request).await {
                        Ok(mut stream) => {
                            while let Some(batch) = stream.next().await {
                                batch.unwrap();
                            }
                            reads += 1;
                        }
                        Err(error) => assert_eq!(error.kind(), StoreErrorKind::SchemaChanged, "{error:?}"),
                    }
                }
                reads
            })
        })
        .collect();
    let mut schema = schema;
    for change in 0..CHANGES {
        let (kind, is_unique) = if change % 3 == 0 { ("string", change % 2 == 0) } else { ("integer", false) };
        let property = json!({"name": format!("x{change}"), "type": kind, "is_indexed": true, "is_unique": is_unique});
        schema = evolve(&store, &schema, json!({"add": [property]})).await;
        assert_eq!(count(&store, &schema, change).await, 1);
    }
    is_over.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    store.close().await.unwrap();
    drop(store);
    let scratch = tempfile::tempdir().unwrap();
    let findings = examine(&settings(directory.path()), scratch.path(), Thoroughness::FULL);
    let indexes = findings.iter().filter(|finding| finding.check == "index");
    // That of ids, that of `n`, and one for each change.
    assert_eq!(i64::try_from(indexes.count()).unwrap(), CHANGES + 2);
    assert!(findings.iter().all(|finding| finding.is_ok), "{findings:#?}");
}

/// A stream that has given its first records has found its indexes: it goes on, and nothing waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_on_what_is_added_ends_no_stream() {
    let directory = tempfile::tempdir().unwrap();
    let (store, schema) = numbers_store(patient(settings(directory.path()), Duration::from_mins(10))).await;
    write_numbers(&store, &schema, 0..RECORDS, 40).await;
    let mut stream = open_stream(&store, &schema).await;
    let plain = evolve(&store, &schema, json!({"add": [{"name": "x", "type": "integer"}]})).await;
    let indexed = evolve(&store, &plain, json!({"add": [{"name": "y", "type": "integer", "is_indexed": true}]})).await;
    assert!(stream.next().await.unwrap().is_ok());
    let dropped = evolve(&store, &indexed, json!({"drop": ["text"]})).await;
    while let Some(batch) = stream.next().await {
        batch.unwrap();
    }
    assert_eq!(count(&store, &dropped, 5).await, 1);
}

/// When a column goes, those behind it move up, and so do their indexes. A read of the table as it was must not take the
/// index on another column for that on its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_takes_an_index_that_moved_for_another() {
    const ROUNDS: usize = 4;
    for _ in 0..ROUNDS {
        let directory = tempfile::tempdir().unwrap();
        let (store, schema) = numbers_store(settings(directory.path())).await;
        write_numbers(&store, &schema, 0..20_000, 1).await;
        let added: Vec<Json> = (0..4)
            .map(|place| json!({"name": format!("z{place}"), "type": "integer", "is_indexed": true, "default": place}))
            .collect();
        let schema = evolve(&store, &schema, json!({"drop": ["text"]})).await;
        let schema = evolve(&store, &schema, json!({"change": {"m": {"is_indexed": true}}, "add": added})).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..4_i64)
            .map(|n| {
                let (store, name, is_over) = (store.clone(), schema.name().clone(), Arc::clone(&is_over));
                tokio::spawn(async move {
                    let (mut reads, m) = (0, n * 7_919);
                    while !is_over.load(Ordering::SeqCst) {
                        let schema = store.get(&name).await.unwrap();
                        let filter = condition(&schema, "m", "eq", json!(m));
                        let request = ScanRequest::new(RecordQuery { filter, ..RecordQuery::everything(&schema) });
                        match store.scan(&schema, request).await {
                            Ok(mut stream) => {
                                let mut found = 0;
                                while let Some(batch) = stream.next().await {
                                    found += batch.unwrap().num_rows();
                                }
                                assert_eq!(found, 1, "m = {m}");
                                reads += 1;
                            }
                            Err(error) => assert_eq!(error.kind(), StoreErrorKind::SchemaChanged, "{error:?}"),
                        }
                    }
                    reads
                })
            })
            .collect();
        evolve(&store, &schema, json!({"drop": ["n"]})).await;
        is_over.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.await.unwrap();
        }
    }
}
