//! Keys: who is let in, and what each may do.

use std::time::Duration;

use eider_application::access::ApiKey;
use eider_application::ports::Clock;
use eider_domain::{Grant, SchemaPattern};
use eider_http_api::HttpSettings;
use eider_testkit::MemoryReports;
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp, flights};

const RECORDS: &str = "/api/v1/records/flights";

/// A key whose bytes are all `seed`.
fn key(app: &TestApp, seed: u8, verbs: &str, schemas: &str) -> (ApiKey, String) {
    let schemas = schemas.split(',').map(|text| SchemaPattern::parse(text).unwrap()).collect();
    let grant = Grant::new(Grant::parse_verbs(verbs.split(',')).unwrap(), schemas);
    ApiKey::issue(verbs.to_owned(), grant, &[seed; ApiKey::ENTROPY_BYTES], app.clock.now(), None)
}

/// A server with the schemas `flights` and `sales_eu`, and keys of these verbs and schemas; their texts.
async fn app_with<const N: usize>(grants: [(&str, &str); N]) -> (TestApp, [String; N]) {
    let app = TestApp::with_flights().await;
    let mut sales = flights();
    sales["name"] = json!("sales_eu");
    assert_eq!(app.post("/api/v1/schemas", &sales).await.status, 201);
    app.load(json!([{"carrier": "UA", "flight": 1}])).await;
    let mut seed = 0;
    let issued = grants.map(|(verbs, schemas)| {
        seed += 1;
        key(&app, seed, verbs, schemas)
    });
    let texts = issued.clone().map(|(_, text)| text);
    app.keys.replace(issued.into_iter().map(|(key, _)| key).collect());
    (app, texts)
}

async fn call(app: &TestApp, key: &str, method: &str, path: &str, body: &str) -> Answer {
    let request = app.request(method, path).bearer_auth(key).header("content-type", "application/json");
    app.send(request.body(body.to_owned())).await
}

