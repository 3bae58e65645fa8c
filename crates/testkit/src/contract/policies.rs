//! How records are handled whose key is taken, and the others beside them.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::RecordBatch;
use eider_application::ports::{
    Change, ChangeOutcome, CommitOutcome, CommitTerms, ConflictingKey, IdOrigin, KeyConflict, OnConflict, WriteReceipt,
    WriteRequest,
};
use eider_domain::{Schema, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Value as Json, json};

use super::Fixture;
use super::generated::for_all;
use crate::{batch, values};

async fn codes(fixture: &Fixture) -> Arc<Schema> {
    let properties = json!([
        {"name": "n", "type": "integer"},
        {"name": "code", "type": "string", "is_unique": true},
        {"name": "mark", "type": "integer", "is_unique": true}]);
    fixture.create(json!({"name": "s", "properties": properties})).await
}

fn id(number: u8) -> String {
    format!("00000000-0000-7000-8000-0000000000{number:02x}")
}

async fn write_as(
    fixture: &Fixture,
    schema: &Arc<Schema>,
    on_conflict: OnConflict,
    records: Json,
) -> (CommitOutcome, Vec<KeyConflict>) {
    let request = WriteRequest { on_conflict, returns_ids: true, ..WriteRequest::new(Arc::clone(schema)) };
    fixture.commit_as(request, &[batch(schema, records)], CommitTerms::all_or_nothing()).await
}

async fn stored_as(fixture: &Fixture, schema: &Arc<Schema>, on_conflict: OnConflict, records: Json) -> WriteReceipt {
    match write_as(fixture, schema, on_conflict, records).await {
        (CommitOutcome::Committed(receipt), conflicts) if conflicts.is_empty() => receipt,
        other => panic!("the write was not committed as a whole: {other:?}"),
    }
}

fn counts(receipt: &WriteReceipt) -> [u64; 4] {
    [receipt.created, receipt.updated, receipt.ignored, receipt.refused]
}

/// Rows whose id or unique value is stored are passed over, and the stored record stays as it is.
pub async fn ignored_rows_leave_the_stored_ones(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 1, "id": id(1)}, {"n": 2, "code": "a"}])).await;
    let records = json!([{"n": 3, "id": id(1)}, {"n": 4, "code": "a"}, {"n": 5, "id": id(2), "code": "b"}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Ignore, records.clone()).await;
    assert_eq!(counts(&receipt), [1, 0, 2, 0]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 2, 5]);

    let again = stored_as(&fixture, &schema, OnConflict::Ignore, records).await;
    assert_eq!((counts(&again), again.commit_seq), ([0, 0, 3, 0], None));
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 2, 5]);
}

/// Of rows that share a key in one write the first is stored.
pub async fn of_ignored_rows_with_one_key_the_first_is_kept(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let records = json!([{"n": 1, "code": "a"}, {"n": 2, "code": "a"}, {"n": 3, "id": id(1)}, {"n": 4, "id": id(1)}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Ignore, records).await;
    assert_eq!(counts(&receipt), [2, 0, 2, 0]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 3]);
}

/// A record that is replaced has its id, its time of creation and the next version; its place is that of the commit.
pub async fn a_replaced_record_keeps_its_id_and_creation_and_moves_to_the_end(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let early = "2001-01-01T00:00:00.000000Z";
    let first = json!({"n": 1, "id": id(1), "code": "a", "mark": 1, "created_at": early, "updated_at": early});
    fixture.write(&schema, json!([first, {"n": 2, "id": id(2)}])).await;
    let records = json!([{"n": 3, "id": id(9)}, {"n": 4, "id": id(1), "code": "c"}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Replace, records).await;
    assert_eq!(counts(&receipt), [1, 1, 0, 0]);
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "n"), [2, 3, 4]);
    let replaced = &found[2];
    assert_eq!(
        (&replaced["id"], &replaced["created_at"], &replaced["version"]),
        (&json!(id(1)), &json!(early), &json!(2))
    );
    assert_eq!((&replaced["code"], &replaced["mark"]), (&json!("c"), &json!(null)));
    assert_ne!(replaced["updated_at"], early);

    let by_value = stored_as(&fixture, &schema, OnConflict::Replace, json!([{"n": 5, "code": "c"}])).await;
    assert_eq!((counts(&by_value), by_value.ids[0].to_string()), ([0, 1, 0, 0], id(1)));
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "n"), [2, 3, 5]);
    assert_eq!((&found[2]["id"], &found[2]["version"]), (&json!(id(1)), &json!(3)));
}

