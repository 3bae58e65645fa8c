//! What the flags of `eider import` do.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::thread;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::{FileWriter, StreamWriter};
use parquet::arrow::ArrowWriter;
use serde_json::{Value as Json, json};

use crate::import::{import, shell};
use crate::import_inputs::values;
use crate::process::{Server, json_of};

async fn create(server: &Server) {
    let schema = json!({"name": "s", "properties": [
        {"name": "n", "type": "integer", "required": true, "is_unique": true}, {"name": "s", "type": "string"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
}

fn lines_of(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The refused records are in the file as they were, and once mended they go in.
#[tokio::test]
async fn refused_records_are_given_back_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    let (mut csv, mut ndjson, mut json_array) = ("n,s\n".to_owned(), String::new(), Vec::new());
    let (mut refused_csv, mut refused_json) = (Vec::new(), Vec::new());
    let mut line = 2_u64;
    // More than a receipt names, so that the report is read.
    for n in 0..3_000_u64 {
        let is_refused = n % 2 == 0;
        let number = if is_refused { format!("x{n}") } else { n.to_string() };
        let cells = format!("{number},\"two\nlines, \"\"{n}\"\"\"");
        let object = format!("{{ \"n\":\"{number}\",  \"s\": \"ä{n}\" }}");
        let object = if is_refused { object } else { format!("{{\"n\": {}}}", n + 10_000) };
        if is_refused {
            refused_csv.push((line, cells.clone()));
            refused_json.push((n + 1, object.clone()));
        }
        writeln!(csv, "{cells}").unwrap();
        line += 2;
        writeln!(ndjson, "{object}").unwrap();
        json_array.push(object);
    }
    let json_array = format!("[{}]", json_array.join(" ,\n"));
    let good = "n\n5000000\n".to_owned();
    for (name, text) in [("a.csv", &csv), ("b.ndjson", &ndjson), ("c.json", &json_array), ("good.csv", &good)] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    for (round, how) in
        ["a.csv good.csv b.ndjson", "a.csv good.csv b.ndjson --resume --chunk 5kB", "<(cat a.csv) --format csv"]
            .into_iter()
            .enumerate()
    {
        let script = format!("$eider import {how} --schema s --url $url --on-conflict ignore --rejects r.ndjson");
        let (code, text) = shell(&server, directory.path(), &script).await;
        assert_eq!(code, Some(1), "{text}");
        let path = directory.path().join("r.ndjson");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let rejects = lines_of(&fs::read_to_string(&path).unwrap());
        let count = if round == 2 { 1_500 } else { 3_000 };
        assert!(text.contains(&format!("r.ndjson has the {count} refused records")), "{text}");
        assert_eq!(rejects.len(), count);
        for (reject, (line, cells)) in rejects.iter().zip(&refused_csv) {
            assert_eq!((&reject["line"], &reject["text"]), (&json!(line), &json!(cells)));
            assert_eq!(reject["failures"][0]["code"], "type_mismatch");
            assert!(reject["failures"][0].get("line").is_none() && reject.get("record").is_none());
        }
        for (reject, (line, object)) in rejects[1_500..].iter().zip(&refused_json) {
            assert_eq!((&reject["file"], &reject["line"]), (&json!("b.ndjson"), &json!(line)));
            assert_eq!(reject["record"], serde_json::from_str::<Json>(object).unwrap());
        }
        // The bytes of a record are those of the input.
        let text = fs::read_to_string(&path).unwrap();
        assert!(round == 2 || text.contains(&refused_json[7].1));
    }
    let script = "$eider import c.json --schema s --url $url --rejects r.ndjson --on-conflict ignore";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(1), "{text}");
    let rejects = lines_of(&fs::read_to_string(directory.path().join("r.ndjson")).unwrap());
    assert_eq!(rejects.len(), 1_500);
    assert!(rejects.iter().all(|reject| reject["record"]["n"].as_str().unwrap().starts_with('x')));

    // A person mends what is wrong, and loads it again.
    let before = values(&server, "s", "n").await.len();
    let mended: String = rejects
        .iter()
        .enumerate()
        .map(|(place, reject)| json!({"n": 1_000_000 + place, "s": reject["record"]["s"]}).to_string() + "\n")
        .collect();
    fs::write(directory.path().join("mended.ndjson"), mended).unwrap();
    let script = "$eider import mended.ndjson --schema s --url $url --rejects r.ndjson";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(fs::read(directory.path().join("r.ndjson")).unwrap(), b"");
    assert_eq!(values(&server, "s", "n").await.len(), before + 1_500);
}

#[tokio::test]
async fn records_that_are_no_text_of_their_own_are_given_back_as_far_as_they_can_be() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    fs::write(directory.path().join("latin.csv"), b"n,s\nx,\xe4\n").unwrap();
    fs::write(directory.path().join("twice.ndjson"), "{\"n\": 1}\n\n{\"n\": 1}\nno json\n").unwrap();
    fs::write(directory.path().join("inside.json"), "{\"data\": [{\"n\": \"x\"}]}").unwrap();
    let script = "$eider import latin.csv --csv.encoding latin1 --schema s --url $url --rejects a; \
         $eider import twice.ndjson --schema s --url $url --rejects b; \
         $eider import inside.json --records_at /data --schema s --url $url --rejects c";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(1), "{text}");
    let of = |name: &str| lines_of(&fs::read_to_string(directory.path().join(name)).unwrap());
    assert_eq!((&of("a")[0]["line"], &of("a")[0]["bytes"]), (&json!(2), &json!("eCzk")));
    let twice = of("b");
    assert_eq!((&twice[0]["line"], &twice[0]["record"]), (&json!(3), &json!({"n": 1})));
    assert_eq!((&twice[1]["line"], &twice[1]["text"]), (&json!(4), &json!("no json")));
    // An input is not replaced by what is refused of it.
    for inputs in ["twice.ndjson", "."] {
        let script = format!("$eider import {inputs} --schema s --url $url --rejects ./twice.ndjson");
        let (code, text) = shell(&server, directory.path(), &script).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("twice.ndjson is an input"), "{text}");
    }
    let inside = &of("c")[0];
    assert_eq!((&inside["line"], inside.get("record")), (&json!(1), None));
    assert_eq!(inside["failures"][0]["code"], "type_mismatch");
}

