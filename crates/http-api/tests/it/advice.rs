//! `GET /schemas/{schema}/advice`.

use serde_json::{Value as Json, json};

use crate::app::TestApp;

const PAGE: &str = "/api/v1/records/flights";
const ADVICE: &str = "/api/v1/schemas/flights/advice";

async fn app() -> TestApp {
    let app = TestApp::with_flights().await;
    app.load((0..9).map(|n| json!({"carrier": if n < 3 { "UA" } else { "AA" }, "flight": n % 4})).collect()).await;
    app
}

/// The advice, without times.
async fn advice(app: &TestApp) -> Json {
    let answer = app.get(ADVICE).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut document = answer.json();
    assert!(document.as_object_mut().unwrap().remove("observed_seconds").unwrap().as_f64().unwrap() > 0.0);
    for list in ["candidates", "shapes"] {
        for seen in document[list].as_array_mut().unwrap() {
            let seen = seen.as_object_mut().unwrap();
            let (all, slowest) = (seen.remove("elapsed_ms").unwrap(), seen.remove("slowest_ms").unwrap());
            assert!(all.as_f64() >= slowest.as_f64() && slowest.as_f64() > Some(0.0), "{all} {slowest}");
        }
    }
    let text = |seen: &Json| seen["filter"].as_str().unwrap().to_owned();
    document["shapes"].as_array_mut().unwrap().sort_by_key(text);
    document
}

#[tokio::test]
async fn reads_are_noted_by_their_shape_and_lead_to_candidates() {
    let app = app().await;
    let nothing = advice(&app).await;
    let unused = json!([{"property": "carrier", "unique": false}, {"property": "confirmation", "unique": true}]);
    let expected = json!({"records": 9, "candidates": [], "unused": unused, "shapes": [], "other_reads": 0});
    assert_eq!(nothing, expected);

    for path in [
        format!("{PAGE}/count?flight.eq=1"),
        format!("{PAGE}/count?flight.eq=0"),
        format!("{PAGE}?flight.eq=2&carrier.eq=AA&dep_delay.is_null=true"),
        format!("{PAGE}?flight.gt=2&limit=1"),
        format!("{PAGE}/stream?dep_delay.gt=2"),
        format!("{PAGE}/count"),
        format!("{PAGE}?sort=-flight"),
    ] {
        assert_eq!(app.get(&path).await.status, 200, "{path}");
    }
    let found = advice(&app).await;
    let shape =
        |filter: &str, reads: u64, matched: Json| json!({"filter": filter, "reads": reads, "matched_mean": matched});
    let shapes = json!([
        shape("carrier.eq and dep_delay.is_null and flight.eq", 1, json!(1.0)),
        shape("dep_delay.gt", 1, Json::Null),
        shape("flight.eq", 2, json!(2.5)),
        shape("flight.gt", 1, Json::Null),
    ]);
    assert_eq!(found["shapes"], shapes);
    assert_eq!(found["unused"], json!([{"property": "confirmation", "unique": true}]), "`carrier` was asked for");
    let candidates = found["candidates"].as_array().unwrap();
    let flight = candidates.iter().find(|candidate| candidate["property"] == "flight").unwrap();
    let expected = json!({"property": "flight", "reads": 4, "matched_mean": 2.0, "records_a_value": 2,
        "is_worthwhile": false, "write_ns_a_record": 0, "disk_bytes": 0});
    assert_eq!(*flight, expected);
    assert_eq!(candidates.len(), 2, "{candidates:?}");
}

#[tokio::test]
async fn a_schema_made_anew_begins_without_reads_and_shapes_have_no_end() {
    let app = app().await;
    assert_eq!(app.get(&format!("{PAGE}/count?flight.eq=1")).await.status, 200);
    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    app.clock.advance(std::time::Duration::from_secs(1));
    app.create_flights().await;
    assert_eq!(advice(&app).await["shapes"], json!([]));
    assert_eq!(app.get("/api/v1/schemas/planes/advice").await.problem(), (404, "schema_not_found".to_owned()));
    assert_eq!(app.get(&format!("{ADVICE}?limit=1")).await.problem(), (400, "unknown_parameter".to_owned()));
}

#[tokio::test]
async fn reads_follow_their_property_and_nulls_are_no_values() {
    let app = app().await;
    app.load((0..20).map(|n| json!({"carrier": "UA", "flight": n % 4, "dep_delay": n % 2})).collect()).await;
    assert_eq!(app.get(&format!("{PAGE}/count?dep_delay.eq=1")).await.status, 200);
    let patch = async |change: Json| {
        let answer = app.send(app.request("PATCH", "/api/v1/schemas/flights").json(&change)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    patch(json!({"change": {"dep_delay": {"name": "late"}}, "add": [{"name": "dep_delay", "type": "number"}]})).await;
    let found = advice(&app).await;
    assert_eq!(found["shapes"][0]["filter"], json!("late.eq"));
    let candidates = found["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 1, "{candidates:?}");
    // Of 29 records 20 have one of 2 values.
    assert_eq!((&candidates[0]["property"], &candidates[0]["records_a_value"]), (&json!("late"), &json!(10)));
    patch(json!({"drop": ["late"]})).await;
    assert_eq!(advice(&app).await["shapes"], json!([]));
}
