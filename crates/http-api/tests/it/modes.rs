//! Bulk calls that are not all or nothing, that replace, that only look, and that are repeated.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const BULK: &str = "/api/v1/records/flights/bulk";

async fn bulk(app: &TestApp, controls: &str, records: Json) -> Answer {
    app.post(&format!("{BULK}?{controls}"), &records).await
}

/// Created, updated, ignored and failed.
fn counts(answer: &Answer) -> [u64; 4] {
    let receipt = answer.json();
    ["created", "updated", "ignored", "failed"].map(|name| receipt[name].as_u64().unwrap())
}

fn lines(answer: &Answer) -> Vec<(u64, String)> {
    let receipt = answer.json();
    let failures = receipt["failures"].as_array().unwrap();
    let line = |failure: &Json| (failure["line"].as_u64().unwrap(), failure["code"].as_str().unwrap().to_owned());
    failures.iter().map(line).collect()
}

#[tokio::test]
async fn partial_stores_the_good_records_and_names_the_bad_ones() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "confirmation": "taken"}])).await;
    let records = json!([
        {"carrier": "AA", "flight": 1},
        {"carrier": "too long"},
        {"carrier": "AA", "confirmation": "taken"},
        {"carrier": "AA", "flight": 2},
        {"flight": 3}]);
    let answer = bulk(&app, "mode=partial", records.clone()).await;
    assert_eq!((answer.status, counts(&answer)), (207, [2, 0, 0, 3]));
    let expected = [(2, "too_long"), (3, "unique_violation"), (5, "required_missing")];
    assert_eq!(lines(&answer), expected.map(|(line, code)| (line, code.to_owned())));
    assert_eq!(app.count().await, 3);

    let atomic = bulk(&app, "mode=atomic", records).await;
    assert_eq!((atomic.status, app.count().await), (422, 3));
    let all_good = bulk(&app, "mode=partial", json!([{"carrier": "DL"}])).await;
    assert_eq!(all_good.status, 201);
}

#[tokio::test]
async fn more_errors_than_allowed_store_nothing() {
    let app = TestApp::with_flights().await;
    let mut records = vec![json!({"carrier": "UA"}); 10];
    records.extend(vec![json!({}); 3]);
    let refused = bulk(&app, "mode=partial&max_errors=2", records.clone().into()).await;
    assert_eq!((refused.problem().0, app.count().await), (422, 0));
    let taken = bulk(&app, "mode=partial&max_errors=3", records.into()).await;
    assert_eq!((taken.status, app.count().await), (207, 10));
    let twice = json!([{"carrier": "UA", "confirmation": "x"}, {"carrier": "UA", "confirmation": "x"}, {}]);
    let refused = bulk(&app, "mode=partial&max_errors=1", twice).await;
    assert_eq!((refused.problem().0, counts(&refused)[3], app.count().await), (422, 2, 10));
}

#[tokio::test]
async fn reading_stops_once_there_are_too_many_errors() {
    let app = TestApp::with_flights().await;
    let body = "{}\n".repeat(400_000);
    let answer = app.post_text(&format!("{BULK}?max_errors=5"), "application/x-ndjson", body).await;
    assert_eq!(answer.problem().0, 422);
    let received = answer.json()["received"].as_u64().unwrap();
    assert!((6..400_000).contains(&received), "{received}");
}

#[tokio::test]
async fn records_whose_key_is_taken_are_ignored_or_replaced() {
    let app = TestApp::with_flights().await;
    let id = "00000000-0000-7000-8000-000000000001";
    app.load(json!([{"id": id, "carrier": "UA", "flight": 1, "confirmation": "a"}])).await;
    let ignored = bulk(&app, "on_conflict=ignore", json!([{"id": id, "carrier": "AA"}, {"carrier": "DL"}])).await;
    assert_eq!((ignored.status, counts(&ignored)), (201, [1, 0, 1, 0]));
    let records = json!([{"carrier": "B6", "confirmation": "a"}, {"carrier": "WN"}]);
    let replaced = bulk(&app, "on_conflict=replace&return=ids", records).await;
    assert_eq!((replaced.status, counts(&replaced)), (201, [1, 1, 0, 0]));
    assert_eq!(replaced.json()["ids"][0], id);
    assert_eq!(replaced.json()["ids"].as_array().unwrap().len(), 2);
    let record = app.get(&format!("/api/v1/records/flights/{id}")).await.json();
    assert_eq!((&record["carrier"], &record["flight"], &record["version"]), (&json!("B6"), &json!(null), &json!(2)));
}

#[tokio::test]
async fn a_dry_run_reports_and_stores_nothing() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "confirmation": "a"}])).await;
    let good = bulk(&app, "dry_run=true", json!([{"carrier": "AA"}])).await;
    assert_eq!((good.status, counts(&good)), (200, [1, 0, 0, 0]));
    assert_eq!((&good.json()["dry_run"], &good.json()["commit_seq"]), (&json!(true), &json!(null)));
    let taken = json!([{"carrier": "AA", "confirmation": "a"}, {"carrier": "AA"}]);
    let bad = bulk(&app, "dry_run=true", taken.clone()).await;
    assert_eq!((bad.problem().0, lines(&bad)), (422, vec![(1, "unique_violation".to_owned())]));
    let partial = bulk(&app, "dry_run=true&mode=partial", taken).await;
    assert_eq!((partial.status, counts(&partial)), (207, [1, 0, 0, 1]));
    assert_eq!(app.count().await, 1);
}

