use serde_json::json;

use super::*;

const MICROS_PER_DAY: i64 = 86_400_000_000;
use crate::SchemaDefinition;

fn schema() -> Schema {
    let document = json!({"name": "flights", "properties": [
        {"name": "carrier", "type": "string", "required": true,
         "constraints": {"min_length": 2, "pattern": "^[A-Z]+$", "enum": ["UA", "AA"]}},
        {"name": "flight", "type": "integer", "constraints": {"minimum": 1}},
        {"name": "fare", "type": "decimal", "precision": 6, "scale": 2},
        {"name": "day", "type": "date"},
        {"name": "at", "type": "datetime"},
        {"name": "code", "type": "string", "is_unique": true},
        {"name": "flag", "type": "boolean"},
        {"name": "extra", "type": "object"}]});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

fn rules(document: &Json) -> Vec<Rule> {
    match RuleSet::parse(&json!({"rules": document}), &schema()) {
        Ok(set) => set.rules().to_vec(),
        Err(violations) => panic!("{violations:#?}"),
    }
}

fn violations(document: &Json) -> Vec<(String, &'static str)> {
    let violations = RuleSet::parse(document, &schema()).unwrap_err();
    violations.into_iter().map(|violation| (violation.pointer, violation.code.name())).collect()
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned().into())
}

#[test]
fn without_rules_they_are_those_of_the_schema() {
    for document in [json!({}), json!({"rules": null})] {
        let set = RuleSet::parse(&document, &schema()).unwrap();
        let names: Vec<&str> = set.rules().iter().map(Rule::name).collect();
        let expected = [
            "required_carrier",
            "values_carrier",
            "length_carrier",
            "pattern_carrier",
            "range_flight",
            "duplicate_code",
        ];
        assert_eq!(names, expected);
    }
}

#[test]
fn names_are_unique_and_found_in_any_case() {
    let given = json!([{"rule": "required", "property": "CARRIER"}, {"rule": "required", "property": "carrier"},
        {"rule": "duplicate", "properties": ["carrier", "day"], "name": "Twins", "severity": "warning"}]);
    let rules = rules(&given);
    let names: Vec<&str> = rules.iter().map(Rule::name).collect();
    assert_eq!(names, ["required_carrier", "required_carrier_2", "Twins"]);
    assert_eq!((rules[0].fields()[0].name(), rules[2].severity()), ("carrier", Severity::Warning));
    let twice = json!({"rules": [{"rule": "required", "property": "day", "name": "a"},
        {"rule": "required", "property": "at", "name": "A"}]});
    assert_eq!(violations(&twice), [("/rules/1/name".to_owned(), "duplicate_name")]);
}

#[test]
fn every_violation_is_found_with_its_place() {
    let document = json!({"rules": [
        {"rule": "requird", "property": "carrier"},
        {"rule": "required"},
        {"rule": "required", "property": "carier"},
        {"rule": "pattern", "property": "flight", "pattern": "x"},
        {"rule": "pattern", "property": "carrier", "pattern": "("},
        {"rule": "values", "property": "fare", "values": ["1.00", "1.001", null]},
        {"rule": "values", "property": "carrier", "values": []},
        {"rule": "length", "property": "carrier"},
        {"rule": "range", "property": "flight", "minimum": 2, "maximum": 1},
        {"rule": "range", "property": "flag", "minimum": true},
        {"rule": "standardize", "property": "carrier"},
        {"rule": "standardize", "property": "carrier", "case": "title", "trimm": true},
        {"rule": "standardize", "property": "carrier", "case": "upper", "spellings": {"a": "A", "A": "B"}},
        {"rule": "characters", "property": "carrier", "allowed": "Z-A"},
        {"rule": "freshness", "property": "at", "max_age": "3 days"},
        {"rule": "freshness", "property": "carrier", "max_age": "3d"},
        {"rule": "required", "property": "id"},
        {"rule": "duplicate", "properties": ["carrier", "CARRIER"]},
        {"rule": "required", "property": "day", "severity": "fatal", "name": "a b"},
        7]});
    let at = |index: usize, rest: &str| format!("/rules/{index}{rest}");
    let expected = [
        (at(0, "/rule"), "unknown_type"),
        (at(1, "/property"), "required_missing"),
        (at(2, "/property"), "unknown_property"),
        (at(3, "/property"), "invalid_constraint"),
        (at(4, "/pattern"), "invalid_constraint"),
        (at(5, "/values/1"), "invalid_constraint"),
        (at(5, "/values/2"), "invalid_constraint"),
        (at(6, "/values"), "wrong_count"),
        (at(7, ""), "required_missing"),
        (at(8, ""), "invalid_constraint"),
        (at(9, "/property"), "invalid_constraint"),
        (at(10, ""), "required_missing"),
        (at(11, "/trimm"), "unknown_key"),
        (at(11, "/case"), "invalid_value"),
        (at(11, ""), "required_missing"),
        (at(12, "/spellings/A"), "duplicate_name"),
        (at(13, "/allowed"), "invalid_constraint"),
        (at(14, "/max_age"), "invalid_value"),
        (at(15, "/property"), "invalid_constraint"),
        (at(16, "/property"), "reserved_name"),
        (at(17, "/properties/1"), "duplicate_name"),
        (at(18, "/severity"), "invalid_value"),
        (at(18, "/name"), "invalid_name"),
        (at(19, ""), "type_mismatch"),
    ];
    assert_eq!(violations(&document), expected);
    assert_eq!(violations(&json!({"rule": []})), [("/rule".to_owned(), "unknown_key")]);
    assert_eq!(violations(&json!({"rules": []})), [("/rules".to_owned(), "wrong_count")]);
    assert_eq!(violations(&json!([])), [(String::new(), "type_mismatch")]);
}

