//! Cursors over changes of their schema.

use std::collections::BTreeMap;

use eider_application::records::Cursors;
use eider_domain::{Cursor, Position, RecordQuery, Schema, Value};
use proptest::collection::vec;
use proptest::test_runner::{TestCaseError, TestCaseResult};
use serde_json::{Value as Json, json};

use super::Fixture;
use super::evolution::evolve;
use super::generated::for_all;

/// A cursor is taken where the names of its query stand for the properties that they stood for.
///
/// Properties are renamed, swapped, swapped back, dropped and added again, with another type or the same.
///
/// Runs 24 cases, or as many as `PROPTEST_CASES` says.
#[expect(clippy::unused_async, reason = "every case is async; proptest is not")]
pub async fn cursors_belong_to_the_properties_of_their_query(fixture: Fixture) {
    let name = || proptest::sample::select(&NAMES[..]);
    let step = (0..4_u8, name(), name());
    for_all(24, &vec(step, 1..6), async |steps| cursors_follow(&fixture, &steps).await);
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

async fn cursors_follow(fixture: &Fixture, steps: &[(u8, &str, &str)]) -> TestCaseResult {
    let property = |name: &str, data_type: &str| json!({"name": name, "type": data_type});
    let mut schema =
        fixture.create(json!({"name": "s", "properties": [property("a", "integer"), property("b", "integer")]})).await;
    // What each name stands for: a number for each property that was added, and the type.
    let mut properties: BTreeMap<&str, (usize, &str)> = [("a", (0, "integer")), ("b", (1, "integer"))].into();
    let mut next = 2;
    let mut cursors: Vec<(&str, bool, (usize, &str), String)> = Vec::new();
    let mut outcome = Ok(());
    for (kind, one, other) in steps {
        for (name, stands_for) in &properties {
            for is_sorted in [true, false] {
                let cursor = cursor_of(&schema, name, is_sorted);
                cursors.push((name, is_sorted, *stands_for, cursor));
            }
        }
        let change = match (kind, properties.get(one).copied(), properties.get(other).copied()) {
            (0, Some(stands_for), None) => {
                properties.remove(one);
                properties.insert(other, stands_for);
                json!({"change": {*one: {"name": other}}})
            }
            (1, Some(left), Some(right)) if one != other => {
                properties.insert(one, right);
                properties.insert(other, left);
                json!({"change": {*one: {"name": other}, *other: {"name": one}}})
            }
            (2, Some(_), _) if properties.len() > 1 => {
                properties.remove(one);
                json!({"drop": [one]})
            }
            (_, None, _) => {
                let data_type = if *kind == 3 { "string" } else { "integer" };
                properties.insert(one, (next, data_type));
                next += 1;
                json!({"add": [property(one, data_type)]})
            }
            _ => json!({"description": format!("{next}")}),
        };
        schema = evolve(fixture, &schema, change).await;
        for (name, is_sorted, stood_for, cursor) in &cursors {
            let stands = properties.get(name);
            if stands.is_none() {
                continue;
            }
            let taken = Cursors::new(&schema, &query_of(&schema, name, *is_sorted)).decode(cursor).is_ok();
            if taken != (stands == Some(stood_for)) {
                outcome = Err(TestCaseError::fail(format!("{name}: taken {taken}, {stood_for:?} is {stands:?}")));
            }
        }
    }
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    outcome
}

/// A query that is sorted by a property, or has a condition on it.
fn query_of(schema: &Schema, name: &str, is_sorted: bool) -> RecordQuery {
    let everything = RecordQuery::everything(schema);
    if is_sorted {
        RecordQuery { sort: crate::sort(schema, name), ..everything }
    } else {
        RecordQuery { filter: crate::condition(schema, name, "is_null", Json::Null), ..everything }
    }
}

fn cursor_of(schema: &Schema, name: &str, is_sorted: bool) -> String {
    let query = query_of(schema, name, is_sorted);
    let keys = query.sort.iter().map(|_| Value::Null).collect();
    Cursor::encode(&query.fingerprint(schema), &query.sort, &Position { keys, sequence: 1 })
}
