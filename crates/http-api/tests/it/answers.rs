//! Answers that are not asked twice: tags, and answers that are kept until the next commit.

use std::collections::HashMap;
use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_http_api::HttpSettings;
use eider_testkit::Operation;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};
use serde_json::{Value as Json, json};

use crate::app::{Answer, TestApp, flights};

const PAGE: &str = "/api/v1/records/flights";
const COUNT: &str = "/api/v1/records/flights/count";

/// Over ten flights, with room for answers of so many bytes.
async fn app_with_room(answer_cache_bytes: u64) -> TestApp {
    let settings =
        HttpSettings { answer_cache_bytes, min_seq_wait: Duration::from_millis(1), ..HttpSettings::default() };
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    let record = |n: i64| json!({"carrier": if n % 2 == 0 { "UA" } else { "AA" }, "flight": n});
    app.load((0..10).map(record).collect()).await;
    app
}

async fn app() -> TestApp {
    app_with_room(1 << 20).await
}

/// Makes the next query fail that the store is asked for a path.
fn fail_next_query(app: &TestApp, path: &str) {
    let operation = if path.starts_with(COUNT) { Operation::Count } else { Operation::Scan };
    app.store.fail_next(operation, StoreError::new(StoreErrorKind::Internal, "the store was asked"));
}

