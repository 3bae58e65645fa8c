//! Schemas: found, listed, removed and made anew.

use std::fmt::Debug;
use std::sync::Arc;

use eider_application::ports::{CommitTerms, ScanRequest, StoreError, StoreErrorKind, WriteRequest};
use eider_domain::{Filter, Index, RecordQuery, Schema, SchemaName, Timestamp};
use serde_json::{Value as Json, json};

use super::Fixture;
use super::evolution::evolve;
use crate::{condition, created_at, integers, rows, schema, schema_created_at, sort, values};

fn name(text: &str) -> SchemaName {
    SchemaName::parse(text).expect("a name")
}

fn numbers(name: &str) -> Json {
    json!({"name": name, "properties": [{"name": "n", "type": "integer"}]})
}

fn kind<T: Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.expect_err("the call fails").kind()
}

/// A schema is found by its name in any case, as its author spelled it.
pub async fn a_schema_is_found_by_its_name_in_any_case(fixture: Fixture) {
    fixture.create(numbers("Flights")).await;
    for spelling in ["Flights", "flights", "FLIGHTS"] {
        let found = fixture.store.get(&name(spelling)).await.expect("the schema exists");
        assert_eq!(found.name().as_str(), "Flights");
    }
}

/// Schemas are listed by name, without regard to case.
pub async fn schemas_are_listed_by_name(fixture: Fixture) {
    assert!(fixture.store.list().await.expect("a list").is_empty());
    for name in ["b", "C", "a", "B2"] {
        fixture.create(numbers(name)).await;
    }
    let list = fixture.store.list().await.expect("a list");
    let names: Vec<&str> = list.iter().map(|schema| schema.name().as_str()).collect();
    assert_eq!(names, ["a", "b", "B2", "C"]);
}

/// A second schema of a name is a conflict, and the first stays as it was.
pub async fn a_name_is_taken_in_any_case(fixture: Fixture) {
    let first = fixture.create(numbers("flights")).await;
    fixture.write(&first, json!([{"n": 1}])).await;
    let other = json!({"name": "FLIGHTS", "properties": [{"name": "other", "type": "string"}]});
    assert_eq!(kind(fixture.store.create(schema(other)).await), StoreErrorKind::Conflict);
    let found = fixture.store.get(first.name()).await.expect("the first schema exists");
    assert_eq!(found.definition(), first.definition());
    assert_eq!(fixture.records(&first).await.len(), 1);
}

/// What was never created is not found, and a schema that was removed is not found by any call.
pub async fn what_does_not_exist_is_not_found(fixture: Fixture) {
    assert_eq!(kind(fixture.store.get(&name("flights")).await), StoreErrorKind::NotFound);
    assert_eq!(kind(fixture.store.remove(&name("flights"), None).await), StoreErrorKind::NotFound);
    let schema = fixture.create(numbers("flights")).await;
    fixture.store.remove(schema.name(), None).await.expect("the schema is removed");
    assert_eq!(kind(fixture.store.get(schema.name()).await), StoreErrorKind::NotFound);
    assert_records_are_not_found(&fixture, &schema).await;
}

async fn assert_records_are_not_found(fixture: &Fixture, schema: &Arc<Schema>) {
    let (store, everything) = (&fixture.store, Filter::everything());
    let scan = store.scan(schema, ScanRequest::new(RecordQuery::everything(schema))).await;
    assert_eq!(kind(scan), StoreErrorKind::NotFound);
    assert_eq!(kind(store.count(schema, &everything).await), StoreErrorKind::NotFound);
    assert_eq!(kind(store.delete(schema, &everything, u64::MAX).await), StoreErrorKind::NotFound);
    assert_eq!(kind(store.statistics(schema).await), StoreErrorKind::NotFound);
    assert_eq!(kind(store.commit_seq(schema).await), StoreErrorKind::NotFound);
    // A store may notice the removal when the write begins or, at the latest, when it ends.
    let request = WriteRequest::new(Arc::clone(schema));
    match store.begin_write(request).await {
        Ok(writer) => assert_eq!(kind(writer.commit(CommitTerms::all_or_nothing()).await), StoreErrorKind::NotFound),
        Err(error) => assert_eq!(error.kind(), StoreErrorKind::NotFound),
    }
}