#[tokio::test]
async fn modes_policies_and_dry_runs_are_those_of_bulk_calls() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    let file = directory.path().join("a.ndjson");
    fs::write(&file, "{\"n\": 1, \"s\": \"a\"}\n{\"n\": \"x\"}\n").unwrap();
    let file = file.to_str().unwrap();
    for (flags, code, said, stored) in [
        (&["--dry-run"][..], 1, "2 records of", 0),
        (&["--mode", "atomic"], 1, "0 stored, 1 not taken; nothing was stored of it", 0),
        (&["--mode", "partial"], 1, "1 stored, 1 not taken", 1),
        (&[], 1, "0 stored, 2 not taken", 1),
        (&["--on-conflict", "ignore"], 1, "0 stored, 1 passed over, 1 not taken", 1),
        (&["--on-conflict", "replace"], 1, "1 stored, 1 not taken", 1),
        (&["--dry-run", "--on-conflict", "replace"], 1, "1 would be stored, 1 not taken", 1),
        (&["--mode", "some"], 2, "invalid value", 1),
        (&["--resume", "--dry-run"], 2, "cannot be used with", 1),
        (&["--chunk", "1MB"], 2, "--resume", 1),
        (&["--resume", "--chunk", "0"], 2, "it takes a size", 1),
        (&["--create", "--dry-run"], 2, "cannot be used with", 1),
    ] {
        let (exit, text) = import(&server, &[&[file, "--schema", "s"], flags].concat(), None).await;
        assert_eq!(exit, Some(code), "{flags:?}: {text}");
        assert!(text.contains(said), "{flags:?}: {text}");
        assert_eq!(values(&server, "s", "n").await.len(), stored, "{flags:?}");
    }
}

#[tokio::test]
async fn a_quiet_import_says_nothing_unless_something_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    fs::write(directory.path().join("a.ndjson"), "{\"n\": 1}\n{\"n\": \"x\"}\n").unwrap();
    let (code, text) = shell(&server, directory.path(), "$eider import a.ndjson --quiet --schema s --url $url").await;
    assert_eq!((code, text.as_str()), (Some(1), ""));
    let script = "$eider import a.ndjson none.csv --quiet --schema s --url $url 2>&1 >/dev/null";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(5), "{text}");
    assert!(text.starts_with("eider: cannot open none.csv"), "{text}");
}

/// Where nobody looks, it says how far it is only when it is asked to, and not among what it prints.
#[tokio::test]
async fn an_import_says_how_far_it_is_where_it_is_asked_to() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    let slow = "(for n in 1 2 3 4 5 6 7; do echo \"{\\\"n\\\": $n}\"; sleep 1; done) | \
         $eider import - --format ndjson --schema s --url $url";
    let (code, text) = shell(&server, directory.path(), &format!("{slow} --progress 2>&1 >out")).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.starts_with("standard input: ") && text.contains(" B, ") && text.contains("/s\n"), "{text}");
    let out = fs::read_to_string(directory.path().join("out")).unwrap();
    assert_eq!(out, "7 records of standard input: 7 stored, 0 not taken\n");
}

