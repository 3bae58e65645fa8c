//! Metrics of requests and records, and the headers that say where the time went.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use eider_application::ErrorCode;
use eider_application::ingest::IngestLimits;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_http_api::HttpSettings;
use eider_testkit::Operation;
use reqwest::header::ACCEPT;
use serde_json::json;

use crate::app::TestApp;

const FLIGHTS: &str = "/api/v1/records/flights";

/// The statistics of a running server.
struct Figures(String);

impl Figures {
    async fn of(app: &TestApp) -> Self {
        Self(app.get("/metrics").await.text)
    }

    /// The value of a series, which must be there.
    fn value(&self, series: &str) -> f64 {
        let found = self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{series} in {}", self.0)).parse().unwrap()
    }

    /// Every value that a label has.
    fn values_of(&self, label: &str) -> BTreeSet<&str> {
        let start = format!("{label}=\"");
        let values = self.0.lines().filter_map(|line| line.split_once(&start)?.1.split('"').next());
        values.collect()
    }
}

fn assert_is(found: f64, expected: f64, what: &str) {
    assert!((found - expected).abs() < f64::EPSILON, "{what}: {found}, not {expected}");
}

#[tokio::test]
async fn requests_are_counted_by_route_whatever_their_paths_are() {
    let app = TestApp::with_flights().await;
    for number in 0..20 {
        app.get(&format!("/api/v1/records/absent{number}/count")).await;
        app.get(&format!("/nowhere/{number}")).await;
        app.send(app.request(&format!("BREW{number}"), &format!("{FLIGHTS}/{number}"))).await;
    }
    let statistics = Figures::of(&app).await;
    let count = r#"eider_http_requests_total{route="/api/v1/records/{schema}/count",method="GET",status="404"}"#;
    assert_is(statistics.value(count), 20.0, count);
    let nowhere = r#"eider_http_requests_total{route="none",method="GET",status="404"}"#;
    assert_is(statistics.value(nowhere), 20.0, nowhere);
    let brew = r#"eider_http_requests_total{route="/api/v1/records/{schema}/{id}",method="other",status="405"}"#;
    assert_is(statistics.value(brew), 20.0, brew);
    let took = r#"eider_http_request_duration_seconds_count{route="none",method="GET"}"#;
    assert_is(statistics.value(took), 20.0, took);
    assert!(statistics.values_of("route").iter().all(|route| !route.contains("absent")));
    assert_eq!(statistics.values_of("method"), BTreeSet::from(["GET", "POST", "other"]));
    assert_is(statistics.value("eider_http_requests_in_flight"), 1.0, "the one that asks");
}

#[tokio::test]
async fn metrics_are_written_as_who_asks_reads_them() {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
    let app = TestApp::with_flights().await;
    for (accept, content_type) in [
        // Prometheus 2.x, 3.x, and one that is told to take the old format.
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPEN_METRICS,
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            OPEN_METRICS,
        ),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.4", PROMETHEUS),
        ("application/openmetrics-text", OPEN_METRICS),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.4", PROMETHEUS),
        ("text/plain", PROMETHEUS),
        ("text/html, */*;q=0.8", PROMETHEUS),
        ("*/*", PROMETHEUS),
        ("", PROMETHEUS),
        ("image/png", PROMETHEUS),
    ] {
        for method in ["GET", "HEAD"] {
            let answer = app.send(app.request(method, "/metrics").header(ACCEPT, accept)).await;
            let headers = (answer.status, answer.header("content-type"), answer.header("vary"));
            assert_eq!(headers, (200, content_type, "accept, accept-encoding"), "{method} {accept}");
            assert_eq!(answer.text.is_empty(), method == "HEAD");
            let ends = answer.text.ends_with("# EOF\n");
            assert_eq!(ends, method == "GET" && content_type == OPEN_METRICS, "{accept}");
        }
    }
}

