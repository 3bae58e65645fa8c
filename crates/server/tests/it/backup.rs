//! Backups on the real binary: taken while clients write, restored, examined, damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value as Json, json};

use crate::process::{FLIGHTS, Process, Server, eider, fails, json_of};

/// Clients that write single records.
const SINGLES: usize = 12;
/// Clients that write many at once.
const BULKS: usize = 4;
/// Records of a bulk call.
const BATCH: usize = 1_000;
/// Backups that are taken while they write.
const BACKUPS: usize = 3;

/// What a command that succeeds prints.
pub(crate) fn output_of(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = eider(arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(stdout).unwrap()
}

pub(crate) fn back_up(server: &Server, directory: &Path) -> Json {
    output_of(&["backup", directory.to_str().unwrap(), "--url", &server.base]);
    serde_json::from_slice(&fs::read(directory.join("backup.json")).unwrap()).unwrap()
}

fn restore(backup: &Path, data_dir: &Path) {
    output_of(&["restore", backup.to_str().unwrap(), "--data-dir", data_dir.to_str().unwrap()]);
}

/// What the doctor says of a directory, and whether it is well.
fn examined(data_dir: &Path) -> (bool, Json) {
    let arguments = ["doctor", "--json", "--data-dir", data_dir.to_str().unwrap()];
    let Output { status, stdout, .. } = eider(&arguments).output().unwrap();
    (status.success(), serde_json::from_slice(&stdout).unwrap())
}

/// The checks that found something wrong, with what they say.
fn problems(report: &Json) -> Vec<(String, String)> {
    let text = |finding: &Json, key: &str| finding[key].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap().iter();
    let wrong = checks.filter(|finding| finding["ok"] == false);
    wrong.map(|finding| (text(finding, "check"), text(finding, "detail"))).collect()
}

/// The files of a directory with their bytes.
pub(crate) fn files_of(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    files.sort();
    files
}

async fn create(server: &Server, name: &str) {
    let schema = json!({"name": name, "properties": [
        {"name": "key", "type": "string", "required": true, "is_unique": true},
        {"name": "bucket", "type": "integer", "required": true, "is_indexed": true}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
}

/// The number of a commit, and how the keys of its records begin.
type Commits = Vec<(u64, String)>;

/// Writes batches until it is told to stop.
async fn write(base: String, schema: &str, writer: usize, batch: usize, stop: Arc<AtomicBool>) -> Commits {
    let (client, mut commits) = (Client::new(), Vec::new());
    let path = format!("{base}/api/v1/records/{schema}");
    for round in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let prefix = format!("{writer}-{round}");
        let record = |n: usize| json!({"key": format!("{prefix}-{n}"), "bucket": n % 7});
        let request = if batch == 1 {
            client.post(&path).json(&record(0))
        } else {
            let lines = (0..batch).map(|n| record(n).to_string()).collect::<Vec<_>>().join("\n");
            client.post(format!("{path}/bulk")).header("content-type", "application/x-ndjson").body(lines)
        };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let in_header = commit_seq_of(&answer);
        let body: Json = answer.json().await.unwrap();
        commits.push((in_header.or_else(|| body["commit_seq"].as_u64()).unwrap(), prefix));
    }
    commits
}

pub(crate) fn commit_seq_of(answer: &Response) -> Option<u64> {
    answer.headers().get("eider-commit-seq")?.to_str().ok()?.parse().ok()
}

/// Changes one record until it is told to stop: it has as many versions as its schema has commits.
async fn change(base: String, stop: Arc<AtomicBool>) {
    let client = Client::new();
    let path = format!("{base}/api/v1/records/turns");
    let created = client.post(&path).json(&json!({"key": "only", "bucket": 0})).send().await.unwrap();
    let created: Json = created.json().await.unwrap();
    let path = format!("{path}/{}", created["id"].as_str().unwrap());
    for bucket in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let changed = client.patch(&path).json(&json!({"bucket": bucket})).send().await.unwrap();
        assert_eq!(changed.status(), StatusCode::OK);
    }
}

/// Asks for a copy, or for a part of one, until the server has noticed that the client before is gone.
async fn copy(server: &Server, headers: &[(&str, &str)]) -> Response {
    loop {
        let ask = |request: RequestBuilder, (name, value): &(&str, &str)| request.header(*name, *value);
        let response = headers.iter().fold(server.get("/api/v1/backup"), ask).send().await.unwrap();
        if response.status() != StatusCode::SERVICE_UNAVAILABLE {
            return response;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Tag and length of a whole copy.
fn whole(response: &Response) -> (String, u64) {
    assert_eq!((response.status(), header(response, "accept-ranges")), (StatusCode::OK, "bytes"));
    (header(response, "etag").to_owned(), response.content_length().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_was_cut_off_goes_on_where_it_stopped_while_clients_write() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(&directory.path().join("data")).await;
    let before = server.count().await;
    let mut response = copy(&server, &[]).await;
    let (tag, all) = whole(&response);
    let mut bytes = response.chunk().await.unwrap().unwrap().to_vec();
    drop(response);
    let mut parts = 0;
    while (bytes.len() as u64) < all {
        // What is written takes blocks of the file that are free.
        json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
        let first = bytes.len() as u64;
        let last = (first + (1 << 20)).min(all) - 1;
        let response = copy(&server, &[("range", &format!("bytes={first}-{last}")), ("if-range", &tag)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(header(&response, "content-range"), format!("bytes {first}-{last}/{all}"));
        assert_eq!(header(&response, "etag"), tag);
        bytes.extend(response.bytes().await.unwrap());
        parts += 1;
    }
    assert!(parts > 1, "{all} bytes came at once");
    let restored = directory.path().join("restored");
    fs::create_dir(&restored).unwrap();
    fs::write(restored.join("eider.duckdb"), &bytes).unwrap();
    let (is_well, report) = examined(&restored);
    assert!(is_well, "{report}");
    assert_eq!(Server::start(&restored).count().await, before, "it is as of the moment when it was begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_of_the_copy_that_was_begun_last_or_the_answer_is_a_whole_copy() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(&directory.path().join("data")).await;
    let (old, _) = whole(&copy(&server, &[]).await);
    let (newer, _) = whole(&copy(&server, &[]).await);
    let weak = format!("W/{newer}");
    for headers in [
        vec![("range", "bytes=1-")],
        vec![("if-range", old.as_str())],
        vec![("range", "bytes=1-"), ("if-range", old.as_str())],
        vec![("range", "bytes=1-"), ("if-range", weak.as_str())],
        vec![("range", "bytes=1-"), ("if-range", "Sat, 29 Oct 1994 19:43:31 GMT")],
        vec![("range", "bytes=1-"), ("if-range", "no tag")],
    ] {
        let (tag, _) = whole(&copy(&server, &headers).await);
        assert!(tag != old && tag != newer, "{headers:?}");
    }
    for range in ["bytes=0-1,4-5", "lines=1-2", "bytes=x", "bytes"] {
        let (tag, _) = whole(&copy(&server, &[]).await);
        whole(&copy(&server, &[("range", range), ("if-range", &tag)]).await);
    }

    let (tag, all) = whole(&copy(&server, &[]).await);
    for (range, first, last) in [
        ("bytes=0-9", 0, 9),
        ("bytes=-7", all - 7, all - 1),
        ("bytes=5-99999999999999", 5, all - 1),
        ("bytes=-99999999999999", 0, all - 1),
    ] {
        let response = copy(&server, &[("range", range), ("if-range", &tag)]).await;
        assert_eq!(header(&response, "content-range"), format!("bytes {first}-{last}/{all}"), "{range}");
        assert_eq!(response.bytes().await.unwrap().len() as u64, last - first + 1, "{range}");
    }
    for range in [format!("bytes={all}-"), "bytes=-0".to_owned()] {
        let response = copy(&server, &[("range", &range), ("if-range", &tag)]).await;
        assert_eq!(response.status(), StatusCode::RANGE_NOT_SATISFIABLE, "{range}");
        assert_eq!(header(&response, "content-range"), format!("bytes */{all}"));
        assert_eq!(response.json::<Json>().await.unwrap()["code"], "range_not_satisfiable");
    }
}

/// How many keys begin how.
async fn prefixes(server: &Server, schema: &str) -> BTreeMap<String, usize> {
    let stream = server.get(&format!("/api/v1/records/{schema}/stream?fields=key")).send().await.unwrap();
    let mut prefixes = BTreeMap::new();
    for line in stream.text().await.unwrap().lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        let (prefix, _) = record["key"].as_str().unwrap().rsplit_once('-').unwrap();
        *prefixes.entry(prefix.to_owned()).or_default() += 1;
    }
    prefixes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_taken_while_clients_write_holds_every_commit_up_to_its_last_and_none_after() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server, "ones").await;
    create(&server, "many").await;
    create(&server, "turns").await;
    let stop = Arc::new(AtomicBool::new(false));
    let changing = tokio::spawn(change(server.base.clone(), Arc::clone(&stop)));
    let writers: Vec<_> = (0..SINGLES + BULKS)
        .map(|writer| {
            let (schema, batch) = if writer < SINGLES { ("ones", 1) } else { ("many", BATCH) };
            tokio::spawn(write(server.base.clone(), schema, writer, batch, Arc::clone(&stop)))
        })
        .collect();
    let mut backups = Vec::new();
    for number in 0..BACKUPS {
        // Both schemas are written to between one backup and the next.
        for schema in ["ones", "many"] {
            let seen =
                backups.last().map_or(0, |(_, manifest)| described(manifest, schema)["commit_seq"].as_u64().unwrap());
            let path = format!("/api/v1/records/{schema}/count?min_seq={}", seen + 1);
            json_of(server.get(&path), 200).await;
        }
        let to = directory.path().join(format!("backup-{number}"));
        let manifest = tokio::task::block_in_place(|| back_up(&server, &to));
        backups.push((to, manifest));
    }
    stop.store(true, Ordering::Relaxed);
    changing.await.unwrap();
    let (mut ones, mut many) = (Commits::new(), Commits::new());
    for (writer, task) in writers.into_iter().enumerate() {
        if writer < SINGLES { &mut ones } else { &mut many }.extend(task.await.unwrap());
    }
    assert_eq!(server.stop("TERM"), Some(0));

    for (number, (backup, manifest)) in backups.iter().enumerate() {
        let (is_well, report) = examined(backup);
        assert!(is_well, "{report:#}");
        let data_dir = directory.path().join(format!("restored-{number}"));
        restore(backup, &data_dir);
        let restored = Server::start(&data_dir);
        for (schema, commits, batch) in [("ones", &ones, 1), ("many", &many, BATCH)] {
            let last = described(manifest, schema)["commit_seq"].as_u64().unwrap();
            let expected = commits.iter().filter(|(commit_seq, _)| *commit_seq <= last);
            let expected: BTreeMap<_, _> = expected.map(|(_, prefix)| (prefix.clone(), batch)).collect();
            assert!(
                prefixes(&restored, schema).await == expected,
                "{schema} holds other commits than those up to {last}"
            );
        }
        let page = json_of(restored.get("/api/v1/records/turns"), 200).await;
        assert_eq!(page["data"][0]["version"], described(manifest, "turns")["commit_seq"], "{page}");
        let path = "/api/v1/records/turns";
        let next = restored.post(path, "application/json", json!({"key": "next", "bucket": 0}).to_string());
        let next = next.send().await.unwrap();
        // Beyond every number that the store has handed out since the backup.
        assert!(commit_seq_of(&next) > many.iter().chain(&ones).map(|(commit_seq, _)| *commit_seq).max());
        assert_eq!(restored.stop("TERM"), Some(0));
    }
}

/// What a manifest says of a schema.
fn described<'m>(manifest: &'m Json, schema: &str) -> &'m Json {
    manifest["schemas"].as_array().unwrap().iter().find(|described| described["name"] == schema).unwrap()
}

#[tokio::test]
async fn a_second_server_is_still_refused_after_a_backup() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let server = Server::with_flights(&data_dir).await;
    back_up(&server, &directory.path().join("backup"));
    let message = fails(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()]);
    assert!(message.contains("in use by another process"), "{message}");
    let (is_well, report) = examined(&data_dir);
    assert!(!is_well && problems(&report)[0].1.contains("in use"), "{report:#}");
    assert_eq!(server.count().await, FLIGHTS.lines().count());
}

#[tokio::test]
async fn a_backup_of_data_that_no_server_has_open_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let server = Server::with_flights(&data_dir).await;
    let (data, backup) = (data_dir.to_str().unwrap(), to.to_str().unwrap());
    let message = fails(&["backup", backup, "--data-dir", data]);
    assert!(message.contains("in use") && message.contains("--url"), "{message}");
    assert_eq!(server.stop("KILL"), None);
    output_of(&["backup", backup, "--data-dir", data]);
    let restored = directory.path().join("restored");
    restore(&to, &restored);
    assert_eq!(Server::start(&restored).count().await, FLIGHTS.lines().count());
    assert!(fails(&["backup", backup, "--data-dir", data]).contains("is not empty"));
}

#[tokio::test]
async fn a_server_killed_in_the_middle_of_a_backup_leaves_its_data_whole_and_no_backup() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let server = Server::with_flights(&data_dir).await;
    json_of(server.post("/api/v1/records/flights/bulk", "application/x-ndjson", FLIGHTS), 201).await;
    let mut command = eider(&["backup", to.to_str().unwrap(), "--url", &server.base]);
    let copying = Process::start(command.stderr(Stdio::null()).stdout(Stdio::null()));
    assert_eq!(server.stop("KILL"), None);
    drop(copying);
    let arguments = ["restore", to.to_str().unwrap(), "--data-dir", directory.path().to_str().unwrap()];
    assert!(to.join("backup.json").try_exists().unwrap() || fails(&arguments).contains("is no whole backup"));
    let (is_well, report) = examined(&data_dir);
    assert!(is_well, "{report:#}");
    assert_eq!(Server::start(&data_dir).count().await, FLIGHTS.lines().count() * 2);
}

/// Cut off by a limit of its file, by a signal or by its server, a backup is taken again by the same command.
#[tokio::test]
async fn a_backup_that_was_cut_off_is_taken_by_the_same_command() {
    let directory = tempfile::tempdir().unwrap();
    let (data_dir, to) = (directory.path().join("data"), directory.path().join("backup"));
    let server = Server::with_flights(&data_dir).await;
    let arguments = ["backup", to.to_str().unwrap(), "--url", &server.base];
    for kilobytes in [1, 100, 700] {
        // With the signal ignored the write fails; without, the process ends at once.
        for begins in ["trap '' XFSZ;", ""] {
            let script = format!("{begins} ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
            let mut command = std::process::Command::new("bash");
            command.env_clear().args(["-c", &script, env!("CARGO_BIN_EXE_eider")]).args(arguments);
            let output = command.stdin(Stdio::null()).output().unwrap();
            assert!(!output.status.success());
            assert!(!to.join("backup.json").try_exists().unwrap());
            if !begins.is_empty() {
                assert_eq!(files_of(&to), [], "what was cut off in order is removed");
            }
        }
        assert_eq!(files_of(&to).len(), 1);
    }
    output_of(&arguments);
    assert_eq!(files_of(&to).len(), 2);
    assert!(fails(&arguments).contains("is not empty"));
    let data_arguments = ["backup", data_dir.to_str().unwrap(), "--url", &server.base];
    assert!(fails(&data_arguments).contains("is not empty"));
    let restored = directory.path().join("restored");
    restore(&to, &restored);
    assert_eq!(Server::start(&restored).count().await, FLIGHTS.lines().count());
}

#[tokio::test]
async fn the_doctor_changes_nothing_also_with_a_log() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let server = Server::with_flights(&data_dir).await;
    assert_eq!(server.stop("KILL"), None);
    let before = files_of(&data_dir);
    assert!(before.iter().any(|(path, bytes)| path.ends_with("eider.duckdb.wal") && !bytes.is_empty()));
    let (is_well, report) = examined(&data_dir);
    assert!(is_well, "{report:#}");
    let rows = report["checks"].as_array().unwrap().iter().find(|check| check["check"] == "rows").unwrap();
    let records = FLIGHTS.lines().count();
    assert!(rows["detail"].as_str().unwrap().starts_with(&format!("{records} records")), "{rows}");
    assert!(files_of(&data_dir) == before, "the doctor has changed a file");
}

#[tokio::test]
async fn the_doctor_finds_a_flipped_bit() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = directory.path().join("data");
    let server = Server::with_flights(&data_dir).await;
    assert_eq!(server.stop("TERM"), Some(0));
    let file = data_dir.join("eider.duckdb");
    let whole = fs::read(&file).unwrap();
    // Behind three headers of 4 KiB come blocks of 256 KiB; the first is full of values.
    let mut damaged = whole.clone();
    damaged[3 * 4096 + 100_000] ^= 0x10;
    fs::write(&file, &damaged).unwrap();
    let (is_well, report) = examined(&data_dir);
    assert!(!is_well, "{report:#}");
    let found = problems(&report);
    assert!(found[0].1.contains("checksum") || found[0].1.contains("Corrupt"), "{found:?}");
    fs::write(&file, &whole).unwrap();
    assert!(examined(&data_dir).0);
}

#[test]
fn the_doctor_says_when_there_is_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (is_well, report) = examined(directory.path());
    assert!(!is_well && problems(&report)[0].0 == "file", "{report:#}");
    assert_eq!(files_of(directory.path()), []);
}
