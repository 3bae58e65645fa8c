//! Bulk calls.

use std::fmt::Write as _;
use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_application::ports::StoreError;
use eider_http_api::HttpSettings;
use eider_testkit::Operation;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::TestApp;

const BULK: &str = "/api/v1/records/flights/bulk";

#[tokio::test]
async fn arrays_and_lines_are_stored_with_the_same_receipt() {
    let app = TestApp::with_flights().await;
    let lines = "{\"carrier\":\"UA\"}\r\n\n{\"carrier\":\"AA\"}";
    for (media_type, body) in [
        ("application/json", r#" [{"carrier":"UA"}, {"carrier":"AA"}] "#),
        ("application/x-ndjson", lines),
        ("application/x-ndjson; charset=utf-8", lines),
        ("application/jsonl", lines),
    ] {
        let answer = app.post_text(BULK, media_type, body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let mut receipt = answer.json();
        assert!(receipt["elapsed_ms"].take().is_number() && receipt["commit_seq"].take().is_u64());
        assert_eq!(
            receipt,
            json!({
                "received": 2, "created": 2, "updated": 0, "ignored": 0, "failed": 0, "commit_seq": null, "durability": "memory",
                "replayed": false, "elapsed_ms": null, "failures_truncated": false, "failures": [],
            })
        );
    }
    assert_eq!(app.count().await, 8);
}

#[tokio::test]
async fn nothing_to_store_is_no_failure() {
    let app = TestApp::with_flights().await;
    for (media_type, body) in [("application/json", "[]"), ("application/x-ndjson", "\n\n")] {
        let answer = app.post_text(BULK, media_type, body).await;
        assert_eq!(
            (answer.status, &answer.json()["created"], &answer.json()["commit_seq"]),
            (201, &json!(0), &json!(null))
        );
    }
}

#[tokio::test]
async fn a_hundred_thousand_and_one_records_go_in_one_call() {
    let app = TestApp::with_flights().await;
    let mut body = String::new();
    for number in 0..100_001 {
        writeln!(body, "{{\"carrier\":\"UA\",\"flight\":{number}}}").unwrap();
    }
    let answer = app.post_text(BULK, "application/x-ndjson", body).await;
    assert_eq!((answer.status, &answer.json()["created"]), (201, &json!(100_001)));
    assert_eq!(app.count().await, 100_001);
}

#[tokio::test]
async fn one_bad_record_refuses_all_and_every_failure_is_reported() {
    let app = TestApp::with_flights().await;
    let mut lines = vec![r#"{"carrier":"UA"}"#.to_owned(); 5_000];
    lines[16] = "{}".to_owned();
    lines[4_999] = r#"{"carrier":7,"planet":"Mars"}"#.to_owned();
    let answer = app.post_text(BULK, "application/x-ndjson", lines.join("\n")).await;
    assert_eq!(answer.problem(), (422, "validation_failed".to_owned()));
    let report = answer.json();
    assert_eq!((&report["received"], &report["created"], &report["failed"]), (&json!(5_000), &json!(0), &json!(2)));
    assert!(report["errors"].is_null(), "they are not told twice");
    let failures = report["failures"].as_array().unwrap();
    let found: Vec<_> =
        failures.iter().map(|f| (f["line"].as_u64().unwrap(), f["pointer"].as_str().unwrap())).collect();
    assert_eq!(found, [(17, "/carrier"), (5_000, "/carrier"), (5_000, "/planet")]);
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn shared_keys_name_both_lines() {
    let app = TestApp::with_flights().await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    app.load(json!([{"carrier": "UA", "confirmation": "stored"}])).await;
    let body = format!(
        "\n{{\"carrier\":\"UA\",\"id\":\"{id}\"}}\n{{\"carrier\":\"UA\",\"confirmation\":\"stored\"}}\n{{\"carrier\":\"UA\",\"id\":\"{id}\"}}\n"
    );
    let answer = app.post_text(BULK, "application/x-ndjson", body).await;
    assert_eq!(answer.problem(), (422, "validation_failed".to_owned()));
    assert_eq!(
        answer.json()["failures"],
        json!([
            {"line": 3, "pointer": "/confirmation", "code": "unique_violation", "detail": "a stored record has the same `confirmation`"},
            {"line": 4, "pointer": "/id", "code": "duplicate_id", "detail": "the record at line 2 of this body has the same `id`"},
        ])
    );
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_body_that_is_no_array_is_malformed_and_says_where() {
    let app = TestApp::with_flights().await;
    for (body, detail) in [
        ("7", "expected a JSON array of records, at byte 0"),
        (r#"[{"carrier":"UA"}"#, "the JSON array is not closed, at byte 17"),
        (r#"[{"carrier":"UA"} {}]"#, "expected `,` or `]` between records, at byte 18"),
        ("", "the body is empty; expected a JSON array of records, at byte 0"),
    ] {
        let answer = app.post_text(BULK, "application/json", body).await;
        assert_eq!(answer.problem(), (400, "malformed_json".to_owned()), "{body}");
        assert_eq!(answer.detail(), detail);
    }
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn limits_are_answered_before_anything_is_stored() {
    let settings = HttpSettings {
        max_bulk_bytes: 1_000,
        max_buffered_bulk_bytes: 500,
        max_body_bytes: 600,
        ..HttpSettings::default()
    };
    let limits = IngestLimits { max_records: 10, max_record_bytes: 100, ..IngestLimits::default() };
    let app = TestApp::start_with(settings, limits);
    app.create_flights().await;
    let line = "{\"carrier\":\"UA\"}\n";
    let answer = app.post_text(BULK, "application/x-ndjson", line.repeat(11)).await;
    assert_eq!(answer.problem(), (413, "too_many_records".to_owned()));
    let answer = app.post_text(BULK, "application/x-ndjson", " ".repeat(1_001)).await;
    assert_eq!(answer.problem(), (413, "payload_too_large".to_owned()));
    let long = format!("{{\"carrier\":\"{}\"}}\n{line}", "x".repeat(200));
    let answer = app.post_text(BULK, "application/x-ndjson", long).await;
    assert_eq!((answer.problem().0, &answer.json()["failures"][0]["code"]), (422, &json!("record_too_large")));
    let alias = format!("{{\"schema_name\":\"flights\",\"data\":[{}]}}", " ".repeat(500));
    assert_eq!(app.post_text("/api/v1/records/bulk", "application/json", alias).await.problem().0, 413);
    assert_eq!(app.post_text("/api/v1/records/flights", "application/json", " ".repeat(601)).await.problem().0, 413);
    assert_eq!(app.count().await, 0);
}

#[tokio::test]
async fn a_body_that_declares_too_much_is_refused_before_it_is_read() {
    let app = TestApp::with_flights().await;
    let mut connection = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        u64::MAX / 2
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_client_that_vanishes_in_mid_body_leaves_nothing() {
    let app = TestApp::with_flights().await;
    let mut connection = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(b"{\"carrier\":\"UA\"}\n{\"carr").await.unwrap();
    drop(connection);
    app.load(json!([{"carrier": "AA"}])).await;
    assert_eq!(app.count().await, 1);
}

#[tokio::test]
async fn a_body_that_stops_arriving_times_out() {
    let settings = HttpSettings { body_timeout: Duration::from_millis(50), ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    let mut connection = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n{{"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn the_predecessors_route_takes_many_records() {
    let app = TestApp::with_flights().await;
    let body = json!({"schema_name": "flights", "data": [{"carrier": "UA"}, {"carrier": "AA"}]});
    let answer = app.post("/api/v1/records/bulk", &body).await;
    assert_eq!((answer.status, &answer.json()["created"]), (201, &json!(2)));
    let body = json!({"schema_name": "flights", "data": [{"carrier": "UA"}, {}]});
    let answer = app.post("/api/v1/records/bulk", &body).await;
    assert_eq!((answer.problem().0, &answer.json()["failures"][0]["line"]), (422, &json!(2)));
    // One record is none of many.
    for data in [json!({"carrier": "UA"}), json!("UA"), json!(7), json!(null)] {
        let body = json!({"schema_name": "flights", "data": data});
        assert_eq!(
            app.post("/api/v1/records/bulk", &body).await.problem(),
            (400, "malformed_json".to_owned()),
            "{data}"
        );
    }
    assert_eq!(app.count().await, 2);
}

#[tokio::test]
async fn a_used_up_budget_is_named_with_when_to_come_back() {
    let app = TestApp::with_flights().await;
    app.store.fail_next(Operation::Commit, StoreError::unavailable("pool", "internal words"));
    let answer = app.post(BULK, &json!([{"carrier": "UA"}])).await;
    assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
    assert_eq!((answer.header("retry-after"), &answer.json()["budget"]), ("1", &json!("pool")));
    assert_eq!(answer.json()["retryable"], true);
    assert!(!answer.text.contains("internal words"));
}

#[tokio::test]
async fn one_call_too_many_is_refused_before_its_body_is_read() {
    let settings = HttpSettings { max_bulk_calls: 1, bulk_call_wait: Duration::ZERO, ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    let mut first = TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: 16\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    first.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = vec![0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    first.read_exact(&mut go_on).await.unwrap();

    let refused = app.post_text(BULK, "application/x-ndjson", "{\"carrier\":\"UA\"}\n").await;
    assert_eq!(refused.problem(), (503, "overloaded".to_owned()));
    assert_eq!((refused.header("retry-after"), &refused.json()["budget"]), ("1", &json!("bulk_calls")));

    first.write_all(b"{\"carrier\":\"UA\"}").await.unwrap();
    let mut stored = vec![0; 12];
    first.read_exact(&mut stored).await.unwrap();
    assert_eq!(stored, b"HTTP/1.1 201");
    let next = app.post_text(BULK, "application/x-ndjson", "{\"carrier\":\"UA\"}").await;
    assert_eq!(next.status, 201, "the place is free again");
}

#[tokio::test]
async fn what_stored_records_lack_is_counted() {
    let app = TestApp::start();
    let schema = json!({"name": "flights", "properties": [
        {"name": "tailnum", "type": "string", "constraints": {"characters": "A-Z0-9"}, "warnings": {"required": true, "pattern": "^N"}},
        {"name": "seats", "type": "integer", "warnings": {"minimum": 1}}]});
    assert_eq!(app.post("/api/v1/schemas", &schema).await.status, 201);
    let records =
        json!([{"tailnum": "N1", "seats": 0}, {"tailnum": "X1", "seats": 2}, {"seats": 0}, {"tailnum": "n?"}]);
    let receipt = app.post("/api/v1/records/flights/bulk?mode=partial", &records).await;
    assert_eq!((receipt.status, &receipt.json()["failed"]), (207, &json!(1)));
    assert_eq!(receipt.json()["failures"][0]["code"], "disallowed_character");
    let warnings = json!([
        {"property": "tailnum", "code": "pattern_mismatch", "records": 1},
        {"property": "tailnum", "code": "required_missing", "records": 1},
        {"property": "seats", "code": "below_minimum", "records": 2}]);
    assert_eq!(receipt.json()["warnings"], warnings);
    let single = app.post("/api/v1/records/flights", &json!({"seats": 0})).await;
    assert_eq!(
        (single.status, single.header("eider-warnings")),
        (201, "tailnum=required_missing, seats=below_minimum")
    );
    let fine = app.post("/api/v1/records/flights", &json!({"tailnum": "N1", "seats": 1})).await;
    assert!(!fine.headers.contains_key("eider-warnings"));
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains(r#"eider_record_warnings_total{schema="flights",code="below_minimum"} 3"#), "{metrics}");
    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    let metrics = app.get("/metrics").await.text;
    assert!(!metrics.contains("schema=\"flights\""), "nothing is told of a schema that is gone: {metrics}");
}
