//! Filters, sort keys and fields.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use serde_json::{Value as Json, json};

use crate::app::TestApp;

const PAGE: &str = "/api/v1/records/flights";

async fn app() -> TestApp {
    let app = TestApp::with_flights().await;
    app.load(json!([
        {"carrier": "UA", "flight": 1, "dep_delay": 10.5, "time_hour": "2013-01-01T10:00:00Z"},
        {"carrier": "AA", "flight": 2, "dep_delay": -3, "time_hour": "2013-01-01T11:00:00Z"},
        {"carrier": "B6", "flight": 3, "dep_delay": null, "confirmation": "a,b"},
        {"carrier": "ua", "flight": 4, "dep_delay": 90},
    ]))
    .await;
    app
}

async fn matching(app: &TestApp, query: &str) -> Vec<i64> {
    let answer = app.get(&format!("{PAGE}?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.json()["data"].as_array().unwrap().iter().map(|record| record["flight"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn filters_select_and_are_joined_by_and() {
    let app = app().await;
    for (query, expected) in [
        ("carrier.eq=UA", vec![1]),
        ("Carrier.eq=UA", vec![1]),
        ("carrier.ne=UA", vec![2, 3, 4]),
        ("dep_delay.gt=10.5", vec![4]),
        ("dep_delay.gte=10.5", vec![1, 4]),
        ("dep_delay.gte=0&dep_delay.lt=50", vec![1]),
        ("carrier.in=UA,AA", vec![1, 2]),
        ("confirmation.in=%5B%22a,b%22%5D", vec![3]),
        ("carrier.like=U%25", vec![1]),
        ("carrier.ilike=u%", vec![1, 4]),
        ("dep_delay.is_null=true", vec![3]),
        ("dep_delay.is_null=false", vec![1, 2, 4]),
        ("time_hour.gt=2013-01-01T05:00:00-05:00", vec![2]),
        ("time_hour.eq=2013-01-01T11:00:00%2B00:00", vec![2]),
        ("version.eq=1&created_at.lt=2100-01-01T00:00:00Z", vec![1, 2, 3, 4]),
        (
            "filters=[{\"field\":\"carrier\",\"operator\":\"in\",\"value\":[\"UA\",\"B6\"]},{\"field\":\"flight\",\"op\":\"gt\",\"value\":1}]",
            vec![3],
        ),
    ] {
        assert_eq!(matching(&app, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn sort_keys_order_with_nulls_last() {
    let app = app().await;
    assert_eq!(matching(&app, "sort=-dep_delay").await, [4, 1, 2, 3]);
    assert_eq!(matching(&app, "sort=dep_delay").await, [2, 1, 4, 3]);
    assert_eq!(matching(&app, "sort=[{\"field\":\"carrier\",\"order\":\"DESC\"}]").await, [4, 1, 3, 2]);
}

#[tokio::test]
async fn fields_come_in_the_order_asked_for() {
    let app = app().await;
    let answer = app.get(&format!("{PAGE}?fields=flight,carrier,FLIGHT&limit=1")).await;
    assert!(answer.text.starts_with(r#"{"data":[{"flight":1,"carrier":"UA"}],"#), "{}", answer.text);
}

#[tokio::test]
async fn what_is_not_known_is_refused_with_the_nearest_name() {
    let app = app().await;
    for (query, code, hint) in [
        ("carier.eq=UA", "unknown_property", "did you mean `carrier`?"),
        ("carrier.eqq=UA", "unknown_operator", "did you mean `eq`?"),
        ("carrier.matches=UA", "unknown_operator", "the operators are eq"),
        ("limt=5", "unknown_parameter", "did you mean `limit`?"),
        ("carrier=UA", "unknown_parameter", "filters are written"),
        ("sort=-dep_dealy", "unknown_property", "did you mean `dep_delay`?"),
        ("fields=carrier,planet", "unknown_property", "`planet`"),
        ("flight.eq=1.5", "invalid_filter", "a whole number"),
        ("flight.eq=9223372036854775808", "invalid_filter", "a whole number"),
        ("dep_delay.gt=NaN", "invalid_filter", "a finite number"),
        ("time_hour.gt=2013-02-30T00:00:00Z", "invalid_filter", "that exists"),
        ("id.eq=7", "invalid_filter", "a UUID"),
        ("flight.like=1%25", "invalid_filter", "does not apply"),
        ("extra.eq=1", "invalid_filter", "does not apply"),
        ("dep_delay.is_null=maybe", "invalid_filter", "true or false"),
        ("sort=extra", "invalid_parameter", "has no order"),
        ("sort=flight,flight", "invalid_parameter", "given twice"),
        ("sort=[{}]", "invalid_parameter", "expected"),
        ("filters={}", "invalid_parameter", "expected"),
        ("fields=", "invalid_parameter", "at least one"),
        ("carrier.eq=%ff", "malformed_request", "UTF-8"),
    ] {
        let answer = app.get(&format!("{PAGE}?{query}")).await;
        assert_eq!(answer.problem(), (400, code.to_owned()), "{query}");
        assert!(answer.detail().contains(hint), "{query}: {}", answer.detail());
    }
}

#[tokio::test]
async fn a_query_has_a_bounded_number_of_parts() {
    let app = app().await;
    let filters: Vec<String> = (0..101).map(|n| format!("flight.ne={n}")).collect();
    let answer = app.get(&format!("{PAGE}?{}", filters.join("&"))).await;
    assert_eq!(answer.problem(), (400, "query_too_complex".to_owned()));
    assert_eq!(app.get(&format!("{PAGE}?{}", filters[..100].join("&"))).await.status, 200);
}

#[tokio::test]
async fn hostile_values_are_only_values() {
    let app = app().await;
    let hostile = ["'; DROP TABLE flights; --", "\" OR 1=1", "\0", "🦆", "%", "\\"];
    for text in hostile {
        let encoded = text.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(matching(&app, &format!("carrier.eq={encoded}")).await, Vec::<i64>::new(), "{text}");
    }
    assert_eq!(matching(&app, "").await.len(), 4);
}

#[tokio::test]
async fn a_read_waits_for_the_commit_that_it_names() {
    let settings = HttpSettings { min_seq_wait: Duration::from_millis(20), ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    app.load(json!([{"carrier": "UA"}])).await;
    for route in ["", "/count", "/stream"] {
        let path = format!("/api/v1/records/flights{route}?min_seq=");
        assert_eq!(app.get(&format!("{path}1")).await.status, 200, "{route}");
        assert_eq!(app.get(&format!("{path}2")).await.problem(), (504, "timeout".to_owned()), "{route}");
        assert_eq!(app.get(&format!("{path}x")).await.problem(), (400, "invalid_parameter".to_owned()), "{route}");
    }
}

#[tokio::test]
async fn counts_take_filters_and_nothing_else() {
    let app = app().await;
    let count = |answer: Json| answer["count"].as_u64().unwrap();
    assert_eq!(count(app.get(&format!("{PAGE}/count?carrier.ilike=ua")).await.json()), 2);
    assert_eq!(app.get(&format!("{PAGE}/count?limit=1")).await.problem(), (400, "unknown_parameter".to_owned()));
}