/// A schema that takes the name of a removed one begins without records.
pub async fn a_removed_schema_takes_its_records_with_it(fixture: Fixture) {
    let first = fixture.create(numbers("flights")).await;
    fixture.write(&first, json!([{"n": 1}, {"n": 2}])).await;
    fixture.store.remove(&name("FLIGHTS"), None).await.expect("the schema is removed");
    assert!(fixture.store.list().await.expect("a list").is_empty());
    let second = fixture.create(numbers("flights")).await;
    assert!(fixture.records(&second).await.is_empty());
    fixture.write(&second, json!([{"n": 3}])).await;
    assert_eq!(values(&fixture.records(&second).await, "n"), [3]);
}

/// Who still holds a schema that was removed does not reach the one that took its name.
pub async fn a_schema_made_anew_is_another_schema(fixture: Fixture) {
    let first = fixture.create(numbers("flights")).await;
    fixture.store.remove(first.name(), None).await.expect("the schema is removed");
    let later = Timestamp::from_micros(created_at().as_micros() + 1);
    let document = json!({"name": "flights", "properties": [{"name": "other", "type": "string"}]});
    let second = fixture.store.create(schema_created_at(&document, later)).await.expect("the name is free");
    fixture.write(&second, json!([{"other": "x"}])).await;
    assert_records_are_not_found(&fixture, &first).await;
    assert_eq!(fixture.records(&second).await.len(), 1);
}

/// A definition comes back as it was written, with version and time of creation.
pub async fn a_definition_comes_back_as_it_was_written(fixture: Fixture) {
    let document = json!({"name": "Flights", "description": "it's \"hostile\" \u{0} 🦆", "properties": [
        {"name": "Carrier", "type": "string", "required": true, "is_indexed": true, "description": "é",
         "constraints": {"min_length": 2, "max_length": 2, "pattern": "^[A-Z']+$", "enum": ["UA", "A'"]}},
        {"name": "price", "type": "decimal", "precision": 38, "scale": 6, "default": "0.500000",
         "constraints": {"minimum": "-1.5"}},
        {"name": "code", "type": "uuid", "is_unique": true},
        {"name": "extra", "type": "object", "default": {"a": [1, null]}}]});
    let created_at = Timestamp::from_micros(-1);
    let created = fixture.store.create(schema_created_at(&document, created_at)).await.expect("a new schema");
    let found = fixture.store.get(&name("flights")).await.expect("the schema exists");
    for schema in [created, found] {
        assert_eq!(schema.definition(), schema_created_at(&document, created_at).definition());
        assert_eq!(schema.definition().to_json(), schema_created_at(&document, created_at).definition().to_json());
        assert_eq!((schema.version(), schema.created_at()), (1, created_at));
    }
}

/// Words that engines reserve, or name columns of their own with, are names like any other.
pub async fn words_of_sql_are_names_like_any_other(fixture: Fixture) {
    let words = [
        "select",
        "From",
        "WHERE",
        "order",
        "group",
        "table",
        "default",
        "primary",
        "user",
        "null",
        "rowid",
        "oid",
        "sequence",
        "commit_seq",
        "position",
        "ordinal",
        "key0",
        "main",
        "temp",
        "end",
    ];
    let property = |word: &str| json!({"name": word, "type": "integer", "is_indexed": true});
    for word in words {
        let schema = fixture.create(json!({"name": word, "properties": [property(word)]})).await;
        assert_eq!(schema.name().as_str(), word);
    }
    let properties: Vec<Json> = words.into_iter().map(property).collect();
    let schema = fixture.create(json!({"name": "all", "properties": properties})).await;
    let record = |start: usize| -> Json {
        let members = words.iter().enumerate().map(|(i, word)| ((*word).to_owned(), json!(start + i)));
        Json::Object(members.collect())
    };
    fixture.write(&schema, json!([record(100), record(0)])).await;
    for (index, word) in words.into_iter().enumerate() {
        let query = RecordQuery {
            filter: condition(&schema, word, "gte", json!(index)),
            sort: sort(&schema, word),
            ..RecordQuery::everything(&schema)
        };
        let found = rows(&fixture.scan(&schema, ScanRequest::new(query)).await);
        assert_eq!(values(&found, word), [index, 100 + index]);
    }
}

