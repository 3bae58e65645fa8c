//! `eider import`, as a person runs it.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::json;

use crate::process::{FLIGHTS, Server, eider, json_of};

/// Runs the command to its end; its exit code, and what it wrote.
pub(crate) async fn import(server: &Server, arguments: &[&str], input: Option<&Path>) -> (Option<i32>, String) {
    let mut command = eider(&[&["import", "--url", &server.base], arguments].concat());
    command.stdin(input.map_or_else(Stdio::null, |path| fs::File::open(path).unwrap().into()));
    outcome(command).await
}

/// Runs a command to its end; its exit code, and what it wrote.
pub(crate) async fn outcome(mut command: Command) -> (Option<i32>, String) {
    let output = eider_application::runtime::blocking::run(move || command.output().unwrap()).await.unwrap();
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
    assert_eq!(code, Some(4));
    assert!(text.contains("there is a schema `flights`; leave out --create"), "{text}");
    let (code, text) = import(&server, &["-", "--schema", "flights", "--format", "ndjson"], Some(&file)).await;
    assert_eq!((code, server.count().await), (Some(0), 2 * FLIGHTS.lines().count()), "{text}");
}

#[tokio::test]
async fn records_that_are_not_taken_are_named_and_the_others_stored() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let file = directory.path().join("trips.csv");
    let mut text = "Trip No,\"started\nat\",km,\n".to_owned();
    for number in 0..12_000 {
        let km = if number < 10_500 { number } else { -1 };
        writeln!(text, "{number},2026-01-31,{km},").unwrap();
    }
    fs::write(&file, format!("{text}x,2026-01-31,1,\n12000,2026-02-30,one,\n")).unwrap();
    let path = file.to_str().unwrap();
    let (code, text) = import(&server, &[path, "--schema", "trips", "--create", "--sample", "10000"], None).await;
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "made of the first 10000 records, a sample",
        "started_at renamed: a name has no control characters, this one has U+000A; the name in the source is an alias",
        "property_4 renamed: the column has no name; the name in the source is an alias",
        "\"started\\nat\" to \"started_at\": 12002 records",
        "12002 records",
        "12000 stored, 2 not taken",
        "line 12003: type_mismatch /Trip No",
        "line 12004: invalid_value /started_at",
        "line 12004: type_mismatch /km",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    let count = json_of(server.get("/api/v1/records/trips/count"), 200).await;
    assert_eq!(count, json!({"count": 12_000}));
    // Those behind the sample count as well, unless a sample is asked for.
    let (code, text) = import(&server, &[path, "--schema", "whole", "--create"], None).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("made of 12002 records") && text.contains("12002 stored, 0 not taken"), "{text}");
}

