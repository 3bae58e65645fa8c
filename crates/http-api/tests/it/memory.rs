//! What is answered while memory is short.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_application::ports::{MemoryLimitSource, MemoryReading};
use eider_application::runtime::MemoryPressure;
use eider_http_api::HttpSettings;
use serde_json::json;

use crate::app::{Answer, TestApp};

const MIB: u64 = 1 << 20;

/// So much of a limit of 1,000 MiB is used.
fn used(percent: u64) -> MemoryReading {
    MemoryReading {
        limit_bytes: 1000 * MIB,
        used_bytes: percent * 10 * MIB,
        resident_bytes: 5 * MIB,
        source: MemoryLimitSource::ControlGroup,
    }
}

async fn bulk(app: &TestApp) -> Answer {
    app.post("/api/v1/records/flights/bulk", &json!([{"carrier": "UA"}])).await
}

async fn statuses(app: &TestApp) -> [u16; 9] {
    [
        bulk(app).await.status,
        app.post("/api/v1/records/bulk", &json!({"schema_name": "flights", "data": [{"carrier": "UA"}]})).await.status,
        app.get("/api/v1/records/flights/stream").await.status,
        app.get("/api/v1/records/flights?limit=1001").await.status,
        app.post("/api/v1/records/flights", &json!({"carrier": "UA"})).await.status,
        app.get("/api/v1/records/flights").await.status,
        app.get("/monitoring/memory").await.status,
        app.get("/metrics").await.status,
        app.get("/health/live").await.status,
    ]
}

#[tokio::test]
async fn heavy_requests_are_refused_first_then_all_but_health_and_metrics() {
    let app = TestApp::with_flights().await;
    app.memory.observe(used(50));
    assert_eq!(statuses(&app).await, [201, 201, 200, 200, 201, 200, 200, 200, 200]);
    app.memory.observe(used(86));
    assert_eq!(statuses(&app).await, [503, 503, 503, 503, 201, 200, 200, 200, 200]);
    app.memory.observe(used(91));
    assert_eq!(statuses(&app).await, [503, 503, 503, 503, 503, 503, 200, 200, 200]);
    app.memory.observe(used(50));
    assert_eq!(statuses(&app).await, [201, 201, 200, 200, 201, 200, 200, 200, 200]);
    assert_eq!(app.count().await, 7);
}

#[tokio::test]
async fn a_refusal_names_the_budget_and_when_to_try_again() {
    let app = TestApp::with_flights().await;
    for percent in [86, 95] {
        app.memory.observe(used(percent));
        let refused = bulk(&app).await;
        assert_eq!(refused.problem(), (503, "overloaded".to_owned()));
        assert_eq!(refused.json()["budget"], "memory");
        assert_eq!(refused.json()["retryable"], true);
        assert_eq!(refused.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn memory_is_set_aside_before_a_body_is_read_and_given_back_after_it() {
    let settings = HttpSettings { bulk_call_wait: Duration::ZERO, ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    app.memory.observe(used(1));
    let others = app.memory.reserve(app.memory.statistics().reservable_bytes, Duration::ZERO).await.unwrap();
    let refused = bulk(&app).await;
    assert_eq!((refused.problem().0, &refused.json()["budget"]), (503, &json!("memory")));
    drop(others);
    assert_eq!(bulk(&app).await.status, 201);
    assert_eq!(app.memory.statistics().reserved_bytes, 0);
}

#[tokio::test]
async fn a_call_waits_for_memory_that_others_give_back() {
    let app = TestApp::with_flights().await;
    app.memory.observe(used(1));
    let others = app.memory.reserve(app.memory.statistics().reservable_bytes, Duration::ZERO).await.unwrap();
    let give_back = async {
        while app.get("/monitoring/pool").await.json()["bulk_calls"]["waiting"] != 1 {}
        drop(others);
    };
    let (answer, ()) = tokio::join!(bulk(&app), give_back);
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn monitoring_says_what_is_used_and_where_the_limit_comes_from() {
    let app = TestApp::with_flights().await;
    app.memory.observe(used(86));
    let memory = app.get("/monitoring/memory").await.json();
    assert_eq!(memory["pressure"], MemoryPressure::High.name());
    assert_eq!(memory["limit_source"], "control_group");
    assert_eq!((&memory["limit_bytes"], &memory["used_bytes"]), (&json!(1000 * MIB), &json!(860 * MIB)));
    assert_eq!((&memory["soft_bytes"], &memory["critical_bytes"]), (&json!(850 * MIB), &json!(900 * MIB)));
    assert_eq!((&memory["closings"], &memory["reserved_bytes"]), (&json!(1), &json!(0)));
    let pool = app.get("/monitoring/pool").await.json();
    assert_eq!(pool["bulk_calls"], json!({"max": 4, "running": 0, "waiting": 0}));
    assert_eq!(pool["streams"], json!({"max": 24, "running": 0, "waiting": 0}));
}