/// A schema may have 500 properties of all types.
pub async fn five_hundred_properties_work(fixture: Fixture) {
    const TYPES: [&str; 10] =
        ["integer", "string", "number", "boolean", "date", "time", "datetime", "uuid", "object", "array"];
    let properties: Vec<Json> =
        (0..500).map(|i| json!({"name": format!("p{i}"), "type": TYPES[i % TYPES.len()]})).collect();
    let schema = fixture.create(json!({"name": "wide", "properties": properties})).await;
    fixture.write(&schema, json!([{"p490": 2, "p491": "x"}, {"p490": 1, "p499": [1]}, {"p0": 7}])).await;
    let sorted = fixture.sorted(&schema, "p490").await;
    assert_eq!(values(&sorted, "p490"), [json!(1), json!(2), Json::Null]);
    assert_eq!((&sorted[0]["p499"], &sorted[2]["p0"]), (&json!([1]), &json!(7)));
    let found = fixture.matching(&schema, condition(&schema, "p491", "eq", json!("x"))).await;
    assert_eq!(values(&found, "p490"), [2]);
}

/// Statistics count the visible records and name the indexes in schema order.
pub async fn statistics_count_records_and_name_the_indexes(fixture: Fixture) {
    let schema = fixture
        .create(json!({"name": "s", "properties": [
            {"name": "n", "type": "integer"}, {"name": "Code", "type": "string", "is_unique": true},
            {"name": "both", "type": "uuid", "is_indexed": true, "is_unique": true},
            {"name": "day", "type": "date", "is_indexed": true}]}))
        .await;
    let empty = fixture.store.statistics(&schema).await.expect("statistics");
    assert_eq!(empty.record_count, 0);
    let field = |name: &str| schema.field(name).expect("a property");
    let index = |name: &str, is_unique| Index { fields: vec![field(name)], is_unique };
    assert_eq!(empty.indexes, [index("Code", true), index("both", true), index("day", false)]);

    fixture.write_batch(&schema, integers(&schema, 0..10)).await;
    fixture.delete(&schema, &condition(&schema, "n", "lt", json!(3))).await;
    assert_eq!(fixture.store.statistics(&schema).await.expect("statistics").record_count, 7);
}

/// Records are counted for several schemas at once, in their order, whatever their version; one that was removed has no
/// count, also when another took its name.
pub async fn the_records_of_several_schemas_are_counted_at_once(fixture: Fixture) {
    let counts = async |schemas: &[Arc<Schema>]| fixture.store.record_counts(schemas).await.expect("counts");
    assert_eq!(counts(&[]).await, []);
    let (many, none, gone) = (
        fixture.create(numbers("many")).await,
        fixture.create(numbers("none")).await,
        fixture.create(numbers("gone")).await,
    );
    fixture.write_batch(&many, integers(&many, 0..10)).await;
    fixture.delete(&many, &condition(&many, "n", "lt", json!(3))).await;
    fixture.write(&gone, json!([{"n": 1}])).await;
    let schemas = [gone, many, none];
    assert_eq!(counts(&schemas).await, [Some(1), Some(7), Some(0)]);

    evolve(&fixture, &schemas[1], json!({"add": [{"name": "m", "type": "integer", "default": 0}]})).await;
    fixture.store.remove(schemas[0].name(), None).await.expect("the schema is removed");
    assert_eq!(counts(&schemas).await, [None, Some(7), Some(0)]);
    let later = Timestamp::from_micros(created_at().as_micros() + 1);
    let anew = fixture.store.create(schema_created_at(&numbers("gone"), later)).await.expect("the name is free");
    assert_eq!(counts(&[anew, Arc::clone(&schemas[0])]).await, [Some(0), None]);
}

/// A store that works says so.
pub async fn the_store_answers_a_check(fixture: Fixture) {
    fixture.store.check().await.expect("the store answers");
}
