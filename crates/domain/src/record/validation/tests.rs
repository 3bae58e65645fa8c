//! Records that pass, and every failure of those that do not.

use serde_json::json;

use super::*;
use crate::{SchemaDefinition, Timestamp};

fn schema() -> Schema {
    let document = json!({"name": "s", "properties": [
        {"name": "carrier", "type": "string", "required": true, "constraints": {"min_length": 2, "max_length": 2, "pattern": "^[A-Z]+$"}},
        {"name": "flight", "type": "integer", "constraints": {"minimum": 1, "maximum": 9999}},
        {"name": "delay", "type": "number"},
        {"name": "day", "type": "date"},
        {"name": "at", "type": "datetime"},
        {"name": "fare", "type": "decimal", "precision": 6, "scale": 2},
        {"name": "ok", "type": "boolean", "required": true, "default": true},
        {"name": "extra", "type": "object"},
        {"name": "class", "type": "string", "constraints": {"enum": ["Y", "J"]}}]});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

/// Checks the members of a JSON object one by one, as a reader of a format does.
fn violations(members: &[(&str, serde_json::Value)]) -> Vec<(String, ViolationCode)> {
    let schema = schema();
    let mut check = RecordValidator::new(&schema).check();
    for (key, value) in members {
        if let Some(slot) = check.key(key) {
            check.value(slot, Incoming::from_json(value));
        }
    }
    check.finish().into_iter().map(|v| (v.pointer, v.code)).collect()
}

#[test]
fn a_valid_record_passes_in_any_order_and_case() {
    let id = json!("01890a5d-ac96-774b-bcce-b302099a8057");
    assert_eq!(violations(&[("delay", json!(-3)), ("Carrier", json!("UA")), ("id", id), ("flight", json!(null))]), []);
}

#[test]
fn every_failure_of_a_record_is_reported() {
    let found = violations(&[
        ("flight", json!("12")),
        ("delay", json!(true)),
        ("created_at", json!("2013-01-01T00:00:00Z")),
        ("carier", json!("UA")),
        ("flight", json!(1)),
        ("ok", json!(null)),
        ("id", json!("not-a-uuid")),
    ]);
    assert_eq!(
        found,
        [
            ("/flight".to_owned(), ViolationCode::TypeMismatch),
            ("/delay".to_owned(), ViolationCode::TypeMismatch),
            ("/created_at".to_owned(), ViolationCode::ReadOnly),
            ("/carier".to_owned(), ViolationCode::UnknownProperty),
            ("/flight".to_owned(), ViolationCode::DuplicateKey),
            ("/ok".to_owned(), ViolationCode::RequiredMissing),
            ("/id".to_owned(), ViolationCode::InvalidValue),
            ("/carrier".to_owned(), ViolationCode::RequiredMissing),
        ]
    );
}

#[test]
fn values_are_never_coerced() {
    for (key, value, code) in [
        ("flight", json!("12"), ViolationCode::TypeMismatch),
        ("flight", json!(1.5), ViolationCode::TypeMismatch),
        ("flight", json!(9_223_372_036_854_775_808_u64), ViolationCode::OutOfRange),
        ("delay", json!("NaN"), ViolationCode::TypeMismatch),
        ("at", json!(1_356_998_400), ViolationCode::TypeMismatch),
        ("day", json!("2013-02-30"), ViolationCode::InvalidValue),
        ("day", json!(15_706), ViolationCode::TypeMismatch),
        ("fare", json!("1.005"), ViolationCode::InvalidValue),
        ("fare", json!(1.5), ViolationCode::TypeMismatch),
        ("extra", json!([1]), ViolationCode::TypeMismatch),
        ("flight", json!(0), ViolationCode::BelowMinimum),
        ("flight", json!(10_000), ViolationCode::AboveMaximum),
        ("class", json!("F"), ViolationCode::NotInEnum),
    ] {
        assert_eq!(
            violations(&[("carrier", json!("UA")), (key, value.clone())]),
            [(format!("/{key}"), code)],
            "{key}={value}"
        );
    }
    for (value, code) in
        [("U", ViolationCode::TooShort), ("UAA", ViolationCode::TooLong), ("ua", ViolationCode::PatternMismatch)]
    {
        assert_eq!(violations(&[("carrier", json!(value))]), [("/carrier".to_owned(), code)]);
    }
}

#[test]
fn lengths_count_characters_not_bytes() {
    let document =
        json!({"name": "s", "properties": [{"name": "p", "type": "string", "constraints": {"max_length": 2}}]});
    let schema = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
    let mut check = RecordValidator::new(&schema).check();
    let slot = check.key("p").unwrap();
    assert_eq!(check.value(slot, Incoming::Text("🦆é".into())), Some(ValueRef::Text("🦆é".into())));
    assert_eq!(check.finish(), []);
}

#[test]
fn a_check_is_fresh_for_each_record() {
    let schema = schema();
    let mut check = RecordValidator::new(&schema).check();
    for _ in 0..2 {
        let slot = check.key("carrier").unwrap();
        check.value(slot, Incoming::Text("UA".into()));
        assert_eq!(check.finish(), []);
    }
    assert_eq!(check.finish().len(), 1);
}

#[test]
fn a_missing_value_is_the_default_or_null() {
    let schema = schema();
    assert_eq!(RecordCheck::missing_value(&schema.properties()[6]), ValueRef::Boolean(true));
    assert_eq!(RecordCheck::missing_value(&schema.properties()[1]), ValueRef::Null);
}

#[test]
fn values_of_columns_pass_the_same_rules_as_tokens() {
    let schema = schema();
    let mut check = RecordValidator::new(&schema).check();
    check.met(Slot::Property(1));
    check.typed_value(1, ValueRef::Integer(0));
    check.note_unfit(5, ViolationCode::OutOfRange);
    assert_eq!(check.typed_value(2, ValueRef::Null), Some(ValueRef::Null));
    check.met(Slot::Property(0));
    check.typed_value(0, ValueRef::Null);
    let found: Vec<_> = check.finish().into_iter().map(|v| (v.pointer, v.code)).collect();
    let expected = [
        ("/flight", ViolationCode::BelowMinimum),
        ("/fare", ViolationCode::OutOfRange),
        ("/carrier", ViolationCode::RequiredMissing),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)), "nothing is noted twice");
    assert_eq!(check.finish().len(), 1, "what was met belongs to one record");
}
