//! Changes that are accepted, what they ask of stored records, and everything that is refused with its pointer.

use serde_json::{Value as Json, json};

use super::*;
use crate::Timestamp;

fn current() -> SchemaDefinition {
    let document = json!({
        "name": "flights",
        "description": "Departures",
        "properties": [
            {"name": "carrier", "type": "string", "required": true, "is_indexed": true, "constraints": {"min_length": 2, "max_length": 3}},
            {"name": "flight", "type": "integer", "default": 1},
            {"name": "fare", "type": "decimal", "precision": 6, "scale": 2},
            {"name": "day", "type": "date"}
        ]
    });
    SchemaDefinition::parse(&document).unwrap()
}

fn evolve(document: &Json) -> Evolution {
    Evolution::parse(&current(), document).unwrap()
}

fn codes(document: &Json) -> Vec<(String, ViolationCode)> {
    let violations = Evolution::parse(&current(), document).unwrap_err();
    violations.into_iter().map(|violation| (violation.pointer, violation.code)).collect()
}

fn demands(document: &Json) -> Vec<(usize, DemandKind)> {
    let before = Schema::new(current(), 1, Timestamp::from_micros(0));
    evolve(document).demands(&before).into_iter().map(|demand| (demand.property, demand.kind)).collect()
}

#[test]
fn properties_are_dropped_changed_and_added_in_one_change() {
    let evolution = evolve(&json!({
        "description": null,
        "drop": ["FARE"],
        "change": {
            "carrier": {"name": "airline", "is_indexed": false, "constraints": {"max_length": null, "pattern": "^[A-Z0-9]+$"}},
            "flight": {"default": null, "description": "number of the flight"}
        },
        "add": [{"name": "fare", "type": "number", "is_unique": true}]
    }));
    let expected = SchemaDefinition::parse(&json!({
        "name": "flights",
        "properties": [
            {"name": "airline", "type": "string", "required": true, "constraints": {"min_length": 2, "pattern": "^[A-Z0-9]+$"}},
            {"name": "flight", "type": "integer", "description": "number of the flight"},
            {"name": "day", "type": "date"},
            {"name": "fare", "type": "number", "is_unique": true}
        ]
    }));
    assert_eq!(*evolution.next(), expected.unwrap());
    assert_eq!(evolution.origins(), [Some(0), Some(1), Some(3), None]);
}

#[test]
fn a_change_that_says_what_is_so_already_is_nothing() {
    assert!(evolve(&json!({})).is_nothing(&current()));
    assert!(evolve(&json!({"change": {"carrier": {"required": true}}, "drop": []})).is_nothing(&current()));
    assert!(!evolve(&json!({"change": {"carrier": {"required": false}}})).is_nothing(&current()));
}

