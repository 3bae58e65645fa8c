//! What every answer has, and the problems that belong to no resource.

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn every_answer_has_an_id_and_a_time() {
    let app = TestApp::with_flights().await;
    for path in ["/health/live", "/nowhere", "/api/v1/records/flights/stream"] {
        let answer = app.send(app.request("GET", path).header("X-Request-Id", "mine-1")).await;
        assert_eq!(answer.header("x-request-id"), "mine-1", "{path}");
        let time = answer.header("x-response-time");
        assert!(time.strip_suffix("ms").is_some_and(|number| number.parse::<f64>().is_ok()), "{path}: {time}");
    }
    let unusable = app.send(app.request("GET", "/health/live").header("X-Request-Id", "x".repeat(129))).await;
    assert_eq!(unusable.header("x-request-id").len(), 36);
    assert_ne!(
        app.get("/health/live").await.header("x-request-id"),
        app.get("/health/live").await.header("x-request-id")
    );
}

#[tokio::test]
async fn the_server_says_whether_it_lives_and_whether_it_is_ready() {
    let app = TestApp::start();
    assert_eq!(app.get("/health/live").await.json(), json!({"status": "live"}));
    assert_eq!(app.get("/health/ready").await.json(), json!({"status": "ready"}));
    app.store.fail_next(
        eider_testkit::Operation::Check,
        eider_application::ports::StoreError::unavailable("pool", "none free"),
    );
    assert_eq!(app.get("/health/ready").await.problem(), (503, "overloaded".to_owned()));
}

#[tokio::test]
async fn paths_and_methods_that_do_not_exist_are_problems() {
    let app = TestApp::with_flights().await;
    assert_eq!(app.get("/api/v2/schemas").await.problem(), (404, "route_not_found".to_owned()));
    for (method, path, allow) in [
        ("PUT", "/api/v1/schemas", "GET, POST, HEAD, OPTIONS"),
        ("PUT", "/api/v1/records/flights/stream", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/api/v1/records/flights/bulk", "POST, OPTIONS"),
        ("POST", "/health/live", "GET, HEAD, OPTIONS"),
    ] {
        let answer = app.send(app.request(method, path)).await;
        assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()), "{method} {path}");
        assert_eq!(answer.header("allow"), allow);
    }
}

#[tokio::test]
async fn hostile_schema_names_in_paths_find_nothing() {
    let app = TestApp::with_flights().await;
    for name in ["ships", "%22%3B%20drop%20table", "%F0%9F%A6%86", &"a".repeat(200), "a.b"] {
        for path in [
            format!("/api/v1/schemas/{name}"),
            format!("/api/v1/records/{name}"),
            format!("/api/v1/records/{name}/stream"),
        ] {
            assert_eq!(app.get(&path).await.problem(), (404, "schema_not_found".to_owned()), "{path}");
        }
    }
}

#[tokio::test]
async fn media_types_that_are_not_read_are_refused() {
    let app = TestApp::with_flights().await;
    for (path, media_type) in [
        ("/api/v1/schemas", "text/plain"),
        ("/api/v1/records/flights", "application/x-www-form-urlencoded"),
        ("/api/v1/records/flights", "application/x-ndjson"),
        ("/api/v1/records/flights/bulk", "text/plain"),
    ] {
        let answer = app.post_text(path, media_type, "{}").await;
        assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()), "{path} {media_type}");
    }
    let request = app.request("POST", "/api/v1/records/flights/bulk").header(CONTENT_TYPE, "application/x-ndjson");
    let answer = app.send(request.header(CONTENT_ENCODING, "br").body("x")).await;
    assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
    let answer = app.send(app.request("POST", "/api/v1/records/flights/bulk").body("[]")).await;
    assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()));
}

#[tokio::test]
async fn malformed_json_says_where() {
    let app = TestApp::start();
    let answer = app.post_text("/api/v1/schemas", "application/json", "{\"name\": }").await;
    assert_eq!(answer.problem(), (400, "malformed_json".to_owned()));
    assert!(answer.detail().contains("line 1 column 10"), "{}", answer.detail());
}

#[tokio::test]
async fn a_parameter_is_never_ignored() {
    let app = TestApp::with_flights().await;
    for (method, path) in [
        ("GET", "/api/v1/schemas?limit=1"),
        ("DELETE", "/api/v1/schemas/flights?force=true"),
        ("GET", "/api/v1/records/flights/01890a5d-ac96-774b-bcce-b302099a8057?fields=id"),
    ] {
        let answer = app.send(app.request(method, path)).await;
        assert_eq!(answer.problem(), (400, "unknown_parameter".to_owned()), "{path}");
    }
    assert_eq!(app.get("/api/v1/schemas/flights").await.status, 200);
}