/// Of rows that replace the same record, the last is stored; a unique value that a record gave up on the way is free.
pub async fn of_replacing_rows_with_one_key_the_last_is_kept(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 0, "id": id(1), "code": "a"}])).await;
    let records = json!([{"n": 1, "id": id(1)}, {"n": 2, "code": "a"}, {"n": 3, "code": "b"}, {"n": 4, "code": "b"}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Replace, records).await;
    assert_eq!(counts(&receipt), [2, 1, 1, 0]);
    let found = fixture.records(&schema).await;
    assert_eq!((values(&found, "n"), &found[0]["id"]), (vec![json!(1), json!(2), json!(4)], &json!(id(1))));

    let records = json!([{"n": 5, "id": id(1)}, {"n": 6, "code": "a"}, {"n": 7, "id": id(1), "code": "c"},
        {"n": 8, "code": "c"}, {"n": 9, "id": id(2), "code": "d"}, {"n": 10, "code": "d"}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Replace, records).await;
    assert_eq!(counts(&receipt), [1, 2, 3, 0]);
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "n"), [4, 6, 8, 10]);
    assert_eq!((&found[2]["id"], &found[2]["version"]), (&json!(id(1)), &json!(3)));
    assert_eq!((&found[3]["id"], &found[3]["version"]), (&json!(id(2)), &json!(1)));
}

/// A row with an id of its own replaces the record of that id, and is never stored under another's.
///
/// Where another record has its unique value, it is refused, unless a row before it made that record give the value up.
pub async fn a_row_is_stored_under_its_own_id_or_refused(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 0, "id": id(1), "code": "a"}, {"n": 0, "id": id(2), "code": "b"}])).await;
    let taken = json!([{"n": 1, "id": id(3), "code": "a"}, {"n": 1, "id": id(2), "code": "a"}]);
    let (outcome, conflicts) = write_as(&fixture, &schema, OnConflict::Replace, taken).await;
    assert_eq!(outcome, CommitOutcome::Refused { rows: 2 });
    assert!(conflicts.iter().all(|conflict| conflict.with == ConflictingKey::Stored), "{conflicts:?}");

    let moved = json!([{"n": 2, "id": id(1), "code": "c"}, {"n": 3, "id": id(3), "code": "a"}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Replace, moved).await;
    assert_eq!(counts(&receipt), [1, 1, 0, 0]);
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "id"), [id(2), id(1), id(3)]);
    assert_eq!(values(&found, "code"), ["b", "c", "a"]);
}

/// A row that is refused or passed over claims nothing, and leaves what was before it.
pub async fn a_row_that_is_not_stored_claims_nothing(fixture: Fixture) {
    for (on_conflict, expected) in
        [(OnConflict::Error, [2, 0, 0, 1]), (OnConflict::Ignore, [2, 0, 1, 0]), (OnConflict::Replace, [2, 0, 0, 1])]
    {
        let schema = codes(&fixture).await;
        fixture.write(&schema, json!([{"n": 0, "id": id(9), "code": "a"}])).await;
        let records = json!([{"n": 1, "id": id(1), "mark": 1}, {"n": 2, "id": id(2), "code": "a", "mark": 2},
            {"n": 3, "id": id(3), "mark": 2}]);
        let request = WriteRequest { on_conflict, ..WriteRequest::new(Arc::clone(&schema)) };
        let terms = CommitTerms { max_refused: u64::MAX, ..CommitTerms::all_or_nothing() };
        let (outcome, _) = fixture.commit_as(request, &[batch(&schema, records)], terms).await;
        let CommitOutcome::Committed(receipt) = outcome else { panic!("{outcome:?}") };
        assert_eq!(counts(&receipt), expected, "{on_conflict:?}");
        assert_eq!(values(&fixture.records(&schema).await, "n"), [0, 1, 3], "{on_conflict:?}");
        fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    }
}

/// A row whose keys are those of several records replaces none of them.
pub async fn a_row_that_would_replace_several_records_is_refused(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 1, "code": "a"}, {"n": 2, "mark": 7}])).await;
    let records = json!([{"n": 3, "code": "a", "mark": 7}, {"n": 4}]);
    let (outcome, conflicts) = write_as(&fixture, &schema, OnConflict::Replace, records).await;
    assert_eq!(outcome, CommitOutcome::Refused { rows: 1 });
    assert_eq!((conflicts.len(), conflicts[0].row, conflicts[0].with), (1, 0, ConflictingKey::SeveralRecords));
    assert_eq!(values(&fixture.records(&schema).await, "n"), [1, 2]);
}

/// A unique value that a replaced record had is free, and one that it took is not.
pub async fn a_replaced_value_is_free_for_later_writes(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 1, "id": id(1), "code": "a"}])).await;
    stored_as(&fixture, &schema, OnConflict::Replace, json!([{"n": 2, "id": id(1), "code": "b"}])).await;
    fixture.write(&schema, json!([{"n": 3, "code": "a"}])).await;
    fixture.refused(&schema, json!([{"n": 4, "code": "b"}])).await;
    assert_eq!(values(&fixture.records(&schema).await, "n"), [2, 3]);
}