#[test]
fn every_violation_is_found_where_the_change_speaks_of_it() {
    let violations = codes(&json!({
        "drop": ["flght", 7],
        "change": {"carrier": {"constraints": {"pattern": "("}}, "day": {"is_uniqe": true}},
        "add": [{"name": "x", "type": "strin"}, {"name": "id", "type": "string"}],
        "rename": {}
    }));
    let expected = [
        ("/rename", ViolationCode::UnknownKey),
        ("/drop/0", ViolationCode::UnknownProperty),
        ("/drop/1", ViolationCode::TypeMismatch),
        ("/change/carrier/constraints/pattern", ViolationCode::InvalidConstraint),
        ("/change/day/is_uniqe", ViolationCode::UnknownKey),
        ("/add/0/type", ViolationCode::UnknownType),
        ("/add/1/name", ViolationCode::ReservedName),
    ];
    assert_eq!(violations, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}

#[test]
fn a_change_may_not_contradict_itself() {
    let twice = codes(&json!({"drop": ["day"], "change": {"day": {"required": true}}}));
    assert_eq!(twice, [("/change/day".to_owned(), ViolationCode::ContradictoryChange)]);
    let twice = codes(&json!({"change": {"day": {}, "DAY": {}}}));
    assert_eq!(twice[0].1, ViolationCode::ContradictoryChange);
    let taken = codes(&json!({"change": {"day": {"name": "Flight"}}}));
    assert_eq!(taken, [("/change/day/name".to_owned(), ViolationCode::DuplicateName)]);
    // Whichever of the two stands first.
    for (name, other) in [("carrier", "day"), ("day", "carrier"), ("flight", "FARE")] {
        let taken = codes(&json!({"change": {name: {"name": other}}}));
        assert_eq!(taken, [(format!("/change/{name}/name"), ViolationCode::DuplicateName)]);
    }
    let taken = codes(&json!({"add": [{"name": "day", "type": "date"}]}));
    assert_eq!(taken, [("/add/0/name".to_owned(), ViolationCode::DuplicateName)]);
    let none = codes(&json!({"drop": ["carrier", "flight", "fare", "day"]}));
    assert_eq!(none, [("/drop".to_owned(), ViolationCode::WrongCount)]);
}

#[test]
fn types_only_widen() {
    for (name, to) in [
        ("flight", json!({"type": "number"})),
        ("flight", json!({"type": "decimal", "precision": 21, "scale": 2})),
        ("flight", json!({"type": "string", "default": "1"})),
        ("fare", json!({"precision": 7, "scale": 3})),
        ("fare", json!({"type": "string"})),
        ("day", json!({"type": "datetime"})),
    ] {
        assert!(Evolution::parse(&current(), &json!({"change": {name: to}})).is_ok(), "{name} to {to}");
    }
    for (name, to) in [
        ("carrier", json!({"type": "integer", "constraints": null})),
        ("flight", json!({"type": "boolean", "default": null})),
        ("fare", json!({"precision": 7, "scale": 4})),
        ("fare", json!({"precision": 5, "scale": 2})),
        ("fare", json!({"type": "number"})),
        ("day", json!({"type": "time"})),
    ] {
        let expected = [(format!("/change/{name}/type"), ViolationCode::NotWider)];
        assert_eq!(codes(&json!({"change": {name: to}})), expected, "{name} to {to}");
    }
}

#[test]
fn only_what_stored_records_might_contradict_is_asked_of_them() {
    assert_eq!(demands(&json!({"change": {"carrier": {"required": false, "constraints": null}}, "drop": ["day"]})), []);
    assert_eq!(
        demands(
            &json!({"add": [{"name": "a", "type": "string"}, {"name": "b", "type": "integer", "required": true, "default": 3}]})
        ),
        []
    );
    assert_eq!(
        demands(&json!({
            "drop": ["fare"],
            "change": {"flight": {"required": true, "type": "number"}, "carrier": {"constraints": {"max_length": 2}}, "day": {"is_unique": true}},
            "add": [{"name": "b", "type": "integer", "required": true}]
        })),
        [
            (0, DemandKind::Constrained { from: DataType::String }),
            (1, DemandKind::Present),
            (1, DemandKind::Convertible { from: DataType::Integer }),
            (3, DemandKind::Present),
        ]
    );
}

#[test]
fn keys_of_several_properties_follow_their_properties() {
    let of = |change: &Json| {
        let mut document = current().to_json();
        document["unique"] = json!([{"properties": ["day", "flight"]}]);
        Evolution::parse(&SchemaDefinition::parse(&document).unwrap(), change)
    };
    let keys = |change: Json| of(&change).unwrap().next().to_json()["unique"].clone();
    let both = |names: [&str; 2]| json!([{"properties": names, "severity": "error"}]);
    assert_eq!(keys(json!({"drop": ["carrier"]})), both(["day", "flight"]));
    assert_eq!(
        keys(json!({"change": {"day": {"name": "flight"}, "flight": {"name": "day"}}})),
        both(["flight", "day"])
    );
    assert_eq!(
        keys(json!({"drop": ["day"], "unique": [{"properties": ["flight", "fare"]}]})),
        both(["flight", "fare"])
    );
    assert_eq!(keys(json!({"unique": null})), Json::Null);
    let refused = |change: Json| -> Vec<_> {
        of(&change).unwrap_err().into_iter().map(|found| (found.pointer, found.code)).collect()
    };
    assert_eq!(refused(json!({"drop": ["day"]})), [("/drop".to_owned(), ViolationCode::ContradictoryChange)]);
    let unknown = json!({"drop": ["day"], "unique": [{"properties": ["day", "flight"]}]});
    assert_eq!(refused(unknown), [("/unique/0/properties/0".to_owned(), ViolationCode::UnknownProperty)]);
}

#[test]
fn keys_are_new_when_stored_records_may_share_them() {
    let mut document = current().to_json();
    document["unique"] = json!([{"properties": ["day", "flight"]}, {"properties": ["fare"], "severity": "warning"}]);
    let before = Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0));
    let new = |change: Json| -> Vec<_> {
        let evolution = Evolution::parse(before.definition(), &change).unwrap();
        let next = Schema::new(evolution.next().clone(), 2, before.created_at());
        let keys = evolution.new_keys(&before, &next).into_iter();
        keys.map(|key| (crate::listed(&key.fields), key.origins)).collect()
    };
    assert_eq!(new(json!({"unique": [{"properties": ["flight", "day"]}]})), []);
    assert_eq!(new(json!({"change": {"day": {"name": "on"}}, "drop": ["carrier"]})), []);
    let several =
        json!({"change": {"carrier": {"is_unique": true}}, "unique": [{"properties": ["fare", "day", "flight"]}]});
    let fields = |text: &str, origins: &[Option<usize>]| (text.to_owned(), origins.to_vec());
    let expected =
        [fields("`carrier`", &[Some(0)]), fields("`fare`, `day` and `flight`", &[Some(2), Some(3), Some(1)])];
    assert_eq!(new(several), expected);
    let added = |default: Json| json!({"add": [{"name": "x", "type": "integer", "default": default}], "unique": [{"properties": ["x", "day"]}]});
    assert_eq!(new(added(json!(1))), [fields("`x` and `day`", &[None, Some(3)])]);
    assert_eq!(new(added(Json::Null)), []);
}

