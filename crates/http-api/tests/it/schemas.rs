//! `/schemas`.

use eider_application::ingest::IngestLimits;
use eider_application::ports::StoreError;
use eider_http_api::HttpSettings;
use eider_testkit::{MemoryReports, MemoryStore, Operation};
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp, flights};

#[tokio::test]
async fn a_schema_is_created_shown_listed_and_removed() {
    let app = TestApp::start();
    let created = app.post("/api/v1/schemas", &flights()).await;
    assert_eq!((created.status, created.header("location")), (201, "/api/v1/schemas/flights"));
    assert!(created.header("etag").starts_with("\"1-"), "{}", created.header("etag"));
    assert_eq!(created.json()["properties"][0]["constraints"], json!({"max_length": 2}));
    assert_eq!(created.json()["created_at"], "2026-01-31T08:15:00.000000Z");

    app.load(json!([{"carrier": "UA"}, {"carrier": "AA"}])).await;
    let shown = app.get("/api/v1/schemas/FLIGHTS").await;
    assert_eq!((shown.status, shown.header("etag")), (200, created.header("etag")));
    assert_eq!(shown.json()["record_count"], 2);
    let indexes =
        json!([{"properties": ["carrier"], "unique": false}, {"properties": ["confirmation"], "unique": true}]);
    assert_eq!(shown.json()["indexes"], indexes);
    let identity = json!({"id_type": "uuidv7", "index": "none", "generated_ids": "scan", "given_ids": "scan",
        "filter_bytes": 0});
    assert_eq!(shown.json()["identity"], identity);
    let capabilities = json!({"durability": "memory", "has_unique_keys": true, "indexes": "ignored",
        "writers": "one_process", "reads": "one_node", "backup": "none", "keeps_snapshots": false});
    assert_eq!(shown.json()["capabilities"], capabilities);

    let listed = app.get("/api/v1/schemas").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(listed["data"][0]["name"], "flights");

    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    assert_eq!(app.get("/api/v1/schemas/flights").await.problem(), (404, "schema_not_found".to_owned()));
    assert_eq!(app.get("/api/v1/records/flights").await.problem(), (404, "schema_not_found".to_owned()));
}

