//! `eider keys`, and a server that follows what it does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::process::{FLIGHTS, PATIENCE, SCHEMA, Server, eider, fails, json_of};

/// Runs `eider keys` on a data directory; what it wrote to standard output.
fn keys(data_dir: &Path, arguments: &[&str]) -> String {
    let arguments = [&["keys"], arguments, &["--data-dir", data_dir.to_str().unwrap()]].concat();
    let output = eider(&arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn create(data_dir: &Path, verbs: &str, more: &[&str]) -> String {
    let key = keys(data_dir, &[&["create", "--name", "test", "--verbs", verbs], more].concat()).trim().to_owned();
    assert!(key.starts_with("eider_") && key.len() == 83, "{key}");
    key
}

/// What stands between the underscores of a key.
fn id_of(key: &str) -> &str {
    key.split('_').nth(1).unwrap()
}

async fn status(server: &Server, key: &str) -> StatusCode {
    server.get("/api/v1/schemas").bearer_auth(key).send().await.unwrap().status()
}

/// Waits until a key is answered in a way, and says how long that took.
async fn wait_for(server: &Server, key: &str, expected: StatusCode) -> Duration {
    let started = Instant::now();
    while status(server, key).await != expected {
        assert!(started.elapsed() < PATIENCE, "{expected} never came");
    }
    started.elapsed()
}

#[tokio::test]
async fn a_key_that_may_append_appends_and_does_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let admin = create(directory.path(), "admin", &[]);
    let appender = create(directory.path(), "records:append", &["--schemas", "fl*"]);
    let server = Server::start(directory.path());
    let schema = server.post("/api/v1/schemas", "application/json", SCHEMA);
    json_of(schema.bearer_auth(&admin), 201).await;
    let (records, record) = ("/api/v1/records/flights", FLIGHTS.lines().next().unwrap());
    let creation = server.post(records, "application/json", record).header("x-api-key", &appender);
    let id = json_of(creation, 201).await["id"].as_str().unwrap().to_owned();
    for (method, path) in [
        ("GET", format!("{records}/{id}")),
        ("DELETE", format!("{records}/{id}")),
        ("GET", format!("{records}/stream")),
        ("GET", "/api/v1/schemas".to_owned()),
        ("DELETE", "/api/v1/schemas/flights".to_owned()),
        ("GET", "/metrics".to_owned()),
    ] {
        let request = server.request(method.parse().unwrap(), &path).bearer_auth(&appender);
        assert_eq!(json_of(request, 403).await["code"], "forbidden", "{method} {path}");
    }
    let other = SCHEMA.replacen("flights", "ships", 1);
    json_of(server.post("/api/v1/schemas", "application/json", other).bearer_auth(&admin), 201).await;
    let elsewhere = server.post("/api/v1/records/ships", "application/json", record).bearer_auth(&appender);
    assert_eq!(json_of(elsewhere, 403).await["detail"], "the key lacks `records:append` on the schema `ships`");
    assert_eq!(json_of(server.get(&format!("{records}/count")).bearer_auth(&admin), 200).await["count"], 1);
}

#[tokio::test]
async fn a_running_server_follows_what_is_made_and_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    assert_eq!(status(&server, "none").await, StatusCode::OK, "it is open as long as there are no keys");
    let first = create(directory.path(), "schemas:read", &[]);
    wait_for(&server, "none", StatusCode::UNAUTHORIZED).await;
    assert_eq!(status(&server, &first).await, StatusCode::OK);

    let second = create(directory.path(), "schemas:read", &[]);
    wait_for(&server, &second, StatusCode::OK).await;
    keys(directory.path(), &["revoke", id_of(&first)]);
    let took = wait_for(&server, &first, StatusCode::UNAUTHORIZED).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(status(&server, &second).await, StatusCode::OK);

    keys(directory.path(), &["revoke", id_of(&second)]);
    wait_for(&server, &second, StatusCode::UNAUTHORIZED).await;
    assert_eq!(status(&server, "none").await, StatusCode::UNAUTHORIZED, "it never becomes open again");
    assert_eq!(server.stop("TERM"), Some(0));
    let server = Server::start(directory.path());
    assert_eq!(status(&server, "none").await, StatusCode::UNAUTHORIZED, "nor when it starts again");
}

#[tokio::test]
async fn a_key_ends_when_it_expires() {
    let directory = tempfile::tempdir().unwrap();
    let key = create(directory.path(), "reader", &["--expires", "4s"]);
    let server = Server::start(directory.path());
    assert_eq!(status(&server, &key).await, StatusCode::OK);
    wait_for(&server, &key, StatusCode::UNAUTHORIZED).await;
    assert!(keys(directory.path(), &["list"]).contains("expired"));
}

