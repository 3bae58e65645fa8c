//! JSON in values and documents: what readers would not all take for the same is refused, in every way in.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use eider_application::ingest::{BodyFormat, IngestLimits};
use eider_http_api::HttpSettings;
use parquet::arrow::ArrowWriter;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const RECORDS: &str = "/api/v1/records/notes";

/// Values of `o`, where they are wrong, and the code.
fn wrong() -> Vec<(String, &'static str, &'static str)> {
    vec![
        (r#"{"a":[{"b":1,"b":2}]}"#.to_owned(), "/o/a/0/b", "duplicate_key"),
        (r#"{"a":1,"\u0061":2}"#.to_owned(), "/o/a", "duplicate_key"),
        (r#"{"n":[1,1e400]}"#.to_owned(), "/o/n/1", "out_of_range"),
        (r#"{"t":"cut \ud83d"}"#.to_owned(), "/o/t", "malformed_json"),
        (r#"{"k":{"\udc00":1}}"#.to_owned(), "/o/k", "malformed_json"),
        (nested(129), &DEEP, "too_deep"),
        (nested(20_000), &DEEP, "too_deep"),
    ]
}

static DEEP: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("/o{}", "/a".repeat(128)));

/// Objects in objects.
fn nested(depth: usize) -> String {
    format!("{}{}", "{\"a\":".repeat(depth - 1), "{}") + &"}".repeat(depth - 1)
}

async fn app() -> TestApp {
    let app = TestApp::start();
    let schema = json!({"name": "notes", "properties": [
        {"name": "k", "type": "string"}, {"name": "o", "type": "object"}, {"name": "l", "type": "array"}]});
    assert_eq!(app.post("/api/v1/schemas", &schema).await.status, 201);
    app
}

async fn send(app: &TestApp, method: &str, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    app.send(app.request(method, path).header(CONTENT_TYPE, media_type).body(body)).await
}

/// The first violation: its pointer and its code.
fn first(answer: &Answer) -> (String, String) {
    let answer = answer.json();
    // Of a bulk call they are failures.
    let error = answer["errors"].get(0).unwrap_or(&answer["failures"][0]);
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (text("pointer"), text("code"))
}

/// A record whose `o` is a text, as columns.
fn columns(text: &str, format: BodyFormat) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([("o", Arc::new(StringArray::from(vec![text])) as ArrayRef)]).unwrap();
    if format == BodyFormat::Parquet {
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        return writer.into_inner().unwrap();
    }
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn a_nested_value_that_is_read_in_several_ways_is_refused_in_every_way_in() {
    let app = app().await;
    let made = app.post(RECORDS, &json!({"o": {"a": 1}})).await.json();
    let path = format!("{RECORDS}/{}", made["id"].as_str().unwrap());
    let bulk = format!("{RECORDS}/bulk");
    for (value, pointer, code) in wrong() {
        let record = format!("{{\"k\":\"x\",\"o\":{value}}}");
        let expected = (pointer.to_owned(), code.to_owned());
        let status = if code == "malformed_json" { 400 } else { 422 };
        for answer in [
            send(&app, "POST", RECORDS, "application/json", record.clone()).await,
            send(&app, "PUT", &path, "application/json", record.clone()).await,
            send(&app, "PATCH", &path, "application/merge-patch+json", record.clone()).await,
        ] {
            assert_eq!((answer.status, first(&answer)), (status, expected.clone()), "{}", answer.text);
        }
        let csv = format!("k,o\nx,\"{}\"\n", value.replace('"', "\"\""));
        for (media_type, body) in [
            ("application/x-ndjson", record.clone().into_bytes()),
            ("application/json", format!("[{record}]").into_bytes()),
            ("text/csv", csv.into_bytes()),
            ("application/vnd.apache.arrow.stream", columns(&value, BodyFormat::ArrowStream)),
            ("application/vnd.apache.parquet", columns(&value, BodyFormat::Parquet)),
        ] {
            let answer = send(&app, "POST", &bulk, media_type, body).await;
            assert_eq!((answer.status, first(&answer)), (422, expected.clone()), "{media_type}: {}", answer.text);
        }
        let named = format!("{{\"schema_name\":\"notes\",\"data\":{record}}}");
        assert_eq!(first(&send(&app, "POST", "/api/v1/records", "application/json", named).await), expected);
        let inferred = send(&app, "POST", "/api/v1/schemas/infer", "application/x-ndjson", record).await;
        assert_eq!(inferred.status, 422, "a record that no schema takes has no properties: {}", inferred.text);
    }
    assert_eq!(app.get(&path).await.json()["o"], json!({"a": 1}));
    assert_eq!(app.get(&format!("{RECORDS}/count")).await.json()["count"], 1);
}

#[tokio::test]
async fn what_is_taken_comes_back_as_it_was_written() {
    let app = app().await;
    for (property, value) in [
        ("o", r#"{"n":12345678901234567890123,"f":0.1000000000000000055,"z":-0,"e":1E+2}"#.to_owned()),
        ("l", r#"["\ud83d\ude00","\u0000",1e-400]"#.to_owned()),
        ("o", nested(128)),
    ] {
        let answer = send(&app, "POST", RECORDS, "application/json", format!("{{\"{property}\":{value}}}")).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert!(answer.text.contains(&value), "{} has no {value}", answer.text);
        let stored = app.get(answer.header("location")).await;
        assert!(stored.text.contains(&value), "{} has no {value}", stored.text);
    }
}

#[tokio::test]
async fn a_patch_leaves_what_it_does_not_touch_and_is_bounded_like_a_record() {
    let limits = IngestLimits { max_record_bytes: 1000, ..IngestLimits::default() };
    let app = TestApp::start_with(HttpSettings::default(), limits);
    let schema = json!({"name": "notes", "properties": [{"name": "o", "type": "object"}]});
    assert_eq!(app.post("/api/v1/schemas", &schema).await.status, 201);
    let body = r#"{"o":{"b":1.10,"\u00e9":{"x":1e3},"a":[]}}"#;
    let made = send(&app, "POST", RECORDS, "application/json", body).await;
    let record = made.header("location").to_owned();
    let patch = async |body: String| send(&app, "PATCH", &record, "application/merge-patch+json", body).await;
    let answer = patch(r#"{"o":{"é":{"y":2.50},"new":0}}"#.to_owned()).await;
    assert!(answer.text.contains(r#""o":{"b":1.10,"\u00e9":{"x":1e3,"y":2.50},"a":[],"new":0}"#), "{}", answer.text);
    let refused = patch(format!("{{\"o\":{{\"long\":\"{}\"}}}}", "x".repeat(950))).await;
    assert_eq!((refused.status, first(&refused).1.as_str()), (422, "record_too_large"), "{}", refused.text);
    assert_eq!(app.get(&record).await.json()["version"], 2);
}

/// Documents that the routes with JSON bodies are sent, with a place for a value.
fn documents() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("POST", "/api/v1/schemas", r#"{"name":"s","properties":[{"name":"o","type":"object","default":$}]}"#),
        ("PATCH", "/api/v1/schemas/notes", r#"{"add":[{"name":"p","type":"object","default":$}]}"#),
        ("POST", "/api/v1/records/notes/query", r#"{"where":$}"#),
        ("QUERY", "/api/v1/records/notes", r#"{"where":{"field":"k","op":"in","value":$}}"#),
        ("POST", "/api/v1/records/notes/stream", r#"{"where":$}"#),
        ("POST", "/api/v1/schemas/notes/validations", r#"{"rules":[$]}"#),
        ("POST", "/api/v1/schemas/notes/validations/00000000-0000-7000-8000-000000000001/apply", r#"{"rules":[$]}"#),
    ]
}

#[tokio::test]
async fn a_document_keeps_the_same_rules() {
    let app = app().await;
    for (method, path, document) in documents() {
        for (value, status, code, violation) in [
            (r#"{"x":1,"x":1}"#.to_owned(), 400, "malformed_request", "duplicate_key"),
            ("1e400".to_owned(), 400, "malformed_json", "out_of_range"),
            (r#""\ud800""#.to_owned(), 400, "malformed_json", "malformed_json"),
            (nested(129), 400, "malformed_request", "too_deep"),
            (nested(50_000), 400, "malformed_request", "too_deep"),
            (format!("{}{}", "[".repeat(50_000), "]".repeat(50_000)), 400, "malformed_request", "too_deep"),
        ] {
            let answer = send(&app, method, path, "application/json", document.replace('$', &value)).await;
            assert_eq!(answer.problem(), (status, code.to_owned()), "{method} {path}");
            let (pointer, found) = first(&answer);
            assert_eq!(found, violation, "{method} {path}: {}", answer.text);
            assert!(pointer.starts_with('/'), "{method} {path}: {}", answer.text);
        }
        let unclosed = send(&app, method, path, "application/json", "[".repeat(100_000)).await;
        assert_eq!(unclosed.problem(), (400, "malformed_json".to_owned()), "{method} {path}");
    }
    for path in ["?filters=", "?sort=", "?k.in="] {
        let refused = app.get(&format!("{RECORDS}{path}{}", "[".repeat(2000))).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
    }
}

#[tokio::test]
async fn a_default_is_as_deep_as_its_schema_may_be_and_is_shown_whole() {
    let app = app().await;
    let schema = |depth: usize| {
        let value: Json = serde_json::from_str(&nested(depth)).unwrap();
        json!({"name": format!("d{depth}"), "properties": [{"name": "o", "type": "object", "default": value}]})
    };
    assert_eq!(app.post("/api/v1/schemas", &schema(126)).await.problem().0, 400);
    let made = app.post("/api/v1/schemas", &schema(125)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.text.contains(&nested(125)), "{}", made.text);
    let record = app.post("/api/v1/records/d125", &json!({})).await;
    assert!(record.text.contains(&nested(125)), "{}", record.text);
}

#[tokio::test]
async fn the_depth_is_a_setting() {
    let limits = IngestLimits { max_json_depth: 200, ..IngestLimits::default() };
    let app = TestApp::start_with(HttpSettings { max_json_depth: 200, ..HttpSettings::default() }, limits);
    let value = nested(190);
    let schema = format!(r#"{{"name":"notes","properties":[{{"name":"o","type":"object","default":{value}}}]}}"#);
    let made = send(&app, "POST", "/api/v1/schemas", "application/json", schema).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let shown = app.get("/api/v1/schemas/notes").await;
    assert!(shown.text.contains(&value), "{}", shown.text);
    let record = format!("{{\"o\":{}}}", nested(200));
    assert_eq!(send(&app, "POST", RECORDS, "application/json", record).await.status, 201);
    let record = format!("{{\"o\":{}}}", nested(201));
    assert_eq!(send(&app, "POST", RECORDS, "application/json", record).await.status, 422);
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over_in_every_route_that_takes_json() {
    let app = app().await;
    let marked = |text: &str| format!("\u{feff}{text}");
    let made = send(&app, "POST", RECORDS, "application/json", marked(r#"{"k":"a"}"#)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let record = made.header("location").to_owned();
    let records = r#"[{"k":"b"},{"k":"c"}]"#;
    let named = |data: &str| format!(r#"{{"schema_name":"notes","data":{data}}}"#);
    let bulk = format!("{RECORDS}/bulk");
    for (method, path, media_type, body) in [
        ("PUT", record.as_str(), "application/json", r#"{"k":"d"}"#.to_owned()),
        ("PATCH", record.as_str(), "application/merge-patch+json", r#"{"k":"e"}"#.to_owned()),
        ("POST", bulk.as_str(), "application/json", records.to_owned()),
        ("POST", bulk.as_str(), "application/x-ndjson", "{\"k\":\"f\"}\n{\"k\":\"g\"}\n".to_owned()),
        ("POST", bulk.as_str(), "text/csv", "k,o\nh,\n".to_owned()),
        ("POST", "/api/v1/records", "application/json", named(r#"{"k":"i"}"#)),
        ("POST", "/api/v1/records/bulk", "application/json", named(records)),
        ("POST", "/api/v1/schemas/infer", "application/json", records.to_owned()),
        ("POST", "/api/v1/schemas/infer", "application/x-ndjson", r#"{"k":"f"}"#.to_owned()),
        (
            "POST",
            "/api/v1/schemas",
            "application/json",
            r#"{"name":"m","properties":[{"name":"a","type":"date"}]}"#.to_owned(),
        ),
        ("PATCH", "/api/v1/schemas/m", "application/json", r#"{"description":"x"}"#.to_owned()),
        ("POST", "/api/v1/records/notes/query", "application/json", r#"{"limit":1}"#.to_owned()),
        ("QUERY", RECORDS, "application/json", r#"{"limit":1}"#.to_owned()),
        ("POST", "/api/v1/records/notes/stream", "application/json", "{}".to_owned()),
    ] {
        let answer = send(&app, method, path, media_type, marked(&body)).await;
        assert!((200..300).contains(&answer.status), "{method} {path} {media_type}: {}", answer.text);
    }
    // Alone it is an empty body, which here means rules of the schema's own.
    let empty = send(&app, "POST", "/api/v1/schemas/notes/validations", "application/json", marked("")).await;
    assert_eq!(empty.status, 200, "{}", empty.text);
}

#[tokio::test]
async fn a_parameter_of_the_media_type_that_says_otherwise_is_refused() {
    let app = app().await;
    let bulk = format!("{RECORDS}/bulk");
    for (path, media_type, status) in [
        (RECORDS, "application/json; charset=utf-8", 201),
        (RECORDS, "application/json;charset=\"UTF-8\"", 201),
        (RECORDS, "application/json; charset=us-ascii; profile=x", 201),
        (RECORDS, "application/json; charset=iso-8859-1", 415),
        (RECORDS, "application/json; profile=x; Charset=UTF-16", 415),
        ("/api/v1/schemas", "application/json; charset=windows-1252", 415),
        (&bulk, "application/x-ndjson; charset=utf-16le", 415),
        (&bulk, "text/csv; charset=klingon", 415),
        (&bulk, "text/csv; header=perhaps", 415),
        ("/api/v1/schemas/infer", "text/csv; skip=some", 415),
    ] {
        let answer = send(&app, "POST", path, media_type, "{}").await;
        assert_eq!(answer.status, status, "{media_type}: {}", answer.text);
        if status == 415 {
            assert_eq!(answer.problem().1, "unsupported_media_type");
        }
    }
    let read = send(&app, "POST", &bulk, "text/csv; charset=UTF-8; header=present", "k,o\nx,\n").await;
    assert_eq!(read.status, 201, "{}", read.text);
}
