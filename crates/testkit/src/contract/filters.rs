//! Filters: every operator, SQL's three-valued logic, and operands that are only values.

use std::sync::Arc;

use eider_domain::{Filter, Schema};
use serde_json::{Value as Json, json};

use super::Fixture;
use crate::{all_of, any_of, condition, not, values};

/// Records with `n` 1, 2, 3 and null, and a text or null.
async fn numbers(fixture: &Fixture) -> Arc<Schema> {
    let document = json!({"name": "s", "properties": [{"name": "n", "type": "integer"},
        {"name": "text", "type": "string"}, {"name": "extra", "type": "object"}]});
    let schema = fixture.create(document).await;
    let records = json!([{"n": 1, "text": "a"}, {"n": 2}, {"n": 3, "text": "c", "extra": {}}, {"text": "d"}]);
    fixture.write(&schema, records).await;
    schema
}

/// Records with one `text` each.
async fn texts(fixture: &Fixture, texts: &[&str]) -> Arc<Schema> {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "text", "type": "string"}]})).await;
    let mut records: Vec<Json> = texts.iter().map(|text| json!({"text": text})).collect();
    records.push(json!({}));
    fixture.write(&schema, Json::Array(records)).await;
    schema
}

async fn selected(fixture: &Fixture, schema: &Arc<Schema>, column: &str, filter: Filter) -> Vec<Json> {
    values(&fixture.matching(schema, filter).await, column)
}

/// The six comparisons select by value.
pub async fn comparisons_select_by_value(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let cases: [(&str, &[i64]); 6] =
        [("eq", &[2]), ("ne", &[1, 3]), ("gt", &[3]), ("gte", &[2, 3]), ("lt", &[1]), ("lte", &[1, 2])];
    for (operator, expected) in cases {
        let found = selected(&fixture, &schema, "n", condition(&schema, "n", operator, json!(2))).await;
        assert_eq!(found, expected, "{operator}");
    }
}

/// Comparisons work for every type that has them.
pub async fn comparisons_work_for_every_type(fixture: Fixture) {
    let cases = [
        (json!({"type": "string"}), [json!("A"), json!("a"), json!("é")]),
        (json!({"type": "integer"}), [json!(i64::MIN), json!(0), json!(i64::MAX)]),
        (json!({"type": "number"}), [json!(-1.5), json!(0.1), json!(1e300)]),
        (
            json!({"type": "decimal", "precision": 38, "scale": 37}),
            [
                json!("-9.9999999999999999999999999999999999999"),
                json!("0.0000000000000000000000000000000000001"),
                json!("9.9999999999999999999999999999999999999"),
            ],
        ),
        (json!({"type": "date"}), [json!("0000-01-01"), json!("1969-12-31"), json!("9999-12-31")]),
        (json!({"type": "time"}), [json!("00:00:00.000000"), json!("08:15:00.000001"), json!("23:59:59.999999")]),
        (
            json!({"type": "datetime"}),
            [
                json!("0000-01-01T00:00:00.000000Z"),
                json!("1969-12-31T23:59:59.999999Z"),
                json!("9999-12-31T23:59:59.999999Z"),
            ],
        ),
        (
            json!({"type": "uuid"}),
            [
                json!("00000000-0000-0000-0000-000000000000"),
                json!("7fffffff-ffff-ffff-ffff-ffffffffffff"),
                json!("80000000-0000-0000-0000-000000000000"),
            ],
        ),
    ];
    for (index, (mut property, [low, middle, high])) in cases.into_iter().enumerate() {
        property["name"] = "v".into();
        let schema = fixture.create(json!({"name": format!("s{index}"), "properties": [property]})).await;
        fixture.write(&schema, json!([{"v": low}, {"v": middle}, {"v": high}, {}])).await;
        let expected = [
            ("eq", vec![&middle]),
            ("ne", vec![&low, &high]),
            ("gt", vec![&high]),
            ("gte", vec![&middle, &high]),
            ("lt", vec![&low]),
            ("lte", vec![&low, &middle]),
        ];
        for (operator, expected) in expected {
            let found = selected(&fixture, &schema, "v", condition(&schema, "v", operator, middle.clone())).await;
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{property} {operator}");
        }
        let either = condition(&schema, "v", "in", json!([low, high]));
        assert_eq!(selected(&fixture, &schema, "v", either).await, [low, high], "{property} in");
    }
}

/// `in` selects what is in its list; its negation selects what is not, and no null.
pub async fn in_selects_from_a_list(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let one_or_three = condition(&schema, "n", "in", json!([3, 1, 9, 1]));
    assert_eq!(selected(&fixture, &schema, "n", one_or_three.clone()).await, [1, 3]);
    assert_eq!(selected(&fixture, &schema, "n", not(one_or_three)).await, [2]);
    let many: Vec<i64> = (-2_000..2).collect();
    assert_eq!(selected(&fixture, &schema, "n", condition(&schema, "n", "in", json!(many))).await, [1]);
}

