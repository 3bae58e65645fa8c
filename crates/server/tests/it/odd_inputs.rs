//! The largest and oddest bodies that each route takes, while others are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use tokio::time::timeout;

use crate::process::{PATIENCE, Server};

/// About how many bytes a body has.
const SIZE: usize = 4 << 20;
/// Most bytes of an answer to a body that is refused.
const MAX_ANSWERED: usize = 1 << 20;
/// How much more memory the server may have taken some time after all of them.
const MAX_KEPT: u64 = 256 << 20;

const RECORD: &str = "/api/v1/records/flights/019a0000-0000-7000-8000-000000000001";

/// Every route that takes a document, with its method.
const DOCUMENTS: [(&str, &str); 12] = [
    ("POST", "/api/v1/schemas"),
    ("PATCH", "/api/v1/schemas/flights"),
    ("POST", "/api/v1/schemas/flights/validations"),
    ("POST", "/api/v1/records"),
    ("POST", "/api/v1/records/flights"),
    ("PUT", RECORD),
    ("PATCH", RECORD),
    ("POST", "/api/v1/records/flights/query"),
    ("POST", "/api/v1/records/flights/stream"),
    ("QUERY", "/api/v1/records/flights"),
    ("POST", "/api/v1/records/flights/bulk"),
    ("POST", "/api/v1/records/bulk"),
];

/// Bodies with much of one thing: depth, width, length or count.
fn documents() -> Vec<(&'static str, String)> {
    let many = |part: &dyn Fn(usize) -> String| {
        let (mut text, mut place) = (String::new(), 0);
        while text.len() < SIZE {
            text.push_str(if place > 0 { "," } else { "" });
            text.push_str(&part(place));
            place += 1;
        }
        text
    };
    let same = |part: &'static str| many(&move |_| part.to_owned());
    let patterns = |count: usize, name: &str| {
        let property = |place: usize| {
            format!(
                "{{\"name\":\"p{place}\",\"type\":\"string\",\"constraints\":{{\"pattern\":\"\\\\w{{{}}}\"}}}}",
                18 + place
            )
        };
        let properties: Vec<String> = (0..count).map(property).collect();
        format!("{{\"name\":\"{name}\",\"properties\":[{}]}}", properties.join(","))
    };
    let rule = |place: usize| {
        format!("{{\"rule\":\"pattern\",\"property\":\"carrier\",\"pattern\":\"\\\\w{{{}}}\"}}", 300 + place)
    };
    let change = |place: usize| format!("\"k{place}\":{{\"type\":\"string\"}}");
    vec![
        ("zeros", format!("[{}]", same("0"))),
        ("empty objects", format!("[{}]", same("{}"))),
        ("unknown keys", format!("{{{}}}", many(&|place| format!("\"carier{place}\":1")))),
        ("a key many times", format!("{{{}}}", same("\"carrier\":\"UA\""))),
        ("a long key", format!("{{\"{}\":1}}", "k".repeat(SIZE))),
        ("a long text", format!("{{\"carrier\":\"{}\"}}", "x".repeat(SIZE))),
        ("a long number", format!("{{\"flight\":{}}}", "9".repeat(SIZE))),
        ("depth", format!("{{\"carrier\":{}{}}}", "[".repeat(SIZE / 2), "]".repeat(SIZE / 2))),
        ("open depth", "[".repeat(SIZE)),
        ("joints", format!("{{\"where\":{{\"or\":[{}]}}}}", same("{\"and\":[]}"))),
        ("a list", format!("{{\"where\":{{\"field\":\"flight\",\"op\":\"in\",\"value\":[{}]}}}}", same("7"))),
        ("a field many times", format!("{{\"select\":[{}]}}", same("\"carrier\""))),
        (
            "a long pattern",
            format!("{{\"where\":{{\"field\":\"carrier\",\"op\":\"like\",\"value\":\"{}\"}}}}", "%a".repeat(SIZE / 2)),
        ),
        ("patterns of a schema", patterns(1_000, "patterns")),
        ("patterns of rules", format!("{{\"rules\":[{}]}}", (0..100).map(rule).collect::<Vec<_>>().join(","))),
        ("unknown properties of a change", format!("{{\"change\":{{{}}}}}", many(&change))),
        ("names to drop", format!("{{\"drop\":[{}]}}", same("\"carier\""))),
    ]
}

async fn ask(server: &Server, (method, path): (&str, &str), what: &str, body: String) -> usize {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = server.request(method.clone(), path).header(CONTENT_TYPE, "application/json").body(body);
    let answered = async {
        let answer = request.send().await.unwrap_or_else(|error| panic!("{method} {path}, {what}: {error}"));
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap_or_else(|error| panic!("{method} {path}, {what}: {error}")))
    };
    let answered = timeout(PATIENCE, answered).await;
    let (status, answer) = answered.unwrap_or_else(|_| panic!("{method} {path}, {what}: no answer"));
    assert!(status < 500 || status == 503, "{method} {path}, {what}: {status} {answer:?}");
    answer.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sent_keeps_others_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::with_flights(directory.path()).await);
    let before = server.resident_bytes();
    let is_done = Arc::new(AtomicBool::new(false));
    let health = {
        let (server, is_done) = (Arc::clone(&server), Arc::clone(&is_done));
        tokio::spawn(async move {
            let mut delays = Vec::new();
            while !is_done.load(Ordering::Relaxed) {
                let asked = Instant::now();
                assert_eq!(server.get("/health/live").send().await.unwrap().status(), 200);
                delays.push(asked.elapsed());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            delays
        })
    };
    for (what, body) in documents() {
        for route in DOCUMENTS {
            let answered = ask(&server, route, what, body.clone()).await;
            assert!(answered < MAX_ANSWERED, "{route:?}, {what}: an answer of {answered} bytes");
        }
    }
    is_done.store(true, Ordering::Relaxed);
    let mut delays = health.await.unwrap();
    delays.sort();
    let p99 = delays[delays.len() * 99 / 100];
    assert!(delays.len() >= 300, "only {} answers", delays.len());
    assert!(p99 < Duration::from_millis(50), "p99 of {} answers: {p99:?}", delays.len());
    let given_back = async {
        while server.resident_bytes() > before + MAX_KEPT {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let given_back = timeout(PATIENCE, given_back).await;
    assert!(given_back.is_ok(), "{before} bytes before, {} after", server.resident_bytes());
}