async fn tag(app: &TestApp, path: &str) -> String {
    let answer = app.get(path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.header("etag").to_owned()
}

async fn get_unless(app: &TestApp, path: &str, known: &str) -> Answer {
    app.send(app.request("GET", path).header(IF_NONE_MATCH, known)).await
}

/// The metrics by name, those of answers alone.
async fn statistics(app: &TestApp) -> HashMap<String, u64> {
    let text = app.get("/metrics").await.text;
    let samples = text.lines().filter_map(|line| line.strip_prefix("eider_answer_cache_")?.split_once(' '));
    samples.map(|(name, value)| (name.to_owned(), value.trim_end_matches(".0").parse().unwrap())).collect()
}

#[tokio::test]
async fn what_was_asked_before_is_answered_without_a_query() {
    for path in [
        PAGE.to_owned(),
        format!("{PAGE}?carrier.eq=UA&sort=-flight&fields=flight&limit=2&count=exact"),
        format!("{PAGE}?page=2&size=3"),
        format!("{PAGE}?format=csv&count=exact"),
        format!("{PAGE}?format=parquet&limit=3"),
        COUNT.to_owned(),
        format!("{COUNT}?carrier.eq=AA"),
    ] {
        for encoding in ["identity", "gzip", "zstd"] {
            let app = app().await;
            let request = || app.request("GET", &path).header(ACCEPT_ENCODING, encoding);
            let first = request().send().await.unwrap();
            assert_eq!(first.status(), 200);
            fail_next_query(&app, &path);
            let again = request().send().await.unwrap();
            assert_eq!(again.status(), 200, "{path}");
            let own = ["x-request-id", "x-response-time", "server-timing", "date"];
            let headers = |response: &reqwest::Response| {
                let mut headers = response.headers().clone();
                for name in own {
                    headers.remove(name);
                }
                headers
            };
            assert_eq!(headers(&first), headers(&again));
            assert_eq!(again.headers()["cache-control"], "no-cache");
            assert_eq!(first.bytes().await.unwrap(), again.bytes().await.unwrap());
            let other =
                if path.starts_with(COUNT) { format!("{COUNT}?flight.eq=1") } else { format!("{PAGE}?limit=7") };
            assert_eq!(app.get(&other).await.status, 500, "another query reaches the store");
        }
    }
}

#[tokio::test]
async fn an_answer_that_the_client_has_takes_no_query() {
    let app = app_with_room(0).await;
    for (path, vary) in [(PAGE, "accept, accept-encoding"), (COUNT, "")] {
        let tag = tag(&app, path).await;
        let strong = tag.strip_prefix("W/").unwrap();
        fail_next_query(&app, path);
        for known in [&tag, strong, "*", &format!("\"1\", {tag}")] {
            let answer = get_unless(&app, path, known).await;
            assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{path} {known}");
            assert_eq!((answer.header("etag"), answer.header("vary")), (tag.as_str(), vary));
            assert_eq!((answer.header("cache-control"), answer.header("content-type")), ("no-cache", ""));
        }
        assert_eq!(get_unless(&app, path, "W/\"10-other\"").await.status, 500, "the store is asked");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_whatever_the_client_has() {
    let app = app().await;
    for (query, code) in [
        ("cursor=abc", "invalid_cursor"),
        ("page=1002&size=10", "invalid_parameter"),
        ("limit=0", "invalid_limit"),
        ("carier.eq=UA", "unknown_property"),
    ] {
        let answer = get_unless(&app, &format!("{PAGE}?{query}"), "*").await;
        assert_eq!(answer.problem(), (400, code.to_owned()), "{query}");
        assert_eq!(answer.header("etag"), "");
    }
    let answer = get_unless(&app, &format!("{PAGE}?min_seq=1000"), "*").await;
    assert_eq!(answer.problem(), (504, "timeout".to_owned()));
}

#[tokio::test]
async fn every_commit_makes_another_tag() {
    let app = app().await;
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let mut seen = Vec::new();
    let mut counts = Vec::new();
    for step in 0..5 {
        let changed = match step {
            0 => None,
            1 => Some(app.post(PAGE, &json!({"id": id, "carrier": "UA"})).await),
            2 => {
                let request = app.request("PATCH", &format!("{PAGE}/{id}"));
                Some(app.send(request.header("content-type", "application/json").body(r#"{"flight": 7}"#)).await)
            }
            3 => Some(app.post(&format!("{PAGE}/bulk"), &json!([{"carrier": "AA"}])).await),
            _ => Some(app.delete(&format!("{PAGE}?carrier.eq=AA&max_affected=100")).await),
        };
        assert!(changed.is_none_or(|answer| answer.status < 300));
        for path in [PAGE, COUNT] {
            let tag = tag(&app, path).await;
            assert!(!seen.contains(&tag), "{step}");
            assert_eq!(get_unless(&app, path, &seen.join(", ")).await.status, 200);
            assert_eq!(get_unless(&app, path, &tag).await.status, 304);
            seen.push(tag);
        }
        counts.push(app.count().await);
        let page = app.get(PAGE).await.json();
        assert_eq!(page["data"].as_array().unwrap().len() as u64, counts[step]);
    }
    assert_eq!(counts, [10, 11, 11, 12, 6]);

    // What changes nothing leaves what is kept.
    assert_eq!(app.post(PAGE, &json!({"id": id, "carrier": "UA"})).await.status, 409);
    assert_eq!(app.post(&format!("{PAGE}/bulk"), &json!([{"carrier": "UAL"}])).await.status, 422);
    fail_next_query(&app, PAGE);
    assert_eq!(tag(&app, PAGE).await, seen[seen.len() - 2]);
}

#[tokio::test]
async fn what_is_answered_otherwise_has_another_tag() {
    let app = app().await;
    let other = json!({"name": "ships", "properties": flights()["properties"]});
    app.post("/api/v1/schemas", &other).await;
    app.post("/api/v1/records/ships/bulk", &(0..10).map(|n| json!({"carrier": "UA", "flight": n})).collect()).await;
    let cursor = app.get(&format!("{PAGE}?limit=3")).await.json()["page"]["next"].as_str().unwrap().to_owned();
    let mut seen: HashMap<String, String> = HashMap::new();
    for query in [
        "",
        "limit=3",
        "limit=4",
        &format!("limit=3&cursor={cursor}"),
        "page=1&size=3",
        "page=2&size=3",
        "limit=3&count=exact",
        "carrier.eq=UA",
        "carrier.ne=UA",
        "carrier.eq=AA",
        "flight.eq=1",
        "carrier.in=UA,AA",
        "sort=flight",
        "sort=-flight",
        "sort=flight,carrier",
        "fields=flight",
        "fields=flight,carrier",
        "fields=carrier,flight",
        "format=ndjson",
        "format=jsonl",
        "format=csv",
        "format=arrow",
        "format=parquet",
    ] {
        for encoding in ["identity", "gzip", "zstd"] {
            // It is compressed within, whatever is accepted.
            if query == "format=parquet" && encoding != "identity" {
                continue;
            }
            let path = format!("{PAGE}?{query}");
            let answer = app.request("GET", &path).header(ACCEPT_ENCODING, encoding).send().await.unwrap();
            let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
            assert_eq!(seen.insert(tag, format!("{query} {encoding}")), None, "{query} {encoding}");
        }
    }
    for path in [COUNT, &format!("{COUNT}?carrier.eq=UA"), "/api/v1/records/ships", "/api/v1/records/ships/count"] {
        assert_eq!(seen.insert(tag(&app, path).await, path.to_owned()), None, "{path}");
    }
}

#[tokio::test]
async fn requests_that_ask_the_same_share_an_answer_and_have_their_own_links() {
    let app = app().await;
    let paths = [
        format!("{PAGE}?limit=3&sort=flight&format=csv"),
        format!("{PAGE}?sort=FLIGHT&limit=3&min_seq=1&format=csv"),
        "/api/v1/records/Flights?limit=3&sort=flight&format=csv".to_owned(),
    ];
    let first = app.get(&paths[0]).await;
    let by_header = app.request("GET", &format!("{PAGE}?limit=3&sort=flight")).header(ACCEPT, "text/csv");
    fail_next_query(&app, PAGE);
    let by_header = app.send(by_header).await;
    assert_eq!((by_header.text.as_str(), by_header.header("etag")), (first.text.as_str(), first.header("etag")));
    assert!(by_header.header("link").starts_with(&format!("<{PAGE}?limit=3&sort=flight&cursor=")));
    for path in paths {
        let answer = app.get(&path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, first.text.as_str()), "{path}");
        assert_eq!(answer.header("etag"), first.header("etag"));
        assert!(answer.header("link").starts_with(&format!("<{path}&cursor=")), "{}", answer.header("link"));
    }
}

#[tokio::test]
async fn a_schema_made_anew_shares_nothing_with_the_one_before() {
    let app = app().await;
    let (page, count) = (tag(&app, PAGE).await, tag(&app, COUNT).await);
    app.delete("/api/v1/schemas/flights").await;
    for path in [PAGE, COUNT] {
        assert_eq!(get_unless(&app, path, "*").await.problem(), (404, "schema_not_found".to_owned()));
    }
    app.clock.advance(Duration::from_micros(1));
    app.create_flights().await;
    app.load((10..20).map(|n| json!({"carrier": "DL", "flight": n})).collect()).await;
    assert_eq!(app.get(&format!("{COUNT}?carrier.eq=DL")).await.json(), json!({"count": 10}));
    assert_eq!(get_unless(&app, PAGE, &page).await.json()["data"][0]["carrier"], "DL");
    assert_eq!(get_unless(&app, COUNT, &count).await.status, 200);
}

#[tokio::test]
async fn nothing_is_kept_where_there_is_no_room() {
    let app = app_with_room(0).await;
    for path in [PAGE, COUNT] {
        tag(&app, path).await;
        fail_next_query(&app, path);
        assert_eq!(app.get(path).await.status, 500, "{path}");
    }
    assert_eq!(statistics(&app).await["entries"], 0);
}

#[tokio::test]
async fn what_is_kept_stays_within_its_room() {
    const ROOM: u64 = 64 << 10;
    let app = app_with_room(ROOM).await;
    for n in 0..100 {
        tag(&app, &format!("{PAGE}?flight.gte={n}&limit=5")).await;
        tag(&app, &format!("{COUNT}?flight.gte={n}")).await;
        let statistics = statistics(&app).await;
        assert!(statistics["bytes"] <= ROOM, "{statistics:?}");
    }
    let statistics = statistics(&app).await;
    // Each takes half a kilobyte and more, and what was asked last is among them.
    assert!((10..128).contains(&statistics["entries"]) && statistics["bytes"] > ROOM / 2, "{statistics:?}");
    fail_next_query(&app, COUNT);
    tag(&app, &format!("{COUNT}?flight.gte=99")).await;
    assert_eq!(app.get(&format!("{COUNT}?flight.gte=0")).await.status, 500, "the oldest made room");
}

#[tokio::test]
async fn answers_of_an_earlier_commit_make_room_however_popular_they_were() {
    let app = app_with_room(16 << 10).await;
    for _ in 0..10 {
        for n in 0..40 {
            tag(&app, &format!("{COUNT}?flight.gte={n}")).await;
        }
    }
    app.load(json!([{"carrier": "DL"}])).await;
    tag(&app, COUNT).await;
    fail_next_query(&app, COUNT);
    assert_eq!(app.get(COUNT).await.json(), json!({"count": 11}));
}

#[tokio::test]
async fn an_answer_that_would_take_most_of_the_room_is_not_kept() {
    let app = app_with_room(64 << 10).await;
    app.load(json!([{"carrier": "DL", "extra": {"text": "x".repeat(4 << 10)}}])).await;
    let (large, small) = (format!("{PAGE}?carrier.eq=DL"), format!("{PAGE}?carrier.eq=DL&fields=carrier"));
    for path in [&large, &small] {
        tag(&app, path).await;
    }
    fail_next_query(&app, &large);
    tag(&app, &small).await;
    assert_eq!(app.get(&large).await.status, 500);
}

#[tokio::test]
async fn what_fails_is_not_kept() {
    let app = app().await;
    for path in [PAGE, COUNT] {
        fail_next_query(&app, path);
        let answer = app.get(path).await;
        assert_eq!(answer.problem(), (500, "internal".to_owned()));
        assert_eq!((answer.header("etag"), answer.header("cache-control")), ("", "no-store"));
        let again = app.get(path).await;
        assert_eq!(again.status, 200, "{path}: {}", again.text);
    }
    app.store.fail_scan_after(5, StoreError::new(StoreErrorKind::Internal, "internal words"));
    let path = format!("{PAGE}?limit=9");
    assert_eq!(app.get(&path).await.status, 500);
    assert_eq!(app.get(&path).await.json()["data"].as_array().map(Vec::len), Some(9));
}

#[tokio::test]
async fn metrics_count_what_was_kept_and_found() {
    let app = app().await;
    for _ in 0..3 {
        tag(&app, PAGE).await;
        tag(&app, COUNT).await;
    }
    get_unless(&app, PAGE, "*").await;
    let statistics = statistics(&app).await;
    assert_eq!((statistics["hits_total"], statistics["misses_total"], statistics["entries"]), (4, 2, 2));
    let body = app.get(PAGE).await.text.len() as u64;
    assert!((body..body + 2048).contains(&statistics["bytes"]), "{statistics:?}");
    let answer: Json = app.get(COUNT).await.json();
    assert_eq!(answer, json!({"count": 10}));
}