#[tokio::test]
async fn a_damaged_file_leaves_the_keys_as_they_are_and_no_server_starts_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let key = create(directory.path(), "reader", &[]);
    let server = Server::start(directory.path());
    let file = directory.path().join("keys.json");
    fs::write(&file, "{").unwrap();
    let started = Instant::now();
    let is_logged = |line: &Json| line["msg"].as_str().is_some_and(|text| text.contains("still hold"));
    while !server.logged().iter().any(is_logged) {
        assert!(started.elapsed() < PATIENCE, "it is never logged");
    }
    assert_eq!(status(&server, &key).await, StatusCode::OK);
    assert_eq!(status(&server, "none").await, StatusCode::UNAUTHORIZED);
    assert_eq!(server.stop("TERM"), Some(0));
    let message = fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", directory.path().to_str().unwrap()]);
    assert!(message.contains("keys.json cannot be read"), "{message}");
    let data_dir = directory.path().to_str().unwrap();
    fails(&["keys", "create", "--name", "other", "--verbs", "admin", "--data-dir", data_dir]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{", "it is never written over");
}

#[tokio::test]
async fn a_server_that_others_can_reach_needs_a_key() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let serve = ["serve", "--listen", "0.0.0.0:0", "--data-dir", data_dir, "--log-format", "json"];
    let message = fails(&serve);
    assert!(message.contains("eider keys create --name admin --verbs admin --data-dir"), "{message}");
    assert!(!directory.path().join("eider.duckdb").try_exists().unwrap(), "it looks before it opens the store");
    let key = create(directory.path(), "admin", &[]);
    let server = Server::start_as(&mut eider(&serve));
    assert_eq!(status(&server, &key).await, StatusCode::OK);
    assert_eq!(status(&server, "none").await, StatusCode::UNAUTHORIZED);
    keys(directory.path(), &["revoke", &key]);
    assert_eq!(server.stop("TERM"), Some(0));
    assert!(fails(&serve).contains("there is no valid key"));
}

#[tokio::test]
async fn the_log_has_ids_of_keys_and_never_their_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let key = create(directory.path(), "reader", &[]);
    let (data_dir, id) = (directory.path().to_str().unwrap(), id_of(&key));
    let mut serve = eider(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, "--log-format", "json"]);
    let server = Server::start_as(serve.env("EIDER_LOG_FILTER", "trace"));
    assert_eq!(status(&server, &key).await, StatusCode::OK);
    let wrong = format!("{}{}", &key[..82], if key.ends_with('0') { '1' } else { '0' });
    assert_eq!(status(&server, &wrong).await, StatusCode::UNAUTHORIZED);
    let sent = server.get("/api/v1/schemas").header("x-api-key", &key).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
    let is_answer = |line: &&Json| line["msg"].as_str().is_some_and(|text| text.contains("request answered"));
    let (mut lines, started) = (server.logged(), Instant::now());
    while lines.iter().filter(is_answer).count() < 3 {
        lines.extend(server.logged());
        assert!(started.elapsed() < PATIENCE, "{lines:#?}");
    }
    let answered: Vec<&Json> = lines.iter().filter(is_answer).map(|line| &line["key.id"]).collect();
    assert_eq!(answered, [&Json::from(id), &Json::Null, &Json::from(id)]);
    let secret = key.rsplit('_').next().unwrap();
    let file = fs::read_to_string(directory.path().join("keys.json")).unwrap();
    for text in lines.iter().map(ToString::to_string).chain([file]) {
        assert!(!text.contains(secret) && !text.contains(&secret[..32]), "{text}");
    }
}

#[test]
fn keys_are_listed_without_what_they_are() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(keys(directory.path(), &["list", "--json"]).trim(), "[]");
    let key = create(directory.path(), "appender,metrics:read", &["--schemas", "sales_*,flights"]);
    keys(directory.path(), &["create", "--name", "for ever", "--verbs", "admin"]);
    keys(directory.path(), &["revoke", id_of(&key)]);
    let table = keys(directory.path(), &["list"]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert!(rows[0].starts_with("ID ") && rows[1].starts_with(id_of(&key)) && rows[1].ends_with("revoked"), "{table}");
    assert!(rows[1].contains("records:append,metrics:read") && rows[1].contains("sales_*,flights"), "{table}");
    let listed: Json = serde_json::from_str(&keys(directory.path(), &["list", "--json"])).unwrap();
    assert_eq!((&listed[0]["state"], &listed[1]["state"]), (&Json::from("revoked"), &Json::from("valid")));
    assert!(listed[0]["secret_sha256"].is_null() && listed[1]["expires_at"].is_null());
    let mode = fs::metadata(directory.path().join("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let refused = |arguments: &[&str]| fails(&[&["keys"], arguments, &["--data-dir", data_dir]].concat());
    let create = ["create", "--name", "x", "--verbs"];
    let with = |more: &[&str]| refused(&[&create, more].concat());
    assert!(with(&["records:reed"]).contains("did you mean `records:read`"));
    assert!(with(&["admin", "--schemas", "a-b"]).contains("`a-b`: a pattern is the name of a schema"));
    assert!(with(&["admin", "--expires", "soon"]).contains("neither a duration such as 30d"));
    assert!(with(&["admin", "--expires", "2020-01-01T00:00:00Z"]).contains("would have ended"));
    assert!(refused(&["create", "--name", " ", "--verbs", "admin"]).contains("a name of 1 to 64 characters"));
    assert!(refused(&["revoke", "0123456789ab"]).contains("there is no key of this id"));
    assert!(!directory.path().join("keys.json").try_exists().unwrap(), "a server there is still open");
}

#[test]
fn a_certificate_needs_its_key() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().to_str().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir];
    let mut alone = eider(&serve);
    let output = alone.env("EIDER_SERVER_TLS_CERTIFICATE", "server.pem").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("`server.tls_certificate` and `server.tls_key` go together"), "{text}");
}

#[test]
fn a_first_key_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let create = || keys(directory.path(), &["create", "--if-none", "--name", "first", "--verbs", "admin"]);
    let first = create();
    assert!(first.starts_with("eider_"), "{first}");
    assert_eq!(create(), "");
    keys(directory.path(), &["revoke", id_of(first.trim())]);
    assert!(create().starts_with("eider_"), "the first does not hold any more");
}
