//! Starting, stopping, and what stands in the way of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use crate::process::{FLIGHTS, SCHEMA, Server, fails, json_of};

fn serve_fails(data_dir: &Path) -> String {
    fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()])
}

#[tokio::test]
async fn a_server_that_was_stopped_has_its_records_when_it_starts_again() {
    let directory = tempfile::tempdir().unwrap();
    for (round, signal) in ["TERM", "INT"].iter().enumerate() {
        let server =
            if round == 0 { Server::with_flights(directory.path()).await } else { Server::start(directory.path()) };
        assert_eq!(server.count().await, FLIGHTS.lines().count());
        assert_eq!(server.stop(signal), Some(0), "{signal}");
    }
    let files: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!files.iter().any(|name| name.to_string_lossy().ends_with(".wal")), "no checkpoint: {files:?}");
}

#[tokio::test]
async fn a_server_that_was_killed_has_every_record_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    assert_eq!(server.stop("KILL"), None);
    let server = Server::start(directory.path());
    assert_eq!(server.count().await, FLIGHTS.lines().count());
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let message = serve_fails(directory.path());
    assert!(message.contains("eider.duckdb is in use by another process"), "{message}");
    assert_eq!(server.count().await, FLIGHTS.lines().count());
    assert_eq!(server.stop("TERM"), Some(0));
    assert_eq!(Server::start(directory.path()).count().await, FLIGHTS.lines().count());
}

#[tokio::test]
async fn a_damaged_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    assert_eq!(server.stop("TERM"), Some(0));
    let file = directory.path().join("eider.duckdb");
    let mut content = fs::read(&file).unwrap();
    content[..8192].fill(0x5a);
    fs::write(&file, &content).unwrap();
    let message = serve_fails(directory.path());
    assert!(message.contains("is damaged") && message.contains("move it away"), "{message}");
    assert_eq!(fs::read(&file).unwrap(), content);
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let address = server.base.strip_prefix("http://").unwrap();
    let other = tempfile::tempdir().unwrap();
    let message = fails(&["serve", "--listen", address, "--data-dir", other.path().to_str().unwrap()]);
    assert!(message.contains(&format!("cannot listen on {address}")), "{message}");
}

#[tokio::test]
async fn health_says_that_the_store_answers() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    assert_eq!(json_of(server.get("/health/live"), 200).await["status"], "live");
    assert_eq!(json_of(server.get("/health/ready"), 200).await["status"], "ready");
}

#[tokio::test]
async fn the_log_has_duration_and_rows_of_every_store_operation() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let streamed = server.get("/api/v1/records/flights/stream?limit=1500").send().await.unwrap();
    let request_id = streamed.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert_eq!(streamed.text().await.unwrap().lines().count(), 1500);
    let lines = server.logged();
    for (operation, rows_key, rows) in
        [("store commit", "batch.rows", FLIGHTS.lines().count()), ("store scan", "scan.rows", 1500)]
    {
        let has_ended = |line: &&Json| line["msg"].as_str().unwrap().ends_with(operation);
        let line = lines.iter().find(has_ended).unwrap_or_else(|| panic!("no {operation} in {lines:#?}"));
        assert_eq!(line[rows_key], rows, "{line}");
        assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
        assert_eq!(line["schema.name"], "flights", "{line}");
        assert_eq!(line["request_id"] == request_id.as_str(), operation == "store scan", "{line}");
    }
}

#[tokio::test]
async fn metrics_say_how_the_store_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(directory.path()).await;
    let response = server.get("/metrics").header("accept", "application/openmetrics-text").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = response.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    let most = server.metric("eider_store_connections_max").await;
    assert_eq!((most, server.metric("eider_store_connections_waiting").await), (32.0, 0.0));
    let (used, idle) = ("eider_store_connections_used", "eider_store_connections_idle");
    let open = server.metric(used).await + server.metric(idle).await;
    assert!((1.0..=32.0).contains(&open), "{open}");
    for (name, least) in [
        ("commit_duration_seconds_count{kind=\"bulk\"}", 1.0),
        ("commit_group_changes_count", 0.0),
        ("connection_wait_seconds_bucket{le=\"+Inf\"}", 1.0),
        ("connection_timeouts_total", 0.0),
        ("connections_created_total", 1.0),
        ("connections_closed_total{reason=\"old\"}", 0.0),
        ("checkpoints_missed_total{reason=\"postponed\"}", 0.0),
        ("checkpoint_duration_seconds_count", 0.0),
        ("engine_memory_limit_bytes", 1.0),
        ("engine_memory_bytes{tag=\"base_table\"}", 0.0),
        ("engine_spilled_bytes{tag=\"order_by\"}", 0.0),
        ("file_size_bytes{file=\"database\"}", 1.0),
        ("disk_free_bytes", 1.0),
    ] {
        let value = server.metric(&format!("eider_store_{name}")).await;
        assert!(value >= least, "{name}: {value}");
    }
    for name in ["hits_total", "misses_total", "entries", "size_bytes"] {
        let value = server.metric(&format!("eider_store_record_cache_{name}")).await;
        assert!(value.abs() < f64::EPSILON, "{name}: nothing was read by id");
    }
}

#[tokio::test]
async fn what_is_made_is_its_owners_alone_unless_a_setting_says_otherwise() {
    for (setting, others) in [(None, 0), (Some("027"), 0o050)] {
        let directory = tempfile::tempdir().unwrap();
        let data_dir = directory.path().join("data");
        let shell = "umask 000; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.env_clear().args(["-c", shell, env!("CARGO_BIN_EXE_eider"), "serve", "--listen", "127.0.0.1:0"]);
        command.args(["--log-format", "json", "--data-dir"]).arg(&data_dir);
        command.envs(setting.map(|mask| ("EIDER_STORAGE_UMASK", mask)));
        let server = Server::start_as(&mut command);
        let created = server.post("/api/v1/schemas", "application/json", SCHEMA).send().await.unwrap();
        assert_eq!(created.status(), 201);
        let mut seen = 0;
        let mut waiting = vec![data_dir];
        while let Some(path) = waiting.pop() {
            let metadata = fs::metadata(&path).unwrap();
            if path.components().any(|part| part.as_os_str() == "eider.duckdb.index") && metadata.is_file() {
                // Some of what has the indexes is its owner's alone whatever is set.
                assert_eq!(metadata.permissions().mode() & 0o177 & !(others & 0o040), 0, "{}", path.display());
                continue;
            }
            let most = if metadata.is_dir() { 0o700 | others } else { 0o600 | (others & 0o040) };
            assert_eq!(metadata.permissions().mode() & 0o777, most, "{}", path.display());
            if metadata.is_dir() {
                waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            seen += 1;
        }
        assert!(seen > 2);
    }
}