/// `like` matches whole texts: `%` any run of characters, `_` one character, everything else itself.
pub async fn like_matches_whole_texts(fixture: Fixture) {
    let all = ["", "a", "A", "ab", "é", "🦆", "a%b", "a_b", "axb", "a\\b", "a\nb", "a\0b"];
    let schema = texts(&fixture, &all).await;
    let cases: [(&str, &[&str]); 14] = [
        ("a", &["a"]),
        ("", &[""]),
        ("%", &all),
        ("a%", &["a", "ab", "a%b", "a_b", "axb", "a\\b", "a\nb", "a\0b"]),
        ("%b", &["ab", "a%b", "a_b", "axb", "a\\b", "a\nb", "a\0b"]),
        ("_", &["a", "A", "é", "🦆"]),
        ("a_b", &["a%b", "a_b", "axb", "a\\b", "a\nb", "a\0b"]),
        ("a\\b", &["a\\b"]),
        ("a\\%", &["a\\b"]),
        ("%x%", &["axb"]),
        ("__", &["ab"]),
        ("%\0%", &["a\0b"]),
        ("%%_%%", &["a", "A", "ab", "é", "🦆", "a%b", "a_b", "axb", "a\\b", "a\nb", "a\0b"]),
        ("[a]", &[]),
    ];
    for (pattern, expected) in cases {
        let found = selected(&fixture, &schema, "text", condition(&schema, "text", "like", json!(pattern))).await;
        assert_eq!(found, expected, "{pattern:?}");
    }
}

/// `ilike` matches as `like` does, and case does not count beyond ASCII either.
pub async fn ilike_ignores_case(fixture: Fixture) {
    let schema = texts(&fixture, &["N14228", "n14228", "É", "é", "straße", "Ж", "a%"]).await;
    let cases: [(&str, &[&str]); 6] = [
        ("n1%", &["N14228", "n14228"]),
        ("N_4%8", &["N14228", "n14228"]),
        ("é", &["É", "é"]),
        ("STRASSE", &[]),
        ("ж", &["Ж"]),
        ("_", &["É", "é", "Ж"]),
    ];
    for (pattern, expected) in cases {
        let found = selected(&fixture, &schema, "text", condition(&schema, "text", "ilike", json!(pattern))).await;
        assert_eq!(found, expected, "{pattern:?}");
    }
}

/// `is_null` and `is_not_null` select by presence, for nested JSON too; an empty text is present.
pub async fn null_tests_select_by_presence(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    let test = |field: &str, operator: &str| condition(&schema, field, operator, Json::Null);
    assert_eq!(selected(&fixture, &schema, "text", test("n", "is_null")).await, ["d"]);
    assert_eq!(selected(&fixture, &schema, "n", test("n", "is_not_null")).await, [1, 2, 3]);
    assert_eq!(selected(&fixture, &schema, "n", not(test("n", "is_null"))).await, [1, 2, 3]);
    assert_eq!(selected(&fixture, &schema, "n", test("extra", "is_not_null")).await, [3]);
    fixture.write(&schema, json!([{"n": 5, "text": ""}])).await;
    let present = all_of([test("text", "is_not_null"), condition(&schema, "n", "gt", json!(3))]);
    assert_eq!(selected(&fixture, &schema, "n", present).await, [5]);
}

/// A null matches no comparison, and no negated one.
pub async fn a_null_never_matches_a_comparison(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    for operator in ["eq", "ne", "gt", "gte", "lt", "lte"] {
        let one = condition(&schema, "n", operator, json!(2));
        let found = selected(&fixture, &schema, "n", any_of([one.clone(), not(one)])).await;
        assert_eq!(found, [1, 2, 3], "{operator}");
    }
    for operator in ["like", "ilike"] {
        let one = condition(&schema, "text", operator, json!("a"));
        let found = selected(&fixture, &schema, "text", any_of([one.clone(), not(one)])).await;
        assert_eq!(found, ["a", "c", "d"], "{operator}");
    }
}

/// `and`, `or` and `not` follow SQL where a part is neither true nor false.
pub async fn logic_has_three_values(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    // Of the record with text `d`, `n` is null.
    let unknown = || condition(&schema, "n", "eq", json!(1));
    let is_true = || condition(&schema, "text", "eq", json!("d"));
    let is_false = || condition(&schema, "text", "eq", json!("x"));
    let matching = [
        any_of([unknown(), is_true()]),
        not(all_of([unknown(), is_false()])),
        all_of([is_true(), not(is_false())]),
        not(not(any_of([is_false(), is_true(), unknown()]))),
    ];
    let others = [
        all_of([unknown(), is_true()]),
        not(all_of([unknown(), is_true()])),
        any_of([unknown(), is_false()]),
        not(any_of([unknown(), is_false()])),
        not(not(unknown())),
    ];
    for filter in matching {
        let found = selected(&fixture, &schema, "text", filter.clone()).await;
        assert!(found.contains(&json!("d")), "{filter}");
    }
    for filter in others {
        let found = selected(&fixture, &schema, "text", filter.clone()).await;
        assert!(!found.contains(&json!("d")), "{filter}");
    }
}

