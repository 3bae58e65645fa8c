//! Definitions that are accepted, and everything that is refused with its pointer and code.

use serde_json::json;

use super::*;
use crate::{Value, ViolationCode};

fn codes(document: &Json) -> Vec<(String, ViolationCode)> {
    let violations = SchemaDefinition::parse(document).unwrap_err();
    violations.into_iter().map(|v| (v.pointer, v.code)).collect()
}

fn property(extra: Json) -> Json {
    let Json::Object(extra) = extra else { panic!("{extra} is no object") };
    let mut property = json!({"name": "p", "type": "string"});
    property.as_object_mut().unwrap().extend(extra);
    json!({"name": "s", "properties": [property]})
}

#[test]
fn a_definition_survives_its_json_form() {
    let document = json!({
        "name": "flights",
        "description": "Departures",
        "properties": [
            {"name": "carrier", "type": "string", "required": true, "is_indexed": true,
             "constraints": {"min_length": 2, "max_length": 2, "pattern": "^[A-Z0-9]+$", "enum": ["UA", "AA"]}},
            {"name": "flight", "type": "integer", "constraints": {"minimum": 1, "maximum": 9999}},
            {"name": "fare", "type": "decimal", "precision": 10, "scale": 2, "default": "12.50", "constraints": {"minimum": "0.01"}},
            {"name": "day", "type": "date", "constraints": {"minimum": "2013-01-01"}},
            {"name": "extra", "type": "object", "default": {"a": [1, {"b": null}]}},
            {"name": "mean", "type": "number", "default": 1.5},
            {"name": "code", "type": "uuid", "is_unique": true},
            {"name": "tailnum", "type": "string", "constraints": {"characters": "A-Z0-9^-"},
             "warnings": {"required": true, "pattern": "^N", "max_length": 6}}
        ],
        "unique": [{"properties": ["day", "Carrier", "flight"]}, {"properties": ["code"], "severity": "warning"}]
    });
    let definition = SchemaDefinition::parse(&document).unwrap();
    assert_eq!(SchemaDefinition::parse(&definition.to_json()).unwrap(), definition);
    assert_eq!(definition.to_json()["properties"][2]["default"], "12.50");
    let keys = json!([{"properties": ["day", "carrier", "flight"], "severity": "error"}, {"properties": ["code"], "severity": "warning"}]);
    assert_eq!(definition.to_json()["unique"], keys);
}

#[test]
fn every_violation_is_reported_at_once() {
    let document = json!({
        "name": "\"; drop table",
        "propertys": [],
        "properties": [
            {"name": "id", "type": "string"},
            {"name": "a", "type": "strng"},
            {"name": "b", "type": "string", "required": "yes"},
            {"name": "B", "type": "integer"},
            {"type": "integer"},
            7
        ]
    });
    assert_eq!(
        codes(&document),
        [
            ("/propertys".to_owned(), ViolationCode::UnknownKey),
            ("/name".to_owned(), ViolationCode::InvalidName),
            ("/properties/0/name".to_owned(), ViolationCode::ReservedName),
            ("/properties/1/type".to_owned(), ViolationCode::UnknownType),
            ("/properties/2/required".to_owned(), ViolationCode::TypeMismatch),
            ("/properties/3/name".to_owned(), ViolationCode::DuplicateName),
            ("/properties/4/name".to_owned(), ViolationCode::RequiredMissing),
            ("/properties/5".to_owned(), ViolationCode::TypeMismatch),
        ]
    );
}

