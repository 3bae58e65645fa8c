//! Killed at any moment under mixed writes, the server has every write that it acknowledged, and no half of another.
//! Some clients hang up before they are answered: what they sent is there whole or not at all. Meanwhile the schema changes in
//! every way that leaves what they send valid, and slow readers keep old snapshots open.
//!
//! `CRASH_ROUNDS` says how often it is killed; `just crash` does so 20 times.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};
use tokio::time::timeout;

use crate::process::{Server, eider, json_of};

const RECORDS: &str = "/api/v1/records/events";
const SCHEMA: &str = "/api/v1/schemas/events";
/// Records of one bulk call.
const BATCH: u64 = 3_000;
/// Values of the indexed property.
const BUCKETS: u64 = 7;
/// Clients that write single records.
const WRITERS: u32 = 6;
/// One call in so many is cut off by its client.
const CUT_OFF: u32 = 5;

/// Version and value of a record; `None` where there is none.
type State = Option<(i64, i64)>;

/// What a client knows about the records that only it writes.
#[derive(Debug, Default)]
struct Known {
    /// The last acknowledged state of each record.
    acknowledged: BTreeMap<String, State>,
    /// Changes that were not answered, each of a record of its own.
    in_flight: BTreeMap<String, State>,
}

/// What the bulk client knows: for each batch whether it was acknowledged.
type Batches = BTreeMap<u64, bool>;

fn rounds() -> u32 {
    std::env::var("CRASH_ROUNDS").map_or(3, |text| text.parse().expect("CRASH_ROUNDS is a number"))
}

fn schema() -> Json {
    json!({"name": "events", "properties": [
        {"name": "key", "type": "string", "required": true, "is_unique": true},
        {"name": "bucket", "type": "integer", "required": true, "is_indexed": true},
        {"name": "value", "type": "integer", "required": true},
        {"name": "batch", "type": "integer"}]})
}

/// Calls one server, from any task.
#[derive(Clone)]
struct Caller {
    client: Client,
    base: String,
}

impl Caller {
    fn request(&self, method: Method, path: &str, body: &Json) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base)).json(body)
    }
}

/// Sends a request, and now and then hangs up before it is answered: `None`.
async fn send(request: RequestBuilder, random: &mut StdRng) -> Option<reqwest::Result<Response>> {
    if random.random_range(0..CUT_OFF) > 0 {
        return Some(request.send().await);
    }
    timeout(Duration::from_millis(random.random_range(0..40)), request.send()).await.ok()
}

/// Creates, changes and deletes records until the server is gone.
async fn write_singles(caller: Caller, mut known: Known, writer: u32, seed: u64) -> Known {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let is_certain = |id: &String, state: &State| state.is_some() && !known.in_flight.contains_key(id);
        let stored: Vec<&String> =
            known.acknowledged.iter().filter(|(id, state)| is_certain(id, state)).map(|(id, _)| id).collect();
        let chosen = match random.random_range(0..4) {
            0 | 1 => None,
            _ if stored.is_empty() => None,
            _ => Some(stored[random.random_range(0..stored.len())].clone()),
        };
        let (request, id, next) = match chosen {
            None => {
                let id = uuid::Uuid::from_u128(random.random()).to_string();
                let bucket = random.random_range(0..BUCKETS);
                let record = json!({"id": id, "key": format!("{writer}-{id}"), "bucket": bucket, "value": 0});
                (caller.request(Method::POST, RECORDS, &record), id, Some((1, 0)))
            }
            Some(id) => {
                let path = format!("{RECORDS}/{id}");
                let (version, value) = known.acknowledged[&id].expect("only records that are there are chosen");
                if random.random_range(0..3) == 0 {
                    (caller.request(Method::DELETE, &path, &json!(null)), id, None)
                } else {
                    let changes = json!({"value": value + 1, "bucket": random.random_range(0..BUCKETS)});
                    (caller.request(Method::PATCH, &path, &changes), id, Some((version + 1, value + 1)))
                }
            }
        };
        known.in_flight.insert(id.clone(), next);
        match send(request, &mut random).await {
            None => {}
            Some(Ok(response)) if response.status().is_success() => {
                known.in_flight.remove(&id);
                known.acknowledged.insert(id, next);
                // Read to its end, the connection serves again.
                if response.bytes().await.is_err() {
                    return known;
                }
            }
            // A change of the schema may tell a write to come back; whether it was made is looked up.
            Some(Ok(response)) => check_refusal(response).await,
            Some(Err(_)) => return known,
        }
    }
}

