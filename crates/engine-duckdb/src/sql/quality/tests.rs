//! Generated SQL, as snapshots.

use std::sync::Arc;

use eider_domain::{RuleSet, Schema, SchemaDefinition};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

use super::*;
use crate::connection::version::TableVersion;

fn schema() -> Schema {
    let document = json!({"name": "Flights", "properties": [
        {"name": "carrier", "type": "string"}, {"name": "tailnum", "type": "string"},
        {"name": "fare", "type": "decimal", "precision": 10, "scale": 2}, {"name": "at", "type": "datetime"}]});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

fn relation() -> Relation {
    Relation::new(Arc::new(schema()), "\"$records\".\"flights\"", TableVersion::first())
}

fn rules(document: &Json) -> Vec<Rule> {
    RuleSet::parse(&json!({"rules": document}), &schema()).unwrap().rules().to_vec()
}

fn shown(statement: &Statement) -> String {
    format!("{}\n{:?}", statement.sql, statement.values)
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
        .map(|(rule, number)| shown(&issues(&relation(), rule, number, Timestamp::from_micros(5_000_000))));
    assert_snapshot!(statements.collect::<Vec<_>>().join("\n"));
}

#[test]
fn suggestions_are_counted_and_compared_before_they_are_stored() {
    let changed = ["carrier", "tailnum"].map(|name| (schema().field(name).unwrap(), 7));
    let mut statements = vec![shown(&make_suggested(&relation(), &changed, Timestamp::from_micros(7)))];
    statements.extend([count_suggested(), changes_of(1), suggested_values(1, &changed[1].0)]);
    statements.extend(changed.iter().map(|(field, _)| is_shared(&relation(), std::slice::from_ref(field))));
    assert_snapshot!(statements.join("\n"));
}
