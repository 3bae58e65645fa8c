//! One record at a time.

use reqwest::header::{CONTENT_TYPE, IF_NONE_MATCH};
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

#[tokio::test]
async fn a_record_is_created_read_and_deleted() {
    let app = TestApp::with_flights().await;
    let record =
        json!({"carrier": "UA", "flight": 1, "time_hour": "2013-01-01T05:00:00-05:00", "extra": {"a": [1, null]}});
    let created = app.post("/api/v1/records/flights", &record).await;
    assert_eq!(created.status, 201, "{}", created.text);
    assert!(created.header("etag").starts_with("\"1-"), "{}", created.header("etag"));
    let document = created.json();
    let keys: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    let order = [
        "id",
        "created_at",
        "updated_at",
        "version",
        "carrier",
        "flight",
        "dep_delay",
        "time_hour",
        "confirmation",
        "extra",
    ];
    assert_eq!(keys, order);
    assert_eq!(document["time_hour"], "2013-01-01T10:00:00.000000Z");
    assert_eq!(
        (&document["dep_delay"], &document["extra"], &document["version"]),
        (&json!(null), &json!({"a": [1, null]}), &json!(1))
    );

    let location = created.header("location").to_owned();
    assert_eq!(location, format!("/api/v1/records/flights/{}", document["id"].as_str().unwrap()));
    let read = app.get(&location).await;
    assert_eq!((read.status, read.json()), (200, document));
    assert_eq!(app.delete(&location).await.status, 204);
    assert_eq!(app.get(&location).await.problem(), (404, "record_not_found".to_owned()));
    assert_eq!(app.delete(&location).await.problem(), (404, "record_not_found".to_owned()));
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let app = TestApp::with_flights().await;
    app.post("/api/v1/records/flights", &json!({"id": ID, "carrier": "UA"})).await;
    let path = format!("/api/v1/records/flights/{ID}");
    let tag = app.get(&path).await.header("etag").to_owned();
    for known in [tag.clone(), format!("W/{tag}"), format!("\"7\", {tag}"), "*".to_owned()] {
        let answer = app.send(app.request("GET", &path).header(IF_NONE_MATCH, &known)).await;
        assert_eq!((answer.status, answer.text.as_str(), answer.header("etag")), (304, "", tag.as_str()), "{known}");
    }
    let answer = app.send(app.request("GET", &path).header(IF_NONE_MATCH, "\"2\"")).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn an_id_is_taken_once() {
    let app = TestApp::with_flights().await;
    let record = json!({"id": ID.to_uppercase(), "carrier": "UA"});
    let created = app.post("/api/v1/records/flights", &record).await;
    assert_eq!((created.status, &created.json()["id"]), (201, &json!(ID)));
    let again = app.post("/api/v1/records/flights", &record).await;
    assert_eq!(again.problem(), (409, "duplicate_id".to_owned()));
    assert_eq!(again.json()["errors"][0]["pointer"], "/id");
}

#[tokio::test]
async fn a_unique_value_is_taken_once_and_nulls_are_not_values() {
    let app = TestApp::with_flights().await;
    let record = json!({"carrier": "UA", "confirmation": "X"});
    assert_eq!(app.post("/api/v1/records/flights", &record).await.status, 201);
    let again = app.post("/api/v1/records/flights", &record).await;
    assert_eq!(again.problem(), (409, "unique_violation".to_owned()));
    for _ in 0..2 {
        assert_eq!(app.post("/api/v1/records/flights", &json!({"carrier": "UA"})).await.status, 201);
    }
}

#[tokio::test]
async fn a_text_that_is_no_id_finds_nothing() {
    let app = TestApp::with_flights().await;
    for id in ["cuont", "1", "01890a5dac96774bbcceb302099a8057", "%22%3B%20drop%20table"] {
        let answer = app.get(&format!("/api/v1/records/flights/{id}")).await;
        assert_eq!(answer.problem(), (404, "record_not_found".to_owned()), "{id}");
    }
}

#[tokio::test]
async fn the_predecessors_route_names_the_schema_in_the_body() {
    let app = TestApp::with_flights().await;
    let created = app.post("/api/v1/records", &json!({"schema_name": "flights", "data": {"carrier": "UA"}})).await;
    assert_eq!((created.status, &created.json()["carrier"]), (201, &json!("UA")));
    let answer = app.post("/api/v1/records", &json!({"schema_name": "ships", "data": {}})).await;
    assert_eq!(answer.problem(), (404, "schema_not_found".to_owned()));
    for body in [json!({"schema_name": "flights"}), json!([]), json!({"schema_name": "flights", "data": {}, "more": 1})]
    {
        assert_eq!(app.post("/api/v1/records", &body).await.problem(), (400, "malformed_request".to_owned()), "{body}");
    }
}

async fn keyed(app: &TestApp, path: &str, key: &str, body: Json) -> Answer {
    let request = app.request("POST", path).header("Idempotency-Key", key);
    app.send(request.header(CONTENT_TYPE, "application/json").body(body.to_string())).await
}

#[tokio::test]
async fn a_creation_that_is_repeated_under_its_key_gets_the_same_answer_and_stores_nothing() {
    let app = TestApp::with_flights().await;
    let path = "/api/v1/records/flights";
    let body = json!({"carrier": "UA", "extra": {"b": 1, "a": 1.50}, "confirmation": "c"});
    let first = keyed(&app, path, "k", body.clone()).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, ""));
    // Later changes of the record do not matter.
    let changed = app.request("PATCH", first.header("location")).header(CONTENT_TYPE, "application/json");
    assert_eq!(app.send(changed.body(r#"{"flight": 7}"#)).await.status, 200);
    let again = keyed(&app, path, "k", body.clone()).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.text, first.text);
    for header in ["location", "etag", "eider-commit-seq"] {
        assert_eq!(again.header(header), first.header(header), "{header}");
    }
    assert_eq!(app.count().await, 1);

    let other = keyed(&app, path, "k", json!({"carrier": "AA"})).await;
    assert_eq!(other.problem(), (422, "idempotency_mismatch".to_owned()));
    let bulk = keyed(&app, "/api/v1/records/flights/bulk", "k", json!([body])).await;
    assert_eq!(bulk.problem(), (422, "idempotency_mismatch".to_owned()));
    let alias = json!({"schema_name": "flights", "data": {"carrier": "B6"}});
    for replayed in ["", "true"] {
        let answer = keyed(&app, "/api/v1/records", "alias", alias.clone()).await;
        assert_eq!((answer.status, answer.header("idempotent-replayed")), (201, replayed));
    }
    assert_eq!(app.count().await, 2);
}

#[tokio::test]
async fn a_creation_that_was_refused_may_be_mended_under_its_key() {
    let app = TestApp::with_flights().await;
    let path = "/api/v1/records/flights";
    assert_eq!(keyed(&app, path, "k", json!({"flight": 1})).await.problem().0, 422);
    assert_eq!(keyed(&app, path, "k", json!({"carrier": "UA"})).await.status, 201);
    assert_eq!(keyed(&app, path, &"k".repeat(256), json!({"carrier": "UA"})).await.problem().0, 400);
}

/// What `GET` answers can be sent back, and fields that the server keeps only as it has them.
#[tokio::test]
async fn what_was_read_can_be_sent_back() {
    let app = TestApp::with_flights().await;
    let created = app.post("/api/v1/records/flights", &json!({"carrier": "UA", "flight": 1})).await;
    let path = format!("/api/v1/records/flights/{}", created.json()["id"].as_str().unwrap());
    let send = async |method: &str, body: &Json| {
        app.send(app.request(method, &path).header("content-type", "application/json").body(body.to_string())).await
    };
    for method in ["PUT", "PATCH", "PUT"] {
        let mut body = app.get(&path).await.json();
        let version = body["version"].as_i64().unwrap();
        body["flight"] = json!(version);
        let answer = send(method, &body).await;
        assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(version + 1)), "{method}: {}", answer.text);
        for (field, other) in [
            ("version", json!(version + 7)),
            ("version", json!("1")),
            ("version", json!(null)),
            ("created_at", json!("2001-01-01T00:00:00Z")),
            ("updated_at", json!(7)),
        ] {
            let mut body = app.get(&path).await.json();
            body[field] = other;
            let refused = send(method, &body).await;
            assert_eq!(refused.problem(), (422, "validation_failed".to_owned()), "{method} {field}: {}", refused.text);
            assert_eq!(refused.json()["errors"][0]["pointer"], format!("/{field}"));
            assert_eq!(refused.json()["errors"][0]["code"], "read_only");
        }
        assert_eq!(send(method, &json!({"carrier": "UA", "Version": version + 1})).await.status, 422);
    }
    assert_eq!(app.post("/api/v1/records/flights", &app.get(&path).await.json()).await.status, 422);
}
