//! What `eider import` takes for inputs: several of them, compressed ones, archives, sheets, tables.

use std::fmt::Write as _;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::import::{import, shell};
use crate::process::{Server, json_of};

/// The values of a property of all records, in their order.
pub(crate) async fn values(server: &Server, schema: &str, property: &str) -> Vec<Json> {
    let text = server.get(&format!("/api/v1/records/{schema}/stream?fields={property}&format=ndjson"));
    let text = text.send().await.unwrap().text().await.unwrap();
    text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()[property].clone()).collect()
}

async fn properties(server: &Server, schema: &str) -> Vec<(String, String, bool)> {
    let schema = json_of(server.get(&format!("/api/v1/schemas/{schema}")), 200).await;
    let properties = schema["properties"].as_array().unwrap().clone();
    let of = |property: &Json| {
        let text = |member: &str| property[member].as_str().unwrap().to_owned();
        (text("name"), text("type"), property["required"] == true)
    };
    properties.iter().map(of).collect()
}

fn text_of(ending: &str, numbers: &[i64]) -> String {
    let mut text = String::new();
    match ending {
        "csv" | "tsv" => text.push_str("n\n"),
        _ => {}
    }
    for n in numbers {
        match ending {
            "csv" | "tsv" => writeln!(text, "{n}").unwrap(),
            _ => writeln!(text, "{{\"n\": {n}}}").unwrap(),
        }
    }
    text
}

/// However records are spread over files, formats, compressions and directories, all of them go in, in the order of names.
#[tokio::test]
async fn every_record_of_every_input_is_stored() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let file = (
        prop::sample::select(vec!["csv", "tsv", "ndjson", "jsonl", "json"]),
        prop::sample::select(vec!["", ".gz", ".zst", ".bz2", ".xz"]),
        any::<bool>(),
        prop::collection::vec(any::<i32>().prop_map(i64::from), 1..40),
    );
    let files = prop::collection::vec(file, 1..8);
    let mut runner = TestRunner::deterministic();
    for round in 0..6 {
        let files = files.new_tree(&mut runner).unwrap().current();
        let root = directory.path().join(format!("in{round}"));
        let mut expected = Vec::new();
        for (place, (ending, packing, is_below, numbers)) in files.iter().enumerate() {
            let below = if *is_below { format!("{place:02}/") } else { String::new() };
            let path = root.join(format!("{below}{place:02}.{ending}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text_of(ending, numbers)).unwrap();
            let pack = match *packing {
                ".gz" => "gzip",
                ".zst" => "zstd -q --rm",
                ".bz2" => "bzip2",
                ".xz" => "xz",
                _ => "true",
            };
            let packed = pack_with(pack, &path);
            expected.extend(numbers.iter().map(|n| json!(n)));
            assert!(packed.try_exists().unwrap() || packing.is_empty());
        }
        let schema = format!("s{round}");
        let script = format!("$eider import in{round} --schema {schema} --create --url $url");
        let (code, text) = shell(&server, directory.path(), &script).await;
        assert_eq!(code, Some(0), "{text}");
        let count = expected.len();
        if files.len() > 1 {
            let total = format!("{count} records of {} inputs: {count} stored, 0 not taken", files.len());
            assert!(text.lines().last().unwrap().contains(&total), "{text}");
        }
        assert_eq!(values(&server, &schema, "n").await, expected, "{files:?}");
    }
}

/// Packs a file in its place. Where the machine has no program for it, the library does.
fn pack_with(program: &str, path: &Path) -> std::path::PathBuf {
    let bytes = fs::read(path).unwrap();
    let (ending, packed) = match program.split(' ').next().unwrap() {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            (".gz", encoder.finish().unwrap())
        }
        "zstd" => (".zst", zstd::encode_all(&bytes[..], 1).unwrap()),
        "bzip2" => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            (".bz2", encoder.finish().unwrap())
        }
        "xz" => {
            let options = lzma_rust2::XzOptions::with_preset(0);
            let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
            encoder.write_all(&bytes).unwrap();
            (".xz", encoder.finish().unwrap())
        }
        _ => return path.to_owned(),
    };
    let target = path.with_file_name(format!("{}{ending}", path.file_name().unwrap().to_str().unwrap()));
    fs::write(&target, packed).unwrap();
    fs::remove_file(path).unwrap();
    target
}

#[tokio::test]
async fn a_property_that_only_a_later_input_has_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    for (name, text) in [
        ("a.csv", "code,n\nx,1\ny,2\n"),
        ("b.csv", "Code,n,late\nz,2.5,2026-01-31\n"),
        ("c.ndjson", "{\"code\": \"w\", \"n\": 7, \"more\": {\"deep\": 1}}\n"),
    ] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let script = "$eider import '*.csv' c.ndjson --schema s --create --url $url";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("late is in b.csv, and not in those before it"), "{text}");
    assert!(text.contains("n is `integer`, and in b.csv `number` or written otherwise; `number` was chosen"), "{text}");
    assert!(text.contains("4 records of 3 inputs: 4 stored, 0 not taken"), "{text}");
    let own = |name: &str, data_type: &str, required| (name.to_owned(), data_type.to_owned(), required);
    assert_eq!(
        properties(&server, "s").await,
        [
            own("code", "string", true),
            own("n", "number", true),
            own("late", "date", false),
            own("more", "object", false)
        ]
    );
    assert_eq!(values(&server, "s", "late").await, [json!(null), json!(null), json!("2026-01-31"), json!(null)]);
    // Without --create nothing is lost in silence either: what the schema does not have is refused.
    fs::write(directory.path().join("d.csv"), "code,n,unknown\nq,1,2\n").unwrap();
    let (code, text) = shell(&server, directory.path(), "$eider import '[ad].csv' --schema s --url $url").await;
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("2 records of a.csv: 2 stored") && text.contains("unknown"), "{text}");
}

