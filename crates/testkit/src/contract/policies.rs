//! What becomes of records whose key is taken, and of the others beside them.

use std::sync::Arc;

use eider_application::{
    AnswerToKeep, CommitOutcome, CommitTerms, ConflictingKey, KeyConflict, OnConflict, WriteReceipt, WriteRequest,
};
use eider_domain::{Schema, Timestamp};
use serde_json::{Value as Json, json};

use super::Fixture;
use crate::{batch, created_at, values};

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

/// Of rows that share a key in one write, or reach the same record, the last is stored.
pub async fn of_replacing_rows_with_one_key_the_last_is_kept(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 0, "id": id(1), "code": "a"}])).await;
    let records = json!([{"n": 1, "id": id(1)}, {"n": 2, "code": "a"}, {"n": 3, "code": "b"}, {"n": 4, "code": "b"}]);
    let receipt = stored_as(&fixture, &schema, OnConflict::Replace, records).await;
    assert_eq!(counts(&receipt), [1, 1, 2, 0]);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [2, 4]);
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

/// An answer is found after its write, for as long as it is asked for, and not after a write that was refused.
pub async fn an_answer_is_kept_with_its_write(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let keep = async |key: &str, records: Json| {
        let answer = AnswerToKeep {
            key: key.to_owned(),
            fingerprint: format!("{key}!"),
            at: created_at(),
            render: Arc::new(|receipt: &WriteReceipt| format!("{} created", receipt.created)),
        };
        let terms = CommitTerms { answer: Some(answer), ..CommitTerms::all_or_nothing() };
        let request = WriteRequest::new(Arc::clone(&schema));
        fixture.commit_as(request, &[batch(&schema, records)], terms).await
    };
    let kept =
        async |key: &str, since: Timestamp| fixture.store.kept_answer(&schema, key, since).await.expect("a look");
    assert_eq!(kept("first", created_at()).await, None);
    keep("first", json!([{"code": "a"}, {}])).await;
    keep("second", json!([{"code": "a"}])).await;
    let answer = kept("first", created_at()).await.expect("the answer is kept");
    assert_eq!((answer.text.as_str(), answer.fingerprint.as_str(), answer.at), ("2 created", "first!", created_at()));
    assert_eq!(kept("second", created_at()).await, None);
    let later = Timestamp::from_micros(created_at().as_micros() + 1);
    assert_eq!(kept("first", later).await, None);
}