/// Cases of [`a_write_leaves_what_its_rows_would_leave_one_by_one`] unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 48;

/// Generated writes leave what changes of single records leave.
///
/// With each policy, over stored records, with ids, unique values and a key of two properties from so small a range
/// that most rows meet others.
///
/// Runs 48 cases, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn a_write_leaves_what_its_rows_would_leave_one_by_one(fixture: Fixture) {
    let small = || prop_oneof![1 => Just(Json::Null), 3 => (0..5_i64).prop_map(Json::from)];
    let own_id = prop_oneof![2 => Just(None), 3 => (0..6_u8).prop_map(Some)];
    let record = (own_id, small(), small(), small()).prop_map(|(own_id, code, mark, day)| {
        let mut record = json!({"code": code, "mark": mark, "day": day});
        if let Some(number) = own_id {
            record["id"] = id(number).into();
        }
        record
    });
    let policy = prop_oneof![
        1 => Just(OnConflict::Error),
        1 => Just(OnConflict::Ignore),
        3 => Just(OnConflict::Replace),
    ];
    let write = (vec(vec(record, 1..6), 1..4), policy);
    for_all(CASES, &vec(write, 1..4), async |writes| one_by_one(&fixture, writes).await);
}

async fn one_by_one(fixture: &Fixture, writes: Vec<(Vec<Vec<Json>>, OnConflict)>) -> TestCaseResult {
    let definition = |name: &str| {
        json!({"name": name, "unique": [{"properties": ["mark", "day"]}], "properties": [
            {"name": "n", "type": "integer"}, {"name": "code", "type": "integer", "is_unique": true},
            {"name": "mark", "type": "integer"}, {"name": "day", "type": "integer"}]})
    };
    let (whole, single) = (fixture.create(definition("whole")).await, fixture.create(definition("single")).await);
    let mut outcome = Ok(());
    let mut n = 0;
    for (batches, on_conflict) in writes {
        let mut number = |mut record: Json| {
            n += 1;
            record["n"] = n.into();
            record
        };
        let batches: Vec<Vec<Json>> =
            batches.into_iter().map(|rows| rows.into_iter().map(&mut number).collect()).collect();
        let request = WriteRequest { on_conflict, ..WriteRequest::new(Arc::clone(&whole)) };
        let terms = CommitTerms { max_refused: u64::MAX, ..CommitTerms::all_or_nothing() };
        let written: Vec<RecordBatch> = batches.iter().map(|rows| batch(&whole, rows.clone().into())).collect();
        let (committed, conflicts) = fixture.commit_as(request, &written, terms).await;
        let CommitOutcome::Committed(receipt) = committed else { panic!("any number may be refused: {committed:?}") };

        let rows: Vec<&Json> = batches.iter().flatten().collect();
        let mut expected = BTreeSet::new();
        for (row, record) in (0..).zip(&rows) {
            if !change_one(fixture, &single, record, on_conflict).await {
                expected.insert(row);
            }
        }
        let passed_over = if on_conflict == OnConflict::Ignore { expected.len() as u64 } else { 0 };
        let found: BTreeSet<u64> = conflicts.iter().map(|conflict| conflict.row).collect();
        let named = if on_conflict == OnConflict::Ignore { BTreeSet::new() } else { expected };
        let (left, right) = (comparable(fixture, &whole).await, comparable(fixture, &single).await);
        let rest = receipt.created + receipt.updated + receipt.ignored + receipt.refused;
        if left != right || found != named || rest != rows.len() as u64 || receipt.ignored < passed_over {
            let told = format!("{on_conflict:?} {rows:?}\n{receipt:?} {conflicts:?}\n{left:#?}\n{right:#?}");
            outcome = Err(TestCaseError::fail(told));
            break;
        }
    }
    for schema in [whole, single] {
        fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    }
    outcome
}

/// Stores one record as a client would that knows no bulk calls; whether it could.
async fn change_one(fixture: &Fixture, schema: &Arc<Schema>, record: &Json, on_conflict: OnConflict) -> bool {
    let stored = fixture.records(schema).await;
    let is_same = |one: &Json, keys: &[&str]| keys.iter().all(|key| !one[*key].is_null() && one[*key] == record[*key]);
    let by_value = |one: &&Json| is_same(one, &["code"]) || is_same(one, &["mark", "day"]);
    let target = match (on_conflict, record.get("id")) {
        (OnConflict::Replace, Some(own)) => stored.iter().find(|one| one["id"] == *own),
        (OnConflict::Replace, None) => {
            let holders: Vec<&Json> = stored.iter().filter(by_value).collect();
            if holders.len() > 1 {
                return false;
            }
            holders.first().copied()
        }
        _ => None,
    };
    let change = if let Some(target) = target {
        let version = target["version"].as_i64().expect("a version");
        let mut successor = record.clone();
        successor["id"] = target["id"].clone();
        successor["version"] = (version + 1).into();
        Change::Replace { record: batch(schema, json!([successor])), expected: Version::from_i64(version) }
    } else {
        let ids = IdOrigin::of([record.get("id").is_some()]);
        Change::Create { record: batch(schema, json!([record])), ids, answer: None }
    };
    match fixture.store.change(schema, change).await.expect("the change ends") {
        ChangeOutcome::Committed { .. } => true,
        ChangeOutcome::Conflict(_) => false,
        other => panic!("nobody else writes: {other:?}"),
    }
}

