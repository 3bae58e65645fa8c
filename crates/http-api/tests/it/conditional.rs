//! Conditional requests over the lives of records and schemas.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use reqwest::header::{IF_MATCH, IF_NONE_MATCH};
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const SCHEMA: &str = "/api/v1/schemas/notes";
const RECORD: &str = "/api/v1/records/notes/00000000-0000-7000-8000-000000000001";
const ID: &str = "00000000-0000-7000-8000-000000000001";

/// What happens to a schema of one record.
#[derive(Debug, Clone, Copy)]
enum Event {
    CreateSchema,
    RemoveSchema,
    ChangeSchema,
    CreateRecord,
    RemoveRecord,
    PutRecord,
    PatchRecord,
    /// By a bulk call.
    ReplaceRecord,
}

const EVENTS: [Event; 8] = [
    Event::CreateSchema,
    Event::RemoveSchema,
    Event::ChangeSchema,
    Event::CreateRecord,
    Event::RemoveRecord,
    Event::PutRecord,
    Event::PatchRecord,
    Event::ReplaceRecord,
];

async fn happen(app: &TestApp, event: Event, number: usize) {
    // What a client could not tell apart otherwise.
    app.clock.advance(Duration::from_micros(1));
    let document = json!({"name": "notes", "properties": [{"name": "text", "type": "string"}]});
    match event {
        Event::CreateSchema => app.post("/api/v1/schemas", &document).await,
        Event::RemoveSchema => app.delete(SCHEMA).await,
        Event::ChangeSchema => {
            app.send(app.request("PATCH", SCHEMA).json(&json!({"description": number.to_string()}))).await
        }
        Event::CreateRecord => app.post("/api/v1/records/notes", &json!({"id": ID, "text": "a"})).await,
        Event::RemoveRecord => app.delete(RECORD).await,
        Event::PutRecord => app.send(app.request("PUT", RECORD).json(&json!({"text": "a"}))).await,
        Event::PatchRecord => app.send(app.request("PATCH", RECORD).json(&json!({"text": "a"}))).await,
        Event::ReplaceRecord => {
            app.post("/api/v1/records/notes/bulk?on_conflict=replace", &json!([{"id": ID, "text": "a"}])).await
        }
    };
}

async fn with_tag(app: &TestApp, method: &str, path: &str, header: &str, tag: &str, body: &Json) -> Answer {
    app.send(app.request(method, path).header(header, tag).json(body)).await
}

