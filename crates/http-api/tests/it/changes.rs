//! Replacing, patching and deleting records.

use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const ID: &str = "00000000-0000-7000-8000-000000000001";
const RECORD: &str = "/api/v1/records/flights/00000000-0000-7000-8000-000000000001";

async fn app_with_record() -> TestApp {
    let app = TestApp::with_flights().await;
    let record = json!({"id": ID, "carrier": "UA", "flight": 1, "confirmation": "a", "extra": {"a": {"b": 1, "c": 2}, "d": [1]}});
    app.load(json!([record, {"carrier": "AA", "confirmation": "b"}])).await;
    app
}

async fn change(app: &TestApp, method: &str, etag: &str, body: &Json) -> Answer {
    let mut request = app.request(method, RECORD).header(CONTENT_TYPE, "application/json").body(body.to_string());
    if !etag.is_empty() {
        request = request.header(IF_MATCH, etag);
    }
    app.send(request).await
}

#[tokio::test]
async fn put_replaces_the_properties_and_keeps_the_rest() {
    let app = app_with_record().await;
    let before = app.get(RECORD).await;
    let answer = change(&app, "PUT", before.header("etag"), &json!({"carrier": "DL", "flight": 2})).await;
    assert_eq!((answer.status, answer.header("eider-commit-seq")), (200, "3"));
    assert!(answer.header("etag").starts_with("\"2-"), "{}", answer.header("etag"));
    let (before, after) = (before.json(), answer.json());
    assert_eq!((&after["id"], &after["created_at"]), (&before["id"], &before["created_at"]));
    assert_eq!((&after["carrier"], &after["flight"], &after["confirmation"]), (&json!("DL"), &json!(2), &json!(null)));
    assert_eq!(app.get(RECORD).await.json(), after);
    let same_id = change(&app, "PUT", "", &json!({"id": ID, "carrier": "DL"})).await;
    assert_eq!(same_id.status, 200);
    let other_id = change(&app, "PUT", "", &json!({"id": ID.replace('1', "2"), "carrier": "DL"})).await;
    assert_eq!((other_id.problem().0, &other_id.json()["errors"][0]["code"]), (422, &json!("read_only")));
}

#[tokio::test]
async fn patch_changes_what_it_names() {
    let app = app_with_record().await;
    let patch = json!({"flight": null, "dep_delay": 1.5, "extra": {"a": {"b": null, "e": 3}, "f": "g"}});
    let before = app.get(RECORD).await;
    let answer = change(&app, "PATCH", before.header("etag"), &patch).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("etag").starts_with("\"2-"), "{}", answer.header("etag"));
    let after = answer.json();
    assert_eq!((&after["carrier"], &after["flight"], &after["dep_delay"]), (&json!("UA"), &json!(null), &json!(1.5)));
    assert_eq!(after["extra"], json!({"a": {"c": 2, "e": 3}, "d": [1], "f": "g"}));
    assert_eq!((&after["confirmation"], &after["version"]), (&json!("a"), &json!(2)));
    let merge = app.request("PATCH", RECORD).header(CONTENT_TYPE, "application/merge-patch+json").body("{}");
    assert_eq!(app.send(merge).await.json()["version"], 3);
}

#[tokio::test]
async fn a_stale_version_changes_nothing() {
    let app = app_with_record().await;
    let current = app.get(RECORD).await.header("etag").to_owned();
    let weak = format!("W/{current}");
    for (method, body) in
        [("PUT", json!({"carrier": "DL"})), ("PATCH", json!({"carrier": "DL"})), ("DELETE", json!(null))]
    {
        for etag in ["\"1\"", "\"x\"", weak.as_str(), "\"7\", \"8\""] {
            let answer = change(&app, method, etag, &body).await;
            assert_eq!(answer.problem(), (412, "stale_version".to_owned()), "{method} {etag}");
        }
    }
    assert_eq!(app.get(RECORD).await.json()["version"], 1);
    let patched = change(&app, "PATCH", "*", &json!({"flight": 5})).await;
    assert_eq!(patched.status, 200);
    let either = format!("{current}, {}", patched.header("etag"));
    assert_eq!(change(&app, "DELETE", &either, &json!(null)).await.status, 204);
    assert_eq!(app.get(RECORD).await.problem().0, 404);
}

#[tokio::test]
async fn bad_changes_are_refused_with_every_reason() {
    let app = app_with_record().await;
    for (method, body, status, code) in [
        ("PUT", json!({"flight": 2}), 422, "validation_failed"),
        ("PUT", json!({"carrier": "UA", "confirmation": "b"}), 409, "unique_violation"),
        ("PATCH", json!({"carrier": null}), 422, "validation_failed"),
        ("PATCH", json!({"flight": "x", "planet": 1}), 422, "validation_failed"),
        ("PATCH", json!({"confirmation": "b"}), 409, "unique_violation"),
        ("PATCH", json!([]), 422, "validation_failed"),
    ] {
        assert_eq!(change(&app, method, "", &body).await.problem(), (status, code.to_owned()), "{method} {body}");
    }
    let both = change(&app, "PATCH", "", &json!({"flight": "x", "planet": 1})).await.json();
    assert_eq!(both["errors"].as_array().unwrap().len(), 2);
    let malformed = app.request("PATCH", RECORD).header(CONTENT_TYPE, "application/json").body("{\"flight\": ");
    assert_eq!(app.send(malformed).await.problem(), (400, "malformed_json".to_owned()));
    let missing = app.request("PUT", &RECORD.replace("0001", "0009")).header(CONTENT_TYPE, "application/json");
    assert_eq!(app.send(missing.body("{\"carrier\": \"UA\"}")).await.problem().0, 404);
    assert_eq!(app.get(RECORD).await.json()["version"], 1);
}

#[tokio::test]
async fn a_deletion_by_filter_is_bounded() {
    let app = TestApp::with_flights().await;
    app.load((0..10).map(|n| json!({"carrier": "UA", "flight": n})).collect::<Vec<_>>().into()).await;
    let path = "/api/v1/records/flights";
    for (query, code) in [
        ("", "invalid_parameter"),
        ("max_affected=5", "invalid_parameter"),
        ("flight.lt=3", "invalid_parameter"),
        ("flight.lt=3&max_affected=x", "invalid_parameter"),
        ("flihgt.lt=3&max_affected=5", "unknown_property"),
    ] {
        assert_eq!(app.delete(&format!("{path}?{query}")).await.problem(), (400, code.to_owned()), "{query}");
    }
    let too_many = app.delete(&format!("{path}?flight.lt=3&max_affected=2")).await;
    assert_eq!(too_many.problem(), (409, "too_many_affected".to_owned()));
    assert_eq!(app.count().await, 10);
    let deleted = app.delete(&format!("{path}?flight.lt=3&max_affected=3")).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({"deleted": 3, "commit_seq": 11})));
    assert_eq!(app.count().await, 7);
}
