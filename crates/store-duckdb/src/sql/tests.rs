//! Generated SQL, as snapshots.

use eider_domain::{Evolution, Schema, SchemaDefinition, Timestamp};
use eider_engine_duckdb::sql::Statement;
use insta::assert_snapshot;
use serde_json::json;

use super::*;

fn schema() -> Schema {
    let document = json!({"name": "Flights", "properties": [
        {"name": "carrier", "type": "string", "required": true, "is_indexed": true},
        {"name": "delay", "type": "number"},
        {"name": "fare", "type": "decimal", "precision": 10, "scale": 2},
        {"name": "code", "type": "uuid", "is_unique": true},
        {"name": "at", "type": "datetime"},
        {"name": "Order", "type": "object"}]});
    Schema::new(SchemaDefinition::parse(&document).unwrap(), 1, Timestamp::from_micros(0))
}

#[test]
fn a_schema_becomes_a_table() {
    let statements = [create_table(&schema()), drop_table(&schema())];
    assert_snapshot!(statements.join("\n"));
}

#[test]
fn a_change_of_a_schema_is_made_in_steps() {
    let before = schema();
    let change = json!({
        "drop": ["delay"],
        "change": {"carrier": {"name": "airline"}},
        "add": [{"name": "note", "type": "string", "required": true, "default": "it's"}]
    });
    let evolution = Evolution::parse(before.definition(), &change).unwrap();
    let after = Schema::new(evolution.next().clone(), 2, before.created_at());
    assert_snapshot!(alteration(&before, &evolution, &after).join("\n"));
    let only_added = json!({"add": [{"name": "seen", "type": "datetime", "default": "1970-01-01T00:00:01Z"}]});
    let evolution = Evolution::parse(before.definition(), &only_added).unwrap();
    let after = Schema::new(evolution.next().clone(), 2, before.created_at());
    assert_snapshot!(alteration(&before, &evolution, &after).join("\n"));
}

#[test]
fn suggestions_take_the_place_of_what_they_mend() {
    let mut statements = replace_suggested(&schema(), 8).to_vec();
    let Statement { sql, values } = snapshot(&schema());
    statements.push(format!("{sql}\n{values:?}"));
    assert_snapshot!(statements.join("\n"));
}
