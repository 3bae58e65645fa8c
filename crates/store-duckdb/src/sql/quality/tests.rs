//! Generated SQL, as snapshots.

use eider_domain::{RuleSet, SchemaDefinition};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::*;

fn schema() -> Schema {
    let document = json!({"name": "Flights", "properties": [
        {"name": "carrier", "type": "string"}, {"name": "tailnum", "type": "string"},
        {"name": "fare", "type": "decimal", "precision": 10, "scale": 2}, {"name": "at", "type": "datetime"}]});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

fn rules(document: &Json) -> Vec<Rule> {
    RuleSet::parse(&json!({"rules": document}), &schema()).unwrap().rules().to_vec()
}

/// A statement without the characters that are white space, which a reader could not tell from each other.
fn shown(statement: &Statement) -> String {
    let sql = statement
        .sql
        .replace(&String::from_iter(WHITE_SPACE), "(white space)")
        .replace(&white_space(), "(white space)");
    format!("{sql}\n{:?}", statement.values)
}

#[test]
fn every_rule_binds_what_its_author_wrote() {
    let rules = rules(&json!([
        {"rule": "required", "property": "carrier"},
        {"rule": "values", "property": "carrier", "values": ["UA", "'; DROP TABLE x; --"]},
        {"rule": "values", "property": "fare", "values": ["1.50"]},
        {"rule": "standardize", "property": "carrier", "case": "upper"},
        {"rule": "standardize", "property": "carrier", "case": "lower", "spellings": {"'": "\""}},
        {"rule": "length", "property": "carrier", "min": 2, "max": 3},
        {"rule": "characters", "property": "carrier", "allowed": "A-Z']^\\-"},
        {"rule": "pattern", "property": "carrier", "pattern": "^'"},
        {"rule": "range", "property": "fare", "maximum": "9.99"},
        {"rule": "duplicate", "properties": ["carrier", "at"]},
        {"rule": "freshness", "property": "updated_at", "max_age": "1s"}]));
    let statements = rules
        .iter()
        .zip(1..)
        .map(|(rule, number)| shown(&issues(&schema(), rule, number, Timestamp::from_micros(5_000_000))));
    assert_snapshot!(statements.collect::<Vec<_>>().join("\n"));
}

#[test]
fn white_space_is_named_by_its_code_points() {
    let [rule] = &rules(&json!([{"rule": "standardize", "property": "carrier", "trim": true, "collapse": true}]))[..]
    else {
        panic!("one rule")
    };
    let statement = issues(&schema(), rule, 1, Timestamp::from_micros(0));
    assert!(statement.values.is_empty() && statement.sql.contains(r"[\x{9}\x{a}\x{b}\x{c}\x{d}\x{20}\x{85}\x{a0}"));
    let [rule] = &rules(&json!([{"rule": "standardize", "property": "carrier", "trim": true}]))[..] else {
        panic!("one")
    };
    let statement = issues(&schema(), rule, 1, Timestamp::from_micros(0));
    assert!(statement.sql.contains("trim(\"$value\", '\t\n\u{b}\u{c}\r \u{85}\u{a0}"));
}

#[test]
fn suggestions_are_made_one_after_the_other_and_take_the_place_of_what_they_mend() {
    let rules = rules(&json!([
        {"rule": "standardize", "property": "carrier", "case": "upper"},
        {"rule": "values", "property": "tailnum", "values": ["N1"]},
        {"rule": "standardize", "property": "carrier", "spellings": {"UNITED": "UA"}}]));
    let mut statements = vec![shown(&make_suggested(&schema(), &rules, Timestamp::from_micros(7)))];
    statements.push(count_suggested(&rules));
    statements.extend(changed_fields(&rules).iter().map(|field| suggested_values(&rules, field)));
    statements.extend(changed_fields(&rules).iter().map(|field| is_shared(&schema(), std::slice::from_ref(field))));
    statements.extend(replace_suggested(&schema(), 8));
    statements.push(shown(&snapshot(&schema())));
    assert_snapshot!(statements.join("\n"));
}