/// A root that cannot be written to has no directory for temporary files, and most imports need none.
#[tokio::test]
async fn a_pipe_goes_in_without_a_directory_of_temporary_files() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let schema = json!({"name": "t", "properties": [{"name": "n", "type": "integer"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let script =
        "printf '{\"n\":1}\n{\"n\":\"x\"}\n' | TMPDIR=/nowhere $eider import - --format ndjson --schema t --url $url";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert!(code == Some(1) && text.contains("1 stored, 1 not taken"), "{text}");
}

/// What `eider infer` writes is a schema as it is created, and what it says of it is beside it.
#[tokio::test]
async fn an_inferred_schema_can_be_created_and_takes_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let create = "curl -fsS $url/api/v1/schemas -H 'Content-Type: application/json' -d @- >/dev/null";
    let rows = "printf 'n;s\\n'; for n in $(seq 300); do echo \"$n;0$n\"; done; echo 'x;y'";
    for (number, input) in ["f.csv", "- --format csv <f.csv", "<(gzip -c f.csv) --format csv"].into_iter().enumerate() {
        let script =
            format!("({rows}) >f.csv; $eider infer {input} --name s{number} 2>notes | {create}; cat notes >&2");
        let (code, text) = shell(&server, directory.path(), &script).await;
        assert_eq!(code, Some(0), "{script}: {text}");
        for line in ["2 properties, made of 301 records", "?csv.delimiter=%3B"] {
            assert!(text.contains(line), "{line} is missing in {text}");
        }
        let schema = json_of(server.get(&format!("/api/v1/schemas/s{number}")), 200).await;
        let types: Vec<&str> = schema["properties"]
            .as_array()
            .unwrap()
            .iter()
            .map(|property| property["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, ["string", "string"], "the last record counts");
        let load = format!(
            "curl -fsS --data-binary @f.csv -H 'Content-Type: text/csv' \
                            \"$url/api/v1/records/s{number}/bulk?csv.delimiter=%3B\""
        );
        let (code, text) = shell(&server, directory.path(), &load).await;
        assert!(code == Some(0) && text.contains("\"created\":301"), "{text}");
    }
    let (code, text) = shell(&server, directory.path(), "$eider infer f.csv --sample 300 | grep integer").await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("made of the first 300 records, a sample"), "{text}");
    for (arguments, said) in [("nowhere.csv", "cannot open"), ("f.csv --sample 0", "--sample"), ("", "<INPUT>")] {
        let (code, text) = shell(&server, directory.path(), &format!("$eider infer {arguments}")).await;
        assert!(code != Some(0) && text.contains(said), "{arguments}: {text}");
    }
}

/// An export goes into an empty store: the schema that it carries, and every field of every record.
#[tokio::test]
async fn an_export_becomes_the_same_schema_with_the_same_records() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let definition = json!({"name": "fares", "id_from": "code", "unique": [{"properties": ["day", "fare"]}],
        "properties": [
            {"name": "code", "type": "string", "required": true, "is_unique": true, "aliases": ["Code"],
             "constraints": {"min_length": 1, "pattern": "^[A-Z]"}, "null_tokens": ["UA"]},
            {"name": "day", "type": "date", "formats": ["%d.%m.%Y"], "description": "of departure"},
            {"name": "fare", "type": "decimal", "precision": 10, "scale": 2, "decimal_separator": ",", "default": "1.00"},
            {"name": "seats", "type": "integer", "null_tokens": ["-999"], "warnings": {"minimum": 0}},
            {"name": "extra", "type": "object"}]});
    json_of(server.post("/api/v1/schemas", "application/json", definition.to_string()), 201).await;
    let records = "{\"code\":\"AA\",\"day\":\"31.01.2024\",\"fare\":\"12,50\",\"seats\":7,\"extra\":{\"a\":[1.10]}}\n\
                   {\"code\":\"B6\",\"seats\":\"-999\"}\n";
    let stored = server.post("/api/v1/records/fares/bulk", "application/x-ndjson", records.to_owned());
    let ids = json_of(stored, 201).await["created"].clone();
    assert_eq!(ids, 2);
    let base = &server;
    let text_of = |path: String| async move { base.get(&path).send().await.unwrap().text().await.unwrap() };
    let described = |schema: serde_json::Value| {
        ["properties", "unique", "id_from", "description"].map(|member| schema[member].clone())
    };
    let expected = text_of("/api/v1/records/fares/stream".to_owned()).await;
    let definition = described(json_of(server.get("/api/v1/schemas/fares"), 200).await);
    for format in ["parquet", "arrow", "ndjson", "json", "csv", "tsv"] {
        let file = directory.path().join(format!("fares.{format}"));
        let export = server.get(&format!("/api/v1/records/fares/stream?format={format}")).send().await.unwrap();
        fs::write(&file, export.bytes().await.unwrap()).unwrap();
        let schema = format!("fares_{format}");
        let mut arguments = vec![file.to_str().unwrap(), "--schema", &schema, "--read-only", "keep"];
        if ["parquet", "arrow"].contains(&format) {
            arguments.push("--create");
        } else {
            let mut definition = json_of(server.get("/api/v1/schemas/fares"), 200).await;
            definition
                .as_object_mut()
                .unwrap()
                .retain(|member, _| ["properties", "unique", "id_from"].contains(&member.as_str()));
            definition["name"] = schema.as_str().into();
            json_of(server.post("/api/v1/schemas", "application/json", definition.to_string()), 201).await;
            arguments.extend(["--values", "canonical"]);
        }
        let (code, text) = import(&server, &arguments, None).await;
        assert_eq!(code, Some(0), "{format}: {text}");
        assert_eq!(
            described(json_of(server.get(&format!("/api/v1/schemas/{schema}")), 200).await),
            definition,
            "{format}"
        );
        assert_eq!(text_of(format!("/api/v1/records/{schema}/stream")).await, expected, "{format}");
        let old = format!("/api/v1/records/{schema}/count?created_at.lte=2999-01-01T00:00:00Z&version.eq=1");
        assert_eq!(json_of(server.get(&old), 200).await, json!({"count": 2}));
    }
    // Without a word about them, the server's fields of an export are the server's, and that is said.
    let file = directory.path().join("fares.parquet");
    let (code, text) = import(&server, &[file.to_str().unwrap(), "--schema", "again", "--create"], None).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("--read-only keep keeps them"), "{text}");
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
    for (file, exit, said) in [
        (write("a.txt", "{}"), 2, "say so with --format"),
        (directory.path().join("b.csv").to_str().unwrap().to_owned(), 5, "cannot open"),
        (write("d.json", "7"), 5, "expected a JSON array of records"),
        (write("e.zip", "a\n1\n"), 5, "is not what its name says"),
        ("-".to_owned(), 2, "say with --format what standard input holds"),
        ("http://127.0.0.1:1/a.csv".to_owned(), 2, "only with --allow-url"),
    ] {
        let (code, text) = import(&server, &[&file, "--schema", "s", "--create"], None).await;
        assert_eq!(code, Some(exit), "{file}: {text}");
        assert!(text.contains(said), "{file}: {text}");
    }
    let file = write("e.csv", "a\n1\n");
    let (code, text) = import(&server, &[&file, &file, "--schema", "nowhere"], None).await;
    assert_eq!(code, Some(4));
    assert!(text.contains("404 Not Found") && text.contains("schema_not_found"), "{text}");
    assert_eq!(text.lines().count(), 1, "what holds for all inputs is said once: {text}");
    let nobody = eider(&["import", &file, "--schema", "s", "--url", "http://127.0.0.1:1"]);
    let (code, text) = outcome(nobody).await;
    assert_eq!(code, Some(3), "{text}");
    let (code, _) = outcome(eider(&["import", "--schema", "s"])).await;
    assert_eq!(code, Some(2));
}

/// Runs a command of the shell that has the program in `$eider` and the server in `$url`; its exit code, and what it wrote.
pub(crate) async fn shell(server: &Server, directory: &Path, script: &str) -> (Option<i32>, String) {
    let mut command = Command::new("bash");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("eider", env!("CARGO_BIN_EXE_eider")).env("url", &server.base);
    command.current_dir(directory).stdin(Stdio::null()).args(["-c", script]);
    outcome(command).await
}

/// Whatever gives its bytes once only is stored whole, also where a schema is made of its beginning.
#[tokio::test]
async fn what_can_be_read_once_only_is_read_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let mut schemas = 0;
    for records in [0, 1, 500, 30_000] {
        let mut lines = String::new();
        for n in 0..records {
            writeln!(lines, "{{\"n\":{n},\"s\":\"abc{n}\"}}").unwrap();
        }
        fs::write(directory.path().join("f.ndjson"), lines).unwrap();
        for (begins, ends) in [
            ("", "<(cat f.ndjson) --format ndjson"),
            ("cat f.ndjson |", "/dev/stdin --format ndjson"),
            ("cat f.ndjson |", "/proc/self/fd/0 --format ndjson"),
            ("cat f.ndjson |", "- --format ndjson"),
            ("gzip -c f.ndjson |", "- --format ndjson"),
            ("(gzip -c f.ndjson; printf '' | gzip -c) |", "- --format ndjson"),
            ("", "<(gzip -c f.ndjson) --format ndjson"),
            ("rm -f p.ndjson; mkfifo p.ndjson; cat f.ndjson >p.ndjson &", "p.ndjson"),
            ("rm -f p.ndjson.gz; mkfifo p.ndjson.gz; gzip -c f.ndjson >p.ndjson.gz &", "p.ndjson.gz"),
            // A name that promises too much.
            ("cp f.ndjson g.ndjson.gz;", "g.ndjson.gz"),
            // Standard input that is a file, and was read from.
            ("(read -r _; echo >&2; ", "- --format ndjson) < <(echo; cat f.ndjson)"),
            ("", "- --format ndjson <f.ndjson"),
            ("", "/dev/stdin --format ndjson <f.ndjson"),
        ] {
            for created in [true, false] {
                schemas += 1;
                let schema = format!("s{schemas}");
                let create = if created { "--create" } else { "" };
                if !created {
                    let schema = json!({"name": schema, "properties": [
                        {"name": "n", "type": "integer"}, {"name": "s", "type": "string"}]});
                    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
                }
                let what = |file: &str| format!("$eider import {create} --schema {schema} --url $url {file}");
                let script = format!("{begins} {}", what(ends));
                let (code, text) = shell(&server, directory.path(), &script).await;
                if records == 0 && created {
                    assert_eq!(code, Some(5), "{script}: {text}");
                    assert!(text.contains("no schema can be made of"), "{script}: {text}");
                    continue;
                }
                assert_eq!(code, Some(0), "{script}: {text}");
                assert!(text.contains(&format!("{records} stored, 0 not taken")), "{script}: {text}");
                let count = json_of(server.get(&format!("/api/v1/records/{schema}/count")), 200).await;
                assert_eq!(count, json!({"count": records}), "{script}");
            }
        }
    }
}