#[test]
fn a_key_is_of_several_properties_that_are_compared() {
    let with = |unique: Json| {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let mut properties: Vec<_> = names.iter().map(|name| json!({"name": name, "type": "integer"})).collect();
        properties.push(json!({"name": "nested", "type": "object"}));
        json!({"name": "s", "properties": properties, "unique": unique})
    };
    let of = |properties: Json| codes(&with(json!([{"properties": properties}])));
    let at = |pointer: &str, code| [(format!("/unique{pointer}"), code)];
    assert_eq!(of(json!(["a", "x"])), at("/0/properties/1", ViolationCode::UnknownProperty));
    assert_eq!(of(json!(["a", "nested"])), at("/0/properties/1", ViolationCode::NotIndexable));
    assert_eq!(of(json!(["a", "A"])), at("/0/properties/1", ViolationCode::DuplicateName));
    assert_eq!(of(json!(["a", 1])), at("/0/properties/1", ViolationCode::TypeMismatch));
    assert_eq!(of(json!(["a"])), at("/0/properties", ViolationCode::WrongCount));
    assert_eq!(
        of(json!(["a", "b", "c", "d", "e", "f", "g", "h", "i"])),
        at("/0/properties", ViolationCode::WrongCount)
    );
    assert_eq!(of(json!("a")), at("/0/properties", ViolationCode::TypeMismatch));
    assert_eq!(of(Json::Null), at("/0/properties", ViolationCode::RequiredMissing));
    let unique = |unique: Json| codes(&with(unique));
    assert_eq!(unique(json!({})), at("", ViolationCode::TypeMismatch));
    assert_eq!(unique(json!([["a", "b"]])), at("/0", ViolationCode::TypeMismatch));
    let key = |names: [&str; 2]| json!({"properties": names});
    assert_eq!(unique(json!([key(["a", "b"]), key(["b", "a"])])), at("/1", ViolationCode::InvalidConstraint));
    assert_eq!(unique(json!(vec![key(["a", "b"]); 11])), at("", ViolationCode::WrongCount));
    let severity = json!([{"properties": ["a", "b"], "severity": "fatal"}]);
    assert_eq!(unique(severity), at("/0/severity", ViolationCode::InvalidValue));
    assert!(SchemaDefinition::parse(&with(json!([{"properties": ["a"], "severity": "warning"}]))).is_ok());
}

#[test]
fn a_schema_has_one_to_ten_thousand_properties() {
    let with = |count: usize| {
        let properties: Vec<_> = (0..count).map(|i| json!({"name": format!("p{i}"), "type": "integer"})).collect();
        json!({"name": "s", "properties": properties})
    };
    assert_eq!(codes(&with(0)), [("/properties".to_owned(), ViolationCode::WrongCount)]);
    assert!(SchemaDefinition::parse(&with(1)).is_ok());
    assert!(SchemaDefinition::parse(&with(MAX_PROPERTIES)).is_ok());
    assert_eq!(codes(&with(MAX_PROPERTIES + 1)), [("/properties".to_owned(), ViolationCode::WrongCount)]);
    assert_eq!(codes(&json!({"name": "s"})), [("/properties".to_owned(), ViolationCode::RequiredMissing)]);
}

#[test]
fn constraints_fit_the_type_and_each_other() {
    for (extra, pointer) in [
        (json!({"constraints": {"minimum": 1}}), "/properties/0/constraints/minimum"),
        (json!({"constraints": {"pattern": "("}}), "/properties/0/constraints/pattern"),
        (json!({"constraints": {"pattern": "(a{1000}){1000}"}}), "/properties/0/constraints/pattern"),
        (json!({"constraints": {"min_length": -1}}), "/properties/0/constraints/min_length"),
        (json!({"constraints": {"min_length": 3, "max_length": 2}}), "/properties/0/constraints"),
        (json!({"constraints": {"enum": []}}), "/properties/0/constraints/enum"),
        (json!({"constraints": {"enum": ["a", 1]}}), "/properties/0/constraints/enum/1"),
        (json!({"type": "integer", "constraints": {"minimum": 1.5}}), "/properties/0/constraints/minimum"),
        (json!({"type": "integer", "constraints": {"minimum": 2, "maximum": 1}}), "/properties/0/constraints"),
        (json!({"type": "boolean", "constraints": {"enum": [true]}}), "/properties/0/constraints/enum"),
        (json!({"precision": 3}), "/properties/0/precision"),
    ] {
        assert_eq!(
            codes(&property(extra.clone())),
            [(pointer.to_owned(), ViolationCode::InvalidConstraint)],
            "{extra}"
        );
    }
}

