//! Reads of single records by id.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use eider_application::ports::{
    Change, ChangeOutcome, CommitTerms, OnConflict, StoreErrorKind, WriteReceipt, WriteRequest,
};
use eider_domain::{RecordId, Schema, Version};
use futures::future::join_all;
use serde_json::{Value as Json, json};
use tokio::task::yield_now;

use super::Fixture;
use crate::{batch, condition, rows};

/// Changes of each record in the cases with many at once.
const CHANGES: i64 = 40;
/// Tasks that read beside them.
const READERS: usize = 8;

async fn counters(fixture: &Fixture) -> Arc<Schema> {
    fixture.create(json!({"name": "counters", "properties": [{"name": "n", "type": "integer"}]})).await
}

fn id(number: usize) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

fn record_id(number: usize) -> RecordId {
    RecordId::parse(&id(number)).expect("an id")
}

fn one(schema: &Schema, record: &Json) -> RecordBatch {
    batch(schema, json!([record]))
}

async fn get(fixture: &Fixture, schema: &Arc<Schema>, number: usize) -> Option<Json> {
    let record = fixture.store.record(schema, record_id(number)).await.expect("a read");
    record.map(|record| {
        assert_eq!(record.schema_ref(), schema.arrow(), "every field, in order");
        let mut rows = rows(&record);
        assert_eq!(rows.len(), 1, "one row");
        rows.remove(0)
    })
}

async fn n_of(fixture: &Fixture, schema: &Arc<Schema>, number: usize) -> Json {
    get(fixture, schema, number).await.expect("the record is there")["n"].clone()
}

/// Replaces a record of the version `expected` by one with a value of `n`, and says whether it had that version.
async fn replace(fixture: &Fixture, schema: &Arc<Schema>, number: usize, expected: i64, n: i64) -> bool {
    let record = one(schema, &json!({"id": id(number), "version": expected + 1, "n": n}));
    let change = Change::Replace { record, expected: Version::from_i64(expected) };
    matches!(fixture.store.change(schema, change).await.expect("a change"), ChangeOutcome::Committed { .. })
}

async fn delete(fixture: &Fixture, schema: &Arc<Schema>, number: usize) {
    let change = Change::Delete { id: record_id(number), expected: None };
    let outcome = fixture.store.change(schema, change).await.expect("a change");
    assert!(matches!(outcome, ChangeOutcome::Committed { .. }), "{outcome:?}");
}

/// A record is read by its id, again and again, and right after it was stored.
pub async fn a_record_is_read_by_its_id(fixture: Fixture) {
    let schema = counters(&fixture).await;
    for number in 0..3 {
        fixture.write(&schema, json!([{"id": id(number), "n": number}])).await;
        assert_eq!(n_of(&fixture, &schema, number).await, number);
    }
    for number in [2, 0, 0, 1] {
        assert_eq!(n_of(&fixture, &schema, number).await, number);
    }
}

/// An id that no record has reads nothing, before and beside records of others.
pub async fn an_id_that_is_not_stored_reads_nothing(fixture: Fixture) {
    let schema = counters(&fixture).await;
    assert_eq!(get(&fixture, &schema, 1).await, None);
    fixture.write(&schema, json!([{"id": id(2), "n": 2}])).await;
    assert_eq!(get(&fixture, &schema, 1).await, None);
    fixture.write(&schema, json!([{"id": id(1), "n": 1}])).await;
    assert_eq!(n_of(&fixture, &schema, 1).await, 1);
}

/// A record that was read before is read as its last change left it.
pub async fn a_changed_record_is_read_as_it_is_now(fixture: Fixture) {
    let schema = counters(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "n": 0}, {"id": id(2), "n": 0}])).await;
    for version in 1..4 {
        assert_eq!(n_of(&fixture, &schema, 1).await, version - 1);
        assert!(replace(&fixture, &schema, 1, version, version).await);
        assert!(!replace(&fixture, &schema, 1, version, -1).await, "the version has gone");
        assert_eq!(n_of(&fixture, &schema, 1).await, version);
        assert_eq!(n_of(&fixture, &schema, 2).await, 0);
    }
    delete(&fixture, &schema, 1).await;
    assert_eq!(get(&fixture, &schema, 1).await, None);
    assert_eq!(n_of(&fixture, &schema, 2).await, 0);
}

