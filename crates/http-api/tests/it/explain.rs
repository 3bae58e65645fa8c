//! `explain=true` instead of an answer.

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_testkit::Operation;
use serde_json::{Value as Json, json};

use crate::app::TestApp;

const PAGE: &str = "/api/v1/records/flights";

async fn app() -> TestApp {
    let app = TestApp::with_flights().await;
    app.load((0..7).map(|n| json!({"carrier": if n < 3 { "UA" } else { "AA" }, "flight": n})).collect()).await;
    app
}

/// The explanation of a read, without the time that it took.
async fn explained(app: &TestApp, path: &str) -> Json {
    let answer = app.get(path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{}", answer.text);
    let mut document = answer.json();
    let elapsed = document["plan"].as_object_mut().unwrap().remove("elapsed_ms").unwrap();
    assert!(elapsed.as_f64().unwrap() > 0.0);
    document
}

fn full_scan(returned: u64, sort: &str) -> Json {
    json!({"access": "full_scan", "index": null, "records": 7, "scanned": 7, "returned": returned, "sort": sort})
}

#[tokio::test]
async fn pages_streams_and_counts_say_how_they_are_answered() {
    let app = app().await;
    for (path, plan) in [
        (format!("{PAGE}?explain=true"), full_scan(7, "none")),
        // A page reads one record more, which is not its own.
        (format!("{PAGE}?limit=2&explain=true"), full_scan(2, "none")),
        (format!("{PAGE}?carrier.eq=UA&sort=-flight&explain=true"), full_scan(3, "full")),
        (format!("{PAGE}/stream?carrier.eq=UA&explain=true"), full_scan(3, "none")),
        (format!("{PAGE}/stream?sort=flight&limit=5&profile=framed&explain=true"), full_scan(5, "full")),
        (format!("{PAGE}/count?carrier.eq=UA&explain=true"), full_scan(1, "none")),
    ] {
        assert_eq!(explained(&app, &path).await, json!({"plan": plan, "advice": []}), "{path}");
    }
    assert_eq!(app.store.open_scans(), 0);
}

#[tokio::test]
async fn queries_in_bodies_say_how_they_are_answered() {
    let app = app().await;
    let groups = json!({"group_by": ["carrier"], "aggregate": [{"fn": "count"}], "sort": ["-count"]});
    let records = json!({"where": {"field": "carrier", "op": "eq", "value": "UA"}, "sort": ["flight"], "limit": 2});
    for path in ["query", "stream"] {
        for (body, plan) in [(&groups, full_scan(2, "none")), (&records, full_scan(2, "full"))] {
            let answer = app.post(&format!("{PAGE}/{path}?explain=true"), body).await;
            let mut document = answer.json();
            document["plan"].as_object_mut().unwrap().remove("elapsed_ms").unwrap();
            assert_eq!(document, json!({"plan": plan, "advice": []}), "{path} {body}");
        }
    }
}

#[tokio::test]
async fn a_page_goes_on_behind_its_cursor_when_it_is_explained() {
    let app = app().await;
    let page = app.get(&format!("{PAGE}?limit=5")).await.json();
    let path = format!("{PAGE}?limit=5&explain=true&cursor={}", page["page"]["next"].as_str().unwrap());
    assert_eq!(explained(&app, &path).await["plan"]["returned"], 2);
    let answer = app.get(&format!("{PAGE}?explain=true&cursor=abc")).await;
    assert_eq!(answer.problem(), (400, "invalid_cursor".to_owned()));
}

#[tokio::test]
async fn a_total_has_a_plan_of_its_own() {
    let app = app().await;
    let exact = explained(&app, &format!("{PAGE}?limit=1&count=exact&explain=true")).await;
    assert_eq!((&exact["total"], &exact["advice"]), (&full_scan(1, "none"), &json!([])));
    let numbered = explained(&app, &format!("{PAGE}?page=2&size=5&explain=true")).await;
    assert_eq!((&numbered["plan"]["returned"], &numbered["total"]), (&json!(2), &full_scan(1, "none")));
    assert_eq!(numbered["advice"][0]["code"], "use_cursor");
}

#[tokio::test]
async fn advice_names_its_property() {
    let app = app().await;
    let document = explained(&app, &format!("{PAGE}?carrier.like=%25A&explain=true")).await;
    let advice = &document["advice"][0];
    assert_eq!((&advice["code"], &advice["property"]), (&json!("open_pattern"), &json!("carrier")));
    assert!(advice["detail"].as_str().unwrap().contains("`carrier`"));
}

#[tokio::test]
async fn only_true_explains_and_what_fails_is_a_problem() {
    let app = app().await;
    assert_eq!(app.get(&format!("{PAGE}?explain=false")).await.json()["data"].as_array().unwrap().len(), 7);
    for path in [PAGE.to_owned(), format!("{PAGE}/stream"), format!("{PAGE}/count")] {
        let answer = app.get(&format!("{path}?explain=yes")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{path}");
        app.store.fail_next(Operation::Explain, StoreError::new(StoreErrorKind::Timeout, "internal words"));
        let answer = app.get(&format!("{path}?explain=true")).await;
        assert_eq!(answer.problem(), (504, "timeout".to_owned()), "{path}");
        assert!(!answer.text.contains("internal words"));
    }
}