#[test]
fn a_default_is_a_value_that_the_property_accepts() {
    for extra in [
        json!({"default": 1}),
        json!({"default": "abc", "constraints": {"max_length": 2}}),
        json!({"type": "date", "default": "2013-02-30"}),
    ] {
        assert_eq!(
            codes(&property(extra.clone())),
            [("/properties/0/default".to_owned(), ViolationCode::InvalidDefault)],
            "{extra}"
        );
    }
}

#[test]
fn nested_json_is_neither_indexed_nor_unique() {
    for key in ["is_indexed", "is_unique"] {
        let document = property(json!({"type": "object", key: true}));
        assert_eq!(codes(&document), [(format!("/properties/0/{key}"), ViolationCode::NotIndexable)]);
    }
}

#[test]
fn a_hostile_key_is_escaped_and_shortened_in_its_pointer() {
    let document = json!({"name": "s", "properties": [{"name": "p", "type": "string", "a/b~c": 1}]});
    assert_eq!(codes(&document), [("/properties/0/a~1b~0c".to_owned(), ViolationCode::UnknownKey)]);
    let long = "k".repeat(10_000);
    assert!(codes(&json!({"name": "s", "properties": [{"name": "p", "type": "string"}], long: 1}))[0].0.len() < 200);
}

#[test]
fn warnings_are_checked_as_constraints_are() {
    let found =
        codes(&property(json!({"type": "integer", "warnings": {"required": 1, "pattern": "x", "is_unique": true}})));
    let expected = [
        ("/properties/0/warnings/required", ViolationCode::TypeMismatch),
        ("/properties/0/warnings/is_unique", ViolationCode::UnknownKey),
        ("/properties/0/warnings/pattern", ViolationCode::InvalidConstraint),
    ];
    assert_eq!(found, expected.map(|(pointer, code)| (pointer.to_owned(), code)));
}

#[test]
fn what_a_value_should_have_is_told_from_what_it_must() {
    let document =
        property(json!({"constraints": {"max_length": 9}, "warnings": {"required": true, "characters": "A-Z"}}));
    let definition = SchemaDefinition::parse(&document).unwrap();
    let property = &definition.properties()[0];
    let broken = |value: Value| property.warnings.broken_by(property.data_type, &value);
    assert_eq!(broken(Value::Null), Some(ViolationCode::RequiredMissing));
    assert_eq!(broken(Value::Text("ab".into())), Some(ViolationCode::DisallowedCharacter));
    assert_eq!(broken(Value::Text("AB".into())), None);
    assert!(!property.is_required && property.constraints.characters.is_none());
}

#[test]
fn a_dialect_survives_its_json_form_and_is_absent_where_nothing_is_said() {
    let document = json!({"name": "s", "properties": [
        {"name": "a", "type": "datetime", "time_zone": "europe/berlin", "ambiguous": "earlier", "truncate": true,
         "formats": ["rfc3339", "epoch_millis", "%d.%m.%Y %H:%M"], "trim": true, "null_tokens": ["", "-"]},
        {"name": "b", "type": "boolean", "true_tokens": ["ja", "1"], "false_tokens": ["nein", "0"]},
        {"name": "c", "type": "decimal", "precision": 5, "scale": 2, "decimal_separator": ","},
        {"name": "d", "type": "number", "decimal_separator": ".", "trim": false, "null_tokens": null},
        {"name": "e", "type": "date", "trim": false, "truncate": null}
    ]});
    let definition = SchemaDefinition::parse(&document).unwrap();
    let shown = definition.to_json();
    assert_eq!(SchemaDefinition::parse(&shown).unwrap(), definition);
    assert_eq!(shown["properties"][0]["time_zone"], "Europe/Berlin");
    let plain = ["name", "type", "required", "is_indexed", "is_unique"].map(str::to_owned);
    let members = |index: usize| shown["properties"][index].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(4), plain);
    assert_eq!(members(3).len(), plain.len() + 1);
    assert_eq!(definition.properties()[4].dialect, None);
}