/// All of nothing is true and one of nothing is false.
pub async fn empty_lists_of_parts_decide(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    for (filter, expected) in [
        (all_of([]), 4),
        (any_of([]), 0),
        (not(all_of([])), 0),
        (not(any_of([])), 4),
        (all_of([all_of([]), any_of([all_of([])])]), 4),
    ] {
        assert_eq!(fixture.matching(&schema, filter.clone()).await.len(), expected, "{filter}");
    }
}

/// An operand is a value, whatever it would mean to an engine.
pub async fn hostile_operands_are_only_values(fixture: Fixture) {
    let hostile = ["' OR '1'='1", "\"", "'; DROP TABLE s; --", "\0", "a\0b", "$1", "?", "%", "_", "\\", "null", ""];
    let schema = texts(&fixture, &hostile).await;
    for text in hostile {
        for (operator, operand) in [("eq", json!(text)), ("in", json!([text]))] {
            let found = selected(&fixture, &schema, "text", condition(&schema, "text", operator, operand)).await;
            assert_eq!(found, [text], "{operator} {text:?}");
        }
    }
}

/// `id`, `created_at`, `updated_at` and `version` can be compared as properties can.
pub async fn the_records_own_fields_can_be_compared(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    let id = "00000000-0000-4000-8000-000000000001";
    fixture
        .write(
            &schema,
            json!([{"n": 1, "id": id, "created_at": "1969-12-31T00:00:00Z", "version": 3},
            {"n": 2, "updated_at": "9999-12-31T23:59:59.999999Z"}]),
        )
        .await;
    for (field, operator, operand, expected) in [
        ("id", "eq", json!(id), 1),
        ("id", "ne", json!(id), 2),
        ("id", "in", json!([id]), 1),
        ("created_at", "lt", json!("1970-01-01T00:00:00Z"), 1),
        ("updated_at", "gte", json!("9999-12-31T23:59:59.999999Z"), 2),
        ("version", "gt", json!(2), 1),
        ("Version", "eq", json!(1), 2),
    ] {
        let found = selected(&fixture, &schema, "n", condition(&schema, field, operator, operand)).await;
        assert_eq!(found, [expected], "{field} {operator}");
    }
}

/// A count is the number of records that a scan with the same filter yields.
pub async fn count_counts_what_a_scan_yields(fixture: Fixture) {
    let schema = numbers(&fixture).await;
    for filter in [
        Filter::everything(),
        condition(&schema, "n", "gte", json!(2)),
        not(condition(&schema, "n", "gte", json!(2))),
        condition(&schema, "n", "eq", json!(9)),
    ] {
        let count = fixture.store.count(&schema, &filter).await.expect("a count");
        assert_eq!(count, fixture.matching(&schema, filter.clone()).await.len() as u64, "{filter}");
    }
}

/// A list of ids, of which some are not stored, some come twice and none in commit order, selects in that order.
pub async fn a_list_of_ids_selects_in_the_order_of_commit(fixture: Fixture) {
    let schema = fixture.create(json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]})).await;
    let id = |n: u64| format!("{:08x}-0000-4000-8000-{n:012x}", n.wrapping_mul(2_654_435_761) % (1 << 32));
    for write in [0..40, 40..41, 41..60] {
        fixture.write(&schema, write.map(|n| json!({"id": id(n), "n": n})).collect()).await;
    }
    for listed in [vec![51, 7, 30, 7, 999, 0], (0..60).rev().collect(), (0..2_000).rev().collect()] {
        let ids: Vec<String> = listed.iter().map(|n| id(*n)).collect();
        let filter = condition(&schema, "id", "in", json!(ids));
        let mut expected: Vec<u64> = listed.into_iter().filter(|n| *n < 60).collect();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(values(&fixture.matching(&schema, filter.clone()).await, "n"), expected);
        let odd = all_of([filter.clone(), condition(&schema, "n", "gt", json!(20))]);
        let beyond: Vec<u64> = expected.iter().copied().filter(|n| *n > 20).collect();
        assert_eq!(values(&fixture.matching(&schema, odd).await, "n"), beyond);
        assert_eq!(fixture.matching(&schema, not(filter)).await.len(), 60 - expected.len());
    }
}
