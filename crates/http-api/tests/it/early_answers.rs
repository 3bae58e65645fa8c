//! Answers that are known before the body of their request has ended, and whether the connection goes on.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::app::{TestApp, flights};

/// Beyond what any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap()
}

/// One answer with its body; empty when the connection was closed before it came.
async fn answer(connection: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = async {
        loop {
            let head = text.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|end| end + 4);
            if let Some(head) = head {
                let lines = String::from_utf8_lossy(&text[..head]).to_ascii_lowercase();
                let length = lines.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if text.len() >= head + length.unwrap_or(0_usize) {
                    return;
                }
            }
            if connection.read_buf(&mut text).await.unwrap_or(0) == 0 {
                return;
            }
        }
    };
    timeout(PATIENCE, read).await.expect("an answer, or the end of the connection");
    String::from_utf8(text).unwrap()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// What is refused before its body is read: a route, a method, a media type, a header row.
const REFUSED: [(&str, &str, &str); 6] = [
    ("POST", "/api/v1/records/none/bulk", "text/csv"),
    ("POST", "/nowhere", "text/csv"),
    ("PUT", "/api/v1/records/flights/bulk", "text/csv"),
    ("POST", "/api/v1/records/flights/bulk", "image/png"),
    ("POST", "/api/v1/records/flights/bulk", "text/csv"),
    ("DELETE", "/api/v1/records/flights/019a0000-0000-7000-8000-000000000000", "application/json"),
];

#[tokio::test]
async fn a_long_upload_that_is_refused_gets_its_answer_and_leaves_no_connection() {
    let app = TestApp::with_flights().await;
    for (method, path, media_type) in REFUSED {
        let mut connection = connect(&app).await;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&chunk(b"no,such,columns\n")).await.unwrap();
        // More than the buffers of both sides hold: who does not read it lets the client hang.
        let piece = chunk(&b"1,2,3\n".repeat(10_000));
        let (mut reads, mut writes) = connection.split();
        let mut text = Vec::new();
        let upload = async {
            for _ in 0..400 {
                if writes.write_all(&piece).await.is_err() {
                    break;
                }
            }
        };
        let both = async { tokio::join!(upload, reads.read_to_end(&mut text)).1 };
        // A connection that is reset has ended as well.
        let _ = timeout(PATIENCE, both).await.unwrap_or_else(|_| panic!("{method} {path} hangs"));
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("HTTP/1.1 4") && text.contains("connection: close"), "{method} {path}: {text}");
    }
    assert_eq!(app.get("/health/live").await.status, 200);
}

/// A request after one whose chunks nobody wanted is answered on the same connection, or that one says that it closes.
#[test]
fn a_connection_goes_on_or_says_that_it_ends() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::with_flights());
    let requests = (prop::sample::select(&REFUSED[..]), prop::collection::vec(0..4_000_usize, 0..5), any::<bool>());
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let run = runner.run(&requests, |((method, path, media_type), chunks, is_sent_later)| {
        runtime.block_on(async {
            let mut connection = connect(&app).await;
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            let body: Vec<u8> = chunks.iter().filter(|size| **size > 0).flat_map(|size| chunk(&vec![b'x'; *size])).collect();
            let body = [&body[..], b"0\r\n\r\n"].concat();
            connection.write_all(head.as_bytes()).await.unwrap();
            if is_sent_later {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            connection.write_all(&body).await.unwrap();
            let first = answer(&mut connection).await;
            prop_assert!(first.starts_with("HTTP/1.1 4"), "{}", first);
            if !first.to_ascii_lowercase().contains("connection: close") {
                connection.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
                let second = answer(&mut connection).await;
                prop_assert!(second.starts_with("HTTP/1.1 200"), "{} {}: {:?} then {:?}", method, path, first, second);
            }
            Ok(())
        })
    });
    run.unwrap();
}

#[tokio::test]
async fn a_connection_whose_refused_upload_stops_is_reaped() {
    let second = Duration::from_secs(1);
    let app = TestApp::start_with(
        HttpSettings { keep_alive: second, header_timeout: second, ..HttpSettings::default() },
        IngestLimits::default(),
    );
    assert_eq!(app.post("/api/v1/schemas", &flights()).await.status, 201);
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 1000000"] {
        let mut connection = connect(&app).await;
        let head = format!("POST /nowhere HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n5\r\nabc");
        connection.write_all(head.as_bytes()).await.unwrap();
        let text = answer(&mut connection).await;
        assert!(text.starts_with("HTTP/1.1 404"), "{text}");
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, connection.read_to_end(&mut rest)).await.expect("the connection is closed");
    }
}