#[test]
fn a_dialect_fits_its_type_and_itself() {
    use ViolationCode::{InvalidConstraint, TooLong, TypeMismatch, WrongCount};
    let long = "x".repeat(101);
    let many: Vec<String> = (0..33).map(|n| n.to_string()).collect();
    for (member, code, document) in [
        ("time_zone", InvalidConstraint, json!({"type": "date", "time_zone": "UTC"})),
        ("time_zone", InvalidConstraint, json!({"type": "datetime", "time_zone": "Europe/Berlim"})),
        ("time_zone", InvalidConstraint, json!({"type": "datetime", "time_zone": "+01:00"})),
        ("time_zone", TypeMismatch, json!({"type": "datetime", "time_zone": 1})),
        ("ambiguous", InvalidConstraint, json!({"type": "datetime", "ambiguous": "later"})),
        ("ambiguous", InvalidConstraint, json!({"type": "datetime", "time_zone": "UTC", "ambiguous": "first"})),
        ("formats", InvalidConstraint, json!({"formats": ["%Y"]})),
        ("formats/0", InvalidConstraint, json!({"type": "date", "formats": ["%Y"]})),
        ("formats/1", InvalidConstraint, json!({"type": "date", "formats": ["rfc3339", "epoch_seconds"]})),
        ("formats", InvalidConstraint, json!({"type": "datetime", "formats": ["%Y-%m-%d %H:%M"]})),
        ("formats", InvalidConstraint, json!({"type": "datetime", "formats": ["epoch_seconds", "epoch_millis"]})),
        ("formats", WrongCount, json!({"type": "date", "formats": []})),
        ("formats", TypeMismatch, json!({"type": "date", "formats": "%d.%m.%Y"})),
        ("null_tokens", InvalidConstraint, json!({"type": "object", "null_tokens": ["-"]})),
        ("null_tokens", WrongCount, json!({"null_tokens": many})),
        ("null_tokens/0", TooLong, json!({"null_tokens": [long]})),
        ("null_tokens/1", InvalidConstraint, json!({"null_tokens": ["-", "-"]})),
        ("null_tokens/0", TypeMismatch, json!({"null_tokens": [1]})),
        ("null_tokens", InvalidConstraint, json!({"null_tokens": [" -"], "trim": true})),
        ("null_tokens", InvalidConstraint, json!({"type": "boolean", "null_tokens": ["TRUE"]})),
        ("null_tokens", InvalidConstraint, json!({"type": "boolean", "null_tokens": ["x"], "true_tokens": ["x"]})),
        ("true_tokens", InvalidConstraint, json!({"type": "boolean", "true_tokens": ["x"], "false_tokens": ["x"]})),
        ("true_tokens", InvalidConstraint, json!({"type": "boolean", "true_tokens": ["False"]})),
        ("false_tokens", InvalidConstraint, json!({"type": "boolean", "false_tokens": ["true"]})),
        ("false_tokens", InvalidConstraint, json!({"type": "integer", "false_tokens": ["0"]})),
        ("decimal_separator", InvalidConstraint, json!({"decimal_separator": ","})),
        ("decimal_separator", InvalidConstraint, json!({"type": "number", "decimal_separator": ";"})),
        ("trim", InvalidConstraint, json!({"type": "array", "trim": true})),
        ("trim", TypeMismatch, json!({"trim": "yes"})),
        ("truncate", InvalidConstraint, json!({"type": "date", "truncate": true})),
    ] {
        assert_eq!(codes(&property(document.clone())), [(format!("/properties/0/{member}"), code)], "{document}");
    }
}