/// Sends bulk calls until the server is gone.
async fn write_batches(caller: Caller, mut batches: Batches, seed: u64) -> Batches {
    let mut random = StdRng::seed_from_u64(seed);
    loop {
        let batch = batches.len() as u64;
        let record = |n| json!({"key": format!("bulk-{batch}-{n}"), "bucket": n % BUCKETS, "value": n, "batch": batch});
        let records: Vec<Json> = (0..BATCH).map(record).collect();
        batches.insert(batch, false);
        match send(caller.request(Method::POST, &format!("{RECORDS}/bulk"), &records.into()), &mut random).await {
            None => {}
            Some(Ok(response)) if response.status() == StatusCode::CREATED => {
                batches.insert(batch, true);
            }
            Some(Ok(response)) => check_refusal(response).await,
            Some(Err(_)) => return batches,
        }
    }
}

async fn check_refusal(response: Response) {
    let status = response.status();
    let is_told_to_come_back = matches!(status, StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE);
    // The body may be cut off by the kill.
    assert!(is_told_to_come_back, "{status} {}", response.text().await.unwrap_or_default());
}

/// Changes the schema, one thing after the other, until the server is gone; how many changes were made.
async fn evolve(caller: Caller, seed: u64) -> u64 {
    let mut random = StdRng::seed_from_u64(seed);
    let mut changes = 0;
    loop {
        let response = match caller.client.get(format!("{}{SCHEMA}", caller.base)).send().await {
            Ok(response) => response.json::<Json>().await,
            Err(error) => Err(error),
        };
        let Ok(schema) = response else { return changes };
        let properties = schema["properties"].as_array().unwrap();
        let added: Vec<&Json> = properties.iter().filter(|property| is_added(property)).collect();
        let name = format!("x{:08x}", random.random::<u32>());
        let chosen = |random: &mut StdRng| added[random.random_range(0..added.len())]["name"].as_str().unwrap();
        let change = match random.random_range(0..8) {
            kind if added.is_empty() || (kind < 3 && added.len() < 6) => {
                let properties = [
                    json!({"name": name, "type": "integer", "default": 7}),
                    json!({"name": name, "type": "integer", "default": 7, "is_indexed": true}),
                    json!({"name": name, "type": "datetime", "is_indexed": true}),
                    json!({"name": name, "type": "string", "default": "y", "required": true, "is_indexed": true}),
                ];
                json!({"add": [properties[random.random_range(0..properties.len())]]})
            }
            0..4 => json!({"drop": [chosen(&mut random)]}),
            4 => {
                let is_indexed =
                    properties.iter().any(|property| property["name"] == "value" && property["is_indexed"] == true);
                json!({"change": {"value": {"is_indexed": !is_indexed}}})
            }
            5 => json!({"change": {chosen(&mut random): {"name": name}}}),
            6 => json!({"change": {chosen(&mut random): {"is_indexed": random.random::<bool>()}}}),
            _ => {
                let has_key = schema["unique"].as_array().is_some_and(|keys| !keys.is_empty());
                json!({"unique": if has_key { json!([]) } else { json!([{"properties": ["bucket", "key"]}]) }})
            }
        };
        match caller.request(Method::PATCH, SCHEMA, &change).send().await {
            Ok(response) if response.status() == StatusCode::OK => changes += 1,
            Ok(response) => check_refusal(response).await,
            Err(_) => return changes,
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
    }
}

fn is_added(property: &Json) -> bool {
    property["name"].as_str().unwrap().starts_with('x')
}

/// Opens streams and reads little of each until the server is gone.
async fn read_slowly(caller: Caller) {
    loop {
        let Ok(mut response) = caller.client.get(format!("{}{RECORDS}/stream", caller.base)).send().await else {
            return;
        };
        for _ in 0..4 {
            if !matches!(response.chunk().await, Ok(Some(_))) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
}

/// Every record, as the stream has it.
async fn stored(server: &Server) -> Vec<Json> {
    let response = server.get(&format!("{RECORDS}/stream")).send().await.unwrap();
    let text = response.text().await.unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Compares what a client knows with what there is, and takes over what there is.
fn check_singles(known: &mut Known, found: &BTreeMap<String, (i64, i64)>) {
    let in_flight = std::mem::take(&mut known.in_flight);
    for id in in_flight.keys() {
        known.acknowledged.entry(id.clone()).or_insert(None);
    }
    for (id, state) in &mut known.acknowledged {
        let there = found.get(id).copied();
        let may_be = in_flight.get(id).copied();
        assert!(there == *state || Some(there) == may_be, "{id}: {there:?} is there, {state:?} was acknowledged");
        *state = there;
    }
}

fn check_batches(batches: &mut Batches, records: &[Json]) {
    let mut counts = BTreeMap::<u64, u64>::new();
    for batch in records.iter().filter_map(|record| record["batch"].as_u64()) {
        *counts.entry(batch).or_default() += 1;
    }
    for (batch, is_acknowledged) in batches {
        let count = counts.get(batch).copied().unwrap_or(0);
        assert!(count == BATCH || (count == 0 && !*is_acknowledged), "batch {batch} has {count} records");
        *is_acknowledged = count == BATCH;
    }
}

/// Lookups by index find exactly what a scan finds.
async fn check_indexes(server: &Server, records: &[Json]) {
    let schema = json_of(server.get(SCHEMA), 200).await;
    let indexed = schema["properties"].as_array().unwrap().iter().filter(|property| property["is_indexed"] == true);
    for name in indexed.map(|property| property["name"].as_str().unwrap()) {
        for value in [json!(7), json!("y"), json!(0), json!(1), json!(2)] {
            let scanned = records.iter().filter(|record| record[name] == value).count();
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let response = server.get(&format!("{RECORDS}/count?{name}.eq={text}")).send().await.unwrap();
            // A value of another type is refused.
            if response.status() == StatusCode::OK {
                let found: Json = response.json().await.unwrap();
                assert_eq!(found["count"], scanned, "{name} {value}");
            }
        }
    }
    for bucket in 0..BUCKETS {
        let scanned = records.iter().filter(|record| record["bucket"] == bucket).count();
        let found = json_of(server.get(&format!("{RECORDS}/count?bucket.eq={bucket}")), 200).await;
        assert_eq!(found["count"], scanned, "bucket {bucket}");
    }
    for record in records.iter().step_by(records.len() / 200 + 1) {
        let key = record["key"].as_str().unwrap();
        let page = json_of(server.get(&format!("{RECORDS}?key.eq={key}&fields=id")), 200).await;
        assert_eq!(page["data"], json!([{"id": record["id"]}]), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_write_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path());
    json_of(server.post("/api/v1/schemas", "application/json", schema().to_string()), 201).await;
    let mut known: Vec<Known> = (0..WRITERS).map(|_| Known::default()).collect();
    let (mut batches, mut changes) = (Batches::new(), 0);
    let seed = rand::random::<u64>();
    let mut random = StdRng::seed_from_u64(seed);

    for round in 0..rounds() {
        let caller = Caller { client: Client::new(), base: server.base.clone() };
        let singles: Vec<_> = (0..WRITERS)
            .zip(known.drain(..))
            .map(|(writer, known)| tokio::spawn(write_singles(caller.clone(), known, writer, random.random())))
            .collect();
        let evolver = tokio::spawn(evolve(caller.clone(), random.random()));
        let reader = tokio::spawn(read_slowly(caller.clone()));
        let bulk = tokio::spawn(write_batches(caller, std::mem::take(&mut batches), random.random()));
        tokio::time::sleep(Duration::from_millis(random.random_range(300..1_500))).await;
        assert_eq!(server.stop("KILL"), None);
        for single in singles {
            known.push(single.await.unwrap());
        }
        batches = bulk.await.unwrap();
        changes += evolver.await.unwrap();
        reader.await.unwrap();

        server = Server::start(directory.path());
        let records = stored(&server).await;
        let state = |record: &Json| (record["version"].as_i64().unwrap(), record["value"].as_i64().unwrap());
        let found: BTreeMap<String, (i64, i64)> =
            records.iter().map(|record| (record["id"].as_str().unwrap().to_owned(), state(record))).collect();
        assert_eq!(found.len(), records.len(), "an id came twice");
        for known in &mut known {
            check_singles(known, &found);
        }
        check_batches(&mut batches, &records);
        check_indexes(&server, &records).await;
        let singles: usize = known.iter().map(|known| known.acknowledged.len()).sum();
        assert!(round > 0 || (singles > 10 && !batches.is_empty()), "the load was too light to tell");
        let known_ids = known.iter().flat_map(|known| known.acknowledged.keys());
        let known_ids: std::collections::BTreeSet<&String> = known_ids.collect();
        let strangers = records.iter().filter(|record| record["batch"].is_null());
        let strangers = strangers.filter(|record| !known_ids.contains(&record["id"].as_str().unwrap().to_owned()));
        assert_eq!(strangers.count(), 0, "records that nobody sent (seed {seed})");
    }
    assert!(changes > 0, "no schema was changed");
    assert_eq!(server.stop("TERM"), Some(0));
    let doctor = eider(&["doctor", "--data-dir", directory.path().to_str().unwrap()]).output().unwrap();
    assert!(doctor.status.success(), "{} (seed {seed})", String::from_utf8_lossy(&doctor.stdout));
}

/// A log that ends within a commit is what a kill leaves, or damage: what is cut off is said and kept.
#[tokio::test]
async fn a_log_that_was_cut_says_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    json_of(server.post("/api/v1/schemas", "application/json", schema().to_string()), 201).await;
    // Each a commit of the engine.
    let bulk = format!("{RECORDS}/bulk");
    for n in 0..10 {
        let record = json!({"key": n.to_string(), "bucket": n, "value": n});
        json_of(server.post(&bulk, "application/x-ndjson", record.to_string()), 201).await;
    }
    assert_eq!(server.stop("KILL"), None);
    let log = directory.path().join("eider.duckdb.wal");
    let cut = |bytes: u64| {
        let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
        file.set_len(file.metadata().unwrap().len() - bytes).unwrap();
        fs::read(&log).unwrap()
    };
    let data_dir = directory.path().to_str().unwrap();
    let doctor = || String::from_utf8(eider(&["doctor", "--data-dir", data_dir]).output().unwrap().stdout).unwrap();

    let as_it_was = cut(3);
    let said = doctor();
    assert!(said.contains("the log ends within a commit to `events`: "), "{said}");
    let server = Server::start(directory.path());
    let warned = server.logged_before().iter().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let warned: Vec<Json> = warned.filter(|line| !line["wal.cut_bytes"].is_null()).collect();
    let [warned] = &warned[..] else { panic!("one line of the log: {:?}", server.logged_before()) };
    assert_eq!(warned["level"], 40, "a warning");
    assert_eq!(warned["wal.last_commits"], "[\"events 9\"]", "{warned}");
    assert!(warned["wal.copy"].as_str().unwrap().ends_with("eider.duckdb.wal.torn"), "{warned}");
    assert_eq!(json_of(server.get(&format!("{RECORDS}/count")), 200).await, json!({"count": 9}));
    assert_eq!(server.stop("KILL"), None);
    assert!(fs::read(directory.path().join("eider.duckdb.wal.torn")).unwrap() == as_it_was);

    // So does a copy that is taken of data that no server has open.
    let server = Server::start(directory.path());
    let record = json!({"key": "last", "bucket": 0, "value": 0});
    json_of(server.post(&bulk, "application/x-ndjson", record.to_string()), 201).await;
    assert_eq!(server.stop("KILL"), None);
    cut(1);
    let backup = tempfile::tempdir().unwrap();
    let arguments = ["backup", backup.path().to_str().unwrap(), "--data-dir", data_dir];
    let output = eider(&arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.contains("the log ends within a commit to `events`"), "{stderr}");
    assert!(doctor().contains("eider.duckdb.wal.torn-2 of an earlier start"));
}