/// A record that was read before is read as a write of many left it that replaced it, or did not.
pub async fn a_replaced_record_is_read_as_the_write_left_it(fixture: Fixture) {
    let schema = counters(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "n": 1}, {"id": id(2), "n": 2}])).await;
    assert_eq!((n_of(&fixture, &schema, 1).await, n_of(&fixture, &schema, 2).await), (json!(1), json!(2)));
    let records = batch(&schema, json!([{"id": id(1), "n": 10}, {"id": id(3), "n": 30}]));
    for (is_dry_run, expected) in [(true, 1), (false, 10)] {
        let request =
            WriteRequest { on_conflict: OnConflict::Replace, is_dry_run, ..WriteRequest::new(Arc::clone(&schema)) };
        fixture.commit_as(request, std::slice::from_ref(&records), CommitTerms::all_or_nothing()).await;
        assert_eq!((n_of(&fixture, &schema, 1).await, n_of(&fixture, &schema, 2).await), (json!(expected), json!(2)));
    }
}

/// A record that was read before is gone once a deletion by filter took it, and not when that deleted nothing.
pub async fn a_record_deleted_by_filter_is_not_read(fixture: Fixture) {
    let schema = counters(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "n": 1}, {"id": id(2), "n": 2}])).await;
    assert_eq!((n_of(&fixture, &schema, 1).await, n_of(&fixture, &schema, 2).await), (json!(1), json!(2)));
    let filter = condition(&schema, "n", "eq", json!(1));
    fixture.store.delete(&schema, &filter, 0).await.expect("a deletion");
    assert_eq!(n_of(&fixture, &schema, 1).await, 1);
    fixture.delete(&schema, &filter).await;
    assert_eq!(get(&fixture, &schema, 1).await, None);
    assert_eq!(n_of(&fixture, &schema, 2).await, 2);
}

/// A record that takes the id of one that was read and deleted is read in its place.
pub async fn a_record_made_anew_under_its_id_is_read(fixture: Fixture) {
    let schema = counters(&fixture).await;
    for n in 0..3 {
        fixture.write(&schema, json!([{"id": id(1), "n": n}])).await;
        assert_eq!(n_of(&fixture, &schema, 1).await, n);
        delete(&fixture, &schema, 1).await;
        assert_eq!(get(&fixture, &schema, 1).await, None);
    }
}

/// Reads end with the schema, and one of its name has its own records and columns, over the same connections.
pub async fn a_record_of_a_removed_schema_is_not_read(fixture: Fixture) {
    let first = counters(&fixture).await;
    fixture.write(&first, json!([{"id": id(1), "n": 1}, {"id": id(2), "n": 2}])).await;
    assert_eq!((n_of(&fixture, &first, 1).await, fixture.sorted(&first, "-n").await.len()), (json!(1), 2));
    fixture.store.remove(first.name(), None).await.expect("the schema is removed");
    let refused = fixture.store.record(&first, record_id(1)).await.expect_err("the schema is gone");
    assert_eq!(refused.kind(), StoreErrorKind::NotFound);

    let properties = json!([{"name": "label", "type": "string"}, {"name": "n", "type": "number"}]);
    let second = fixture.create(json!({"name": "counters", "properties": properties})).await;
    assert_eq!(get(&fixture, &second, 1).await, None);
    fixture.write(&second, json!([{"id": id(1), "label": "a", "n": 1.5}])).await;
    let record = get(&fixture, &second, 1).await.expect("the record is there");
    assert_eq!((&record["label"], &record["n"]), (&json!("a"), &json!(1.5)));
    assert_eq!(fixture.sorted(&second, "-n").await, [record]);
    assert!(fixture.store.record(&first, record_id(1)).await.is_err());
}