/// The name that the type of a series in the format of Prometheus has.
fn typed_name<'n>(series: &'n str, types: &BTreeMap<&str, &str>) -> &'n str {
    let of_histogram = ["_bucket", "_sum", "_count"].into_iter().find_map(|suffix| series.strip_suffix(suffix));
    of_histogram.filter(|name| types.get(name) == Some(&"histogram")).unwrap_or(series)
}

#[tokio::test]
async fn every_series_has_a_type_and_a_help_under_its_own_name() {
    let app = TestApp::with_flights().await;
    app.get(&format!("{FLIGHTS}/count")).await;
    let text = app.get("/metrics").await.text;
    let said = |start: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(start)?.split_once(' ')).collect::<Vec<_>>();
        let by_name: BTreeMap<_, _> = lines.iter().copied().collect();
        assert_eq!(by_name.len(), lines.len(), "each once");
        by_name
    };
    let (types, helps) = (said("# TYPE "), said("# HELP "));
    assert!(types.keys().eq(helps.keys()) && types.len() > 30, "{types:?}");
    assert!(types.values().all(|kind| ["counter", "gauge", "histogram", "untyped"].contains(kind)), "{types:?}");
    let comments = text.lines().filter(|line| line.starts_with('#'));
    assert_eq!(comments.count(), types.len() * 2);
    for series in text.lines().filter(|line| !line.starts_with('#')) {
        let name = typed_name(series.split(['{', ' ']).next().unwrap(), &types);
        let kind = types.get(name).unwrap_or_else(|| panic!("{series} has no type"));
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{series}");
        assert!(series.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{series}");
    }
}

