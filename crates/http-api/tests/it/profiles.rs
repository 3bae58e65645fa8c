//! `GET /schemas/{schema}/profile`.

use eider_application::ports::{StoreError, StoreErrorKind};
use eider_testkit::Operation;
use reqwest::header::IF_NONE_MATCH;
use serde_json::{Value as Json, json};

use crate::app::TestApp;

const PROFILE: &str = "/api/v1/schemas/flights/profile";

async fn app() -> TestApp {
    let app = TestApp::with_flights().await;
    app.load(json!([
        {"carrier": "UA", "flight": 1, "dep_delay": 2.5, "time_hour": "2013-01-01T05:00:00Z", "extra": {"a": 1}},
        {"carrier": "UA", "flight": 3, "time_hour": "2013-01-01T05:00:00Z"},
        {"carrier": "B6", "flight": 5, "dep_delay": -1.0},
    ]))
    .await;
    app
}

fn quantiles(values: [Json; 5]) -> Json {
    let quantile = |(p, value)| json!({"p": p, "value": value});
    [0.05, 0.25, 0.5, 0.75, 0.95].into_iter().zip(values).map(quantile).collect()
}

#[tokio::test]
async fn a_profile_has_statistics_of_every_property() {
    let answer = app().await.get(PROFILE).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{}", answer.text);
    let hour = "2013-01-01T05:00:00.000000Z";
    let top = |values: &[(Json, u64)]| -> Json {
        values.iter().map(|(value, count)| json!({"value": value, "count": count})).collect()
    };
    let expected = json!({"count": 3, "properties": [
        {"name": "carrier", "type": "string", "count": 3, "nulls": 0, "distinct": 2, "min": "B6", "max": "UA",
         "min_length": 2, "max_length": 2, "top": top(&[(json!("UA"), 2), (json!("B6"), 1)])},
        {"name": "flight", "type": "integer", "count": 3, "nulls": 0, "distinct": 3, "min": 1, "max": 5, "mean": 3.0,
         "quantiles": quantiles([json!(1.2), json!(2.0), json!(3.0), json!(4.0), json!(4.8)]),
         "top": top(&[(json!(1), 1), (json!(3), 1), (json!(5), 1)])},
        {"name": "dep_delay", "type": "number", "count": 2, "nulls": 1, "distinct": 2, "min": -1.0, "max": 2.5,
         "mean": 0.75, "quantiles": quantiles([json!(-0.825), json!(-0.125), json!(0.75), json!(1.625), json!(2.325)]),
         "top": top(&[(json!(-1.0), 1), (json!(2.5), 1)])},
        {"name": "time_hour", "type": "datetime", "count": 2, "nulls": 1, "distinct": 1, "min": hour, "max": hour,
         "quantiles": quantiles([0; 5].map(|_| json!(hour))), "top": top(&[(json!(hour), 2)])},
        {"name": "confirmation", "type": "string", "count": 0, "nulls": 3, "distinct": 0, "min": null, "max": null,
         "min_length": null, "max_length": null, "top": []},
        {"name": "extra", "type": "object", "count": 1, "nulls": 2}]});
    let mut found = answer.json();
    for property in found["properties"].as_array_mut().unwrap() {
        for quantile in property.get_mut("quantiles").and_then(Json::as_array_mut).into_iter().flatten() {
            if let Some(number) = quantile["value"].as_f64() {
                quantile["value"] = ((number * 1e9).round() / 1e9).into();
            }
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn filters_choose_records_and_fields_choose_fields() {
    let app = app().await;
    let profile = app.get(&format!("{PROFILE}?fields=version,flight&dep_delay.is_null=false")).await.json();
    assert_eq!((&profile["count"], profile["properties"].as_array().unwrap().len()), (&json!(2), 2));
    assert_eq!(
        (&profile["properties"][0]["name"], &profile["properties"][1]["name"]),
        (&json!("version"), &json!("flight"))
    );
    assert_eq!(profile["properties"][1]["mean"], 3.0);
    for (query, problem) in [
        ("?fields=plane", (400, "unknown_property")),
        ("?plane.eq=1", (400, "unknown_property")),
        ("?sort=flight", (400, "unknown_parameter")),
        ("?min_seq=99", (504, "timeout")),
    ] {
        let (status, code) = app.get(&format!("{PROFILE}{query}")).await.problem();
        assert_eq!((status, code.as_str()), problem, "{query}");
    }
    assert_eq!(app.get("/api/v1/schemas/planes/profile").await.problem(), (404, "schema_not_found".to_owned()));
}

#[tokio::test]
async fn a_profile_is_kept_until_the_next_commit() {
    let app = app().await;
    let first = app.get(PROFILE).await;
    app.store.fail_next(Operation::Profile, StoreError::new(StoreErrorKind::Internal, "the store was asked"));
    assert_eq!(app.get(PROFILE).await.text, first.text);
    let known = app.request("GET", PROFILE).header(IF_NONE_MATCH, first.header("etag"));
    assert_eq!(app.send(known).await.status, 304);
    let other = app.get(&format!("{PROFILE}?fields=flight")).await;
    assert_eq!(other.problem(), (500, "internal".to_owned()), "another question");
    app.load(json!([{"carrier": "AA"}])).await;
    let second = app.get(PROFILE).await;
    assert_eq!((second.status, &second.json()["count"]), (200, &json!(4)));
    assert_ne!(second.header("etag"), first.header("etag"));
}
