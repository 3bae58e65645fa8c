//! Settings that change while the server runs, and the guard over memory on the binary.

use std::fs;
use std::path::Path;

use crate::process::{Server, eider, json_of};

/// A server of a configuration file.
fn start(directory: &Path, configuration: &str) -> Server {
    let file = directory.join("eider.toml");
    fs::write(&file, configuration).unwrap();
    let (file, data_dir) = (file.to_str().unwrap(), directory.join("data"));
    let data_dir = data_dir.to_str().unwrap();
    let listen = ["serve", "--listen", "127.0.0.1:0", "--log-format", "json"];
    let arguments = [&listen[..], &["--data-dir", data_dir, "--config", file]].concat();
    Server::start_as(&mut eider(&arguments))
}

/// Writes another configuration, tells the server, and waits until it has logged the outcome.
async fn reload(server: &Server, directory: &Path, configuration: &str) -> String {
    fs::write(directory.join("eider.toml"), configuration).unwrap();
    server.signal("HUP");
    let mut messages = String::new();
    while !messages.contains("configuration was") {
        messages.extend(server.logged().iter().map(ToString::to_string));
        tokio::task::yield_now().await;
    }
    messages
}

#[tokio::test]
async fn a_reload_changes_what_can_change_and_names_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), "[limits]\nmax_page = 200\n");
    json_of(server.post("/api/v1/schemas", "application/json", crate::process::SCHEMA), 201).await;
    let page = |limit: u32| server.get(&format!("/api/v1/records/flights?limit={limit}"));
    json_of(page(300), 400).await;

    let logged = reload(&server, directory.path(), "[limits]\nmax_page = 300\n[pool]\nsize = 3\n").await;
    json_of(page(300), 200).await;
    assert!(logged.contains("limits.max_page"), "{logged}");
    let pool = json_of(server.get("/monitoring/pool"), 200).await;
    assert_eq!(pool["connections"]["max"], 32, "it takes a restart");

    let logged = reload(&server, directory.path(), "[limits]\nmax_pages = 400\n").await;
    assert!(logged.contains("was not reloaded") && logged.contains("limits.max_pages"), "{logged}");
    json_of(page(300), 200).await;
    json_of(page(301), 400).await;
    assert_eq!(server.stop("TERM"), Some(0));
}

#[tokio::test]
async fn the_guard_closes_by_what_the_process_uses_and_opens_again() {
    let directory = tempfile::tempdir().unwrap();
    let closed = "[memory]\nlimit = \"2 GiB\"\nsoft_share = 0.001\ncritical_share = 0.9\n";
    let server = start(directory.path(), closed);
    json_of(server.post("/api/v1/schemas", "application/json", crate::process::SCHEMA), 201).await;
    let stream = || server.get("/api/v1/records/flights/stream");

    let memory = json_of(server.get("/monitoring/memory"), 200).await;
    assert_eq!((&memory["pressure"], &memory["limit_source"]), (&"high".into(), &"setting".into()), "{memory}");
    assert!(memory["engine"]["limit_bytes"].as_u64().unwrap() >= 256 << 20, "{memory}");
    let refused = stream().send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    let problem: serde_json::Value = refused.json().await.unwrap();
    assert_eq!(problem["budget"], "memory");
    json_of(server.get("/api/v1/records/flights/count"), 200).await;
    assert!((server.metric("eider_memory_guard_state").await - 1.0).abs() < f64::EPSILON);

    reload(&server, directory.path(), "[memory]\nlimit = \"2 GiB\"\n").await;
    while json_of(server.get("/monitoring/memory"), 200).await["pressure"] != "normal" {}
    assert!(stream().send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn the_command_says_whether_a_server_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let address = server.base.strip_prefix("http://").unwrap().to_owned();
    let health = || eider(&["health", "--listen", &address]).output().unwrap();
    assert!(health().status.success());
    assert_eq!(server.stop("TERM"), Some(0));
    let gone = health();
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8(gone.stderr).unwrap().contains("does not answer"));
}

#[tokio::test]
async fn a_server_with_little_memory_for_requests_says_so_when_it_starts() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), "[memory]\nlimit = \"496 MiB\"\n");
    let logged = server.logged_before();
    assert!(logged.iter().any(|line| line.contains("little memory for requests")), "{logged:#?}");
}