#[tokio::test]
async fn without_a_valid_key_every_answer_but_health_is_the_same() {
    let (app, [right]) = app_with([("admin", "*")]).await;
    let wrong = format!("{}0", &right[..right.len() - 1]);
    let unknown = right.replacen("01", "02", 1);
    let mut bodies = Vec::new();
    for authorization in
        ["", "Bearer", "Bearer ", "Basic YTpi", &format!("Bearer {wrong}"), &format!("Bearer {unknown}")]
    {
        for path in ["/api/v1/schemas", RECORDS, "/metrics", "/nowhere", "/monitoring/pool"] {
            let request = app.request("GET", path).header("x-request-id", "same");
            let answer = app.send(request.header("authorization", authorization)).await;
            assert_eq!(answer.problem(), (401, "unauthorized".to_owned()), "{authorization} {path}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            bodies.push(answer.text);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:#?}");
    assert_eq!(app.get("/health/live").await.status, 200);
    assert_eq!(app.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn the_description_shows_routes_to_everybody_and_schemas_to_those_who_may_see_them() {
    let (app, [seller, appender]) = app_with([("schemas:read", "sales_*"), ("records:append", "*")]).await;
    let paths = async |key: Option<&str>| {
        let request = app.request("GET", "/openapi.json");
        let answer = app.send(match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        });
        let answer = answer.await;
        assert_eq!(
            (answer.status, answer.header("vary")),
            (200, "authorization, x-api-key, accept-encoding"),
            "{}",
            answer.text
        );
        let document = answer.json();
        assert!(document["paths"]["/api/v1/records/{schema}"].is_object());
        let has = |schema: &str| document["paths"][format!("/api/v1/records/{schema}")].is_object();
        (has("flights"), has("sales_eu"))
    };
    assert_eq!(paths(None).await, (false, false));
    assert_eq!(paths(Some(&appender)).await, (false, false));
    assert_eq!(paths(Some(&seller)).await, (false, true));
    let wrong = app.send(app.request("GET", "/openapi.json").bearer_auth("wrong")).await;
    assert_eq!(wrong.problem(), (401, "unauthorized".to_owned()));
    assert_eq!(app.get("/docs").await.status, 200);
}

#[tokio::test]
async fn a_key_comes_as_bearer_or_in_a_header_of_its_own() {
    let (app, [key]) = app_with([("admin", "*")]).await;
    for (name, value) in
        [("authorization", format!("Bearer {key}")), ("Authorization", format!("bEARER  {key}")), ("X-API-Key", key)]
    {
        let answer = app.send(app.request("GET", "/api/v1/schemas").header(name, &value)).await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
    }
}

/// The calls that a server answers, with the verb that each needs.
const CALLS: &[(&str, &str, &str, &str)] = &[
    ("metrics:read", "GET", "/metrics", ""),
    ("schemas:read", "GET", "/api/v1/schemas/flights", ""),
    ("schemas:write", "DELETE", "/api/v1/schemas/flights", ""),
    ("schemas:write", "POST", "/api/v1/schemas", r#"{"name": "flights", "properties": []}"#),
    ("records:append", "POST", RECORDS, r#"{"carrier": "UA"}"#),
    ("records:append", "POST", "/api/v1/records/flights/bulk", r#"[{"carrier": "UA"}]"#),
    ("records:append", "POST", "/api/v1/records/flights/bulk?on_conflict=ignore", r#"[{"carrier": "UA"}]"#),
    ("records:append", "POST", "/api/v1/records", r#"{"schema_name": "flights", "data": {"carrier": "UA"}}"#),
    ("records:append", "POST", "/api/v1/records/bulk", r#"{"schema_name": "flights", "data": [{"carrier": "UA"}]}"#),
    ("records:write", "POST", "/api/v1/records/flights/bulk?on_conflict=replace", r#"[{"carrier": "UA"}]"#),
    (
        "records:write",
        "POST",
        "/api/v1/records/bulk?on_conflict=replace",
        r#"{"schema_name": "flights", "data": [{"carrier": "UA"}]}"#,
    ),
    ("records:write", "DELETE", "/api/v1/records/flights?flight.eq=9&max_affected=1", ""),
    ("records:write", "PUT", "/api/v1/records/flights/01890a5d-ac96-774b-bcce-b302099a8057", r#"{"carrier": "UA"}"#),
    ("records:write", "PATCH", "/api/v1/records/flights/01890a5d-ac96-774b-bcce-b302099a8057", "{}"),
    ("records:write", "DELETE", "/api/v1/records/flights/01890a5d-ac96-774b-bcce-b302099a8057", ""),
    ("records:read", "GET", "/api/v1/records/flights/01890a5d-ac96-774b-bcce-b302099a8057", ""),
    ("records:read", "GET", RECORDS, ""),
    ("records:read", "POST", "/api/v1/schemas/flights/validations", ""),
    ("records:read", "GET", "/api/v1/schemas/flights/validations", ""),
    ("records:read", "GET", "/api/v1/schemas/flights/validations/01890a5d-ac96-774b-bcce-b302099a8057/issues", ""),
    ("records:read", "DELETE", "/api/v1/schemas/flights/validations/01890a5d-ac96-774b-bcce-b302099a8057", ""),
    ("records:write", "POST", "/api/v1/schemas/flights/validations/01890a5d-ac96-774b-bcce-b302099a8057/apply", ""),
    ("records:read", "GET", "/api/v1/records/%66lights", ""),
    ("records:read", "GET", "/api/v1/records/FLIGHTS?explain=true", ""),
    ("records:read", "QUERY", RECORDS, "{}"),
    ("records:read", "POST", "/api/v1/records/flights/query", "{}"),
    ("records:read", "GET", "/api/v1/records/flights/stream", ""),
    ("records:read", "POST", "/api/v1/records/flights/stream", "{}"),
    ("records:read", "GET", "/api/v1/records/flights/count", ""),
];

/// Whether a refusal names the verb. That a bulk call replaces is looked at behind whether it may be made.
fn names_verb(detail: &str, needed: &str, path: &str) -> bool {
    let is_named = |verb: &str| detail.starts_with(&format!("the key lacks `{verb}`"));
    is_named(needed) || (path.ends_with("on_conflict=replace") && is_named("records:append"))
}

#[tokio::test]
async fn a_key_may_do_what_its_verbs_say_and_nothing_else() {
    let verbs = ["metrics:read", "schemas:read", "records:read", "records:append", "records:write", "schemas:write"];
    let (app, keys) = app_with(verbs.map(|verb| (verb, "flights"))).await;
    // Whoever may remove the schema comes last.
    for (verb, key) in verbs.iter().zip(&keys) {
        for (needed, method, path, body) in CALLS {
            let answer = call(&app, key, method, path, body).await;
            let is_allowed = verb == needed || (*verb == "records:write" && *needed == "records:append");
            assert_ne!(answer.status, 401, "{verb}: {method} {path}");
            assert_eq!(answer.status != 403, is_allowed, "{verb}: {method} {path}: {}", answer.text);
            if !is_allowed {
                assert_eq!(answer.problem().1, "forbidden");
                assert!(names_verb(&answer.detail(), needed, path), "{method} {path}: {}", answer.detail());
            }
        }
    }
}

#[tokio::test]
async fn a_key_may_do_it_to_the_schemas_that_it_names() {
    let (app, [key]) =
        app_with([("schemas:read,schemas:write,records:read,records:append,records:write", "sales_*")]).await;
    for (needed, method, path, body) in CALLS.iter().skip(1) {
        let answer = call(&app, &key, method, path, body).await;
        assert_eq!(answer.problem(), (403, "forbidden".to_owned()), "{method} {path}");
        let detail = answer.detail();
        assert!(names_verb(&detail, needed, path) && detail.contains("` on the schema `"), "{method} {path}: {detail}");
        let elsewhere = |text: &str| {
            text.replace("flights", "sales_eu").replace("FLIGHTS", "SALES_EU").replace("%66lights", "%73ales_eu")
        };
        if *method != "DELETE" || path.starts_with(RECORDS) {
            let answer = call(&app, &key, method, &elsewhere(path), &elsewhere(body)).await;
            assert_ne!(answer.status, 403, "{method} {path}: {}", answer.text);
        }
    }
    // Nothing is said of what is there and what is not.
    let details = ["flights", "ships"].map(|name| format!("/api/v1/records/{name}"));
    for path in &details {
        assert_eq!(call(&app, &key, "GET", path, "").await.status, 403, "{path}");
    }
    assert_eq!(call(&app, &key, "GET", "/api/v1/records/sales_us", "").await.problem().1, "schema_not_found");
    assert_eq!(call(&app, &key, "PUT", "/api/v1/schemas", "").await.status, 405);
}

#[tokio::test]
async fn a_list_shows_the_schemas_that_a_key_may_see() {
    let (app, [all, some, none, append]) = app_with([
        ("admin", "flights"),
        ("schemas:read", "sales_*"),
        ("schemas:read", "ships"),
        ("records:append", "*"),
    ])
    .await;
    for (key, expected) in [(all, vec!["flights", "sales_eu"]), (some, vec!["sales_eu"]), (none, vec![])] {
        let answer = call(&app, &key, "GET", "/api/v1/schemas", "").await.json();
        let names: Vec<&str> =
            answer["data"].as_array().unwrap().iter().map(|schema| schema["name"].as_str().unwrap()).collect();
        assert_eq!(names, expected);
        let counted = call(&app, &key, "GET", "/api/v1/schemas?statistics=true", "").await.json();
        let counted = counted["data"].as_array().unwrap().iter();
        let counted: Vec<_> =
            counted.map(|schema| (schema["name"].as_str().unwrap(), schema["record_count"].as_u64())).collect();
        let records = |name: &&'static str| (*name, Some(u64::from(*name == "flights")));
        assert_eq!(counted, expected.iter().map(records).collect::<Vec<_>>());
    }
    assert_eq!(call(&app, &append, "GET", "/api/v1/schemas", "").await.problem(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn an_expired_key_and_a_revoked_one_hold_no_longer() {
    let (app, [_]) = app_with([("admin", "*")]).await;
    let (mut short, text) = key(&app, 9, "admin", "*");
    short.expires_at = Some(app.clock.now());
    app.keys.replace(vec![short.clone()]);
    assert_eq!(call(&app, &text, "GET", "/api/v1/schemas", "").await.status, 401);
    app.clock.advance(Duration::from_secs(1));
    short.expires_at = Some(app.clock.now());
    app.clock.set(short.created_at);
    app.keys.replace(vec![short.clone()]);
    assert_eq!(call(&app, &text, "GET", "/api/v1/schemas", "").await.status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(call(&app, &text, "GET", "/api/v1/schemas", "").await.status, 401);
    short.expires_at = None;
    short.revoked_at = Some(short.created_at);
    app.keys.replace(vec![short]);
    assert_eq!(call(&app, &text, "GET", "/api/v1/schemas", "").await.status, 401);
    app.keys.replace(Vec::new());
    assert_eq!(app.get("/api/v1/schemas").await.status, 401, "the last key is gone, and the server is not open");
}

#[tokio::test]
async fn idempotency_keys_belong_to_the_key_that_sent_them() {
    let (app, [one, other]) = app_with([("records:append", "*"), ("records:append", "*")]).await;
    let send = async |key: &str, path: &str, body: &str| {
        let request = app.request("POST", path).bearer_auth(key).header("idempotency-key", "call-1");
        app.send(request.header("content-type", "application/json").body(body.to_owned())).await
    };
    let bulk = "/api/v1/records/flights/bulk?return=ids";
    let first = send(&one, bulk, r#"[{"carrier": "UA"}]"#).await.json();
    assert_eq!(send(&one, bulk, r#"[{"carrier": "UA"}]"#).await.json()["replayed"], true);
    let same = send(&other, bulk, r#"[{"carrier": "UA"}]"#).await;
    assert_eq!((same.status, &same.json()["replayed"]), (201, &json!(false)), "{}", same.text);
    assert_ne!(same.json()["ids"], first["ids"]);
    assert_eq!(send(&one, RECORDS, r#"{"carrier": "AA"}"#).await.status, 422, "single and bulk calls share them");
}

#[tokio::test]
async fn a_report_of_failures_is_read_by_who_made_the_call() {
    let limits = eider_application::ingest::IngestLimits {
        max_failures: 1,
        ..eider_application::ingest::IngestLimits::default()
    };
    let app = TestApp::start_over(HttpSettings::default(), limits, MemoryReports::default());
    app.create_flights().await;
    let bad: Json = json!([{"carrier": "UAL"}, {"carrier": "DAL"}]);
    let open = app.post("/api/v1/records/flights/bulk", &bad).await.json()["import_id"].as_str().unwrap().to_owned();
    let issued =
        [(1, "records:append"), (2, "writer"), (3, "admin"), (4, "reader")].map(|(n, verbs)| key(&app, n, verbs, "*"));
    let [own, other, admin, reader] = issued.clone().map(|(_, text)| text);
    app.keys.replace(issued.into_iter().map(|(key, _)| key).collect());
    let refused = call(&app, &own, "POST", "/api/v1/records/flights/bulk", &bad.to_string()).await;
    let import = refused.json()["import_id"].as_str().unwrap().to_owned();
    let status = async |key: &str, import: &str| {
        call(&app, key, "GET", &format!("/api/v1/imports/{import}/failures"), "").await.status
    };
    assert_eq!((status(&own, &import).await, status(&admin, &import).await), (200, 200));
    assert_eq!((status(&other, &import).await, status(&reader, &import).await), (404, 403));
    assert_eq!((status(&own, &open).await, status(&admin, &open).await), (404, 200));
}

#[tokio::test]
async fn two_keys_that_differ_are_none() {
    let (app, [one, other]) = app_with([("admin", "*"), ("reader", "*")]).await;
    let send = async |bearer: &str, own: &str| {
        let request = app.request("GET", RECORDS).bearer_auth(bearer).header("x-api-key", own);
        app.send(request).await
    };
    assert_eq!(send(&one, &one).await.status, 200);
    for (bearer, own) in [(&one, &other), (&other, &one), (&one, &"x".to_owned())] {
        assert_eq!(send(bearer, own).await.problem(), (400, "malformed_request".to_owned()));
    }
}

#[tokio::test]
async fn who_may_only_read_ends_nobody_elses_validation() {
    let (app, [one, other, writer]) = app_with([("records:read", "*"), ("records:read", "*"), ("writer", "*")]).await;
    let path = "/api/v1/schemas/flights/validations";
    let validate = async || call(&app, &one, "POST", path, "").await.json()["id"].as_str().unwrap().to_owned();
    let of = |id: &str| format!("{path}/{id}");
    let first = validate().await;
    assert_eq!(call(&app, &other, "DELETE", &of(&first), "").await.problem(), (403, "forbidden".to_owned()));
    assert_eq!(call(&app, &one, "DELETE", &of(&first), "").await.status, 204);
    let second = validate().await;
    assert_eq!(call(&app, &writer, "DELETE", &of(&second), "").await.status, 204);
}

/// Every route, method and kind of key, as docs/reference/access.md says.
#[tokio::test]
async fn every_key_may_do_what_the_document_says_and_nothing_else() {
    const VERBS: [&str; 7] =
        ["schemas:read", "schemas:write", "records:read", "records:append", "records:write", "metrics:read", "admin"];
    let document = include_str!("../../../../docs/reference/access.md");
    let rows: Vec<Vec<&str>> = document
        .lines()
        .filter(|line| line.starts_with("| `/"))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    assert!(rows.len() > 40, "{rows:?}");
    let app = TestApp::with_flights().await;
    let mut texts = Vec::new();
    let mut keys = Vec::new();
    for (seed, verb) in (1..).zip(VERBS) {
        for (offset, schemas) in [(0, "flights"), (100, "other*")] {
            let (issued, text) = key(&app, seed + offset, verb, schemas);
            keys.push(issued);
            texts.push((verb, schemas, text));
        }
    }
    app.keys.replace(keys);
    let status = async |method: &str, path: &str, key: Option<&str>| {
        let request = app.request(method, path);
        app.send(if let Some(key) = key { request.bearer_auth(key) } else { request }).await.status
    };
    // What removes the schema comes last.
    let (removing, others): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row[1] == "DELETE" && row[0].ends_with("/schemas/{schema}"));
    for row in others.into_iter().chain(removing) {
        let (pattern, method, needed) = (row[0], row[1], row[2]);
        let id = "019a0000-0000-7000-8000-000000000000";
        let path = pattern.replace("{schema}", "flights").replace("{id}", id);
        let path = path.replace("{file}", "none").replace("{code}", "internal");
        let without = status(method, &path, None).await;
        let wrong = status(method, &path, Some("eider_0123456789ab_wrong")).await;
        match needed {
            "nothing" => assert!(![401, 403].contains(&without) && ![401, 403].contains(&wrong), "{method} {path}"),
            "no key, or one that is valid" => assert_eq!((without, wrong), (200, 401), "{method} {path}"),
            _ => assert_eq!((without, wrong), (401, 401), "{method} {path}"),
        }
        for (verb, schemas, text) in &texts {
            let place = VERBS.iter().position(|name| name == verb).unwrap();
            let is_meant = *schemas == "flights" || *verb == "admin" || !pattern.contains("{schema}");
            let is_open = !needed.contains(':') && needed != "admin";
            let may = row[3 + place] == "yes" && (is_meant || is_open);
            // A key that may remove the schema would leave nothing for the next ones.
            if may && method == "DELETE" && pattern.ends_with("/schemas/{schema}") && *verb != "admin" {
                continue;
            }
            let found = status(method, &path, Some(text)).await;
            assert_eq!(![401, 403].contains(&found), may, "{method} {path}, {verb} on {schemas}: {found}");
        }
    }
}

#[tokio::test]
async fn a_stream_carries_the_schema_for_those_to_whom_it_is_shown() {
    let grants = [("records:read", "*"), ("records:read,schemas:read", "*"), ("schemas:read", "sales_*")];
    let (app, [reader, shown, _]) = app_with(grants).await;
    for format in ["arrow", "parquet"] {
        let stream = async |key: &str, more: &str| {
            let answer = call(&app, key, "GET", &format!("{RECORDS}/stream?format={format}{more}"), "").await;
            assert_eq!(answer.status, 200);
            answer.text.contains("eider.schema")
        };
        assert!(stream(&shown, "").await, "{format}");
        assert!(!stream(&shown, "&fields=carrier").await, "{format}: it would promise columns that are not there");
        assert!(!stream(&reader, "").await, "{format}: the key does not show schemas");
    }
}