/// The records without what the two ways may choose: ids of the server's, versions and times.
async fn comparable(fixture: &Fixture, schema: &Arc<Schema>) -> Vec<Json> {
    let mut records = fixture.sorted(schema, "n").await;
    for record in &mut records {
        let is_own = record["id"].as_str().is_some_and(|id| id.starts_with("00000000"));
        let own_id = if is_own { record["id"].take() } else { Json::Null };
        *record = json!({"id": own_id, "n": record["n"], "code": record["code"], "mark": record["mark"],
            "day": record["day"]});
    }
    records
}

/// Where refused rows are allowed, the others are stored in their order and the refused ones are named.
pub async fn good_rows_are_stored_beside_refused_ones_where_allowed(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 0, "code": "a"}])).await;
    let records = json!([{"n": 1}, {"n": 2, "code": "a"}, {"n": 3, "code": "b"}, {"n": 4, "code": "b"}, {"n": 5}]);
    let request = WriteRequest::new(Arc::clone(&schema));
    let terms = CommitTerms { max_refused: 2, ..CommitTerms::all_or_nothing() };
    let (outcome, conflicts) = fixture.commit_as(request, &[batch(&schema, records)], terms).await;
    let CommitOutcome::Committed(receipt) = outcome else { panic!("the write was refused: {conflicts:?}") };
    assert_eq!(counts(&receipt), [3, 0, 0, 2]);
    let named: Vec<_> = conflicts.iter().map(|conflict| (conflict.row, conflict.with)).collect();
    assert_eq!(named, [(1, ConflictingKey::Stored), (3, ConflictingKey::Row(2))]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [0, 1, 3, 5]);
}

/// One refused row more than allowed, and nothing is stored; all of them are named.
pub async fn more_refused_rows_than_allowed_store_nothing(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let records = json!([{"code": "a"}, {"code": "a"}, {"code": "a"}, {"code": "b"}]);
    let terms = CommitTerms { max_refused: 1, ..CommitTerms::all_or_nothing() };
    let request = WriteRequest::new(Arc::clone(&schema));
    let (outcome, conflicts) = fixture.commit_as(request, &[batch(&schema, records)], terms).await;
    assert_eq!((outcome, conflicts.len()), (CommitOutcome::Refused { rows: 2 }, 2));
    assert!(fixture.records(&schema).await.is_empty());
}

/// A dry run checks all keys, stores nothing and claims nothing.
pub async fn a_dry_run_says_what_would_be_and_stores_nothing(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 0, "code": "a"}])).await;
    let records = batch(&schema, json!([{"n": 1, "code": "a"}, {"n": 2, "code": "b"}]));
    for (on_conflict, expected) in [
        (OnConflict::Error, CommitOutcome::Refused { rows: 1 }),
        (OnConflict::Ignore, CommitOutcome::Committed(WriteReceipt { created: 1, ignored: 1, ..Default::default() })),
        (OnConflict::Replace, CommitOutcome::Committed(WriteReceipt { created: 1, updated: 1, ..Default::default() })),
    ] {
        let request = WriteRequest { on_conflict, is_dry_run: true, ..WriteRequest::new(Arc::clone(&schema)) };
        let terms = CommitTerms::all_or_nothing();
        let (outcome, _) = fixture.commit_as(request, std::slice::from_ref(&records), terms).await;
        assert_eq!(outcome, expected, "{on_conflict:?}");
        assert_eq!(values(&fixture.records(&schema).await, "n"), [0]);
    }
    fixture.write(&schema, json!([{"n": 3, "code": "b"}])).await;
}

/// The ids of what was stored come in the order of the rows: a replaced record's is its own.
pub async fn the_ids_of_stored_rows_come_in_their_order(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "code": "a"}])).await;
    let records = json!([{"id": id(3)}, {"code": "a"}, {"id": id(2)}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Replace, records).await;
    let ids: Vec<String> = receipt.ids.iter().map(ToString::to_string).collect();
    assert_eq!(ids, [id(3), id(1), id(2)]);
}
