//! Reports of failures that a receipt has no room for.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use eider_testkit::MemoryReports;
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp};

const PARTIAL: &str = "/api/v1/records/flights/bulk?mode=partial";
const ATOMIC: &str = "/api/v1/records/flights/bulk";

async fn app_with(limits: IngestLimits, reports: MemoryReports) -> TestApp {
    let app = TestApp::start_over(HttpSettings::default(), limits, reports);
    app.create_flights().await;
    app
}

async fn app_naming(max_failures: usize) -> TestApp {
    app_with(IngestLimits { max_failures, ..IngestLimits::default() }, MemoryReports::default()).await
}

async fn post(app: &TestApp, path: &str, body: impl Into<String>) -> Answer {
    app.post_text(path, "application/x-ndjson", body.into()).await
}

async fn report_of(app: &TestApp, receipt: &Json) -> Answer {
    app.get(&format!("/api/v1/imports/{}/failures", receipt["import_id"].as_str().unwrap())).await
}

fn lines(report: &Answer) -> Vec<Json> {
    assert_eq!((report.status, report.header("content-type")), (200, "application/x-ndjson"), "{}", report.text);
    report.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn failures_beyond_the_cap_are_read_in_full_from_the_report() {
    let app = app_naming(3).await;
    for path in [ATOMIC, PARTIAL] {
        let receipt = post(&app, path, "{}\n".repeat(10)).await.json();
        assert_eq!((&receipt["failed"], &receipt["failures_truncated"]), (&json!(10), &json!(true)));
        let report = lines(&report_of(&app, &receipt).await);
        assert_eq!(receipt["failures"].as_array().unwrap(), &report[..3]);
        let numbers: Vec<u64> = report.iter().map(|failure| failure["line"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
        let last = json!({
            "line": 10, "pointer": "/carrier", "code": "required_missing", "detail": "`carrier` is required",
        });
        assert_eq!(report[9], last);
    }
}

#[tokio::test]
async fn a_report_is_compressed_as_its_client_likes() {
    let app = app_naming(3).await;
    let receipt = post(&app, PARTIAL, "{}\n".repeat(5_000)).await.json();
    let path = format!("/api/v1/imports/{}/failures", receipt["import_id"].as_str().unwrap());
    reads_the_same_compressed(&app, &path).await;
}

/// Asks for an answer as it is and compressed, and compares what is in them.
pub(crate) async fn reads_the_same_compressed(app: &TestApp, path: &str) {
    let plain = app.get(path).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    for coding in ["gzip", "zstd"] {
        let answer = app.request("GET", path).header("accept-encoding", coding).send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], coding);
        assert_eq!(answer.headers()["vary"], "accept-encoding");
        let bytes = answer.bytes().await.unwrap();
        assert!(bytes.len() < plain.text.len(), "{} of {}", bytes.len(), plain.text.len());
        let text = match coding {
            "gzip" => std::io::read_to_string(flate2::read::MultiGzDecoder::new(&bytes[..])).unwrap(),
            _ => String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap(),
        };
        assert_eq!(text, plain.text, "{coding}");
    }
}

#[tokio::test]
async fn a_receipt_that_names_every_failure_has_no_report() {
    let app = app_naming(3).await;
    let receipt = post(&app, PARTIAL, "{}\n".repeat(3)).await.json();
    assert_eq!((&receipt["failures_truncated"], &receipt["import_id"]), (&json!(false), &Json::Null));
    assert!(app.reports.is_empty());
}

#[tokio::test]
async fn a_hundred_thousand_records_with_some_few_or_only_bad_ones_are_told_apart_in_both_modes() {
    const RECORDS: u64 = 100_001;
    for bad in [1, 1_000, RECORDS] {
        let is_bad = |line: u64| line.is_multiple_of(RECORDS / bad) && line / (RECORDS / bad) <= bad;
        let expected: Vec<u64> = (1..=RECORDS).filter(|line| is_bad(*line)).collect();
        assert_eq!(expected.len() as u64, bad);
        let record = |line| if is_bad(line) { "{\"carrier\":7}\n" } else { "{\"carrier\":\"UA\"}\n" };
        let body: String = (1..=RECORDS).map(record).collect();
        for (path, status, created) in [(ATOMIC, 422, 0), (PARTIAL, 207, RECORDS - bad)] {
            let app = app_naming(1_000).await;
            let answer = post(&app, path, body.clone()).await;
            let receipt = answer.json();
            assert_eq!(answer.status, status);
            let counts = ["received", "created", "failed"].map(|count| receipt[count].as_u64().unwrap());
            assert_eq!(counts, [RECORDS, created, bad]);
            assert_eq!(app.count().await, created);
            let failures = if receipt["failures_truncated"] == true {
                lines(&report_of(&app, &receipt).await)
            } else {
                receipt["failures"].as_array().unwrap().clone()
            };
            let found: Vec<u64> = failures.iter().map(|failure| failure["line"].as_u64().unwrap()).collect();
            assert_eq!(found, expected);
            assert!(failures.iter().all(|f| f["pointer"] == "/carrier" && f["code"] == "type_mismatch"));
        }
    }
}

#[tokio::test]
async fn keys_that_are_taken_are_in_the_report_too() {
    let app = app_naming(1).await;
    app.load(json!([{"carrier": "UA", "confirmation": "stored"}])).await;
    let taken = "{\"carrier\":\"UA\",\"confirmation\":\"stored\"}\n";
    let receipt = post(&app, PARTIAL, format!("{taken}{{}}\n{taken}")).await.json();
    assert_eq!(receipt["failed"], 3);
    let report = lines(&report_of(&app, &receipt).await);
    let found: Vec<_> = report.iter().map(|failure| (failure["line"].clone(), failure["code"].clone())).collect();
    let expected = [(2, "required_missing"), (1, "unique_violation"), (3, "unique_violation")];
    assert_eq!(found, expected.map(|(line, code)| (json!(line), json!(code))));
}

#[tokio::test]
async fn a_report_is_gone_after_a_day() {
    let app = app_naming(0).await;
    let receipt = post(&app, ATOMIC, "{}").await.json();
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(report_of(&app, &receipt).await.status, 200);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(report_of(&app, &receipt).await.problem(), (404, "report_not_found".to_owned()));
}

#[tokio::test]
async fn an_import_that_never_was_has_no_report() {
    let app = app_naming(0).await;
    for id in ["01890a5d-ac96-774b-bcce-b302099a8057", "nonsense"] {
        let answer = app.get(&format!("/api/v1/imports/{id}/failures")).await;
        assert_eq!(answer.problem(), (404, "report_not_found".to_owned()));
    }
}

#[tokio::test]
async fn a_report_that_grows_too_large_says_where_it_breaks_off() {
    let limits = IngestLimits { max_failures: 1, max_report_bytes: 500, ..IngestLimits::default() };
    let app = app_with(limits, MemoryReports::default()).await;
    let receipt = post(&app, PARTIAL, "{}\n".repeat(50_000)).await.json();
    assert_eq!(receipt["failed"], 50_000);
    let report = lines(&report_of(&app, &receipt).await);
    assert_eq!(report.last().unwrap(), &json!({"$truncated": {"limit_bytes": 500}}));
    let numbers: Vec<u64> = report.iter().filter_map(|failure| failure["line"].as_u64()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5], "as many as 500 bytes hold");
}

#[tokio::test]
async fn a_report_that_cannot_be_written_fails_no_import() {
    let limits = IngestLimits { max_failures: 1, ..IngestLimits::default() };
    let app = app_with(limits, MemoryReports::with_room(10)).await;
    let answer = post(&app, PARTIAL, "{}\n{}\n{\"carrier\":\"UA\"}").await;
    let receipt = answer.json();
    assert_eq!((answer.status, &receipt["created"], &receipt["failed"]), (207, &json!(1), &json!(2)));
    assert_eq!((&receipt["failures_truncated"], &receipt["import_id"]), (&json!(true), &Json::Null));
}
