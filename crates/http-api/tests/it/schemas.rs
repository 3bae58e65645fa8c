//! `/schemas`.

use serde_json::json;

use crate::app::{TestApp, flights};

#[tokio::test]
async fn a_schema_is_created_shown_listed_and_removed() {
    let app = TestApp::start();
    let created = app.post("/api/v1/schemas", &flights()).await;
    assert_eq!(
        (created.status, created.header("location"), created.header("etag")),
        (201, "/api/v1/schemas/flights", "\"1\"")
    );
    assert_eq!(created.json()["properties"][0]["constraints"], json!({"max_length": 2}));
    assert_eq!(created.json()["created_at"], "2026-01-31T08:15:00.000000Z");

    app.load(json!([{"carrier": "UA"}, {"carrier": "AA"}])).await;
    let shown = app.get("/api/v1/schemas/FLIGHTS").await;
    assert_eq!((shown.status, shown.header("etag")), (200, "\"1\""));
    assert_eq!(shown.json()["record_count"], 2);
    let indexes = json!([{"property": "carrier", "unique": false}, {"property": "confirmation", "unique": true}]);
    assert_eq!(shown.json()["indexes"], indexes);
    let identity = json!({"id_type": "uuidv7", "index": "none", "generated_ids": "scan", "given_ids": "scan",
        "filter_bytes": 0});
    assert_eq!(shown.json()["identity"], identity);

    let listed = app.get("/api/v1/schemas").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["name"], "flights");

    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    assert_eq!(app.get("/api/v1/schemas/flights").await.problem(), (404, "schema_not_found".to_owned()));
    assert_eq!(app.get("/api/v1/records/flights").await.problem(), (404, "schema_not_found".to_owned()));
}

#[tokio::test]
async fn a_name_is_taken_in_any_case() {
    let app = TestApp::with_flights().await;
    let mut again = flights();
    again["name"] = json!("Flights");
    assert_eq!(app.post("/api/v1/schemas", &again).await.problem(), (409, "schema_exists".to_owned()));
}

#[tokio::test]
async fn a_bad_definition_is_refused_with_every_reason() {
    let app = TestApp::start();
    let property = |name: &str| json!({"name": name, "type": "integer"});
    let long = "a".repeat(200);
    for (definition, pointer, code) in [
        (json!({"name": "", "properties": [property("a")]}), "/name", "invalid_name"),
        (json!({"name": "\"; drop table", "properties": [property("a")]}), "/name", "invalid_name"),
        (json!({"name": long, "properties": [property("a")]}), "/name", "invalid_name"),
        (json!({"name": "🦆", "properties": [property("a")]}), "/name", "invalid_name"),
        (json!({"name": "bulk", "properties": [property("a")]}), "/name", "reserved_name"),
        (json!({"name": "s", "properties": [property("a"), property("A")]}), "/properties/1/name", "duplicate_name"),
        (json!({"name": "s", "properties": [property("id")]}), "/properties/0/name", "reserved_name"),
        (json!({"name": "s", "properties": [property("a b")]}), "/properties/0/name", "invalid_name"),
        (json!({"name": "s", "properties": []}), "/properties", "wrong_count"),
        (json!({"name": "s", "properties": [{"name": "a", "type": "int"}]}), "/properties/0/type", "unknown_type"),
        (json!([]), "", "type_mismatch"),
    ] {
        let answer = app.post("/api/v1/schemas", &definition).await;
        assert_eq!(answer.problem(), (422, "schema_invalid".to_owned()), "{definition}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{definition}");
        assert_eq!(answer.json()["errors"][0]["code"], code, "{definition}");
    }
    assert_eq!(app.get("/api/v1/schemas").await.json(), json!({"data": []}));
}

#[tokio::test]
async fn schemas_of_one_and_of_five_hundred_properties_work() {
    let app = TestApp::start();
    for count in [1, 500] {
        let properties: Vec<_> = (0..count).map(|i| json!({"name": format!("p{i}"), "type": "integer"})).collect();
        let name = format!("s{count}");
        assert_eq!(app.post("/api/v1/schemas", &json!({"name": name, "properties": properties})).await.status, 201);
        let record: serde_json::Map<_, _> = (0..count).map(|i| (format!("p{i}"), json!(i))).collect();
        let created = app.post(&format!("/api/v1/records/{name}"), &record.into()).await;
        assert_eq!((created.status, &created.json()[format!("p{}", count - 1)]), (201, &json!(count - 1)));
    }
}
