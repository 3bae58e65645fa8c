//! Changes of single records, alone and many at once.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use eider_application::ports::{Change, ChangeOutcome, DeleteOutcome, IdOrigin, StoreErrorKind};
use eider_domain::{Filter, RecordId, Schema, Version};
use futures::future::join_all;
use serde_json::{Value as Json, json};

use super::Fixture;
use crate::{batch, condition, values};

async fn codes(fixture: &Fixture) -> Arc<Schema> {
    let properties = json!([
        {"name": "n", "type": "integer", "is_indexed": true},
        {"name": "code", "type": "string", "is_unique": true}]);
    fixture.create(json!({"name": "s", "properties": properties})).await
}

fn id(number: u32) -> String {
    format!("00000000-0000-7000-8000-{number:012x}")
}

fn record_id(number: u32) -> RecordId {
    RecordId::parse(&id(number)).expect("an id")
}

fn one(schema: &Schema, record: &Json) -> RecordBatch {
    batch(schema, json!([record]))
}

fn version(number: i64) -> Version {
    Version::from_i64(number)
}

async fn create(fixture: &Fixture, schema: &Arc<Schema>, record: Json) -> ChangeOutcome {
    let change = Change::Create { record: one(schema, &record), ids: IdOrigin::Client, answer: None };
    fixture.store.change(schema, change).await.expect("the change ends")
}

async fn replace(fixture: &Fixture, schema: &Arc<Schema>, expected: i64, mut record: Json) -> ChangeOutcome {
    record["version"] = json!(expected + 1);
    let change = Change::Replace { record: one(schema, &record), expected: version(expected) };
    fixture.store.change(schema, change).await.expect("the change ends")
}

async fn delete(fixture: &Fixture, schema: &Arc<Schema>, number: u32, expected: Option<i64>) -> ChangeOutcome {
    let change = Change::Delete { id: record_id(number), expected: expected.map(version) };
    fixture.store.change(schema, change).await.expect("the change ends")
}

fn is_committed(outcome: &ChangeOutcome) -> bool {
    matches!(outcome, ChangeOutcome::Committed { .. })
}

/// A record that was created is found as it was sent, behind those before it.
pub async fn a_created_record_is_there(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 1}])).await;
    let outcome = create(&fixture, &schema, json!({"n": 2, "id": id(2), "code": "é"})).await;
    assert_eq!(outcome, ChangeOutcome::Committed { commit_seq: 2, shared: Vec::new() });
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "n"), [1, 2]);
    assert_eq!((&found[1]["id"], &found[1]["code"], &found[1]["version"]), (&json!(id(2)), &json!("é"), &json!(1)));
}

/// A creation is refused with the field whose value is taken.
pub async fn a_taken_id_or_value_refuses_a_creation(fixture: Fixture) {
    let schema = codes(&fixture).await;
    create(&fixture, &schema, json!({"id": id(1), "code": "a"})).await;
    for (record, field) in [(json!({"id": id(1)}), "id"), (json!({"id": id(2), "code": "a"}), "code")] {
        let ChangeOutcome::Conflict(conflicts) = create(&fixture, &schema, record).await else { panic!("{field}") };
        let fields: Vec<&str> = conflicts.iter().map(|conflict| conflict.fields[0].name()).collect();
        assert_eq!(fields, [field]);
    }
    assert_eq!(fixture.records(&schema).await.len(), 1);
}

/// A replacement of another version, or of no record, changes nothing.
pub async fn a_replacement_needs_the_version_it_expects(fixture: Fixture) {
    let schema = codes(&fixture).await;
    create(&fixture, &schema, json!({"n": 1, "id": id(1)})).await;
    create(&fixture, &schema, json!({"n": 9, "id": id(9)})).await;
    assert!(is_committed(&replace(&fixture, &schema, 1, json!({"n": 2, "id": id(1)})).await));
    assert_eq!(replace(&fixture, &schema, 1, json!({"n": 3, "id": id(1)})).await, ChangeOutcome::Stale);
    assert_eq!(replace(&fixture, &schema, 1, json!({"n": 3, "id": id(2)})).await, ChangeOutcome::Missing);
    let found = fixture.records(&schema).await;
    assert_eq!(values(&found, "n"), [9, 2], "a changed record is behind those that were not changed");
    assert_eq!(found[1]["version"], 2);
    let by_index = fixture.matching(&schema, condition(&schema, "n", "eq", json!(2))).await;
    assert_eq!(by_index.len(), 1);
    assert!(fixture.matching(&schema, condition(&schema, "n", "eq", json!(1))).await.is_empty());
}

/// A record does not conflict with itself, but with others.
pub async fn a_replacement_may_keep_its_unique_value_and_not_take_anothers(fixture: Fixture) {
    let schema = codes(&fixture).await;
    create(&fixture, &schema, json!({"id": id(1), "code": "a"})).await;
    create(&fixture, &schema, json!({"id": id(2), "code": "b"})).await;
    assert!(is_committed(&replace(&fixture, &schema, 1, json!({"n": 1, "id": id(1), "code": "a"})).await));
    let taken = replace(&fixture, &schema, 2, json!({"n": 2, "id": id(1), "code": "b"})).await;
    assert!(matches!(taken, ChangeOutcome::Conflict(_)), "{taken:?}");
    assert!(is_committed(&replace(&fixture, &schema, 1, json!({"id": id(2), "code": "c"})).await));
    assert!(is_committed(&replace(&fixture, &schema, 2, json!({"n": 3, "id": id(1), "code": "b"})).await));
    assert_eq!(values(&fixture.records(&schema).await, "code"), ["c", "b"]);
}

