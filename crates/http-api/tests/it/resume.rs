//! Framed streams, and streams that go on behind a cursor.

use std::time::Duration;

use eider_application::ports::{StoreError, StoreErrorKind};
use reqwest::header::ACCEPT;
use serde_json::{Value as Json, json};

use crate::app::{TestApp, broken_body};
use crate::representations::records;

const PAGE: &str = "/api/v1/records/flights";
const STREAM: &str = "/api/v1/records/flights/stream";

/// Flights with many ties and nulls; `flight` is their position in commit order.
async fn app_with(count: i64) -> TestApp {
    let app = TestApp::with_flights().await;
    let record = |n: i64| {
        let delay = (n % 3 != 0).then_some([0.1, -0.0, 0.0, 1e300, -2.5][usize::try_from(n % 5).unwrap()]);
        let hour = (n % 4 != 0).then(|| format!("2013-01-31T08:15:00.{:06}Z", n % 2));
        let carrier = ["UA", "", "é\""][usize::try_from(n % 7 % 3).unwrap()];
        json!({"carrier": carrier, "flight": n, "dep_delay": delay,
            "time_hour": hour})
    };
    app.load((0..count).map(record).collect::<Vec<_>>().into()).await;
    app
}

/// What a client can make of what arrived of a framed stream.
#[derive(Debug, Default)]
struct Received {
    /// The flights up to the last cursor.
    flights: Vec<i64>,
    cursor: Option<String>,
    is_whole: bool,
}

impl Received {
    fn of(bytes: &[u8]) -> Self {
        let mut received = Self::default();
        let mut uncertain = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let line: Json = serde_json::from_slice(line).unwrap();
            assert!(!received.is_whole, "nothing follows the end: {line}");
            match line["t"].as_str().unwrap() {
                "row" => uncertain.push(line["record"]["flight"].as_i64().unwrap()),
                kind @ ("cursor" | "end" | "error") => {
                    received.flights.append(&mut uncertain);
                    assert_eq!(line["rows"], received.flights.len());
                    received.cursor = line["cursor"].as_str().map(str::to_owned);
                    received.is_whole = kind == "end";
                }
                other => panic!("{other}"),
            }
        }
        received
    }

    fn cursor(&self) -> &str {
        self.cursor.as_deref().unwrap()
    }
}

