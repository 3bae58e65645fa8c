//! How often, how long, how large and how slowly a client may ask.

use std::time::Duration;

use eider_application::ingest::IngestLimits;
use eider_http_api::HttpSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::app::TestApp;

/// After so long a test has not merely been slow: it hangs.
const PATIENCE: Duration = Duration::from_mins(1);

fn app(settings: HttpSettings) -> TestApp {
    TestApp::start_with(settings, IngestLimits::default())
}

async fn connect(app: &TestApp) -> TcpStream {
    TcpStream::connect(app.base.strip_prefix("http://").unwrap()).await.unwrap()
}

/// Everything that arrives until the server closes the connection.
async fn rest(connection: &mut TcpStream) -> String {
    let mut text = String::new();
    let read = timeout(PATIENCE, connection.read_to_string(&mut text)).await.expect("the connection is closed");
    // A connection that is reset has ended as well.
    drop(read);
    text
}

/// The head of an answer without a body, and its body if that is short.
async fn answer(connection: &mut TcpStream) -> String {
    let mut bytes = [0; 4096];
    let read = timeout(PATIENCE, connection.read(&mut bytes)).await.expect("there is an answer").unwrap();
    String::from_utf8(bytes[..read].to_vec()).unwrap()
}

const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_ask_again() {
    let app = app(HttpSettings { requests_per_second: 1, request_burst: 3, ..HttpSettings::default() });
    let first = app.get("/api/v1/schemas").await;
    assert_eq!((first.status, first.header("ratelimit-policy")), (200, "\"default\";q=3;w=3"));
    assert_eq!(first.header("ratelimit"), "\"default\";r=2;t=1");
    let refused = async {
        loop {
            let answer = app.get("/api/v1/schemas").await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let refused = timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("1", "\"default\";r=0;t=3"));
    assert_eq!(refused.json()["retryable"], true);
    assert_eq!(app.get("/health/live").await.status, 200, "health is not counted");
}

#[tokio::test]
async fn nothing_is_counted_unless_a_rate_is_set() {
    let app = TestApp::start();
    let answer = app.get("/api/v1/schemas").await;
    assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), ("", ""));
}

#[tokio::test]
async fn many_wrong_keys_are_not_looked_at_and_right_ones_are() {
    let app = TestApp::start();
    let grant = eider_domain::Grant::everything;
    let entropy = [7; eider_application::access::ApiKey::ENTROPY_BYTES];
    let now = eider_domain::Timestamp::from_micros(0);
    let (key, text) = eider_application::access::ApiKey::issue("test".to_owned(), grant(), &entropy, now, None);
    app.keys.replace(vec![key]);
    let with = async |key: &str| app.send(app.request("GET", "/api/v1/schemas").bearer_auth(key)).await;
    assert_eq!(with(&text).await.status, 200);
    let wrong = text.replacen("07", "08", 1);
    let refused = async {
        loop {
            let began = std::time::Instant::now();
            let answer = with(&wrong).await;
            if answer.status != 401 {
                return (answer, began.elapsed());
            }
        }
    };
    let (refused, held) = timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert_eq!(refused.header("retry-after"), "1");
    assert!(held >= Duration::from_secs(1), "a client that does not wait is made to: {held:?}");
    assert_eq!(with(&text).await.status, 200, "from the same address");
}

#[tokio::test]
async fn an_address_that_is_too_long_is_refused() {
    let app = app(HttpSettings { max_url_bytes: 100, ..HttpSettings::default() });
    app.create_flights().await;
    let path = |length: usize| {
        let start = "/api/v1/records/flights?carrier.in=";
        format!("{start}{}", "A".repeat(length - start.len()))
    };
    assert_eq!(app.get(&path(100)).await.status, 200);
    let refused = app.get(&path(101)).await;
    assert_eq!(refused.problem(), (414, "uri_too_long".to_owned()));
    assert!(refused.detail().contains("100 bytes"), "{}", refused.detail());
}