#[tokio::main]
async fn tags_stand_for_one_life(events: Vec<Event>) -> Result<(), TestCaseError> {
    let app = TestApp::start();
    happen(&app, Event::CreateSchema, 0).await;
    happen(&app, Event::CreateRecord, 0).await;
    // What was read under each tag.
    let mut seen: BTreeMap<(&str, String), Json> = BTreeMap::new();
    for (number, event) in events.into_iter().enumerate() {
        happen(&app, event, number).await;
        for path in [SCHEMA, RECORD] {
            let now = app.get(path).await;
            let current = now.header("etag").to_owned();
            if now.status == 200 {
                let mut document = now.json();
                // What the schema holds is not of the schema.
                for member in ["record_count", "size_bytes", "indexes", "identity"] {
                    document.as_object_mut().unwrap().remove(member);
                }
                let first = seen.entry((path, current.clone())).or_insert_with(|| document.clone());
                prop_assert_eq!(&*first, &document, "{} stands for both", current);
            }
            for (_, tag) in seen.keys().filter(|(of, _)| *of == path) {
                let read = app.send(app.request("GET", path).header(IF_NONE_MATCH, tag)).await;
                let expected = if now.status == 200 && *tag == current { 304 } else { now.status };
                prop_assert_eq!(read.status, expected, "GET {} If-None-Match {}", path, tag);
                if *tag == current {
                    continue;
                }
                // Of something that is not there nothing is asked.
                let refused = if now.status == 200 { 412 } else { 404 };
                for method in ["PATCH", "DELETE"] {
                    let changed = with_tag(&app, method, path, "if-match", tag, &json!({})).await;
                    prop_assert_eq!(changed.status, refused, "{} {} If-Match {}", method, path, tag);
                }
            }
            if now.status == 200 {
                for (header, tag) in [("if-none-match", current.as_str()), ("if-none-match", "*")] {
                    for method in ["PATCH", "DELETE"] {
                        let changed = with_tag(&app, method, path, header, tag, &json!({})).await;
                        prop_assert_eq!(changed.status, 412, "{} {} {} {}", method, path, header, tag);
                    }
                }
                let after = app.get(path).await;
                prop_assert_eq!(after.header("etag"), &current);
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_tag_stands_for_one_version_of_one_life(events in proptest::collection::vec(proptest::sample::select(&EVENTS[..]), 1..12)) {
        tags_stand_for_one_life(events)?;
    }
}

#[tokio::test]
async fn every_route_asks_what_a_request_asks() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"id": ID, "carrier": "UA"}, {"carrier": "AA"}])).await;
    let record = format!("/api/v1/records/flights/{ID}");
    let (other, unquoted) = ("\"0-AAAAAAAAAAA\"", "3");
    for (method, path, body) in [
        ("GET", record.as_str(), json!(null)),
        ("PUT", &record, json!({"carrier": "DL"})),
        ("PATCH", &record, json!({"carrier": "DL"})),
        ("DELETE", &record, json!(null)),
        ("GET", "/api/v1/schemas/flights", json!(null)),
        ("PATCH", "/api/v1/schemas/flights", json!({"description": "changed"})),
        ("DELETE", "/api/v1/schemas/flights", json!(null)),
        ("GET", "/api/v1/records/flights", json!(null)),
        ("GET", "/api/v1/records/flights/count", json!(null)),
        ("POST", "/api/v1/records/flights", json!({"carrier": "DL"})),
        ("POST", "/api/v1/records/flights/bulk", json!([{"carrier": "DL"}])),
        ("DELETE", "/api/v1/records/flights?carrier.eq=UA&max_affected=9", json!(null)),
    ] {
        let asked = with_tag(&app, method, path, IF_MATCH.as_str(), other, &body).await;
        assert_eq!(asked.problem(), (412, "stale_version".to_owned()), "{method} {path}");
        let asked = with_tag(&app, method, path, IF_MATCH.as_str(), unquoted, &body).await;
        assert_eq!(asked.problem(), (400, "malformed_request".to_owned()), "{method} {path}");
        assert!(asked.detail().contains("in quotes"), "{}", asked.text);
    }
    assert_eq!(app.count().await, 2);
    for (method, body) in
        [("PUT", json!({"carrier": "DL"})), ("PATCH", json!({"carrier": "DL"})), ("DELETE", json!(null))]
    {
        assert_eq!(with_tag(&app, method, &record, "if-none-match", "*", &body).await.status, 412, "{method}");
        assert_eq!(with_tag(&app, method, &record, "if-none-match", unquoted, &body).await.status, 400, "{method}");
    }
    // It asks for nothing that could be compared: the client gets what it reads.
    assert_eq!(with_tag(&app, "GET", &record, "if-none-match", unquoted, &json!(null)).await.status, 200);
    assert_eq!(with_tag(&app, "PATCH", &record, "if-match", "*", &json!({"flight": 1})).await.status, 200);
}

#[tokio::test]
async fn without_a_tag_the_last_writer_wins() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"id": ID, "carrier": "UA"}])).await;
    let path = format!("/api/v1/records/flights/{ID}");
    let changes = (0..64).map(|number| {
        let method = if number % 4 == 0 { "PUT" } else { "PATCH" };
        app.send(app.request(method, &path).json(&json!({"carrier": "UA", "flight": number})))
    });
    let answers = futures::future::join_all(changes).await;
    let mut versions: Vec<i64> = answers.iter().map(|answer| answer.json()["version"].as_i64().unwrap()).collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..66).collect::<Vec<_>>(), "each is answered with a version of its own");
    let last = app.get(&path).await.json();
    let told = answers.iter().map(Answer::json).find(|answer| answer["version"] == 65).unwrap();
    assert_eq!(last, told);
}

#[tokio::test]
async fn of_changes_at_once_only_those_that_cannot_be_are_refused() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"id": ID, "carrier": "UA", "confirmation": "a"}, {"carrier": "AA", "confirmation": "taken"}]))
        .await;
    let path = format!("/api/v1/records/flights/{ID}");
    let body = |number: i64| match number % 5 {
        0 => json!({"confirmation": "taken"}),
        1 => json!({"confirmation": format!("free {number}")}),
        2 => json!({"flight": "not a number"}),
        _ => json!({"flight": number}),
    };
    let changes = (0..60).map(|number| app.send(app.request("PATCH", &path).json(&body(number))));
    let answers = futures::future::join_all(changes).await;
    for (number, answer) in (0..).zip(&answers) {
        let expected = match number % 5 {
            0 => 409,
            2 => 422,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{number}: {}", answer.text);
    }
    assert_eq!(app.get(&path).await.json()["version"], 1 + 36);
}