#[tokio::test]
async fn one_input_that_cannot_be_loaded_does_not_keep_others_out() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    fs::write(directory.path().join("a.ndjson"), "{\"n\": 1}\n").unwrap();
    fs::write(directory.path().join("b.ndjson.bz2"), "BZh91AY&SYno bzip2 behind it").unwrap();
    fs::write(directory.path().join("c.ndjson"), "{\"n\": 3}\n{\"n\": \"x\"}\n").unwrap();
    let schema = json!({"name": "s", "properties": [{"name": "n", "type": "integer"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let (code, text) = shell(&server, directory.path(), "$eider import *.* --schema s --url $url").await;
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("nothing was stored: b.ndjson.bz2: "), "{text}");
    assert!(text.contains("3 records of 3 inputs: 2 stored, 1 not taken"), "{text}");
    assert_eq!(values(&server, "s", "n").await, [json!(1), json!(3)]);
}

/// A zip archive.
pub(crate) fn zip_of(members: &[(&str, CompressionMethod, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, method, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default().compression_method(*method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn every_member_of_an_archive_is_an_input() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let gz = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"n\n5\n").unwrap();
        encoder.finish().unwrap()
    };
    let archive = zip_of(&[
        ("c.ndjson", CompressionMethod::Zstd, b"{\"n\": 3}\n".to_vec()),
        ("a.csv", CompressionMethod::Deflated, b"n\n1\n".to_vec()),
        ("../../b.csv", CompressionMethod::Stored, b"n\n0\n".to_vec()),
        ("b/4.tsv", CompressionMethod::Bzip2, b"n\n2\n".to_vec()),
        ("d.json", CompressionMethod::Xz, b"[{\"n\": 4}]".to_vec()),
        ("e.csv.gz", CompressionMethod::Stored, gz),
        ("README.md", CompressionMethod::Deflated, b"nothing".to_vec()),
        ("__MACOSX/._a.csv", CompressionMethod::Deflated, b"resource".to_vec()),
    ]);
    fs::write(directory.path().join("all.zip"), &archive).unwrap();
    let expected: Vec<Json> = (0..6).map(|n| json!(n)).collect();
    for (place, input) in ["all.zip", "- <all.zip", "<(cat all.zip)", "<(gzip -c all.zip)"].into_iter().enumerate() {
        let is_hidden = input.contains("gzip");
        let script = format!("$eider import --schema s{place} --create --url $url {input}");
        let (code, text) = shell(&server, directory.path(), &script).await;
        if is_hidden {
            // What is in a compressed pipe without a name is not known before it is unpacked.
            assert_eq!(code, Some(2), "{text}");
            continue;
        }
        assert_eq!(code, Some(0), "{script}: {text}");
        assert!(text.contains("6 records of 6 inputs: 6 stored"), "{text}");
        assert_eq!(values(&server, &format!("s{place}"), "n").await, expected);
    }
    assert!(!directory.path().parent().unwrap().join("b.csv").try_exists().unwrap());

    let nested = zip_of(&[("in.csv", CompressionMethod::Stored, archive.clone())]);
    fs::write(directory.path().join("nested.zip"), nested).unwrap();
    fs::write(directory.path().join("torn.zip"), &archive[..archive.len() / 2]).unwrap();
    let mut spoilt = archive;
    let place = spoilt.windows(4).position(|bytes| bytes == b"n\n0\n").unwrap();
    spoilt[place + 2] = b'7';
    fs::write(directory.path().join("spoilt.zip"), spoilt).unwrap();
    for (file, said) in [
        ("nested.zip", "unpack the archive first"),
        ("torn.zip", "no whole zip archive"),
        ("spoilt.zip", "b.csv cannot be read: Invalid checksum"),
    ] {
        let (code, text) =
            shell(&server, directory.path(), &format!("$eider import {file} --schema s0 --url $url")).await;
        assert_eq!(code, Some(5), "{file}: {text}");
        assert!(text.contains(said), "{file}: {text}");
    }
}

/// A gigabyte of one letter is a megabyte of zip: it goes through in pieces, until the server has enough of it.
#[tokio::test]
async fn an_archive_that_holds_far_more_than_it_has_bytes_is_read_in_pieces() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(&directory.path().join("data"));
    let line = format!("{{\"s\": \"{}\"}}\n", "a".repeat(500_000));
    let archive = zip_of(&[("bomb.ndjson", CompressionMethod::Deflated, line.repeat(2_400).into_bytes())]);
    assert!(archive.len() < 3 << 20);
    fs::write(directory.path().join("bomb.zip"), &archive).unwrap();
    let schema = json!({"name": "s", "properties": [{"name": "s", "type": "string"}]});
    json_of(server.post("/api/v1/schemas", "application/json", schema.to_string()), 201).await;
    let script = "ulimit -v 3000000; $eider import bomb.zip --schema s --url $url";
    let (code, text) = shell(&server, directory.path(), script).await;
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("413"), "{text}");
    let (code, text) = import(&server, &["-", "--format", "ndjson", "--schema", "s"], None).await;
    assert_eq!(code, Some(0), "{text}");
}
