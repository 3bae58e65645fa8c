//! `eider import`, as a person runs it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::json;

use crate::process::{FLIGHTS, Server, eider, json_of};

/// Runs the command to its end; its exit code, and what it wrote.
async fn import(server: &Server, arguments: &[&str], input: Option<&Path>) -> (Option<i32>, String) {
    let mut command = eider(&[&["import", "--url", &server.base], arguments].concat());
    command.stdin(input.map_or_else(Stdio::null, |path| fs::File::open(path).unwrap().into()));
    let output = eider_application::blocking::run(move || command.output().unwrap()).await.unwrap();
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[tokio::test]
async fn a_schema_made_of_a_file_takes_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let file = directory.path().join("flights.ndjson");
    fs::write(&file, FLIGHTS).unwrap();
    let path = file.to_str().unwrap();
    let (code, text) = import(&server, &[path, "--schema", "flights", "--create"], None).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("created `flights` with 19 properties, made of 2699 records"), "{text}");
    assert!(text.contains("2699 stored, 0 not taken"), "{text}");
    assert_eq!(server.count().await, FLIGHTS.lines().count());
    let schema = json_of(server.get("/api/v1/schemas/flights"), 200).await;
    let of = |name: &str| {
        let property = schema["properties"].as_array().unwrap().iter().find(|property| property["name"] == name);
        let property = property.unwrap();
        (property["type"].as_str().unwrap().to_owned(), property["required"].as_bool().unwrap())
    };
    assert_eq!(of("dep_time"), ("integer".to_owned(), false));
    assert_eq!(of("carrier"), ("string".to_owned(), true));
    assert_eq!(of("time_hour"), ("datetime".to_owned(), true));

    let (code, text) = import(&server, &[path, "--schema", "flights", "--create"], None).await;
    assert_eq!(code, Some(1));
    assert!(text.contains("there is a schema `flights`; leave out --create"), "{text}");
    let (code, text) = import(&server, &["-", "--schema", "flights", "--format", "ndjson"], Some(&file)).await;
    assert_eq!((code, server.count().await), (Some(0), 2 * FLIGHTS.lines().count()), "{text}");
}

#[tokio::test]
async fn records_that_are_not_taken_are_named_and_the_others_stored() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let file = directory.path().join("trips.csv");
    let mut text = "Trip No,\"started\nat\",km\n".to_owned();
    for number in 0..12_000 {
        let km = if number < 10_500 { number } else { -1 };
        writeln!(text, "{number},2026-01-31,{km}").unwrap();
    }
    fs::write(&file, format!("{text}x,2026-01-31,1\n12000,2026-02-30,one\n")).unwrap();
    let (code, text) = import(&server, &[file.to_str().unwrap(), "--schema", "trips", "--create"], None).await;
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "Trip_No renamed: the name in the source is none that a property can have",
        "started_at renamed",
        "12002 records",
        "12000 stored, 2 not taken",
        "line 12003: type_mismatch /Trip_No",
        "line 12004: invalid_value /started_at",
        "line 12004: type_mismatch /km",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    let count = json_of(server.get("/api/v1/records/trips/count"), 200).await;
    assert_eq!(count, json!({"count": 12_000}));
}

#[tokio::test]
async fn a_file_that_cannot_be_loaded_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (file, said) in [
        (write("a.txt", "{}"), "say so with --format"),
        (directory.path().join("b.csv").to_str().unwrap().to_owned(), "cannot open"),
        (write("c.ndjson", "{\"a b\": 1}\n"), "rename `a b` to `a_b`"),
        (write("d.json", "{}"), "expected a JSON array of records"),
        ("-".to_owned(), "say with --format what standard input holds"),
    ] {
        let (code, text) = import(&server, &[&file, "--schema", "s", "--create"], None).await;
        assert_eq!(code, Some(1), "{file}");
        assert!(text.contains(said), "{file}: {text}");
    }
    let (code, text) = import(&server, &[&write("e.csv", "a\n1\n"), "--schema", "nowhere"], None).await;
    assert_eq!(code, Some(1));
    assert!(text.contains("404 Not Found") && text.contains("schema_not_found"), "{text}");
}