#[tokio::test]
async fn problems_are_counted_by_code_and_by_the_budget_that_was_used_up() {
    let settings = HttpSettings { max_bulk_calls: 1, bulk_call_wait: Duration::ZERO, ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    let codes = Figures::of(&app).await;
    let all: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(codes.values_of("code"), all, "those that did not come yet are 0");
    app.store.fail_next(Operation::Count, StoreError::unavailable("pool", "no connection"));
    app.get(&format!("{FLIGHTS}/count")).await;
    app.store.fail_next(Operation::Count, StoreError::new(StoreErrorKind::Internal, "a fault"));
    app.get(&format!("{FLIGHTS}/count")).await;
    let statistics = Figures::of(&app).await;
    for (series, value) in [
        (r#"eider_problems_total{code="overloaded"}"#, 1.0),
        (r#"eider_problems_total{code="internal"}"#, 1.0),
        (r#"eider_problems_total{code="schema_exists"}"#, 0.0),
        (r#"eider_budget_rejections_total{budget="pool"}"#, 1.0),
        (r#"eider_budget_rejections_total{budget="streams"}"#, 0.0),
        ("eider_bulk_calls_running", 0.0),
        ("eider_bulk_calls_waiting", 0.0),
        ("eider_streams_waiting", 0.0),
    ] {
        assert_is(statistics.value(series), value, series);
    }
}

#[tokio::test]
async fn records_and_bytes_are_counted_by_format() {
    let app = TestApp::with_flights().await;
    let lines = "{\"carrier\":\"UA\"}\n{\"carrier\":\"DL\"}\n";
    let loaded = app.post_text(&format!("{FLIGHTS}/bulk"), "application/x-ndjson", lines).await;
    assert_eq!(loaded.status, 201, "{}", loaded.text);
    app.post_text(&format!("{FLIGHTS}/bulk?dry_run=true"), "application/x-ndjson", lines).await;
    let created = app.post(FLIGHTS, &json!({"carrier": "AA"})).await;
    let page = app.get(FLIGHTS).await;
    assert_eq!(app.get(FLIGHTS).await.text, page.text, "the second is kept in memory");
    let stream = app.send(app.request("GET", &format!("{FLIGHTS}/stream")).header(ACCEPT, "text/csv")).await;
    let statistics = Figures::of(&app).await;
    #[expect(clippy::cast_precision_loss, reason = "a few bytes")]
    for (series, value) in [
        (r#"eider_records_received_total{format="ndjson"}"#, 4.0),
        (r#"eider_records_stored_total{format="ndjson"}"#, 2.0),
        (r#"eider_received_bytes_total{format="ndjson"}"#, 2.0 * lines.len() as f64),
        (r#"eider_records_received_total{format="json"}"#, 1.0),
        (r#"eider_records_stored_total{format="json"}"#, 1.0),
        (r#"eider_records_sent_total{format="json"}"#, 1.0 + 2.0 * 3.0),
        (r#"eider_sent_bytes_total{format="json"}"#, (created.text.len() + 2 * page.text.len()) as f64),
        (r#"eider_records_sent_total{format="csv"}"#, 3.0),
        (r#"eider_sent_bytes_total{format="csv"}"#, stream.text.len() as f64),
        (r#"eider_records_sent_total{format="parquet"}"#, 0.0),
    ] {
        assert_is(statistics.value(series), value, series);
    }
}

#[tokio::test]
async fn replays_are_counted() {
    let app = TestApp::with_flights().await;
    for _ in 0..3 {
        let request = app.request("POST", FLIGHTS).header("idempotency-key", "one");
        app.send(request.header("content-type", "application/json").body("{\"carrier\":\"UA\"}")).await;
    }
    let statistics = Figures::of(&app).await;
    assert_is(statistics.value("eider_idempotent_replays_total"), 2.0, "all but the first");
    assert_is(statistics.value(r#"eider_records_stored_total{format="json"}"#), 1.0, "a replay stores nothing");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_and_its_build_are_described() {
    let statistics = Figures::of(&TestApp::start()).await;
    for name in [
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "process_threads",
        "process_start_time_seconds",
    ] {
        assert!(statistics.value(name) > 0.0, "{name}");
    }
    let build = format!("eider_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_is(statistics.value(&build), 1.0, &build);
}

/// The stages of a `Server-Timing` header, in milliseconds.
fn stages(header: &str) -> Vec<(&str, f64)> {
    let stages = header.split(", ").map(|stage| stage.split_once(";dur=").unwrap());
    stages.map(|(name, millis)| (name, millis.parse().unwrap())).collect()
}

#[tokio::test]
async fn answers_say_where_the_time_went() {
    let app = TestApp::with_flights().await;
    // Enough that none of the stages is rounded to nothing.
    app.load(json!(vec![json!({"carrier": "UA"}); 500])).await;
    for path in ["/health/live", "/nowhere", FLIGHTS, &format!("{FLIGHTS}/count"), &format!("{FLIGHTS}/stream")] {
        let answer = app.get(path).await;
        let stages = stages(answer.header("server-timing"));
        let names: Vec<&str> = stages.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["pool", "store", "encode", "total"], "{path}");
        let parts: f64 = stages[..3].iter().map(|(_, millis)| millis).sum();
        // Each part is rounded by itself.
        assert!(stages[3].1 + 0.002 >= parts, "{path}: {stages:?}");
        assert_eq!(parts > 0.0, path.starts_with(FLIGHTS), "{path}: {stages:?}");
        assert_eq!(answer.header("x-response-time"), format!("{:.3}ms", stages[3].1), "{path}");
    }
    let answer = app.get(FLIGHTS).await;
    assert!(stages(answer.header("server-timing"))[1].1.abs() < f64::EPSILON, "an answer that is kept asks no store");
}

#[tokio::test]
async fn the_callers_place_in_a_trace_is_kept_when_it_is_one() {
    const PLACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let app = TestApp::start();
    let answer = app.send(app.request("GET", "/health/live").header("traceparent", PLACE)).await;
    assert_eq!(answer.header("traceparent"), PLACE);
    for wrong in ["", "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "x"] {
        let answer = app.send(app.request("GET", "/health/live").header("traceparent", wrong)).await;
        assert_eq!((answer.status, answer.header("traceparent")), (200, ""), "{wrong}");
    }
}
