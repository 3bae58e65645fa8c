//! Schemas change while clients write and stream: nobody is failed, nothing is lost, and no stream is of two schemas.
//!
//! `EVOLUTION_SECONDS` says for how long, `EVOLUTION_KILLS` how often the server is killed in the middle of a change.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value as Json, json};

use crate::process::{Server, eider, json_of};

const SCHEMA: &str = "/api/v1/schemas/events";
const RECORDS: &str = "/api/v1/records/events";
const WRITERS: u64 = 16;
const READERS: usize = 4;
/// Records of one bulk call.
const BATCH: u64 = 20;
/// Between two changes.
const PAUSE: Duration = Duration::from_millis(10);
/// The names that one property has in turns.
const NAMES: [&str; 2] = ["tag", "label"];

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Status and body of an answer, which is no failure of the server.
async fn answered(request: RequestBuilder) -> (u16, Json) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    assert!(status < 500, "{status} {text}");
    (status, serde_json::from_str(&text).unwrap_or(Json::Null))
}

async fn change(server: &Server, change: &Json) -> Json {
    json_of(server.request(Method::PATCH, SCHEMA).json(change), 200).await
}

fn tag(writer: u64, n: u64) -> String {
    format!("{writer}-{n}")
}

/// Stores records one by one and in bulk until it is over; how many it has, counted by `n` from 0.
async fn write(server: Arc<Server>, writer: u64, is_over: Arc<AtomicBool>) -> u64 {
    let (mut n, mut name) = (0, 0);
    while !is_over.load(Ordering::SeqCst) {
        let record = |n: u64| json!({"writer": writer, "n": n, NAMES[name]: tag(writer, n)});
        let is_bulk = n % 5 == 4;
        let (rows, request) = if is_bulk {
            let records: Vec<Json> = (n..n + BATCH).map(record).collect();
            let bulk = server.request(Method::POST, &format!("{RECORDS}/bulk")).json(&records);
            (BATCH, bulk)
        } else {
            (1, server.request(Method::POST, RECORDS).json(&record(n)))
        };
        match answered(request).await {
            (201, _) => n += rows,
            (409, problem) if is_bulk => assert_eq!(problem["code"], "schema_changed", "{problem}"),
            // The property has its other name by now.
            (422, problem) => {
                let named = if is_bulk { "failures" } else { "errors" };
                assert_eq!(problem[named][0]["code"], "unknown_property", "{problem}");
                name = 1 - name;
            }
            (status, problem) => panic!("{status} {problem}"),
        }
    }
    n
}

/// Streams everything until it is over; how often. Each stream is of one schema.
async fn read(server: Arc<Server>, is_over: Arc<AtomicBool>) -> u64 {
    let mut streams = 0;
    while !is_over.load(Ordering::SeqCst) {
        let response = server.get(&format!("{RECORDS}/stream")).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let text = response.text().await.expect("the stream ends as it should");
        let mut keys: Option<BTreeSet<String>> = None;
        for line in text.lines() {
            let record: Json = serde_json::from_str(line).unwrap();
            let record = record.as_object().unwrap();
            let of_record: BTreeSet<String> = record.keys().cloned().collect();
            let keys = keys.get_or_insert_with(|| of_record.clone());
            assert_eq!(*keys, of_record, "one schema");
            check(record);
        }
        streams += 1;
    }
    streams
}

/// Whether a record has what was sent, and in what came later what its property began with.
fn check(record: &serde_json::Map<String, Json>) {
    let (writer, n) = (record["writer"].as_u64().unwrap(), record["n"].as_u64().unwrap());
    let names = NAMES.iter().filter(|name| record.contains_key(**name));
    let tags: Vec<&Json> = names.map(|name| &record[*name]).collect();
    assert_eq!(tags, [&json!(tag(writer, n))]);
    for name in ["extra", "more"] {
        if let Some(value) = record.get(name) {
            assert!([json!(7), json!(7.0), json!("7")].contains(value), "{name} {value}");
        }
    }
}

/// One change after the other until it is over; how many.
async fn evolve(server: Arc<Server>, is_over: Arc<AtomicBool>) -> u64 {
    let mut changes = 0;
    let mut name = 0;
    while !is_over.load(Ordering::SeqCst) {
        let rename = json!({"change": {NAMES[name]: {"name": NAMES[1 - name]}}});
        name = 1 - name;
        for step in [
            json!({"add": [{"name": "extra", "type": "integer", "required": true, "default": 7}]}),
            json!({"change": {"extra": {"is_indexed": true}, "writer": {"is_indexed": true}},
                "unique": [{"properties": ["writer", "n"]}]}),
            rename,
            json!({"change": {"extra": {"name": "more", "type": "number"}}, "description": "changed"}),
            json!({"change": {"n": {"constraints": {"minimum": 0}}, "more": {"required": false}}}),
            json!({"change": {"writer": {"is_indexed": false}, "n": {"constraints": null}}, "drop": ["more"],
                "unique": null}),
        ] {
            change(&server, &step).await;
            changes += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
    changes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_changes_under_writers_and_streams() {
    let directory = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(directory.path()));
    let schema = json!({"name": "events", "properties": [
        {"name": "writer", "type": "integer", "required": true},
        {"name": "n", "type": "integer", "required": true},
        {"name": NAMES[0], "type": "string", "required": true, "is_unique": true}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;

    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&server), writer, Arc::clone(&is_over)))).collect();
    let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(read(Arc::clone(&server), Arc::clone(&is_over)))).collect();
    let evolver = tokio::spawn(evolve(Arc::clone(&server), Arc::clone(&is_over)));
    tokio::time::sleep(Duration::from_secs(setting("EVOLUTION_SECONDS", 6))).await;
    is_over.store(true, Ordering::SeqCst);
    let changes = evolver.await.unwrap();
    let mut streams = 0;
    for reader in readers {
        streams += reader.await.unwrap();
    }
    let mut acknowledged = BTreeSet::new();
    for (writer, task) in (0..).zip(writers) {
        let records = task.await.unwrap();
        acknowledged.extend((0..records).map(|n| (writer, n)));
    }
    assert!(changes >= 6 && streams >= 4 && acknowledged.len() > 200, "{changes} changes, {streams} streams");

    let text = server.get(&format!("{RECORDS}/stream")).send().await.unwrap().text().await.unwrap();
    let mut stored = BTreeSet::new();
    for line in text.lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        check(record.as_object().unwrap());
        let key = (record["writer"].as_u64().unwrap(), record["n"].as_u64().unwrap());
        assert!(stored.insert(key), "{key:?} comes twice");
    }
    assert_eq!(stored, acknowledged);
    let versions = json_of(server.get(&format!("{SCHEMA}/versions")), 200).await;
    assert_eq!(versions["data"].as_array().unwrap().len() as u64, changes + 1);
}

