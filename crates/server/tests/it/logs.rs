//! What the log says, and what it never says.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::process::{FLIGHTS, PATIENCE, SCHEMA, Server, eider, json_of};

/// What the requests of [`every_kind_of_request`] have in their paths, queries, headers and bodies.
const VALUE: &str = "N0Th1";
const NUMBER: &str = "987654321";

/// A server that logs everything there is to say and takes every operation for a slow one.
fn talkative_server(data_dir: &Path) -> Server {
    let data_dir = data_dir.to_str().unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--log-format", "json"];
    Server::start_as(eider(&arguments).env("EIDER_LOG_FILTER", "trace").env("EIDER_LOG_SLOW_OPERATION", "1ns"))
}

async fn every_kind_of_request(server: &Server) {
    const RECORDS: &str = "/api/v1/records/flights";
    let record: Json = serde_json::from_str(FLIGHTS.lines().next().unwrap()).unwrap();
    let with = |member: &str, value: Json| {
        let mut record = record.clone();
        record[member] = value;
        record.to_string()
    };
    let (good, bad) = (with("tailnum", json!(VALUE)), with("month", json!(VALUE)));
    let created = json_of(server.post(RECORDS, "application/json", good.clone()), 201).await;
    let id = created["id"].as_str().unwrap();
    let path = format!("{RECORDS}/{id}");
    let query = json!({"where": {"field": "tailnum", "op": "eq", "value": VALUE}, "sort": ["-dep_delay"]});
    let groups = json!({"group_by": ["carrier"], "aggregate": [{"fn": "count"}],
                        "where": {"field": "tailnum", "op": "like", "value": format!("{VALUE}%")}});
    let json = "application/json";
    for (method, path, body) in [
        (Method::POST, RECORDS.to_owned(), bad.clone()),
        (Method::POST, format!("{RECORDS}/bulk?mode=partial"), format!("[{good},{bad}]")),
        (Method::POST, format!("{RECORDS}/bulk"), format!("[{{\"tailnum\":\"{VALUE}")),
        (Method::POST, format!("{RECORDS}/query"), query.to_string()),
        (Method::POST, format!("{RECORDS}/query"), groups.to_string()),
        (Method::POST, format!("{RECORDS}/stream"), query.to_string()),
        (Method::POST, format!("{RECORDS}/query"), format!("{{\"where\":\"{VALUE}\"}}")),
        (Method::PUT, path.clone(), good),
        (Method::PATCH, path.clone(), json!({"tailnum": format!("{VALUE}2")}).to_string()),
    ] {
        server
            .request(method, &path)
            .header("content-type", json)
            .body(body)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
    }
    for query in [
        format!("?tailnum.eq={VALUE}&sort=-dep_delay"),
        format!("?tailnum.in={VALUE},{NUMBER}&page=1"),
        format!("?distance.gt={VALUE}"),
        format!("?{VALUE}=1&{VALUE}.eq=2"),
        format!("?cursor={VALUE}"),
        format!("/count?flight.eq={NUMBER}"),
        format!("/stream?tailnum.eq={VALUE}"),
        format!("/stream?explain=true&tailnum.ilike={VALUE}"),
        format!("/{VALUE}"),
    ] {
        let request = server.get(&format!("{RECORDS}{query}")).header("idempotency-key", VALUE);
        request.header("authorization", format!("Bearer {VALUE}")).send().await.unwrap().bytes().await.unwrap();
    }
    let matching = format!("{RECORDS}?tailnum.eq={VALUE}2&max_affected={NUMBER}");
    json_of(server.request(Method::DELETE, &matching), 200).await;
    let removed = server.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), 404);
}

