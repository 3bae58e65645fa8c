//! Where ranges begin and end.

use eider_domain::{Position, RecordQuery, Schema};
use eider_testkit::{all_of, any_of, condition, not, schema, sort};
use serde_json::json;

use super::*;

fn numbers() -> Schema {
    schema(json!({"name": "numbers", "properties": [
        {"name": "n", "type": "integer"}, {"name": "m", "type": "integer"}, {"name": "text", "type": "string"}]}))
}

fn request(order: &str, filter: Filter) -> ScanRequest {
    let schema = numbers();
    let query = RecordQuery { filter, sort: sort(&schema, order), ..RecordQuery::everything(&schema) };
    ScanRequest { limit: Some(10), ..ScanRequest::new(query) }
}

/// Where ranges of `n` begin and end at the latest.
fn bounds(request: &ScanRequest) -> Option<(Option<i64>, Option<i64>)> {
    let number = |value: Value| if let Value::Integer(number) = value { number } else { panic!("{value:?}") };
    Start::of(request).map(|start| (start.from.map(number), start.to.map(number)))
}

#[test]
fn ranges_begin_where_conditions_on_the_key_do() {
    let schema = numbers();
    let n = |operator, value: i64| condition(&schema, "n", operator, json!(value));
    for (order, filter, expected) in [
        ("n", Filter::everything(), (None, None)),
        ("n", n("gte", 5), (Some(5), None)),
        ("n", n("gt", 5), (Some(5), None)),
        ("-n", n("gte", 5), (None, Some(5))),
        ("-n", n("lt", 5), (Some(5), None)),
        ("n,text", all_of([n("gte", 5), all_of([n("gt", 7), n("lte", 9), n("lt", 20)])]), (Some(7), Some(9))),
        ("-n", all_of([n("gte", 5), n("gt", 7), n("lte", 9), n("lt", 20)]), (Some(9), Some(7))),
        ("m", n("gte", 5), (None, None)),
        ("n", any_of([n("gte", 5), n("lt", 2)]), (None, None)),
        ("n", not(n("gte", 5)), (None, None)),
        ("n", n("ne", 5), (None, None)),
        ("n", condition(&schema, "n", "is_not_null", json!(null)), (None, None)),
    ] {
        assert_eq!(bounds(&request(order, filter.clone())), Some(expected), "{order} {filter}");
    }
}

#[test]
fn ranges_begin_behind_the_place_of_a_cursor() {
    let schema = numbers();
    let after = |value: Value| Some(Position { keys: vec![value], sequence: 3 });
    for (order, expected) in [("n", (Some(8), None)), ("-n", (Some(5), Some(2)))] {
        let filter = all_of([condition(&schema, "n", "gt", json!(2)), condition(&schema, "n", "lte", json!(5))]);
        let bounds = bounds(&ScanRequest { after: after(Value::Integer(8)), ..request(order, filter) });
        let expected = if order == "n" { (Some(8), Some(5)) } else { expected };
        assert_eq!(bounds, Some(expected), "{order}");
    }
    assert_eq!(bounds(&ScanRequest { after: after(Value::Null), ..request("n", Filter::everything()) }), None);
}

#[test]
fn some_scans_have_no_ranges() {
    let schema = numbers();
    let everything = Filter::everything;
    let limited = |limit| ScanRequest { limit, ..request("n", everything()) };
    for request in [
        request("text,n", everything()),
        request("", everything()),
        request("n", condition(&schema, "n", "eq", json!(1))),
        request("n", condition(&schema, "n", "in", json!([1, 2]))),
        request("n", condition(&schema, "n", "is_null", json!(null))),
        limited(None),
        limited(Some(0)),
        limited(Some(MAX_ROWS + 1)),
        ScanRequest { offset: MAX_ROWS, ..limited(Some(1)) },
    ] {
        assert_eq!(bounds(&request), None, "{request:?}");
    }
}

#[test]
fn a_value_moves_by_whole_steps_within_its_type() {
    assert_eq!(moved(&Value::Integer(5), 0.1), Some(Value::Integer(6)));
    assert_eq!(moved(&Value::Integer(5), -2.0), Some(Value::Integer(3)));
    assert_eq!(moved(&Value::Integer(i64::MAX), 1.0), None);
    assert_eq!(
        moved(&Value::Integer(i64::MIN), f64::from(u32::MAX).powi(2)),
        Some(Value::Integer(9_223_372_028_264_841_216))
    );
    assert_eq!(moved(&Value::Decimal(i128::MAX), 1.0), None);
    assert_eq!(moved(&Value::Number(f64::MAX), f64::MAX), None);
    assert_eq!(moved(&Value::Number(0.25), 0.5), Some(Value::Number(0.75)));
    assert_eq!(moved(&Value::Date(0), 0.5), Some(Value::Date(1)));
}
