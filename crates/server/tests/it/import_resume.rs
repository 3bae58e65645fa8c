//! `eider import --resume`: an import that is cut off, at whatever moment, goes on without a record twice.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::import::import;
use crate::process::{Process, Server, eider, json_of};

/// Rounds of killing, unless the environment asks for more: `RESUME_ROUNDS`.
const ROUNDS: u32 = 24;
const RECORDS: usize = 3_000;

fn rounds() -> u32 {
    std::env::var("RESUME_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS)
}

/// A round: what is imported, in chunks of which size, and what is killed when.
#[derive(Debug, Clone)]
struct Round {
    ending: &'static str,
    chunk: u32,
    /// Milliseconds after which an import is killed; each is followed by another.
    kills: Vec<u64>,
    /// Whether the server is killed instead.
    kills_server: bool,
}

fn round() -> impl Strategy<Value = Round> {
    let ending = prop::sample::select(vec!["ndjson", "csv", "json", "ndjson.gz", "csv.zst"]);
    let kills = prop::collection::vec(1_u64..250, 1..4);
    (ending, 2_000_u32..60_000, kills, prop::bool::weighted(0.3))
        .prop_map(|(ending, chunk, kills, kills_server)| Round { ending, chunk, kills, kills_server })
}

/// A file with records, every ninth of which is refused, and lines within cells.
fn write(path: &Path, ending: &str) {
    let format = ending.split('.').next().unwrap();
    let mut text = String::new();
    for n in 0..RECORDS {
        let key = if n % 9 == 0 { "\"none\"".to_owned() } else { n.to_string() };
        match format {
            "csv" if n == 0 => text.push_str("n,s\n"),
            "csv" => writeln!(text, "{key},\"line {n}\n, and \"\"another\"\"\"").unwrap(),
            "json" => {
                write!(text, "{}{{\"n\": {key}, \"s\": \"] }} {n}\"}}", if n == 0 { "[" } else { ",\n" }).unwrap();
            }
            _ => writeln!(text, "{{\"n\": {key}, \"s\": \"line {n}\"}}").unwrap(),
        }
    }
    if format == "json" {
        text.push(']');
    }
    let bytes = match ending {
        "ndjson.gz" => {
            use std::io::Write as _;
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        }
        "csv.zst" => zstd::encode_all(text.as_bytes(), 1).unwrap(),
        _ => text.into_bytes(),
    };
    fs::write(path, bytes).unwrap();
}

/// How often each number is stored.
async fn stored(server: &Server, schema: &str) -> HashMap<i64, usize> {
    let text = server.get(&format!("/api/v1/records/{schema}/stream?fields=n&format=csv"));
    let text = text.send().await.unwrap().text().await.unwrap();
    let mut counts = HashMap::new();
    for line in text.lines().skip(1) {
        *counts.entry(line.parse().unwrap()).or_default() += 1;
    }
    counts
}

async fn create(server: &Server, schema: &str) {
    let schema = json!({"name": schema, "properties": [
        {"name": "n", "type": "integer", "required": true}, {"name": "s", "type": "string"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
}

/// Whenever the import or the server is killed, the same command goes on: every record is stored, and none twice.
#[tokio::test]
async fn an_import_that_was_killed_goes_on_without_a_record_twice() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut server = Server::start(&data);
    let mut runner = TestRunner::deterministic();
    let (mut cut, mut replays) = (0, 0);
    for number in 0..rounds() {
        let round = round().new_tree(&mut runner).unwrap().current();
        let schema = format!("s{number}");
        create(&server, &schema).await;
        let path = directory.path().join(format!("{number}.{}", round.ending));
        write(&path, round.ending);
        let (path, chunk) = (path.to_str().unwrap().to_owned(), format!("{}B", round.chunk));
        let arguments = ["import", &path, "--schema", &schema, "--resume", "--chunk", &chunk];
        for kill in &round.kills {
            let mut command = eider(&[&arguments[..], &["--url", &server.base]].concat());
            let importing = Process::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
            thread::sleep(Duration::from_millis(*kill));
            if round.kills_server {
                server.stop("KILL");
                importing.stop("KILL");
                server = Server::start(&data);
            } else {
                importing.stop("KILL");
            }
        }
        let (code, text) = import(&server, &arguments[1..], None).await;
        assert_eq!(code, Some(1), "{round:?}: {text}");
        let refused = text.lines().filter(|line| line.contains(": type_mismatch /n")).count();
        let expected: Vec<i64> = (0..i64::try_from(RECORDS).unwrap()).filter(|n| n % 9 != 0).collect();
        let total = if round.ending.starts_with("csv") { RECORDS - 1 } else { RECORDS };
        assert_eq!(refused, total - expected.len(), "{round:?}");
        let summary = format!("{total} records of {path}: {} stored, {refused} not taken", expected.len());
        assert!(text.contains(&summary), "{round:?}: {text}");
        cut += usize::from(text.contains("were stored before"));
        let counts = stored(&server, &schema).await;
        assert!(counts.values().all(|count| *count == 1), "{round:?}: a record is stored twice");
        let mut found: Vec<i64> = counts.into_keys().collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{round:?}");

        // Once more, nothing is stored.
        let (code, text) = import(&server, &arguments[1..], None).await;
        assert_eq!(code, Some(1), "{text}");
        replays += usize::from(text.contains("were stored before"));
        assert_eq!(stored(&server, &schema).await.len(), expected.len());
    }
    assert_eq!(replays, rounds() as usize);
    assert!(cut > 0, "no import was cut off behind its first chunk, so that nothing was tried");
}

#[tokio::test]
async fn chunks_are_refused_where_they_would_not_be_what_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server, "s").await;
    let path = directory.path().join("a.ndjson");
    write(&path, "ndjson");
    let file = path.to_str().unwrap().to_owned();
    let arguments = [file.as_str(), "--schema", "s", "--resume", "--chunk", "20kB"];
    let (code, text) = import(&server, &arguments, None).await;
    assert_eq!(code, Some(1), "{text}");
    let count = stored(&server, "s").await.len();
    // The same file under another name is another input; given twice in one call it is two.
    let link = directory.path().join("b.ndjson");
    fs::copy(&path, &link).unwrap();
    let (code, _) = import(&server, &[link.to_str().unwrap(), "--schema", "s", "--resume"], None).await;
    assert_eq!(code, Some(1));
    assert_eq!(stored(&server, "s").await.values().sum::<usize>(), 2 * count);
    let (code, text) = import(&server, &[&arguments[..], &[&file]].concat(), None).await;
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(stored(&server, "s").await.values().sum::<usize>(), 3 * count);

    // Another size of chunks, another option, and a changed input are none of them what was stored.
    let text = fs::read_to_string(&path).unwrap();
    for (chunk, option, content) in [
        ("30kB", "--rename=unknown:s", text.clone()),
        ("20kB", "--rename=unknown:s", text.clone()),
        ("20kB", "--on-conflict=error", text.replacen("line 8", "line x", 1)),
    ] {
        fs::write(&path, content).unwrap();
        let (code, said) = import(&server, &[&file, "--schema", "s", "--resume", "--chunk", chunk, option], None).await;
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains("stored with other content or other options"), "{said}");
        assert_eq!(stored(&server, "s").await.values().sum::<usize>(), 3 * count);
    }
}

/// Formats that are not cut, and inputs that are stored as a whole or not at all, are one call under a key.
#[tokio::test]
async fn what_is_not_cut_is_stored_once_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_flights(&directory.path().join("data")).await;
    let before = server.count().await;
    let path = directory.path().join("f.parquet");
    let parquet =
        server.get("/api/v1/records/flights/stream?format=parquet").send().await.unwrap().bytes().await.unwrap();
    fs::write(&path, parquet).unwrap();
    let schema = json_of(server.get("/api/v1/schemas/flights"), 200).await;
    let schema = json!({"name": "copy", "properties": schema["properties"]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let file = path.to_str().unwrap();
    let ignored = ["--ignore", "created_at", "--ignore", "updated_at", "--ignore", "version", "--resume"];
    for round in 0..2 {
        let arguments = [&[file, "--schema", "copy"][..], &ignored].concat();
        let (code, text) = import(&server, &arguments, None).await;
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(text.contains("it was stored before"), round == 1, "{text}");
        let count = json_of(server.get("/api/v1/records/copy/count"), 200).await;
        assert_eq!(count, json!({"count": before}));
    }
    create(&server, "s").await;
    let path = directory.path().join("a.ndjson");
    write(&path, "ndjson");
    let arguments = [path.to_str().unwrap(), "--schema", "s", "--resume", "--chunk", "1kB", "--mode", "atomic"];
    let (code, text) = import(&server, &arguments, None).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("nothing was stored of it"), "{text}");
    assert!(stored(&server, "s").await.is_empty());
}

/// An import that creates its schema goes on, too; but not into a schema that is another.
#[tokio::test]
async fn an_import_that_created_its_schema_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let path = directory.path().join("a.csv");
    fs::write(&path, "n;s\n1;x\n2;y\n").unwrap();
    let arguments = [path.to_str().unwrap(), "--schema", "s", "--create", "--resume"];
    for round in 0..2 {
        let (code, text) = import(&server, &arguments, None).await;
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(text.contains("1 of 1 chunks were stored before"), round == 1, "{text}");
        assert_eq!(stored(&server, "s").await.len(), 2);
    }
    let other = directory.path().join("b.csv");
    fs::write(&other, "n,other\n1,x\n").unwrap();
    let (code, text) = import(&server, &[other.to_str().unwrap(), "--schema", "s", "--create", "--resume"], None).await;
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("there is a schema `s`"), "{text}");
}

/// A server that is away for a moment is waited for.
#[tokio::test]
async fn a_server_that_is_away_for_a_moment_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data);
    create(&server, "s").await;
    let path = directory.path().join("a.ndjson");
    write(&path, "ndjson");
    let base = server.base.clone();
    assert_eq!(server.stop("TERM"), Some(0));
    let arguments = ["import", path.to_str().unwrap(), "--schema", "s", "--resume", "--chunk", "1kB", "--url", &base];
    let mut importing: Command = eider(&arguments);
    let importing = importing.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(500));
    let listen = base.trim_start_matches("http://").to_owned();
    let serve = ["serve", "--listen", &listen, "--data-dir", data.to_str().unwrap(), "--log-format", "json"];
    let server = Server::start_as(&mut eider(&serve));
    let ended = importing.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(stored(&server, "s").await.len(), RECORDS - RECORDS.div_ceil(9));
}