async fn keyed(app: &TestApp, key: &str, controls: &str, body: &'static str) -> Answer {
    let request = app.request("POST", &format!("{BULK}?{controls}")).header("Idempotency-Key", key);
    app.send(request.header(CONTENT_TYPE, "application/x-ndjson").body(body)).await
}

#[tokio::test]
async fn a_repeat_under_the_same_key_gets_the_same_receipt_and_stores_nothing() {
    let app = TestApp::with_flights().await;
    let body = "{\"carrier\": \"UA\"}\n{\"carrier\": \"AA\"}\n{}\n";
    let first = keyed(&app, "k1", "mode=partial", body).await;
    let again = keyed(&app, "k1", "mode=partial", body).await;
    assert_eq!((first.status, again.status), (207, 207));
    let (mut first, mut again) = (first.json(), again.json());
    assert_eq!((&first["replayed"], &again["replayed"]), (&json!(false), &json!(true)));
    for receipt in [&mut first, &mut again] {
        receipt["replayed"] = json!(null);
        receipt["elapsed_ms"] = json!(null);
    }
    assert_eq!(first, again);
    assert_eq!(app.count().await, 2);

    let other_body = keyed(&app, "k1", "mode=partial", "{\"carrier\": \"UA\"}\n").await;
    assert_eq!(other_body.problem(), (422, "idempotency_mismatch".to_owned()));
    let other_controls = keyed(&app, "k1", "mode=partial&on_conflict=ignore", body).await;
    assert_eq!(other_controls.problem(), (422, "idempotency_mismatch".to_owned()));
    assert_eq!(keyed(&app, "k2", "mode=partial", body).await.json()["replayed"], false);
    assert_eq!(app.count().await, 4);
    assert_eq!(keyed(&app, &"k".repeat(256), "", body).await.problem().0, 400);
}

#[tokio::test]
async fn a_call_that_was_refused_may_be_mended_under_its_key() {
    let app = TestApp::with_flights().await;
    assert_eq!(keyed(&app, "k", "", "{}\n").await.problem().0, 422);
    assert_eq!(keyed(&app, "k", "", "{\"carrier\": \"UA\"}\n").await.status, 201);
}

#[tokio::test]
async fn of_two_calls_under_one_key_at_once_one_is_refused() {
    let app = TestApp::with_flights().await;
    let start = || {
        let (mut sender, body) = futures::channel::mpsc::channel::<Result<&'static str, std::io::Error>>(1);
        sender.try_send(Ok("{\"carrier\": \"UA\"}\n")).unwrap();
        let request = app.request("POST", BULK).header("Idempotency-Key", "k");
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(reqwest::Body::wrap_stream(body));
        (sender, Box::pin(app.send(request)))
    };
    let ((one_body, one), (other_body, other)) = (start(), start());
    // Neither body has ended, so the call that is answered is the one that came second.
    let (answer, running) = futures::future::select(one, other).await.factor_first();
    assert_eq!(answer.problem(), (409, "idempotency_in_progress".to_owned()));
    drop((one_body, other_body));
    assert_eq!(running.await.status, 201);
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn every_control_takes_only_what_it_knows() {
    let app = TestApp::with_flights().await;
    for control in ["mode=some", "on_conflict=update", "return=records", "dry_run=yes", "max_errors=-1"] {
        let answer = bulk(&app, control, json!([])).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{control}");
    }
    let answer = bulk(&app, "moed=atomic", json!([])).await;
    assert_eq!(answer.problem(), (400, "unknown_parameter".to_owned()));
    assert!(answer.detail().contains("did you mean `mode`?"));
}

#[tokio::test]
async fn what_was_streamed_can_be_loaded_in_every_format() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": 1}, {"carrier": "AA", "flight": 2}])).await;
    for (format, media_type) in [
        ("ndjson", "application/x-ndjson"),
        ("json", "application/json"),
        ("csv", "text/csv"),
        ("arrow", "application/vnd.apache.arrow.stream"),
        ("parquet", "application/vnd.apache.parquet"),
    ] {
        let streamed = app.request("GET", &format!("/api/v1/records/flights/stream?format={format}"));
        let body = streamed.send().await.unwrap().bytes().await.unwrap();
        let bulk = "/api/v1/records/flights/bulk?on_conflict=replace";
        let refused = app.post_text(bulk, media_type, body.clone()).await;
        assert!([400, 422].contains(&refused.status), "{format}: {}", refused.text);
        let stored = app.post_text(&format!("{bulk}&read_only=ignore"), media_type, body).await;
        assert_eq!((stored.status, &stored.json()["updated"]), (201, &json!(2)), "{format}: {}", stored.text);
    }
}
