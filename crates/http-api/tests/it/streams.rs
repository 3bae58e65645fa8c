//! Streams.

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_testkit::Operation;
use reqwest::header::ACCEPT;
use serde_json::{Value as Json, json};

use crate::app::{TestApp, broken_body};

const STREAM: &str = "/api/v1/records/flights/stream";

async fn app_with(count: i64) -> TestApp {
    let app = TestApp::with_flights().await;
    let records: Vec<Json> =
        (0..count).map(|n| json!({"carrier": "UA", "flight": n, "extra": {"text": "a\nb"}})).collect();
    app.load(records.into()).await;
    app
}

#[tokio::test]
async fn a_stream_has_one_line_for_each_record_and_no_more() {
    let app = app_with(1_000).await;
    let answer = app.get(STREAM).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    let lines: Vec<Json> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        lines.iter().map(|line| line["flight"].as_i64().unwrap()).collect::<Vec<_>>(),
        (0..1_000).collect::<Vec<_>>()
    );
    assert!(answer.text.ends_with("}\n"));
    assert_eq!(lines[0]["extra"], json!({"text": "a\nb"}));
}

#[tokio::test]
async fn a_stream_takes_filters_sort_fields_and_limit() {
    let app = app_with(100).await;
    let answer = app.get(&format!("{STREAM}?flight.gte=50&sort=-flight&fields=flight&limit=3")).await;
    assert_eq!(answer.text, "{\"flight\":99}\n{\"flight\":98}\n{\"flight\":97}\n");
    assert_eq!(app.get(&format!("{STREAM}?limit=50000")).await.text.lines().count(), 100);
    assert_eq!(app.get(&format!("{STREAM}?flight.gt=1000")).await.text, "");
    for (query, code) in [
        ("limit=0", "invalid_limit"),
        ("limit=x", "invalid_limit"),
        ("cursor=x", "unknown_parameter"),
        ("x.eq=1", "unknown_property"),
    ] {
        assert_eq!(app.get(&format!("{STREAM}?{query}")).await.problem(), (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn accept_chooses_the_media_type() {
    let app = app_with(1).await;
    for (accept, media_type) in [
        ("*/*", "application/x-ndjson"),
        ("text/html, application/*;q=0.8", "application/x-ndjson"),
        ("application/jsonl", "application/jsonl"),
        ("application/x-ndjson;q=0.5, application/jsonl", "application/jsonl"),
    ] {
        let answer = app.send(app.request("GET", STREAM).header(ACCEPT, accept)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{accept}");
    }
    let answer = app.send(app.request("GET", STREAM).header(ACCEPT, "text/html")).await;
    assert_eq!(answer.problem(), (406, "not_acceptable".to_owned()));
}

#[tokio::test]
async fn a_failure_before_the_first_record_has_its_true_status() {
    let app = app_with(10).await;
    app.store.fail_next(Operation::Scan, StoreError::unavailable("pool", "internal words"));
    let answer = app.get(STREAM).await;
    assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
    app.store.fail_scan_after(0, StoreError::new(StoreErrorKind::Internal, "internal words"));
    let answer = app.get(STREAM).await;
    assert_eq!(answer.problem(), (500, "internal".to_owned()));
    assert!(!answer.text.contains("internal words"));
}

#[tokio::test]
async fn a_later_failure_writes_an_error_line_and_breaks_the_connection() {
    let app = app_with(100).await;
    app.store.fail_scan_after(30, StoreError::new(StoreErrorKind::Internal, "internal words"));
    let response = app.request("GET", STREAM).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let text = String::from_utf8(broken_body(response).await).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 31);
    let last: Json = serde_json::from_str(lines[30]).unwrap();
    assert_eq!((&last["$error"]["code"], &last["$error"]["instance"]), (&json!("internal"), &json!(request_id)));
    assert!(!text.contains("internal words"));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_scan() {
    let app = app_with(100).await;
    let gate = app.store.hold_scan_after(10);
    let mut response = app.request("GET", STREAM).send().await.unwrap();
    response.chunk().await.unwrap().unwrap();
    assert_eq!(app.store.open_scans(), 1);
    drop(response);
    app.store.wait_for_open_scans(0).await;
    drop(gate);
}

#[tokio::test]
async fn a_stream_is_called_what_a_file_of_it_would_be() {
    let app = app_with(1).await;
    for (format, disposition) in [
        ("ndjson", "inline; filename=\"flights.ndjson\""),
        ("jsonl", "inline; filename=\"flights.jsonl\""),
        ("json", "inline; filename=\"flights.json\""),
        ("csv", "attachment; filename=\"flights.csv\""),
        ("arrow", "attachment; filename=\"flights.arrows\""),
        ("parquet", "attachment; filename=\"flights.parquet\""),
    ] {
        // The schema's own name, however the path writes it.
        let path = format!("/api/v1/records/FLIGHTS/stream?format={format}");
        for method in ["GET", "HEAD"] {
            let response = app.request(method, &path).header("accept-encoding", "gzip").send().await.unwrap();
            assert_eq!(response.headers()["content-disposition"], disposition, "{method}");
        }
        let (path, count) = (format!("{STREAM}?format={format}"), json!({"aggregate": [{"fn": "count"}]}));
        assert_eq!(app.post(&path, &count).await.header("content-disposition"), disposition);
    }
    assert_eq!(app.get(&format!("{STREAM}?explain=true")).await.header("content-disposition"), "");
}