/// Everything that is logged until the request that this makes.
async fn logged_until_last(server: &Server) -> Vec<Json> {
    let id = "the-last-request";
    server.get("/health/live").header("x-request-id", id).send().await.unwrap();
    let mut lines = Vec::new();
    let started = Instant::now();
    while !lines.iter().any(|line: &Json| line["request_id"] == id) {
        assert!(started.elapsed() < PATIENCE, "{lines:#?}");
        lines.append(&mut server.logged());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    lines
}

#[tokio::test]
async fn values_never_reach_the_log_and_slow_operations_have_their_shape() {
    let directory = tempfile::tempdir().unwrap();
    let server = talkative_server(directory.path());
    json_of(server.post("/api/v1/schemas", "application/json", SCHEMA), 201).await;
    every_kind_of_request(&server).await;
    let lines = logged_until_last(&server).await;
    for line in &lines {
        let text = line.to_string();
        assert!(!text.contains(VALUE) && !text.contains(NUMBER), "{text}");
    }
    let slow: Vec<&Json> =
        lines.iter().filter(|line| line["msg"].as_str().unwrap().ends_with("slow operation")).collect();
    let find = |kind: &str, filter: &str| {
        let found = slow.iter().find(|line| line["query.kind"] == kind && line["query.filter"] == filter);
        *found.unwrap_or_else(|| panic!("no {kind} with {filter:?} in {slow:#?}"))
    };
    let page = find("page", "tailnum.eq");
    assert_eq!((&page["query.sort"], &page["query.limit"]), (&json!("-dep_delay"), &json!(100)));
    assert_eq!((&page["query.schema"], &page["level"]), (&json!("flights"), &json!(40)));
    assert!(page["store_ms"].as_f64().unwrap() > 0.0 && page["request_id"].is_string(), "{page}");
    for (kind, filter) in [
        ("count", "flight.eq"),
        ("stream", "tailnum.eq"),
        ("groups", "tailnum.like"),
        ("delete", "tailnum.eq"),
        ("bulk", ""),
    ] {
        find(kind, filter);
    }
    assert!(server.metric("eider_slow_operations_total").await >= 6.0);
}

#[tokio::test]
async fn the_line_of_a_request_has_its_trace_and_the_memory_of_the_process() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let place = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let answer = server.get("/health/live").header("traceparent", &place).send().await.unwrap();
    let request_id = answer.headers()["x-request-id"].to_str().unwrap();
    let lines = logged_until_last(&server).await;
    let line = lines.iter().find(|line| line["request_id"] == request_id).unwrap();
    assert_eq!((&line["trace_id"], &line["http.route"]), (&json!(TRACE), &json!("/health/live")));
    let (logged, measured) = (line["memory.resident_bytes"].as_u64().unwrap(), server.resident_bytes());
    assert!(logged > measured / 2 && logged < measured * 2, "{logged} bytes, and {measured} a moment later");
    let slow = lines.iter().filter(|line| line["msg"].as_str().unwrap().ends_with("slow operation"));
    assert_eq!(slow.count(), 0);
}

#[tokio::test]
async fn every_line_says_on_which_host_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let name = Command::new("uname").arg("-n").output().unwrap();
    let name = String::from_utf8(name.stdout).unwrap();
    let name = name.trim_end();
    assert!(!name.is_empty());
    let mut lines = logged_until_last(&server).await;
    lines.extend(server.logged_before().iter().map(|line| serde_json::from_str(line).unwrap()));
    for line in lines {
        assert_eq!(line["hostname"], name, "{line}");
    }
}

#[tokio::test]
async fn a_reader_of_the_log_that_stalls_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let mut command = eider(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--log-format", "json"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let base = loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it did not start");
        if let Some((base, _)) = line.split_once("listening on ").and_then(|(_, rest)| rest.split_once('"')) {
            break base.to_owned();
        }
    };
    // From here on nobody reads. A pipe holds 64 KiB, some 140 lines.
    let client = reqwest::Client::new();
    let ask = async || {
        let asked = client.get(format!("{base}/health/live")).send();
        let answer = tokio::time::timeout(PATIENCE, asked).await.expect("it answers").unwrap();
        assert_eq!(answer.status(), 200);
    };
    let mut dropped = 0.0;
    while dropped == 0.0 {
        for _ in 0..1_000 {
            ask().await;
        }
        let text = client.get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("log_lines_dropped_total ")).unwrap();
        dropped = line.parse().unwrap();
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(started.elapsed() < PATIENCE, "it does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(status.code(), Some(0));
}
