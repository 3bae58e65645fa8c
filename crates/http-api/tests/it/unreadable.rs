//! What is no request gets a problem, as every request does.

use std::time::Duration;

use eider_http_api::HttpSettings;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::app::TestApp;

/// Beyond what any of this takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Everything that is answered to `sent`, until the server closes the connection.
async fn exchange(app: &TestApp, sent: &[u8]) -> String {
    let mut connection = TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap();
    let mut text = Vec::new();
    let (mut reads, mut writes) = connection.split();
    // The server may close while this is still sent.
    let write = async { drop(writes.write_all(sent).await) };
    let both = async { tokio::join!(write, reads.read_to_end(&mut text)).1 };
    timeout(PATIENCE, both).await.expect("the connection is closed").expect("it is not reset");
    String::from_utf8(text).unwrap()
}

/// The status and the problem of the last of some answers.
fn problem(text: &str) -> (u16, Json) {
    let last = &text[text.rfind("HTTP/1.1 4").expect("an answer")..];
    let (head, body) = last.split_once("\r\n\r\n").unwrap();
    let has = |line: &str| assert!(head.lines().any(|found| found.eq_ignore_ascii_case(line)), "{line}: {head}");
    has("content-type: application/problem+json");
    has("connection: close");
    has("referrer-policy: no-referrer");
    has(&format!("content-length: {}", body.len()));
    let problem: Json = serde_json::from_str(body).unwrap();
    has(&format!("x-request-id: {}", problem["instance"].as_str().unwrap()));
    (head[9..12].parse().unwrap(), problem)
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_answered_with_a_problem_that_says_why() {
    let app = TestApp::with_flights().await;
    let get = |url: &str, rest: &str| format!("GET {url} HTTP/1.1\r\nHost: x\r\n{rest}\r\n").into_bytes();
    let long = get("/", &format!("X-Long: {}\r\n", "x".repeat(200_000)));
    let many = get("/", &"X-Many: x\r\n".repeat(200));
    let cases: [(&[u8], u16, &str, &str); 15] = [
        (&get("/api/v1/records/flights?carrier.eq=\"", ""), 400, "malformed_request", "%22"),
        (&get("/api/v1/records/flights?carrier.eq=<", ""), 400, "malformed_request", "%3C"),
        (&get("/api/v1/records/flights?carrier.eq=>", ""), 400, "malformed_request", "%3E"),
        (&get("/api/v1/records/flights?carrier.eq=é", ""), 400, "malformed_request", "%C3%A9"),
        (&get("/api/v1/records/名前", ""), 400, "malformed_request", "%E5%90%8D"),
        (&get("/api/v1/records/a b", ""), 400, "malformed_request", "%20"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "malformed_request", "Host"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed_request", "head of a request"),
        (
            &get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
            400,
            "malformed_request",
            "Transfer-Encoding",
        ),
        (&get("/", "Content-Length: -1\r\n"), 400, "malformed_request", "head of a request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "malformed_request", "TLS"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request", "HTTP/2"),
        (b"hello\r\n\r\n", 400, "malformed_request", "head of a request"),
        (&long, 431, "headers_too_large", "128 KiB"),
        (&many, 431, "headers_too_large", "96 headers"),
    ];
    for (sent, status, code, said) in cases {
        let shown = String::from_utf8_lossy(&sent[..sent.len().min(80)]).into_owned();
        let (found, problem) = problem(&exchange(&app, sent).await);
        assert_eq!((found, problem["code"].as_str().unwrap()), (status, code), "{shown}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{shown}: {}", problem["detail"]);
    }
    let metrics = app.get("/metrics").await.text;
    assert!(metrics.contains("route=\"none\",method=\"other\",status=\"431\"} 2"), "{metrics}");
}

#[tokio::test]
async fn it_comes_behind_the_answers_to_requests_before_it_and_before_what_is_sent_behind_it() {
    let app = TestApp::with_flights().await;
    let good = "GET /api/v1/records/flights HTTP/1.1\r\nHost: x\r\n\r\n";
    let bad = "GET /< HTTP/1.1\r\nHost: x\r\n\r\n";
    let more = "x".repeat(500_000);
    let text = exchange(&app, format!("{good}{good}{bad}{more}").as_bytes()).await;
    assert_eq!(text.matches("HTTP/1.1 200").count(), 2, "{text}");
    assert_eq!((problem(&text).0, text.matches("HTTP/1.1 ").count()), (400, 3), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_cannot_be_told_apart_get_one_answer_and_the_connection_ends() {
    let app = TestApp::with_flights().await;
    let settings = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let sent = ("(zz|-1|0x1|\\+1|1g|;)", "[a-z]{0,20}", proptest::bool::ANY, proptest::bool::ANY);
    TestRunner::new(settings)
        .run(&sent, |(size, rest, has_good_one, is_bulk)| {
            let path = if is_bulk { "/api/v1/records/flights/bulk" } else { "/api/v1/records/flights" };
            let media_type = if is_bulk { "application/x-ndjson" } else { "application/json" };
            let mut body = String::new();
            if has_good_one {
                body.push_str("11\r\n{\"carrier\":\"UA\"}\n\r\n");
            }
            let sent = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n{body}{size}\r\n{rest}"
            );
            let text = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(exchange(&app, sent.as_bytes()))
            });
            prop_assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{}: {}", size, text);
            prop_assert!(text.starts_with("HTTP/1.1 4"), "{}: {}", size, text);
            Ok(())
        })
        .unwrap();
    assert_eq!(app.get("/api/v1/records/flights/count").await.json()["count"], 0);
}

#[tokio::test]
async fn a_head_that_does_not_end_in_time_is_a_problem() {
    let settings = HttpSettings { header_timeout: Duration::from_millis(200), ..HttpSettings::default() };
    let app = TestApp::start_with(settings, eider_application::ingest::IngestLimits::default());
    let (status, problem) = problem(&exchange(&app, b"GET / HTTP/1.1\r\nHos").await);
    assert_eq!((status, problem["code"].as_str().unwrap()), (408, "request_timeout"));
}