#[test]
fn values_are_widened_without_loss_or_not_at_all() {
    let exact = 1_i64 << 53;
    let integer = |value, to| widened(&ValueRef::Integer(value), DataType::Integer, to);
    assert_eq!(integer(-exact, DataType::Number), Some(ValueRef::Number(-9_007_199_254_740_992.0)));
    assert_eq!(integer(exact + 1, DataType::Number), None);
    let decimal = DataType::Decimal { precision: 5, scale: 2 };
    assert_eq!(integer(-999, decimal), Some(ValueRef::Decimal(-99_900)));
    assert_eq!(integer(1_000, decimal), None);
    assert_eq!(integer(-7, DataType::String), Some(ValueRef::Text("-7".into())));
    let wider = DataType::Decimal { precision: 8, scale: 4 };
    assert_eq!(widened(&ValueRef::Decimal(12_345), decimal, wider), Some(ValueRef::Decimal(1_234_500)));
    assert_eq!(widened(&ValueRef::Decimal(-5), decimal, DataType::String), Some(ValueRef::Text("-0.05".into())));
    let day = ValueRef::Date(-1);
    assert_eq!(widened(&day, DataType::Date, DataType::Datetime), Some(ValueRef::Datetime(-86_400_000_000)));
    assert_eq!(widened(&day, DataType::Date, DataType::String), Some(ValueRef::Text("1969-12-31".into())));
    assert_eq!(
        widened(&ValueRef::Boolean(true), DataType::Boolean, DataType::String),
        Some(ValueRef::Text("true".into()))
    );
}

#[test]
fn a_value_that_breaks_a_demand_is_named_by_what_it_breaks() {
    let before = Schema::new(current(), 1, Timestamp::from_micros(0));
    let change = json!({"change": {"carrier": {"constraints": {"max_length": 2, "pattern": "^[A-Z]"}}, "flight": {"required": true}}});
    let evolution = evolve(&change);
    let demands = evolution.demands(&before);
    let broken = |demand: &Demand, value: ValueRef<'_>| {
        demand.broken_by(&evolution.next().properties()[demand.property], &value)
    };
    assert_eq!(broken(&demands[0], ValueRef::Text("ABC".into())), Some(ViolationCode::TooLong));
    assert_eq!(broken(&demands[0], ValueRef::Text("9E".into())), Some(ViolationCode::PatternMismatch));
    assert_eq!(broken(&demands[0], ValueRef::Text("EV".into())), None);
    assert_eq!(broken(&demands[0], ValueRef::Null), None);
    assert_eq!(broken(&demands[1], ValueRef::Null), Some(ViolationCode::RequiredMissing));
    assert_eq!(broken(&demands[1], ValueRef::Integer(1)), None);
}

#[test]
fn keys_that_a_store_cannot_keep_are_named_where_the_change_speaks_of_them() {
    let evolution = evolve(&json!({
        "drop": ["carrier"],
        "change": {"FLIGHT": {"is_unique": true, "name": "number"}, "day": {"required": true}},
        "add": [{"name": "a", "type": "string"}, {"name": "b", "type": "uuid", "is_unique": true}],
        "unique": [{"properties": ["day", "fare"]}],
    }));
    let violations = evolution.unsupported_keys();
    let pointers: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
    assert_eq!(pointers, ["/change/FLIGHT/is_unique", "/add/1/is_unique", "/unique/0"]);
    assert!(violations.iter().all(|violation| violation.code == ViolationCode::UnsupportedKey));
    assert!(evolve(&json!({"description": "x"})).unsupported_keys().is_empty());
}

#[test]
fn a_dialect_changes_without_a_look_at_stored_records() {
    let change =
        json!({"change": {"day": {"formats": ["%d.%m.%Y"], "null_tokens": ["-"]}, "fare": {"decimal_separator": ","}}});
    let evolution = evolve(&change);
    assert!(!evolution.is_nothing(&current()));
    assert_eq!(demands(&change), []);
    let next = evolution.next().to_json();
    assert_eq!(next["properties"][3]["formats"], json!(["%d.%m.%Y"]));
    let back = Evolution::parse(
        evolution.next(),
        &json!({"change": {
        "day": {"formats": null, "null_tokens": null}, "fare": {"decimal_separator": null}}}),
    );
    assert_eq!(*back.unwrap().next(), current());
    assert_eq!(
        codes(&json!({"change": {"day": {"truncate": true}}})),
        [("/change/day/truncate".to_owned(), ViolationCode::InvalidConstraint)]
    );
}

#[test]
fn what_a_dialect_says_of_a_type_alone_goes_with_the_type() {
    let change = json!({"change": {"fare": {"decimal_separator": ",", "null_tokens": ["-"], "trim": true}}});
    let with = evolve(&change).next().clone();
    let retyped = Evolution::parse(&with, &json!({"change": {"fare": {"type": "string"}}})).unwrap();
    let property = &retyped.next().to_json()["properties"][2];
    assert_eq!((&property["decimal_separator"], &property["trim"]), (&Json::Null, &json!(true)));
    assert_eq!(property["null_tokens"], json!(["-"]));
}
