//! Long answers of text that are no records, compressed as their client likes.

use std::io::Read;

use flate2::read::GzDecoder;
use reqwest::header::HeaderMap;
use serde_json::{Value as Json, json};

use crate::app::TestApp;

const CODINGS: [&str; 2] = ["gzip", "zstd"];
const WIDE: &str = "/api/v1/schemas/wide";

/// A schema that takes more than a kibibyte to describe.
fn wide() -> Json {
    let properties: Vec<Json> =
        (0..60).map(|number| json!({"name": format!("p{number}"), "type": "integer"})).collect();
    json!({"name": "wide", "properties": properties})
}

async fn app() -> TestApp {
    let app = TestApp::start();
    assert_eq!(app.post("/api/v1/schemas", &wide()).await.status, 201);
    app
}

/// The headers of an answer and its body, inflated, and how long it was on its way.
async fn read(app: &TestApp, method: &str, path: &str, accepted: &str) -> (HeaderMap, String, usize) {
    let response = app.request(method, path).header("accept-encoding", accepted).send().await.unwrap();
    let headers = response.headers().clone();
    let body = response.bytes().await.unwrap();
    let text = inflated(header(&headers, "content-encoding"), &body);
    (headers, text, body.len())
}

fn inflated(coding: &str, body: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        // Of `HEAD`.
        _ if body.is_empty() => {}
        "gzip" => drop(GzDecoder::new(body).read_to_string(&mut text).unwrap()),
        "zstd" => text = String::from_utf8(zstd::decode_all(body).unwrap()).unwrap(),
        _ => text = String::from_utf8(body.to_vec()).unwrap(),
    }
    text
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn long_text_is_compressed_for_who_likes_it() {
    let app = app().await;
    for path in [
        "/openapi.json",
        "/openapi.json?version=3.1",
        "/docs/swagger-ui.css",
        "/docs/swagger-ui-bundle.js",
        "/api/v1",
        "/api/v1/schemas",
        "/api/v1/schemas/wide/versions",
        WIDE,
    ] {
        let (plain, text, length) = read(&app, "GET", path, "identity").await;
        assert_eq!(header(&plain, "content-encoding"), "", "{path}");
        assert!(header(&plain, "vary").ends_with("accept-encoding"), "{path}: {plain:?}");
        for coding in CODINGS {
            // The second time it may be a kept one.
            for _ in 0..2 {
                let (headers, inflated, sent) = read(&app, "GET", path, coding).await;
                assert_eq!(header(&headers, "content-encoding"), coding, "{path}");
                assert_eq!(header(&headers, "vary"), header(&plain, "vary"), "{path}");
                assert_eq!(header(&headers, "content-type"), header(&plain, "content-type"), "{path}");
                assert_eq!(header(&headers, "content-length"), sent.to_string(), "{path}");
                assert!(inflated == text && sent * 2 < length, "{path}: {sent} of {length} bytes");
            }
            let (get, _, _) = read(&app, "GET", path, coding).await;
            let (head, nothing, _) = read(&app, "HEAD", path, coding).await;
            assert_eq!(nothing, "");
            for name in ["content-length", "content-encoding", "etag", "vary"] {
                assert_eq!(header(&head, name), header(&get, name), "{path} {name}");
            }
        }
        let (refused, same, _) = read(&app, "GET", path, "identity;q=0, br").await;
        assert_eq!((header(&refused, "content-encoding"), same == text), ("", true), "{path}");
    }
    for coding in CODINGS {
        let (headers, statistics, _) = read(&app, "GET", "/metrics", coding).await;
        assert_eq!(header(&headers, "content-encoding"), coding);
        assert!(statistics.contains("# HELP eider_"), "{statistics}");
    }
}

#[tokio::test]
async fn what_is_short_or_no_text_is_sent_as_it_is() {
    let app = app().await;
    for path in ["/", "/health/live", "/docs", "/docs/start.js", "/docs/favicon-32x32.png", "/nowhere"] {
        let answer = app.request("GET", path).header("accept-encoding", "gzip, zstd").send().await.unwrap();
        assert!(!answer.headers().contains_key("content-encoding"), "{path}");
        assert!(!header(answer.headers(), "vary").contains("accept-encoding"), "{path}");
    }
}

#[tokio::test]
async fn each_coding_has_a_tag_of_its_own_and_all_are_known() {
    let app = app().await;
    for path in ["/openapi.json", "/docs/swagger-ui.css", WIDE] {
        let mut tags = Vec::new();
        for coding in ["identity", "gzip", "zstd"] {
            let (headers, _, _) = read(&app, "GET", path, coding).await;
            let tag = header(&headers, "etag").to_owned();
            assert!(tag.starts_with('"') && !tags.contains(&tag), "{path} {coding}: {tag}");
            let known = app.request("GET", path).header("accept-encoding", coding).header("if-none-match", &tag);
            let known = app.send(known).await;
            assert_eq!((known.status, known.header("etag")), (304, tag.as_str()), "{path} {coding}");
            tags.push(tag);
        }
        // Whoever has it compressed has it.
        for tag in &tags {
            let known = app.send(app.request("GET", path).header("if-none-match", tag)).await;
            assert_eq!((known.status, known.header("etag")), (304, tags[0].as_str()), "{path} {tag}");
        }
        let other = app.send(app.request("GET", path).header("if-none-match", "\"other.gzip\"")).await;
        assert_eq!(other.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_was_read_compressed_can_be_changed_by_its_tag() {
    let app = app().await;
    for (number, coding) in CODINGS.into_iter().enumerate() {
        let (headers, _, _) = read(&app, "GET", WIDE, coding).await;
        let tag = header(&headers, "etag");
        let change = || {
            let body = json!({"description": format!("number {number}")}).to_string();
            app.request("PATCH", WIDE).header("if-match", tag).header("content-type", "application/json").body(body)
        };
        assert_eq!(app.send(change()).await.status, 200, "{coding}");
        assert_eq!(
            app.send(change()).await.problem(),
            (412, "stale_version".to_owned()),
            "{coding}: it is another now"
        );
    }
}

#[tokio::test]
async fn long_problems_are_compressed_too() {
    let app = app().await;
    let records: Vec<Json> = (0..50).map(|_| json!({"p1": "x"})).collect();
    for coding in CODINGS {
        let request = app.request("POST", "/api/v1/records/wide/bulk").header("accept-encoding", coding).json(&records);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 422);
        let headers = response.headers().clone();
        let names = ["content-type", "content-encoding", "vary"].map(|name| header(&headers, name));
        assert_eq!(names, ["application/problem+json", coding, "accept-encoding"]);
        let body = response.bytes().await.unwrap();
        let problem: Json = serde_json::from_str(&inflated(coding, &body)).unwrap();
        assert_eq!(
            (&problem["code"], &problem["instance"]),
            (&json!("validation_failed"), &json!(headers["x-request-id"].to_str().unwrap()))
        );
    }
}