async fn framed(app: &TestApp, query: &str) -> Received {
    let answer = app.get(&format!("{STREAM}?profile=framed&{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let received = Received::of(answer.text.as_bytes());
    assert!(received.is_whole);
    received
}

/// The flights of a plain stream.
async fn plain(app: &TestApp, query: &str) -> Vec<i64> {
    let answer = app.get(&format!("{STREAM}?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    records("ndjson", answer.text.as_bytes()).iter().map(|record| record["flight"].as_i64().unwrap()).collect()
}

/// The first bytes of an answer, after which the client leaves.
async fn first_bytes(app: &TestApp, path: &str, count: usize) -> Vec<u8> {
    let mut response = app.request("GET", path).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut bytes = Vec::new();
    while bytes.len() < count
        && let Some(piece) = response.chunk().await.unwrap()
    {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(count);
    bytes
}

#[tokio::test]
async fn a_framed_stream_says_of_each_line_what_it_is() {
    let app = app_with(5).await;
    let answer = app.get(&format!("{STREAM}?profile=framed&checkpoint_rows=2&fields=flight,carrier")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
    let lines = answer.text.lines().map(|line| serde_json::from_str(line).unwrap());
    let cursors: Vec<Json> = lines.filter_map(|line: Json| line.get("cursor").cloned()).collect();
    let shown = (1..)
        .zip(&cursors)
        .fold(answer.text.clone(), |text, (number, cursor)| text.replace(&cursor.to_string(), &format!("<{number}>")));
    let expected = r#"{"t":"row","record":{"flight":0,"carrier":"UA"}}
{"t":"row","record":{"flight":1,"carrier":""}}
{"t":"cursor","cursor":<1>,"rows":2}
{"t":"row","record":{"flight":2,"carrier":"é\""}}
{"t":"row","record":{"flight":3,"carrier":"UA"}}
{"t":"cursor","cursor":<2>,"rows":4}
{"t":"row","record":{"flight":4,"carrier":""}}
{"t":"end","cursor":<3>,"rows":5}
"#;
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_framed_stream_without_records_ends_where_it_began() {
    let app = app_with(3).await;
    let nothing = app.get(&format!("{STREAM}?profile=framed&flight.gt=1000")).await;
    assert_eq!(nothing.text, "{\"t\":\"end\",\"cursor\":null,\"rows\":0}\n");
    let end = framed(&app, "").await;
    let rest = framed(&app, &format!("resume={}", end.cursor())).await;
    assert_eq!((rest.flights.len(), rest.cursor()), (0, end.cursor()));
}

#[tokio::test]
async fn a_framed_stream_is_ndjson_alone() {
    let app = app_with(1).await;
    for format in ["json", "csv", "arrow", "parquet"] {
        let answer = app.get(&format!("{STREAM}?profile=framed&format={format}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{format}");
        assert!(answer.detail().contains("profile=framed"), "{}", answer.detail());
    }
    let path = format!("{STREAM}?profile=framed");
    for (accept, media_type) in [
        ("*/*", "application/x-ndjson"),
        ("application/jsonl", "application/jsonl"),
        ("text/csv, application/x-ndjson;q=0.1", "application/x-ndjson"),
    ] {
        let answer = app.send(app.request("GET", &path).header(ACCEPT, accept)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{accept}");
    }
    let answer = app.send(app.request("GET", &path).header(ACCEPT, "text/csv")).await;
    assert_eq!(answer.problem(), (406, "not_acceptable".to_owned()));
    assert_eq!(answer.json()["available"], json!(["application/x-ndjson", "application/jsonl"]));
}

#[tokio::test]
async fn controls_of_a_framed_stream_are_checked() {
    let app = app_with(1).await;
    for query in [
        "profile=other",
        "profile=",
        "checkpoint_rows=5",
        "profile=plain&checkpoint_rows=5",
        "profile=framed&checkpoint_rows=0",
        "profile=framed&checkpoint_rows=-1",
        "profile=framed&checkpoint_rows=x",
        "profile=framed&checkpoint_rows=1000001",
    ] {
        let answer = app.get(&format!("{STREAM}?{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid_parameter".to_owned()), "{query}");
    }
    assert_eq!(framed(&app, "checkpoint_rows=1000000").await.flights, [0]);
}

#[tokio::test]
async fn a_stream_cut_anywhere_goes_on_without_gap_or_duplicate() {
    let app = app_with(60).await;
    let mut state: u64 = 1;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for query in [
        "",
        "flight.gte=7",
        "sort=dep_delay",
        "sort=-dep_delay",
        "sort=carrier,-dep_delay",
        "sort=-time_hour,carrier",
        "sort=-carrier,dep_delay,-time_hour&dep_delay.is_null=false",
        "sort=-id",
    ] {
        let whole = plain(&app, query).await;
        let path = format!("{STREAM}?profile=framed&checkpoint_rows=7&fields=flight&{query}");
        let length = app.get(&path).await.text.len();
        let mut cuts = 0;
        while cuts < 100 {
            let (mut flights, mut cursor) = (Vec::new(), None);
            loop {
                let resume = cursor.as_ref().map_or_else(String::new, |cursor| format!("&resume={cursor}"));
                let received =
                    Received::of(&first_bytes(&app, &format!("{path}{resume}"), 1 + random(length + 200)).await);
                flights.extend(received.flights);
                cursor = received.cursor.or(cursor);
                if received.is_whole {
                    break;
                }
                cuts += 1;
            }
            assert_eq!(flights, whole, "{query}");
        }
        app.store.wait_for_open_scans(0).await;
    }
}

#[tokio::test]
async fn the_rest_of_a_stream_comes_in_every_format() {
    let app = app_with(50).await;
    for sort in ["", "&sort=-dep_delay,carrier"] {
        // Which fields are shown, and how, is no part of the query.
        let cursor = framed(&app, &format!("limit=20{sort}")).await.cursor.unwrap();
        let whole = format!("{STREAM}?fields=flight,dep_delay{sort}");
        for format in ["ndjson", "jsonl", "json", "arrow", "parquet"] {
            let bytes = async |path: String| app.request("GET", &path).send().await.unwrap().bytes().await.unwrap();
            let all = records(format, &bytes(format!("{whole}&format={format}")).await);
            let rest = records(format, &bytes(format!("{whole}&format={format}&resume={cursor}")).await);
            assert_eq!((all.len(), &rest[..]), (50, &all[20..]), "{format}{sort}");
        }
        let all = app.get(&format!("{whole}&format=csv")).await.text;
        let rest = app.get(&format!("{whole}&format=csv&resume={cursor}")).await.text;
        let (all, rest): (Vec<&str>, Vec<&str>) = (all.lines().collect(), rest.lines().collect());
        assert_eq!((rest[0], &rest[1..]), (all[0], &all[21..]), "{sort}");
    }
}

#[tokio::test]
async fn a_limit_counts_from_where_the_stream_goes_on() {
    let app = app_with(25).await;
    for sort in ["", "sort=-time_hour"] {
        let whole = plain(&app, sort).await;
        let (mut flights, mut resume) = (Vec::new(), String::new());
        for expected in [10, 10, 5, 0] {
            let received = framed(&app, &format!("limit=10&{sort}{resume}")).await;
            assert_eq!(received.flights.len(), expected);
            resume = format!("&resume={}", received.cursor());
            flights.extend(received.flights);
        }
        assert_eq!(flights, whole);
    }
}

#[tokio::test]
async fn pages_and_streams_share_their_cursors() {
    let app = app_with(25).await;
    let whole = plain(&app, "sort=dep_delay").await;
    let page = app.get(&format!("{PAGE}?sort=dep_delay&limit=10")).await.json();
    let next = page["page"]["next"].as_str().unwrap();
    assert_eq!(plain(&app, &format!("sort=dep_delay&resume={next}")).await, whole[10..]);
    let cursor = framed(&app, "sort=dep_delay&limit=20").await.cursor.unwrap();
    let page = app.get(&format!("{PAGE}?sort=dep_delay&cursor={cursor}")).await.json();
    let flights: Vec<i64> = page["data"].as_array().unwrap().iter().map(|r| r["flight"].as_i64().unwrap()).collect();
    assert_eq!(flights, whole[20..]);
}

#[tokio::test]
async fn a_cursor_of_another_query_is_refused() {
    let app = app_with(10).await;
    let mut ships = crate::app::flights();
    ships["name"] = "ships".into();
    assert_eq!(app.post("/api/v1/schemas", &ships).await.status, 201);
    let cursor = framed(&app, "sort=flight&limit=5").await.cursor.unwrap();
    assert_eq!(plain(&app, &format!("sort=flight&resume={cursor}")).await, [5, 6, 7, 8, 9]);
    let refused = async |path: String| {
        let answer = app.get(&path).await;
        assert_eq!(answer.problem(), (400, "invalid_cursor".to_owned()), "{path}");
    };
    for query in [
        format!("resume={cursor}"),
        format!("sort=-flight&resume={cursor}"),
        format!("sort=flight,id&resume={cursor}"),
        format!("sort=flight&flight.gt=0&resume={cursor}"),
        format!("sort=flight&resume={}", &cursor[1..]),
        "resume=".to_owned(),
        "resume=abc".to_owned(),
    ] {
        refused(format!("{STREAM}?{query}")).await;
        refused(format!("{STREAM}?profile=framed&{query}")).await;
    }
    refused(format!("/api/v1/records/ships/stream?sort=flight&resume={cursor}")).await;
    // A schema made anew has other records, though its name is the same.
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.delete("/api/v1/schemas/flights").await.status, 204);
    app.create_flights().await;
    refused(format!("{STREAM}?sort=flight&resume={cursor}")).await;
}

/// Changes the flight with a number.
async fn patch(app: &TestApp, flight: i64, change: Json) {
    let page = app.get(&format!("{PAGE}?flight.eq={flight}")).await.json();
    let path = format!("{PAGE}/{}", page["data"][0]["id"].as_str().unwrap());
    let request = app.request("PATCH", &path).header("content-type", "application/json");
    let answer = app.send(request.body(change.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn what_changes_meanwhile_comes_at_the_end_of_the_order_of_commit() {
    let app = app_with(20).await;
    let begun = framed(&app, "limit=10").await;
    // Delivered already, not delivered yet, deleted on either side, and new.
    patch(&app, 3, json!({"carrier": "B6"})).await;
    patch(&app, 15, json!({"carrier": "B6"})).await;
    for flight in [5, 9, 12] {
        assert_eq!(app.delete(&format!("{PAGE}?flight.eq={flight}&max_affected=1")).await.status, 200);
    }
    app.load(json!([{"carrier": "UA", "flight": 20}])).await;
    let resume = format!("resume={}", begun.cursor());
    let rest = framed(&app, &resume).await;
    assert_eq!(rest.flights, [10, 11, 13, 14, 16, 17, 18, 19, 3, 15, 20]);
    let states = app.get(&format!("{STREAM}?{resume}&fields=carrier")).await.text;
    assert_eq!(states.lines().filter(|line| line.contains("B6")).count(), 2, "with their new state: {states}");
    // The end of one stream is where the next finds what was written since.
    app.load(json!([{"carrier": "UA", "flight": 21}])).await;
    assert_eq!(plain(&app, &format!("resume={}", rest.cursor())).await, [21]);
}

#[tokio::test]
async fn what_changes_meanwhile_is_where_its_sort_keys_now_put_it() {
    let app = app_with(20).await;
    let begun = framed(&app, "sort=flight&limit=10").await;
    patch(&app, 3, json!({"flight": 30})).await;
    patch(&app, 4, json!({"carrier": "B6"})).await;
    patch(&app, 15, json!({"flight": 1})).await;
    app.load(json!([{"carrier": "UA", "flight": 5}, {"carrier": "UA", "flight": 9}, {"carrier": "UA"}])).await;
    let answer = app.get(&format!("{STREAM}?sort=flight&fields=flight&resume={}", begun.cursor())).await;
    let rest: Vec<Json> = records("ndjson", answer.text.as_bytes()).iter().map(|r| r["flight"].clone()).collect();
    // The second 9 ties with the record at the cursor and was committed later.
    let expected = json!([9, 10, 11, 12, 13, 14, 16, 17, 18, 19, 30, null]);
    assert_eq!(Json::from(rest), expected);
}

#[tokio::test]
async fn a_framed_stream_that_fails_says_where_to_go_on() {
    let app = app_with(100).await;
    for (sort, resume) in [("", false), ("sort=-dep_delay", false), ("sort=-dep_delay", true)] {
        let whole = plain(&app, sort).await;
        let begun = if resume { framed(&app, &format!("{sort}&limit=4")).await } else { Received::default() };
        let resume = begun.cursor.map_or_else(String::new, |cursor| format!("&resume={cursor}"));
        app.store.fail_scan_after(30, StoreError::new(StoreErrorKind::Internal, "internal words"));
        let path = format!("{STREAM}?profile=framed&checkpoint_rows=7&{sort}{resume}");
        let response = app.request("GET", &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let text = String::from_utf8(broken_body(response).await).unwrap();
        let last: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["t"], &last["rows"], &last["problem"]["code"]),
            (&json!("error"), &json!(30), &json!("internal"))
        );
        assert_eq!(last["problem"]["instance"], json!(request_id));
        assert!(!text.contains("internal words") && !text.contains("$error"));
        let received = Received::of(text.as_bytes());
        let rest = plain(&app, &format!("{sort}&resume={}", received.cursor())).await;
        let flights: Vec<i64> = begun.flights.into_iter().chain(received.flights).chain(rest).collect();
        assert_eq!(flights, whole);
    }
}