#[test]
fn a_value_breaks_a_rule_and_a_null_that_of_presence_alone() {
    let now = Timestamp::from_micros(10 * MICROS_PER_DAY + 1);
    let given = json!([
        {"rule": "required", "property": "carrier"},
        {"rule": "values", "property": "carrier", "values": ["UA", "AA"]},
        {"rule": "standardize", "property": "carrier", "trim": true, "case": "upper"},
        {"rule": "length", "property": "carrier", "min": 2, "max": 2},
        {"rule": "characters", "property": "carrier", "allowed": "A-Z"},
        {"rule": "pattern", "property": "carrier", "pattern": "^U"},
        {"rule": "range", "property": "flight", "minimum": 1, "maximum": 9},
        {"rule": "freshness", "property": "day", "max_age": "3d"},
        {"rule": "freshness", "property": "updated_at", "max_age": "3d"}]);
    let rules = rules(&given);
    let edge = Value::Datetime(7 * MICROS_PER_DAY + 1);
    let before = Value::Datetime(7 * MICROS_PER_DAY);
    for (rule, good, bad, suggestion) in [
        (1, text("UA"), text(" ua"), Some(text("UA"))),
        (1, text("AA"), text("U"), None),
        (2, text("UA"), text(" ua"), Some(text("UA"))),
        (3, text("éa"), text("UAL"), None),
        (4, text(""), text("Ua"), None),
        (5, text("UA"), text("AU"), None),
        (6, Value::Integer(9), Value::Integer(0), None),
        (7, Value::Date(7), Value::Date(6), None),
        (8, edge, before, None),
    ] {
        let rule = &rules[rule];
        assert_eq!(rule.finding(&good, now), None, "{}", rule.name());
        assert_eq!(rule.finding(&bad, now), Some(Finding { suggestion }), "{}", rule.name());
        assert_eq!(rule.finding(&Value::Null, now), None, "{}", rule.name());
    }
    assert!(rules[0].finding(&Value::Null, now).is_some());
}

#[test]
fn suggestions_are_chosen_by_name() {
    let document = json!({"rules": [{"rule": "standardize", "property": "carrier", "trim": true},
        {"rule": "required", "property": "carrier"}, {"rule": "values", "property": "carrier", "values": ["UA"]},
        {"rule": "values", "property": "flight", "values": [1]}]});
    let set = RuleSet::parse(&document, &schema()).unwrap();
    let names = |rules: &[Rule]| rules.iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&set.suggesting(None).unwrap()), ["standardize_carrier", "values_carrier"]);
    let given = ["VALUES_carrier", "standardize_carrier", "values_carrier"].map(str::to_owned);
    assert_eq!(names(&set.suggesting(Some(&given)).unwrap()), ["standardize_carrier", "values_carrier"]);
    let wrong = ["required_carrier", "values_carrier", "other"].map(str::to_owned);
    let violations = set.suggesting(Some(&wrong)).unwrap_err();
    let pointers: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/rules/0", "/rules/2"]);
}

#[test]
fn what_the_schema_refuses_is_refused() {
    let schema = schema();
    let carrier = &schema.properties()[0];
    assert_eq!(refusal(carrier, &text("UA")), None);
    assert_eq!(refusal(carrier, &text("ua")), Some(ViolationCode::PatternMismatch));
}