#[tokio::test]
async fn a_list_says_how_many_records_there_are_when_it_is_asked() {
    let app = TestApp::with_flights().await;
    let property = json!({"name": "a", "type": "integer"});
    assert_eq!(app.post("/api/v1/schemas", &json!({"name": "empty", "properties": [property]})).await.status, 201);
    app.load(json!([{"carrier": "UA"}, {"carrier": "AA"}])).await;
    let listed = app.get("/api/v1/schemas?statistics=true").await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    let data = listed.json()["data"].as_array().unwrap().clone();
    let counts: Vec<_> = data.iter().map(|schema| (&schema["name"], &schema["record_count"])).collect();
    assert_eq!(counts, [(&json!("empty"), &json!(0)), (&json!("flights"), &json!(2))]);

    let plain = app.get("/api/v1/schemas").await;
    assert_eq!(app.get("/api/v1/schemas?statistics=false").await.text, plain.text);
    let mut without = listed.json();
    for schema in without["data"].as_array_mut().unwrap() {
        schema.as_object_mut().unwrap().remove("record_count");
    }
    assert_eq!(without, plain.json(), "nothing else differs");
    for value in ["yes", "", "TRUE", "1"] {
        let refused = app.get(&format!("/api/v1/schemas?statistics={value}")).await;
        assert_eq!(refused.problem(), (400, "invalid_parameter".to_owned()), "{value}");
    }
    app.store.fail_next(Operation::RecordCounts, StoreError::unavailable("pool", "none free"));
    assert_eq!(app.get("/api/v1/schemas?statistics=true").await.problem(), (503, "overloaded".to_owned()));
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
        (json!({"name": "s", "properties": [property("a\tb")]}), "/properties/0/name", "invalid_name"),
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
async fn keys_are_refused_where_the_store_cannot_keep_them() {
    let store = MemoryStore::new().without_unique_keys();
    let app = TestApp::start_on(store, HttpSettings::default(), IngestLimits::default(), MemoryReports::default());
    let document = |is_unique: bool| {
        json!({"name": "s", "properties": [
        {"name": "a", "type": "integer"}, {"name": "b", "type": "string", "is_unique": is_unique}]})
    };
    let refused = app.post("/api/v1/schemas", &document(true)).await;
    assert_eq!(refused.problem(), (422, "schema_invalid".to_owned()));
    let first = |answer: &Answer| {
        let error = &answer.json()["errors"][0];
        (error["pointer"].as_str().unwrap().to_owned(), error["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(first(&refused), ("/properties/1/is_unique".to_owned(), "unsupported_key".to_owned()));

    assert_eq!(app.post("/api/v1/schemas", &document(false)).await.status, 201);
    assert_eq!(app.get("/api/v1/schemas/s").await.json()["capabilities"]["has_unique_keys"], false);
    for (change, pointer) in [
        (json!({"change": {"A": {"is_unique": true}}}), "/change/A/is_unique"),
        (json!({"add": [{"name": "c", "type": "date", "is_unique": true}]}), "/add/0/is_unique"),
        (json!({"unique": [{"properties": ["a", "b"]}]}), "/unique/0"),
        (json!({"unique": [{"properties": ["a"], "severity": "warning"}]}), "/unique/0"),
    ] {
        let request = app.request("PATCH", "/api/v1/schemas/s").json(&change);
        let refused = app.send(request).await;
        assert_eq!(refused.problem(), (422, "schema_invalid".to_owned()), "{change}");
        assert_eq!(first(&refused), (pointer.to_owned(), "unsupported_key".to_owned()), "{change}");
    }
    let renamed =
        app.send(app.request("PATCH", "/api/v1/schemas/s").json(&json!({"change": {"a": {"name": "z"}}}))).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
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

async fn patch(app: &TestApp, query: &str, change: &Json) -> Answer {
    let path = format!("/api/v1/schemas/flights{query}");
    app.send(app.request("PATCH", &path).json(change)).await
}

#[tokio::test]
async fn a_schema_is_changed_and_its_versions_are_shown() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA"}])).await;
    let change = json!({"change": {"carrier": {"name": "airline"}}, "add": [{"name": "seats", "type": "integer", "default": 0}]});
    let changed = patch(&app, "", &change).await;
    assert_eq!((changed.status, &changed.json()["version"]), (200, &json!(2)));
    assert!(changed.header("etag").starts_with("\"2-"), "{}", changed.header("etag"));
    assert_eq!(changed.json()["dry_run"], false);
    let record = &app.get("/api/v1/records/flights").await.json()["data"][0];
    assert_eq!((&record["airline"], &record["seats"]), (&json!("UA"), &json!(0)));

    let versions = app.get("/api/v1/schemas/flights/versions").await.json();
    let found: Vec<_> =
        versions["data"].as_array().unwrap().iter().map(|v| (&v["version"], &v["properties"][0]["name"])).collect();
    assert_eq!(found, [(&json!(1), &json!("carrier")), (&json!(2), &json!("airline"))]);
    assert_eq!(versions["data"][1]["since"], "2026-01-31T08:15:00.000000Z");
}

#[tokio::test]
async fn a_dry_run_changes_no_schema() {
    let app = TestApp::with_flights().await;
    let change = json!({"drop": ["carrier"]});
    let tried = patch(&app, "?dry_run=true", &change).await;
    assert_eq!((tried.status, &tried.json()["version"], &tried.json()["dry_run"]), (200, &json!(2), &json!(true)));
    assert!(!tried.headers.contains_key("etag"));
    assert_eq!(app.get("/api/v1/schemas/flights").await.json()["version"], 1);
}

#[tokio::test]
async fn a_change_needs_the_version_it_expects() {
    let app = TestApp::with_flights().await;
    let expecting = |version: &str| {
        let request = app.request("PATCH", "/api/v1/schemas/flights").header("if-match", version);
        app.send(request.json(&json!({"description": version})))
    };
    let tag = async || app.get("/api/v1/schemas/flights").await.header("etag").to_owned();
    let first = tag().await;
    assert_eq!(expecting(&first).await.status, 200);
    let stale = expecting(&first).await;
    assert_eq!(stale.problem(), (412, "stale_version".to_owned()));
    assert!(stale.detail().contains('2'), "{}", stale.text);
    assert_eq!(expecting(&format!("\"7\", {}", tag().await)).await.status, 200);
    assert_eq!(expecting("*").await.status, 200);
    assert_eq!(expecting(&format!("W/{}", tag().await)).await.status, 412);
}

#[tokio::test]
async fn a_change_that_says_nothing_new_makes_no_version() {
    let app = TestApp::with_flights().await;
    let same = patch(&app, "", &json!({"change": {"carrier": {"is_indexed": true}}})).await;
    assert_eq!(same.status, 200);
    assert!(same.header("etag").starts_with("\"1-"), "{}", same.header("etag"));
    let nothing = app.send(app.request("PATCH", "/api/v1/schemas/nothing").json(&json!({}))).await;
    assert_eq!(nothing.problem(), (404, "schema_not_found".to_owned()));
}

#[tokio::test]
async fn a_bad_change_is_refused_with_every_reason() {
    let app = TestApp::with_flights().await;
    let change = json!({"drop": ["carier"], "change": {"flight": {"type": "boolean"}}});
    let refused = patch(&app, "", &change).await;
    assert_eq!(refused.problem(), (422, "schema_invalid".to_owned()));
    let errors = refused.json()["errors"].clone();
    assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!("/drop/0"), &json!("unknown_property")));
    assert_eq!((&errors[1]["pointer"], &errors[1]["code"]), (&json!("/change/flight/type"), &json!("not_wider")));
}

#[tokio::test]
async fn records_that_contradict_a_change_are_counted_and_named() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": 1}, {"carrier": "AA"}, {"carrier": "DL"}])).await;
    for query in ["?dry_run=true", ""] {
        let refused = patch(&app, query, &json!({"change": {"flight": {"required": true}}})).await;
        assert_eq!(refused.problem(), (409, "schema_contradicted".to_owned()));
        let contradiction = refused.json()["contradictions"][0].clone();
        assert_eq!((&contradiction["properties"], &contradiction["records"]), (&json!(["flight"]), &json!(2)));
        assert_eq!(contradiction["code"], "required_missing");
        assert_eq!(contradiction["sample"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn keys_of_several_properties_are_shown_kept_and_changed() {
    let app = TestApp::start();
    let property = |name: &str| json!({"name": name, "type": "integer"});
    let unique = json!([{"properties": ["a", "b"]}, {"properties": ["c"], "severity": "warning"}]);
    let schema = json!({"name": "s", "properties": [property("a"), property("b"), property("c")], "unique": unique});
    let created = app.post("/api/v1/schemas", &schema).await;
    assert_eq!(created.json()["unique"][0], json!({"properties": ["a", "b"], "severity": "error"}));
    let shown = app.get("/api/v1/schemas/s").await.json();
    assert_eq!(shown["indexes"], json!([{"properties": ["a", "b"], "unique": true}]));

    let record = json!({"a": 1, "b": 2, "c": 3});
    assert_eq!(app.post("/api/v1/records/s", &record).await.status, 201);
    let refused = app.post("/api/v1/records/s", &record).await;
    assert_eq!(refused.problem(), (409, "unique_violation".to_owned()));
    let detail = "a stored record has the same `a` and `b`";
    let expected = json!([{"pointer": "", "code": "unique_violation", "detail": detail}]);
    assert_eq!(refused.json()["errors"], expected);
    let bulk = app.post("/api/v1/records/s/bulk", &json!([{"a": 1, "b": 1}, {"a": 1, "b": 1}])).await;
    let failure = json!({"line": 2, "pointer": "", "code": "unique_violation",
        "detail": "the record at line 1 of this body has the same `a` and `b`"});
    assert_eq!((bulk.status, &bulk.json()["failures"]), (422, &json!([failure])));
    let warned = app.post("/api/v1/records/s", &json!({"a": 2, "b": 2, "c": 3})).await;
    assert_eq!((warned.status, warned.header("eider-warnings")), (201, "c=unique_violation"));
    let records = json!([{"a": 3, "b": 0, "c": 3}, {"a": 4, "b": 0, "c": 4}, {"a": 5, "b": 0, "c": 4}]);
    let bulk = app.post("/api/v1/records/s/bulk", &records).await;
    let warning = json!({"property": "c", "code": "unique_violation", "records": 2});
    assert_eq!((bulk.status, &bulk.json()["warnings"]), (201, &json!([warning])));

    let change = json!({"unique": [{"properties": ["b", "c"]}]});
    let refused = app.send(app.request("PATCH", "/api/v1/schemas/s").json(&change)).await;
    assert_eq!(refused.problem(), (409, "schema_contradicted".to_owned()));
    assert_eq!(refused.json()["contradictions"][0]["properties"], json!(["b", "c"]));
    let found = app.post("/api/v1/schemas/s/validations", &Json::Null).await.json();
    let counts: Vec<_> =
        found["rules"].as_array().unwrap().iter().map(|rule| (&rule["name"], &rule["issues"])).collect();
    assert_eq!(counts, [(&json!("duplicate_a_b"), &json!(0)), (&json!("duplicate_c"), &json!(3))]);
    assert_eq!(found["by_severity"], json!({"error": 0, "warning": 3}));
}

/// What a client knows of a record tells nothing of one with other columns.
#[tokio::test]
async fn a_record_of_a_changed_schema_has_another_tag() {
    let app = TestApp::with_flights().await;
    let created = app.post("/api/v1/records/flights", &json!({"carrier": "UA"})).await;
    let path = created.header("location").to_owned();
    let before = created.header("etag").to_owned();
    patch(&app, "", &json!({"description": "changed"})).await;
    let known = app.send(app.request("GET", &path).header("if-none-match", &before)).await;
    assert_eq!(known.status, 200);
    let after = known.header("etag").to_owned();
    assert_ne!(after, before);
    let same = app.send(app.request("GET", &path).header("if-none-match", &after)).await;
    assert_eq!(same.status, 304);
    for (tag, status) in [(&before, 412), (&after, 200), (&after, 412)] {
        let request = app.request("PATCH", &path).header("if-match", tag);
        assert_eq!(app.send(request.json(&json!({"flight": 1}))).await.status, status, "{tag}");
    }
}

#[tokio::test]
async fn a_creation_is_repeated_under_a_schema_that_would_refuse_it() {
    let app = TestApp::with_flights().await;
    let create = || {
        let request = app.request("POST", "/api/v1/records/flights").header("idempotency-key", "k");
        app.send(request.json(&json!({"carrier": "UA", "flight": 7})))
    };
    let first = create().await;
    patch(&app, "", &json!({"change": {"carrier": {"name": "airline"}}})).await;
    let again = create().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!((&again.json()["id"], &again.json()["airline"]), (&first.json()["id"], &json!("UA")));
    assert_eq!(again.header("location"), first.header("location"));
}