/// Reads of many ids at once, some of them alike and some not stored, are each answered with their own record.
pub async fn many_reads_at_once_get_each_its_own(fixture: Fixture) {
    let schema = counters(&fixture).await;
    let stored: Vec<Json> = (0..200).step_by(2).map(|number| json!({"id": id(number), "n": number})).collect();
    fixture.write(&schema, Json::Array(stored)).await;
    for _ in 0..2 {
        let numbers = (0..300).map(|read| read * 7 % 200);
        let reads = numbers.clone().map(|number| get(&fixture, &schema, number));
        for (number, record) in numbers.zip(join_all(reads).await) {
            assert_eq!(record.map(|record| record["n"].clone()), (number % 2 == 0).then(|| json!(number)));
        }
    }
}

/// A read whose caller goes does not disturb those that wait with it.
pub async fn a_dropped_read_leaves_the_others(fixture: Fixture) {
    let schema = counters(&fixture).await;
    let records: Vec<Json> = (0..50).map(|number| json!({"id": id(number), "n": number})).collect();
    fixture.write(&schema, Json::Array(records)).await;
    let reads: Vec<_> = (0..50)
        .map(|number| {
            let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
            tokio::spawn(async move { n_of(&fixture, &schema, number).await })
        })
        .collect();
    for (number, read) in reads.into_iter().enumerate() {
        if number % 3 == 0 {
            read.abort();
        } else {
            assert_eq!(read.await.expect("the read ends"), number);
        }
    }
}

/// While records are changed, every reader sees their versions grow only, and never one that was replaced before its
/// read began.
pub async fn readers_never_see_a_version_go_back(fixture: Fixture) {
    const RECORDS: usize = 4;
    let schema = counters(&fixture).await;
    let records: Vec<Json> = (0..RECORDS).map(|number| json!({"id": id(number), "n": 1})).collect();
    fixture.write(&schema, Json::Array(records)).await;
    let readers = (0..READERS).map(|reader| {
        let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
        tokio::spawn(async move {
            let mut seen = [0; RECORDS];
            let mut number = reader;
            while seen.iter().any(|version| *version < CHANGES) {
                number = (number + 1) % RECORDS;
                let record = get(&fixture, &schema, number).await.expect("the record is there");
                let version = record["version"].as_i64().expect("a version");
                assert_eq!(record["n"], version, "a record is of one version");
                assert!(version >= seen[number], "version {version} after {}", seen[number]);
                seen[number] = version;
                // A store that never waits would leave the writers no thread.
                yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let writers = (0..RECORDS).map(|number| {
        let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
        tokio::spawn(async move {
            for version in 1..CHANGES {
                assert!(replace(&fixture, &schema, number, version, version + 1).await);
                assert_eq!(n_of(&fixture, &schema, number).await, version + 1, "a client reads its own change");
            }
        })
    });
    for task in writers.collect::<Vec<_>>().into_iter().chain(readers) {
        task.await.expect("the task ends");
    }
}

/// Whoever waits for a commit reads what it left.
pub async fn a_read_after_a_commit_sees_it(fixture: Fixture) {
    let schema = counters(&fixture).await;
    let WriteReceipt { commit_seq, .. } = fixture.write(&schema, json!([{"id": id(0), "n": 1}])).await;
    let first = commit_seq.expect("something was stored");
    let waiting = {
        let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
        tokio::spawn(async move {
            for change in 1..CHANGES {
                let _ = get(&fixture, &schema, 0).await;
                let number = first + change.unsigned_abs();
                fixture.store.wait_for_commit(&schema, number, Duration::from_mins(1)).await.expect("it comes");
                let n = n_of(&fixture, &schema, 0).await.as_i64().expect("a number");
                assert!(n > change, "{n} after change {change}");
            }
        })
    };
    for version in 1..CHANGES {
        assert!(replace(&fixture, &schema, 0, version, version + 1).await);
    }
    waiting.await.expect("the reader ends");
}
