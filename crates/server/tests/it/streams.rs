//! Streams that break off, streams of wide records, and clients that leave: over the binary and the engine.
//!
//! `STREAM_WIDE_RECORDS` says how many wide records are streamed, `STREAM_WIDTH` how many characters each has.

use std::path::Path;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Response, StatusCode};
use serde_json::{Value as Json, json};
use tokio::time::{sleep, timeout};

use crate::process::{PATIENCE, Server, eider, json_of};

const STREAM: &str = "/api/v1/records/events/stream";
/// How often a stream is cut off.
const CUTS: usize = 100;
/// Rows that the engine reads at once, however wide they are.
const ENGINE_ROWS: usize = 2_048;
/// The least memory that the engine may be given.
const ENGINE_BYTES: usize = 256 << 20;
/// Memory that threads and buffers take however wide the records are.
const FIXED_BYTES: usize = 96 << 20;

/// Creates `events`, whose `bucket` ties and is missing now and then.
async fn create_events(server: &Server) {
    let schema = json!({"name": "events", "properties": [
        {"name": "n", "type": "integer"}, {"name": "bucket", "type": "integer"}, {"name": "text", "type": "string"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
}

/// Stores events `n` whose texts are so long, one call for each thousand.
async fn load_events(server: &Server, numbers: std::ops::Range<usize>, text_length: usize) {
    let mut random = StdRng::seed_from_u64(0);
    for first in numbers.clone().step_by(1_000) {
        let mut lines = String::new();
        for n in first..(first + 1_000).min(numbers.end) {
            let bucket = (n % 3 > 0).then_some(n % 7);
            let mut text = format!("{:032x}", random.random::<u128>()).repeat(text_length / 32 + 1);
            text.truncate(text_length);
            lines.push_str(&json!({"n": n, "bucket": bucket, "text": text}).to_string());
            lines.push('\n');
        }
        json_of(server.post("/api/v1/records/events/bulk", "application/x-ndjson", lines), 201).await;
    }
}

/// The body up to a byte, behind which the client leaves, or all of it.
async fn received(mut response: Response, until: usize) -> Vec<u8> {
    assert_eq!(response.status(), StatusCode::OK);
    let mut bytes = Vec::new();
    while bytes.len() < until
        && let Some(piece) = response.chunk().await.unwrap()
    {
        bytes.extend_from_slice(&piece);
    }
    bytes.truncate(until);
    bytes
}

/// The records before the last cursor that came whole, and the cursor.
fn certain(bytes: &[u8]) -> (Vec<String>, Option<String>) {
    let (mut certain, mut uncertain, mut cursor) = (Vec::new(), Vec::new(), None);
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let line: Json = serde_json::from_slice(line).unwrap();
        if line["t"] == "row" {
            uncertain.push(line["record"].to_string());
        } else {
            certain.append(&mut uncertain);
            cursor = line["cursor"].as_str().map(str::to_owned);
        }
    }
    (certain, cursor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cut_off_anywhere_goes_on_exactly() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    create_events(&server).await;
    load_events(&server, 0..20_000, 20).await;
    let mut random = StdRng::seed_from_u64(20_131_231);
    for sort in ["", "&sort=-bucket", "&sort=text,-n"] {
        let whole = server.get(&format!("{STREAM}?{sort}")).send().await.unwrap().text().await.unwrap();
        let path = format!("{STREAM}?profile=framed&checkpoint_rows=30{sort}");
        let size = server.get(&path).send().await.unwrap().bytes().await.unwrap().len();
        let (mut records, mut cursor) = (Vec::new(), None::<String>);
        // The last one is not cut off. A cut falls into what the next stream has in half of the hundredth part.
        for cut in 0..=CUTS {
            let until = if cut < CUTS { random.random_range(0..2 * size / CUTS) } else { usize::MAX };
            let resume = cursor.as_ref().map_or_else(String::new, |cursor| format!("&resume={cursor}"));
            let (came, at) =
                certain(&received(server.get(&format!("{path}{resume}")).send().await.unwrap(), until).await);
            records.extend(came);
            cursor = at.or(cursor);
        }
        assert!(whole.lines().eq(&records), "{sort}: {} records of {}", records.len(), whole.lines().count());
    }
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn serve_with_memory(directory: &Path) -> Server {
    let directory = directory.to_str().unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data-dir", directory, "--log-format", "json"];
    let mut command = eider(&arguments);
    command.env("EIDER_STORAGE_MEMORY_LIMIT", format!("{ENGINE_BYTES} B"));
    // The engine takes its time for a checkpoint of wide records, and writes wait for it.
    Server::start_as(command.env("EIDER_STORAGE_WRITER_WAIT", "5m"))
}

/// The greatest resident memory while a stream is read to its end, slowly for a while, and its bytes.
async fn read_slowly(server: &Server, path: &str) -> (u64, usize) {
    let mut response = server.get(path).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (mut peak, mut bytes, mut pieces) = (0, 0_usize, 0_usize);
    while let Some(piece) = response.chunk().await.unwrap() {
        bytes += piece.len();
        pieces += 1;
        if pieces.is_multiple_of(100) {
            peak = peak.max(server.resident_bytes());
            // The server is always ahead of such a reader.
            sleep(Duration::from_millis(10)).await;
        }
    }
    (peak, bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wide_records_take_as_much_memory_as_the_engine_reads_at_once() {
    let (records, width) = (setting("STREAM_WIDE_RECORDS", 120_000), setting("STREAM_WIDTH", 5_000));
    let at_once = ENGINE_ROWS * width;
    let directory = tempfile::tempdir().unwrap();
    let server = serve_with_memory(directory.path());
    create_events(&server).await;
    load_events(&server, 0..records, width).await;
    assert_eq!(server.stop("TERM"), Some(0));

    for format in ["ndjson", "arrow"] {
        let server = serve_with_memory(directory.path());
        let idle = server.resident_bytes();
        let (peak, bytes) = read_slowly(&server, &format!("{STREAM}?format={format}")).await;
        assert!(bytes > records * width, "{format}: {bytes} bytes");
        // The engine's buffers, up to their limit, and what is on its way out of them.
        let most = u64::try_from(ENGINE_BYTES + 3 * at_once + FIXED_BYTES).unwrap();
        assert!(peak < idle + most, "{format}: {idle} bytes when idle, {peak} while {bytes} were streamed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_leave_take_their_queries_with_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    create_events(&server).await;
    load_events(&server, 0..300_000, 200).await;
    let used = async |expected: f64| {
        let reached = async {
            while server.metric("eider_store_connections_used").await.total_cmp(&expected).is_ne() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("never {expected} connections are used"));
    };
    used(0.0).await;

    // More than twice as many as may run at once, half of them in the middle of a sort.
    for _ in 0..3 {
        let mut reading = Vec::new();
        for _ in 0..10 {
            let mut response = server.get(STREAM).send().await.unwrap();
            response.chunk().await.unwrap().unwrap();
            reading.push(response);
        }
        used(10.0).await;
        let sorts = (0..10).map(|_| {
            let request = server.get(&format!("{STREAM}?sort=text,-bucket,n"));
            tokio::spawn(timeout(Duration::from_millis(20), request.send()))
        });
        for sort in sorts.collect::<Vec<_>>() {
            assert!(sort.await.unwrap().is_err(), "a sort takes longer");
        }
        used(10.0).await;
        drop(reading);
        used(0.0).await;
    }
    let whole = server.get(STREAM).send().await.unwrap().text().await.unwrap();
    assert_eq!(whole.lines().count(), 300_000);

    let scans: Vec<Json> = server.logged().into_iter().filter(|line| line["scan.rows"].is_u64()).collect();
    let complete = scans.iter().filter(|line| line["outcome"] == "completed").count();
    assert_eq!(complete, 1, "only the last one was read to its end: {scans:#?}");
}
