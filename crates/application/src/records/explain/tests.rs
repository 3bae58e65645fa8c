//! What plans suggest.

use eider_domain::{RecordQuery, SchemaDefinition, SortKey, Timestamp};
use serde_json::json;

use super::*;

fn schema(properties: usize) -> Schema {
    let properties: Vec<_> = (0..properties).map(|n| json!({"name": format!("p{n}"), "type": "string"})).collect();
    let document = json!({"name": "s", "properties": properties});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

fn full_scan(returned: u64) -> ReadPlan {
    ReadPlan {
        access: Access::FullScan,
        records: 1_000_000,
        scanned: 1_000_000,
        returned,
        sorting: Sorting::Nothing,
        index_hints: Vec::new(),
    }
}

fn matching(schema: &Schema, operator: &str, text: &str) -> ScanRequest {
    let operator = Operator::parse(operator).unwrap();
    let condition = Condition::from_text(schema.field("p0").unwrap(), operator, text).unwrap();
    ScanRequest::new(RecordQuery { filter: condition.into(), ..RecordQuery::everything(schema) })
}

fn codes(schema: &Schema, request: ScanRequest, plan: &ReadPlan) -> Vec<AdviceCode> {
    advice(schema, &ReadRequest::Scan(request), plan).iter().map(|advice| advice.code).collect()
}

#[test]
fn an_index_is_advised_where_the_store_missed_one() {
    let schema = schema(1);
    let hint = |is_declared: bool| {
        let serves_only = is_declared.then_some("reads without anything else");
        IndexHint { property: "p0".to_owned(), matching: 111, serves_only }
    };
    for (is_declared, code) in [(false, AdviceCode::DeclareIndex), (true, AdviceCode::IndexUnused)] {
        let plan = ReadPlan { index_hints: vec![hint(is_declared)], ..full_scan(111) };
        let advice = advice(&schema, &ReadRequest::Scan(matching(&schema, "eq", "x")), &plan);
        assert_eq!((advice.len(), advice[0].code, advice[0].property.as_deref()), (1, code, Some("p0")));
        assert!(advice[0].detail.contains("111"), "{}", advice[0].detail);
    }
    assert_eq!(codes(&schema, matching(&schema, "eq", "x"), &full_scan(111)), []);
}

#[test]
fn only_patterns_that_may_begin_with_anything_are_beyond_help() {
    let schema = schema(1);
    for (operator, pattern) in [("like", "%x"), ("like", "_x"), ("ilike", "x%")] {
        let found = codes(&schema, matching(&schema, operator, pattern), &full_scan(1));
        assert_eq!(found, [AdviceCode::OpenPattern], "{operator} {pattern}");
    }
    for (operator, pattern) in [("like", "x%"), ("eq", "%x")] {
        assert_eq!(codes(&schema, matching(&schema, operator, pattern), &full_scan(1)), [], "{operator} {pattern}");
    }
    let known = ReadPlan { access: Access::Nothing, scanned: 0, ..full_scan(0) };
    assert_eq!(codes(&schema, matching(&schema, "like", "%x"), &known), []);
}

#[test]
fn only_a_large_sort_without_a_limit_is_worth_one() {
    let schema = schema(1);
    let sorted = |limit| {
        let mut request = ScanRequest { limit, ..ScanRequest::new(RecordQuery::everything(&schema)) };
        let field = schema.field("p0").unwrap();
        request.query.sort = vec![SortKey { field, direction: eider_domain::Direction::Ascending }];
        request
    };
    let plan = |returned| ReadPlan { sorting: Sorting::Full, ..full_scan(returned) };
    assert_eq!(codes(&schema, sorted(None), &plan(1_000_000)), [AdviceCode::LimitSort]);
    assert_eq!(codes(&schema, sorted(None), &plan(1_000)), []);
    assert_eq!(codes(&schema, sorted(Some(1_000_000)), &plan(1_000_000)), []);
}

#[test]
fn every_field_of_many_wide_records_is_worth_a_choice() {
    let (wide, narrow) = (schema(16), schema(15));
    let everything = |schema: &Schema| ScanRequest::new(RecordQuery::everything(schema));
    assert_eq!(codes(&wide, everything(&wide), &full_scan(10_000)), [AdviceCode::SelectFields]);
    assert_eq!(codes(&wide, everything(&wide), &full_scan(9_999)), []);
    assert_eq!(codes(&narrow, everything(&narrow), &full_scan(10_000)), []);
}
