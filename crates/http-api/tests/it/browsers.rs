//! What browsers are told: CORS, and the headers of every answer.

use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use serde_json::json;

use crate::app::TestApp;

const ORIGIN: &str = "https://example.org";

fn app(origins: &[&str]) -> TestApp {
    let cors_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    TestApp::start_with(HttpSettings { cors_origins, ..HttpSettings::default() }, IngestLimits::default())
}

#[tokio::test]
async fn scripts_of_the_origins_that_are_named_may_ask() {
    let app = app(&[ORIGIN]);
    app.create_flights().await;
    // Also when keys are asked for: what browsers ask first has none.
    app.keys.replace(Vec::new());
    let preflight = app
        .request("OPTIONS", "/api/v1/records/flights")
        .header("origin", ORIGIN)
        .header("access-control-request-method", "QUERY")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = app.send(preflight).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ORIGIN), "{}", answer.text);
    assert!(answer.header("access-control-allow-methods").contains("QUERY"));
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert_eq!(answer.header("x-request-id").len(), 36);

    let refused = app.send(app.request("GET", "/api/v1/schemas").header("origin", ORIGIN)).await;
    assert_eq!(refused.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(refused.header("access-control-allow-origin"), ORIGIN, "a script can read why");
    let exposed = refused.header("access-control-expose-headers").to_ascii_lowercase();
    for name in ["x-request-id", "etag", "link", "ratelimit", "ratelimit-policy", "retry-after"] {
        assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name} in {exposed}");
    }
}

#[tokio::test]
async fn other_origins_are_told_nothing() {
    for app in [app(&[]), app(&[ORIGIN])] {
        let answer = app.send(app.request("GET", "/api/v1/schemas").header("origin", "https://example.com")).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
    }
    let any = app(&["*"]);
    let answer = any.send(any.request("GET", "/api/v1/schemas").header("origin", "https://example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn every_answer_tells_browsers_to_do_little_with_it() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA"}])).await;
    for path in ["/health/live", "/nowhere", "/metrics", "/api/v1/schemas", "/api/v1/records/flights/stream"] {
        let answer = app.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}: only with TLS");
    }
    assert!(app.get("/docs").await.header("content-security-policy").starts_with("default-src 'self'"));
}

#[tokio::test]
async fn what_has_a_tag_may_be_kept_and_asked_about() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA"}])).await;
    let id = app.get("/api/v1/records/flights").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        "/api/v1/records/flights".to_owned(),
        "/api/v1/schemas/flights".to_owned(),
        format!("/api/v1/records/flights/{id}"),
    ] {
        let answer = app.get(&path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-cache"), "{path}");
        if path != "/api/v1/schemas/flights" {
            let again = app.send(app.request("GET", &path).header("if-none-match", answer.header("etag"))).await;
            assert_eq!((again.status, again.header("cache-control")), (304, "no-cache"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_server_without_keys_listens_to_no_page_of_another_site() {
    let app = app(&["https://app.example"]);
    let send = async |method: &str, headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(app.request(method, "/api/v1/schemas"), |request, (name, value)| request.header(*name, *value));
        let body = json!({"name": "s", "properties": [{"name": "a", "type": "string"}]});
        app.send(request.body(body.to_string())).await.status
    };
    let typed = ("content-type", "application/json");
    for header in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example"),
    ] {
        assert_eq!(send("POST", &[typed, header]).await, 403, "{header:?}");
        assert_eq!(send("DELETE", &[header]).await, 403, "{header:?}");
    }
    assert_eq!(send("GET", &[("host", "evil.example")]).await, 403);
    assert_eq!(send("POST", &[]).await, 415, "a body says its type");
    assert_eq!(send("POST", &[("content-type", "text/plain")]).await, 415);
    assert_eq!(send("POST", &[typed, ("origin", "https://app.example")]).await, 201);
    let own = app.base.clone();
    assert_eq!(send("POST", &[typed, ("origin", &own)]).await, 409, "its own pages may");
}