/// What the HTTP library refuses before a route is asked: documented in `docs/reference/api/limits.md`.
#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let app = TestApp::start();
    for (head, status) in [
        (format!("X-Long: {}\r\n", "a".repeat(100 << 10)), "200"),
        (format!("X-Long: {}\r\n", "a".repeat(256 << 10)), "431"),
        ("X-Many: a\r\n".repeat(90), "200"),
        ("X-Many: a\r\n".repeat(100), "431"),
    ] {
        let mut connection = connect(&app).await;
        let request = format!("GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n");
        // It may be refused before it is written.
        let _ = connection.write_all(request.as_bytes()).await;
        let found = answer(&mut connection).await;
        assert!(found.starts_with(&format!("HTTP/1.1 {status} ")), "{} bytes: {found}", head.len());
    }
}

#[tokio::test]
async fn connections_beyond_the_most_wait_until_others_close() {
    let app = app(HttpSettings { max_connections: 2, ..HttpSettings::default() });
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut connection = connect(&app).await;
        connection.write_all(LIVE).await.unwrap();
        assert!(answer(&mut connection).await.starts_with("HTTP/1.1 200"));
        open.push(connection);
    }
    let mut third = connect(&app).await;
    third.write_all(LIVE).await.unwrap();
    let early = timeout(Duration::from_millis(300), third.read_u8()).await;
    assert!(early.is_err(), "nobody answers the third: {early:?}");
    drop(open.pop());
    assert!(answer(&mut third).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    let quick = Duration::from_millis(100);
    let impatient = app(HttpSettings { header_timeout: quick, ..HttpSettings::default() });
    let mut silent = connect(&impatient).await;
    assert!(rest(&mut silent).await.starts_with("HTTP/1.1 408"));
    let forgetful = app(HttpSettings { keep_alive: quick, ..HttpSettings::default() });
    let mut idle = connect(&forgetful).await;
    idle.write_all(LIVE).await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200"));
}

/// Writes a byte every few milliseconds until the server closes the connection.
async fn trickle(connection: &mut TcpStream) -> String {
    let (mut reader, mut writer) = connection.split();
    let mut text = Vec::new();
    let writing = async {
        loop {
            // The server is allowed to be gone.
            let _ = writer.write_all(b"a").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let reading = timeout(PATIENCE, reader.read_to_end(&mut text));
    tokio::select! {
        ended = reading => drop(ended.expect("the connection is closed")),
        () = writing => {}
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let app = app(HttpSettings { header_timeout: Duration::from_millis(200), ..HttpSettings::default() });
    let mut connection = connect(&app).await;
    connection.write_all(b"GET /health/live HTTP/1.1\r\nX-Slow: ").await.unwrap();
    assert!(trickle(&mut connection).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn a_head_that_trickles_behind_another_request_is_cut_off() {
    let second = Duration::from_secs(1);
    let app = app(HttpSettings { header_timeout: second, keep_alive: second, ..HttpSettings::default() });
    let mut connection = connect(&app).await;
    connection.write_all(LIVE).await.unwrap();
    assert!(answer(&mut connection).await.starts_with("HTTP/1.1 200"));
    connection.write_all(b"GET /health/live HTTP/1.1\r\nX-Slow: ").await.unwrap();
    trickle(&mut connection).await;
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off_though_it_never_pauses() {
    let settings = HttpSettings { body_timeout: Duration::from_millis(300), ..HttpSettings::default() };
    let app = app(HttpSettings { min_body_rate: 1 << 20, ..settings.clone() });
    app.create_flights().await;
    let head = "POST /api/v1/records/flights HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
        Content-Length: 100000\r\nConnection: close\r\n\r\n";
    let mut connection = connect(&app).await;
    connection.write_all(head.as_bytes()).await.unwrap();
    let answer = trickle(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"request_timeout\""), "{answer}");
}