/// Killed in the middle of a change, the server has the schema before it or the one after it, whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_cut_short_happened_or_did_not() {
    const ROWS: u64 = 100_000;
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path());
    let schema = json!({"name": "events", "properties": [
        {"name": "key", "type": "integer", "required": true, "is_unique": true},
        {"name": "bucket", "type": "integer", "is_indexed": true},
        {"name": "even", "type": "boolean"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let record = |n: u64| json!({"key": n, "bucket": n % 7, "even": n.is_multiple_of(2)}).to_string();
    let lines = (0..ROWS).map(record).collect::<Vec<_>>().join("\n");
    json_of(server.post(&format!("{RECORDS}/bulk"), "application/x-ndjson", lines), 201).await;
    // Each leads back to where the one before it began.
    let there = json!({"drop": ["even"], "change": {"bucket": {"name": "basket", "type": "number"}, "key": {"is_unique": false, "is_indexed": true}},
        "add": [{"name": "note", "type": "string", "default": "x", "is_indexed": true}]});
    let back = json!({"drop": ["note", "basket"], "change": {"key": {"is_unique": true}},
        "add": [{"name": "bucket", "type": "integer", "is_indexed": true, "default": 3}, {"name": "even", "type": "boolean"}]});
    let began = Instant::now();
    let mut version = change(&server, &there).await["version"].as_u64().unwrap();
    version = version.max(change(&server, &back).await["version"].as_u64().unwrap());
    let took = u64::try_from(began.elapsed().as_millis()).unwrap().max(2);
    for _ in 0..setting("EVOLUTION_KILLS", 4) {
        let request = server.request(Method::PATCH, SCHEMA).json(if version % 2 == 1 { &there } else { &back });
        let changing = tokio::spawn(request.send());
        tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..took))).await;
        assert_eq!(server.stop("KILL"), None);
        let was_acknowledged = matches!(changing.await.unwrap(), Ok(response) if response.status() == 200);
        server = Server::start(directory.path());
        // Indexes of many records are made behind a change.
        let wanted = |found: &Json| if found["version"].as_u64().unwrap().is_multiple_of(2) { 3 } else { 2 };
        let mut found = json_of(server.get(SCHEMA), 200).await;
        for _ in 0..300 {
            if found["indexes"].as_array().unwrap().len() == wanted(&found) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            found = json_of(server.get(SCHEMA), 200).await;
        }
        let now = found["version"].as_u64().unwrap();
        assert!(now == version + 1 || (now == version && !was_acknowledged), "{version} became {now}");
        version = now;
        let is_there = version % 2 == 0;
        check_whole(&server, &found, is_there, ROWS).await;
    }
    assert_eq!(server.stop("TERM"), Some(0));
    let doctor = eider(&["doctor", "--full", "--data-dir", directory.path().to_str().unwrap()]).output().unwrap();
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
}

/// The schema, its records and its indexes are those of one version.
async fn check_whole(server: &Server, found: &Json, is_there: bool, rows: u64) {
    let names = |list: &Json| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|each| each["properties"][0].as_str().or(each["name"].as_str()).unwrap().to_owned()).collect()
    };
    let (properties, indexes, value) = if is_there {
        (vec!["key", "basket", "note"], vec!["key", "basket", "note"], json!(3.0))
    } else {
        (vec!["key", "bucket", "even"], vec!["key", "bucket"], json!(3))
    };
    assert_eq!((names(&found["properties"]), names(&found["indexes"])), (owned(&properties), owned(&indexes)));
    assert_eq!(found["record_count"], rows);
    let text = server.get(&format!("{RECORDS}/stream")).send().await.unwrap().text().await.unwrap();
    let records: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let keys: BTreeSet<u64> = records.iter().map(|record| record["key"].as_u64().unwrap()).collect();
    assert!(keys.into_iter().eq(0..rows));
    let scanned = records.iter().filter(|record| record[properties[1]] == value).count();
    let counted = json_of(server.get(&format!("{RECORDS}/count?{}.eq=3", properties[1])), 200).await;
    assert_eq!(counted["count"], scanned);
    for key in [0, rows / 2, rows - 1] {
        let page = json_of(server.get(&format!("{RECORDS}?key.eq={key}&fields=key")), 200).await;
        assert_eq!(page["data"], json!([{"key": key}]));
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
