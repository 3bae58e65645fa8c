//! How many streams run at once, and readers that do not read.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_application::ports::{StoreError, StoreErrorKind};
use eider_http_api::HttpSettings;
use eider_testkit::Operation;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::app::{TestApp, broken_body};

const STREAM: &str = "/api/v1/records/flights/stream";

/// After so long a test has not merely been slow: it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

async fn app_with(settings: HttpSettings, records: Json) -> TestApp {
    let app = TestApp::start_with(settings, IngestLimits::default());
    app.create_flights().await;
    app.load(records).await;
    app
}

fn flights(count: i64) -> Json {
    (0..count).map(|n| json!({"carrier": "UA", "flight": n})).collect()
}

#[tokio::test]
async fn so_many_streams_run_at_once_and_no_more() {
    let settings = HttpSettings { max_streams: 2, stream_wait: Duration::from_millis(1), ..HttpSettings::default() };
    let app = app_with(settings, flights(10)).await;
    let gates = [app.store.hold_scan_after(3), app.store.hold_scan_after(3)];
    let mut running = Vec::new();
    for _ in 0..2 {
        let mut response = app.request("GET", STREAM).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.chunk().await.unwrap().unwrap();
        running.push(response);
    }
    let refused = app.get(STREAM).await;
    assert_eq!(refused.problem(), (503, "overloaded".to_owned()));
    assert_eq!((&refused.json()["budget"], refused.header("retry-after")), (&json!("streams"), "1"));
    // What is no stream does not wait for streams, and what is refused does not reach the store.
    assert_eq!(app.get("/api/v1/records/flights").await.status, 200);
    assert_eq!(app.store.open_scans(), 2);

    drop(running.pop());
    app.store.wait_for_open_scans(1).await;
    let answer = wait_for_place(&app, "").await;
    assert_eq!(answer.lines().count(), 10);
    for gate in gates {
        gate.open();
    }
    let rest = running.remove(0).text().await.unwrap();
    assert_eq!(rest.lines().count(), 7);
}

/// The records, as soon as another stream has given its place back.
async fn wait_for_place(app: &TestApp, query: &str) -> String {
    let admitted = async {
        loop {
            let answer = app.get(&format!("{STREAM}{query}")).await;
            if answer.status == 200 {
                return answer.text;
            }
        }
    };
    timeout(PATIENCE, admitted).await.unwrap()
}

#[tokio::test]
async fn a_stream_that_fails_to_begin_gives_its_place_back() {
    let settings = HttpSettings { max_streams: 1, stream_wait: Duration::from_millis(1), ..HttpSettings::default() };
    let app = app_with(settings, flights(1)).await;
    for _ in 0..3 {
        app.store.fail_next(Operation::Scan, StoreError::new(StoreErrorKind::Internal, "internal words"));
        assert_eq!(app.get(STREAM).await.problem(), (500, "internal".to_owned()));
    }
    assert_eq!(wait_for_place(&app, "").await.lines().count(), 1);
}

/// A client that took the first bytes of its stream and nothing more until its query ended.
async fn silent_reader(app: &TestApp, version: &str) -> (TcpStream, Vec<u8>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = app.base.strip_prefix("http://").unwrap().parse().unwrap();
    let mut connection = socket.connect(address).await.unwrap();
    let request = format!("GET {STREAM} HTTP/{version}\r\nHost: localhost\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut received = vec![0; 12];
    connection.read_exact(&mut received).await.unwrap();
    assert!(received.ends_with(b" 200"), "{received:?}");
    app.store.wait_for_open_scans(0).await;
    (connection, received)
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let settings = HttpSettings {
        max_streams: 1,
        stream_wait: Duration::from_millis(1),
        stream_idle: Duration::from_millis(50),
        ..HttpSettings::default()
    };
    // More than the buffers of a connection hold.
    let text = "x".repeat(1 << 20);
    let records: Json = (0..48).map(|n| json!({"carrier": "UA", "flight": n, "extra": {"text": text}})).collect();
    let app = app_with(settings, records).await;

    let (mut connection, mut received) = timeout(PATIENCE, silent_reader(&app, "1.1")).await.unwrap();
    assert_eq!(wait_for_place(&app, "?fields=flight&limit=1").await, "{\"flight\":0}\n", "others have its place");

    // Whatever it takes now, it does not take it for everything.
    let _ = timeout(PATIENCE, connection.read_to_end(&mut received)).await.unwrap();
    assert!(received.len() < 48 << 20 && !received.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn what_ends_with_its_connection_breaks_it_when_it_breaks_off() {
    let settings = HttpSettings { stream_idle: Duration::from_millis(50), ..HttpSettings::default() };
    let text = "x".repeat(1 << 20);
    let records: Json = (0..48).map(|n| json!({"carrier": "UA", "flight": n, "extra": {"text": text}})).collect();
    let app = app_with(settings, records).await;
    let (mut connection, mut received) = timeout(PATIENCE, silent_reader(&app, "1.0")).await.unwrap();
    let ended = timeout(PATIENCE, connection.read_to_end(&mut received)).await.unwrap();
    assert!(ended.is_err(), "{} bytes pass for everything", received.len());
}

/// The value of a metric of streams.
async fn value(app: &TestApp, name: &str) -> u64 {
    let text = app.get("/metrics").await.text;
    let value =
        text.lines().find_map(|line| line.strip_prefix("eider_streams_")?.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("{name}: {text}")).parse().unwrap()
}

async fn ended(app: &TestApp, outcome: &str) -> u64 {
    value(app, &format!("ended_total{{outcome=\"{outcome}\"}}")).await
}

#[tokio::test]
async fn streams_are_counted_by_how_they_end() {
    let settings = HttpSettings { stream_idle: Duration::from_millis(50), ..HttpSettings::default() };
    let text = "x".repeat(1 << 20);
    let records: Json = (0..48).map(|n| json!({"carrier": "UA", "flight": n, "extra": {"text": text}})).collect();
    let app = app_with(settings, records).await;
    let outcomes = ["completed", "client_left", "idle", "failed"];
    let stream = format!("{STREAM}?fields=flight");
    for (place, outcome) in outcomes.into_iter().enumerate() {
        assert_eq!((value(&app, "running").await, ended(&app, outcome).await), (0, 0));
        match outcome {
            "completed" => assert_eq!(app.get(&stream).await.text.lines().count(), 48),
            "client_left" => {
                let gate = app.store.hold_scan_after(10);
                let mut response = app.request("GET", &stream).send().await.unwrap();
                response.chunk().await.unwrap().unwrap();
                assert_eq!(value(&app, "running").await, 1);
                drop((response, gate));
            }
            "idle" => drop(timeout(PATIENCE, silent_reader(&app, "1.1")).await.unwrap()),
            _ => {
                app.store.fail_scan_after(10, StoreError::new(StoreErrorKind::Internal, "internal words"));
                let response = app.request("GET", &stream).send().await.unwrap();
                broken_body(response).await;
            }
        }
        let counted = async { while value(&app, "running").await > 0 || ended(&app, outcome).await == 0 {} };
        timeout(PATIENCE, counted).await.unwrap();
        for (other, name) in outcomes.into_iter().enumerate() {
            assert_eq!(ended(&app, name).await, u64::from(other <= place), "{name} after {outcome}");
        }
    }
    // What fails before it begins is an answer, not a stream.
    app.store.fail_next(Operation::Scan, StoreError::new(StoreErrorKind::Internal, "internal words"));
    assert_eq!(app.get(&stream).await.status, 500);
    assert_eq!((value(&app, "running").await, ended(&app, "failed").await), (0, 1));
}