#[tokio::test]
async fn compressed_data_that_is_cut_off_stores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let schema = json!({"name": "cut", "properties": [{"name": "n", "type": "integer"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let make = "for n in $(seq 20000); do echo \"{\\\"n\\\":$n}\"; done | gzip -c >f.gz; size=$(stat -c %s f.gz)";
    let (code, text) = shell(&server, directory.path(), make).await;
    assert_eq!(code, Some(0), "{text}");
    // A single byte is taken for a line, which is refused; the others are sent as what they begin as.
    for (cut, exit) in [("1", 1), ("4", 4), ("20", 4), ("$((size / 2))", 4), ("$((size - 9))", 4), ("$((size - 1))", 4)]
    {
        let import = format!("{make}; head -c {cut} f.gz | $eider import - --format ndjson --schema cut --url $url");
        let (code, text) = shell(&server, directory.path(), &import).await;
        assert_eq!(code, Some(exit), "{cut}: {text}");
    }
    let count = json_of(server.get("/api/v1/records/cut/count"), 200).await;
    assert_eq!(count, json!({"count": 0}));
}

/// A file that is cut or grows while it is sent does not end as a body should, so that the server stores nothing.
#[test]
fn a_file_that_changes_while_it_is_sent_is_no_whole_body() {
    const BYTES: u64 = 64 << 20;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f.ndjson");
    for becomes in [100, BYTES / 2, BYTES + 8] {
        fs::write(&path, "{\"n\":1}\n".repeat(usize::try_from(BYTES / 8).unwrap())).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arguments = ["import", path.to_str().unwrap(), "--schema", "s", "--url", &url];
        let importing = eider(&arguments).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let changed = path.clone();
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut begun = vec![0; 100_000];
            connection.read_exact(&mut begun).unwrap();
            let file = OpenOptions::new().write(true).open(&changed).unwrap();
            file.set_len(becomes).unwrap();
            file.sync_all().unwrap();
            let mut body = Vec::new();
            connection.read_to_end(&mut body).unwrap_or_default();
            assert!(!body.ends_with(b"0\r\n\r\n"), "the body ended as if it were whole");
            // Its peer is gone.
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        });
        let Output { status, stderr, .. } = importing.wait_with_output().unwrap();
        server.join().unwrap();
        let text = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(5), "{text}");
        assert!(text.contains("nothing was stored") && text.contains("written to while it was read"), "{text}");
    }
}
