//! Restores on the real binary: what is replaced, what is kept, and what was said before.

use std::fs;
use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::backup::{back_up, commit_seq_of, files_of, output_of};
use crate::process::{FLIGHTS, Server, fails, json_of};

/// The arguments of a restore in the place of what is there.
fn forced<'p>(backup: &'p Path, data_dir: &'p Path) -> [&'p str; 5] {
    ["restore", backup.to_str().unwrap(), "--data-dir", data_dir.to_str().unwrap(), "--force"]
}

#[tokio::test]
async fn restoring_replaces_data_only_when_told_to_and_keeps_it() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let server = Server::with_flights(&data_dir).await;
    back_up(&server, &to);
    json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
    let arguments = forced(&to, &data_dir);
    assert!(fails(&arguments[..4]).contains("--force replaces it"));
    assert!(fails(&arguments).contains("a server has"));
    assert_eq!(server.stop("KILL"), None);
    let replaced = fs::read(data_dir.join("eider.duckdb")).unwrap();
    let text = output_of(&arguments);
    assert!(text.contains("kept as eider.duckdb.replaced, eider.duckdb.wal.replaced"), "{text}");
    assert_eq!(fs::read(data_dir.join("eider.duckdb.replaced")).unwrap(), replaced);
    assert_eq!(Server::start(&data_dir).count().await, FLIGHTS.lines().count());
}

/// What a client was told of the records of a schema.
#[derive(Debug)]
struct Told {
    commit_seq: u64,
    cursor: String,
    /// By what it is the tag of.
    tags: Vec<(String, String)>,
}

/// Stores a record and asks for everything that may be asked about later.
async fn told(server: &Server, record: &str) -> Told {
    let path = "/api/v1/records/notes";
    let created = server.post(path, "application/json", "{\"key\": null, \"bucket\": 1}").send().await.unwrap();
    let commit_seq = commit_seq_of(&created).unwrap();
    let page = json_of(server.get(&format!("{path}?limit=1")), 200).await;
    let mut tags = Vec::new();
    for path in [record, "/api/v1/records/notes?limit=1", "/api/v1/records/notes/count", "/api/v1/schemas/notes"] {
        let answer = server.get(path).send().await.unwrap();
        tags.push((path.to_owned(), answer.headers()["etag"].to_str().unwrap().to_owned()));
    }
    Told { commit_seq, cursor: page["page"]["next"].as_str().unwrap().to_owned(), tags }
}