/// Answers one request with a body.
fn answers(status: &'static str, body: Vec<u8>, promised: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut head = vec![0; 4096];
        let _ = connection.read(&mut head).unwrap();
        let begin = format!("HTTP/1.1 {status}\r\ncontent-length: {promised}\r\nconnection: close\r\n\r\n");
        connection.write_all(begin.as_bytes()).unwrap();
        connection.write_all(&body).unwrap();
    });
    base
}

#[tokio::test]
async fn a_url_is_an_input_where_that_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    let packed = {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(b"n,s\n1,a\n2,b\n").unwrap();
        encoder.finish().unwrap()
    };
    let bytes = packed.len();
    let url = answers("200 OK", packed.clone(), bytes) + "/some/a.csv.bz2?token=a.json";
    let (code, text) = import(&server, &[&url, "--allow-url", "--schema", "s"], None).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(values(&server, "s", "n").await, [json!(1), json!(2)]);
    for (status, promised, said) in
        [("404 Not Found", bytes, "the answer is 404"), ("200 OK", bytes + 9, "nothing was stored")]
    {
        let url = answers(status, packed.clone(), promised) + "/a.csv.bz2";
        let (code, text) = import(&server, &[&url, "--allow-url", "--schema", "s"], None).await;
        assert_eq!(code, Some(5), "{text}");
        assert!(text.contains(said), "{text}");
    }
    assert_eq!(values(&server, "s", "n").await.len(), 2);
}

/// Rows of formats without lines are given back as JSON, which goes in once it is mended.
#[tokio::test]
async fn refused_rows_of_columns_are_given_back_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    create(&server).await;
    let columns = |from: i64, is_bytes: bool| {
        let numbers: Vec<Option<i64>> = (from..from + 1_000).map(|n| (n % 400 != 7).then_some(n)).collect();
        let texts: Vec<String> = (from..from + 1_000).map(|n| format!("\"{n}\"\n")).collect();
        let texts: ArrayRef = if is_bytes {
            Arc::new(BinaryArray::from_iter_values(texts))
        } else {
            Arc::new(StringArray::from_iter_values(texts))
        };
        let numbers: ArrayRef = Arc::new(Int64Array::from(numbers));
        RecordBatch::try_from_iter([("n", numbers), ("s", texts)]).unwrap()
    };
    let batches = [columns(0, false), columns(1_000, false)];
    let schema = batches[0].schema();
    let mut parquet = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), None).unwrap();
    let mut stream = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    let mut file = FileWriter::try_new(Vec::new(), &schema).unwrap();
    for batch in &batches {
        parquet.write(batch).unwrap();
        stream.write(batch).unwrap();
        file.write(batch).unwrap();
    }
    let bytes = columns(0, true);
    let mut of_bytes = StreamWriter::try_new(Vec::new(), &bytes.schema()).unwrap();
    of_bytes.write(&bytes).unwrap();
    let write = |name: &str, bytes: Vec<u8>| fs::write(directory.path().join(name), bytes).unwrap();
    write("a.parquet", parquet.into_inner().unwrap());
    write("b.arrows", stream.into_inner().unwrap());
    write("c.arrow", file.into_inner().unwrap());
    write("d.arrows", of_bytes.into_inner().unwrap());
    for name in ["a.parquet", "b.arrows", "c.arrow", "d.arrows"] {
        let script = format!("$eider import {name} --schema s --url $url --on-conflict ignore --rejects r");
        let (code, text) = shell(&server, directory.path(), &script).await;
        assert_eq!(code, Some(1), "{text}");
        let rejects = lines_of(&fs::read_to_string(directory.path().join("r")).unwrap());
        let rows: Vec<u64> = rejects.iter().map(|reject| reject["line"].as_u64().unwrap()).collect();
        if name == "d.arrows" {
            assert_eq!(rows, [8, 408, 808]);
            assert!(rejects.iter().all(|reject| reject.get("record").is_none()));
            continue;
        }
        assert_eq!(rows, [8, 408, 808, 1_208, 1_608]);
        for (reject, row) in rejects.iter().zip(rows) {
            assert_eq!(reject["record"], json!({"n": null, "s": format!("\"{}\"\n", row - 1)}), "{name}");
            assert_eq!(reject["failures"][0]["code"], "required_missing");
        }
    }
}
