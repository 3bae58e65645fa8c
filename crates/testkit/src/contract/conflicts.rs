//! Keys: ids and unique values are never stored twice.

use std::sync::Arc;

use eider_application::ports::{CommitOutcome, ConflictingKey, KeyConflict};
use eider_domain::Schema;
use serde_json::{Value as Json, json};

use super::Fixture;
use crate::{batch, integers, values};

async fn codes(fixture: &Fixture) -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "Code", "type": "string", "is_unique": true}]});
    fixture.create(document).await
}

fn id(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

/// Row, field and other side of each conflict.
fn named(conflicts: &[KeyConflict]) -> Vec<(u64, &str, ConflictingKey)> {
    conflicts.iter().map(|conflict| (conflict.row, conflict.fields[0].name(), conflict.with)).collect()
}

/// Every further row with an id names the first row that has it.
pub async fn an_id_in_one_write_twice_conflicts_with_the_first(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let records = json!([{}, {"id": id(1)}, {"id": id(2)}, {"id": id(1)}, {"id": id(1)}]);
    let conflicts = fixture.refused(&schema, records).await;
    assert_eq!(named(&conflicts), [(3, "id", ConflictingKey::Row(1)), (4, "id", ConflictingKey::Row(1))]);
}

/// An id that is stored is named as such.
pub async fn an_id_that_is_stored_conflicts(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1)}, {"id": id(2)}])).await;
    let conflicts = fixture.refused(&schema, json!([{"id": id(3)}, {"id": id(2)}])).await;
    assert_eq!(named(&conflicts), [(1, "id", ConflictingKey::Stored)]);
}

/// A refused write stores none of its rows, and can be sent again once it is mended.
pub async fn nothing_is_stored_after_a_conflict(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let receipt = fixture.write(&schema, json!([{"n": 0, "id": id(0)}])).await;
    fixture.refused(&schema, json!([{"n": 1, "id": id(1)}, {"n": 2, "id": id(0)}])).await;
    assert_eq!(values(&fixture.records(&schema).await, "n"), [0]);
    let mended = fixture.write(&schema, json!([{"n": 1, "id": id(1)}, {"n": 2, "id": id(2)}])).await;
    assert!(mended.commit_seq > receipt.commit_seq);
    assert_eq!(values(&fixture.records(&schema).await, "n"), [0, 1, 2]);
}

/// A unique value may come twice neither in a write nor in the store.
pub async fn a_unique_value_may_not_come_twice(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let conflicts = fixture.refused(&schema, json!([{"Code": "a"}, {"Code": "b"}, {"Code": "a"}])).await;
    assert_eq!(named(&conflicts), [(2, "Code", ConflictingKey::Row(0))]);
    fixture.write(&schema, json!([{"Code": "a"}])).await;
    let conflicts = fixture.refused(&schema, json!([{"Code": "b"}, {"Code": "a"}])).await;
    assert_eq!(named(&conflicts), [(1, "Code", ConflictingKey::Stored)]);
}

/// Values of every comparable type can be unique.
pub async fn unique_values_of_every_type_conflict(fixture: Fixture) {
    let cases = [
        (json!({"type": "string"}), json!("a\0b"), json!("a\0c")),
        (json!({"type": "integer"}), json!(i64::MAX), json!(i64::MAX - 1)),
        (json!({"type": "number"}), json!(0.1), json!(0.1 + f64::EPSILON)),
        (json!({"type": "decimal", "precision": 38, "scale": 2}), json!("-0.05"), json!("0.05")),
        (json!({"type": "boolean"}), json!(true), json!(false)),
        (json!({"type": "date"}), json!("0000-01-01"), json!("9999-12-31")),
        (json!({"type": "time"}), json!("00:00:00.000001"), json!("00:00:00")),
        (json!({"type": "datetime"}), json!("1969-12-31T23:59:59.999999Z"), json!("1969-12-31T23:59:59.999998Z")),
        (json!({"type": "uuid"}), json!(id(1)), json!(id(2))),
    ];
    for (index, (mut property, one, other)) in cases.into_iter().enumerate() {
        property["name"] = "key".into();
        property["is_unique"] = true.into();
        let schema = fixture.create(json!({"name": format!("s{index}"), "properties": [property]})).await;
        fixture.write(&schema, json!([{"key": one}, {"key": other}])).await;
        let conflicts = fixture.refused(&schema, json!([{"key": one}])).await;
        assert_eq!(named(&conflicts), [(0, "key", ConflictingKey::Stored)], "{property}");
    }
}

/// Nulls are equal to nothing, so they never conflict.
pub async fn nulls_never_conflict(fixture: Fixture) {
    let schema = codes(&fixture).await;
    for _ in 0..2 {
        fixture.write(&schema, json!([{}, {"Code": null}, {}])).await;
    }
    assert_eq!(fixture.records(&schema).await.len(), 6);
}

/// Unique text is compared letter by letter; the empty text is a value.
pub async fn unique_text_counts_case(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture
        .write(
            &schema,
            json!([{"Code": "a"}, {"Code": "A"}, {"Code": "a "}, {"Code": ""}, {"Code": "é"},
        {"Code": "e\u{301}"}, {"Code": "a\0"}]),
        )
        .await;
    let conflicts = fixture.refused(&schema, json!([{"Code": ""}])).await;
    assert_eq!(named(&conflicts), [(0, "Code", ConflictingKey::Stored)]);
}

/// Every conflicting row is named, in order of row.
pub async fn every_conflicting_row_is_named_in_order(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let records: Vec<Json> = (0..100).map(|number| json!({"id": id(number)})).collect();
    fixture.write(&schema, Json::Array(records.clone())).await;
    let mut again = vec![json!({}); 5];
    again.extend(records);
    let conflicts = fixture.refused(&schema, Json::Array(again)).await;
    assert!(named(&conflicts).into_iter().eq((5..105).map(|row| (row, "id", ConflictingKey::Stored))));
}

/// A row that conflicts by two keys is one row.
pub async fn a_row_that_conflicts_twice_counts_once(fixture: Fixture) {
    let schema = codes(&fixture).await;
    fixture.write(&schema, json!([{"id": id(1), "Code": "a"}])).await;
    let conflicts = fixture.refused(&schema, json!([{"id": id(1), "Code": "a"}, {"Code": "b"}])).await;
    let named = named(&conflicts);
    assert!(!named.is_empty() && named.iter().all(|(row, ..)| *row == 0), "{named:?}");
}

/// Rows are numbered over all batches of a write, and keys are compared over all of them.
pub async fn conflicts_span_the_batches_of_a_write(fixture: Fixture) {
    let schema = codes(&fixture).await;
    let first = batch(&schema, json!([{}, {"id": id(1)}]));
    let second = integers(&schema, 0..3_000);
    let third = batch(&schema, json!([{}, {"id": id(1)}]));
    match fixture.commit(&schema, &[first, second, third]).await {
        (CommitOutcome::Refused { rows: 1 }, conflicts) => {
            assert_eq!(named(&conflicts), [(3_003, "id", ConflictingKey::Row(1))]);
        }
        other => panic!("the write was not refused: {other:?}"),
    }
}