async fn is_not_taken(server: &Server, told: &Told) {
    let cursor = server.get(&format!("/api/v1/records/notes?limit=1&cursor={}", told.cursor));
    assert_eq!(json_of(cursor, 400).await["code"], "invalid_cursor");
    for (path, tag) in &told.tags {
        let known = server.get(path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(known.status(), StatusCode::OK, "{path}");
    }
    let (record, tag) = &told.tags[0];
    let change = server.request(reqwest::Method::PATCH, record).header("if-match", tag).json(&json!({"bucket": 9}));
    assert_eq!(json_of(change, 412).await["code"], "stale_version");
}

async fn waited_for(server: &Server, commit_seq: u64) -> Json {
    let count = server.get(&format!("/api/v1/records/notes/count?min_seq={commit_seq}")).send().await.unwrap();
    let status = count.status().as_u16();
    if status == 200 { json!(200) } else { json!([status, count.json::<Json>().await.unwrap()["code"]]) }
}

#[tokio::test]
async fn what_was_told_before_a_restore_is_not_taken_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let mut server = Server::start(&data_dir);
    let schema = json!({"name": "notes", "properties": [
        {"name": "key", "type": "string"}, {"name": "bucket", "type": "integer", "is_indexed": true}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let first = server.post("/api/v1/records/notes", "application/json", "{\"bucket\": 0}");
    let record = format!("/api/v1/records/notes/{}", json_of(first, 201).await["id"].as_str().unwrap());
    let mut before = told(&server, &record).await;
    let kept = before.commit_seq;
    back_up(&server, &to);
    let mut lost = Vec::new();
    for _ in 0..2 {
        for _ in 0..3 {
            before = told(&server, &record).await;
            lost.push(before.commit_seq);
        }
        assert_eq!(server.stop("TERM"), Some(0));
        output_of(&forced(&to, &data_dir));
        server = Server::start(&data_dir);
        is_not_taken(&server, &before).await;
        assert_eq!(waited_for(&server, kept).await, 200, "the backup has it");
        for commit_seq in &lost {
            assert_eq!(waited_for(&server, *commit_seq).await, json!([409, "commit_lost"]), "{commit_seq}");
        }
    }
    let after = told(&server, &record).await;
    assert_eq!(waited_for(&server, after.commit_seq).await, 200);
    // A restart changes nothing of this.
    assert_eq!(server.stop("TERM"), Some(0));
    let server = Server::start(&data_dir);
    for (path, tag) in &after.tags {
        let known = server.get(path).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    json_of(server.get(&format!("/api/v1/records/notes?limit=1&cursor={}", after.cursor)), 200).await;
    assert_eq!(waited_for(&server, lost[0]).await, json!([409, "commit_lost"]));
}

/// However often data is replaced, each state that was is still there, under a name of its own, and can be served.
#[tokio::test]
async fn what_was_replaced_is_kept_whenever_something_else_is() {
    const STATES: usize = 4;
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let server = Server::with_flights(&data_dir).await;
    back_up(&server, &to);
    let mut server = Some(server);
    let arguments = forced(&to, &data_dir);
    let mut states = Vec::new();
    for state in 1..=STATES {
        let running = server.take().unwrap_or_else(|| Server::start(&data_dir));
        // Every other state has its latest records in the log.
        for _ in 0..state {
            json_of(running.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
        }
        running.stop(if state % 2 == 0 { "TERM" } else { "KILL" });
        let text = output_of(&arguments);
        let kept = text.lines().find_map(|line| line.strip_prefix("what was there is kept as ")).unwrap();
        states.push(kept.split(", ").map(str::to_owned).collect::<Vec<_>>());
    }
    // Replaced by itself, with nothing in between.
    output_of(&arguments);
    for (state, names) in (1..).zip(&states) {
        let looked_at = directory.path().join(format!("state-{state}"));
        fs::create_dir(&looked_at).unwrap();
        for name in names {
            let (own, _) = name.split_once(".replaced").unwrap();
            fs::rename(data_dir.join(name), looked_at.join(own)).unwrap();
        }
        assert_eq!(Server::start(&looked_at).count().await, FLIGHTS.lines().count() * (state + 1), "{names:?}");
    }
    assert_eq!(Server::start(&data_dir).count().await, FLIGHTS.lines().count());
}

/// Cut off between two of its steps, a restore has lost nothing, and is done by the next.
#[tokio::test]
async fn a_restore_that_was_cut_off_can_be_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let server = Server::with_flights(&data_dir).await;
    back_up(&server, &to);
    json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
    assert_eq!(server.stop("KILL"), None);
    let live: Vec<(PathBuf, Vec<u8>)> = files_of(&data_dir);
    let file = |name: &str| data_dir.join(name);
    let arguments = forced(&to, &data_dir);
    let copy = fs::read(to.join("eider.duckdb")).unwrap();
    for step in 0..5 {
        for (path, _) in files_of(&data_dir) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &live {
            fs::write(path, bytes).unwrap();
        }
        let whole = if step == 0 { &copy[..copy.len() / 2] } else { &copy };
        fs::write(file("eider.duckdb.restoring"), whole).unwrap();
        if step > 1 {
            fs::hard_link(file("eider.duckdb"), file("eider.duckdb.replaced")).unwrap();
        }
        if step > 2 {
            fs::hard_link(file("eider.duckdb.wal"), file("eider.duckdb.wal.replaced")).unwrap();
        }
        if step > 3 {
            fs::rename(file("eider.duckdb.restoring"), file("eider.duckdb")).unwrap();
        }
        output_of(&arguments);
        let now = files_of(&data_dir);
        for (path, bytes) in live.iter().filter(|(path, _)| !path.ends_with(".lock")) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let kept = now.iter().filter(|(path, _)| path.file_name().unwrap().to_str().unwrap().starts_with(name));
            assert!(kept.clone().any(|(_, kept)| kept == bytes), "step {step}: {name} is gone");
        }
        assert!(!file("eider.duckdb.restoring").try_exists().unwrap());
        let server = Server::start(&data_dir);
        assert_eq!(server.count().await, FLIGHTS.lines().count(), "step {step}");
        assert_eq!(server.stop("TERM"), Some(0));
    }
    fs::write(file("eider.duckdb.restoring"), "what a person wrote").unwrap();
    assert!(fails(&arguments).contains("move it away"));
    assert_eq!(fs::read(file("eider.duckdb.restoring")).unwrap(), b"what a person wrote");
}

#[tokio::test]
async fn a_backup_that_is_damaged_or_not_whole_is_not_restored() {
    let directory = tempfile::tempdir().unwrap();
    let (to, data_dir) = (directory.path().join("backup"), directory.path().join("restored"));
    let server = Server::with_flights(&directory.path().join("data")).await;
    back_up(&server, &to);
    let arguments = ["restore", to.to_str().unwrap(), "--data-dir", data_dir.to_str().unwrap()];
    let file = to.join("eider.duckdb");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(fails(&arguments).contains("is damaged"));
    assert_eq!(files_of(&data_dir), []);
    fs::remove_file(to.join("backup.json")).unwrap();
    assert!(fails(&arguments).contains("is no whole backup"));
}