/// A deletion of another version deletes nothing.
pub async fn a_deletion_may_expect_a_version(fixture: Fixture) {
    let schema = codes(&fixture).await;
    create(&fixture, &schema, json!({"id": id(1), "code": "a"})).await;
    assert_eq!(delete(&fixture, &schema, 1, Some(2)).await, ChangeOutcome::Stale);
    assert!(is_committed(&delete(&fixture, &schema, 1, Some(1)).await));
    assert_eq!(delete(&fixture, &schema, 1, None).await, ChangeOutcome::Missing);
    assert!(is_committed(&create(&fixture, &schema, json!({"id": id(1), "code": "a"})).await));
    assert!(is_committed(&delete(&fixture, &schema, 1, None).await));
}

/// Of many changes that come at once each good one succeeds and each bad one fails, whatever shares their commit.
pub async fn changes_at_once_have_each_their_own_fate(fixture: Fixture) {
    let schema = codes(&fixture).await;
    for number in 0..20 {
        create(&fixture, &schema, json!({"n": number, "id": id(number), "code": format!("old {number}")})).await;
    }
    let outcomes = join_all((0..200_u32).map(|number| {
        let (fixture, schema) = (fixture.clone(), Arc::clone(&schema));
        async move {
            match number {
                0..5 | 30..40 => delete(&fixture, &schema, number, None).await,
                5..10 => replace(&fixture, &schema, 1, json!({"n": 1_000, "id": id(number)})).await,
                10..15 => replace(&fixture, &schema, 7, json!({"n": 1_000, "id": id(number)})).await,
                15..20 => create(&fixture, &schema, json!({"id": id(number)})).await,
                20..30 => create(&fixture, &schema, json!({"id": id(number), "code": "old 19"})).await,
                _ => create(&fixture, &schema, json!({"n": 500, "id": id(number), "code": format!("{number}")})).await,
            }
        }
    }))
    .await;
    for (number, outcome) in outcomes.iter().enumerate() {
        let is_right = match number {
            10..15 => *outcome == ChangeOutcome::Stale,
            15..30 => matches!(outcome, ChangeOutcome::Conflict(_)),
            30..40 => *outcome == ChangeOutcome::Missing,
            _ => is_committed(outcome),
        };
        assert!(is_right, "{number}: {outcome:?}");
    }
    let count = async |value: u32| {
        fixture.store.count(&schema, &condition(&schema, "n", "eq", json!(value))).await.expect("a count")
    };
    assert_eq!((count(1_000).await, count(500).await), (5, 160));
    assert_eq!(fixture.records(&schema).await.len(), 15 + 160);
}

/// Of changes of one record, or to one value, that come at once, one succeeds.
pub async fn of_changes_of_one_record_at_once_one_wins(fixture: Fixture) {
    let schema = codes(&fixture).await;
    create(&fixture, &schema, json!({"id": id(1)})).await;
    let replacements = (0..50).map(|n| replace(&fixture, &schema, 1, json!({"n": n, "id": id(1)})));
    let outcomes = join_all(replacements).await;
    assert_eq!(outcomes.iter().filter(|outcome| is_committed(outcome)).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == ChangeOutcome::Stale).count(), 49);

    let creations = (100..150).map(|n| create(&fixture, &schema, json!({"id": id(n), "code": "same"})));
    let outcomes = join_all(creations).await;
    assert_eq!(outcomes.iter().filter(|outcome| is_committed(outcome)).count(), 1);
    assert_eq!(fixture.records(&schema).await.len(), 2);
}

/// A deletion that matches more than it may affect says how many, and deletes none.
pub async fn a_deletion_of_too_many_deletes_none(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 1}, {"n": 1}, {"n": 2}])).await;
    let ones = condition(&schema, "n", "eq", json!(1));
    let outcome = fixture.store.delete(&schema, &ones, 1).await.expect("a deletion");
    assert_eq!(outcome, DeleteOutcome::TooMany { matching: 2 });
    assert_eq!(fixture.records(&schema).await.len(), 3);
    let outcome = fixture.store.delete(&schema, &ones, 2).await.expect("a deletion");
    assert!(matches!(outcome, DeleteOutcome::Deleted(receipt) if receipt.rows == 2), "{outcome:?}");
    assert_eq!(fixture.store.count(&schema, &Filter::everything()).await.expect("a count"), 1);
}

/// Whoever waits for a commit goes on when it is visible, and not for longer than said.
pub async fn a_commit_can_be_waited_for(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"n": 1}])).await;
    let wait = |number, at_most| fixture.store.wait_for_commit(&schema, number, at_most);
    wait(1, Duration::ZERO).await.expect("it is visible");
    let error = wait(2, Duration::from_millis(10)).await.expect_err("nobody commits");
    assert_eq!(error.kind(), StoreErrorKind::Timeout);
    let (waited, _) = futures::join!(wait(3, Duration::from_mins(1)), async {
        create(&fixture, &schema, json!({"n": 2})).await;
        create(&fixture, &schema, json!({"n": 3})).await
    });
    waited.expect("it has become visible");
    assert_eq!(fixture.records(&schema).await.len(), 3);
}