#[tokio::test]
async fn head_answers_as_get_without_a_body() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": 1}])).await;
    for path in [
        "/",
        "/health/live",
        "/metrics",
        "/openapi.json",
        "/docs",
        "/api/v1/schemas",
        "/api/v1/schemas/flights",
        "/api/v1/records/flights",
        "/api/v1/records/flights/count",
        "/api/v1/records/flights/stream",
        "/api/v1/records/flights/stream?format=parquet",
        "/api/v1/records/none",
        "/nowhere",
    ] {
        let (get, head) = (app.get(path).await, app.send(app.request("HEAD", path)).await);
        assert_eq!((head.status, &*head.text), (get.status, ""), "{path}");
        for header in ["content-type", "etag", "vary", "cache-control", "content-security-policy", "accept-ranges"] {
            assert_eq!(head.header(header), get.header(header), "{path} {header}");
        }
    }
    let mut connection = connect(&app).await;
    for _ in 0..3 {
        let head = b"HEAD /api/v1/records/flights/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
        connection.write_all(head).await.unwrap();
        let text = answer(&mut connection).await;
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("\r\n\r\n"), "{text}");
    }
}

#[tokio::test]
async fn options_names_the_methods() {
    let app = TestApp::with_flights().await;
    for (path, allow) in [
        ("/api/v1/schemas", "GET, POST, HEAD, OPTIONS"),
        ("/api/v1/records/flights/bulk", "POST, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
    ] {
        let answer = app.send(app.request("OPTIONS", path)).await;
        assert_eq!((answer.status, answer.header("allow"), &*answer.text), (204, allow, ""), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_answered() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": 1}])).await;
    let body = "{\"carrier\":\"UA\"}";
    let post = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for (request, status, end) in [
        ("GET /api/v1/records/flights/count HTTP/1.1", 200, "}"),
        ("GET /api/v1/records/flights/stream HTTP/1.1", 200, "0\r\n\r\n"),
        ("GET /health/live HTTP/1.1", 200, "}"),
        ("POST /api/v1/records/flights HTTP/1.1", 201, "}"),
    ] {
        let rest = if request.starts_with("POST") { &*post } else { "\r\n" };
        for _ in 0..10 {
            let mut connection = connect(&app).await;
            let text = format!("{request}\r\nHost: localhost\r\nConnection: close\r\n{rest}");
            connection.write_all(text.as_bytes()).await.unwrap();
            connection.shutdown().await.unwrap();
            let mut text = String::new();
            timeout(PATIENCE, connection.read_to_string(&mut text)).await.unwrap().unwrap();
            assert!(text.starts_with(&format!("HTTP/1.1 {status}")) && text.ends_with(end), "{request}: {text}");
        }
    }
}

#[tokio::test]
async fn a_stream_in_http_1_0_ends_with_its_connection() {
    let app = TestApp::with_flights().await;
    app.load(json!([{"carrier": "UA", "flight": 1}, {"carrier": "AA"}])).await;
    let mut connection = connect(&app).await;
    connection.write_all(b"GET /api/v1/records/flights/stream?fields=carrier HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    timeout(PATIENCE, connection.read_to_string(&mut text)).await.unwrap().unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_ascii_lowercase().contains("chunked"), "{head}");
    assert_eq!(body, "{\"carrier\":\"UA\"}\n{\"carrier\":\"AA\"}\n");
}

#[tokio::test]
async fn a_request_has_one_host() {
    let app = TestApp::start();
    for (hosts, status) in
        [("", 400), ("Host: a\r\nHost: b\r\n", 400), ("Host: a\r\n", 200), ("Host: evil.example\r\n", 403)]
    {
        let mut connection = connect(&app).await;
        let text = format!("GET /api/v1/schemas HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        connection.write_all(text.as_bytes()).await.unwrap();
        let text = answer(&mut connection).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{hosts}: {text}");
    }
}

/// A request whose client waits before it sends a body of `length`.
fn waiting(method: &str, path: &str, media_type: &str, length: u64) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Expect: 100-continue\r\n\r\n"
    )
}

#[tokio::test]
async fn a_client_that_waits_before_its_body_is_told_no_at_once() {
    let app = TestApp::with_flights().await;
    let (one, bulk) = ("/api/v1/records/flights", "/api/v1/records/flights/bulk");
    let refused = [
        ("POST", "/api/v1/records/none", "application/json", 100, "404"),
        ("POST", "/api/v1/records/none/bulk", "text/csv", 100, "404"),
        ("POST", "/nowhere", "application/json", 100, "404"),
        ("PUT", bulk, "text/csv", 100, "405"),
        ("POST", "/health/live", "application/json", 100, "405"),
        ("POST", bulk, "image/png", 100, "415"),
        ("POST", one, "application/json", 1 << 30, "413"),
        ("POST", bulk, "text/csv", 1 << 40, "413"),
        ("POST", "/api/v1/records/flights/bulk?modes=x", "text/csv", 100, "400"),
        ("GET", one, "application/json", 100, "200"),
    ];
    for (method, path, media_type, length, status) in refused {
        let mut connection = connect(&app).await;
        connection.write_all(waiting(method, path, media_type, length).as_bytes()).await.unwrap();
        let text = answer(&mut connection).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {text}");
        assert!(!text.contains("100 Continue"), "{method} {path}: {text}");
    }
}

#[tokio::test]
async fn a_client_that_waits_before_its_body_is_told_to_go_on_once() {
    let app = TestApp::with_flights().await;
    let (one, bulk) = ("/api/v1/records/flights", "/api/v1/records/flights/bulk");
    let record = r#"{"carrier":"UA"}"#;
    for (path, media_type, body) in [
        (one, "application/json", record.to_owned()),
        (bulk, "application/x-ndjson", record.to_owned()),
        (bulk, "application/json", format!("[{record}]")),
    ] {
        for waits in [true, false] {
            let mut connection = connect(&app).await;
            // The connection goes on behind the answer.
            for _ in 0..2 {
                connection.write_all(waiting("POST", path, media_type, body.len() as u64).as_bytes()).await.unwrap();
                if !waits {
                    connection.write_all(body.as_bytes()).await.unwrap();
                }
                let mut go_on = [0; 25];
                timeout(PATIENCE, connection.read_exact(&mut go_on)).await.expect("a word").unwrap();
                assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n", "{path}");
                if waits {
                    connection.write_all(body.as_bytes()).await.unwrap();
                }
                let text = answer(&mut connection).await;
                assert!(text.starts_with("HTTP/1.1 201 ") && !text.contains("100 Continue"), "{path}: {text}");
            }
        }
    }
    assert_eq!(app.get("/api/v1/records/flights/count").await.json()["count"], 12);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_leaves_nothing_behind() {
    let app = TestApp::with_flights().await;
    for _ in 0..20 {
        let mut connection = connect(&app).await;
        connection
            .write_all(waiting("POST", "/api/v1/records/flights", "application/json", 16).as_bytes())
            .await
            .unwrap();
        let mut go_on = [0; 25];
        timeout(PATIENCE, connection.read_exact(&mut go_on)).await.expect("a word").unwrap();
        drop(connection);
    }
    let idle = async {
        while !app.get("/metrics").await.text.contains("http_requests_in_flight 1\n") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, idle).await.expect("no request is left but the one that asks");
    assert_eq!(app.get("/api/v1/records/flights/count").await.json()["count"], 0);
}

/// Answers of some megabytes that are asked for at once.
const PAGES: usize = 10;

/// Asks for long pages over a connection that holds little of one.
async fn ask_for_much(app: &TestApp) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let address = app.base.strip_prefix("http://").unwrap().parse().unwrap();
    let mut connection = socket.connect(address).await.unwrap();
    let page = "GET /api/v1/records/texts?limit=10000 HTTP/1.1\r\nHost: localhost\r\n";
    let pages = format!("{page}\r\n").repeat(PAGES - 1) + page + "Connection: close\r\n\r\n";
    connection.write_all(pages.as_bytes()).await.unwrap();
    connection
}

/// A server that closes idle connections soon, with records of 1.8 MB.
async fn with_long_texts() -> TestApp {
    let settings = HttpSettings {
        keep_alive: Duration::from_millis(200),
        header_timeout: Duration::from_millis(200),
        stream_idle: Duration::from_millis(200),
        ..HttpSettings::default()
    };
    let app = TestApp::start_with(settings, IngestLimits::default());
    let schema = json!({"name": "texts", "properties": [{"name": "text", "type": "string"}]});
    assert_eq!(app.post("/api/v1/schemas", &schema).await.status, 201);
    let record = format!("{{\"text\":\"{}\"}}\n", "x".repeat(4000));
    let records = record.repeat(450);
    let stored = app.post_text("/api/v1/records/texts/bulk", "application/x-ndjson", records).await;
    assert_eq!(stored.status, 201, "{}", stored.text);
    app
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_all_of_a_long_answer() {
    let app = with_long_texts().await;
    let mut connection = ask_for_much(&app).await;
    let (mut piece, mut text) = (vec![0; 64 << 10], Vec::new());
    // In all it takes several times as long as an idle connection lives.
    for turn in 0.. {
        let read = timeout(PATIENCE, connection.read(&mut piece)).await.expect("it goes on").unwrap();
        text.extend_from_slice(&piece[..read]);
        if read == 0 {
            break;
        }
        if turn % 16 == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let pages = text.windows(15).filter(|window| window == b"HTTP/1.1 200 OK").count();
    assert_eq!((pages, text.len() / 1_800_000), (PAGES, PAGES), "{} bytes", text.len());
}

#[tokio::test]
async fn a_client_that_stops_reading_a_long_answer_is_left() {
    let app = with_long_texts().await;
    let mut connection = ask_for_much(&app).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut text = Vec::new();
    // What the sockets hold comes, and then the end, or a reset.
    let read = timeout(PATIENCE, connection.read_to_end(&mut text)).await.expect("it has ended");
    assert!(read.is_err() || text.len() < 1_800_000 * PAGES, "{} bytes", text.len());
}
