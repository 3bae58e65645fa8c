//! Sorting.

use serde_json::{Value as Json, json};

use super::Fixture;
use crate::values;

/// Values of every comparable type have an order, and its reverse.
pub async fn values_of_every_type_are_ordered(fixture: Fixture) {
    let cases = [
        (json!({"type": "string"}), vec![json!(""), json!("A"), json!("a"), json!("ab"), json!("é")]),
        (json!({"type": "integer"}), vec![json!(i64::MIN), json!(-1), json!(0), json!(9), json!(10), json!(i64::MAX)]),
        (json!({"type": "number"}), vec![json!(f64::MIN), json!(-1.5), json!(5e-324), json!(9.0), json!(10.0)]),
        (json!({"type": "decimal", "precision": 20, "scale": 2}), vec![json!("-10.00"), json!("-9.99"), json!("9.99")]),
        (json!({"type": "boolean"}), vec![json!(false), json!(true)]),
        (json!({"type": "date"}), vec![json!("0000-01-01"), json!("1969-12-31"), json!("9999-12-31")]),
        (json!({"type": "time"}), vec![json!("00:00:00.000000"), json!("00:00:00.000001"), json!("23:59:59.999999")]),
        (
            json!({"type": "datetime"}),
            vec![
                json!("0000-01-01T00:00:00.000000Z"),
                json!("1969-12-31T23:59:59.999999Z"),
                json!("9999-12-31T23:59:59.999999Z"),
            ],
        ),
        (
            json!({"type": "uuid"}),
            vec![
                json!("00000000-0000-0000-0000-000000000000"),
                json!("7fffffff-ffff-ffff-ffff-ffffffffffff"),
                json!("80000000-0000-0000-0000-000000000000"),
                json!("ffffffff-ffff-ffff-ffff-ffffffffffff"),
            ],
        ),
    ];
    for (index, (mut property, mut ordered)) in cases.into_iter().enumerate() {
        property["name"] = "v".into();
        let schema = fixture.create(json!({"name": format!("s{index}"), "properties": [property]})).await;
        // Neither in the order asked for nor in its reverse.
        let mut records: Vec<Json> = ordered.iter().map(|value| json!({"v": value})).collect();
        records.rotate_left(1);
        fixture.write(&schema, Json::Array(records)).await;
        assert_eq!(values(&fixture.sorted(&schema, "v").await, "v"), ordered, "{property}");
        ordered.reverse();
        assert_eq!(values(&fixture.sorted(&schema, "-v").await, "v"), ordered, "{property}, descending");
    }
}

/// Text is ordered by code point, not by any language's alphabet.
pub async fn text_is_ordered_by_code_point(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "text", "type": "string"}]})).await;
    let ordered =
        ["", "\0", "\0\0", "\n", " ", "10", "9", "Z", "a", "a\0", "aa", "b", "e\u{301}", "é", "\u{ffff}", "🦆"];
    let records: Vec<Json> = ordered.iter().rev().map(|text| json!({"text": text})).collect();
    fixture.write(&schema, Json::Array(records)).await;
    assert_eq!(values(&fixture.sorted(&schema, "text").await, "text"), ordered);
}

/// Nulls come last, whichever way the key goes.
pub async fn nulls_come_last_in_both_directions(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    fixture.write(&schema, json!([{}, {"n": 1}, {}, {"n": 2}])).await;
    let null = Json::Null;
    assert_eq!(values(&fixture.sorted(&schema, "n").await, "n"), [json!(1), json!(2), null.clone(), null.clone()]);
    assert_eq!(values(&fixture.sorted(&schema, "-n").await, "n"), [json!(2), json!(1), null.clone(), null]);
}

/// Records with equal keys come in commit order, whichever way the key goes.
pub async fn ties_are_in_the_order_of_commit(fixture: Fixture) {
    let document =
        json!({"name": "s", "properties": [{"name": "n", "type": "integer"}, {"name": "key", "type": "number"}]});
    let schema = fixture.create(document).await;
    for start in [0, 100, 200] {
        // Zero has two signs that are equal.
        let key = |i: i64| match i % 4 {
            0 => json!(0.0),
            1 => json!(-0.0),
            2 => json!(1.0),
            _ => Json::Null,
        };
        let records: Vec<Json> = (start..start + 100).map(|i| json!({"n": i, "key": key(i)})).collect();
        fixture.write(&schema, Json::Array(records)).await;
    }
    let group = |rests: [i64; 2]| (0..300_i64).filter(move |n| rests.contains(&(n % 4)));
    let ascending: Vec<i64> = group([0, 1]).chain(group([2, 2])).chain(group([3, 3])).collect();
    assert_eq!(values(&fixture.sorted(&schema, "key").await, "n"), ascending);
    let descending: Vec<i64> = group([2, 2]).chain(group([0, 1])).chain(group([3, 3])).collect();
    assert_eq!(values(&fixture.sorted(&schema, "-key").await, "n"), descending);
}

/// Every key goes its own way.
pub async fn keys_have_their_own_directions(fixture: Fixture) {
    let document = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer"}, {"name": "a", "type": "string"}, {"name": "b", "type": "date"}]});
    let schema = fixture.create(document).await;
    let records = json!([{"n": 0, "a": "x", "b": "2026-01-01"}, {"n": 1, "a": "y", "b": "2026-01-02"},
        {"n": 2, "a": "x"}, {"n": 3, "b": "2026-01-01"}, {"n": 4, "a": "x", "b": "2026-01-02"},
        {"n": 5, "a": "y", "b": "2026-01-01"}, {"n": 6}, {"n": 7, "a": "x", "b": "2026-01-02"}]);
    fixture.write(&schema, records).await;
    for (order, expected) in [
        ("a,b", [0, 4, 7, 2, 5, 1, 3, 6]),
        ("a,-b", [4, 7, 0, 2, 1, 5, 3, 6]),
        ("-a,b", [5, 1, 0, 4, 7, 2, 3, 6]),
        ("-b,-a,-n", [1, 7, 4, 5, 0, 3, 2, 6]),
    ] {
        assert_eq!(values(&fixture.sorted(&schema, order).await, "n"), expected, "{order}");
    }
}

/// `id`, `created_at` and `version` can be sorted by as properties can.
pub async fn the_records_own_fields_can_be_sorted_by(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    let record = |n: u32, id: u32, created_at: &str, version: u32| {
        let id = format!("{id:08x}-0000-4000-8000-000000000000");
        json!({"n": n, "id": id, "created_at": created_at, "version": version})
    };
    let records = json!([
        record(0, 0xffff_ffff, "2026-01-02T00:00:00Z", 2),
        record(1, 1, "1969-01-01T00:00:00Z", 3),
        record(2, 0x8000_0000, "2026-01-01T00:00:00Z", 1)
    ]);
    fixture.write(&schema, records).await;
    for (order, expected) in
        [("id", [1, 2, 0]), ("-created_at", [0, 2, 1]), ("version", [2, 0, 1]), ("updated_at,-id", [0, 2, 1])]
    {
        assert_eq!(values(&fixture.sorted(&schema, order).await, "n"), expected, "{order}");
    }
}
